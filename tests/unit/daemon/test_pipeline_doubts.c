/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline: what keeps payments back because they may be forwarded ones, and for how long. */
#include "tests/unit/support/pipelining.h"

static uint64_t destination;

/* A payment of one packet, AT_NS; each to another receiver. */
static void pay(uint64_t at_ns)
{
	__u64 flow = 100 + ++destination;
	struct record_message p = prepare(flow, 1, CLIENT, at_ns);

	p.destination = flow;
	p.expires_at = 99991231235959999;
	give(p);
	give(fulfill(flow, 1, CLIENT, at_ns + MS));
}

/* How many of the payments made so far the network gets. */
static uint64_t counted(void)
{
	return truth().transactions;
}

static int64_t doubted(const char *cause)
{
	settle();
	pipeline_tick(b.pipeline, b.now_ns);
	return released(METRIC_ORIGIN_UNKNOWN, cause);
}

static struct record_gap gap(__u8 cause, __u8 role, bool ingress, uint64_t at_ns)
{
	return (struct record_gap){
		.head = {.len = sizeof(struct record_gap),
			 .version = RECORD_VERSION,
			 .type = RECORD_GAP,
			 .tap = RECORD_TAP_SOCKET,
			 .role = role},
		.flow = {.id = 7},
		.at_ns = at_ns,
		.cause = cause,
		.ingress = ingress,
	};
}

static void give_gap(__u8 cause, __u8 role, bool ingress, uint64_t at_ns)
{
	struct record_gap g = gap(cause, role, ingress, at_ns);

	pipeline_record(b.pipeline, &g, sizeof(g));
}

/* There was no room for one TLS connection more. */
static void give_gap_in_tls(uint64_t at_ns)
{
	struct record_gap g = gap(RECORD_GAP_FULL, RECORD_ROLE_UNKNOWN, true, at_ns);

	g.head.tap = RECORD_TAP_TLS;
	pipeline_record(b.pipeline, &g, sizeof(g));
}

/* The same on a connection on which an ILP answer has been seen. */
static void give_gap_of_peer(__u8 cause, bool ingress, bool unsure, uint64_t at_ns)
{
	struct record_gap g = gap(cause, SERVER, ingress, at_ns);

	g.spoken = 1;
	g.unsure = unsure;
	pipeline_record(b.pipeline, &g, sizeof(g));
}

/* The target answers a Prepare that was not read. */
static void answer_unread(uint64_t at_ns)
{
	struct record_message m = fulfill(7, 0, SERVER, at_ns);

	m.flags |= RECORD_UNSURE;
	give(m);
}

static void test_a_gap_on_a_peers_connection_keeps_a_minute_back(void **state)
{
	(void)state;
	give_gap_of_peer(RECORD_GAP_HOLE, true, false, 100 * S);
	pay(101 * S);
	pay(159 * S);
	assert_int_equal(counted(), 0);
	assert_int_equal(doubted("gap"), 2);
	assert_int_equal(released(METRIC_TRANSACTIONS_BY_ORIGIN, "unknown"), 2);
	pay(161 * S);
	assert_int_equal(counted(), 1);
	assert_int_equal(stats().doubted, 2);
}

/* What anybody can do: connect, and send what cannot be read. */
static void test_garbage_that_nobody_answers_in_ilp_keeps_nothing_back(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		give_gap(RECORD_GAP_HTTP, SERVER, true, (100 + i) * S);
		give_gap(RECORD_GAP_HOLE, RECORD_ROLE_UNKNOWN, true, (100 + i) * S);
		give_gap(RECORD_GAP_ENCODED, SERVER, true, (100 + i) * S);
		give_gap(RECORD_GAP_FULL, RECORD_ROLE_UNKNOWN, true, (100 + i) * S);
		give_gap_in_tls((100 + i) * S);
		give(http(7, 0, SERVER, (100 + i) * S, 400));
		pay((100 + i) * S + MS);
	}
	assert_int_equal(counted(), 50);
	assert_int_equal(stats().doubted, 0);
}

static void check_answered(__u8 cause, const char *label)
{
	give_gap(cause, RECORD_ROLE_UNKNOWN, true, 200 * S - 10 * MS);
	pay(130 * S);
	pay(200 * S - 8 * MS);
	answer_unread(200 * S);
	pay(201 * S);
	assert_int_equal(doubted(label), 1);
	assert_int_equal(counted(), 2); /* what was sent long before the answer, and after it */
}

static void test_what_was_missed_and_is_answered_in_ilp_came_in_before_its_answer(void **state)
{
	(void)state;
	check_answered(RECORD_GAP_HTTP, "gap");
}

static void test_so_it_did_where_there_was_no_room_to_follow_it(void **state)
{
	(void)state;
	check_answered(RECORD_GAP_FULL, "full");
}

static void test_and_where_it_was_encoded(void **state)
{
	(void)state;
	check_answered(RECORD_GAP_ENCODED, "encoded");
}

