/* SPDX-License-Identifier: Apache-2.0 */
/* Packets and clocks without end: the same columns as of one session, in bounded memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "privacy/privacy.h"
#include "profile/live.h"

#define MS       1000000ULL
#define S        (1000 * MS)
#define PID      7
#define INCOMING 11 /* sockets */
#define OUTGOING 12
#define DATABASE 13

static struct bed {
	struct series *series;
	struct privacy *privacy;
	struct live *live;
	uint64_t conditions;
} b;

static bool no_name(void *context, uint64_t endpoint, char *name, size_t len)
{
	(void)context;
	(void)endpoint;
	(void)name;
	(void)len;
	return false;
}

static int make(void **state)
{
	const struct privacy_params privacy = PRIVACY_PARAMS_DEFAULT;
	struct live_params params = {
		.peers = 4, .targets = 1, .name = no_name, .dependencies = {NULL, "postgresql"}};

	(void)state;
	b = (struct bed){.series = series_new(0)};
	b.privacy = privacy_new(&privacy, b.series, "test", 1, NULL, NULL);
	params.series = b.series;
	b.live = live_new(&params);
	live_set_clocks(b.live, LIVE_CLOCKS_ON);
	return !b.live || !b.privacy;
}

static int drop(void **state)
{
	(void)state;
	live_free(b.live);
	privacy_free(b.privacy);
	series_free(b.series);
	return 0;
}

/* The value, or of a histogram the sum, in us. */
static int64_t shown(enum metric metric, const char *label)
{
	struct released *r = privacy_release(b.privacy, 2);
	int64_t value = -1;

	assert_non_null(r);
	for (size_t i = 0; i < r->points_len; i++) {
		const struct released_point *p = &r->points[i];

		if (p->metric != metric ||
		    (label && strcmp(p->labels[p->labels_len - 1].value, label) != 0))
			continue;
		value = p->exponential ? (int64_t)(p->sum_ms * 1000 + 0.5) : p->value;
	}
	released_unref(r);
	return value;
}

static void does(enum tape_kind kind, uint64_t at)
{
	const struct tape_event e = {.at_ns = at, .tid = PID, .pid = PID, .kind = (__u8)kind};

	live_event(b.live, &e);
}

static void on(enum tape_kind kind, uint64_t socket, uint64_t at)
{
	const struct tape_event e = {.at_ns = at,
				     .socket = socket,
				     .tid = PID,
				     .pid = PID,
				     .end = (uint32_t)(at / MS),
				     .kind = (__u8)kind,
				     .class = kind > TAPE_READ};

	live_event(b.live, &e);
}

static void open_exchange(struct exchange *e, enum record_role role, uint64_t flow, uint64_t at)
{
	const struct record_message m = {.flow = {.id = flow}};

	*e = (struct exchange){.role = (uint8_t)role,
			       .tap = RECORD_TAP_SOCKET,
			       .condition = b.conditions,
			       .prepare_ns = at,
			       .endpoint = 5};
	live_opened(b.live, e, &m);
}

static void close_exchange(struct exchange *e, uint64_t at)
{
	e->outcome = OUTCOME_FULFILLED;
	e->reply_ns = e->reply_done_ns = at;
	live_closed(b.live, e);
}

/* A packet that takes 20 ms from AT on: 2 until it is read, 3 on a CPU, 4 in the database, 6 at the
 * peer, 1 until that is read, 4 on a CPU. */
static void forward(uint64_t at)
{
	struct exchange in, out;

	b.conditions++;
	open_exchange(&in, RECORD_ROLE_SERVER, INCOMING, at);
	does(TAPE_WOKEN, at);
	does(TAPE_ON, at + 2 * MS);
	on(TAPE_READ, INCOMING, at + 2 * MS);
	on(TAPE_SENT, DATABASE, at + 4 * MS);
	does(TAPE_BLOCKED, at + 4 * MS);
	on(TAPE_CAME, DATABASE, at + 8 * MS);
	does(TAPE_WOKEN, at + 8 * MS);
	does(TAPE_ON, at + 8 * MS);
	on(TAPE_READ, DATABASE, at + 8 * MS);
	open_exchange(&out, RECORD_ROLE_CLIENT, OUTGOING, at + 9 * MS);
	does(TAPE_BLOCKED, at + 9 * MS);
	close_exchange(&out, at + 15 * MS);
	does(TAPE_WOKEN, at + 15 * MS);
	does(TAPE_ON, at + 16 * MS);
	on(TAPE_READ, OUTGOING, at + 16 * MS);
	close_exchange(&in, at + 20 * MS);
	does(TAPE_BLOCKED, at + 20 * MS);
}

