/* SPDX-License-Identifier: Apache-2.0 */
/* origins: what the evidence must be, when it comes late or not at all, and retries. */
#include "tests/unit/support/originating.h"

/* The two ends of one connection. */
static struct exchange *on_ports(enum record_role role, uint16_t port, uint16_t local_port)
{
	struct exchange *e = make(role, 1);

	e->port = port;
	e->local_port = local_port;
	return open(e);
}

/* --- an incoming Prepare that is read late ---------------------------------------------------- */

/* The listener defers accepting, or the handshake carried the request: it is read when its answer
 * passes. */
static void test_an_incoming_one_read_with_its_answer_was_there_before(void **state)
{
	struct exchange *outgoing = on_ports(OUT, 3002, 50001), *incoming;

	(void)state;
	fulfil(outgoing);
	incoming = on_ports(IN, 40001, 3001);
	fulfil(incoming);
	assert_int_equal(origin_of(outgoing), ORIGIN_FORWARDED);
	assert_int_equal(origin_of(incoming), ORIGIN_FORWARDED);
}

static void test_one_read_while_the_outgoing_one_waits_was_there_before_too(void **state)
{
	struct exchange *outgoing = on_ports(OUT, 3002, 50001),
			*incoming = on_ports(IN, 40001, 3001);

	(void)state;
	fulfil(outgoing);
	fulfil(incoming);
	assert_int_equal(origin_of(outgoing), ORIGIN_FORWARDED);
	assert_int_equal(origin_of(incoming), ORIGIN_FORWARDED);
}

static void test_the_far_end_of_its_own_connection_is_no_such_one(void **state)
{
	struct exchange *outgoing = on_ports(OUT, 3002, 50001),
			*incoming = on_ports(IN, 50001, 3002);

	(void)state;
	incoming->endpoint = 7; /* by another name */
	end(outgoing, OUTCOME_REJECTED);
	end(incoming, OUTCOME_REJECTED);
	assert_int_equal(origin_of(outgoing), ORIGIN_ORIGINATED);
	assert_int_equal(origin_of(incoming), ORIGIN_PROXY_COPY);
}

/* A peer routes it back to us: it was answered before ours was. */
static void test_nor_is_one_that_comes_back_from_a_peer(void **state)
{
	struct exchange *outgoing = on_ports(OUT, 3002, 50001),
			*incoming = on_ports(IN, 40001, 3001);

	(void)state;
	incoming->endpoint = 7;
	fulfil(incoming);
	fulfil(outgoing);
	assert_int_equal(origin_of(outgoing), ORIGIN_ORIGINATED);
}

/* Which of the two was first, no answer says. */
static void test_where_it_cannot_be_said_nothing_is_claimed(void **state)
{
	struct exchange *outgoing = on_ports(OUT, 3002, 50001),
			*incoming = on_ports(IN, 40001, 3001);

	(void)state;
	incoming->endpoint = 7;
	end(incoming, OUTCOME_REJECTED);
	end(outgoing, OUTCOME_UNANSWERED);
	assert_int_equal(doubt_of(outgoing), DOUBT_PAIRING);
}

/* A library hands a request over before the program can act on it. */
static void test_in_tls_nothing_is_read_late(void **state)
{
	struct exchange *outgoing = out(1), *incoming = make(IN, 1);

	(void)state;
	incoming->tap = RECORD_TAP_TLS;
	open(incoming);
	fulfil(outgoing);
	fulfil(incoming);
	assert_int_equal(origin_of(outgoing), ORIGIN_ORIGINATED);
}

static void test_one_later_than_the_grace_is_too_late(void **state)
{
	struct exchange *outgoing = out(1), *incoming;

	(void)state;
	fulfil(outgoing);
	settle();
	incoming = in(1);
	fulfil(incoming);
	assert_int_equal(origin_of(outgoing), ORIGIN_ORIGINATED);
	assert_int_equal(origin_of(incoming), ORIGIN_RECEIVED);
}

/* --- doubts ---------------------------------------------------------------------------------- */

static enum origin sent(uint64_t condition)
{
	struct exchange *e = out(condition);

	fulfil(e);
	return origin_of(e);
}

static void test_a_gap_on_a_way_in_keeps_a_minute_back_and_no_more(void **state)
{
	(void)state;
	assert_int_equal(sent(1), ORIGIN_ORIGINATED);
	doubts_once(b.doubts, TARGET, DOUBT_GAP, tick());
	assert_int_equal(sent(2), ORIGIN_UNKNOWN);
	b.now_ns += 50 * S;
	assert_int_equal(sent(3), ORIGIN_UNKNOWN);
	b.now_ns += 10 * S;
	assert_int_equal(sent(4), ORIGIN_ORIGINATED);
}

