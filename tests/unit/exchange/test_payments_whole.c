/* SPDX-License-Identifier: Apache-2.0 */
/* What may count once only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/support/paying.h"

static unsigned whole(void)
{
	unsigned n = 0;

	for (size_t i = 0; i < seen_len; i++)
		n += seen[i].kind == CONTRIBUTION_PAYMENT_END && !seen[i].partial;
	return n;
}

static void test_a_payment_without_rest_is_whole_once_however_long_it_lasts(void **state)
{
	(void)state;
	for (uint64_t t = 1; t < 3000; t += 20) {
		give_fulfilled(t * S, 100);
		if (t % 3)
			payments_tick(payments, (t + 10) * S);
	}
	payments_tick(payments, 4000 * S);
	assert_true(count(CONTRIBUTION_PAYMENT_END) >= 4);
	assert_int_equal(whole(), 1);
	assert_int_equal(stats().open, 0);
	/* After a pause it is another one. */
	give_fulfilled(5000 * S, 100);
	payments_tick(payments, 6000 * S);
	assert_int_equal(whole(), 2);
}

static void test_the_rest_of_a_long_payment_has_times_of_its_own(void **state)
{
	(void)state;
	for (uint64_t t = 1; t < 620; t += 20)
		give_fulfilled(t * S, 100);
	payments_tick(payments, 602 * S);
	give_fulfilled(625 * S, 100);
	give_fulfilled(630 * S, 100);
	payments_tick(payments, 1000 * S);
	assert_true(seen[seen_len - 1].partial);
	assert_true(seen[seen_len - 1].pay_ns <= 30 * S);
}

static void test_a_probe_that_lasts_has_no_rest(void **state)
{
	(void)state;
	for (uint64_t t = 1; t < 620; t += 20)
		give_rejected(t * S, "F08");
	payments_tick(payments, 601 * S);
	give_fulfilled(621 * S, 100);
	payments_tick(payments, 1000 * S);
	assert_int_equal(whole(), 1);
}

static void test_an_evicted_payment_is_whole_in_no_part_but_the_last(void **state)
{
	(void)state;
	for (uint64_t round = 0; round < 5; round++) {
		for (uint64_t i = 0; i < CAPACITY + 1; i++) {
			struct exchange e = at((1 + round) * S + i * MS, OUTCOME_FULFILLED);

			e.destination = i + 1;
			give(e);
		}
	}
	payments_drain(payments);
	assert_true(stats().evicted > CAPACITY);
	assert_true(whole() <= CAPACITY + 1);
}

static void test_what_may_have_begun_before_the_start_is_no_whole_payment(void **state)
{
	(void)state;
	payments_begin(payments, 1000 * S);
	give_fulfilled(1029 * S, 100);
	give_fulfilled(1050 * S, 100);
	payments_tick(payments, 1100 * S);
	assert_int_equal(count(CONTRIBUTION_PAYMENT_END), 1);
	assert_int_equal(whole(), 0);
	give_fulfilled(1200 * S, 100);
	payments_tick(payments, 1300 * S);
	assert_int_equal(whole(), 1);
}

/* The Prepare before the start was counted then; its reply, which nobody sees, comes 29 seconds
 * after the start, and the next Prepare 29 seconds after that. */
static void test_a_payment_whose_reply_was_under_way_at_the_start_is_not_counted_again(void **state)
{
	(void)state;
	payments_begin(payments, 1000 * S);
	give_fulfilled(1058 * S, 100);
	give_fulfilled(1080 * S, 100);
	payments_tick(payments, 1200 * S);
	assert_int_equal(count(CONTRIBUTION_PAYMENT_END), 1);
	assert_int_equal(whole(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_payment_without_rest_is_whole_once_however_long_it_lasts),
		T(the_rest_of_a_long_payment_has_times_of_its_own),
		T(a_probe_that_lasts_has_no_rest),
		T(an_evicted_payment_is_whole_in_no_part_but_the_last),
		T(what_may_have_begun_before_the_start_is_no_whole_payment),
		T(a_payment_whose_reply_was_under_way_at_the_start_is_not_counted_again),
	};

	return cmocka_run_group_tests_name("payments, whole", tests, NULL, NULL);
}
