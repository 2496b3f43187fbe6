/* Leave the host's namespaces, and give up what must not be kept: see namespaces.h. */
#include "namespaces.h"
#include "die.h"
#include "text.h"
#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/securebits.h>

static void map_identity(unsigned uid, unsigned gid, unsigned outer_uid, unsigned outer_gid);
static void write_map(const char *file, unsigned inside, unsigned outside);
static void drop_capabilities(void);

static const struct {
	unsigned bit;
	unsigned clone;
} NAMESPACES[] = {
	{NS_USER, CLONE_NEWUSER}, {NS_MOUNT, CLONE_NEWNS}, {NS_PID, CLONE_NEWPID},
	{NS_NET, CLONE_NEWNET}, {NS_IPC, CLONE_NEWIPC}, {NS_UTS, CLONE_NEWUTS},
};

void enter_namespaces(const struct start *start, const struct plan *plan)
{
	unsigned flags = 0;
	for (size_t i = 0; i < sizeof NAMESPACES / sizeof *NAMESPACES; i++)
		if (plan->namespaces & NAMESPACES[i].bit) flags |= NAMESPACES[i].clone;
	if (!flags) return;

	/* A real root needs no user namespace, and without one the owners of all files look right. */
	unsigned without_user = flags & ~(unsigned)CLONE_NEWUSER;
	if (flags & CLONE_NEWUSER && start->uid == 0 && !plan->as_root && without_user && SYS(unshare, without_user) == 0) flags = without_user;
	else {
		long error = SYS(unshare, flags);
		if (error == -ENOSPC || error == -EUSERS)
			die(STATUS_SETUP, "cannot enter namespaces", NULL, error,
			    "too many user namespaces, or too deeply nested (see user.max_user_namespaces): run `langrun doctor`");
		if (error == -EPERM || error == -EACCES || error == -EINVAL || error == -ENOSYS)
			die(STATUS_SETUP, "cannot enter a user namespace", NULL, error, "this host may forbid them: run `langrun doctor`");
		must(error, "cannot enter namespaces", NULL);
		if (flags & CLONE_NEWUSER) map_identity(plan->as_root ? 0 : start->uid, plan->as_root ? 0 : start->gid, start->uid, start->gid);
	}
	/* A user namespace gets slaves of the host's mounts from the kernel; a real root would share its own with the host. */
	if (flags & CLONE_NEWNS && !(flags & CLONE_NEWUSER))
		must(SYS(mount, 0, "/", 0, MS_REC | MS_SLAVE, 0), "cannot separate the mounts from the host's", NULL);
}

void restore_identity(const struct start *start)
{
	must_in_namespace(SYS(unshare, CLONE_NEWUSER), "cannot enter a second user namespace", NULL);
	map_identity(start->uid, start->gid, 0, 0);
}

void give_up_privileges(const struct start *start, const struct plan *plan)
{
	must(SYS(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "cannot set no_new_privs", NULL);
	if (start->uid == 0 && !plan->as_root) drop_capabilities();
	if (plan->filters) install_filters(plan->filters);
}

static void map_identity(unsigned uid, unsigned gid, unsigned outer_uid, unsigned outer_gid)
{
	/* Kernels before 3.19 have no setgroups file; all later ones demand "deny" before a gid may be mapped. */
	long fd = open_at(AT_FDCWD, "/proc/self/setgroups", O_WRONLY);
	if (fd >= 0) {
		must_in_namespace(SYS(write, fd, "deny", 4), "cannot write", "/proc/self/setgroups");
		SYS(close, fd);
	}
	write_map("/proc/self/uid_map", uid, outer_uid);
	write_map("/proc/self/gid_map", gid, outer_gid);
}

static void write_map(const char *file, unsigned inside, unsigned outside)
{
	char line[64];
	struct text text = text_in(line, sizeof line);
	add_number(&text, inside);
	add(&text, " ");
	add_number(&text, outside);
	add(&text, " 1");
	long fd = must_in_namespace(open_at(AT_FDCWD, file, O_WRONLY), "cannot open", file);
	must_in_namespace(SYS(write, fd, line, text.at - line), "cannot write", file);
	SYS(close, fd);
}

/* uid 0 would get all capabilities of its user namespace back at exec. SECBIT_NOROOT, locked, takes that magic away.
 *
 * One is kept: CAP_SETFCAP, for since Linux 5.12 uid 0 cannot be mapped into a nested user namespace without it, and scripts
 * start scripts. It gives nothing that a process of uid 0 (which may make set-uid files of its own) does not have. */
static void drop_capabilities(void)
{
	const unsigned keep = 1U << CAP_SETFCAP;
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
	struct __user_cap_data_struct data[2] = {{0, 0, 0}, {0, 0, 0}};
	must(SYS(capget, &header, data), "cannot read the capabilities", NULL);
	/* Without CAP_SETPCAP the bits and the set cannot change, and there is not much to give up: nested, it is done. */
	if (data[0].effective & 1U << CAP_SETPCAP) {
		for (long capability = 0; SYS(prctl, PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
			if (capability != CAP_SETFCAP) must(SYS(prctl, PR_CAPBSET_DROP, capability, 0, 0, 0), "cannot drop a capability", NULL);
		must(SYS(prctl, PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED, 0, 0, 0), "cannot give up root's privileges", NULL);
	}
	SYS(prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	data[0] = (struct __user_cap_data_struct){data[0].effective & keep, data[0].permitted & keep, data[0].permitted & keep};
	data[1] = (struct __user_cap_data_struct){0, 0, 0};
	must(SYS(capset, &header, data), "cannot drop the capabilities", NULL);
	if (data[0].permitted) SYS(prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SETFCAP, 0, 0);
}
