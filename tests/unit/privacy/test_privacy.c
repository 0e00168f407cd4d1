/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted, what is released, and what is kept back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/record.h"
#include "tests/unit/support/releasing.h"
#include "privacy/entropy.h"
#include "privacy/privacy.h"

static const struct bucket_laplace defaults = BUCKET_LAPLACE_DEFAULT;

/* --- counters --- */

static struct privacy *fresh(const struct bucket_laplace *params, struct seeded *s,
			     struct series **series)
{
	struct privacy_params all = {.bucket = *params, .budget = BUDGET_DEFAULT};

	return node_new(&all, 1000, s, series);
}

static void every_series_is_there_from_the_start_at_zero(void **state)
{
	struct seeded s;
	struct series *series;
	struct privacy *p = fresh(&defaults, &s, &series);
	struct released *r = privacy_release(p, 2000);
	bool seen[METRICS_LEN] = {false};

	(void)state;
	assert_int_equal(r->start_unix_ns, 1000);
	assert_int_equal(r->time_unix_ns, 2000);
	assert_string_equal(r->source, "here");
	assert_string_equal(r->mechanism, "bucket-laplace");
	for (size_t i = 0; i < r->points_len; i++) {
		const struct released_point *point = &r->points[i];

		assert_true(!i || point->metric >= r->points[i - 1].metric);
		assert_int_equal(point->value, point->metric == METRIC_RATES_AGE  ? -1
					       : point->metric == METRIC_COVERAGE ? 1
										  : 0);
		assert_int_equal(point->count, 0);
		seen[point->metric] = true;
	}
	for (int m = 0; m < METRICS_LEN; m++) {
		bool labelled_at_run_time =
			m == METRIC_TARGET_CGROUPS || m == METRIC_TARGET_SINCE ||
			(m >= METRIC_PEER_EXCHANGES && m <= METRIC_PEER_SPREAD_VARIANCE) ||
			m == METRIC_DEPENDENCY_TIME || m == METRIC_DEPENDENCY_TURNS ||
			(m >= METRIC_EXPORTS && m <= METRIC_EXPORT_SPANS_LOST);

		assert_int_equal(seen[m], !labelled_at_run_time);
	}
	find(r, METRIC_PACKETS, "reject", "probe");
	find(r, METRIC_REJECTS, "F00", "incoming_payment");
	find(r, METRIC_REJECTS, "R99", "outgoing_payment");
	find(r, METRIC_REJECTS, "other", "unknown");
	find(r, METRIC_GAPS, "full", NULL);
	find(r, METRIC_OUTCOMES, "lost", NULL);
	find(r, METRIC_EVICTED, "conditions", NULL);
	find(r, METRIC_OPAQUE, "tls-unattached", NULL);
	find(r, METRIC_RATES_FAILURES, "network", NULL);
	released_unref(r);
	node_free(p, series);
}

static void packets_of_originated_payments_are_counted_by_outcome(void **state)
{
	struct seeded s;
	struct series *series;
	struct privacy *p = fresh(&defaults, &s, &series);
	struct contribution c;
	struct privacy_truth truth;
	struct released *r;

	(void)state;
	c = packet(ORIGIN_ORIGINATED, OUTCOME_FULFILLED, 8300);
	privacy_observe(p, &c);
	c = packet(ORIGIN_ORIGINATED, OUTCOME_REJECTED, 0);
	strcpy(c.reject_code, "T04");
	privacy_observe(p, &c);
	strcpy(c.reject_code, "F42");
	privacy_observe(p, &c);
	c = packet(ORIGIN_ORIGINATED, OUTCOME_EXPIRED, 0);
	privacy_observe(p, &c);
	c = (struct contribution){.kind = CONTRIBUTION_TRANSACTION, .origin = ORIGIN_ORIGINATED};
	privacy_observe(p, &c);
	r = privacy_release(p, 1);
	assert_int_equal(value_of(r, METRIC_PACKET_PREPARE, NULL, NULL), 4);
	assert_int_equal(value_of(r, METRIC_PACKET_FULFILL, NULL, NULL), 1);
	/* The late one is one of its connector's rejects. */
	assert_int_equal(value_of(r, METRIC_PACKET_REJECT, NULL, NULL), 3);
	assert_int_equal(value_of(r, METRIC_PACKETS, "prepare", "payment"), 4);
	assert_int_equal(value_of(r, METRIC_PACKETS, "fulfill", "payment"), 1);
	assert_int_equal(value_of(r, METRIC_PACKETS, "reject", "payment"), 3);
	assert_int_equal(value_of(r, METRIC_PACKETS, "prepare", "probe"), 0);
	assert_int_equal(value_of(r, METRIC_TRANSACTIONS, NULL, NULL), 1);
	assert_int_equal(value_of(r, METRIC_TRANSACTIONS_BY_ORIGIN, "originated", NULL), 1);
	truth = privacy_truth(p);
	assert_int_equal(truth.prepares, 4);
	assert_int_equal(truth.fulfills, 1);
	assert_int_equal(truth.rejects, 3);
	assert_int_equal(truth.transactions, 1);
	assert_int_equal(truth.value, 8300);
	released_unref(r);
	node_free(p, series);
}

