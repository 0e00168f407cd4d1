/* SPDX-License-Identifier: Apache-2.0 */
/* match and numbers: where the kernel is not certain which reply is whose, evidence pairs them. */
#include "tests/unit/support/matching.h"

#include "exchange/fulfillment.h"
#include "exchange/numbers.h"

static const struct siphash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

static int setup_with_key(void **state)
{
	(void)state;
	memset(&seen, 0, sizeof(seen));
	seen.match = match_new(CAPACITY, REALTIME_OFFSET, &key, &ops, &seen);
	return seen.match ? 0 : -1;
}

static void make_preimage(uint8_t preimage[FULFILLMENT_LEN], unsigned which)
{
	for (unsigned i = 0; i < FULFILLMENT_LEN; i++)
		preimage[i] = (uint8_t)(which * 37 + i * 11);
}

/* The Prepare that is the STREAM-th request seen of connection 7; its amount is STREAM, and the
 * preimage WHICH opens its condition. */
static struct record_message request(unsigned stream, unsigned which)
{
	struct record_message m = prepare(7, stream, CLIENT, stream * S);
	struct fulfillment *f = fulfillment_new(&key);
	uint8_t preimage[FULFILLMENT_LEN];

	assert_non_null(f);
	make_preimage(preimage, which);
	m.condition = fulfillment_condition(f, preimage);
	m.amount = stream;
	m.flags |= RECORD_UNSURE;
	fulfillment_free(f);
	return m;
}

static void ask(unsigned stream)
{
	give(request(stream, stream));
}

/* The answer numbered STREAM is the Fulfill to Prepare WHICH. */
static void answer_numbered(unsigned stream, unsigned which, __u8 numbering)
{
	struct record_message m = fulfill(7, stream, CLIENT, stream * S + 1);

	make_preimage(m.fulfillment, which);
	m.flags |= RECORD_UNSURE;
	m.numbering = numbering;
	give(m);
}

static void refuse_numbered(unsigned stream, __u8 numbering)
{
	struct record_message m = reject(7, stream, CLIENT, stream * S + 1, "F02");

	m.flags |= RECORD_UNSURE;
	m.numbering = numbering;
	give(m);
}

/* The exchange of AMOUNT has ended, as OUTCOME. */
static void check_ended(uint64_t amount, enum outcome outcome)
{
	for (size_t i = 0; i < seen.closed; i++) {
		if (seen.exchanges[i].amount != amount)
			continue;
		assert_int_equal(seen.exchanges[i].outcome, outcome);
		if (outcome == OUTCOME_LOST)
			assert_int_equal(seen.exchanges[i].lost, LOST_UNSURE);
		return;
	}
	fail_msg("the exchange of %u is open", (unsigned)amount);
}

static void end_of_the_connection(void)
{
	give_close(flow_close(7, 100 * S));
}

static void test_a_fulfill_that_fits_its_number_counts(void **state)
{
	(void)state;
	ask(1);
	answer_numbered(1, 1, 0);
	check_ended(1, OUTCOME_FULFILLED);
}

/* Two answers to requests that nobody saw come first, so that all numbers are two off. */
static void test_fulfills_under_wrong_numbers_find_their_prepares(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= 3; i++)
		ask(i);
	answer_numbered(1, 91, 0);
	answer_numbered(2, 92, 0);
	assert_int_equal(seen.closed, 0);
	assert_int_equal(stats().unmatched, 2);
	answer_numbered(3, 1, 0);
	check_ended(1, OUTCOME_FULFILLED);
	assert_int_equal(seen.closed, 1);
	end_of_the_connection();
	check_ended(2, OUTCOME_LOST);
	check_ended(3, OUTCOME_LOST);
}

static void test_a_reject_is_not_taken_for_the_answer_by_its_number_alone(void **state)
{
	(void)state;
	ask(1);
	refuse_numbered(1, 0);
	assert_int_equal(seen.closed, 0);
	end_of_the_connection();
	check_ended(1, OUTCOME_LOST);
	assert_string_equal(only_exchange()->reject_code, "");
	assert_int_equal(only_exchange()->reply_ns, 0);
}

static void test_a_fulfill_that_fits_proves_those_before_and_after_it(void **state)
{
	(void)state;
	ask(1);
	refuse_numbered(1, 0);
	ask(2);
	answer_numbered(2, 2, 0);
	check_ended(1, OUTCOME_REJECTED);
	assert_string_equal(seen.exchanges[1].reject_code, "F02");
	assert_int_equal(seen.exchanges[1].reply_done_ns, 1 * S + 1);
	check_ended(2, OUTCOME_FULFILLED);
	ask(3);
	refuse_numbered(3, 0);
	check_ended(3, OUTCOME_REJECTED);
	ask(4);
	end_of_the_connection();
	check_ended(4, OUTCOME_CLOSED);
}

static void test_it_proves_nothing_from_before_the_numbers_shifted(void **state)
{
	(void)state;
	ask(1);
	refuse_numbered(1, 0);
	ask(2);
	answer_numbered(2, 2, 1);
	assert_int_equal(seen.closed, 1);
	end_of_the_connection();
	check_ended(1, OUTCOME_LOST);
}

static void test_nor_anything_after_they_shifted_again(void **state)
{
	(void)state;
	ask(1);
	answer_numbered(1, 1, 0);
	ask(2);
	refuse_numbered(2, 1);
	end_of_the_connection();
	check_ended(2, OUTCOME_LOST);
}

