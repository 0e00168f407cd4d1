/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above, in this order. */
#include <cmocka.h>

#include "tests/unit/support/decode.h"
#include "tests/unit/support/packets.h"
#include "tests/unit/support/seeded.h"

#define EXPIRES   "20260131235959123"
#define CONDITION "the 32 bytes of a condition....."
#define BUFFER    (ILP_HEAD_MAX + ILP_SLACK)

static const char condition[] = CONDITION;
static struct packet p;

/* Feeds LEN bytes as the first of a body, in a buffer that ends at an unmapped page and has FILLER
 * after them. */
static struct ilp parse_with(const uint8_t *bytes, size_t len, bool complete, uint8_t filler)
{
	uint8_t *buf = decode_edge(BUFFER);
	struct ilp out;

	if (len > ILP_HEAD_MAX)
		len = ILP_HEAD_MAX;
	memset(buf, filler, BUFFER);
	memset(&out, filler, sizeof(out));
	memcpy(buf, bytes, len);
	out.verdict = (__u8)ilp_parse(buf, (__u32)len, complete, session_key(), &out);
	return out;
}

static void assert_same(const struct ilp *a, const struct ilp *b)
{
	assert_int_equal(a->verdict, b->verdict);
	if (a->verdict != ILP_DONE)
		return;
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->size, b->size);
	assert_int_equal(a->data_len, b->data_len);
	if (a->kind == RECORD_KIND_REJECT)
		assert_memory_equal(a->reject_code, b->reject_code, 3);
	if (a->kind != RECORD_KIND_PREPARE)
		return;
	assert_int_equal(a->amount, b->amount);
	assert_int_equal(a->expires_at, b->expires_at);
	assert_int_equal(a->destination, b->destination);
	assert_int_equal(a->condition, b->condition);
	assert_int_equal(a->peer, b->peer);
}

/* Bytes beyond those given, in the buffer or of an older packet, must have no effect. */
static struct ilp parse(const uint8_t *bytes, size_t len, bool complete)
{
	struct ilp zeros = parse_with(bytes, len, complete, 0);
	struct ilp ones = parse_with(bytes, len, complete, 0xff);

	assert_same(&zeros, &ones);
	return zeros;
}

static int verdict(void)
{
	return parse(p.bytes, p.len, true).verdict;
}

static void all_fields_of_a_prepare_are_read_and_its_secrets_only_hashed(void **state)
{
	struct ilp ilp;

	(void)state;
	packet_prepare(&p, 18446744073709551615u, EXPIRES, condition, "g.us.bob", 300);
	ilp = parse(p.bytes, p.len, true);
	assert_int_equal(ilp.verdict, ILP_DONE);
	assert_int_equal(ilp.kind, RECORD_KIND_PREPARE);
	assert_int_equal(ilp.size, p.len);
	assert_int_equal(ilp.amount, 18446744073709551615u);
	assert_int_equal(ilp.expires_at, 20260131235959123u);
	assert_int_equal(ilp.data_len, 300);
	assert_int_equal(ilp.peer, 0);
	assert_int_equal(ilp.destination, decode_hash(session_key(), "g.us.bob", 8, 0));
	assert_int_equal(ilp.condition, decode_hash(session_key(), condition, 32, 0));
}

/* The packet by itself, and behind the one that KNOWN was left by. */
static void assert_known(struct ilp_known *known)
{
	uint8_t *buf = decode_edge(BUFFER);
	struct ilp alone = parse(p.bytes, p.len, true), out = {0};

	memcpy(buf, p.bytes, p.len);
	out.verdict = (__u8)ilp_parse_next(buf, (__u32)p.len, 1, session_key(), known, &out);
	assert_same(&alone, &out);
}

static void a_destination_that_is_remembered_hashes_as_a_new_one_does(void **state)
{
	char address[ILP_KNOWN_MAX + 40];
	struct ilp_known known = {0};

	(void)state;
	for (size_t len = 1; len < sizeof(address); len++) {
		memset(address, 'a', len);
		address[len] = '\0';
		for (size_t i = 0; i < len;
		     i++) { /* each byte counts, and it is remembered again */
			packet_prepare(&p, 1, EXPIRES, condition, address, 10);
			assert_known(&known);
			assert_known(&known);
			assert_int_equal(known.len, len <= ILP_KNOWN_MAX ? len : 0);
			address[i] = 'b';
			packet_prepare(&p, 1, EXPIRES, condition, address, 10);
			assert_known(&known);
		}
		if (len > 1) { /* its front alone is another one */
			address[len - 1] = '\0';
			packet_prepare(&p, 1, EXPIRES, condition, address, 10);
			assert_known(&known);
		}
	}
}

