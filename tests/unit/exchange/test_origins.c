/* SPDX-License-Identifier: Apache-2.0 */
/* origins: whose payment it is, of what was seen in order. */
#include "tests/unit/support/originating.h"

static void test_what_goes_out_and_never_came_in_was_originated_here(void **state)
{
	struct exchange *e = out(1);

	(void)state;
	fulfil(e);
	assert_int_equal(origin_of(e), ORIGIN_ORIGINATED);
}

static void test_what_comes_in_and_stays_was_received(void **state)
{
	struct exchange *e = in(1);

	(void)state;
	fulfil(e);
	assert_int_equal(origin_of(e), ORIGIN_RECEIVED);
}

static void test_nothing_is_judged_before_the_evidence_is_in(void **state)
{
	struct exchange *e = out(1);

	(void)state;
	fulfil(e);
	origins_settle(b.origins, b.now_ns + ORIGINS_GRACE_NS - 1);
	assert_false(is_judged(e));
	assert_int_equal(origins_horizon(b.origins, b.now_ns + S), e->reply_done_ns);
	origins_settle(b.origins, b.now_ns + ORIGINS_GRACE_NS);
	assert_true(is_judged(e));
	assert_int_equal(origins_horizon(b.origins, b.now_ns + S), b.now_ns + S);
}

/* A -> C -> B, seen from C: in, out, the reply comes back, and is passed on. */
static void test_a_chain_seen_from_its_middle_is_forwarded_on_both_sides(void **state)
{
	struct exchange *incoming = in(1), *outgoing = out(1);

	(void)state;
	fulfil(outgoing);
	fulfil(incoming);
	assert_int_equal(origin_of(outgoing), ORIGIN_FORWARDED);
	assert_int_equal(origin_of(incoming), ORIGIN_FORWARDED);
}

/* The sender hung up before the answer came from downstream. */
static void test_forwarded_even_when_the_incoming_side_ends_first(void **state)
{
	struct exchange *incoming = in(1), *outgoing = out(1);

	(void)state;
	end(incoming, OUTCOME_CLOSED);
	fulfil(outgoing);
	assert_int_equal(origin_of(incoming), ORIGIN_FORWARDED);
	assert_int_equal(origin_of(outgoing), ORIGIN_FORWARDED);
}

/* The sender hung up while the packet lay in a queue. */
static void test_what_goes_out_long_after_its_sender_has_left_is_forwarded(void **state)
{
	struct exchange *incoming = in(1), *outgoing;

	(void)state;
	end(incoming, OUTCOME_CLOSED);
	assert_int_equal(origin_of(incoming), ORIGIN_RECEIVED);
	b.now_ns += 50 * S;
	settle();
	outgoing = out(1);
	end(outgoing, OUTCOME_CLOSED);
	assert_int_equal(origin_of(outgoing), ORIGIN_FORWARDED);
	/* Again, after a pause. */
	outgoing = out(1);
	fulfil(outgoing);
	assert_int_equal(origin_of(outgoing), ORIGIN_FORWARDED);
	b.now_ns += DOUBTS_LIFE_NS;
	settle();
	outgoing = out(1);
	fulfil(outgoing);
	assert_int_equal(origin_of(outgoing), ORIGIN_ORIGINATED);
}

static void test_other_conditions_and_other_targets_are_other_payments(void **state)
{
	struct exchange *incoming = in(1), *other_condition = out(2), *other_target = make(OUT, 1);

	(void)state;
	other_target->target = TARGET + 1;
	open(other_target);
	fulfil(other_condition);
	fulfil(other_target);
	fulfil(incoming);
	assert_int_equal(origin_of(other_condition), ORIGIN_ORIGINATED);
	assert_int_equal(origin_of(other_target), ORIGIN_ORIGINATED);
	assert_int_equal(origin_of(incoming), ORIGIN_RECEIVED);
}

static void test_the_same_packet_out_twice_is_one_and_a_copy(void **state)
{
	struct exchange *first = out(1), *second = out(1);

	(void)state;
	fulfil(second);
	fulfil(first);
	assert_int_equal(origin_of(first), ORIGIN_ORIGINATED);
	assert_int_equal(origin_of(second), ORIGIN_PROXY_COPY);
}

/* The connector speaks to a proxy in its own cgroup, and that speaks to the peer. */
static void test_a_sidecar_proxy_does_not_count_the_packet_again(void **state)
{
	struct exchange *connector = out(1), *proxy_in = in(1), *proxy_out = out(1);

	(void)state;
	fulfil(proxy_out);
	fulfil(proxy_in);
	fulfil(connector);
	assert_int_equal(origin_of(connector), ORIGIN_ORIGINATED);
	assert_int_equal(origin_of(proxy_in), ORIGIN_PROXY_COPY);
	assert_int_equal(origin_of(proxy_out), ORIGIN_PROXY_COPY);
}

