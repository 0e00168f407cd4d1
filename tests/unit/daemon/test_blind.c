/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blind: what cannot be read is counted for its reason, and casts doubt only where the target
 * itself has accepted it. The pipeline, the series and the socket to the probe half are real; the
 * test is at the probe half's end of the socket, and sets the clock.
 */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "daemon/blind.h"
#include "halves/link.h"
#include "halves/view.h"
#include "release/vocabulary.h"
#include "tap/sockets.h"
#include "tests/unit/support/pipelining.h"

#define OURS  RECORD_OPAQUE_OURS
#define AGAIN RECORD_OPAQUE_AGAIN

static struct target targets[2] = {{.name = "first"}, {.name = "second", .never_forwards = true}};

static struct with {
	struct view *view;
	struct blind *blind;
	int probe;                 /* the probe half's end */
	uint64_t now_ns;           /* CLOCK_MONOTONIC */
	struct wire_answer answer; /* to all that is asked */
	unsigned asked;
} w;

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int clock_gettime(clockid_t clock, struct timespec *t)
{
	if (clock != CLOCK_MONOTONIC)
		return (int)syscall(SYS_clock_gettime, clock, t);
	t->tv_sec = (time_t)(w.now_ns / S);
	t->tv_nsec = (long)(w.now_ns % S);
	return 0;
}

static int begin(void **state)
{
	static const struct view_hooks no_hooks;
	int ends[2];

	setup(state);
	memset(&w, 0, sizeof(w));
	w.now_ns = 100 * S;
	w.answer = (struct wire_answer){
		.looked = 1, .verdict = SOCKETS_NO_LIBRARY, .pid = 7, .role = SERVER};
	assert_int_equal(link_pair(ends), 0);
	w.probe = ends[0];
	w.view = view_new(ends[1], &no_hooks);
	assert_non_null(w.view);
	w.blind = blind_new(w.view, targets, 2, b.series);
	assert_non_null(w.blind);
	blind_set_pipeline(w.blind, b.pipeline);
	return 0;
}

static int end(void **state)
{
	blind_free(w.blind);
	blind_free(NULL);
	view_free(w.view);
	close(w.probe);
	return teardown(state);
}

static struct record_opaque connection(__u8 reason, __u8 role, __u8 said)
{
	static __u64 id;
	struct record_opaque r = opaque_flow(++id, reason, w.now_ns);

	r.head.role = role;
	r.said = said;
	return r;
}

/* Answers all that was asked. A role that is known is not found out. */
static void answer_all(void)
{
	struct wire_message m;
	struct link_fds fds;

	while (!link_receive(w.probe, WIRE_FROM_DAEMON, &m, &fds)) {
		struct wire_answer answer = w.answer;

		assert_int_equal(m.head.type, WIRE_ASK);
		w.asked++;
		answer.id = m.ask.id;
		if (m.ask.role != RECORD_ROLE_UNKNOWN)
			answer.role = m.ask.role;
		blind_answer(w.blind, &answer);
	}
}

/* A connection that the TLS tap has nothing of: the wait for that is over, and so is the look. */
static void announce(struct record_opaque r)
{
	blind_opaque(w.blind, &r);
	w.now_ns += 10 * S;
	blind_tick(w.blind);
	answer_all();
}

static bool in_doubt_at(unsigned target, uint64_t at_ns)
{
	return pipeline_doubted(b.pipeline, target, at_ns, at_ns);
}

static bool ever_in_doubt(unsigned target)
{
	return pipeline_doubted(b.pipeline, target, 0, w.now_ns + S);
}

static int64_t counted(enum opaque_reason reason)
{
	return released(METRIC_OPAQUE, vocabulary_opaque.words[reason].label);
}

/* --- reasons --------------------------------------------------------------------------------- */

