/* The steps of a plan that make the file system a program sees: see mounts.h.
 *
 * While they run, "/" is still the host's root, so sources are plain paths; the new root lies over it, and the current folder
 * is in it, so destinations are relative (root.c). */
#include "mounts.h"
#include "die.h"
#include "root.h"
#include "store.h"
#include "text.h"
#include <linux/mount.h>
#include <asm/statfs.h>
#include <linux/stat.h>

/* The image, mounted where only a descriptor leads, with the flags that all of its steps share; so those steps need no call
 * of their own to set them. */
struct image {
	int fd;
	unsigned flags;
};

static struct image open_image(const struct plan *plan, struct new_root *root);
static void carry_out(const struct start *start, struct new_root *root, const struct record *record, const struct image *image);
static void start_root(struct new_root *root, const char *skeleton);
static void mount_host(struct new_root *root, const char *source, const char *path, unsigned flags);
static bool mount_on_skeleton(struct new_root *root, const char *source, const char *path, unsigned flags);
static void mount_from_image(struct new_root *root, const struct image *image, const char *path, unsigned flags);
static void mount_stores(const struct start *start, struct new_root *root);
static void mount_at(struct new_root *root, const char *source, const char *path, bool folder, unsigned flags);
static void mount_fresh(struct new_root *root, const char *type, const char *path, const char *options, unsigned long flags);
static void restrict_mount(int folder, const char *path, unsigned flags);
static long remount(int folder, const char *path, unsigned flags);
static void write_file(const struct new_root *root, const char *path, const char *data);
static long type_of(int folder, const char *path, int flags);

void make_root(const struct start *start, const struct plan *plan)
{
	struct new_root root = host_root();
	struct image image = {-1, 0};
	if (plan->image) image = open_image(plan, &root);
	const char *skeleton = plan->skeleton;
	for (size_t i = 0, first = 0; i < plan->count; i++) {
		if (plan->records[i].operation == OP_ROOT) {
			first = i;
			start_root(&root, skeleton);
		} else carry_out(start, &root, &plan->records[i], &image);
		if (root.misfit) {
			/* The host has changed since, or somebody the skeleton: once more, without it, over what is there. */
			skeleton = NULL;
			root.misfit = false;
			i = first - 1;
		}
	}
	if (plan->has_root) end_root(&root, plan->as_root);
	if (root.fd >= 0) SYS(close, root.fd);
	SYS(close, image.fd);
}

static struct image open_image(const struct plan *plan, struct new_root *root)
{
	struct image image = {-1, FLAG_READ_ONLY | FLAG_NOSUID | FLAG_NODEV | FLAG_NOEXEC};
	for (size_t i = 0; i < plan->count; i++)
		if (plan->records[i].operation == OP_FROM_IMAGE) image.flags &= plan->records[i].flags;
	/* Over "/", below the new root: out of everybody's way. */
	if (plan->has_root && image.flags) {
		must_in_namespace(SYS(mount, plan->image, "/", 0, MS_BIND | MS_REC, 0), "cannot mount the image", plan->image);
		root->stacked++;
		image.fd = (int)must(open_at(AT_FDCWD, "/..", O_PATH | O_DIRECTORY), "cannot open the image", plan->image);
		restrict_mount(image.fd, "", image.flags);
	} else {
		image.flags = 0;
		image.fd = (int)must(open_at(AT_FDCWD, plan->image, O_PATH | O_DIRECTORY), "cannot open the image", plan->image);
	}
	return image;
}

static void carry_out(const struct start *start, struct new_root *root, const struct record *record, const struct image *image)
{
	const char *first = record->operand[0], *second = record->operand[1];
	switch (record->operation) {
	case OP_DIR: make_folder(root, first); break;
	case OP_LINK: make_link(root, first, second); break;
	case OP_HOST: mount_host(root, first, first, record->flags); break;
	case OP_BIND: mount_host(root, first, second, record->flags); break;
	case OP_FROM_IMAGE: mount_from_image(root, image, first, record->flags); break;
	case OP_STORES: mount_stores(start, root); break;
	case OP_TMPFS: mount_fresh(root, "tmpfs", first, second, MS_NOSUID | MS_NODEV); break;
	case OP_PROC: mount_fresh(root, "proc", first, NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC); break;
	case OP_BINFMT: mount_fresh(root, "binfmt_misc", first, NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC); break;
	case OP_WRITE: write_file(root, first, second); break;
	default: break;
	}
}

