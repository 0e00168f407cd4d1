/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "../../user/match.h"
#include "records.h"

#define CLIENT RECORD_ROLE_CLIENT
#define SERVER RECORD_ROLE_SERVER

#define CAPACITY 4
#define SEEN_MAX 4096

/* What came out: every exchange as it was when it closed, in order. */
static struct seen {
	struct match *match;
	size_t opened, closed;
	struct exchange *open_address[SEEN_MAX];
	struct exchange exchanges[SEEN_MAX];
} seen;

static void opened(void *context, struct exchange *e)
{
	assert_ptr_equal(context, &seen);
	assert_int_equal(e->outcome, OUTCOME_OPEN);
	assert_true(seen.opened < SEEN_MAX);
	seen.open_address[seen.opened++] = e;
}

static void closed(void *context, struct exchange *e)
{
	size_t i = 0;

	assert_ptr_equal(context, &seen);
	assert_int_not_equal(e->outcome, OUTCOME_OPEN);
	while (i < seen.opened && seen.open_address[i] != e)
		i++;
	assert_true(i < seen.opened);
	assert_true(seen.closed < SEEN_MAX);
	seen.exchanges[seen.closed++] = *e;
}

static const struct match_ops ops = {.opened = opened, .closed = closed};

static int setup(void **state)
{
	(void)state;
	memset(&seen, 0, sizeof(seen));
	seen.match = match_new(CAPACITY, REALTIME_OFFSET, &ops, &seen);
	return seen.match ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	match_free(seen.match);
	return 0;
}

static void give(struct record_message message)
{
	match_message(seen.match, &message);
}

static void give_close(struct record_flow_close close)
{
	match_flow_close(seen.match, &close);
	match_settle(seen.match, 0);
}

static struct match_stats stats(void)
{
	return match_stats(seen.match);
}

/* The one exchange that has closed. */
static const struct exchange *only_exchange(void)
{
	assert_int_equal(seen.closed, 1);
	return &seen.exchanges[0];
}

static void test_a_fulfill_on_the_same_connection_closes_the_prepare(void **state)
{
	struct record_message p = prepare(7, 1, CLIENT, 1 * S);
	struct record_message f = fulfill(7, 1, CLIENT, 2 * S);

	(void)state;
	p.last_ns = 1 * S + 5;
	f.last_ns = 2 * S + 9;
	p.head.target = 3;
	p.head.tap = f.head.tap = RECORD_TAP_TLS;
	p.flow.pid = f.flow.pid = 42;
	give(p);
	assert_int_equal(stats().open, 1);
	give(f);

	const struct exchange *e = only_exchange();

	assert_int_equal(e->outcome, OUTCOME_FULFILLED);
	assert_int_equal(e->target, 3);
	assert_int_equal(e->role, CLIENT);
	assert_int_equal(e->tap, RECORD_TAP_TLS);
	assert_int_equal(e->amount, 100);
	assert_int_equal(e->destination, p.destination);
	assert_int_equal(e->condition, p.condition);
	assert_int_equal(e->endpoint, p.endpoint);
	assert_int_equal(e->token, p.token);
	assert_int_equal(e->http_status, 200);
	assert_false(e->peer_protocol);
	assert_string_equal(e->reject_code, "");
	assert_int_equal(e->prepare_ns, 1 * S);
	assert_int_equal(e->prepare_done_ns, 1 * S + 5);
	assert_int_equal(e->reply_ns, 2 * S);
	assert_int_equal(e->reply_done_ns, 2 * S + 9);
	assert_int_equal(stats().opened, 1);
	assert_int_equal(stats().open, 0);
	assert_int_equal(stats().unmatched, 0);
}

static void test_a_reject_closes_it_with_its_code(void **state)
{
	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	give(reject(7, 1, CLIENT, 2 * S, "F08"));
	assert_int_equal(only_exchange()->outcome, OUTCOME_REJECTED);
	assert_string_equal(only_exchange()->reject_code, "F08");
}

static void test_a_code_the_rfc_does_not_have_is_not_passed_on(void **state)
{
	static const char *const bad[] = {"F0", "f08", "X00", "\xff\x01\"", "F0x", "FF0"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		give(prepare(7, 1, CLIENT, 1 * S));
		give(reject(7, 1, CLIENT, 2 * S, bad[i]));
		assert_int_equal(seen.exchanges[i].outcome, OUTCOME_REJECTED);
		assert_string_equal(seen.exchanges[i].reject_code, "???");
	}
}

