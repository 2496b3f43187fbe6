/* A lock for langrun: Node has no flock(2). */
#pragma once

/* Take the lock of `path` (made if it is missing), say so by a line on stdout, and hold it until stdin ends. */
_Noreturn void hold_lock(const char *path);
