/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/uprobe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNHARMED  0
#define HARMED    1
#define NOT_TRIED 2

#ifdef __x86_64__

/*
 * What carries the breakpoint; in the child it also says whether it was let return. It begins with
 * a nop, which the kernel takes as done: any other first instruction it would single-step
 * elsewhere, and what comes of that (under emulation the child was seen to fail) is nothing a
 * filter does.
 */
__attribute__((noinline, patchable_function_entry(1))) static int tried(int x)
{
	__asm__ volatile("" : "+r"(x) : : "memory");
	return x;
}

/* Where it lies in this program's file: a place in memory is so far from where its mapping begins.
 * 0 when that is not known. */
static uint64_t offset_of(uintptr_t place)
{
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned long start, end, offset;
	uint64_t found = 0;
	char line[512];

	while (f && !found && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx %*s %lx", &start, &end, &offset) == 3 && place >= start &&
		    place < end)
			found = place - start + offset;
	}
	if (f)
		fclose(f);
	return found;
}

/* Without what a library does at the end of a process, which the filter forbids. */
static void leave(int status)
{
	syscall(SYS_exit_group, status);
}

/* A filter that forbids a call makes the kernel send this; exit_group is allowed. */
static void on_forbidden(int signal)
{
	(void)signal;
	leave(HARMED);
}

static bool filter(void)
{
	static const unsigned allowed[] = {SYS_read, SYS_exit_group, SYS_rt_sigreturn};
	enum { LEN = sizeof(allowed) / sizeof(allowed[0]) };
	struct sock_filter code[LEN + 3];
	struct sock_fprog program = {.len = LEN + 3, .filter = code};

	code[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					       offsetof(struct seccomp_data, nr));
	for (unsigned i = 0; i < LEN; i++)
		code[i + 1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i],
							   LEN - i, 0);
	code[LEN + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
	code[LEN + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

/* The child: waits for the breakpoint to be there, and calls the function that has it. */
static void run_filtered(int from_parent, int (*call)(int))
{
	struct sigaction action = {.sa_handler = on_forbidden};
	char byte;

	if (sigaction(SIGSYS, &action, NULL) || !filter() || read(from_parent, &byte, 1) != 1)
		leave(NOT_TRIED);
	leave(call(UNHARMED));
}

int uprobe_try_filtered(int program, enum uprobe_way way, int (*call)(int))
{
	const struct uprobe_point point = {
		.program = program,
		.offsets = {offset_of((uintptr_t)tried)},
		.when = way == UPROBE_SESSIONS ? UPROBE_SESSION : UPROBE_RETURN,
	};
	struct uprobe u = {0};
	int pipe_fds[2], status = 0, err = 0;
	pid_t child;

	if (!point.offsets[0])
		return -ENOENT;
	if (pipe2(pipe_fds, O_CLOEXEC))
		return -errno;
	child = fork();
	if (child == 0) {
		close(pipe_fds[1]);
		run_filtered(pipe_fds[0], call ? call : tried);
	}
	close(pipe_fds[0]);
	if (child < 0)
		err = -errno;
	else if (program >= 0)
		err = uprobe_attach(&u, &point, way, child, "/proc/self/exe");
	if (!err && write(pipe_fds[1], "", 1) != 1)
		err = -EPIPE;
	close(pipe_fds[1]); /* without the byte the child ends too */
	if (child > 0 && waitpid(child, &status, 0) != child)
		err = -errno;
	uprobe_detach(&u);
	if (err)
		return err;
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_TRIED)
		return -ENOSYS;
	return !WIFEXITED(status) || WEXITSTATUS(status) != UNHARMED;
}

#else

int uprobe_try_filtered(int program, enum uprobe_way way, int (*call)(int))
{
	(void)program;
	(void)way;
	(void)call;
	return 0;
}

#endif
