/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline: what happens to exchanges, and what is counted. */
#include "tests/unit/support/pipelining.h"

static void test_a_payment_reaches_privacy_with_its_value(void **state)
{
	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	give(reject(7, 1, CLIENT, 2 * S, "T04"));
	assert_int_equal(truth().prepares, 0);
	for (__u32 i = 2; i <= 4; i++) {
		give(prepare(7, i, CLIENT, i * S));
		give(fulfill(7, i, CLIENT, i * S + MS));
	}
	assert_int_equal(truth().transactions, 1);
	assert_int_equal(truth().prepares, 4);
	assert_int_equal(truth().fulfills, 3);
	assert_int_equal(truth().rejects, 1);
	assert_int_equal(truth().value, 300);
	assert_int_equal(released(METRIC_TRANSACTIONS, NULL), 1);
	assert_int_equal(released(METRIC_PACKET_PREPARE, NULL), 4);
	assert_int_equal(released(METRIC_OUTCOMES, "fulfilled"), 3);
}

static void test_a_quote_is_no_transaction(void **state)
{
	(void)state;
	for (__u32 i = 1; i <= 5; i++) {
		give(prepare(7, i, CLIENT, i * S));
		give(reject(7, i, CLIENT, i * S + MS, "F08"));
	}
	pipeline_tick(b.pipeline, 5 * S + MS + IDLE);
	assert_int_equal(truth().transactions, 0);
	assert_int_equal(truth().prepares, 0);
	assert_int_equal(truth().probe_prepares, 5);
	assert_int_equal(truth().probe_rejects, 5);
	assert_int_equal(stats().payments.open, 0);
}

/* C in A -> C -> B: the same condition in and out. */
static void test_a_forwarded_packet_is_not_reported_to_the_network_and_counts_once(void **state)
{
	struct record_message in = prepare(7, 1, SERVER, 1 * S);
	struct record_message out = prepare(8, 1, CLIENT, 2 * S);

	(void)state;
	out.condition = in.condition;
	give(in);
	give(out);
	give(fulfill(8, 1, CLIENT, 3 * S));
	give(fulfill(7, 1, SERVER, 4 * S));
	assert_int_equal(truth().transactions, 0);
	assert_int_equal(truth().value, 0);
	assert_int_equal(released(METRIC_TRANSACTIONS_BY_ORIGIN, "forwarded"), 1);
	assert_int_equal(released(METRIC_TRANSACTIONS_BY_ORIGIN, "received"), 0);
	assert_int_equal(released(METRIC_ORIGINS, "forwarded"), 2);
}

static void test_a_received_packet_is_not_reported_to_the_network(void **state)
{
	(void)state;
	give(prepare(7, 1, SERVER, 1 * S));
	give(fulfill(7, 1, SERVER, 2 * S));
	assert_int_equal(truth().transactions, 0);
	assert_int_equal(released(METRIC_TRANSACTIONS_BY_ORIGIN, "received"), 1);
}

static void test_a_proxy_inside_the_target_does_not_double_the_value(void **state)
{
	struct record_message hops[3] = {prepare(7, 1, CLIENT, 1 * S), prepare(8, 1, SERVER, 1 * S),
					 prepare(9, 1, CLIENT, 1 * S)};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		hops[i].condition = 0xc0;
		give(hops[i]);
	}
	give(fulfill(9, 1, CLIENT, 2 * S));
	give(fulfill(8, 1, SERVER, 2 * S));
	give(fulfill(7, 1, CLIENT, 2 * S));
	assert_int_equal(truth().transactions, 1);
	assert_int_equal(truth().prepares, 1);
	assert_int_equal(truth().value, 100);
}

