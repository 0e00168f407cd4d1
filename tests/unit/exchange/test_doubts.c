/* SPDX-License-Identifier: Apache-2.0 */
/* doubts: when something that came into a target may not have been read whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/table.h"
#include "exchange/doubts.h"
#include "tests/unit/support/seeded.h"

#define S        1000000000ULL
#define CAPACITY 4
#define TARGET   3

static struct doubts *doubts;

static int setup(void **state)
{
	(void)state;
	doubts = doubts_new(CAPACITY);
	return doubts ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	doubts_free(doubts);
	return 0;
}

static bool any(uint64_t from_ns, uint64_t to_ns)
{
	enum doubt_cause cause;

	return doubts_any(doubts, TARGET, from_ns, to_ns, &cause);
}

static void test_without_a_doubt_there_is_none(void **state)
{
	(void)state;
	assert_false(any(0, UINT64_MAX));
}

static void test_a_doubt_of_a_moment_is_there_at_that_moment(void **state)
{
	enum doubt_cause cause = DOUBT_CAUSES;

	(void)state;
	doubts_once(doubts, TARGET, DOUBT_GAP, 10 * S);
	assert_false(any(0, 10 * S - 1));
	assert_true(any(10 * S, 10 * S));
	assert_true(any(5 * S, 20 * S));
	assert_false(any(10 * S + 1, 70 * S));
	assert_true(doubts_any(doubts, TARGET, 0, 20 * S, &cause));
	assert_int_equal(cause, DOUBT_GAP);
	assert_false(doubts_any(doubts, TARGET + 1, 0, 20 * S, &cause));
}

static void test_an_open_doubt_lasts_until_it_is_closed(void **state)
{
	(void)state;
	doubts_open(doubts, TARGET, DOUBT_HTTP2, 7, 10 * S);
	assert_false(any(0, 10 * S - 1));
	assert_true(any(1000 * S, 1001 * S));
	doubts_close(doubts, TARGET, DOUBT_HTTP2, 7, 2000 * S);
	assert_true(any(1000 * S, 1001 * S));
	assert_true(any(2000 * S, 2060 * S));
	assert_false(any(2000 * S + 1, 2060 * S));
}

static void test_what_is_closed_must_have_been_opened_so(void **state)
{
	(void)state;
	doubts_close(doubts, TARGET, DOUBT_GAP, 7, 5 * S);
	assert_false(any(0, UINT64_MAX));
	doubts_open(doubts, TARGET, DOUBT_GAP, 7, 10 * S);
	doubts_close(doubts, TARGET, DOUBT_GAP, 8, 11 * S);
	doubts_close(doubts, TARGET, DOUBT_FULL, 7, 11 * S);
	doubts_close(doubts, TARGET + 1, DOUBT_GAP, 7, 11 * S);
	assert_true(any(20 * S, 21 * S));
}

static void test_several_open_ones_end_with_the_last(void **state)
{
	(void)state;
	doubts_open(doubts, TARGET, DOUBT_UNREAD_LISTENER, 1, 10 * S);
	doubts_open(doubts, TARGET, DOUBT_UNREAD_LISTENER, 2, 20 * S);
	doubts_open(doubts, TARGET, DOUBT_UNREAD_LISTENER, 2, 21 * S); /* is open already */
	doubts_close(doubts, TARGET, DOUBT_UNREAD_LISTENER, 1, 30 * S);
	assert_true(any(40 * S, 41 * S));
	doubts_close(doubts, TARGET, DOUBT_UNREAD_LISTENER, 2, 50 * S);
	assert_true(any(15 * S, 15 * S));
	assert_false(any(50 * S + 1, 60 * S));
}

static void test_a_target_that_never_forwards_is_not_doubted(void **state)
{
	(void)state;
	doubts_open(doubts, TARGET, DOUBT_UNREAD_LISTENER, 1, 10 * S);
	doubts_ignore(doubts, TARGET, true);
	assert_true(doubts_ignored(doubts, TARGET));
	assert_false(any(0, 20 * S));
	doubts_ignore(doubts, TARGET, false);
	assert_true(any(0, 20 * S));
}

/* Ten open ones where four have room. */
static void test_what_finds_no_room_is_still_a_doubt(void **state)
{
	(void)state;
	for (uint64_t key = 1; key <= 10; key++)
		doubts_open(doubts, TARGET, DOUBT_UNREAD_LISTENER, key, key * S);
	for (uint64_t key = 1; key <= 9; key++)
		doubts_close(doubts, TARGET, DOUBT_UNREAD_LISTENER, key, 100 * S);
	assert_true(any(200 * S, 201 * S));
	doubts_close(doubts, TARGET, DOUBT_UNREAD_LISTENER, 10, 300 * S);
	assert_true(any(1 * S, 1 * S));
	assert_false(any(300 * S + 1, UINT64_MAX));
}

