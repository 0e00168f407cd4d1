/* SPDX-License-Identifier: Apache-2.0 */
/* test_url.c - the normal form of an endpoint, and which parts of a URL may be shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/url.h"

static void every_spelling_of_an_endpoint_has_one_form(void **state)
{
	static const struct {
		const char *text, *normal;
	} table[] = {
		{"https://Happy-Life.Example/ILP", "happy-life.example/ILP"},
		{"happy-life.example", "happy-life.example/"},
		{"http://h:80/ilp", "h/ilp"},
		{"https://h:443/ilp", "h/ilp"},
		{"h:443", "h/"},
		{"h:3002/ilp", "h:3002/ilp"},
		{"h./ilp", "h/ilp"},
		{"h/ilp?x=1#y", "h/ilp"},
		{"http://u:p@h/ilp", "h/ilp"},
		{"[::1]:3002/", "[::1]:3002/"},
		{"h/a/../b//c", "h/a/../b//c"},
		{"ftp://h/", NULL},
		{"h h", NULL},
		{"", NULL},
		{"/ilp", NULL},
		{"h%0a/ilp", NULL},
		{"h%2fx/ilp", NULL},
		{"h:99999/", NULL},
		{"h\xc3\xa9/", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char *normal = url_normalise(table[i].text);

		if (!normal != !table[i].normal || (normal && strcmp(normal, table[i].normal))) {
			print_error("%s: expected %s, got %s\n", table[i].text, table[i].normal,
				    normal);
			fail();
		}
		free(normal);
	}
}

static void parts_of_a_url_that_may_be_secret_are_not_shown(void **state)
{
	static const struct {
		const char *text, *shown;
	} table[] = {
		{"http://h:4317", "http://h:4317"},
		{"https://me:secret@h/p?key=secret", "https://...@h/p"},
		{"me:secret@h", "...@h"},
		{"https://me:sec/ret?@h", "https://...@h"},
		{"https://me:sec@ret@h#secret", "https://...@h"},
	};
	char shown[URL_SHOWN], endless[4 * URL_SHOWN];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		url_show(table[i].text, shown);
		assert_string_equal(shown, table[i].shown);
	}
	memset(endless, 'h', sizeof(endless) - 1);
	endless[sizeof(endless) - 1] = '\0';
	url_show(endless, shown);
	assert_int_equal(strlen(shown), URL_SHOWN - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_spelling_of_an_endpoint_has_one_form),
		cmocka_unit_test(parts_of_a_url_that_may_be_secret_are_not_shown),
	};

	return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
