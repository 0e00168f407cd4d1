/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blind: what cannot be read is counted for its reason, and casts doubt only where the target
 * itself has accepted it. Whose a connection is, and what the pipeline makes of a doubt, is played
 * here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "daemon/blind.h"
#include "release/vocabulary.h"
#include "tap/sockets.h"
#include "tests/unit/support/records.h"

#define CLIENT RECORD_ROLE_CLIENT
#define SERVER RECORD_ROLE_SERVER
#define OURS   RECORD_OPAQUE_OURS
#define AGAIN  RECORD_OPAQUE_AGAIN

static struct played {
	struct blind *blind;
	uint64_t now_ns;
	struct sockets_owner owner; /* what a look finds */
	uint64_t look_ns;           /* how long it takes */
	bool refused;
	unsigned looks, counted[OPAQUE_REASONS], once[DOUBT_CAUSES], opened[DOUBT_CAUSES];
	uint64_t opened_key;
} b;

static struct target targets[2] = {{.name = "first"}, {.name = "second", .never_forwards = true}};

/* --- what blind calls ------------------------------------------------------------------------ */

int clock_gettime(clockid_t clock, struct timespec *t)
{
	if (clock != CLOCK_MONOTONIC)
		return (int)syscall(SYS_clock_gettime, clock, t);
	t->tv_sec = (time_t)(b.now_ns / S);
	t->tv_nsec = (long)(b.now_ns % S);
	return 0;
}

void processes_scan_soon(struct processes *ps, unsigned target, uint64_t seen_ns)
{
	(void)ps;
	(void)target;
	(void)seen_ns;
}

bool processes_tls_refused(const struct processes *ps)
{
	(void)ps;
	return b.refused;
}

struct sockets_owner sockets_find(const struct processes *ps, unsigned target,
				  const struct record_remote *remote, enum record_role role)
{
	struct sockets_owner owner = b.owner;

	(void)ps;
	(void)target;
	(void)remote;
	b.looks++;
	b.now_ns += b.look_ns;
	if (role != RECORD_ROLE_UNKNOWN)
		owner.role = role;
	return owner;
}

void series_count(struct series *s, enum metric metric, unsigned which, int64_t n)
{
	(void)s;
	assert_int_equal(metric, METRIC_OPAQUE);
	b.counted[which] += (unsigned)n;
}

void pipeline_doubt_once(struct pipeline *p, unsigned target, enum doubt_cause cause,
			 uint64_t at_ns)
{
	(void)p;
	(void)target;
	(void)at_ns;
	b.once[cause]++;
}

void pipeline_doubt_open(struct pipeline *p, unsigned target, enum doubt_cause cause, uint64_t key,
			 uint64_t from_ns)
{
	(void)p;
	(void)target;
	(void)from_ns;
	b.opened[cause]++;
	b.opened_key = key;
}

/* --- what is played -------------------------------------------------------------------------- */

static int setup(void **state)
{
	(void)state;
	memset(&b, 0, sizeof(b));
	b.now_ns = 100 * S;
	b.owner = (struct sockets_owner){.verdict = SOCKETS_NO_LIBRARY, .pid = 7, .role = SERVER};
	b.blind = blind_new(NULL, targets, 2, NULL);
	return b.blind ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	blind_free(b.blind);
	blind_free(NULL);
	return 0;
}

static struct record_opaque connection(__u8 reason, __u8 role, __u8 said)
{
	static __u64 id;
	struct record_opaque r = opaque_flow(++id, reason, b.now_ns);

	r.head.role = role;
	r.said = said;
	return r;
}

/* A connection that telltale's TLS tap has nothing of: the wait for that is over. */
static void announce(struct record_opaque r)
{
	blind_opaque(b.blind, &r);
	b.now_ns += 10 * S;
	blind_tick(b.blind);
}

static unsigned doubts(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < DOUBT_CAUSES; i++)
		n += b.once[i] + b.opened[i];
	return n;
}

/* --- reasons --------------------------------------------------------------------------------- */

