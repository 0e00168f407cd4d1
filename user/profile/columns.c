/* SPDX-License-Identifier: Apache-2.0 */
#include "profile/columns.h"

#include <string.h>

/* The moments that a part lies between. */
static void bounds_of(const struct hop *hop, enum hop_part part, uint64_t *from, uint64_t *to)
{
	static const unsigned bounds[HOP_PARTS][2] = {
		[HOP_RECEIVE] = {0, 1},
		[HOP_OUT] = {1, 2},
		[HOP_REPLY] = {3, 4},
		[HOP_BACK] = {4, 5},
	};

	*from = hop->at_ns[bounds[part][0]];
	*to = hop->at_ns[bounds[part][1]];
}

/* What is waited for at AT_NS, and in *NEXT when that may change, TO_NS at the latest. */
static unsigned waits_for(const struct hop *hop, const struct tape *tape, uint64_t at_ns,
			  uint64_t to_ns, uint64_t *next)
{
	const struct tape_turn *turn = tape_turns_from(tape, hop->at_ns[0]);
	const struct tape_turn *end = tape_turns_end(tape);
	unsigned waits = 0;

	*next = to_ns;
	for (; turn < end && turn->from_ns < to_ns; turn++) {
		if (turn->to_ns <= at_ns || tape_turn_pid(tape, turn) != hop->pid)
			continue;
		if (turn->from_ns > at_ns) {
			*next = turn->from_ns < *next ? turn->from_ns : *next;
			continue;
		}
		*next = turn->to_ns < *next ? turn->to_ns : *next;
		waits = !waits || waits == turn->class ? turn->class : HOP_SEVERAL;
	}
	return waits;
}

static bool fill_part(const struct hop *hop, const struct tape *tape, const struct strip *strip,
		      enum hop_part part, struct hop_columns *out)
{
	uint64_t at, to, next;

	bounds_of(hop, part, &at, &to);
	for (; at < to; at = next) {
		unsigned waits = waits_for(hop, tape, at, to, &next);

		if (!strip_between(strip, at, next, out->ns[part][waits]))
			return false;
	}
	return true;
}

static void count_turns(const struct hop *hop, const struct tape *tape, struct hop_columns *out)
{
	const struct tape_turn *turn = tape_turns_from(tape, hop->at_ns[0]);
	const struct tape_turn *end = tape_turns_end(tape);

	for (; turn < end && turn->from_ns < hop->at_ns[HOP_MOMENTS - 1]; turn++)
		out->turns[turn->class] += tape_turn_pid(tape, turn) == hop->pid;
}

bool columns_fill(const struct hop *hop, const struct tape *tape, struct hop_columns *out)
{
	const struct strip *strip = tape_strip(tape, hop->tid);

	memset(out, 0, sizeof(*out));
	if (!strip || hop->at_ns[HOP_MOMENTS - 1] >= tape_full_ns(tape))
		return false;
	for (int part = 0; part < HOP_PARTS; part++) {
		if (!fill_part(hop, tape, strip, part, out))
			return false;
	}
	out->peer_ns = hop->at_ns[3] - hop->at_ns[2];
	count_turns(hop, tape, out);
	return true;
}

uint64_t columns_sum(const struct hop_columns *c)
{
	uint64_t sum = c->peer_ns;

	for (int part = 0; part < HOP_PARTS; part++) {
		for (int waits = 0; waits < HOP_WAITS; waits++) {
			for (int state = 0; state < STRIP_STATES; state++)
				sum += c->ns[part][waits][state];
		}
	}
	return sum;
}
