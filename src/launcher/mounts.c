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

#define FD_PATH_ROOM 40

static void carry_out(const struct start *start, struct new_root *root, const struct record *record, int image);
static void mount_source(struct new_root *root, long source, const char *path, unsigned flags);
static void mount_fresh(struct new_root *root, const char *type, const char *path, const char *options, unsigned long flags);
static void mount_at(struct new_root *root, const char *source, const char *path, bool folder, const char *type, unsigned long flags,
                     const char *options);
static void restrict_mount(const struct new_root *root, const char *path, unsigned flags);
static long remount(long mounted, unsigned flags);
static void mount_stores(const struct start *start, struct new_root *root);
static void write_file(const struct new_root *root, const char *path, const char *data);
static const char *fd_path(long fd, char buffer[FD_PATH_ROOM]);

void make_root(const struct start *start, const struct plan *plan)
{
	/* Opened in this mount namespace: a descriptor from the caller's cannot be bound here. */
	int image = plan->image ? (int)must(open_at(AT_FDCWD, plan->image, O_PATH | O_DIRECTORY), "cannot open the image", plan->image) : -1;
	struct new_root root = host_root();
	for (size_t i = 0; i < plan->count; i++) carry_out(start, &root, &plan->records[i], image);
	if (plan->has_root) end_root(&root, plan->as_root);
	SYS(close, root.fd);
	SYS(close, image);
}

static void carry_out(const struct start *start, struct new_root *root, const struct record *record, int image)
{
	const char *first = record->operand[0], *second = record->operand[1];
	bool optional = record->flags & FLAG_OPTIONAL;
	long source;
	switch (record->operation) {
	case OP_ROOT: begin_root(root); break;
	case OP_DIR: make_folder(root, first); break;
	case OP_LINK: make_link(root, first, second); break;
	case OP_HOST:
	case OP_BIND:
		source = open_at(AT_FDCWD, first, O_PATH);
		if (optional && (source == -ENOENT || source == -ENOTDIR || source == -EACCES || source == -ELOOP)) break;
		must(source, "cannot open", first);
		mount_source(root, source, record->operation == OP_HOST ? first : second, record->flags);
		break;
	case OP_FROM_IMAGE:
		source = open_beneath(image, first);
		if (optional && source == -ENOENT) break;
		must(source, "cannot open in the image", first);
		mount_source(root, source, first, record->flags);
		break;
	case OP_STORES: mount_stores(start, root); break;
	case OP_TMPFS: mount_fresh(root, "tmpfs", first, second, MS_NOSUID | MS_NODEV); break;
	case OP_PROC: mount_fresh(root, "proc", first, NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC); break;
	case OP_BINFMT: mount_fresh(root, "binfmt_misc", first, NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC); break;
	case OP_WRITE: write_file(root, first, second); break;
	default: break;
	}
}

/* Show what is open as `source` at `path`, with all that is mounted below it (a mount that came from a more privileged
 * namespace is locked to what lies in it). */
static void mount_source(struct new_root *root, long source, const char *path, unsigned flags)
{
	char from[FD_PATH_ROOM];
	file_status status;
	must(status_of((int)source, &status), "cannot examine", path);
	mount_at(root, fd_path(source, from), path, (status.st_mode & S_IFMT) == S_IFDIR, NULL, MS_BIND | MS_REC, NULL);
	SYS(close, source);
	flags &= ~(unsigned)FLAG_OPTIONAL;
	if (flags) restrict_mount(root, path, flags);
}

static void mount_fresh(struct new_root *root, const char *type, const char *path, const char *options, unsigned long flags)
{
	mount_at(root, type, path, true, type, flags, options);
}

static void mount_at(struct new_root *root, const char *source, const char *path, bool folder, const char *type, unsigned long flags,
                     const char *options)
{
	char to[FD_PATH_ROOM];
	if (!path[1]) {
		must_in_namespace(SYS(mount, source, "/", type, flags, options), "cannot mount", path);
		climb_to_top(root);
		return;
	}
	int target = open_mount_point(root, path, folder);
	must_in_namespace(SYS(mount, source, fd_path(target, to), type, flags, options), "cannot mount", path);
	SYS(close, target);
}

