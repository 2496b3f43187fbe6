/* The kernel, without a C library: system calls, the process's stack, and the few types that the uapi headers leave out.
 *
 * Every call returns what the kernel returns: a value, or minus an errno. */
#pragma once

#include <asm/stat.h>
#include <linux/fcntl.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kernel's own limits. */
#define PATH_LIMIT 4096

/* errno values (asm-generic/errno-base.h, errno.h) are taken from the header so that both architectures agree. */
#include <asm/errno.h>
#include <asm/unistd.h>

static inline long sys6(long number, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;
	__asm__ volatile("syscall"
	                 : "=a"(result)
	                 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
	                 : "rcx", "r11", "memory");
	return result;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory", "cc");
	return x0;
#else
#error "the launcher knows x86-64 and aarch64"
#endif
}

#define SYS_PICK(_1, _2, _3, _4, _5, _6, _7, name, ...) name
#define SYS1(n) sys6(n, 0, 0, 0, 0, 0, 0)
#define SYS2(n, a) sys6(n, (long)(a), 0, 0, 0, 0, 0)
#define SYS3(n, a, b) sys6(n, (long)(a), (long)(b), 0, 0, 0, 0)
#define SYS4(n, a, b, c) sys6(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define SYS5(n, a, b, c, d) sys6(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define SYS6(n, a, b, c, d, e) sys6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define SYS7(n, a, b, c, d, e, f) sys6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* SYS(name, operands…): the system call `name` with up to six operands. */
#define SYS(name, ...) SYS_(__NR_##name, ##__VA_ARGS__)
#define SYS_(...) SYS_PICK(__VA_ARGS__, SYS7, SYS6, SYS5, SYS4, SYS3, SYS2, SYS1)(__VA_ARGS__)

typedef struct stat file_status;

static inline long open_at(int folder, const char *path, int flags)
{
	return SYS(openat, folder, path, flags | O_CLOEXEC, 0);
}

static inline long status_of(int fd, file_status *out)
{
	return SYS(fstat, fd, out);
}

static inline long status_at(int folder, const char *path, file_status *out, int flags)
{
	return SYS(newfstatat, folder, path, out, flags);
}

static inline _Noreturn void leave(int status)
{
	for (;;) SYS(exit_group, status);
}

/* As much of the file as fits, from its start; the position does not move. */
long read_start(int fd, void *buffer, size_t size);

/* Fresh zeroed memory, or death. Nothing is ever freed: the launcher becomes the program or exits. */
void *memory(size_t size);

/* fork(2). */
long fork_process(void);

/* "/proc/self/fd/N". */
const char *fd_path(long fd, char buffer[40]);
/* The canonical name of what is open as `fd`: its length, or minus an errno. */
long canonical_name(long fd, char path[PATH_LIMIT]);
