/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above, in this order. */
#include <cmocka.h>

#include "tests/unit/support/decode.h"
#include "tests/unit/support/seeded.h"

/* SipHash-2-4 as its authors publish it: key 00 01 .. 0f, inputs of 0 to 63 bytes 00 01 02 .. */
static const uint64_t vectors[64] = {
	0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d,
	0xcf2794e0277187b7, 0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137,
	0x93f5f5799a932462, 0x9e0082df0ba9e4b0, 0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7,
	0x751e8fbc860ee5fb, 0x14ea5627c0843d90, 0xf723ca908e7af2ee, 0xa129ca6149be45e5,
	0x3f2acc7f57c29bdb, 0x699ae9f52cbe4794, 0x4bc1b3f0968dd39c, 0xbb6dc91da77961bd,
	0xbed65cf21aa2ee98, 0xd0f2cbb02e3b67c7, 0x93536795e3a33e88, 0xa80c038ccd5ccec8,
	0xb8ad50c6f649af94, 0xbce192de8a85b8ea, 0x17d835b85bbb15f3, 0x2f2e6163076bcfad,
	0xde4daaaca71dc9a5, 0xa6a2506687956571, 0xad87a3535c49ef28, 0x32d892fad841c342,
	0x7127512f72f27cce, 0xa7f32346f95978e3, 0x12e0b01abb051238, 0x15e034d40fa197ae,
	0x314dffbe0815a3b4, 0x027990f029623981, 0xcadcd4e59ef40c4d, 0x9abfd8766a33735c,
	0x0e3ea96b5304a7d0, 0xad0c42d6fc585992, 0x187306c89bc215a9, 0xd4a60abcf3792b95,
	0xf935451de4f21df2, 0xa9538f0419755787, 0xdb9acddff56ca510, 0xd06c98cd5c0975eb,
	0xe612a3cb9ecba951, 0xc766e62cfcadaf96, 0xee64435a9752fe72, 0xa192d576b245165a,
	0x0a8787bf8ecb74b2, 0x81b3e73d20b49b6f, 0x7fa8220ba3b2ecea, 0x245731c13ca42499,
	0xb78dbfaf3a8d83bd, 0xea1ad565322a1a0b, 0x60e61c23a3795013, 0x6606d7e446282b93,
	0x6ca4ecb15c5f91e1, 0x9f626da15c9625f3, 0xe51b38608ef25f57, 0x958a324ceb064572,
};

static void hash_gives_the_published_values(void **state)
{
	uint8_t buf[80];

	(void)state;
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (uint8_t)i;
	for (__u32 len = 0; len < 64; len++) {
		assert_int_equal(decode_hash(&decode_session_key, buf, len, 0), vectors[len]);
		assert_int_equal(
			bytes_hash(buf, sizeof(buf), 0, len, 64, 0, NULL, &decode_session_key),
			vectors[len]);
	}
}

static void hash_of_a_slice_depends_on_nothing_around_it(void **state)
{
	struct seeded random = {7};
	uint8_t text[128];
	__u64 copy[2][128 / 8 + 1];

	(void)state;
	seeded_fill(&random, text, sizeof(text));
	for (__u32 from = 0; from < 24; from++) {
		for (__u32 len = 0; len <= 128; len++) {
			uint64_t hash[2];

			for (int filler = 0; filler < 2; filler++) {
				uint8_t buf[24 + 128 + 8];

				memset(buf, filler ? 0xff : 0, sizeof(buf));
				memcpy(buf + from, text, len);
				memset(copy, 0xaa, sizeof(copy));
				hash[filler] = bytes_hash(buf, sizeof(buf), from, len, 128, 0x20,
							  copy[filler], &decode_session_key);
				assert_memory_equal(copy[filler], text, len);
				for (__u32 i = len; i < (len / 8 + 1) * 8; i++)
					assert_int_equal(((uint8_t *)copy[filler])[i], 0);
			}
			assert_int_equal(hash[0], hash[1]);
			assert_int_equal(hash[0],
					 decode_hash(&decode_session_key, text, len, 0x20));
		}
	}
}

static void hash_stops_at_the_longest_and_at_the_buffers_end(void **state)
{
	uint8_t *buf = decode_edge(64);

	(void)state;
	memset(buf, 'x', 64);
	assert_int_equal(bytes_hash(buf, 64, 0, 5000, 40, 0, NULL, &decode_session_key),
			 decode_hash(&decode_session_key, buf, 40, 0));
	/* When the slice claims to lie past the end, any value is allowed, but nothing may be read
	 * there. */
	for (__u32 from = 0; from < 100; from++)
		bytes_hash(buf, 64, from, 64, 64, 0, NULL, &decode_session_key);
}

static void find_gives_the_first_byte_of_a_kind(void **state)
{
	struct seeded random = {11};

	(void)state;
	for (unsigned turn = 0; turn < 200000; turn++) {
		/* Few different bytes with close values: these would show a wrong borrow. */
		static const uint8_t near[] = {'\n', '\n' + 1, '\n' - 1, 0, 0x80, 0x8a, 0xff, 'a'};
		uint8_t text[8];
		uint64_t word, found;
		size_t first = 8;

		for (size_t i = 0; i < 8; i++)
			text[i] = near[seeded_below(&random, sizeof(near))];
		for (size_t i = 8; i-- > 0;)
			first = text[i] == '\n' ? i : first;
		memcpy(&word, text, 8);
		found = bytes_find(word, '\n');
		assert_int_equal(!!found, first < 8);
		if (found)
			assert_int_equal(bytes_index(found), first);
	}
}

static void digits_are_read_as_a_number_or_refused(void **state)
{
	struct seeded random = {13};
	char text[9];

	(void)state;
	for (unsigned turn = 0; turn < 100000; turn++) {
		uint32_t n = (uint32_t)seeded_below(&random, 100000000);
		uint64_t word;
		uint8_t ok = 1;

		snprintf(text, sizeof(text), "%08u", n % 100000000);
		memcpy(&word, text, 8);
		assert_int_equal(ilp_digits(word, &ok), n);
		assert_int_equal(ok, 1);
	}
	for (unsigned at = 0; at < 8; at++) {
		for (unsigned c = 0; c < 256; c++) {
			uint64_t word;
			uint8_t ok = 1;

			memcpy(text, "00000000", 8);
			text[at] = (char)c;
			memcpy(&word, text, 8);
			ilp_digits(word, &ok);
			assert_int_equal(ok, c >= '0' && c <= '9');
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hash_gives_the_published_values),
		cmocka_unit_test(hash_of_a_slice_depends_on_nothing_around_it),
		cmocka_unit_test(hash_stops_at_the_longest_and_at_the_buffers_end),
		cmocka_unit_test(find_gives_the_first_byte_of_a_kind),
		cmocka_unit_test(digits_are_read_as_a_number_or_refused),
	};

	return cmocka_run_group_tests_name("bytes", tests, NULL, NULL);
}
