/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "release/histogram.h"

#define MS 1000000ULL

static uint64_t counted(const struct histogram *h)
{
	uint64_t sum = h->exponential.zeros;

	for (uint32_t i = 0; i < h->exponential.len; i++)
		sum += h->exponential.counts[i];
	return sum;
}

/* The bounds of the only bucket with a count. */
static void one(uint64_t ns, double *low, double *high)
{
	struct histogram h;
	const struct histogram_exponential *e = &h.exponential;

	histogram_init(&h);
	histogram_add(&h, ns);
	assert_int_equal(e->len, 1);
	assert_int_equal(e->counts[0], 1);
	*low = exp2(e->offset / exp2(e->scale));
	*high = exp2((e->offset + 1) / exp2(e->scale));
}

static void a_single_value_lies_in_its_bucket_at_the_finest_scale(void **state)
{
	const uint64_t values[] = {1, 999, MS / 2, MS - 1, MS + 1, 3 * MS, 1000 * MS, UINT64_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		double low, high, ms = (double)values[i] / 1e6;

		one(values[i], &low, &high);
		assert_true(low * (1 - 1e-9) < ms && ms <= high * (1 + 1e-9));
		assert_true(high / low < 1.000001);
	}
}

static void a_power_of_two_belongs_to_the_bucket_below_it(void **state)
{
	struct histogram h;

	(void)state;
	histogram_init(&h);
	histogram_add(&h, 4 * MS);
	/* (2^(2 - 2^-20), 2^2] */
	assert_int_equal(h.exponential.offset, 2 * (1 << 20) - 1);
	histogram_init(&h);
	histogram_add(&h, MS);
	assert_int_equal(h.exponential.offset, -1);
}

static int32_t index_of(uint64_t ns)
{
	struct histogram h;

	histogram_init(&h);
	histogram_add(&h, ns);
	assert_int_equal(h.exponential.scale, HISTOGRAM_SCALE_MAX);
	return h.exponential.offset;
}

/* From 15625 ns, the least power of two in ms that is a whole number of ns, to twelve days. */
static void beside_each_power_of_two_one_nanosecond_decides(void **state)
{
	(void)state;
	for (int k = -6; k <= 30; k++) {
		uint64_t ns = k < 0 ? MS >> -k : MS << k;
		int32_t bound = k * (1 << HISTOGRAM_SCALE_MAX);

		assert_int_equal(index_of(ns), bound - 1);
		assert_true(index_of(ns - 1) < bound);
		assert_true(index_of(ns + 1) >= bound);
	}
}

/* Negative indices too: halving rounds down, never towards zero. */
static void a_power_of_two_stays_in_its_bucket_at_every_scale(void **state)
{
	(void)state;
	for (int k = -6; k <= 6; k++) {
		for (int far = 1; far < 40; far++) {
			struct histogram h;
			const struct histogram_exponential *e = &h.exponential;
			uint64_t below = 0;

			histogram_init(&h);
			histogram_add(&h, k < 0 ? MS >> -k : MS << k);
			histogram_add(&h, (k < 0 ? MS >> -k : MS << k) << far);
			histogram_add(&h, (k < 0 ? MS >> -k : MS << k) + 1);
			assert_true(e->scale >= 0 && e->scale < HISTOGRAM_SCALE_MAX);
			for (uint32_t i = 0; i < e->len; i++) {
				if (e->offset + (int32_t)i < k * (1 << e->scale))
					below += e->counts[i];
			}
			assert_int_equal(below, 1);
			assert_int_equal(e->offset, k * (1 << e->scale) - 1);
			assert_int_equal(counted(&h), 3);
		}
	}
}

static void zero_is_counted_apart(void **state)
{
	struct histogram h;

	(void)state;
	histogram_init(&h);
	histogram_add(&h, 0);
	assert_int_equal(h.exponential.zeros, 1);
	assert_int_equal(h.exponential.len, 0);
	assert_int_equal(h.count, 1);
	assert_int_equal(h.buckets[0], 1);
}

static void the_scale_becomes_coarser_and_no_count_is_lost(void **state)
{
	struct histogram h;
	unsigned seed = 6;

	(void)state;
	print_message("seed %u\n", seed);
	histogram_init(&h);
	for (unsigned i = 0; i < 100000; i++) {
		/* Values over ten decimal orders of magnitude, in random order. */
		uint64_t ns = (uint64_t)pow(10, rand_r(&seed) % 10000 / 1000.0);

		histogram_add(&h, ns);
		assert_true(h.exponential.len <= HISTOGRAM_EXPONENTIAL);
	}
	assert_int_equal(h.count, 100000);
	assert_int_equal(counted(&h), 100000);
	/* 1 ns to 10 s is 33 octaves: 4 buckets for each, as 160 allow. */
	assert_int_equal(h.exponential.scale, 2);
	/* The extremes come last; no count may be lost. */
	histogram_add(&h, UINT64_MAX);
	histogram_add(&h, 1);
	assert_int_equal(counted(&h), 100002);
	assert_true(h.sum_ns == UINT64_MAX);
}

/* The cumulative count at each power of two must be that of the values themselves. */
static void merged_buckets_still_count_correctly(void **state)
{
	uint64_t below[20] = {0};
	struct histogram h;
	const struct histogram_exponential *e = &h.exponential;
	unsigned seed = 66;

	(void)state;
	histogram_init(&h);
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t ns = (uint64_t)(rand_r(&seed) % 1000000 + 1) * (rand_r(&seed) % 999 + 1);

		histogram_add(&h, ns);
		for (int p = 0; p < 20; p++)
			below[p] += (double)ns / 1e6 <= exp2(p - 5);
	}
	assert_true(e->scale >= 0 && e->scale < 20);
	for (int p = 0; p < 20; p++) {
		uint64_t sum = e->zeros;

		for (uint32_t i = 0; i < e->len; i++) {
			if (e->offset + (int32_t)i < (p - 5) * (1 << e->scale))
				sum += e->counts[i];
		}
		assert_int_equal(sum, below[p]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_single_value_lies_in_its_bucket_at_the_finest_scale),
		cmocka_unit_test(a_power_of_two_belongs_to_the_bucket_below_it),
		cmocka_unit_test(beside_each_power_of_two_one_nanosecond_decides),
		cmocka_unit_test(a_power_of_two_stays_in_its_bucket_at_every_scale),
		cmocka_unit_test(zero_is_counted_apart),
		cmocka_unit_test(the_scale_becomes_coarser_and_no_count_is_lost),
		cmocka_unit_test(merged_buckets_still_count_correctly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