static void what_others_originated_stays_out_of_the_networks_totals(void **state)
{
	static const enum origin others[] = {ORIGIN_UNKNOWN, ORIGIN_FORWARDED, ORIGIN_RECEIVED};
	struct seeded s;
	struct series *series;
	struct privacy *p = fresh(&defaults, &s, &series);
	struct released *r;

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct contribution c = packet(others[i], OUTCOME_FULFILLED, 1000000);

		privacy_observe(p, &c);
		c = packet(others[i], OUTCOME_REJECTED, 0);
		privacy_observe(p, &c);
		c.kind = CONTRIBUTION_TRANSACTION;
		privacy_observe(p, &c);
		c.kind = CONTRIBUTION_PAYMENT_END;
		privacy_observe(p, &c);
		c.kind = CONTRIBUTION_PROBE_PACKET;
		privacy_observe(p, &c);
	}
	r = privacy_release(p, 1);
	for (size_t i = 0; i < r->points_len; i++) {
		const struct released_point *point = &r->points[i];

		if (metric_infos[point->metric].audience == AUDIENCE_NETWORK) {
			assert_int_equal(point->value, point->metric == METRIC_COVERAGE);
			assert_int_equal(point->count, 0);
		}
	}
	assert_true(value_of(r, METRIC_AMOUNT_BY_ORIGIN, "forwarded", NULL) > 0);
	assert_true(value_of(r, METRIC_AMOUNT_BY_ORIGIN, "received", NULL) > 0);
	assert_int_equal(value_of(r, METRIC_AMOUNT_BY_ORIGIN, "originated", NULL), 0);
	assert_int_equal(value_of(r, METRIC_TRANSACTIONS_BY_ORIGIN, "unknown", NULL), 1);
	assert_int_equal(privacy_truth(p).value, 0);
	assert_int_equal(privacy_truth(p).prepares, 0);
	released_unref(r);
	node_free(p, series);
}

static void packets_of_a_rate_probe_are_counted_apart(void **state)
{
	struct seeded s;
	struct series *series;
	struct privacy *p = fresh(&defaults, &s, &series);
	struct contribution c = packet(ORIGIN_ORIGINATED, OUTCOME_REJECTED, 0);
	struct released *r;

	(void)state;
	c.kind = CONTRIBUTION_PROBE_PACKET;
	strcpy(c.reject_code, "F08");
	privacy_observe(p, &c);
	r = privacy_release(p, 1);
	assert_int_equal(value_of(r, METRIC_PACKETS, "prepare", "probe"), 1);
	assert_int_equal(value_of(r, METRIC_PACKETS, "reject", "probe"), 1);
	assert_int_equal(value_of(r, METRIC_PACKETS, "prepare", "payment"), 0);
	assert_int_equal(value_of(r, METRIC_PACKET_PREPARE, NULL, NULL), 0);
	assert_int_equal(value_of(r, METRIC_PACKET_REJECT, NULL, NULL), 0);
	assert_int_equal(privacy_truth(p).probe_prepares, 1);
	assert_int_equal(privacy_truth(p).probe_rejects, 1);
	assert_int_equal(privacy_truth(p).prepares, 0);
	released_unref(r);
	node_free(p, series);
}

/* 3,000,000 lies between the grid's 2,560,000 and 5,120,000, and is published as the larger. */
static void the_network_and_the_operator_get_a_draw_each_and_the_operators_is_right(void **state)
{
	struct seeded s;
	struct series *series;
	struct privacy *p = fresh(&defaults, &s, &series);
	struct contribution c = packet(ORIGIN_ORIGINATED, OUTCOME_FULFILLED, 3000000);
	struct released *r;
	double own;

	(void)state;
	for (int i = 0; i < 100; i++)
		privacy_observe(p, &c);
	r = privacy_release(p, 1);
	own = (double)value_of(r, METRIC_AMOUNT_BY_ORIGIN, "originated", NULL);
	assert_true(fabs(own - 300e6) < 4 * sqrt(r->value_variance));
	assert_true(sqrt(r->value_variance) < 0.05 * 300e6);
	assert_true(fabs((double)value_of(r, METRIC_AMOUNT_FULFILL, NULL, NULL) - 512e6) < 40e6);
	assert_int_not_equal(value_of(r, METRIC_AMOUNT_FULFILL, NULL, NULL), 512000000);
	released_unref(r);
	node_free(p, series);
}

