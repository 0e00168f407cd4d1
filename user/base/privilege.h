/* SPDX-License-Identifier: Apache-2.0 */
/* privilege.h - what the process may do once everything is attached. */
#ifndef TELLTALE_PRIVILEGE_H
#define TELLTALE_PRIVILEGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/capability.h>

/*
 * Keeps only what attaching to a process that starts later takes (CAP_BPF, CAP_PERFMON,
 * CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, CAP_CHECKPOINT_RESTORE, and CAP_SYS_ADMIN where KEEP_ADMIN
 * says that this kernel sets no uprobe without), as far as it was there, and gives up the rest for
 * good. Of the calling thread and those it starts. 0 or -errno, logged.
 */
int privilege_drop(bool keep_admin);

/* Gives up every capability of the calling thread, for good; threads that it starts later inherit
 * none. The process's other threads keep theirs. 0 or -errno, which is not logged. */
int privilege_drop_all(void);
/* Keeps those of the N capabilities CAPS that the calling thread has, and gives up the rest for
 * good. 0 or -errno, logged. */
int privilege_keep(const cap_value_t *caps, size_t n);

#endif
