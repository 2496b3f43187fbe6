/* The slow path: see prepare.h. langrun is forked rather than executed, so that the arguments and the environment stay here,
 * byte for byte, and pass through no other program. */
#include "prepare.h"
#include "die.h"
#include "namespaces.h"
#include "pid.h"
#include "store.h"
#include "text.h"
#include <linux/memfd.h>

int prepare_plan(const struct start *start)
{
	char program[PATH_LIMIT], number[NUMBER_ROOM];
	if (!find_langrun(start, program)) return -1;
	int memfd = (int)must(SYS(memfd_create, "langrun-plan", MFD_CLOEXEC), "cannot make a memory file", NULL);
	/* Not one of 0, 1 and 2, which the caller may have closed: langrun would take it for its input or output. */
	if (memfd < 3) {
		int low = memfd;
		memfd = (int)must(SYS(fcntl, low, F_DUPFD_CLOEXEC, 3), "cannot duplicate a descriptor", NULL);
		SYS(close, low);
	}

	long child = must(fork_process(), "cannot start a process", NULL);
	if (child == 0) {
		const char *argv[15];
		size_t n = 0;
		argv[n++] = program;
		argv[n++] = "prepare";
		argv[n++] = "--plan-fd";
		argv[n++] = decimal((uint64_t)memfd, number);
		argv[n++] = "--language";
		argv[n++] = start->trailer.language;
		argv[n++] = "--profile";
		argv[n++] = start->profile;
		if (start->script) {
			argv[n++] = "--script";
			argv[n++] = start->script;
		}
		if (start->trailer.bound) argv[n++] = "--bound";
		if (start->cwd_length > 0) {
			argv[n++] = "--cwd";
			argv[n++] = start->cwd;
		}
		argv[n] = NULL;
		SYS(fcntl, memfd, F_SETFD, 0);
		long error = SYS(execve, program, argv, start->envp);
		die(error == -ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_RUN, "cannot execute", program, error, "reinstall langrun");
	}
	/* The terminal's signals reach langrun by itself: it is in the same process group. */
	int status = 0;
	long waited;
	do waited = SYS(wait4, child, &status, 0, 0);
	while (waited == -EINTR);
	must(waited, "cannot wait for", program);
	if (status) die_as(status);
	return memfd;
}
