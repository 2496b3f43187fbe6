/* The new root while it is being made. */
#pragma once

#include "plan.h"
#include "sys.h"

struct new_root {
	int fd;           /* of its top folder; the host's "/" as long as the plan has not said `root`, then AT_FDCWD */
	bool fresh;       /* the top is our own file system, where mount points may be made */
	uint64_t device;  /* of that */
	int stacked;      /* mounts that lie over the host's "/" */
	bool skeleton;    /* the top was made ahead: folders, links and mount points are there, nothing can be added */
	bool misfit;      /* the skeleton is not what the plan wants: start again without */
	const char *made; /* a folder that was just made there, so that no link can be in the way of what is put in it */
};

/* Where to mount: a path to give to the kernel, and what keeps it open. */
struct place {
	const char *path; /* relative to the new root, or of a descriptor */
	int fd;           /* or -1 */
	char room[40];
};

/* The host's root, as it is. */
struct new_root host_root(void);
/* A fresh file system in memory over "/". */
void begin_root(struct new_root *root);
/* A folder that langrun made ahead over "/", or false. What it must be like is for the caller to see to. */
bool begin_skeleton(struct new_root *root, const char *path);
/* After a mount over "/": make that the top. */
void climb_to_top(struct new_root *root);
/* Make the top the process's "/". With `forget` the host's tree is given up, else it is hidden (see root.c). */
void end_root(struct new_root *root, bool forget);

void make_folder(struct new_root *root, const char *path);
void make_link(const struct new_root *root, const char *target, const char *path);

/* What is at the absolute `path` below `folder`, as an O_PATH descriptor or minus an errno; no symbolic link is followed. */
long open_beneath(int folder, const char *path);
/* Whether `path`, a mount point, lies in the skeleton itself: its name relative to the top leads to nothing that is mounted. */
bool in_skeleton(struct new_root *root, const char *path);
/* A mount point, made if it is missing and may be made; false if a skeleton lacks it. */
bool find_place(struct new_root *root, const char *path, bool folder, struct place *place);

/* Whether find_place would find or make one: the path, or the nearest folder above it that exists and where one may be made. */
bool has_place(const struct new_root *root, const char *path);