static void test_tls_is_counted_for_what_its_owner_says_of_it(void **state)
{
	static const struct {
		enum sockets_verdict verdict;
		enum opaque_reason reason;
	} cases[] = {
		{SOCKETS_NO_LIBRARY, OPAQUE_NO_LIBRARY}, {SOCKETS_UNATTACHED, OPAQUE_UNATTACHED},
		{SOCKETS_SPARED, OPAQUE_SECCOMP},        {SOCKETS_READ, OPAQUE_UNMATCHED},
		{SOCKETS_UNKNOWN, OPAQUE_UNKNOWN_OWNER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t at_ns = w.now_ns;

		w.answer.verdict = cases[i].verdict;
		announce(connection(RECORD_OPAQUE_TLS, SERVER, OURS));
		assert_int_equal(counted(cases[i].reason), 1);
		assert_true(in_doubt_at(0, at_ns));
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
	blind_used(w.blind, &used);
	announce(r);
	assert_int_equal(w.asked, 0);
	assert_false(ever_in_doubt(0));
	for (unsigned i = 0; i < OPAQUE_REASONS; i++)
		assert_true(counted(i) <= 0);
}

/* --- doubts ---------------------------------------------------------------------------------- */

static void test_what_a_stranger_says_casts_no_doubt_until_this_end_answers(void **state)
{
	struct record_opaque r = connection(RECORD_OPAQUE_HTTP2, SERVER, 0);

	(void)state;
	announce(r);
	assert_int_equal(counted(OPAQUE_HTTP2), 1);
	assert_false(ever_in_doubt(0));
	r.said = OURS | AGAIN;
	announce(r);
	assert_int_equal(counted(OPAQUE_HTTP2), 1);
	assert_true(ever_in_doubt(0));
}

/* A payment that comes in on it may have been sent on and answered a moment later, and is judged a
 * second after that. */
static void test_tls_that_the_target_accepts_is_in_doubt_at_once(void **state)
{
	struct record_opaque r = connection(RECORD_OPAQUE_TLS, SERVER, 0);

	(void)state;
	blind_opaque(w.blind, &r);
	assert_int_equal(w.asked, 0);
	w.now_ns += S / 100;
	r.said = OURS | AGAIN;
	r.at_ns = w.now_ns;
	blind_opaque(w.blind, &r);
	answer_all();
	assert_int_equal(w.asked, 1);
	assert_int_equal(counted(OPAQUE_NO_LIBRARY), 1);
	assert_true(in_doubt_at(0, r.at_ns));
}

/* A stranger may send the beginning of a ClientHello and the rest whenever it likes. */
static void test_tls_that_is_read_is_in_no_doubt_however_late_the_answer_is(void **state)
{
	struct record_opaque r = connection(RECORD_OPAQUE_TLS, SERVER, 0);
	struct record_tls used = {
		.head = {.len = sizeof(used), .version = RECORD_VERSION, .type = RECORD_TLS},
		.flow = {.pid = 7},
		.at_ns = r.at_ns,
	};

	(void)state;
	w.answer.verdict = SOCKETS_READ;
	blind_opaque(w.blind, &r);
	blind_used(w.blind, &used);
	w.now_ns += 10 * S;
	blind_tick(w.blind);
	answer_all();
	r.said = OURS | AGAIN;
	r.at_ns = w.now_ns;
	announce(r);
	assert_false(ever_in_doubt(0));
	assert_true(counted(OPAQUE_UNMATCHED) <= 0);
}

/* Its process is read, and this connection is not. */
static void test_tls_that_is_not_is_counted_once_and_in_doubt_when_it_is_answered(void **state)
{
	static const enum sockets_verdict verdicts[] = {SOCKETS_READ, SOCKETS_NO_LIBRARY};

	(void)state;
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
		struct record_opaque r = connection(RECORD_OPAQUE_TLS, SERVER, 0);

		w.answer.verdict = verdicts[i];
		announce(r);
		assert_false(in_doubt_at(0, w.now_ns));
		r.said = OURS | AGAIN;
		r.at_ns = w.now_ns;
		announce(r);
		assert_true(in_doubt_at(0, r.at_ns));
		w.now_ns += 1000 * S;
	}
	assert_int_equal(counted(OPAQUE_UNMATCHED), 1);
	assert_int_equal(counted(OPAQUE_NO_LIBRARY), 1);
}

static void test_a_connection_that_this_end_opens_casts_none(void **state)
{
	(void)state;
	announce(connection(RECORD_OPAQUE_TLS, CLIENT, OURS));
	/* Of one whose first bytes were not seen, nobody listens on the port. */
	w.answer.role = CLIENT;
	announce(connection(RECORD_OPAQUE_TLS, RECORD_ROLE_UNKNOWN, OURS));
	assert_int_equal(counted(OPAQUE_NO_LIBRARY), 2);
	assert_false(ever_in_doubt(0));
	w.answer.role = SERVER;
	announce(connection(RECORD_OPAQUE_TLS, RECORD_ROLE_UNKNOWN, OURS));
	assert_true(ever_in_doubt(0));
}

static void test_nor_does_any_of_a_target_that_never_forwards(void **state)
{
	struct record_opaque r = connection(RECORD_OPAQUE_TLS, SERVER, OURS);

	(void)state;
	r.head.target = 1;
	announce(r);
	assert_int_equal(counted(OPAQUE_NO_LIBRARY), 1);
	assert_false(ever_in_doubt(1));
}

static void test_bytes_on_one_that_was_announced_renew_its_doubt_and_no_count(void **state)
{
	struct record_opaque r = connection(RECORD_OPAQUE_TLS, SERVER, OURS);

	(void)state;
	announce(r);
	for (unsigned i = 0; i < 3; i++) {
		r.said = OURS | AGAIN;
		r.at_ns = w.now_ns;
		announce(r);
		assert_true(in_doubt_at(0, r.at_ns));
	}
	assert_int_equal(counted(OPAQUE_NO_LIBRARY), 1);
}

static void test_one_that_goes_over_to_another_protocol_is_in_doubt_until_it_ends(void **state)
{
	struct record_opaque r = connection(RECORD_OPAQUE_UPGRADED, SERVER, OURS);
	struct record_flow_close close = {
		.head = {.len = sizeof(close),
			 .version = RECORD_VERSION,
			 .type = RECORD_FLOW_CLOSE,
			 .tap = RECORD_TAP_SOCKET},
		.flow = r.flow,
	};

	(void)state;
	announce(r);
	assert_int_equal(counted(OPAQUE_UPGRADED), 1);
	w.now_ns += 1000 * S;
	assert_true(in_doubt_at(0, w.now_ns));
	close.at_ns = w.now_ns;
	pipeline_record(b.pipeline, &close, sizeof(close));
	assert_false(in_doubt_at(0, w.now_ns + S));
}

/* May something unread have brought in what the target sent at AT_NS? */
static bool doubted_when_sent(uint64_t at_ns)
{
	return pipeline_doubted(b.pipeline, 0, at_ns - DOUBTS_LIFE_NS, at_ns);
}

/* What it answers has come in before. */
static void test_an_answer_in_a_websocket_casts_doubt_on_the_minute_before_too(void **state)
{
	struct record_opaque r;

	(void)state;
	w.now_ns += 1000 * S;
	r = connection(RECORD_OPAQUE_WEBSOCKET, SERVER, OURS);
	assert_false(doubted_when_sent(r.at_ns - S));
	announce(r);
	assert_int_equal(counted(OPAQUE_UPGRADED), 1);
	assert_true(doubted_when_sent(r.at_ns - S));
	assert_true(doubted_when_sent(r.at_ns + S));
	assert_false(doubted_when_sent(r.at_ns + 2 * DOUBTS_LIFE_NS));
}

static void test_a_prepare_in_one_is_counted_and_casts_none(void **state)
{
	(void)state;
	announce(connection(RECORD_OPAQUE_WEBSOCKET, CLIENT, OURS));
	assert_int_equal(counted(OPAQUE_UPGRADED), 1);
	assert_false(in_doubt_at(0, w.now_ns + S));
}

static void test_targets_that_there_are_not_are_ignored(void **state)
{
	struct record_opaque r = connection(RECORD_OPAQUE_TLS, SERVER, OURS);

	(void)state;
	r.head.target = 2;
	announce(r);
	blind_doubted(w.blind, 2, DOUBT_GAP);
	assert_int_equal(w.asked, 0);
}

/* --- answers --------------------------------------------------------------------------------- */

static void test_an_answer_that_does_not_come_is_not_waited_for(void **state)
{
	struct record_opaque r = connection(RECORD_OPAQUE_TLS, SERVER, OURS);

	(void)state;
	blind_opaque(w.blind, &r);
	w.now_ns += 10 * S;
	blind_tick(w.blind);
	assert_false(ever_in_doubt(0));
	w.now_ns += S;
	blind_settle(w.blind);
	assert_int_equal(counted(OPAQUE_UNKNOWN_OWNER), 1);
	answer_all(); /* too late, and counted no second time */
	assert_int_equal(w.asked, 1);
	assert_true(counted(OPAQUE_NO_LIBRARY) <= 0);
}

/* Who opens many connections at once: one waits for a look, the others count as the worst. */
static void test_of_many_for_which_there_is_no_time_one_is_looked_at_later(void **state)
{
	(void)state;
	w.answer.looked = 0;
	w.answer.verdict = SOCKETS_UNKNOWN;
	for (unsigned i = 0; i < 3; i++) {
		struct record_opaque r = connection(RECORD_OPAQUE_TLS, RECORD_ROLE_UNKNOWN, OURS);

		blind_opaque(w.blind, &r);
		w.now_ns += S;
	}
	w.now_ns += 10 * S;
	blind_tick(w.blind);
	answer_all();
	assert_int_equal(counted(OPAQUE_UNKNOWN_OWNER), 3);
	assert_int_equal(
		in_doubt_at(0, 100 * S) + in_doubt_at(0, 101 * S) + in_doubt_at(0, 102 * S), 2);
	w.answer.looked = 1;
	w.answer.role = CLIENT; /* it turns out that this end has opened it */
	blind_tick(w.blind);
	answer_all();
	assert_int_equal(w.asked, 4);
	assert_int_equal(
		in_doubt_at(0, 100 * S) + in_doubt_at(0, 101 * S) + in_doubt_at(0, 102 * S), 2);
}

/* Strangers may use up the time for looks. */
static void test_one_that_is_looked_at_later_and_is_read_casts_no_doubt(void **state)
{
	struct record_opaque r = connection(RECORD_OPAQUE_TLS, SERVER, OURS);
	struct record_tls used = {
		.head = {.len = sizeof(used), .version = RECORD_VERSION, .type = RECORD_TLS},
		.flow = {.pid = 7},
		.at_ns = r.at_ns - 60 * S,
	};

	(void)state;
	w.answer.looked = 0;
	w.answer.verdict = SOCKETS_UNKNOWN;
	w.answer.pid = 0;
	blind_used(w.blind, &used);
	blind_opaque(w.blind, &r);
	answer_all();
	w.answer.looked = 1;
	w.answer.verdict = SOCKETS_READ;
	w.answer.pid = 7;
	w.now_ns += S;
	blind_tick(w.blind);
	answer_all();
	assert_int_equal(w.asked, 2);
	assert_false(ever_in_doubt(0));
}

#undef T
#define T(name) cmocka_unit_test_setup_teardown(test_##name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(tls_is_counted_for_what_its_owner_says_of_it),
		T(tls_that_is_read_is_not_counted),
		T(what_a_stranger_says_casts_no_doubt_until_this_end_answers),
		T(tls_that_the_target_accepts_is_in_doubt_at_once),
		T(tls_that_is_read_is_in_no_doubt_however_late_the_answer_is),
		T(tls_that_is_not_is_counted_once_and_in_doubt_when_it_is_answered),
		T(a_connection_that_this_end_opens_casts_none),
		T(nor_does_any_of_a_target_that_never_forwards),
		T(bytes_on_one_that_was_announced_renew_its_doubt_and_no_count),
		T(one_that_goes_over_to_another_protocol_is_in_doubt_until_it_ends),
		T(an_answer_in_a_websocket_casts_doubt_on_the_minute_before_too),
		T(a_prepare_in_one_is_counted_and_casts_none),
		T(targets_that_there_are_not_are_ignored),
		T(an_answer_that_does_not_come_is_not_waited_for),
		T(one_that_is_looked_at_later_and_is_read_casts_no_doubt),
		T(of_many_for_which_there_is_no_time_one_is_looked_at_later),
	};

	return cmocka_run_group_tests_name("blind", tests, NULL, NULL);
}