static void test_protocol_chatter_is_marked(void **state)
{
	struct record_message p = prepare(7, 1, CLIENT, 1 * S);

	(void)state;
	p.flags |= RECORD_PEER;
	give(p);
	give(fulfill(7, 1, CLIENT, 2 * S));
	assert_true(only_exchange()->peer_protocol);
}

/* Every part of the key alone tells two exchanges apart. */
static void test_a_reply_elsewhere_is_unmatched(void **state)
{
	struct record_message replies[5];

	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	for (size_t i = 0; i < 5; i++)
		replies[i] = fulfill(7, 1, CLIENT, 2 * S);
	replies[0].flow.id = 8;
	replies[1].flow.pid = 1;
	replies[2].flow.generation = 1;
	replies[3].stream = 2;
	replies[4].head.tap = RECORD_TAP_TLS;
	for (size_t i = 0; i < 5; i++) {
		give(replies[i]);
		assert_int_equal(stats().unmatched, i + 1);
	}
	assert_int_equal(seen.closed, 0);
	give(fulfill(7, 1, CLIENT, 2 * S));
	assert_int_equal(only_exchange()->outcome, OUTCOME_FULFILLED);
	assert_int_equal(stats().unmatched, 5);
}

static void test_a_second_reply_is_unmatched(void **state)
{
	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	give(fulfill(7, 1, CLIENT, 2 * S));
	give(fulfill(7, 1, CLIENT, 3 * S));
	assert_int_equal(seen.closed, 1);
	assert_int_equal(stats().unmatched, 1);
}

static void test_replies_out_of_order_find_their_streams(void **state)
{
	(void)state;
	for (__u32 stream = 1; stream <= 4; stream++) {
		struct record_message p = prepare(7, stream, CLIENT, 1 * S);

		p.amount = stream;
		give(p);
	}
	give(fulfill(7, 3, CLIENT, 2 * S));
	give(reject(7, 1, CLIENT, 2 * S, "T04"));
	give(fulfill(7, 4, CLIENT, 2 * S));
	give(fulfill(7, 2, CLIENT, 2 * S));
	assert_int_equal(seen.closed, 4);
	assert_int_equal(seen.exchanges[0].amount, 3);
	assert_int_equal(seen.exchanges[1].amount, 1);
	assert_int_equal(seen.exchanges[1].outcome, OUTCOME_REJECTED);
	assert_int_equal(seen.exchanges[2].amount, 4);
	assert_int_equal(seen.exchanges[3].amount, 2);
	assert_int_equal(stats().unmatched, 0);
}

/* --- expiry ---------------------------------------------------------------------------------- */

static enum outcome fulfilled_at(uint64_t last_ns)
{
	struct record_message f = fulfill(7, 1, CLIENT, 2 * S);

	f.last_ns = last_ns;
	give(prepare(7, 1, CLIENT, 1 * S));
	give(f);
	return seen.exchanges[seen.closed - 1].outcome;
}

static void test_a_fulfill_after_the_expiry_moved_nothing(void **state)
{
	(void)state;
	assert_int_equal(fulfilled_at(30 * S - 1), OUTCOME_FULFILLED);
	assert_int_equal(fulfilled_at(30 * S), OUTCOME_FULFILLED);
	assert_int_equal(fulfilled_at(30 * S + 1), OUTCOME_EXPIRED);
}

static void test_expiry_follows_the_wall_clock_when_it_is_set(void **state)
{
	(void)state;
	match_set_clock(seen.match, REALTIME_OFFSET + 20 * (int64_t)S);
	assert_int_equal(fulfilled_at(10 * S), OUTCOME_FULFILLED);
	assert_int_equal(fulfilled_at(10 * S + 1), OUTCOME_EXPIRED);
}

static void test_an_impossible_expiry_never_comes(void **state)
{
	struct record_message p = prepare(7, 1, CLIENT, 1 * S);

	(void)state;
	p.expires_at = 20261301000030000ULL;
	give(p);
	give(fulfill(7, 1, CLIENT, 3600 * S));
	assert_int_equal(only_exchange()->outcome, OUTCOME_FULFILLED);
}

static void test_a_reject_after_the_expiry_is_a_reject(void **state)
{
	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	give(reject(7, 1, CLIENT, 31 * S, "R00"));
	assert_int_equal(only_exchange()->outcome, OUTCOME_REJECTED);
}

