/* SPDX-License-Identifier: Apache-2.0 */
/* The history: it adds up released figures across restarts and keeps a bounded number of rows,
 * whatever the clock does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "tests/unit/support/keeping.h"

/* --- adding up ---------------------------------------------------------------------------------
 */

static void windows_hold_what_was_released_in_them(void **state)
{
	struct history *h = opened();
	struct history_sum hour;

	(void)state;
	take(h, START, START, 0);
	for (uint64_t i = 1; i <= 3 * DAY / EACH_S; i++)
		take(h, START, START + i * EACH_S, (int64_t)i);
	hour = sum_of(h, HISTORY_OWN, HISTORY_HOUR);
	assert_int_equal(hour.figures[HISTORY_TRANSACTIONS], 60);
	assert_int_equal(hour.figures[HISTORY_PREPARED], 180);
	assert_int_equal(hour.figures[HISTORY_FULFILLED], 120);
	assert_int_equal(hour.figures[HISTORY_REJECTED], 60);
	assert_int_equal(hour.figures[HISTORY_VALUE], 60 * 20000);
	assert_int_equal(hour.figures[HISTORY_PUBLISHED], 60 * 28000);
	assert_float_equal(hour.noise.value, 60 * 1e6, 1);
	assert_int_equal(hour.figures[HISTORY_PROBES], 60 * 7);
	assert_int_equal(hour.figures[HISTORY_OUTCOMES], 120);
	assert_int_equal(hour.figures[HISTORY_OUTCOMES + HISTORY_OUTCOMES_LEN - 1], 60);
	assert_int_equal(hour.figures[HISTORY_GAPS], 300);
	assert_int_equal(hour.figures[HISTORY_EVICTED], 120);
	assert_int_equal(hour.figures[HISTORY_COVERED_MS], HOUR * 1000);
	assert_int_equal(transactions(h, HISTORY_DAY), DAY / EACH_S);
	assert_int_equal(transactions(h, HISTORY_WEEK), 3 * DAY / EACH_S);
	assert_int_equal(transactions(h, HISTORY_YEAR), 3 * DAY / EACH_S);
	history_close(h);
}

static void payment_times_are_kept_by_bucket(void **state)
{
	struct history *h = opened();
	struct snapshot *s = counters(START, START, 0);

	(void)state;
	history_take(h, &s->released, 0);
	s->released.time_unix_ns += NS;
	/* Points are read in any order here. */
	snapshot_add(s, METRIC_PAY_TIME, NULL, NULL, 0)->buckets[3] = 7;
	history_take(h, &s->released, 1000);
	assert_int_equal(sum_of(h, HISTORY_OWN, HISTORY_HOUR).figures[HISTORY_PAY_TIMES + 3], 7);
	released_unref(&s->released);
	history_close(h);
}

static void a_restart_neither_loses_nor_doubles_anything(void **state)
{
	struct history *h = opened();

	(void)state;
	take(h, START, START, 0);
	take(h, START, START + 60, 10);
	history_close(h);
	/* The first snapshot of the second run is not empty: it counts. */
	h = opened();
	take(h, START + 70, START + 75, 4);
	take(h, START + 70, START + 90, 6);
	/* The same once more adds nothing. */
	take(h, START + 70, START + 90, 6);
	assert_int_equal(transactions(h, HISTORY_HOUR), 16);
	assert_int_equal(sum_of(h, HISTORY_OWN, HISTORY_HOUR).figures[HISTORY_COVERED_MS], 80000);
	history_close(h);
	/* A third run, which reaches more than the second had. */
	h = opened();
	take(h, START + 100, START + 130, 9);
	assert_int_equal(transactions(h, HISTORY_HOUR), 25);
	assert_float_equal(sum_of(h, HISTORY_OWN, HISTORY_HOUR).noise.value, 25 * 1e6, 1);
	history_close(h);
}

static void copy(const char *from, const char *to)
{
	int in = open(in_dir(from), O_RDONLY), out = open(in_dir(to), O_WRONLY | O_CREAT, 0600);
	struct stat st;

	assert_true(in >= 0 && out >= 0);
	assert_int_equal(fstat(in, &st), 0);
	assert_int_equal(sendfile(out, in, NULL, (size_t)st.st_size), st.st_size);
	close(in);
	close(out);
}

static void a_kill_between_two_writes_costs_nothing_that_was_written(void **state)
{
	struct history *h = opened();

	(void)state;
	take(h, START, START, 0);
	take(h, START, START + 60, 10);
	/* A kill leaves what is on the disk now: the file and its write-ahead log. */
	copy(HISTORY_FILE, "killed");
	copy(HISTORY_FILE "-wal", "killed-wal");
	history_close(h);
	assert_int_equal(rename(in_dir("killed"), in_dir(HISTORY_FILE)), 0);
	assert_int_equal(rename(in_dir("killed-wal"), in_dir(HISTORY_FILE "-wal")), 0);
	h = opened();
	take(h, START + 70, START + 80, 2);
	assert_int_equal(transactions(h, HISTORY_HOUR), 12);
	assert_int_equal(history_stats(h).corrupt, 0);
	history_close(h);
}

