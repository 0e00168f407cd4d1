/* SPDX-License-Identifier: Apache-2.0 */
/* Compares the noise of the continual mechanism with the distribution it must have, integer by
 * integer. */
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
#include <string.h>

#include "tests/unit/support/seeded.h"
#include "privacy/discrete_laplace.h"
#include "privacy/laplace.h"

#define DRAWS    400000
#define BINS     64
#define SEED     0x5eedULL
#define EXPECTED 20 /* draws in a bin, at least */

/* P(Y <= k), for k of P(k) = (1 - q) / (1 + q) q^|k|, q = exp(-1/b). */
static long double below(long double k, long double b)
{
	long double q = expl(-1 / b);

	return k < 0 ? expl(k / b) / (1 + q) : 1 - expl(-(k + 1) / b) / (1 + q);
}

/* Ends of bins of about equal probability: the quantiles of the distribution. */
static size_t make_bins(long double b, int64_t ends[BINS])
{
	int64_t k = (int64_t)(-13 * b) - 13, last = (int64_t)(13 * b) + 13;
	size_t bins = 0;
	long double before = 0;

	while (bins < BINS - 1) {
		long double wanted = before + fmaxl(1.0L / BINS, (long double)EXPECTED / DRAWS);
		int64_t low = k, high = last;

		if (wanted > 1 - (long double)EXPECTED / DRAWS)
			break;
		while (low < high) {
			int64_t middle = low + (high - low) / 2;

			if (below((long double)middle, b) >= wanted)
				high = middle;
			else
				low = middle + 1;
		}
		before = below((long double)low, b);
		if (before > 1 - (long double)EXPECTED / DRAWS)
			break;
		ends[bins++] = low;
		k = low + 1;
	}
	ends[bins++] = INT64_MAX;
	return bins;
}

/* The value of chi-square that is exceeded once in a thousand (Wilson, Hilferty 1931). */
static double limit(size_t degrees)
{
	double d = (double)degrees, t = 1 - 2 / (9 * d) + 3.0902 * sqrt(2 / (9 * d));

	return d * t * t * t;
}

typedef int64_t draw(uint64_t numerator, uint32_t denominator, privacy_random *random,
		     void *random_context);

/* Chi-square divided by its limit at p = 0.001: above 1, the noise is not of that distribution. */
static double misfit(draw *noise, uint64_t numerator, uint32_t denominator)
{
	long double b = (long double)numerator / denominator, before = 0;
	struct seeded s = {SEED + numerator};
	uint64_t counts[BINS] = {0};
	int64_t ends[BINS];
	size_t bins = make_bins(b, ends);
	double chi = 0;

	assert_true(bins > 2);
	for (int i = 0; i < DRAWS; i++) {
		int64_t k = noise(numerator, denominator, seeded_fill, &s);
		size_t bin = 0;

		while (k > ends[bin])
			bin++;
		counts[bin]++;
	}
	for (size_t i = 0; i < bins; i++) {
		long double upto = i + 1 < bins ? below((long double)ends[i], b) : 1;
		double expected = (double)((upto - before) * DRAWS);

		chi += ((double)counts[i] - expected) * ((double)counts[i] - expected) / expected;
		before = upto;
	}
	return chi / limit(bins - 1);
}

static const struct {
	uint64_t numerator;
	uint32_t denominator;
} scales[] = {
	{5, 3},                                             /* 1.67 */
	{1, 1},          {2, 3}, {1000, 77}, {50000000, 3}, /* 1000 USD at 0.6 */
	{1ULL << 61, 7},
};

/* Requires p > 0.001 for each of six scales. With other seeds one run in 170 would be a false
 * alarm; with these seeds none is. */
static void noise_is_discrete_laplace_to_the_integer(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(scales) / sizeof(scales[0]); i++) {
		double m =
			misfit(discrete_laplace_draw, scales[i].numerator, scales[i].denominator);

		if (m > 1)
			fail_msg("scale %" PRIu64 "/%" PRIu32
				 ": chi-square is %.2f times its limit",
				 scales[i].numerator, scales[i].denominator, m);
	}
}

/* Zero has twice its probability here, as if both of its signs were kept. */
static int64_t double_zero(uint64_t numerator, uint32_t denominator, privacy_random *random,
			   void *random_context)
{
	int64_t k = discrete_laplace_draw(numerator, denominator, random, random_context);
	unsigned char coin;

	random(random_context, &coin, 1);
	return (k == 1 || k == -1) && !(coin & 7) ? 0 : k;
}

static int64_t too_small(uint64_t numerator, uint32_t denominator, privacy_random *random,
			 void *random_context)
{
	return discrete_laplace_draw(numerator * 49, denominator * 50, random, random_context);
}

static void the_test_tells_neighbouring_distributions_apart(void **state)
{
	(void)state;
	assert_true(misfit(laplace_draw, 10, 6) > 1);
	assert_true(misfit(double_zero, 5, 3) > 1);
	assert_true(misfit(too_small, 50000000, 3) > 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(noise_is_discrete_laplace_to_the_integer),
		cmocka_unit_test(the_test_tells_neighbouring_distributions_apart),
	};

	return cmocka_run_group_tests_name("discrete_laplace", tests, NULL, NULL);
}
