/* SPDX-License-Identifier: Apache-2.0 */
/* traces: what each node makes of a packet joins at the collector, and only with the key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "privacy/privacy.h"
#include "profile/columns.h"
#include "profile/traces.h"

#define MS 1000000ULL
#define S  (1000 * MS)

static const struct siphash_key shared = {1, 2}, other = {3, 4};

static struct series *series;
static struct privacy *privacy;

static bool name(void *context, uint64_t endpoint, char *text, size_t len)
{
	(void)context;
	snprintf(text, len, "peer-%d", (int)endpoint);
	return endpoint != 0;
}

static struct traces *node(const struct siphash_key *key, uint64_t sample, uint64_t slowest)
{
	const struct traces_params params = {.key = *key,
					     .sample = sample,
					     .slowest = slowest,
					     .series = series,
					     .name = name,
					     .dependencies = {NULL, "postgresql"}};
	struct traces *t = traces_new(&params);

	assert_non_null(t);
	return t;
}

/* A packet of payment 70 that comes with expiry IN and goes on with expiry OUT; 0: it does not. */
static struct hop packet(uint64_t in, uint64_t out)
{
	return (struct hop){
		.kind = !in   ? HOP_ORIGINATED
			: out ? HOP_FORWARDED
			      : HOP_ANSWERED,
		.split = HOP_NO_CLOCK,
		.outcome = OUTCOME_FULFILLED,
		.endpoint = out ? 5 : 0,
		.destination = 70,
		.condition = 80,
		.in_expires_at = in,
		.out_expires_at = out,
		.has_margin = in && out,
		.margin_ns = 1000 * (int64_t)MS,
		.at_ns = {1 * MS, 2 * MS, 5 * MS, 11 * MS, 12 * MS, 16 * MS},
	};
}

static struct spans *spans_of(const struct siphash_key *key, const struct hop *hop,
			      const struct hop_columns *columns)
{
	struct traces *t = node(key, TRACES_ALL, 0);
	struct spans *spans;

	traces_hop(t, hop, columns);
	spans = traces_take(t, 1000);
	traces_free(t);
	assert_non_null(spans);
	return spans;
}

static const struct span *find(const struct spans *s, const char *what)
{
	for (size_t i = 0; i < s->len; i++) {
		if (!strcmp(s->list[i].name, what))
			return &s->list[i];
	}
	return NULL;
}

static void the_nodes_of_a_payment_make_one_trace(void **state)
{
	const struct hop first = packet(0, 300), second = packet(300, 200), third = packet(200, 0);
	struct spans *a = spans_of(&shared, &first, NULL), *b = spans_of(&shared, &second, NULL),
		     *c = spans_of(&shared, &third, NULL);

	(void)state;
	assert_int_equal(find(a, "packet out")->parent, 0);
	assert_int_equal(find(b, "packet in")->parent, find(a, "packet out")->id);
	assert_int_equal(find(b, "packet out")->parent, find(b, "packet in")->id);
	assert_int_equal(find(c, "packet in")->parent, find(b, "packet out")->id);
	assert_null(find(a, "packet in"));
	assert_null(find(c, "packet out"));
	assert_memory_equal(a->list[0].trace, b->list[0].trace, SPAN_TRACE_LEN);
	assert_memory_equal(a->list[0].trace, c->list[0].trace, SPAN_TRACE_LEN);
	spans_unref(a);
	spans_unref(b);
	spans_unref(c);
}

static void a_node_without_the_key_does_not_join(void **state)
{
	const struct hop first = packet(0, 300), second = packet(300, 0);
	struct spans *a = spans_of(&shared, &first, NULL), *b = spans_of(&other, &second, NULL);

	(void)state;
	assert_memory_not_equal(a->list[0].trace, b->list[0].trace, SPAN_TRACE_LEN);
	assert_true(find(b, "packet in")->parent != find(a, "packet out")->id);
	spans_unref(a);
	spans_unref(b);
}

