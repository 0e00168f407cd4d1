/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tap/tlsmatch.h"

#define S  1000000000ull
#define MS 1000000ull

static struct tlsmatch *match;
static unsigned decided;
static struct record_opaque last;

static void decide(void *context, const struct record_opaque *record)
{
	(void)context;
	decided++;
	last = *record;
}

static int make_match(void **state)
{
	(void)state;
	decided = 0;
	match = tlsmatch_new(decide, NULL);
	return match ? 0 : -1;
}

static int free_match(void **state)
{
	(void)state;
	tlsmatch_free(match);
	return 0;
}

static void used(unsigned target, pid_t pid, uint64_t at_ns)
{
	struct record_tls r = {.head = {.target = (__u8)target},
			       .flow = {.id = at_ns, .pid = (__u32)pid},
			       .at_ns = at_ns};

	tlsmatch_used(match, &r);
}

static struct record_opaque record_of(unsigned target, uint64_t id, unsigned said, uint64_t at_ns)
{
	return (struct record_opaque){.head = {.target = (__u8)target},
				      .flow = {.id = id},
				      .said = (__u8)said,
				      .at_ns = at_ns};
}

static enum tlsmatch_verdict ask(unsigned target, uint64_t id, unsigned said, uint64_t at_ns)
{
	struct record_opaque r = record_of(target, id, said, at_ns);

	return tlsmatch_ask(match, &r);
}

static bool owned(unsigned target, uint64_t id, pid_t pid, uint64_t at_ns)
{
	struct record_opaque r = record_of(target, id, RECORD_OPAQUE_OURS, at_ns);

	return tlsmatch_owned(match, &r, pid);
}

#define OURS   RECORD_OPAQUE_OURS
#define THEIRS 0
#define ANSWER (RECORD_OPAQUE_OURS | RECORD_OPAQUE_AGAIN)

static void a_connection_after_an_object_s_first_use_is_read_and_stays_so(void **state)
{
	(void)state;
	used(0, 7, 5 * S);
	assert_int_equal(ask(0, 1, OURS, 5 * S + 3 * MS), TLSMATCH_READ);
	assert_int_equal(ask(0, 1, ANSWER, 60 * S), TLSMATCH_READ);
}

static void each_object_is_one_connection(void **state)
{
	(void)state;
	used(0, 7, 5 * S);
	assert_int_equal(ask(0, 1, OURS, 5 * S + 1 * MS), TLSMATCH_READ);
	assert_int_equal(ask(0, 2, OURS, 5 * S + 2 * MS), TLSMATCH_UNREAD);
	assert_false(owned(0, 2, 7, 5 * S + 2 * MS));
	assert_int_equal(ask(0, 2, ANSWER, 6 * S), TLSMATCH_AGAIN);
}

static void an_object_of_another_target_does_not_count(void **state)
{
	(void)state;
	used(1, 7, 5 * S);
	assert_int_equal(ask(0, 1, OURS, 5 * S + 1 * MS), TLSMATCH_UNREAD);
	assert_false(owned(0, 1, 7, 5 * S + 1 * MS));
	assert_false(owned(0, 1, 0, 5 * S + 1 * MS));
}

static void an_object_used_long_before_serves_its_own_process_only(void **state)
{
	(void)state;
	used(0, 7, 5 * S);
	assert_int_equal(ask(0, 1, OURS, 65 * S), TLSMATCH_UNREAD);
	assert_false(owned(0, 1, 8, 65 * S));
	assert_false(owned(0, 1, 0, 65 * S));
	assert_true(owned(0, 1, 7, 65 * S));
	assert_int_equal(ask(0, 1, ANSWER, 66 * S), TLSMATCH_READ);
}

static void a_host_that_has_just_begun_is_no_exception(void **state)
{
	(void)state;
	used(0, 7, 20 * MS);
	assert_int_equal(ask(0, 1, OURS, 21 * MS), TLSMATCH_READ);
	used(0, 7, 22 * MS);
	assert_int_equal(ask(0, 2, OURS, 800 * MS), TLSMATCH_UNREAD);
	assert_true(owned(0, 2, 7, 800 * MS));
}

