/* SPDX-License-Identifier: Apache-2.0 */
/* What is read of a header block that equals the last one, and of requests whose streams are noted
 * in the connection: the same as of any other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/support/http2.h"
#include "tests/unit/support/http2_streams.h"

#define END    HTTP2_END_STREAM
#define HEADED HTTP2_END_HEADERS
#define CLIENT RECORD_ROLE_CLIENT

/* POST /ilp, to h, announced as ILP: no field of it enters the table. A token comes before it. */
#define HEAD                                                                                       \
	"\x83\x86\x04\x04/ilp\x01\x01h\x0f\x10\x18"                                                \
	"application/octet-stream"
#define ALICE                                                                                      \
	"\x57\x0c"                                                                                 \
	"Bearer alice"
#define CAROL                                                                                      \
	"\x57\x0c"                                                                                 \
	"Bearer carol"
#define NEWEST "\xbe" /* the field that entered the table last */

static struct streams_bed bed, apart;
static uint8_t packet[HTTP2_PACKET_MAX];
static size_t packet_len;

static void fresh(void)
{
	static struct http2_bytes hello;

	packet_len = http2_make_prepare(packet, 20);
	streams_bed_init(&bed, CLIENT, 0xff);
	hello.len = 0;
	http2_put_preface(&hello);
	streams_bed_feed(&bed, FLOW_OUT, hello.at, hello.len);
	hello.len = 0;
	http2_put_frame(&hello, HTTP2_SETTINGS, 0, 0, NULL, 0);
	streams_bed_feed(&bed, FLOW_IN, hello.at, hello.len);
}

/* The head HEAD and BODY in one piece, or each frame in a piece of its own. */
static void say(enum flow_direction dir, uint32_t stream, const char *head, const uint8_t *body,
		size_t len, bool whole)
{
	struct http2_bytes b = {.len = 0};
	size_t first;

	http2_put_frame(&b, HTTP2_HEADERS, HEADED, stream, head, strlen(head));
	first = b.len;
	http2_put_frame(&b, HTTP2_DATA, END, stream, body, len);
	if (!whole)
		streams_bed_feed(&bed, dir, b.at, first);
	streams_bed_feed(&bed, dir, b.at + (whole ? 0 : first), b.len - (whole ? 0 : first));
}

static void ask(uint32_t stream, const char *head)
{
	say(FLOW_OUT, stream, head, packet, packet_len, true);
}

static void answer(uint32_t stream, bool whole)
{
	uint8_t fulfill[200];

	say(FLOW_IN, stream, "\x88", fulfill, http2_make_fulfill(fulfill, 0), whole);
}

static void reset(enum flow_direction dir, uint32_t stream)
{
	struct http2_bytes b = {.len = 0};

	http2_put_frame(&b, HTTP2_RST_STREAM, 0, stream, "\0\0\0\x08", 4);
	streams_bed_feed(&bed, dir, b.at, b.len);
}

/* The connection has asked on the streams 1 and 3, of alice, and its next request like these is
 * read in one step. */
static void warm(void)
{
	fresh();
	ask(1, ALICE HEAD);
	ask(3, NEWEST HEAD);
	answer(1, true);
	answer(3, true);
	assert_int_equal(bed.again, 1);
	assert_int_equal(bed.d.len, 4);
	assert_int_equal(bed.open, 0);
}

static void assert_request(size_t i, uint32_t stream, const char *token)
{
	const struct decoded *m = &bed.d.messages[i];

	assert_true(i < bed.d.len);
	assert_int_equal(m->stream, stream);
	assert_int_equal(m->kind, RECORD_KIND_PREPARE);
	assert_int_equal(m->flags, RECORD_REQUEST);
	assert_int_equal(m->token, decode_hash(&decode_host_key, token, strlen(token), 0));
	assert_int_equal(m->host_hash, decode_hash(&decode_session_key, "h", 1, 0x20));
	assert_int_equal(m->path_hash, decode_hash(&decode_session_key, "/ilp", 4, 0));
	assert_int_equal(m->amount, 100);
	assert_int_equal(m->body_len, packet_len);
}