/* No asset is known, so every request for a packet's value is counted. */
static void test_the_value_of_a_packet_is_computed_once(void **state)
{
	struct record_message in = prepare(7, 1, SERVER, 1 * S);
	struct record_message out = prepare(8, 1, CLIENT, 1 * S);
	struct record_message copy = prepare(9, 1, CLIENT, 1 * S);

	(void)state;
	rebuild(NULL, 16);
	out.condition = copy.condition = in.condition;
	give(in);
	give(out);
	give(copy);
	give(fulfill(9, 1, CLIENT, 2 * S));
	give(fulfill(8, 1, CLIENT, 2 * S));
	give(fulfill(7, 1, SERVER, 2 * S));
	assert_int_equal(stats().payments.open, 1);
	pipeline_tick(b.pipeline, b.now_ns);
	assert_int_equal(released(METRIC_OTHERS_UNVALUED, "unattributed"), 1);
	assert_int_equal(released(METRIC_UNATTRIBUTED, NULL), 0);
}

/* A peer's URL and token that nobody configured: what is received has no value here, and the
 * network's totals miss nothing. */
static void test_what_is_received_without_a_known_asset_is_said_apart(void **state)
{
	(void)state;
	rebuild(NULL, 16);
	give(prepare(7, 1, SERVER, 1 * S));
	give(fulfill(7, 1, SERVER, 2 * S));
	settle();
	pipeline_tick(b.pipeline, b.now_ns);
	assert_int_equal(released(METRIC_UNATTRIBUTED, NULL), 0);
	assert_int_equal(released(METRIC_OTHERS_UNVALUED, "unattributed"), 1);
	assert_int_equal(released(METRIC_TRANSACTIONS_BY_ORIGIN, "received"), 1);
}

static void test_a_step_of_the_clock_expires_no_open_exchange(void **state)
{
	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	pipeline_set_clock(b.pipeline, REALTIME_OFFSET + 3600 * (int64_t)S);
	give(fulfill(7, 1, CLIENT, 2 * S));
	pipeline_drain(b.pipeline, 31 * S);
	assert_int_equal(truth().transactions, 1);
	assert_int_equal(truth().fulfills, 1);
}

static void test_a_fulfill_after_the_expiry_has_no_value(void **state)
{
	(void)state;
	pipeline_set_clock(b.pipeline, REALTIME_OFFSET + (int64_t)S);
	give(prepare(7, 1, CLIENT, 1 * S));
	give(fulfill(7, 1, CLIENT, 30 * S));
	pipeline_drain(b.pipeline, 31 * S);
	assert_int_equal(truth().value, 0);
	assert_int_equal(truth().transactions, 0);
	assert_int_equal(truth().probe_prepares, 1);
}

/* Packets 1 to 4: one that is fulfilled, and three that have no value. */
static void give_four(void)
{
	struct record_message zero = prepare(7, 2, CLIENT, 1 * S);
	struct record_message peer = prepare(7, 3, CLIENT, 1 * S);

	zero.amount = 0;
	peer.flags |= RECORD_PEER;
	give(prepare(7, 1, CLIENT, 1 * S));
	give(fulfill(7, 1, CLIENT, 2 * S));
	give(zero);
	give(fulfill(7, 2, CLIENT, 2 * S));
	give(peer);
	give(fulfill(7, 3, CLIENT, 2 * S));
	give(prepare(7, 4, CLIENT, 1 * S));
	give(reject(7, 4, CLIENT, 2 * S, "F99"));
	pipeline_tick(b.pipeline, 3 * S);
	pipeline_tick(b.pipeline, 3 * S);
}

static void test_a_fulfilled_packet_of_no_known_asset_is_counted_as_such(void **state)
{
	(void)state;
	rebuild(NULL, 16);
	give_four();
	assert_int_equal(stats().unattributed, 1);
	assert_int_equal(stats().unconverted, 0);
	assert_int_equal(released(METRIC_UNATTRIBUTED, NULL), 1);
	assert_int_equal(truth().transactions, 1);
	assert_int_equal(truth().fulfills, 1);
	assert_int_equal(truth().value, 0);
}

static void test_a_fulfilled_packet_that_no_rate_converts_is_counted_as_such(void **state)
{
	(void)state;
	rebuild(&nowhere, 16);
	give_four();
	assert_int_equal(stats().unattributed, 0);
	assert_int_equal(stats().unconverted, 1);
	assert_int_equal(released(METRIC_UNCONVERTED, NULL), 1);
	assert_int_equal(truth().transactions, 1);
	assert_int_equal(truth().value, 0);
}