static void test_expiry_dates(void **state)
{
	(void)state;
	assert_int_equal(match_expiry_ns(19700101000000000), 0);
	assert_int_equal(match_expiry_ns(19700101000000001), 1000000);
	assert_int_equal(match_expiry_ns(19691231235959999), -1000000);
	assert_int_equal(match_expiry_ns(20260101000000000), REALTIME_OFFSET);
	assert_int_equal(match_expiry_ns(20240229235959999), 1709251199999000000);
	assert_int_equal(match_expiry_ns(20000229000000000), 951782400000000000);
	assert_int_equal(match_expiry_ns(22620411234716854), 9223372036854000000);

	/* No dates. */
	assert_int_equal(match_expiry_ns(0), INT64_MAX);
	assert_int_equal(match_expiry_ns(20260001000000000), INT64_MAX);
	assert_int_equal(match_expiry_ns(20261301000000000), INT64_MAX);
	assert_int_equal(match_expiry_ns(20260100000000000), INT64_MAX);
	assert_int_equal(match_expiry_ns(20260132000000000), INT64_MAX);
	assert_int_equal(match_expiry_ns(20260431000000000), INT64_MAX);
	assert_int_equal(match_expiry_ns(20250229000000000), INT64_MAX);
	assert_int_equal(match_expiry_ns(19000229000000000), INT64_MAX);
	assert_int_equal(match_expiry_ns(20260101240000000), INT64_MAX);
	assert_int_equal(match_expiry_ns(20260101006000000), INT64_MAX);
	assert_int_equal(match_expiry_ns(20260101000060000), INT64_MAX);
	assert_int_equal(match_expiry_ns(120260101000000000), INT64_MAX);
	assert_int_equal(match_expiry_ns(UINT64_MAX), INT64_MAX);

	/* Dates that 64 bits of nanoseconds do not reach. */
	assert_int_equal(match_expiry_ns(99991231235959999), INT64_MAX);
	assert_int_equal(match_expiry_ns(101000000000), INT64_MIN); /* year 0 */
}

/* The C library's calendar is the reference, for one day in every month from 1690 to 2260. */
static void test_expiry_agrees_with_the_c_library(void **state)
{
	(void)state;
	for (int year = 1690; year < 2260; year++) {
		for (int month = 0; month < 12; month++) {
			struct tm tm = {.tm_year = year - 1900,
					.tm_mon = month,
					.tm_mday = 1 + (year * 7 + month * 5) % 28,
					.tm_hour = year % 24,
					.tm_min = (year + month) % 60,
					.tm_sec = (year * month) % 60};
			uint64_t digits =
				((((uint64_t)year * 100 + month + 1) * 100 + tm.tm_mday) * 100 +
				 tm.tm_hour) *
					100 +
				tm.tm_min;

			digits = (digits * 100 + tm.tm_sec) * 1000 + 7;
			assert_int_equal(match_expiry_ns(digits),
					 timegm(&tm) * 1000000000LL + 7000000);
		}
	}
}

/* --- answers without a packet ---------------------------------------------------------------- */

static enum outcome answered_with(struct record_message answer)
{
	give(prepare(7, 1, CLIENT, 1 * S));
	give(answer);
	return seen.exchanges[seen.closed - 1].outcome;
}

static void test_answers_without_a_packet(void **state)
{
	struct record_message bad = http(7, 1, CLIENT, 2 * S, 200);
	struct record_message cut = http(7, 1, CLIENT, 2 * S, 200);
	struct record_message echo = prepare(7, 1, CLIENT, 2 * S);

	(void)state;
	bad.kind = RECORD_KIND_BAD;
	cut.flags = RECORD_CUT;
	echo.flags = 0;
	echo.http_status = 200;
	assert_int_equal(answered_with(http(7, 1, CLIENT, 2 * S, 200)), OUTCOME_NOT_ILP);
	assert_int_equal(answered_with(bad), OUTCOME_NOT_ILP);
	assert_int_equal(answered_with(echo), OUTCOME_NOT_ILP);
	assert_int_equal(answered_with(http(7, 1, CLIENT, 2 * S, 500)), OUTCOME_HTTP_ERROR);
	assert_int_equal(seen.exchanges[seen.closed - 1].http_status, 500);
	assert_int_equal(answered_with(http(7, 1, CLIENT, 2 * S, 204)), OUTCOME_HTTP_ERROR);
	/* The packet may have stood in the part that was not seen. */
	assert_int_equal(answered_with(cut), OUTCOME_LOST);
}