static void the_data_length_of_a_fulfill_is_read(void **state)
{
	struct ilp ilp;

	(void)state;
	for (size_t len = 0; len < 300; len += 37) {
		packet_fulfill(&p, len);
		ilp = parse(p.bytes, p.len, true);
		assert_int_equal(ilp.verdict, ILP_DONE);
		assert_int_equal(ilp.kind, RECORD_KIND_FULFILL);
		assert_int_equal(ilp.size, p.len);
		assert_int_equal(ilp.data_len, len);
	}
}

static void a_fulfill_gives_its_preimage(void **state)
{
	struct ilp ilp;

	(void)state;
	for (size_t len = 0; len < 40000; len += 1 + len * 9) {
		p.len = 0;
		packet_add(&p, "a fulfillment that has 32 bytes.", 32);
		packet_fill(&p, len);
		packet_envelope(&p, 13, 0);
		ilp = parse(p.bytes, p.len, true);
		assert_int_equal(ilp.verdict, ILP_DONE);
		assert_memory_equal(ilp.fulfillment, "a fulfillment that has 32 bytes.", 32);
	}
}

static void the_code_and_data_length_of_a_reject_are_read(void **state)
{
	struct ilp ilp;

	(void)state;
	packet_reject(&p, "F08", "g.us.connector", 20, 16);
	ilp = parse(p.bytes, p.len, true);
	assert_int_equal(ilp.verdict, ILP_DONE);
	assert_int_equal(ilp.kind, RECORD_KIND_REJECT);
	assert_int_equal(ilp.data_len, 16);
	assert_memory_equal(ilp.reject_code, "F08", 3);
	packet_reject(&p, "T00", "", 0, 0);
	ilp = parse(p.bytes, p.len, true);
	assert_int_equal(ilp.verdict, ILP_DONE);
	assert_int_equal(ilp.data_len, 0);
}

static void a_reject_with_a_message_past_the_window_is_a_reject_all_the_same(void **state)
{
	struct ilp ilp;

	(void)state;
	for (size_t message = 1000; message < 1300; message++) {
		packet_reject(&p, "F00", "g.us.connector", message, 9);
		ilp = parse(p.bytes, p.len, true);
		assert_int_equal(ilp.verdict, ILP_DONE);
		assert_int_equal(ilp.size, p.len);
		assert_int_equal(ilp.data_len, message <= 1111 ? 9 : 0);
	}
}

