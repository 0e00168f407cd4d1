/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges and a thread's clock, made by hand, and the columns that come out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "profile/columns.h"
#include "profile/hops.h"

#define PID      7
#define INCOMING 11 /* sockets */
#define OUTGOING 12
#define DATABASE 13
#define CACHE    14

enum { DATABASE_CLASS = 1, CACHE_CLASS };

struct seen {
	struct hop hop;
	struct hop_columns columns;
	bool split;
};

struct bed {
	uint32_t rtt_us;  /* of connections to the peer */
	uint64_t late_ns; /* the last part of what comes in, after its first one */
	struct tape *tape;
	struct hops *hops;
	struct seen seen[8];
	size_t seen_len;
};

static int make(void **state)
{
	static struct bed bed;

	bed = (struct bed){.tape = tape_new(1000), .hops = hops_new(100)};
	*state = &bed;
	return !bed.tape || !bed.hops || tape_watch(bed.tape, PID);
}

static int drop(void **state)
{
	struct bed *b = *state;

	tape_free(b->tape);
	hops_free(b->hops);
	return 0;
}

static void does(struct bed *b, enum tape_kind kind, uint64_t at)
{
	tape_add(b->tape,
		 &(struct tape_event){.at_ns = at, .tid = PID, .pid = PID, .kind = (__u8)kind});
}

static void reads_as(struct bed *b, uint64_t socket, uint64_t at, uint32_t tid)
{
	tape_add(b->tape,
		 &(struct tape_event){
			 .at_ns = at, .socket = socket, .tid = tid, .pid = PID, .kind = TAPE_READ});
}

static void reads(struct bed *b, uint64_t socket, uint64_t at)
{
	reads_as(b, socket, at, PID);
}

/* A turn from FROM to TO; the connector reads the answer at once. */
static void asks(struct bed *b, uint64_t socket, uint8_t class, uint64_t from, uint64_t to)
{
	const struct tape_event sent = {.at_ns = from,
					.socket = socket,
					.end = (uint32_t)from,
					.kind = TAPE_SENT,
					.class = class};
	const struct tape_event came = {.at_ns = to,
					.socket = socket,
					.end = (uint32_t)to,
					.kind = TAPE_CAME,
					.class = class};

	tape_add(b->tape, &sent);
	tape_add(b->tape, &came);
	reads(b, socket, to + 1);
}

static void exchange(struct bed *b, enum record_role role, uint64_t flow, uint64_t condition,
		     uint64_t prepare, uint64_t reply)
{
	struct exchange e = {
		.role = (uint8_t)role,
		.tap = RECORD_TAP_SOCKET,
		.condition = condition,
		.prepare_ns = prepare,
		.prepare_done_ns = prepare + (role == RECORD_ROLE_SERVER ? b->late_ns : 0),
		.expires_at = role == RECORD_ROLE_SERVER ? 20300101000030000 : 20300101000029000,
		.endpoint = 5,
	};
	const struct record_message m = {
		.flow = {.id = flow}, .rtt_min_us = role == RECORD_ROLE_SERVER ? 200 : b->rtt_us};

	hops_opened(b->hops, &e, &m);
	e.outcome = reply ? OUTCOME_FULFILLED : OUTCOME_LOST;
	e.reply_ns = reply;
	e.reply_done_ns = reply ? reply : prepare + 5000;
	if (reply && role == RECORD_ROLE_CLIENT)
		e.reply_done_ns += b->late_ns;
	hops_closed(b->hops, &e);
}

static void keep(void *context, const struct hop *hop, const struct hop_columns *columns)
{
	struct bed *b = context;
	struct seen *s = &b->seen[b->seen_len++];

	assert_true(b->seen_len <= 8);
	s->hop = *hop;
	s->split = columns != NULL;
	if (columns) {
		s->columns = *columns;
		assert_int_equal(columns_sum(columns), hop->at_ns[5] - hop->at_ns[0]);
	}
}

static void judge(struct bed *b)
{
	tape_settle(b->tape, UINT64_MAX);
	assert_int_equal(hops_judge(b->hops, b->tape, keep, b), 0);
}

static uint64_t column(const struct seen *s, enum hop_part part, unsigned wait, enum strip_state in)
{
	return s->columns.ns[part][wait][in];
}

