/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline.h - the way of a record from the ring to privacy: match, origins, peers, rates,
 * payments, one call each.
 *
 * In: records, as the ring has them, and doubts whether all that came into a target was read
 * (exchange/doubts.h), which gaps and records without room are by themselves. Out: calls of
 * privacy_exchange and privacy_observe when an exchange has ended and it is known whose it was, and
 * the operational counters of these stages in the registry of series. Nothing is allocated after
 * pipeline_new.
 */
#ifndef TELLTALE_PIPELINE_H
#define TELLTALE_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/record.h"
#include "bpf/decode/siphash.h"
#include "exchange/doubts.h"
#include "exchange/match.h"
#include "exchange/payments.h"
#include "exchange/peers.h"
#include "privacy/privacy.h"
#include "profile/live.h"
#include "rates/rates.h"
#include "release/series.h"

/* Table sizes that hold for any connector we know of; a full one costs counted evictions. */
#define PIPELINE_EXCHANGES  16384
#define PIPELINE_CONDITIONS 16384 /* an exchange stays until it is judged: see origins.h */
#define PIPELINE_PAYMENTS   32768

struct pipeline_config {
	size_t exchanges;  /* open at once */
	size_t conditions; /* pending at once, and ended exchanges that wait to be judged */
	size_t payments;   /* alive at once */
	uint64_t idle_ns, max_ns;
	uint64_t begin_ns;          /* CLOCK_MONOTONIC; 0: no payment began before we looked */
	bool resumes;               /* those that began before are handed over: pipeline_resume */
	int64_t realtime_offset_ns; /* CLOCK_REALTIME minus CLOCK_MONOTONIC */
	/* Borrowed; they must outlive the pipeline. */
	struct peers *peers;
	const struct rates *rates;
	struct privacy *privacy;
	struct series *series;
	/* The key under which the kernel hashes conditions; copied. NULL: that a fulfillment fits
	 * its condition is not checked. */
	const struct siphash_key *session;
	/* What is shown of each packet's time, and of peers; NULL: nothing. */
	struct live *live;
	/* A connection that cannot be read; whose it is, the daemon finds out. May be NULL. */
	void (*opaque)(void *context, const struct record_opaque *record);
	/* The origin of an exchange is unknown, for CAUSE. May be NULL. */
	void (*doubted)(void *context, unsigned target, enum doubt_cause cause);
	void *context;
};

struct pipeline_stats {
	struct match_stats match;
	struct payment_stats payments;
	uint64_t conditions_evicted;
	uint64_t waiting; /* exchanges that have ended and wait to be judged */
	uint64_t doubted; /* exchanges whose origin is unknown, for all causes */
	uint64_t unknown; /* records of a type this version does not know: skipped */
	uint64_t invalid; /* records of another version, a wrong size or impossible fields: refused
			   */
	uint64_t unattributed, unconverted, saturated; /* fulfilled packets */
};

struct pipeline;

/* NULL when memory is short or a table size is out of range. */
struct pipeline *pipeline_new(const struct pipeline_config *config);
void pipeline_free(struct pipeline *p); /* accepts NULL; what is open is not drained */

/* One record of SIZE bytes, 8-byte aligned as those of the ring are. Never fails: what cannot be
 * used is counted. */
void pipeline_record(struct pipeline *p, const void *data, size_t size);
/* How many ILP packets have been read, requests that held none included. */
uint64_t pipeline_messages(const struct pipeline *p);
/* After the records that were there at NOW_NS (CLOCK_MONOTONIC) have been given; DROPPED, as known
 * after that, have found no room so far. Ends exchanges as match_settle does, and judges those
 * whose grace is over. */
void pipeline_settle(struct pipeline *p, uint64_t dropped, uint64_t now_ns);
/* Ends what is over at NOW_NS (CLOCK_MONOTONIC) and brings the registry up to date: call it
 * before privacy_release. */
void pipeline_tick(struct pipeline *p, uint64_t now_ns);
/* Ends everything, at shutdown. */
void pipeline_drain(struct pipeline *p, uint64_t now_ns);

void pipeline_set_clock(struct pipeline *p, int64_t realtime_offset_ns);
/* The operator says that TARGET never forwards: no doubt makes an origin unknown. */
void pipeline_never_forwards(struct pipeline *p, unsigned target, bool never);
/* As doubts_open, _close and _once: something that comes into TARGET may not be read whole. */
void pipeline_doubt_open(struct pipeline *p, unsigned target, enum doubt_cause cause, uint64_t key,
			 uint64_t from_ns);
void pipeline_doubt_close(struct pipeline *p, unsigned target, enum doubt_cause cause, uint64_t key,
			  uint64_t at_ns);
void pipeline_doubt_once(struct pipeline *p, unsigned target, enum doubt_cause cause,
			 uint64_t at_ns);
/* As doubts_span, for DOUBT_RESTART. */
void pipeline_doubt_restart(struct pipeline *p, unsigned target, uint64_t from_ns, uint64_t to_ns);

/*
 * Another process will go on in this one's place. From here on only those records are taken that
 * are about exchanges which are open, or which are judged together with those; all others are given
 * to REST, in order. What both need, both get. Nothing is lost when pipeline_drain comes after
 * pipeline_is_empty.
 */
void pipeline_leave(struct pipeline *p,
		    void (*rest)(void *context, const void *record, size_t size), void *context);
/* Payments that are alive, for the process that will go on; pipeline_drain does not end them then.
 */
void pipeline_each_payment(const struct pipeline *p,
			   void (*each)(void *context, const struct payment_state *state),
			   void *context);
/* As payments_resume. */
int pipeline_resume(struct pipeline *p, const struct payment_state *state);
/* No exchange is open, and none waits to be judged. */
bool pipeline_is_empty(const struct pipeline *p);
/* For the process that will go on: as doubts_each_open; and was TARGET in doubt from FROM_NS to
 * TO_NS, or has something come in that may still be sent on? That is known before pipeline_drain.
 */
void pipeline_each_doubt(const struct pipeline *p,
			 void (*each)(void *context, unsigned target, enum doubt_cause cause,
				      uint64_t key),
			 void *context);
bool pipeline_doubted(const struct pipeline *p, unsigned target, uint64_t from_ns, uint64_t to_ns);

/* What was seen before AT_NS was held against what the kernel knows, and doubts that come of that
 * have been given. Once this was called, no exchange that ended later is judged. */
void pipeline_witnessed(struct pipeline *p, uint64_t at_ns);
/* There is no witness any more, and it ended before it had looked at what was seen until NOW_NS:
 * all of that since its last look is in doubt. Nothing is, where there never was one. */
void pipeline_unwitnessed(struct pipeline *p, uint64_t now_ns);
struct pipeline_stats pipeline_stats(const struct pipeline *p);

#endif