static void test_an_answer_by_a_request_of_its_own_is_one_too(void **state)
{
	struct record_message m = fulfill(8, 1, CLIENT, 200 * S);

	(void)state;
	m.flags = RECORD_REQUEST;
	m.http_status = 0;
	m.request_id = 77;
	pay(200 * S - 8 * MS);
	give(m);
	assert_int_equal(counted(), 0);
	assert_int_equal(doubted("gap"), 1);
}

static void test_an_answer_to_the_target_says_nothing_of_what_came_in(void **state)
{
	struct record_message m = fulfill(8, 0, CLIENT, 200 * S);

	(void)state;
	pay(200 * S - 8 * MS);
	give(m);
	assert_int_equal(stats().match.unmatched, 1);
	assert_int_equal(counted(), 1);
}

static void test_nothing_is_judged_before_it_was_witnessed(void **state)
{
	(void)state;
	pipeline_witnessed(b.pipeline, 100 * S);
	pay(101 * S);
	pipeline_settle(b.pipeline, 0, 110 * S);
	assert_int_equal(counted(), 0);
	/* What was found since casts a doubt on what ended before it was looked for. */
	pipeline_doubt_open(b.pipeline, 0, DOUBT_UNIX_LISTENER, 0, 100 * S);
	pipeline_witnessed(b.pipeline, 109 * S);
	pipeline_settle(b.pipeline, 0, 110 * S);
	assert_int_equal(counted(), 0);
	assert_int_equal(doubted("unix_listener"), 1);
}

static void test_what_a_killed_witness_has_not_looked_at_is_in_doubt(void **state)
{
	(void)state;
	pipeline_witnessed(b.pipeline, 105 * S);
	pay(101 * S);
	pay(110 * S);
	pipeline_settle(b.pipeline, 0, 111 * S);
	assert_int_equal(counted(), 1);
	pipeline_unwitnessed(b.pipeline, 111 * S);
	pipeline_drain(b.pipeline, 111 * S);
	assert_int_equal(counted(), 1);
	assert_int_equal(released(METRIC_ORIGIN_UNKNOWN, "restart"), 1);
}

static void test_without_a_witness_nothing_is_in_doubt_for_want_of_one(void **state)
{
	(void)state;
	pay(110 * S);
	pipeline_unwitnessed(b.pipeline, 111 * S);
	pipeline_drain(b.pipeline, 111 * S);
	assert_int_equal(counted(), 1);
}

static void test_a_gap_where_answers_come_in_keeps_nothing_back(void **state)
{
	(void)state;
	give_gap(RECORD_GAP_HOLE, CLIENT, true, 100 * S);
	pay(101 * S);
	assert_int_equal(counted(), 1);
}

/* Where all requests were read, missing answers do not matter; else they may be to Prepares. */
static void test_a_gap_in_a_peers_answers_matters_only_where_requests_were_missed(void **state)
{
	(void)state;
	pay(99 * S);
	give_gap_of_peer(RECORD_GAP_COMPLEX, false, false, 100 * S);
	assert_int_equal(counted(), 1);
	pay(199 * S);
	give_gap_of_peer(RECORD_GAP_COMPLEX, false, true, 200 * S);
	assert_int_equal(counted(), 1);
}

static void test_dropped_records_keep_a_minute_back_in_every_target(void **state)
{
	(void)state;
	pipeline_settle(b.pipeline, 0, 100 * S);
	b.dropped = 1;
	pipeline_settle(b.pipeline, 1, 100 * S + 50 * MS);
	pay(101 * S);
	assert_int_equal(counted(), 0);
	assert_int_equal(doubted("ring"), 1);
	pay(165 * S);
	assert_int_equal(counted(), 1);
}

static void test_others_may_cast_a_doubt_and_end_it(void **state)
{
	(void)state;
	pipeline_doubt_open(b.pipeline, 0, DOUBT_UNREAD_LISTENER, 1, 100 * S);
	pipeline_doubt_once(b.pipeline, 1, DOUBT_HTTP2, 100 * S);
	pay(500 * S);
	assert_int_equal(counted(), 0);
	pipeline_doubt_close(b.pipeline, 0, DOUBT_UNREAD_LISTENER, 1, 510 * S);
	pay(560 * S);
	assert_int_equal(counted(), 0);
	pay(571 * S);
	assert_int_equal(counted(), 1);
}

/* An accepted connection goes over to another protocol: in doubt until it ends. */
static void test_the_end_of_a_connection_ends_its_doubt(void **state)
{
	struct record_flow_close close = flow_close(7, 300 * S);

	(void)state;
	pipeline_doubt_open(b.pipeline, 0, DOUBT_UNREAD_LISTENER, 7, 100 * S);
	pay(250 * S);
	pipeline_record(b.pipeline, &close, sizeof(close));
	pay(350 * S);
	assert_int_equal(counted(), 0);
	pay(361 * S);
	assert_int_equal(counted(), 1);
}

