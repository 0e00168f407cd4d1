/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procfs.h - what /proc says of one process, read without trust in what the process chose.
 */
#ifndef TELLTALE_PROCFS_H
#define TELLTALE_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What tells a process from the next one with its number, and from itself after exec. */
struct procfs_identity {
	unsigned long long started; /* clock ticks since boot */
	dev_t exe_dev;              /* of the program it runs; 0 when that may not be seen */
	ino_t exe_ino;
};

/* What a process is now. SIZE: bytes of its address space, which change when it loads a library.
 * False when it is gone, or is a kernel thread. */
bool procfs_look(pid_t pid, struct procfs_identity *id, unsigned long long *size);
/* Its size alone, for half the work; it may be another process by now. */
bool procfs_size(pid_t pid, unsigned long long *size);
bool procfs_same(const struct procfs_identity *a, const struct procfs_identity *b);

/* Is any thread of the process under a seccomp filter? */
bool procfs_filtered(pid_t pid);

#endif
