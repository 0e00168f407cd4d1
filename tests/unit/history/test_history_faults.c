/* SPDX-License-Identifier: Apache-2.0 */
/* The history's file: damaged, not ours, open in another process, or on a full disk.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "tests/unit/support/keeping.h"

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

static void a_file_removed_meanwhile_is_made_anew(void **state)
{
	struct history *h = opened();
	struct stat st;

	(void)state;
	take(h, START, START, 0);
	take(h, START, START + 1, 3);
	assert_int_equal(unlink(in_dir(HISTORY_FILE)), 0);
	take(h, START, START + 2, 5);
	assert_non_null(strstr(history_stats(h).trouble, "was removed while telltale ran"));
	assert_true(history_stats(h).kept);
	assert_int_equal(stat(in_dir(HISTORY_FILE), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	take(h, START, START + 3, 7);
	history_close(h);
	/* What was counted since then is there, once, after the next start. */
	h = opened();
	take(h, START, START + 4, 7);
	assert_int_equal(transactions(h, HISTORY_HOUR), 4);
	history_close(h);
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
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version=1000", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	h = opened();
	assert_int_equal(history_stats(h).foreign, 1);
	assert_non_null(strstr(history_stats(h).trouble, "another version's"));
	assert_anew(h);
	/* Its figures are still there for that version. */
	assert_int_equal(sqlite3_open(in_dir(HISTORY_ASIDE), &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(db, "SELECT SUM(transactions) FROM hours", -1, &s, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int64(s, 0), 9);
	sqlite3_finalize(s);
	sqlite3_close(db);
}

/* The file was open in somebody's shell, or the disk was full at the start. */
static void a_file_that_cannot_be_opened_at_first_gets_all_figures_later(void **state)
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
	/* When there was no file at all, the figures shown meanwhile are kept. */
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

static void columns_that_an_older_version_did_not_have_are_added(void **state)
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
	assert_int_equal(history_stats(h).until_s, START + 15);
	take(h, START, START + 60, 9);
	assert_int_equal(history_stats(h).until_s, START + 60);
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

static void without_its_directory_the_history_is_kept_in_memory(void **state)
{
	struct history *h = NULL;

	(void)state;
	assert_int_equal(history_open(in_dir("missing"), &privacy, &h), 0);
	assert_false(history_stats(h).kept);
	history_close(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(another_versions_file_is_set_aside_and_nothing_else),
		TEST(a_file_that_cannot_be_opened_at_first_gets_all_figures_later),
		TEST(a_file_of_rubbish_is_set_aside),
		TEST(a_file_removed_meanwhile_is_made_anew),
		TEST(a_file_damaged_in_the_middle_is_set_aside),
		TEST(another_programs_database_is_set_aside_whole),
		TEST(columns_that_an_older_version_did_not_have_are_added),
		TEST(a_full_disk_is_counted_and_loses_nothing_once_there_is_room),
		TEST(a_second_process_keeps_its_history_in_memory),
		TEST(without_its_directory_the_history_is_kept_in_memory),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