static void test_an_answer_that_is_no_reply_is_not_called_unmatched(void **state)
{
	struct record_message bad = message_on(7, 1, CLIENT, 1 * S);

	(void)state;
	bad.flags = RECORD_REQUEST;
	bad.kind = RECORD_KIND_BAD;
	give(bad);
	give(http(7, 1, CLIENT, 2 * S, 400));
	assert_int_equal(stats().bad, 1);
	assert_int_equal(stats().unmatched, 0);
	assert_int_equal(seen.opened, 0);
}

static void test_a_second_prepare_in_its_place_closes_the_first_as_lost(void **state)
{
	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	give(prepare(7, 1, CLIENT, 5 * S));
	assert_int_equal(only_exchange()->outcome, OUTCOME_LOST);
	assert_int_equal(only_exchange()->prepare_ns, 1 * S);
	assert_int_equal(only_exchange()->reply_ns, 0);
	assert_int_equal(only_exchange()->reply_done_ns, 5 * S);
	give(fulfill(7, 1, CLIENT, 6 * S));
	assert_int_equal(seen.closed, 2);
	assert_int_equal(seen.exchanges[1].prepare_ns, 5 * S);
	assert_int_equal(stats().evicted, 0);
}

/* --- ends without an answer ------------------------------------------------------------------ */

static void test_the_end_of_a_connection_closes_what_is_open_on_it(void **state)
{
	struct record_flow_close other_tap = flow_close(7, 2 * S);

	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	give(prepare(8, 1, CLIENT, 1 * S));
	give(prepare(7, 3, CLIENT, 1 * S));
	other_tap.head.tap = RECORD_TAP_TLS;
	give_close(other_tap);
	give_close(flow_close(9, 2 * S));
	assert_int_equal(seen.closed, 0);
	give_close(flow_close(7, 2 * S));
	assert_int_equal(seen.closed, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(seen.exchanges[i].outcome, OUTCOME_CLOSED);
		assert_int_equal(seen.exchanges[i].condition >> 32, 7);
		assert_int_equal(seen.exchanges[i].reply_done_ns, 2 * S);
	}
	give(fulfill(8, 1, CLIENT, 3 * S));
	assert_int_equal(seen.exchanges[2].outcome, OUTCOME_FULFILLED);
	give(fulfill(7, 1, CLIENT, 3 * S));
	assert_int_equal(stats().unmatched, 1);
}

/* An SSL object's address is used again, and by other processes. */
static void test_the_end_of_a_tls_connection_is_not_that_of_its_namesakes(void **state)
{
	struct record_message p = prepare(0x7f0000001000, 1, CLIENT, 1 * S);
	struct record_flow_close close = flow_close(0x7f0000001000, 2 * S);

	(void)state;
	p.head.tap = close.head.tap = RECORD_TAP_TLS;
	for (__u32 i = 0; i < 3; i++) {
		p.flow.pid = 100 + i / 2;
		p.flow.generation = i % 2;
		p.amount = i;
		give(p);
	}
	close.flow.pid = 100;
	close.flow.generation = 1;
	give_close(close);
	assert_int_equal(only_exchange()->outcome, OUTCOME_CLOSED);
	assert_int_equal(only_exchange()->amount, 1);
}

static void test_no_reply_long_after_the_expiry_is_lost(void **state)
{
	struct record_message p = prepare(7, 1, CLIENT, 20 * S);

	(void)state;
	give(p); /* expires at 30 s */
	match_tick(seen.match, 60 * S);
	assert_int_equal(seen.closed, 0);
	match_tick(seen.match, 60 * S + 1);
	assert_int_equal(only_exchange()->outcome, OUTCOME_LOST);
	assert_int_equal(only_exchange()->reply_done_ns, 60 * S + 1);
	assert_int_equal(only_exchange()->lost, LOST_TIMEOUT);
	assert_int_equal(stats().evicted, 0);
}

static void test_a_far_expiry_is_not_waited_for_longer_than_a_minute(void **state)
{
	static const uint64_t far[] = {20270101000000000, 99991231235959999, 0};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct record_message p = prepare(7, 1, CLIENT, 10 * S);

		p.expires_at = far[i];
		give(p);
		match_tick(seen.match, 70 * S);
		assert_int_equal(seen.closed, i);
		match_tick(seen.match, 70 * S + 1);
		assert_int_equal(seen.closed, i + 1);
	}
}

static void test_a_prepare_that_came_expired_is_waited_for_half_a_minute(void **state)
{
	static const uint64_t past[] = {20251231000000000, 19700101000000000, 101000000000};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct record_message p = prepare(7, 1, CLIENT, 10 * S);

		p.expires_at = past[i];
		give(p);
		match_tick(seen.match, 40 * S);
		assert_int_equal(seen.closed, i);
		match_tick(seen.match, 40 * S + 1);
		assert_int_equal(seen.closed, i + 1);
	}
}

