/* SPDX-License-Identifier: Apache-2.0 */
/* What is read of connections in HTTP/2: each exchange by its stream, however frames are cut. */
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

static struct streams_bed bed;
static struct http2_bytes asked, answered;
static uint8_t packet[HTTP2_PACKET_MAX];
static size_t packet_len;

/* POST /ilp, to h, of alice, announced as ILP. From the second time on by index. */
static const char first_head[] = "\x83\x86\x44\x04/ilp\x41\x01h\x57\x0c"
				 "Bearer alice\x5f\x18"
				 "application/octet-stream";
static const char next_head[] = "\x83\x86\xc1\xc0\xbf\xbe";

static void fresh(void)
{
	asked.len = 0;
	answered.len = 0;
	http2_put_preface(&asked);
	http2_put_frame(&answered, HTTP2_SETTINGS, 0, 0, NULL, 0);
	packet_len = http2_make_prepare(packet, 20);
}

static void put_head(uint32_t stream, bool first, uint8_t flags)
{
	const char *head = first ? first_head : next_head;

	http2_put_frame(&asked, HTTP2_HEADERS, flags, stream, head, strlen(head));
}

static void put_request(uint32_t stream, bool first)
{
	put_head(stream, first, HEADED);
	http2_put_frame(&asked, HTTP2_DATA, END, stream, packet, packet_len);
}

static void put_fulfill(uint32_t stream)
{
	uint8_t fulfill[200];

	http2_put_frame(&answered, HTTP2_HEADERS, HEADED, stream, "\x88", 1);
	http2_put_frame(&answered, HTTP2_DATA, END, stream, fulfill,
			http2_make_fulfill(fulfill, 0));
}

/* All that was asked, in pieces of SIZE bytes, then all that was answered. */
static void converse_by(size_t size)
{
	streams_bed_init(&bed, CLIENT, 0xff);
	streams_bed_feed_by(&bed, FLOW_OUT, asked.at, asked.len, size);
	streams_bed_feed_by(&bed, FLOW_IN, answered.at, answered.len, size);
	assert_int_equal(bed.lost, 0);
}

static void assert_message(size_t i, uint32_t stream, uint8_t kind)
{
	assert_true(i < bed.d.len);
	assert_int_equal(bed.d.messages[i].stream, stream);
	assert_int_equal(bed.d.messages[i].kind, kind);
}

static void assert_alice(size_t i)
{
	const struct decoded *m = &bed.d.messages[i];

	assert_int_equal(m->token, decode_hash(&decode_host_key, "alice", 5, 0));
	assert_int_equal(m->host_hash, decode_hash(&decode_session_key, "h", 1, 0x20));
	assert_int_equal(m->path_hash, decode_hash(&decode_session_key, "/ilp", 4, 0));
	assert_int_equal(m->host_len, 1);
	assert_memory_equal(m->host, "h", 1);
	assert_int_equal(m->path_len, 4);
	assert_memory_equal(m->path, "/ilp", 4);
	assert_int_equal(m->amount, 100);
}

static unsigned gaps(void)
{
	unsigned n = 0;

	for (int cause = 1; cause <= RECORD_GAP_CAUSES; cause++)
		n += bed.d.gaps[cause];
	return n;
}

/* --- exchanges ------------------------------------------------------------------------------- */

static void exchanges_are_read_however_they_are_cut(void **state)
{
	(void)state;
	fresh();
	put_request(1, true);
	put_request(3, false);
	put_fulfill(3);
	put_fulfill(1);
	for (size_t size = 1; size < 400; size++) {
		converse_by(size);
		assert_int_equal(bed.d.len, 4);
		assert_message(0, 1, RECORD_KIND_PREPARE);
		assert_message(1, 3, RECORD_KIND_PREPARE);
		assert_message(2, 3, RECORD_KIND_FULFILL);
		assert_message(3, 1, RECORD_KIND_FULFILL);
		assert_alice(0);
		assert_alice(1);
		assert_int_equal(bed.d.messages[2].status, 200);
		assert_int_equal(bed.open, 0);
		assert_int_equal(gaps(), 0);
	}
}

