/* SPDX-License-Identifier: Apache-2.0 */
/* Whether ILP goes over a connection in HTTP/2, and whether it is announced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/support/http2.h"

#define END  HTTP2_END_STREAM
#define LIFE (RECORD_OPAQUE_RENEW_NS + 1)

static struct http2_bytes bytes;
static uint8_t packet[HTTP2_PACKET_MAX];
static size_t packet_len;

static void fresh(void)
{
	bytes.len = 0;
}

static void put_request(uint32_t stream)
{
	http2_put_frame(&bytes, HTTP2_HEADERS, 4, stream, "\x83\x86\x84", 3);
}

/* Walks all of BYTES on a new connection, first CUT bytes and then pieces of SIZE; what was found
 * in them. */
static int found_from(size_t cut, size_t size)
{
	struct http2_walk w = {0};

	http2_feed(&w, FLOW_OUT, bytes.at, cut);
	http2_feed_by(&w, FLOW_OUT, bytes.at + cut, bytes.len - cut, size);
	return w.sides[FLOW_OUT].found;
}

/* The front of the preface is in one piece: else it is not seen. */
static int found_by(size_t size)
{
	return found_from(size < 8 ? 8 : size, size);
}

/* The same must be found whole, in two pieces cut anywhere, and one byte at a time. */
static void assert_found(int found)
{
	assert_int_equal(found_by(bytes.len), found);
	assert_int_equal(found_by(1), found);
	assert_int_equal(found_by(7), found);
	for (size_t cut = 8; cut < bytes.len; cut++)
		assert_int_equal(found_from(cut, bytes.len), found);
}

/* --- what is found --------------------------------------------------------------------------- */

static void a_prepare_in_one_frame_is_found(void **state)
{
	(void)state;
	fresh();
	http2_put_preface(&bytes);
	put_request(1);
	packet_len = http2_make_prepare(packet, 20);
	http2_put_frame(&bytes, HTTP2_DATA, END, 1, packet, packet_len);
	assert_found(HTTP2_PREPARE);
}

static void a_prepare_in_any_two_frames_is_found(void **state)
{
	(void)state;
	packet_len = http2_make_prepare(packet, 200);
	for (size_t cut = 0; cut <= packet_len; cut++) {
		fresh();
		http2_put_preface(&bytes);
		put_request(5);
		http2_put_frame(&bytes, HTTP2_DATA, 0, 5, packet, cut);
		put_request(7); /* another stream between the two */
		http2_put_frame(&bytes, HTTP2_DATA, END, 7, "{}", 2);
		http2_put_frame(&bytes, HTTP2_DATA, END, 5, packet + cut, packet_len - cut);
		assert_int_equal(found_by(bytes.len), HTTP2_PREPARE);
		assert_int_equal(found_by(3), HTTP2_PREPARE);
	}
}

static void a_prepare_in_frames_of_a_byte_each_is_found(void **state)
{
	(void)state;
	fresh();
	http2_put_preface(&bytes);
	put_request(1);
	packet_len = http2_make_prepare(packet, 3);
	for (size_t i = 0; i < packet_len; i++)
		http2_put_frame(&bytes, HTTP2_DATA, 0, 1, packet + i, 1);
	assert_found(HTTP2_PREPARE);
}

static void padding_continuations_and_empty_frames_do_not_hide_it(void **state)
{
	(void)state;
	fresh();
	http2_put_preface(&bytes);
	http2_put_frame(&bytes, HTTP2_HEADERS, 0, 1, "\x83", 1);
	http2_put_frame(&bytes, HTTP2_CONTINUATION, 0, 1, "\x86", 1);
	http2_put_frame(&bytes, HTTP2_CONTINUATION, 4, 1, "\x84", 1);
	http2_put_frame(&bytes, HTTP2_WINDOW_UPDATE, 0, 0, "\0\0\1\0", 4);
	http2_put_frame(&bytes, HTTP2_DATA, 0, 1, NULL, 0);
	http2_put_padded(&bytes, 0, 1, NULL, 0, 9);
	packet_len = http2_make_prepare(packet, 0);
	http2_put_padded(&bytes, 0, 1, packet, 5, 255);
	http2_put_padded(&bytes, END, 1, packet + 5, packet_len - 5, 3);
	assert_found(HTTP2_PREPARE);
}

