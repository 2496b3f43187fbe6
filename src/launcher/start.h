/* One start: what the caller gave, and what was found out. Filled once by main, then read only. */
#pragma once

#include "plan.h"
#include "sys.h"

struct start {
	char **argv; /* of this process, NULL-terminated */
	char **envp;
	long script_fd;     /* the script, open, if binfmt_misc started us; else negative */
	bool keeps_argv0;   /* binfmt_misc started us by an entry with the flag P */
	const char *script; /* as the caller gave it; NULL: none */
	char **args;        /* the caller's arguments after the script */
	struct trailer trailer;
	const char *profile;
	unsigned uid, gid;
	long umask;
	char store[PATH_LIMIT];     /* the caller's; empty: none */
	long cwd_length;            /* or minus an errno */
	char cwd[PATH_LIMIT];
	const char *language;       /* for messages */
};

/* The value of an environment variable, or NULL. */
const char *variable(char *const *envp, const char *name);
