/* SPDX-License-Identifier: Apache-2.0 */
/* How `telltale top` writes figures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "user/history.h"
#include "user/top_format.h"

static char buf[128];

static void exact_figures_are_written_exactly(void **state)
{
	(void)state;
	assert_string_equal(top_whole(0, buf, sizeof(buf)), "0");
	assert_string_equal(top_whole(999, buf, sizeof(buf)), "999");
	assert_string_equal(top_whole(-1000, buf, sizeof(buf)), "-1,000");
	assert_string_equal(top_whole(INT64_MAX, buf, sizeof(buf)), "9,223,372,036,854,775,807");
	assert_string_equal(top_figure(1234567.891, 0, "$", 2, "±", buf, sizeof(buf)),
			    "$1,234,567.89");
}

static void noisy_figures_keep_what_their_error_leaves_of_them(void **state)
{
	(void)state;
	assert_string_equal(top_figure(1234, 56, "", 0, "±", buf, sizeof(buf)), "1,230 ±60");
	assert_string_equal(top_figure(1234, 0.4, "", 0, "±", buf, sizeof(buf)), "1,234 ±1");
	assert_string_equal(top_figure(12.3456, 0.0412, "$", 2, "±", buf, sizeof(buf)),
			    "$12.35 ±$0.05");
	assert_string_equal(top_figure(12.3456, 0.41, "$", 2, "+-", buf, sizeof(buf)),
			    "$12.3 +-$0.5");
	/* Worth nothing: it is shown as the nothing it is. */
	assert_string_equal(top_figure(40, 1000, "", 0, "±", buf, sizeof(buf)), "0 ±1,000");
}

static void times_are_interpolated_within_their_bucket(void **state)
{
	int64_t buckets[HISTORY_TIMES_LEN] = {0};

	(void)state;
	assert_true(top_quantile(buckets, 0.5) < 0);
	buckets[4] = 10; /* 25 to 50 ms */
	assert_true(fabs(top_quantile(buckets, 0.5) - 37.5) < 0.01);
	assert_true(fabs(top_quantile(buckets, 1) - 50) < 0.01);
	buckets[HISTORY_TIMES_LEN - 1] = 10;
	assert_true(isinf(top_quantile(buckets, 0.95)));
	assert_string_equal(top_ms(INFINITY, buf, sizeof(buf)), "> 10 s");
	assert_string_equal(top_ms(44.4, buf, sizeof(buf)), "44 ms");
	assert_string_equal(top_ms(1234, buf, sizeof(buf)), "1.2 s");
}

static void durations_are_short(void **state)
{
	(void)state;
	assert_string_equal(top_duration(15000, buf, sizeof(buf)), "15 s");
	assert_string_equal(top_duration(600000, buf, sizeof(buf)), "10 min");
	assert_string_equal(top_duration(3 * 3600000, buf, sizeof(buf)), "3 h");
	assert_string_equal(top_duration(156 * 3600000LL, buf, sizeof(buf)), "6.5 days");
	assert_string_equal(top_duration(8760 * 3600000LL, buf, sizeof(buf)), "365 days");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact_figures_are_written_exactly),
		cmocka_unit_test(noisy_figures_keep_what_their_error_leaves_of_them),
		cmocka_unit_test(times_are_interpolated_within_their_bucket),
		cmocka_unit_test(durations_are_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