static void frames_that_are_newer_than_the_protocol_are_passed_over(void **state)
{
	(void)state;
	fresh();
	http2_put_preface(&bytes);
	http2_put_frame(&bytes, 0x10, 0, 0, "\0\0\0\1u=0", 7);
	packet_len = http2_make_prepare(packet, 0);
	http2_put_frame(&bytes, HTTP2_DATA, END, 1, packet, packet_len);
	assert_found(HTTP2_PREPARE);
}

static void a_prepare_longer_than_a_frame_is_found(void **state)
{
	(void)state;
	fresh();
	http2_put_preface(&bytes);
	put_request(1);
	packet_len = http2_make_prepare(packet, 32768);
	http2_put_frame(&bytes, HTTP2_DATA, 0, 1, packet, 16384);
	assert_int_equal(found_by(bytes.len), HTTP2_PREPARE);
	assert_int_equal(found_by(1), HTTP2_PREPARE);
}

static void replies_are_found(void **state)
{
	(void)state;
	for (size_t data = 0; data < 300; data += 50) {
		fresh();
		http2_put_preface(&bytes);
		packet_len = http2_make_fulfill(packet, data);
		http2_put_frame(&bytes, HTTP2_DATA, END, 1, packet, packet_len);
		assert_found(HTTP2_REPLY);
	}
	fresh();
	http2_put_preface(&bytes);
	packet_len = http2_make_reject(packet);
	http2_put_frame(&bytes, HTTP2_DATA, 0, 1, packet, packet_len);
	assert_found(HTTP2_REPLY);
	fresh();
	http2_put_preface(&bytes);
	packet_len = http2_make_fulfill(packet, 32768);
	http2_put_frame(&bytes, HTTP2_DATA, 0, 1, packet, 16384);
	assert_int_equal(found_by(bytes.len), HTTP2_REPLY);
	fresh();
	http2_put_preface(&bytes);
	packet_len = http2_make_fulfill(packet, 10);
	http2_put_padded(&bytes, END, 1, packet, packet_len, 40);
	assert_found(HTTP2_REPLY);
}

/* Bytes that look like a reply, in a frame of another size, are no reply. */
static void a_reply_fills_its_frame(void **state)
{
	(void)state;
	fresh();
	http2_put_preface(&bytes);
	packet_len = http2_make_fulfill(packet, 10);
	memset(packet + packet_len, 0, 5);
	http2_put_frame(&bytes, HTTP2_DATA, 0, 1, packet, packet_len + 5);
	http2_put_frame(&bytes, HTTP2_DATA, 0, 1, packet, packet_len - 5);
	packet_len = http2_make_reject(packet);
	http2_put_frame(&bytes, HTTP2_DATA, END, 3, packet, packet_len - 1);
	assert_found(0);
}

/* --- what is not ----------------------------------------------------------------------------- */

static void other_bodies_are_quiet(void **state)
{
	static const struct {
		const char *body;
		size_t len;
	} others[] = {
		{"\0\0\0\0\x0c\x0c\x52zzzzzzzz20301231235959999", 32},     /* gRPC */
		{"{\"amount\":12}", 13},                                   /* JSON */
		{"\x1f\x8b\x08\0\0\0\0\0", 8},                             /* gzip */
		{"\x0c", 1},                                               /* one byte */
		{"\x0czzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", 41},      /* no digits */
		{"\x0c\x52zzzzzzzz2030123x235959999zzzzzzzzzzzzz", 40},    /* a letter */
		{"\x0c\x10zzzzzzzz20301231235959999zzzzzzzzzzzzz", 40},    /* too short for one */
		{"\x0d\x0azzzzzzzzzz", 12},                                /* lines of text */
		{"\x0d\x7fzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", 43}, /* lengths that differ */
		{"\x0e\x10zzzzzzzzzzzzzzzz", 18},                          /* no code */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		fresh();
		http2_put_preface(&bytes);
		put_request(1);
		http2_put_frame(&bytes, HTTP2_DATA, END, 1, others[i].body, others[i].len);
		put_request(3);
		http2_put_frame(&bytes, HTTP2_DATA, 0, 3, others[i].body, others[i].len);
		http2_put_frame(&bytes, HTTP2_DATA, END, 3, others[i].body, others[i].len);
		assert_found(0);
	}
}

