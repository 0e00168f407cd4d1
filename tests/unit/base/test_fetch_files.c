/* SPDX-License-Identifier: Apache-2.0 */
/* Rates from files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/support/refreshing.h"
#include "base/fetch.h"
#include "base/log.h"

static char folder[] = "/tmp/telltale-rates-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/rates.json", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

/* Sets the modification time, so that the test does not depend on the clock's resolution. */
static void write_file(const char *text, time_t modified)
{
	struct timespec times[2] = {{.tv_sec = modified}, {.tv_sec = modified}};
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	utimensat(AT_FDCWD, path, times, 0);
}

static void a_file_is_read_and_read_again_when_it_changes(void **state)
{
	struct rates *r = rates_at(path, NULL);

	(void)state;
	write_file(USD_DOCUMENT, 1000);
	rates_tick(r, 10);
	assert_int_equal(one(r, "EUR"), 20000);
	rates_tick(r, 5000);
	assert_int_equal(rates_status(r, RATES_OPERATOR, 5000).refreshes, 1);
	write_file("{\"base\":\"USD\",\"rates\":{\"EUR\":0.4}}", 1001);
	rates_tick(r, 10000);
	assert_int_equal(one(r, "EUR"), 25000);
	assert_int_equal(rates_status(r, RATES_OPERATOR, 10000).refreshes, 2);
	rates_tick(r, 10000 + DAY_MS);
	assert_int_equal(rates_status(r, RATES_OPERATOR, 0).refreshes, 3);
	rates_free(r);
}

static void the_last_good_rates_stay_when_the_file_breaks(void **state)
{
	struct rates *r = rates_at(path, NULL);
	struct rates_status status;

	(void)state;
	write_file(USD_DOCUMENT, 1000);
	rates_tick(r, 0);
	write_file("{\"base\":\"USD\",\"ra", 1001);
	rates_tick(r, 3000);
	status = rates_status(r, RATES_OPERATOR, 4000);
	assert_int_equal(status.failures, 1);
	assert_true(status.loaded);
	assert_int_equal(status.age_ms, 4000);
	assert_true(status.error[0]);
	assert_int_equal(one(r, "EUR"), 20000);
	write_file(USD_DOCUMENT, 1002);
	rates_tick(r, 4100);
	status = rates_status(r, RATES_OPERATOR, 4100);
	assert_int_equal(status.age_ms, 0);
	assert_false(status.error[0]);
	rates_free(r);
}

static void the_last_good_rates_stay_whatever_the_file_becomes(void **state)
{
	struct rates *r = rates_at(path, NULL);
	uint64_t now = 0;
	int fd;

	(void)state;
	write_file(USD_DOCUMENT, 1000);
	rates_tick(r, now);
	for (size_t i = 0; i < HOSTILE_LEN; i++) {
		write_file(hostile[i], 1001 + (time_t)i);
		now += DAY_MS;
		rates_tick(r, now);
		assert_last_good(r, i + 1, now, hostile[i]);
	}
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, 10000000), 0);
	close(fd);
	now += DAY_MS;
	rates_tick(r, now);
	assert_last_good(r, HOSTILE_LEN + 1, now, "10 MB");
	rates_free(r);
}

/* The loop's clock stops while the host sleeps and never goes back. If it did go back, nothing
 * would break. The wall clock is not used. */
static void a_clock_that_jumps_does_no_harm(void **state)
{
	uint64_t century = 100ULL * 366 * DAY_MS;
	struct rates *r = rates_at(path, NULL);
	struct rates_status status;

	(void)state;
	write_file(USD_DOCUMENT, 1000);
	rates_tick(r, 1000000);
	rates_tick(r, 5);
	status = rates_status(r, RATES_OPERATOR, 5);
	assert_int_equal(status.refreshes, 1);
	assert_int_equal(status.age_ms, 0);
	assert_int_equal(one(r, "EUR"), 20000);
	assert_true(rates_wait_ms(r, 5) > 0);
	assert_int_equal(rates_status(r, RATES_OPERATOR, century).age_ms, century - 1000000);
	rates_tick(r, century);
	rates_tick(r, century + 1);
	status = rates_status(r, RATES_OPERATOR, century + 1);
	assert_int_equal(status.refreshes, 2);
	assert_int_equal(status.age_ms, 1);
	rates_free(r);
}

