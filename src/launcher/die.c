/* How the launcher fails: see die.h. */
#include "die.h"
#include "text.h"

static const char *words(long error);

_Noreturn void die(int status, const char *what, const char *which, long error, const char *hint)
{
	char line[2 * PATH_LIMIT];
	struct text text = text_in(line, sizeof line - 1);
	add(&text, "langrun: ");
	add(&text, what);
	if (which) {
		add(&text, " ");
		add(&text, which);
	}
	if (error) {
		add(&text, ": ");
		if (words(-error)) add(&text, words(-error));
		else {
			add(&text, "error ");
			add_number(&text, (uint64_t)-error);
		}
	}
	if (hint) {
		add(&text, "; ");
		add(&text, hint);
	}
	/* One line whatever a path holds, and no escape sequences for the reader's terminal. */
	for (char *c = line; c < text.at; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f) *c = '?';
	*text.at++ = '\n';
	SYS(write, 2, line, text.at - line);
	leave(status);
}

long must(long result, const char *what, const char *which)
{
	if (result < 0) die(STATUS_SETUP, what, which, result, NULL);
	return result;
}

long must_in_namespace(long result, const char *what, const char *which)
{
	if (result >= 0) return result;
	bool refused = result == -EPERM || result == -EACCES;
	die(STATUS_SETUP, what, which, result, refused ? "this host may restrict user namespaces: run `langrun doctor`" : NULL);
}

static const char *words(long error)
{
	switch (error) {
	case EPERM: return "Operation not permitted";
	case ENOENT: return "No such file or directory";
	case EIO: return "Input/output error";
	case E2BIG: return "Argument list too long";
	case ENOEXEC: return "Exec format error";
	case EBADF: return "Bad file descriptor";
	case EAGAIN: return "Resource temporarily unavailable";
	case ENOMEM: return "Cannot allocate memory";
	case EACCES: return "Permission denied";
	case EBUSY: return "Device or resource busy";
	case EEXIST: return "File exists";
	case EXDEV: return "It leaves the folder it must stay in";
	case ENODEV: return "No such device";
	case ENOTDIR: return "Not a directory";
	case EISDIR: return "Is a directory";
	case EINVAL: return "Invalid argument";
	case ENFILE: return "Too many open files in system";
	case EMFILE: return "Too many open files";
	case ETXTBSY: return "Text file busy";
	case ENOSPC: return "No space left, or a limit of the kernel is reached";
	case EROFS: return "Read-only file system";
	case ENAMETOOLONG: return "File name too long";
	case ENOSYS: return "Function not implemented";
	case ELOOP: return "A symbolic link is in the way";
	case EUSERS: return "Too many users";
	case EOPNOTSUPP: return "Operation not supported";
	case ESTALE: return "Stale file handle";
	case EDQUOT: return "Disk quota exceeded";
	default: return NULL;
	}
}
