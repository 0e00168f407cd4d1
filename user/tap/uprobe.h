/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uprobe.h - one BPF program on places of a file, for one process alone.
 *
 * Two ways. uprobe_multi links (Linux 6.6; usable since 6.10, or where its fix was backported)
 * need CAP_BPF and CAP_PERFMON; since 6.13 one program may have a session there, entry and return,
 * and spare the process the return. The older way through perf events works everywhere, but kernels
 * since CVE-2025-38466 want CAP_SYS_ADMIN for it. A program is loaded for one way or the other, so
 * the way is chosen before loading. The library that loads the programs is older than uprobe_multi,
 * and attaches no program that another process has loaded: the system calls are made here.
 */
#ifndef TELLTALE_UPROBE_H
#define TELLTALE_UPROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct bpf_program;

#define UPROBE_PLACES 3 /* of one program in one file */

/* Has the kernel uprobe_multi that sees all threads of a process, and may this process use it? */
bool uprobe_has_multi(void);

enum uprobe_when { UPROBE_ENTRY, UPROBE_RETURN, UPROBE_SESSION };

enum uprobe_way { UPROBE_PERF, UPROBE_MULTI, UPROBE_SESSIONS };

/* The best that the kernel has and this process may use. */
enum uprobe_way uprobe_choose_way(void);
/* Does the kernel hand over cookies (Linux 5.15)? */
bool uprobe_has_cookies(void);
/* Before loading: PROGRAM will be attached the way that was chosen, for WHEN. */
void uprobe_set_way(struct bpf_program *program, enum uprobe_way way, enum uprobe_when when);

/* What is attached, to what of a file: OFFSETS that are 0 are passed over. */
struct uprobe_point {
	int program; /* its descriptor */
	uint64_t offsets[UPROBE_PLACES];
	enum uprobe_when when;
	uint64_t cookies[UPROBE_PLACES]; /* 0 where there are none */
};

/* Descriptors that keep it attached: one of a uprobe_multi link, or one for each place. */
struct uprobe {
	int fds[UPROBE_PLACES];
	size_t fds_len;
};

/* Attaches POINT in the file PATH for process PID; WAY is the one chosen before loading. 0 or
 * -errno; nothing is left attached then. */
int uprobe_attach(struct uprobe *u, const struct uprobe_point *point, enum uprobe_way way,
		  pid_t pid, const char *path);
/* The kernel waits here for those who may be using it: some 40 ms for each program. */
void uprobe_detach(struct uprobe *u);

/*
 * Do breakpoints at returns harm processes under a seccomp filter? On x86-64 Linux 6.11 puts a
 * system call of its own on their way, which the filters of that time forbid: the process is
 * killed, or returns to where it should not. Fixed in 6.12.14, 6.13.3 and 6.14, and in what
 * distributions made of them, so it is tried: with PROGRAM (a descriptor; -1 in tests: none) on a
 * child of this process, under a filter. CALL stands for what the child does then, NULL but in
 * tests. 1: they do; 0: they do not; -errno: it could not be tried.
 */
int uprobe_try_filtered(int program, enum uprobe_way way, int (*call)(int));

#endif
