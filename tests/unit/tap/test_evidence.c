/* SPDX-License-Identifier: Apache-2.0 */
/* evidence: what looks at sockets say, and what follows from that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tap/evidence.h"

#define TARGETS 2
#define S       1000000000ULL

static struct {
	struct evidence *evidence;
	uint64_t now_ns, looked_ns;
	unsigned found[TARGETS][WITNESS_CAUSES];
	uint64_t bytes;
	bool open[TARGETS][WITNESS_CAUSES];
	uint64_t at_ns; /* of the last change */
	unsigned changes;
} w;

static void found(void *context, unsigned target, enum witness_cause cause, pid_t pid,
		  uint64_t bytes)
{
	assert_ptr_equal(context, &w);
	assert_int_equal(pid, 42);
	w.found[target][cause]++;
	w.bytes += bytes;
}

static void doubt(void *context, unsigned target, enum witness_cause cause, bool open,
		  uint64_t at_ns)
{
	assert_ptr_equal(context, &w);
	assert_int_not_equal(w.open[target][cause], open);
	w.open[target][cause] = open;
	w.at_ns = at_ns;
	w.changes++;
}

static void looked(void *context, uint64_t began_ns)
{
	assert_ptr_equal(context, &w);
	w.looked_ns = began_ns;
}

static int setup(void **state)
{
	static const struct witness_ops ops = {found, doubt, looked};

	(void)state;
	memset(&w, 0, sizeof(w));
	w.now_ns = 100 * S;
	w.evidence = evidence_new(TARGETS, &ops, &w);
	return w.evidence ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	evidence_free(w.evidence);
	evidence_free(NULL);
	return 0;
}

/* A look that begins 10 s after the last one and takes one, and finds what SIGHTS of LEN say. */
static void look_at(const struct shared_sight *sights, size_t len)
{
	w.now_ns += 10 * S;
	evidence_begin(w.evidence, w.now_ns);
	for (size_t i = 0; i < len; i++)
		evidence_take(w.evidence, &sights[i]);
	evidence_end(w.evidence, w.now_ns + S, true);
	assert_int_equal(w.looked_ns, w.now_ns);
}

static void look(enum shared_sight_kind kind, uint64_t key)
{
	struct shared_sight sight = {
		.key = key, .kind = (__u8)kind, .pid = 42, .target = 1, .first = 1, .bytes = 7};

	look_at(&sight, 1);
}

static void look_at_nothing(void)
{
	look_at(NULL, 0);
}

static void test_bytes_that_went_by_unseen_are_a_doubt_from_the_look_before_on(void **state)
{
	(void)state;
	look_at_nothing();
	look(SHARED_UNSEEN, 5);
	assert_int_equal(w.found[1][WITNESS_BYPASSED], 1);
	assert_int_equal(w.bytes, 7);
	assert_true(w.open[1][WITNESS_BYPASSED]);
	assert_false(w.open[0][WITNESS_BYPASSED]);
	assert_int_equal(w.at_ns, 110 * S);
}

static void test_the_doubt_ends_with_the_first_look_that_finds_nothing(void **state)
{
	(void)state;
	look(SHARED_UNSEEN, 5);
	look(SHARED_UNSEEN, 6);
	assert_int_equal(w.changes, 1);
	look_at_nothing();
	assert_int_equal(w.changes, 2);
	assert_false(w.open[1][WITNESS_BYPASSED]);
	assert_int_equal(w.at_ns, 131 * S); /* until it had ended */
}

/* What a look did not reach, it says nothing about. */
static void test_a_look_that_failed_ends_no_doubt(void **state)
{
	(void)state;
	look(SHARED_UNSEEN, 5);
	assert_true(w.open[1][WITNESS_BYPASSED]);
	w.now_ns += 10 * S;
	evidence_begin(w.evidence, w.now_ns);
	evidence_end(w.evidence, w.now_ns + S, false);
	assert_int_equal(w.changes, 1);
	assert_int_equal(w.looked_ns, w.now_ns);
	look_at_nothing();
	assert_false(w.open[1][WITNESS_BYPASSED]);
}

static void test_bytes_missing_once_are_a_suspicion_and_no_doubt(void **state)
{
	(void)state;
	look(SHARED_SUSPECT, 5);
	assert_true(evidence_suspects(w.evidence));
	assert_int_equal(w.changes, 0);
	look_at_nothing();
	assert_false(evidence_suspects(w.evidence));
}

