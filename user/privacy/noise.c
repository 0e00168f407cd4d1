/* SPDX-License-Identifier: Apache-2.0 */
#include "privacy/noise.h"

#include <math.h>

#define SMALL 20000 /* below this, bucket-laplace rounds in steps of STEP, */
#define STEP  5000  /* above it in steps that double */

/* The variance of a Laplace distribution of scale B. */
static double laplace_variance(double b)
{
	return 2 * b * b;
}

/* A value in the middle of the bucket that EACH came from. Published rounding goes up to the
 * bucket's size, which is a border between two buckets: noise could move the mean EACH to either
 * side of it. */
static double in_bucket(const struct bucket_laplace *params, double each)
{
	return params->unbiased || each < SMALL ? each : each / M_SQRT2;
}

void noise_add(struct noise *sum, const struct noise *part)
{
	sum->value += part->value;
	sum->count += part->count;
	sum->packets += part->packets;
	sum->times += part->times;
}

struct noise noise_of_buckets(const struct bucket_laplace *params, int64_t packets, int64_t value)
{
	struct noise n = {0};
	double each, bucket, grid;

	if (packets <= 0 || value <= 0)
		return n;
	each = (double)value / (double)packets;
	bucket = (double)bucket_laplace_size(params, (uint64_t)in_bucket(params, each));
	n.value = laplace_variance((each / 10 > bucket ? each / 10 : bucket) / 10);
	if (params->unbiased) {
		/* Rounding goes up or down at random, from anywhere between two points of the
		 * grid. */
		grid = each < SMALL ? STEP : bucket / 2;
		n.value += grid * grid / 6;
	}
	n.value *= (double)packets;
	return n;
}

static double cell_variance(const struct privacy_budget *budget, enum budget_level level,
			    enum budget_cell cell)
{
	struct budget_scale s = budget_scale(budget, level, cell);

	return laplace_variance((double)s.numerator / s.denominator);
}

struct noise noise_of_release(const struct privacy_budget *budget, enum budget_level level)
{
	struct noise n = {.value = cell_variance(budget, level, BUDGET_VALUE),
			  .packets = cell_variance(budget, level, BUDGET_FULFILLED)};
	double clip = (double)budget_clip(budget, level);

	/* The number of payments is the sum of two cells, divided by the clip (budget.h). */
	if (clip > 0)
		n.count = 2 * n.value / (clip * clip);
	if (level == BUDGET_DAY)
		n.times = cell_variance(budget, level, BUDGET_PAY_TIME);
	return n;
}
