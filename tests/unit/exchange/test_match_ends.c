/* SPDX-License-Identifier: Apache-2.0 */
/* match: exchanges that end without an answer, and what was missed. */
#include "tests/unit/support/matching.h"

static void test_the_end_of_a_connection_closes_what_is_open_on_it(void **state)
{
	struct record_flow_close other_tap = flow_close(7, 2 * S);

	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	give(prepare(8, 1, CLIENT, 1 * S));
	give(prepare(7, 3, CLIENT, 1 * S));
	other_tap.head.tap = RECORD_TAP_TLS;
	give_close(other_tap);
	give_close(flow_close(9, 2 * S));
	assert_int_equal(seen.closed, 0);
	give_close(flow_close(7, 2 * S));
	assert_int_equal(seen.closed, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(seen.exchanges[i].outcome, OUTCOME_CLOSED);
		assert_int_equal(seen.exchanges[i].condition >> 32, 7);
		assert_int_equal(seen.exchanges[i].reply_done_ns, 2 * S);
	}
	give(fulfill(8, 1, CLIENT, 3 * S));
	assert_int_equal(seen.exchanges[2].outcome, OUTCOME_FULFILLED);
	give(fulfill(7, 1, CLIENT, 3 * S));
	assert_int_equal(stats().unmatched, 1);
}

/* An SSL object's address is used again, and by other processes. */
static void test_the_end_of_a_tls_connection_is_not_that_of_its_namesakes(void **state)
{
	struct record_message p = prepare(0x7f0000001000, 1, CLIENT, 1 * S);
	struct record_flow_close close = flow_close(0x7f0000001000, 2 * S);

	(void)state;
	p.head.tap = close.head.tap = RECORD_TAP_TLS;
	for (__u32 i = 0; i < 3; i++) {
		p.flow.pid = 100 + i / 2;
		p.flow.generation = i % 2;
		p.amount = i;
		give(p);
	}
	close.flow.pid = 100;
	close.flow.generation = 1;
	give_close(close);
	assert_int_equal(only_exchange()->outcome, OUTCOME_CLOSED);
	assert_int_equal(only_exchange()->amount, 1);
}

static void test_no_reply_long_after_the_expiry_is_none_and_nothing_was_missed(void **state)
{
	struct record_message p = prepare(7, 1, CLIENT, 20 * S);

	(void)state;
	give(p); /* expires at 30 s */
	match_tick(seen.match, 60 * S);
	assert_int_equal(seen.closed, 0);
	match_tick(seen.match, 60 * S + 1);
	assert_int_equal(only_exchange()->outcome, OUTCOME_UNANSWERED);
	assert_int_equal(only_exchange()->reply_done_ns, 60 * S + 1);
	assert_int_equal(only_exchange()->lost, LOST_NOT);
	assert_int_equal(stats().evicted, 0);
}

static void test_none_where_records_were_dropped_says_nothing(void **state)
{
	(void)state;
	give(prepare(7, 1, CLIENT, 20 * S));
	match_settle(seen.match, 1);
	match_tick(seen.match, 60 * S + 1);
	assert_int_equal(only_exchange()->outcome, OUTCOME_LOST);
	assert_int_equal(only_exchange()->lost, LOST_RING);
}

static void test_a_far_expiry_is_not_waited_for_longer_than_a_minute(void **state)
{
	static const uint64_t far[] = {20270101000000000, 99991231235959999, 0};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct record_message p = prepare(7, 1, CLIENT, 10 * S);

		p.expires_at = far[i];
		give(p);
		match_tick(seen.match, 70 * S);
		assert_int_equal(seen.closed, i);
		match_tick(seen.match, 70 * S + 1);
		assert_int_equal(seen.closed, i + 1);
		/* The answer may still come. */
		assert_int_equal(seen.exchanges[i].outcome, OUTCOME_LOST);
		assert_int_equal(seen.exchanges[i].lost, LOST_TIMEOUT);
	}
}

