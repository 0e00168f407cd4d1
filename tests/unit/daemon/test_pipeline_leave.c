/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline: one leaves and another goes on. Both together count what one alone would have. */
#include <errno.h>

#include "tests/unit/support/pipelining.h"

#define KEPT_MAX 64

static union {
	struct record_head head;
	struct record_message message;
	struct record_endpoint endpoint;
} rest[KEPT_MAX];
static size_t rest_len;

static struct payment_state payments[KEPT_MAX];
static size_t payments_len;

static void keep(void *context, const void *record, size_t size)
{
	(void)context;
	assert_true(rest_len < KEPT_MAX && size <= sizeof(rest[0]));
	memcpy(&rest[rest_len++], record, size);
}

static void keep_payment(void *context, const struct payment_state *state)
{
	(void)context;
	payments[payments_len++] = *state;
}

static void leave(void)
{
	rest_len = payments_len = 0;
	pipeline_leave(b.pipeline, keep, NULL);
}

/* The other one begins, with what this one left. Returns what this one counted. */
static struct privacy_truth go_on(void)
{
	struct privacy_truth before;
	uint64_t now_ns = b.now_ns;

	assert_true(pipeline_is_empty(b.pipeline) || (settle(), pipeline_is_empty(b.pipeline)));
	pipeline_drain(b.pipeline, now_ns);
	pipeline_each_payment(b.pipeline, keep_payment, NULL);
	before = privacy_truth(b.privacy);
	rebuild(&usd, 16);
	b.now_ns = now_ns;
	for (size_t i = 0; i < payments_len; i++)
		assert_int_equal(pipeline_resume(b.pipeline, &payments[i]), 0);
	for (size_t i = 0; i < rest_len; i++)
		pipeline_record(b.pipeline, &rest[i], rest[i].head.len);
	return before;
}

static void test_an_exchange_is_counted_by_the_one_that_saw_it_begin(void **state)
{
	struct privacy_truth before;

	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	leave();
	give(prepare(8, 1, CLIENT, 2 * S));
	give(fulfill(7, 1, CLIENT, 3 * S));
	assert_int_equal(rest_len, 1);
	before = go_on();
	give(fulfill(8, 1, CLIENT, 4 * S));
	assert_int_equal(before.fulfills, 1);
	assert_int_equal(truth().fulfills, 1);
	assert_int_equal(before.lost[LOST_SHUTDOWN] + truth().lost[LOST_SHUTDOWN], 0);
	assert_int_equal(stats().match.unmatched, 0);
}

static void test_the_next_reply_on_a_connection_belongs_to_the_next_one(void **state)
{
	struct privacy_truth before;

	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	leave();
	give(prepare(7, 2, CLIENT, 2 * S));
	give(fulfill(7, 1, CLIENT, 3 * S));
	give(fulfill(7, 2, CLIENT, 4 * S));
	before = go_on();
	assert_int_equal(before.fulfills, 1);
	assert_int_equal(truth().fulfills, 1);
}

/* The first one knows what came in: the second would take what goes out for the target's own. */
static void test_what_goes_out_of_something_that_came_in_stays_together(void **state)
{
	struct record_message in = prepare(7, 1, SERVER, 1 * S);
	struct record_message out = prepare(8, 1, CLIENT, 2 * S);
	struct privacy_truth before;

	(void)state;
	out.condition = in.condition;
	give(in);
	leave();
	give(out);
	give(fulfill(8, 1, CLIENT, 3 * S));
	give(fulfill(7, 1, SERVER, 4 * S));
	assert_int_equal(rest_len, 0);
	before = go_on();
	assert_int_equal(before.transactions, 0);
	assert_int_equal(truth().transactions, 0);
}

static void test_a_payment_of_several_packets_is_one_transaction(void **state)
{
	struct record_message first = prepare(7, 1, CLIENT, 1 * S), second;
	struct privacy_truth before;

	(void)state;
	give(first);
	give(fulfill(7, 1, CLIENT, 2 * S));
	settle();
	leave();
	second = prepare(7, 2, CLIENT, 3 * S);
	second.destination = first.destination;
	give(second);
	give(fulfill(7, 2, CLIENT, 4 * S));
	before = go_on();
	assert_int_equal(before.transactions, 1);
	assert_int_equal(payments_len, 1);
	assert_int_equal(truth().transactions, 0);
	assert_int_equal(before.fulfills + truth().fulfills, 2);
}

