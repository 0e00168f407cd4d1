/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spread.h - the two ends of a forwarded packet -> what its connector kept of it.
 *
 * In: exchanges as origins judges them. Both ends of a packet are judged together: one of them is
 * kept here until the other one comes. Out: the value that came in minus the value that went out,
 * once both were fulfilled. It is below zero where a rate or a mistake costs the operator money.
 *
 * A packet's spread is often less than the 0.0001 of the base currency that other values have as
 * their unit, so that it is counted in 0.00000001: SPREAD_FINER of these are one of those.
 */
#ifndef TELLTALE_SPREAD_H
#define TELLTALE_SPREAD_H

#include <stdint.h>

#include "exchange/exchange.h"
#include "exchange/peers.h"
#include "rates/rates.h"

#define SPREAD_FINER_SCALE 4 /* decimal places more than RATES_BASE_SCALE */
#define SPREAD_FINER       10000

/* All zero at first. */
struct spread {
	struct exchange end; /* the one that was judged last; without a condition: none waits */
};

enum spread_known {
	SPREAD_NOTHING,      /* no packet has both ends yet */
	SPREAD_KNOWN,        /* *FOUND is set */
	SPREAD_UNATTRIBUTED, /* the asset of an end is not known */
	SPREAD_UNCONVERTED,  /* ... or no rate converts it, or the value is too large */
	SPREAD_EVICTED,      /* its ends were not judged together */
};

struct spread_found {
	uint64_t endpoint; /* that the packet went to; 0: not known */
	int64_t earned;    /* value in minus value out, 0.00000001 of the base currency */
};

enum spread_known spread_add(struct spread *s, const struct exchange *e, struct peers *peers,
			     const struct rates *rates, struct spread_found *found);

#endif
