/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * stacks.h - the contract between stacks.bpf.c and `telltale profile`.
 *
 * A sample is where one thread was: addresses in the kernel and in its program. A frame of
 * JavaScript has no address that says what it is, so the program follows it to its
 * SharedFunctionInfo at once: a moment later the garbage collector may have moved it. Nothing else
 * of the process's memory passes.
 */
#ifndef TELLTALE_STACKS_H
#define TELLTALE_STACKS_H

#include <linux/types.h>

#define STACKS_FRAMES    64  /* of the program, the innermost */
#define STACKS_KERNEL    32  /* of the kernel, the innermost */
#define STACKS_PROCESSES 256 /* with JavaScript */

/* Where V8 keeps what a frame needs, by process. All are offsets from an object's address as V8
 * writes it, which has 1 added. */
struct stacks_v8 {
	__u16 map_type;                      /* Map: its instances' type */
	__u16 function_first, function_last; /* the types of functions */
	__u16 shared;                        /* JSFunction: SharedFunctionInfo */
	__u16 code;                          /* JSFunction: Code; 0: it is not kept there */
	__u16 pad;
};

struct stacks_frame {
	__u64 pc;     /* of the innermost frame where it is, of the others where they go on */
	__u64 shared; /* SharedFunctionInfo as V8 writes it; 0: no JavaScript */
	__u64 code;   /* Code; 0: not known */
	/* Of an interpreted frame, its bytecode and its place in it; else other things. */
	__u64 bytecode, offset;
};

struct stacks_sample {
	__u64 at_ns;          /* CLOCK_MONOTONIC */
	__u32 tid, pid;       /* in the first PID namespace */
	__u32 cost_ns;        /* of the program that took it, until it hands it over */
	__u16 frames, kernel; /* in use */
	__u64 kernel_pcs[STACKS_KERNEL];
	struct stacks_frame list[STACKS_FRAMES];
};

_Static_assert(sizeof(struct stacks_frame) == 40, "stacks_frame");
_Static_assert(sizeof(struct stacks_v8) == 12, "stacks_v8");

#endif
