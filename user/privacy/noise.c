/* SPDX-License-Identifier: Apache-2.0 */
#include "privacy/noise.h"

/* Below SMALL the grid has steps of STEP, and the noise has a tenth of the value as its scale, or
 * 500 for the smallest values. */
#define SMALL 20000
#define STEP  5000
/*
 * Between the points L and 2L of the grid the noise has the scale L/5. A value of (1 + t)L is
 * rounded with the variance t(1 - t)L^2, and becomes L with the chance 1 - t. F times the square of
 * the result is (1 + 3t)F L^2 on average. With this F it is at least t(1 - t)L^2 + 2(L/5)^2 for
 * every t from 0 to 1.
 */
#define DOUBLING_F 0.153

/* The variance of a Laplace distribution of scale B. */
static double laplace_variance(double b)
{
	return 2 * b * b;
}

void noise_add(struct noise *sum, const struct noise *part)
{
	sum->value += part->value;
	sum->count += part->count;
	sum->packets += part->packets;
	sum->times += part->times;
}

/* LOW and HIGH are the variances of the smallest values, and of those just below SMALL. */
static double noise_of_size(double most, double value)
{
	const double rounding = STEP * STEP / 4.0;
	double low = rounding + laplace_variance(STEP / 10.0);
	double high = rounding + laplace_variance(SMALL / 10.0);
	double doubling = DOUBLING_F * value * value;

	/* From MOST on the grid has steps of MOST, and the noise has the scale max(value / 10,
	 * MOST) / 10. Noise may have moved a value over the middle between the last point before
	 * MOST and MOST. */
	if (value > 0.75 * most)
		return most * most / 4 +
		       laplace_variance((value / 10 > most ? value / 10 : most) / 10);
	if (value <= 0 || doubling < low)
		return low;
	/* The same between SMALL and the point before it. */
	return value < SMALL - STEP / 2.0 && doubling > high ? high : doubling;
}

double noise_of_value(const struct bucket_laplace *params, int64_t noisy)
{
	double most = params->max_bucket > SMALL ? (double)params->max_bucket : SMALL;

	/* No noise is smaller than that of the smallest bucket. */
	return noise_of_size(most, (double)noisy) +
	       laplace_variance((double)params->min_bucket / 10);
}

_Static_assert(NOISE_OF_FEW == 2 * STEP * STEP, "two that were rounded up");

/*
 * A value of x below STEP is rounded with the variance x(STEP - x), and becomes STEP with the
 * chance x/STEP. So a result near STEP stands for STEP^2 and one near 0 for nothing. That is little
 * more than the real variance, where noise_of_value states the largest one for each.
 */
double noise_of_spread(const struct bucket_laplace *params, int64_t noisy)
{
	double size = noisy < 0 ? -(double)noisy : (double)noisy;
	double least = laplace_variance((double)params->min_bucket / 10);

	if (size <= STEP / 2.0)
		return least;
	if (size <= STEP * 1.5)
		return (double)STEP * STEP + laplace_variance(STEP / 10.0) + least;
	return noise_of_value(params, noisy < 0 ? -noisy : noisy);
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
