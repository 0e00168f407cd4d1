/* SPDX-License-Identifier: Apache-2.0 */
/*
 * payments.h - gathers exchanges into payments and says what each contributes.
 *
 * In: closed exchanges with origin, asset and value. Out: contributions, which privacy takes. A
 * payment is all exchanges of one target with one origin class and one destination hash; it
 * becomes a transaction when its first non-zero packet is fulfilled, and ends after IDLE_NS without
 * an exchange or MAX_NS in all. A stream that ends before that was a rate probe, or failed: its
 * packets are contributed apart, as PROBE. Packets of amount zero and peer-protocol packets belong
 * to no payment's counts.
 *
 * A stream that goes on after MAX_NS is a payment again, and remembered as the rest of one.
 *
 * The table is bounded: when it is full the payment idle longest, of the target that has most in
 * it, ends and is counted as evicted.
 */
#ifndef TELLTALE_PAYMENTS_H
#define TELLTALE_PAYMENTS_H

#include <stddef.h>
#include <stdint.h>

#include "exchange/contribution.h"
#include "exchange/exchange.h"

struct payment_stats {
	uint64_t evicted;
	uint64_t open;
};

/* Reject codes held apart in one stream; packets with further ones are held without their code. */
#define PAYMENT_CODES_MAX 6

/* Packets of a stream that has not proved to be a payment. */
struct payment_held {
	uint32_t packets[OUTCOMES]; /* whose code is not in codes[] */
	struct {
		char code[4];
		uint32_t packets;
	} codes[PAYMENT_CODES_MAX];
};

/* A payment that is alive. */
struct payment_state {
	uint64_t destination;
	uint64_t first_ns;         /* first byte of the stream's first Prepare */
	uint64_t first_nonzero_ns; /* ... of its first non-zero one; UINT64_MAX before that */
	uint64_t last_ns;          /* end of the last exchange */
	uint64_t last_fulfilled_ns;
	uint64_t total_value;
	uint32_t prepared, fulfilled, rejected;
	uint8_t target;
	uint8_t origin; /* enum origin */
	/* 0 or 1 */
	uint8_t proved; /* a non-zero packet was fulfilled */
	uint8_t rest;   /* of a payment before it, for all we know */
	uint8_t empty;  /* has had no exchange since it ended by age */
	struct payment_held held;
};

struct payments;

struct payments *payments_new(size_t capacity, uint64_t idle_ns, uint64_t max_ns,
			      payment_sink *sink, void *context);
void payments_free(struct payments *p);
/* Payments that begin within twice IDLE_NS of NOW_NS may have begun before: their ends are partial.
 */
void payments_begin(struct payments *p, uint64_t now_ns);
/*
 * E has closed. Copies of proxies and the incoming half of a forwarded exchange must not be given
 * (a packet would count twice); everything else is. After the end of a payment an exchange with
 * its destination begins a new one. An exchange counts from its end: one that alone takes longer
 * than IDLE_NS does not hold its payment open.
 */
void payments_exchange(struct payments *p, const struct exchange *e);
void payments_tick(struct payments *p, uint64_t now_ns);
/* Ends every payment, at shutdown. */
void payments_drain(struct payments *p);
/* For a process that goes on in this one's place: calls EACH for every payment that is alive. */
void payments_each(const struct payments *p,
		   void (*each)(void *context, const struct payment_state *state), void *context);
/* One of those goes on here. -EINVAL: it cannot be; -ENOSPC: there is no room. */
int payments_resume(struct payments *p, const struct payment_state *state);
struct payment_stats payments_stats(const struct payments *p);

#endif
