/* SPDX-License-Identifier: Apache-2.0 */
/*
 * privacy.h - counts payments, with noise, and is the only maker of struct released.
 *
 * The mechanism is behind two calls: privacy_observe takes each event, privacy_release makes a
 * snapshot at fixed times.
 *
 *   bucket-laplace  The network's published scheme (bucket_laplace.h), applied to each value when
 * it is observed. It gives no finite epsilon; counts and times get no noise. continual
 * Epsilon-differential privacy for each payment (continual.h), applied to each release.
 *
 * The mechanism decides what the network gets. A snapshot always has the operator's view: values
 * through bucket-laplace with unbiased rounding (METRIC_AMOUNT_BY_ORIGIN), counts and times exact.
 * With continual it also has the network's view, in `network`. That view shares nothing with the
 * operator's, and everything in it has noise.
 *
 * A released sum never falls: when noise would lower it, the released value stays until the
 * underlying sum is higher again (running maximum).
 *
 * A snapshot holds the whole registry of series (series.h), including what other stages have
 * counted about themselves. metrics.h says what goes to the network.
 */
#ifndef TELLTALE_PRIVACY_H
#define TELLTALE_PRIVACY_H

#include <stddef.h>
#include <stdint.h>

#include "privacy/continual.h"
#include "exchange/payments.h"
#include "privacy/params.h"
#include "exchange/contribution.h"
#include "release/released.h"
#include "release/series.h"

struct privacy;

/*
 * SERIES is the registry to count in and to release; it is borrowed and must outlive the result.
 * SOURCE is the instance name (copied). RANDOM NULL means the kernel's. START_UNIX_NS is the start
 * of the process, which every release contains. Returns NULL when memory is short.
 */
struct privacy *privacy_new(const struct privacy_params *params, struct series *series,
			    const char *source, uint64_t start_unix_ns, privacy_random *random,
			    void *random_context);
void privacy_free(struct privacy *p);

/*
 * Keeps the counters of continual over restarts, in STATE_DIR and sealed with the host's KEY.
 * Called once, before anything is observed. 0, or -errno with "what; fix" in WHY. Does nothing for
 * bucket-laplace.
 */
int privacy_keep(struct privacy *p, const char *state_dir, const struct hostkey *key, char *why,
		 size_t why_len);
/* Saves these counters, at shutdown. */
void privacy_save(struct privacy *p);

/*
 * Has the signature payment_sink, with the struct privacy as context. Packet counters and payment
 * times count originated payments and probes only. What others originated counts in the operator's
 * transactions and amounts by origin.
 */
void privacy_observe(void *privacy, const struct contribution *c);
/* Counts an exchange that has ended and whose origin is known: outcome, times, Rejects (the own
 * view). */
void privacy_exchange(struct privacy *p, const struct exchange *e);

/*
 * For each packet with value that went to a peer, SERIES_OF gives the handle of that peer's series,
 * or -1. It gets the same draw of noise as the operator's sum by origin: a second one would tell
 * more of the value. Nothing of it is in the network's view.
 */
void privacy_by_peer(struct privacy *p, int (*series_of)(void *context, uint64_t peer),
		     void *context);

/*
 * A packet went through to PEER, and the target kept EARNED of it, in 1/SPREAD_FINER of a value's
 * unit, which is below 0 for a loss. SINK gets it with the rounding and noise of the operator's
 * values, right on average, and at least the variance of these in squares of a value's unit.
 * Nothing of it is in the network's view.
 */
typedef void privacy_spread_sink(void *context, uint64_t peer, int64_t noisy, double variance);
void privacy_spread_to(struct privacy *p, privacy_spread_sink *sink, void *context);
void privacy_spread(struct privacy *p, uint64_t peer, int64_t earned);

/* Called about once a second: closes the hours and days of continual that are over. */
void privacy_tick(struct privacy *p, uint64_t now_unix_ns);

/* Returns a snapshot of everything, in which no sum is lower than in the one before. The caller
 * owns one reference. NULL when memory is short. */
struct released *privacy_release(struct privacy *p, uint64_t now_unix_ns);

/*
 * Exact totals of what was observed, for tests and the demonstration (`run --truth`). They are
 * never exported.
 */
struct privacy_truth {
	uint64_t transactions, prepares, fulfills, rejects; /* originated payments */
	uint64_t value;                                     /* base currency, scale 4 */
	uint64_t probe_prepares, probe_rejects;
	uint64_t outcomes[OUTCOMES]; /* all exchanges, whatever their origin */
	uint64_t lost[LOSTS];        /* OUTCOME_LOST by cause */
};
struct privacy_truth privacy_truth(const struct privacy *p);

#endif