static void test_one_with_a_near_expiry_does_not_wait_for_an_older_one(void **state)
{
	struct record_message near = prepare(8, 1, CLIENT, 11 * S);

	(void)state;
	near.expires_at = 20260101000012000ULL;
	give(prepare(7, 1, CLIENT, 10 * S)); /* until 60 s */
	give(near);                          /* until 42 s */
	match_tick(seen.match, 42 * S + 1);
	assert_int_equal(only_exchange()->condition >> 32, 8);
}

static void test_shutdown_closes_everything_as_lost(void **state)
{
	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	give(prepare(8, 1, SERVER, 2 * S));
	match_drain(seen.match, 3 * S);
	assert_int_equal(seen.closed, 2);
	assert_int_equal(seen.exchanges[0].lost, LOST_SHUTDOWN);
	assert_int_equal(seen.exchanges[0].outcome, OUTCOME_LOST);
	assert_int_equal(seen.exchanges[1].outcome, OUTCOME_LOST);
	assert_int_equal(seen.exchanges[1].reply_done_ns, 3 * S);
	assert_int_equal(stats().open, 0);
}

static void test_a_full_table_gives_up_the_oldest_and_counts_it(void **state)
{
	(void)state;
	for (__u64 flow = 1; flow <= CAPACITY + 2; flow++)
		give(prepare(flow, 1, CLIENT, flow * S));
	assert_int_equal(stats().evicted, 2);
	assert_int_equal(stats().opened, CAPACITY + 2);
	assert_int_equal(stats().open, CAPACITY);
	assert_int_equal(seen.closed, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(seen.exchanges[i].outcome, OUTCOME_LOST);
		assert_int_equal(seen.exchanges[i].lost, LOST_EVICTED);
		assert_int_equal(seen.exchanges[i].condition >> 32, i + 1);
	}
	/* Their replies come after all. */
	give(fulfill(1, 1, CLIENT, 20 * S));
	assert_int_equal(stats().unmatched, 1);
	give(fulfill(3, 1, CLIENT, 20 * S));
	assert_int_equal(seen.exchanges[2].outcome, OUTCOME_FULFILLED);
}

static void test_a_flood_in_one_target_pushes_out_nothing_of_another(void **state)
{
	struct record_message p = prepare(1, 1, CLIENT, 1 * S);

	(void)state;
	p.head.target = 1;
	give(p);
	for (__u64 flow = 2; flow < 2 + 5 * CAPACITY; flow++)
		give(prepare(flow, 1, CLIENT, 2 * S));
	assert_int_equal(seen.closed, 5 * CAPACITY + 1 - CAPACITY);
	give(fulfill(1, 1, CLIENT, 3 * S));
	assert_int_equal(seen.exchanges[seen.closed - 1].outcome, OUTCOME_FULFILLED);
	assert_int_equal(seen.exchanges[seen.closed - 1].target, 1);
}

static struct record_message async_prepare(__u64 flow, __u8 role, __u64 at_ns, __u64 id)
{
	struct record_message m = prepare(flow, 1, role, at_ns);

	m.request_id = id;
	return m;
}

/* A reply as a request of its own. */
static struct record_message async_fulfill(__u64 flow, __u8 role, __u64 at_ns, __u64 id)
{
	struct record_message m = fulfill(flow, 1, role, at_ns);

	m.flags = RECORD_REQUEST;
	m.http_status = 0;
	m.request_id = id;
	return m;
}

/* --- what was missed ------------------------------------------------------------------------- */

static void give_gap(__u64 flow, bool ingress, uint64_t at_ns)
{
	struct record_gap gap = {
		.head = {.len = sizeof(gap),
			 .version = RECORD_VERSION,
			 .type = RECORD_GAP,
			 .tap = RECORD_TAP_SOCKET},
		.flow = {.id = flow},
		.at_ns = at_ns,
		.cause = RECORD_GAP_HOLE,
		.ingress = ingress,
	};

	match_gap(seen.match, &gap);
}

static void test_a_gap_where_replies_come_ends_what_is_open_there_as_lost(void **state)
{
	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	give(prepare(8, 1, CLIENT, 1 * S));
	give_gap(7, true, 2 * S);
	assert_int_equal(only_exchange()->outcome, OUTCOME_LOST);
	assert_int_equal(only_exchange()->lost, LOST_GAP);
	assert_int_equal(only_exchange()->reply_done_ns, 2 * S);
	give(fulfill(8, 1, CLIENT, 3 * S));
	assert_int_equal(seen.exchanges[1].outcome, OUTCOME_FULFILLED);
}

