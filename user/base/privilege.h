/* SPDX-License-Identifier: Apache-2.0 */
/* privilege.h - what the process may do once everything is attached. */
#ifndef TELLTALE_PRIVILEGE_H
#define TELLTALE_PRIVILEGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/capability.h>
#include <sys/types.h>

/*
 * Keeps the capabilities that attaching to a process needs which starts later: CAP_BPF,
 * CAP_PERFMON, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH and CAP_CHECKPOINT_RESTORE, as far as the
 * process has them. KEEP_ADMIN keeps CAP_SYS_ADMIN too, for kernels that set no uprobe without it.
 * All others are given up for good, by the calling thread and the threads it starts. 0 or -errno,
 * logged.
 */
int privilege_drop(bool keep_admin);

/* Gives up every capability of the calling thread for good, and the chance to get one by executing
 * a program where it may. Threads that it starts later inherit none; the process's other threads
 * keep theirs. 0 or -errno, not logged. */
int privilege_drop_all(void);
/* Makes the process a member of GROUP, which takes CAP_SETGID unless it is one by its own group
 * already: so it can give files to GROUP without any capability. 0 or -errno, not logged. */
int privilege_join(gid_t group);
/* Keeps those of the N capabilities CAPS that the calling thread has, and gives up the rest for
 * good. 0 or -errno, logged. */
int privilege_keep(const cap_value_t *caps, size_t n);

#endif