static void what_did_not_move_or_convert_adds_no_value(void **state)
{
	struct seeded s;
	struct series *series;
	struct privacy *p = fresh(&defaults, &s, &series);
	struct contribution c = packet(ORIGIN_ORIGINATED, OUTCOME_FULFILLED, 0);
	struct released *r;

	(void)state;
	c.converted = false;
	privacy_observe(p, &c);
	c = packet(ORIGIN_ORIGINATED, OUTCOME_EXPIRED, 5000000);
	c.converted = true;
	privacy_observe(p, &c);
	r = privacy_release(p, 1);
	assert_int_equal(value_of(r, METRIC_AMOUNT_FULFILL, NULL, NULL), 0);
	assert_int_equal(value_of(r, METRIC_PACKET_FULFILL, NULL, NULL), 1);
	assert_int_equal(privacy_truth(p).value, 0);
	released_unref(r);
	node_free(p, series);
}

static void a_released_sum_never_falls_though_the_noisy_one_does(void **state)
{
	/* Half a bucket with noise of a tenth of it: one packet in 300 takes value away. */
	const struct bucket_laplace params = {.min_bucket = 10000000,
					      .max_bucket = 10000000,
					      .min_value = 2500,
					      .max_value = 100000000};
	struct seeded s, mirrored = {SEED};
	struct entropy *mirror = malloc(sizeof(*mirror));
	struct series *series;
	struct privacy *p = fresh(&params, &s, &series);
	struct contribution c = packet(ORIGIN_ORIGINATED, OUTCOME_FULFILLED, 2500);
	const struct bucket_laplace own = bucket_laplace_own(&params);
	int64_t sum = 0, highest = 0, before = 0;
	int falls = 0;

	(void)state;
	/* The same draws from the same seed give the sum before it is held. */
	entropy_init(mirror, seeded_fill, &mirrored);
	for (int i = 0; i < 5000; i++) {
		struct released *r;
		int64_t noisy, now;

		bucket_laplace_apply(&own, 2500, entropy_take, mirror);
		noisy = bucket_laplace_noisy(&params, 5000000, 10000000, entropy_take, mirror);
		privacy_observe(p, &c);
		r = privacy_release(p, (uint64_t)i);
		now = value_of(r, METRIC_AMOUNT_FULFILL, NULL, NULL);
		released_unref(r);
		sum += noisy;
		falls += noisy < 0;
		highest = sum > highest ? sum : highest;
		assert_true(now >= before);
		assert_int_equal(now, highest);
		before = now;
	}
	assert_true(falls > 5);
	node_free(p, series);
	free(mirror);
}

/* --- times --- */

static void times_fall_into_the_bucket_whose_bound_takes_them_in(void **state)
{
	struct seeded s;
	struct series *series;
	struct privacy *p = fresh(&defaults, &s, &series);
	struct contribution c = {.kind = CONTRIBUTION_PAYMENT_END, .origin = ORIGIN_ORIGINATED};
	static const uint64_t times[] = {0, 1, 5 * MS, 5 * MS + 1, 10000 * MS, 10000 * MS + 1};
	static const int buckets[] = {0, 1, 1, 2, METRIC_BOUNDS - 1, METRIC_BOUNDS};
	const struct released_point *point;
	struct released *r;

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		c.pay_ns = times[i];
		c.round_trip_ns = 75 * MS;
		privacy_observe(p, &c);
	}
	r = privacy_release(p, 1);
	point = find(r, METRIC_PAY_TIME, NULL, NULL);
	assert_int_equal(point->count, 6);
	assert_true(point->sum_ms > 20010 && point->sum_ms < 20010.1);
	for (size_t i = 0; i < sizeof(buckets) / sizeof(buckets[0]); i++)
		assert_true(point->buckets[buckets[i]] > 0);
	assert_int_equal(point->buckets[1], 2);
	assert_int_equal(find(r, METRIC_ROUND_TRIP, NULL, NULL)->buckets[5], 6);
	released_unref(r);
	node_free(p, series);
}

