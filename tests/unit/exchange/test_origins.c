/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "bpf/record.h"
#include "exchange/origins.h"

#define CAPACITY 3
#define TARGET   5

static struct origins *origins;

static int setup(void **state)
{
	(void)state;
	origins = origins_new(CAPACITY);
	return origins ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	origins_free(origins);
	return 0;
}

static struct exchange opened(uint8_t target, enum record_role role, uint64_t condition)
{
	struct exchange e = {.target = target, .role = role, .condition = condition, .amount = 1};

	origins_opened(origins, &e);
	return e;
}

static struct exchange out(uint64_t condition)
{
	return opened(TARGET, RECORD_ROLE_CLIENT, condition);
}

static struct exchange in(uint64_t condition)
{
	return opened(TARGET, RECORD_ROLE_SERVER, condition);
}

static enum origin closed(struct exchange *e)
{
	e->outcome = OUTCOME_FULFILLED;
	origins_closed(origins, e);
	return e->origin;
}

static void test_what_goes_out_first_was_originated_here(void **state)
{
	struct exchange e = out(1);

	(void)state;
	assert_int_equal(e.origin, ORIGIN_ORIGINATED);
	assert_int_equal(closed(&e), ORIGIN_ORIGINATED);
}

static void test_what_comes_in_and_stays_was_received(void **state)
{
	struct exchange e = in(1);

	(void)state;
	assert_int_equal(e.origin, ORIGIN_RECEIVED);
	assert_int_equal(closed(&e), ORIGIN_RECEIVED);
}

/* A -> C -> B, seen from C: in, out, the reply comes back, and is passed on. */
static void test_a_chain_seen_from_its_middle_is_forwarded_on_both_sides(void **state)
{
	struct exchange incoming = in(1), outgoing = out(1);

	(void)state;
	assert_int_equal(incoming.origin, ORIGIN_RECEIVED);
	assert_int_equal(outgoing.origin, ORIGIN_FORWARDED);
	assert_int_equal(closed(&outgoing), ORIGIN_FORWARDED);
	assert_int_equal(closed(&incoming), ORIGIN_FORWARDED);
}

/* The sender hung up before the answer came from downstream. */
static void test_forwarded_even_when_the_incoming_side_ends_first(void **state)
{
	struct exchange incoming = in(1), outgoing = out(1);

	(void)state;
	assert_int_equal(closed(&incoming), ORIGIN_FORWARDED);
	assert_int_equal(closed(&outgoing), ORIGIN_FORWARDED);
	outgoing = out(1);
	assert_int_equal(outgoing.origin, ORIGIN_ORIGINATED);
}

static void test_other_conditions_and_other_targets_are_other_payments(void **state)
{
	struct exchange incoming = in(1);
	struct exchange other_condition = out(2);
	struct exchange other_target = opened(TARGET + 1, RECORD_ROLE_CLIENT, 1);

	(void)state;
	assert_int_equal(other_condition.origin, ORIGIN_ORIGINATED);
	assert_int_equal(other_target.origin, ORIGIN_ORIGINATED);
	assert_int_equal(closed(&incoming), ORIGIN_RECEIVED);
}

static void test_the_same_packet_out_twice_is_one_and_a_copy(void **state)
{
	struct exchange first = out(1), second = out(1);

	(void)state;
	assert_int_equal(first.origin, ORIGIN_ORIGINATED);
	assert_int_equal(second.origin, ORIGIN_PROXY_COPY);
	assert_int_equal(closed(&second), ORIGIN_PROXY_COPY);
	assert_int_equal(closed(&first), ORIGIN_ORIGINATED);
}

