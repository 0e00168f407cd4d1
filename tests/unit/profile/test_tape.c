/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "profile/tape.h"

#define PID    7
#define SOCKET 70

static int make(void **state)
{
	struct tape *t = tape_new(1000);

	*state = t;
	return !t || tape_watch(t, PID);
}

static int drop(void **state)
{
	tape_free(*state);
	return 0;
}

static void add_state(struct tape *t, enum tape_kind kind, uint64_t at)
{
	tape_add(t, &(struct tape_event){.at_ns = at, .tid = PID, .pid = PID, .kind = (__u8)kind});
}

static void add_read(struct tape *t, uint64_t at)
{
	tape_add(t,
		 &(struct tape_event){
			 .at_ns = at, .socket = SOCKET, .tid = PID, .pid = PID, .kind = TAPE_READ});
}

static void add_segment(struct tape *t, enum tape_kind kind, uint64_t at, uint32_t end)
{
	tape_add(
		t,
		&(struct tape_event){
			.at_ns = at, .socket = SOCKET, .end = end, .kind = (__u8)kind, .class = 1});
}

static void check_turn(const struct tape_turn *turn, uint64_t from, uint64_t to)
{
	assert_int_equal(turn->from_ns, from);
	assert_int_equal(turn->to_ns, to);
}

static void events_of_two_processors_are_put_in_order(void **state)
{
	struct tape *t = *state;
	uint64_t ns[STRIP_STATES] = {0};

	add_state(t, TAPE_ON, 100);
	add_state(t, TAPE_ON, 400);
	add_state(t, TAPE_BLOCKED, 200);
	tape_settle(t, 300);
	add_state(t, TAPE_WOKEN, 350);
	tape_settle(t, UINT64_MAX);
	assert_true(strip_between(tape_strip(t, PID), 100, 400, ns));
	assert_int_equal(ns[STRIP_ON], 100);
	assert_int_equal(ns[STRIP_WAITING], 50);
	assert_int_equal(ns[STRIP_BLOCKED], 150);
}

static void threads_of_other_processes_are_ignored(void **state)
{
	struct tape *t = *state;

	tape_add(t, &(struct tape_event){.at_ns = 1, .tid = 9, .pid = 9, .kind = TAPE_ON});
	tape_settle(t, UINT64_MAX);
	assert_null(tape_strip(t, 9));
}

static void a_turn_lasts_from_the_first_data_out_to_the_first_data_in(void **state)
{
	struct tape *t = *state;
	const struct tape_turn *turn;

	add_segment(t, TAPE_SENT, 100, 1000);
	add_segment(t, TAPE_SENT, 110, 1100); /* more of the question */
	add_segment(t, TAPE_CAME, 150, 5000);
	add_segment(t, TAPE_CAME, 160, 5100); /* more of the answer */
	add_segment(t, TAPE_SENT, 200, 1200);
	tape_settle(t, UINT64_MAX);
	turn = tape_turns_from(t, 0);
	check_turn(&turn[0], 100, 150);
	check_turn(&turn[1], 200, UINT64_MAX);
	assert_ptr_equal(tape_turns_end(t), turn + 2);
	assert_ptr_equal(tape_turns_from(t, 101), turn + 1);
}

static void data_that_is_sent_again_begins_no_turn(void **state)
{
	struct tape *t = *state;

	add_segment(t, TAPE_SENT, 100, 1000);
	add_segment(t, TAPE_CAME, 150, 5000);
	add_segment(t, TAPE_SENT, 160, 1000);
	tape_settle(t, UINT64_MAX);
	assert_ptr_equal(tape_turns_end(t), tape_turns_from(t, 0) + 1);
}

static void data_that_comes_unasked_ends_no_turn(void **state)
{
	struct tape *t = *state;

	add_segment(t, TAPE_CAME, 50, 5000);
	add_segment(t, TAPE_SENT, 100, 1000);
	add_segment(t, TAPE_CAME, 110, 5000); /* sent again */
	add_segment(t, TAPE_CAME, 150, 5100);
	tape_settle(t, UINT64_MAX);
	check_turn(tape_turns_from(t, 0), 100, 150);
}

static void a_connection_belongs_to_the_process_that_reads_from_it(void **state)
{
	struct tape *t = *state;

	add_segment(t, TAPE_SENT, 100, 1000);
	add_segment(t, TAPE_CAME, 150, 5000);
	tape_settle(t, 155);
	assert_int_equal(tape_turn_pid(t, tape_turns_from(t, 0)), 0);
	add_read(t, 160);
	tape_settle(t, UINT64_MAX);
	assert_int_equal(tape_turn_pid(t, tape_turns_from(t, 0)), PID);
}

