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

static void assert_buckets(const struct bucket_laplace *params, uint64_t value)
{
	struct seeded random = {SEED};
	struct spread s = {0, 0};
	double measured, stated;

	for (int i = 0; i < RUNS; i++)
		spread_add(&s, (double)bucket_laplace_apply(params, value, seeded_fill, &random));
	measured = spread_sd(&s);
	stated = sqrt(noise_of_buckets(params, RUNS, (int64_t)s.sum).value / RUNS);
	if (stated < measured * 0.7 || stated > measured * 1.8)
		fail_msg("value %llu: noise of %.0f is stated as %.0f", (unsigned long long)value,
			 measured, stated);
}

static void the_stated_error_of_bucket_laplace_is_the_real_one(void **state)
{
	struct bucket_laplace params = BUCKET_LAPLACE_DEFAULT;
	static const uint64_t values[] = {9000, 15000, 60000, 900000, 70000000};

	(void)state;
	for (size_t i = 0; i < 5; i++)
		assert_buckets(&params, values[i]);
	params.unbiased = true;
	for (size_t i = 1; i < 4; i++)
		assert_buckets(&params, values[i]);
	assert_true(noise_of_buckets(&params, 0, 0).value == 0);
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
		cmocka_unit_test(the_stated_error_of_bucket_laplace_is_the_real_one),
		cmocka_unit_test(the_stated_error_of_a_release_is_that_of_its_cells),
		cmocka_unit_test(errors_add_up_by_their_variances),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
