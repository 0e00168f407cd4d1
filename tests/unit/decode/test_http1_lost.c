/* SPDX-License-Identifier: Apache-2.0 */
/* When the decoders cannot continue: invalid heads, holes, connections that end. They must report
 * what came before, count the loss and find the next message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above, in this order. */
#include <cmocka.h>

#include "tests/unit/support/conversation.h"

static struct conversation c;
static struct decode d;

/* Feeds C to D and empties C. */
static void tell(void)
{
	for (size_t i = 0; i < c.turns_len; i++)
		decode_feed(&d, conversation_dir(c.turns[i].who, true), c.bytes + c.turns[i].from,
			    c.turns[i].len);
	c.turns_len = c.len = 0;
}

static void a_connection_met_in_the_middle_is_followed_from_the_next_message(void **state)
{
	(void)state;
	decode_init(&d, 0xff);
	say(&c, ASK, "..rest of a body");
	say(&c, ANSWER, "..rest of another");
	tell();
	answer_fulfill(&c); /* to a request that was not seen */
	tell();
	ask_prepare(&c, 1);
	tell();
	answer_fulfill(&c);
	tell();
	assert_string_equal(conversation_text(&d), ASKED(1, 1) FULFILLED(1));
	assert_int_equal(d.gaps[RECORD_GAP_HTTP], 0);
}

#define BLANKS "                                        "

/* What cannot be followed, in a request and in an answer. */
static const char *const bad_asks[] = {
	"POST / HTTP/2.0\r\n\r\n",
	"POST HTTP/1.1\r\nHost: h\r\n\r\n",
	"POST /\r\n\r\n",
	"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
	"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
	"POST / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\n",
	"POST / HTTP/1.1\r\nContent-Length: 1234567890123456789\r\n\r\n",
	"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
	"POST / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
	"POST / HTTP/1.1\r\nTransfer-Encoding: gzip chunked\r\n\r\n",
	"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n",
	"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding:\r\n\r\n",
	"POST / HTTP/1.1\r\nTransfer-Encoding: \t \r\nTransfer-Encoding: chunked\r\n\r\n",
	"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nsize\r\n",
	"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n",
	"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000005\r\n",
	"POST / HTTP/1.1\r\nHost:" BLANKS "x" BLANKS "\r\nContent-Length: 0\r\n\r\n",
};

static const char *const bad_answers[] = {
	"HTTP/1.1 OK\r\n\r\n",
	"HTTP/1.1 2xx OK\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 7a\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip  chunked\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: \n\r\n",
};

/* Sends one of the above, cut into two pieces at any place, between two good exchanges. */
static void try_bad(enum speaker who, const char *text)
{
	size_t len = strlen(text);

	for (size_t cut = 0; cut < len; cut++) {
		/* A piece that may begin a message is read as if it did. */
		if (cut && (text[cut] == 'P' || text[cut] == 'H'))
			continue;
		decode_init(&d, 0xff);
		ask_prepare(&c, 1);
		answer_fulfill(&c);
		if (who == ANSWER)
			ask_prepare(&c, 2);
		tell();
		decode_feed(&d, conversation_dir(who, true), text, cut);
		decode_feed(&d, conversation_dir(who, true), text + cut, len - cut);
		if (who == ASK)
			say(&c, ANSWER, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
		ask_prepare(&c, 3);
		answer_fulfill(&c);
		tell();
		if (who == ASK)
			assert_string_equal(
				conversation_text(&d),
				d.flow.common.requests == 2
					? ASKED(1, 1) FULFILLED(1) ASKED(2, 3) FULFILLED(2)
					: ASKED(1, 1)
						  FULFILLED(1) "answer 2 400 nothing\n" ASKED(3, 3)
							  FULFILLED(3));
		else
			assert_string_equal(conversation_text(&d),
					    ASKED(1, 1) FULFILLED(1) ASKED(2, 2) ASKED(3, 3)
						    FULFILLED(3));
		assert_int_equal(d.gaps[RECORD_GAP_HTTP], 1);
	}
}

static void after_a_bad_head_the_next_exchange_is_read_right(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_asks) / sizeof(bad_asks[0]); i++)
		try_bad(ASK, bad_asks[i]);
	for (size_t i = 0; i < sizeof(bad_answers) / sizeof(bad_answers[0]); i++)
		try_bad(ANSWER, bad_answers[i]);
}

