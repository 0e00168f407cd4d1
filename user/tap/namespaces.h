/* SPDX-License-Identifier: Apache-2.0 */
/*
 * namespaces.h - in which namespaces this process is. The kernel programs are in none: they number
 * processes as the host does, and the kernel's clocks are the host's.
 */
#ifndef TELLTALE_NAMESPACES_H
#define TELLTALE_NAMESPACES_H

#include <stdbool.h>

/* Is this the host's PID namespace? */
bool namespaces_pids_are_hosts(void);
/* Does the /proc that is mounted here show this process's own PID namespace? */
bool namespaces_proc_is_ours(void);

#endif