/* Narrow a mount and all below it. What was forbidden stays so. */
static void restrict_mount(const struct new_root *root, const char *path, unsigned flags)
{
	struct mount_attr attributes = {0};
	if (flags & FLAG_READ_ONLY) attributes.attr_set |= MOUNT_ATTR_RDONLY;
	if (flags & FLAG_NOSUID) attributes.attr_set |= MOUNT_ATTR_NOSUID;
	if (flags & FLAG_NODEV) attributes.attr_set |= MOUNT_ATTR_NODEV;
	if (flags & FLAG_NOEXEC) attributes.attr_set |= MOUNT_ATTR_NOEXEC;
	long mounted = must(open_beneath(root->fd, path), "cannot open", path);
	long error = SYS(mount_setattr, mounted, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes);
	if (error == -ENOSYS) error = remount(mounted, flags);
	must_in_namespace(error, "cannot restrict the mount", path);
	SYS(close, mounted);
}

/* Linux before 5.12: all flags are set anew, and to clear one that the host has set is refused, so they are read first. Mounts
 * below this one keep their flags there. */
static long remount(long mounted, unsigned flags)
{
	static const struct {
		unsigned flag;
		unsigned long mount;
	} FLAGS[] = {{FLAG_READ_ONLY, MS_RDONLY}, {FLAG_NOSUID, MS_NOSUID}, {FLAG_NODEV, MS_NODEV}, {FLAG_NOEXEC, MS_NOEXEC}};
	char path[FD_PATH_ROOM];
	struct statfs status;
	long error = SYS(fstatfs, mounted, &status);
	if (error < 0) return error;
	/* f_flags has the values of mount(2), but for relatime, which is 0x1000 there. */
	unsigned long all = (unsigned long)status.f_flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME);
	if (status.f_flags & 0x1000) all |= MS_RELATIME;
	for (size_t i = 0; i < sizeof FLAGS / sizeof *FLAGS; i++)
		if (flags & FLAGS[i].flag) all |= FLAGS[i].mount;
	return SYS(mount, 0, fd_path(mounted, path), 0, MS_REMOUNT | MS_BIND | all, 0);
}

/* The stores, for nested starts. Their canonical names are used: the new root may not have the links that lead there. */
static void mount_stores(const struct start *start, struct new_root *root)
{
	const char *stores[] = {start->store, start->trailer.system};
	for (int i = 0; i < 2; i++) {
		char from[FD_PATH_ROOM], path[PATH_LIMIT];
		long source = stores[i] && stores[i][0] ? open_at(AT_FDCWD, stores[i], O_PATH | O_DIRECTORY) : -ENOENT;
		if (source < 0) continue;
		long size = SYS(readlinkat, AT_FDCWD, fd_path(source, from), path, sizeof path - 1);
		if (size > 1 && size < (long)sizeof path - 1) {
			path[size] = 0;
			mount_source(root, source, path, FLAG_READ_ONLY | FLAG_NOSUID | FLAG_NODEV);
		}
	}
}

static void write_file(const struct new_root *root, const char *path, const char *data)
{
	char name[FD_PATH_ROOM];
	long place = must(open_beneath(root->fd, path), "cannot open", path);
	long fd = must(open_at(AT_FDCWD, fd_path(place, name), O_WRONLY), "cannot open", path);
	must(SYS(write, fd, data, length(data)), "cannot write", path);
	SYS(close, fd);
	SYS(close, place);
}

static const char *fd_path(long fd, char buffer[FD_PATH_ROOM])
{
	struct text text = text_in(buffer, FD_PATH_ROOM);
	add(&text, "/proc/self/fd/");
	add_number(&text, (uint64_t)fd);
	return buffer;
}
