/* SPDX-License-Identifier: Apache-2.0 */
/*
 * match.h - pairs each Prepare with its reply.
 *
 * In: records, in ring order. Out: an exchange opened when its Prepare is seen and closed once,
 * with its outcome. A reply belongs to the Prepare with the same flow (tap, process, id,
 * generation) and stream; one that answers none is counted as unmatched. Only a Fulfill or Reject
 * is a reply in that sense: an answer without one that meets no Prepare may as well acknowledge an
 * asynchronous reply or refuse a bad request. A second Prepare where one is open closes the first
 * as OUTCOME_LOST. The table is bounded: when it is full the oldest exchange of the target that has
 * most in it is closed as OUTCOME_LOST and counted as evicted.
 *
 * A Fulfill counts when its fulfillment hashes to the Prepare's condition. The kernel hands
 * conditions over as keyed hashes only, so the SHA-256 of the fulfillment is hashed under the same
 * key; neither leaves this stage.
 *
 * Where the kernel is not certain of a reply's number (RECORD_UNSURE), only evidence pairs it: a
 * Fulfill belongs to the Prepare of its connection whose condition it fits, and one that fits that
 * of its own number, and no other, proves the numbers of the connection (numbers.h). Other replies
 * have nothing that says whose they are. They are kept until the numbers are proven; where that
 * does not happen, their exchanges are lost.
 *
 * A Prepare that nobody has answered 30 s after its expiry moved nothing for its connector either:
 * it is unanswered, and nothing was missed.
 *
 * Each exchange ends once, and never by a guess. Bytes missing where replies come end all that is
 * open on that connection as lost, because which answer the next one is can no longer be known.
 * When a connection ends while records found no room in the ring, the reply may have been among
 * them: so how its exchanges ended is decided at match_settle.
 *
 * The asynchronous mode of RFC 35 enters here: 202 keeps the exchange open, and a Fulfill or Reject
 * that comes as a request of its own, from the other side, is matched by Request-Id. One that comes
 * again is counted as repeated and changes nothing: see answered.h.
 */
#ifndef TELLTALE_MATCH_H
#define TELLTALE_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/record.h"
#include "bpf/decode/siphash.h"
#include "exchange/exchange.h"

struct match_ops {
	/* E stays valid and at the same address until closed() returns. */
	void (*opened)(void *context, struct exchange *e);
	void (*closed)(void *context, struct exchange *e);
	/* A Fulfill or Reject to a Prepare that was not seen. May be NULL. */
	void (*unmatched)(void *context, const struct record_message *reply);
};

struct match_stats {
	uint64_t opened;
	uint64_t evicted;   /* closed as lost because the table was full */
	uint64_t unmatched; /* replies that answered no Prepare seen */
	uint64_t repeated;  /* asynchronous replies to what has been answered already */
	uint64_t bad;       /* requests announced as ILP that hold no Prepare */
	uint64_t nameless;  /* Prepares whose endpoint or token is not known: RECORD_NAMELESS */
	uint64_t open;      /* exchanges open now */
};

struct match;

/*
 * CAPACITY exchanges may be open at once (at least 1). REALTIME_OFFSET_NS is CLOCK_REALTIME minus
 * CLOCK_MONOTONIC, for comparing a reply's time with a Prepare's expiry; match_set_clock renews
 * it, for Prepares to come: a step of the clock does not make those under way expire. SESSION
 * (copied) is the key under which the kernel hashes conditions; NULL: fulfillments are not checked.
 * Returns NULL when memory is short.
 */
struct match *match_new(size_t capacity, int64_t realtime_offset_ns,
			const struct siphash_key *session, const struct match_ops *ops,
			void *context);
void match_free(struct match *m); /* closes nothing, forgets the key; accepts NULL */
void match_set_clock(struct match *m, int64_t realtime_offset_ns);

void match_message(struct match *m, const struct record_message *message);
/* The flow, or one stream of it, ended: its open exchanges close at the next match_settle;
 * asynchronous ones stay. */
void match_flow_close(struct match *m, const struct record_flow_close *close);
/* Bytes of a flow could not be read. */
void match_gap(struct match *m, const struct record_gap *gap);
/* A flow is not read any further, if it ever was: what is open on it is lost. */
void match_opaque(struct match *m, const struct record_opaque *opaque);
/*
 * DROPPED records have found no room so far, as known after the last record given was read. Closes
 * the exchanges of ended flows: as OUTCOME_CLOSED, or as OUTCOME_LOST if records were dropped since
 * they were opened.
 */
void match_settle(struct match *m, uint64_t dropped);
/* Closes as OUTCOME_UNANSWERED what has had no reply 30 s after its expiry (after its start, when
 * it came expired). What expires later than 30 s after its start is given up 60 s after that, as
 * OUTCOME_LOST. */
void match_tick(struct match *m, uint64_t now_ns);
/* Closes everything still open as OUTCOME_LOST, at shutdown: LOST_UNSURE where a reply is kept that
 * nothing has proven. */
void match_drain(struct match *m, uint64_t now_ns);
/* Does MESSAGE answer an exchange that is open? */
bool match_expects(const struct match *m, const struct record_message *message);
struct match_stats match_stats(const struct match *m);

#endif
