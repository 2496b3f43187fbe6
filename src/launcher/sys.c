/* Where the process begins, and what gcc expects of any environment (memcpy and friends). */
#include "sys.h"
#include "text.h"
#include "die.h"
#include <linux/mman.h>
#include <linux/signal.h>

/* The kernel puts argc, argv, envp and the auxiliary vector on the stack; main wants the address of the first. */
__attribute__((used)) _Noreturn void launcher_main(long *stack);

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall launcher_main\n\thlt\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tmov x30, #0\n\tmov x0, sp\n\tb launcher_main\n");
#endif

__attribute__((used)) void *memcpy(void *restrict to, const void *restrict from, size_t size);
__attribute__((used)) void *memset(void *to, int byte, size_t size);

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
	char *t = to;
	const char *f = from;
	while (size--) *t++ = *f++;
	return to;
}

void *memset(void *to, int byte, size_t size)
{
	char *t = to;
	while (size--) *t++ = (char)byte;
	return to;
}

long read_start(int fd, void *buffer, size_t size)
{
	size_t got = 0;
	while (got < size) {
		long n = SYS(pread64, fd, (char *)buffer + got, size - got, (long)got);
		if (n == -EINTR) continue;
		if (n < 0) return n;
		size_t asked = size - got;
		got += (size_t)n;
		if ((size_t)n < asked) break; /* the end: these are files */
	}
	return (long)got;
}

void *memory(size_t size)
{
	/* Enough for nearly every start, without a call. */
	static char arena[64 * 1024] __attribute__((aligned(16)));
	static size_t used;
	size = (size + 15) & ~(size_t)15;
	if (size <= sizeof arena - used) {
		used += size;
		return arena + used - size;
	}
	long at = SYS(mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at < 0 && at > -4096) die(STATUS_SETUP, "cannot get memory", NULL, at, NULL);
	return (void *)at;
}

long fork_process(void)
{
	return SYS(clone, SIGCHLD, 0, 0, 0, 0);
}

const char *fd_path(long fd, char buffer[40])
{
	struct text text = text_in(buffer, 40);
	add(&text, "/proc/self/fd/");
	add_number(&text, (uint64_t)fd);
	return buffer;
}

long canonical_name(long fd, char path[PATH_LIMIT])
{
	char link[40];
	long size = SYS(readlinkat, AT_FDCWD, fd_path(fd, link), path, PATH_LIMIT - 1);
	if (size >= 0) path[size] = 0;
	return size;
}
