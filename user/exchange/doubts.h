/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doubts.h - when something that came into a target may not have been read whole.
 *
 * A payment is originated only if nothing can have brought it in, so whoever notices that a way
 * into a target was not read says so here, and origins asks. A doubt has a beginning; it is over at
 * once (doubts_once), or lasts until it is closed. It counts for as long afterwards as an exchange
 * may live, DOUBTS_LIFE_NS: what came in unread may still be waiting for its answer that long.
 *
 * All of it is bounded. Where many doubts of one target and cause do not fit, two that are nearest
 * to each other become one that covers the time between them as well. Where too many are open, one
 * of the target that has most of them leaves the table, and counts as open until that target has no
 * other open one: what cannot be kept is a doubt too many, not one too few.
 *
 * All times are CLOCK_MONOTONIC in nanoseconds.
 */
#ifndef TELLTALE_DOUBTS_H
#define TELLTALE_DOUBTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "release/words.h"

/* How long before an outgoing Prepare the incoming one can have come. A Prepare lives 30 s in the
 * connectors there are, match gives one up after 60. */
#define DOUBTS_LIFE_NS 60000000000ULL

/* words.h says what each of these means. */
enum doubt_cause {
#define WORD(id, ...) DOUBT_##id,
	DOUBT_WORDS(WORD)
#undef WORD
		DOUBT_CAUSES
};

struct doubts;

/* CAPACITY doubts may be open at once, over all targets; from 1 to TABLE_CAPACITY_MAX. NULL when it
 * is not, or memory is short. */
struct doubts *doubts_new(size_t capacity);
void doubts_free(struct doubts *d); /* accepts NULL */

/* Targets from TABLE_SHARES on are ignored by all that follow. */

/* TARGET is in doubt from FROM_NS until CAUSE and KEY are closed. Opened again while it is open, it
 * is the same doubt. */
void doubts_open(struct doubts *d, unsigned target, enum doubt_cause cause, uint64_t key,
		 uint64_t from_ns);
/* Does nothing when no such doubt is open. */
void doubts_close(struct doubts *d, unsigned target, enum doubt_cause cause, uint64_t key,
		  uint64_t at_ns);
void doubts_once(struct doubts *d, unsigned target, enum doubt_cause cause, uint64_t at_ns);
/* As doubts_once, for the whole time from FROM_NS to TO_NS. */
void doubts_span(struct doubts *d, unsigned target, enum doubt_cause cause, uint64_t from_ns,
		 uint64_t to_ns);

/* Calls EACH for every doubt that is open and in the table. */
void doubts_each_open(const struct doubts *d,
		      void (*each)(void *context, unsigned target, enum doubt_cause cause,
				   uint64_t key),
		      void *context);

/* The operator says that TARGET never forwards (NEVER true): nothing of it is in doubt. */
void doubts_ignore(struct doubts *d, unsigned target, bool never);
bool doubts_ignored(const struct doubts *d, unsigned target);

/* Was TARGET in doubt at any time from FROM_NS to TO_NS? Then *CAUSE says why. */
bool doubts_any(const struct doubts *d, unsigned target, uint64_t from_ns, uint64_t to_ns,
		enum doubt_cause *cause);

#endif
