/* SPDX-License-Identifier: Apache-2.0 */
/* The published mechanism: its table to the digit, its limits, its noise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seeded.h"
#include "user/privacy.h"

#define SEED 0xfeedULL

static const struct privacy_params defaults = PRIVACY_PARAMS_DEFAULT;

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
		uint64_t bucket = privacy_bucket_size(&defaults, table[i][0]);

		assert_int_equal(bucket, table[i][1]);
		assert_int_equal(privacy_round(&defaults, table[i][0], bucket), table[i][2]);
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
	const struct privacy_params wide = {1, 1ULL << 62, 1, UINT64_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(privacy_bucket_size(&defaults, table[i][0]), table[i][1]);
	assert_int_equal(privacy_bucket_size(&wide, 0), 1);
	assert_int_equal(privacy_bucket_size(&wide, 10240001), 20480000);
	assert_int_equal(privacy_bucket_size(&wide, UINT64_MAX), 1ULL << 62);
	/* 5000 * 2^49 is the last below 2^62. */
	assert_int_equal(privacy_bucket_size(&wide, 5000ULL << 49), 5000ULL << 49);
	assert_int_equal(privacy_bucket_size(&wide, (5000ULL << 49) + 1), 1ULL << 62);
}

static void a_tie_goes_down_and_nothing_rounds_below_half_a_bucket(void **state)
{
	const struct privacy_params wide = {1, 1ULL << 62, 1, UINT64_MAX};

	(void)state;
	assert_int_equal(privacy_round(&wide, 15000, 10000), 10000);
	assert_int_equal(privacy_round(&wide, 15001, 10000), 20000);
	assert_int_equal(privacy_round(&wide, 5000, 10000), 5000);
	assert_int_equal(privacy_round(&wide, 1, 10000), 5000);
	assert_int_equal(privacy_round(&wide, 5001, 10000), 10000);
	assert_int_equal(privacy_round(&wide, 7, 3), 6);
	assert_int_equal(privacy_round(&wide, 8, 3), 9);
	assert_int_equal(privacy_round(&defaults, 0, 2500), 2500);
	assert_int_equal(privacy_round(&defaults, 95000000, 10000000), 90000000);
	assert_int_equal(privacy_round(&defaults, UINT64_MAX, 10000000), 100000000);
}

static void rounding_is_nearest_for_every_64_bit_value(void **state)
{
	const struct privacy_params wide = {1, 1ULL << 62, 1, UINT64_MAX};
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
		if (privacy_round(&wide, value, bucket) != nearest)
			fail_msg("seed %llu: %" PRIu64 " by %" PRIu64 " gave %" PRIu64, SEED, value,
				 bucket, privacy_round(&wide, value, bucket));
	}
}

static void crossed_or_zero_limits_are_refused_with_the_mend(void **state)
{
	static const struct {
		struct privacy_params params;
		const char *says;
	} cases[] = {
		{{0, 10, 1, 10}, "min_bucket is 0"},
		{{1, 10, 0, 10}, "min_value is 0"},
		{{11, 10, 1, 10}, "min_bucket is above max_bucket"},
		{{1, 10, 11, 10}, "min_value is above max_value"},
		{{1, (1ULL << 62) + 1, 1, 10}, "2^62"},
		{{1, 0, 1, 10}, "max_bucket"},
	};
	char why[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_not_equal(privacy_params_check(&cases[i].params, why, sizeof(why)), 0);
		assert_non_null(strstr(why, cases[i].says));
	}
	assert_int_equal(privacy_params_check(&defaults, why, sizeof(why)), 0);
}

/* Mean distance of the noisy value from ROUNDED: the scale, for Laplace. */
static double spread(uint64_t rounded, uint64_t bucket)
{
	struct seeded s = {SEED};
	double sum = 0;
	const int n = 100000;

	for (int i = 0; i < n; i++)
		sum += (double)llabs(privacy_noisy(&defaults, rounded, bucket, seeded_fill, &s) -
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
	const struct privacy_params tiny = {2, 4, 1, 4};
	struct seeded s = {SEED};
	int below = 0;

	(void)state;
	/* Scale 0.4 around 2: 0 would come about once in 90 draws. */
	for (int i = 0; i < 100000; i++) {
		int64_t noisy = privacy_noisy(&tiny, 2, 4, seeded_fill, &s);

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
		assert_true(privacy_noisy(&defaults, UINT64_MAX, 1, seeded_fill, &s) > 0);
		assert_true(privacy_noisy(&defaults, UINT64_MAX, 1ULL << 62, seeded_fill, &s) > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_table_comes_out_to_the_digit),
		cmocka_unit_test(small_buckets_round_half_up_and_large_ones_are_powers_of_two),
		cmocka_unit_test(a_tie_goes_down_and_nothing_rounds_below_half_a_bucket),
		cmocka_unit_test(rounding_is_nearest_for_every_64_bit_value),
		cmocka_unit_test(crossed_or_zero_limits_are_refused_with_the_mend),
		cmocka_unit_test(
			noise_has_a_tenth_of_the_larger_of_bucket_and_a_tenth_of_the_value),
		cmocka_unit_test(a_result_of_exactly_zero_becomes_half_a_bucket),
		cmocka_unit_test(noise_on_the_largest_values_saturates),
	};

	return cmocka_run_group_tests_name("bucket_laplace", tests, NULL, NULL);
}
