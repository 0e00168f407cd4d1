/* SPDX-License-Identifier: Apache-2.0 */
/* Compares the error that the page states with that of the mechanisms themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "tests/unit/support/seeded.h"
#include "privacy/calendar.h"
#include "privacy/noise.h"

#define RUNS 20000
#define SEED 1

/* The standard deviation of RUNS draws. */
struct spread {
	double sum, squares;
};

static void spread_add(struct spread *s, double v)
{
	s->sum += v;
	s->squares += v * v;
}

static double spread_sd(const struct spread *s)
{
	return sqrt(s->squares / RUNS - (s->sum / RUNS) * (s->sum / RUNS));
}

/* --- bucket-laplace --- */

/* A node's payments: where the sizes of their packets lie, in units of 0.0001 USD. */
struct sizes {
	const char *name;
	double middle, spread; /* of a lognormal distribution */
	int packets;
};

static double lognormal(struct seeded *random, const struct sizes *s)
{
	double sum = 0;

	/* Nearly a normal distribution. */
	for (int i = 0; i < 12; i++)
		sum += (double)seeded_below(random, 1u << 20) / (1u << 20);
	return s->middle * exp(s->spread * (sum - 6));
}

/* Whether the total that one node shows is within the error beside it. */
static bool holds(const struct bucket_laplace *own, const struct sizes *s, struct seeded *random)
{
	double truth = 0, shown = 0, variance = 0;

	for (int i = 0; i < s->packets; i++) {
		uint64_t value = (uint64_t)lognormal(random, s);
		int64_t noisy = bucket_laplace_apply(own, value, seeded_fill, random);

		truth += (double)value;
		shown += (double)noisy;
		variance += noise_of_value(own, noisy);
	}
	return fabs(shown - truth) <= 1.96 * sqrt(variance);
}

static void the_true_value_is_within_the_error_shown(void **state)
{
	static const struct sizes nodes[] = {
		{"all of a few cents", 300, 0, 2000},
		{"all of 1 USD", 10000, 0, 2000},
		{"all of 1.70 USD", 17000, 0, 2000},
		{"all of 8 USD, a grid point", 80000, 0, 2000},
		{"all of 10.67 USD", 106700, 0, 2000},
		{"all of 12 USD", 120000, 0, 2000},
		{"few, of all sizes", 30000, 2, 20},
		{"many, of all sizes", 30000, 2, 5000},
		{"many, some very large", 10000, 3, 5000},
		{"all of 900 USD", 9e6, 0, 500},
		{"all of 5,300 USD", 53e6, 0.1, 500},
		{"a single packet", 30000, 2, 1},
	};
	struct bucket_laplace defaults = BUCKET_LAPLACE_DEFAULT,
			      own = bucket_laplace_own(&defaults);

	(void)state;
	for (size_t n = 0; n < sizeof(nodes) / sizeof(nodes[0]); n++) {
		struct seeded random = {SEED};
		int held = 0;

		for (int i = 0; i < 200; i++)
			held += holds(&own, &nodes[n], &random);
		if (held < 186)
			fail_msg("%s: the truth is within the error shown in %d of 200",
				 nodes[n].name, held);
	}
}

/* An error that is far too large would hold too. A value on a point of the grid is not rounded,
 * which nobody sees afterwards: it has a smaller error than these. */
static void the_error_shown_is_not_much_larger_than_the_real_one(void **state)
{
	struct bucket_laplace defaults = BUCKET_LAPLACE_DEFAULT,
			      own = bucket_laplace_own(&defaults);
	static const uint64_t values[] = {9000, 13000, 60000, 900000, 7000000, 75000000};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct seeded random = {SEED};
		struct spread s = {0, 0};
		double stated = 0;

		for (int n = 0; n < RUNS; n++) {
			int64_t noisy = bucket_laplace_apply(&own, values[i], seeded_fill, &random);

			spread_add(&s, (double)noisy);
			stated += noise_of_value(&own, noisy);
		}
		stated = sqrt(stated / RUNS);
		if (stated < 0.97 * spread_sd(&s) || stated > 2.2 * spread_sd(&s))
			fail_msg("value %llu: noise of %.0f is stated as %.0f",
				 (unsigned long long)values[i], spread_sd(&s), stated);
	}
}

static void assert_near(const char *what, const struct spread *measured, double variance)
{
	double sd = spread_sd(measured), stated = sqrt(variance);

	if (fabs(stated - sd) > 0.05 * sd)
		fail_msg("%s: noise of %.2f is stated as %.2f", what, sd, stated);
}

static void assert_release(const struct privacy_budget *budget, enum budget_level level)
{
	struct noise stated = noise_of_release(budget, level);
	struct spread value = {0, 0}, count = {0, 0}, packets = {0, 0}, times = {0, 0};
	double clip = (double)budget_clip(budget, level);
	struct seeded random = {SEED};
	struct calendar cal = {0};
	int64_t noisy[BUDGET_CELLS] = {0};

	for (int i = 0; i < RUNS; i++) {
		calendar_take(&cal, budget, level, seeded_fill, &random, noisy);
		spread_add(&value, (double)noisy[BUDGET_VALUE]);
		spread_add(&count, (double)(noisy[BUDGET_VALUE] + noisy[BUDGET_REST]) / clip);
		spread_add(&packets, (double)noisy[BUDGET_FULFILLED]);
		spread_add(&times, (double)noisy[BUDGET_PAY_TIME]);
	}
	assert_near("value", &value, stated.value);
	assert_near("count", &count, stated.count);
	assert_near("packets", &packets, stated.packets);
	if (level == BUDGET_DAY)
		assert_near("times", &times, stated.times);
	else
		assert_true(stated.times == 0);
}

static void the_stated_error_of_a_release_is_that_of_its_cells(void **state)
{
	struct privacy_budget budget = BUDGET_DEFAULT;

	(void)state;
	assert_release(&budget, BUDGET_DAY);
	budget.hour_clip = 200000;
	assert_release(&budget, BUDGET_DAY);
	assert_release(&budget, BUDGET_HOUR);
}

static void errors_add_up_by_their_variances(void **state)
{
	struct noise sum = {1, 2, 3, 4};

	(void)state;
	noise_add(&sum, &(struct noise){10, 20, 30, 40});
	assert_true(sum.value == 11 && sum.count == 22 && sum.packets == 33 && sum.times == 44);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_true_value_is_within_the_error_shown),
		cmocka_unit_test(the_error_shown_is_not_much_larger_than_the_real_one),
		cmocka_unit_test(the_stated_error_of_a_release_is_that_of_its_cells),
		cmocka_unit_test(errors_add_up_by_their_variances),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
