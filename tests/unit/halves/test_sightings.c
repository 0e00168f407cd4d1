/* SPDX-License-Identifier: Apache-2.0 */
/* What the witness finds is kept until a daemon half has got it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "halves/sightings.h"

static struct said {
	enum wire_type types[8];
	struct wire_message messages[8];
	size_t len;
	size_t room; /* for so many messages more */
} said;

static bool say(void *context, enum wire_type type, struct wire_message *m)
{
	(void)context;
	if (!said.room)
		return false;
	said.room--;
	assert_true(said.len < 8);
	said.types[said.len] = type;
	said.messages[said.len++] = *m;
	return true;
}

static void send_all(struct sightings *s, size_t room)
{
	memset(&said, 0, sizeof(said));
	said.room = room;
	sightings_send(s, say, NULL);
}

static void found(struct sightings *s, unsigned target)
{
	sightings_ops.found(s, target, WITNESS_BYPASSED, 0, 10);
}

static void doubt(struct sightings *s, bool open, uint64_t at_ns)
{
	sightings_ops.doubt(s, 3, WITNESS_UNIX, open, at_ns);
}

static const struct wire_unseen *unseen(size_t i)
{
	assert_true(i < said.len);
	assert_int_equal(said.types[i], WIRE_UNSEEN);
	return &said.messages[i].unseen;
}

static void what_is_found_is_counted_until_it_is_said(void **state)
{
	struct sightings s = {.targets = 4};

	(void)state;
	found(&s, 3);
	found(&s, 3);
	send_all(&s, 0);
	found(&s, 3);
	send_all(&s, 8);
	assert_int_equal(said.len, 1);
	assert_int_equal(unseen(0)->target, 3);
	assert_int_equal(unseen(0)->cause, WITNESS_BYPASSED);
	assert_int_equal(unseen(0)->found, 3);
	send_all(&s, 8);
	assert_int_equal(said.len, 0);
}

static void until_when_was_looked_is_said_after_what_was_found(void **state)
{
	struct sightings s = {.targets = 4};

	(void)state;
	found(&s, 3);
	sightings_ops.looked(&s, 70);
	send_all(&s, 0);
	send_all(&s, 1);
	assert_int_equal(said.len, 1);
	unseen(0);
	send_all(&s, 8);
	assert_int_equal(said.len, 1);
	assert_int_equal(said.types[0], WIRE_WITNESSED);
	assert_int_equal(said.messages[0].witnessed.at_ns, 70);
}

static void another_daemon_half_gets_what_is_open(void **state)
{
	struct sightings s = {.targets = 4};

	(void)state;
	doubt(&s, true, 50);
	sightings_ops.looked(&s, 70);
	send_all(&s, 8);
	sightings_again(&s, false);
	send_all(&s, 8);
	assert_int_equal(said.len, 2);
	assert_int_equal(unseen(0)->open, 1);
	assert_int_equal(unseen(0)->since_ns, 50);
	assert_int_equal(said.types[1], WIRE_WITNESSED);
}

static void a_daemon_half_of_before_learns_that_nothing_is_open_any_more(void **state)
{
	struct sightings s = {.targets = 4};

	(void)state;
	sightings_again(&s, true);
	send_all(&s, 8);
	assert_int_equal(unseen(0)->open, 0);
	assert_true(unseen(0)->since_ns > 0);
	assert_int_equal(unseen(WITNESS_CAUSES)->target, 1);
}

static void what_was_open_and_is_again_is_said_from_its_beginning_on(void **state)
{
	struct sightings s = {.targets = 4};

	(void)state;
	doubt(&s, true, 50);
	doubt(&s, false, 60);
	doubt(&s, true, 70);
	send_all(&s, 8);
	assert_int_equal(said.len, 1);
	assert_int_equal(unseen(0)->open, 1);
	assert_int_equal(unseen(0)->since_ns, 50);
}

static void what_was_open_while_no_daemon_half_was_there_is_said(void **state)
{
	struct sightings s = {.targets = 4};

	(void)state;
	doubt(&s, true, 50);
	doubt(&s, false, 60);
	doubt(&s, true, 70);
	doubt(&s, false, 80);
	send_all(&s, 1); /* and it goes on where there is room again */
	send_all(&s, 8);
	assert_int_equal(said.len, 2);
	assert_int_equal(unseen(0)->open, 1);
	assert_int_equal(unseen(0)->since_ns, 50);
	assert_int_equal(unseen(0)->target, 3);
	assert_int_equal(unseen(0)->cause, WITNESS_UNIX);
	assert_int_equal(unseen(1)->open, 0);
	assert_int_equal(unseen(1)->since_ns, 80);
	send_all(&s, 8);
	assert_int_equal(said.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_found_is_counted_until_it_is_said),
		cmocka_unit_test(until_when_was_looked_is_said_after_what_was_found),
		cmocka_unit_test(another_daemon_half_gets_what_is_open),
		cmocka_unit_test(a_daemon_half_of_before_learns_that_nothing_is_open_any_more),
		cmocka_unit_test(what_was_open_and_is_again_is_said_from_its_beginning_on),
		cmocka_unit_test(what_was_open_while_no_daemon_half_was_there_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