static void after_failures_the_next_try_waits_from_five_seconds_to_five_minutes(void **state)
{
	static const unsigned waits[] = {5000, 10000, 20000, 40000, 80000, 160000, 300000, 300000};
	struct rates *r = rates_at(path, NULL);
	uint64_t now = 0;

	(void)state;
	rates_tick(r, now);
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		assert_int_equal(rates_status(r, RATES_OPERATOR, now).failures, i + 1);
		rates_tick(r, now + waits[i] - 1);
		assert_int_equal(rates_status(r, RATES_OPERATOR, now).failures, i + 1);
		now += waits[i];
		rates_tick(r, now);
	}
	write_file(USD_DOCUMENT, 1000);
	rates_tick(r, now + 300000);
	unlink(path);
	/* After a success the failures are forgotten: the next fetch is due after the lifetime of a
	 * day, and the next retry after 5 s. */
	now += 300000 + DAY_MS;
	rates_tick(r, now);
	assert_int_equal(rates_status(r, RATES_OPERATOR, now).failures, 10);
	rates_tick(r, now + 5000);
	assert_int_equal(rates_status(r, RATES_OPERATOR, now).failures, 11);
	rates_free(r);
}

static void a_file_url_is_the_file_it_names(void **state)
{
	char url[96];
	struct rates *r;

	(void)state;
	write_file(USD_DOCUMENT, 1000);
	snprintf(url, sizeof(url), "file://%s/r%%61tes.json", folder);
	r = rates_at(NULL, url);
	assert_int_equal(rates_load(r, 1000), 0);
	assert_int_equal(one(r, "EUR"), 20000);
	rates_free(r);
}

static void anything_but_a_regular_file_is_refused_without_waiting(void **state)
{
	char why[128], *body = NULL;
	size_t len;

	(void)state;
	assert_int_equal(fetch_file(folder, 100, &body, &len, why, sizeof(why)), -EINVAL);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(fetch_file(path, 100, &body, &len, why, sizeof(why)), -EINVAL);
	unlink(path);
	assert_int_equal(fetch_file(path, 100, &body, &len, why, sizeof(why)), -ENOENT);
}

static void a_file_may_have_as_many_bytes_as_allowed_and_none_more(void **state)
{
	char why[128], *body = NULL;
	size_t len = 0;

	(void)state;
	write_file("12345678", 1000);
	assert_int_equal(fetch_file(path, 7, &body, &len, why, sizeof(why)), -EFBIG);
	assert_int_equal(fetch_file(path, 8, &body, &len, why, sizeof(why)), 0);
	assert_int_equal(len, 8);
	assert_memory_equal(body, "12345678", 8);
	free(body);
}

/* A reload: what was read stays in use until the new place has answered. */
static void another_place_takes_over_without_a_gap(void **state)
{
	char missing[80];
	struct rates_source_config config[RATES_SOURCES] = {{missing, DAY_MS}, {NULL, DAY_MS}};
	struct rates *r = rates_at(path, NULL);

	(void)state;
	snprintf(missing, sizeof(missing), "%s/other.json", folder);
	write_file(USD_DOCUMENT, 1000);
	rates_tick(r, 10);
	assert_int_equal(rates_change(r, config), 0);
	rates_tick(r, 20);
	assert_int_equal(one(r, "EUR"), 20000);
	assert_int_equal(rates_status(r, RATES_OPERATOR, 20).failures, 1);
	assert_int_equal(rates_status(r, RATES_OPERATOR, 20).refreshes, 1);
	/* Back at the first place, and then at none. */
	config[RATES_OPERATOR].location = path;
	write_file("{\"base\":\"USD\",\"rates\":{\"EUR\":0.4}}", 1001);
	assert_int_equal(rates_change(r, config), 0);
	assert_int_equal(one(r, "EUR"), 20000);
	rates_tick(r, 30);
	assert_int_equal(one(r, "EUR"), 25000);
	assert_int_equal(rates_status(r, RATES_OPERATOR, 30).failures, 1);
	config[RATES_OPERATOR].location = NULL;
	assert_int_equal(rates_change(r, config), 0);
	assert_false(rates_status(r, RATES_OPERATOR, 30).configured);
	assert_int_equal(one(r, "EUR"), 0);
	rates_free(r);
}

#define FILE_TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

static int be_quiet(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERR);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILE_TEST(another_place_takes_over_without_a_gap),
		FILE_TEST(a_file_is_read_and_read_again_when_it_changes),
		FILE_TEST(the_last_good_rates_stay_when_the_file_breaks),
		FILE_TEST(the_last_good_rates_stay_whatever_the_file_becomes),
		FILE_TEST(a_clock_that_jumps_does_no_harm),
		FILE_TEST(after_failures_the_next_try_waits_from_five_seconds_to_five_minutes),
		FILE_TEST(a_file_url_is_the_file_it_names),
		FILE_TEST(anything_but_a_regular_file_is_refused_without_waiting),
		FILE_TEST(a_file_may_have_as_many_bytes_as_allowed_and_none_more),
	};

	return cmocka_run_group_tests_name("fetch, files", tests, be_quiet, NULL);
}