/* The connector speaks to a proxy in its own cgroup, and that speaks to the peer. */
static void test_a_sidecar_proxy_does_not_count_the_packet_again(void **state)
{
	struct exchange connector = out(1), proxy_in = in(1), proxy_out = out(1);

	(void)state;
	assert_int_equal(connector.origin, ORIGIN_ORIGINATED);
	assert_int_equal(proxy_in.origin, ORIGIN_PROXY_COPY);
	assert_int_equal(proxy_out.origin, ORIGIN_PROXY_COPY);
	assert_int_equal(closed(&proxy_out), ORIGIN_PROXY_COPY);
	assert_int_equal(closed(&proxy_in), ORIGIN_PROXY_COPY);
	assert_int_equal(closed(&connector), ORIGIN_ORIGINATED);
}

/* The connector gave up while the proxy was still at it. */
static void test_a_sidecar_proxy_that_is_slower_than_its_connector(void **state)
{
	struct exchange connector = out(1), proxy_in = in(1), proxy_out;

	(void)state;
	assert_int_equal(closed(&connector), ORIGIN_ORIGINATED);
	proxy_out = out(1);
	assert_int_equal(proxy_out.origin, ORIGIN_PROXY_COPY);
	assert_int_equal(closed(&proxy_out), ORIGIN_PROXY_COPY);
	assert_int_equal(closed(&proxy_in), ORIGIN_PROXY_COPY);
}

static void test_forwarding_through_a_sidecar_is_forwarded_once(void **state)
{
	struct exchange incoming = in(1), connector = out(1), proxy_in = in(1), proxy_out = out(1);

	(void)state;
	assert_int_equal(connector.origin, ORIGIN_FORWARDED);
	assert_int_equal(proxy_in.origin, ORIGIN_PROXY_COPY);
	assert_int_equal(proxy_out.origin, ORIGIN_PROXY_COPY);
	assert_int_equal(closed(&proxy_out), ORIGIN_PROXY_COPY);
	assert_int_equal(closed(&proxy_in), ORIGIN_PROXY_COPY);
	assert_int_equal(closed(&connector), ORIGIN_FORWARDED);
	assert_int_equal(closed(&incoming), ORIGIN_FORWARDED);
}

static struct exchange at(enum record_role role, uint64_t endpoint)
{
	struct exchange e = {.target = TARGET, .role = role, .condition = 1, .endpoint = endpoint};

	origins_opened(origins, &e);
	return e;
}

/* A proxy in the target takes what comes in and passes it to the connector beside it. */
static void test_what_an_ingress_inside_the_target_passes_on_was_received(void **state)
{
	struct exchange ingress_in = at(RECORD_ROLE_SERVER, 1);
	struct exchange ingress_out = at(RECORD_ROLE_CLIENT, 2);
	struct exchange connector = at(RECORD_ROLE_SERVER, 2);

	(void)state;
	assert_int_equal(closed(&connector), ORIGIN_PROXY_COPY);
	assert_int_equal(closed(&ingress_out), ORIGIN_PROXY_COPY);
	assert_int_equal(closed(&ingress_in), ORIGIN_RECEIVED);
}

static void test_what_the_connector_behind_it_sends_on_was_forwarded(void **state)
{
	struct exchange ingress_in = at(RECORD_ROLE_SERVER, 1);
	struct exchange ingress_out = at(RECORD_ROLE_CLIENT, 2);
	struct exchange connector_in = at(RECORD_ROLE_SERVER, 2);
	struct exchange connector_out = at(RECORD_ROLE_CLIENT, 3);

	(void)state;
	assert_int_equal(closed(&connector_out), ORIGIN_PROXY_COPY);
	assert_int_equal(closed(&connector_in), ORIGIN_PROXY_COPY);
	assert_int_equal(closed(&ingress_out), ORIGIN_FORWARDED);
	assert_int_equal(closed(&ingress_in), ORIGIN_FORWARDED);
}

