/* Processes that wait for others, and mirror how they end: see pid.h.
 *
 * Both pid 1 and the program are children of the parent, which so sees the program's own status, stops included; nothing has
 * to be passed on by pid 1, which does no more than reap. */
#include "pid.h"
#include "die.h"
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/signal.h>
#include <linux/wait.h>

#define STOPPED(status) (((status) & 0xff) == 0x7f)
#define STOP_SIGNAL(status) (((status) >> 8) & 0xff)
#define SIGNAL_SET_SIZE 8

struct kernel_sigaction {
	void *handler;
	unsigned long flags;
	void *restorer;
	uint64_t mask;
};

static _Noreturn void reap(void);
static _Noreturn void mirror(long program, long init, uint64_t signals);
static void send_self(int signal);
static void close_all(void);
static void die_with_parent(void);

void become_child(void)
{
	/* Everything but the synchronous faults is taken from a queue: no handler, no race. */
	uint64_t all = ~(uint64_t)0, before = 0;
	const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGABRT};
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) all &= ~(1ULL << (faults[i] - 1));
	SYS(rt_sigprocmask, SIG_BLOCK, &all, &before, SIGNAL_SET_SIZE);
	/* An inherited SIG_IGN of SIGCHLD would make children vanish unseen; the program gets its disposition back. */
	struct kernel_sigaction plain = {0}, inherited = {0};
	SYS(rt_sigaction, SIGCHLD, &plain, &inherited, SIGNAL_SET_SIZE);

	long init = must(fork_process(), "cannot start a process", NULL);
	if (init == 0) reap();
	long program = must(fork_process(), "cannot start a process", NULL);
	if (program) mirror(program, init, all);
	die_with_parent();
	SYS(rt_sigaction, SIGCHLD, &inherited, 0, SIGNAL_SET_SIZE);
	SYS(rt_sigprocmask, SIG_SETMASK, &before, 0, SIGNAL_SET_SIZE);
}

_Noreturn void die_as(int status)
{
	int signal = status & 0x7f;
	if (signal) {
		struct kernel_sigaction plain = {0};
		uint64_t set = 1ULL << (signal - 1);
		/* One core dump is enough, and it is the program's. */
		struct rlimit64 { uint64_t current, most; } none = {0, 0};
		SYS(prlimit64, 0, RLIMIT_CORE, &none, 0);
		SYS(rt_sigaction, signal, &plain, 0, SIGNAL_SET_SIZE);
		SYS(rt_sigprocmask, SIG_UNBLOCK, &set, 0, SIGNAL_SET_SIZE);
		send_self(signal);
		leave(128 + signal);
	}
	leave(status >> 8 & 0xff);
}

static _Noreturn void reap(void)
{
	die_with_parent();
	close_all();
	for (;;) {
		uint64_t child = 1ULL << (SIGCHLD - 1);
		SYS(rt_sigtimedwait, &child, 0, 0, SIGNAL_SET_SIZE);
		while (SYS(wait4, -1, 0, WNOHANG, 0) > 0) continue;
	}
}

static _Noreturn void mirror(long program, long init, uint64_t signals)
{
	/* The parent lives as long as the program, and must not keep a pipe open that the program closes. */
	close_all();
	for (;;) {
		siginfo_t info;
		int status = 0;
		long ended;
		while ((ended = SYS(wait4, program, &status, WNOHANG | WUNTRACED, 0)) > 0) {
			if (!STOPPED(status)) {
				SYS(kill, init, SIGKILL);
				SYS(wait4, init, 0, 0, 0);
				die_as(status);
			}
			send_self(SIGSTOP);
			/* Continued: alone, or with the whole group, when this second SIGCONT does no harm. */
			SYS(kill, program, SIGCONT);
		}
		long signal = SYS(rt_sigtimedwait, &signals, &info, 0, SIGNAL_SET_SIZE);
		if (signal <= 0 || signal == SIGCHLD || signal == SIGCONT) continue;
		/* What the terminal sends (SI_KERNEL), the program got as well: it is in the same process group. */
		if (info.si_code <= 0) SYS(kill, program, signal);
	}
}

static void send_self(int signal)
{
	long self = SYS(getpid);
	SYS(kill, self, signal);
}

static void close_all(void)
{
	if (SYS(close_range, 0, ~0U, 0) == 0) return;
	for (int fd = 0; fd < 4096; fd++) SYS(close, fd);
}

static void die_with_parent(void)
{
	SYS(prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}