static void test_also_where_it_began_before_all_others(void **state)
{
	(void)state;
	doubts_open(doubts, TARGET, DOUBT_HTTP2, 1, 1 * S);
	for (uint64_t key = 1; key <= CAPACITY; key++)
		doubts_open(doubts, TARGET, DOUBT_UNREAD_LISTENER, key, 100 * S);
	assert_true(any(50 * S, 60 * S));
}

/* One long ago, and many just now. */
static void test_the_time_between_two_doubts_stays_clear(void **state)
{
	(void)state;
	doubts_once(doubts, TARGET, DOUBT_GAP, 10 * S);
	for (uint64_t i = 0; i < 100; i++)
		doubts_once(doubts, TARGET, DOUBT_GAP, 1000 * S + i * S);
	assert_false(any(500 * S, 600 * S));
	assert_true(any(1000 * S, 1000 * S));
	assert_true(any(1099 * S, 1099 * S));
}

static void test_a_flood_in_one_target_pushes_out_no_doubt_of_another(void **state)
{
	enum doubt_cause cause;

	(void)state;
	doubts_open(doubts, TARGET, DOUBT_UNREAD_LISTENER, 1, 10 * S);
	for (uint64_t key = 1; key <= 10; key++)
		doubts_open(doubts, 0, DOUBT_HTTP2, key, 10 * S);
	doubts_close(doubts, TARGET, DOUBT_UNREAD_LISTENER, 1, 20 * S);
	assert_false(any(20 * S + 1, UINT64_MAX));
	assert_true(doubts_any(doubts, 0, 30 * S, 30 * S, &cause));
}

static void test_a_target_that_cannot_be_is_ignored(void **state)
{
	enum doubt_cause cause;

	(void)state;
	doubts_open(doubts, TABLE_SHARES, DOUBT_GAP, 1, 1 * S);
	doubts_once(doubts, 1000000, DOUBT_GAP, 1 * S);
	doubts_close(doubts, TABLE_SHARES, DOUBT_GAP, 1, 2 * S);
	doubts_ignore(doubts, TABLE_SHARES, true);
	assert_false(doubts_any(doubts, TABLE_SHARES, 0, UINT64_MAX, &cause));
}

static void test_sizes_that_cannot_be_are_refused(void **state)
{
	(void)state;
	assert_null(doubts_new(0));
	assert_null(doubts_new(SIZE_MAX));
	doubts_free(NULL);
}

/* Some hundred doubts of a minute, some lasting, against a list of all of them. */
#define KNOWN 300

static void test_however_many_there_are_none_is_forgotten(void **state)
{
	struct seeded random = {.state = 0x7e117a1e};
	uint64_t from[KNOWN], to[KNOWN], now = 0;

	(void)state;
	for (size_t i = 0; i < KNOWN; i++) {
		now += seeded_below(&random, 3 * S);
		from[i] = now > 2 * S ? now - seeded_below(&random, 2 * S) : now;
		to[i] = from[i] + (seeded_below(&random, 2) ? seeded_below(&random, 5 * S) : 0);
		doubts_span(doubts, TARGET, DOUBT_RING, from[i], to[i]);
		for (unsigned tries = 0; tries < 50; tries++) {
			uint64_t at = seeded_below(&random, now + 10 * S);
			bool known = false;

			for (size_t k = 0; k <= i; k++)
				known |= from[k] <= at && to[k] >= at;
			if (known && !any(at, at))
				fail_msg("seed 0x7e117a1e, step %zu: no doubt at %lu", i, at);
		}
	}
	/* And what is over is over. */
	assert_false(any(now + 100 * S, UINT64_MAX));
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(without_a_doubt_there_is_none),
		T(a_doubt_of_a_moment_is_there_at_that_moment),
		T(an_open_doubt_lasts_until_it_is_closed),
		T(what_is_closed_must_have_been_opened_so),
		T(several_open_ones_end_with_the_last),
		T(a_target_that_never_forwards_is_not_doubted),
		T(what_finds_no_room_is_still_a_doubt),
		T(also_where_it_began_before_all_others),
		T(the_time_between_two_doubts_stays_clear),
		T(a_flood_in_one_target_pushes_out_no_doubt_of_another),
		T(a_target_that_cannot_be_is_ignored),
		T(sizes_that_cannot_be_are_refused),
		T(however_many_there_are_none_is_forgotten),
	};

	return cmocka_run_group_tests_name("doubts", tests, NULL, NULL);
}