static void assert_answer(size_t i, uint32_t stream)
{
	assert_true(i < bed.d.len);
	assert_int_equal(bed.d.messages[i].stream, stream);
	assert_int_equal(bed.d.messages[i].kind, RECORD_KIND_FULFILL);
	assert_int_equal(bed.d.messages[i].status, 200);
}

static void a_message_like_the_last_is_read_in_one_step(void **state)
{
	(void)state;
	warm();
	for (uint32_t stream = 5; stream < 105; stream += 2) {
		size_t i = bed.d.len;

		ask(stream, NEWEST HEAD);
		answer(stream, true);
		assert_request(i, stream, "alice");
		assert_answer(i + 1, stream);
	}
	assert_int_equal(bed.again, 1 + 100);
	assert_int_equal(streams_bed_open(&bed), 0);
}

static void a_message_in_two_pieces_says_the_same(void **state)
{
	(void)state;
	warm();
	apart = bed;
	ask(5, NEWEST HEAD);
	answer(5, true);
	assert_int_equal(bed.again, 3);
	apart.again = bed.again;
	{
		struct streams_bed whole = bed;

		bed = apart;
		say(FLOW_OUT, 5, NEWEST HEAD, packet, packet_len, false);
		answer(5, false);
		assert_true(decode_same(&whole.d, &bed.d));
		assert_int_equal(bed.again, 3);
		assert_int_equal(bed.open, 0);
	}
}

static void equal_blocks_name_what_the_table_has_now(void **state)
{
	(void)state;
	warm();
	ask(5, NEWEST HEAD);
	ask(7, CAROL HEAD);
	ask(9, NEWEST HEAD);
	ask(11, NEWEST HEAD);
	assert_request(4, 5, "alice");
	assert_request(5, 7, "carol");
	assert_request(6, 9, "carol");
	assert_request(7, 11, "carol");
}

static void a_block_that_changes_the_table_is_not_remembered(void **state)
{
	(void)state;
	warm();
	/* Of two tokens the first counts: alice, and when carol has entered the table, carol. */
	ask(5, NEWEST CAROL HEAD);
	ask(7, NEWEST CAROL HEAD);
	assert_request(4, 5, "alice");
	assert_request(5, 7, "carol");
	ask(9, "\xc0" HEAD); /* the field before the last two */
	assert_request(6, 9, "alice");
}

static void a_block_with_another_end_is_another(void **state)
{
	(void)state;
	warm();
	ask(5, HEAD NEWEST);
	ask(7, HEAD NEWEST);
	ask(9, HEAD "\xbf");
	assert_int_equal(bed.d.len, 6); /* nobody knows field 63: the direction is lost */
	assert_int_equal(bed.lost, 1);
}

static void after_a_hole_nothing_is_remembered(void **state)
{
	(void)state;
	warm();
	streams_bed_miss(&bed, FLOW_OUT, 100);
	ask(5, NEWEST HEAD);
	assert_int_equal(bed.d.len, 5);
	assert_true(bed.d.messages[4].flags & RECORD_NAMELESS);
	assert_int_equal(bed.d.messages[4].token, 0);
}

static void a_noted_request_may_be_given_up_by_either_end(void **state)
{
	(void)state;
	warm();
	ask(5, NEWEST HEAD);
	ask(7, NEWEST HEAD);
	reset(FLOW_OUT, 5);
	reset(FLOW_IN, 7);
	assert_int_equal(bed.resets_len, 2);
	assert_int_equal(bed.resets[0], 5);
	assert_int_equal(bed.resets[1], 7);
	answer(5, true);
	answer(7, true);
	reset(FLOW_IN, 3);
	assert_int_equal(bed.d.len, 6);
	assert_int_equal(bed.resets_len, 2);
}

static void an_answer_unlike_the_last_is_that_of_a_noted_request(void **state)
{
	(void)state;
	warm();
	ask(5, NEWEST HEAD);
	answer(5, false);
	assert_answer(5, 5);
	answer(5, false);
	answer(5, true);
	assert_int_equal(bed.d.len, 6);
	assert_int_equal(bed.open, 0);
}

