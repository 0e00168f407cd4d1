/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traces.h - hops -> spans: a payment as one trace, over all of the operator's nodes that share a
 * key, although no connector hands anything on for it.
 *
 * In: hops, each once, with their columns where they were split. Out: batches of spans
 * (release/spans.h). What a span is called by comes of what both ends of a wire see alike, hashed
 * under the key: the trace of a payment's destination; the span of a packet's condition with its
 * expiry, which each connector shortens. So the node that sends a Prepare and the one that gets it
 * know each other's spans.
 *
 *   packet in       from the Prepare's first segment until the reply leaves; its parent is the
 *                   "packet out" of the node before
 *   packet out      from the outgoing Prepare until its reply: peer and wire; its parent is the
 *                   "packet in" of the same node
 *
 * The other parts of a packet's time are children of these, and where the time was split, its
 * columns are children of the parts: one after the other, as a sum has no place in time.
 *
 * Which payments are sampled comes of the key and the destination too: every node picks the same.
 * Beside them the slowest packets of each minute are kept, which each node picks for itself.
 */
#ifndef TELLTALE_TRACES_H
#define TELLTALE_TRACES_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/decode/siphash.h"
#include "bpf/tape.h"
#include "profile/hops.h"
#include "profile/per_peer.h"
#include "release/series.h"
#include "release/spans.h"

#define TRACES_ALL         1000000 /* millionths */
#define TRACES_SLOWEST_MAX 100
#define TRACES_WINDOW_NS   60000000000ULL

struct traces_params {
	struct siphash_key key;
	uint64_t sample;       /* of a million payments, so many are traced */
	uint64_t slowest;      /* packets of each minute; TRACES_SLOWEST_MAX at most */
	struct series *series; /* borrowed */
	per_peer_name *name;
	void *context; /* of NAME */
	/* By number, from 1, borrowed; NULL: there is none. */
	const char *dependencies[TAPE_CLASSES_MAX + 1];
};

struct traces;

/* PARAMS is copied. NULL when memory is short. */
struct traces *traces_new(const struct traces_params *params);
void traces_free(struct traces *t); /* wipes the key; accepts NULL */

/* COLUMNS: NULL unless HOP was split. What finds no room in the batch is counted. */
void traces_hop(struct traces *t, const struct hop *hop, const struct hop_columns *columns);
/* All hops that were over at UNTIL_NS (CLOCK_MONOTONIC) have been given. */
void traces_settle(struct traces *t, uint64_t until_ns);
/* How many spans wait. */
size_t traces_len(const struct traces *t);
/* Gives up the batch, which is the caller's; its times get OFFSET_NS, CLOCK_REALTIME minus
 * CLOCK_MONOTONIC. NULL: there is none. */
struct spans *traces_take(struct traces *t, int64_t offset_ns);

#endif
