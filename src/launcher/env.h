/* The program's environment: the caller's, but for the plan's short list of changes. */
#pragma once

#include "start.h"

char **make_environment(const struct start *start, const struct plan *plan);