static void an_exchange_counts_by_outcome_and_origin_and_times_only_with_a_reply(void **state)
{
	struct seeded s;
	struct series *series;
	struct privacy *p = fresh(&defaults, &s, &series);
	struct exchange e = {
		.role = RECORD_ROLE_SERVER,
		.origin = ORIGIN_FORWARDED,
		.outcome = OUTCOME_FULFILLED,
		.prepare_ns = 100 * MS,
		.prepare_done_ns = 101 * MS,
		.reply_ns = 181 * MS,
		.reply_done_ns = 220 * MS,
	};
	struct released *r;

	(void)state;
	privacy_exchange(p, &e);
	e.role = RECORD_ROLE_CLIENT;
	privacy_exchange(p, &e);
	e.outcome = OUTCOME_LOST;
	e.reply_ns = 0;
	privacy_exchange(p, &e);
	r = privacy_release(p, 1);
	assert_int_equal(value_of(r, METRIC_OUTCOMES, "fulfilled", NULL), 2);
	assert_int_equal(value_of(r, METRIC_OUTCOMES, "lost", NULL), 1);
	assert_int_equal(value_of(r, METRIC_ORIGINS, "forwarded", NULL), 3);
	/* 120 ms from the first byte to the last, of which 80 ms in the target. */
	assert_int_equal(find(r, METRIC_EXCHANGE_TIME, "forwarded", NULL)->count, 2);
	assert_int_equal(find(r, METRIC_EXCHANGE_TIME, "forwarded", NULL)->buckets[7], 2);
	assert_int_equal(find(r, METRIC_PREPARE_PROCESSING, "routing", NULL)->count, 1);
	assert_int_equal(find(r, METRIC_PREPARE_PROCESSING, "routing", NULL)->buckets[6], 1);
	assert_int_equal(find(r, METRIC_PREPARE_PROCESSING, "incoming_payment", NULL)->count, 0);
	released_unref(r);
	node_free(p, series);
}

/* Whatever a Prepare of a payment ends in, Rafiki counts a Fulfill or a Reject, if it is seen. */
static void a_prepare_that_ends_without_a_reject_is_one_of_its_connectors(void **state)
{
	struct seeded s;
	struct series *series;
	struct privacy *p = fresh(&defaults, &s, &series);
	struct released *r;

	(void)state;
	for (unsigned outcome = OUTCOME_FULFILLED; outcome < OUTCOMES; outcome++) {
		struct contribution c = packet(ORIGIN_ORIGINATED, outcome, 0);

		privacy_observe(p, &c);
	}
	r = privacy_release(p, 1);
	assert_int_equal(value_of(r, METRIC_PACKET_PREPARE, NULL, NULL), OUTCOMES - 1);
	assert_int_equal(value_of(r, METRIC_PACKET_FULFILL, NULL, NULL), 1);
	assert_int_equal(value_of(r, METRIC_PACKET_REJECT, NULL, NULL), OUTCOMES - 3);
	released_unref(r);
	node_free(p, series);
}

static void rejects_are_all_rejects_with_the_operation_beside_them(void **state)
{
	static const struct {
		enum origin origin;
		enum record_role role;
		bool protocol;
	} rejected[] = {
		{ORIGIN_ORIGINATED, RECORD_ROLE_CLIENT, false},
		{ORIGIN_RECEIVED, RECORD_ROLE_SERVER, false},
		{ORIGIN_RECEIVED, RECORD_ROLE_SERVER, false},
		/* One packet, in and out. */
		{ORIGIN_FORWARDED, RECORD_ROLE_SERVER, false},
		{ORIGIN_FORWARDED, RECORD_ROLE_CLIENT, false},
		{ORIGIN_PROXY_COPY, RECORD_ROLE_CLIENT, false},
		{ORIGIN_UNKNOWN, RECORD_ROLE_CLIENT, false},
		{ORIGIN_RECEIVED, RECORD_ROLE_SERVER, true},
	};
	struct seeded s;
	struct series *series;
	struct privacy *p = fresh(&defaults, &s, &series);
	struct released *r;

	(void)state;
	for (size_t i = 0; i < sizeof(rejected) / sizeof(rejected[0]); i++) {
		struct exchange e = {.origin = rejected[i].origin,
				     .role = rejected[i].role,
				     .peer_protocol = rejected[i].protocol,
				     .outcome = OUTCOME_REJECTED,
				     .reject_code = "T04"};

		privacy_exchange(p, &e);
	}
	r = privacy_release(p, 1);
	assert_int_equal(value_of(r, METRIC_REJECTS, "T04", "outgoing_payment"), 1);
	assert_int_equal(value_of(r, METRIC_REJECTS, "T04", "incoming_payment"), 2);
	assert_int_equal(value_of(r, METRIC_REJECTS, "T04", "routing"), 1);
	assert_int_equal(value_of(r, METRIC_REJECTS, "T04", "unknown"), 2);
	assert_int_equal(value_of(r, METRIC_REJECTS, "F08", "unknown"), 0);
	released_unref(r);
	node_free(p, series);
}

