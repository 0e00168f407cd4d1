/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../user/config.h"
#include "../../user/pipeline.h"
#include "records.h"

#define CLIENT RECORD_ROLE_CLIENT
#define SERVER RECORD_ROLE_SERVER

#define IDLE (30 * S)

static const struct asset usd = {"USD", 4}, dollars = {"USD", 0}, nowhere = {"XYZ", 2};

/* What a test works with: everything real but the ring. */
static struct bench {
	struct peers *peers;
	struct rates *rates;
	struct privacy *privacy;
	struct pipeline *pipeline;
	unsigned opaque;
} b;

static void seeded(void *context, void *buf, size_t len)
{
	uint64_t *state = context;

	for (size_t i = 0; i < len; i++) {
		*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
		((uint8_t *)buf)[i] = (uint8_t)(*state >> 56);
	}
}

static void opaque(void *context, const struct record_opaque *record)
{
	assert_ptr_equal(context, &b);
	assert_int_equal(record->reason, RECORD_OPAQUE_TLS);
	b.opaque++;
}

/* Without ASSET nothing is attributed. */
static void build(const struct asset *asset, size_t exchanges)
{
	static const struct privacy_params params = PRIVACY_PARAMS_DEFAULT;
	static const struct rates_source_config no_rates[RATES_SOURCES];
	static uint64_t seed;
	struct config config = {.has_default_asset = asset != NULL};

	if (asset)
		config.default_asset = *asset;
	seed = 0x7e117a1e;
	memset(&b, 0, sizeof(b));
	b.peers = peers_new(&config, 16);
	b.rates = rates_new(no_rates);
	b.privacy = privacy_new(&params, "test", 1, seeded, &seed);
	assert_non_null(b.peers);
	assert_non_null(b.rates);
	assert_non_null(b.privacy);
	b.pipeline = pipeline_new(&(struct pipeline_config){
		.exchanges = exchanges,
		.conditions = 16,
		.payments = 16,
		.idle_ns = IDLE,
		.max_ns = 20 * IDLE,
		.realtime_offset_ns = REALTIME_OFFSET,
		.peers = b.peers,
		.rates = b.rates,
		.privacy = b.privacy,
		.opaque = opaque,
		.context = &b,
	});
	assert_non_null(b.pipeline);
}

static int setup(void **state)
{
	(void)state;
	build(&usd, 16);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pipeline_free(b.pipeline);
	privacy_free(b.privacy);
	rates_free(b.rates);
	peers_free(b.peers);
	return 0;
}

static void rebuild(const struct asset *asset, size_t exchanges)
{
	teardown(NULL);
	build(asset, exchanges);
}

static void give(struct record_message message)
{
	pipeline_record(b.pipeline, &message, sizeof(message));
}

/* A value as the operator's own endpoints see it. */
static int64_t released(enum metric metric, const char *label)
{
	struct released *r = privacy_release(b.privacy, 2);
	int64_t value = -1;

	assert_non_null(r);
	for (size_t i = 0; i < r->points_len; i++) {
		const struct released_point *point = &r->points[i];

		if (point->metric == metric &&
		    (!label ? !point->labels_len : !strcmp(point->labels[0].value, label)))
			value = point->value;
	}
	released_unref(r);
	return value;
}

static struct privacy_truth truth(void)
{
	return privacy_truth(b.privacy);
}

static struct pipeline_stats stats(void)
{
	return pipeline_stats(b.pipeline);
}

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
static void test_a_forwarded_packet_is_not_the_networks_and_counts_once(void **state)
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

static void test_a_received_packet_is_not_the_networks(void **state)
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

/* With no asset known, each packet whose value is asked for is counted. */
static void test_the_value_of_a_packet_is_asked_for_once(void **state)
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
	assert_int_equal(stats().unattributed, 1);
	give(fulfill(7, 1, SERVER, 2 * S));
	assert_int_equal(stats().unattributed, 1);
	assert_int_equal(stats().payments.open, 1);
}