/* The packet is there byte for byte, and is no body's beginning. */
static void a_packet_elsewhere_than_at_a_frame_s_beginning_is_quiet(void **state)
{
	static uint8_t body[500] = "{\"packet\":\"";

	(void)state;
	packet_len = http2_make_prepare(packet, 20);
	memcpy(body + 11, packet, packet_len);
	fresh();
	http2_put_preface(&bytes);
	http2_put_frame(&bytes, HTTP2_DATA, END, 1, body, 11 + packet_len);
	http2_put_frame(&bytes, HTTP2_HEADERS, 4, 3, packet, packet_len);
	http2_put_padded(&bytes, END, 3, NULL, 0, 200);
	assert_found(0);
}

static void a_stream_that_was_reset_or_has_ended_is_not_gone_on_with(void **state)
{
	(void)state;
	packet_len = http2_make_prepare(packet, 0);
	fresh();
	http2_put_preface(&bytes);
	http2_put_frame(&bytes, HTTP2_DATA, 0, 1, packet, 6);
	http2_put_frame(&bytes, HTTP2_RST_STREAM, 0, 1, "\0\0\0\x08", 4);
	http2_put_frame(&bytes, HTTP2_DATA, END, 1, packet + 6, packet_len - 6);
	assert_found(0);
	fresh();
	http2_put_preface(&bytes);
	http2_put_frame(&bytes, HTTP2_DATA, END, 1, packet, 6);
	http2_put_frame(&bytes, HTTP2_DATA, END, 1, packet + 6, packet_len - 6);
	assert_found(0);
}

/* --- recognising ----------------------------------------------------------------------------- */

static void a_connection_seen_from_its_middle_is_recognised_by_a_chain(void **state)
{
	struct http2_walk w = {0};

	(void)state;
	packet_len = http2_make_prepare(packet, 900);
	fresh();
	put_request(4711);
	http2_put_frame(&bytes, HTTP2_DATA, END, 4711, packet, packet_len);
	/* The end of a frame that was not seen from its beginning. */
	http2_feed(&w, FLOW_OUT, packet + 40, 300);
	assert_int_equal(w.spoken, 0);
	http2_feed(&w, FLOW_OUT, bytes.at, bytes.len);
	assert_int_equal(w.spoken, 1 << FLOW_OUT);
	assert_int_equal(w.sides[FLOW_OUT].found, HTTP2_PREPARE);
}

static void one_whole_frame_is_a_chain_and_a_part_of_one_is_none(void **state)
{
	struct http2_walk w = {0};

	(void)state;
	fresh();
	put_request(9);
	http2_feed(&w, FLOW_IN, bytes.at, bytes.len - 1);
	assert_int_equal(w.spoken, 0);
	http2_feed(&w, FLOW_IN, bytes.at, bytes.len);
	assert_int_equal(w.spoken, 1 << FLOW_IN);
}

static void a_prepare_whose_frame_goes_on_recognises_its_connection(void **state)
{
	struct http2_walk w = {0};

	(void)state;
	fresh();
	packet_len = http2_make_prepare(packet, 3000);
	http2_put_frame(&bytes, HTTP2_DATA, 0, 9, packet, packet_len);
	http2_feed(&w, FLOW_OUT, bytes.at, 1448);
	assert_int_equal(w.sides[FLOW_OUT].found, HTTP2_PREPARE);
	assert_int_equal(w.spoken, 1 << FLOW_OUT);
}

