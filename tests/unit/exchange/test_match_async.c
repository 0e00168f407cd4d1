/* SPDX-License-Identifier: Apache-2.0 */
/* match: replies in RFC 35's asynchronous mode. */
#include "tests/unit/support/matching.h"

#include "base/table.h"

static void test_an_asynchronous_reply_is_found_by_its_request_id(void **state)
{
	(void)state;
	give(async_prepare(7, CLIENT, 1 * S, 0x1d));
	give(http(7, 1, CLIENT, 2 * S, 202));
	assert_int_equal(seen.closed, 0);
	give(async_fulfill(9, SERVER, 5 * S, 0x1d));
	assert_int_equal(only_exchange()->outcome, OUTCOME_FULFILLED);
	assert_int_equal(only_exchange()->role, CLIENT);
	assert_int_equal(only_exchange()->http_status, 202);
	assert_int_equal(only_exchange()->reply_ns, 5 * S);
	/* The acknowledgement of the reply. */
	give(http(9, 1, SERVER, 6 * S, 200));
	assert_int_equal(stats().unmatched, 0);
	assert_int_equal(stats().open, 0);
}

static void test_an_asynchronous_reject_and_a_late_fulfill(void **state)
{
	struct record_message r = async_fulfill(9, CLIENT, 5 * S, 0x1d);

	(void)state;
	r.kind = RECORD_KIND_REJECT;
	memcpy(r.reject_code, "T01", 3);
	give(async_prepare(7, SERVER, 1 * S, 0x1d));
	give(http(7, 1, SERVER, 2 * S, 202));
	give(r);
	assert_int_equal(only_exchange()->outcome, OUTCOME_REJECTED);
	assert_string_equal(only_exchange()->reject_code, "T01");

	give(async_prepare(7, SERVER, 1 * S, 0x1e));
	give(http(7, 1, SERVER, 2 * S, 202));
	give(async_fulfill(9, CLIENT, 30 * S + 1, 0x1e));
	assert_int_equal(seen.exchanges[1].outcome, OUTCOME_EXPIRED);
}

static void test_an_asynchronous_reply_sent_again_is_ignored(void **state)
{
	(void)state;
	give(async_prepare(7, CLIENT, 1 * S, 0x1d));
	give(http(7, 1, CLIENT, 2 * S, 202));
	give(async_fulfill(9, SERVER, 5 * S, 0x1d));
	give(http(9, 1, SERVER, 6 * S, 503));
	give(async_fulfill(10, SERVER, 7 * S, 0x1d));
	assert_int_equal(seen.closed, 1);
	assert_int_equal(stats().repeated, 1);
	assert_int_equal(stats().unmatched, 0);
}

/* Many others were answered between a reply and the same one again: none of them takes its place.
 */
static void test_replies_sent_again_late_are_known(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= 1000; i++) {
		give(async_prepare(7, CLIENT, 1 * S, table_hash(i, 0)));
		give(http(7, 1, CLIENT, 2 * S, 202));
		give(async_fulfill(9, SERVER, 5 * S, table_hash(i, 0)));
	}
	for (unsigned i = 1; i <= 1000; i++)
		give(async_fulfill(9, SERVER, 6 * S, table_hash(i, 0)));
	assert_int_equal(seen.closed, 1000);
	assert_int_equal(stats().repeated, 1000);
	assert_int_equal(stats().unmatched, 0);
}

static void test_an_asynchronous_reply_to_nothing_is_unmatched(void **state)
{
	struct record_message elsewhere = async_fulfill(9, SERVER, 5 * S, 0x1d);

	(void)state;
	give(async_prepare(7, CLIENT, 1 * S, 0x1d));
	give(http(7, 1, CLIENT, 2 * S, 202));
	give(async_fulfill(9, SERVER, 5 * S, 0x1e)); /* another id */
	give(async_fulfill(9, SERVER, 5 * S, 0));    /* none */
	give(async_fulfill(9, CLIENT, 5 * S, 0x1d)); /* the same side as the Prepare */
	elsewhere.head.target = 1;
	give(elsewhere);
	assert_int_equal(seen.closed, 0);
	assert_int_equal(stats().unmatched, 4);
	assert_int_equal(stats().repeated, 0);
}

static void test_an_asynchronous_reply_may_overtake_the_202(void **state)
{
	(void)state;
	give(async_prepare(7, CLIENT, 1 * S, 0x1d));
	give(async_fulfill(9, SERVER, 2 * S, 0x1d));
	give(http(7, 1, CLIENT, 3 * S, 202));
	assert_int_equal(only_exchange()->outcome, OUTCOME_FULFILLED);
	assert_int_equal(stats().unmatched, 0);
}

static void test_an_asynchronous_exchange_outlives_its_connection(void **state)
{
	(void)state;
	give(async_prepare(7, CLIENT, 1 * S, 0x1d));
	give(http(7, 1, CLIENT, 2 * S, 202));
	give_close(flow_close(7, 3 * S));
	assert_int_equal(seen.closed, 0);
	/* The place on the connection is free again. */
	give(prepare(7, 1, CLIENT, 3 * S));
	assert_int_equal(seen.closed, 0);
	give(async_fulfill(9, SERVER, 5 * S, 0x1d));
	assert_int_equal(only_exchange()->prepare_ns, 1 * S);
}

static void test_accepted_without_a_request_id_ends_with_the_connection(void **state)
{
	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	give(http(7, 1, CLIENT, 2 * S, 202));
	assert_int_equal(seen.closed, 0);
	give_close(flow_close(7, 3 * S));
	assert_int_equal(only_exchange()->outcome, OUTCOME_CLOSED);
	assert_int_equal(only_exchange()->http_status, 202);
}

static void test_an_asynchronous_reply_that_never_comes_is_none(void **state)
{
	(void)state;
	give(async_prepare(7, CLIENT, 1 * S, 0x1d));
	give(http(7, 1, CLIENT, 2 * S, 202));
	match_tick(seen.match, 60 * S + 1);
	assert_int_equal(only_exchange()->outcome, OUTCOME_UNANSWERED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_asynchronous_reply_is_found_by_its_request_id),
		T(an_asynchronous_reject_and_a_late_fulfill),
		T(an_asynchronous_reply_sent_again_is_ignored),
		T(replies_sent_again_late_are_known),
		T(an_asynchronous_reply_to_nothing_is_unmatched),
		T(an_asynchronous_reply_may_overtake_the_202),
		T(an_asynchronous_exchange_outlives_its_connection),
		T(accepted_without_a_request_id_ends_with_the_connection),
		T(an_asynchronous_reply_that_never_comes_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