/* A Prepare that comes at 1000 and is forwarded at 2000; its reply comes at 3000 and leaves at
 * 4000. The thread waits for a CPU until 1100 and is then on it. */
static void forward(struct bed *b)
{
	does(b, TAPE_ON, 500);
	does(b, TAPE_BLOCKED, 900);
	does(b, TAPE_WOKEN, 1010);
	does(b, TAPE_ON, 1100);
	reads(b, INCOMING, 1110);
	reads(b, OUTGOING, 3300);
	exchange(b, RECORD_ROLE_SERVER, INCOMING, 1, 1000, 4000);
	exchange(b, RECORD_ROLE_CLIENT, OUTGOING, 1, 2000, 3000);
}

static void a_forwarded_packet_is_one_hop_with_six_moments(void **state)
{
	const uint64_t moments[HOP_MOMENTS] = {1000, 1110, 2000, 3000, 3300, 4000};
	struct bed *b = *state;

	forward(b);
	judge(b);
	assert_int_equal(b->seen_len, 1);
	assert_int_equal(b->seen[0].hop.kind, HOP_FORWARDED);
	assert_int_equal(b->seen[0].hop.split, HOP_SPLIT);
	assert_memory_equal(b->seen[0].hop.at_ns, moments, sizeof(moments));
	assert_int_equal(b->seen[0].columns.peer_ns, 1000);
	assert_int_equal(column(b->seen, HOP_RECEIVE, 0, STRIP_BLOCKED), 10);
	assert_int_equal(column(b->seen, HOP_RECEIVE, 0, STRIP_WAITING), 90);
	assert_int_equal(column(b->seen, HOP_RECEIVE, 0, STRIP_ON), 10);
	assert_int_equal(column(b->seen, HOP_OUT, 0, STRIP_ON), 890);
	assert_int_equal(column(b->seen, HOP_REPLY, 0, STRIP_ON), 300);
	assert_int_equal(column(b->seen, HOP_BACK, 0, STRIP_ON), 700);
	assert_int_equal(b->seen[0].hop.margin_ns, 1000000000);
}

static void a_part_that_comes_late_is_waited_for_where_it_is_missing(void **state)
{
	const uint64_t moments[HOP_MOMENTS] = {1000, 1420, 2000, 3400, 3420, 4000};
	struct bed *b = *state;

	b->late_ns = 400;
	forward(b);
	does(b, TAPE_BLOCKED, 1120);
	does(b, TAPE_WOKEN, 1400);
	does(b, TAPE_ON, 1410);
	reads(b, INCOMING, 1420);
	reads(b, OUTGOING, 3420);
	judge(b);
	assert_memory_equal(b->seen[0].hop.at_ns, moments, sizeof(moments));
	assert_int_equal(column(b->seen, HOP_RECEIVE, 0, STRIP_BLOCKED), 10 + 280);
	assert_int_equal(column(b->seen, HOP_OUT, 0, STRIP_BLOCKED), 0);
	assert_int_equal(b->seen[0].columns.peer_ns, 1400);
}

/* As one that streams does: what follows may be no more than the end of a chunked body. */
static void what_the_connector_does_not_wait_for_delays_nothing(void **state)
{
	const uint64_t moments[HOP_MOMENTS] = {1000, 1110, 2000, 3000, 3300, 4000};
	struct bed *b = *state;

	b->late_ns = 1001;
	forward(b);
	judge(b);
	assert_int_equal(b->seen[0].hop.split, HOP_SPLIT);
	assert_memory_equal(b->seen[0].hop.at_ns, moments, sizeof(moments));
}

static void the_wire_is_that_of_the_outgoing_connection(void **state)
{
	struct bed *b = *state;

	b->rtt_us = 15400;
	forward(b);
	judge(b);
	assert_int_equal(b->seen[0].hop.wire_us, 15400);
	assert_int_equal(b->seen[0].columns.peer_ns, 1000);
}

static void without_a_round_trip_the_wire_is_not_known(void **state)
{
	struct bed *b = *state;

	b->rtt_us = RECORD_RTT_NONE;
	forward(b);
	judge(b);
	assert_int_equal(b->seen[0].hop.wire_us, 0);
}

