/* SPDX-License-Identifier: Apache-2.0 */
/*
 * look.h - runs the kernel program that looks at open sockets over one process.
 */
#ifndef TELLTALE_LOOK_H
#define TELLTALE_LOOK_H

#include <sys/types.h>

#include "bpf/shared.h"

typedef void look_sink(void *context, const struct shared_sight *sight);

/*
 * Hands over what PROGRAM, the descriptor of a task_file iterator, says of the open files of
 * process PID; 0: of all processes of the host. Before Linux 6.1 there is only the latter. 0 or
 * -errno: -ESRCH when there is no such process any more, -EOPNOTSUPP when this kernel cannot look
 * at one.
 */
int look_run(int program, pid_t pid, look_sink *sink, void *context);

#endif
