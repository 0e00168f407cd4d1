/* SPDX-License-Identifier: Apache-2.0 */
/* Conversations of real connectors, cut at every byte: the decoders must always read the same
 * messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above, in this order. */
#include <cmocka.h>

#include "tests/unit/support/conversation.h"
#include "tests/unit/support/seeded.h"

#define SEED 29

static struct conversation c;
static struct decode whole, parts;

/* Tells C to D, TURN in pieces that end at CUTS, each other turn in one; all turns byte by byte
 * where TURN is SIZE_MAX. */
static void tell(struct decode *d, bool client, uint8_t filler, size_t turn, const size_t *cuts,
		 size_t cuts_len)
{
	decode_init(d, filler);
	for (size_t i = 0; i < c.turns_len; i++) {
		const struct turn *t = &c.turns[i];
		enum flow_direction dir = conversation_dir(t->who, client);

		if (turn == SIZE_MAX)
			decode_feed_bytes(d, dir, c.bytes + t->from, t->len);
		else
			decode_feed_cut(d, dir, c.bytes + t->from, t->len, cuts,
					i == turn ? cuts_len : 0);
	}
	decode_close(d, true);
}

static void compare(bool client, size_t turn, const size_t *cuts, size_t cuts_len)
{
	tell(&parts, client, 0xff, turn, cuts, cuts_len);
	if (decode_same(&parts, &whole))
		return;
	print_error("# turn %zd cut at %zu, %zu (seed %d), as %s:\n%s", (ssize_t)turn,
		    cuts_len ? cuts[0] : 0, cuts_len > 1 ? cuts[1] : 0, SEED,
		    client ? "client" : "server", conversation_text(&parts));
	print_error("# instead of\n%s", conversation_text(&whole));
	fail();
}

/* Checks that C is read as EXPECTED, however it is cut and at either end. Empties C. */
static void reads_as(const char *expected)
{
	struct seeded random = {SEED};

	for (int client = 1; client >= 0; client--) {
		tell(&whole, client, 0, 0, NULL, 0);
		assert_string_equal(conversation_text(&whole), expected);
		for (int cause = 0; cause <= RECORD_GAP_CAUSES; cause++)
			assert_int_equal(whole.gaps[cause], 0);
		compare(client, 0, NULL, 0);
		compare(client, SIZE_MAX, NULL, 0);
		for (size_t turn = 0; turn < c.turns_len; turn++) {
			size_t len = c.turns[turn].len, cuts[2];

			for (cuts[0] = 1; cuts[0] < len; cuts[0]++)
				compare(client, turn, cuts, 1);
			for (unsigned i = 0; i < 200; i++) {
				cuts[1] = 1 + seeded_below(&random, len);
				cuts[0] = seeded_below(&random, cuts[1]);
				compare(client, turn, cuts, 2);
			}
		}
	}
	c.turns_len = c.len = 0;
}

static void a_rafiki_node_pays(void **state)
{
	(void)state;
	ask_prepare(&c, 1000);
	answer_fulfill(&c);
	reads_as(ASKED(1, 1000) FULFILLED(1));
}

static void a_reject_comes_with_status_200_too(void **state)
{
	(void)state;
	ask_prepare(&c, 1000000000000);
	packet_reject(&c.packet, "F08", "g.us.bob", 0, 16);
	say(&c, ANSWER, KOA, c.packet.len);
	say_packet(&c, ANSWER);
	reads_as(ASKED(1, 1000000000000) "answer 1 200 Reject F08 data 16\n");
}

static void lower_case_names_and_host_last(void **state)
{
	(void)state;
	packet_prepare(&c.packet, 7, EXPIRES, CONDITION, "g.us.carol", 0);
	say(&c, ASK,
	    "POST /?q=1 HTTP/1.1\r\naccept: */*\r\naccept-language: *\r\nsec-fetch-mode: cors\r\n"
	    "user-agent: node\r\nauthorization: other\r\ncontent-length:%zu\r\n"
	    "content-type:  application/ilp+octet-stream\r\nhost: PEER.example\r\n\r\n",
	    c.packet.len);
	say_packet(&c, ASK);
	packet_fulfill(&c.packet, 0);
	say(&c, ANSWER, "HTTP/1.1 200\r\ncontent-length: %zu\r\n\r\n", c.packet.len);
	say_packet(&c, ANSWER);
	reads_as("ask 1 Prepare 7 to g.us.carol until " EXPIRES " if <" CONDITION
		 "> data 0, PEER.example / other\nanswer 1 200 Fulfill data 0\n");
}

