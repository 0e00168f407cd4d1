/* SPDX-License-Identifier: Apache-2.0 */
/* The published mechanism: its table, exactly to the digit, its limits and its noise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/support/seeded.h"
#include "privacy/privacy.h"

#define SEED 0xfeedULL

static const struct bucket_laplace defaults = BUCKET_LAPLACE_DEFAULT;

static void the_published_table_comes_out_to_the_digit(void **state)
{
	static const uint64_t table[][3] = {
		{8300, 10000, 10000},
		{13200, 15000, 15000},
		{147700, 160000, 160000},
		{1426100, 2560000, 2560000},
		{1788200, 2560000, 2560000},
		{90422400, 10000000, 90000000},
		{112400400, 10000000, 100000000},
		{222290500, 10000000, 100000000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint64_t bucket = bucket_laplace_size(&defaults, table[i][0]);

		assert_int_equal(bucket, table[i][1]);
		assert_int_equal(bucket_laplace_round(&defaults, table[i][0], bucket), table[i][2]);
	}
}

static void small_buckets_round_half_up_and_large_ones_are_powers_of_two(void **state)
{
	static const uint64_t table[][2] = {
		{0, 2500},           {2499, 2500},         {2500, 5000},
		{7499, 5000},        {7500, 10000},        {12499, 10000},
		{12500, 15000},      {17499, 15000},       {17500, 20000},
		{19999, 20000},      {20000, 20000},       {20001, 40000},
		{40000, 40000},      {40001, 80000},       {5120000, 5120000},
		{5120001, 10000000}, {10240000, 10000000}, {UINT64_MAX, 10000000},
	};
	const struct bucket_laplace wide = {
		.min_bucket = 1, .max_bucket = 1ULL << 62, .min_value = 1, .max_value = UINT64_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(bucket_laplace_size(&defaults, table[i][0]), table[i][1]);
	assert_int_equal(bucket_laplace_size(&wide, 0), 1);
	assert_int_equal(bucket_laplace_size(&wide, 10240001), 20480000);
	assert_int_equal(bucket_laplace_size(&wide, UINT64_MAX), 1ULL << 62);
	/* 5000 * 2^49 is the largest bucket below 2^62. */
	assert_int_equal(bucket_laplace_size(&wide, 5000ULL << 49), 5000ULL << 49);
	assert_int_equal(bucket_laplace_size(&wide, (5000ULL << 49) + 1), 1ULL << 62);
}

static void a_tie_rounds_down_and_nothing_rounds_below_half_a_bucket(void **state)
{
	const struct bucket_laplace wide = {
		.min_bucket = 1, .max_bucket = 1ULL << 62, .min_value = 1, .max_value = UINT64_MAX};

	(void)state;
	assert_int_equal(bucket_laplace_round(&wide, 15000, 10000), 10000);
	assert_int_equal(bucket_laplace_round(&wide, 15001, 10000), 20000);
	assert_int_equal(bucket_laplace_round(&wide, 5000, 10000), 5000);
	assert_int_equal(bucket_laplace_round(&wide, 1, 10000), 5000);
	assert_int_equal(bucket_laplace_round(&wide, 5001, 10000), 10000);
	assert_int_equal(bucket_laplace_round(&wide, 7, 3), 6);
	assert_int_equal(bucket_laplace_round(&wide, 8, 3), 9);
	assert_int_equal(bucket_laplace_round(&defaults, 0, 2500), 2500);
	assert_int_equal(bucket_laplace_round(&defaults, 95000000, 10000000), 90000000);
	assert_int_equal(bucket_laplace_round(&defaults, UINT64_MAX, 10000000), 100000000);
}

static void rounding_is_nearest_for_every_64_bit_value(void **state)
{
	const struct bucket_laplace wide = {
		.min_bucket = 1, .max_bucket = 1ULL << 62, .min_value = 1, .max_value = UINT64_MAX};
	struct seeded s = {SEED};

	(void)state;
	for (int i = 0; i < 200000; i++) {
		uint64_t value = seeded_next(&s) >> seeded_below(&s, 64);
		uint64_t bucket = (seeded_next(&s) >> 2 >> seeded_below(&s, 62)) | 1;
		unsigned __int128 quotient = value / bucket, nearest = quotient * bucket;

		value = value ? value : 1;
		if (2 * (value - nearest) > bucket)
			nearest += bucket;
		if (nearest > UINT64_MAX)
			nearest -= bucket;
		if (nearest < bucket / 2)
			nearest = bucket / 2;
		if (bucket_laplace_round(&wide, value, bucket) != nearest)
			fail_msg("seed %llu: %" PRIu64 " by %" PRIu64 " gave %" PRIu64, SEED, value,
				 bucket, bucket_laplace_round(&wide, value, bucket));
	}
}

static void crossed_or_zero_limits_are_refused_with_the_fix(void **state)
{
	static const struct {
		struct bucket_laplace params;
		const char *says;
	} cases[] = {
		{{0, 10, 1, 10, false}, "min_bucket is 0"},
		{{1, 10, 0, 10, false}, "min_value is 0"},
		{{11, 10, 1, 10, false}, "min_bucket is above max_bucket"},
		{{1, 10, 11, 10, false}, "min_value is above max_value"},
		{{1, (1ULL << 62) + 1, 1, 10, false}, "2^62"},
		{{1, 0, 1, 10, false}, "max_bucket"},
	};
	char why[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_not_equal(bucket_laplace_check(&cases[i].params, why, sizeof(why)), 0);
		assert_non_null(strstr(why, cases[i].says));
	}
	assert_int_equal(bucket_laplace_check(&defaults, why, sizeof(why)), 0);
}

