/* SPDX-License-Identifier: Apache-2.0 */
/* privilege.h - what the process may do once everything is attached. */
#ifndef TELLTALE_PRIVILEGE_H
#define TELLTALE_PRIVILEGE_H

/* Keeps only what attaching to a process that starts later takes (CAP_BPF, CAP_PERFMON,
 * CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, and CAP_SYS_ADMIN, without which kernels since
 * CVE-2025-38466 set no uprobe), as far as it was there, and gives up the rest for good. Of
 * the calling thread and those it starts. 0 or -errno, logged. */
int privilege_drop(void);

#endif
