/* The new root while it is being made.
 *
 * A file system that is mounted over "/" is not seen by a process whose root is below it: absolute paths still lead into the
 * host's tree, which is where the sources are. Only "/.." steps up into it, since ".." of the root is the root, and then what
 * is mounted there. So: mount over "/", chdir("/.."), assemble with relative paths, chroot(".").
 *
 * Why not pivot_root(2) and umount2(MNT_DETACH) of the old root? The unmount waits for an RCU grace period, which costs more
 * than all the mounts together. The host's tree stays in the mount namespace instead, below the new root: no path leads there,
 * and to uncover it one would have to unmount the root with the capabilities of this very user namespace, which the program
 * does not have (in a user namespace of its own all mounts are locked together). chroot(2) to the top of the namespace also
 * leaves unshare(CLONE_NEWUSER) allowed, which nested starts need. A program that keeps capabilities (`identity root`) gets
 * the thorough way. */
#include "root.h"
#include "die.h"
#include "text.h"
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/stat.h>

#define DETACH 2 /* MNT_DETACH */
#define ROOT_FLAGS (MS_NOSUID | MS_NODEV)

static bool is_next(const struct new_root *root, const char *path);
static int open_mount_point(const struct new_root *root, const char *path, bool folder);
static long open_component(int folder, const char *name);
static void make_parents(const struct new_root *root, const char *path, char name[256], int *parent);
static bool may_make(const struct new_root *root, int folder);

struct new_root host_root(void)
{
	struct new_root root = {.fresh = false};
	root.fd = (int)must(open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY), "cannot open", "/");
	return root;
}

void begin_root(struct new_root *root)
{
	file_status status;
	must_in_namespace(SYS(mount, "langrun", "/", "ramfs", ROOT_FLAGS, "mode=755"), "cannot mount", "a new root");
	climb_to_top(root);
	must(status_at(root->fd, ".", &status, 0), "cannot examine", "the new root");
	root->fresh = true;
	root->device = status.st_dev;
}

bool begin_skeleton(struct new_root *root, const char *path)
{
	if (SYS(mount, path, "/", 0, MS_BIND, 0) < 0) return false;
	climb_to_top(root);
	root->skeleton = true;
	return true;
}

void climb_to_top(struct new_root *root)
{
	root->stacked++;
	root->fresh = false;
	root->made = NULL;
	root->skeleton = false;
	root->device = 0;
	must(SYS(chdir, "/.."), "cannot enter", "the new root");
	if (root->fd >= 0) SYS(close, root->fd);
	root->fd = AT_FDCWD;
}

void end_root(struct new_root *root, bool forget)
{
	/* Not if a later step covered it. */
	if (root->fresh)
		must_in_namespace(SYS(mount, 0, ".", 0, MS_REMOUNT | MS_BIND | MS_RDONLY | ROOT_FLAGS, 0), "cannot protect", "the new root");
	if (forget) {
		/* pivot_root(".", ".") stacks the old root over the new one, so that no folder is needed to put it in
		 * (NOTES in pivot_root(2)). What lay between the two lies over the old one then, and goes first. */
		must_in_namespace(SYS(pivot_root, ".", "."), "cannot change", "the root");
		for (; root->stacked; root->stacked--) must_in_namespace(SYS(umount2, ".", DETACH), "cannot give up", "the host's root");
		must(SYS(chdir, "/"), "cannot enter", "the new root");
	} else {
		must_in_namespace(SYS(chroot, "."), "cannot change", "the root");
	}
}

void make_folder(struct new_root *root, const char *path)
{
	struct place place;
	if (root->skeleton) {
		root->made = path;
		return;
	}
	find_place(root, path, true, &place);
	if (place.fd < 0) root->made = path;
	else SYS(close, place.fd);
}

void make_link(const struct new_root *root, const char *target, const char *path)
{
	char name[256];
	int parent;
	if (root->skeleton) return;
	make_parents(root, path, name, &parent);
	if (!may_make(root, parent)) die(STATUS_SETUP, "cannot make a link outside of the new root:", path, 0, NULL);
	long error = SYS(symlinkat, target, parent, name);
	if (error != -EEXIST) must(error, "cannot make the link", path);
	if (parent != root->fd) SYS(close, parent);
}