static void test_numbers_that_shifted_too_often_are_never_proven(void **state)
{
	(void)state;
	ask(1);
	answer_numbered(1, 1, RECORD_NUMBERING_MAX);
	check_ended(1, OUTCOME_FULFILLED);
	ask(2);
	refuse_numbered(2, RECORD_NUMBERING_MAX);
	end_of_the_connection();
	check_ended(2, OUTCOME_LOST);
}

static void test_a_later_proof_makes_those_that_wait_certain(void **state)
{
	(void)state;
	ask(1);
	ask(2);
	answer_numbered(1, 1, 0);
	refuse_numbered(2, 0);
	check_ended(2, OUTCOME_REJECTED);
}

static void test_no_answer_where_numbers_are_unsure_is_a_loss(void **state)
{
	(void)state;
	ask(1);
	match_tick(seen.match, 200 * S);
	check_ended(1, OUTCOME_LOST);
}

static void test_a_condition_that_two_prepares_have_proves_nothing(void **state)
{
	(void)state;
	ask(1);
	give(request(2, 1)); /* the same once more */
	answer_numbered(1, 1, 0);
	ask(3);
	refuse_numbered(3, 0);
	assert_int_equal(seen.closed, 1);
	end_of_the_connection();
	check_ended(3, OUTCOME_LOST);
}

/* All of them have one condition. */
static void test_nor_does_a_fulfill_of_a_protocol_packet(void **state)
{
	struct record_message m = request(1, 50);

	(void)state;
	m.flags |= RECORD_PEER;
	give(m);
	answer_numbered(1, 50, 0); /* it may be that of an earlier one */
	check_ended(1, OUTCOME_FULFILLED);
	ask(2);
	refuse_numbered(2, 0);
	assert_int_equal(seen.closed, 1);
	ask(3);
	answer_numbered(3, 3, 0);
	check_ended(2, OUTCOME_REJECTED);
	check_ended(3, OUTCOME_FULFILLED);
}

static void test_what_is_proven_ends_with_the_connection(void **state)
{
	(void)state;
	ask(1);
	answer_numbered(1, 1, 0);
	end_of_the_connection();
	ask(2);
	refuse_numbered(2, 0);
	assert_int_equal(seen.closed, 1);
}

static void test_what_waits_for_a_proof_at_the_end_is_lost_for_want_of_one(void **state)
{
	(void)state;
	ask(1);
	refuse_numbered(1, 0);
	match_drain(seen.match, 5 * S);
	check_ended(1, OUTCOME_LOST);
}

/* --- the table ------------------------------------------------------------------------------- */

static struct record_message unsure_on(__u64 flow)
{
	struct record_message m = fulfill(flow, 1, CLIENT, 1 * S);

	m.flags |= RECORD_UNSURE;
	return m;
}

static void prove(struct numbers *n, __u64 flow, __u8 target)
{
	struct record_message m = unsure_on(flow);
	struct flowkey on = flowkey_of(m.head.tap, &m.flow);

	numbers_prove(n, &on, target, m.numbering);
}

static bool certain(struct numbers *n, __u64 flow)
{
	struct record_message m = unsure_on(flow);
	struct flowkey on = flowkey_of(m.head.tap, &m.flow);

	return numbers_certain(n, &on, &m);
}

static void test_a_full_table_forgets_the_oldest_of_the_target_that_has_most(void **state)
{
	struct numbers *n = numbers_new(3);

	(void)state;
	assert_non_null(n);
	prove(n, 1, 0);
	prove(n, 2, 1);
	prove(n, 3, 1);
	prove(n, 4, 1);
	assert_true(certain(n, 1));
	assert_false(certain(n, 2));
	assert_true(certain(n, 3));
	assert_true(certain(n, 4));
	numbers_free(n);
}

static void test_a_message_that_is_sure_needs_no_proof(void **state)
{
	struct numbers *n = numbers_new(1);
	struct record_message m = fulfill(7, 1, CLIENT, 1 * S);
	struct flowkey on = flowkey_of(m.head.tap, &m.flow);

	(void)state;
	assert_non_null(n);
	assert_true(numbers_certain(n, &on, &m));
	numbers_free(n);
	numbers_free(NULL);
}

#define K(name) cmocka_unit_test_setup_teardown(test_##name, setup_with_key, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		K(a_fulfill_that_fits_its_number_counts),
		K(fulfills_under_wrong_numbers_find_their_prepares),
		K(a_reject_is_not_taken_for_the_answer_by_its_number_alone),
		K(a_fulfill_that_fits_proves_those_before_and_after_it),
		K(it_proves_nothing_from_before_the_numbers_shifted),
		K(nor_anything_after_they_shifted_again),
		K(numbers_that_shifted_too_often_are_never_proven),
		K(a_later_proof_makes_those_that_wait_certain),
		K(no_answer_where_numbers_are_unsure_is_a_loss),
		K(a_condition_that_two_prepares_have_proves_nothing),
		K(nor_does_a_fulfill_of_a_protocol_packet),
		K(what_is_proven_ends_with_the_connection),
		K(what_waits_for_a_proof_at_the_end_is_lost_for_want_of_one),
		cmocka_unit_test(test_a_full_table_forgets_the_oldest_of_the_target_that_has_most),
		cmocka_unit_test(test_a_message_that_is_sure_needs_no_proof),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
