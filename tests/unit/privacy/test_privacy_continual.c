/* SPDX-License-Identifier: Apache-2.0 */
/* The network's view with the continual mechanism. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/record.h"
#include "tests/unit/support/releasing.h"
#include "privacy/entropy.h"

#define DAY   86400000000000ULL
#define START (20454 * DAY)

static struct privacy *continual(struct seeded *s, uint64_t epsilon_milli, struct series **series)
{
	const struct privacy_params all = {
		.mechanism = PRIVACY_CONTINUAL,
		.bucket = BUCKET_LAPLACE_DEFAULT,
		.budget = {.epsilon_milli = epsilon_milli,
			   .day_clip = 1000000,
			   .hour_clip = 0,
			   .packet_clip = 16},
	};

	return node_new(&all, START, s, series);
}

static void end_payment(struct privacy *p, enum origin origin, bool partial)
{
	const struct contribution c = {
		.kind = CONTRIBUTION_PAYMENT_END,
		.origin = origin,
		.total_value = 1000000,
		.fulfilled = 10,
		.prepared = 10,
		.pay_ns = 60 * MS,
		.round_trip_ns = 60 * MS,
		.partial = partial,
	};

	privacy_observe(p, &c);
}

static void pay(struct privacy *p, enum origin origin, bool partial)
{
	struct contribution c = packet(origin, OUTCOME_FULFILLED, 100000);

	for (int i = 0; i < 10; i++)
		privacy_observe(p, &c);
	c = (struct contribution){.kind = CONTRIBUTION_TRANSACTION, .origin = origin};
	privacy_observe(p, &c);
	end_payment(p, origin, partial);
}

static void the_network_sees_a_fixed_set_of_series_and_none_of_the_operators(void **state)
{
	static const enum metric wanted[] = {
		METRIC_TRANSACTIONS,  METRIC_PACKET_PREPARE, METRIC_PACKET_FULFILL,
		METRIC_PACKET_REJECT, METRIC_AMOUNT_FULFILL, METRIC_PAY_TIME,
		METRIC_ROUND_TRIP,
	};
	struct seeded s;
	struct series *series;
	struct privacy *p = continual(&s, 1000, &series);
	struct released *r;

	(void)state;
	for (int i = 0; i < 100; i++) {
		pay(p, ORIGIN_ORIGINATED, false);
		series_count(series, METRIC_RECORDS_DROPPED, 0, 1);
	}
	r = privacy_release(p, START + DAY + 123456789);
	assert_string_equal(r->mechanism, "bucket-laplace");
	assert_null(r->epsilon);
	assert_non_null(r->network);
	assert_string_equal(r->network->mechanism, "continual");
	assert_string_equal(r->network->epsilon, "1.000");
	assert_string_equal(r->network->source, "here");
	assert_int_equal(r->network->time_unix_ns % 1000000000, 0);
	assert_int_equal(r->network->points_len, sizeof(wanted) / sizeof(wanted[0]));
	for (size_t i = 0; i < r->network->points_len; i++) {
		const struct released_point *point = &r->network->points[i];

		assert_int_equal(point->metric, wanted[i]);
		assert_int_equal(point->labels_len, 0);
		assert_int_equal(metric_infos[point->metric].audience, AUDIENCE_NETWORK);
		assert_true(point->sum_ms == 0);
		if (metric_infos[point->metric].shape == METRIC_HISTOGRAM) {
			uint64_t all = 0;

			assert_true(point->without_sum);
			for (size_t b = 0; b <= METRIC_BOUNDS; b++)
				all += point->buckets[b];
			assert_int_equal(all, point->count);
		}
	}
	/* Only Prepares that were answered are counted. */
	assert_int_equal(r->network->points[1].value,
			 r->network->points[2].value + r->network->points[3].value);
	/* The operator's view is unchanged. */
	assert_int_equal(value_of(r, METRIC_TRANSACTIONS, NULL, NULL), 100);
	assert_int_equal(find(r, METRIC_PAY_TIME, NULL, NULL)->count, 100);
	released_unref(r);
	node_free(p, series);
}