/* The sender lost patience; the forwarder knows the packet and sends it on once. */
static void test_an_incoming_retry_does_not_look_like_an_ingress(void **state)
{
	struct exchange incoming = at(RECORD_ROLE_SERVER, 1);
	struct exchange outgoing = at(RECORD_ROLE_CLIENT, 2);
	struct exchange retry = at(RECORD_ROLE_SERVER, 1);

	(void)state;
	assert_int_equal(closed(&outgoing), ORIGIN_FORWARDED);
	assert_int_equal(closed(&retry), ORIGIN_PROXY_COPY);
	assert_int_equal(closed(&incoming), ORIGIN_FORWARDED);
}

static void test_an_incoming_retry_is_a_copy(void **state)
{
	struct exchange first = in(1), retry = in(1);

	(void)state;
	assert_int_equal(retry.origin, ORIGIN_PROXY_COPY);
	assert_int_equal(closed(&first), ORIGIN_RECEIVED);
	assert_int_equal(closed(&retry), ORIGIN_PROXY_COPY);
}

static void test_a_retry_after_everything_ended_counts_as_new(void **state)
{
	struct exchange e = out(1);

	(void)state;
	closed(&e);
	e = out(1);
	assert_int_equal(e.origin, ORIGIN_ORIGINATED);
	closed(&e);
	e = in(1);
	assert_int_equal(e.origin, ORIGIN_RECEIVED);
}

static void test_a_second_try_of_a_forwarder_is_forwarded(void **state)
{
	struct exchange incoming = in(1), outgoing = out(1);

	(void)state;
	closed(&outgoing);
	outgoing = out(1);
	assert_int_equal(outgoing.origin, ORIGIN_FORWARDED);
	closed(&outgoing);
	assert_int_equal(closed(&incoming), ORIGIN_FORWARDED);
}

static void test_a_blind_target_does_not_claim_what_it_sends(void **state)
{
	struct exchange e, incoming, outgoing, copy;

	(void)state;
	origins_set_blind(origins, TARGET, true);
	e = out(1);
	assert_int_equal(e.origin, ORIGIN_UNKNOWN);
	copy = out(1);
	assert_int_equal(copy.origin, ORIGIN_PROXY_COPY);
	assert_int_equal(closed(&e), ORIGIN_UNKNOWN);

	/* What can be seen is still known. */
	incoming = in(2);
	outgoing = out(2);
	assert_int_equal(outgoing.origin, ORIGIN_FORWARDED);
	closed(&outgoing);
	assert_int_equal(closed(&incoming), ORIGIN_FORWARDED);

	e = opened(TARGET + 1, RECORD_ROLE_CLIENT, 3);
	assert_int_equal(e.origin, ORIGIN_ORIGINATED);
	origins_set_blind(origins, TARGET, false);
	e = out(4);
	assert_int_equal(e.origin, ORIGIN_ORIGINATED);
	origins_set_blind(origins, 100000, true); /* no such target: nothing happens */
}

/* All of them carry the SHA-256 of 32 zero bytes. */
static void test_protocol_packets_are_not_copies_of_each_other(void **state)
{
	static const enum record_role roles[] = {RECORD_ROLE_CLIENT, RECORD_ROLE_SERVER,
						 RECORD_ROLE_CLIENT, RECORD_ROLE_SERVER};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct exchange e = {
			.target = TARGET, .role = roles[i], .condition = 1, .peer_protocol = true};

		origins_opened(origins, &e);
		assert_int_equal(e.origin, roles[i] == RECORD_ROLE_CLIENT ? ORIGIN_ORIGINATED
									  : ORIGIN_RECEIVED);
		if (i % 2)
			assert_int_equal(closed(&e), ORIGIN_RECEIVED);
	}
}

static void test_an_unknown_role_is_of_unknown_origin(void **state)
{
	struct exchange e = opened(TARGET, RECORD_ROLE_UNKNOWN, 1);
	struct exchange outgoing = out(1);

	(void)state;
	assert_int_equal(e.origin, ORIGIN_UNKNOWN);
	assert_int_equal(outgoing.origin, ORIGIN_ORIGINATED);
	assert_int_equal(closed(&e), ORIGIN_UNKNOWN);
}

