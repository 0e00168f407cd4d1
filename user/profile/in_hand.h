/* SPDX-License-Identifier: Apache-2.0 */
/*
 * in_hand.h - what threads did while they had several packets in hand: totals, as nobody can divide
 * that between the packets.
 *
 * In: from when until when a thread had a packet in hand that was not alone. Out: what its clock
 * says of that time, each moment of a thread once, however many packets it had.
 */
#ifndef TELLTALE_IN_HAND_H
#define TELLTALE_IN_HAND_H

#include <stddef.h>
#include <stdint.h>

#include "profile/strip.h"
#include "profile/tape.h"

#define IN_HAND_MAX 256 /* times, apart from each other, that wait to be counted */

struct in_hand_time {
	uint64_t from_ns, to_ns;
	uint32_t tid;
};

/* Zeroed memory holds none. */
struct in_hand {
	struct in_hand_time list[IN_HAND_MAX];
	size_t len;
	uint64_t counted_ns; /* what was before is done with */
};

/* Thread TID had a packet in hand from FROM_NS to TO_NS. What is before the last settlement is left
 * out, as is what finds no room. */
void in_hand_add(struct in_hand *h, uint32_t tid, uint64_t from_ns, uint64_t to_ns);
/* Everything that began before UNTIL_NS has been given: adds to NS what the threads did until then,
 * and forgets it. What the clocks do not reach is left out. */
void in_hand_settle(struct in_hand *h, const struct tape *tape, uint64_t until_ns,
		    uint64_t ns[STRIP_STATES]);

#endif
