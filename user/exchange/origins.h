/* SPDX-License-Identifier: Apache-2.0 */
/*
 * origins.h - tells originated, forwarded, received and proxied exchanges apart.
 *
 * The network's volume is what a target originates. From outside the rule is: the first sight of a
 * condition in a target decides. Seen first going out, the target originated it; seen first coming
 * in, it is received, and one going out after that, with no other pending, is forwarded. The same
 * condition once more in a role where it is pending (a sidecar proxy inside the target, or a
 * retry), an incoming one whose outgoing twin came first, and whatever that one causes in turn, is
 * a proxy copy. What came in, went out and came in again at the same endpoint has not left: an
 * ingress inside the target passed it on, it is received, and its way inside is copies. Where
 * it goes on from there, the first way out stands for all: an ingress and a connector that forwards
 * look like a connector and its egress.
 *
 * A condition is remembered from its first Prepare until all exchanges with it have closed. The
 * table is bounded; when it is full the oldest of the target that has most in it is forgotten and
 * counted.
 *
 * A retry of an ended Prepare (same condition, nothing pending any more) counts as new, and so
 * does a forwarder's second try after its first has ended, while the incoming Prepare waits.
 * Protocol packets ("peer.") share one condition and are judged by their role alone.
 */
#ifndef TELLTALE_ORIGINS_H
#define TELLTALE_ORIGINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exchange/exchange.h"

struct origins;

struct origins *origins_new(size_t capacity);
void origins_free(struct origins *o);

/* Sets e->origin at the moment the Prepare is seen. A server-role exchange is ORIGIN_RECEIVED at
 * first, and one going out may prove to have stayed inside: what it was in the end is known when it
 * closes. */
void origins_opened(struct origins *o, struct exchange *e);
/* The exchange ended: settles e->origin (an incoming one whose condition went out again becomes
 * ORIGIN_FORWARDED) and forgets the condition with its last exchange. */
void origins_closed(struct origins *o, struct exchange *e);

/* From now on outgoing exchanges of TARGET are ORIGIN_UNKNOWN unless seen to be forwarded or
 * copies (BLIND true), because the target accepts connections that cannot be read. */
void origins_set_blind(struct origins *o, unsigned target, bool blind);
uint64_t origins_evicted(const struct origins *o);

#endif
