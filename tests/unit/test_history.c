/* SPDX-License-Identifier: Apache-2.0 */
/* The history: what was released is added up over restarts, thinned out, and never lost twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "tests/snapshot.h"
#include "user/history.h"

#define NS     1000000000ull
#define HOUR   3600ull
#define DAY    (24 * HOUR)
#define START  (SNAPSHOT_START_NS / NS) /* 2023-11-14 22:13:20 */
#define EACH_S 60ull

/* Where nothing is ever synced, if there is such a place: some tests write for a year. */
static char dir[64] = "/dev/shm/telltale-history.XXXXXX";
static const struct privacy_params privacy = PRIVACY_PARAMS_DEFAULT;

static const char *in_dir(const char *name)
{
	static char path[4][128];
	static int which;

	which = (which + 1) % 4;
	snprintf(path[which], sizeof(path[which]), "%s/%s", dir, name);
	return path[which];
}

static int start_empty(void **state)
{
	(void)state;
	unlink(in_dir(HISTORY_FILE));
	unlink(in_dir(HISTORY_FILE "-wal"));
	unlink(in_dir(HISTORY_ASIDE));
	return 0;
}

static struct history *opened(void)
{
	struct history *h = NULL;

	assert_int_equal(history_open(dir, &privacy, &h), 0);
	return h;
}

/* Counters as a daemon started START_S has them at NOW_S. */
static struct snapshot *counters(uint64_t start_s, uint64_t now_s, int64_t transactions)
{
	struct snapshot *s = snapshot_new("node", now_s * NS);

	s->released.start_unix_ns = start_s * NS;
	snapshot_add(s, METRIC_TRANSACTIONS, NULL, NULL, transactions);
	snapshot_add(s, METRIC_PACKET_PREPARE, NULL, NULL, 3 * transactions);
	snapshot_add(s, METRIC_PACKET_FULFILL, NULL, NULL, 2 * transactions);
	snapshot_add(s, METRIC_PACKET_REJECT, NULL, NULL, transactions);
	snapshot_add(s, METRIC_AMOUNT_FULFILL, NULL, NULL, 20000 * transactions);
	snapshot_add(s, METRIC_OUTCOMES, "outcome", "fulfilled", 2 * transactions);
	snapshot_add(s, METRIC_OUTCOMES, "outcome", "lost", transactions);
	snapshot_add(s, METRIC_GAPS, "cause", "hole", 5 * transactions);
	snapshot_add(s, METRIC_EVICTED, "table", "payments", transactions);
	snapshot_add(s, METRIC_EVICTED, "table", "exchanges", transactions);
	return s;
}

static void take(struct history *h, uint64_t start_s, uint64_t now_s, int64_t transactions)
{
	struct snapshot *s = counters(start_s, now_s, transactions);

	history_take(h, &s->released, (int64_t)(now_s - start_s) * 1000);
	released_unref(&s->released);
}

/* UP minutes after the counters began, whatever the clock says. */
static void take_up(struct history *h, uint64_t start_s, uint64_t now_s, uint64_t up,
		    int64_t transactions)
{
	struct snapshot *s = counters(start_s, now_s, transactions);

	history_take(h, &s->released, (int64_t)up * 60000);
	released_unref(&s->released);
}

static struct history_sum sum_of(struct history *h, enum history_view view,
				 enum history_window window)
{
	struct history_sum sum;

	assert_int_equal(history_sum(h, view, window, &sum), 0);
	return sum;
}

static int64_t transactions(struct history *h, enum history_window window)
{
	return sum_of(h, HISTORY_OWN, window).figures[HISTORY_TRANSACTIONS];
}

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
	/* A third run, that comes to more than the second had. */
	h = opened();
	take(h, START + 100, START + 130, 9);
	assert_int_equal(transactions(h, HISTORY_HOUR), 25);
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
	/* What is on the disk at this moment, with its write-ahead log, is what a kill leaves. */
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

static struct snapshot *with_network(uint64_t start_s, uint64_t network_start_s, uint64_t now_s,
				     int64_t own, int64_t network)
{
	struct snapshot *s = counters(start_s, now_s, own),
			*n = counters(network_start_s, now_s, network);

	n->released.mechanism = "continual";
	n->released.epsilon = "1.000";
	s->released.network = &n->released;
	return s;
}

