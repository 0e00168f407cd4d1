/* SPDX-License-Identifier: Apache-2.0 */
/* Samples and packets, made by hand, and the time of stacks that comes out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "profile/flame.h"

#define PID    7
#define SOCKET 11
#define END    100000
#define PERIOD 1000

struct bed {
	struct tape *tape;
	struct hops *hops;
	struct stacks *stacks;
};

static int make(void **state)
{
	static struct bed b;

	b = (struct bed){tape_new(1000), hops_new(100), stacks_new(100)};
	*state = &b;
	return !b.tape || !b.hops || !b.stacks || tape_watch(b.tape, PID);
}

static int drop(void **state)
{
	struct bed *b = *state;

	tape_free(b->tape);
	hops_free(b->hops);
	stacks_free(b->stacks);
	return 0;
}

static void does(struct bed *b, enum tape_kind kind, uint64_t at)
{
	tape_add(b->tape,
		 &(struct tape_event){.at_ns = at, .tid = PID, .pid = PID, .kind = (__u8)kind});
}

/* A packet that the target answers itself. */
static void packet(struct bed *b, uint64_t from, uint64_t to)
{
	struct exchange e = {.role = RECORD_ROLE_SERVER,
			     .tap = RECORD_TAP_SOCKET,
			     .condition = from,
			     .prepare_ns = from};
	const struct record_message m = {.flow = {.id = SOCKET, .pid = PID}};

	hops_opened(b->hops, &e, &m);
	e.outcome = OUTCOME_FULFILLED;
	e.reply_ns = e.reply_done_ns = to;
	hops_closed(b->hops, &e);
}

static uint32_t function(struct bed *b, const char *name, unsigned line)
{
	return stacks_named(b->stacks, &(struct stacks_name){STACKS_OF_SCRIPT, name, "/a.js", line,
							     line / 10 * 10});
}

/* The thread was in the functions of these letters, the outermost first, each on its line. */
static void sample(struct bed *b, uint64_t at, const char *letters, unsigned line)
{
	uint32_t frames[8];
	size_t len = strlen(letters);

	for (size_t i = 0; i < len; i++)
		frames[i] = function(b, (char[]){letters[i], '\0'}, line);
	stacks_add(b->stacks, at, PID, PID, frames, len);
}

static void nothing(void *context, const struct hop *hop, const struct hop_columns *columns)
{
	(void)context;
	(void)hop;
	(void)columns;
}

static struct held hold(struct bed *b)
{
	struct held held;

	tape_settle(b->tape, UINT64_MAX);
	assert_int_equal(hops_judge(b->hops, b->tape, nothing, NULL), 0);
	assert_int_equal(held_init(&held, b->stacks, b->hops, b->tape, PERIOD, END), 0);
	return held;
}

static void only_samples_while_a_packet_is_in_hand_count(void **state)
{
	struct bed *b = *state;
	struct held held;

	packet(b, 1000, 2000);
	packet(b, 5000, 6000);
	sample(b, 999, "a", 11);
	sample(b, 1000, "a", 11);
	sample(b, 2000, "a", 11);
	sample(b, 2001, "a", 11);
	sample(b, 5500, "a", 11);
	held = hold(b);
	assert_int_equal(held.samples, 3);
	assert_int_equal(held.others, 2);
	assert_int_equal(held.len, 1);
	assert_int_equal(held.ns, 3 * PERIOD);
	held_fini(&held);
}

static void the_time_of_stacks_sums_to_the_thread_s_clock(void **state)
{
	struct bed *b = *state;
	struct held held;

	does(b, TAPE_ON, 500);
	does(b, TAPE_BLOCKED, 1600);
	does(b, TAPE_WOKEN, 1700);
	does(b, TAPE_ON, 1800);
	packet(b, 1000, 2000);
	sample(b, 1100, "a", 11);
	sample(b, 1200, "ab", 11);
	sample(b, 1900, "ab", 11);
	held = hold(b);
	assert_int_equal(held.samples, 3);
	assert_int_equal(held.ns, 600 + 200);
	held_fini(&held);
}

static void functions_have_their_callees_and_lines_their_own_time(void **state)
{
	struct bed *b = *state;
	struct flame_top top[8];
	struct held held;

	packet(b, 1000, 9000);
	sample(b, 1100, "ab", 11);
	sample(b, 1200, "ab", 12);
	sample(b, 1300, "aba", 11);
	held = hold(b);
	assert_int_equal(flame_functions(&held, top, 8), 2);
	assert_string_equal(top[0].name.function, "b");
	assert_int_equal(top[0].self_ns, 2 * PERIOD);
	assert_int_equal(top[1].self_ns, PERIOD);
	/* One that calls itself counts once. */
	assert_int_equal(top[1].ns, 3 * PERIOD);
	assert_int_equal(flame_lines(&held, top, 8), 2);
	assert_int_equal(top[0].name.line, 11);
	assert_int_equal(top[0].self_ns, 2 * PERIOD);
	held_fini(&held);
}

static void folded_stacks_have_a_line_for_each_path(void **state)
{
	struct bed *b = *state;
	struct held held;
	struct flame f;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	packet(b, 1000, 9000);
	sample(b, 1100, "ab", 11);
	sample(b, 1200, "ab", 12);
	sample(b, 1300, "a;", 11);
	sample(b, 1400, "a", 11);
	held = hold(b);
	assert_int_equal(flame_init(&f, &held), 0);
	flame_print_folded(&f, out);
	fclose(out);
	assert_string_equal(text, "a (/a.js:10) 1\n"
				  "a (/a.js:10);, (/a.js:10) 1\n"
				  "a (/a.js:10);b (/a.js:10) 2\n");
	free(text);
	flame_fini(&f);
	held_fini(&held);
}

static void samples_that_find_no_room_are_counted(void **state)
{
	struct bed *b = *state;

	for (unsigned i = 0; i < 103; i++)
		sample(b, i, "a", 11);
	assert_int_equal(stacks_len(b->stacks), 100);
	assert_int_equal(stacks_lost(b->stacks), 3);
}

int main(void)
{
#define BED(test) cmocka_unit_test_setup_teardown(test, make, drop)
	const struct CMUnitTest tests[] = {
		BED(only_samples_while_a_packet_is_in_hand_count),
		BED(the_time_of_stacks_sums_to_the_thread_s_clock),
		BED(functions_have_their_callees_and_lines_their_own_time),
		BED(folded_stacks_have_a_line_for_each_path),
		BED(samples_that_find_no_room_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
