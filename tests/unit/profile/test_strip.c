/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "profile/strip.h"
#include "tests/unit/support/seeded.h"

#define SEED 20261129

static void check_between(const struct strip *s, uint64_t from, uint64_t to, uint64_t on,
			  uint64_t waiting, uint64_t blocked)
{
	uint64_t ns[STRIP_STATES] = {0};

	assert_true(strip_between(s, from, to, ns));
	assert_int_equal(ns[STRIP_ON], on);
	assert_int_equal(ns[STRIP_WAITING], waiting);
	assert_int_equal(ns[STRIP_BLOCKED], blocked);
}

/* On a CPU from 100 to 200, blocked until 500, waiting until 550, then on a CPU. */
static void fill(struct strip *s)
{
	assert_int_equal(strip_add(s, TAPE_ON, 100), 1);
	assert_int_equal(strip_add(s, TAPE_BLOCKED, 200), 1);
	assert_int_equal(strip_add(s, TAPE_WOKEN, 500), 1);
	assert_int_equal(strip_add(s, TAPE_ON, 550), 1);
}

static void each_state_has_the_time_from_its_event_to_the_next(void **state)
{
	struct strip s = {0};

	(void)state;
	fill(&s);
	check_between(&s, 100, 550, 100, 50, 300);
	check_between(&s, 200, 500, 0, 0, 300);
	strip_fini(&s);
}

static void a_moment_between_two_events_is_exact(void **state)
{
	struct strip s = {0};

	(void)state;
	fill(&s);
	check_between(&s, 130, 140, 10, 0, 0);
	check_between(&s, 199, 501, 1, 1, 300);
	strip_fini(&s);
}

static void the_last_state_goes_on(void **state)
{
	struct strip s = {0};

	(void)state;
	fill(&s);
	check_between(&s, 540, 1000, 450, 10, 0);
	strip_fini(&s);
}

static void nothing_is_known_from_before_the_first_event(void **state)
{
	uint64_t ns[STRIP_STATES] = {0};
	struct strip s = {0};

	(void)state;
	assert_false(strip_between(&s, 0, 10, ns));
	fill(&s);
	assert_false(strip_between(&s, 99, 300, ns));
	assert_true(strip_between(&s, 100, 300, ns));
	strip_fini(&s);
}

static void a_thread_that_does_not_wait_is_not_woken(void **state)
{
	struct strip s = {0};

	(void)state;
	/* The first event says nothing either: the thread may be running. */
	assert_int_equal(strip_add(&s, TAPE_WOKEN, 50), 0);
	assert_int_equal(strip_add(&s, TAPE_ON, 100), 1);
	assert_int_equal(strip_add(&s, TAPE_WOKEN, 150), 0);
	check_between(&s, 100, 200, 100, 0, 0);
	assert_int_equal(strip_add(&s, TAPE_PREEMPTED, 200), 1);
	assert_int_equal(strip_add(&s, TAPE_WOKEN, 250), 0);
	check_between(&s, 200, 300, 0, 100, 0);
	strip_fini(&s);
}

/* Woken on another CPU while on its way to sleep: the second event says so. */
static void the_second_word_of_a_waking_counts_when_the_first_came_too_early(void **state)
{
	struct strip s = {0};

	(void)state;
	strip_add(&s, TAPE_ON, 100);
	strip_add(&s, TAPE_WOKEN, 190);
	strip_add(&s, TAPE_BLOCKED, 200);
	strip_add(&s, TAPE_WOKEN, 210);
	strip_add(&s, TAPE_ON, 300);
	check_between(&s, 100, 300, 100, 90, 10);
	strip_fini(&s);
}

static void the_columns_sum_to_the_time_whatever_comes(void **state)
{
	struct seeded random = {SEED};
	struct strip s = {0};
	uint64_t at = 1000;

	(void)state;
	strip_add(&s, TAPE_ON, at);
	for (int i = 0; i < 10000; i++) {
		enum tape_kind kind = (enum tape_kind)(1 + seeded_below(&random, TAPE_WOKEN));

		at += seeded_below(&random, 1000);
		/* Some come late. */
		assert_true(strip_add(&s, kind, at - seeded_below(&random, 20)) >= 0);
	}
	for (int i = 0; i < 10000; i++) {
		uint64_t from = 1000 + seeded_below(&random, at - 1000);
		uint64_t to = from + seeded_below(&random, at - from + 100);
		uint64_t ns[STRIP_STATES] = {0};

		assert_true(strip_between(&s, from, to, ns));
		assert_int_equal(ns[STRIP_ON] + ns[STRIP_WAITING] + ns[STRIP_BLOCKED], to - from);
	}
	strip_fini(&s);
}

static void a_clock_that_has_forgotten_its_past_is_as_exact_as_before(void **state)
{
	struct strip_snapshot at;
	struct strip s = {0};

	(void)state;
	fill(&s);
	strip_forget(&s, 300);
	assert_int_equal(strip_begin_ns(&s), 200);
	assert_int_equal(strip_end_ns(&s), 550);
	check_between(&s, 200, 600, 50, 50, 300);
	assert_false(strip_at(&s, 199, &at));
	assert_true(strip_at(&s, 500, &at));
	assert_int_equal(at.ns[STRIP_ON], 0);
	assert_int_equal(at.ns[STRIP_BLOCKED], 300);
	strip_forget(&s, 10000);
	check_between(&s, 550, 10000, 9450, 0, 0);
	strip_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_state_has_the_time_from_its_event_to_the_next),
		cmocka_unit_test(a_moment_between_two_events_is_exact),
		cmocka_unit_test(the_last_state_goes_on),
		cmocka_unit_test(nothing_is_known_from_before_the_first_event),
		cmocka_unit_test(a_thread_that_does_not_wait_is_not_woken),
		cmocka_unit_test(the_second_word_of_a_waking_counts_when_the_first_came_too_early),
		cmocka_unit_test(the_columns_sum_to_the_time_whatever_comes),
		cmocka_unit_test(a_clock_that_has_forgotten_its_past_is_as_exact_as_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
