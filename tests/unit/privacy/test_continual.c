/* SPDX-License-Identifier: Apache-2.0 */
/* The continual mechanism: when released figures change, how large their error is, and what
 * survives a restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/unit/support/seeded.h"
#include "privacy/continual.h"

#define SEED    0xc0471ULL
#define SECOND  1000000000ULL
#define HOUR    (3600 * SECOND)
#define DAY     (24 * HOUR)
#define START   (20454 * DAY) /* 2026-01-01T00:00:00Z */
#define MILLION 1000000

/* The noise has a scale of 1.67 day clips a day and 5 hour clips an hour. */
static const struct privacy_budget with_hours = {
	.epsilon_milli = 1000, .day_clip = 10 * MILLION, .hour_clip = 200000, .packet_clip = 16};
static const struct privacy_budget days_alone = {
	.epsilon_milli = 1000, .day_clip = 10 * MILLION, .hour_clip = 0, .packet_clip = 16};
/* The packet clip is what pay() sends, so that there is less noise. */
static const struct privacy_budget few_packets = {
	.epsilon_milli = 1000, .day_clip = 10 * MILLION, .hour_clip = 0, .packet_clip = 5};

static char dir[] = "/tmp/telltale-continual.XXXXXX";
static const struct hostkey key = {1, 2};
static struct seeded seeded;

static struct continual *fresh(const struct privacy_budget *budget, struct state *kept,
			       uint64_t now)
{
	struct continual_options options = {
		.budget = *budget,
		.state = kept,
		.gap_ns = kept ? 600 * SECOND : 0,
		.random = seeded_fill,
		.random_context = &seeded,
	};
	struct continual *c = NULL;

	assert_int_equal(continual_new(&options, now, &c), 0);
	return c;
}

static void pay(struct continual *c, unsigned times, uint64_t value)
{
	struct contribution payment = {
		.kind = CONTRIBUTION_PAYMENT_END,
		.total_value = value,
		.prepared = 5,
		.fulfilled = 4,
		.rejected = 1,
		.pay_ns = 80 * SECOND / 1000,
		.round_trip_ns = 60 * SECOND / 1000,
	};

	while (times--)
		continual_observe(c, &payment);
}

static int64_t released(const struct continual *c, enum continual_counter counter)
{
	return continual_released(c)->counters[counter];
}

static void assert_about(int64_t value, int64_t wanted, int64_t tolerance)
{
	if (value < wanted - tolerance || value > wanted + tolerance)
		fail_msg("%lld is not %lld ± %lld", (long long)value, (long long)wanted,
			 (long long)tolerance);
}

/* --- when --------------------------------------------------------------------------------------
 */

static void nothing_that_happens_is_visible_before_the_full_hour(void **state)
{
	struct continual_released before, zero = {0};
	struct continual *c;

	(void)state;
	seeded.state = SEED;
	c = fresh(&with_hours, NULL, START);
	for (unsigned minute = 0; minute < 60; minute++) {
		pay(c, 100, 150000);
		continual_tick(c, START + minute * 60 * SECOND);
		assert_memory_equal(continual_released(c), &zero, sizeof(zero));
	}
	continual_tick(c, START + HOUR);
	before = *continual_released(c);
	assert_true(before.counters[CONTINUAL_VALUE] > 0);
	/* After that nothing changes, and a second tick at the same time does not close the hour
	 * again. */
	pay(c, 100, 150000);
	for (unsigned minute = 0; minute < 60; minute++) {
		continual_tick(c, START + HOUR + minute * 60 * SECOND);
		assert_memory_equal(continual_released(c), &before, sizeof(before));
	}
	continual_free(c);
}

static void without_an_hour_clip_figures_change_only_at_midnight(void **state)
{
	struct continual_released zero = {0};
	struct continual *c;

	(void)state;
	seeded.state = SEED;
	c = fresh(&few_packets, NULL, START);
	for (unsigned hour = 0; hour < 24; hour++) {
		continual_tick(c, START + hour * HOUR);
		assert_memory_equal(continual_released(c), &zero, sizeof(zero));
		pay(c, 100, 150000);
	}
	continual_tick(c, START + DAY);
	/* 2400 payments of 15 USD. The noise has scales of 1.25 clips, 1.25 payments, 50 packets
	 * and 20 observations. Each figure is within about 15 scales, except once in a million
	 * runs. */
	assert_about(released(c, CONTINUAL_VALUE), 2400 * 150000LL, 19 * 10 * MILLION);
	assert_about(released(c, CONTINUAL_TRANSACTIONS), 2400, 40);
	assert_about(released(c, CONTINUAL_FULFILLED), 2400 * 4, 800);
	assert_about(released(c, CONTINUAL_REJECTED), 2400, 800);
	assert_about((int64_t)continual_released(c)->times[CONTINUAL_PAY_TIME][6], 2400, 300);
	assert_about((int64_t)continual_released(c)->times[CONTINUAL_ROUND_TRIP][5], 2400, 300);
	continual_free(c);
}

