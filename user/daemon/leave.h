/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leave.h - one daemon half ends and another goes on, and no exchange is lost.
 *
 * From the moment on at which it is asked to end, the one that leaves takes only what is about
 * exchanges that it has in hand, until these have ended and are judged. It waits three seconds for
 * them to end, and five more for those that have ended to be judged. Everything else it puts into a
 * backlog (halves/backlog.h), which the probe half keeps. The next one takes that first, and then
 * goes on with the ring.
 */
#ifndef TELLTALE_LEAVE_H
#define TELLTALE_LEAVE_H

#include <stdbool.h>

#include "daemon/stages.h"

/* False when it cannot wait for anything: it was asked before, or has no successor. */
bool leave_begin(struct daemon *d);
bool leave_is_done(const struct daemon *d);
/* Before the pipeline is drained: of what still waits to be judged, that which the witness has not
 * looked at is in doubt. */
void leave_drain(struct daemon *d);
/* After that. */
void leave_end(struct daemon *d);

/* What the daemon half before left, or that it left nothing. SINK is as for view_consume. */
void leave_take(struct daemon *d, ring_sink *sink);

/* Another probe half goes on, and a target may have sent something between the two. */
void leave_say_missed(struct daemon *d);

#endif
