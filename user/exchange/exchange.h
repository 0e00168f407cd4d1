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

#include "rates/asset.h"

/* How an exchange ended; each ends in exactly one way. */
enum outcome {
	OUTCOME_OPEN = 0,   /* no reply yet */
	OUTCOME_FULFILLED,  /* the amount moved */
	OUTCOME_REJECTED,   /* an ILP Reject came back */
	OUTCOME_EXPIRED,    /* a Fulfill came after the Prepare's expiry: nothing moved */
	OUTCOME_HTTP_ERROR, /* an HTTP status other than 200 and no packet */
	OUTCOME_NOT_ILP,    /* status 200 and a body that is no ILP reply */
	OUTCOME_CLOSED,     /* the connection ended before the reply */
	OUTCOME_LOST,       /* what became of it was not seen: enum lost says why */
	OUTCOMES,
};

/* Why an outcome was not seen. */
enum lost {
	LOST_NOT = 0,
	LOST_GAP,      /* bytes were missing where replies come on its connection */
	LOST_RING,     /* records found no room while it was open */
	LOST_EVICTED,  /* the table was full */
	LOST_REPLACED, /* another Prepare came in its place */
	LOST_TIMEOUT,  /* no reply long past the expiry */
	LOST_SHUTDOWN, /* telltale ended first */
	LOST_OPAQUE,   /* its connection went over to a protocol that is not read */
	LOSTS,
};

/* Whose payment it is, from where the target stands. */
enum origin {
	ORIGIN_UNKNOWN = 0, /* the target also accepts connections that cannot be read */
	ORIGIN_ORIGINATED,  /* the target started it: the network's volume */
	ORIGIN_FORWARDED,   /* an incoming Prepare with the same condition was pending */
	ORIGIN_RECEIVED,    /* came in and ended here, as far as was seen */
	ORIGIN_PROXY_COPY,  /* the same Prepare on a second connection of the target, or a retry */
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
	uint64_t amount;
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
	/* peers */
	struct asset asset;
	/* rates */
	bool converted;
	uint64_t value; /* base currency at scale 4; valid only when converted */
};

#endif