/* What was held back until its stream had proved to be a payment is handed over too. */
static void test_a_reject_before_the_first_fulfill_is_counted_with_its_payment(void **state)
{
	struct record_message first = prepare(7, 1, CLIENT, 1 * S), second;
	struct privacy_truth before;

	(void)state;
	give(first);
	give(reject(7, 1, CLIENT, 2 * S, "T04"));
	settle();
	leave();
	second = prepare(7, 2, CLIENT, 3 * S);
	second.destination = first.destination;
	give(second);
	give(fulfill(7, 2, CLIENT, 4 * S));
	before = go_on();
	assert_int_equal(before.prepares + before.probe_prepares, 0);
	assert_int_equal(truth().prepares, 2);
	assert_int_equal(truth().rejects, 1);
	assert_int_equal(truth().transactions, 1);
	assert_int_equal(truth().probe_prepares, 0);
}

static void test_the_end_of_a_connection_is_for_both(void **state)
{
	struct record_flow_close close = flow_close(7, 3 * S);
	struct privacy_truth before;

	(void)state;
	give(prepare(7, 1, CLIENT, 1 * S));
	leave();
	give(prepare(7, 2, CLIENT, 2 * S));
	pipeline_record(b.pipeline, &close, sizeof(close));
	b.now_ns = 3 * S;
	before = go_on();
	assert_int_equal(before.outcomes[OUTCOME_CLOSED], 1);
	settle();
	assert_int_equal(truth().outcomes[OUTCOME_CLOSED], 1);
}

static void test_a_payment_that_cannot_be_is_not_gone_on_with(void **state)
{
	struct payment_state s = {.destination = 1, .origin = ORIGIN_ORIGINATED};

	(void)state;
	assert_int_equal(pipeline_resume(b.pipeline, &s), 0);
	assert_int_equal(pipeline_resume(b.pipeline, &s), -EINVAL); /* it is there already */
	s.destination = 2;
	s.origin = ORIGINS;
	assert_int_equal(pipeline_resume(b.pipeline, &s), -EINVAL);
	s.origin = ORIGIN_ORIGINATED;
	s.held.packets[0] = UINT32_MAX;
	assert_int_equal(pipeline_resume(b.pipeline, &s), -EINVAL);
}

static void test_a_start_under_load_says_that_not_all_was_seen(void **state)
{
	(void)state;
	begin_ns = 10 * S;
	rebuild(&usd, 16);
	begin_ns = 0;
	/* Whose volume it is not, is no loss of the network's totals. */
	give(fulfill(8, 1, SERVER, 11 * S));
	pipeline_tick(b.pipeline, 12 * S);
	assert_int_equal(released(METRIC_COVERAGE, NULL), 1);
	give(fulfill(7, 1, CLIENT, 13 * S));
	pipeline_tick(b.pipeline, 14 * S);
	assert_int_equal(released(METRIC_HALF_SEEN, NULL), 1);
	assert_int_equal(released(METRIC_COVERAGE, NULL), 0);
	/* Later it is another matter: a reply that comes twice, say. */
	give(fulfill(7, 2, CLIENT, 10 * S + DOUBTS_LIFE_NS));
	pipeline_tick(b.pipeline, 11 * S + DOUBTS_LIFE_NS);
	assert_int_equal(released(METRIC_HALF_SEEN, NULL), 1);
}

/* The next one will not know what has come in. */
static void test_what_came_in_and_may_still_be_sent_on_is_a_doubt_for_the_next_one(void **state)
{
	struct record_flow_close end = flow_close(7, 2 * S);

	(void)state;
	assert_false(pipeline_doubted(b.pipeline, 0, 0, 10 * S));
	give(prepare(7, 1, SERVER, 1 * S));
	assert_true(pipeline_doubted(b.pipeline, 0, 0, 10 * S));
	assert_false(pipeline_doubted(b.pipeline, 1, 0, 10 * S));
	pipeline_record(b.pipeline, &end, sizeof(end));
	settle();
	assert_true(pipeline_doubted(b.pipeline, 0, 0, 10 * S));
	pipeline_tick(b.pipeline, 2 * S + DOUBTS_LIFE_NS);
	assert_false(pipeline_doubted(b.pipeline, 0, 0, 10 * S));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_exchange_is_counted_by_the_one_that_saw_it_begin),
		T(the_next_reply_on_a_connection_belongs_to_the_next_one),
		T(what_goes_out_of_something_that_came_in_stays_together),
		T(a_payment_of_several_packets_is_one_transaction),
		T(a_reject_before_the_first_fulfill_is_counted_with_its_payment),
		T(the_end_of_a_connection_is_for_both),
		T(a_payment_that_cannot_be_is_not_gone_on_with),
		T(a_start_under_load_says_that_not_all_was_seen),
		T(what_came_in_and_may_still_be_sent_on_is_a_doubt_for_the_next_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