/* What the record has would do to look for it in a memory dump. */
static void no_id_is_what_the_record_has(void **state)
{
	const struct hop hop = packet(300, 200);
	struct spans *s = spans_of(&shared, &hop, NULL);
	const uint64_t known[] = {hop.destination, hop.condition, 300, 200};

	(void)state;
	for (size_t i = 0; i < s->len; i++) {
		for (size_t k = 0; k < 4; k++) {
			assert_true(s->list[i].id != known[k] && s->list[i].parent != known[k]);
			assert_null(memmem(s->list[i].trace, SPAN_TRACE_LEN, &known[k], 8));
		}
	}
	spans_unref(s);
}

/* Else two spans of a trace had one id, and each of the second's children two parents. */
static void a_connector_that_does_not_shorten_the_expiry_makes_no_id_twice(void **state)
{
	const struct hop first = packet(0, 300), second = packet(300, 300), third = packet(300, 0);
	struct spans *a = spans_of(&shared, &first, NULL), *b = spans_of(&shared, &second, NULL),
		     *c = spans_of(&shared, &third, NULL);

	(void)state;
	assert_true(find(a, "packet out")->id != find(b, "packet out")->id);
	assert_int_equal(find(c, "packet in")->parent, find(a, "packet out")->id);
	spans_unref(a);
	spans_unref(b);
	spans_unref(c);
}

static void the_parts_of_a_packet_lie_end_to_end(void **state)
{
	static const char *const parts[] = {"receive wait", "connector out", "packet out",
					    "reply wait", "connector back"};
	const struct hop hop = packet(300, 200);
	struct spans *s = spans_of(&shared, &hop, NULL);
	const struct span *in = find(s, "packet in");
	uint64_t at = in->from_ns;

	(void)state;
	assert_int_equal(at, 1 * MS + 1000);
	for (size_t i = 0; i < 5; i++) {
		const struct span *part = find(s, parts[i]);

		assert_non_null(part);
		assert_int_equal(part->parent, in->id);
		assert_int_equal(part->from_ns, at);
		at = part->to_ns;
	}
	assert_int_equal(at, in->to_ns);
	assert_string_equal(in->outcome, "fulfilled");
	assert_string_equal(in->split, "no_clock");
	assert_int_equal(in->margin_ms, 1000);
	assert_false(in->failed);
	assert_string_equal(find(s, "packet out")->peer, "peer-5");
	spans_unref(s);
}

static void the_columns_of_a_part_sum_to_it(void **state)
{
	struct hop hop = packet(300, 200);
	struct hop_columns columns = {.peer_ns = 6 * MS};
	const struct span *out, *cpu, *waiting, *database;
	struct spans *s;

	(void)state;
	hop.split = HOP_SPLIT;
	columns.ns[HOP_RECEIVE][0][STRIP_WAITING] = 1 * MS;
	columns.ns[HOP_OUT][0][STRIP_ON] = 1 * MS;
	columns.ns[HOP_OUT][1][STRIP_WAITING] = MS / 2;
	columns.ns[HOP_OUT][1][STRIP_BLOCKED] = 3 * MS / 2;
	s = spans_of(&shared, &hop, &columns);
	out = find(s, "connector out");
	cpu = find(s, "on CPU");
	waiting = &s->list[0];
	database = find(s, "waiting for postgresql");
	for (size_t i = 0; i < s->len; i++) {
		if (!strcmp(s->list[i].name, "waiting for CPU") && s->list[i].parent == out->id)
			waiting = &s->list[i];
	}
	assert_true(cpu->total && waiting->total && database->total && !out->total);
	assert_int_equal(cpu->from_ns, out->from_ns);
	assert_int_equal(waiting->from_ns, cpu->to_ns);
	assert_int_equal(database->from_ns, waiting->to_ns);
	assert_int_equal(database->to_ns, out->to_ns);
	assert_int_equal(database->parent, out->id);
	spans_unref(s);
}

/* Of a Prepare that nobody has answered there is no time to divide. */
static void a_packet_without_reply_has_no_parts(void **state)
{
	struct hop hop = packet(300, 200);
	struct spans *s;

	(void)state;
	hop.split = HOP_NO_REPLY;
	hop.outcome = OUTCOME_UNANSWERED;
	hop.at_ns[3] = hop.at_ns[4] = hop.at_ns[5] = 0;
	s = spans_of(&shared, &hop, NULL);
	assert_int_equal(s->len, 2);
	assert_true(find(s, "packet in")->failed);
	assert_int_equal(find(s, "packet in")->to_ns, 5 * MS + 1000);
	spans_unref(s);
}