static void an_originated_packet_is_timed_to_its_end_whatever_that_is(void **state)
{
	struct exchange e = {.role = RECORD_ROLE_CLIENT,
			     .origin = ORIGIN_ORIGINATED,
			     .outcome = OUTCOME_CLOSED,
			     .prepare_ns = 100 * MS,
			     .prepare_done_ns = 101 * MS,
			     .reply_done_ns = 180 * MS};
	struct seeded s;
	struct series *series;
	struct privacy *p = fresh(&defaults, &s, &series);
	struct released *r;

	(void)state;
	privacy_exchange(p, &e);
	e.peer_protocol = true;
	privacy_exchange(p, &e);
	r = privacy_release(p, 1);
	assert_int_equal(find(r, METRIC_PREPARE_PROCESSING, "outgoing_payment", NULL)->count, 1);
	assert_int_equal(find(r, METRIC_PREPARE_PROCESSING, "outgoing_payment", NULL)->buckets[6],
			 1);
	assert_int_equal(find(r, METRIC_PREPARE_PROCESSING, "unknown", NULL)->count, 1);
	assert_int_equal(find(r, METRIC_EXCHANGE_TIME, "originated", NULL)->count, 0);
	released_unref(r);
	node_free(p, series);
}

/* --- operational series --- */

static void a_fixed_series_is_found_and_not_made_again(void **state)
{
	struct seeded s;
	struct series *series;
	struct privacy *p = fresh(&defaults, &s, &series);
	struct released *before = privacy_release(p, 1), *after;
	int gap = series_find(series, METRIC_GAPS, "cause", "hole");
	int dropped = series_find(series, METRIC_RECORDS_DROPPED, NULL, NULL);
	int age = series_find(series, METRIC_RATES_AGE, "document", "network");

	(void)state;
	assert_true(gap >= 0 && dropped >= 0 && age >= 0);
	series_add(series, gap, 2);
	series_add(series, gap, 1);
	series_add(series, dropped, UINT64_MAX);
	series_put(series, age, 17);
	series_add(series, -1, 1);
	after = privacy_release(p, 2);
	assert_int_equal(after->points_len, before->points_len);
	assert_int_equal(value_of(after, METRIC_GAPS, "hole", NULL), 3);
	assert_true(value_of(after, METRIC_RECORDS_DROPPED, NULL, NULL) == INT64_MAX);
	assert_int_equal(value_of(after, METRIC_RATES_AGE, "network", NULL), 17);
	/* A gauge may fall, and a snapshot released before does not change. */
	series_put(series, age, 3);
	released_unref(after);
	after = privacy_release(p, 3);
	assert_int_equal(value_of(after, METRIC_RATES_AGE, "network", NULL), 3);
	assert_int_equal(value_of(before, METRIC_GAPS, "hole", NULL), 0);
	released_unref(before);
	released_unref(after);
	node_free(p, series);
}

static void a_snapshot_outlives_everything_it_was_made_from(void **state)
{
	struct seeded s;
	struct series *series;
	struct privacy *p = fresh(&defaults, &s, &series);
	char url[] = "https://one.example";
	int handle = series_find(series, METRIC_EXPORTS, "endpoint", url);
	struct released *r;

	(void)state;
	assert_true(handle >= 0);
	memset(url, 'x', sizeof(url) - 1);
	assert_int_equal(series_find(series, METRIC_EXPORTS, "endpoint", "https://one.example"),
			 handle);
	series_add(series, handle, 5);
	r = privacy_release(p, 1);
	node_free(p, series);
	released_ref(r);
	released_unref(r);
	assert_string_equal(r->source, "here");
	assert_string_equal(find(r, METRIC_EXPORTS, "https://one.example", NULL)->labels[0].key,
			    "endpoint");
	assert_int_equal(value_of(r, METRIC_EXPORTS, "https://one.example", NULL), 5);
	released_unref(r);
	released_unref(NULL);
}

