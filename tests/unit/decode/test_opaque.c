/* SPDX-License-Identifier: Apache-2.0 */
/* Which end's first bytes show that a connection is not decoded: bpf/decode/opaque.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bpf/decode/opaque.h"

enum { IN, OUT };

static void a_stranger_alone_is_announced_once_and_not_as_ours(void **state)
{
	__u8 known = 0;

	(void)state;
	assert_int_equal(opaque_says(&known, IN), 0);
	assert_int_equal(opaque_says(&known, IN), -1);
}

static void our_answer_is_announced_again_as_ours(void **state)
{
	__u8 known = 0;

	(void)state;
	assert_int_equal(opaque_says(&known, IN), 0);
	assert_int_equal(opaque_says(&known, OUT), RECORD_OPAQUE_OURS | RECORD_OPAQUE_AGAIN);
	assert_int_equal(opaque_says(&known, OUT), -1);
	assert_int_equal(opaque_says(&known, IN), -1);
}

static void we_are_announced_once_when_we_begin(void **state)
{
	__u8 known = 0;

	(void)state;
	assert_int_equal(opaque_says(&known, OUT), RECORD_OPAQUE_OURS);
	assert_int_equal(opaque_says(&known, IN), -1);
	assert_int_equal(opaque_says(&known, OUT), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stranger_alone_is_announced_once_and_not_as_ours),
		cmocka_unit_test(our_answer_is_announced_again_as_ours),
		cmocka_unit_test(we_are_announced_once_when_we_begin),
	};

	return cmocka_run_group_tests_name("opaque", tests, NULL, NULL);
}
