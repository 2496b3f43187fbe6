/* Plans for single scripts: see script.h.
 *
 *   ~/.cache/langrun/scripts/<name>-<SHA-256 of the script's folder, a NUL, and its content>.plan
 *
 * The folder is part of the key because what surrounds a script may decide what it means: a setting, a header, a module. */
#include "script.h"
#include "sha256.h"
#include "store.h"
#include "text.h"

static bool locate_cache(const struct start *start, struct text *path);
static long hash_script(const struct start *start, char hex[SHA256_HEX]);
static void describe(const file_status *status, char *stamp, size_t size);

long open_script_plan(const struct start *start, const char *name)
{
	char path[PATH_LIMIT], hex[SHA256_HEX];
	struct text text = text_in(path, sizeof path);
	if (!start->script || !locate_cache(start, &text)) return -ENOENT;
	long folder = text.full ? -ENOENT : open_at(AT_FDCWD, path, O_PATH | O_DIRECTORY);
	if (folder < 0) return folder;
	long result = trusted(start, (int)folder, path) ? hash_script(start, hex) : -EPERM;
	if (result >= 0) {
		char file[NAME_LIMIT + SHA256_HEX + 8];
		text = text_in(file, sizeof file);
		add(&text, name);
		add(&text, "-");
		add(&text, hex);
		add(&text, ".plan");
		result = text.full ? -ENOENT : open_at((int)folder, file, O_RDONLY | O_NOFOLLOW);
		if (result >= 0 && !trusted(start, (int)result, path)) {
			SYS(close, result);
			result = -EPERM;
		}
	}
	SYS(close, folder);
	return result;
}

bool is_current(const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct record *record = &plan->records[i];
		file_status status;
		char stamp[3 * NUMBER_ROOM];
		if (record->operation == OP_ABSENT && status_at(AT_FDCWD, record->operand[0], &status, 0) != -ENOENT) return false;
		if (record->operation != OP_INPUT) continue;
		if (status_at(AT_FDCWD, record->operand[0], &status, 0) < 0) return false;
		describe(&status, stamp, sizeof stamp);
		if (!equal(stamp, record->operand[1])) return false;
	}
	return true;
}

static bool locate_cache(const struct start *start, struct text *path)
{
	const char *cache = variable(start->envp, "XDG_CACHE_HOME");
	const char *home = variable(start->envp, "HOME");
	if (cache && cache[0] == '/') add(path, cache);
	else if (home && home[0] == '/') {
		add(path, home);
		add(path, "/.cache");
	} else return false;
	add(path, "/langrun/scripts");
	return true;
}

static long hash_script(const struct start *start, char hex[SHA256_HEX])
{
	static char bytes[1 << 16];
	char path[PATH_LIMIT];
	long fd = start->script_fd >= 0 ? start->script_fd : open_at(AT_FDCWD, start->script, O_RDONLY);
	if (fd < 0) return fd;
	long size = canonical_name(fd, path);
	struct sha256 hash = sha256_start();
	if (size >= 0) {
		sha256_add(&hash, path, (size_t)(last_name(path) - path));
		sha256_add(&hash, "", 1);
		for (long at = 0; (size = SYS(pread64, fd, bytes, sizeof bytes, at)) > 0; at += size) sha256_add(&hash, bytes, (size_t)size);
	}
	if (fd != start->script_fd) SYS(close, fd);
	sha256_end(&hash, hex);
	return size;
}

/* "<bytes> <mtime in nanoseconds> <inode>" */
static void describe(const file_status *status, char *stamp, size_t size)
{
	struct text text = text_in(stamp, size);
	add_number(&text, (uint64_t)status->st_size);
	add(&text, " ");
	add_number(&text, (uint64_t)status->st_mtime * 1000000000 + (uint64_t)status->st_mtime_nsec);
	add(&text, " ");
	add_number(&text, (uint64_t)status->st_ino);
}
