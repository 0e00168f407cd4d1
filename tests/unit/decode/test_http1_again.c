/* SPDX-License-Identifier: Apache-2.0 */
/* Heads that are repeated on one connection, and heads that differ a little from the one before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above, in this order. */
#include <cmocka.h>

#include "tests/unit/support/conversation.h"

static struct conversation c;
static struct decode whole, parts;

/* Reads C with each turn in one piece, and byte by byte; in the latter case no head can be
 * recognised. */
static void tell(struct decode *d, bool bytes)
{
	decode_init(d, 0xff);
	for (size_t i = 0; i < c.turns_len; i++) {
		const struct turn *t = &c.turns[i];
		enum flow_direction dir = conversation_dir(t->who, true);

		if (bytes)
			decode_feed_bytes(d, dir, c.bytes + t->from, t->len);
		else
			decode_feed(d, dir, c.bytes + t->from, t->len);
	}
}

static bool reads_the_same(void)
{
	tell(&whole, false);
	tell(&parts, true);
	c.turns_len = c.len = 0;
	return decode_same(&whole, &parts);
}

static void a_repeated_head_is_read_the_same(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		ask_prepare(&c, 1000);
		answer_fulfill(&c);
	}
	assert_true(reads_the_same());
	assert_string_equal(conversation_text(&whole),
			    ASKED(1, 1000) FULFILLED(1) ASKED(2, 1000) FULFILLED(2) ASKED(3, 1000)
				    FULFILLED(3) ASKED(4, 1000) FULFILLED(4));
}

/* Sends a head, and the same with the byte at AT changed. 0 when it has no such byte. */
static bool say_changed(enum speaker who, size_t at)
{
	size_t from = c.len;

	if (who == ASK)
		ask_prepare(&c, 1000);
	else
		answer_fulfill(&c);
	if (from + at >= c.len - c.packet.len)
		return false;
	c.bytes[from + at] ^= 1;
	return true;
}

static void a_request_head_with_any_byte_changed_is_read_anew(void **state)
{
	(void)state;
	for (size_t at = 0;; at++) {
		bool more;

		ask_prepare(&c, 1000);
		answer_fulfill(&c);
		more = say_changed(ASK, at);
		answer_fulfill(&c);
		if (!reads_the_same())
			fail_msg("byte %zu of the second head", at);
		if (!more)
			return;
	}
}

static void an_answers_head_with_any_byte_changed_is_read_anew(void **state)
{
	(void)state;
	for (size_t at = 0;; at++) {
		bool more;

		ask_prepare(&c, 1000);
		answer_fulfill(&c);
		ask_prepare(&c, 1000);
		more = say_changed(ANSWER, at);
		if (!reads_the_same())
			fail_msg("byte %zu of the second head", at);
		if (!more)
			return;
	}
}

static void say_to(const char *host, const char *more)
{
	packet_prepare(&c.packet, 1, EXPIRES, CONDITION, "g.us.bob", 0);
	say(&c, ASK,
	    "POST / HTTP/1.1\r\n" OCTETS "Host: %s\r\nAuthorization: Bearer %s\r\n%s"
	    "Content-Length: %zu\r\n\r\n",
	    host, "secret", more, c.packet.len);
	say_packet(&c, ASK);
	answer_fulfill(&c);
}

static void a_head_too_long_to_be_recognised_leaves_nothing_for_the_next(void **state)
{
	char more[700];

	(void)state;
	memset(more, 'x', sizeof(more));
	memcpy(more, "X-Long: ", 8);
	memcpy(more + sizeof(more) - 3, "\r\n", 3);
	say_to("one.example", "");
	say_to("two.example", more);
	say_to("one.example", "");
	assert_true(reads_the_same());
	assert_int_equal(whole.len, 6);
	assert_memory_equal(whole.messages[4].host, "one.example", 11);
	assert_int_equal(whole.messages[4].host_hash, whole.messages[0].host_hash);
}

static void a_request_id_belongs_to_its_own_request_only(void **state)
{
	(void)state;
	say_to("one.example", "Request-Id: " REQUEST_ID "\r\n");
	say_to("one.example", "");
	say_to("one.example", "Request-Id: " REQUEST_ID "\r\n");
	assert_true(reads_the_same());
	assert_int_not_equal(whole.messages[0].request_id, 0);
	assert_int_equal(whole.messages[2].request_id, 0);
	assert_int_equal(whole.messages[4].request_id, whole.messages[0].request_id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_repeated_head_is_read_the_same),
		cmocka_unit_test(a_request_head_with_any_byte_changed_is_read_anew),
		cmocka_unit_test(an_answers_head_with_any_byte_changed_is_read_anew),
		cmocka_unit_test(a_head_too_long_to_be_recognised_leaves_nothing_for_the_next),
		cmocka_unit_test(a_request_id_belongs_to_its_own_request_only),
	};

	return cmocka_run_group_tests_name("http1 again", tests, NULL, NULL);
}