static void the_days_node_replaces_its_hours(void **state)
{
	struct continual *c;

	(void)state;
	seeded.state = SEED;
	c = fresh(&with_hours, NULL, START);
	for (unsigned hour = 1; hour <= 24; hour++) {
		pay(c, 1000, 100000);
		continual_tick(c, START + hour * HOUR);
	}
	/* 24,000 payments of 10 USD, counted by the day's node or by the hours', but not by
	 * both. */
	assert_about(released(c, CONTINUAL_VALUE), 24000 * 100000LL, 25 * 10 * MILLION);
	assert_about(released(c, CONTINUAL_TRANSACTIONS), 24000, 300);
	continual_free(c);
}

/* Payments of 60 USD each. An hour shows a third of their value, until past days have shown how
 * much hours leave out. */
static void hours_are_scaled_by_the_ratio_of_past_days_to_their_hours(void **state)
{
	struct continual *c;
	int64_t before;

	(void)state;
	seeded.state = SEED;
	c = fresh(&with_hours, NULL, START);
	for (unsigned hour = 1; hour <= 48; hour++) {
		pay(c, 2000, 600000);
		continual_tick(c, START + hour * HOUR);
	}
	before = released(c, CONTINUAL_VALUE);
	pay(c, 2000, 600000);
	continual_tick(c, START + 49 * HOUR);
	assert_about(released(c, CONTINUAL_VALUE) - before, 2000 * 600000LL, 100 * MILLION);
	continual_free(c);
}

/* --- how -----------------------------------------------------------------------------------------
 */

static void a_released_counter_never_falls(void **state)
{
	struct continual_released before = {0};
	struct continual *c;

	(void)state;
	seeded.state = SEED;
	c = fresh(&with_hours, NULL, START);
	for (unsigned hour = 1; hour < 200 * 24; hour++) {
		const struct continual_released *now = continual_released(c);

		if (hour % 5 == 0)
			pay(c, 3, 100000);
		continual_tick(c, START + hour * HOUR);
		for (size_t i = 0; i < CONTINUAL_COUNTERS; i++)
			assert_true(now->counters[i] >= before.counters[i]);
		for (size_t i = 0; i < BUDGET_TIME_CELLS; i++) {
			assert_true(now->times[0][i] >= before.times[0][i]);
			assert_true(now->times[1][i] >= before.times[1][i]);
		}
		before = *now;
	}
	continual_free(c);
}

static void one_payment_counts_for_no_more_than_its_clip(void **state)
{
	struct continual *c;

	(void)state;
	seeded.state = SEED;
	c = fresh(&days_alone, NULL, START);
	pay(c, 1, UINT64_MAX);
	continual_tick(c, START + DAY);
	assert_true(released(c, CONTINUAL_VALUE) < 30LL * 10 * MILLION);
	continual_free(c);
}

static void a_clock_set_back_neither_closes_nor_stops_anything(void **state)
{
	struct continual *c;

	(void)state;
	seeded.state = SEED;
	c = fresh(&days_alone, NULL, START + 400 * DAY);
	pay(c, 2400, 150000);
	continual_tick(c, START);
	assert_int_equal(released(c, CONTINUAL_VALUE), 0);
	pay(c, 2400, 150000);
	continual_tick(c, START + DAY);
	assert_about(released(c, CONTINUAL_TRANSACTIONS), 4800, 40);
	continual_free(c);
}

/* --- what outlives the process -----------------------------------------------------------------
 */

static struct state *opened(void)
{
	struct state *s = NULL;

	assert_int_equal(state_open(dir, &key, &s), 0);
	return s;
}

static int start_without_file(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/privacy.state", dir);
	unlink(path);
	seeded.state = SEED;
	return 0;
}

/* Ticks once a minute; the daemon does so once a second. */
static void tick_through(struct continual *c, uint64_t from, uint64_t to)
{
	for (uint64_t t = from; t <= to; t += 60 * SECOND)
		continual_tick(c, t);
}

