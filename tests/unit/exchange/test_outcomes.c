/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one promise about outcomes: whatever records come, in whatever order, every Prepare seen ends
 * in exactly one, and at any moment Prepares = sum over outcomes + open.
 *
 * Records are drawn over few flows, streams, ids and targets, so that everything meets everything;
 * some are impossible. A run that fails says its seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bpf/shared.h"
#include "tests/unit/support/records.h"
#include "tests/unit/support/seeded.h"
#include "daemon/pipeline.h"
#include "exchange/fulfillment.h"

#define RUNS    100
#define RECORDS 3000
#define ROOM    12 /* exchanges open at once, so that the table is full now and then */

#define CLIENT RECORD_ROLE_CLIENT
#define SERVER RECORD_ROLE_SERVER

static struct bed {
	struct seeded random;
	uint64_t seed, now_ns, dropped, prepares;
	struct peers *peers;
	struct rates *rates;
	struct series *series;
	struct privacy *privacy;
	struct pipeline *pipeline;
	struct fulfillment *fulfillment;
} b;

static const struct siphash_key session = {1, 2};

static uint64_t below(uint64_t bound)
{
	return seeded_below(&b.random, bound);
}

static void build(uint64_t seed)
{
	static const struct privacy_params params = PRIVACY_PARAMS_DEFAULT;
	static const struct rates_source_config no_rates[RATES_SOURCES];

	memset(&b, 0, sizeof(b));
	b.seed = seed;
	b.random.state = seed;
	b.now_ns = 1 * S;
	b.peers = peers_new(NULL, 0, NULL, 8);
	b.rates = rates_new(no_rates);
	b.series = series_new(0);
	assert_non_null(b.series);
	b.privacy = privacy_new(&params, b.series, "node", 1, seeded_fill, &b.random);
	assert_true(b.peers && b.rates && b.privacy);
	b.fulfillment = fulfillment_new(&session);
	assert_non_null(b.fulfillment);
	b.pipeline = pipeline_new(&(struct pipeline_config){
		.exchanges = ROOM,
		.conditions = ROOM / 2,
		.payments = 3,
		.idle_ns = 5 * S,
		.max_ns = 60 * S,
		.realtime_offset_ns = REALTIME_OFFSET,
		.peers = b.peers,
		.rates = b.rates,
		.privacy = b.privacy,
		.session = &session,
		.series = b.series,
	});
	assert_non_null(b.pipeline);
}

static void tear_down(void)
{
	pipeline_free(b.pipeline);
	fulfillment_free(b.fulfillment);
	privacy_free(b.privacy);
	series_free(b.series);
	rates_free(b.rates);
	peers_free(b.peers);
}

/* One of few, most often the same, so that most fit. */
static void some_fulfillment(uint8_t preimage[FULFILLMENT_LEN])
{
	memset(preimage, below(8) ? 0 : (int)below(4), FULFILLMENT_LEN);
}

static uint64_t some_condition(void)
{
	uint8_t preimage[FULFILLMENT_LEN];

	some_fulfillment(preimage);
	return fulfillment_condition(b.fulfillment, preimage);
}

static void give_message(struct record_message m)
{
	m.head.target = (uint8_t)below(3);
	m.flow.pid = (uint32_t)below(2);
	m.request_id = below(4);
	m.flags |= below(10) ? 0 : RECORD_CUT;
	m.flags |= below(8) ? 0 : RECORD_UNSURE;
	m.numbering = (uint8_t)below(2);
	if (m.kind == RECORD_KIND_FULFILL)
		some_fulfillment(m.fulfillment);
	else if (m.kind == RECORD_KIND_PREPARE)
		m.condition = some_condition();
	if (m.kind != RECORD_KIND_FULFILL)
		m.expires_at = below(3) ? EXPIRES_AT_30S : below(2) ? 0 : 20270101000000000ULL;
	b.prepares += m.kind == RECORD_KIND_PREPARE && m.flags & RECORD_REQUEST;
	pipeline_record(b.pipeline, &m, sizeof(m));
}

static struct record_message some_answer(__u64 flow, __u32 stream, __u8 role)
{
	static const __u16 statuses[] = {200, 202, 204, 302, 404, 500, 0, 999};
	struct record_message m = http(flow, stream, role, b.now_ns, statuses[below(8)]);

	m.kind = below(2) ? RECORD_KIND_NONE : RECORD_KIND_BAD;
	return m;
}

static struct record_message some_asynchronous(__u64 flow, __u8 role)
{
	struct record_message m = fulfill(flow, 1, role, b.now_ns);

	m.flags = RECORD_REQUEST;
	m.http_status = 0;
	if (!below(5))
		m.kind = below(2) ? RECORD_KIND_BAD : RECORD_KIND_REJECT;
	return m;
}

static void give_gap(__u64 flow)
{
	struct record_gap gap = {
		.head = {.len = sizeof(gap),
			 .version = RECORD_VERSION,
			 .type = RECORD_GAP,
			 .tap = RECORD_TAP_SOCKET,
			 .target = (uint8_t)below(3)},
		.flow = {.id = flow, .pid = (uint32_t)below(2)},
		.at_ns = b.now_ns,
		.cause = (__u8)(1 + below(RECORD_GAP_CAUSES)),
		.ingress = (__u8)below(2),
	};

	pipeline_record(b.pipeline, &gap, sizeof(gap));
}

