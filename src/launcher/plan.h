/* The plan: what to carry out, step by step. ARCHITECTURE.md ("The plan", "The runner") documents the format:
 *
 *   plan\0 1\0\n  language\0 clisp\0\n  namespace\0 user\0\n … exec\0 /usr/bin/clisp\0\n  arg\0 clisp\0\n  script\0\n  args\0\n
 *
 * (without the blanks). This parser makes no system call; it is fed hostile bytes under ASan and UBSan. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define PLAN_LIMIT (256 * 1024)
#define RECORD_LIMIT 1024
#define TRAILER_SIZE 512
#define NAME_LIMIT 64

enum operation {
	OP_PLAN, OP_LANGUAGE, OP_NAMESPACE, OP_IDENTITY, OP_IMAGE, OP_ROOT, OP_DIR, OP_LINK, OP_HOST, OP_BIND, OP_FROM_IMAGE,
	OP_STORES, OP_TMPFS, OP_PROC, OP_BINFMT, OP_WRITE, OP_CWD, OP_SETENV, OP_UNSETENV, OP_PREFIXENV, OP_LOCALE, OP_SECCOMP,
	OP_SKELETON, OP_RESTORE_IDENTITY, OP_PER_SCRIPT, OP_INPUT, OP_ABSENT, OP_EXEC, OP_ARG, OP_SCRIPT, OP_ARGS, OP_COUNT,
};

enum { NS_USER = 1, NS_MOUNT = 2, NS_PID = 4, NS_NET = 8, NS_IPC = 16, NS_UTS = 32 };
enum { FILTER_TERMINAL = 1, FILTER_OWNERSHIP = 2 };
enum { FLAG_READ_ONLY = 1, FLAG_OPTIONAL = 2, FLAG_NOSUID = 4, FLAG_NODEV = 8, FLAG_NOEXEC = 16 };

struct record {
	enum operation operation;
	unsigned flags;       /* of host, bind and from-image */
	const char *operand[2]; /* NUL-terminated, in the plan's bytes; NULL beyond the operation's number */
};

struct plan {
	const char *language;
	const char *image; /* NULL: none */
	const char *cwd;   /* NULL: the caller's */
	const char *exec;
	const char *skeleton; /* the new root, made ahead; NULL: none */
	const char *per_script; /* the name of the plans to look for; NULL: this one is it */
	unsigned namespaces;
	unsigned filters;
	bool as_root;    /* identity root */
	bool restores_identity;
	bool has_root;
	bool has_script;
	bool has_stores;
	size_t count;
	struct record records[RECORD_LIMIT];
};

/* The path that a step makes or covers in the new root, or NULL if it makes none. */
const char *destination(const struct record *record);

/* What is wrong with the plan, or NULL. `bytes` must stay for as long as the plan is used. */
const char *parse_plan(struct plan *plan, const char *bytes, size_t size);

/* Whether the host's path (canonical, absolute) is the same file inside. */
bool visible(const struct plan *plan, const char *path);

struct trailer {
	const char *language;
	const char *system;
	bool shim;
	bool bound;
};

/* What is wrong with the trailer, or NULL. A file without a trailer leaves `language` NULL and is no error. */
const char *parse_trailer(struct trailer *trailer, const char *bytes, size_t size);

/* A name for files: letters, digits and "._+-", not empty, not starting with a dot, at most NAME_LIMIT bytes. */
bool is_name(const char *text);
/* The same for a profile: [a-z0-9-]+. */
bool is_profile(const char *text);