static void test_a_prepare_that_came_expired_is_waited_for_half_a_minute(void **state)
{
	static const uint64_t past[] = {20251231000000000, 19700101000000000, 101000000000};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct record_message p = prepare(7, 1, CLIENT, 10 * S);

		p.expires_at = past[i];
		give(p);
		match_tick(seen.match, 40 * S);
		assert_int_equal(seen.closed, i);
		match_tick(seen.match, 40 * S + 1);
		assert_int_equal(seen.closed, i + 1);
		assert_int_equal(seen.exchanges[i].outcome, OUTCOME_UNANSWERED);
	}
}

static void test_one_with_a_near_expiry_does_not_wait_for_an_older_one(void **state)
{
	struct record_message near = prepare(8, 1, CLIENT, 11 * S);

	(void)state;
	near.expires_at = 20260101000012000ULL;
	give(prepare(7, 1, CLIENT, 10 * S)); /* until 60 s */
	give(near);                          /* until 42 s */
	match_tick(seen.match, 42 * S + 1);
	assert_int_equal(only_exchange()->condition >> 32, 8);
}

static void test_shutdown_closes_everything_as_lost(void **state)
{
	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	give(prepare(8, 1, SERVER, 2 * S));
	match_drain(seen.match, 3 * S);
	assert_int_equal(seen.closed, 2);
	assert_int_equal(seen.exchanges[0].lost, LOST_SHUTDOWN);
	assert_int_equal(seen.exchanges[0].outcome, OUTCOME_LOST);
	assert_int_equal(seen.exchanges[1].outcome, OUTCOME_LOST);
	assert_int_equal(seen.exchanges[1].reply_done_ns, 3 * S);
	assert_int_equal(stats().open, 0);
}

static void test_a_full_table_gives_up_the_oldest_and_counts_it(void **state)
{
	(void)state;
	for (__u64 flow = 1; flow <= CAPACITY + 2; flow++)
		give(prepare(flow, 1, CLIENT, flow * S));
	assert_int_equal(stats().evicted, 2);
	assert_int_equal(stats().opened, CAPACITY + 2);
	assert_int_equal(stats().open, CAPACITY);
	assert_int_equal(seen.closed, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(seen.exchanges[i].outcome, OUTCOME_LOST);
		assert_int_equal(seen.exchanges[i].lost, LOST_EVICTED);
		assert_int_equal(seen.exchanges[i].condition >> 32, i + 1);
	}
	/* Their replies come after all. */
	give(fulfill(1, 1, CLIENT, 20 * S));
	assert_int_equal(stats().unmatched, 1);
	give(fulfill(3, 1, CLIENT, 20 * S));
	assert_int_equal(seen.exchanges[2].outcome, OUTCOME_FULFILLED);
}

static void test_a_flood_in_one_target_pushes_out_nothing_of_another(void **state)
{
	struct record_message p = prepare(1, 1, CLIENT, 1 * S);

	(void)state;
	p.head.target = 1;
	give(p);
	for (__u64 flow = 2; flow < 2 + 5 * CAPACITY; flow++)
		give(prepare(flow, 1, CLIENT, 2 * S));
	assert_int_equal(seen.closed, 5 * CAPACITY + 1 - CAPACITY);
	give(fulfill(1, 1, CLIENT, 3 * S));
	assert_int_equal(seen.exchanges[seen.closed - 1].outcome, OUTCOME_FULFILLED);
	assert_int_equal(seen.exchanges[seen.closed - 1].target, 1);
}

/* --- what was missed ------------------------------------------------------------------------- */

static void give_gap_of(__u64 flow, bool ingress, uint64_t at_ns, __u8 cause)
{
	struct record_gap gap = {
		.head = {.len = sizeof(gap),
			 .version = RECORD_VERSION,
			 .type = RECORD_GAP,
			 .tap = RECORD_TAP_SOCKET},
		.flow = {.id = flow},
		.at_ns = at_ns,
		.cause = cause,
		.ingress = ingress,
	};

	match_gap(seen.match, &gap);
}

static void give_gap(__u64 flow, bool ingress, uint64_t at_ns)
{
	give_gap_of(flow, ingress, at_ns, RECORD_GAP_HOLE);
}

