/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/support/paying.h"

static void test_the_first_fulfilled_packet_makes_a_transaction(void **state)
{
	(void)state;
	give_fulfilled(1 * S, 10000);
	assert_int_equal(seen[0].origin, ORIGIN_ORIGINATED);
	assert_int_equal(seen[1].origin, ORIGIN_ORIGINATED);
	assert_int_equal(seen[0].payment, seen[1].payment);
	assert_int_equal(seen[1].value, 10000);
	assert_true(seen[1].converted);
	assert_int_equal(seen[1].exchange_ns, 50 * MS);
	assert_string_equal(words(), "T P:ok");
	give_fulfilled(2 * S, 10000);
	give_rejected(3 * S, "T04");
	assert_string_equal(words(), "P:ok P:T04");
}

static void test_packets_before_it_are_counted_when_it_comes(void **state)
{
	(void)state;
	give_rejected(1 * S, "F08");
	give_rejected(1 * S, "T04");
	give_rejected(1 * S, "F08");
	give(at(2 * S, OUTCOME_EXPIRED));
	give(at(2 * S, OUTCOME_CLOSED));
	assert_int_equal(seen_len, 0);
	give_fulfilled(3 * S, 1);
	assert_string_equal(words(), "T P:expired P:closed P:F08 P:F08 P:T04 P:ok");
}

static void test_a_stream_without_a_fulfilled_packet_was_a_probe(void **state)
{
	(void)state;
	give_rejected(1 * S, "F08");
	give_rejected(1 * S, "F99");
	give(at(2 * S, OUTCOME_EXPIRED));
	payments_tick(payments, 3 * S);
	assert_int_equal(seen_len, 0);
	payments_tick(payments, 40 * S);
	assert_int_equal(seen[0].origin, ORIGIN_ORIGINATED);
	assert_string_equal(words(), "Q:expired Q:F08 Q:F99");
	assert_int_equal(stats().open, 0);
}

/* A quote's probes and the payment that follows have different destinations. */
static void test_probe_then_pay(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct exchange probe = at(i * S, OUTCOME_REJECTED);

		probe.destination = 0x9407e;
		strcpy(probe.reject_code, "F08");
		give(probe);
	}
	give_fulfilled(4 * S, 7);
	give_fulfilled(5 * S, 7);
	payments_drain(payments);
	assert_int_equal(count(CONTRIBUTION_TRANSACTION), 1);
	assert_int_equal(count(CONTRIBUTION_PACKET), 2);
	assert_int_equal(count(CONTRIBUTION_PROBE_PACKET), 3);
	assert_int_equal(count(CONTRIBUTION_PAYMENT_END), 1);
}

static void test_zero_amounts_do_not_count_and_prove_nothing(void **state)
{
	struct exchange zero = at(1 * S, OUTCOME_FULFILLED);

	(void)state;
	zero.amount = 0;
	give(zero);
	payments_drain(payments);
	assert_int_equal(seen_len, 0);
}

static void test_protocol_packets_belong_to_no_payment(void **state)
{
	struct exchange peer = at(1 * S, OUTCOME_FULFILLED);

	(void)state;
	peer.peer_protocol = true;
	give(peer);
	assert_int_equal(stats().open, 0);
	payments_drain(payments);
	assert_int_equal(seen_len, 0);
}

