/* SPDX-License-Identifier: Apache-2.0 */
/* procname.h - the name of a process, to be shown to people. */
#ifndef TELLTALE_PROCNAME_H
#define TELLTALE_PROCNAME_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Writes the name of the program that PID runs to OUT, which has LEN bytes: that of its file, or,
 * where that may not be seen, what the process calls itself. The process chose either, so the name
 * is escaped (escape.h). OUT stays as it is when there is no such process any more.
 */
void procname_read(pid_t pid, char *out, size_t len);

#endif