static void protocol_messages_are_not_taken_for_money(void **state)
{
	static const struct {
		const char *destination;
		bool peer;
	} cases[] = {
		{"peer.config", true}, {"peer.route.control", true}, {"peer.", true},
		{"peer", false},       {"peers.bob", false},         {"g.peer.bob", false},
		{"pee", false},        {"test.peer.", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		/* The byte after the address, the length of the data, is a dot. */
		packet_prepare(&p, 0, EXPIRES, condition, cases[i].destination, '.');
		assert_int_equal(parse(p.bytes, p.len, true).peer, cases[i].peer);
	}
}

/* Every prefix of the packet in P needs more bytes until the head is complete; all longer ones give
 * the same result. */
static void try_prefixes(size_t head)
{
	struct ilp whole = parse(p.bytes, p.len, true);

	assert_int_equal(whole.verdict, ILP_DONE);
	for (size_t have = 0; have <= p.len && have <= ILP_HEAD_MAX + 50; have++) {
		struct ilp part = parse(p.bytes, have, false);

		if (have >= head) {
			assert_same(&part, &whole);
			continue;
		}
		assert_int_equal(part.verdict, ILP_MORE);
		assert_int_equal(parse(p.bytes, have, true).verdict, ILP_BAD);
	}
}

static void a_packet_is_known_as_soon_as_its_head_is_there(void **state)
{
	(void)state;
	packet_prepare(&p, 107, EXPIRES, condition, "g.us.bob", 0);
	try_prefixes(p.len);
	packet_prepare(&p, 107, EXPIRES, condition, "g.us.bob", 100);
	try_prefixes(p.len - 100);
	packet_prepare(&p, 107, EXPIRES, condition, "g.us.bob", 30000);
	try_prefixes(p.len - 30000);
	packet_fulfill(&p, 0);
	try_prefixes(p.len);
	packet_fulfill(&p, 3000);
	try_prefixes(p.len - 3000);
	packet_reject(&p, "F99", "test.alice", 70, 40);
	try_prefixes(p.len - 40);
}

static char *address(size_t len)
{
	static char text[2000];

	memset(text, 'a', len);
	memcpy(text, "g.", 2);
	text[len] = '\0';
	return text;
}

static void the_longest_address_fits_and_a_longer_one_is_refused(void **state)
{
	struct ilp ilp;

	(void)state;
	for (size_t len = 1000; len <= ILP_ADDRESS_MAX; len++) {
		packet_prepare(&p, 1, EXPIRES, condition, address(len), 30000);
		ilp = parse(p.bytes, p.len, true);
		assert_int_equal(ilp.verdict, ILP_DONE);
		assert_int_equal(ilp.data_len, 30000);
		assert_int_equal(ilp.destination, decode_hash(session_key(), address(len), len, 0));
		packet_reject(&p, "F02", address(len), 3, 30000);
		assert_int_equal(verdict(), ILP_DONE);
	}
	packet_prepare(&p, 1, EXPIRES, condition, address(1024), 0);
	assert_int_equal(verdict(), ILP_BAD);
	packet_reject(&p, "F02", address(1024), 3, 0);
	assert_int_equal(verdict(), ILP_BAD);
}

static void every_other_type_is_refused_at_its_first_byte(void **state)
{
	(void)state;
	packet_fulfill(&p, 3);
	for (int type = 0; type < 256; type++) {
		p.bytes[0] = (uint8_t)type;
		assert_int_equal(parse(p.bytes, 1, false).verdict,
				 type < 12 || type > 14 ? ILP_BAD : ILP_MORE);
	}
}

/* ilp-packet takes minimal ones of up to six bytes, interledger-rs any of up to eight. */
static void lengths_are_taken_as_any_connector_takes_them(void **state)
{
	static const struct {
		unsigned prefix;
		size_t len;
	} cases[] = {
		{0, 127}, {1, 127}, {1, 128}, {1, 255}, {2, 255},   {2, 256},   {3, 256},
		{4, 256}, {5, 127}, {5, 128}, {6, 255}, {7, 30000}, {8, 30000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		/* of the data */
		p.len = 0;
		packet_add(&p, "a fulfillment that has 32 bytes.", 32);
		packet_length(&p, cases[i].len, cases[i].prefix);
		memset(p.bytes + p.len, 1, cases[i].len);
		p.len += cases[i].len;
		packet_envelope(&p, 13, 0);
		assert_int_equal(verdict(), ILP_DONE);
		/* and of the whole packet */
		p.len = 0;
		packet_add(&p, "a fulfillment that has 32 bytes.", 32);
		packet_add(&p, "", 1);
		memset(p.bytes + p.len, 0, cases[i].len - p.len);
		p.len = cases[i].len;
		packet_envelope(&p, 13, cases[i].prefix);
		assert_int_equal(verdict(), ILP_DONE);
	}
	for (unsigned first = 0x80; first < 0x100; first++) {
		uint8_t bytes[64] = {13, (uint8_t)first};

		if (first == 0x80 || first > 0x88)
			assert_int_equal(parse(bytes, 2, false).verdict, ILP_BAD);
		assert_int_equal(parse(bytes, sizeof(bytes), true).verdict, ILP_BAD);
	}
}

/* Makes a packet of TYPE from the LEN bytes of contents in P. The bytes after it would complete its
 * last field, if a field were allowed to extend beyond the packet. */
static int cut_contents(uint8_t type, size_t len, uint8_t filler)
{
	uint8_t more[300];

	memset(more, filler, sizeof(more));
	p.len = len;
	packet_envelope(&p, type, 0);
	packet_add(&p, more, sizeof(more));
	return verdict();
}

static void try_cuts(uint8_t type, const struct packet *contents)
{
	for (size_t len = 0; len <= contents->len; len++) {
		for (unsigned filler = 0; filler < 256; filler += 51) {
			p = *contents;
			assert_int_equal(cut_contents(type, len, (uint8_t)filler),
					 len < contents->len ? ILP_BAD : ILP_DONE);
		}
	}
}

static void no_field_may_run_past_the_packet(void **state)
{
	static struct packet contents;

	(void)state;
	packet_prepare_fixed(&contents, 1, EXPIRES, condition);
	packet_var(&contents, "g.us.bob", 8);
	packet_fill(&contents, 200);
	try_cuts(12, &contents);
	contents.len = 0;
	packet_add(&contents, "a fulfillment that has 32 bytes.", 32);
	packet_fill(&contents, 300);
	try_cuts(13, &contents);
	contents.len = 0;
	packet_add(&contents, "F00", 3);
	packet_fill(&contents, 140);
	packet_fill(&contents, 150);
	packet_fill(&contents, 160);
	try_cuts(14, &contents);
}

static void extra_bytes_after_the_packet_and_inside_it_are_allowed(void **state)
{
	struct ilp ilp;

	(void)state;
	packet_prepare_fixed(&p, 5, EXPIRES, condition);
	packet_var(&p, "g.us.bob", 8);
	packet_fill(&p, 4);
	packet_add(&p, "inside", 6);
	packet_envelope(&p, 12, 0);
	packet_add(&p, "after", 5);
	ilp = parse(p.bytes, p.len, true);
	assert_int_equal(ilp.verdict, ILP_DONE);
	assert_int_equal(ilp.size, p.len - 5);
	assert_int_equal(ilp.data_len, 4);
}

static void an_expiry_is_seventeen_digits_whatever_the_calendar_says(void **state)
{
	(void)state;
	packet_prepare(&p, 1, "20261399256199999", condition, "g.us.bob", 0);
	assert_int_equal(parse(p.bytes, p.len, true).expires_at, 20261399256199999u);
	for (int at = 0; at < 17; at++) {
		for (int c = 0; c < 256; c++) {
			char text[] = EXPIRES;

			text[at] = (char)(c ? c : 1);
			packet_prepare(&p, 1, text, condition, "g.us.bob", 0);
			assert_int_equal(verdict(), c >= '0' && c <= '9' ? ILP_DONE : ILP_BAD);
		}
	}
}

/* Mutants of packets, and random bytes: the result for a prefix must hold for the whole. */
static void any_bytes_give_one_answer_however_many_are_there(void **state)
{
	uint64_t seed = 23;
	struct seeded random = {seed};

	(void)state;
	for (unsigned turn = 0; turn < 3000; turn++) {
		struct ilp whole;

		if (turn % 3 == 0)
			packet_prepare(&p, turn, EXPIRES, condition, "g.us.bob", turn % 400);
		else if (turn % 3 == 1)
			packet_fulfill(&p, turn % 400);
		else
			packet_reject(&p, "F00", "g.a", turn % 200, turn % 90);
		for (unsigned flips = turn % 4; flips > 0; flips--)
			p.bytes[seeded_below(&random, p.len < 90 ? p.len : 90)] ^=
				(uint8_t)(1 << seeded_below(&random, 8));
		whole = parse(p.bytes, p.len, true);
		for (size_t have = 0; have < p.len; have++) {
			struct ilp part = parse(p.bytes, have, false);

			if (part.verdict != ILP_MORE)
				assert_same(&part, &whole);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_fields_of_a_prepare_are_read_and_its_secrets_only_hashed),
		cmocka_unit_test(a_destination_that_is_remembered_hashes_as_a_new_one_does),
		cmocka_unit_test(the_data_length_of_a_fulfill_is_read),
		cmocka_unit_test(a_fulfill_gives_its_preimage),
		cmocka_unit_test(the_code_and_data_length_of_a_reject_are_read),
		cmocka_unit_test(a_reject_with_a_message_past_the_window_is_a_reject_all_the_same),
		cmocka_unit_test(protocol_messages_are_not_taken_for_money),
		cmocka_unit_test(a_packet_is_known_as_soon_as_its_head_is_there),
		cmocka_unit_test(the_longest_address_fits_and_a_longer_one_is_refused),
		cmocka_unit_test(every_other_type_is_refused_at_its_first_byte),
		cmocka_unit_test(lengths_are_taken_as_any_connector_takes_them),
		cmocka_unit_test(no_field_may_run_past_the_packet),
		cmocka_unit_test(extra_bytes_after_the_packet_and_inside_it_are_allowed),
		cmocka_unit_test(an_expiry_is_seventeen_digits_whatever_the_calendar_says),
		cmocka_unit_test(any_bytes_give_one_answer_however_many_are_there),
	};

	return cmocka_run_group_tests_name("ilp", tests, NULL, NULL);
}