static void test_the_end_of_a_payment_gives_its_totals_and_times(void **state)
{
	struct exchange zero = at(1 * S, OUTCOME_REJECTED), unconverted;

	(void)state;
	zero.amount = 0;
	give(zero);
	give_rejected(2 * S, "F08");
	give_fulfilled(3 * S, 500);
	unconverted = at(4 * S, OUTCOME_FULFILLED);
	unconverted.value = 12345; /* not valid: not converted */
	give(unconverted);
	give_fulfilled(5 * S, 700);
	give(at(6 * S, OUTCOME_LOST));
	zero.prepare_ns = 7 * S;
	zero.outcome = OUTCOME_FULFILLED;
	zero.reply_done_ns = 8 * S;
	give(zero);
	payments_tick(payments, 38 * S - 1);
	assert_int_equal(count(CONTRIBUTION_PAYMENT_END), 0);
	payments_tick(payments, 38 * S);

	const struct contribution *end = &seen[seen_len - 1];

	assert_int_equal(end->kind, CONTRIBUTION_PAYMENT_END);
	assert_int_equal(end->payment, seen[0].payment);
	assert_int_equal(end->total_value, 1200);
	assert_int_equal(end->prepared, 5);
	assert_int_equal(end->fulfilled, 3);
	assert_int_equal(end->rejected, 1);
	assert_int_equal(end->pay_ns, 4 * S + 50 * MS);
	assert_int_equal(end->round_trip_ns, 3 * S + 50 * MS);
	assert_int_equal(seen[3].value, 0);
	assert_false(seen[3].converted);
	assert_string_equal(words(), "T P:F08 P:ok P:ok P:ok P:other E");
	payments_tick(payments, 1000 * S);
	assert_int_equal(seen_len, 0);
}

static void test_a_packet_that_moved_nothing_has_no_value(void **state)
{
	struct exchange late = at(2 * S, OUTCOME_EXPIRED);

	(void)state;
	late.converted = true;
	late.value = 999;
	give_fulfilled(1 * S, 1);
	give(late);
	give(at(3 * S, OUTCOME_CLOSED));
	assert_int_equal(seen[2].value, 0);
	assert_int_equal(seen[2].exchange_ns, 50 * MS);
	assert_int_equal(seen[3].exchange_ns, 0);
	payments_drain(payments);
	assert_int_equal(seen[4].total_value, 1);
}

static void test_totals_stop_at_the_largest_number(void **state)
{
	(void)state;
	give_fulfilled(1 * S, UINT64_MAX - 1);
	give_fulfilled(1 * S, 5);
	give_fulfilled(1 * S, 5);
	payments_drain(payments);
	assert_int_equal(seen[seen_len - 1].total_value, UINT64_MAX);
}

static void test_a_payment_ends_when_idle_and_the_next_packet_begins_another(void **state)
{
	uint64_t first;

	(void)state;
	give_fulfilled(1 * S, 1);
	first = seen[0].payment;
	assert_string_equal(words(), "T P:ok");
	payments_tick(payments, 1 * S + 50 * MS + IDLE - 1);
	assert_string_equal(words(), "");
	payments_tick(payments, 1 * S + 50 * MS + IDLE);
	assert_string_equal(words(), "E");
	give_fulfilled(40 * S, 1);
	assert_int_not_equal(seen[0].payment, first);
	assert_string_equal(words(), "T P:ok");
}

static void test_a_packet_after_the_idle_time_does_not_depend_on_the_tick(void **state)
{
	(void)state;
	give_fulfilled(1 * S, 1);
	give_fulfilled(32 * S, 1);
	assert_string_equal(words(), "T P:ok E T P:ok");
}

static void test_every_packet_holds_a_payment_open(void **state)
{
	(void)state;
	give_fulfilled(1 * S, 1);
	for (uint64_t s = 21; s < 200; s += 20) {
		struct exchange zero = at(s * S, OUTCOME_REJECTED);

		zero.amount = 0;
		payments_tick(payments, s * S);
		give(zero);
	}
	assert_string_equal(words(), "T P:ok");
}

static void test_a_payment_that_never_rests_ends_at_its_greatest_age(void **state)
{
	(void)state;
	for (uint64_t s = 0; s < 600; s += 10) {
		give_fulfilled(s * S, 1);
		payments_tick(payments, s * S + S);
	}
	assert_int_equal(count(CONTRIBUTION_PAYMENT_END), 0);
	payments_tick(payments, 600 * S);
	assert_int_equal(count(CONTRIBUTION_PAYMENT_END), 1);
	assert_int_equal(seen[seen_len - 1].prepared, 60);
	give_fulfilled(600 * S, 1);
	assert_int_equal(count(CONTRIBUTION_TRANSACTION), 2);
}