static void test_a_gap_where_replies_come_ends_what_is_open_there_as_lost(void **state)
{
	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	give(prepare(8, 1, CLIENT, 1 * S));
	give_gap(7, true, 2 * S);
	assert_int_equal(only_exchange()->outcome, OUTCOME_LOST);
	assert_int_equal(only_exchange()->lost, LOST_GAP);
	assert_int_equal(only_exchange()->reply_done_ns, 2 * S);
	give(fulfill(8, 1, CLIENT, 3 * S));
	assert_int_equal(seen.exchanges[1].outcome, OUTCOME_FULFILLED);
}

static void test_a_reply_with_a_coding_is_lost_and_not_called_none(void **state)
{
	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	give_gap_of(7, true, 2 * S, RECORD_GAP_ENCODED);
	assert_int_equal(only_exchange()->outcome, OUTCOME_LOST);
	assert_int_equal(only_exchange()->lost, LOST_ENCODED);
}

static void test_an_answer_after_a_gap_is_given_to_no_prepare_before_it(void **state)
{
	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	give(prepare(7, 2, CLIENT, 2 * S));
	give_gap(7, true, 3 * S);
	give(fulfill(7, 1, CLIENT, 3 * S)); /* whose it is, nobody knows */
	assert_int_equal(stats().unmatched, 1);
	give(prepare(7, 3, CLIENT, 4 * S));
	give(fulfill(7, 3, CLIENT, 5 * S));
	assert_int_equal(seen.closed, 3);
	assert_int_equal(seen.exchanges[0].outcome, OUTCOME_LOST);
	assert_int_equal(seen.exchanges[1].outcome, OUTCOME_LOST);
	assert_int_equal(seen.exchanges[2].outcome, OUTCOME_FULFILLED);
}

static void test_a_gap_among_requests_leaves_replies_alone(void **state)
{
	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	give(prepare(8, 1, SERVER, 1 * S));
	give_gap(7, false, 2 * S);
	give_gap(8, true, 2 * S);
	assert_int_equal(seen.closed, 0);
	give_gap(8, false, 2 * S);
	assert_int_equal(only_exchange()->role, SERVER);
}

static void test_a_reply_seen_in_part_is_lost_and_not_called_wrong(void **state)
{
	struct record_message cut = http(7, 1, CLIENT, 2 * S, 200);

	(void)state;
	cut.kind = RECORD_KIND_BAD;
	cut.flags = RECORD_CUT;
	give(prepare(7, 1, CLIENT, 1 * S));
	give(cut);
	assert_int_equal(only_exchange()->outcome, OUTCOME_LOST);
	assert_int_equal(only_exchange()->lost, LOST_GAP);
}

static void test_what_is_open_where_reading_stops_is_lost_and_not_called_closed(void **state)
{
	struct record_opaque opaque = opaque_flow(7, RECORD_OPAQUE_UPGRADED, 2 * S);

	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	give(prepare(8, 1, CLIENT, 1 * S));
	match_opaque(seen.match, &opaque);
	assert_int_equal(only_exchange()->outcome, OUTCOME_LOST);
	assert_int_equal(only_exchange()->lost, LOST_OPAQUE);
	assert_int_equal(only_exchange()->reply_done_ns, 2 * S);
	give_close(flow_close(7, 3 * S));
	assert_int_equal(seen.closed, 1);
}

static void test_a_connections_end_after_dropped_records_says_nothing(void **state)
{
	struct record_flow_close close = flow_close(7, 2 * S);

	(void)state;
	match_settle(seen.match, 5);
	give(prepare(7, 1, CLIENT, 1 * S));
	match_flow_close(seen.match, &close);
	assert_int_equal(seen.closed, 0);
	match_settle(seen.match, 6);
	assert_int_equal(only_exchange()->outcome, OUTCOME_LOST);
	assert_int_equal(only_exchange()->lost, LOST_RING);
	assert_int_equal(only_exchange()->reply_done_ns, 2 * S);
	/* What was dropped before its time does not count. */
	give(prepare(8, 1, CLIENT, 3 * S));
	close = flow_close(8, 4 * S);
	match_flow_close(seen.match, &close);
	match_settle(seen.match, 6);
	assert_int_equal(seen.exchanges[1].outcome, OUTCOME_CLOSED);
}

