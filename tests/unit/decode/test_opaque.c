/* SPDX-License-Identifier: Apache-2.0 */
/* Which end's first bytes show that a connection is not decoded: bpf/decode/opaque.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bpf/decode/opaque.h"

#define PREFACE   BYTES_WORD('P', 'R', 'I', ' ', '*', ' ', 'H', 'T')
#define SETTINGS  BYTES_WORD(0, 0, 18, 4, 0, 0, 0, 0)
#define HANDSHAKE BYTES_WORD(0x16, 3, 1, 2, 0, 1, 0, 1)

enum { IN, OUT };

static void a_stranger_alone_is_announced_once_and_not_as_ours(void **state)
{
	__u8 known = 0;

	(void)state;
	assert_int_equal(opaque_says(&known, PREFACE, IN), 0);
	assert_int_equal(opaque_says(&known, PREFACE, IN), -1);
}

static void our_answer_is_announced_again_as_ours(void **state)
{
	__u8 known = 0;

	(void)state;
	assert_int_equal(opaque_says(&known, HANDSHAKE, IN), 0);
	assert_int_equal(opaque_says(&known, HANDSHAKE, OUT),
			 RECORD_OPAQUE_OURS | RECORD_OPAQUE_AGAIN);
	assert_int_equal(opaque_says(&known, HANDSHAKE, OUT), -1);
	assert_int_equal(opaque_says(&known, HANDSHAKE, IN), -1);
}

static void a_server_may_speak_first(void **state)
{
	__u8 known = 0;

	(void)state;
	assert_int_equal(opaque_says(&known, SETTINGS, OUT), -1);
	assert_int_equal(opaque_says(&known, PREFACE, IN), RECORD_OPAQUE_OURS);
	assert_int_equal(opaque_says(&known, SETTINGS, OUT), -1);
}

static void a_client_of_ours_is_announced_once(void **state)
{
	__u8 known = 0;

	(void)state;
	assert_int_equal(opaque_says(&known, PREFACE, OUT), RECORD_OPAQUE_OURS);
	assert_int_equal(opaque_says(&known, SETTINGS, OUT), -1);
}

static void bytes_that_only_resemble_settings_announce_nothing(void **state)
{
	__u8 known = 0;

	(void)state;
	assert_int_equal(opaque_says(&known, SETTINGS, OUT), -1);
	assert_int_equal(opaque_says(&known, SETTINGS, OUT), -1);
	assert_false(http2_is_settings(BYTES_WORD(0, 0, 0, 4, 1, 0, 0, 0)));
	assert_false(http2_is_settings(BYTES_WORD('S', 0, 0, 0, 4, 0, 0, 0)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stranger_alone_is_announced_once_and_not_as_ours),
		cmocka_unit_test(our_answer_is_announced_again_as_ours),
		cmocka_unit_test(a_server_may_speak_first),
		cmocka_unit_test(a_client_of_ours_is_announced_once),
		cmocka_unit_test(bytes_that_only_resemble_settings_announce_nothing),
	};

	return cmocka_run_group_tests_name("opaque", tests, NULL, NULL);
}
