/* The plan's parser: see plan.h. */
#include "plan.h"
#include "text.h"

static const struct {
	const char *name;
	unsigned char operands;
	signed char destination; /* which operand is a path in the new root, or -1 */
	signed char flags;       /* which operand holds flags, or -1 */
} OPERATIONS[OP_COUNT] = {
	[OP_PLAN] = {"plan", 1, -1, -1},
	[OP_LANGUAGE] = {"language", 1, -1, -1},
	[OP_NAMESPACE] = {"namespace", 1, -1, -1},
	[OP_IDENTITY] = {"identity", 1, -1, -1},
	[OP_IMAGE] = {"image", 1, -1, -1},
	[OP_ROOT] = {"root", 0, -1, -1},
	[OP_SKELETON] = {"skeleton", 1, -1, -1},
	[OP_DIR] = {"dir", 1, 0, -1},
	[OP_LINK] = {"link", 2, 1, -1},
	[OP_HOST] = {"host", 2, 0, 1},
	[OP_BIND] = {"bind", 3, 1, 2},
	[OP_FROM_IMAGE] = {"from-image", 2, 0, 1},
	[OP_STORES] = {"stores", 0, -1, -1},
	[OP_TMPFS] = {"tmpfs", 2, 0, -1},
	[OP_PROC] = {"proc", 1, 0, -1},
	[OP_BINFMT] = {"binfmt", 1, 0, -1},
	[OP_WRITE] = {"write", 2, -1, -1},
	[OP_CWD] = {"cwd", 1, -1, -1},
	[OP_SETENV] = {"setenv", 2, -1, -1},
	[OP_UNSETENV] = {"unsetenv", 1, -1, -1},
	[OP_PREFIXENV] = {"prefixenv", 2, -1, -1},
	[OP_LOCALE] = {"locale", 1, -1, -1},
	[OP_SECCOMP] = {"seccomp", 1, -1, -1},
	[OP_EXEC] = {"exec", 1, -1, -1},
	[OP_ARG] = {"arg", 1, -1, -1},
	[OP_SCRIPT] = {"script", 0, -1, -1},
	[OP_ARGS] = {"args", 0, -1, -1},
	[OP_PER_SCRIPT] = {"per-script", 1, -1, -1},
	[OP_INPUT] = {"input", 2, -1, -1},
	[OP_ABSENT] = {"absent", 1, -1, -1},
	[OP_RESTORE_IDENTITY] = {"restore-identity", 0, -1, -1},
};

static const struct {
	const char *name;
	unsigned bit;
} NAMESPACES[] = {{"user", NS_USER}, {"mount", NS_MOUNT}, {"pid", NS_PID}, {"net", NS_NET}, {"ipc", NS_IPC}, {"uts", NS_UTS}};

/* The bytes that are left to parse. */
struct reader {
	const char *at;
	const char *end;
};

static const char *next_string(struct reader *reader);
static const char *take(struct plan *plan, struct record *record, const char *const *operands);
static const char *once(const char **slot, const char *value);
static bool is_path(const char *path);
static bool parse_flags(const char *letters, unsigned *flags);

const char *destination(const struct record *record)
{
	signed char which = OPERATIONS[record->operation].destination;
	return which < 0 ? NULL : record->operand[which];
}

const char *parse_plan(struct plan *plan, const char *bytes, size_t size)
{
	struct reader reader = {bytes, bytes + size};
	if (size > PLAN_LIMIT) return "it is too big";
	/* Not the whole struct: the records are many pages, most of them never touched. */
	plan->language = plan->image = plan->skeleton = plan->cwd = plan->exec = plan->per_script = NULL;
	plan->namespaces = plan->filters = 0;
	plan->as_root = plan->restores_identity = plan->has_root = plan->has_script = plan->has_stores = false;
	plan->count = 0;
	while (reader.at < reader.end) {
		const char *name = next_string(&reader);
		if (!name) return "it ends within a record";
		enum operation operation = OP_PLAN;
		while (operation < OP_COUNT && !equal(name, OPERATIONS[operation].name)) operation++;
		if (operation == OP_COUNT) return "it has an operation that this launcher does not know";
		const char *operands[3] = {NULL, NULL, NULL};
		for (unsigned i = 0; i < OPERATIONS[operation].operands; i++)
			if (!(operands[i] = next_string(&reader))) return "it ends within a record";
		if (reader.at == reader.end || *reader.at++ != '\n') return "a record has too many operands or no end";
		if (plan->count == RECORD_LIMIT) return "it has too many records";
		if ((plan->count == 0) != (operation == OP_PLAN)) return "it does not start with the one record `plan 1`";
		struct record *record = &plan->records[plan->count++];
		*record = (struct record){.operation = operation, .operand = {operands[0], operands[1]}};
		const char *problem = take(plan, record, operands);
		if (problem) return problem;
	}
	if (!plan->count) return "it is empty";
	if (!plan->exec && !plan->per_script) return "it does not say what to execute";
	return NULL;
}

