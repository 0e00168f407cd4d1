/* SPDX-License-Identifier: Apache-2.0 */
/*
 * continual.h - the `continual` mechanism: pure epsilon-differential privacy, per payment, for
 * counters that are released again and again, without end.
 *
 * In: payments that have ended. Out: counters and histograms for the network, which change only at
 * the full hour (UTC) with hour_clip, or at midnight without it. Payments are gathered by day and
 * by hour (calendar.h). When a day or an hour is over, its sums get noise once (budget.h says how
 * much). All later steps are arithmetic on figures that already have noise:
 *
 *   the day's node      is added to the total for good and replaces the estimate from its hours;
 *   the hours' nodes    are the estimate of the current day. Their clip is lower, so their value is
 *                       scaled by the ratio of past days' nodes to those days' hours;
 *   a released counter  is the highest estimate so far: it never falls.
 *
 * With a state, a release is on the disk before anybody sees it, and the open nodes are saved every
 * five minutes. A crash loses at most what the nodes gathered since then, and no node gets noise
 * twice. A node that ended while no process was running to close it is dropped and never released.
 * The reason: a host that was switched off cannot be distinguished from one that was set back to an
 * older snapshot, in which the node may have been released already.
 *
 * The noise of each release is made of randomness fetched at that moment. A virtual machine that is
 * cloned, or set back to a snapshot, so draws other noise than its twin, provided that its kernel's
 * generator knows of it (PRIVACY.md).
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
	/* A node is closed only if ticks came at least this often around its end; 0: always.
	 */
	uint64_t gap_ns;
	privacy_random *random;
	void *random_context;
	/* Called with random_context before the noise of each release is drawn: no byte that was
	 * fetched earlier may be used for it (entropy_renew). NULL: RANDOM keeps no stock. */
	void (*renew)(void *random_context);
};

struct continual;

/* 0 or -errno: -ENOMEM, or an error of the state's functions. A saved state that is not sound is
 * set aside. */
int continual_new(const struct continual_options *options, uint64_t now_unix_ns,
		  struct continual **out);
void continual_free(struct continual *c); /* accepts NULL; saves nothing */

/* Adds the totals of a CONTRIBUTION_PAYMENT_END to the open nodes. The caller adds each payment at
 * most once. */
void continual_observe(struct continual *c, const struct contribution *payment);
/* Closes the day and the hour that are over. When the result cannot be saved, nothing is released
 * and the next tick tries again. */
void continual_tick(struct continual *c, uint64_t now_unix_ns);
/* Saves the open nodes, at shutdown. */
void continual_save(struct continual *c);

/* What may be shown, as of the last tick. */
const struct continual_released *continual_released(const struct continual *c);
/* When the counters began. It outlives the process, as they do. */
uint64_t continual_start_unix_ns(const struct continual *c);
struct continual_stats continual_stats(const struct continual *c);

#endif
