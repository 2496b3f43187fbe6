/* Where plans come from, and whether to trust what lies there. */
#pragma once

#include "start.h"

/* Find the caller's store: $XDG_DATA_HOME/langrun or $HOME/.local/share/langrun. */
void locate_store(struct start *start);

/* The plan for this start, open, from the caller's store or the system's; or -ENOENT if there is none to trust. */
long open_plan(const struct start *start);

/* A store's trustworthy bin/langrun, its path into `path`; false if there is none. */
bool find_langrun(const struct start *start, char path[PATH_LIMIT]);

/* Dies if the image's rootfs is gone or not to be trusted. */
void check_image(const struct start *start, const char *path);

/* Whether the path is a folder (no link) that is trusted as below. */
bool trusted_folder(const struct start *start, const char *path);

/* The file or folder is ours or root's and nobody else can write to it. `under`: where it is, for the overflow uid. */
bool trusted(const struct start *start, int fd, const char *under);

/* The end of this executable. */
void read_trailer(struct start *start, char bytes[TRAILER_SIZE]);
