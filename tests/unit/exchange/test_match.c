/* SPDX-License-Identifier: Apache-2.0 */
/* match: which reply is whose, and what the outcome then is. */
#include "tests/unit/support/matching.h"

static void test_a_fulfill_on_the_same_connection_closes_the_prepare(void **state)
{
	struct record_message p = prepare(7, 1, CLIENT, 1 * S);
	struct record_message f = fulfill(7, 1, CLIENT, 2 * S);

	(void)state;
	p.last_ns = 1 * S + 5;
	f.last_ns = 2 * S + 9;
	p.head.target = 3;
	p.head.tap = f.head.tap = RECORD_TAP_TLS;
	p.flow.pid = f.flow.pid = 42;
	give(p);
	assert_int_equal(stats().open, 1);
	give(f);

	const struct exchange *e = only_exchange();

	assert_int_equal(e->outcome, OUTCOME_FULFILLED);
	assert_int_equal(e->target, 3);
	assert_int_equal(e->role, CLIENT);
	assert_int_equal(e->tap, RECORD_TAP_TLS);
	assert_int_equal(e->amount, 100);
	assert_int_equal(e->destination, p.destination);
	assert_int_equal(e->condition, p.condition);
	assert_int_equal(e->endpoint, p.endpoint);
	assert_int_equal(e->token, p.token);
	assert_int_equal(e->http_status, 200);
	assert_false(e->peer_protocol);
	assert_string_equal(e->reject_code, "");
	assert_int_equal(e->prepare_ns, 1 * S);
	assert_int_equal(e->prepare_done_ns, 1 * S + 5);
	assert_int_equal(e->reply_ns, 2 * S);
	assert_int_equal(e->reply_done_ns, 2 * S + 9);
	assert_int_equal(stats().opened, 1);
	assert_int_equal(stats().open, 0);
	assert_int_equal(stats().unmatched, 0);
}

static void test_a_reject_closes_it_with_its_code(void **state)
{
	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	give(reject(7, 1, CLIENT, 2 * S, "F08"));
	assert_int_equal(only_exchange()->outcome, OUTCOME_REJECTED);
	assert_string_equal(only_exchange()->reject_code, "F08");
}

static void test_a_code_the_rfc_does_not_have_is_not_passed_on(void **state)
{
	static const char *const bad[] = {"F0", "f08", "X00", "\xff\x01\"", "F0x", "FF0"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		give(prepare(7, 1, CLIENT, 1 * S));
		give(reject(7, 1, CLIENT, 2 * S, bad[i]));
		assert_int_equal(seen.exchanges[i].outcome, OUTCOME_REJECTED);
		assert_string_equal(seen.exchanges[i].reject_code, "???");
	}
}

static void test_protocol_chatter_is_marked(void **state)
{
	struct record_message p = prepare(7, 1, CLIENT, 1 * S);

	(void)state;
	p.flags |= RECORD_PEER;
	give(p);
	give(fulfill(7, 1, CLIENT, 2 * S));
	assert_true(only_exchange()->peer_protocol);
}

/* Every part of the key alone tells two exchanges apart. */
static void test_a_reply_elsewhere_is_unmatched(void **state)
{
	struct record_message replies[5];

	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	for (size_t i = 0; i < 5; i++)
		replies[i] = fulfill(7, 1, CLIENT, 2 * S);
	replies[0].flow.id = 8;
	replies[1].flow.pid = 1;
	replies[2].flow.generation = 1;
	replies[3].stream = 2;
	replies[4].head.tap = RECORD_TAP_TLS;
	for (size_t i = 0; i < 5; i++) {
		give(replies[i]);
		assert_int_equal(stats().unmatched, i + 1);
	}
	assert_int_equal(seen.closed, 0);
	give(fulfill(7, 1, CLIENT, 2 * S));
	assert_int_equal(only_exchange()->outcome, OUTCOME_FULFILLED);
	assert_int_equal(stats().unmatched, 5);
}

static void test_a_second_reply_is_unmatched(void **state)
{
	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	give(fulfill(7, 1, CLIENT, 2 * S));
	give(fulfill(7, 1, CLIENT, 3 * S));
	assert_int_equal(seen.closed, 1);
	assert_int_equal(stats().unmatched, 1);
}

static void test_replies_out_of_order_find_their_streams(void **state)
{
	(void)state;
	for (__u32 stream = 1; stream <= 4; stream++) {
		struct record_message p = prepare(7, stream, CLIENT, 1 * S);

		p.amount = stream;
		give(p);
	}
	give(fulfill(7, 3, CLIENT, 2 * S));
	give(reject(7, 1, CLIENT, 2 * S, "T04"));
	give(fulfill(7, 4, CLIENT, 2 * S));
	give(fulfill(7, 2, CLIENT, 2 * S));
	assert_int_equal(seen.closed, 4);
	assert_int_equal(seen.exchanges[0].amount, 3);
	assert_int_equal(seen.exchanges[1].amount, 1);
	assert_int_equal(seen.exchanges[1].outcome, OUTCOME_REJECTED);
	assert_int_equal(seen.exchanges[2].amount, 4);
	assert_int_equal(seen.exchanges[3].amount, 2);
	assert_int_equal(stats().unmatched, 0);
}

/* --- expiry ---------------------------------------------------------------------------------- */

static enum outcome fulfilled_at(uint64_t last_ns)
{
	struct record_message f = fulfill(7, 1, CLIENT, 2 * S);

