/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/suggest.h"

#include <math.h>

#define POINTS      4000 /* of the numerical integral over the distribution */
#define HOURS       24
#define CLIP_LEAST  10000 /* 1 USD */
#define HOURS_SPEAK 3000  /* hours are useful from this many payments a day times epsilon */

static double normal(double z)
{
	return erfc(-z / sqrt(2)) / 2;
}

static double mean(const struct suggest_expected *e)
{
	return e->median * exp(e->sigma * e->sigma / 2);
}

/* The value above CLIP, as a mean over all payments. */
static double cut_off(const struct suggest_expected *e, double clip)
{
	double z = log(e->median / clip) / e->sigma;

	return mean(e) * normal(z + e->sigma) - clip * normal(z);
}

static double scale(const struct privacy_budget *budget, enum budget_level level)
{
	struct budget_scale s = budget_scale(budget, level, BUDGET_VALUE);

	return (double)s.numerator / s.denominator;
}

struct suggest_error suggest_day(const struct suggest_expected *e,
				 const struct privacy_budget *budget)
{
	double total = mean(e) * (double)e->payments, noise = scale(budget, BUDGET_DAY);
	double bias = cut_off(e, (double)budget->day_clip) * (double)e->payments;

	/* The mean of |X - bias| for X of Laplace(0, noise). */
	return (struct suggest_error){
		.noise = noise / total,
		.clipping = bias / total,
		.expected = (bias + noise * exp(-bias / noise)) / total,
	};
}

/* Hours are scaled by what days say. The error that remains is how much an hour's value depends on
 * payments above the clip, of which the hour sees only the part up to it. */
struct suggest_error suggest_hour(const struct suggest_expected *e,
				  const struct privacy_budget *budget)
{
	double clip = (double)budget->hour_clip, hour = (double)e->payments / HOURS;
	double kept = mean(e) - cut_off(e, clip), rho = fmin(mean(e) / kept, 4);
	double total = mean(e) * hour, noise = rho * scale(budget, BUDGET_HOUR), spread, unseen = 0;

	for (int i = 0; i < POINTS; i++) {
		/* Over ±6 standard deviations, weighted by the density. */
		double z = -6 + 12 * (i + 0.5) / POINTS;
		double x = e->median * exp(e->sigma * z), off = x - rho * fmin(x, clip);

		unseen += off * off * exp(-z * z / 2) / sqrt(2 * M_PI) * 12 / POINTS;
	}
	spread = sqrt(2 / M_PI * unseen * hour);
	return (struct suggest_error){
		.noise = noise / total,
		.clipping = spread / total,
		.expected = sqrt(noise * noise + spread * spread) / total,
	};
}

/* 1, 2, 5, 10, 20, ... */
static uint64_t next(uint64_t clip)
{
	uint64_t first = clip;

	while (first >= 10)
		first /= 10;
	return first == 2 ? clip / 2 * 5 : 2 * clip;
}

void suggest_clips(const struct suggest_expected *e, struct privacy_budget *budget)
{
	double least = INFINITY;
	struct privacy_budget tried;

	budget->epsilon_milli = e->epsilon_milli;
	budget->hour_clip = 0;
	tried = *budget;
	/* The day's share of epsilon depends on whether there are hourly releases. */
	tried.hour_clip =
		(double)e->payments * (double)e->epsilon_milli / 1000 < HOURS_SPEAK ? 0 : 1;
	for (uint64_t clip = CLIP_LEAST; clip <= BUDGET_CLIP_MAX; clip = next(clip)) {
		double error;

		tried.day_clip = clip;
		error = suggest_day(e, &tried).expected;
		if (error < least) {
			least = error;
			budget->day_clip = clip;
		}
	}
	if (!tried.hour_clip)
		return;
	least = INFINITY;
	for (uint64_t clip = CLIP_LEAST; clip <= budget->day_clip; clip = next(clip)) {
		double error;

		tried.hour_clip = clip;
		error = suggest_hour(e, &tried).expected;
		if (error < least) {
			least = error;
			budget->hour_clip = clip;
		}
	}
}
