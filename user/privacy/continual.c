/* SPDX-License-Identifier: Apache-2.0 */
#include "privacy/continual.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "privacy/calendar.h"
#include "base/clock.h"
#include "base/log.h"

#define STAGE         "privacy"
#define CHECKPOINT_NS (5 * NS_PER_MINUTE)
#define PAST_DAYS     28
#define SCALE_MAX     4 /* hours' values are scaled by a factor from 1 to this */

/* Everything that must survive a restart, in the form it is saved in. Only 64-bit words, so that
 * there is no padding. */
struct memory {
	struct privacy_budget budget; /* of the open nodes */
	uint64_t start_unix_ns;
	struct calendar calendar;
	int64_t base[CONTINUAL_COUNTERS];  /* closed days */
	int64_t today[CONTINUAL_COUNTERS]; /* closed hours of the open day */
	int64_t hours; /* value of all closed hours of the open day, the last one included */
	int64_t past_days[PAST_DAYS], past_hours[PAST_DAYS];
	uint64_t past_len; /* days remembered so far, in all */
	int64_t times[CONTINUAL_TIMES][BUDGET_TIME_CELLS];
	struct continual_released released;
};

struct continual {
	struct continual_options options;
	struct memory memory;
	struct continual_stats stats;
	uint64_t tick_ns, saved_ns;
	bool changed, failing;
	bool slept; /* ticks stopped while the open nodes may have ended */
};

/* --- after the noise: arithmetic on what is public ----------------------------------------------
 */

static int64_t saturate(__int128 v)
{
	return v > INT64_MAX ? INT64_MAX : v < INT64_MIN ? INT64_MIN : (int64_t)v;
}

static void add(int64_t *sum, int64_t amount)
{
	*sum = saturate((__int128)*sum + amount);
}

/* How many payments a node had: each of them adds the clip to A and B together. */
static int64_t payments_of(const int64_t *noisy, uint64_t clip)
{
	__int128 twice = 2 * ((__int128)noisy[BUDGET_VALUE] + noisy[BUDGET_REST]), unit = clip;

	return saturate((twice + (twice < 0 ? -unit : unit)) / (2 * unit));
}

static void add_node(int64_t sums[CONTINUAL_COUNTERS], const int64_t *noisy, uint64_t clip)
{
	add(&sums[CONTINUAL_VALUE], noisy[BUDGET_VALUE]);
	add(&sums[CONTINUAL_TRANSACTIONS], payments_of(noisy, clip));
	add(&sums[CONTINUAL_FULFILLED], noisy[BUDGET_FULFILLED]);
	add(&sums[CONTINUAL_REJECTED], noisy[BUDGET_REJECTED]);
}

/* VALUE of the hours, scaled to what the day's node is expected to have. */
static int64_t scale_hours(const struct memory *m, int64_t value)
{
	__int128 days = 0, hours = 0;

	for (size_t i = 0; i < PAST_DAYS; i++) {
		days += m->past_days[i];
		hours += m->past_hours[i];
	}
	if (hours <= 0 || days <= hours)
		return value;
	if (days >= SCALE_MAX * hours)
		return saturate((__int128)SCALE_MAX * value);
	/* Leaves room for the product below. 62 bits are precise enough for the scale. */
	while (days > INT64_MAX / 2) {
		days /= 2;
		hours /= 2;
	}
	return saturate(value * days / (hours ? hours : 1));
}

static void remember_day(struct memory *m, int64_t value)
{
	size_t at = m->past_len++ % PAST_DAYS;

	m->past_days[at] = value;
	m->past_hours[at] = m->hours;
}

static void release(struct memory *m)
{
	struct continual_released *r = &m->released;

	for (size_t i = 0; i < CONTINUAL_COUNTERS; i++) {
		int64_t estimate = m->base[i], hours = m->today[i];

		add(&estimate, i == CONTINUAL_VALUE ? scale_hours(m, hours) : hours);
		if (estimate > r->counters[i])
			r->counters[i] = estimate;
	}
	for (size_t t = 0; t < CONTINUAL_TIMES; t++) {
		for (size_t i = 0; i < BUDGET_TIME_CELLS; i++) {
			if (m->times[t][i] > (int64_t)r->times[t][i])
				r->times[t][i] = (uint64_t)m->times[t][i];
		}
	}
}

static void begin_day(struct memory *m)
{
	memset(m->today, 0, sizeof(m->today));
	m->hours = 0;
}

/* --- closing ------------------------------------------------------------------------------------
 */

