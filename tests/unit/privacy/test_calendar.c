/* SPDX-License-Identifier: Apache-2.0 */
/* How much one payment can change, how much noise there is, and that both together give the stated
 * epsilon. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tests/unit/support/seeded.h"
#include "privacy/budget.h"
#include "privacy/calendar.h"

#define SEED  0xca1ULL
#define HOUR  3600000000000ULL
#define MILLI 1000

static const struct privacy_budget budget = {
	.epsilon_milli = 1000, .day_clip = 10000000, .hour_clip = 200000, .packet_clip = 16};

/* The epsilon that one payment costs at a level, in thousandths of a hundredth: how much it changed
 * the level's cells in all, divided by the scale of their noise. */
static unsigned __int128 cost(const struct privacy_budget *b, enum budget_level level,
			      const uint64_t before[BUDGET_CELLS],
			      const uint64_t after[BUDGET_CELLS])
{
	unsigned __int128 sum = 0;

	for (size_t i = 0; i < budget_cells(b, level); i++) {
		struct budget_scale s = budget_scale(b, level, i);
		unsigned __int128 change =
			after[i] > before[i] ? after[i] - before[i] : before[i] - after[i];
		unsigned __int128 milli = change * s.denominator * 100 * MILLI;

		/* Rounds up, so that the division does not understate the cost. */
		sum += (milli + s.numerator - 1) / s.numerator;
	}
	return sum;
}

static struct contribution random_payment(struct seeded *s)
{
	return (struct contribution){
		.kind = CONTRIBUTION_PAYMENT_END,
		.total_value = seeded_next(s) >> seeded_below(s, 64),
		.fulfilled = (uint32_t)(seeded_next(s) >> (32 + seeded_below(s, 32))),
		.rejected = (uint32_t)(seeded_next(s) >> (32 + seeded_below(s, 32))),
		.pay_ns = seeded_next(s) >> seeded_below(s, 64),
		.round_trip_ns = seeded_next(s) >> seeded_below(s, 64),
	};
}

static void no_payment_costs_more_than_epsilon_over_both_levels(void **state)
{
	static const struct privacy_budget budgets[] = {
		{1000, 10000000, 200000, 16},
		{500, 5000000, 0, 16},
		{20000, 1, 1, 1},
		{1, BUDGET_CLIP_MAX, 7, 65535},
		{1999, 999999937, 31337, 5},
		{7, BUDGET_CLIP_MAX, BUDGET_CLIP_MAX, 3},
	};
	struct seeded s = {SEED};

	(void)state;
	for (size_t b = 0; b < sizeof(budgets) / sizeof(budgets[0]); b++) {
		char why[160];

		assert_int_equal(budget_check(&budgets[b], why, sizeof(why)), 0);
		for (int i = 0; i < 5000; i++) {
			struct contribution c = random_payment(&s);
			struct calendar before = {0}, after;
			unsigned __int128 spent = 0;

			/* There are other payments too, so that cells can fall as well as rise. */
			calendar_add(&before, &budgets[b], &c);
			after = before;
			c = random_payment(&s);
			calendar_add(&after, &budgets[b], &c);
			for (int level = 0; level < BUDGET_LEVELS; level++)
				spent += cost(&budgets[b], (enum budget_level)level,
					      before.sums[level], after.sums[level]);
			/* The division may add one for each cell. */
			assert_true(spent <= budgets[b].epsilon_milli * 100 + 80);
		}
	}
}

static void a_payment_changes_value_and_rest_by_exactly_the_clip_of_each_level(void **state)
{
	static const uint64_t values[] = {0, 1, 199999, 200000, 10000000, 10000001, UINT64_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct contribution c = {.total_value = values[i]};
		struct calendar cal = {0};

		calendar_add(&cal, &budget, &c);
		assert_int_equal(cal.sums[BUDGET_DAY][BUDGET_VALUE] +
					 cal.sums[BUDGET_DAY][BUDGET_REST],
				 10000000);
		assert_int_equal(cal.sums[BUDGET_HOUR][BUDGET_VALUE] +
					 cal.sums[BUDGET_HOUR][BUDGET_REST],
				 200000);
		assert_int_equal(cal.sums[BUDGET_DAY][BUDGET_VALUE],
				 values[i] < 10000000 ? values[i] : 10000000);
	}
}

static void packets_are_clipped_together(void **state)
{
	struct contribution c = {.fulfilled = 10, .rejected = 100};
	struct calendar cal = {0};

	(void)state;
	calendar_add(&cal, &budget, &c);
	assert_int_equal(cal.sums[BUDGET_DAY][BUDGET_FULFILLED], 10);
	assert_int_equal(cal.sums[BUDGET_DAY][BUDGET_REJECTED], 6);
	assert_int_equal(cal.sums[BUDGET_HOUR][BUDGET_REJECTED], 6);
	c = (struct contribution){.fulfilled = 4000000000u, .rejected = 4000000000u};
	calendar_add(&cal, &budget, &c);
	assert_int_equal(cal.sums[BUDGET_DAY][BUDGET_FULFILLED], 26);
	assert_int_equal(cal.sums[BUDGET_DAY][BUDGET_REJECTED], 6);
}

