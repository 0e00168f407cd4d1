/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/cost.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "release/vocabulary.h"

/* The sum over all probe halves. */
static uint64_t add_up(struct cost_sum *sum, uint64_t now)
{
	if (now < sum->last)
		sum->before += sum->last;
	sum->last = now;
	return sum->before + now;
}

static void update_program(struct cost *c, unsigned i, const struct wire_program *program,
			   struct series *series)
{
	const struct word *word = &vocabulary_programs.words[i];

	if (program->missed && !c->programs[i].missed.last && word->loss)
		log_warn("cost",
			 "the kernel left out a run of the program %s: what it would have read is "
			 "missing",
			 word->label);
	series_total(series, METRIC_PROGRAMS_TIMED, i, add_up(&c->programs[i].runs, program->runs));
	series_total(series, METRIC_PROGRAMS_TIMED_NS, i, add_up(&c->programs[i].ns, program->ns));
	series_total(series, METRIC_PROGRAMS_MISSED, i,
		     add_up(&c->programs[i].missed, program->missed));
}

void cost_update(struct cost *c, const struct wire_state *probe, struct series *series)
{
	series_total(series, METRIC_OWN_CPU, HALF_PROBE,
		     add_up(&c->cpu, probe->cpu_ns) / NS_PER_MS);
	series_total(series, METRIC_OWN_CPU, HALF_DAEMON, own_cpu_ns() / NS_PER_MS);
	series_set(series, METRIC_OWN_MEMORY, HALF_PROBE, (int64_t)probe->bytes);
	series_set(series, METRIC_OWN_MEMORY, HALF_DAEMON, (int64_t)own_bytes());
	for (unsigned i = 0; i < PROGRAMS; i++)
		update_program(c, i, &probe->programs[i], series);
}