static void test_an_answer_after_a_gap_is_given_to_no_prepare_before_it(void **state)
{
	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	give(prepare(7, 2, CLIENT, 2 * S));
	give_gap(7, true, 3 * S);
	give(fulfill(7, 1, CLIENT, 3 * S)); /* whose it is, nobody knows */
	assert_int_equal(stats().unmatched, 1);
	give(prepare(7, 3, CLIENT, 4 * S));
	give(fulfill(7, 3, CLIENT, 5 * S));
	assert_int_equal(seen.closed, 3);
	assert_int_equal(seen.exchanges[0].outcome, OUTCOME_LOST);
	assert_int_equal(seen.exchanges[1].outcome, OUTCOME_LOST);
	assert_int_equal(seen.exchanges[2].outcome, OUTCOME_FULFILLED);
}

static void test_a_gap_among_requests_leaves_replies_alone(void **state)
{
	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	give(prepare(8, 1, SERVER, 1 * S));
	give_gap(7, false, 2 * S);
	give_gap(8, true, 2 * S);
	assert_int_equal(seen.closed, 0);
	give_gap(8, false, 2 * S);
	assert_int_equal(only_exchange()->role, SERVER);
}

static void test_a_reply_seen_in_part_is_lost_and_not_called_wrong(void **state)
{
	struct record_message cut = http(7, 1, CLIENT, 2 * S, 200);

	(void)state;
	cut.kind = RECORD_KIND_BAD;
	cut.flags = RECORD_CUT;
	give(prepare(7, 1, CLIENT, 1 * S));
	give(cut);
	assert_int_equal(only_exchange()->outcome, OUTCOME_LOST);
	assert_int_equal(only_exchange()->lost, LOST_GAP);
}

static void test_a_connections_end_after_dropped_records_says_nothing(void **state)
{
	struct record_flow_close close = flow_close(7, 2 * S);

	(void)state;
	match_settle(seen.match, 5);
	give(prepare(7, 1, CLIENT, 1 * S));
	match_flow_close(seen.match, &close);
	assert_int_equal(seen.closed, 0);
	match_settle(seen.match, 6);
	assert_int_equal(only_exchange()->outcome, OUTCOME_LOST);
	assert_int_equal(only_exchange()->lost, LOST_RING);
	assert_int_equal(only_exchange()->reply_done_ns, 2 * S);
	/* What was dropped before its time does not count. */
	give(prepare(8, 1, CLIENT, 3 * S));
	close = flow_close(8, 4 * S);
	match_flow_close(seen.match, &close);
	match_settle(seen.match, 6);
	assert_int_equal(seen.exchanges[1].outcome, OUTCOME_CLOSED);
}

static void
test_a_reply_that_waits_for_its_connections_end_to_be_settled_still_ends_once(void **state)
{
	struct record_flow_close close = flow_close(7, 2 * S);

	(void)state;
	give(async_prepare(7, CLIENT, 1 * S, 0x1d));
	match_flow_close(seen.match, &close);
	give(async_fulfill(9, SERVER, 3 * S, 0x1d));
	assert_int_equal(only_exchange()->outcome, OUTCOME_FULFILLED);
	match_settle(seen.match, 0);
	assert_int_equal(seen.closed, 1);
}

/* --- asynchronous mode ----------------------------------------------------------------------- */

static void test_an_asynchronous_reply_is_found_by_its_request_id(void **state)
{
	(void)state;
	give(async_prepare(7, CLIENT, 1 * S, 0x1d));
	give(http(7, 1, CLIENT, 2 * S, 202));
	assert_int_equal(seen.closed, 0);
	give(async_fulfill(9, SERVER, 5 * S, 0x1d));
	assert_int_equal(only_exchange()->outcome, OUTCOME_FULFILLED);
	assert_int_equal(only_exchange()->role, CLIENT);
	assert_int_equal(only_exchange()->http_status, 202);
	assert_int_equal(only_exchange()->reply_ns, 5 * S);
	/* The acknowledgement of the reply. */
	give(http(9, 1, SERVER, 6 * S, 200));
	assert_int_equal(stats().unmatched, 0);
	assert_int_equal(stats().open, 0);
}