static void close_hour(struct continual *c, struct memory *m, bool last)
{
	int64_t noisy[BUDGET_CELLS];

	if (!budget_cells(&m->budget, BUDGET_HOUR)) {
		calendar_drop(&m->calendar, BUDGET_HOUR);
		return;
	}
	calendar_take(&m->calendar, &m->budget, BUDGET_HOUR, c->options.random,
		      c->options.random_context, noisy);
	add(&m->hours, noisy[BUDGET_VALUE]);
	/* The day's node, which is closed next, contains the last hour too. */
	if (!last)
		add_node(m->today, noisy, m->budget.hour_clip);
}

static void close_day(struct continual *c, struct memory *m)
{
	int64_t noisy[BUDGET_CELLS];

	calendar_take(&m->calendar, &m->budget, BUDGET_DAY, c->options.random,
		      c->options.random_context, noisy);
	add_node(m->base, noisy, m->budget.day_clip);
	for (size_t i = 0; i < BUDGET_TIME_CELLS; i++) {
		add(&m->times[CONTINUAL_PAY_TIME][i], noisy[BUDGET_PAY_TIME + i]);
		add(&m->times[CONTINUAL_ROUND_TRIP][i], noisy[BUDGET_ROUND_TRIP + i]);
	}
	if (budget_cells(&m->budget, BUDGET_HOUR))
		remember_day(m, noisy[BUDGET_VALUE]);
	begin_day(m);
}

/* How many nodes are lost when the open hour is dropped, and with DAY the open day too. Without
 * hourly releases an hour is no node of its own. */
static unsigned nodes_lost(const struct memory *m, bool day)
{
	return (budget_cells(&m->budget, BUDGET_HOUR) != 0) + day;
}

static void tell_lost(const struct memory *m, bool day, const char *why)
{
	if (nodes_lost(m, day))
		log_warn(STAGE,
			 "nothing ran while %s ended%s: what was gathered in it is not released",
			 day ? "a day" : "an hour", why);
}

static void drop_day(struct memory *m)
{
	/* Its hours, which were released, are all that will be known of it. */
	add(&m->base[CONTINUAL_VALUE], scale_hours(m, m->today[CONTINUAL_VALUE]));
	for (size_t i = CONTINUAL_TRANSACTIONS; i < CONTINUAL_COUNTERS; i++)
		add(&m->base[i], m->today[i]);
	calendar_drop(&m->calendar, BUDGET_DAY);
	begin_day(m);
}

static int save(struct continual *c, const struct memory *m)
{
	int err = c->options.state ? state_save(c->options.state, m, sizeof(*m)) : 0;

	if (!err) {
		c->saved_ns = c->tick_ns;
		c->changed = c->failing = false;
		return 0;
	}
	c->stats.unsaved++;
	if (!c->failing)
		log_err(STAGE,
			"the state cannot be saved: %s; the network's counters do not change until "
			"it can be; make room in state_dir",
			strerror(-err));
	c->failing = true;
	return err;
}

/* HOUR has begun. NEXT replaces the memory only once it is on the disk. If saving fails, its noise
 * is discarded, and nobody has seen it. */
static void advance(struct continual *c, int64_t hour)
{
	struct memory next = c->memory;
	bool drop = c->slept;
	bool day_over = calendar_day(hour) != calendar_day(next.calendar.hour);

	if (c->options.renew)
		c->options.renew(c->options.random_context);
	if (drop)
		calendar_drop(&next.calendar, BUDGET_HOUR);
	else
		close_hour(c, &next, day_over);
	if (day_over && drop)
		drop_day(&next);
	else if (day_over)
		close_day(c, &next);
	next.calendar.hour = hour;
	release(&next);
	if (!save(c, &next)) {
		c->memory = next;
		c->slept = false;
		if (drop)
			c->stats.dropped += nodes_lost(&c->memory, day_over);
	}
	explicit_bzero(&next, sizeof(next));
}

void continual_tick(struct continual *c, uint64_t now_unix_ns)
{
	int64_t hour = calendar_hour(now_unix_ns), open = c->memory.calendar.hour;
	bool gap = c->options.gap_ns && now_unix_ns > c->tick_ns &&
		   now_unix_ns - c->tick_ns > c->options.gap_ns;

	c->tick_ns = now_unix_ns;
	/* The clock was set back: the open nodes continue under the earlier hour. */
	if (hour < open - 1)
		c->memory.calendar.hour = hour;
	if (hour > open) {
		if (gap)
			tell_lost(&c->memory, calendar_day(hour) != calendar_day(open),
				  " (the host slept, was set back, or its clock was set)");
		c->slept = c->slept || gap;
		advance(c, hour);
	} else if (c->changed &&
		   (now_unix_ns < c->saved_ns || now_unix_ns - c->saved_ns >= CHECKPOINT_NS)) {
		/* The next attempt comes after a full interval, whether this one works or not. */
		if (save(c, &c->memory))
			c->saved_ns = now_unix_ns;
	}
}