static void what_is_beyond_the_limit_of_series_is_counted_together(void **state)
{
	struct privacy_params params = PRIVACY_PARAMS_DEFAULT;
	struct series *series;
	struct seeded s;
	struct privacy *p;
	struct released *r;
	char url[32];
	int64_t sum = 0;
	size_t found = 0;

	(void)state;
	params.cardinality_limit = 40;
	p = node_new(&params, 1000, &s, &series);
	for (int i = 0; i < 100; i++) {
		int at;

		snprintf(url, sizeof(url), "%d", i);
		at = series_find(series, METRIC_EXPORTS, "endpoint", url);
		assert_true(at >= 0);
		series_add(series, at, 1);
	}
	/* Every metric has its own limit. */
	assert_true(series_find(series, METRIC_EXPORT_BYTES, "endpoint", "0") >= 0);
	r = privacy_release(p, 1);
	for (size_t i = 0; i < r->points_len; i++) {
		if (r->points[i].metric != METRIC_EXPORTS)
			continue;
		found++;
		sum += r->points[i].value;
	}
	/* The limit counts the series of the rest, and nothing is lost. */
	assert_int_equal(found, 40);
	assert_int_equal(sum, 100);
	assert_int_equal(value_of(r, METRIC_EXPORTS, "true", NULL), 61);
	assert_string_equal(find(r, METRIC_EXPORTS, "true", NULL)->labels[0].key,
			    RELEASED_OVERFLOW);
	released_unref(r);
	node_free(p, series);
}

static void times_are_released_in_both_forms(void **state)
{
	struct seeded s;
	struct series *series;
	struct privacy *p = fresh(&defaults, &s, &series);
	int handle = series_find(series, METRIC_EXPORT_TIME, "endpoint", "x");
	struct histogram times;
	const struct released_point *point;
	struct released *r;

	(void)state;
	histogram_init(&times);
	histogram_add(&times, 3000000);
	series_put_times(series, handle, &times);
	r = privacy_release(p, 1);
	node_free(p, series);
	point = find(r, METRIC_EXPORT_TIME, "x", NULL);
	assert_int_equal(point->count, 1);
	assert_int_equal(point->buckets[1], 1);
	assert_int_equal(point->exponential->counts[0], 1);
	assert_int_equal(point->exponential->offset, times.exponential.offset);
	point = find(r, METRIC_PAY_TIME, NULL, NULL);
	assert_int_equal(point->exponential->scale, HISTOGRAM_SCALE_MAX);
	assert_int_equal(point->exponential->len, 0);
	released_unref(r);
}

static void bucket_laplace_has_one_view_for_all(void **state)
{
	struct seeded s;
	struct series *series;
	struct privacy *p = fresh(&defaults, &s, &series);
	struct released *r = privacy_release(p, 1);

	(void)state;
	assert_null(r->network);
	released_unref(r);
	node_free(p, series);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_series_is_there_from_the_start_at_zero),
		cmocka_unit_test(packets_of_originated_payments_are_counted_by_outcome),
		cmocka_unit_test(what_others_originated_stays_out_of_the_networks_totals),
		cmocka_unit_test(packets_of_a_rate_probe_are_counted_apart),
		cmocka_unit_test(
			the_network_and_the_operator_get_a_draw_each_and_the_operators_is_right),
		cmocka_unit_test(what_did_not_move_or_convert_adds_no_value),
		cmocka_unit_test(a_released_sum_never_falls_though_the_noisy_one_does),
		cmocka_unit_test(times_fall_into_the_bucket_whose_bound_takes_them_in),
		cmocka_unit_test(
			an_exchange_counts_by_outcome_and_origin_and_times_only_with_a_reply),
		cmocka_unit_test(a_prepare_that_ends_without_a_reject_is_one_of_its_connectors),
		cmocka_unit_test(rejects_are_all_rejects_with_the_operation_beside_them),
		cmocka_unit_test(an_originated_packet_is_timed_to_its_end_whatever_that_is),
		cmocka_unit_test(a_fixed_series_is_found_and_not_made_again),
		cmocka_unit_test(a_snapshot_outlives_everything_it_was_made_from),
		cmocka_unit_test(what_is_beyond_the_limit_of_series_is_counted_together),
		cmocka_unit_test(times_are_released_in_both_forms),
		cmocka_unit_test(bucket_laplace_has_one_view_for_all),
	};

	return cmocka_run_group_tests_name("privacy", tests, NULL, NULL);
}