static void a_hundred_streams_interleave(void **state)
{
	(void)state;
	fresh();
	for (uint32_t i = 0; i < 100; i++)
		put_head(1 + 2 * i, !i, HEADED);
	/* Each body in three parts, those of all streams between them. */
	for (size_t part = 0; part < 3; part++) {
		size_t from = packet_len * part / 3, to = packet_len * (part + 1) / 3;

		for (uint32_t i = 0; i < 100; i++)
			http2_put_frame(&asked, HTTP2_DATA, part == 2 ? END : 0, 1 + 2 * i,
					packet + from, to - from);
	}
	for (uint32_t i = 100; i-- > 0;)
		put_fulfill(1 + 2 * i);
	converse_by(1000);
	assert_int_equal(bed.d.len, 200);
	for (uint32_t i = 0; i < 100; i++) {
		assert_message(i, 1 + 2 * i, RECORD_KIND_PREPARE);
		assert_alice(i);
		assert_message(100 + i, 1 + 2 * (99 - i), RECORD_KIND_FULFILL);
	}
	assert_int_equal(bed.open, 0);
	assert_int_equal(gaps(), 0);
}

static void padding_priority_and_continuation_hide_nothing(void **state)
{
	(void)state;
	for (size_t cut = 0; cut <= strlen(first_head); cut++) {
		fresh();
		http2_put_head(&asked, (uint32_t)cut + 6 + 3, HTTP2_HEADERS,
			       HTTP2_PADDED | HTTP2_PRIORITISED, 5);
		http2_put(&asked, "\x03\x80\x00\x00\x01\x10", 6);
		http2_put(&asked, first_head, cut);
		http2_put(&asked, "\0\0\0", 3);
		http2_put_frame(&asked, HTTP2_CONTINUATION, HEADED, 5, first_head + cut,
				strlen(first_head) - cut);
		http2_put_padded(&asked, END, 5, packet, packet_len, 200);
		put_fulfill(5);
		for (size_t size = 1; size < 40; size += 3) {
			converse_by(size);
			assert_int_equal(bed.d.len, 2);
			assert_message(0, 5, RECORD_KIND_PREPARE);
			assert_alice(0);
			assert_message(1, 5, RECORD_KIND_FULFILL);
		}
	}
}

static void large_packets_in_many_frames_are_read(void **state)
{
	(void)state;
	fresh();
	packet_len = http2_make_prepare(packet, 32000);
	put_head(1, true, HEADED);
	for (size_t at = 0; at < packet_len; at += 5000) {
		size_t n = packet_len - at < 5000 ? packet_len - at : 5000;

		http2_put_frame(&asked, HTTP2_DATA, 0, 1, packet + at, n);
		http2_put_frame(&asked, HTTP2_WINDOW_UPDATE, 0, 0, "\0\0\1\0", 4);
	}
	http2_put_frame(&asked, HTTP2_DATA, END, 1, NULL, 0);
	converse_by(1448);
	assert_int_equal(bed.d.len, 1);
	assert_message(0, 1, RECORD_KIND_PREPARE);
	assert_int_equal(bed.d.messages[0].data_len, 32000);
	assert_int_equal(bed.d.messages[0].body_len, packet_len);
}

/* --- Upgrade --------------------------------------------------------------------------------- */

static const char goes_over[] = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
				"upgrade:H2C\r\n\r\n";

static void put_upgraded(void)
{
	fresh();
	put_request(3, true);
	put_fulfill(1);
	put_fulfill(3);
}

static void the_request_that_asks_for_http2_is_its_first_stream(void **state)
{
	(void)state;
	put_upgraded();
	for (size_t size = 1; size < 400; size++) {
		streams_bed_init(&bed, CLIENT, 0xff);
		assert_true(streams_bed_upgrade(&bed, FLOW_IN, goes_over));
		assert_true(streams_bed_upgrade(&bed, FLOW_OUT, NULL));
		streams_bed_feed_by(&bed, FLOW_OUT, asked.at, asked.len, size);
		streams_bed_feed_by(&bed, FLOW_IN, answered.at, answered.len, size);
		assert_int_equal(bed.lost, 0);
		assert_int_equal(bed.d.len, 3);
		assert_message(0, 3, RECORD_KIND_PREPARE);
		assert_alice(0);
		assert_message(1, 1, RECORD_KIND_FULFILL);
		assert_message(2, 3, RECORD_KIND_FULFILL);
		assert_int_equal(bed.open, 0);
	}
}

static void its_answer_may_come_before_the_preface_of_the_client(void **state)
{
	(void)state;
	fresh();
	put_fulfill(1);
	streams_bed_init(&bed, RECORD_ROLE_SERVER, 0xff);
	assert_true(streams_bed_upgrade(&bed, FLOW_OUT, goes_over));
	streams_bed_feed(&bed, FLOW_OUT, answered.at, answered.len);
	assert_int_equal(bed.d.len, 1);
	assert_message(0, 1, RECORD_KIND_FULFILL);
	assert_int_equal(bed.open, 0);
}