void continual_observe(struct continual *c, const struct contribution *payment)
{
	calendar_add(&c->memory.calendar, &c->memory.budget, payment);
	c->changed = true;
}

void continual_save(struct continual *c)
{
	save(c, &c->memory);
}

/* --- making -------------------------------------------------------------------------------------
 */

/* Loads the state, or sets aside a file that cannot be used. 0 or -errno. */
static int load(struct continual *c)
{
	static const char *const causes[] = {
		[STATE_CORRUPT] = "it is damaged or of another version",
		[STATE_FOREIGN] = "another host wrote it",
		[STATE_OLDER] = "it was copied or put back since it was written",
	};
	struct state *state = c->options.state;
	enum state_verdict *verdict = &c->stats.loaded;
	int err = state_load(state, &c->memory, sizeof(c->memory), verdict);

	if (err)
		return err;
	if (*verdict == STATE_MISSING)
		log_info(STAGE, "there is no privacy.state yet: the network's counters begin now");
	if (*verdict == STATE_MISSING || *verdict == STATE_SOUND)
		return 0;
	err = state_set_aside(state);
	if (!err)
		log_warn(STAGE,
			 "privacy.state is not used: %s; the network's counters begin anew, with a "
			 "new start time, and it is kept as privacy.state.unused",
			 causes[*verdict]);
	return err;
}

/* Sums that were gathered under another budget cannot be released under this one. */
static void change_budget(struct continual *c)
{
	struct memory *m = &c->memory;

	log_warn(STAGE, "epsilon or a clip was changed: what was gathered today is not released");
	c->stats.dropped += nodes_lost(m, true);
	drop_day(m);
	calendar_drop(&m->calendar, BUDGET_HOUR);
	memset(m->past_days, 0, sizeof(m->past_days));
	memset(m->past_hours, 0, sizeof(m->past_hours));
	m->past_len = 0;
	m->budget = c->options.budget;
}

static void begin_anew(struct memory *m, const struct privacy_budget *budget, uint64_t now_unix_ns)
{
	memset(m, 0, sizeof(*m));
	m->budget = *budget;
	m->start_unix_ns = now_unix_ns;
	m->calendar.hour = calendar_hour(now_unix_ns);
}

static int take_up(struct continual *c, uint64_t now_unix_ns)
{
	struct memory *m = &c->memory;
	int64_t hour = calendar_hour(now_unix_ns);
	bool day_over = calendar_day(hour) != calendar_day(m->calendar.hour);

	if (memcmp(&m->budget, &c->options.budget, sizeof(m->budget)) != 0)
		change_budget(c);
	if (hour == m->calendar.hour)
		return save(c, m);
	/* The saved hour may also be in the future: the clock is wrong now or was wrong then. */
	tell_lost(m, day_over, "");
	c->stats.dropped += nodes_lost(m, day_over);
	calendar_drop(&m->calendar, BUDGET_HOUR);
	if (day_over)
		drop_day(m);
	m->calendar.hour = hour;
	release(m);
	return save(c, m);
}

int continual_new(const struct continual_options *options, uint64_t now_unix_ns,
		  struct continual **out)
{
	struct continual *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	c->options = *options;
	c->tick_ns = now_unix_ns;
	c->stats.loaded = STATE_MISSING;
	err = options->state ? load(c) : 0;
	if (!err && c->stats.loaded == STATE_SOUND) {
		err = take_up(c, now_unix_ns);
	} else if (!err) {
		begin_anew(&c->memory, &options->budget, now_unix_ns);
		err = save(c, &c->memory);
	}
	if (err) {
		continual_free(c);
		return err;
	}
	*out = c;
	return 0;
}

void continual_free(struct continual *c)
{
	if (!c)
		return;
	explicit_bzero(&c->memory, sizeof(c->memory));
	free(c);
}

const struct continual_released *continual_released(const struct continual *c)
{
	return &c->memory.released;
}

uint64_t continual_start_unix_ns(const struct continual *c)
{
	return c->memory.start_unix_ns;
}

struct continual_stats continual_stats(const struct continual *c)
{
	return c->stats;
}