static void what_the_other_end_begins_waits_for_the_answer(void **state)
{
	(void)state;
	assert_int_equal(ask(0, 1, THEIRS, 5 * S), TLSMATCH_WAIT);
	used(0, 7, 5 * S + 1 * MS);
	assert_int_equal(ask(0, 1, ANSWER, 5 * S + 2 * MS), TLSMATCH_READ);
	tlsmatch_tick(match, 60 * S);
	assert_int_equal(decided, 0);
}

/* What comes in on it may be sent on in the next moment. */
static void an_answer_that_nothing_was_used_for_is_decided_at_once(void **state)
{
	(void)state;
	assert_int_equal(ask(0, 1, THEIRS, 5 * S), TLSMATCH_WAIT);
	assert_int_equal(ask(0, 1, ANSWER, 5 * S + 2 * MS), TLSMATCH_UNREAD);
	used(0, 7, 5 * S + 500 * MS);
	assert_true(owned(0, 1, 7, 5 * S + 2 * MS));
	tlsmatch_tick(match, 60 * S);
	assert_int_equal(decided, 0);
}

static void what_is_never_answered_is_decided_after_two_seconds(void **state)
{
	(void)state;
	assert_int_equal(ask(0, 1, THEIRS, 5 * S), TLSMATCH_WAIT);
	tlsmatch_tick(match, 6 * S);
	assert_int_equal(decided, 0);
	tlsmatch_tick(match, 7 * S);
	assert_int_equal(decided, 1);
	assert_int_equal(last.flow.id, 1);
	assert_false(last.said & RECORD_OPAQUE_OURS);
	assert_int_equal(ask(0, 1, ANSWER, 8 * S), TLSMATCH_LATE);
	assert_int_equal(ask(0, 1, ANSWER, 9 * S), TLSMATCH_AGAIN);
	assert_int_equal(ask(0, 2, THEIRS, 10 * S), TLSMATCH_WAIT);
	tlsmatch_tick(match, 12 * S);
	assert_int_equal(decided, 2);
	used(0, 7, 13 * S);
	assert_int_equal(ask(0, 2, ANSWER, 13 * S), TLSMATCH_READ);
	tlsmatch_tick(match, 60 * S);
	assert_int_equal(decided, 2);
}

static void a_flood_in_one_target_takes_nothing_from_another(void **state)
{
	(void)state;
	used(1, 7, 5 * S);
	for (uint64_t i = 0; i < 20000; i++)
		used(0, 8, 5 * S + i);
	assert_int_equal(ask(1, 1, OURS, 5 * S + 1 * MS), TLSMATCH_READ);
	assert_int_equal(ask(1, 2, THEIRS, 5 * S), TLSMATCH_WAIT);
	for (uint64_t i = 0; i < 20000; i++)
		assert_int_equal(ask(0, 100 + i, THEIRS, 5 * S), TLSMATCH_WAIT);
	assert_true(decided > 10000); /* those for which there was no room */
	assert_int_equal(ask(1, 1, ANSWER, 6 * S), TLSMATCH_READ);
	used(1, 7, 6 * S);
	assert_int_equal(ask(1, 2, ANSWER, 6 * S), TLSMATCH_READ);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_match, free_match)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_connection_after_an_object_s_first_use_is_read_and_stays_so),
		TEST(each_object_is_one_connection),
		TEST(an_object_of_another_target_does_not_count),
		TEST(an_object_used_long_before_serves_its_own_process_only),
		TEST(a_host_that_has_just_begun_is_no_exception),
		TEST(what_the_other_end_begins_waits_for_the_answer),
		TEST(an_answer_that_nothing_was_used_for_is_decided_at_once),
		TEST(what_is_never_answered_is_decided_after_two_seconds),
		TEST(a_flood_in_one_target_takes_nothing_from_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
