/* SPDX-License-Identifier: Apache-2.0 */
/* What is read of header blocks: RFC 7541's own examples, and what connectors write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/support/http2_streams.h"

static struct streams_bed bed;
static struct hpack h;

static void begin(bool whole)
{
	streams_bed_init(&bed, RECORD_ROLE_CLIENT, 0);
	streams_bed_current = &bed;
	memset(&h, 0, sizeof(h));
	hpack_reset(&h, whole);
}

/* Reads one block in pieces of SIZE bytes. Returns whether an encoder may have written it. */
static bool block_by(const void *bytes, size_t len, size_t size)
{
	hpack_begin(&h);
	for (size_t at = 0; at < len;) {
		size_t piece = len - at < size ? len - at : size, off = 0;
		uint8_t *copy = decode_edge(piece);
		struct source src = {.bytes = copy, .len = (__u32)piece};

		memcpy(copy, (const uint8_t *)bytes + at, piece);
		while (off < piece) {
			__u32 n = hpack_step(&src, (__u32)off, (__u32)(piece - off), &h);

			assert_in_range(n, 1, piece - off);
			if (h.phase == HPACK_READY)
				hpack_end_text(&h);
			if (h.phase == HPACK_LOST)
				return false;
			off += n;
		}
		at += piece;
	}
	return hpack_is_complete(&h);
}

#define block(text) block_by(text, sizeof(text) - 1, 1 << 20)

static uint64_t host_of(const char *text)
{
	return decode_hash(&decode_session_key, text, strlen(text), 0x20);
}

static uint64_t path_of(const char *text)
{
	return decode_hash(&decode_session_key, text, strlen(text), 0);
}

static uint64_t token_of(const char *text)
{
	return decode_hash(&decode_host_key, text, strlen(text), 0);
}

/* --- RFC 7541, appendix C -------------------------------------------------------------------- */

static const char *const requests[2][3] = {
	{"\x82\x86\x84\x41\x0f"
	 "www.example.com",
	 "\x82\x86\x84\xbe\x58\x08no-cache",
	 "\x82\x87\x85\xbf\x40\x0a"
	 "custom-key\x0c"
	 "custom-value"},
	{"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff",
	 "\x82\x86\x84\xbe\x58\x86\xa8\xeb\x10\x64\x9c\xbf",
	 "\x82\x87\x85\xbf\x40\x88\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f\x89\x25\xa8\x49\xe9\x5b\xb8\xe8"
	 "\xb4\xbf"},
};

static void the_rfcs_requests_are_read(void **state)
{
	(void)state;
	for (int encoded = 0; encoded < 2; encoded++) {
		for (size_t size = 1; size < 40; size++) {
			begin(true);
			for (int i = 0; i < 3; i++) {
				const char *bytes = requests[encoded][i];

				assert_true(block_by(bytes, strlen(bytes), size));
				assert_int_equal(h.values[HPACK_METHOD], 0);
				assert_int_equal(h.values[HPACK_AUTHORITY],
						 host_of("www.example.com"));
				assert_int_equal(h.values[HPACK_PATH],
						 path_of(i == 2 ? "/index.html" : "/"));
				assert_false(h.unresolved);
			}
			assert_int_equal(h.inserted, 3);
		}
	}
}

static void what_the_rfcs_responses_evict_is_not_missed(void **state)
{
	(void)state;
	begin(true);
	assert_true(block("\x48\x82\x64\x02\x58\x85\xae\xc3\x77\x1a\x4b\x61\x96\xd0\x7a\xbe\x94\x10"
			  "\x54\xd4\x44\xa8\x20\x05\x95\x04\x0b\x81\x66\xe0\x82\xa6\x2d\x1b\xff"
			  "\x6e\x91\x9d\x29\xad\x17\x18\x63\xc7\x8f\x0b\x97\xc8\xe9\xae\x82\xae"
			  "\x43\xd3"));
	assert_int_equal(h.values[HPACK_STATUS], 302);
	assert_true(block("\x48\x83\x64\x0e\xff\xc1\xc0\xbf"));
	assert_int_equal(h.values[HPACK_STATUS], 307);
	assert_int_equal(h.inserted, 5);
}

/* --- what connectors write ------------------------------------------------------------------- */

