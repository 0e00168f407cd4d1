/* SPDX-License-Identifier: Apache-2.0 */
/*
 * continual.h - the `continual` mechanism: pure epsilon-differential privacy, per payment, for
 * counters that are released again and again for ever.
 *
 * In: ended payments. Out: counters and histograms of the network's audience, which change only at
 * the full hour (UTC), with hour_clip, or at midnight, without. Payments are gathered by day and by
 * hour (calendar.h); when a day or an hour is over, its sums get noise once (budget.h says how
 * much) and everything after that is arithmetic on what has noise already:
 *
 *   the day's node          is added to the total for good, and takes the place of its hours;
 *   the hours' nodes        are the estimate of the day that goes on; their value, clipped harder,
 *                           is scaled by what past days' nodes were to their hours';
 *   a released counter      is the highest estimate so far: it never falls.
 *
 * With a state, what was released is on the disk before anybody sees it, and the open nodes are
 * saved every five minutes: a crash loses at most what these gathered since, and no noise is drawn
 * twice for the same node. A node that ended while nobody was there to close it is dropped, never
 * released: a host that was switched off cannot be told from one set back to an older snapshot, on
 * which the node may have been released already.
 */
#ifndef TELLTALE_CONTINUAL_H
#define TELLTALE_CONTINUAL_H

#include <stdint.h>

#include "privacy/budget.h"
#include "privacy/entropy.h"
#include "exchange/contribution.h"
#include "privacy/state.h"

enum continual_counter {
	CONTINUAL_VALUE, /* base currency, scale 4 */
	CONTINUAL_TRANSACTIONS,
	CONTINUAL_FULFILLED,
	CONTINUAL_REJECTED,
	CONTINUAL_COUNTERS,
};

enum continual_time { CONTINUAL_PAY_TIME, CONTINUAL_ROUND_TRIP, CONTINUAL_TIMES };

/* Neither a counter nor a bucket ever falls. */
struct continual_released {
	int64_t counters[CONTINUAL_COUNTERS];
	uint64_t times[CONTINUAL_TIMES][BUDGET_TIME_CELLS];
};

struct continual_stats {
	enum state_verdict loaded;
	uint64_t dropped; /* nodes that were never released */
	uint64_t unsaved; /* attempts to save that failed */
};

struct continual_options {
	struct privacy_budget budget;
	struct state *state; /* borrowed; NULL: nothing outlives the process */
	/* A node may be closed if ticks came at least this often while it ended; 0: however rarely.
	 */
	uint64_t gap_ns;
	privacy_random *random;
	void *random_context;
};

struct continual;

/* 0 or -errno: -ENOMEM, or what the state's functions say. What is there and not sound is set
 * aside. */
int continual_new(const struct continual_options *options, uint64_t now_unix_ns,
		  struct continual **out);
void continual_free(struct continual *c); /* accepts NULL; saves nothing */

/* The totals of a CONTRIBUTION_PAYMENT_END, into the open nodes; each payment at most once. */
void continual_observe(struct continual *c, const struct contribution *payment);
/* Closes what is over. When that cannot be saved nothing is released, and the next tick tries
 * again. */
void continual_tick(struct continual *c, uint64_t now_unix_ns);
/* Saves what the open nodes have gathered, at shutdown. */
void continual_save(struct continual *c);

/* What may be seen, as of the last tick. */
const struct continual_released *continual_released(const struct continual *c);
/* Since when the counters count: it outlives the process as they do. */
uint64_t continual_start_unix_ns(const struct continual *c);
struct continual_stats continual_stats(const struct continual *c);

#endif