static void without_room_for_it_a_gap_says_so(void **state)
{
	(void)state;
	warm();
	ask(5, NEWEST HEAD);
	bed.room = 0;
	answer(5, false);
	assert_int_equal(bed.d.len, 5);
	assert_int_equal(bed.d.gaps_of[FLOW_IN][RECORD_GAP_FULL], 1);
}

static void more_requests_than_places_are_in_the_table(void **state)
{
	(void)state;
	warm();
	for (uint32_t i = 0; i < 100; i++)
		ask(5 + 2 * i, NEWEST HEAD);
	assert_int_equal(bed.again, 101);
	assert_int_equal(bed.open, 100 - STREAMS_ASKED);
	for (uint32_t i = 100; i-- > 0;)
		answer(5 + 2 * i, i % 3 > 0);
	assert_int_equal(bed.d.len, 204);
	for (uint32_t i = 0; i < 100; i++) {
		assert_request(4 + i, 5 + 2 * i, "alice");
		assert_answer(203 - i, 5 + 2 * i);
	}
	assert_int_equal(bed.open, 0);
	assert_int_equal(bed.d.gaps[RECORD_GAP_FULL], 0);
}

static void the_place_of_a_request_that_nobody_answers_is_used_again(void **state)
{
	(void)state;
	warm();
	for (uint32_t i = 0; i < STREAMS_ASKED; i++)
		ask(5 + 2 * i, NEWEST HEAD);
	bed.now_ns += 122 * 1000000000ULL;
	for (uint32_t i = STREAMS_ASKED; i < 2 * STREAMS_ASKED; i++)
		ask(5 + 2 * i, NEWEST HEAD);
	assert_int_equal(bed.open, 0);
	answer(5, true); /* too late */
	answer(5 + 2 * STREAMS_ASKED, true);
	assert_int_equal(bed.d.len, 4 + 2 * STREAMS_ASKED + 1);
	assert_answer(4 + 2 * STREAMS_ASKED, 5 + 2 * STREAMS_ASKED);
}

static void what_is_no_packet_is_read_as_ever(void **state)
{
	uint8_t cut[400];

	(void)state;
	warm();
	memcpy(cut, packet, packet_len);
	say(FLOW_OUT, 5, NEWEST HEAD, cut, packet_len - 1, true);
	assert_int_equal(bed.d.len, 5);
	assert_int_equal(bed.d.messages[4].kind, RECORD_KIND_BAD);
	memset(cut + packet_len, 0, 3);
	say(FLOW_OUT, 7, NEWEST HEAD, cut, packet_len + 3, true);
	assert_int_equal(bed.d.len, 6);
	assert_int_equal(bed.d.messages[5].kind, RECORD_KIND_PREPARE);
	assert_int_equal(bed.d.messages[5].flags, RECORD_REQUEST | RECORD_TRAILING);
	ask(7, NEWEST HEAD); /* no stream has two requests */
	assert_int_equal(bed.d.len, 6);
	assert_int_equal(bed.again, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_like_the_last_is_read_in_one_step),
		cmocka_unit_test(a_message_in_two_pieces_says_the_same),
		cmocka_unit_test(equal_blocks_name_what_the_table_has_now),
		cmocka_unit_test(a_block_that_changes_the_table_is_not_remembered),
		cmocka_unit_test(a_block_with_another_end_is_another),
		cmocka_unit_test(after_a_hole_nothing_is_remembered),
		cmocka_unit_test(a_noted_request_may_be_given_up_by_either_end),
		cmocka_unit_test(an_answer_unlike_the_last_is_that_of_a_noted_request),
		cmocka_unit_test(without_room_for_it_a_gap_says_so),
		cmocka_unit_test(more_requests_than_places_are_in_the_table),
		cmocka_unit_test(the_place_of_a_request_that_nobody_answers_is_used_again),
		cmocka_unit_test(what_is_no_packet_is_read_as_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