static void start_root(struct new_root *root, const char *skeleton)
{
	if (skeleton && begin_skeleton(root, skeleton)) restrict_mount(root->fd, ".", FLAG_READ_ONLY | FLAG_NOSUID | FLAG_NODEV);
	else begin_root(root);
}

static void mount_host(struct new_root *root, const char *source, const char *path, unsigned flags)
{
	/* Nothing has to be made, so there is no need to know what it is; what is wrong, if it fails, is found out below. */
	if (root->skeleton && path[1] && mount_on_skeleton(root, source, path, flags)) return;
	long type = type_of(AT_FDCWD, source, 0);
	if (flags & FLAG_OPTIONAL && (type == -ENOENT || type == -ENOTDIR || type == -EACCES || type == -ELOOP)) return;
	must(type, "cannot open", source);
	mount_at(root, source, path, type == S_IFDIR, flags);
}

/* On what is there: false if that fails. */
static bool mount_on_skeleton(struct new_root *root, const char *source, const char *path, unsigned flags)
{
	char room[40];
	bool inside = in_skeleton(root, path);
	if (flags & ~(unsigned)FLAG_OPTIONAL) return false;
	if (inside) return SYS(mount, source, path + 1, 0, MS_BIND | MS_REC, 0) == 0;
	long fd = open_beneath(root->fd, path);
	if (fd < 0) return false;
	long error = SYS(mount, source, fd_path(fd, room), 0, MS_BIND | MS_REC, 0);
	SYS(close, fd);
	return error == 0;
}

static void mount_from_image(struct new_root *root, const struct image *image, const char *path, unsigned flags)
{
	char source[PATH_LIMIT], room[40];
	struct text text = text_in(source, sizeof source);
	long fd = -1, type;
	if (path[1] && last_name(path) == path + 1) {
		type = type_of(image->fd, path + 1, AT_SYMLINK_NOFOLLOW);
		add(&text, fd_path(image->fd, room));
		add(&text, path);
	} else {
		fd = open_beneath(image->fd, path);
		type = fd < 0 ? fd : type_of((int)fd, "", AT_EMPTY_PATH);
		if (fd >= 0) add(&text, fd_path(fd, room));
	}
	if (type == S_IFLNK) type = -ELOOP;
	if (type == -ENOENT && flags & FLAG_OPTIONAL) return;
	must(type, "cannot open in the image", path);
	mount_at(root, source, path, type == S_IFDIR, flags & ~image->flags);
	if (fd >= 0) SYS(close, fd);
}

/* Show `source` at `path`, with all that is mounted below it (a mount that came from a more privileged namespace is locked to
 * what lies in it). */
static void mount_at(struct new_root *root, const char *source, const char *path, bool folder, unsigned flags)
{
	struct place place = {.path = "/", .fd = -1};
	if (path[1] && !find_place(root, path, folder, &place)) {
		root->misfit = true;
		return;
	}
	long error = SYS(mount, source, place.path, 0, MS_BIND | MS_REC, 0);
	if (root->skeleton && (error == -ENOENT || error == -ENOTDIR || error == -ELOOP)) {
		root->misfit = true;
		return;
	}
	must_in_namespace(error, "cannot mount", path);
	if (!path[1]) climb_to_top(root);
	flags &= ~(unsigned)FLAG_OPTIONAL;
	if (flags && path[1] && place.fd < 0) restrict_mount(root->fd, place.path, flags);
	else if (flags) {
		/* The descriptor is of what is now covered. */
		long mounted = must(open_beneath(root->fd, path), "cannot open", path);
		restrict_mount((int)mounted, "", flags);
		SYS(close, mounted);
	}
	if (place.fd >= 0) SYS(close, place.fd);
}

static void mount_fresh(struct new_root *root, const char *type, const char *path, const char *options, unsigned long flags)
{
	struct place place = {.path = "/", .fd = -1};
	if (path[1] && !find_place(root, path, true, &place)) {
		root->misfit = true;
		return;
	}
	long error = SYS(mount, type, place.path, type, flags, options);
	if (root->skeleton && (error == -ENOENT || error == -ENOTDIR)) {
		root->misfit = true;
		return;
	}
	must_in_namespace(error, "cannot mount", path);
	if (!path[1]) climb_to_top(root);
	if (place.fd >= 0) SYS(close, place.fd);
}