static void a_token_may_come_with_another_scheme_or_none(void **state)
{
	static const char *const values[][2] = {
		{"bearer secret", "secret"},
		{"BEARER secret", "secret"},
		{"secret", "secret"},
		{"Basic c2VjcmV0", "Basic c2VjcmV0"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		char expected[200];

		packet_fulfill(&c.packet, 0);
		say(&c, ASK,
		    "POST /a HTTP/1.1\r\nHost: h\r\n" OCTETS
		    "Authorization: %s\r\nContent-Length: %zu\r\n\r\n",
		    values[i][0], c.packet.len);
		say_packet(&c, ASK);
		snprintf(expected, sizeof(expected), "ask 1 Fulfill data 0, h /a %s\n",
			 values[i][1]);
		reads_as(expected);
	}
}

static void a_reply_in_chunks(void **state)
{
	(void)state;
	for (size_t size = 1; size < 75; size++) {
		ask_prepare(&c, 1);
		packet_fulfill(&c.packet, 36);
		say(&c, ANSWER, "HTTP/1.1 200 OK\r\n" OCTETS "Transfer-Encoding: chunked\r\n\r\n");
		say_chunks(&c, ANSWER, size, "", "");
		ask_prepare(&c, 2);
		answer_fulfill(&c);
		tell(&whole, true, 0, 0, NULL, 0);
		assert_string_equal(conversation_text(&whole),
				    ASKED(1, 1) FULFILLED(1) ASKED(2, 2) FULFILLED(2));
		if (size % 18 == 0)
			reads_as(ASKED(1, 1) FULFILLED(1) ASKED(2, 2) FULFILLED(2));
		c.turns_len = c.len = 0;
	}
}

static void chunks_with_extensions_and_trailers(void **state)
{
	(void)state;
	ask_prepare(&c, 1);
	packet_fulfill(&c.packet, 36);
	say(&c, ANSWER, "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n");
	say_chunks(&c, ANSWER, 31, ";name=\"value; 5\"",
		   "Expires: never\r\nContent-Length: 5000\r\nX-A-Trailer-Longer-Than-The-Window: "
		   "0123456789012345678901234567890123456789012345678901234567890123456789012345678"
		   "90123456789\r\n");
	ask_prepare(&c, 2);
	answer_fulfill(&c);
	reads_as(ASKED(1, 1) FULFILLED(1) ASKED(2, 2) FULFILLED(2));
}

static void a_request_in_chunks(void **state)
{
	(void)state;
	packet_prepare(&c.packet, 5, EXPIRES, CONDITION, "g.us.bob", 2000);
	say(&c, ASK,
	    "POST /ilp HTTP/1.1\r\nHost: h\r\n" OCTETS "Transfer-Encoding: chunked\r\n\r\n");
	say_chunks(&c, ASK, 700, "", "");
	answer_fulfill(&c);
	reads_as("ask 1 Prepare 5 to g.us.bob until " EXPIRES " if <" CONDITION
		 "> data 2000, h /ilp\n" FULFILLED(1));
}

static void a_chunk_size_in_capitals_and_with_zeros(void **state)
{
	(void)state;
	ask_prepare(&c, 1);
	packet_fulfill(&c.packet, 1966);
	assert_int_equal(c.packet.len, 0x7D5);
	say(&c, ANSWER, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0007D5 \r\n");
	say_packet(&c, ANSWER);
	say(&c, ANSWER, "\r\n00\r\n\r\n");
	ask_prepare(&c, 2);
	answer_fulfill(&c);
	reads_as(ASKED(1, 1) "answer 1 200 Fulfill data 1966\n" ASKED(2, 2) FULFILLED(2));
}

static void many_exchanges_on_one_connection(void **state)
{
	(void)state;
	ask_prepare(&c, 1);
	answer_fulfill(&c);
	ask_prepare(&c, 2);
	answer_fulfill(&c);
	ask_prepare(&c, 3);
	answer_fulfill(&c);
	ask_prepare(&c, 4);
	answer_fulfill(&c);
	reads_as(ASKED(1, 1) FULFILLED(1) ASKED(2, 2) FULFILLED(2) ASKED(3, 3) FULFILLED(3)
			 ASKED(4, 4) FULFILLED(4));
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	(void)state;
	ask_prepare(&c, 1);
	say(&c, ASK, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	ask_prepare(&c, 3);
	answer_fulfill(&c);
	say(&c, ANSWER, "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nNot Found");
	answer_fulfill(&c);
	reads_as(ASKED(1, 1) ASKED(3, 3) FULFILLED(1) FULFILLED(3));
}

static void other_methods_come_between(void **state)
{
	(void)state;
	ask_prepare(&c, 1);
	answer_fulfill(&c);
	say(&c, ASK, "HEAD /health HTTP/1.1\r\nHost: h\r\n\r\n");
	say(&c, ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n");
	say(&c, ASK, "GET /health HTTP/1.1\r\nHost: h\r\n\r\n");
	say(&c, ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/");
	say(&c, ASK, "PUT /x HTTP/1.1\r\n" OCTETS "Content-Length: 5\r\n\r\nPOST ");
	say(&c, ANSWER, "HTTP/1.1 204 No Content\r\n\r\n");
	say(&c, ASK, "HEAD /odd HTTP/1.1\r\nContent-Length: 3\r\n\r\nGET");
	say(&c, ANSWER, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	ask_prepare(&c, 2);
	answer_fulfill(&c);
	reads_as(ASKED(1, 1) FULFILLED(1) ASKED(6, 2) FULFILLED(6));
}

static void interim_answers_are_not_the_answer(void **state)
{
	(void)state;
	ask_prepare(&c, 1);
	say(&c, ANSWER, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
	answer_fulfill(&c);
	ask_prepare(&c, 2);
	answer_fulfill(&c);
	reads_as(ASKED(1, 1) FULFILLED(1) ASKED(2, 2) FULFILLED(2));
}

static void answers_without_a_packet_still_answer(void **state)
{
	(void)state;
	ask_prepare(&c, 1);
	say(&c, ANSWER, "HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n");
	ask_prepare(&c, 2);
	say(&c, ANSWER, "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n");
	ask_prepare(&c, 3);
	say(&c, ANSWER, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
	ask_prepare(&c, 4);
	say(&c, ANSWER, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nbad");
	ask_prepare(&c, 5);
	say(&c, ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad");
	ask_prepare(&c, 6);
	say(&c, ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	reads_as(ASKED(1, 1) "answer 1 204 nothing\n" ASKED(2, 2) "answer 2 304 nothing\n" ASKED(
		3,
		3) "answer 3 200 nothing\n" ASKED(4,
						  4) "answer 4 502 nothing\n" ASKED(5,
										    5) "answer 5 "
										       "200 "
										       "bad"
										       "\n" ASKED(
											       6,
											       6) "answer 6 200 nothing\n");
}

static void a_reply_in_a_request_of_its_own(void **state)
{
	(void)state;
	packet_prepare(&c.packet, 9, EXPIRES, CONDITION, "g.us.bob", 52);
	say(&c, ASK,
	    "POST /ilp HTTP/1.1\r\nHost: h\r\n" OCTETS "Request-Id: " REQUEST_ID
	    "\r\nCallback-Url: https://example.com/cb\r\nContent-Length: %zu\r\n\r\n",
	    c.packet.len);
	say_packet(&c, ASK);
	say(&c, ANSWER, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
	packet_reject(&c.packet, "T04", "g.us", 10, 0);
	say(&c, ASK,
	    "POST /cb HTTP/1.1\r\nHost: h\r\n" OCTETS
	    "REQUEST-ID: 42EE09C8-A6DE-4AE3-8A47-4732B0CBB07B\r\nContent-Length: %zu\r\n\r\n",
	    c.packet.len);
	say_packet(&c, ASK);
	say(&c, ANSWER, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
	reads_as("ask 1 Prepare 9 to g.us.bob until " EXPIRES " if <" CONDITION
		 "> data 52, h /ilp #" REQUEST_ID "\nanswer 1 202 nothing\n"
		 "ask 2 Reject T04 data 0, h /cb #" REQUEST_ID "\nanswer 2 200 nothing\n");
}

static void a_prepare_of_thirty_kilobytes(void **state)
{
	(void)state;
	packet_prepare(&c.packet, 3, EXPIRES, CONDITION, "g.us.bob", 30000);
	say(&c, ASK, "POST / HTTP/1.1\r\nHost: h\r\n" OCTETS "Content-Length: %zu\r\n\r\n",
	    c.packet.len);
	say_packet(&c, ASK);
	answer_fulfill(&c);
	reads_as("ask 1 Prepare 3 to g.us.bob until " EXPIRES " if <" CONDITION
		 "> data 30000, h /\n" FULFILLED(1));
}

static void json_is_none_of_our_business(void **state)
{
	(void)state;
	say(&c, ASK,
	    "POST /graphql HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
	    "Content-Length: 13\r\n\r\n{\"POST\":null}");
	say(&c, ANSWER,
	    "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 2\r\n"
	    "\r\n{}");
	packet_fulfill(&c.packet, 0);
	say(&c, ASK, "POST /none HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", c.packet.len);
	say_packet(&c, ASK);
	say(&c, ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	ask_prepare(&c, 1);
	answer_fulfill(&c);
	reads_as(ASKED(3, 1) FULFILLED(3));
}

static void a_body_announced_as_ilp_that_is_none(void **state)
{
	(void)state;
	say(&c, ASK, "POST /up HTTP/1.1\r\nHost: h\r\n" OCTETS "Content-Length: 4\r\n\r\nblob");
	say(&c, ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nblob");
	/* Only the beginning of a packet. */
	packet_prepare(&c.packet, 3, EXPIRES, CONDITION, "g.us.bob", 100);
	say(&c, ASK, "POST /up HTTP/1.1\r\nHost: h\r\n" OCTETS "Content-Length: %zu\r\n\r\n",
	    c.packet.len - 1);
	say_bytes(&c, ASK, c.packet.bytes, c.packet.len - 1);
	say(&c, ANSWER, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
	ask_prepare(&c, 1);
	answer_fulfill(&c);
	reads_as("ask 1 bad, h /up\nask 2 bad, h /up\n" ASKED(3, 1) FULFILLED(3));
}

static void bytes_after_a_packet_and_chatter_are_flagged(void **state)
{
	(void)state;
	packet_prepare(&c.packet, 0, EXPIRES, CONDITION, "peer.config", 0);
	packet_add(&c.packet, "more", 4);
	say(&c, ASK, "POST / HTTP/1.1\r\nHost: h\r\n" OCTETS "Content-Length: %zu\r\n\r\n",
	    c.packet.len);
	say_packet(&c, ASK);
	packet_fulfill(&c.packet, 5);
	packet_add(&c.packet, "x", 1);
	say(&c, ANSWER, KOA, c.packet.len);
	say_packet(&c, ANSWER);
	reads_as("ask 1 Prepare 0 to peer.config until " EXPIRES " if <" CONDITION
		 "> data 0, h / PEER TRAILING\nanswer 1 200 Fulfill data 5 TRAILING\n");
}

static void an_answer_may_end_with_the_connection(void **state)
{
	(void)state;
	ask_prepare(&c, 1);
	packet_fulfill(&c.packet, 36);
	say(&c, ANSWER, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
	say_packet(&c, ANSWER);
	reads_as(ASKED(1, 1) FULFILLED(1));
}

static void lines_of_any_length_are_passed_over(void **state)
{
	char line[1200];

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "X-Long: ", 8);
	for (int len = 8; len<1150; len += len> 440 && len < 580 ? 1 : 37) {
		packet_fulfill(&c.packet, 0);
		say(&c, ASK,
		    "POST /a HTTP/1.1\r\n%.*s\r\nHost: h\r\n%.*s\r\n" OCTETS
		    "Content-Length: %zu\r\n\r\n",
		    len, line, len, line, c.packet.len);
		say_packet(&c, ASK);
		tell(&whole, true, 0, 0, NULL, 0);
		assert_string_equal(conversation_text(&whole), "ask 1 Fulfill data 0, h /a\n");
		compare(true, SIZE_MAX, NULL, 0);
		if (len >= 500 && len <= 514)
			reads_as("ask 1 Fulfill data 0, h /a\n");
		c.turns_len = c.len = 0;
	}
}

static void heads_of_very_many_short_lines(void **state)
{
	(void)state;
	packet_fulfill(&c.packet, 0);
	say(&c, ASK, "POST /a HTTP/1.1\r\n");
	for (int i = 0; i < 400; i++)
		say(&c, ASK, "a:\n");
	say(&c, ASK, "Host: h\r\n" OCTETS "Content-Length: %zu\n\n", c.packet.len);
	say_packet(&c, ASK);
	reads_as("ask 1 Fulfill data 0, h /a\n");
}

static void blank_lines_before_a_message(void **state)
{
	(void)state;
	ask_prepare(&c, 1);
	answer_fulfill(&c);
	say(&c, ASK, "\r\n\n");
	ask_prepare(&c, 2);
	say(&c, ANSWER, "\r\n");
	answer_fulfill(&c);
	reads_as(ASKED(1, 1) FULFILLED(1) ASKED(2, 2) FULFILLED(2));
}

static void the_first_of_two_headers_of_one_name_counts(void **state)
{
	(void)state;
	packet_fulfill(&c.packet, 0);
	say(&c, ASK,
	    "POST /a HTTP/1.1\r\nHost: h\r\n" OCTETS "Authorization: secret\r\nHost: other\r\n"
	    "Authorization: other\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n",
	    c.packet.len);
	say_packet(&c, ASK);
	reads_as("ask 1 Fulfill data 0, h /a secret\n");
}

static void values_too_long_to_keep_are_flagged(void **state)
{
	char longest[300], expected[400];

	(void)state;
	memset(longest, 'a', sizeof(longest));
	longest[0] = '/';
	for (int len = 120; len < 140; len++) {
		packet_fulfill(&c.packet, 0);
		say(&c, ASK,
		    "POST %.*s HTTP/1.1\r\nHost: %.*s\r\n" OCTETS "Content-Length: %zu\r\n\r\n",
		    len - 5, longest, len, longest, c.packet.len);
		say_packet(&c, ASK);
		snprintf(expected, sizeof(expected), "ask 1 Fulfill data 0, %.*s %.*s%s\n",
			 len < 128 ? len : 128, longest, len - 5 < 128 ? len - 5 : 128, longest,
			 len > 128 ? " LONG" : "");
		reads_as(expected);
	}
}

static void a_token_too_long_to_hash_whole_is_flagged(void **state)
{
	char token[300], expected[100];

	(void)state;
	memset(token, 't', sizeof(token));
	for (int len = 255; len < 259; len++) {
		packet_fulfill(&c.packet, 0);
		say(&c, ASK,
		    "POST /a HTTP/1.1\r\nHost: h\r\n" OCTETS
		    "Authorization: Bearer %.*s\r\nContent-Length: %zu\r\n\r\n",
		    len, token, c.packet.len);
		say_packet(&c, ASK);
		snprintf(expected, sizeof(expected), "ask 1 Fulfill data 0, h /a ?%s\n",
			 len > 256 ? " LONG" : "");
		reads_as(expected);
		assert_int_equal(whole.messages[0].token,
				 decode_hash(host_key(), token, len < 256 ? (size_t)len : 256, 0));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rafiki_node_pays),
		cmocka_unit_test(a_reject_comes_with_status_200_too),
		cmocka_unit_test(lower_case_names_and_host_last),
		cmocka_unit_test(a_token_may_come_with_another_scheme_or_none),
		cmocka_unit_test(a_reply_in_chunks),
		cmocka_unit_test(chunks_with_extensions_and_trailers),
		cmocka_unit_test(a_request_in_chunks),
		cmocka_unit_test(a_chunk_size_in_capitals_and_with_zeros),
		cmocka_unit_test(many_exchanges_on_one_connection),
		cmocka_unit_test(pipelined_requests_are_answered_in_order),
		cmocka_unit_test(other_methods_come_between),
		cmocka_unit_test(interim_answers_are_not_the_answer),
		cmocka_unit_test(answers_without_a_packet_still_answer),
		cmocka_unit_test(a_reply_in_a_request_of_its_own),
		cmocka_unit_test(a_prepare_of_thirty_kilobytes),
		cmocka_unit_test(json_is_none_of_our_business),
		cmocka_unit_test(a_body_announced_as_ilp_that_is_none),
		cmocka_unit_test(bytes_after_a_packet_and_chatter_are_flagged),
		cmocka_unit_test(an_answer_may_end_with_the_connection),
		cmocka_unit_test(lines_of_any_length_are_passed_over),
		cmocka_unit_test(heads_of_very_many_short_lines),
		cmocka_unit_test(blank_lines_before_a_message),
		cmocka_unit_test(the_first_of_two_headers_of_one_name_counts),
		cmocka_unit_test(values_too_long_to_keep_are_flagged),
		cmocka_unit_test(a_token_too_long_to_hash_whole_is_flagged),
	};

	return cmocka_run_group_tests_name("http1", tests, NULL, NULL);
}