static void the_clock_begins(void)
{
	does(TAPE_ON, MS);
	does(TAPE_BLOCKED, 2 * MS);
}

static void a_packet_is_judged_once_and_its_columns_sum_to_its_time(void **state)
{
	(void)state;
	the_clock_begins();
	forward(1 * S);
	live_settle(b.live, 0, 1 * S + 500 * MS);
	assert_int_equal(shown(METRIC_HOPS, "split"), 0); /* what is known of it is still to come */
	for (uint64_t at = 2; at < 20; at++)
		live_settle(b.live, 0, at * S);
	assert_int_equal(shown(METRIC_HOPS, "split"), 1);
	assert_int_equal(shown(METRIC_COLUMN_TIME, "receive_wait"), 2000);
	assert_int_equal(shown(METRIC_COLUMN_TIME, "on_cpu"), 7000);
	assert_int_equal(shown(METRIC_COLUMN_TIME, "waiting_for_cpu"), 0);
	assert_int_equal(shown(METRIC_COLUMN_TIME, "dependencies"), 4000);
	assert_int_equal(shown(METRIC_COLUMN_TIME, "not_runnable"), 0);
	assert_int_equal(shown(METRIC_COLUMN_TIME, "peer_and_wire"), 6000);
	assert_int_equal(shown(METRIC_COLUMN_TIME, "reply_wait"), 1000);
	assert_int_equal(shown(METRIC_DEPENDENCY_TIME, "postgresql"), 4000);
	assert_int_equal(shown(METRIC_DEPENDENCY_TURNS, "postgresql"), 1);
}

/* The columns of a packet do not depend on what was forgotten before it. */
static void memory_is_bounded_and_every_packet_has_its_columns(void **state)
{
	const unsigned packets = 3 * LIVE_EVENTS / 20;

	(void)state;
	the_clock_begins();
	for (unsigned i = 1; i <= packets; i++) {
		forward(i * 100 * MS);
		if (i % 2)
			live_settle(b.live, 0, i * 100 * MS + 90 * MS);
	}
	live_settle(b.live, 0, packets * 100 * MS + 3 * S);
	assert_int_equal(shown(METRIC_HOPS, "split"), packets);
	assert_int_equal(shown(METRIC_COLUMN_TIME, "on_cpu"), 7000 * packets);
	assert_int_equal(shown(METRIC_COLUMN_TIME, "dependencies"), 4000 * packets);
	assert_int_equal(shown(METRIC_CLOCKS_RESTARTED, NULL), 0);
}

/* The long one is in hand from before the short one until after that was judged. */
static void what_was_beside_a_packet_that_was_judged_long_ago_is_not_alone(void **state)
{
	struct exchange slow;

	(void)state;
	the_clock_begins();
	b.conditions++;
	open_exchange(&slow, RECORD_ROLE_SERVER, 99, 1 * S);
	on(TAPE_READ, 99, 1 * S + 50 * MS);
	forward(1 * S + 100 * MS);
	live_settle(b.live, 0, 3 * S);
	assert_int_equal(shown(METRIC_HOPS, "not_alone"), 1);
	close_exchange(&slow, 4 * S);
	for (uint64_t at = 5; at < 20; at++)
		live_settle(b.live, 0, at * S);
	assert_int_equal(shown(METRIC_HOPS, "not_alone"), 2);
	forward(20 * S);
	live_settle(b.live, 0, 22 * S);
	assert_int_equal(shown(METRIC_HOPS, "split"), 1);
}

/* Each moment counts once, however many packets are in hand and whichever is judged first. */
static void what_a_thread_does_beside_several_packets_is_in_totals(void **state)
{
	struct exchange slow;

	(void)state;
	the_clock_begins();
	forward(500 * MS); /* alone: it is in the columns, not here */
	b.conditions++;
	open_exchange(&slow, RECORD_ROLE_SERVER, 99, 1 * S);
	on(TAPE_READ, 99, 1 * S + 50 * MS);
	forward(1 * S + 100 * MS);
	forward(1 * S + 200 * MS);
	live_settle(b.live, 0, 3 * S);
	close_exchange(&slow, 4 * S);
	for (uint64_t at = 5; at < 9; at++)
		live_settle(b.live, 0, at * S);
	assert_int_equal(shown(METRIC_HOPS, "not_alone"), 3);
	assert_int_equal(shown(METRIC_IN_HAND, "on_cpu"), 2 * 7 * MS);
	assert_int_equal(shown(METRIC_IN_HAND, "waiting_for_cpu"), 2 * 3 * MS);
	assert_int_equal(shown(METRIC_IN_HAND, "not_runnable"), 3 * S - 20 * MS);
}

