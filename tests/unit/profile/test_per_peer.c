/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator sees of each peer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "privacy/noise.h"
#include "privacy/privacy.h"
#include "profile/per_peer.h"

#define MS      1000000ULL
#define UNKNOWN 666

static struct bed {
	struct series *series;
	struct privacy *privacy;
	struct per_peer *peers;
	bool known; /* UNKNOWN is, by now */
} b;

static bool name_of(void *context, uint64_t endpoint, char *name, size_t len)
{
	(void)context;
	snprintf(name, len, "peer-%d/", (int)endpoint);
	return endpoint != UNKNOWN || b.known;
}

static int make(void **state)
{
	const struct privacy_params privacy = PRIVACY_PARAMS_DEFAULT;

	(void)state;
	b = (struct bed){.series = series_new(0)};
	b.privacy = privacy_new(&privacy, b.series, "test", 1, NULL, NULL);
	b.peers = per_peer_new(b.series, 2, 1, name_of, NULL);
	return !b.peers || !b.privacy;
}

static int drop(void **state)
{
	(void)state;
	per_peer_free(b.peers);
	privacy_free(b.privacy);
	series_free(b.series);
	return 0;
}

/* The value, or how many times a histogram has; -1: there is no such series. */
static int64_t shown(enum metric metric, const char *peer, const char *label)
{
	struct released *r = privacy_release(b.privacy, 2);
	int64_t value = -1;

	assert_non_null(r);
	for (size_t i = 0; i < r->points_len; i++) {
		const struct released_point *p = &r->points[i];

		if (p->metric != metric || strcmp(p->labels[0].value, peer) != 0 ||
		    (label && strcmp(p->labels[1].value, label) != 0))
			continue;
		assert_string_equal(p->labels[0].key, "peer");
		value = p->exponential ? (int64_t)p->count : p->value;
	}
	released_unref(r);
	return value;
}

static struct exchange went_to(uint64_t endpoint, enum outcome outcome)
{
	return (struct exchange){.role = RECORD_ROLE_CLIENT,
				 .origin = ORIGIN_ORIGINATED,
				 .endpoint = endpoint,
				 .outcome = outcome,
				 .prepare_ns = 10 * MS,
				 .reply_ns = outcome == OUTCOME_UNANSWERED ? 0 : 15 * MS};
}

static void take(struct exchange e)
{
	per_peer_exchange(b.peers, &e);
}

static void each_peer_has_its_outcomes_codes_and_times(void **state)
{
	struct exchange refused = went_to(1, OUTCOME_REJECTED);

	(void)state;
	take(went_to(1, OUTCOME_FULFILLED));
	memcpy(refused.reject_code, "T04", 4);
	take(refused);
	memcpy(refused.reject_code, "Z99", 4);
	take(refused);
	take(went_to(2, OUTCOME_UNANSWERED));
	assert_int_equal(shown(METRIC_PEER_EXCHANGES, "peer-1/", "fulfilled"), 1);
	assert_int_equal(shown(METRIC_PEER_EXCHANGES, "peer-1/", "rejected"), 2);
	assert_int_equal(shown(METRIC_PEER_EXCHANGES, "peer-1/", "unanswered"), 0);
	assert_int_equal(shown(METRIC_PEER_EXCHANGES, "peer-2/", "unanswered"), 1);
	assert_int_equal(shown(METRIC_PEER_REJECTS, "peer-1/", "T04"), 1);
	assert_int_equal(shown(METRIC_PEER_REJECTS, "peer-1/", "other"), 1);
	assert_int_equal(shown(METRIC_PEER_REJECTS, "peer-2/", "T04"), -1);
	assert_int_equal(shown(METRIC_PEER_TIME, "peer-1/", "peer"), 3);
	/* No reply, no time. */
	assert_int_equal(shown(METRIC_PEER_TIME, "peer-2/", "peer"), 0);
}

static void what_came_in_and_copies_belong_to_no_peer(void **state)
{
	struct exchange e = went_to(1, OUTCOME_FULFILLED);

	(void)state;
	e.origin = ORIGIN_PROXY_COPY;
	take(e);
	e = went_to(1, OUTCOME_FULFILLED);
	e.role = RECORD_ROLE_SERVER;
	take(e);
	e = went_to(1, OUTCOME_FULFILLED);
	e.peer_protocol = true;
	take(e);
	assert_int_equal(shown(METRIC_PEER_EXCHANGES, "peer-1/", "fulfilled"), -1);
	assert_int_equal(per_peer_amount(b.peers, 0), -1);
}

static void what_a_payment_is_worth_takes_no_room(void **state)
{
	int early = per_peer_amount(b.peers, 1);

	(void)state;
	take(went_to(1, OUTCOME_FULFILLED));
	assert_int_equal(early, per_peer_amount(b.peers, 99));
	assert_int_not_equal(early, per_peer_amount(b.peers, 1));
}

static void peers_beyond_the_bound_are_together(void **state)
{
	(void)state;
	for (uint64_t endpoint = 1; endpoint <= 50; endpoint++)
		take(went_to(endpoint, OUTCOME_FULFILLED));
	take(went_to(2, OUTCOME_FULFILLED));
	assert_int_equal(shown(METRIC_PEER_EXCHANGES, "peer-2/", "fulfilled"), 2);
	assert_int_equal(shown(METRIC_PEER_EXCHANGES, "peer-3/", "fulfilled"), -1);
	assert_int_equal(shown(METRIC_PEER_EXCHANGES, PER_PEER_OTHER, "fulfilled"), 48);
	assert_int_equal(per_peer_amount(b.peers, 3), per_peer_amount(b.peers, 4));
	assert_true(per_peer_amount(b.peers, 1) != per_peer_amount(b.peers, 2));
}