static void test_tls_is_counted_for_what_its_owner_says_of_it(void **state)
{
	static const struct {
		enum sockets_verdict verdict;
		bool refused;
		enum opaque_reason reason;
	} cases[] = {
		{SOCKETS_NO_LIBRARY, false, OPAQUE_NO_LIBRARY},
		{SOCKETS_UNATTACHED, false, OPAQUE_UNATTACHED},
		{SOCKETS_UNATTACHED, true, OPAQUE_REFUSED},
		{SOCKETS_SPARED, false, OPAQUE_SECCOMP},
		{SOCKETS_READ, false, OPAQUE_UNMATCHED},
		{SOCKETS_UNKNOWN, false, OPAQUE_UNKNOWN_OWNER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		b.owner.verdict = cases[i].verdict;
		b.refused = cases[i].refused;
		announce(connection(RECORD_OPAQUE_TLS, SERVER, OURS));
		assert_int_equal(b.counted[cases[i].reason], 1);
		assert_int_equal(b.once[DOUBT_UNREAD_LISTENER], i + 1);
	}
}

static void test_tls_that_is_read_is_not_counted(void **state)
{
	struct record_opaque r = connection(RECORD_OPAQUE_TLS, SERVER, OURS);
	struct record_tls used = {
		.head = {.len = sizeof(used), .version = RECORD_VERSION, .type = RECORD_TLS},
		.flow = {.pid = 7},
		.at_ns = r.at_ns,
	};

	(void)state;
	blind_used(b.blind, &used);
	announce(r);
	assert_int_equal(b.looks, 0);
	assert_int_equal(doubts(), 0);
	for (unsigned i = 0; i < OPAQUE_REASONS; i++)
		assert_int_equal(b.counted[i], 0);
}

static void test_http2_inside_tls_that_is_read_needs_no_look(void **state)
{
	struct record_opaque r = connection(RECORD_OPAQUE_HTTP2, SERVER, OURS);

	(void)state;
	r.flow.pid = (__u32)getpid();
	announce(r);
	assert_int_equal(b.looks, 0);
	assert_int_equal(b.counted[OPAQUE_HTTP2], 1);
	assert_int_equal(b.once[DOUBT_HTTP2], 1);
}

/* --- doubts ---------------------------------------------------------------------------------- */

static void test_what_a_stranger_says_casts_no_doubt_until_this_end_answers(void **state)
{
	struct record_opaque r = connection(RECORD_OPAQUE_HTTP2, SERVER, 0);

	(void)state;
	announce(r);
	assert_int_equal(b.counted[OPAQUE_HTTP2], 1);
	assert_int_equal(doubts(), 0);
	r.said = OURS | AGAIN;
	announce(r);
	assert_int_equal(b.counted[OPAQUE_HTTP2], 1);
	assert_int_equal(b.once[DOUBT_HTTP2], 1);
}

static void test_a_connection_that_this_end_opens_casts_none(void **state)
{
	(void)state;
	announce(connection(RECORD_OPAQUE_TLS, CLIENT, OURS));
	b.owner.role =
		CLIENT; /* of one whose first bytes were not seen, nobody listens on the port */
	announce(connection(RECORD_OPAQUE_TLS, RECORD_ROLE_UNKNOWN, OURS));
	assert_int_equal(b.counted[OPAQUE_NO_LIBRARY], 2);
	assert_int_equal(doubts(), 0);
	b.owner.role = SERVER;
	announce(connection(RECORD_OPAQUE_TLS, RECORD_ROLE_UNKNOWN, OURS));
	assert_int_equal(doubts(), 1);
}

static void test_nor_does_any_of_a_target_that_never_forwards(void **state)
{
	struct record_opaque r = connection(RECORD_OPAQUE_TLS, SERVER, OURS);

	(void)state;
	r.head.target = 1;
	announce(r);
	assert_int_equal(b.counted[OPAQUE_NO_LIBRARY], 1);
	assert_int_equal(doubts(), 0);
}

static void test_bytes_on_one_that_was_announced_renew_its_doubt_and_no_count(void **state)
{
	struct record_opaque r = connection(RECORD_OPAQUE_TLS, SERVER, OURS);

	(void)state;
	announce(r);
	for (unsigned i = 0; i < 3; i++) {
		r.said = OURS | AGAIN;
		r.at_ns = b.now_ns;
		announce(r);
	}
	assert_int_equal(b.counted[OPAQUE_NO_LIBRARY], 1);
	assert_int_equal(b.once[DOUBT_UNREAD_LISTENER], 4);
}

static void test_one_that_goes_over_to_another_protocol_is_in_doubt_until_it_ends(void **state)
{
	struct record_opaque r = connection(RECORD_OPAQUE_UPGRADED, SERVER, OURS);

	(void)state;
	announce(r);
	assert_int_equal(b.counted[OPAQUE_UPGRADED], 1);
	assert_int_equal(b.opened[DOUBT_UNREAD_LISTENER], 1);
	assert_int_equal(b.opened_key, r.flow.id);
	assert_int_equal(b.once[DOUBT_UNREAD_LISTENER], 0);
}

static void test_targets_that_there_are_not_are_ignored(void **state)
{
	struct record_opaque r = connection(RECORD_OPAQUE_TLS, SERVER, OURS);

	(void)state;
	r.head.target = 2;
	announce(r);
	blind_doubted(b.blind, 2, DOUBT_GAP);
	assert_int_equal(b.looks, 0);
}

/* --- time for looking ------------------------------------------------------------------------ */

/* A look that took five seconds: the next half a second is made up for. */
static void use_up_the_time(void)
{
	struct record_opaque r = connection(RECORD_OPAQUE_HTTP2, CLIENT, OURS);

	b.look_ns = 5 * S;
	blind_opaque(b.blind, &r);
	b.look_ns = 0;
	assert_int_equal(b.looks, 1);
}

static void test_without_time_to_look_an_accepted_connection_is_in_doubt(void **state)
{
	struct record_opaque r;

	(void)state;
	use_up_the_time();
	r = connection(RECORD_OPAQUE_UPGRADED, SERVER, OURS);
	blind_opaque(b.blind, &r);
	assert_int_equal(b.looks, 1);
	assert_int_equal(b.opened[DOUBT_UNREAD_LISTENER], 1);
}

/* Who opens many connections at once: one waits for a look, the others count as the worst. */
static void test_of_many_tls_connections_one_is_looked_at_when_there_is_time(void **state)
{
	(void)state;
	use_up_the_time();
	for (unsigned i = 0; i < 3; i++) {
		struct record_opaque r = connection(RECORD_OPAQUE_TLS, RECORD_ROLE_UNKNOWN, OURS);

		blind_opaque(b.blind, &r);
	}
	blind_tick(b.blind);
	assert_int_equal(b.looks, 1);
	assert_int_equal(doubts(), 2);
	b.owner.role = CLIENT;         /* it turns out that this end opened it */
	b.now_ns += 20 * S;
	blind_tick(b.blind);
	assert_int_equal(b.looks, 2);
	assert_int_equal(b.counted[OPAQUE_UNKNOWN_OWNER], 3);
	assert_int_equal(doubts(), 2);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(tls_is_counted_for_what_its_owner_says_of_it),
		T(tls_that_is_read_is_not_counted),
		T(http2_inside_tls_that_is_read_needs_no_look),
		T(what_a_stranger_says_casts_no_doubt_until_this_end_answers),
		T(a_connection_that_this_end_opens_casts_none),
		T(nor_does_any_of_a_target_that_never_forwards),
		T(bytes_on_one_that_was_announced_renew_its_doubt_and_no_count),
		T(one_that_goes_over_to_another_protocol_is_in_doubt_until_it_ends),
		T(targets_that_there_are_not_are_ignored),
		T(without_time_to_look_an_accepted_connection_is_in_doubt),
		T(of_many_tls_connections_one_is_looked_at_when_there_is_time),
	};

	return cmocka_run_group_tests_name("blind", tests, NULL, NULL);
}