static void an_endless_start_line_without_a_target_is_given_up(void **state)
{
	char line[3000];

	(void)state;
	memset(line, 'x', sizeof(line));
	decode_init(&d, 0xff);
	decode_feed(&d, FLOW_OUT, "POST ", 5);
	decode_feed(&d, FLOW_OUT, line, sizeof(line));
	assert_int_equal(d.gaps[RECORD_GAP_HTTP], 1);
	ask_prepare(&c, 1);
	answer_fulfill(&c);
	tell();
	assert_string_equal(conversation_text(&d), ASKED(1, 1) FULFILLED(1));
}

/* Makes a hole after the first AT bytes of an answer, followed by the next exchange. */
static const char *answer_with_a_hole(bool chunked, size_t at, bool *whole_head)
{
	size_t head;

	decode_init(&d, 0xff);
	ask_prepare(&c, 1);
	tell();
	packet_fulfill(&c.packet, 200);
	say(&c, ANSWER,
	    chunked ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		    : "HTTP/1.1 200 OK\r\nContent-Length: 238\r\n\r\n");
	head = c.len;
	if (chunked)
		say_chunks(&c, ANSWER, 1000, "", "");
	else
		say_packet(&c, ANSWER);
	/* Type and length, fulfillment, length of the data, and a chunk-size line before all. */
	*whole_head = at >= head + 3 + 32 + 2 + (chunked ? 4 : 0);
	if (at >= c.len)
		return NULL;
	decode_feed(&d, FLOW_IN, c.bytes, at);
	decode_hole(&d, FLOW_IN);
	c.turns_len = c.len = 0;
	ask_prepare(&c, 2);
	answer_fulfill(&c);
	tell();
	return conversation_text(&d);
}

static void an_answer_lost_in_a_hole_shifts_no_later_one(void **state)
{
	const char *text;
	bool known;

	(void)state;
	for (int chunked = 0; chunked < 2; chunked++) {
		for (size_t at = 0; (text = answer_with_a_hole(chunked, at, &known)); at++) {
			if (known)
				assert_string_equal(
					text,
					ASKED(1, 1) "answer 1 200 Fulfill data 200 CUT\n" ASKED(
						2, 2) FULFILLED(2));
			else
				assert_string_equal(text, ASKED(1, 1) ASKED(2, 2) FULFILLED(2));
		}
		c.turns_len = c.len = 0;
	}
}

static void a_hole_in_an_answer_that_ends_with_the_connection_keeps_what_is_known(void **state)
{
	(void)state;
	decode_init(&d, 0xff);
	ask_prepare(&c, 1);
	packet_fulfill(&c.packet, 200);
	say(&c, ANSWER, "HTTP/1.1 200 OK\r\n\r\n");
	say_bytes(&c, ANSWER, c.packet.bytes, 100);
	tell();
	decode_hole(&d, FLOW_IN);
	assert_string_equal(conversation_text(&d),
			    ASKED(1, 1) "answer 1 200 Fulfill data 200 CUT\n");
}

/* The answer to what was lost is no request's, and is reported as such. */
static void a_request_lost_in_a_hole_shifts_no_answer(void **state)
{
	(void)state;
	decode_init(&d, 0xff);
	ask_prepare(&c, 1);
	answer_fulfill(&c);
	tell();
	decode_hole(&d, FLOW_OUT);
	answer_fulfill(&c);
	ask_prepare(&c, 3);
	answer_fulfill(&c);
	tell();
	assert_string_equal(conversation_text(&d),
			    ASKED(1, 1) FULFILLED(1) FULFILLED(0) ASKED(2, 3) FULFILLED(2));
}

static void a_connection_that_breaks_off_keeps_what_is_known(void **state)
{
	(void)state;
	for (int in_order = 0; in_order < 2; in_order++) {
		decode_init(&d, 0xff);
		packet_prepare(&c.packet, 3, EXPIRES, CONDITION, "g.us.bob", 100);
		say(&c, ASK, "POST / HTTP/1.1\r\nHost: h\r\n" OCTETS "Content-Length: %zu\r\n\r\n",
		    c.packet.len);
		say_bytes(&c, ASK, c.packet.bytes, c.packet.len - 50);
		tell();
		decode_close(&d, in_order);
		assert_string_equal(conversation_text(&d),
				    "ask 1 Prepare 3 to g.us.bob until " EXPIRES " if <" CONDITION
				    "> data 100, h / CUT\n");
		decode_close(&d, in_order);
		assert_int_equal(d.len, 1);
	}
}

