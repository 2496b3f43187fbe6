/* Where plans come from, and whether to trust what lies there: see store.h. */
#include "store.h"
#include "die.h"
#include "text.h"
#include <linux/stat.h>

#define OVERFLOW_ID 65534

static long open_store(const struct start *start, const char *store);
static long open_trusted(const struct start *start, int folder, const char *name, int flags, const char *store);
static long open_named(const struct start *start, int plans, const char *store, const char *name, bool extension);
static bool trusted_status(const struct start *start, const file_status *status, const char *under);
static bool may_be_roots(const file_status *status);
static bool some_ids_are_hidden(void);

const char *variable(char *const *envp, const char *name)
{
	for (; *envp; envp++)
		if (starts_with(*envp, name) && (*envp)[length(name)] == '=') return *envp + length(name) + 1;
	return NULL;
}

void locate_store(struct start *start)
{
	const char *data = variable(start->envp, "XDG_DATA_HOME");
	const char *home = variable(start->envp, "HOME");
	struct text path = text_in(start->store, sizeof start->store);
	if (data && data[0] == '/') {
		add(&path, data);
		add(&path, "/langrun");
	} else if (home && home[0] == '/') {
		add(&path, home);
		add(&path, "/.local/share/langrun");
	}
	if (path.full) start->store[0] = 0;
}

long open_plan(const struct start *start)
{
	const char *stores[] = {start->store, start->trailer.system};
	for (int i = 0; i < 2; i++) {
		long store = open_store(start, stores[i]);
		if (store < 0) continue;
		long plans = open_trusted(start, (int)store, "plans", O_PATH | O_DIRECTORY, stores[i]);
		SYS(close, store);
		if (plans < 0) continue;
		/* The extension's plan comes first: one image may serve several languages that differ in their commands. A language that
		 * is bound to a magic runs its files whatever their names end in. */
		const char *dot = start->script_fd >= 0 && !start->trailer.bound ? find_last(last_name(start->script), '.') : NULL;
		long plan = dot ? open_named(start, (int)plans, stores[i], dot + 1, true) : -ENOENT;
		if (plan < 0) plan = open_named(start, (int)plans, stores[i], start->trailer.language, false);
		SYS(close, plans);
		if (plan >= 0) return plan;
	}
	return -ENOENT;
}

bool find_langrun(const struct start *start, char path[PATH_LIMIT])
{
	const char *stores[] = {start->store, start->trailer.system};
	for (int i = 0; i < 2; i++) {
		long store = open_store(start, stores[i]);
		if (store < 0) continue;
		long file = open_at((int)store, "bin/langrun", O_PATH);
		SYS(close, store);
		if (file < 0) continue;
		/* A caller's store links to the langrun that the caller installed with, often root's: langrun looked at its owner then. */
		file_status status;
		bool good = trusted(start, (int)file, stores[i]) || (i == 0 && status_of((int)file, &status) >= 0 && may_be_roots(&status));
		SYS(close, file);
		if (!good) continue;
		struct text text = text_in(path, PATH_LIMIT);
		add(&text, stores[i]);
		add(&text, "/bin/langrun");
		if (!text.full) return true;
	}
	return false;
}

void check_image(const struct start *start, const char *path)
{
	char hint[160];
	struct text text = text_in(hint, sizeof hint);
	add(&text, "langrun install ");
	add(&text, start->language);
	file_status status;
	long error = status_at(AT_FDCWD, path, &status, 0);
	if (error == -ENOENT) {
		char what[128];
		struct text line = text_in(what, sizeof what);
		add(&line, "the image of ");
		add(&line, start->language);
		add(&line, " is gone, it was");
		die(STATUS_NOT_FOUND, what, path, 0, hint);
	}
	must(error, "cannot open the image", path);
	if (!trusted_status(start, &status, path))
		die(STATUS_SETUP, "cannot trust the image", path, 0, "it must be yours or root's, and writable by nobody else");
}

bool trusted_folder(const struct start *start, const char *path)
{
	file_status status;
	if (status_at(AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW) < 0 || (status.st_mode & S_IFMT) != S_IFDIR) return false;
	return trusted_status(start, &status, path);
}

bool trusted(const struct start *start, int fd, const char *under)
{
	file_status status;
	return status_of(fd, &status) >= 0 && trusted_status(start, &status, under);
}

void read_trailer(struct start *start, char bytes[TRAILER_SIZE])
{
	/* The kernel resolves this link to the very file that it executes, even if (flag F) no path leads to it here. */
	int self = (int)must(open_at(AT_FDCWD, "/proc/self/exe", O_RDONLY), "cannot open", "/proc/self/exe");
	long end = SYS(lseek, self, -TRAILER_SIZE, 2);
	long size = end < 0 ? 0 : must(SYS(read, self, bytes, TRAILER_SIZE), "cannot read", "/proc/self/exe");
	SYS(close, self);
	const char *problem = parse_trailer(&start->trailer, bytes, (size_t)size);
	if (problem) die(STATUS_SETUP, "cannot use this runner:", problem, 0, "run `langrun register` again");
}

static long open_store(const struct start *start, const char *store)
{
	if (!store || !store[0]) return -ENOENT;
	return open_trusted(start, AT_FDCWD, store, O_PATH | O_DIRECTORY, store);
}

static long open_named(const struct start *start, int plans, const char *store, const char *name, bool extension)
{
	char file[2 * NAME_LIMIT + 4];
	struct text text = text_in(file, sizeof file);
	if (!is_name(name)) return -ENOENT;
	if (extension) add(&text, ".");
	add(&text, name);
	add(&text, ".");
	add(&text, start->profile);
	return text.full ? -ENOENT : open_trusted(start, plans, file, O_RDONLY, store);
}

static long open_trusted(const struct start *start, int folder, const char *name, int flags, const char *store)
{
	long fd = open_at(folder, name, flags);
	if (fd < 0 || trusted(start, (int)fd, store)) return fd;
	SYS(close, fd);
	return -EPERM;
}

static bool trusted_status(const struct start *start, const file_status *status, const char *under)
{
	if (status->st_mode & 022) return false;
	if (status->st_uid == start->uid || status->st_uid == 0) return true;
	/* In a user namespace without root's uid, root's files show the overflow uid, as do other users'. Only root can have made
	 * the system store's fixed path, so there it means root. */
	const char *system = start->trailer.system;
	return system && starts_with(under, system) && (!under[length(system)] || under[length(system)] == '/') && may_be_roots(status);
}

static bool may_be_roots(const file_status *status)
{
	return !(status->st_mode & 022) && status->st_uid == OVERFLOW_ID && some_ids_are_hidden();
}

static bool some_ids_are_hidden(void)
{
	char map[256];
	long fd = open_at(AT_FDCWD, "/proc/self/uid_map", O_RDONLY);
	if (fd < 0) return false;
	long size = SYS(read, fd, map, sizeof map - 1);
	SYS(close, fd);
	if (size <= 0) return false;
	map[size] = 0;
	/* The whole range, as in the first user namespace: nothing overflows, so 65534 is a user of its own (nobody). */
	const char *all = "4294967295";
	for (const char *at = map; *at; at++)
		if (starts_with(at, all)) return false;
	return true;
}
