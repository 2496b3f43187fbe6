/* The launcher: carries out one plan, and becomes the program that the plan names. Mechanism only; langrun decides, the plan
 * says, and ARCHITECTURE.md documents.
 *
 *   runner PATH ARGV0 ARG…     as binfmt_misc starts it: a launcher with a trailer that names a language
 *   runner SCRIPT ARG…         the same, by hand or by `#!`
 *   shim ARG…                  a runner in the place of the interpreter
 *   launcher --plan FILE [--ignore-signals HEX] [--] [SCRIPT [ARG…]]
 *   launcher --syncfs PATH
 *   launcher --lock PATH */
#include "die.h"
#include "lock.h"
#include "mounts.h"
#include "namespaces.h"
#include "pid.h"
#include "prepare.h"
#include "program.h"
#include "script.h"
#include "shebang.h"
#include "store.h"
#include "text.h"
#include <linux/auxvec.h>

#define PRESERVE_ARGV0 1 /* AT_FLAGS_PRESERVE_ARGV0, linux/binfmts.h since 5.12; older kernels do not tell */

__attribute__((used)) _Noreturn void launcher_main(long *stack);

static void take_stack(struct start *start, long *stack);
static const char *take_options(struct start *start, char **arguments);
static void take_runner(struct start *start, char **arguments);
static void load_plan(struct plan *plan, int fd, const char *name);
static const char *read_plan(struct plan *plan, int fd, const char *name);
static bool load_script_plan(const struct start *start, struct plan *plan);
static bool shows_all(const struct start *start, const struct plan *plan);
static bool shows_file(const struct plan *plan, long fd);
static void enter_folder(const struct start *start, const struct plan *plan);
static void restore_dispositions(uint64_t ignored);
static void restore_blocking(void);
static _Noreturn void not_installed(const struct start *start);
static _Noreturn void not_shown(const struct start *start);
static _Noreturn void no_folder(const struct start *start);
static _Noreturn void usage(void);

_Noreturn void launcher_main(long *stack)
{
	/* The one big buffer: untouched pages of it cost nothing. */
	static struct start start;
	static struct plan plan;
	static char trailer[TRAILER_SIZE];

	take_stack(&start, stack);
	read_trailer(&start, trailer);
	start.cwd_length = SYS(getcwd, start.cwd, sizeof start.cwd);
	locate_store(&start);
	if (start.trailer.language) {
		take_runner(&start, start.argv + 1);
		start.language = start.trailer.language;
		if (start.script_fd >= 0) hand_back(&start);
		long fd = open_plan(&start);
		if (fd >= 0) load_plan(&plan, (int)fd, start.trailer.language);
		bool ready = fd >= 0 && (!plan.per_script || load_script_plan(&start, &plan)) && shows_all(&start, &plan);
		if (!ready) {
			int prepared = prepare_plan(&start);
			if (prepared < 0 && fd < 0) not_installed(&start);
			if (prepared >= 0) load_plan(&plan, prepared, "that langrun prepared");
			if (prepared < 0 || !shows_all(&start, &plan)) not_shown(&start);
		}
	} else {
		const char *file = take_options(&start, start.argv + 1);
		load_plan(&plan, (int)must(open_at(AT_FDCWD, file, O_RDONLY), "cannot open the plan", file), file);
		if (!plan.cwd && plan.has_root && start.cwd_length <= 0) no_folder(&start);
	}
	if (plan.language) start.language = plan.language;
	if (!start.language) start.language = "this language";

	start.umask = SYS(umask, 022);
	/* Before the user namespace, where root's uid shows as another. */
	if (plan.image) check_image(&start, plan.image);
	if (plan.skeleton && !trusted_folder(&start, plan.skeleton)) plan.skeleton = NULL;
	enter_namespaces(&start, &plan);
	if (plan.namespaces & NS_PID) become_child();
	make_root(&start, &plan);
	if (plan.restores_identity) restore_identity(&start);
	enter_folder(&start, &plan);
	SYS(umask, start.umask);
	give_up_privileges(&start, &plan);
	become_program(&start, &plan);
}

