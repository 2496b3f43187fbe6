/* How the launcher fails: one line on standard error that says what, why and what to do now, and a status. */
#pragma once

#include "sys.h"

enum {
	STATUS_USAGE = 2,
	STATUS_SETUP = 125,     /* the launcher could not set up */
	STATUS_CANNOT_RUN = 126, /* the program is there but cannot be executed */
	STATUS_NOT_FOUND = 127,  /* no such language or program */
};

/* "langrun: <what> <which>: <the errno in words>; <hint>"; which, error (0) and hint (NULL) may be left out. */
_Noreturn void die(int status, const char *what, const char *which, long error, const char *hint);

/* `result` if the call succeeded, else death with STATUS_SETUP. */
long must(long result, const char *what, const char *which);
/* The same for a call that fails where user namespaces are restricted. */
long must_in_namespace(long result, const char *what, const char *which);
