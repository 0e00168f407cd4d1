/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timeline.h - the time of exported points. It never goes back, and a clock that is wrong for a
 * short while does not change it.
 *
 * A store orders the samples of a series by time. It refuses a time that does not rise, or reads it
 * as a restart. So a step of the wall clock is ignored for TIMELINE_PATIENCE_NS. If the clock stays
 * there, the time follows. A step forwards is followed at once, which leaves a gap that does not
 * harm a cumulative counter. After a step backwards the time runs at an eighth of its speed until
 * the clock has caught up.
 */
#ifndef TELLTALE_TIMELINE_H
#define TELLTALE_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define TIMELINE_TOLERANCE_NS NS_PER_S /* less is not a step but NTP adjusting the clock */
#define TIMELINE_PATIENCE_NS  (10 * NS_PER_MINUTE)
#define TIMELINE_SLOWED       8

struct timeline {
	int64_t at_ns;    /* the last time returned; 0: none yet */
	int64_t boot_ns;  /* ... and the boot time of that */
	bool off;         /* the wall clock differs by a step */
	int64_t since_ns; /* ... since then */
};

/* The time of a point that is made now. WALL_NS is the wall clock; BOOT_NS is CLOCK_BOOTTIME, which
 * cannot be set and runs during suspend. T begins zeroed. */
int64_t timeline_next(struct timeline *t, int64_t wall_ns, int64_t boot_ns);

/*
 * The time of a node's first point, which shows where its counters begin, when it is sent before
 * the newest point. It is the first point's own time, unless the endpoint was out of reach for so
 * long that a store might refuse it as too old. Prometheus does so after an hour, and would then
 * miss the restart.
 */
#define TIMELINE_LATE_NS (30 * NS_PER_MINUTE)
int64_t timeline_first(int64_t first_ns, int64_t newest_ns);

#endif
