/* SPDX-License-Identifier: Apache-2.0 */
/* ILP in messages of the Bilateral Transfer Protocol, in frames of WebSocket: bpf/decode/btp.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/decode/btp.h"

static struct frame {
	uint8_t bytes[70000];
	size_t len;
} f;

static void put(const void *bytes, size_t len)
{
	memcpy(f.bytes + f.len, bytes, len);
	f.len += len;
}

static void put_byte(unsigned byte)
{
	uint8_t b = (uint8_t)byte;

	put(&b, 1);
}

/* A length as OER has it. */
static void put_length(size_t len)
{
	if (len >= 128)
		put_byte(len > 255 ? 0x82 : 0x81);
	if (len > 255)
		put_byte((unsigned)(len >> 8));
	put_byte((unsigned)len);
}

/* A message of TYPE that carries, as NAME, LEN bytes that begin with PACKET. */
static void message(unsigned type, const char *name, unsigned packet, size_t len)
{
	size_t own = len < 128 ? 1 : len > 255 ? 3 : 2;

	f.len = 0;
	put_byte(type);
	put("\x11\x22\x33\x44", 4);
	put_length(2 + 1 + strlen(name) + 1 + own + len);
	put("\1\1", 2);
	put_byte((unsigned)strlen(name));
	put(name, strlen(name));
	put_byte(0);
	put_length(len);
	put_byte(packet);
	memset(f.bytes + f.len, 'x', len - 1);
	f.len += len - 1;
}

/* The message, in a frame; masked with KEY. */
static void frame(const char *key)
{
	static struct frame whole;
	size_t len = f.len;

	whole = f;
	f.len = 0;
	put_byte(0x82);
	put_byte((key ? 0x80 : 0) | (unsigned)(len < 126 ? len : 126));
	if (len >= 126) {
		put_byte((unsigned)(len >> 8));
		put_byte((unsigned)len);
	}
	if (key)
		put(key, 4);
	for (size_t i = 0; key && i < len; i++)
		whole.bytes[i] ^= (uint8_t)key[i % 4];
	put(whole.bytes, len);
}

/* As the tap reads it. */
static int seen(void)
{
	__u64 word, words[BTP_WORDS];
	uint32_t off;

	memcpy(&word, f.bytes, sizeof(word));
	if (!btp_may_begin(word))
		return 0;
	off = btp_offset(word);
	if (!off)
		return 0;
	for (unsigned i = 0; i < BTP_WORDS; i++) {
		memcpy(&words[i], f.bytes + off + 8 * i, 8);
		words[i] ^= btp_mask(word);
	}
	return btp_packet(words);
}

static int sent(unsigned type, const char *name, unsigned packet, size_t len, const char *key)
{
	memset(&f, 0, sizeof(f));
	message(type, name, packet, len);
	frame(key);
	return seen();
}

static void packets_of_every_length_are_seen_masked_or_not(void **state)
{
	static const unsigned packets[] = {RECORD_KIND_PREPARE, RECORD_KIND_FULFILL,
					   RECORD_KIND_REJECT};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		for (size_t len = 30; len < 33000; len += len < 400 ? 1 : 500) {
			assert_int_equal(sent(6, "ilp", packets[i], len, NULL), packets[i]);
			assert_int_equal(sent(1, "ilp", packets[i], len, NULL), packets[i]);
			assert_int_equal(sent(1, "ilp", packets[i], len, "k3y!"), packets[i]);
		}
	}
}

static void what_carries_no_ilp_is_nothing(void **state)
{
	(void)state;
	assert_int_equal(sent(6, "auth", RECORD_KIND_PREPARE, 60, NULL), 0);
	assert_int_equal(sent(6, "ilq", RECORD_KIND_PREPARE, 60, NULL), 0);
	assert_int_equal(sent(6, "ilp", 15, 60, NULL), 0);
	assert_int_equal(sent(6, "ilp", 11, 60, NULL), 0);
	assert_int_equal(sent(2, "ilp", RECORD_KIND_REJECT, 60, NULL), 0);  /* an error */
	assert_int_equal(sent(7, "ilp", RECORD_KIND_PREPARE, 60, NULL), 0); /* a transfer */
}

static void other_frames_are_nothing(void **state)
{
	(void)state;
	assert_int_equal(sent(6, "ilp", RECORD_KIND_PREPARE, 60, NULL), RECORD_KIND_PREPARE);
	f.bytes[0] = 0x81; /* text */
	assert_int_equal(seen(), 0);
	f.bytes[0] = 0x02; /* a part of a message */
	assert_int_equal(seen(), 0);
	f.bytes[0] = 0x82;
	f.bytes[1] = 127; /* longer than ILP */
	assert_int_equal(seen(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_of_every_length_are_seen_masked_or_not),
		cmocka_unit_test(what_carries_no_ilp_is_nothing),
		cmocka_unit_test(other_frames_are_nothing),
	};

	return cmocka_run_group_tests_name("btp", tests, NULL, NULL);
}