static void test_a_blind_target_gives_the_network_nothing(void **state)
{
	(void)state;
	pipeline_set_blind(b.pipeline, 0, true);
	give(prepare(7, 1, CLIENT, 1 * S));
	give(fulfill(7, 1, CLIENT, 2 * S));
	assert_int_equal(truth().transactions, 0);
	assert_int_equal(released(METRIC_TRANSACTIONS_BY_ORIGIN, "unknown"), 1);
}

static void test_a_step_of_the_clock_expires_nothing_under_way(void **state)
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

/* Packets 1 to 4: a fulfilled one, and three that have no value to find. */
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

static void test_an_amount_too_large_is_the_largest_value_and_counted(void **state)
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

/* --- records that are not what they say ------------------------------------------------------ */

/* SIZE bytes of RECORD in memory that ends where they end. */
static void give_cut(const void *record, size_t size)
{
	void *copy = malloc(size ? size : 1);

	assert_non_null(copy);
	memcpy(copy, record, size);
	pipeline_record(b.pipeline, copy, size);
	free(copy);
}

static void test_a_record_cut_short_is_refused_and_counted(void **state)
{
	struct record_message m = prepare(7, 1, CLIENT, 1 * S);
	uint64_t refused = 0;

	(void)state;
	for (size_t size = 0; size < sizeof(m); size++, refused++)
		give_cut(&m, size);
	/* ... and one that says so itself. */
	for (m.head.len = 0; m.head.len < sizeof(m); m.head.len++, refused++)
		pipeline_record(b.pipeline, &m, sizeof(m));
	assert_int_equal(stats().invalid, refused);
	assert_int_equal(stats().match.opened, 0);
	pipeline_tick(b.pipeline, 2 * S);
	assert_int_equal(released(METRIC_RECORDS, "invalid"), refused);
	assert_int_equal(released(METRIC_RECORDS, "message"), 0);
}

static void test_another_version_is_refused_and_another_type_skipped(void **state)
{
	struct record_message m = prepare(7, 1, CLIENT, 1 * S);

	(void)state;
	m.head.version++;
	give(m);
	assert_int_equal(stats().invalid, 1);
	m.head.version = RECORD_VERSION;
	m.head.type = 0;
	give(m);
	m.head.type = 200;
	give(m);
	assert_int_equal(stats().unknown, 2);
	assert_int_equal(stats().invalid, 1);
	assert_int_equal(stats().match.opened, 0);
	pipeline_tick(b.pipeline, 2 * S);
	assert_int_equal(released(METRIC_RECORDS, "unknown"), 2);
}

static void test_the_size_of_one_type_is_not_taken_for_another(void **state)
{
	(void)state;
	for (__u8 type = RECORD_ENDPOINT; type <= RECORD_EXEC; type++) {
		struct record_message m = prepare(7, 1, CLIENT, 1 * S);

		m.head.type = type;
		give(m);
	}
	assert_int_equal(stats().invalid, 5);
	assert_int_equal(b.opaque, 0);
}

static void test_an_endpoint_with_impossible_lengths_is_refused(void **state)
{
	struct record_endpoint e = {.head = {.len = sizeof(e),
					     .version = RECORD_VERSION,
					     .type = RECORD_ENDPOINT,
					     .role = CLIENT},
				    .endpoint = 1,
				    .host_len = 1,
				    .path_len = 1,
				    .host = "h",
				    .path = "/"};
	struct peer_seen peer;

	(void)state;
	e.host_len = RECORD_HOST_MAX + 1;
	pipeline_record(b.pipeline, &e, sizeof(e));
	e.host_len = 1;
	e.path_len = RECORD_PATH_MAX + 1;
	pipeline_record(b.pipeline, &e, sizeof(e));
	assert_int_equal(stats().invalid, 2);
	assert_int_equal(peers_seen(b.peers, &peer, 1), 0);
	e.path_len = 1;
	pipeline_record(b.pipeline, &e, sizeof(e));
	assert_int_equal(stats().invalid, 2);
	assert_int_equal(peers_seen(b.peers, &peer, 1), 1);
	assert_int_equal(peer.endpoint, 1);
}