	f.last_ns = last_ns;
	give(prepare(7, 1, CLIENT, 1 * S));
	give(f);
	return seen.exchanges[seen.closed - 1].outcome;
}

static void test_a_fulfill_after_the_expiry_moved_nothing(void **state)
{
	(void)state;
	assert_int_equal(fulfilled_at(30 * S - 1), OUTCOME_FULFILLED);
	assert_int_equal(fulfilled_at(30 * S), OUTCOME_FULFILLED);
	assert_int_equal(fulfilled_at(30 * S + 1), OUTCOME_EXPIRED);
}

static void test_expiry_follows_the_wall_clock_when_it_is_set(void **state)
{
	(void)state;
	match_set_clock(seen.match, REALTIME_OFFSET + 20 * (int64_t)S);
	assert_int_equal(fulfilled_at(10 * S), OUTCOME_FULFILLED);
	assert_int_equal(fulfilled_at(10 * S + 1), OUTCOME_EXPIRED);
}

static void test_an_impossible_expiry_never_comes(void **state)
{
	struct record_message p = prepare(7, 1, CLIENT, 1 * S);

	(void)state;
	p.expires_at = 20261301000030000ULL;
	give(p);
	give(fulfill(7, 1, CLIENT, 3600 * S));
	assert_int_equal(only_exchange()->outcome, OUTCOME_FULFILLED);
}

static void test_a_reject_after_the_expiry_is_a_reject(void **state)
{
	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	give(reject(7, 1, CLIENT, 31 * S, "R00"));
	assert_int_equal(only_exchange()->outcome, OUTCOME_REJECTED);
}

/* --- answers without a packet ---------------------------------------------------------------- */

static enum outcome answered_with(struct record_message answer)
{
	give(prepare(7, 1, CLIENT, 1 * S));
	give(answer);
	return seen.exchanges[seen.closed - 1].outcome;
}

static void test_answers_without_a_packet(void **state)
{
	struct record_message bad = http(7, 1, CLIENT, 2 * S, 200);
	struct record_message cut = http(7, 1, CLIENT, 2 * S, 200);
	struct record_message echo = prepare(7, 1, CLIENT, 2 * S);

	(void)state;
	bad.kind = RECORD_KIND_BAD;
	cut.flags = RECORD_CUT;
	echo.flags = 0;
	echo.http_status = 200;
	assert_int_equal(answered_with(http(7, 1, CLIENT, 2 * S, 200)), OUTCOME_NOT_ILP);
	assert_int_equal(answered_with(bad), OUTCOME_NOT_ILP);
	assert_int_equal(answered_with(echo), OUTCOME_NOT_ILP);
	assert_int_equal(answered_with(http(7, 1, CLIENT, 2 * S, 500)), OUTCOME_HTTP_ERROR);
	assert_int_equal(seen.exchanges[seen.closed - 1].http_status, 500);
	assert_int_equal(answered_with(http(7, 1, CLIENT, 2 * S, 204)), OUTCOME_HTTP_ERROR);
	/* The packet may have stood in the part that was not seen. */
	assert_int_equal(answered_with(cut), OUTCOME_LOST);
}

static void test_an_answer_that_is_no_reply_is_not_called_unmatched(void **state)
{
	struct record_message bad = message_on(7, 1, CLIENT, 1 * S);

	(void)state;
	bad.flags = RECORD_REQUEST;
	bad.kind = RECORD_KIND_BAD;
	give(bad);
	give(http(7, 1, CLIENT, 2 * S, 400));
	assert_int_equal(stats().bad, 1);
	assert_int_equal(stats().unmatched, 0);
	assert_int_equal(seen.opened, 0);
}

static void test_a_second_prepare_in_its_place_closes_the_first_as_lost(void **state)
{
	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	give(prepare(7, 1, CLIENT, 5 * S));
	assert_int_equal(only_exchange()->outcome, OUTCOME_LOST);
	assert_int_equal(only_exchange()->prepare_ns, 1 * S);
	assert_int_equal(only_exchange()->reply_ns, 0);
	assert_int_equal(only_exchange()->reply_done_ns, 5 * S);
	give(fulfill(7, 1, CLIENT, 6 * S));
	assert_int_equal(seen.closed, 2);
	assert_int_equal(seen.exchanges[1].prepare_ns, 5 * S);
	assert_int_equal(stats().evicted, 0);
}

static void test_sizes_that_cannot_be_are_refused(void **state)
{
	(void)state;
	assert_null(match_new(0, 0, NULL, &ops, &seen));
	assert_null(match_new(SIZE_MAX, 0, NULL, &ops, &seen));
	match_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_fulfill_on_the_same_connection_closes_the_prepare),
		T(a_reject_closes_it_with_its_code),
		T(a_code_the_rfc_does_not_have_is_not_passed_on),
		T(protocol_chatter_is_marked),
		T(a_reply_elsewhere_is_unmatched),
		T(a_second_reply_is_unmatched),
		T(replies_out_of_order_find_their_streams),
		T(a_fulfill_after_the_expiry_moved_nothing),
		T(expiry_follows_the_wall_clock_when_it_is_set),
		T(an_impossible_expiry_never_comes),
		T(a_reject_after_the_expiry_is_a_reject),
		T(answers_without_a_packet),
		T(an_answer_that_is_no_reply_is_not_called_unmatched),
		T(a_second_prepare_in_its_place_closes_the_first_as_lost),
		T(sizes_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