/* Check one record, and note what the plan as a whole needs to know of it. */
static const char *take(struct plan *plan, struct record *record, const char *const *operands)
{
	int which = OPERATIONS[record->operation].destination;
	if (which >= 0 && !is_path(operands[which])) return "it has a path that is not absolute and plain";
	which = OPERATIONS[record->operation].flags;
	if (which >= 0 && !parse_flags(operands[which], &record->flags)) return "it has a flag that this launcher does not know";
	switch (record->operation) {
	case OP_PLAN: return equal(operands[0], "1") ? NULL : "its version is not 1: this launcher is too old or too new for it";
	case OP_LANGUAGE: return is_name(operands[0]) ? once(&plan->language, operands[0]) : "its language has no proper name";
	case OP_IMAGE: return is_path(operands[0]) ? once(&plan->image, operands[0]) : "its image is not an absolute path";
	case OP_SKELETON:
		if (plan->has_root) return "it names the skeleton of its root too late";
		return is_path(operands[0]) ? once(&plan->skeleton, operands[0]) : "its skeleton is not an absolute path";
	case OP_CWD: return is_path(operands[0]) ? once(&plan->cwd, operands[0]) : "its working folder is not an absolute path";
	case OP_EXEC: return find_last(operands[0], '/') ? once(&plan->exec, operands[0]) : "its program is not a path";
	case OP_NAMESPACE:
		for (size_t i = 0; i < sizeof NAMESPACES / sizeof *NAMESPACES; i++)
			if (equal(operands[0], NAMESPACES[i].name)) return plan->namespaces |= NAMESPACES[i].bit, NULL;
		return "it asks for a namespace that this launcher does not know";
	case OP_IDENTITY:
		plan->as_root = equal(operands[0], "root");
		return plan->as_root || equal(operands[0], "same") ? NULL : "its identity is neither `same` nor `root`";
	case OP_SECCOMP:
		if (equal(operands[0], "terminal")) plan->filters |= FILTER_TERMINAL;
		else if (equal(operands[0], "ownership")) plan->filters |= FILTER_OWNERSHIP;
		else return "it asks for a filter that this launcher does not know";
		return NULL;
	case OP_ROOT:
		if (plan->has_root) return "it makes a new root twice";
		if (!(plan->namespaces & NS_MOUNT)) return "it makes a new root without a mount namespace";
		plan->has_root = true;
		return NULL;
	case OP_FROM_IMAGE: return plan->image ? NULL : "it takes files from an image that it does not name first";
	case OP_SETENV: case OP_UNSETENV: case OP_PREFIXENV:
		return operands[0][0] && !find(operands[0], '=') ? NULL : "it has a variable without a proper name";
	case OP_PER_SCRIPT: return is_name(operands[0]) ? once(&plan->per_script, operands[0]) : "its plans for scripts have no proper name";
	case OP_INPUT: case OP_ABSENT: return operands[0][0] == '/' ? NULL : "it was made from a file without an absolute path";
	case OP_RESTORE_IDENTITY:
		plan->restores_identity = true;
		return plan->as_root ? NULL : "it restores an identity that it did not change";
	case OP_SCRIPT: plan->has_script = true; return NULL;
	case OP_STORES: plan->has_stores = true; break;
	default: break;
	}
	if (record->operation != OP_ARG && record->operation != OP_ARGS && record->operation != OP_LOCALE && !plan->has_root) {
		/* Without a root of its own the steps would act on the caller's folders; mounts over them need a namespace. */
		if (record->operation == OP_DIR || record->operation == OP_LINK) return "it makes files outside of a new root";
		if (record->operation != OP_WRITE && !(plan->namespaces & NS_MOUNT)) return "it mounts without a mount namespace";
	}
	return NULL;
}

