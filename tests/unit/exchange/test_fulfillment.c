/* SPDX-License-Identifier: Apache-2.0 */
/* match and fulfillment: a Fulfill counts when it opens the condition. */
#include "tests/unit/support/matching.h"

#include <openssl/sha.h>

#include "bpf/decode/ilp.h"
#include "exchange/fulfillment.h"
#include "tests/unit/support/packets.h"

static const struct siphash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

/* Where a condition goes. */
#define PLACE "the 32 bytes of a condition....."

/* Another for each N. */
static void make_preimage(uint8_t preimage[FULFILLMENT_LEN], unsigned n)
{
	for (unsigned i = 0; i < FULFILLMENT_LEN; i++)
		preimage[i] = (uint8_t)(n * 37 + i * 11);
}

/* The condition of a Prepare, as the kernel's decoder hashes it. */
static uint64_t decoded_condition(const uint8_t condition[32])
{
	struct ilp *ilp = calloc(1, sizeof(*ilp));
	uint8_t buf[ILP_HEAD_MAX + ILP_SLACK] = {0};
	struct packet packet;
	uint64_t hash;

	assert_non_null(ilp);
	packet_prepare(&packet, 100, "20260131235959123", PLACE, "g.us.bob", 5);
	memcpy(buf, packet.bytes, packet.len);
	memcpy(memmem(buf, packet.len, PLACE, strlen(PLACE)), condition, strlen(PLACE));
	assert_int_equal(ilp_parse(buf, (__u32)packet.len, 1, &key, ilp), ILP_DONE);
	hash = ilp->condition;
	free(ilp);
	return hash;
}

static void test_its_hash_is_the_one_that_the_decoder_makes_of_the_condition(void **state)
{
	struct fulfillment *f = fulfillment_new(&key);

	(void)state;
	assert_non_null(f);
	for (unsigned n = 0; n < 100; n++) {
		uint8_t preimage[FULFILLMENT_LEN], condition[SHA256_DIGEST_LENGTH];

		make_preimage(preimage, n);
		SHA256(preimage, sizeof(preimage), condition);
		assert_true(fulfillment_fits(f, preimage, decoded_condition(condition)));
		preimage[n % FULFILLMENT_LEN] ^= 1;
		assert_false(fulfillment_fits(f, preimage, decoded_condition(condition)));
	}
	fulfillment_free(f);
	fulfillment_free(NULL);
}

/* --- in match -------------------------------------------------------------------------------- */

static int setup_with_key(void **state)
{
	(void)state;
	memset(&seen, 0, sizeof(seen));
	seen.match = match_new(CAPACITY, REALTIME_OFFSET, &key, &ops, &seen);
	return seen.match ? 0 : -1;
}

/* A Prepare whose condition is that of the preimage N. */
static struct record_message prepare_for(unsigned n)
{
	struct record_message m = prepare(7, 1, CLIENT, 1 * S);
	struct fulfillment *f = fulfillment_new(&key);
	uint8_t preimage[FULFILLMENT_LEN];

	assert_non_null(f);
	make_preimage(preimage, n);
	m.condition = fulfillment_condition(f, preimage);
	fulfillment_free(f);
	return m;
}

static struct record_message fulfill_with(unsigned n, uint64_t at_ns)
{
	struct record_message m = fulfill(7, 1, CLIENT, at_ns);

	make_preimage(m.fulfillment, n);
	return m;
}

static void test_a_fulfillment_that_opens_the_condition_fulfills(void **state)
{
	(void)state;
	give(prepare_for(1));
	give(fulfill_with(1, 2 * S));
	assert_int_equal(only_exchange()->outcome, OUTCOME_FULFILLED);
}

static void test_one_that_does_not_moves_nothing(void **state)
{
	(void)state;
	give(prepare_for(1));
	give(fulfill_with(2, 2 * S));
	assert_int_equal(only_exchange()->outcome, OUTCOME_MISMATCH);
}

static void test_nor_does_one_of_nothing_but_zeros(void **state)
{
	(void)state;
	give(prepare_for(1));
	give(fulfill(7, 1, CLIENT, 2 * S));
	assert_int_equal(only_exchange()->outcome, OUTCOME_MISMATCH);
}

static void test_a_late_one_is_late_and_a_late_false_one_is_false(void **state)
{
	(void)state;
	give(prepare_for(1));
	give(fulfill_with(1, 31 * S));
	assert_int_equal(seen.exchanges[0].outcome, OUTCOME_EXPIRED);
	give(prepare_for(1));
	give(fulfill_with(2, 31 * S));
	assert_int_equal(seen.exchanges[1].outcome, OUTCOME_MISMATCH);
}

static void test_one_in_an_answer_that_is_no_success_moves_nothing(void **state)
{
	static const uint16_t statuses[] = {300, 404, 500};

	(void)state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		struct record_message f = fulfill_with(1, 2 * S);

		give(prepare_for(1));
		f.http_status = statuses[i];
		give(f);
		assert_int_equal(seen.exchanges[i].outcome, OUTCOME_HTTP_ERROR);
		assert_int_equal(seen.exchanges[i].http_status, statuses[i]);
	}
}

static void test_any_success_may_carry_one(void **state)
{
	struct record_message f = fulfill_with(1, 2 * S);

	(void)state;
	give(prepare_for(1));
	f.http_status = 201;
	give(f);
	assert_int_equal(only_exchange()->outcome, OUTCOME_FULFILLED);
}

static void test_an_asynchronous_one_is_checked_as_well(void **state)
{
	struct record_message p = prepare_for(1), f = fulfill_with(2, 2 * S);

	(void)state;
	p.request_id = f.request_id = 0x1d;
	f.flags = RECORD_REQUEST;
	f.head.role = SERVER;
	f.flow.id = 8;
	give(p);
	give(f);
	assert_int_equal(only_exchange()->outcome, OUTCOME_MISMATCH);
}

#define K(name) cmocka_unit_test_setup_teardown(test_##name, setup_with_key, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_its_hash_is_the_one_that_the_decoder_makes_of_the_condition),
		K(a_fulfillment_that_opens_the_condition_fulfills),
		K(one_that_does_not_moves_nothing),
		K(nor_does_one_of_nothing_but_zeros),
		K(a_late_one_is_late_and_a_late_false_one_is_false),
		K(one_in_an_answer_that_is_no_success_moves_nothing),
		K(any_success_may_carry_one),
		K(an_asynchronous_one_is_checked_as_well),
	};

	return cmocka_run_group_tests_name("fulfillment", tests, NULL, NULL);
}