/* That bytes were missed is noticed when what comes after them is seen. */
static void test_a_gap_noticed_after_it_was_sent_on_counts(void **state)
{
	struct exchange *e = out(1);

	(void)state;
	fulfil(e);
	doubts_once(b.doubts, TARGET, DOUBT_GAP, tick());
	assert_int_equal(doubt_of(e), DOUBT_GAP);
}

static void test_a_doubt_says_nothing_of_what_was_seen(void **state)
{
	struct exchange *incoming, *outgoing, *copy;

	(void)state;
	doubts_open(b.doubts, TARGET, DOUBT_UNREAD_LISTENER, 1, b.now_ns);
	incoming = in(1);
	outgoing = out(1);
	copy = out(1);
	fulfil(outgoing);
	fulfil(copy);
	fulfil(incoming);
	assert_int_equal(origin_of(outgoing), ORIGIN_FORWARDED);
	assert_int_equal(origin_of(incoming), ORIGIN_FORWARDED);
	assert_int_equal(origin_of(copy), ORIGIN_PROXY_COPY);
	incoming = in(2);
	fulfil(incoming);
	assert_int_equal(origin_of(incoming), ORIGIN_RECEIVED);
}

static void test_a_doubt_is_its_targets_alone(void **state)
{
	struct exchange *e = make(OUT, 1);

	(void)state;
	doubts_open(b.doubts, TARGET, DOUBT_UNREAD_LISTENER, 1, b.now_ns);
	assert_int_equal(sent(2), ORIGIN_UNKNOWN);
	e->target = TARGET + 1;
	open(e);
	fulfil(e);
	assert_int_equal(origin_of(e), ORIGIN_ORIGINATED);
}

static void test_a_target_that_never_forwards_originates_all_that_it_sends(void **state)
{
	struct exchange *e;

	(void)state;
	doubts_ignore(b.doubts, TARGET, true);
	doubts_open(b.doubts, TARGET, DOUBT_UNREAD_LISTENER, 1, b.now_ns);
	assert_int_equal(sent(1), ORIGIN_ORIGINATED);
	/* Also where a table was too small. */
	for (uint64_t condition = 2; condition <= 2 + CONDITIONS; condition++)
		fulfil(e = out(condition));
	assert_true(origins_evicted(b.origins) > 0);
	settle();
	for (uint64_t order = 1; order <= e->order; order++)
		assert_int_equal(b.judged_of[order].origin, ORIGIN_ORIGINATED);
}

/* --- retries --------------------------------------------------------------------------------- */

static void test_a_retry_after_its_connection_broke_is_the_payment(void **state)
{
	struct exchange *dead = out(1), *retry;

	(void)state;
	end(dead, OUTCOME_CLOSED);
	retry = out(1);
	fulfil(retry);
	assert_int_equal(origin_of(dead), ORIGIN_PROXY_COPY);
	assert_int_equal(origin_of(retry), ORIGIN_ORIGINATED);
}

/* The end of the first connection is read after the retry. */
static void test_a_retry_seen_before_the_first_tries_end_is_the_payment(void **state)
{
	struct exchange *dead = out(1), *retry = out(1);

	(void)state;
	end(dead, OUTCOME_CLOSED);
	fulfil(retry);
	assert_int_equal(origin_of(dead), ORIGIN_PROXY_COPY);
	assert_int_equal(origin_of(retry), ORIGIN_ORIGINATED);
}

/* A path of MPTCP that fails, or a connection that nobody closes. */
static void test_a_retry_does_not_wait_for_a_first_try_that_hangs(void **state)
{
	struct exchange *hangs = out(1), *retry = out(1);

	(void)state;
	fulfil(retry);
	settle();
	assert_true(is_judged(retry));
	assert_int_equal(origin_of(retry), ORIGIN_ORIGINATED);
	b.now_ns += 60 * S;
	end(hangs, OUTCOME_UNANSWERED);
	assert_int_equal(origin_of(hangs), ORIGIN_PROXY_COPY);
	assert_int_equal(b.judged, 2);
}

static void test_of_tries_that_all_failed_the_last_one_counts(void **state)
{
	struct exchange *tries[3];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		tries[i] = out(1);
		end(tries[i], i == 1 ? OUTCOME_HTTP_ERROR : OUTCOME_CLOSED);
	}
	assert_int_equal(origin_of(tries[0]), ORIGIN_PROXY_COPY);
	assert_int_equal(origin_of(tries[1]), ORIGIN_PROXY_COPY);
	assert_int_equal(origin_of(tries[2]), ORIGIN_ORIGINATED);
}