static void give_close(__u64 flow)
{
	struct record_flow_close close = flow_close(flow, b.now_ns);

	close.flow.pid = (uint32_t)below(2);
	pipeline_record(b.pipeline, &close, sizeof(close));
}

static void give_opaque(__u64 flow)
{
	struct record_opaque opaque = opaque_flow(flow, RECORD_OPAQUE_UPGRADED, b.now_ns);

	opaque.flow.pid = (uint32_t)below(2);
	pipeline_record(b.pipeline, &opaque, sizeof(opaque));
}

/* Bytes that are a record in name only. */
static void give_rubbish(void)
{
	_Alignas(8) uint8_t bytes[sizeof(struct record_endpoint)];
	struct record_message m = prepare(1, 1, CLIENT, b.now_ns);

	seeded_fill(&b.random, bytes, sizeof(bytes));
	pipeline_record(b.pipeline, bytes, below(sizeof(bytes)));
	m.head.version++;
	pipeline_record(b.pipeline, &m, sizeof(m));
}

static void give_something(void)
{
	__u64 flow = 1 + below(6);
	__u32 stream = 1 + (__u32)below(4);
	__u8 role = (__u8)below(3);

	b.now_ns += below(40) ? below(500) * MS : 20 * S;
	switch (below(17)) {
	case 0: give_message(fulfill(flow, stream, role, b.now_ns)); break;
	case 1:
		give_message(reject(flow, stream, role, b.now_ns, below(2) ? "T04" : "\1\2\3"));
		break;
	case 2:
	case 3: give_message(some_answer(flow, stream, role)); break;
	case 4: give_message(some_asynchronous(flow, role)); break;
	case 5: give_close(flow); break;
	case 6: give_gap(flow); break;
	case 7: pipeline_tick(b.pipeline, b.now_ns); break;
	case 8: pipeline_settle(b.pipeline, b.dropped += below(2), b.now_ns); break;
	case 9: give_rubbish(); break;
	case 10: give_opaque(flow); break;
	default: give_message(prepare(flow, stream, role, b.now_ns)); break;
	}
}

static uint64_t ended(void)
{
	struct privacy_truth t = privacy_truth(b.privacy);
	uint64_t sum = 0;

	assert_int_equal(t.outcomes[OUTCOME_OPEN], 0);
	for (size_t i = OUTCOME_FULFILLED; i < OUTCOMES; i++)
		sum += t.outcomes[i];
	return sum;
}

/* Of the series of METRIC on the page. */
static uint64_t released_sum(enum metric metric)
{
	struct released *r = privacy_release(b.privacy, 2);
	uint64_t sum = 0;

	assert_non_null(r);
	for (size_t i = 0; i < r->points_len; i++)
		sum += r->points[i].metric == metric ? (uint64_t)r->points[i].value : 0;
	released_unref(r);
	return sum;
}

static void check(size_t step)
{
	struct match_stats match = pipeline_stats(b.pipeline).match;
	uint64_t done = ended() + pipeline_stats(b.pipeline).waiting;

	if (match.opened != b.prepares || match.opened != done + match.open || match.open > ROOM)
		fail_msg("seed %llu, record %zu: %llu Prepares, %llu opened, %llu ended, %llu open",
			 (unsigned long long)b.seed, step, (unsigned long long)b.prepares,
			 (unsigned long long)match.opened, (unsigned long long)done,
			 (unsigned long long)match.open);
}

static void test_prepares_are_outcomes_and_open_ones_whatever_comes(void **state)
{
	struct privacy_truth all = {0};

	(void)state;
	for (uint64_t seed = 1; seed <= RUNS; seed++) {
		struct privacy_truth t;

		build(seed);
		for (size_t step = 0; step < RECORDS; step++) {
			give_something();
			check(step);
		}
		pipeline_drain(b.pipeline, b.now_ns);
		check(RECORDS);
		assert_int_equal(pipeline_stats(b.pipeline).match.open, 0);
		t = privacy_truth(b.privacy);
		assert_int_equal(released_sum(METRIC_OUTCOMES), b.prepares);
		/* Each is judged, and once. */
		assert_int_equal(released_sum(METRIC_ORIGINS), b.prepares);
		assert_int_equal(released_sum(METRIC_LOST), t.outcomes[OUTCOME_LOST]);
		assert_int_equal(released_sum(METRIC_HTTP_ERRORS), t.outcomes[OUTCOME_HTTP_ERROR]);
		for (size_t i = 0; i < OUTCOMES; i++)
			all.outcomes[i] += t.outcomes[i];
		for (size_t i = 0; i < LOSTS; i++)
			all.lost[i] += t.lost[i];
		tear_down();
	}
	/* The runs came by everything there is. */
	for (size_t i = OUTCOME_FULFILLED; i < OUTCOMES; i++)
		assert_true(all.outcomes[i] > 0);
	for (size_t i = LOST_GAP; i < LOSTS; i++)
		assert_true(all.lost[i] > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prepares_are_outcomes_and_open_ones_whatever_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
