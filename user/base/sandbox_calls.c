/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* clang-format off */

/* Names that the library does not know, as it is older, are left out. */

/* What both halves and the libraries that they use call: memory and threads ... */
static const char *const running[] = {
	"brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "membarrier", "mincore",
	"futex", "futex_waitv", "set_robust_list", "get_robust_list", "rseq", "set_tid_address",
	"arch_prctl", "sched_yield", "sched_getaffinity", "sched_getparam", "sched_getscheduler",
	"getcpu", "exit", "exit_group", "getpid", "gettid", "getppid", "prctl", "capget",
	"capset", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait",
	"rt_sigpending", "sigaltstack", "restart_syscall", "getuid", "geteuid", "getgid",
	"getegid", "getresuid", "getresgid", "getgroups", "uname", "sysinfo", "getrlimit",
	"setrlimit", "prlimit64", "getrusage",
};
/* ... time, randomness and events ... */
static const char *const waiting[] = {
	"clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time",
	"timerfd_create", "timerfd_settime", "timerfd_gettime", "getrandom", "epoll_create",
	"epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll",
	"ppoll", "select", "pselect6", "eventfd", "eventfd2", "pipe", "pipe2", "signalfd4",
};
/* ... descriptors, and the socket between the halves. */
static const char *const reading[] = {
	"read", "readv", "pread64", "write", "writev", "pwrite64", "close", "close_range", "dup",
	"dup2", "dup3", "fcntl", "lseek", "fstat", "newfstatat", "stat", "lstat", "statx",
	"fstatfs", "statfs", "access", "faccessat", "faccessat2", "openat2", "readlink",
	"readlinkat", "getdents64", "getcwd", "flock", "sendmsg", "recvmsg", "sendto",
	"recvfrom", "accept4", "getsockopt", "setsockopt", "getsockname", "getpeername",
	"shutdown",
};

static const char *const of_probe[] = {
	"bpf", "perf_event_open", "sched_setattr", "inotify_add_watch", "inotify_rm_watch",
	"inotify_init1", "wait4", "waitid", "pidfd_open", "umask",
};

/* None that changes modes or owners: Landlock does not restrict these, and of root's files root is
 * the owner without any capability. */
static const char *const of_daemon[] = {
	"open", "openat", "unlink", "unlinkat", "bind", "listen", "connect", "accept", "sendmmsg",
	"recvmmsg", "sendfile", "ftruncate", "fallocate", "fsync", "fdatasync", "rename",
	"renameat", "renameat2", "link", "linkat", "mkdir", "mkdirat", "rmdir", "utimensat",
	"umask", "memfd_create", "sync_file_range", "msync",
};

/* No half has business with these: who calls one has taken it over. */
static const char *const deadly[] = {
	"execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev", "mount",
	"umount2", "pivot_root", "chroot", "move_mount", "open_tree", "fsopen", "fsconfig",
	"fsmount", "mount_setattr", "init_module", "finit_module", "delete_module", "kexec_load",
	"kexec_file_load", "unshare", "setns", "reboot", "swapon", "swapoff", "userfaultfd",
	"add_key", "request_key", "keyctl", "open_by_handle_at", "io_uring_setup", "iopl",
	"ioperm", "acct", "quotactl", "settimeofday", "clock_settime", "clock_adjtime",
	"sethostname", "setdomainname", "pidfd_getfd", "kcmp", "lookup_dcookie", "syslog",
	"vhangup",
};
/* ... and the daemon half none with these. */
static const char *const deadly_to_daemon[] = {
	"bpf", "perf_event_open",
};

/* clang-format on */

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static int add(scmp_filter_ctx filter, uint32_t action, const char *const *names, size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i++) {
		int number = seccomp_syscall_resolve_name(names[i]);

		/* Negative: this architecture has no such call. */
		if (number >= 0)
			err = seccomp_rule_add(filter, action, number, 0);
	}
	return err;
}

/* Threads, and no processes. The flags of clone3 are in memory, where a filter does not see them:
 * the C library falls back to clone when there is none. */
static int add_threads(scmp_filter_ctx filter)
{
	int err = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				       SCMP_A0(SCMP_CMP_MASKED_EQ,
					       CLONE_THREAD | CLONE_VM | CLONE_NEWUSER,
					       CLONE_THREAD | CLONE_VM));
	return err;
}

static int add_families(scmp_filter_ctx filter, const int *families, size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i++) {
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				       SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]));
	}
	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 1,
				       SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
	return err;
}

/* Files are opened for reading. What openat2 opens for is in memory, where a filter does not see
 * it.
 */
static int add_reads(scmp_filter_ctx filter)
{
	const scmp_datum_t changes = O_ACCMODE | O_CREAT | O_TRUNC;
	int err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
				   SCMP_A2(SCMP_CMP_MASKED_EQ, changes, O_RDONLY));

#ifdef __NR_open
	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(open), 1,
				       SCMP_A1(SCMP_CMP_MASKED_EQ, changes, O_RDONLY));
#endif
	return err;
}

/* All but typing for somebody else, on a terminal that both have. */
static int add_ioctl(scmp_filter_ctx filter)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				SCMP_A1(SCMP_CMP_NE, TIOCSTI));
}

/* To the process itself, as abort() does, and to CHILD. */
static int add_signals(scmp_filter_ctx filter, pid_t child)
{
	int err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				   SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));

	if (!err && child)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(kill), 1,
				       SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)child));
	return err;
}

static int fill(scmp_filter_ctx filter, enum sandbox_half half, pid_t child)
{
	static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
	bool probe = half == SANDBOX_PROBE;
	int err = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

	if (!err) /* not on every kernel */
		seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
	if (!err)
		err = add(filter, SCMP_ACT_ALLOW, running, COUNT(running));
	if (!err)
		err = add(filter, SCMP_ACT_ALLOW, waiting, COUNT(waiting));
	if (!err)
		err = add(filter, SCMP_ACT_ALLOW, reading, COUNT(reading));
	if (!err)
		err = add(filter, SCMP_ACT_ALLOW, probe ? of_probe : of_daemon,
			  probe ? COUNT(of_probe) : COUNT(of_daemon));
	if (!err)
		err = add(filter, SCMP_ACT_KILL_PROCESS, deadly, COUNT(deadly));
	if (!err && !probe)
		err = add(filter, SCMP_ACT_KILL_PROCESS, deadly_to_daemon, COUNT(deadly_to_daemon));
	if (!err)
		err = add_threads(filter);
	if (!err)
		err = add_families(filter, families, probe ? 1 : COUNT(families));
	if (!err)
		err = add_ioctl(filter);
	if (!err && probe)
		err = add_reads(filter);
	if (!err)
		err = add_signals(filter, child);
	return err;
}

int sandbox_calls(enum sandbox_half half, pid_t child)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err = filter ? fill(filter, half, child) : -ENOMEM;

#ifndef __SANITIZE_ADDRESS__
	if (!err)
		err = seccomp_load(filter);
#endif
	seccomp_release(filter);
	return err;
}