static void test_an_asynchronous_reject_and_a_late_fulfill(void **state)
{
	struct record_message r = async_fulfill(9, CLIENT, 5 * S, 0x1d);

	(void)state;
	r.kind = RECORD_KIND_REJECT;
	memcpy(r.reject_code, "T01", 3);
	give(async_prepare(7, SERVER, 1 * S, 0x1d));
	give(http(7, 1, SERVER, 2 * S, 202));
	give(r);
	assert_int_equal(only_exchange()->outcome, OUTCOME_REJECTED);
	assert_string_equal(only_exchange()->reject_code, "T01");

	give(async_prepare(7, SERVER, 1 * S, 0x1e));
	give(http(7, 1, SERVER, 2 * S, 202));
	give(async_fulfill(9, CLIENT, 30 * S + 1, 0x1e));
	assert_int_equal(seen.exchanges[1].outcome, OUTCOME_EXPIRED);
}

static void test_an_asynchronous_reply_sent_again_is_ignored(void **state)
{
	(void)state;
	give(async_prepare(7, CLIENT, 1 * S, 0x1d));
	give(http(7, 1, CLIENT, 2 * S, 202));
	give(async_fulfill(9, SERVER, 5 * S, 0x1d));
	give(http(9, 1, SERVER, 6 * S, 503));
	give(async_fulfill(10, SERVER, 7 * S, 0x1d));
	assert_int_equal(seen.closed, 1);
	assert_int_equal(stats().repeated, 1);
	assert_int_equal(stats().unmatched, 0);
}

static void test_an_asynchronous_reply_to_nothing_is_unmatched(void **state)
{
	struct record_message elsewhere = async_fulfill(9, SERVER, 5 * S, 0x1d);

	(void)state;
	give(async_prepare(7, CLIENT, 1 * S, 0x1d));
	give(http(7, 1, CLIENT, 2 * S, 202));
	give(async_fulfill(9, SERVER, 5 * S, 0x1e)); /* another id */
	give(async_fulfill(9, SERVER, 5 * S, 0));    /* none */
	give(async_fulfill(9, CLIENT, 5 * S, 0x1d)); /* the same side as the Prepare */
	elsewhere.head.target = 1;
	give(elsewhere);
	assert_int_equal(seen.closed, 0);
	assert_int_equal(stats().unmatched, 4);
	assert_int_equal(stats().repeated, 0);
}

static void test_an_asynchronous_reply_may_overtake_the_202(void **state)
{
	(void)state;
	give(async_prepare(7, CLIENT, 1 * S, 0x1d));
	give(async_fulfill(9, SERVER, 2 * S, 0x1d));
	give(http(7, 1, CLIENT, 3 * S, 202));
	assert_int_equal(only_exchange()->outcome, OUTCOME_FULFILLED);
	assert_int_equal(stats().unmatched, 0);
}

static void test_an_asynchronous_exchange_outlives_its_connection(void **state)
{
	(void)state;
	give(async_prepare(7, CLIENT, 1 * S, 0x1d));
	give(http(7, 1, CLIENT, 2 * S, 202));
	give_close(flow_close(7, 3 * S));
	assert_int_equal(seen.closed, 0);
	/* The place on the connection is free again. */
	give(prepare(7, 1, CLIENT, 3 * S));
	assert_int_equal(seen.closed, 0);
	give(async_fulfill(9, SERVER, 5 * S, 0x1d));
	assert_int_equal(only_exchange()->prepare_ns, 1 * S);
}

static void test_accepted_without_a_request_id_ends_with_the_connection(void **state)
{
	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	give(http(7, 1, CLIENT, 2 * S, 202));
	assert_int_equal(seen.closed, 0);
	give_close(flow_close(7, 3 * S));
	assert_int_equal(only_exchange()->outcome, OUTCOME_CLOSED);
	assert_int_equal(only_exchange()->http_status, 202);
}

static void test_an_asynchronous_reply_that_never_comes_is_lost(void **state)
{
	(void)state;
	give(async_prepare(7, CLIENT, 1 * S, 0x1d));
	give(http(7, 1, CLIENT, 2 * S, 202));
	match_tick(seen.match, 60 * S + 1);
	assert_int_equal(only_exchange()->outcome, OUTCOME_LOST);
	assert_int_equal(only_exchange()->lost, LOST_TIMEOUT);
}

/* --- all together ---------------------------------------------------------------------------- */

/*
 * A random walk over few flows, streams and ids, so that everything collides with everything:
 * each opened exchange must close exactly once, and the counts must add up.
 */