static void a_restart_changes_nothing_that_can_be_seen(void **state)
{
	struct state *s = opened();
	struct continual *c = fresh(&with_hours, s, START);
	struct continual_released before;

	(void)state;
	pay(c, 5000, 100000);
	tick_through(c, START, START + HOUR);
	pay(c, 5000, 100000);
	before = *continual_released(c);
	continual_save(c);
	continual_free(c);
	c = fresh(&with_hours, s, START + HOUR + 60 * SECOND);
	assert_int_equal(continual_stats(c).loaded, STATE_SOUND);
	assert_memory_equal(continual_released(c), &before, sizeof(before));
	assert_true(continual_start_unix_ns(c) == START);
	/* What the open nodes had gathered is still there. */
	tick_through(c, START + HOUR + 60 * SECOND, START + 2 * HOUR);
	assert_about(released(c, CONTINUAL_TRANSACTIONS), 10000, 200);
	assert_int_equal(continual_stats(c).dropped, 0);
	continual_free(c);
	state_close(s);
}

static void open_nodes_are_saved_every_five_minutes(void **state)
{
	struct state *s = opened();
	struct continual *c = fresh(&with_hours, s, START);

	(void)state;
	pay(c, 5000, 100000);
	tick_through(c, START, START + 300 * SECOND);
	pay(c, 5000, 100000);
	/* Killed. */
	continual_free(c);
	c = fresh(&with_hours, s, START + 400 * SECOND);
	tick_through(c, START + 400 * SECOND, START + HOUR + 60 * SECOND);
	assert_about(released(c, CONTINUAL_TRANSACTIONS), 5000, 200);
	continual_free(c);
	state_close(s);
}

static void a_day_that_ended_while_no_process_ran_is_never_released(void **state)
{
	struct state *s = opened();
	struct continual *c = fresh(&days_alone, s, START);

	(void)state;
	pay(c, 5000, 100000);
	continual_save(c);
	continual_free(c);
	c = fresh(&days_alone, s, START + DAY + HOUR);
	assert_int_equal(continual_stats(c).dropped, 1);
	assert_int_equal(released(c, CONTINUAL_TRANSACTIONS), 0);
	tick_through(c, START + DAY + HOUR, START + 2 * DAY);
	/* The released figures are the noise of a day without payments and nothing else. */
	assert_about(released(c, CONTINUAL_TRANSACTIONS), 0, 40);
	continual_free(c);
	state_close(s);
}

static void without_an_hour_clip_a_full_hour_while_no_process_ran_loses_nothing(void **state)
{
	struct state *s = opened();
	struct continual *c = fresh(&days_alone, s, START);

	(void)state;
	pay(c, 5000, 100000);
	continual_save(c);
	continual_free(c);
	c = fresh(&days_alone, s, START + HOUR);
	tick_through(c, START + HOUR, START + 2 * HOUR);
	continual_tick(c, START + 5 * HOUR);
	assert_int_equal(continual_stats(c).dropped, 0);
	tick_through(c, START + 5 * HOUR, START + DAY);
	assert_about(released(c, CONTINUAL_TRANSACTIONS), 5000, 40);
	continual_free(c);
	state_close(s);
}

static void a_process_that_slept_past_the_hour_drops_it(void **state)
{
	struct state *s = opened();
	struct continual *c = fresh(&with_hours, s, START);

	(void)state;
	pay(c, 5000, 100000);
	tick_through(c, START, START + HOUR / 2);
	continual_tick(c, START + 3 * HOUR);
	assert_int_equal(continual_stats(c).dropped, 1);
	assert_int_equal(released(c, CONTINUAL_TRANSACTIONS), 0);
	/* The day's node continues and includes that hour. */
	tick_through(c, START + 3 * HOUR, START + DAY);
	assert_about(released(c, CONTINUAL_TRANSACTIONS), 5000, 300);
	continual_free(c);
	state_close(s);
}

static void a_file_that_is_not_ours_means_new_counters_and_a_new_start(void **state)
{
	struct state *s = opened();
	struct continual *c = fresh(&with_hours, s, START);
	char path[128];

	(void)state;
	pay(c, 5000, 100000);
	tick_through(c, START, START + HOUR);
	assert_true(released(c, CONTINUAL_TRANSACTIONS) > 4000);
	continual_free(c);
	snprintf(path, sizeof(path), "%s/privacy.state", dir);
	assert_int_equal(truncate(path, 100), 0);
	c = fresh(&with_hours, s, START + 2 * HOUR);
	assert_int_equal(continual_stats(c).loaded, STATE_CORRUPT);
	assert_int_equal(released(c, CONTINUAL_TRANSACTIONS), 0);
	assert_true(continual_start_unix_ns(c) == START + 2 * HOUR);
	continual_free(c);
	/* The file is kept under another name, so that it can be examined. */
	snprintf(path, sizeof(path), "%s/privacy.state.unused", dir);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
	state_close(s);
}

