/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/escape.h"

static void becomes(const char *text, const char *want)
{
	char out[256], again[256];

	assert_int_equal(escape_text(text, out, sizeof(out)), strlen(want));
	assert_string_equal(out, want);
	escape_text(out, again, sizeof(again));
	assert_string_equal(again, out);
}

static void text_that_can_be_shown_stays(void **state)
{
	(void)state;
	becomes("", "");
	becomes("node (v20) \\ ~", "node (v20) \\ ~");
	becomes("Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x9a\x80",
		"Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x9a\x80");
}

static void what_a_terminal_obeys_is_spelled_out(void **state)
{
	(void)state;
	becomes("a\x1b[2Jb", "a\\x1b[2Jb");
	becomes("a\nb\rc\td\x7f", "a\\x0ab\\x0dc\\x09d\\x7f");
	becomes("\xc2\x9b"
		"31m",
		"\\u009b31m"); /* CSI as one character */
}

static void what_turns_or_hides_text_is_spelled_out(void **state)
{
	(void)state;
	becomes("\xe2\x80\xae"
		"gpj.exe",
		"\\u202egpj.exe");
	becomes("a\xe2\x81\xa6"
		"b\xe2\x81\xa9",
		"a\\u2066b\\u2069");
	becomes("a\xe2\x80\x8b"
		"b\xef\xbb\xbf",
		"a\\u200bb\\ufeff");
	becomes("a\xe2\x80\xa8"
		"b",
		"a\\u2028b");
	becomes("\xf3\xa0\x81\x81", "\\ue0041");
}

static void bytes_that_are_no_utf8_are_spelled_out(void **state)
{
	(void)state;
	becomes("\xff\xc3", "\\xff\\xc3");
	becomes("\xed\xa0\x80", "\\xed\\xa0\\x80");
}

static void what_does_not_fit_is_left_out_whole(void **state)
{
	char out[8];

	(void)state;
	assert_int_equal(escape_text("abcd\x1b", out, sizeof(out)), 4);
	assert_string_equal(out, "abcd");
	assert_int_equal(escape_text("abcde\xe2\x82\xac", out, sizeof(out)), 5);
	assert_string_equal(out, "abcde");
	assert_int_equal(escape_text("a", out, 1), 0);
	assert_string_equal(out, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_that_can_be_shown_stays),
		cmocka_unit_test(what_a_terminal_obeys_is_spelled_out),
		cmocka_unit_test(what_turns_or_hides_text_is_spelled_out),
		cmocka_unit_test(bytes_that_are_no_utf8_are_spelled_out),
		cmocka_unit_test(what_does_not_fit_is_left_out_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