static void the_time_of_a_turn_is_crossed_with_the_threads_state(void **state)
{
	struct bed *b = *state;

	forward(b);
	asks(b, DATABASE, DATABASE_CLASS, 1200, 1600);
	does(b, TAPE_BLOCKED, 1250);
	does(b, TAPE_WOKEN, 1500);
	does(b, TAPE_ON, 1550);
	judge(b);
	assert_int_equal(b->seen[0].columns.turns[DATABASE_CLASS], 1);
	assert_int_equal(column(b->seen, HOP_OUT, DATABASE_CLASS, STRIP_ON), 100);
	assert_int_equal(column(b->seen, HOP_OUT, DATABASE_CLASS, STRIP_BLOCKED), 250);
	assert_int_equal(column(b->seen, HOP_OUT, DATABASE_CLASS, STRIP_WAITING), 50);
	assert_int_equal(column(b->seen, HOP_OUT, 0, STRIP_ON), 490);
	assert_int_equal(column(b->seen, HOP_OUT, 0, STRIP_BLOCKED), 0);
}

static void two_dependencies_at_once_are_several(void **state)
{
	struct bed *b = *state;

	forward(b);
	asks(b, DATABASE, DATABASE_CLASS, 1200, 1600);
	asks(b, CACHE, CACHE_CLASS, 1500, 1800);
	judge(b);
	assert_int_equal(column(b->seen, HOP_OUT, DATABASE_CLASS, STRIP_ON), 300);
	assert_int_equal(column(b->seen, HOP_OUT, HOP_SEVERAL, STRIP_ON), 100);
	assert_int_equal(column(b->seen, HOP_OUT, CACHE_CLASS, STRIP_ON), 200);
}

/* As a subscription does. */
static void a_turn_from_before_the_packet_is_not_the_packets(void **state)
{
	struct bed *b = *state;

	forward(b);
	asks(b, CACHE, CACHE_CLASS, 600, 2500);
	judge(b);
	assert_int_equal(b->seen[0].columns.turns[CACHE_CLASS], 0);
	assert_int_equal(column(b->seen, HOP_OUT, CACHE_CLASS, STRIP_ON), 0);
}

static void packets_that_overlap_are_not_split(void **state)
{
	struct bed *b = *state;
	uint64_t ns[STRIP_STATES] = {0};

	forward(b);
	reads(b, 21, 3600);
	exchange(b, RECORD_ROLE_SERVER, 21, 2, 3500, 4500);
	judge(b);
	assert_int_equal(b->seen_len, 2);
	assert_int_equal(b->seen[0].hop.split, HOP_NOT_ALONE);
	assert_int_equal(b->seen[1].hop.split, HOP_NOT_ALONE);
	/* The time that both were in hand is counted once. */
	hops_in_hand(b->hops, b->tape, ns);
	assert_int_equal(ns[STRIP_ON] + ns[STRIP_WAITING] + ns[STRIP_BLOCKED], 3500);
}

static void a_packet_after_another_is_alone(void **state)
{
	struct bed *b = *state;

	forward(b);
	reads(b, 21, 4100);
	exchange(b, RECORD_ROLE_SERVER, 21, 2, 4000, 4500);
	judge(b);
	assert_int_equal(b->seen_len, 2);
	assert_int_equal(b->seen[0].hop.split, HOP_SPLIT);
	assert_int_equal(b->seen[1].hop.split, HOP_SPLIT);
	assert_int_equal(b->seen[1].hop.kind, HOP_ANSWERED);
}

static void a_packet_inside_a_longer_one_leaves_neither_alone(void **state)
{
	struct bed *b = *state;

	forward(b);
	reads(b, 21, 1300);
	reads(b, 22, 3800);
	exchange(b, RECORD_ROLE_SERVER, 21, 2, 1200, 1400);
	exchange(b, RECORD_ROLE_SERVER, 22, 3, 3700, 3900);
	judge(b);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(b->seen[i].hop.split, HOP_NOT_ALONE);
}

/* Its Prepare came before the session. */
static void a_reply_to_what_was_not_seen_says_that_something_was_in_hand(void **state)
{
	const struct record_message reply = {.flow = {.id = 21}, .last_ns = 1500};
	struct bed *b = *state;

	forward(b);
	hops_unmatched(b->hops, &reply);
	judge(b);
	assert_int_equal(b->seen_len, 1);
	assert_int_equal(b->seen[0].hop.split, HOP_NOT_ALONE);
}