/* Narrow a mount and all below it. What was forbidden stays so. */
static void restrict_mount(int folder, const char *path, unsigned flags)
{
	struct mount_attr attributes = {0};
	if (flags & FLAG_READ_ONLY) attributes.attr_set |= MOUNT_ATTR_RDONLY;
	if (flags & FLAG_NOSUID) attributes.attr_set |= MOUNT_ATTR_NOSUID;
	if (flags & FLAG_NODEV) attributes.attr_set |= MOUNT_ATTR_NODEV;
	if (flags & FLAG_NOEXEC) attributes.attr_set |= MOUNT_ATTR_NOEXEC;
	long error = SYS(mount_setattr, folder, path, AT_EMPTY_PATH | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW, &attributes, sizeof attributes);
	if (error == -ENOSYS) error = remount(folder, path, flags);
	must_in_namespace(error, "cannot restrict the mount", path);
}

/* Linux before 5.12: all flags are set anew, and to clear one that the host has set is refused, so they are read first. Mounts
 * below this one keep their flags there. */
static long remount(int folder, const char *path, unsigned flags)
{
	static const struct {
		unsigned flag;
		unsigned long mount;
	} FLAGS[] = {{FLAG_READ_ONLY, MS_RDONLY}, {FLAG_NOSUID, MS_NOSUID}, {FLAG_NODEV, MS_NODEV}, {FLAG_NOEXEC, MS_NOEXEC}};
	char room[40];
	struct statfs status;
	long fd = path[0] ? open_at(folder, path, O_PATH | O_NOFOLLOW) : folder;
	long error = fd < 0 ? fd : SYS(fstatfs, fd, &status);
	if (error < 0) return error;
	/* f_flags has the values of mount(2), but for relatime, which is 0x1000 there. */
	unsigned long all = (unsigned long)status.f_flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME);
	if (status.f_flags & 0x1000) all |= MS_RELATIME;
	for (size_t i = 0; i < sizeof FLAGS / sizeof *FLAGS; i++)
		if (flags & FLAGS[i].flag) all |= FLAGS[i].mount;
	error = SYS(mount, 0, fd_path(fd, room), 0, MS_REMOUNT | MS_BIND | all, 0);
	if (fd != folder) SYS(close, fd);
	return error;
}

/* The stores, for nested starts. Their canonical names are used: the new root may not have the links that lead there. One that has no place
 * in this root (its parent is in the image) is not shown. */
static void mount_stores(const struct start *start, struct new_root *root)
{
	const char *stores[] = {start->store, start->trailer.system};
	for (int i = 0; i < 2; i++) {
		char from[40], path[PATH_LIMIT];
		long source = stores[i] && stores[i][0] ? open_at(AT_FDCWD, stores[i], O_PATH | O_DIRECTORY) : -ENOENT;
		if (source < 0) continue;
		long size = SYS(readlinkat, AT_FDCWD, fd_path(source, from), path, sizeof path - 1);
		path[size > 0 ? size : 0] = 0;
		SYS(close, source);
		if (size <= 1) continue;
		if (has_place(root, path)) mount_at(root, path, path, true, FLAG_READ_ONLY | FLAG_NOSUID | FLAG_NODEV);
		/* A root that is made anew may have a place for it: the store is younger than the skeleton. */
		else root->misfit = root->misfit || root->skeleton;
	}
}

static void write_file(const struct new_root *root, const char *path, const char *data)
{
	char name[40];
	long place = must(open_beneath(root->fd, path), "cannot open", path);
	long fd = must(open_at(AT_FDCWD, fd_path(place, name), O_WRONLY), "cannot open", path);
	must(SYS(write, fd, data, length(data)), "cannot write", path);
	SYS(close, fd);
	SYS(close, place);
}

/* The S_IFMT part of the mode, or minus an errno; without asking a network file system's server. */
static long type_of(int folder, const char *path, int flags)
{
	struct statx status;
	long error = SYS(statx, folder, path, flags | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &status);
	return error < 0 ? error : status.stx_mode & S_IFMT;
}