static void test_one_that_rests_ends_before_an_older_one_that_does_not(void **state)
{
	struct exchange other = at(10 * S, OUTCOME_FULFILLED);

	(void)state;
	other.destination = 0x07e4;
	other.converted = true;
	other.value = 77;
	give_fulfilled(1 * S, 1);
	give(other);
	give_fulfilled(25 * S, 1);
	seen_len = 0;
	payments_tick(payments, 41 * S);
	assert_int_equal(seen[0].total_value, 77);
	assert_string_equal(words(), "E");
	assert_int_equal(stats().open, 1);
}

static void test_target_origin_and_destination_each_tell_payments_apart(void **state)
{
	struct exchange e = at(1 * S, OUTCOME_FULFILLED);

	(void)state;
	give(e);
	e.target = 2;
	give(e);
	e.target = 1;
	e.origin = ORIGIN_UNKNOWN;
	give(e);
	assert_int_equal(seen[seen_len - 1].origin, ORIGIN_UNKNOWN);
	e.origin = ORIGIN_ORIGINATED;
	e.destination++;
	give(e);
	assert_int_equal(stats().open, 4);
	assert_int_equal(count(CONTRIBUTION_TRANSACTION), 4);
	for (size_t i = 0; i < seen_len; i += 2) {
		for (size_t j = i + 2; j < seen_len; j += 2)
			assert_int_not_equal(seen[i].payment, seen[j].payment);
	}
}

/* Replies may come in another order than their Prepares went. */
static void test_times_do_not_depend_on_the_order_of_replies(void **state)
{
	struct exchange slow = at(1 * S, OUTCOME_FULFILLED);

	(void)state;
	slow.reply_done_ns = 9 * S;
	give_fulfilled(2 * S, 1);
	give(slow);
	give_fulfilled(3 * S, 1);
	payments_drain(payments);
	assert_int_equal(seen[seen_len - 1].pay_ns, 8 * S);
	assert_int_equal(seen[seen_len - 1].round_trip_ns, 8 * S);
}

static void test_more_reject_codes_than_can_be_held_lose_only_their_code(void **state)
{
	char code[4];

	(void)state;
	for (int i = 0; i < 20; i++) {
		snprintf(code, sizeof(code), "F%02u", (unsigned)i % 100);
		give_rejected(1 * S, code);
		give_rejected(1 * S, code);
	}
	give_fulfilled(2 * S, 1);
	assert_int_equal(count(CONTRIBUTION_PACKET), 41);
	for (size_t i = 1; i < seen_len - 1; i++)
		assert_int_equal(seen[i].outcome, OUTCOME_REJECTED);
	assert_string_equal(seen[seen_len - 2].reject_code, "F05");
	assert_string_equal(seen[1].reject_code, "");
	payments_drain(payments);
	assert_int_equal(seen[seen_len - 1].rejected, 40);
}

static void test_a_full_table_ends_the_payment_idle_longest_and_counts_it(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < CAPACITY; i++) {
		struct exchange e = at(i * S, OUTCOME_FULFILLED);

		e.destination = i;
		e.converted = true;
		e.value = 1000 + i;
		give(e);
	}
	/* 0 is the oldest, but not the one idle longest. */
	give_fulfilled(0, 1);
	seen_len = 0;
	assert_int_equal(stats().evicted, 1);

	struct exchange zero = at(10 * S, OUTCOME_REJECTED);

	zero.amount = 0;
	zero.destination = 1;
	give(zero);
	zero.destination = 999;
	give(zero);
	assert_int_equal(stats().evicted, 2);
	assert_int_equal(stats().open, CAPACITY);
	assert_int_equal(seen[0].total_value, 1002);
	assert_string_equal(words(), "E");
}

static void test_an_evicted_stream_that_proved_nothing_was_a_probe(void **state)
{
	(void)state;
	give_rejected(1 * S, "F08");
	for (uint64_t i = 0; i < CAPACITY; i++) {
		struct exchange e = at(2 * S, OUTCOME_FULFILLED);

		e.destination = i;
		give(e);
	}
	assert_int_equal(stats().evicted, 1);
	assert_int_equal(count(CONTRIBUTION_PROBE_PACKET), 1);
	assert_int_equal(count(CONTRIBUTION_PAYMENT_END), 0);
}

