/* SPDX-License-Identifier: Apache-2.0 */
/*
 * live.h - what `telltale profile` shows of one session, all the time and in bounded memory: hops,
 * their columns where the clocks run, and the peers.
 *
 * In: exchanges as match opens and closes them, and, where the probe half has clocks, their events.
 * Out: series of audience OWN. It sees no amount.
 *
 * A packet is judged a good second after it was over: all that is known of it has come by then.
 */
#ifndef TELLTALE_LIVE_H
#define TELLTALE_LIVE_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/record.h"
#include "bpf/tape.h"
#include "exchange/exchange.h"
#include "profile/per_peer.h"
#include "profile/traces.h"
#include "release/series.h"

#define LIVE_EXCHANGES 4096  /* in hand, or not judged yet */
#define LIVE_EVENTS    65536 /* marks of all clocks, and reads, and turns: 2 MB */

struct live;

struct live_params {
	struct series *series; /* borrowed */
	size_t peers;          /* that have series of their own */
	size_t targets;
	per_peer_name *name;
	void *context;         /* of NAME */
	struct traces *traces; /* borrowed; gets every hop; NULL: there are no traces */
	/* The dependencies by number, from 1; NULL: there is none, or no clock. */
	const char *dependencies[TAPE_CLASSES_MAX + 1];
};

enum live_clocks { LIVE_CLOCKS_REFUSED = -1, LIVE_CLOCKS_OFF, LIVE_CLOCKS_ON };

/* PARAMS is copied. NULL when memory is short. The clocks are off. */
struct live *live_new(const struct live_params *params);
void live_free(struct live *l); /* accepts NULL */

/* As hops_opened and so on. */
void live_opened(struct live *l, const struct exchange *e, const struct record_message *message);
void live_closed(struct live *l, const struct exchange *e);
void live_unmatched(struct live *l, const struct record_message *reply);
/* An exchange has ended, and it is known whose it was. */
void live_judged(struct live *l, const struct exchange *e);

/* The clocks run from now on, or do no longer. What they showed is forgotten. */
void live_set_clocks(struct live *l, enum live_clocks clocks);
/* An event of bpf/tape.h; ignored unless the clocks run. */
void live_event(struct live *l, const struct tape_event *event);
/* After the records and events that were there at NOW_NS (CLOCK_MONOTONIC); LOST events have found
 * no room so far. */
void live_settle(struct live *l, uint64_t lost, uint64_t now_ns);

/* For privacy_by_peer. */
struct per_peer *live_per_peer(struct live *l);

#endif