static void test_a_socket_that_was_found_before_is_counted_once(void **state)
{
	struct shared_sight sight = {.kind = SHARED_SHORTCUT, .pid = 42, .target = 0, .first = 1};

	(void)state;
	look_at(&sight, 1);
	sight.first = 0;
	look_at(&sight, 1);
	assert_int_equal(w.found[0][WITNESS_BYPASSED], 1);
	assert_true(w.open[0][WITNESS_BYPASSED]);
}

static void test_sockets_of_other_cgroups_are_a_cause_of_their_own(void **state)
{
	(void)state;
	look(SHARED_CONNECTION, 5);
	assert_true(w.open[1][WITNESS_OTHER_CGROUP]);
	look(SHARED_LISTENER, 6);
	assert_int_equal(w.found[1][WITNESS_OTHER_CGROUP], 2);
	assert_int_equal(w.changes, 1);
	assert_false(w.open[1][WITNESS_BYPASSED]);
}

static void test_a_unix_socket_that_nobody_has_connected_to_is_no_doubt(void **state)
{
	(void)state;
	look(SHARED_UNIX, 5);
	assert_int_equal(w.changes, 0);
}

static void test_one_that_somebody_has_connected_to_between_two_looks_is_a_doubt(void **state)
{
	(void)state;
	look(SHARED_UNIX, 5);
	look(SHARED_UNIX_USED, 5);
	assert_true(w.open[1][WITNESS_UNIX]);
	assert_int_equal(w.found[1][WITNESS_UNIX], 0); /* how many connections is not known */
	look_at_nothing();
	assert_false(w.open[1][WITNESS_UNIX]);
}

/* The others are taken to have come from there too. */
static void test_one_on_which_the_target_itself_was_seen_is_none(void **state)
{
	(void)state;
	look(SHARED_UNIX_INSIDE, 5);
	look(SHARED_UNIX_USED, 5);
	assert_int_equal(w.changes, 0);
	look(SHARED_UNIX_USED, 6);
	assert_true(w.open[1][WITNESS_UNIX]);
}

static void test_what_connects_to_it_from_outside_is_counted(void **state)
{
	(void)state;
	look(SHARED_UNIX_INSIDE, 5);
	look(SHARED_UNIX_OUTSIDE, 5);
	assert_int_equal(w.found[1][WITNESS_UNIX], 1);
	assert_true(w.open[1][WITNESS_UNIX]);
}

/* A listener that was closed says nothing of another one with its address. */
static void test_what_was_seen_of_one_that_is_gone_is_forgotten(void **state)
{
	(void)state;
	look(SHARED_UNIX_INSIDE, 5);
	look_at_nothing();
	look(SHARED_UNIX_USED, 5);
	assert_true(w.open[1][WITNESS_UNIX]);
}

static void test_more_of_them_than_are_remembered_are_a_doubt_when_used(void **state)
{
	struct shared_sight sights[66] = {{0}};

	(void)state;
	for (size_t i = 0; i < 66; i++)
		sights[i] = (struct shared_sight){
			.key = i + 1, .kind = SHARED_UNIX, .pid = 42, .target = 1};
	look_at(sights, 66);
	assert_int_equal(w.changes, 0);
	sights[65].kind = SHARED_UNIX_USED;
	look_at(sights, 66);
	assert_true(w.open[1][WITNESS_UNIX]);
}

static void test_a_target_that_there_is_not_is_ignored(void **state)
{
	struct shared_sight sight = {.kind = SHARED_UNSEEN, .target = TARGETS, .first = 1};

	(void)state;
	look_at(&sight, 1);
	assert_int_equal(w.changes, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(bytes_that_went_by_unseen_are_a_doubt_from_the_look_before_on),
		T(the_doubt_ends_with_the_first_look_that_finds_nothing),
		T(a_look_that_failed_ends_no_doubt),
		T(bytes_missing_once_are_a_suspicion_and_no_doubt),
		T(a_socket_that_was_found_before_is_counted_once),
		T(sockets_of_other_cgroups_are_a_cause_of_their_own),
		T(a_unix_socket_that_nobody_has_connected_to_is_no_doubt),
		T(one_that_somebody_has_connected_to_between_two_looks_is_a_doubt),
		T(one_on_which_the_target_itself_was_seen_is_none),
		T(what_connects_to_it_from_outside_is_counted),
		T(what_was_seen_of_one_that_is_gone_is_forgotten),
		T(more_of_them_than_are_remembered_are_a_doubt_when_used),
		T(a_target_that_there_is_not_is_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
