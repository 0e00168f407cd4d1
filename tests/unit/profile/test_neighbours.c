/* SPDX-License-Identifier: Apache-2.0 */
/* Hops made by hand, and how each peer did. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "profile/neighbours.h"

#define MS 1000000ULL

static struct neighbours n;

static int make(void **state)
{
	(void)state;
	neighbours_init(&n);
	return 0;
}

/* Held for so many ms, of which the peer took so many. */
static struct hop hop(uint64_t endpoint, uint64_t hold_ms, uint64_t peer_ms)
{
	return (struct hop){
		.kind = HOP_FORWARDED,
		.outcome = OUTCOME_FULFILLED,
		.endpoint = endpoint,
		.at_ns = {5, 5, 6, 6 + peer_ms * MS, 6 + peer_ms * MS, 5 + hold_ms * MS}};
}

static void add(uint64_t endpoint, uint64_t hold_ms, uint64_t peer_ms)
{
	const struct hop h = hop(endpoint, hold_ms, peer_ms);

	neighbours_add(&n, &h);
}

static void reject(uint64_t endpoint, const char *code)
{
	struct hop h = hop(endpoint, 2, 1);

	h.outcome = OUTCOME_REJECTED;
	memcpy(h.reject_code, code, sizeof(h.reject_code));
	neighbours_add(&n, &h);
}

static void assert_near(double a, double b)
{
	assert_true(a > 0.95 * b && a < 1.05 * b);
}

static void each_peer_has_its_times(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++)
		add(1, 50, 20);
	add(1, 500, 20);
	add(2, 10, 9);
	neighbours_sort(&n);
	assert_int_equal(n.len, 2);
	assert_int_equal(n.list[0].endpoint, 1);
	assert_int_equal(n.list[0].packets, 11);
	assert_near(neighbours_quantile(&n.list[0].times[NEIGHBOUR_HOLD], 0.5), 50);
	assert_near(neighbours_quantile(&n.list[0].times[NEIGHBOUR_HOLD], 0.95), 500);
	assert_near(neighbours_quantile(&n.list[0].times[NEIGHBOUR_PEER], 0.95), 20);
	assert_near(neighbours_quantile(&n.list[0].times[NEIGHBOUR_CONNECTOR], 0.5), 30);
	assert_near(neighbours_quantile(&n.list[1].times[NEIGHBOUR_PEER], 0.5), 9);
}

static void times_sum_to_the_hold(void **state)
{
	const struct histogram *t = n.list[0].times;

	(void)state;
	add(1, 50, 20);
	add(1, 31, 7);
	assert_int_equal(t[NEIGHBOUR_PEER].sum_ns + t[NEIGHBOUR_CONNECTOR].sum_ns,
			 t[NEIGHBOUR_HOLD].sum_ns);
}

static void rejects_have_their_codes_and_too_many_codes_are_counted(void **state)
{
	(void)state;
	for (char c = '0'; c <= '9'; c++)
		reject(1, (char[4]){'T', '0', c, '\0'});
	reject(1, "T00");
	assert_int_equal(n.list[0].outcomes[OUTCOME_REJECTED], 11);
	assert_int_equal(n.list[0].codes_len, NEIGHBOURS_CODES_MAX);
	assert_int_equal(n.list[0].codes[0].packets, 2);
	assert_int_equal(n.list[0].codes_more, 10 - NEIGHBOURS_CODES_MAX);
}

static void peers_that_find_no_room_are_together(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= NEIGHBOURS_MAX + 3; i++)
		add(i, 2, 1);
	assert_int_equal(n.len, NEIGHBOURS_MAX);
	assert_int_equal(n.list[NEIGHBOURS_MAX].packets, 3);
}

static void the_wire_takes_no_longer_than_the_shortest_round_trip_to_a_peer(void **state)
{
	struct hop h = hop(1, 50, 45);

	(void)state;
	neighbours_add(&n, &h);
	assert_int_equal(n.list[0].wire_us, 0);
	assert_non_null(neighbours_no_wire(&n.list[0]));
	h.wire_us = 31600;
	neighbours_add(&n, &h);
	h.wire_us = 15400;
	neighbours_add(&n, &h);
	h.wire_us = 31600;
	neighbours_add(&n, &h);
	assert_int_equal(n.list[0].wire_us, 15400);
	assert_null(neighbours_no_wire(&n.list[0]));
	h.endpoint = 2;
	h.wire_us = 0;
	h.out_tls = true;
	neighbours_add(&n, &h);
	assert_non_null(strstr(neighbours_no_wire(&n.list[1]), "TLS"));
}

static void without_a_reply_or_in_no_order_there_is_no_time(void **state)
{
	struct hop h = hop(1, 10, 5);

	(void)state;
	h.split = HOP_NO_REPLY;
	neighbours_add(&n, &h);
	h.split = HOP_SPLIT;
	h.at_ns[5] = 1;
	neighbours_add(&n, &h);
	assert_int_equal(n.list[0].packets, 2);
	assert_int_equal(n.list[0].times[NEIGHBOUR_HOLD].count, 0);
	assert_true(neighbours_quantile(&n.list[0].times[NEIGHBOUR_HOLD], 0.5) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_peer_has_its_times, make),
		cmocka_unit_test_setup(times_sum_to_the_hold, make),
		cmocka_unit_test_setup(rejects_have_their_codes_and_too_many_codes_are_counted,
				       make),
		cmocka_unit_test_setup(
			the_wire_takes_no_longer_than_the_shortest_round_trip_to_a_peer, make),
		cmocka_unit_test_setup(peers_that_find_no_room_are_together, make),
		cmocka_unit_test_setup(without_a_reply_or_in_no_order_there_is_no_time, make),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