static void heads_that_no_frame_has_recognise_nothing(void **state)
{
	static const struct {
		uint32_t len;
		uint8_t type, flags;
		uint32_t stream;
	} wrong[] = {
		{4, HTTP2_DATA, 0, 0},
		{4, HTTP2_DATA, 2, 1},
		{4, HTTP2_DATA, 0, 2},
		{4, HTTP2_HEADERS, 0, 0x80000001},
		{5, HTTP2_SETTINGS, 0, 0},
		{6, HTTP2_SETTINGS, 0, 1},
		{5, HTTP2_RST_STREAM, 0, 1},
		{3, HTTP2_WINDOW_UPDATE, 0, 1},
		{7, 6, 0, 0},
		{8, 6, 0, 1},
		{4, 2, 0, 1},
		{9, HTTP2_CONTINUATION, 1, 1},
		{4, 10, 0, 1},
		{0, HTTP2_DATA, HTTP2_PADDED, 1},
	};
	static const uint8_t payload[16];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct http2_walk w = {0};

		fresh();
		http2_put_head(&bytes, wrong[i].len, wrong[i].type, wrong[i].flags,
			       wrong[i].stream);
		http2_put(&bytes, payload, wrong[i].len);
		http2_feed(&w, FLOW_IN, bytes.at, bytes.len);
		assert_int_equal(w.spoken, 0);
	}
}

/* Random pieces whose first byte is the right one, so that more of them come far: none passes. */
static void random_bytes_are_not_taken_for_frames(void **state)
{
	uint64_t x = 0x9e3779b97f4a7c15;
	uint8_t piece[64];

	(void)state;
	for (int i = 0; i < 2000000; i++) {
		struct http2_walk w = {0};

		for (size_t at = 0; at < sizeof(piece); at += 8) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			memcpy(piece + at, &x, 8);
		}
		piece[0] = 0;
		http2_feed(&w, FLOW_IN, piece, sizeof(piece));
		assert_int_equal(w.spoken | w.carries, 0);
	}
}

static void a_hole_in_a_payload_is_nothing_and_one_elsewhere_begins_anew(void **state)
{
	struct http2_walk w = {0};
	struct http2_side *s = &w.sides[FLOW_OUT];

	(void)state;
	fresh();
	http2_put_preface(&bytes);
	http2_put_head(&bytes, 3000, HTTP2_DATA, 0, 1);
	http2_put(&bytes, "{\"a\":1}", 7);
	http2_feed(&w, FLOW_OUT, bytes.at, bytes.len);
	http2_miss(s, 2900);
	assert_int_equal(s->phase, HTTP2_SKIP);
	http2_miss(s, 93);
	assert_int_equal(s->phase, HTTP2_HEAD);
	http2_miss(s, 1);
	assert_int_equal(s->phase, HTTP2_LOST);
	fresh();
	packet_len = http2_make_prepare(packet, 0);
	put_request(3);
	http2_put_frame(&bytes, HTTP2_DATA, END, 3, packet, packet_len);
	http2_feed(&w, FLOW_OUT, bytes.at, bytes.len);
	assert_int_equal(s->found, HTTP2_PREPARE);
	fresh();
	http2_put_head(&bytes, 3000, HTTP2_DATA, 0, 1);
	http2_put(&bytes, "{\"a\":1}", 7);
	s->found = 0;
	http2_feed(&w, FLOW_OUT, bytes.at, bytes.len);
	http2_miss(s, 2994);
	assert_int_equal(s->phase, HTTP2_LOST);
}

