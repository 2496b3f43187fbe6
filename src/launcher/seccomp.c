/* The built-in seccomp filters.
 *
 * `terminal`: no launcher that leaves its program the controlling terminal (job control!) is safe against a program that
 * types into it; so the two ioctls that do fail with EPERM. The kernel compares the low 32 bits of the request only, and so
 * does the filter (CVE-2019-10063).
 * `ownership`: chown and friends, and the setting of extended attributes (file capabilities), answer 0 and do nothing, for the
 * installation scripts of packages in a user namespace with one uid.
 *
 * Both know the foreign calls that the machine's kernel takes too (i386 and x32; 32-bit ARM). */
#include "die.h"
#include "namespaces.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#define TIOCSTI 0x5412
#define TIOCLINUX 0x541C
#define X32 0x40000000U

struct abi {
	unsigned arch;
	unsigned ioctl[2];       /* 0 ends both lists */
	unsigned ownership[20];
};

static const struct abi ABIS[] = {
#if defined(__x86_64__)
	/* chown fchown lchown fchownat, setxattr lsetxattr fsetxattr, setxattrat */
	{AUDIT_ARCH_X86_64, {16, X32 + 514}, {92, 93, 94, 260, 188, 189, 190, 463, X32 + 92, X32 + 93, X32 + 94, X32 + 260, X32 + 188, X32 + 189, X32 + 190, X32 + 463}},
	{AUDIT_ARCH_I386, {54}, {182, 95, 16, 298, 212, 207, 198, 226, 227, 228, 463}},
#else
	{AUDIT_ARCH_AARCH64, {29}, {54, 55, 5, 6, 7, 463}},
	{AUDIT_ARCH_ARM, {54}, {182, 95, 16, 325, 212, 207, 198, 226, 227, 228, 463}},
#endif
};

struct program {
	unsigned short size;
	struct sock_filter code[128];
};

static void emit(struct program *program, unsigned code, unsigned k, unsigned jump_true, unsigned jump_false)
{
	program->code[program->size++] =
		(struct sock_filter){.code = (unsigned short)code, .jt = (unsigned char)jump_true, .jf = (unsigned char)jump_false, .k = k};
}

static void emit_load(struct program *program, size_t offset)
{
	emit(program, BPF_LD | BPF_W | BPF_ABS, (unsigned)offset, 0, 0);
}

static void emit_return(struct program *program, unsigned action)
{
	emit(program, BPF_RET | BPF_K, action, 0, 0);
}

static void emit_abi(struct program *program, const struct abi *abi, unsigned filters)
{
	emit_load(program, offsetof(struct seccomp_data, arch));
	unsigned short skip = program->size;
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, abi->arch, 0, 0);
	emit_load(program, offsetof(struct seccomp_data, nr));
	for (int i = 0; filters & FILTER_TERMINAL && i < 2 && abi->ioctl[i]; i++) {
		emit(program, BPF_JMP | BPF_JEQ | BPF_K, abi->ioctl[i], 0, 5);
		emit_load(program, offsetof(struct seccomp_data, args[1])); /* little endian: the low half */
		emit(program, BPF_JMP | BPF_JEQ | BPF_K, TIOCSTI, 1, 0);
		emit(program, BPF_JMP | BPF_JEQ | BPF_K, TIOCLINUX, 0, 1);
		emit_return(program, SECCOMP_RET_ERRNO | EPERM);
		emit_return(program, SECCOMP_RET_ALLOW);
	}
	for (int i = 0; filters & FILTER_OWNERSHIP && abi->ownership[i]; i++) {
		emit(program, BPF_JMP | BPF_JEQ | BPF_K, abi->ownership[i], 0, 1);
		emit_return(program, SECCOMP_RET_ERRNO | 0);
	}
	emit_return(program, SECCOMP_RET_ALLOW);
	program->code[skip].jf = (unsigned char)(program->size - skip - 1);
}

void install_filters(unsigned filters)
{
	struct program program = {.size = 0};
	for (size_t i = 0; i < sizeof ABIS / sizeof *ABIS; i++) emit_abi(&program, &ABIS[i], filters);
	emit_return(&program, SECCOMP_RET_ALLOW);
	struct sock_fprog filter = {.len = program.size, .filter = program.code};
	/* Without this flag kernels before 5.16 would also switch speculation off, and slow the program down (Linux 4.17). */
	long error = SYS(seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &filter);
	if (error == -EINVAL) error = SYS(seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter);
	must(error, "cannot install the seccomp filter", NULL);
}