static void test_where_the_target_never_forwards_nothing_is_kept_back(void **state)
{
	(void)state;
	pipeline_never_forwards(b.pipeline, 0, true);
	give_gap_of_peer(RECORD_GAP_HOLE, true, false, 100 * S);
	pipeline_doubt_open(b.pipeline, 0, DOUBT_UNREAD_LISTENER, 7, 100 * S);
	pay(101 * S);
	assert_int_equal(counted(), 1);
	assert_int_equal(stats().doubted, 0);
}

/* --- late, again, elsewhere ------------------------------------------------------------------ */

/* The incoming Prepare is read when its answer passes (TCP_DEFER_ACCEPT; a request in the SYN). */
static void test_an_incoming_prepare_that_is_read_late_makes_it_forwarded(void **state)
{
	struct record_message in = prepare(7, 1, SERVER, 1 * S + 10 * MS);
	struct record_message out = prepare(8, 1, CLIENT, 1 * S);

	(void)state;
	in.condition = out.condition;
	give(out);
	give(fulfill(8, 1, CLIENT, 1 * S + 9 * MS));
	give(in);
	give(fulfill(7, 1, SERVER, 1 * S + 10 * MS));
	assert_int_equal(counted(), 0);
	assert_int_equal(released(METRIC_ORIGINS, "forwarded"), 2);
	assert_int_equal(released(METRIC_TRANSACTIONS_BY_ORIGIN, "forwarded"), 1);
}

/* The server resets the connection; the client sends the same at once on another. */
static void retried(bool close_first)
{
	struct record_message first = prepare(7, 1, CLIENT, 1 * S);
	struct record_message again = prepare(8, 1, CLIENT, 1 * S + 2 * MS);
	struct record_flow_close close = flow_close(7, 1 * S + MS);

	again.condition = first.condition;
	give(first);
	if (close_first)
		pipeline_record(b.pipeline, &close, sizeof(close));
	give(again);
	if (!close_first)
		pipeline_record(b.pipeline, &close, sizeof(close));
	give(fulfill(8, 1, CLIENT, 1 * S + 3 * MS));
	assert_int_equal(counted(), 1);
	assert_int_equal(truth().prepares, 1);
	assert_int_equal(truth().fulfills, 1);
	assert_int_equal(truth().rejects, 0);
	assert_int_equal(truth().value, 100);
	assert_int_equal(truth().outcomes[OUTCOME_CLOSED], 1);
	assert_int_equal(truth().outcomes[OUTCOME_FULFILLED], 1);
}

static void test_a_prepare_sent_again_at_once_is_one_payment(void **state)
{
	(void)state;
	retried(true);
}

static void test_also_when_the_end_of_its_first_connection_is_read_later(void **state)
{
	(void)state;
	retried(false);
}

/* The payment must not end by its idle time while one of its packets waits to be judged. */
static void test_what_waits_to_be_judged_holds_its_payment_together(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		uint64_t at_ns = 1 * S + i * (IDLE - MS);
		struct record_message p = prepare(7, 1 + i, CLIENT, at_ns);

		p.expires_at = 99991231235959999;
		give(p);
		give(fulfill(7, 1 + i, CLIENT, at_ns));
	}
	pipeline_settle(b.pipeline, 0, 2 * S);
	pipeline_tick(b.pipeline, 1 * S + IDLE + MS);
	assert_int_equal(stats().payments.open, 1);
	assert_int_equal(counted(), 1);
	assert_int_equal(truth().fulfills, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_gap_on_a_peers_connection_keeps_a_minute_back),
		T(garbage_that_nobody_answers_in_ilp_keeps_nothing_back),
		T(what_was_missed_and_is_answered_in_ilp_came_in_before_its_answer),
		T(so_it_did_where_there_was_no_room_to_follow_it),
		T(and_where_it_was_encoded),
		T(an_answer_by_a_request_of_its_own_is_one_too),
		T(an_answer_to_the_target_says_nothing_of_what_came_in),
		T(nothing_is_judged_before_it_was_witnessed),
		T(what_a_killed_witness_has_not_looked_at_is_in_doubt),
		T(without_a_witness_nothing_is_in_doubt_for_want_of_one),
		T(a_gap_where_answers_come_in_keeps_nothing_back),
		T(a_gap_in_a_peers_answers_matters_only_where_requests_were_missed),
		T(dropped_records_keep_a_minute_back_in_every_target),
		T(others_may_cast_a_doubt_and_end_it),
		T(the_end_of_a_connection_ends_its_doubt),
		T(where_the_target_never_forwards_nothing_is_kept_back),
		T(an_incoming_prepare_that_is_read_late_makes_it_forwarded),
		T(a_prepare_sent_again_at_once_is_one_payment),
		T(also_when_the_end_of_its_first_connection_is_read_later),
		T(what_waits_to_be_judged_holds_its_payment_together),
	};

	return cmocka_run_group_tests_name("pipeline_doubts", tests, NULL, NULL);
}
