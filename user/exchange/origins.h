/* SPDX-License-Identifier: Apache-2.0 */
/*
 * origins.h - tells originated, forwarded, received and proxied exchanges apart, when it is known.
 *
 * In: exchanges as match opens and closes them. Out: each of them once more, its origin judged. The
 * network's volume is what a target originates, and that is a claim: it needs all evidence in. So
 * all exchanges of a target with one condition are gathered, and judged together (verdict.h) when
 * the last of them has ended and ORIGINS_GRACE_NS more have passed: an incoming Prepare may be read
 * after the outgoing one that it caused, and a Prepare may be sent again when its connection broke.
 * One that then seems to be originated is so only if its target was not in doubt (doubts.h) while
 * its incoming twin could have come: else its origin is unknown.
 *
 * Where one try of a Prepare was answered and another, on another connection, still waits, and
 * nothing came in, the answered one is not kept waiting: the other is a copy whatever becomes of
 * it. An incoming Prepare that ended without an answer of the target's may still be sent on: what
 * goes out within DOUBTS_LIFE_NS of it is forwarded. A condition that comes again after it was
 * answered is a new payment. Protocol packets ("peer.") share one condition and are judged by their
 * role alone, at once.
 *
 * Both tables are bounded; when one is full, the oldest condition of the target that has most in it
 * is judged early and counted, and its target is in doubt.
 */
#ifndef TELLTALE_ORIGINS_H
#define TELLTALE_ORIGINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exchange/doubts.h"
#include "exchange/exchange.h"

#define ORIGINS_GRACE_NS 1000000000ULL

struct origins_config {
	size_t conditions;     /* gathered at once, from 1 to TABLE_CAPACITY_MAX */
	size_t held;           /* ended exchanges that wait to be judged; the same range */
	struct doubts *doubts; /* borrowed */
	/* E, a copy of what origins_closed was given, has its origin. It may be changed; it is gone
	 * after the call. */
	void (*judged)(void *context, struct exchange *e);
	void *context;
};

struct origins;

/* NULL when memory is short or a size is out of range. */
struct origins *origins_new(const struct origins_config *config);
void origins_free(struct origins *o); /* judges nothing; accepts NULL */

/* A Prepare was seen. Sets e->order. */
void origins_opened(struct origins *o, struct exchange *e);
/* The exchange ended: it is copied, and judged now or later. */
void origins_closed(struct origins *o, const struct exchange *e);
/* Judges what is due at NOW_NS: everything that was seen before is to have been given. */
void origins_settle(struct origins *o, uint64_t now_ns);
/* Judges everything, at shutdown. */
void origins_drain(struct origins *o);

/* Would an exchange of ROLE with CONDITION, were it opened now, be judged with others of TARGET? */
bool origins_expects(const struct origins *o, unsigned target, enum record_role role,
		     uint64_t condition);

/* Did something come into TARGET that is not answered, or was not, and may still be sent on? */
bool origins_remembers(const struct origins *o, unsigned target);

/* When the exchange that has waited longest to be judged ended; NOW_NS when none waits. */
uint64_t origins_horizon(const struct origins *o, uint64_t now_ns);
/* Exchanges that have ended and wait to be judged. */
uint64_t origins_waiting(const struct origins *o);
/* Conditions judged early or forgotten because a table was full. */
uint64_t origins_evicted(const struct origins *o);

#endif