static void more_frames_than_a_run_looks_at_begin_anew(void **state)
{
	struct http2_walk w = {0};

	(void)state;
	fresh();
	put_request(3);
	http2_feed(&w, FLOW_OUT, bytes.at, bytes.len);
	assert_int_equal(w.sides[FLOW_OUT].phase, HTTP2_HEAD);
	assert_true(http2_begin(&w, FLOW_OUT, bytes_load(bytes.at), 0, (__u32)bytes.len));
	http2_settle(&w, FLOW_OUT);
	assert_int_equal(w.sides[FLOW_OUT].phase, HTTP2_LOST);
}

/* --- announcing ------------------------------------------------------------------------------ */

static void feed_prepare(struct http2_walk *w, int out)
{
	fresh();
	http2_put_preface(&bytes);
	put_request(1);
	packet_len = http2_make_prepare(packet, 0);
	http2_put_frame(&bytes, HTTP2_DATA, END, 1, packet, packet_len);
	http2_feed(w, out, bytes.at, bytes.len);
}

static void feed_settings(struct http2_walk *w, int out)
{
	fresh();
	http2_put_frame(&bytes, HTTP2_SETTINGS, 0, 0, NULL, 0);
	http2_feed(w, out, bytes.at, bytes.len);
}

/* When what was announced last happened. */
static __u64 announced_ns;

static int says(struct http2_walk *w, int out, __u64 now_ns)
{
	announced_ns = now_ns;
	return http2_says(w, out, &announced_ns);
}

static void without_a_packet_nothing_is_announced(void **state)
{
	struct http2_walk w = {0};

	(void)state;
	feed_settings(&w, FLOW_IN);
	feed_settings(&w, FLOW_OUT);
	assert_int_equal(says(&w, FLOW_IN, 1), -1);
	assert_int_equal(says(&w, FLOW_IN, 2 * LIFE), -1);
}

static void a_prepare_that_we_send_is_announced_once(void **state)
{
	struct http2_walk w = {0};

	(void)state;
	feed_prepare(&w, FLOW_OUT);
	assert_int_equal(w.role, RECORD_ROLE_CLIENT);
	assert_int_equal(says(&w, FLOW_OUT, 1), RECORD_OPAQUE_OURS);
	assert_int_equal(says(&w, FLOW_OUT, 2 * LIFE), -1);
	assert_int_equal(says(&w, FLOW_IN, 3 * LIFE), -1);
	assert_true(http2_is_known(&w));
}

static void what_comes_in_is_announced_when_we_answer_and_again_while_it_does(void **state)
{
	struct http2_walk w = {0};

	(void)state;
	feed_prepare(&w, FLOW_IN);
	assert_int_equal(w.role, RECORD_ROLE_SERVER);
	assert_int_equal(says(&w, FLOW_IN, 1), -1);
	assert_false(http2_is_known(&w));
	feed_settings(&w, FLOW_OUT);
	assert_int_equal(says(&w, FLOW_OUT, 2), RECORD_OPAQUE_OURS);
	assert_int_equal(announced_ns, 1); /* the packet came before we answered */
	assert_true(http2_is_known(&w));
	assert_int_equal(says(&w, FLOW_IN, 3), -1);
	assert_int_equal(says(&w, FLOW_OUT, 2 + LIFE), -1);
	assert_int_equal(says(&w, FLOW_IN, 2 + LIFE), RECORD_OPAQUE_OURS | RECORD_OPAQUE_AGAIN);
	assert_int_equal(announced_ns, 2 + LIFE);
	assert_int_equal(says(&w, FLOW_IN, 3 + LIFE), -1);
}

static void a_stranger_whom_we_do_not_answer_in_http2_is_not_announced(void **state)
{
	struct http2_walk w = {0};
	const char *answer = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";

	(void)state;
	feed_prepare(&w, FLOW_IN);
	http2_feed(&w, FLOW_OUT, (const uint8_t *)answer, strlen(answer));
	assert_int_equal(says(&w, FLOW_OUT, 1), -1);
	assert_int_equal(says(&w, FLOW_IN, 2 * LIFE), -1);
}