static void where_there_is_no_room_for_its_first_stream_a_gap_says_so(void **state)
{
	(void)state;
	streams_bed_init(&bed, CLIENT, 0xff);
	bed.room = 0;
	assert_true(streams_bed_upgrade(&bed, FLOW_IN, goes_over));
	assert_int_equal(bed.conn.sides[FLOW_IN].gap, RECORD_GAP_FULL);
	assert_int_equal(bed.d.flow.sides[FLOW_IN].message.stream, 1);
}

static void an_upgrade_to_another_protocol_is_not_taken_for_http2(void **state)
{
	static const char other[] =
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
	static const char *const alike[] = {
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2cx\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: xh2c\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2\r\n\r\n",
	};

	(void)state;
	streams_bed_init(&bed, CLIENT, 0xff);
	assert_false(streams_bed_upgrade(&bed, FLOW_IN, other));
	for (size_t i = 0; i < sizeof(alike) / sizeof(alike[0]); i++)
		assert_false(streams_bed_upgrade(&bed, FLOW_IN, alike[i]));
	/* It says so, and does not begin with SETTINGS. */
	put_upgraded();
	assert_true(streams_bed_upgrade(&bed, FLOW_IN, goes_over));
	streams_bed_feed(&bed, FLOW_IN, answered.at + HTTP2_HEAD_LEN,
			 answered.len - HTTP2_HEAD_LEN);
	assert_int_equal(bed.lost, 1);
	assert_int_equal(bed.d.len, 0);
}

/* --- ends ------------------------------------------------------------------------------------ */

static void trailers_end_a_message_and_interim_answers_do_not(void **state)
{
	uint8_t reject[64];
	size_t n = http2_make_reject(reject);

	(void)state;
	fresh();
	put_head(1, true, HEADED);
	http2_put_frame(&asked, HTTP2_DATA, 0, 1, packet, packet_len);
	http2_put_frame(&asked, HTTP2_HEADERS, HEADED | END, 1, "\x00\x01x\x01y", 5);
	http2_put_frame(&answered, HTTP2_HEADERS, HEADED, 1, "\x08\x03\x31\x30\x30", 5);
	http2_put_frame(&answered, HTTP2_HEADERS, HEADED, 1, "\x88", 1);
	http2_put_frame(&answered, HTTP2_DATA, 0, 1, reject, n);
	http2_put_frame(&answered, HTTP2_HEADERS, HEADED | END, 1, "\x00\x01x\x01y", 5);
	converse_by(9);
	assert_int_equal(bed.d.len, 2);
	assert_message(0, 1, RECORD_KIND_PREPARE);
	assert_message(1, 1, RECORD_KIND_REJECT);
	assert_memory_equal(bed.d.messages[1].reject_code, "F08", 3);
}

static void answers_without_a_packet_have_their_status(void **state)
{
	(void)state;
	fresh();
	put_request(1, true);
	put_request(3, false);
	http2_put_frame(&answered, HTTP2_HEADERS, HEADED | END, 1, "\x08\x03\x32\x30\x32", 5);
	http2_put_frame(&answered, HTTP2_HEADERS, HEADED, 3, "\x8e", 1);
	http2_put_frame(&answered, HTTP2_DATA, END, 3, "oops", 4);
	converse_by(1000);
	assert_int_equal(bed.d.len, 4);
	assert_message(2, 1, RECORD_KIND_NONE);
	assert_int_equal(bed.d.messages[2].status, 202);
	assert_message(3, 3, RECORD_KIND_NONE);
	assert_int_equal(bed.d.messages[3].status, 500);
}

static void a_stream_that_either_end_gives_up_is_said(void **state)
{
	(void)state;
	fresh();
	put_request(1, true);
	put_request(3, false);
	put_request(5, false);
	http2_put_frame(&asked, HTTP2_RST_STREAM, 0, 1, "\0\0\0\x08", 4);
	http2_put_frame(&answered, HTTP2_RST_STREAM, 0, 3, "\0\0\0\x07", 4);
	put_fulfill(5);
	http2_put_frame(&answered, HTTP2_RST_STREAM, 0, 5, "\0\0\0\0", 4);
	converse_by(1000);
	assert_int_equal(bed.d.len, 4);
	assert_int_equal(bed.resets_len, 2);
	assert_int_equal(bed.resets[0], 1);
	assert_int_equal(bed.resets[1], 3);
	assert_int_equal(bed.open, 0);
}

