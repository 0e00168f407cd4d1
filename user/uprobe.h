/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uprobe.h - one BPF program on places of a file, for one process alone.
 *
 * Two ways. uprobe_multi links (Linux 6.6; usable since 6.10, or where its mend was taken back)
 * need CAP_BPF and CAP_PERFMON. The older way through perf events works everywhere, but kernels
 * since CVE-2025-38466 want CAP_SYS_ADMIN for it. A program is loaded for one way or the other, so
 * the way is chosen before loading. The library that loads the programs is older than uprobe_multi:
 * the system call is made here.
 */
#ifndef TELLTALE_UPROBE_H
#define TELLTALE_UPROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct bpf_link;
struct bpf_program;

#define UPROBE_PLACES 2 /* of one program in one file */

/* Has the kernel uprobe_multi that sees all threads of a process, and may this process use it? */
bool uprobe_has_multi(void);
/* Before loading: PROGRAM will be attached with uprobe_multi. */
void uprobe_set_multi(struct bpf_program *program);

struct uprobe {
	int fd;                                /* of a uprobe_multi link, or -1 */
	struct bpf_link *links[UPROBE_PLACES]; /* of perf events */
	size_t links_len;
};

/*
 * Attaches PROGRAM at OFFSETS (of the file; those that are 0 are passed over) of PATH for process
 * PID; AT_RETURN: when the function there returns. MULTI as uprobe_has_multi said before loading. 0
 * or -errno; nothing is left attached then.
 */
int uprobe_attach(struct uprobe *u, const struct bpf_program *program, bool multi, pid_t pid,
		  const char *path, const uint64_t offsets[UPROBE_PLACES], bool at_return);
/* The kernel waits here for those who may be using it: some 40 ms for each program. */
void uprobe_detach(struct uprobe *u);

/*
 * Do breakpoints at returns harm processes under a seccomp filter? On x86-64 Linux 6.11 puts a
 * system call of its own on their way, which the filters of that time forbid: the process is
 * killed, or returns to where it should not. Mended in 6.12.14, 6.13.3 and 6.14, and in what
 * distributions made of them, so it is tried: with PROGRAM on a child of this process, under a
 * filter. CALL stands for what the child does then, NULL but in tests. 1: they do; 0: they do not;
 * -errno: it could not be tried.
 */
int uprobe_try_filtered(const struct bpf_program *program, bool multi, int (*call)(int));

#endif
