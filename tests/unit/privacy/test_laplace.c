/* SPDX-License-Identifier: Apache-2.0 */
/* Compares the noise with the distribution it must have: Laplace, rounded to an integer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/support/seeded.h"
#include "privacy/entropy.h"
#include "privacy/laplace.h"

#define DRAWS    300000
#define BINS     64
#define SEED     0x5eedULL
#define EXPECTED 20 /* draws in a bin, at least */

typedef long double distribution(long double k, long double b);

/* P(round(X) <= k) for X of Laplace(0, b): X < k + 1/2. */
static long double rounded_laplace(long double k, long double b)
{
	long double x = (k + 0.5L) / b;

	return x < 0 ? expl(x) / 2 : 1 - expl(-x) / 2;
}

/* P(Y <= k) for the discrete Laplace distribution, which is not the one wanted. */
static long double discrete_laplace(long double k, long double b)
{
	long double q = expl(-1 / b);

	return k < 0 ? powl(q, -k) / (1 + q) : 1 - powl(q, k + 1) / (1 + q);
}

/* Writes the ends of up to BINS bins under CDF, in each of which enough draws are expected. For a
 * small B each integer is a bin; otherwise bins have about equal probability. The last end is
 * INT64_MAX. */
static size_t make_bins(distribution *cdf, long double b, int64_t ends[BINS])
{
	const long double least = (long double)EXPECTED / DRAWS;
	int64_t k = (int64_t)(-12 * b) - 12;
	size_t bins = 0;
	long double before = 0;

	while (bins < BINS - 1) {
		long double wanted = before + (b < 4 ? least : 1.0L / BINS);
		int64_t high = (int64_t)(12 * b) + 12, low = k;

		if (wanted > 1 - least)
			break;
		while (low < high) {
			int64_t middle = low + (int64_t)(((uint64_t)high - (uint64_t)low) / 2);

			if (cdf((long double)middle, b) >= wanted)
				high = middle;
			else
				low = middle + 1;
		}
		if (1 - cdf((long double)low, b) < least)
			break;
		ends[bins++] = low;
		before = cdf((long double)low, b);
		k = low + 1;
	}
	ends[bins++] = INT64_MAX;
	return bins;
}

/* Chi-square divided by the value that it exceeds once in a million times when the noise is right
 * (Wilson and Hilferty's approximation). Above 1, the noise is not of that distribution. */
static double misfit(distribution *cdf, uint64_t numerator, uint32_t denominator)
{
	long double b = (long double)numerator / denominator, before = 0, statistic = 0;
	struct seeded seeded = {SEED + numerator};
	int64_t ends[BINS];
	size_t bins = make_bins(cdf, b, ends), counts[BINS] = {0};
	double freedom = (double)bins - 1, h = 2 / (9 * freedom);

	for (int i = 0; i < DRAWS; i++) {
		int64_t k = laplace_draw(numerator, denominator, seeded_fill, &seeded);
		size_t bin = 0;

		while (k > ends[bin])
			bin++;
		counts[bin]++;
	}
	for (size_t i = 0; i < bins; i++) {
		long double upto = i == bins - 1 ? 1 : cdf((long double)ends[i], b);
		long double expected = (upto - before) * DRAWS, off = counts[i] - expected;

		statistic += off * off / expected;
		before = upto;
	}
	assert_true(bins > 2);
	return (double)statistic / (freedom * pow(1 - h + 4.753 * sqrt(h), 3));
}

static const struct {
	uint64_t numerator;
	uint32_t denominator;
} scales[] = {
	{2500, 10},       /* the smallest by default: 250 */
	{10000, 10},      /* 1000, a bucket's */
	{100000000, 100}, /* the largest by default */
	{12345, 100},     /* 123.45 */
	{1, 10},          /* below one: nearly always 0 */
	{5, 10},
	{13, 10},
	{30, 10},
	{1ULL << 62, 10}, /* the largest bucket there may be */
	{(1ULL << 33) + 12345, 100},
};