/* --- what is no ILP -------------------------------------------------------------------------- */

static void other_requests_are_not_remembered(void **state)
{
	(void)state;
	fresh();
	http2_put_frame(&asked, HTTP2_HEADERS, HEADED, 1,
			"\x83\x5f\x10"
			"application/json",
			19);
	http2_put_frame(&asked, HTTP2_DATA, END, 1, "{}", 2);
	http2_put_frame(&asked, HTTP2_HEADERS, HEADED | END, 3, "\x82", 1);
	http2_put_frame(&answered, HTTP2_HEADERS, HEADED, 1, "\x88", 1);
	http2_put_frame(&answered, HTTP2_DATA, END, 1, packet, packet_len);
	converse_by(1000);
	assert_int_equal(bed.d.len, 0);
	assert_int_equal(bed.open, 0);
}

static void a_body_that_should_be_ilp_and_is_not_is_bad(void **state)
{
	(void)state;
	fresh();
	put_head(1, true, HEADED);
	http2_put_frame(&asked, HTTP2_DATA, END, 1, "{}", 2);
	put_fulfill(1);
	converse_by(1000);
	assert_int_equal(bed.d.len, 1);
	assert_message(0, 1, RECORD_KIND_BAD);
}

static void an_encoded_body_is_a_gap_of_its_stream(void **state)
{
	(void)state;
	fresh();
	put_request(1, true);
	http2_put_frame(&answered, HTTP2_HEADERS, HEADED, 1, "\x88\x5a\x04gzip", 7);
	http2_put_frame(&answered, HTTP2_DATA, END, 1, "\x1f\x8b", 2);
	converse_by(1000);
	assert_int_equal(bed.d.len, 1);
	assert_int_equal(bed.d.gaps[RECORD_GAP_ENCODED], 1);
	assert_int_equal(bed.open, 0);
}

/* --- what is missed -------------------------------------------------------------------------- */

static void a_connection_in_the_middle_is_counted_without_a_name(void **state)
{
	(void)state;
	fresh();
	asked.len = 0;
	put_request(7, false);
	put_request(9, true);
	answered.len = 0;
	put_fulfill(7);
	put_fulfill(9);
	streams_bed_init_midway(&bed, CLIENT);
	streams_bed_feed(&bed, FLOW_OUT, asked.at, asked.len);
	streams_bed_feed(&bed, FLOW_IN, answered.at, answered.len);
	assert_int_equal(bed.d.len, 4);
	assert_message(0, 7, RECORD_KIND_PREPARE);
	assert_true(bed.d.messages[0].flags & RECORD_NAMELESS);
	assert_int_equal(bed.d.messages[0].token, 0);
	assert_int_equal(bed.d.messages[0].path_hash, 0);
	assert_message(1, 9, RECORD_KIND_PREPARE);
	assert_false(bed.d.messages[1].flags & RECORD_NAMELESS);
	assert_alice(1);
	assert_message(2, 7, RECORD_KIND_FULFILL);
	assert_message(3, 9, RECORD_KIND_FULFILL);
}

static void after_a_hole_no_field_is_taken_for_another(void **state)
{
	(void)state;
	fresh();
	put_request(1, true);
	streams_bed_init(&bed, CLIENT, 0xff);
	streams_bed_feed(&bed, FLOW_OUT, asked.at, asked.len);
	streams_bed_miss(&bed, FLOW_OUT, 100);
	assert_int_equal(bed.d.gaps[RECORD_GAP_HOLE], 1);
	asked.len = 0;
	put_request(5, false);
	streams_bed_feed(&bed, FLOW_OUT, asked.at, asked.len);
	assert_int_equal(bed.d.len, 2);
	assert_true(bed.d.messages[1].flags & RECORD_NAMELESS);
}

