/* SPDX-License-Identifier: Apache-2.0 */
/* procname.h - the name that a process goes by, for people. */
#ifndef TELLTALE_PROCNAME_H
#define TELLTALE_PROCNAME_H

#include <stddef.h>
#include <sys/types.h>

/* Copies the name of process PID (proc(5), comm: at most 15 bytes, which the process chose itself)
 * into OUT, which has LEN bytes. OUT stays as it is when there is no such process any more. */
void procname_read(pid_t pid, char *out, size_t len);

#endif