static void test_another_amount_is_no_retry(void **state)
{
	struct exchange *first = out(1), *second = make(OUT, 1);

	(void)state;
	end(first, OUTCOME_CLOSED);
	second->prepare_ns = tick();
	second->amount = 99;
	open(second);
	fulfil(second);
	assert_int_equal(origin_of(first), ORIGIN_ORIGINATED);
	assert_int_equal(origin_of(second), ORIGIN_ORIGINATED);
}

static void test_a_forwarders_retry_is_forwarded_once(void **state)
{
	struct exchange *incoming = in(1), *dead = out(1), *retry;

	(void)state;
	end(dead, OUTCOME_CLOSED);
	retry = out(1);
	fulfil(retry);
	fulfil(incoming);
	assert_int_equal(origin_of(dead), ORIGIN_PROXY_COPY);
	assert_int_equal(origin_of(retry), ORIGIN_FORWARDED);
	assert_int_equal(origin_of(incoming), ORIGIN_FORWARDED);
}

static void test_an_incoming_retry_is_received_once(void **state)
{
	struct exchange *dead = in(1), *retry;

	(void)state;
	end(dead, OUTCOME_CLOSED);
	retry = in(1);
	fulfil(retry);
	assert_int_equal(origin_of(dead), ORIGIN_PROXY_COPY);
	assert_int_equal(origin_of(retry), ORIGIN_RECEIVED);
}

/* The connector tries again through the proxy beside it, which breaks each time. */
static void test_a_retry_through_a_sidecar_counts_once(void **state)
{
	struct exchange *first = at(OUT, 1), *first_in = at(IN, 1), *first_out = at(OUT, 1);
	struct exchange *second, *second_in, *second_out;

	(void)state;
	end(first_out, OUTCOME_CLOSED);
	end(first_in, OUTCOME_CLOSED);
	end(first, OUTCOME_CLOSED);
	second = at(OUT, 1);
	second_in = at(IN, 1);
	second_out = at(OUT, 1);
	fulfil(second_out);
	fulfil(second_in);
	fulfil(second);
	assert_int_equal(origin_of(second), ORIGIN_ORIGINATED);
	assert_int_equal(origin_of(first), ORIGIN_PROXY_COPY);
	assert_int_equal(origin_of(first_in), ORIGIN_PROXY_COPY);
	assert_int_equal(origin_of(first_out), ORIGIN_PROXY_COPY);
	assert_int_equal(origin_of(second_in), ORIGIN_PROXY_COPY);
	assert_int_equal(origin_of(second_out), ORIGIN_PROXY_COPY);
}

/* However often: each is judged, and one counts. */
static void test_a_retry_without_end_counts_once(void **state)
{
	size_t counted = 0;

	(void)state;
	for (size_t i = 0; i < 100; i++)
		end(out(1), OUTCOME_CLOSED);
	settle();
	assert_int_equal(b.judged, 100);
	for (size_t i = 1; i <= 100; i++)
		counted += b.judged_of[i].origin != ORIGIN_PROXY_COPY;
	assert_true(counted <= 100 / HELD + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_incoming_one_read_with_its_answer_was_there_before),
		T(one_read_while_the_outgoing_one_waits_was_there_before_too),
		T(the_far_end_of_its_own_connection_is_no_such_one),
		T(nor_is_one_that_comes_back_from_a_peer),
		T(where_it_cannot_be_said_nothing_is_claimed),
		T(in_tls_nothing_is_read_late),
		T(one_later_than_the_grace_is_too_late),
		T(a_gap_on_a_way_in_keeps_a_minute_back_and_no_more),
		T(a_gap_noticed_after_it_was_sent_on_counts),
		T(a_doubt_says_nothing_of_what_was_seen),
		T(a_doubt_is_its_targets_alone),
		T(a_target_that_never_forwards_originates_all_that_it_sends),
		T(a_retry_after_its_connection_broke_is_the_payment),
		T(a_retry_seen_before_the_first_tries_end_is_the_payment),
		T(a_retry_does_not_wait_for_a_first_try_that_hangs),
		T(of_tries_that_all_failed_the_last_one_counts),
		T(another_amount_is_no_retry),
		T(a_forwarders_retry_is_forwarded_once),
		T(an_incoming_retry_is_received_once),
		T(a_retry_through_a_sidecar_counts_once),
		T(a_retry_without_end_counts_once),
	};

	return cmocka_run_group_tests_name("evidence", tests, NULL, NULL);
}