static void two_nodes_that_differ_in_one_payment_show_the_same_until_midnight(void **state)
{
	struct seeded s, t;
	struct series *ones, *others;
	struct privacy *one = continual(&s, 1000, &ones), *other = continual(&t, 1000, &others);
	struct released *a, *b;

	(void)state;
	pay(one, ORIGIN_ORIGINATED, false);
	for (uint64_t hour = 0; hour < 24; hour++) {
		a = privacy_release(one, START + hour * 3600000000000ULL);
		b = privacy_release(other, START + hour * 3600000000000ULL);
		for (size_t i = 0; i < a->network->points_len; i++)
			assert_memory_equal(&a->network->points[i], &b->network->points[i],
					    sizeof(a->network->points[i]));
		released_unref(a);
		released_unref(b);
	}
	node_free(one, ones);
	node_free(other, others);
}

/* With epsilon 20 the noise has a scale of a sixteenth of a payment. */
static void only_whole_payments_originated_here_count_for_the_network(void **state)
{
	struct seeded s;
	struct series *series;
	struct privacy *p = continual(&s, 20000, &series);
	struct released *r;

	(void)state;
	for (int i = 0; i < 30; i++) {
		pay(p, ORIGIN_ORIGINATED, false);
		pay(p, ORIGIN_ORIGINATED, true);
		pay(p, ORIGIN_FORWARDED, false);
		pay(p, ORIGIN_RECEIVED, false);
		pay(p, ORIGIN_UNKNOWN, false);
	}
	r = privacy_release(p, START + DAY);
	assert_in_range(r->network->points[0].value, 28, 32);
	assert_in_range(r->network->points[4].value, 28 * 1000000, 32 * 1000000);
	/* The operator's view has the partial payments too. */
	assert_int_equal(value_of(r, METRIC_TRANSACTIONS, NULL, NULL), 60);
	released_unref(r);
	node_free(p, series);
}

/* A virtual machine is cloned after its first midnight, with what is left of the randomness that
 * was fetched for it. The kernel of the clone is notified. Returns by how much more value the
 * machine with a payment shows than its twin without one. */
static int64_t shown_by_a_clone(uint64_t seed)
{
	struct seeded s, t;
	struct series *ones, *others;
	struct privacy *one = continual(&s, 1000, &ones), *twin = continual(&t, 1000, &others);
	struct released *a, *b;
	int64_t more;

	s.state = t.state = seed;
	released_unref(privacy_release(one, START + DAY));
	released_unref(privacy_release(twin, START + DAY));
	t.state = ~seed;
	for (int i = 0; i < 10; i++) {
		end_payment(one, ORIGIN_ORIGINATED, false);
		end_payment(twin, ORIGIN_ORIGINATED, false);
	}
	end_payment(one, ORIGIN_ORIGINATED, false);
	a = privacy_release(one, START + 2 * DAY);
	b = privacy_release(twin, START + 2 * DAY);
	more = value_of(a->network, METRIC_AMOUNT_FULFILL, NULL, NULL) -
	       value_of(b->network, METRIC_AMOUNT_FULFILL, NULL, NULL);
	released_unref(a);
	released_unref(b);
	node_free(one, ones);
	node_free(twin, others);
	return more;
}

static void a_cloned_machine_draws_noise_of_its_own(void **state)
{
	(void)state;
	/* With the noise of its twin, the difference would be exactly the payment. */
	for (uint64_t seed = 1; seed <= 20; seed++)
		assert_int_not_equal(shown_by_a_clone(seed), 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_network_sees_a_fixed_set_of_series_and_none_of_the_operators),
		cmocka_unit_test(two_nodes_that_differ_in_one_payment_show_the_same_until_midnight),
		cmocka_unit_test(only_whole_payments_originated_here_count_for_the_network),
		cmocka_unit_test(a_cloned_machine_draws_noise_of_its_own),
	};

	return cmocka_run_group_tests_name("privacy, continual", tests, NULL, NULL);
}