/* The stack as the kernel leaves it: argc, argv, NULL, envp, NULL, and the auxiliary vector. */
static void take_stack(struct start *start, long *stack)
{
	start->argv = (char **)(stack + 1);
	start->envp = start->argv + stack[0] + 1;
	start->script_fd = -1;
	long *at = (long *)start->envp;
	while (*at++) continue;
	for (; at[0] != AT_NULL; at += 2) {
		switch (at[0]) {
		case AT_EXECFD: start->script_fd = at[1]; break;
		case AT_FLAGS: start->keeps_argv0 = at[1] & PRESERVE_ARGV0; break;
		case AT_EUID: start->uid = (unsigned)at[1]; break;
		case AT_EGID: start->gid = (unsigned)at[1]; break;
		case AT_SECURE:
			if (at[1]) die(STATUS_SETUP, "cannot run with the privileges of another user or of a file", NULL, 0, "remove the set-id bit or the file capabilities");
			break;
		default: break;
		}
	}
	if (!start->argv[0]) usage();
	/* The kernel leaves the script's descriptor to whoever it starts. */
	if (start->script_fd >= 0) SYS(fcntl, start->script_fd, F_SETFD, FD_CLOEXEC);
}

static void take_runner(struct start *start, char **arguments)
{
	const char *profile = variable(start->envp, "LANGRUN_PROFILE");
	start->profile = profile && profile[0] ? profile : "home";
	if (!is_profile(start->profile)) die(STATUS_SETUP, "cannot use the profile that LANGRUN_PROFILE names:", start->profile, 0, "see `langrun help profiles`");
	start->args = arguments;
	bool by_registry = start->script_fd >= 0 || start->keeps_argv0;
	if (start->trailer.shim && !by_registry) return;
	if (!arguments[0]) die(STATUS_USAGE, "this is the runner of", start->trailer.language, 0, "it needs a script: <runner> SCRIPT [ARGUMENT…]");
	start->script = arguments[0];
	/* Entries of Debian's binfmt-support have P, but cannot have O unless C comes with it. */
	if (by_registry && start->script_fd < 0) start->script_fd = open_at(AT_FDCWD, start->script, O_RDONLY);
	/* With the flag P the original argv[0] follows the path. */
	start->args = arguments + (by_registry && arguments[1] ? 2 : 1);
}

/* The file that --plan names. */
static const char *take_options(struct start *start, char **arguments)
{
	const char *plan = NULL;
	for (; arguments[0] && arguments[0][0] == '-'; arguments++) {
		uint64_t ignored;
		if (equal(arguments[0], "--")) {
			arguments++;
			break;
		}
		if (!arguments[1]) usage();
		if (equal(arguments[0], "--plan")) plan = arguments[1];
		else if (equal(arguments[0], "--ignore-signals") && parse_number(arguments[1], 16, &ignored)) {
			restore_dispositions(ignored);
			restore_blocking();
		} else if (equal(arguments[0], "--syncfs")) {
			long fd = must(open_at(AT_FDCWD, arguments[1], O_RDONLY), "cannot open", arguments[1]);
			must(SYS(syncfs, fd), "cannot flush the file system of", arguments[1]);
			leave(0);
		} else if (equal(arguments[0], "--lock")) hold_lock(arguments[1]);
		else usage();
		arguments++;
	}
	if (!plan) usage();
	start->script = arguments[0];
	start->args = arguments[0] ? arguments + 1 : arguments;
	return plan;
}

static void load_plan(struct plan *plan, int fd, const char *name)
{
	const char *problem = read_plan(plan, fd, name);
	if (problem) {
		char what[PATH_LIMIT];
		struct text text = text_in(what, sizeof what);
		add(&text, "cannot use the plan ");
		add(&text, name);
		add(&text, ":");
		die(STATUS_SETUP, what, problem, 0, "langrun install makes a new one");
	}
}

/* The plan that is open as `fd`; what is wrong with it, or NULL. Closes it. */
static const char *read_plan(struct plan *plan, int fd, const char *name)
{
	static char bytes[PLAN_LIMIT + 1];
	long size = must(read_start(fd, bytes, sizeof bytes), "cannot read the plan", name);
	SYS(close, fd);
	return parse_plan(plan, bytes, (size_t)size);
}

/* The plan for this very script, if there is one that is whole and current; a damaged one is made anew like a missing one. */
static bool load_script_plan(const struct start *start, struct plan *plan)
{
	long fd = open_script_plan(start, plan->per_script);
	return fd >= 0 && !read_plan(plan, (int)fd, "of this script") && !plan->per_script && is_current(plan);
}