/* The mean distance of the noisy value from ROUNDED. For Laplace noise it is the scale. */
static double spread(uint64_t rounded, uint64_t bucket)
{
	struct seeded s = {SEED};
	double sum = 0;
	const int n = 100000;

	for (int i = 0; i < n; i++)
		sum += (double)llabs(
			bucket_laplace_noisy(&defaults, rounded, bucket, seeded_fill, &s) -
			(int64_t)rounded);
	return sum / n;
}

static void assert_about(double value, double wanted)
{
	if (value < wanted * 0.98 || value > wanted * 1.02)
		fail_msg("seed %llu: %f, not about %f", SEED, value, wanted);
}

static void noise_has_a_tenth_of_the_larger_of_bucket_and_a_tenth_of_the_value(void **state)
{
	(void)state;
	assert_about(spread(10000, 10000), 1000);
	assert_about(spread(2500, 2500), 250);
	assert_about(spread(100000000, 10000000), 1000000);
	assert_about(spread(90000000, 10000000), 1000000);
	assert_about(spread(100000000, 5000000), 1000000);
	assert_about(spread(100000000, 1000000), 1000000);
}

static void a_result_of_exactly_zero_becomes_half_a_bucket(void **state)
{
	const struct bucket_laplace tiny = {2, 4, 1, 4, false};
	struct seeded s = {SEED};
	int below = 0;

	(void)state;
	/* Scale 0.4 around 2: 0 would come about once in 90 draws. */
	for (int i = 0; i < 100000; i++) {
		int64_t noisy = bucket_laplace_noisy(&tiny, 2, 4, seeded_fill, &s);

		assert_int_not_equal(noisy, 0);
		below += noisy < 0;
	}
	assert_true(below > 50);
}

static void noise_on_the_largest_values_saturates(void **state)
{
	struct seeded s = {SEED};

	(void)state;
	for (int i = 0; i < 1000; i++) {
		assert_true(bucket_laplace_noisy(&defaults, UINT64_MAX, 1, seeded_fill, &s) > 0);
		assert_true(bucket_laplace_noisy(&defaults, UINT64_MAX, 1ULL << 62, seeded_fill,
						 &s) > 0);
	}
}

/* How far the mean of many roundings is from the value, in standard errors. */
static double distance(uint64_t value, uint64_t *lowest, uint64_t *highest)
{
	struct seeded s = {SEED + value};
	double sum = 0, squares = 0, mean, error;
	const int n = 20000;

	*lowest = UINT64_MAX;
	*highest = 0;
	for (int i = 0; i < n; i++) {
		uint64_t r = bucket_laplace_round_unbiased(&defaults, value, seeded_fill, &s);

		*lowest = r < *lowest ? r : *lowest;
		*highest = r > *highest ? r : *highest;
		sum += (double)r - (double)value;
		squares += ((double)r - (double)value) * ((double)r - (double)value);
	}
	mean = sum / n;
	error = sqrt((squares / n - mean * mean) / n);
	return error > 0 ? fabs(mean) / error : fabs(mean);
}

/* Five standard errors for eleven values: one in 150,000 seeds gives a false alarm. */
static void unbiased_rounding_keeps_the_mean_between_neighbours_on_the_grid(void **state)
{
	static const uint64_t table[][3] = {
		/* value, its neighbours */
		{100, 0, 5000},
		{4999, 0, 5000},
		{8300, 5000, 10000},
		{19000, 15000, 20000},
		{20100, 20000, 40000},
		{147700, 80000, 160000},
		{4000000, 2560000, 5120000},
		{6000000, 5120000, 10000000},
		{10100000, 10000000, 20000000},
		{90422400, 90000000, 100000000},
		{40000, 40000, 40000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint64_t low, high;

		assert_true(distance(table[i][0], &low, &high) < 5);
		assert_int_equal(low, table[i][1]);
		assert_int_equal(high, table[i][2]);
	}
}

static void the_published_rounding_stays_the_default(void **state)
{
	struct seeded s = {SEED}, same = {SEED};

	(void)state;
	for (uint64_t value = 0; value < 1000; value++) {
		uint64_t bucket = bucket_laplace_size(&defaults, 100 * value);
		uint64_t rounded = bucket_laplace_round(&defaults, 100 * value, bucket);

		assert_int_equal(
			bucket_laplace_apply(&defaults, 100 * value, seeded_fill, &s),
			bucket_laplace_noisy(&defaults, rounded, bucket, seeded_fill, &same));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_table_comes_out_to_the_digit),
		cmocka_unit_test(small_buckets_round_half_up_and_large_ones_are_powers_of_two),
		cmocka_unit_test(a_tie_rounds_down_and_nothing_rounds_below_half_a_bucket),
		cmocka_unit_test(rounding_is_nearest_for_every_64_bit_value),
		cmocka_unit_test(crossed_or_zero_limits_are_refused_with_the_fix),
		cmocka_unit_test(
			noise_has_a_tenth_of_the_larger_of_bucket_and_a_tenth_of_the_value),
		cmocka_unit_test(a_result_of_exactly_zero_becomes_half_a_bucket),
		cmocka_unit_test(noise_on_the_largest_values_saturates),
		cmocka_unit_test(unbiased_rounding_keeps_the_mean_between_neighbours_on_the_grid),
		cmocka_unit_test(the_published_rounding_stays_the_default),
	};

	return cmocka_run_group_tests_name("bucket_laplace", tests, NULL, NULL);
}
