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
struct payment_stats payments_stats(const struct payments *p);

#endif
