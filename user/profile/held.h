/* SPDX-License-Identifier: Apache-2.0 */
/*
 * held.h - samples and packets -> the stacks while a packet was in hand, with their time.
 *
 * A sample counts when its process had a packet in hand at its moment. It stands for an equal part
 * of the time that its thread was on a CPU meanwhile, by the thread's clock: the times of all
 * stacks sum to what the clocks say. A thread that has no clock counts by the samples' period.
 */
#ifndef TELLTALE_HELD_H
#define TELLTALE_HELD_H

#include <stddef.h>
#include <stdint.h>

#include "profile/hops.h"
#include "profile/stacks.h"
#include "profile/tape.h"

struct held_stack {
	const struct stacks_stack *stack;
	uint64_t samples, ns;
};

struct held {
	struct held_stack *list; /* each stack once */
	size_t len;
	uint64_t samples, ns; /* of all together */
	uint64_t others;      /* samples while no packet was in hand */
	const struct stacks *stacks;
};

/* After hops_judge. PERIOD_NS lies between two samples; END_NS is when the session ended. STACKS is
 * borrowed. 0 or -ENOMEM. */
int held_init(struct held *h, const struct stacks *stacks, const struct hops *hops,
	      const struct tape *tape, uint64_t period_ns, uint64_t end_ns);
void held_fini(struct held *h);

#endif