/* Makes the bed anew, for MAX peers of TARGETS targets. */
static void share(size_t max, size_t targets)
{
	per_peer_free(b.peers);
	b.peers = per_peer_new(b.series, max, targets, name_of, NULL);
	assert_non_null(b.peers);
}

static void send_to_many(uint8_t target, uint64_t first, uint64_t last)
{
	for (uint64_t endpoint = first; endpoint <= last; endpoint++) {
		struct exchange e = went_to(endpoint, OUTCOME_FULFILLED);

		e.target = target;
		take(e);
	}
}

static void a_target_that_sends_to_many_leaves_room_for_the_peers_of_others(void **state)
{
	(void)state;
	share(8, 2);
	send_to_many(0, 1, 100);
	send_to_many(1, 201, 210);
	/* Two are kept for each; the target that came first has the other four. */
	assert_int_equal(shown(METRIC_PEER_EXCHANGES, "peer-6/", "fulfilled"), 1);
	assert_int_equal(shown(METRIC_PEER_EXCHANGES, "peer-7/", "fulfilled"), -1);
	assert_int_equal(shown(METRIC_PEER_EXCHANGES, "peer-202/", "fulfilled"), 1);
	assert_int_equal(shown(METRIC_PEER_EXCHANGES, "peer-203/", "fulfilled"), -1);
	assert_int_equal(shown(METRIC_PEER_EXCHANGES, PER_PEER_OTHER, "fulfilled"), 94 + 8);
}

static void one_target_alone_has_all_the_room(void **state)
{
	(void)state;
	share(8, 1);
	send_to_many(0, 1, 8);
	assert_int_equal(shown(METRIC_PEER_EXCHANGES, "peer-8/", "fulfilled"), 1);
	assert_int_equal(shown(METRIC_PEER_EXCHANGES, PER_PEER_OTHER, "fulfilled"), -1);
}

static void a_target_that_there_is_not_takes_no_room(void **state)
{
	(void)state;
	share(8, 1);
	send_to_many(1, 1, 1);
	send_to_many(255, 1, 1);
	assert_int_equal(shown(METRIC_PEER_EXCHANGES, "peer-1/", "fulfilled"), -1);
	assert_int_equal(shown(METRIC_PEER_EXCHANGES, PER_PEER_OTHER, "fulfilled"), 2);
}

static void a_peer_whose_name_comes_late_is_with_the_others_until_then(void **state)
{
	(void)state;
	take(went_to(UNKNOWN, OUTCOME_FULFILLED));
	b.known = true;
	take(went_to(UNKNOWN, OUTCOME_FULFILLED));
	assert_int_equal(shown(METRIC_PEER_EXCHANGES, PER_PEER_OTHER, "fulfilled"), 1);
	assert_int_equal(shown(METRIC_PEER_EXCHANGES, "peer-666/", "fulfilled"), 1);
}

static void what_is_earned_with_a_peer_may_fall_and_has_its_variance(void **state)
{
	(void)state;
	take(went_to(1, OUTCOME_FULFILLED));
	/* Nothing has been forwarded. */
	assert_int_equal(shown(METRIC_PEER_SPREAD_VARIANCE, "peer-1/", NULL), -1);
	per_peer_earned(b.peers, 1, 300, 10);
	assert_int_equal(shown(METRIC_PEER_SPREAD, "peer-1/", NULL), 300);
	per_peer_earned(b.peers, 1, -1000, 20);
	assert_int_equal(shown(METRIC_PEER_SPREAD, "peer-1/", NULL), -700);
	assert_int_equal(shown(METRIC_PEER_SPREAD_VARIANCE, "peer-1/", NULL), NOISE_OF_FEW + 30);
	per_peer_earned(b.peers, 99, 5, 10);
	assert_int_equal(shown(METRIC_PEER_SPREAD, PER_PEER_OTHER, NULL), 5);
}

static void with_none_wanted_nothing_is_counted(void **state)
{
	(void)state;
	per_peer_free(b.peers);
	b.peers = per_peer_new(b.series, 0, 1, name_of, NULL);
	assert_non_null(b.peers);
	take(went_to(1, OUTCOME_FULFILLED));
	assert_int_equal(shown(METRIC_PEER_EXCHANGES, PER_PEER_OTHER, "fulfilled"), -1);
	assert_int_equal(per_peer_amount(b.peers, 1), -1);
	per_peer_earned(b.peers, 1, 300, 10);
	assert_int_equal(shown(METRIC_PEER_SPREAD_VARIANCE, PER_PEER_OTHER, NULL), -1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)
	const struct CMUnitTest tests[] = {
		T(each_peer_has_its_outcomes_codes_and_times),
		T(what_came_in_and_copies_belong_to_no_peer),
		T(what_a_payment_is_worth_takes_no_room),
		T(peers_beyond_the_bound_are_together),
		T(a_target_that_sends_to_many_leaves_room_for_the_peers_of_others),
		T(one_target_alone_has_all_the_room),
		T(a_target_that_there_is_not_takes_no_room),
		T(a_peer_whose_name_comes_late_is_with_the_others_until_then),
		T(what_is_earned_with_a_peer_may_fall_and_has_its_variance),
		T(with_none_wanted_nothing_is_counted),
	};

	return cmocka_run_group_tests_name("per_peer", tests, NULL, NULL);
}