static void test_an_amount_too_large_becomes_the_largest_value_and_is_counted(void **state)
{
	struct record_message p = prepare(7, 1, CLIENT, 1 * S);

	(void)state;
	rebuild(&dollars, 16);
	p.amount = UINT64_MAX;
	give(p);
	give(fulfill(7, 1, CLIENT, 2 * S));
	pipeline_tick(b.pipeline, 3 * S);
	assert_int_equal(stats().saturated, 1);
	assert_int_equal(released(METRIC_SATURATED, NULL), 1);
	assert_int_equal(truth().value, UINT64_MAX);
}

static void test_the_end_of_a_connection_ends_its_exchanges(void **state)
{
	struct record_flow_close close = flow_close(7, 2 * S);

	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	pipeline_record(b.pipeline, &close, sizeof(close));
	assert_int_equal(stats().match.open, 0);
	assert_int_equal(released(METRIC_OUTCOMES, "closed"), 1);
}

static void test_what_is_lost_reaches_the_counters_once(void **state)
{
	(void)state;
	rebuild(&usd, 2);
	for (__u64 flow = 1; flow <= 20; flow++) {
		struct record_message p = prepare(flow, 1, CLIENT, 1 * S);

		p.destination = flow;
		give(p);
	}
	give(fulfill(1, 1, CLIENT, 2 * S));
	pipeline_tick(b.pipeline, 3 * S);
	pipeline_tick(b.pipeline, 3 * S);
	assert_int_equal(stats().match.evicted, 18);
	assert_int_equal(released(METRIC_EVICTED, "exchanges"), 18);
	assert_int_equal(released(METRIC_EVICTED, "conditions"), 0);
	/* 18 streams have closed exchanges, but there is room for 16. */
	assert_int_equal(released(METRIC_EVICTED, "payments"), 2);
	assert_int_equal(released(METRIC_UNMATCHED, NULL), 1);
	assert_int_equal(released(METRIC_RECORDS, "message"), 21);
}

static void test_shutdown_leaves_nothing_open(void **state)
{
	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	give(fulfill(7, 1, CLIENT, 2 * S));
	give(prepare(7, 2, CLIENT, 3 * S));
	pipeline_drain(b.pipeline, 4 * S);
	assert_int_equal(stats().match.open, 0);
	assert_int_equal(stats().payments.open, 0);
	assert_int_equal(truth().prepares, 2);
	assert_int_equal(truth().fulfills, 1);
	assert_int_equal(released(METRIC_OUTCOMES, "lost"), 1);
	assert_int_equal(released(METRIC_RECORDS, "message"), 3);
}

static void test_an_impossible_table_size_is_refused(void **state)
{
	(void)state;
	assert_null(pipeline_new(&(struct pipeline_config){.exchanges = 1, .conditions = 1}));
	pipeline_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_payment_reaches_privacy_with_its_value),
		T(a_quote_is_no_transaction),
		T(a_forwarded_packet_is_not_reported_to_the_network_and_counts_once),
		T(a_received_packet_is_not_reported_to_the_network),
		T(a_proxy_inside_the_target_does_not_double_the_value),
		T(the_value_of_a_packet_is_computed_once),
		T(what_is_received_without_a_known_asset_is_said_apart),
		T(a_step_of_the_clock_expires_no_open_exchange),
		T(a_fulfill_after_the_expiry_has_no_value),
		T(a_fulfilled_packet_of_no_known_asset_is_counted_as_such),
		T(a_fulfilled_packet_that_no_rate_converts_is_counted_as_such),
		T(an_amount_too_large_becomes_the_largest_value_and_is_counted),
		T(the_end_of_a_connection_ends_its_exchanges),
		T(what_is_lost_reaches_the_counters_once),
		T(shutdown_leaves_nothing_open),
		T(an_impossible_table_size_is_refused),
	};

	return cmocka_run_group_tests_name("pipeline", tests, NULL, NULL);
}
