/* SPDX-License-Identifier: Apache-2.0 */
/* What a connector keeps of the packets that it forwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "exchange/spread.h"

#define CENTS  11 /* tokens of peers, each with its asset */
#define NANOS  12
#define NO_ONE 13
#define PESOS  14
#define TO     7 /* the endpoint that packets go to */

static const struct peer configured[] = {
	{.endpoint = "a.example/", .has_token = true, .token = CENTS, .asset = {"USD", 2}},
	{.endpoint = "b.example/", .has_token = true, .token = NANOS, .asset = {"USD", 9}},
	{.endpoint = "c.example/", .has_token = true, .token = PESOS, .asset = {"MXN", 2}},
};

static struct bed {
	struct peers *peers;
	struct rates *rates;
	struct spread spread;
	struct spread_found found;
} b;

static int make(void **state)
{
	static const struct rates_source_config none[RATES_SOURCES];

	(void)state;
	b = (struct bed){
		.peers = peers_new(configured, sizeof(configured) / sizeof(configured[0]), NULL, 4),
		.rates = rates_new(none)};
	return !b.peers || !b.rates;
}

static int drop(void **state)
{
	(void)state;
	rates_free(b.rates);
	peers_free(b.peers);
	return 0;
}

static struct exchange end(enum record_role role, uint64_t token, uint64_t amount)
{
	return (struct exchange){.role = (uint8_t)role,
				 .origin = ORIGIN_FORWARDED,
				 .outcome = OUTCOME_FULFILLED,
				 .condition = 99,
				 .endpoint = role == RECORD_ROLE_CLIENT ? TO : 3,
				 .token = token,
				 .amount = amount};
}

static struct exchange in(uint64_t token, uint64_t amount)
{
	return end(RECORD_ROLE_SERVER, token, amount);
}

static struct exchange out(uint64_t token, uint64_t amount)
{
	return end(RECORD_ROLE_CLIENT, token, amount);
}

static enum spread_known add(struct exchange e)
{
	return spread_add(&b.spread, &e, b.peers, b.rates, &b.found);
}

static void the_value_in_minus_the_value_out_is_earned_with_the_peer_it_went_to(void **state)
{
	(void)state;
	/* 1.05 USD came in, 1.0470001 USD went on. */
	assert_int_equal(add(in(CENTS, 105)), SPREAD_NOTHING);
	assert_int_equal(add(out(NANOS, 1047000100)), SPREAD_KNOWN);
	assert_int_equal(b.found.endpoint, TO);
	assert_int_equal(b.found.earned, 299990);
}

static void either_end_may_be_judged_first(void **state)
{
	(void)state;
	assert_int_equal(add(out(NANOS, 1047000100)), SPREAD_NOTHING);
	assert_int_equal(add(in(CENTS, 105)), SPREAD_KNOWN);
	assert_int_equal(b.found.endpoint, TO);
	assert_int_equal(b.found.earned, 299990);
}

static void more_out_than_in_is_a_loss(void **state)
{
	(void)state;
	add(in(NANOS, 1000000000));
	assert_int_equal(add(out(CENTS, 102)), SPREAD_KNOWN);
	assert_int_equal(b.found.earned, -2000000);
}

static void what_is_less_than_the_unit_of_values_is_not_lost(void **state)
{
	(void)state;
	add(in(NANOS, 50000)); /* 0.00005 USD */
	assert_int_equal(add(out(NANOS, 49000)), SPREAD_KNOWN);
	assert_int_equal(b.found.earned, 100);
}

static void a_packet_has_one_spread(void **state)
{
	(void)state;
	add(in(CENTS, 105));
	assert_int_equal(add(out(CENTS, 104)), SPREAD_KNOWN);
	assert_int_equal(add(out(CENTS, 104)), SPREAD_NOTHING);
	assert_int_equal(add(in(CENTS, 105)), SPREAD_KNOWN);
}

static void only_both_ends_of_one_packet_make_a_spread(void **state)
{
	struct exchange other = out(CENTS, 104);

	(void)state;
	other.condition = 98;
	add(in(CENTS, 105));
	assert_int_equal(add(other), SPREAD_NOTHING);
	other = out(CENTS, 104);
	other.target = 1;
	add(in(CENTS, 105));
	assert_int_equal(add(other), SPREAD_NOTHING);
	add(in(CENTS, 105));
	assert_int_equal(add(in(CENTS, 105)), SPREAD_NOTHING);
}

static void nothing_is_earned_with_what_is_not_forwarded_or_not_fulfilled(void **state)
{
	struct exchange other = out(CENTS, 104);

	(void)state;
	other.outcome = OUTCOME_REJECTED;
	add(in(CENTS, 105));
	assert_int_equal(add(other), SPREAD_NOTHING);
	other = out(CENTS, 104);
	other.origin = ORIGIN_PROXY_COPY;
	assert_int_equal(add(other), SPREAD_NOTHING);
	other.origin = ORIGIN_ORIGINATED;
	assert_int_equal(add(other), SPREAD_NOTHING);
	/* The first one is still there for its own other end. */
	assert_int_equal(add(out(CENTS, 104)), SPREAD_KNOWN);
	/* A message without money. */
	add(in(CENTS, 0));
	assert_int_equal(add(out(CENTS, 0)), SPREAD_NOTHING);
}

static void a_packet_that_is_too_small_to_go_on_is_earned_whole(void **state)
{
	(void)state;
	add(in(NANOS, 9000000));
	assert_int_equal(add(out(CENTS, 0)), SPREAD_KNOWN);
	assert_int_equal(b.found.earned, 900000);
}

static void an_end_without_asset_or_rate_is_said(void **state)
{
	(void)state;
	add(in(NO_ONE, 105));
	assert_int_equal(add(out(CENTS, 104)), SPREAD_UNATTRIBUTED);
	add(in(CENTS, 105));
	assert_int_equal(add(out(NO_ONE, 104)), SPREAD_UNATTRIBUTED);
	add(in(PESOS, 105));
	assert_int_equal(add(out(CENTS, 104)), SPREAD_UNCONVERTED);
	add(in(CENTS, UINT64_MAX));
	assert_int_equal(add(out(CENTS, 104)), SPREAD_UNCONVERTED);
}

static void a_packet_whose_ends_were_not_judged_together_is_said_once(void **state)
{
	struct exchange gone = out(CENTS, 104), came = in(CENTS, 105);

	(void)state;
	gone.apart = true;
	gone.origin = ORIGIN_UNKNOWN;
	came.origin = ORIGIN_RECEIVED;
	assert_int_equal(add(gone), SPREAD_EVICTED);
	assert_int_equal(add(came), SPREAD_NOTHING);
	gone.outcome = OUTCOME_REJECTED;
	assert_int_equal(add(gone), SPREAD_NOTHING);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)
	const struct CMUnitTest tests[] = {
		T(the_value_in_minus_the_value_out_is_earned_with_the_peer_it_went_to),
		T(either_end_may_be_judged_first),
		T(more_out_than_in_is_a_loss),
		T(what_is_less_than_the_unit_of_values_is_not_lost),
		T(a_packet_has_one_spread),
		T(only_both_ends_of_one_packet_make_a_spread),
		T(nothing_is_earned_with_what_is_not_forwarded_or_not_fulfilled),
		T(a_packet_that_is_too_small_to_go_on_is_earned_whole),
		T(an_end_without_asset_or_rate_is_said),
		T(a_packet_whose_ends_were_not_judged_together_is_said_once),
	};

	return cmocka_run_group_tests_name("spread", tests, NULL, NULL);
}