static void sums_saturate_instead_of_starting_over(void **state)
{
	struct contribution c = {.total_value = UINT64_MAX};
	struct calendar cal = {0};
	int64_t noisy[BUDGET_CELLS];
	struct seeded s = {SEED};

	(void)state;
	cal.sums[BUDGET_DAY][BUDGET_VALUE] = UINT64_MAX - 5;
	calendar_add(&cal, &budget, &c);
	assert_true(cal.sums[BUDGET_DAY][BUDGET_VALUE] == UINT64_MAX);
	calendar_take(&cal, &budget, BUDGET_DAY, seeded_fill, &s, noisy);
	assert_true(noisy[BUDGET_VALUE] == INT64_MAX);
}

static void a_node_is_taken_once(void **state)
{
	static const struct calendar empty;
	struct contribution c = {.total_value = 5000000, .fulfilled = 3, .rejected = 2};
	struct calendar cal = {0};
	int64_t noisy[BUDGET_CELLS];
	struct seeded s = {SEED};

	(void)state;
	calendar_add(&cal, &budget, &c);
	calendar_take(&cal, &budget, BUDGET_DAY, seeded_fill, &s, noisy);
	/* The hour's node is separate. */
	assert_int_equal(cal.sums[BUDGET_HOUR][BUDGET_VALUE], 200000);
	calendar_take(&cal, &budget, BUDGET_HOUR, seeded_fill, &s, noisy);
	assert_memory_equal(&cal, &empty, sizeof(cal));
}

static void every_cell_gets_noise_of_its_own(void **state)
{
	int64_t first[BUDGET_CELLS], second[BUDGET_CELLS];
	struct calendar cal = {0};
	struct seeded s = {SEED};

	(void)state;
	for (size_t i = 0; i < 2; i++)
		calendar_take(&cal, &budget, BUDGET_DAY, seeded_fill, &s, i ? second : first);
	assert_int_not_equal(first[BUDGET_VALUE], first[BUDGET_REST]);
	assert_int_not_equal(first[BUDGET_VALUE], second[BUDGET_VALUE]);
	assert_memory_not_equal(first + BUDGET_PAY_TIME, first + BUDGET_ROUND_TRIP,
				BUDGET_TIME_CELLS * sizeof(first[0]));
	assert_memory_not_equal(first, second, sizeof(first));
}

static void hours_and_days_are_those_of_utc(void **state)
{
	(void)state;
	assert_int_equal(calendar_hour(0), 0);
	assert_int_equal(calendar_hour(HOUR - 1), 0);
	assert_int_equal(calendar_hour(HOUR), 1);
	/* 2026-01-01T00:00:00Z */
	assert_int_equal(calendar_day(calendar_hour(1767225600000000000ULL)), 20454);
	assert_int_equal(calendar_day(calendar_hour(1767225600000000000ULL - 1)), 20453);
}

static void impossible_budgets_are_refused_with_the_fix(void **state)
{
	static const struct {
		struct privacy_budget budget;
		const char *says;
	} cases[] = {
		{{0, 1, 0, 1}, "epsilon"},
		{{20001, 1, 0, 1}, "epsilon"},
		{{1, 0, 0, 1}, "day_clip"},
		{{1, BUDGET_CLIP_MAX + 1, 0, 1}, "day_clip"},
		{{1, 1, BUDGET_CLIP_MAX + 1, 1}, "hour_clip"},
		{{1, 1, 0, 0}, "packet_clip"},
		{{1, 1, 0, 65536}, "packet_clip"},
	};
	char why[160];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_not_equal(budget_check(&cases[i].budget, why, sizeof(why)), 0);
		assert_non_null(strstr(why, cases[i].says));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_payment_costs_more_than_epsilon_over_both_levels),
		cmocka_unit_test(
			a_payment_changes_value_and_rest_by_exactly_the_clip_of_each_level),
		cmocka_unit_test(packets_are_clipped_together),
		cmocka_unit_test(sums_saturate_instead_of_starting_over),
		cmocka_unit_test(a_node_is_taken_once),
		cmocka_unit_test(every_cell_gets_noise_of_its_own),
		cmocka_unit_test(hours_and_days_are_those_of_utc),
		cmocka_unit_test(impossible_budgets_are_refused_with_the_fix),
	};

	return cmocka_run_group_tests_name("calendar", tests, NULL, NULL);
}