static void a_token_is_known_again_by_its_index(void **state)
{
	(void)state;
	begin(true);
	assert_true(block("\x83\x57\x0d"
			  "Bearer secret"));
	assert_int_equal(h.values[HPACK_TOKEN], token_of("secret"));
	assert_int_equal(h.values[HPACK_METHOD], 1);
	assert_true(block("\x83\xbe"));
	assert_int_equal(h.values[HPACK_TOKEN], token_of("secret"));
}

static void a_token_that_is_never_indexed_enters_no_table(void **state)
{
	(void)state;
	begin(true);
	assert_true(block("\x1f\x08\x0e"
			  "bearer  secret"));
	assert_int_equal(h.values[HPACK_TOKEN], token_of("secret"));
	assert_int_equal(h.inserted, 0);
	assert_true(block("\x83"));
	assert_int_equal(h.values[HPACK_TOKEN], 0);
}

static void names_are_read_whole(void **state)
{
	(void)state;
	begin(true);
	assert_true(block("\x00\x0a"
			  "request-id\x04"
			  "ABCD\x00\x0a"
			  "request-iz\x04"
			  "XXXX\x00\x0d"
			  "authorizatiom\x04"
			  "XXXX"));
	assert_int_equal(h.values[HPACK_REQUEST_ID],
			 decode_hash(&decode_session_key, "abcd", 4, 0x20));
	assert_int_equal(h.values[HPACK_TOKEN], 0);
	assert_true(block("\x00\x0d"
			  "authorization\x01x\x00\x04host\x01H\x00\x10"
			  "content-encoding\x04gzip\x00\x07:method\x04POST\x00\x07:status\x03"
			  "202\x00\x05:path\x04/a?b\x00\x0a:authority\x03"
			  "A:1"));
	assert_int_equal(h.values[HPACK_TOKEN], token_of("x"));
	assert_int_equal(h.values[HPACK_HOST], host_of("h"));
	assert_int_equal(h.values[HPACK_ENCODING], 1);
	assert_int_equal(h.values[HPACK_METHOD], 1);
	assert_int_equal(h.values[HPACK_STATUS], 202);
	assert_int_equal(h.values[HPACK_PATH], path_of("/a"));
	assert_int_equal(h.values[HPACK_AUTHORITY], host_of("a:1"));
}

