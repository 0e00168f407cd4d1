/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verdict.h - whose payment it is, judged with all exchanges of one condition in hand.
 *
 * What came in and went out again is forwarded, what went out only is originated, what came in only
 * is received. The order in which they were seen shows which of the two was first, except that
 * a request on a socket may be read late (it came with the handshake, or the tap waited for bytes
 * before it): an incoming one seen after the outgoing one came before it all the same, unless it is
 * the far end of the outgoing one's own connection, or was answered while that one waited for its
 * answer.
 *
 * One Prepare counts once. An incoming one at the far end of an outgoing one has not left the
 * target: a proxy or an ingress inside it passes the packet on. What overlaps it in time is a copy
 * of it. The same Prepare sent again because its connection broke is a retry: the one that was
 * answered stands for all, and where none was, the last one.
 */
#ifndef TELLTALE_VERDICT_H
#define TELLTALE_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "exchange/exchange.h"

#define VERDICT_MAX 16 /* exchanges judged together */

/*
 * Sets the origin of N exchanges (at most VERDICT_MAX) of one condition and target, each client or
 * server, each ended or as it is so far. They are sorted in place by the order in which they were
 * seen. CAME_IN: others of theirs, judged before, had come in.
 */
void verdict_judge(struct exchange *members[], size_t n, bool came_in);

#endif
