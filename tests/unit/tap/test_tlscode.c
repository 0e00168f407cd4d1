/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tap/tlscode.h"

struct code {
	size_t len;
	const char *bytes;
};

#define CODE(bytes)                                                                                \
	{                                                                                          \
		sizeof(bytes) - 1, (bytes)                                                         \
	}

/* On the heap and no longer than it is, so that a byte read behind it is noticed. */
static uint8_t *exact(struct code code)
{
	uint8_t *copy = malloc(code.len ? code.len : 1);

	assert_non_null(copy);
	memcpy(copy, code.bytes, code.len);
	return copy;
}

static unsigned skip_of(struct code code)
{
	uint8_t *copy = exact(code);
	unsigned skip = tlscode_skip(copy, code.len);

	free(copy);
	return skip;
}

#define BRANCH "\xf3\x0f\x1e\xfa"

static void an_endbr64_is_passed_over_for_a_push(void **state)
{
	static const struct code to_skip[] = {
		CODE(BRANCH "\x55\x48\x89\xe5"), /* push %rbp: with frame pointers */
		CODE(BRANCH "\x50"),
		CODE(BRANCH "\x53"),
		CODE(BRANCH "\x41\x57"), /* push %r15 */
		CODE(BRANCH "\x41\x50"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(to_skip) / sizeof(to_skip[0]); i++)
		assert_int_equal(skip_of(to_skip[i]), 4);
}

static void any_other_function_has_its_breakpoint_where_it_begins(void **state)
{
	static const struct code as_it_is[] = {
		CODE("\x55\x48\x89\xe5"),            /* Node.js */
		CODE("\x48\x83\xec\x18"),            /* Debian: sub $24,%rsp */
		CODE(BRANCH "\x48\x83\xec\x18"),     /* the stack would be another */
		CODE(BRANCH "\x58"),                 /* pop */
		CODE(BRANCH "\x41\x58"),             /* pop %r8 */
		CODE(BRANCH "\x90"),                 /* nop */
		CODE(BRANCH "\xe9\x10\x00\x00\x00"), /* jmp */
		CODE("\xf3\x0f\x1e\xfb\x55"),        /* endbr32 */
		CODE("\x0f\x1e\xfa\x55"),
		CODE(BRANCH "\x41"),
		CODE(BRANCH),
		CODE("\xf3\x0f"),
		CODE(""),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(as_it_is) / sizeof(as_it_is[0]); i++)
		assert_int_equal(skip_of(as_it_is[i]), 0);
}

/* Where the server is said: -1, unknown; else the place, and 0x10000 when objects say their type.
 */
static int server_of(struct code is_server, struct code set_connect)
{
	uint8_t *is = exact(is_server), *set = exact(set_connect);
	struct tlscode_server server = {0};
	int err = tlscode_find_server(is, is_server.len, set, set_connect.len, &server);

	free(is);
	free(set);
	assert_true(!err || err == -ENOENT);
	return err ? -1 : server.at | (server.typed ? 0x10000 : 0);
}

#define RETURNS_38 "\x8b\x47\x38\xc3"
#define SETS_38    "\x53\x48\x89\xfb\xc7\x47\x38\x00\x00\x00\x00\xc7\x47\x44\x00\x00\x00\x00"
#define SETS_78                                                                                    \
	"\x55\x48\x89\xe5\x53\x48\x83\xec\x08\x48\x85\xff\x0f\x84\xe3\xd6\xb3\xfe\x8b\x07\x48\x89" \
	"\xfb\x85\xc0\x74\x15\xa8\x80\x0f\x84\xd2\xd6\xb3\xfe\x48\x8b\x5d\xf8\x31\xf6\xc9\xe9\xd1" \
	"\x66\x03\x00\x90\xc7\x47\x78\x00\x00\x00\x00"
/* OpenSSL 3.5 in Node.js 24: an object that is no connection asks another one. */
#define ASKS_78                                                                                    \
	"\x48\x85\xff\x74\x33\x8b\x07\x85\xc0\x74\x1d\xa8\x80\x74\x29\x55\x48\x89\xe5\xe8\xf8\xa1" \
	"\x03\x00\x48\x85\xc0\x74\x13\x8b\x40\x78\x5d\xc3\x66\x0f\x1f\x44\x00\x00\x8b\x47\x78\xc3"

static void where_an_object_says_whose_end_it_is_stands_in_two_functions(void **state)
{
	static const struct {
		int at;
		struct code is_server, set_connect;
	} known[] = {
		{0x38, CODE(RETURNS_38), CODE(SETS_38)}, /* 1.1, and 3.0 in Node.js */
		{0x38, CODE("\x8b\x47\x38\x31\xff\xc3"), CODE(SETS_38)}, /* 3.0 in Debian */
		{0x38, CODE(BRANCH RETURNS_38), CODE(BRANCH SETS_38)},
		{0x38, CODE(BRANCH "\x55\x48\x89\xe5\x8b\x47\x38\x5d\xc3"), CODE(SETS_38)},
		{0x38, CODE(RETURNS_38), CODE("\xc7\x43\x38\x00\x00\x00\x00")}, /* by %rbx */
		{0x138, CODE("\x8b\x87\x38\x01\x00\x00\xc3"),
		 CODE("\xc7\x87\x38\x01\x00\x00\x00\x00\x00\x00")},
		{0x10078, CODE(ASKS_78), CODE(SETS_78)},
		{0x10078, CODE("\x48\x85\xff\x74\x33\x8b\x07\x85\xc0\x75\x08\x8b\x47\x78\xc3"),
		 CODE(SETS_78)},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_int_equal(server_of(known[i].is_server, known[i].set_connect), known[i].at);
}

static void other_code_says_nothing_of_it(void **state)
{
	static const struct {
		struct code is_server, set_connect;
	} unknown[] = {
		{CODE(RETURNS_38), CODE(SETS_78)}, /* they disagree */
		{CODE(ASKS_78), CODE(SETS_38)},
		{CODE(RETURNS_38), CODE("")},
		{CODE(RETURNS_38), CODE("\xc7\x47\x38\x01\x00\x00\x00")}, /* sets it to 1 */
		{CODE(RETURNS_38), CODE("\xc7\x47\x38\x00\x00\x00")},     /* cut off */
		{CODE(""), CODE(SETS_38)},
		{CODE("\x8b\x47\x38"), CODE(SETS_38)},
		{CODE("\x8b\x47\x38\x85\xc0\xc3"), CODE(SETS_38)}, /* goes on to something else */
		{CODE("\x8b\x46\x38\xc3"), CODE(SETS_38)},         /* of the second argument */
		{CODE("\x8b\x07\xc3"), CODE("\xc7\x07\x00\x00\x00\x00")},
		{CODE("\x8b\x47\x39\xc3"), CODE("\xc7\x47\x39\x00\x00\x00\x00")}, /* no int */
		{CODE("\x8b\x47\xf8\xc3"), CODE("\xc7\x47\xf8\x00\x00\x00\x00")}, /* before it */
		{CODE("\x8b\x87\x00\x00\x01\x00\xc3"),
		 CODE("\xc7\x87\x00\x00\x01\x00\x00\x00\x00\x00")},
		{CODE("\x48\x85\xff\x74"), CODE(SETS_78)},
		{CODE("\x48\x85\xff\x74\x33\x8b\x07\x85\xc0\x74"), CODE(SETS_78)},
		{CODE("\x48\x85\xff\x74\x33\x8b\x07\x85\xc0\x74\x7f\x8b\x47\x78\xc3"),
		 CODE(SETS_78)},
		{CODE("\x48\x85\xff\x74\x33\x8b\x07\x85\xc0\x74\xf0\x8b\x47\x78\xc3"),
		 CODE(SETS_78)},
		{CODE("\x48\x85\xff\x74\x33\x8b\x07\x85\xc0\x75"), CODE(SETS_78)},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		assert_int_equal(server_of(unknown[i].is_server, unknown[i].set_connect), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_endbr64_is_passed_over_for_a_push),
		cmocka_unit_test(any_other_function_has_its_breakpoint_where_it_begins),
		cmocka_unit_test(where_an_object_says_whose_end_it_is_stands_in_two_functions),
		cmocka_unit_test(other_code_says_nothing_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
