/* SPDX-License-Identifier: Apache-2.0 */
/* How `telltale top` writes figures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <locale.h>
#include <math.h>
#include <string.h>

#include "history/history.h"
#include "top/format.h"
#include "top/lines.h"

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

static void noisy_figures_keep_only_meaningful_digits(void **state)
{
	(void)state;
	assert_string_equal(top_figure(1234, 56, "", 0, "±", buf, sizeof(buf)), "1,230 ±60");
	assert_string_equal(top_figure(1234, 0.4, "", 0, "±", buf, sizeof(buf)), "1,234 ±1");
	assert_string_equal(top_figure(12.3456, 0.0412, "$", 2, "±", buf, sizeof(buf)),
			    "$12.35 ±$0.05");
	assert_string_equal(top_figure(12.3456, 0.41, "$", 2, "+-", buf, sizeof(buf)),
			    "$12.3 +-$0.5");
	/* The error is larger than the figure, which is therefore shown as 0. */
	assert_string_equal(top_figure(40, 1000, "", 0, "±", buf, sizeof(buf)), "0 ±1,000");
}

static void a_figure_without_room_is_written_shorter(void **state)
{
	(void)state;
	assert_string_equal(top_figure_within(32750000, 6000, "$", 2, "±", 20, buf, sizeof(buf)),
			    "$32,750,000 ±$6,000");
	assert_string_equal(
		top_figure_within(1234567890, 123456, "$", 2, "±", 20, buf, sizeof(buf)),
		"$1,234.6M ±$0.2M");
	assert_string_equal(
		top_figure_within(1234567890, 123456, "$", 2, "±", 15, buf, sizeof(buf)),
		"$1.23B ±$0.01B");
	assert_string_equal(top_figure_within(9876543210, 0, "", 0, "±", 9, buf, sizeof(buf)),
			    "9,876.54M");
	assert_string_equal(top_figure_within(5630517, 150000, "", 0, "±", 12, buf, sizeof(buf)),
			    "5,600K ±200K");
	assert_string_equal(top_figure_within(5630517, 150000, "", 0, "±", 9, buf, sizeof(buf)),
			    "5.6M ±0.2M");
	assert_string_equal(top_figure_within(12, 0, "", 0, "±", 9, buf, sizeof(buf)), "12");
}

static void bytes_are_short(void **state)
{
	(void)state;
	assert_string_equal(top_bytes(0, buf, sizeof(buf)), "0 B");
	assert_string_equal(top_bytes(999, buf, sizeof(buf)), "999 B");
	assert_string_equal(top_bytes(1000, buf, sizeof(buf)), "1.0 kB");
	assert_string_equal(top_bytes(999960, buf, sizeof(buf)), "1.0 MB");
	assert_string_equal(top_bytes(123456789, buf, sizeof(buf)), "123 MB");
	assert_string_equal(top_bytes(INT64_MAX, buf, sizeof(buf)), "9223372 TB");
}

static void assert_widened(const char *text, const wchar_t *wanted, int columns)
{
	wchar_t wides[64];
	int width;
	size_t n = top_widen(text, wides, 64, &width);

	assert_int_equal(n, wcslen(wanted));
	assert_memory_equal(wides, wanted, n * sizeof(*wides));
	assert_int_equal(width, columns);
}

/* A collector's message can hold anything; U+009B begins a control sequence as ESC [ does. */
static void no_text_can_steer_the_terminal(void **state)
{
	(void)state;
	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
	assert_widened("a\x1b[2Jb", L"a?[2Jb", 6);
	assert_widened("a\xc2\x9b"
		       "2Jb",
		       L"a?2Jb", 5);
	assert_widened("a\nb\x7f", L"a?b?", 4);
	assert_widened("\xe2\x80\xaetxt", L"?txt", 4); /* from right to left */
	assert_widened("\xff\xc2\x9b", L"???", 3);     /* not UTF-8 */
	assert_widened("\xe6\x9d\xb1 \xc3\xb6", L"\u6771 \u00f6", 4);
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
		cmocka_unit_test(noisy_figures_keep_only_meaningful_digits),
		cmocka_unit_test(a_figure_without_room_is_written_shorter),
		cmocka_unit_test(bytes_are_short),
		cmocka_unit_test(no_text_can_steer_the_terminal),
		cmocka_unit_test(times_are_interpolated_within_their_bucket),
		cmocka_unit_test(durations_are_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