static void
test_a_reply_that_waits_for_its_connections_end_to_be_settled_still_ends_once(void **state)
{
	struct record_flow_close close = flow_close(7, 2 * S);

	(void)state;
	give(async_prepare(7, CLIENT, 1 * S, 0x1d));
	match_flow_close(seen.match, &close);
	give(async_fulfill(9, SERVER, 3 * S, 0x1d));
	assert_int_equal(only_exchange()->outcome, OUTCOME_FULFILLED);
	match_settle(seen.match, 0);
	assert_int_equal(seen.closed, 1);
}

/* --- all together ---------------------------------------------------------------------------- */

/*
 * A random walk over few flows, streams and ids, so that everything collides with everything:
 * each opened exchange must close exactly once, and the counts must add up.
 */
static void test_every_exchange_closes_exactly_once(void **state)
{
	unsigned seed = 0x7e117a1e;
	uint64_t closed_before = 0;

	(void)state;
	for (uint64_t step = 0; step < 6000 && seen.opened < SEEN_MAX - 1; step++) {
		unsigned r = rand_r(&seed);
		__u64 flow = 1 + (r >> 4) % 5, id = (r >> 8) % 3;
		__u32 stream = 1 + (r >> 12) % 3;
		uint64_t at = step * 4 * S;
		struct record_message m = prepare(flow, stream, CLIENT, at);

		m.request_id = id;
		switch (r % 10) {
		case 0: give(fulfill(flow, stream, CLIENT, at)); break;
		case 1: give(reject(flow, stream, CLIENT, at, "F99")); break;
		case 2: give(http(flow, stream, CLIENT, at, 202)); break;
		case 3: give(async_fulfill(flow, SERVER, at, id)); break;
		case 4: give_close(flow_close(flow, at)); break;
		case 5: match_tick(seen.match, at); break;
		default: give(m); break;
		}
		if (seen.opened - seen.closed != stats().open || seen.closed < closed_before ||
		    stats().open > CAPACITY)
			fail_msg("step %lu: %zu opened, %zu closed, %lu open", step, seen.opened,
				 seen.closed, stats().open);
		closed_before = seen.closed;
	}
	match_drain(seen.match, 24000 * S);
	assert_int_equal(seen.opened, seen.closed);
	assert_int_equal(seen.opened, stats().opened);
	assert_int_equal(stats().open, 0);
	assert_true(stats().evicted > 0);
	assert_true(stats().repeated > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_end_of_a_connection_closes_what_is_open_on_it),
		T(the_end_of_a_tls_connection_is_not_that_of_its_namesakes),
		T(no_reply_long_after_the_expiry_is_none_and_nothing_was_missed),
		T(none_where_records_were_dropped_says_nothing),
		T(a_far_expiry_is_not_waited_for_longer_than_a_minute),
		T(a_prepare_that_came_expired_is_waited_for_half_a_minute),
		T(one_with_a_near_expiry_does_not_wait_for_an_older_one),
		T(shutdown_closes_everything_as_lost),
		T(a_full_table_gives_up_the_oldest_and_counts_it),
		T(a_flood_in_one_target_pushes_out_nothing_of_another),
		T(a_gap_where_replies_come_ends_what_is_open_there_as_lost),
		T(a_reply_with_a_coding_is_lost_and_not_called_none),
		T(an_answer_after_a_gap_is_given_to_no_prepare_before_it),
		T(a_gap_among_requests_leaves_replies_alone),
		T(a_reply_seen_in_part_is_lost_and_not_called_wrong),
		T(what_is_open_where_reading_stops_is_lost_and_not_called_closed),
		T(a_connections_end_after_dropped_records_says_nothing),
		T(a_reply_that_waits_for_its_connections_end_to_be_settled_still_ends_once),
		T(every_exchange_closes_exactly_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
