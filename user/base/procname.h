/* SPDX-License-Identifier: Apache-2.0 */
/* procname.h - the name of a process, to be shown to people. */
#ifndef TELLTALE_PROCNAME_H
#define TELLTALE_PROCNAME_H

#include <stddef.h>
#include <sys/types.h>

/* Copies the name of process PID (proc(5), comm: at most 15 bytes, which the process chose itself)
 * into OUT, which has LEN bytes. When the process has ended, OUT is left unchanged. */
void procname_read(pid_t pid, char *out, size_t len);

#endif
