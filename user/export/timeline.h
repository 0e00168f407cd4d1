/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timeline.h - the time that exported points carry: it never goes back, and a clock that is set for
 * a while and put right again leaves no trace in it.
 *
 * A store orders the samples of a series by their time and refuses, or takes for a restart, what
 * does not rise. So a step of the wall clock is not followed at once: for TIMELINE_PATIENCE_NS the
 * time goes on as it was. If the step stays, one forwards is then followed whole (a gap, which a
 * cumulative counter survives), and after one backwards time runs at an eighth of its speed until
 * the clock has caught up.
 */
#ifndef TELLTALE_TIMELINE_H
#define TELLTALE_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define TIMELINE_TOLERANCE_NS NS_PER_S /* what is no step, but a clock being disciplined */
#define TIMELINE_PATIENCE_NS  (10 * NS_PER_MINUTE)
#define TIMELINE_SLOWED       8

struct timeline {
	int64_t at_ns;    /* the last time given; 0: none yet */
	int64_t boot_ns;  /* ... and when that was */
	bool off;         /* the clock is elsewhere */
	int64_t since_ns; /* ... since then */
};

/* The time of a point that is made now: WALL_NS by the wall clock, BOOT_NS by one that is never set
 * and does not stop in suspend (CLOCK_BOOTTIME). T begins zeroed. */
int64_t timeline_next(struct timeline *t, int64_t wall_ns, int64_t boot_ns);

/*
 * The time that a node's first point, which says where its counters begin, carries when it is sent
 * before the newest one: its own, unless an endpoint was out of reach for so long that a store
 * might refuse it as too late. Prometheus does after an hour, and would not see the restart.
 */
#define TIMELINE_LATE_NS (30 * NS_PER_MINUTE)
int64_t timeline_first(int64_t first_ns, int64_t newest_ns);

#endif
