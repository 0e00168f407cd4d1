/* SPDX-License-Identifier: Apache-2.0 */
/* contribution.h - what payments hands to privacy. */
#ifndef TELLTALE_CONTRIBUTION_H
#define TELLTALE_CONTRIBUTION_H

#include <stdbool.h>
#include <stdint.h>

#include "exchange/exchange.h"

enum contribution_kind {
	CONTRIBUTION_TRANSACTION = 1, /* a stream has proved to be a payment; once each */
	CONTRIBUTION_PACKET,          /* one packet of a payment; value set when it moved value */
	CONTRIBUTION_PAYMENT_END,  /* a payment ended: its totals, for mechanisms that need them */
	CONTRIBUTION_PROBE_PACKET, /* one packet of a stream that never became a payment */
};

/* What one thing that happened adds to the counters. Only privacy may look at the amounts. */
struct contribution {
	enum contribution_kind kind;
	enum origin origin;
	uint64_t payment; /* names the payment among those alive; never leaves the process */
	/* CONTRIBUTION_PACKET, CONTRIBUTION_PROBE_PACKET */
	enum outcome outcome;
	bool converted;
	uint64_t value;       /* base currency, scale 4; 0 unless fulfilled and converted */
	uint64_t peer;        /* CONTRIBUTION_PACKET: the endpoint it went to; 0: it came in, or
			       * that is not known */
	uint64_t exchange_ns; /* Prepare's first byte to reply's last; 0 without reply, and in
				 packets held back until their stream had proved what it was */
	char reject_code[4];
	/* CONTRIBUTION_PAYMENT_END */
	uint64_t total_value; /* saturating */
	uint32_t prepared, fulfilled, rejected;
	uint64_t pay_ns;        /* first Prepare of the stream to last fulfilled reply */
	uint64_t round_trip_ns; /* first non-zero Prepare to last fulfilled reply */
	/* Not the whole of a payment: the rest of one that reached MAX_NS, or what may be the rest
	 * of one from before the start; pushed out of a full table, so that a rest may follow. What
	 * must count no payment twice leaves these out. */
	bool partial;
};

typedef void payment_sink(void *context, const struct contribution *c);

#endif
