/* SPDX-License-Identifier: Apache-2.0 */
/*
 * neighbours.h - hops -> how each peer does: outcomes, reject codes, and three times.
 *
 * The times are those between the moments of a hop, so they are known of every hop that has a
 * reply, alone or not, and without a clock:
 *
 *   hold       from the incoming Prepare's first segment until the reply leaves
 *   peer       from the outgoing Prepare until its reply, the wire included
 *   connector  the rest of the hold
 *
 * How much of the peer's time the wire has, is an estimate: the shortest round trip of all TCP
 * connections to it. TCP measures one by each acknowledgement. That of a handshake comes at once,
 * where that of a request may wait for the reply, so that the smoothed mean (srtt) has the peer's
 * own time in it and the shortest one has not.
 *
 * A peer is the endpoint that Prepares go to. What the target answers itself belongs to none. The
 * number of peers is bounded; what finds no room is together in one more.
 */
#ifndef TELLTALE_NEIGHBOURS_H
#define TELLTALE_NEIGHBOURS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile/hops.h"
#include "release/histogram.h"

#define NEIGHBOURS_MAX       64
#define NEIGHBOURS_CODES_MAX 8

enum neighbour_time { NEIGHBOUR_HOLD, NEIGHBOUR_PEER, NEIGHBOUR_CONNECTOR, NEIGHBOUR_TIMES };

struct neighbour_code {
	char code[4];
	uint64_t packets;
};

struct neighbour {
	uint64_t endpoint; /* 0: of those that found no room */
	uint64_t packets;
	uint64_t outcomes[OUTCOMES];
	struct neighbour_code codes[NEIGHBOURS_CODES_MAX];
	size_t codes_len;
	uint64_t codes_more; /* rejects whose code found no room */
	struct histogram times[NEIGHBOUR_TIMES];
	uint32_t wire_us; /* the wire there and back takes no longer than this; 0: not known */
	bool tls;         /* packets went out inside TLS */
};

struct neighbours {
	struct neighbour list[NEIGHBOURS_MAX + 1]; /* the last is of those that found no room */
	size_t len;                                /* the last not counted */
};

extern const char *const neighbour_times[NEIGHBOUR_TIMES];

void neighbours_init(struct neighbours *n);
void neighbours_add(struct neighbours *n, const struct hop *hop);
/* Puts those with the most packets first. */
void neighbours_sort(struct neighbours *n);

/* Why the wire's time is not known, in words; NULL: it is. */
const char *neighbours_no_wire(const struct neighbour *one);

/* The time that SHARE of those that were added do not exceed, in ms, as exactly as the histogram
 * is; 0: there are none. */
double neighbours_quantile(const struct histogram *h, double share);

#endif
