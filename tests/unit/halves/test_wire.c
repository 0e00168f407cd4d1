/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "halves/wire.h"
#include "tap/witness.h"
#include "target/target.h"

static struct wire_message message(enum wire_type type)
{
	struct wire_message m = {0};

	if (type == WIRE_HELLO)
		m.hello.record_version = RECORD_VERSION;
	if (type == WIRE_WELCOME) {
		m.welcome.record_version = RECORD_VERSION;
		m.welcome.ring_bytes = 1 << 20;
		m.welcome.targets = 1;
	}
	if (type == WIRE_CLOSED) {
		m.closed.len = 1;
		m.closed.closes[0].head = (struct record_head){
			.len = sizeof(m.closed.closes[0]),
			.version = RECORD_VERSION,
			.type = RECORD_FLOW_CLOSE,
		};
	}
	if (type == WIRE_CLOCKS)
		m.clocks.ring_bytes = 1 << 20;
	wire_begin(&m, type);
	return m;
}

static int decode(const struct wire_message *m, enum wire_side from)
{
	struct wire_message out;

	return wire_decode(m, m->head.len, from, &out);
}

static void each_message_is_taken_from_the_half_that_sends_it_and_not_from_the_other(void **state)
{
	(void)state;
	for (enum wire_type type = WIRE_HELLO; type < WIRE_TYPES; type++) {
		enum wire_side from = type <= WIRE_ASK ? WIRE_FROM_DAEMON : WIRE_FROM_PROBE;
		enum wire_side other = from == WIRE_FROM_PROBE ? WIRE_FROM_DAEMON : WIRE_FROM_PROBE;
		struct wire_message m = message(type);

		assert_int_equal(decode(&m, from), 0);
		assert_int_equal(decode(&m, other), -EBADMSG);
	}
}

static void a_message_that_is_cut_or_too_long_is_refused(void **state)
{
	struct wire_message m = message(WIRE_ASK), out;

	(void)state;
	for (size_t len = 0; len <= sizeof(m); len++) {
		int err = wire_decode(&m, len, WIRE_FROM_DAEMON, &out);

		assert_int_equal(err, len == m.head.len ? 0 : -EBADMSG);
	}
	assert_int_equal(wire_decode(&m, sizeof(m) + 1, WIRE_FROM_DAEMON, &out), -EBADMSG);
	m.head.len++;
	assert_int_equal(decode(&m, WIRE_FROM_DAEMON), -EBADMSG);
}

static void another_version_is_told_apart_from_nonsense(void **state)
{
	struct wire_message m = message(WIRE_HELLO);

	(void)state;
	m.hello.record_version++;
	assert_int_equal(decode(&m, WIRE_FROM_DAEMON), -EPROTONOSUPPORT);
	m = message(WIRE_HELLO);
	m.head.version++;
	assert_int_equal(decode(&m, WIRE_FROM_DAEMON), -EPROTONOSUPPORT);
	m = message(WIRE_HELLO);
	m.head.type = WIRE_TYPES;
	assert_int_equal(decode(&m, WIRE_FROM_DAEMON), -EBADMSG);
}

static void impossible_values_are_refused(void **state)
{
	struct wire_message m;

	(void)state;
	m = message(WIRE_ASK);
	m.ask.target = CONFIG_TARGETS_MAX;
	assert_int_equal(decode(&m, WIRE_FROM_DAEMON), -EBADMSG);
	m = message(WIRE_ASK);
	m.ask.remote.family = 5;
	assert_int_equal(decode(&m, WIRE_FROM_DAEMON), -EBADMSG);
	m = message(WIRE_WELCOME);
	m.welcome.ring_bytes = (1 << 20) + 1;
	assert_int_equal(decode(&m, WIRE_FROM_PROBE), -EBADMSG);
	m = message(WIRE_WELCOME);
	m.welcome.missed = 2;
	assert_int_equal(decode(&m, WIRE_FROM_PROBE), -EBADMSG);
	m = message(WIRE_WELCOME);
	m.welcome.kept = 2;
	assert_int_equal(decode(&m, WIRE_FROM_PROBE), -EBADMSG);
	m = message(WIRE_HELLO);
	m.hello.resumes = 2;
	assert_int_equal(decode(&m, WIRE_FROM_DAEMON), -EBADMSG);
	m = message(WIRE_CLOSED);
	m.closed.len = WIRE_CLOSES + 1;
	assert_int_equal(decode(&m, WIRE_FROM_PROBE), -EBADMSG);
	m = message(WIRE_CLOSED);
	m.closed.closes[0].head.type = RECORD_MESSAGE;
	assert_int_equal(decode(&m, WIRE_FROM_PROBE), -EBADMSG);
	m = message(WIRE_TARGET);
	m.target.state = TARGET_GONE + 1;
	assert_int_equal(decode(&m, WIRE_FROM_PROBE), -EBADMSG);
	m = message(WIRE_UNSEEN);
	m.unseen.cause = WITNESS_CAUSES;
	assert_int_equal(decode(&m, WIRE_FROM_PROBE), -EBADMSG);
	m = message(WIRE_UNSEEN);
	m.unseen.target = CONFIG_TARGETS_MAX;
	assert_int_equal(decode(&m, WIRE_FROM_PROBE), -EBADMSG);
	m = message(WIRE_CLOCKS);
	m.clocks.ring_bytes = 12345;
	assert_int_equal(decode(&m, WIRE_FROM_PROBE), -EBADMSG);
	m = message(WIRE_CLOCKS);
	memset(m.clocks.why, 'x', sizeof(m.clocks.why));
	assert_int_equal(decode(&m, WIRE_FROM_PROBE), -EBADMSG);
	m = message(WIRE_UNSEEN);
	memset(m.unseen.program, 'x', sizeof(m.unseen.program));
	assert_int_equal(decode(&m, WIRE_FROM_PROBE), -EBADMSG);
}

static void text_ends_inside_its_array_and_says_nothing_to_a_terminal(void **state)
{
	struct wire_message m = message(WIRE_TARGET), out;

	(void)state;
	memset(m.target.reason, 'x', sizeof(m.target.reason));
	assert_int_equal(decode(&m, WIRE_FROM_PROBE), -EBADMSG);
	wire_put_text(m.target.reason, sizeof(m.target.reason), "\033[2J\nready");
	assert_int_equal(wire_decode(&m, m.head.len, WIRE_FROM_PROBE, &out), 0);
	assert_string_equal(out.target.reason, "\\x1b[2J\\x0aready");
}

static void a_long_name_is_cut_the_same_way_on_both_sides(void **state)
{
	char name[WIRE_NAME_MAX * 2];
	struct wire_message m = message(WIRE_TARGET);

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	wire_put_text(m.target.name, sizeof(m.target.name), name);
	assert_int_equal(strlen(m.target.name), WIRE_NAME_MAX - 1);
	assert_int_equal(decode(&m, WIRE_FROM_PROBE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			each_message_is_taken_from_the_half_that_sends_it_and_not_from_the_other),
		cmocka_unit_test(a_message_that_is_cut_or_too_long_is_refused),
		cmocka_unit_test(another_version_is_told_apart_from_nonsense),
		cmocka_unit_test(impossible_values_are_refused),
		cmocka_unit_test(text_ends_inside_its_array_and_says_nothing_to_a_terminal),
		cmocka_unit_test(a_long_name_is_cut_the_same_way_on_both_sides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
