/* Leave the host's namespaces, and give up what must not be kept. */
#pragma once

#include "start.h"

/* Enter the plan's namespaces. */
void enter_namespaces(const struct start *start, const struct plan *plan);

/* A further user namespace, in which a caller who became root in the first has its own ids again. */
void restore_identity(const struct start *start);

/* No new privileges, no capabilities (where uid 0 would keep them), and the plan's filters: the last steps before exec. */
void give_up_privileges(const struct start *start, const struct plan *plan);

/* Install the built-in seccomp filters. */
void install_filters(unsigned filters);