/* The connector gave up while the proxy was still at it. */
static void test_a_sidecar_proxy_that_is_slower_than_its_connector(void **state)
{
	struct exchange *connector = out(1), *proxy_in = in(1), *proxy_out;

	(void)state;
	end(connector, OUTCOME_CLOSED);
	proxy_out = out(1);
	fulfil(proxy_out);
	fulfil(proxy_in);
	assert_int_equal(origin_of(proxy_in), ORIGIN_PROXY_COPY);
	assert_int_not_equal(origin_of(connector), ORIGIN_FORWARDED);
	assert_int_not_equal(origin_of(proxy_out), ORIGIN_FORWARDED);
}

static void test_forwarding_through_a_sidecar_is_forwarded_once(void **state)
{
	struct exchange *incoming = at(IN, 1), *connector = at(OUT, 2), *proxy_in = at(IN, 2),
			*proxy_out = at(OUT, 2);

	(void)state;
	fulfil(proxy_out);
	fulfil(proxy_in);
	fulfil(connector);
	fulfil(incoming);
	assert_int_equal(origin_of(connector), ORIGIN_FORWARDED);
	assert_int_equal(origin_of(proxy_in), ORIGIN_PROXY_COPY);
	assert_int_equal(origin_of(proxy_out), ORIGIN_PROXY_COPY);
	assert_int_equal(origin_of(incoming), ORIGIN_FORWARDED);
}

/* A proxy in the target takes what comes in and passes it to the connector beside it. */
static void test_what_an_ingress_inside_the_target_passes_on_was_received(void **state)
{
	struct exchange *ingress_in = at(IN, 1), *ingress_out = at(OUT, 2), *connector = at(IN, 2);

	(void)state;
	fulfil(connector);
	fulfil(ingress_out);
	fulfil(ingress_in);
	assert_int_equal(origin_of(connector), ORIGIN_PROXY_COPY);
	assert_int_equal(origin_of(ingress_out), ORIGIN_PROXY_COPY);
	assert_int_equal(origin_of(ingress_in), ORIGIN_RECEIVED);
}

static void test_what_the_connector_behind_it_sends_on_was_forwarded(void **state)
{
	struct exchange *ingress_in = at(IN, 1), *ingress_out = at(OUT, 2),
			*connector_in = at(IN, 2), *connector_out = at(OUT, 3);

	(void)state;
	fulfil(connector_out);
	fulfil(connector_in);
	fulfil(ingress_out);
	fulfil(ingress_in);
	assert_int_equal(origin_of(connector_out), ORIGIN_PROXY_COPY);
	assert_int_equal(origin_of(connector_in), ORIGIN_PROXY_COPY);
	assert_int_equal(origin_of(ingress_out), ORIGIN_FORWARDED);
	assert_int_equal(origin_of(ingress_in), ORIGIN_FORWARDED);
}

/* The sender lost patience; the forwarder knows the packet and sends it on once. */
static void test_an_incoming_retry_does_not_look_like_an_ingress(void **state)
{
	struct exchange *incoming = at(IN, 1), *outgoing = at(OUT, 2), *retry = at(IN, 1);

	(void)state;
	fulfil(outgoing);
	fulfil(retry);
	fulfil(incoming);
	assert_int_equal(origin_of(outgoing), ORIGIN_FORWARDED);
	assert_int_equal(origin_of(retry), ORIGIN_PROXY_COPY);
	assert_int_equal(origin_of(incoming), ORIGIN_FORWARDED);
}

/* Where every node has the same name: only the ports say what is the end of what. */
static void test_it_does_not_look_like_one_where_both_peers_are_called_alike(void **state)
{
	struct exchange *incoming = at(IN, 1), *outgoing = at(OUT, 1), *retry = at(IN, 1);

	(void)state;
	fulfil(outgoing);
	fulfil(retry);
	fulfil(incoming);
	assert_int_equal(origin_of(outgoing), ORIGIN_FORWARDED);
	assert_int_equal(origin_of(incoming), ORIGIN_FORWARDED);
}

static void test_an_incoming_retry_is_a_copy(void **state)
{
	struct exchange *first = in(1), *retry = in(1);

	(void)state;
	fulfil(first);
	fulfil(retry);
	assert_int_equal(origin_of(first), ORIGIN_RECEIVED);
	assert_int_equal(origin_of(retry), ORIGIN_PROXY_COPY);
}

