/* The last step: become the program. */
#pragma once

#include "start.h"

_Noreturn void become_program(const struct start *start, const struct plan *plan);