/* Whether the plan shows the script, the folder it was named in, and the working folder. */
static bool shows_all(const struct start *start, const struct plan *plan)
{
	if (!plan->has_root) return true;
	if (!plan->cwd && (start->cwd_length <= 0 || start->cwd[0] != '/')) no_folder(start);
	if (!plan->cwd && !visible(plan, start->cwd)) return false;
	if (!plan->has_script || !start->script) return true;

	/* The folder that it was named in, and, for it may be a link, where it is. */
	char folder[PATH_LIMIT], *end;
	struct text text = text_in(folder, sizeof folder);
	add(&text, start->script);
	end = folder + (last_name(start->script) - start->script);
	*end = 0;
	if (text.full || (folder[0] && !shows_file(plan, open_at(AT_FDCWD, folder, O_PATH)))) return false;
	if (start->script_fd < 0) return shows_file(plan, open_at(AT_FDCWD, start->script, O_PATH));
	return shows_file(plan, SYS(fcntl, start->script_fd, F_DUPFD_CLOEXEC, 0));
}

/* Whether the plan shows what is open as `fd`, by its canonical name; closes it. */
static bool shows_file(const struct plan *plan, long fd)
{
	char path[PATH_LIMIT];
	if (fd < 0) return false;
	long size = canonical_name(fd, path);
	SYS(close, fd);
	return size >= 0 && visible(plan, path);
}

static void enter_folder(const struct start *start, const struct plan *plan)
{
	if (plan->cwd) must(SYS(chdir, plan->cwd), "cannot enter the folder", plan->cwd);
	if (plan->cwd || !plan->has_root) return;
	if (start->cwd_length <= 0 || start->cwd[0] != '/') no_folder(start);
	must(SYS(chdir, start->cwd), "cannot enter the working folder inside the container:", start->cwd);
}

/* Exactly the signals of the mask (bit n-1: signal n, as SigIgn in /proc/self/status) are ignored by the program. */
static void restore_dispositions(uint64_t ignored)
{
	for (int signal = 1; signal <= 64; signal++) {
		struct { const void *handler; unsigned long flags; void *restorer; uint64_t mask; } action = {0};
		if (ignored >> (signal - 1) & 1) action.handler = (const void *)1;
		SYS(rt_sigaction, signal, &action, 0, sizeof(uint64_t));
	}
}

/* Node, which starts us so, reads and writes pipes and sockets without waiting, and leaves them in that mode; the program would
 * take EAGAIN for an error or an end. */
static void restore_blocking(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		long flags = SYS(fcntl, fd, F_GETFL, 0);
		if (flags >= 0 && flags & O_NONBLOCK) SYS(fcntl, fd, F_SETFL, flags & ~(long)O_NONBLOCK);
	}
}

static _Noreturn void not_installed(const struct start *start)
{
	char what[PATH_LIMIT + 16], which[2 * NAME_LIMIT], hint[2 * NAME_LIMIT];
	struct text text = text_in(what, sizeof what);
	add(&text, "cannot run ");
	add(&text, start->script ? start->script : start->argv[0]);
	add(&text, ":");
	text = text_in(which, sizeof which);
	add(&text, start->language);
	add(&text, " is not installed");
	text = text_in(hint, sizeof hint);
	add(&text, "install it: langrun install ");
	add(&text, start->language);
	die(STATUS_NOT_FOUND, what, which, 0, hint);
}

static _Noreturn void not_shown(const struct start *start)
{
	bool script = start->script != NULL;
	die(STATUS_SETUP, script ? "cannot show in the container, together with the working folder, the script" : "cannot show in the container the folder",
	    script ? start->script : start->cwd, 0, "the profile and the plan decide what is shown: see `langrun help profiles`");
}

static _Noreturn void no_folder(const struct start *start)
{
	die(STATUS_SETUP, "cannot tell the working folder", NULL, start->cwd_length < 0 ? start->cwd_length : -ENOENT,
	    "it was removed, or cannot be reached from here: enter another");
}

static _Noreturn void usage(void)
{
	static const char TEXT[] = "usage: launcher --plan FILE [--ignore-signals HEX] [--] [SCRIPT [ARGUMENT…]]\n"
	                           "       launcher --syncfs PATH\n"
	                           "       launcher --lock PATH\n"
	                           "This program is a part of langrun, which starts it.\n";
	SYS(write, 2, TEXT, sizeof TEXT - 1);
	leave(STATUS_USAGE);
}
