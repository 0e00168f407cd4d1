/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange.h - one Prepare and what became of it: what match hands to the stages after it.
 *
 * Each stage fills in its own part: match the messages, origin whose it is, peers the asset,
 * rates the value. All times are CLOCK_MONOTONIC in nanoseconds.
 */
#ifndef TELLTALE_EXCHANGE_H
#define TELLTALE_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/record.h"
#include "exchange/doubts.h"
#include "rates/asset.h"
#include "release/words.h"

/* words.h says what each of these means. */

/* How an exchange ended; each ends in exactly one way. */
enum outcome {
	OUTCOME_OPEN = 0, /* no reply yet */
#define WORD(id, ...) OUTCOME_##id,
	OUTCOME_WORDS(WORD)
#undef WORD
		OUTCOMES,
};

/* Why an outcome was not seen. */
enum lost {
	LOST_NOT = 0,
#define WORD(id, ...) LOST_##id,
	LOST_WORDS(WORD)
#undef WORD
		LOSTS,
};

/* Whose payment it is, from where the target stands. */
enum origin {
#define WORD(id, ...) ORIGIN_##id,
	ORIGIN_WORDS(WORD)
#undef WORD
		ORIGINS,
};

struct exchange {
	/* match */
	uint8_t target;
	uint8_t role; /* enum record_role */
	uint8_t tap;  /* enum record_tap */
	enum outcome outcome;
	enum lost lost;      /* with OUTCOME_LOST */
	bool peer_protocol;  /* destination "peer.": not money, not counted as packets */
	char reject_code[4]; /* NUL-terminated; empty unless rejected */
	uint16_t http_status;
	uint16_t port;           /* of the far end of the socket, and of the near one; */
	uint16_t local_port;     /* 0 where the tap does not know them */
	uint32_t condition_slot; /* where origins remembers its condition; 0: nowhere */
	uint64_t order;          /* in which Prepares were seen */
	uint64_t amount;
	uint64_t expires_at;  /* as the record has it */
	uint64_t destination; /* keyed hashes, as the record has them */
	uint64_t condition;
	uint64_t endpoint;
	uint64_t token;
	uint64_t prepare_ns;      /* first byte of the Prepare's request */
	uint64_t prepare_done_ns; /* its last byte */
	uint64_t reply_ns;        /* first byte of the reply; 0 where there was none */
	uint64_t reply_done_ns;   /* last byte of the reply, or when the exchange was given up */
	/* origin */
	enum origin origin;
	enum doubt_cause doubt; /* why it is unknown; DOUBT_CAUSES: it is not, or nobody doubts */
	bool onward;            /* it went out when something with its condition had come in, ... */
	bool apart;             /* ... with which it was not judged, because a table was full */
	/* peers */
	struct asset asset;
	/* rates */
	bool converted;
	uint64_t value; /* base currency at scale 4; valid only when converted */
};

/* Does Rafiki count the packet as rejected? A Prepare that is not fulfilled and gets no Reject
 * either (an HTTP error, a connection that broke, a Fulfill that is late or false) ends in a Reject
 * that the connector makes itself. What was not seen is neither. */
static inline bool outcome_is_refusal(enum outcome outcome)
{
	return outcome != OUTCOME_OPEN && outcome != OUTCOME_FULFILLED && outcome != OUTCOME_LOST;
}

/* Does E stand for its packet? Copies do not, and a forwarded packet is two exchanges of its
 * target, in and out, of which the one going out does. */
static inline bool exchange_counts(const struct exchange *e)
{
	if (e->origin == ORIGIN_FORWARDED)
		return e->role != RECORD_ROLE_SERVER;
	return e->origin != ORIGIN_PROXY_COPY;
}

/* Did an ILP packet come back? Then it was this try that its connector takes for the answer. */
static inline bool exchange_answered(const struct exchange *e)
{
	return e->outcome == OUTCOME_FULFILLED || e->outcome == OUTCOME_REJECTED ||
	       e->outcome == OUTCOME_EXPIRED || e->outcome == OUTCOME_MISMATCH;
}

#endif