static void a_file_that_cannot_be_read_this_time_is_kept_and_nothing_starts(void **state)
{
	struct state *s = opened();
	struct continual *c = fresh(&with_hours, s, START);
	struct continual_options options = {
		.budget = with_hours, .state = s, .random = seeded_fill, .random_context = &seeded};
	struct rlimit before, none;
	int err;

	(void)state;
	pay(c, 5000, 100000);
	continual_save(c);
	continual_free(c);
	getrlimit(RLIMIT_NOFILE, &before);
	none = before;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	err = continual_new(&options, START, &c);
	setrlimit(RLIMIT_NOFILE, &before);
	assert_int_equal(err, -EMFILE);
	c = fresh(&with_hours, s, START + 60 * SECOND);
	assert_int_equal(continual_stats(c).loaded, STATE_SOUND);
	tick_through(c, START + 60 * SECOND, START + HOUR);
	assert_about(released(c, CONTINUAL_TRANSACTIONS), 5000, 200);
	continual_free(c);
	state_close(s);
}

static void what_was_gathered_under_another_budget_is_dropped(void **state)
{
	struct state *s = opened();
	struct continual *c = fresh(&with_hours, s, START);
	int64_t before;

	(void)state;
	pay(c, 5000, 100000);
	tick_through(c, START, START + HOUR);
	pay(c, 5000, 100000);
	before = released(c, CONTINUAL_TRANSACTIONS);
	continual_save(c);
	continual_free(c);
	c = fresh(&days_alone, s, START + HOUR + 60 * SECOND);
	assert_int_equal(continual_stats(c).dropped, 2);
	assert_int_equal(released(c, CONTINUAL_TRANSACTIONS), before);
	tick_through(c, START + HOUR + 60 * SECOND, START + DAY);
	assert_about(released(c, CONTINUAL_TRANSACTIONS), before, 60);
	continual_free(c);
	state_close(s);
}

static void what_cannot_be_saved_is_not_released(void **state)
{
	struct state *s = opened();
	struct continual *c = fresh(&with_hours, s, START);
	struct rlimit before, none;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	none = before;
	none.rlim_cur = 100;
	setrlimit(RLIMIT_FSIZE, &none);
	pay(c, 5000, 100000);
	tick_through(c, START, START + HOUR + 120 * SECOND);
	assert_int_equal(released(c, CONTINUAL_TRANSACTIONS), 0);
	assert_true(continual_stats(c).unsaved >= 3);
	setrlimit(RLIMIT_FSIZE, &before);
	continual_tick(c, START + HOUR + 180 * SECOND);
	assert_about(released(c, CONTINUAL_TRANSACTIONS), 5000, 200);
	continual_free(c);
	state_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_that_happens_is_visible_before_the_full_hour),
		cmocka_unit_test(without_an_hour_clip_figures_change_only_at_midnight),
		cmocka_unit_test(the_days_node_replaces_its_hours),
		cmocka_unit_test(hours_are_scaled_by_the_ratio_of_past_days_to_their_hours),
		cmocka_unit_test(a_released_counter_never_falls),
		cmocka_unit_test(one_payment_counts_for_no_more_than_its_clip),
		cmocka_unit_test(a_clock_set_back_neither_closes_nor_stops_anything),
		cmocka_unit_test_setup(a_restart_changes_nothing_that_can_be_seen,
				       start_without_file),
		cmocka_unit_test_setup(open_nodes_are_saved_every_five_minutes, start_without_file),
		cmocka_unit_test_setup(a_day_that_ended_while_no_process_ran_is_never_released,
				       start_without_file),
		cmocka_unit_test_setup(
			without_an_hour_clip_a_full_hour_while_no_process_ran_loses_nothing,
			start_without_file),
		cmocka_unit_test_setup(a_process_that_slept_past_the_hour_drops_it,
				       start_without_file),
		cmocka_unit_test_setup(a_file_that_is_not_ours_means_new_counters_and_a_new_start,
				       start_without_file),
		cmocka_unit_test_setup(
			a_file_that_cannot_be_read_this_time_is_kept_and_nothing_starts,
			start_without_file),
		cmocka_unit_test_setup(what_was_gathered_under_another_budget_is_dropped,
				       start_without_file),
		cmocka_unit_test_setup(what_cannot_be_saved_is_not_released, start_without_file),
	};
	char path[128];
	int failed;

	if (!mkdtemp(dir))
		return 1;
	failed = cmocka_run_group_tests_name("continual", tests, NULL, NULL);
	start_without_file(NULL);
	snprintf(path, sizeof(path), "%s/privacy.lock", dir);
	unlink(path);
	rmdir(dir);
	return failed;
}
