/* SPDX-License-Identifier: Apache-2.0 */
/* The auditor: its limits are compared with known ones, and it measures mechanisms whose epsilon is
 * known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdbool.h>

#include "tests/unit/support/seeded.h"
#include "audit/audit.h"
#include "audit/suggest.h"

#define SEED 0xa0d17ULL

static bool near(double a, double b, double tolerance)
{
	return fabs(a - b) <= tolerance;
}

static void the_limits_are_clopper_and_pearsons(void **state)
{
	(void)state;
	/* From tables of exact binomial limits. */
	assert_true(near(audit_lower(5, 10, 0.025), 0.187086, 1e-6));
	assert_true(near(audit_upper(5, 10, 0.025), 0.812914, 1e-6));
	assert_true(near(audit_lower(1, 20, 0.025), 0.001265, 1e-6));
	assert_true(near(audit_upper(1, 20, 0.025), 0.248733, 1e-6));
	/* For no hits and for hits only there is a closed form. */
	assert_true(audit_lower(0, 1000, 0.01) == 0);
	assert_true(audit_upper(1000, 1000, 0.01) == 1);
	assert_true(near(audit_upper(0, 1000, 0.01), 1 - pow(0.01, 0.001), 1e-9));
	assert_true(near(audit_lower(1000, 1000, 0.01), pow(0.01, 0.001), 1e-9));
	/* For large counts the limits are close to the normal approximation. */
	assert_true(
		near(audit_lower(5000000, 10000000, 0.0005), 0.5 - 3.29 * 0.5 / sqrt(1e7), 1e-6));
}

/* Outputs its input, but the wrong one in one of four runs: epsilon is ln 3. */
static void respond(const void *context, unsigned input, privacy_random *random,
		    void *random_context, double *figures)
{
	unsigned char byte;

	(void)context;
	random(random_context, &byte, 1);
	figures[0] = byte & 3 ? input : !input;
}

static void say_nothing(const void *context, unsigned input, privacy_random *random,
			void *random_context, double *figures)
{
	unsigned char byte;

	(void)context;
	(void)input;
	random(random_context, &byte, 1);
	figures[0] = byte;
}

/* Splits its input into two shares, each of which alone is a random byte. Their sum, the third
 * figure, is the input. */
static void share_out(const void *context, unsigned input, privacy_random *random,
		      void *random_context, double *figures)
{
	unsigned char byte;

	(void)context;
	random(random_context, &byte, 1);
	figures[0] = byte;
	figures[1] = (unsigned char)(input - byte);
	figures[2] = (unsigned char)(byte + (unsigned char)(input - byte));
}

static struct audit_bound
measured(void (*draw)(const void *, unsigned, privacy_random *, void *, double *), size_t figures)
{
	static const char *const names[] = {"first", "second", "sum"};
	static struct seeded seeded;
	const struct audit_subject subject = {
		.draw = draw,
		.names = names,
		.figures_len = figures,
		.random = seeded_fill,
		.random_context = &seeded,
		.threads = 1,
	};
	struct audit_bound bound;

	seeded.state = SEED;
	assert_int_equal(audit_run(&subject, 20000, 200000, &bound), 0);
	return bound;
}

static void a_known_epsilon_is_found_and_not_exceeded(void **state)
{
	struct audit_bound bound = measured(respond, 1);

	(void)state;
	assert_true(bound.epsilon > 1.05 && bound.epsilon <= log(3));
	assert_string_equal(bound.figure, "first");
	assert_int_equal(bound.samples, 200000);
}

static void no_epsilon_is_found_when_the_output_is_independent_of_the_input(void **state)
{
	(void)state;
	assert_true(measured(say_nothing, 1).epsilon < 0.05);
}

static void a_leak_that_needs_two_figures_is_found_only_in_a_figure_of_both(void **state)
{
	(void)state;
	assert_true(measured(share_out, 2).epsilon < 0.05);
	assert_true(measured(share_out, 3).epsilon > 9);
}

static void suggested_clips_grow_with_payments_and_budget(void **state)
{
	struct suggest_expected e = {10000, 50000, 1.5, 1000};
	struct privacy_budget b = BUDGET_DEFAULT, more = BUDGET_DEFAULT;

	(void)state;
	suggest_clips(&e, &b);
	assert_int_equal(b.day_clip, 10000000);
	assert_int_equal(b.hour_clip, 200000);
	assert_int_equal(b.epsilon_milli, 1000);
	assert_true(suggest_day(&e, &b).expected < 0.02);
	e.payments = 1000000;
	suggest_clips(&e, &more);
	assert_true(more.day_clip > b.day_clip && more.hour_clip > b.hour_clip);
	e.epsilon_milli = 2000;
	suggest_clips(&e, &b);
	assert_true(b.day_clip >= more.day_clip);
	e.payments = 100;
	suggest_clips(&e, &b);
	assert_int_equal(b.hour_clip, 0);
	assert_true(b.day_clip < 10000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_limits_are_clopper_and_pearsons),
		cmocka_unit_test(a_known_epsilon_is_found_and_not_exceeded),
		cmocka_unit_test(no_epsilon_is_found_when_the_output_is_independent_of_the_input),
		cmocka_unit_test(a_leak_that_needs_two_figures_is_found_only_in_a_figure_of_both),
		cmocka_unit_test(suggested_clips_grow_with_payments_and_budget),
	};

	return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