/* One of them hangs: the tape does not wait for it. */
static void what_was_beside_a_packet_that_hangs_is_not_counted_twice(void **state)
{
	struct exchange slow;

	(void)state;
	the_clock_begins();
	b.conditions++;
	open_exchange(&slow, RECORD_ROLE_SERVER, 99, 1 * S);
	on(TAPE_READ, 99, 1 * S + 50 * MS);
	forward(1 * S + 100 * MS);
	for (uint64_t at = 2; at < 20; at++)
		live_settle(b.live, 0, at * S);
	assert_int_equal(shown(METRIC_IN_HAND, "on_cpu"), 7 * MS);
	close_exchange(&slow, 20 * S);
	for (uint64_t at = 21; at < 30; at++)
		live_settle(b.live, 0, at * S);
	assert_int_equal(shown(METRIC_IN_HAND, "on_cpu"), 7 * MS);
	assert_true(shown(METRIC_IN_HAND, "not_runnable") < 19 * (int64_t)S);
}

static void after_a_lost_event_nothing_is_guessed(void **state)
{
	(void)state;
	the_clock_begins();
	forward(1 * S);
	live_settle(b.live, 1, 1 * S + 500 * MS);
	live_settle(b.live, 1, 3 * S);
	assert_int_equal(shown(METRIC_HOPS, "no_clock"), 1);
	assert_int_equal(shown(METRIC_HOPS, "split"), 0);
	assert_int_equal(shown(METRIC_CLOCKS_RESTARTED, NULL), 1);
	does(TAPE_BLOCKED, 3 * S + 500 * MS);
	forward(4 * S);
	live_settle(b.live, 1, 6 * S);
	assert_int_equal(shown(METRIC_HOPS, "split"), 1);
	assert_int_equal(shown(METRIC_CLOCKS_RESTARTED, NULL), 1);
}

static void more_exchanges_than_there_is_room_for_are_not_called_alone(void **state)
{
	static struct exchange many[LIVE_EXCHANGES + 1];

	(void)state;
	the_clock_begins();
	for (size_t i = 0; i <= LIVE_EXCHANGES; i++) {
		b.conditions++;
		open_exchange(&many[i], RECORD_ROLE_CLIENT, 100 + i, 1 * S);
	}
	live_settle(b.live, 0, 3 * S);
	forward(4 * S);
	live_settle(b.live, 0, 6 * S);
	assert_int_equal(shown(METRIC_HOPS, "not_alone"), 1);
	assert_int_equal(shown(METRIC_HOPS, "split"), 0);
}

static void without_clocks_packets_are_counted_and_not_split(void **state)
{
	(void)state;
	live_set_clocks(b.live, LIVE_CLOCKS_REFUSED);
	the_clock_begins();
	forward(1 * S);
	live_settle(b.live, 0, 3 * S);
	assert_int_equal(shown(METRIC_CLOCKS, NULL), -1);
	assert_int_equal(shown(METRIC_HOPS, "no_clock"), 1);
	/* How long it was held is known all the same. */
	assert_int_equal(shown(METRIC_PEER_TIME, "hold"), 20000);
	assert_int_equal(shown(METRIC_PEER_TIME, "connector"), 14000);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)
	const struct CMUnitTest tests[] = {
		T(a_packet_is_judged_once_and_its_columns_sum_to_its_time),
		T(memory_is_bounded_and_every_packet_has_its_columns),
		T(what_was_beside_a_packet_that_was_judged_long_ago_is_not_alone),
		T(what_a_thread_does_beside_several_packets_is_in_totals),
		T(what_was_beside_a_packet_that_hangs_is_not_counted_twice),
		T(after_a_lost_event_nothing_is_guessed),
		T(more_exchanges_than_there_is_room_for_are_not_called_alone),
		T(without_clocks_packets_are_counted_and_not_split),
	};

	return cmocka_run_group_tests_name("live", tests, NULL, NULL);
}