static void test_every_exchange_closes_exactly_once(void **state)
{
	unsigned seed = 0x7e117a1e;
	uint64_t closed_before = 0;

	(void)state;
	for (uint64_t step = 0; step < 6000 && seen.opened < SEEN_MAX - 1; step++) {
		unsigned r = rand_r(&seed);
		__u64 flow = 1 + (r >> 4) % 5, id = (r >> 8) % 3;
		__u32 stream = 1 + (r >> 12) % 3;
		uint64_t at = step * 4 * S;
		struct record_message m = prepare(flow, stream, CLIENT, at);

		m.request_id = id;
		switch (r % 10) {
		case 0: give(fulfill(flow, stream, CLIENT, at)); break;
		case 1: give(reject(flow, stream, CLIENT, at, "F99")); break;
		case 2: give(http(flow, stream, CLIENT, at, 202)); break;
		case 3: give(async_fulfill(flow, SERVER, at, id)); break;
		case 4: give_close(flow_close(flow, at)); break;
		case 5: match_tick(seen.match, at); break;
		default: give(m); break;
		}
		if (seen.opened - seen.closed != stats().open || seen.closed < closed_before ||
		    stats().open > CAPACITY)
			fail_msg("step %lu: %zu opened, %zu closed, %lu open", step, seen.opened,
				 seen.closed, stats().open);
		closed_before = seen.closed;
	}
	match_drain(seen.match, 24000 * S);
	assert_int_equal(seen.opened, seen.closed);
	assert_int_equal(seen.opened, stats().opened);
	assert_int_equal(stats().open, 0);
	assert_true(stats().evicted > 0);
	assert_true(stats().repeated > 0);
}

static void test_sizes_that_cannot_be_are_refused(void **state)
{
	(void)state;
	assert_null(match_new(0, 0, &ops, &seen));
	assert_null(match_new(SIZE_MAX, 0, &ops, &seen));
	match_free(NULL);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_fulfill_on_the_same_connection_closes_the_prepare),
		T(a_reject_closes_it_with_its_code),
		T(a_code_the_rfc_does_not_have_is_not_passed_on),
		T(protocol_chatter_is_marked),
		T(a_reply_elsewhere_is_unmatched),
		T(a_second_reply_is_unmatched),
		T(replies_out_of_order_find_their_streams),
		T(a_fulfill_after_the_expiry_moved_nothing),
		T(expiry_follows_the_wall_clock_when_it_is_set),
		T(an_impossible_expiry_never_comes),
		T(a_reject_after_the_expiry_is_a_reject),
		T(expiry_dates),
		T(expiry_agrees_with_the_c_library),
		T(answers_without_a_packet),
		T(an_answer_that_is_no_reply_is_not_called_unmatched),
		T(a_second_prepare_in_its_place_closes_the_first_as_lost),
		T(the_end_of_a_connection_closes_what_is_open_on_it),
		T(the_end_of_a_tls_connection_is_not_that_of_its_namesakes),
		T(no_reply_long_after_the_expiry_is_lost),
		T(a_far_expiry_is_not_waited_for_longer_than_a_minute),
		T(a_prepare_that_came_expired_is_waited_for_half_a_minute),
		T(one_with_a_near_expiry_does_not_wait_for_an_older_one),
		T(shutdown_closes_everything_as_lost),
		T(a_full_table_gives_up_the_oldest_and_counts_it),
		T(a_flood_in_one_target_pushes_out_nothing_of_another),
		T(a_gap_where_replies_come_ends_what_is_open_there_as_lost),
		T(an_answer_after_a_gap_is_given_to_no_prepare_before_it),
		T(a_gap_among_requests_leaves_replies_alone),
		T(a_reply_seen_in_part_is_lost_and_not_called_wrong),
		T(a_connections_end_after_dropped_records_says_nothing),
		T(a_reply_that_waits_for_its_connections_end_to_be_settled_still_ends_once),
		T(an_asynchronous_reply_is_found_by_its_request_id),
		T(an_asynchronous_reject_and_a_late_fulfill),
		T(an_asynchronous_reply_sent_again_is_ignored),
		T(an_asynchronous_reply_to_nothing_is_unmatched),
		T(an_asynchronous_reply_may_overtake_the_202),
		T(an_asynchronous_exchange_outlives_its_connection),
		T(accepted_without_a_request_id_ends_with_the_connection),
		T(an_asynchronous_reply_that_never_comes_is_lost),
		T(every_exchange_closes_exactly_once),
		T(sizes_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests_name("match", tests, NULL, NULL);
}
