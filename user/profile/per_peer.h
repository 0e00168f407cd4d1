/* SPDX-License-Identifier: Apache-2.0 */
/*
 * per_peer.h - exchanges and hops -> the operator's series of each peer: outcomes, reject codes,
 * times, value, and what is earned with it. Which peer is it?
 *
 * A peer is the endpoint that the target's Prepares go to, named by host and path. At most
 * PER_PEER_MAX have series of their own, those that come first, of which half are shared evenly by
 * the targets: so none keeps the peers of another from having theirs. All others are together under
 * PER_PEER_OTHER, as is a peer whose name is not known yet, and one with which no exchange has been
 * counted. What the target answers itself, and what came in, belongs to no peer here.
 *
 * All of these metrics are of audience OWN.
 */
#ifndef TELLTALE_PER_PEER_H
#define TELLTALE_PER_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exchange/exchange.h"
#include "profile/hops.h"
#include "release/series.h"

#define PER_PEER_MAX      32
#define PER_PEER_OTHER    "other"
#define PER_PEER_NAME_LEN 320 /* longest name, its NUL included; what is longer is cut */

/* Writes the name of ENDPOINT to NAME, of LEN bytes. False: it is not known. */
typedef bool per_peer_name(void *context, uint64_t endpoint, char *name, size_t len);

struct per_peer;

/* SERIES is borrowed. MAX, up to PER_PEER_MAX, peers of TARGETS targets have series of their own;
 * 0: nothing is counted. NULL when memory is short. */
struct per_peer *per_peer_new(struct series *series, size_t max, size_t targets,
			      per_peer_name *name, void *context);
void per_peer_free(struct per_peer *p); /* accepts NULL */

/* An exchange has ended, and it is known whose it was. */
void per_peer_exchange(struct per_peer *p, const struct exchange *e);
/* Counts how long a forwarded packet was held, and how much of that the connector took. */
void per_peer_hop(struct per_peer *p, const struct hop *hop);
/* The handle of the series of a peer's value, which privacy counts; CONTEXT is the struct per_peer.
 * 0 as ENDPOINT is that of no peer: -1. */
int per_peer_amount(void *context, uint64_t endpoint);
/* What the target earned with a forwarded packet to ENDPOINT, as privacy gives it: a
 * privacy_spread_sink. */
void per_peer_earned(void *context, uint64_t endpoint, int64_t noisy, double variance);

#endif