static void reads_are_found_by_socket_and_time(void **state)
{
	struct tape *t = *state;

	add_read(t, 100);
	add_read(t, 200);
	tape_settle(t, UINT64_MAX);
	assert_int_equal(tape_read_from(t, SOCKET, 100, 500)->at_ns, 100);
	assert_int_equal(tape_read_from(t, SOCKET, 101, 500)->at_ns, 200);
	assert_null(tape_read_from(t, SOCKET, 101, 199));
	assert_null(tape_read_from(t, SOCKET + 1, 0, 500));
	assert_int_equal(tape_read_of(t, PID, 0, 199)->at_ns, 100);
	assert_int_equal(tape_read_of(t, PID, 0, 200)->at_ns, 200);
	assert_null(tape_read_of(t, PID, 150, 199));
}

static void a_full_tape_takes_nothing_more(void **state)
{
	struct tape *t = *state;

	for (unsigned i = 0; i < 1001; i++) {
		add_read(t, 100 + i);
		tape_settle(t, UINT64_MAX);
	}
	assert_int_equal(tape_full_ns(t), 1100);
	assert_non_null(tape_read_from(t, SOCKET, 1099, UINT64_MAX));
	assert_null(tape_read_from(t, SOCKET, 1100, UINT64_MAX));
}

static void a_lost_event_ends_what_is_known(void **state)
{
	struct tape *t = *state;

	tape_lose(t, 500);
	add_read(t, 499);
	add_read(t, 500);
	tape_settle(t, UINT64_MAX);
	assert_int_equal(tape_full_ns(t), 500);
	assert_null(tape_read_from(t, SOCKET, 500, UINT64_MAX));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

/* A subscription is a question that nobody answers for long. */
static void an_answer_to_what_was_forgotten_ends_no_other_turn(void **state)
{
	struct tape_event database = {.at_ns = 300, .socket = 71, .kind = TAPE_SENT, .class = 2};
	struct tape *t = *state;

	add_segment(t, TAPE_SENT, 10, 1);
	add_read(t, 20);
	tape_settle(t, 100);
	tape_forget(t, 100);
	assert_true(tape_turns_from(t, 0) == tape_turns_end(t));
	assert_null(tape_read_from(t, SOCKET, 0, 100));
	tape_add(t, &database);
	add_segment(t, TAPE_CAME, 310, 1);
	add_segment(t, TAPE_SENT, 320, 2);
	tape_settle(t, UINT64_MAX);
	check_turn(tape_turns_from(t, 0), 300, UINT64_MAX);
	check_turn(tape_turns_from(t, 301), 320, UINT64_MAX);
}

static void what_is_no_dependency_begins_no_turn(void **state)
{
	struct tape *t = *state;

	for (int class = 0; class <= UINT8_MAX; class ++) {
		if (class && class <= TAPE_CLASSES_MAX)
			continue;
		tape_add(t, &(struct tape_event){.at_ns = 10,
						 .socket = 80,
						 .end = 1,
						 .kind = TAPE_SENT,
						 .class = (__u8) class});
	}
	tape_settle(t, UINT64_MAX);
	assert_true(tape_turns_from(t, 0) == tape_turns_end(t));
}

static void a_thread_keeps_its_state_when_the_rest_is_forgotten(void **state)
{
	struct tape *t = *state;

	add_state(t, TAPE_ON, 10);
	add_state(t, TAPE_BLOCKED, 20);
	tape_settle(t, 30);
	tape_forget(t, 30);
	assert_non_null(tape_strip(t, PID));
	assert_true(strip_at(tape_strip(t, PID), 40, &(struct strip_snapshot){0}));
	tape_forget(t, 31 + TAPE_IDLE_NS);
	assert_null(tape_strip(t, PID));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(events_of_two_processors_are_put_in_order),
		TEST(threads_of_other_processes_are_ignored),
		TEST(a_turn_lasts_from_the_first_data_out_to_the_first_data_in),
		TEST(data_that_is_sent_again_begins_no_turn),
		TEST(data_that_comes_unasked_ends_no_turn),
		TEST(a_connection_belongs_to_the_process_that_reads_from_it),
		TEST(reads_are_found_by_socket_and_time),
		TEST(a_full_tape_takes_nothing_more),
		TEST(a_lost_event_ends_what_is_known),
		TEST(an_answer_to_what_was_forgotten_ends_no_other_turn),
		TEST(what_is_no_dependency_begins_no_turn),
		TEST(a_thread_keeps_its_state_when_the_rest_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
