/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox.h - what a process may ask the kernel for, once it has what it needs.
 *
 * All of it holds until the process ends, for all of its threads and their children. A build with
 * sanitizers has no filter of system calls and may dump core, as the sanitizers themselves trace
 * the process.
 */
#ifndef TELLTALE_SANDBOX_H
#define TELLTALE_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* No core file, and no other process of the same user reads this one's memory. 0 or -errno. */
int sandbox_dumps(void);

struct sandbox_path {
	const char *path; /* of a file or directory; one that is not there is left out */
	bool write;       /* files in it are made, changed and removed too */
};

/* Nothing but PATHS, and what is below them, can be opened by the calling thread and those that it
 * starts. 0; -EOPNOTSUPP: the kernel has no Landlock (before 5.13, or turned off); or -errno. */
int sandbox_files(const struct sandbox_path *paths, size_t n);

enum sandbox_half {
	SANDBOX_PROBE,  /* bpf() and breakpoints; no socket but AF_UNIX */
	SANDBOX_DAEMON, /* sockets, and neither bpf() nor breakpoints */
};

/*
 * Of system calls, those that the half needs stay allowed. One that takes over other processes or
 * the system (execve, ptrace, mount and their like) ends the process; any other fails with EPERM.
 * CHILD: the process that may still be sent signals; 0: none but this one. 0 or -errno.
 */
int sandbox_calls(enum sandbox_half half, pid_t child);

#endif