static void after_an_upgrade_nothing_is_read_as_an_answer(void **state)
{
	(void)state;
	decode_init(&d, 0xff);
	ask_prepare(&c, 1);
	say(&c, ANSWER, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\n\r\n");
	answer_fulfill(&c);
	tell();
	answer_fulfill(&c);
	tell();
	assert_string_equal(conversation_text(&d), ASKED(1, 1));
	assert_int_equal(d.gaps[RECORD_GAP_HTTP], 0);
}

/* Where blank lines come before it, as where its first byte came alone. */
static void a_preface_of_http2_is_no_gap_however_it_is_cut(void **state)
{
	const char preface[] = "\r\n\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

	(void)state;
	for (size_t from = 0; from < 4; from++) {
		size_t len = sizeof(preface) - 1 - from;

		for (size_t cut = 1; cut < len; cut++) {
			decode_init(&d, 0xff);
			d.flow.sides[FLOW_OUT].http1.phase = PHASE_START;
			decode_feed_cut(&d, FLOW_OUT, preface + from, len, &cut, 1);
			assert_int_equal(d.gaps[RECORD_GAP_HTTP], 0);
			assert_true(d.flow.common.plain);
		}
	}
}

/* What looks like the preface and stands in a body, or is followed as a request. */
static void a_gap_is_not_hidden_by_the_words_of_a_preface(void **state)
{
	static const char *const texts[] = {
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
		"c\r\nPRI * HTTP/2\r\nsize\r\n",
		"PRI * HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nsize\r\n",
		"PRI * HTTP/1.1\r\nContent-Length: many\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		for (size_t cut = 0; cut < strlen(texts[i]); cut++) {
			decode_init(&d, 0xff);
			d.flow.sides[FLOW_OUT].http1.phase = PHASE_START;
			decode_feed_cut(&d, FLOW_OUT, texts[i], strlen(texts[i]), &cut, 1);
			assert_int_equal(d.gaps[RECORD_GAP_HTTP], 1);
			assert_false(d.flow.common.plain);
		}
	}
}

static void more_exchanges_than_bits_are_told_apart(void **state)
{
	char text[40];

	(void)state;
	decode_init(&d, 0xff);
	for (unsigned n = 1; n < 200; n++) {
		bool ilp = n % 3 != 0;

		if (ilp) {
			ask_prepare(&c, n);
		} else {
			say(&c, ASK, "HEAD / HTTP/1.1\r\n\r\n");
			say(&c, ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
		}
		if (ilp)
			answer_fulfill(&c);
		d.len = 0;
		tell();
		assert_int_equal(d.len, ilp ? 2 : 0);
		if (!ilp)
			continue;
		d.messages[0] = d.messages[1];
		d.len = 1;
		snprintf(text, sizeof(text), "answer %u 200 Fulfill data 36\n", n);
		assert_string_equal(conversation_text(&d), text);
	}
}

/* The socket tap makes two steps in a run; each further run costs a tail call. */
static void a_message_in_one_segment_takes_one_run(void **state)
{
	(void)state;
	decode_init(&d, 0xff);
	ask_prepare(&c, 1);
	tell();
	assert_int_equal(d.runs, 1);
	answer_fulfill(&c);
	tell();
	assert_int_equal(d.runs, 1);
	assert_int_equal(d.len, 2);
}

/* The kernel's limit is 33 tail calls after the first run. */
static void a_segment_of_pipelined_prepares_is_read_whole(void **state)
{
	(void)state;
	decode_init(&d, 0xff);
	for (int i = 0; i < 33; i++)
		ask_prepare(&c, 1);
	tell();
	assert_int_equal(d.len, 33);
	assert_true(d.runs <= 34);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_met_in_the_middle_is_followed_from_the_next_message),
		cmocka_unit_test(after_a_bad_head_the_next_exchange_is_read_right),
		cmocka_unit_test(an_endless_start_line_without_a_target_is_given_up),
		cmocka_unit_test(an_answer_lost_in_a_hole_shifts_no_later_one),
		cmocka_unit_test(
			a_hole_in_an_answer_that_ends_with_the_connection_keeps_what_is_known),
		cmocka_unit_test(a_request_lost_in_a_hole_shifts_no_answer),
		cmocka_unit_test(a_connection_that_breaks_off_keeps_what_is_known),
		cmocka_unit_test(after_an_upgrade_nothing_is_read_as_an_answer),
		cmocka_unit_test(a_preface_of_http2_is_no_gap_however_it_is_cut),
		cmocka_unit_test(a_gap_is_not_hidden_by_the_words_of_a_preface),
		cmocka_unit_test(more_exchanges_than_bits_are_told_apart),
		cmocka_unit_test(a_message_in_one_segment_takes_one_run),
		cmocka_unit_test(a_segment_of_pipelined_prepares_is_read_whole),
	};

	return cmocka_run_group_tests_name("http1_lost", tests, NULL, NULL);
}