static void test_a_flood_in_one_target_ends_no_payment_of_another(void **state)
{
	struct exchange mine = at(1 * S, OUTCOME_FULFILLED);

	(void)state;
	mine.target = 3;
	mine.destination = 77;
	give(mine);
	for (uint64_t i = 0; i < 10 * CAPACITY; i++) {
		struct exchange e = at(2 * S, OUTCOME_FULFILLED);

		e.destination = i;
		give(e);
	}
	/* The same payment goes on: no second transaction begins. */
	seen_len = 0;
	mine.prepare_ns = mine.reply_ns = mine.reply_done_ns = 3 * S;
	give(mine);
	assert_string_equal(words(), "P:ok");
}

static void test_shutdown_ends_every_payment(void **state)
{
	struct exchange probe = at(1 * S, OUTCOME_REJECTED);

	(void)state;
	strcpy(probe.reject_code, "F05");
	probe.destination = 2;
	give_fulfilled(1 * S, 1);
	give(probe);
	payments_drain(payments);
	assert_string_equal(words(), "T P:ok E Q:F05");
	assert_int_equal(stats().open, 0);
	assert_int_equal(stats().evicted, 0);
	payments_drain(payments);
	assert_int_equal(seen_len, 0);
}

/* Whatever happens, each non-zero packet comes out once, and each transaction ends once. */
static void test_nothing_is_counted_twice_or_not_at_all(void **state)
{
	unsigned seed = 0x7e117a1e;
	size_t packets = 0, fulfilled = 0, given = 0;

	(void)state;
	for (uint64_t step = 0; step < 1000; step++) {
		unsigned r = rand_r(&seed);
		struct exchange e = at(step * S, r % 3 ? OUTCOME_REJECTED : OUTCOME_FULFILLED);

		e.destination = (r >> 4) % 7;
		e.amount = (r >> 8) % 4;
		give(e);
		packets += e.amount > 0;
		fulfilled += e.amount > 0 && e.outcome == OUTCOME_FULFILLED;
		if (r % 5 == 0)
			payments_tick(payments, step * S);
	}
	payments_drain(payments);
	for (size_t i = 0; i < seen_len; i++) {
		if (seen[i].kind == CONTRIBUTION_PAYMENT_END)
			given += seen[i].fulfilled;
	}
	assert_int_equal(count(CONTRIBUTION_PACKET) + count(CONTRIBUTION_PROBE_PACKET), packets);
	assert_int_equal(count(CONTRIBUTION_TRANSACTION), count(CONTRIBUTION_PAYMENT_END));
	assert_int_equal(given, fulfilled);
	assert_true(stats().evicted > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_first_fulfilled_packet_makes_a_transaction),
		T(packets_before_it_are_counted_when_it_comes),
		T(a_stream_without_a_fulfilled_packet_was_a_probe),
		T(probe_then_pay),
		T(zero_amounts_do_not_count_and_prove_nothing),
		T(protocol_packets_belong_to_no_payment),
		T(the_end_of_a_payment_gives_its_totals_and_times),
		T(a_packet_that_moved_nothing_has_no_value),
		T(totals_stop_at_the_largest_number),
		T(a_payment_ends_when_idle_and_the_next_packet_begins_another),
		T(a_packet_after_the_idle_time_does_not_depend_on_the_tick),
		T(every_packet_holds_a_payment_open),
		T(a_payment_that_never_rests_ends_at_its_greatest_age),
		T(one_that_rests_ends_before_an_older_one_that_does_not),
		T(target_origin_and_destination_each_tell_payments_apart),
		T(times_do_not_depend_on_the_order_of_replies),
		T(more_reject_codes_than_can_be_held_lose_only_their_code),
		T(a_full_table_ends_the_payment_idle_longest_and_counts_it),
		T(an_evicted_stream_that_proved_nothing_was_a_probe),
		T(a_flood_in_one_target_ends_no_payment_of_another),
		T(shutdown_ends_every_payment),
		T(nothing_is_counted_twice_or_not_at_all),
	};

	return cmocka_run_group_tests_name("payments", tests, NULL, NULL);
}
