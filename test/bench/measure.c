/* Launches one program again and again and tells how long each launch took: from before posix_spawn(3), which is vfork and execve,
 * to after wait4(2). One such worker stands for each contender, so that its own cost is the same for all, and so that a contender
 * can be somebody else or somewhere else (another user, a chroot) without that being measured.
 *
 *     measure FOLDER PROGRAM ARGV0 [ARGUMENT…]
 *
 * Commands are lines on stdin, each answered by a line on stdout:
 *
 *     check             one launch whose output goes to our stderr             "NANOSECONDS STATUS"
 *     measure           one launch without output                              "NANOSECONDS STATUS"
 *     parallel N MOST   N launches, at most MOST at a time                     "NANOSECONDS FAILED"
 *
 * STATUS is that of wait(2). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static long long nanoseconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void fail(const char *what)
{
	fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
	exit(125);
}

static void start(const posix_spawn_file_actions_t *files, char **program)
{
	pid_t pid;
	errno = posix_spawn(&pid, program[0], files, NULL, program + 1, environ);
	if (errno) fail(program[0]);
}

static int wait_for_one(void)
{
	int status;
	while (wait4(-1, &status, 0, NULL) < 0)
		if (errno != EINTR) fail("wait4");
	return status;
}

static long parallel(const posix_spawn_file_actions_t *files, char **program, long count, long most)
{
	long failed = 0, running = 0;
	for (long started = 0; started < count || running;) {
		if (started < count && running < most) {
			start(files, program);
			started++;
			running++;
		} else {
			failed += wait_for_one() != 0;
			running--;
		}
	}
	return failed;
}

int main(int argc, char **argv)
{
	if (argc < 4) return 2;
	if (chdir(argv[1])) fail(argv[1]);
	char **program = argv + 2, line[100];
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0) fail("/dev/null");

	posix_spawn_file_actions_t silent, heard;
	posix_spawn_file_actions_init(&silent);
	posix_spawn_file_actions_init(&heard);
	for (int fd = 0; fd < 3; fd++) {
		posix_spawn_file_actions_adddup2(&silent, null, fd);
		posix_spawn_file_actions_adddup2(&heard, fd ? 2 : null, fd);
	}

	while (fgets(line, sizeof line, stdin)) {
		long count, most, result;
		long long before = nanoseconds();
		if (sscanf(line, "parallel %ld %ld", &count, &most) == 2) result = parallel(&silent, program, count, most);
		else {
			start(line[0] == 'c' ? &heard : &silent, program);
			result = wait_for_one();
		}
		printf("%lld %ld\n", nanoseconds() - before, result);
		fflush(stdout);
	}
	return 0;
}