static void a_reply_that_another_thread_reads_is_not_split(void **state)
{
	struct bed *b = *state;

	does(b, TAPE_ON, 500);
	reads(b, INCOMING, 1110);
	reads_as(b, OUTGOING, 3300, PID + 1);
	exchange(b, RECORD_ROLE_SERVER, INCOMING, 1, 1000, 4000);
	exchange(b, RECORD_ROLE_CLIENT, OUTGOING, 1, 2000, 3000);
	judge(b);
	assert_int_equal(b->seen[0].hop.split, HOP_THREADS);
}

static void without_clocks_nothing_is_split(void **state)
{
	struct bed *b = *state;

	exchange(b, RECORD_ROLE_SERVER, INCOMING, 1, 1000, 4000);
	judge(b);
	assert_int_equal(b->seen[0].hop.split, HOP_NO_CLOCK);
	assert_false(b->seen[0].split);
}

static void what_goes_on_after_a_lost_event_is_not_split(void **state)
{
	struct bed *b = *state;

	tape_lose(b->tape, 3900);
	forward(b);
	judge(b);
	assert_int_equal(b->seen[0].hop.split, HOP_NO_CLOCK);
}

static void a_packet_without_a_reply_has_no_end(void **state)
{
	struct bed *b = *state;

	does(b, TAPE_ON, 500);
	reads(b, INCOMING, 1110);
	exchange(b, RECORD_ROLE_SERVER, INCOMING, 1, 1000, 0);
	judge(b);
	assert_int_equal(b->seen[0].hop.split, HOP_NO_REPLY);
}

/* The connector answers before its peer does. */
static void the_wait_for_a_peer_ends_when_the_connector_gives_up(void **state)
{
	struct bed *b = *state;

	does(b, TAPE_ON, 500);
	reads(b, INCOMING, 1110);
	exchange(b, RECORD_ROLE_SERVER, INCOMING, 1, 1000, 4000);
	exchange(b, RECORD_ROLE_CLIENT, OUTGOING, 1, 2000, 0);
	judge(b);
	assert_int_equal(b->seen[0].hop.kind, HOP_FORWARDED);
	assert_int_equal(b->seen[0].hop.at_ns[3], 4000);
}

static void an_originated_packet_has_the_peers_time_and_the_wait_to_be_read(void **state)
{
	struct bed *b = *state;

	does(b, TAPE_ON, 500);
	reads(b, OUTGOING, 3300);
	exchange(b, RECORD_ROLE_CLIENT, OUTGOING, 1, 2000, 3000);
	judge(b);
	assert_int_equal(b->seen[0].hop.kind, HOP_ORIGINATED);
	assert_int_equal(b->seen[0].hop.split, HOP_SPLIT);
	assert_int_equal(b->seen[0].columns.peer_ns, 1000);
	assert_int_equal(column(b->seen, HOP_REPLY, 0, STRIP_ON), 300);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_forwarded_packet_is_one_hop_with_six_moments),
		TEST(a_part_that_comes_late_is_waited_for_where_it_is_missing),
		TEST(what_the_connector_does_not_wait_for_delays_nothing),
		TEST(the_wire_is_that_of_the_outgoing_connection),
		TEST(without_a_round_trip_the_wire_is_not_known),
		TEST(the_time_of_a_turn_is_crossed_with_the_threads_state),
		TEST(two_dependencies_at_once_are_several),
		TEST(a_turn_from_before_the_packet_is_not_the_packets),
		TEST(packets_that_overlap_are_not_split),
		TEST(a_packet_after_another_is_alone),
		TEST(a_packet_inside_a_longer_one_leaves_neither_alone),
		TEST(a_reply_to_what_was_not_seen_says_that_something_was_in_hand),
		TEST(a_reply_that_another_thread_reads_is_not_split),
		TEST(without_clocks_nothing_is_split),
		TEST(what_goes_on_after_a_lost_event_is_not_split),
		TEST(a_packet_without_a_reply_has_no_end),
		TEST(the_wait_for_a_peer_ends_when_the_connector_gives_up),
		TEST(an_originated_packet_has_the_peers_time_and_the_wait_to_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