static void the_networks_counters_outlive_the_process(void **state)
{
	struct history *h = opened();
	struct history_sum network;

	(void)state;
	/* They had counted 1000 before there was a history: these belong to no hour. */
	take_both(h, with_network(START, START - 90 * DAY, START, 0, 1000));
	take_both(h, with_network(START, START - 90 * DAY, START + HOUR, 40, 1050));
	history_close(h);
	h = opened();
	take_both(h,
		  with_network(START + 2 * HOUR, START - 90 * DAY, START + 2 * HOUR + 60, 1, 1060));
	network = sum_of(h, HISTORY_NETWORK, HISTORY_DAY);
	assert_int_equal(network.figures[HISTORY_TRANSACTIONS], 60);
	assert_int_equal(network.figures[HISTORY_COVERED_MS], (HOUR + 60) * 1000);
	assert_int_equal(transactions(h, HISTORY_DAY), 41);
	assert_true(network.noise.count > 0);
	assert_true(network.noise.packets > 0 && network.noise.times > 0);
	assert_true(sum_of(h, HISTORY_OWN, HISTORY_DAY).noise.count == 0);
	history_close(h);
}

static void a_clock_set_back_counts_nothing_twice(void **state)
{
	struct history *h = opened();

	(void)state;
	take(h, START, START + 2 * HOUR, 5);
	take(h, START, START + 2 * HOUR + 60, 8);
	take(h, START, START + HOUR + 120, 9); /* an hour back */
	take(h, START, START + HOUR + 180, 10);
	assert_int_equal(transactions(h, HISTORY_HOUR), 2);
	take(h, START, START + 2 * HOUR + 120, 12);
	assert_int_equal(transactions(h, HISTORY_DAY), 7);
	history_close(h);
}

static void last_at(void *context, int64_t at_s, const struct history_sum *sum)
{
	int64_t *seen = context;

	(void)sum;
	assert_true(at_s > seen[1]);
	seen[0]++;
	seen[1] = at_s;
}

static void charts_have_no_point_where_nothing_was_measured(void **state)
{
	struct history *h = opened();
	int64_t seen[2] = {0, 0};

	(void)state;
	take(h, START, START, 0);
	take(h, START, START + 60, 1);
	take(h, START, START + 60 * 60 - 60, 2);
	assert_int_equal(history_points(h, HISTORY_OWN, HISTORY_HOUR, 60, last_at, seen), 0);
	assert_int_equal(seen[0], 3);
	assert_int_equal(seen[1], (START + 60 * 60 - 60) / 60 * 60);
	history_close(h);
}

static void a_charts_step_is_not_shorter_than_the_time_between_snapshots(void **state)
{
	(void)state;
	assert_int_equal(history_step_s(HISTORY_HOUR, 1000), 60);
	assert_int_equal(history_step_s(HISTORY_HOUR, 15000), 60);
	assert_int_equal(history_step_s(HISTORY_HOUR, 60000), 120);
	assert_int_equal(history_step_s(HISTORY_HOUR, 45000), 120);
	assert_int_equal(history_step_s(HISTORY_HOUR, 600000), 1200);
	assert_int_equal(history_step_s(HISTORY_DAY, 60000), 600);
	assert_int_equal(history_step_s(HISTORY_YEAR, 3600000), 86400);
}

static void the_time_of_the_first_figures_is_known(void **state)
{
	struct history *h = opened();
	struct history_sum year;

	(void)state;
	assert_int_equal(history_since_s(h), 0);
	/* A row from an earlier year is older than what is shown. */
	take(h, START - 400 * DAY, START - 400 * DAY, 0);
	take(h, START - 400 * DAY, START - 400 * DAY + 60, 1);
	take(h, START, START, 0);
	for (uint64_t i = 1; i <= 3 * 24; i++)
		take(h, START, START + i * HOUR, (int64_t)i);
	assert_int_equal(history_since_s(h), START / HOUR * HOUR);
	year = sum_of(h, HISTORY_OWN, HISTORY_YEAR);
	assert_false(history_covers(HISTORY_YEAR, &year));
	year.figures[HISTORY_COVERED_MS] = (int64_t)(365 * DAY - HOUR) * 1000;
	assert_true(history_covers(HISTORY_YEAR, &year));
	history_close(h);
}

/* --- bounds ------------------------------------------------------------------------------------
 */