static void test_what_was_answered_and_goes_out_again_counts_as_new(void **state)
{
	struct exchange *first = out(1), *second;

	(void)state;
	fulfil(first);
	second = out(1);
	fulfil(second);
	assert_int_equal(origin_of(first), ORIGIN_ORIGINATED);
	assert_int_equal(origin_of(second), ORIGIN_ORIGINATED);
}

static void test_a_second_way_of_a_forwarder_is_forwarded_too(void **state)
{
	struct exchange *incoming = in(1), *outgoing = out(1), *second;

	(void)state;
	end(outgoing, OUTCOME_REJECTED);
	second = out(1);
	fulfil(second);
	fulfil(incoming);
	assert_int_equal(origin_of(outgoing), ORIGIN_FORWARDED);
	assert_int_equal(origin_of(second), ORIGIN_FORWARDED);
	assert_int_equal(origin_of(incoming), ORIGIN_FORWARDED);
}

/* All of them carry the SHA-256 of 32 zero bytes. */
static void test_protocol_packets_are_not_copies_of_each_other(void **state)
{
	static const enum record_role roles[] = {OUT, IN, OUT, IN};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct exchange *e = make(roles[i], 1);

		e->peer_protocol = true;
		open(e);
		end(e, OUTCOME_FULFILLED);
		assert_true(is_judged(e));
		assert_int_equal(origin_of(e),
				 roles[i] == OUT ? ORIGIN_ORIGINATED : ORIGIN_RECEIVED);
	}
}

static void test_an_unknown_role_is_of_unknown_origin(void **state)
{
	struct exchange *e = open(make(RECORD_ROLE_UNKNOWN, 1)), *outgoing = out(1);

	(void)state;
	fulfil(e);
	fulfil(outgoing);
	assert_int_equal(origin_of(e), ORIGIN_UNKNOWN);
	assert_int_equal(origin_of(outgoing), ORIGIN_ORIGINATED);
}

/* --- tables ---------------------------------------------------------------------------------- */

static void test_a_full_table_forgets_the_oldest_and_counts_it(void **state)
{
	struct exchange *incoming = in(1), *e;

	(void)state;
	for (uint64_t condition = 2; condition <= CONDITIONS; condition++)
		in(condition);
	assert_int_equal(origins_evicted(b.origins), 0);
	in(100);
	assert_int_equal(origins_evicted(b.origins), 1);
	fulfil(incoming);
	assert_int_equal(origin_of(incoming), ORIGIN_RECEIVED);
	e = out(3);
	fulfil(e);
	in(4);
	assert_int_equal(origins_evicted(b.origins), 2);
}

/* Its incoming twin may be the one that was forgotten. */
static void test_after_that_nothing_is_claimed_for_a_while(void **state)
{
	struct exchange *incoming = in(1), *outgoing;

	(void)state;
	for (uint64_t condition = 2; condition <= CONDITIONS + 1; condition++)
		in(condition);
	outgoing = out(1);
	fulfil(outgoing);
	fulfil(incoming);
	assert_int_equal(doubt_of(outgoing), DOUBT_FULL);
	b.now_ns += DOUBTS_LIFE_NS;
	outgoing = out(200);
	fulfil(outgoing);
	assert_int_equal(origin_of(outgoing), ORIGIN_ORIGINATED);
}

static void test_an_exchange_from_before_that_does_no_harm(void **state)
{
	struct exchange *before = in(1), *after;

	(void)state;
	for (uint64_t condition = 2; condition <= CONDITIONS + 1; condition++)
		in(condition);
	after = out(1);
	fulfil(before); /* belongs to no condition any more */
	assert_int_equal(origin_of(before), ORIGIN_RECEIVED);
	fulfil(after);
	assert_int_equal(origin_of(after), ORIGIN_UNKNOWN);
}

static void test_what_waits_is_judged_early_when_there_is_no_room(void **state)
{
	struct exchange *first = NULL;

	(void)state;
	for (size_t i = 0; i <= HELD; i++) {
		struct exchange *e = out(1);

		first = first ? first : e;
		end(e, OUTCOME_CLOSED);
	}
	assert_true(is_judged(first));
	assert_int_equal(origins_evicted(b.origins), 1);
}

/* Pushes out what is oldest. */
static void crowd_out(void)
{
	for (uint64_t condition = 100; condition < 100 + CONDITIONS; condition++)
		in(condition);
}

static bool is_apart(const struct exchange *e)
{
	settle();
	assert_true(is_judged(e));
	return b.judged_of[e->order].apart;
}

