/* SPDX-License-Identifier: Apache-2.0 */
/* The first eight bytes that make a connection one to follow, and those that do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above, in this order. */
#include <cmocka.h>

#include "tests/unit/support/decode.h"

#define FIRST(text) first(text, sizeof(text) - 1)

static bool first(const char *bytes, size_t len)
{
	uint64_t word = 0;

	memcpy(&word, bytes, len < 8 ? len : 8);
	return http1_opens(word, (__u32)len) || http1_opens_late(word, (__u32)len);
}

static void requests_of_any_method_begin(void **state)
{
	(void)state;
	assert_true(FIRST("GET / HTTP/1.1"));
	assert_true(FIRST("PUT /x HTTP/1.1"));
	assert_true(FIRST("HEAD /x HTTP/1.1"));
	assert_true(FIRST("OPTIONS * HTTP/1.1"));
	assert_true(FIRST("DELETE /x HTTP/1.1"));
	assert_true(FIRST("PROPFIND /x HTTP/1.1"));
	assert_true(FIRST("GET http://h/ HTTP/1.1"));
	assert_true(FIRST("POST / HTTP/1.1"));
}

static void so_do_blank_lines_before_one(void **state)
{
	(void)state;
	assert_true(FIRST("\r\nPOST / HTTP/1.1"));
	assert_true(FIRST("\r\n\r\nGET / HTTP/1.1"));
	assert_true(FIRST("\nPOST / HTTP/1.1"));
	assert_true(FIRST("\n\n\nPOST / HTTP/1.1"));
	assert_true(FIRST("\r\n\r\n\r\nPOST / HTTP/1.1"));
	assert_true(FIRST("\r\n\r\n\r\n\r\nPOST / HTTP/1.1"));
	assert_true(FIRST("\r\n\r\n\r\n\r\n\r\nPOST / HTTP/1.1"));
}

static void other_protocols_do_not(void **state)
{
	(void)state;
	assert_false(FIRST("\r\n\r\n\0\r\nQUIT\n")); /* PROXY, version 2 */
	assert_false(FIRST("PROXY TCP4 10.0.0.1"));
	assert_false(FIRST("Q\0\0\0\x17SELECT"));
	assert_false(FIRST("P\0\0\0\x17\0SELECT"));
	assert_false(FIRST("SELECT 1 AS x"));
	assert_false(FIRST("EHLO mail.example"));
	assert_false(FIRST("SSH-2.0-OpenSSH"));
	assert_false(FIRST("get key of a cache\r\n"));
	assert_false(FIRST("*1\r\n$4\r\nPING\r\n"));
	assert_false(FIRST("HTTP/1.1 200 OK"));
	assert_false(FIRST("CONNECT h:443 HTTP/1.1"));
	assert_false(FIRST("\r\n"));
	assert_false(FIRST("S"));
	assert_false(FIRST("N"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_of_any_method_begin),
		cmocka_unit_test(so_do_blank_lines_before_one),
		cmocka_unit_test(other_protocols_do_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