/* What is missed of a large body behind the packet's head, and before its end, is not wanted. */
static void a_hole_in_a_large_body_costs_nothing(void **state)
{
	const size_t hole = 5000, from = 2000;

	(void)state;
	fresh();
	put_request(1, true);
	put_head(3, false, HEADED);
	packet_len = http2_make_prepare(packet, 12000);
	http2_put_frame(&asked, HTTP2_DATA, END, 3, packet, packet_len);
	packet_len = http2_make_prepare(packet, 20);
	put_request(5, false);
	put_fulfill(3);
	streams_bed_init(&bed, CLIENT, 0xff);
	streams_bed_feed(&bed, FLOW_OUT, asked.at, from);
	streams_bed_miss(&bed, FLOW_OUT, hole);
	streams_bed_feed(&bed, FLOW_OUT, asked.at + from + hole, asked.len - from - hole);
	streams_bed_feed(&bed, FLOW_IN, answered.at, answered.len);
	assert_int_equal(bed.lost, 0);
	assert_int_equal(gaps(), 0);
	assert_int_equal(bed.d.len, 4);
	assert_message(1, 3, RECORD_KIND_PREPARE);
	assert_message(2, 5, RECORD_KIND_PREPARE);
	assert_alice(2);
	assert_message(3, 3, RECORD_KIND_FULFILL);
}

static void a_hole_in_a_body_that_reaches_its_end_is_a_gap(void **state)
{
	const size_t from = 2000;

	(void)state;
	fresh();
	put_head(1, true, HEADED);
	packet_len = http2_make_prepare(packet, 12000);
	http2_put_frame(&asked, HTTP2_DATA, END, 1, packet, packet_len);
	streams_bed_init(&bed, CLIENT, 0xff);
	streams_bed_feed(&bed, FLOW_OUT, asked.at, from);
	streams_bed_miss(&bed, FLOW_OUT, (__u32)(asked.len - from));
	assert_int_equal(bed.lost, 1);
	assert_int_equal(bed.d.gaps[RECORD_GAP_HOLE], 1);
}

static void a_full_table_is_a_gap_of_the_stream(void **state)
{
	(void)state;
	fresh();
	put_request(1, true);
	put_request(3, false);
	streams_bed_init(&bed, CLIENT, 0xff);
	bed.room = 1;
	streams_bed_feed(&bed, FLOW_OUT, asked.at, asked.len);
	assert_int_equal(bed.d.len, 1);
	assert_int_equal(bed.d.gaps[RECORD_GAP_FULL], 1);
}

/* This end is the server, and has room for ROOM streams and RESERVE answers: one request comes, and
 * is answered with a Fulfill whose head is HEAD. */
static void answer_without_room(size_t room, size_t reserve, const char *head)
{
	uint8_t fulfill[200];

	fresh();
	put_request(1, true);
	http2_put_frame(&answered, HTTP2_HEADERS, HEADED, 1, head, strlen(head));
	http2_put_frame(&answered, HTTP2_DATA, END, 1, fulfill, http2_make_fulfill(fulfill, 0));
	streams_bed_init(&bed, RECORD_ROLE_SERVER, 0xff);
	bed.room = room;
	bed.reserve = reserve;
	streams_bed_feed(&bed, FLOW_IN, asked.at, asked.len);
	streams_bed_feed(&bed, FLOW_OUT, answered.at, answered.len);
	assert_int_equal(bed.open, 0);
}

#define OF_TYPE(size, type) "\x88\x5f" size type
#define ANSWER_ILP          OF_TYPE("\x18", "application/octet-stream")
#define ANSWER_TEXT         OF_TYPE("\x0a", "text/plain")

static void the_answer_to_a_request_without_room_says_that_it_was_ilp(void **state)
{
	(void)state;
	answer_without_room(0, 1, ANSWER_ILP);
	assert_int_equal(bed.d.len, 1);
	assert_message(0, 1, RECORD_KIND_FULFILL);
	assert_int_equal(bed.d.gaps[RECORD_GAP_FULL], 1);
	assert_int_equal(bed.d.flow.common.spoken, 1);
}

static void an_answer_that_is_no_ilp_takes_no_room_of_others(void **state)
{
	(void)state;
	answer_without_room(0, 0, ANSWER_TEXT);
	assert_int_equal(bed.d.len, 0);
	assert_int_equal(bed.d.gaps[RECORD_GAP_FULL], 1);
	assert_int_equal(bed.d.flow.common.spoken, 0);
}

static void an_answer_that_finds_no_room_either_is_taken_for_ilp(void **state)
{
	(void)state;
	answer_without_room(0, 0, ANSWER_ILP);
	assert_int_equal(bed.d.gaps[RECORD_GAP_FULL], 2);
	assert_int_equal(bed.d.flow.common.spoken, 1);
	assert_int_equal(bed.d.flow.common.guessing, 1);
}