static void a_reply_alone_says_who_answers_and_a_prepare_says_it_better(void **state)
{
	struct http2_walk w = {0};

	(void)state;
	fresh();
	packet_len = http2_make_fulfill(packet, 0);
	http2_put_frame(&bytes, HTTP2_DATA, END, 1, packet, packet_len);
	http2_feed(&w, FLOW_IN, bytes.at, bytes.len);
	feed_settings(&w, FLOW_OUT);
	assert_int_equal(w.role, RECORD_ROLE_CLIENT);
	assert_int_equal(says(&w, FLOW_OUT, 1), RECORD_OPAQUE_OURS);
	assert_false(http2_is_known(&w));
	fresh();
	put_request(1);
	packet_len = http2_make_prepare(packet, 0);
	http2_put_frame(&bytes, HTTP2_DATA, END, 1, packet, packet_len);
	http2_feed(&w, FLOW_IN, bytes.at, bytes.len);
	assert_int_equal(w.role, RECORD_ROLE_SERVER);
	assert_int_equal(says(&w, FLOW_IN, 2), RECORD_OPAQUE_OURS | RECORD_OPAQUE_AGAIN);
}

static void a_prepare_that_a_server_sends_back_does_not_make_it_the_client(void **state)
{
	struct http2_walk w = {0};

	(void)state;
	feed_prepare(&w, FLOW_IN);
	fresh();
	http2_put_frame(&bytes, HTTP2_HEADERS, 4, 1, "\x88", 1);
	http2_put_frame(&bytes, HTTP2_DATA, END, 1, packet, packet_len);
	http2_feed(&w, FLOW_OUT, bytes.at, bytes.len);
	assert_int_equal(w.carries & HTTP2_PREPARE, HTTP2_PREPARE);
	assert_int_equal(w.role, RECORD_ROLE_SERVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_prepare_in_one_frame_is_found),
		cmocka_unit_test(a_prepare_in_any_two_frames_is_found),
		cmocka_unit_test(a_prepare_in_frames_of_a_byte_each_is_found),
		cmocka_unit_test(padding_continuations_and_empty_frames_do_not_hide_it),
		cmocka_unit_test(frames_that_are_newer_than_the_protocol_are_passed_over),
		cmocka_unit_test(a_prepare_longer_than_a_frame_is_found),
		cmocka_unit_test(replies_are_found),
		cmocka_unit_test(a_reply_fills_its_frame),
		cmocka_unit_test(other_bodies_are_quiet),
		cmocka_unit_test(a_packet_elsewhere_than_at_a_frame_s_beginning_is_quiet),
		cmocka_unit_test(a_stream_that_was_reset_or_has_ended_is_not_gone_on_with),
		cmocka_unit_test(a_connection_seen_from_its_middle_is_recognised_by_a_chain),
		cmocka_unit_test(one_whole_frame_is_a_chain_and_a_part_of_one_is_none),
		cmocka_unit_test(a_prepare_whose_frame_goes_on_recognises_its_connection),
		cmocka_unit_test(heads_that_no_frame_has_recognise_nothing),
		cmocka_unit_test(random_bytes_are_not_taken_for_frames),
		cmocka_unit_test(a_hole_in_a_payload_is_nothing_and_one_elsewhere_begins_anew),
		cmocka_unit_test(more_frames_than_a_run_looks_at_begin_anew),
		cmocka_unit_test(without_a_packet_nothing_is_announced),
		cmocka_unit_test(a_prepare_that_we_send_is_announced_once),
		cmocka_unit_test(what_comes_in_is_announced_when_we_answer_and_again_while_it_does),
		cmocka_unit_test(a_stranger_whom_we_do_not_answer_in_http2_is_not_announced),
		cmocka_unit_test(a_reply_alone_says_who_answers_and_a_prepare_says_it_better),
		cmocka_unit_test(a_prepare_that_a_server_sends_back_does_not_make_it_the_client),
	};

	return cmocka_run_group_tests_name("http2_frames", tests, NULL, NULL);
}
