/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stacks.h - the samples of a session: where its threads were, and when.
 *
 * A stack is a list of frames; equal frames and equal stacks are kept once. Frames of JavaScript
 * have their names at once, because the process may have moved on a moment later. Those of native
 * code and of the kernel are kept as addresses, and named at the end.
 *
 * Everything is kept in bounded memory. A sample that finds no room is counted.
 */
#ifndef TELLTALE_STACKS_STORE_H
#define TELLTALE_STACKS_STORE_H

#include <stddef.h>
#include <stdint.h>

#define STACKS_DEPTH_MAX 256 /* frames of one stack, inlined ones too */

extern const char *const stacks_kinds[]; /* "kernel" and so on */

enum stacks_kind {
	STACKS_OF_KERNEL,
	STACKS_OF_NATIVE,
	STACKS_OF_SCRIPT, /* JavaScript */
	STACKS_KINDS,
};

struct stacks_name {
	enum stacks_kind kind;
	const char *function;
	const char *file; /* NULL: not known */
	unsigned line;    /* of the place in the function; 0: not known */
	unsigned begins;  /* the function's first line; 0: not known */
};

struct stacks_stack {
	uint32_t len;
	uint32_t frames[]; /* the outermost first */
};

struct stacks;

/* NULL when memory is short. */
struct stacks *stacks_new(size_t samples_max);
void stacks_free(struct stacks *s); /* accepts NULL */

/* The number of the frame with this name, from 1; 0: there is no room. NAME is copied. */
uint32_t stacks_named(struct stacks *s, const struct stacks_name *name);
/* The number of the frame of native code in file OBJECT, or of the kernel, at ADDRESS, from 1; 0:
 * there is no room. */
uint32_t stacks_at(struct stacks *s, enum stacks_kind kind, uint32_t object, uint64_t address);

/* A thread was here at AT_NS. FRAMES are up to STACKS_DEPTH_MAX numbers, the outermost first. */
void stacks_add(struct stacks *s, uint64_t at_ns, uint32_t pid, uint32_t tid,
		const uint32_t *frames, size_t len);

/* Calls EACH for every frame of KIND in OBJECT that has no name yet; EACH may name it. */
void stacks_each_unnamed(struct stacks *s, enum stacks_kind kind, uint32_t object,
			 void (*each)(void *context, uint32_t frame, uint64_t address),
			 void *context);
void stacks_set_name(struct stacks *s, uint32_t frame, const struct stacks_name *name);

/* What a frame is called; a frame without a name is called after its kind. */
struct stacks_name stacks_name_of(const struct stacks *s, uint32_t frame);
/* Calls EACH for every sample, in the order of adding. */
void stacks_each(const struct stacks *s,
		 void (*each)(void *context, uint64_t at_ns, uint32_t pid, uint32_t tid,
			      const struct stacks_stack *stack),
		 void *context);
size_t stacks_len(const struct stacks *s); /* samples */
uint64_t stacks_lost(const struct stacks *s);

#endif