/* What the target answered had come in, whatever was read of it. */
static void an_ilp_answer_before_its_request_is_a_request_that_was_missed(void **state)
{
	(void)state;
	fresh();
	put_head(1, true, HEADED);
	http2_put_frame(&asked, HTTP2_DATA, 0, 1, packet, packet_len);
	put_fulfill(1);
	streams_bed_init(&bed, RECORD_ROLE_SERVER, 0xff);
	streams_bed_feed(&bed, FLOW_IN, asked.at, asked.len);
	streams_bed_feed(&bed, FLOW_OUT, answered.at, answered.len);
	assert_int_equal(bed.d.len, 0);
	assert_int_equal(bed.d.gaps[RECORD_GAP_HTTP], 1);
	assert_int_equal(bed.d.flow.common.spoken, 1);
	assert_int_equal(bed.d.flow.common.guessing, 1);
}

/* Node.js and Go take the first of two, others may take the last. */
static void a_second_type_or_token_hides_nothing(void **state)
{
	static const char first[] = "\x83\x86\x44\x04/ilp\x41\x01h\x5f\x0atext/plain\x57\x0c"
				    "Bearer alice\x57\x0a"
				    "Bearer bob\x5f\x18"
				    "application/octet-stream";
	static const char last[] = "\x83\x86\x44\x04/ilp\x41\x01h\x57\x0c"
				   "Bearer alice\x5f\x18"
				   "application/octet-stream\x57\x0a"
				   "Bearer bob\x5f\x0atext/plain";

	(void)state;
	for (int i = 0; i < 2; i++) {
		const char *head = i ? last : first;

		fresh();
		http2_put_frame(&asked, HTTP2_HEADERS, HEADED, 1, head, strlen(head));
		http2_put_frame(&asked, HTTP2_DATA, END, 1, packet, packet_len);
		converse_by(1000);
		assert_int_equal(bed.d.len, 1);
		assert_message(0, 1, RECORD_KIND_PREPARE);
		assert_alice(0);
	}
}

static void what_is_no_http2_is_lost(void **state)
{
	(void)state;
	fresh();
	put_head(1, true, 0);
	http2_put_frame(&asked, HTTP2_DATA, END, 1, packet, packet_len);
	streams_bed_init(&bed, CLIENT, 0xff);
	streams_bed_feed(&bed, FLOW_OUT, asked.at, asked.len);
	assert_int_equal(bed.lost, 1);
	assert_int_equal(bed.d.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exchanges_are_read_however_they_are_cut),
		cmocka_unit_test(a_hundred_streams_interleave),
		cmocka_unit_test(padding_priority_and_continuation_hide_nothing),
		cmocka_unit_test(large_packets_in_many_frames_are_read),
		cmocka_unit_test(the_request_that_asks_for_http2_is_its_first_stream),
		cmocka_unit_test(its_answer_may_come_before_the_preface_of_the_client),
		cmocka_unit_test(where_there_is_no_room_for_its_first_stream_a_gap_says_so),
		cmocka_unit_test(an_upgrade_to_another_protocol_is_not_taken_for_http2),
		cmocka_unit_test(trailers_end_a_message_and_interim_answers_do_not),
		cmocka_unit_test(answers_without_a_packet_have_their_status),
		cmocka_unit_test(a_stream_that_either_end_gives_up_is_said),
		cmocka_unit_test(other_requests_are_not_remembered),
		cmocka_unit_test(a_body_that_should_be_ilp_and_is_not_is_bad),
		cmocka_unit_test(an_encoded_body_is_a_gap_of_its_stream),
		cmocka_unit_test(a_connection_in_the_middle_is_counted_without_a_name),
		cmocka_unit_test(after_a_hole_no_field_is_taken_for_another),
		cmocka_unit_test(a_hole_in_a_large_body_costs_nothing),
		cmocka_unit_test(a_hole_in_a_body_that_reaches_its_end_is_a_gap),
		cmocka_unit_test(a_full_table_is_a_gap_of_the_stream),
		cmocka_unit_test(the_answer_to_a_request_without_room_says_that_it_was_ilp),
		cmocka_unit_test(an_answer_that_is_no_ilp_takes_no_room_of_others),
		cmocka_unit_test(an_answer_that_finds_no_room_either_is_taken_for_ilp),
		cmocka_unit_test(an_ilp_answer_before_its_request_is_a_request_that_was_missed),
		cmocka_unit_test(a_second_type_or_token_hides_nothing),
		cmocka_unit_test(what_is_no_http2_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