bool visible(const struct plan *plan, const char *path)
{
	size_t longest = 0;
	bool host = !plan->has_root;
	if (path[0] != '/') return false;
	if (!path[1]) return true; /* every root is one */
	for (size_t i = 0; i < plan->count; i++) {
		const char *covered = destination(&plan->records[i]);
		if (!covered || !starts_with(path, covered)) continue;
		size_t size = length(covered);
		if (size > 1 && path[size] && path[size] != '/') continue;
		if (size < longest) continue;
		longest = size;
		/* A folder that the plan makes holds what the steps below it put there. */
		host = plan->records[i].operation == OP_HOST || (plan->records[i].operation == OP_DIR && !path[size]);
	}
	return host;
}

const char *parse_trailer(struct trailer *trailer, const char *bytes, size_t size)
{
	static const char MAGIC[] = "runner\0001\0\n"; /* as written: `runner`, `1`, newline */
	const size_t magic_size = sizeof MAGIC - 1;
	*trailer = (struct trailer){NULL, NULL, false, false};
	if (size != TRAILER_SIZE) return NULL;
	for (size_t i = 0; i < magic_size; i++)
		if (bytes[i] != MAGIC[i]) return NULL;
	struct reader reader = {bytes + magic_size, bytes + size};
	while (reader.at < reader.end && *reader.at) {
		const char *name = next_string(&reader);
		const char *problem = NULL;
		if (!name) return "its trailer ends within a record";
		if (equal(name, "shim")) trailer->shim = true;
		else if (equal(name, "bound")) trailer->bound = true;
		else {
			const char *value = next_string(&reader);
			if (!value) return "its trailer ends within a record";
			if (equal(name, "language")) problem = is_name(value) ? once(&trailer->language, value) : "its trailer names no language";
			else if (equal(name, "system")) problem = is_path(value) ? once(&trailer->system, value) : "its trailer names no system store";
			else return "its trailer has a record that this launcher does not know";
		}
		if (problem) return problem;
		if (reader.at == reader.end || *reader.at++ != '\n') return "a record of its trailer has no end";
	}
	for (; reader.at < reader.end; reader.at++)
		if (*reader.at) return "its trailer is followed by other bytes";
	return trailer->language && trailer->system ? NULL : "its trailer names no language or no system store";
}

bool is_name(const char *text)
{
	size_t size = 0;
	if (text[0] == '.') return false;
	for (; text[size]; size++) {
		char c = text[size];
		bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '+' || c == '-';
		if (!good || size == NAME_LIMIT) return false;
	}
	return size > 0;
}

bool is_profile(const char *text)
{
	size_t size = 0;
	for (; text[size]; size++) {
		char c = text[size];
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-') || size == NAME_LIMIT) return false;
	}
	return size > 0;
}

/* The string at the reader's place, which moves beyond its NUL; NULL if there is no NUL. */
static const char *next_string(struct reader *reader)
{
	const char *start = reader->at;
	while (reader->at < reader->end)
		if (!*reader->at++) return start;
	return NULL;
}

static const char *once(const char **slot, const char *value)
{
	if (*slot) return "it says the same thing twice";
	*slot = value;
	return NULL;
}

/* "/", or "/" and names without "", "." and "..": nothing that a lookup would treat specially. */
static bool is_path(const char *path)
{
	if (path[0] != '/') return false;
	if (!path[1]) return true;
	size_t size = 0;
	while (*path == '/') {
		const char *name = ++path;
		while (*path && *path != '/') path++, size++;
		size_t n = (size_t)(path - name);
		if (n == 0 || (n == 1 && name[0] == '.') || (n == 2 && name[0] == '.' && name[1] == '.') || n > 255) return false;
		if (++size >= 4095) return false;
	}
	return true;
}

static bool parse_flags(const char *letters, unsigned *flags)
{
	*flags = 0;
	if (equal(letters, "-")) return true;
	for (; *letters; letters++) {
		switch (*letters) {
		case 'r': *flags |= FLAG_READ_ONLY; break;
		case 'o': *flags |= FLAG_OPTIONAL; break;
		case 's': *flags |= FLAG_NOSUID; break;
		case 'd': *flags |= FLAG_NODEV; break;
		case 'x': *flags |= FLAG_NOEXEC; break;
		default: return false;
		}
	}
	return true;
}
