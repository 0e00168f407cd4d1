/* SPDX-License-Identifier: Apache-2.0 */
/* hot.h - what threads did on a CPU while a packet was in hand, as the report shows it. */
#ifndef TELLTALE_HOT_H
#define TELLTALE_HOT_H

#include <stdint.h>
#include <stdio.h>

#include "profile/held.h"

struct json_object;

struct hot {
	const struct held *held; /* NULL: no stacks were taken */
	const char *no_stacks;   /* why the kernel refuses them; NULL: it does not */
	unsigned hz;
	uint64_t dropped;          /* samples that were lost */
	uint64_t cost_ns;          /* of the program that takes them, of all samples */
	uint64_t samples;          /* ... which are so many */
	uint64_t scripts, unnamed; /* frames of JavaScript, and those that have no name */
	uint64_t cut;              /* stacks whose outermost frames are missing */
	size_t unwatched;          /* threads and processes */
	const char *unknown;       /* a version of V8 whose frames cannot be named; empty: none */
};

void hot_print(const struct hot *h, FILE *out);
/* NULL when memory is short, or no stacks were asked for. */
struct json_object *hot_json(const struct hot *h);

#endif
