/* Plans for single scripts, in the caller's cache: compiled programs, resolved dependencies, endings that several languages claim. */
#pragma once

#include "start.h"

/* The cached plan for this script under the name that `per-script` gives, open; or minus an errno. */
long open_script_plan(const struct start *start, const char *name);

/* Whether every file that the plan was made from is as it was. */
bool is_current(const struct plan *plan);