static void take_both(struct history *h, struct snapshot *s)
{
	history_take(h, &s->released,
		     (int64_t)((s->released.time_unix_ns - s->released.start_unix_ns) / 1000000));
	released_unref(s->released.network);
	released_unref(&s->released);
}

static void the_networks_counters_outlive_the_process(void **state)
{
	struct history *h = opened();
	struct history_sum network;

	(void)state;
	/* They had gathered 1000 before there was a history: no hour's payments. */
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

static void steps_are_as_long_as_snapshots_are_apart(void **state)
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

static void it_is_said_since_when_there_is_anything(void **state)
{
	struct history *h = opened();
	struct history_sum year;

	(void)state;
	assert_int_equal(history_since_s(h), 0);
	/* Of another year: that is beyond what is shown. */
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

static void the_file_stays_small_and_the_year_right(void **state)
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
	/* What is not yet in the file is in the log beside it, which begins anew now and then. */
	assert_int_equal(stat(in_dir(HISTORY_FILE "-wal"), &st), 0);
	assert_true(st.st_size <= 2 << 20);
	history_close(h);
	assert_int_equal(stat(in_dir(HISTORY_FILE), &st), 0);
	assert_int_equal(rows("minutes"), 2 * HISTORY_MINUTES);
	assert_int_equal(rows("hours"), 2 * HISTORY_HOURS);
	assert_true(st.st_size < HISTORY_BYTES_MAX);
	print_message("# a full history takes %lld bytes\n", (long long)st.st_size);
}

static void a_clock_gone_mad_cannot_make_it_grow(void **state)
{
	struct history *h = opened();

	(void)state;
	for (uint64_t i = 0; i < HISTORY_MINUTES + 200; i++)
		take(h, START, START + (i % 2 ? 100 * 365 * DAY : 0) + i * 60, (int64_t)i);
	history_close(h);
	assert_true(rows("minutes") <= 2 * HISTORY_MINUTES);
}

/* As a machine does whose clock has no battery, until it has asked the network. */
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

/* Longer than a day's minutes, so that they alone would fill the table. */
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

/* --- what goes wrong ---------------------------------------------------------------------------
 */

static void overwrite(const char *name, off_t at, const char *text, size_t times)
{
	int fd = open(in_dir(name), O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(lseek(fd, at, SEEK_SET), at);
	for (size_t i = 0; i < times; i++)
		assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void assert_anew(struct history *h)
{
	struct stat st;

	assert_int_equal(stat(in_dir(HISTORY_ASIDE), &st), 0);
	take(h, START, START, 0);
	take(h, START, START + 1, 3);
	assert_int_equal(transactions(h, HISTORY_HOUR), 3);
	assert_true(history_stats(h).kept);
	assert_non_null(strstr(history_stats(h).trouble, HISTORY_ASIDE));
	history_close(h);
	h = opened();
	assert_int_equal(history_stats(h).corrupt + history_stats(h).foreign, 0);
	history_close(h);
	assert_int_equal(stat(in_dir(HISTORY_FILE), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_file_of_rubbish_is_set_aside(void **state)
{
	struct history *h;

	(void)state;
	overwrite(HISTORY_FILE, 0, "rubbish ", 1000);
	h = opened();
	assert_int_equal(history_stats(h).corrupt, 1);
	assert_anew(h);
}

static void a_file_damaged_in_the_middle_is_set_aside(void **state)
{
	struct history *h = opened();

	(void)state;
	for (uint64_t i = 0; i < 200; i++)
		take(h, START, START + i * HOUR, (int64_t)i * 1000000);
	history_close(h);
	overwrite(HISTORY_FILE, 5 * 4096, "rubbish ", 1000);
	h = opened();
	assert_int_equal(history_stats(h).corrupt, 1);
	assert_anew(h);
}

static void another_programs_database_is_set_aside_whole(void **state)
{
	struct history *h;
	sqlite3 *db = NULL;
	sqlite3_stmt *s = NULL;

	(void)state;
	assert_int_equal(sqlite3_open(in_dir(HISTORY_FILE), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
				      "CREATE TABLE mail(text); INSERT INTO mail VALUES('dear')",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(db);
	h = opened();
	assert_int_equal(history_stats(h).foreign, 1);
	assert_anew(h);
	assert_int_equal(sqlite3_open(in_dir(HISTORY_ASIDE), &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT text FROM mail", -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	sqlite3_finalize(s);
	sqlite3_close(db);
}

static void another_versions_file_is_set_aside_and_nothing_else(void **state)
{
	struct history *h = opened();
	sqlite3 *db = NULL;
	sqlite3_stmt *s = NULL;

	(void)state;
	take(h, START, START, 0);
	take(h, START, START + 60, 9);
	history_close(h);
	assert_int_equal(sqlite3_open(in_dir(HISTORY_FILE), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version=2", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	h = opened();
	assert_int_equal(history_stats(h).foreign, 1);
	assert_non_null(strstr(history_stats(h).trouble, "another version's"));
	assert_anew(h);
	/* Its figures are there for that version. */
	assert_int_equal(sqlite3_open(in_dir(HISTORY_ASIDE), &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(db, "SELECT SUM(transactions) FROM hours", -1, &s, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int64(s, 0), 9);
	sqlite3_finalize(s);
	sqlite3_close(db);
}

/* Held by someone's shell, or on a disk that was full then. */
static void a_file_that_cannot_be_opened_at_first_gets_everything_later(void **state)
{
	struct history *h = opened();
	sqlite3 *db = NULL;

	(void)state;
	take(h, START, START, 0);
	take(h, START, START + 60, 100);
	history_close(h);
	assert_int_equal(sqlite3_open(in_dir(HISTORY_FILE), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	h = opened();
	assert_false(history_stats(h).kept);
	assert_int_equal(history_stats(h).unsaved, 1);
	take(h, START + 3600, START + 3660, 3);
	take(h, START + 3600, START + 3720, 5);
	assert_int_equal(transactions(h, HISTORY_HOUR), 2);
	sqlite3_close(db);
	take(h, START + 3600, START + 3780, 8);
	assert_true(history_stats(h).kept);
	assert_string_equal(history_stats(h).trouble, "");
	assert_int_equal(transactions(h, HISTORY_HOUR), 8);
	assert_int_equal(transactions(h, HISTORY_DAY), 108);
	history_close(h);
	/* Where there was no file at all, what it showed meanwhile is what it keeps. */
	start_empty(NULL);
	assert_int_equal(mkdir(in_dir("away"), 0700), 0);
	assert_int_equal(rmdir(in_dir("away")), 0);
	assert_int_equal(history_open(in_dir("away"), &privacy, &h), 0);
	take(h, START, START + 60, 3);
	take(h, START, START + 120, 5);
	assert_int_equal(transactions(h, HISTORY_HOUR), 2);
	assert_int_equal(mkdir(in_dir("away"), 0700), 0);
	take(h, START, START + 180, 9);
	assert_true(history_stats(h).kept);
	assert_int_equal(transactions(h, HISTORY_HOUR), 6);
	history_close(h);
	assert_int_equal(unlink(in_dir("away/" HISTORY_FILE)), 0);
	assert_int_equal(rmdir(in_dir("away")), 0);
}

static void columns_a_newer_version_has_are_added(void **state)
{
	struct history *h = opened();
	sqlite3 *db = NULL;

	(void)state;
	take(h, START, START, 0);
	take(h, START, START + 1, 3);
	history_close(h);
	assert_int_equal(sqlite3_open(in_dir(HISTORY_FILE), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
				      "ALTER TABLE minutes DROP COLUMN dropped;"
				      "ALTER TABLE last DROP COLUMN dropped",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(db);
	h = opened();
	take(h, START, START + 2, 5);
	assert_int_equal(transactions(h, HISTORY_HOUR), 5);
	assert_true(history_stats(h).kept);
	history_close(h);
}

static void a_full_disk_is_counted_and_loses_nothing_once_there_is_room(void **state)
{
	const struct rlimit none = {16, RLIM_INFINITY};
	struct rlimit before;
	struct history *h = opened();

	(void)state;
	take(h, START, START, 0);
	take(h, START, START + 15, 1);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	take(h, START, START + 30, 5);
	take(h, START, START + 45, 7);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(history_stats(h).unsaved, 2);
	assert_non_null(strstr(history_stats(h).trouble, "cannot write"));
	take(h, START, START + 60, 9);
	assert_int_equal(history_stats(h).unsaved, 2);
	assert_string_equal(history_stats(h).trouble, "");
	assert_int_equal(transactions(h, HISTORY_HOUR), 9);
	history_close(h);
}

static void a_second_process_keeps_its_history_in_memory(void **state)
{
	struct history *h = opened(), *second;

	(void)state;
	take(h, START, START, 0);
	second = opened();
	assert_false(history_stats(second).kept);
	assert_int_equal(history_stats(second).unsaved, 1);
	assert_non_null(strstr(history_stats(second).trouble, "a second telltale"));
	take(second, START, START, 0);
	take(second, START, START + 1, 2);
	assert_int_equal(transactions(second, HISTORY_HOUR), 2);
	history_close(second);
	history_close(h);
}

static void a_directory_that_is_missing_leaves_it_in_memory(void **state)
{
	struct history *h = NULL;

	(void)state;
	assert_int_equal(history_open(in_dir("missing"), &privacy, &h), 0);
	assert_false(history_stats(h).kept);
	history_close(h);
}

/* --- noise
 * ----------------------------------------------------------------------------------------
 */

/* The error that the page states, against that of the mechanism itself. */
static void assert_noise(const struct bucket_laplace *params, uint64_t value)
{
	const int runs = 20000;
	double sum = 0, squares = 0, measured, stated;

	for (int i = 0; i < runs; i++) {
		double v = (double)bucket_laplace_apply(params, value, privacy_random_kernel, NULL);

		sum += v;
		squares += v * v;
	}
	measured = sqrt(squares / runs - (sum / runs) * (sum / runs));
	stated = sqrt(noise_of_buckets(params, runs, (int64_t)sum).value / runs);
	if (stated < measured * 0.7 || stated > measured * 1.8)
		fail_msg("value %llu: noise of %.0f is stated as %.0f", (unsigned long long)value,
			 measured, stated);
}

static void the_stated_error_is_that_of_the_mechanism(void **state)
{
	struct bucket_laplace params = BUCKET_LAPLACE_DEFAULT;
	static const uint64_t values[] = {9000, 15000, 60000, 900000, 70000000};

	(void)state;
	for (size_t i = 0; i < 5; i++)
		assert_noise(&params, values[i]);
	params.unbiased = true;
	for (size_t i = 1; i < 4; i++)
		assert_noise(&params, values[i]);
	assert_true(noise_of_buckets(&params, 0, 0).value == 0);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup(test, start_empty)
	const struct CMUnitTest tests[] = {
		TEST(windows_hold_what_was_released_in_them),
		TEST(payment_times_are_kept_by_bucket),
		TEST(a_restart_neither_loses_nor_doubles_anything),
		TEST(a_kill_between_two_writes_costs_nothing_that_was_written),
		TEST(the_networks_counters_outlive_the_process),
		TEST(a_clock_set_back_counts_nothing_twice),
		TEST(charts_have_no_point_where_nothing_was_measured),
		TEST(the_file_stays_small_and_the_year_right),
		TEST(a_clock_gone_mad_cannot_make_it_grow),
		TEST(a_clock_that_begins_in_1970_costs_no_history),
		TEST(a_clock_that_ran_a_year_ahead_leaves_room_for_the_present),
		TEST(another_versions_file_is_set_aside_and_nothing_else),
		TEST(a_file_that_cannot_be_opened_at_first_gets_everything_later),
		TEST(steps_are_as_long_as_snapshots_are_apart),
		TEST(it_is_said_since_when_there_is_anything),
		TEST(a_file_of_rubbish_is_set_aside),
		TEST(a_file_damaged_in_the_middle_is_set_aside),
		TEST(another_programs_database_is_set_aside_whole),
		TEST(columns_a_newer_version_has_are_added),
		TEST(a_full_disk_is_counted_and_loses_nothing_once_there_is_room),
		TEST(a_second_process_keeps_its_history_in_memory),
		TEST(a_directory_that_is_missing_leaves_it_in_memory),
		TEST(the_stated_error_is_that_of_the_mechanism),
	};
	int failed;

	if (!mkdtemp(dir)) {
		strcpy(dir, "/tmp/telltale-history.XXXXXX");
		assert_non_null(mkdtemp(dir));
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	start_empty(NULL);
	rmdir(dir);
	return failed;
}