static void test_a_forwarded_packet_whose_ends_are_judged_apart_says_so_once(void **state)
{
	struct exchange *incoming = in(1), *outgoing = out(1);

	(void)state;
	crowd_out();
	fulfil(outgoing);
	fulfil(incoming);
	assert_true(is_apart(outgoing));
	assert_false(is_apart(incoming));

	incoming = in(2);
	outgoing = out(2);
	fulfil(outgoing);
	crowd_out();
	fulfil(incoming);
	assert_true(is_apart(outgoing));
	assert_false(is_apart(incoming));
}

static void test_both_ends_that_are_judged_early_together_are_not_apart(void **state)
{
	struct exchange *incoming = in(1), *outgoing = out(1);

	(void)state;
	fulfil(outgoing);
	fulfil(incoming);
	crowd_out();
	assert_false(is_apart(outgoing));
	assert_int_equal(origin_of(outgoing), ORIGIN_FORWARDED);
}

static void test_what_nothing_came_in_for_is_not_apart_from_anything(void **state)
{
	struct exchange *outgoing = out(1);

	(void)state;
	crowd_out();
	fulfil(outgoing);
	assert_false(is_apart(outgoing));
}

static void test_a_flood_in_one_target_makes_no_other_forget(void **state)
{
	struct exchange *incoming = in(1), *outgoing;

	(void)state;
	for (uint64_t condition = 100; condition < 200; condition++) {
		struct exchange *e = make(OUT, condition);

		e->target = TARGET + 1;
		open(e);
		fulfil(e);
	}
	outgoing = out(1);
	fulfil(outgoing);
	fulfil(incoming);
	assert_int_equal(origin_of(outgoing), ORIGIN_FORWARDED);
	assert_int_equal(origin_of(incoming), ORIGIN_FORWARDED);
}

static void test_ended_conditions_leave_their_place(void **state)
{
	(void)state;
	for (uint64_t condition = 1; condition <= 400; condition++) {
		struct exchange *incoming = in(condition), *outgoing = out(condition);

		fulfil(outgoing);
		fulfil(incoming);
		settle();
	}
	assert_int_equal(b.judged, 800);
	assert_int_equal(origins_evicted(b.origins), 0);
}

static void test_shutdown_judges_everything(void **state)
{
	struct exchange *outgoing = out(1), *incoming = in(2);

	(void)state;
	fulfil(outgoing);
	end(incoming, OUTCOME_CLOSED);
	origins_drain(b.origins);
	assert_int_equal(b.judged, 2);
	assert_int_equal(origin_of(outgoing), ORIGIN_ORIGINATED);
}

static void test_sizes_that_cannot_be_are_refused(void **state)
{
	(void)state;
	assert_null(origins_new(&(struct origins_config){.conditions = 0, .held = 1}));
	assert_null(origins_new(&(struct origins_config){.conditions = 1, .held = SIZE_MAX}));
	origins_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_goes_out_and_never_came_in_was_originated_here),
		T(what_comes_in_and_stays_was_received),
		T(nothing_is_judged_before_the_evidence_is_in),
		T(a_chain_seen_from_its_middle_is_forwarded_on_both_sides),
		T(forwarded_even_when_the_incoming_side_ends_first),
		T(what_goes_out_long_after_its_sender_has_left_is_forwarded),
		T(other_conditions_and_other_targets_are_other_payments),
		T(the_same_packet_out_twice_is_one_and_a_copy),
		T(a_sidecar_proxy_does_not_count_the_packet_again),
		T(a_sidecar_proxy_that_is_slower_than_its_connector),
		T(forwarding_through_a_sidecar_is_forwarded_once),
		T(what_an_ingress_inside_the_target_passes_on_was_received),
		T(what_the_connector_behind_it_sends_on_was_forwarded),
		T(an_incoming_retry_does_not_look_like_an_ingress),
		T(it_does_not_look_like_one_where_both_peers_are_called_alike),
		T(an_incoming_retry_is_a_copy),
		T(what_was_answered_and_goes_out_again_counts_as_new),
		T(a_second_way_of_a_forwarder_is_forwarded_too),
		T(protocol_packets_are_not_copies_of_each_other),
		T(an_unknown_role_is_of_unknown_origin),
		T(a_full_table_forgets_the_oldest_and_counts_it),
		T(after_that_nothing_is_claimed_for_a_while),
		T(an_exchange_from_before_that_does_no_harm),
		T(what_waits_is_judged_early_when_there_is_no_room),
		T(a_forwarded_packet_whose_ends_are_judged_apart_says_so_once),
		T(both_ends_that_are_judged_early_together_are_not_apart),
		T(what_nothing_came_in_for_is_not_apart_from_anything),
		T(a_flood_in_one_target_makes_no_other_forget),
		T(ended_conditions_leave_their_place),
		T(shutdown_judges_everything),
		T(sizes_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests_name("origins", tests, NULL, NULL);
}
