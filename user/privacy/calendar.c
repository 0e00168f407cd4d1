/* SPDX-License-Identifier: Apache-2.0 */
#include "privacy/calendar.h"

#include <string.h>

#include "base/clock.h"
#include "privacy/discrete_laplace.h"

#define HOURS_PER_DAY 24

int64_t calendar_hour(uint64_t unix_ns)
{
	return (int64_t)(unix_ns / NS_PER_HOUR);
}

int64_t calendar_day(int64_t hour)
{
	return hour / HOURS_PER_DAY;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void add(uint64_t *sum, uint64_t amount)
{
	if (__builtin_add_overflow(*sum, amount, sum))
		*sum = UINT64_MAX;
}

void calendar_add(struct calendar *c, const struct privacy_budget *budget,
		  const struct contribution *payment)
{
	uint64_t fulfilled = least(payment->fulfilled, budget->packet_clip);
	uint64_t rejected = least(payment->rejected, budget->packet_clip - fulfilled);

	for (int level = 0; level < BUDGET_LEVELS; level++) {
		uint64_t clip = budget_clip(budget, (enum budget_level)level);
		uint64_t value = least(payment->total_value, clip);

		add(&c->sums[level][BUDGET_VALUE], value);
		add(&c->sums[level][BUDGET_REST], clip - value);
		add(&c->sums[level][BUDGET_FULFILLED], fulfilled);
		add(&c->sums[level][BUDGET_REJECTED], rejected);
	}
	add(&c->sums[BUDGET_DAY][BUDGET_PAY_TIME + metric_bucket(payment->pay_ns)], 1);
	add(&c->sums[BUDGET_DAY][BUDGET_ROUND_TRIP + metric_bucket(payment->round_trip_ns)], 1);
}

/* SUM plus NOISE, saturating. */
static int64_t noised(uint64_t sum, int64_t noise)
{
	__int128 total = (__int128)sum + noise;

	return total > INT64_MAX ? INT64_MAX : (int64_t)total;
}

void calendar_take(struct calendar *c, const struct privacy_budget *budget, enum budget_level level,
		   privacy_random *random, void *random_context, int64_t *noisy)
{
	size_t cells = budget_cells(budget, level);

	for (size_t i = 0; i < cells; i++) {
		struct budget_scale scale = budget_scale(budget, level, i);
		int64_t noise = discrete_laplace_draw(scale.numerator, scale.denominator, random,
						      random_context);

		noisy[i] = noised(c->sums[level][i], noise);
	}
	calendar_drop(c, level);
}

void calendar_drop(struct calendar *c, enum budget_level level)
{
	memset(c->sums[level], 0, sizeof(c->sums[level]));
}
