/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flame.h - stacks -> a tree of calls, and the functions and lines that take the most time.
 *
 * A function is one node under its caller, whatever its line. Siblings are in the order of their
 * names.
 */
#ifndef TELLTALE_FLAME_H
#define TELLTALE_FLAME_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "profile/held.h"

struct flame_node {
	uint32_t frame;       /* of the stacks; 0: the root */
	uint32_t first, next; /* the first callee and the next sibling; 0: there is none */
	uint64_t ns, self_ns;
	uint64_t samples;
};

struct flame {
	struct flame_node *nodes; /* the root is the first */
	size_t len;
	const struct held *held;
};

/* HELD is borrowed. 0 or -ENOMEM. */
int flame_init(struct flame *f, const struct held *held);
void flame_fini(struct flame *f);

/* A function, or one line of it where it was the innermost frame. */
struct flame_top {
	struct stacks_name name;
	uint64_t self_ns, ns;
};

/* The functions whose own time is longest into TOP, the longest first; returns how many, up to LEN.
 * -ENOMEM when memory is short. */
int flame_functions(const struct held *held, struct flame_top *top, size_t len);
/* The same of lines of JavaScript: those that the innermost frame of JavaScript was on, whatever it
 * called. NS is not set. */
int flame_lines(const struct held *held, struct flame_top *top, size_t len);

/* "name (file:line)" of the function, at most LEN bytes with the NUL. */
void flame_label(const struct stacks_name *name, char *label, size_t len);

/* A line for each path that took time itself: its functions with semicolons between them, the
 * outermost first, and microseconds. */
void flame_print_folded(const struct flame *f, FILE *out);

struct json_object;

/* {"name", "kind", "ns", "self_ns", "samples", "callees"} of the root; NULL when memory is short.
 */
struct json_object *flame_json(const struct flame *f);

#endif