/* --- the other records ----------------------------------------------------------------------- */

static void test_gaps_are_counted_by_cause(void **state)
{
	static const char *const causes[] = {"hole", "http", "complex", "reorder", "load", "full"};
	struct record_gap gap = {
		.head = {.len = sizeof(gap), .version = RECORD_VERSION, .type = RECORD_GAP}};

	(void)state;
	for (__u8 cause = 0; cause <= RECORD_GAP_CAUSES + 1; cause++) {
		gap.cause = cause;
		gap.bytes = 100 + cause;
		pipeline_record(b.pipeline, &gap, sizeof(gap));
	}
	pipeline_tick(b.pipeline, 1 * S);
	for (__u8 cause = 1; cause <= RECORD_GAP_CAUSES; cause++) {
		assert_int_equal(released(METRIC_GAPS, causes[cause - 1]), 1);
		assert_int_equal(released(METRIC_GAP_BYTES, causes[cause - 1]), 100 + cause);
	}
	assert_int_equal(stats().invalid, 2);
	assert_int_equal(released(METRIC_RECORDS, "gap"), RECORD_GAP_CAUSES);
}

static void test_an_unreadable_connection_is_handed_on(void **state)
{
	struct record_opaque r = {
		.head = {.len = sizeof(r), .version = RECORD_VERSION, .type = RECORD_OPAQUE},
		.reason = RECORD_OPAQUE_TLS};

	(void)state;
	pipeline_record(b.pipeline, &r, sizeof(r));
	assert_int_equal(b.opaque, 1);
	pipeline_tick(b.pipeline, 1 * S);
	assert_int_equal(released(METRIC_RECORDS, "opaque"), 1);
}

static void test_the_end_of_a_connection_ends_its_exchanges(void **state)
{
	struct record_flow_close close = flow_close(7, 2 * S);

	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	pipeline_record(b.pipeline, &close, sizeof(close));
	pipeline_settle(b.pipeline, 0);
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
	/* 18 streams have closed exchanges, and there is room for 16. */
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

static void test_a_table_size_that_cannot_be_is_refused(void **state)
{
	(void)state;
	assert_null(pipeline_new(&(struct pipeline_config){.exchanges = 1, .conditions = 1}));
	pipeline_free(NULL);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_payment_reaches_privacy_with_its_value),
		T(a_quote_is_no_transaction),
		T(a_forwarded_packet_is_not_the_networks_and_counts_once),
		T(a_received_packet_is_not_the_networks),
		T(a_proxy_inside_the_target_does_not_double_the_value),
		T(the_value_of_a_packet_is_asked_for_once),
		T(a_blind_target_gives_the_network_nothing),
		T(a_step_of_the_clock_expires_nothing_under_way),
		T(a_fulfill_after_the_expiry_has_no_value),
		T(a_fulfilled_packet_of_no_known_asset_is_counted_as_such),
		T(a_fulfilled_packet_that_no_rate_converts_is_counted_as_such),
		T(an_amount_too_large_is_the_largest_value_and_counted),
		T(a_record_cut_short_is_refused_and_counted),
		T(another_version_is_refused_and_another_type_skipped),
		T(the_size_of_one_type_is_not_taken_for_another),
		T(an_endpoint_with_impossible_lengths_is_refused),
		T(gaps_are_counted_by_cause),
		T(an_unreadable_connection_is_handed_on),
		T(the_end_of_a_connection_ends_its_exchanges),
		T(what_is_lost_reaches_the_counters_once),
		T(shutdown_leaves_nothing_open),
		T(a_table_size_that_cannot_be_is_refused),
	};

	return cmocka_run_group_tests_name("pipeline", tests, NULL, NULL);
}
