/* The new root while it is being made. */
#pragma once

#include "plan.h"
#include "sys.h"

struct new_root {
	int fd;          /* of its top folder; the host's "/" as long as the plan has not said `root` */
	bool fresh;      /* mount points may be made: in the tmpfs that `device` names */
	uint64_t device;
};

/* The host's root, as it is. */
struct new_root host_root(void);
/* A fresh tmpfs over "/". */
void begin_root(struct new_root *root);
/* After a mount over "/": make that the top. */
void climb_to_top(struct new_root *root);
/* Make the top the process's "/". With `forget` the host's tree is given up, else it is hidden (see root.c). */
void end_root(const struct new_root *root, bool forget);

void make_folder(const struct new_root *root, const char *path);
void make_link(const struct new_root *root, const char *target, const char *path);

/* What is at the absolute `path` below `folder`, as an O_PATH descriptor or minus an errno; no symbolic link is followed. */
long open_beneath(int folder, const char *path);
/* The same for a mount point, made if it is missing and may be made. */
int open_mount_point(const struct new_root *root, const char *path, bool folder);
