/* Files whose extension misled the kernel: see shebang.h. binfmt_misc is asked before `#!` and ELF are looked at, so what
 * worked without langrun must be sent on its way here. */
#include "shebang.h"
#include "die.h"
#include "text.h"
#include <linux/binfmts.h>
#include <linux/elf-em.h>
#include <linux/elf.h>
#include <linux/stat.h>

static void execute_elf(const struct start *start, const unsigned char *head, size_t size);
static bool split(char *line, size_t size, char **interpreter, char **argument);
static bool exists(const struct start *start, const char *interpreter, const char *argument);
static bool env_finds(const struct start *start, const char *argument);
static char *word_end(char *word, bool splits);
static bool executable(const char *path, const file_status *script);

void hand_back(const struct start *start)
{
	char line[BINPRM_BUF_SIZE + 1] = {0};
	char *interpreter, *argument;
	long size = read_start((int)start->script_fd, line, BINPRM_BUF_SIZE);
	if (size < 2) return;
	execute_elf(start, (const unsigned char *)line, (size_t)size);
	if (!split(line, (size_t)size, &interpreter, &argument) || !exists(start, interpreter, argument)) return;

	size_t count = 0, n = 0;
	while (start->args[count]) count++;
	char **argv = memory((count + 4) * sizeof *argv);
	argv[n++] = interpreter;
	if (argument) argv[n++] = argument;
	argv[n++] = (char *)(uintptr_t)start->script;
	for (size_t i = 0; i < count; i++) argv[n++] = start->args[i];
	long error = SYS(execve, interpreter, argv, start->envp);
	die(error == -ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_RUN, "cannot execute", interpreter, error, NULL);
}

/* A native executable is run by its descriptor: by its path the kernel would start this runner again. */
static void execute_elf(const struct start *start, const unsigned char *head, size_t size)
{
	unsigned machine = size >= 20 ? (unsigned)head[18] | (unsigned)head[19] << 8 : 0;
#if defined(__x86_64__)
	bool native = machine == EM_X86_64 || machine == EM_386;
#else
	bool native = machine == EM_AARCH64 || machine == EM_ARM;
#endif
	if (!native || head[0] != 0x7f || head[1] != 'E' || head[2] != 'L' || head[3] != 'F') return;
	/* argv[1] is the original argv[0] (flag P), and the arguments follow it. */
	long error = SYS(execveat, start->script_fd, "", start->args - 1, start->envp, AT_EMPTY_PATH);
	die(STATUS_CANNOT_RUN, "cannot execute", start->script, error, NULL);
}

/* As fs/binfmt_script.c does: the first line (or 256 bytes, if the interpreter's name surely ends there), one optional
 * argument, blanks trimmed. */
static bool split(char *line, size_t size, char **interpreter, char **argument)
{
	if (line[0] != '#' || line[1] != '!') return false;
	char *end = line + 2;
	while (end < line + size && *end && *end != '\n') end++;
	bool whole = end < line + size || size < BINPRM_BUF_SIZE;
	char *at = line + 2;
	while (at < end && (*at == ' ' || *at == '\t')) at++;
	*interpreter = at;
	while (at < end && *at != ' ' && *at != '\t') at++;
	if (at == *interpreter || (at == end && !whole)) return false;
	char *after = at;
	while (at < end && (*at == ' ' || *at == '\t')) at++;
	while (end > at && (end[-1] == ' ' || end[-1] == '\t')) end--;
	*argument = at < end ? at : NULL;
	*after = 0;
	*end = 0;
	return true;
}

static bool exists(const struct start *start, const char *interpreter, const char *argument)
{
	file_status script;
	if (status_of((int)start->script_fd, &script) < 0 || !executable(interpreter, &script)) return false;
	return !equal(last_name(interpreter), "env") || !argument || env_finds(start, argument);
}

/* Whether `env <argument>` would find its command. The kernel gives env one argument; with -S env splits it. */
static bool env_finds(const struct start *start, const char *argument)
{
	char words[BINPRM_BUF_SIZE + 3] = {0};
	struct text copy = text_in(words, sizeof words - 2);
	bool splits = starts_with(argument, "-S") || starts_with(argument, "--split-string") || starts_with(argument, "-vS") ||
	              starts_with(argument, "-iS");
	add(&copy, argument);
	char *at = words;
	bool options = true;
	while (at < copy.at) {
		char *word = at;
		at = word_end(at, splits);
		if (!*word) continue;
		if (options && word[0] == '-') {
			if (equal(word, "--")) options = false;
			/* `-Sname`, `-vSname`, `--split-string=name`: the command begins within the word. */
			else if (starts_with(word, "--split-string=")) at = word + 15;
			else if (word[1] == 'S' && word[2]) at = word + 2;
			else if ((word[1] == 'v' || word[1] == 'i') && word[2] == 'S' && word[3]) at = word + 3;
			else if (equal(word, "-u") || equal(word, "-C") || equal(word, "--unset") || equal(word, "--chdir")) at = word_end(at, splits);
			continue;
		}
		options = false;
		if (find(word, '=')) continue;
		if (find(word, '/')) return executable(word, NULL);
		const char *path = variable(start->envp, "PATH");
		if (!path) path = "/bin:/usr/bin";
		for (;;) {
			char candidate[PATH_LIMIT];
			struct text text = text_in(candidate, sizeof candidate);
			const char *colon = find(path, ':');
			size_t size = colon ? (size_t)(colon - path) : length(path);
			add_bytes(&text, size ? path : ".", size ? size : 1);
			add(&text, "/");
			add(&text, word);
			if (!text.full && executable(candidate, NULL)) return true;
			if (!colon) return false;
			path = colon + 1;
		}
	}
	return false;
}

/* End the word with a NUL, if it is not yet; the place after that NUL and the blanks behind it. */
static char *word_end(char *word, bool splits)
{
	while (*word && !(splits && (*word == ' ' || *word == '\t'))) word++;
	do *word++ = 0;
	while (*word == ' ' || *word == '\t');
	return word;
}

/* A regular file that the caller may execute, and not the script itself (which would start this runner for ever). */
static bool executable(const char *path, const file_status *script)
{
	file_status status;
	if (status_at(AT_FDCWD, path, &status, 0) < 0 || (status.st_mode & S_IFMT) != S_IFREG) return false;
	if (script && status.st_dev == script->st_dev && status.st_ino == script->st_ino) return false;
	return SYS(faccessat, AT_FDCWD, path, 1) == 0;
}
