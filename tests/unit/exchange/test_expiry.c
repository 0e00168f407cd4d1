/* SPDX-License-Identifier: Apache-2.0 */
/* test_expiry.c - dates as records carry them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "exchange/expiry.h"

static void test_dates_and_what_is_none(void **state)
{
	(void)state;
	assert_int_equal(expiry_unix_ns(19700101000000000), 0);
	assert_int_equal(expiry_unix_ns(19700101000000001), 1000000);
	assert_int_equal(expiry_unix_ns(19691231235959999), -1000000);
	assert_int_equal(expiry_unix_ns(20260101000000000), 1767225600000000000);
	assert_int_equal(expiry_unix_ns(20240229235959999), 1709251199999000000);
	assert_int_equal(expiry_unix_ns(20000229000000000), 951782400000000000);
	assert_int_equal(expiry_unix_ns(22620411234716854), 9223372036854000000);

	/* No dates. */
	assert_int_equal(expiry_unix_ns(0), INT64_MAX);
	assert_int_equal(expiry_unix_ns(20260001000000000), INT64_MAX);
	assert_int_equal(expiry_unix_ns(20261301000000000), INT64_MAX);
	assert_int_equal(expiry_unix_ns(20260100000000000), INT64_MAX);
	assert_int_equal(expiry_unix_ns(20260132000000000), INT64_MAX);
	assert_int_equal(expiry_unix_ns(20260431000000000), INT64_MAX);
	assert_int_equal(expiry_unix_ns(20250229000000000), INT64_MAX);
	assert_int_equal(expiry_unix_ns(19000229000000000), INT64_MAX);
	assert_int_equal(expiry_unix_ns(20260101240000000), INT64_MAX);
	assert_int_equal(expiry_unix_ns(20260101006000000), INT64_MAX);
	assert_int_equal(expiry_unix_ns(20260101000060000), INT64_MAX);
	assert_int_equal(expiry_unix_ns(120260101000000000), INT64_MAX);
	assert_int_equal(expiry_unix_ns(UINT64_MAX), INT64_MAX);

	/* Dates that 64 bits of nanoseconds do not reach. */
	assert_int_equal(expiry_unix_ns(99991231235959999), INT64_MAX);
	assert_int_equal(expiry_unix_ns(101000000000), INT64_MIN); /* year 0 */
}

/* One after the other, so that the minute of the one before is known each time. */
static void test_a_minute_that_is_known_changes_no_date(void **state)
{
	static const uint64_t dates[] = {
		0,
		1,
		99999,
		100000,
		20260101000000000,
		20260101000000001,
		20260101000059999,
		20260101000060000, /* there is no such second */
		20260101000100000,
		20240229235959999,
		20250229000000000, /* nor such a day */
		20250229000059999,
		22620411234716854, /* the last one that has room, */
		22620411234716855,
		22620411234759999,
		99991231235900000,
		99991231235959999,
		16770921001243145, /* and the first */
		16770921001243146,
		16770921001200000,
		101000000000,
		UINT64_MAX,
		UINT64_MAX - 1,
	};
	struct expiry_minute last = {0};

	(void)state;
	for (int turn = 0; turn < 2; turn++)
		for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++)
			assert_int_equal(expiry_find(&last, dates[i]), expiry_unix_ns(dates[i]));
}

/* The C library's calendar is the reference, for one day in every month from 1690 to 2260. */
static void test_it_agrees_with_the_c_library(void **state)
{
	(void)state;
	for (int year = 1690; year < 2260; year++) {
		for (int month = 0; month < 12; month++) {
			struct tm tm = {.tm_year = year - 1900,
					.tm_mon = month,
					.tm_mday = 1 + (year * 7 + month * 5) % 28,
					.tm_hour = year % 24,
					.tm_min = (year + month) % 60,
					.tm_sec = (year * month) % 60};
			uint64_t digits =
				((((uint64_t)year * 100 + month + 1) * 100 + tm.tm_mday) * 100 +
				 tm.tm_hour) *
					100 +
				tm.tm_min;

			digits = (digits * 100 + tm.tm_sec) * 1000 + 7;
			assert_int_equal(expiry_unix_ns(digits),
					 timegm(&tm) * 1000000000LL + 7000000);
		}
	}
}

#define T(name) cmocka_unit_test(test_##name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(dates_and_what_is_none),
		T(a_minute_that_is_known_changes_no_date),
		T(it_agrees_with_the_c_library),
	};

	return cmocka_run_group_tests_name("expiry", tests, NULL, NULL);
}
