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
#include "privacy/privacy.h"
#include "exchange/spread.h"

#define RUNS 20000
#define SEED 1

/* The standard deviation of RUNS draws. */
struct draws {
	double sum, squares;
};

static void draws_add(struct draws *s, double v)
{
	s->sum += v;
	s->squares += v * v;
}

static double draws_sd(const struct draws *s)
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
		/* Of a single packet it is in 93.8 % of all cases: it takes many to tell that from
		 * less. */
		int turns = nodes[n].packets > 1 ? 200 : 20000, held = 0;
		struct seeded random = {SEED};

		for (int i = 0; i < turns; i++)
			held += holds(&own, &nodes[n], &random);
		if (held < turns / 100 * 93)
			fail_msg("%s: the truth is within the error shown in %d of %d",
				 nodes[n].name, held, turns);
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
		struct draws s = {0, 0};
		double stated = 0;

		for (int n = 0; n < RUNS; n++) {
			int64_t noisy = bucket_laplace_apply(&own, values[i], seeded_fill, &random);

			draws_add(&s, (double)noisy);
			stated += noise_of_value(&own, noisy);
		}
		stated = sqrt(stated / RUNS);
		if (stated < 0.97 * draws_sd(&s) || stated > 2.2 * draws_sd(&s))
			fail_msg("value %llu: noise of %.0f is stated as %.0f",
				 (unsigned long long)values[i], draws_sd(&s), stated);
	}
}

/* What is earned with forwarded packets, in 1/10,000 of the unit: a node loses with some. */
struct earnings {
	const char *name;
	int64_t of_most, of_tenth; /* with each packet; with each tenth packet */
	int packets;
};

struct taken {
	double shown, variance;
};

static void take_earned(void *taken, uint64_t peer, int64_t noisy, double variance)
{
	struct taken *t = taken;

	assert_int_equal(peer, 7);
	t->shown += (double)noisy;
	t->variance += variance;
}

static struct taken earn(struct privacy *p, const struct earnings *e, double *truth)
{
	struct taken t = {.variance = NOISE_OF_FEW};

	*truth = 0;
	privacy_spread_to(p, take_earned, &t);
	for (int i = 0; i < e->packets; i++) {
		int64_t earned = i % 10 ? e->of_most : e->of_tenth;

		privacy_spread(p, 7, earned);
		*truth += (double)earned / SPREAD_FINER;
	}
	return t;
}

static void what_was_earned_is_right_on_average_and_within_the_error_shown(void **state)
{
	static const struct earnings nodes[] = {
		{"a hundredth of a cent each", 10000, 10000, 3000},
		{"less than the unit", 77, 77, 3000},
		{"a cent each", 1000000, 1000000, 300},
		{"a cent each, few", 1000000, 1000000, 30},
		{"as much lost as earned", 1000000, -9000000, 1000},
		{"lost throughout", -3000000, -3000000, 300},
		{"20 cents, and a tenth of 3 USD", 20000000, 300000000, 300},
		{"a single packet", 1000000, 1000000, 1},
	};
	const struct privacy_params params = PRIVACY_PARAMS_DEFAULT;
	struct series *series = series_new(0);
	struct seeded random = {SEED};
	struct privacy *p = privacy_new(&params, series, "here", 1, seeded_fill, &random);
	double truth;

	(void)state;
	for (size_t n = 0; n < sizeof(nodes) / sizeof(nodes[0]); n++) {
		struct taken all = {0, 0};
		int held = 0;

		for (int i = 0; i < 200; i++) {
			struct taken t = earn(p, &nodes[n], &truth);

			held += fabs(t.shown - truth) <= 1.96 * sqrt(t.variance);
			all.shown += t.shown;
			all.variance += t.variance;
		}
		if (held < 186)
			fail_msg("%s: the truth is within the error shown in %d of 200",
				 nodes[n].name, held);
		if (fabs(all.shown - 200 * truth) > 3.3 * sqrt(all.variance))
			fail_msg("%s: %.0f was earned, %.0f is shown on average", nodes[n].name,
				 truth, all.shown / 200);
	}
	privacy_free(p);
	series_free(series);
}

static void the_error_of_what_was_earned_is_not_much_larger_than_the_real_one(void **state)
{
	struct bucket_laplace defaults = BUCKET_LAPLACE_DEFAULT,
			      own = bucket_laplace_own(&defaults);
	static const uint64_t values[] = {0, 10, 100, 500, 1500, 2400};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct seeded random = {SEED};
		struct draws s = {0, 0};
		double stated = 0;

		for (int n = 0; n < RUNS; n++) {
			int64_t noisy = bucket_laplace_apply(&own, values[i], seeded_fill, &random);

			draws_add(&s, (double)noisy);
			stated += noise_of_spread(&own, -noisy);
		}
		stated = sqrt(stated / RUNS);
		if (stated < 0.97 * draws_sd(&s) || stated > 1.5 * draws_sd(&s))
			fail_msg("value %llu: noise of %.0f is stated as %.0f",
				 (unsigned long long)values[i], draws_sd(&s), stated);
	}
}

static void assert_near(const char *what, const struct draws *measured, double variance)
{
	double sd = draws_sd(measured), stated = sqrt(variance);

	if (fabs(stated - sd) > 0.05 * sd)
		fail_msg("%s: noise of %.2f is stated as %.2f", what, sd, stated);
}

static void assert_release(const struct privacy_budget *budget, enum budget_level level)
{
	struct noise stated = noise_of_release(budget, level);
	struct draws value = {0, 0}, count = {0, 0}, packets = {0, 0}, times = {0, 0};
	double clip = (double)budget_clip(budget, level);
	struct seeded random = {SEED};
	struct calendar cal = {0};
	int64_t noisy[BUDGET_CELLS] = {0};

	for (int i = 0; i < RUNS; i++) {
		calendar_take(&cal, budget, level, seeded_fill, &random, noisy);
		draws_add(&value, (double)noisy[BUDGET_VALUE]);
		draws_add(&count, (double)(noisy[BUDGET_VALUE] + noisy[BUDGET_REST]) / clip);
		draws_add(&packets, (double)noisy[BUDGET_FULFILLED]);
		draws_add(&times, (double)noisy[BUDGET_PAY_TIME]);
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
		cmocka_unit_test(what_was_earned_is_right_on_average_and_within_the_error_shown),
		cmocka_unit_test(the_error_of_what_was_earned_is_not_much_larger_than_the_real_one),
		cmocka_unit_test(the_stated_error_of_a_release_is_that_of_its_cells),
		cmocka_unit_test(errors_add_up_by_their_variances),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
