/* The steps of a plan that make the file system a program sees. */
#pragma once

#include "start.h"

/* Carry out the plan's steps in their order, and make the result the process's "/". */
void make_root(const struct start *start, const struct plan *plan);
