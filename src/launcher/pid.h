/* Processes that wait for others, and mirror how they end. */
#pragma once

/* In a pid namespace (just unshared): returns in a child, the program-to-be, pid 2. The parent forwards signals to it, stops
 * and continues with it, ends as it ends, and does not return. pid 1, a sibling, reaps orphans. */
void become_child(void);

/* End as a child did: the same status, or death by the same signal. */
_Noreturn void die_as(int status);
