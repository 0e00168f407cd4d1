/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/cost.h"

#include "base/clock.h"
#include "base/own.h"
#include "release/vocabulary.h"

/* The sum over all probe halves. */
static uint64_t add_up(struct cost *c, enum cost_count which, uint64_t now)
{
	if (now < c->last[which])
		c->before[which] += c->last[which];
	c->last[which] = now;
	return c->before[which] + now;
}

void cost_update(struct cost *c, const struct wire_state *probe, struct series *series)
{
	series_total(series, METRIC_OWN_CPU, HALF_PROBE,
		     add_up(c, COST_CPU, probe->cpu_ns) / NS_PER_MS);
	series_total(series, METRIC_OWN_CPU, HALF_DAEMON, own_cpu_ns() / NS_PER_MS);
	series_set(series, METRIC_OWN_MEMORY, HALF_PROBE, (int64_t)probe->bytes);
	series_set(series, METRIC_OWN_MEMORY, HALF_DAEMON, (int64_t)own_bytes());
	series_total(series, METRIC_PROGRAMS_MISSED, 0, add_up(c, COST_MISSED, probe->missed));
	series_total(series, METRIC_CLOCKS_TIMED, 0, add_up(c, COST_TIMED, probe->timed_runs));
	series_total(series, METRIC_CLOCKS_TIMED_NS, 0, add_up(c, COST_TIMED_NS, probe->timed_ns));
}
