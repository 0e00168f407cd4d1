/* SPDX-License-Identifier: Apache-2.0 */
/*
 * v8.h - a process that runs JavaScript in V8, as Node.js does: frame -> function, file and line.
 *
 * Where V8 keeps things, the program's own symbols say (v8dbg_*, which every build of Node.js has);
 * some things they leave out, so versions of V8 are known by number. The process is read from
 * outside, at its own pace: what has moved meanwhile is not named.
 *
 * Of the process's memory only names of functions and files are kept, and where lines end. Where
 * V8 has not counted the lines of a file yet, its text is gone through and dropped.
 */
#ifndef TELLTALE_V8_H
#define TELLTALE_V8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/stacks.h"
#include "profile/stacks.h"

struct v8;

/* 0; -ENOENT: the process does not run V8; -ENOTSUP: it runs a version that is not known; or
 * another -errno. VERSION says which. */
int v8_open(pid_t pid, struct v8 **out, char *version, size_t version_len);
void v8_close(struct v8 *v); /* accepts NULL */

/* What bpf/stacks.bpf.c has to know of the process; it lives as long as V. */
const struct stacks_v8 *v8_for_kernel(const struct v8 *v);

/* The numbers of FRAME in S, with functions that are inlined into it, into NUMBERS, the innermost
 * first; returns how many, up to ROOM. INNERMOST: it is the first of its stack. 0: it could not be
 * named. */
size_t v8_name(struct v8 *v, struct stacks *s, const struct stacks_frame *frame, bool innermost,
	       uint32_t *numbers, size_t room);

#endif