static void noise_is_laplace_rounded_to_the_nearest_integer(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(scales) / sizeof(scales[0]); i++) {
		double m = misfit(rounded_laplace, scales[i].numerator, scales[i].denominator);

		if (m > 1)
			fail_msg("scale %" PRIu64 "/%" PRIu32 ", seed %llu: chi-square is %.2f "
				 "times its limit",
				 scales[i].numerator, scales[i].denominator,
				 SEED + scales[i].numerator, m);
	}
}

/* Where the two distributions differ enough, the test above must see it. */
static void the_test_of_noise_tells_a_neighbouring_distribution_apart(void **state)
{
	(void)state;
	assert_true(misfit(discrete_laplace, 5, 10) > 1);
	assert_true(misfit(discrete_laplace, 13, 10) > 1);
	assert_true(misfit(discrete_laplace, 30, 10) > 1);
}

static void noise_has_no_bias_and_the_spread_of_its_scale(void **state)
{
	struct seeded seeded = {SEED};
	const double b = 250;
	double sum = 0, absolute = 0;

	(void)state;
	for (int i = 0; i < DRAWS; i++) {
		double k = (double)laplace_draw(2500, 10, seeded_fill, &seeded);

		sum += k;
		absolute += fabs(k);
	}
	/* Five standard errors: b*sqrt(2/n) and b/sqrt(n). */
	assert_true(fabs(sum / DRAWS) < 5 * b * sqrt(2.0 / DRAWS));
	assert_true(fabs(absolute / DRAWS - b) < 5 * b / sqrt(DRAWS));
}

/* --- the stock of random bytes --- */

struct counted {
	struct seeded seeded;
	size_t calls, bytes;
};

static void counted_fill(void *counted, void *buf, size_t len)
{
	struct counted *c = counted;

	c->calls++;
	c->bytes += len;
	seeded_fill(&c->seeded, buf, len);
}

static bool all_zero(const unsigned char *bytes, size_t len)
{
	while (len && !bytes[len - 1])
		len--;
	return !len;
}

static void random_bytes_are_fetched_in_blocks_and_wiped_when_used(void **state)
{
	struct counted counted = {.seeded = {SEED}};
	struct entropy *e = malloc(sizeof(*e));
	uint64_t first = 0, second = 0;

	(void)state;
	entropy_init(e, counted_fill, &counted);
	entropy_take(e, &first, sizeof(first));
	entropy_take(e, &second, sizeof(second));
	assert_int_equal(counted.calls, 1);
	assert_int_equal(counted.bytes, ENTROPY_BLOCK);
	assert_true(first != second);
	assert_true(all_zero(e->block, 16));
	assert_false(all_zero(e->block + 16, 8));
	for (int i = 2; i < ENTROPY_BLOCK / 8; i++)
		entropy_take(e, &second, sizeof(second));
	assert_int_equal(counted.calls, 1);
	assert_true(all_zero(e->block, ENTROPY_BLOCK));
	entropy_take(e, &second, sizeof(second));
	assert_int_equal(counted.calls, 2);
	entropy_fini(e);
	assert_true(all_zero(e->block, ENTROPY_BLOCK));
	free(e);
}

static void the_kernels_randomness_fills_everything(void **state)
{
	unsigned char bytes[1000] = {0};
	unsigned zeros = 0;

	(void)state;
	privacy_random_kernel(NULL, bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		zeros += !bytes[i];
	/* 4 are expected; 40 would practically never happen. */
	assert_true(zeros < 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(noise_is_laplace_rounded_to_the_nearest_integer),
		cmocka_unit_test(the_test_of_noise_tells_a_neighbouring_distribution_apart),
		cmocka_unit_test(noise_has_no_bias_and_the_spread_of_its_scale),
		cmocka_unit_test(random_bytes_are_fetched_in_blocks_and_wiped_when_used),
		cmocka_unit_test(the_kernels_randomness_fills_everything),
	};

	return cmocka_run_group_tests_name("laplace", tests, NULL, NULL);
}
