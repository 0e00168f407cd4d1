/* SPDX-License-Identifier: Apache-2.0 */
/*
 * natives.h - an address in a process or in the kernel -> the function it lies in.
 *
 * While the session runs an address is turned into a place in a mapped file, because the process
 * may end. At the end each file is gone through once.
 */
#ifndef TELLTALE_NATIVES_H
#define TELLTALE_NATIVES_H

#include <stdint.h>
#include <sys/types.h>

#include "profile/stacks.h"

struct natives;

/* NULL when memory is short. */
struct natives *natives_new(void);
void natives_free(struct natives *n); /* accepts NULL */

/* The number in S of the frame at PC of process PID; 0: there is no room. */
uint32_t natives_frame(struct natives *n, struct stacks *s, pid_t pid, uint64_t pc);

/* Names all frames of S that natives_frame has made, and those of the kernel. What has no symbol is
 * named after its file. */
void natives_name(struct natives *n, struct stacks *s);

#endif