static size_t sampled(const struct siphash_key *key, uint64_t sample, bool *which)
{
	struct traces *t = node(key, sample, 0);
	struct hop hop = packet(300, 200);
	size_t n = 0;

	for (hop.destination = 1; hop.destination <= 1000; hop.destination++) {
		traces_hop(t, &hop, NULL);
		which[hop.destination - 1] = traces_len(t) > 0;
		n += traces_len(t) > 0;
		spans_unref(traces_take(t, 0));
	}
	traces_free(t);
	return n;
}

static void every_node_samples_the_same_payments(void **state)
{
	bool a[1000], b[1000];

	(void)state;
	assert_in_range(sampled(&shared, 100000, a), 60, 140);
	sampled(&shared, 100000, b);
	assert_memory_equal(a, b, sizeof(a));
	assert_int_equal(sampled(&shared, 0, a), 0);
	assert_int_equal(sampled(&shared, TRACES_ALL, a), 1000);
}

static void the_slowest_packets_of_a_minute_are_sent_when_it_is_over(void **state)
{
	struct traces *t = node(&shared, 0, 2);
	struct spans *s;

	(void)state;
	traces_settle(t, 1 * S);
	for (unsigned i = 1; i <= 9; i++) {
		struct hop hop = packet(300, 0);

		hop.at_ns[5] = (10 + (i * 7) % 10) * MS; /* 17 14 11 18 15 12 19 16 13 */
		hop.condition = i;
		traces_hop(t, &hop, NULL);
	}
	traces_settle(t, 60 * S);
	assert_int_equal(traces_len(t), 0);
	traces_settle(t, 62 * S);
	s = traces_take(t, 0);
	assert_int_equal(s->len, 2 * 3); /* packet in, receive wait, connector */
	for (size_t i = 0; i < s->len; i++) {
		if (!strcmp(s->list[i].name, "packet in"))
			assert_true(s->list[i].to_ns >= 18 * MS);
	}
	spans_unref(s);
	traces_settle(t, 130 * S);
	assert_null(traces_take(t, 0));
	traces_free(t);
}

static int64_t dropped(void)
{
	struct released *r = privacy_release(privacy, 2);
	int64_t value = -1;

	for (size_t i = 0; i < r->points_len; i++) {
		if (r->points[i].metric == METRIC_SPANS_DROPPED)
			value = r->points[i].value;
	}
	released_unref(r);
	return value;
}

static void what_finds_no_room_is_counted(void **state)
{
	struct traces *t = node(&shared, TRACES_ALL, 0);
	const struct hop hop = packet(300, 0);
	int64_t before = dropped();
	struct spans *s;

	(void)state;
	for (unsigned i = 0; i < SPANS_MAX; i++)
		traces_hop(t, &hop, NULL);
	s = traces_take(t, 0);
	assert_int_equal(s->len, SPANS_MAX);
	assert_int_equal(dropped() - before, 2 * SPANS_MAX);
	spans_unref(s);
	traces_free(t);
}

static int make(void **state)
{
	const struct privacy_params params = PRIVACY_PARAMS_DEFAULT;

	(void)state;
	series = series_new(0);
	privacy = privacy_new(&params, series, "test", 1, NULL, NULL);
	return !series || !privacy;
}

static int drop(void **state)
{
	(void)state;
	privacy_free(privacy);
	series_free(series);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_nodes_of_a_payment_make_one_trace),
		cmocka_unit_test(a_node_without_the_key_does_not_join),
		cmocka_unit_test(no_id_is_what_the_record_has),
		cmocka_unit_test(a_connector_that_does_not_shorten_the_expiry_makes_no_id_twice),
		cmocka_unit_test(the_parts_of_a_packet_lie_end_to_end),
		cmocka_unit_test(the_columns_of_a_part_sum_to_it),
		cmocka_unit_test(a_packet_without_reply_has_no_parts),
		cmocka_unit_test(every_node_samples_the_same_payments),
		cmocka_unit_test(the_slowest_packets_of_a_minute_are_sent_when_it_is_over),
		cmocka_unit_test(what_finds_no_room_is_counted),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make, drop);
}
