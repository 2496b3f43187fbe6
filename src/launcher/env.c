/* The program's environment: see env.h. */
#include "env.h"
#include "die.h"
#include "text.h"

struct environment {
	char **entries; /* NULL-terminated; room for every variable that the plan may add */
	size_t count;
};

static void set(struct environment *environment, const char *name, const char *value, const char *suffix);
static void unset(struct environment *environment, const char *pattern);
static void set_locale(struct environment *environment, const char *value);

char **make_environment(const struct start *start, const struct plan *plan)
{
	struct environment environment = {NULL, 0};
	size_t changes = 0;
	for (size_t i = 0; i < plan->count; i++) {
		enum operation operation = plan->records[i].operation;
		changes += operation == OP_SETENV || operation == OP_PREFIXENV || operation == OP_UNSETENV || operation == OP_LOCALE;
	}
	if (!changes) return start->envp;

	while (start->envp[environment.count]) environment.count++;
	environment.entries = memory((environment.count + changes + 1) * sizeof *environment.entries);
	for (size_t i = 0; i < environment.count; i++) environment.entries[i] = start->envp[i];
	for (size_t i = 0; i < plan->count; i++) {
		const struct record *record = &plan->records[i];
		const char *name = record->operand[0], *value = record->operand[1];
		switch (record->operation) {
		case OP_SETENV: set(&environment, name, value, NULL); break;
		case OP_PREFIXENV: set(&environment, name, value, variable(environment.entries, name)); break;
		case OP_UNSETENV: unset(&environment, name); break;
		case OP_LOCALE: set_locale(&environment, name); break;
		default: break;
		}
	}
	return environment.entries;
}

/* name=value, or name=value:suffix if there is a suffix that is not empty. */
static void set(struct environment *environment, const char *name, const char *value, const char *suffix)
{
	size_t size = length(name) + length(value) + (suffix ? length(suffix) : 0) + 3;
	char *entry = memory(size);
	struct text text = text_in(entry, size);
	add(&text, name);
	add(&text, "=");
	add(&text, value);
	if (suffix && *suffix) {
		add(&text, ":");
		add(&text, suffix);
	}
	for (size_t i = 0; i < environment->count; i++) {
		const char *old = environment->entries[i];
		if (starts_with(old, name) && old[length(name)] == '=') {
			environment->entries[i] = entry;
			return;
		}
	}
	environment->entries[environment->count++] = entry;
	environment->entries[environment->count] = NULL;
}

/* Remove the variable, or all that begin so if the pattern ends in '*'. */
static void unset(struct environment *environment, const char *pattern)
{
	size_t size = length(pattern), kept = 0;
	bool prefix = size && pattern[size - 1] == '*';
	if (prefix) size--;
	for (size_t i = 0; i < environment->count; i++) {
		char *entry = environment->entries[i];
		size_t same = 0;
		while (same < size && entry[same] == pattern[same]) same++;
		bool match = same == size && (prefix ? find(entry, '=') >= entry + size : entry[size] == '=');
		if (!match) environment->entries[kept++] = entry;
	}
	environment->entries[kept] = NULL;
	environment->count = kept;
}

/* Any locale that the image need not have becomes the one that it has. */
static void set_locale(struct environment *environment, const char *value)
{
	static const char *const KEPT[] = {"", "C", "POSIX", "C.UTF-8", "C.utf8"};
	for (size_t i = 0; i < environment->count; i++) {
		const char *entry = environment->entries[i];
		const char *equals = find(entry, '=');
		if (!equals || !(starts_with(entry, "LANG=") || starts_with(entry, "LC_"))) continue;
		bool keep = false;
		for (size_t k = 0; k < sizeof KEPT / sizeof *KEPT; k++) keep = keep || equal(equals + 1, KEPT[k]);
		if (keep) continue;
		size_t name = (size_t)(equals - entry), size = name + length(value) + 2;
		char *changed = memory(size);
		struct text text = text_in(changed, size);
		add_bytes(&text, entry, name + 1);
		add(&text, value);
		environment->entries[i] = changed;
	}
}