static void types_are_as_strict_as_over_http1(void **state)
{
	static const struct {
		const char *text;
		int ilp;
	} types[] = {
		{"application/octet-stream", 1},
		{"application/ilp+octet-stream", 1},
		{"Application/OCTET-stream;x=y", 1},
		{"application/ilp+octet-stream ; x", 1},
		{"application/octet-streams", 0},
		{"application/octet-strea", 0},
		{"application/json", 0},
		{"application/grpc", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		char bytes[64];
		int n = snprintf(bytes, sizeof(bytes), "\x5f%c%s", (int)strlen(types[i].text),
				 types[i].text);

		begin(true);
		assert_true(block_by(bytes, (size_t)n, 7));
		assert_int_equal(h.values[HPACK_TYPE], types[i].ilp);
		assert_true(h.seen & 1 << HPACK_TYPE);
	}
}

/* --- texts that are long --------------------------------------------------------------------- */

static void a_text_is_hashed_as_far_as_over_http1(void **state)
{
	char bytes[1100] = "\x57\x7f\xd1\x07"; /* 127 + 977 - 13, in two bytes */
	char token[RECORD_TOKEN_MAX + 1];

	(void)state;
	memset(token, 't', sizeof(token));
	token[RECORD_TOKEN_MAX] = '\0';
	memset(bytes + 4, 't', 1104 - 4 < sizeof(bytes) - 4 ? 1100 - 4 : sizeof(bytes) - 4);
	bytes[2] = (char)(0x80 | ((1000 - 127) & 0x7f));
	bytes[3] = (char)((1000 - 127) >> 7);
	for (size_t size = 1; size < 200; size += 13) {
		begin(true);
		assert_true(block_by(bytes, 4 + 1000, size));
		assert_int_equal(h.values[HPACK_TOKEN], token_of(token));
		assert_true(h.cut);
	}
}

static void a_field_of_no_interest_is_passed_over(void **state)
{
	static char bytes[20004] = "\x60\x7f";

	(void)state;
	bytes[2] = (char)(0x80 | ((19999 - 127) & 0x7f));
	bytes[3] = (char)(0x80 | ((19999 - 127) >> 7 & 0x7f));
	bytes[4] = (char)((19999 - 127) >> 14);
	begin(true);
	assert_true(block_by(bytes, 5 + 19999 - 1, 1000) == false); /* a byte is missing */
	begin(true);
	assert_true(block_by(bytes, 5 + 19999 > sizeof(bytes) ? sizeof(bytes) : 5 + 19999, 1000));
	assert_int_equal(h.inserted, 1);
}

/* --- what is not known ----------------------------------------------------------------------- */

static void what_was_inserted_before_is_unresolved(void **state)
{
	(void)state;
	begin(false);
	assert_true(block("\x83\xbe"));
	assert_true(h.unresolved);
	assert_true(block("\x83\x41\x01"
			  "a\xbf"));
	assert_true(h.unresolved);
	assert_true(block("\x83\xbe"));
	assert_false(h.unresolved);
	assert_int_equal(h.values[HPACK_AUTHORITY], host_of("a"));
	assert_int_equal(h.unresolved_total, 2);
}

static void the_last_128_insertions_are_known(void **state)
{
	(void)state;
	begin(true);
	for (int i = 0; i < 200; i++) {
		char bytes[16];

		snprintf(bytes, sizeof(bytes), "\x41\x03%03d", i);
		assert_true(block_by(bytes, 5, 5));
	}
	assert_true(block("\xff\x3e")); /* 62 + 127 */
	assert_int_equal(h.values[HPACK_AUTHORITY], host_of("072"));
	assert_true(block("\xff\x3f"));
	assert_true(h.unresolved);
}

static void what_no_encoder_writes_is_refused(void **state)
{
	static const char *const wrong[] = {
		"\xbe",                         /* a field that nobody inserted */
		"\x41\x81\xff",                 /* no end of a text */
		"\x41\x84\xff\xff\xff\xff",     /* the end of the string as a character */
		"\xff\xff\xff\xff\xff\xff\xff", /* a number without end */
		"\x41\x82\xf1\x00",             /* bits left over that are no ones */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		begin(true);
		assert_false(block_by(wrong[i], strlen(wrong[i]) + (i == 4), 100));
		begin(true);
		assert_false(block_by(wrong[i], strlen(wrong[i]) + (i == 4), 1));
	}
	begin(true);
	assert_false(block("\x80")); /* no field has that index */
}

static void the_table_may_be_resized(void **state)
{
	(void)state;
	begin(true);
	assert_true(block("\x20\x3f\xe1\x1f\x83"));
	assert_int_equal(h.values[HPACK_METHOD], 1);
}

static void every_character_is_decoded(void **state)
{
	bool emitted[256] = {false};
	__u32 fails = 0;

	(void)state;
	for (__u32 at = 0; at < HPACK_HUFFMAN_LEN; at++) {
		__u32 e = hpack_huffman(at);

		if (e & HPACK_EMITS)
			emitted[e >> 8 & 0xff] = true;
		fails += (e & HPACK_FAILS) != 0;
	}
	for (unsigned c = 0; c < 256; c++)
		assert_true(emitted[c]);
	assert_true(fails > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rfcs_requests_are_read),
		cmocka_unit_test(what_the_rfcs_responses_evict_is_not_missed),
		cmocka_unit_test(a_token_is_known_again_by_its_index),
		cmocka_unit_test(a_token_that_is_never_indexed_enters_no_table),
		cmocka_unit_test(names_are_read_whole),
		cmocka_unit_test(types_are_as_strict_as_over_http1),
		cmocka_unit_test(a_text_is_hashed_as_far_as_over_http1),
		cmocka_unit_test(a_field_of_no_interest_is_passed_over),
		cmocka_unit_test(what_was_inserted_before_is_unresolved),
		cmocka_unit_test(the_last_128_insertions_are_known),
		cmocka_unit_test(what_no_encoder_writes_is_refused),
		cmocka_unit_test(the_table_may_be_resized),
		cmocka_unit_test(every_character_is_decoded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