static int64_t rows(const char *table)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *s = NULL;
	char sql[64];
	int64_t n;

	snprintf(sql, sizeof(sql), "SELECT COUNT(*) FROM %s", table);
	assert_int_equal(sqlite3_open(in_dir(HISTORY_FILE), &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(db);
	return n;
}

static void the_file_stays_small_and_the_years_sum_correct(void **state)
{
	struct history *h = opened();
	uint64_t hours = 400 * 24;
	int64_t large = 1000000000; /* figures as long as they get */
	struct stat st;

	(void)state;
	for (uint64_t i = 0; i <= hours; i++)
		take_both(h, with_network(START, START - DAY, START + i * HOUR, (int64_t)i * large,
					  (int64_t)i * large));
	for (uint64_t i = 1; i <= 2 * HISTORY_MINUTES; i++)
		take_both(h, with_network(START, START - DAY, START + hours * HOUR + i * 60,
					  (int64_t)hours * large, (int64_t)hours * large));
	assert_int_equal(transactions(h, HISTORY_YEAR), (365 * 24 - 50) * large);
	assert_int_equal(transactions(h, HISTORY_WEEK), (7 * 24 - 50) * large);
	assert_int_equal(history_stats(h).unsaved, 0);
	/* Rows that are not in the file yet are in the log beside it, which is restarted now and
	 * then. */
	assert_int_equal(stat(in_dir(HISTORY_FILE "-wal"), &st), 0);
	assert_true(st.st_size <= 2 << 20);
	history_close(h);
	assert_int_equal(stat(in_dir(HISTORY_FILE), &st), 0);
	assert_int_equal(rows("minutes"), 2 * HISTORY_MINUTES);
	assert_int_equal(rows("hours"), 2 * HISTORY_HOURS);
	assert_true(st.st_size < HISTORY_BYTES_MAX);
	print_message("# a full history takes %lld bytes\n", (long long)st.st_size);
}

static void a_clock_that_jumps_at_random_cannot_make_the_file_grow(void **state)
{
	struct history *h = opened();

	(void)state;
	for (uint64_t i = 0; i < HISTORY_MINUTES + 200; i++)
		take(h, START, START + (i % 2 ? 100 * 365 * DAY : 0) + i * 60, (int64_t)i);
	history_close(h);
	assert_true(rows("minutes") <= 2 * HISTORY_MINUTES);
}

/* A machine whose clock has no battery begins in 1970, until it gets the time from the network. */
static void a_clock_that_begins_in_1970_costs_no_history(void **state)
{
	struct history *h = opened();

	(void)state;
	for (uint64_t i = 0; i <= DAY / EACH_S; i++)
		take(h, START, START + i * EACH_S, (int64_t)i);
	for (uint64_t i = 0; i < 60; i++)
		take(h, 100, 100 + i * EACH_S, 0);
	take(h, 100, START + DAY + EACH_S, 3);
	assert_int_equal(transactions(h, HISTORY_DAY), DAY / EACH_S + 2);
	assert_int_equal(transactions(h, HISTORY_YEAR), DAY / EACH_S + 3);
	history_close(h);
}

/* For longer than a day, so that these minutes alone would fill the table. */
static void a_clock_that_ran_a_year_ahead_leaves_room_for_the_present(void **state)
{
	struct history *h = opened();
	uint64_t ahead = HISTORY_MINUTES + 10;

	(void)state;
	take(h, START, START, 0);
	for (uint64_t i = 0; i < ahead; i++)
		take_up(h, START, START + 365 * DAY + i * EACH_S, i, (int64_t)i);
	assert_true(sum_of(h, HISTORY_OWN, HISTORY_YEAR).figures[HISTORY_COVERED_MS] <=
		    (int64_t)ahead * 60000);
	for (uint64_t i = 0; i < 60; i++)
		take_up(h, START, START + i * EACH_S, ahead + i, (int64_t)(ahead + i));
	assert_int_equal(transactions(h, HISTORY_HOUR), 60);
	assert_int_equal(transactions(h, HISTORY_DAY), 60);
	assert_int_equal(sum_of(h, HISTORY_OWN, HISTORY_HOUR).figures[HISTORY_COVERED_MS], 3600000);
	history_close(h);
	assert_true(rows("minutes") <= 2 * HISTORY_MINUTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(windows_hold_what_was_released_in_them),
		TEST(payment_times_are_kept_by_bucket),
		TEST(a_restart_neither_loses_nor_doubles_anything),
		TEST(a_kill_between_two_writes_costs_nothing_that_was_written),
		TEST(the_networks_counters_outlive_the_process),
		TEST(a_clock_set_back_counts_nothing_twice),
		TEST(charts_have_no_point_where_nothing_was_measured),
		TEST(the_file_stays_small_and_the_years_sum_correct),
		TEST(a_clock_that_jumps_at_random_cannot_make_the_file_grow),
		TEST(a_clock_that_begins_in_1970_costs_no_history),
		TEST(a_clock_that_ran_a_year_ahead_leaves_room_for_the_present),
		TEST(a_charts_step_is_not_shorter_than_the_time_between_snapshots),
		TEST(the_time_of_the_first_figures_is_known),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