long open_beneath(int folder, const char *path)
{
	while (*path == '/') path++;
	if (!*path) path = ".";
	struct open_how how = {.flags = O_PATH | O_CLOEXEC | O_NOFOLLOW, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
	long fd = SYS(openat2, folder, path, &how, sizeof how);
	if (fd != -ENOSYS) return fd;

	/* Linux before 5.6. */
	int at = folder;
	while (*path) {
		char name[256];
		struct text text = text_in(name, sizeof name);
		const char *slash = find(path, '/');
		size_t size = slash ? (size_t)(slash - path) : length(path);
		add_bytes(&text, path, size);
		fd = open_component(at, name);
		if (at != folder) SYS(close, at);
		if (fd < 0) return fd;
		at = (int)fd;
		path += size;
		while (*path == '/') path++;
	}
	return at;
}

/* Most mount points are new, in the top folder or in one that was just made: one call makes them, and their names can be used
 * as they are. For all others every component is looked at. (Measured: 8 calls less for each of 30 mounts, 0.3 ms.) */
bool find_place(struct new_root *root, const char *path, bool folder, struct place *place)
{
	bool simple = root->fresh && is_next(root, path);
	place->fd = -1;
	place->path = path + 1;
	if (in_skeleton(root, path)) return true;
	if (simple && (folder ? SYS(mkdirat, root->fd, path + 1, 0755) : SYS(mknodat, root->fd, path + 1, S_IFREG | 0644, 0)) == 0) return true;
	if (root->made && starts_with(root->made, path)) root->made = NULL;
	place->fd = open_mount_point(root, path, folder);
	if (place->fd < 0) return false;
	place->path = fd_path(place->fd, place->room);
	return true;
}

bool in_skeleton(struct new_root *root, const char *path)
{
	if (!root->skeleton) return false;
	bool next = is_next(root, path);
	/* What is mounted there now covers the folder. */
	if (root->made && starts_with(root->made, path)) root->made = NULL;
	return next;
}

bool has_place(const struct new_root *root, const char *path)
{
	char above[PATH_LIMIT];
	struct text text = text_in(above, sizeof above);
	add(&text, path);
	long fd = open_beneath(root->fd, above);
	bool found = fd >= 0;
	while (fd == -ENOENT && above[0] == '/') {
		above[last_name(above) - above - 1] = 0;
		fd = open_beneath(root->fd, above);
	}
	if (fd < 0) return false;
	found = found || may_make(root, (int)fd);
	SYS(close, fd);
	return found;
}

/* In the top folder, or in the one that the plan made last. */
static bool is_next(const struct new_root *root, const char *path)
{
	size_t parent = (size_t)(last_name(path) - path) - 1;
	return parent == 0 || (root->made && length(root->made) == parent && starts_with(path, root->made));
}

static int open_mount_point(const struct new_root *root, const char *path, bool folder)
{
	char name[256];
	int parent;
	long fd = open_beneath(root->fd, path);
	if (fd >= 0 || root->skeleton) return (int)fd;
	if (fd != -ENOENT) must(fd, "cannot open the mount point", path);
	make_parents(root, path, name, &parent);
	if (!may_make(root, parent)) die(STATUS_SETUP, "cannot find the mount point", path, -ENOENT, NULL);
	long error = folder ? SYS(mkdirat, parent, name, 0755) : SYS(mknodat, parent, name, S_IFREG | 0644, 0);
	if (error != -EEXIST) must(error, "cannot make", path);
	fd = must(open_component(parent, name), "cannot open the mount point", path);
	if (parent != root->fd) SYS(close, parent);
	return (int)fd;
}

/* Open the folder that `path`'s last component is in, making what is missing, and split that component off. */
static void make_parents(const struct new_root *root, const char *path, char name[256], int *parent)
{
	int at = root->fd;
	for (const char *next = path + 1;;) {
		struct text text = text_in(name, 256);
		const char *slash = find(next, '/');
		add_bytes(&text, next, slash ? (size_t)(slash - next) : length(next));
		if (!slash) break;
		long fd = open_component(at, name);
		if (fd == -ENOENT && may_make(root, at)) {
			long error = SYS(mkdirat, at, name, 0755);
			if (error != -EEXIST) must(error, "cannot make the parents of", path);
			fd = open_component(at, name);
		}
		must(fd, "cannot open the parents of", path);
		if (at != root->fd) SYS(close, at);
		at = (int)fd;
		next = slash + 1;
	}
	*parent = at;
}

static long open_component(int folder, const char *name)
{
	return open_at(folder, name, O_PATH | O_NOFOLLOW);
}

static bool may_make(const struct new_root *root, int folder)
{
	file_status status;
	if (!root->fresh || folder == root->fd) return root->fresh;
	return status_of(folder, &status) == 0 && status.st_dev == root->device;
}
