/* Files whose extension misled the kernel: scripts that name an interpreter of this host, and real executables. */
#pragma once

#include "start.h"

/* If the script names an interpreter that exists on this host, or is an executable of this machine, becomes that; else
 * returns. Only for a start by binfmt_misc. */
void hand_back(const struct start *start);