static void test_a_full_table_forgets_the_oldest_and_counts_it(void **state)
{
	struct exchange incoming = in(1), e;

	(void)state;
	for (uint64_t condition = 2; condition <= CAPACITY; condition++)
		in(condition);
	assert_int_equal(origins_evicted(origins), 0);
	in(100);
	assert_int_equal(origins_evicted(origins), 1);

	/* 1 is forgotten: its outgoing twin looks originated, and closing finds nothing. */
	assert_int_equal(closed(&incoming), ORIGIN_RECEIVED);
	e = out(3);
	assert_int_equal(e.origin, ORIGIN_FORWARDED);
	e = out(1);
	assert_int_equal(e.origin, ORIGIN_ORIGINATED);
	assert_int_equal(origins_evicted(origins), 2);
}

static void test_an_exchange_from_before_an_eviction_does_no_harm(void **state)
{
	struct exchange before = in(1), after, again;

	(void)state;
	for (uint64_t condition = 2; condition <= CAPACITY + 1; condition++)
		in(condition);
	after = out(1);
	assert_int_equal(closed(&before), ORIGIN_RECEIVED);
	again = out(1);
	assert_int_equal(again.origin, ORIGIN_PROXY_COPY);
	assert_int_equal(closed(&after), ORIGIN_ORIGINATED);
	assert_int_equal(closed(&again), ORIGIN_PROXY_COPY);
	after = out(1);
	assert_int_equal(after.origin, ORIGIN_ORIGINATED);
}

static void test_a_flood_in_one_target_makes_no_other_forget(void **state)
{
	struct exchange incoming = in(1), e;

	(void)state;
	for (uint64_t condition = 100; condition < 200; condition++)
		opened(TARGET + 1, RECORD_ROLE_CLIENT, condition);
	assert_int_equal(origins_evicted(origins), 100 + 1 - CAPACITY);
	e = out(1);
	assert_int_equal(e.origin, ORIGIN_FORWARDED);
	assert_int_equal(closed(&e), ORIGIN_FORWARDED);
	assert_int_equal(closed(&incoming), ORIGIN_FORWARDED);
}

static void test_ended_conditions_leave_their_place(void **state)
{
	(void)state;
	for (uint64_t condition = 1; condition <= 1000; condition++) {
		struct exchange incoming = in(condition), outgoing = out(condition);

		closed(&outgoing);
		closed(&incoming);
	}
	assert_int_equal(origins_evicted(origins), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_goes_out_first_was_originated_here),
		T(what_comes_in_and_stays_was_received),
		T(a_chain_seen_from_its_middle_is_forwarded_on_both_sides),
		T(forwarded_even_when_the_incoming_side_ends_first),
		T(other_conditions_and_other_targets_are_other_payments),
		T(the_same_packet_out_twice_is_one_and_a_copy),
		T(a_sidecar_proxy_does_not_count_the_packet_again),
		T(a_sidecar_proxy_that_is_slower_than_its_connector),
		T(forwarding_through_a_sidecar_is_forwarded_once),
		T(what_an_ingress_inside_the_target_passes_on_was_received),
		T(what_the_connector_behind_it_sends_on_was_forwarded),
		T(an_incoming_retry_does_not_look_like_an_ingress),
		T(an_incoming_retry_is_a_copy),
		T(a_retry_after_everything_ended_counts_as_new),
		T(a_second_try_of_a_forwarder_is_forwarded),
		T(a_blind_target_does_not_claim_what_it_sends),
		T(protocol_packets_are_not_copies_of_each_other),
		T(an_unknown_role_is_of_unknown_origin),
		T(a_full_table_forgets_the_oldest_and_counts_it),
		T(an_exchange_from_before_an_eviction_does_no_harm),
		T(a_flood_in_one_target_makes_no_other_forget),
		T(ended_conditions_leave_their_place),
	};

	return cmocka_run_group_tests_name("origins", tests, NULL, NULL);
}
