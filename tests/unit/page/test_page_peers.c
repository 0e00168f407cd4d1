/* SPDX-License-Identifier: Apache-2.0 */
/* What page and `telltale top` get of peers and of packets' time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "page/peers.h"
#include "privacy/privacy.h"
#include "profile/per_peer.h"
#include "release/vocabulary.h"

#define MS 1000000ULL

static struct bed {
	struct series *series;
	struct privacy *privacy;
	struct per_peer *peers;
	struct json_object *root;
} b;

static bool name_of(void *context, uint64_t endpoint, char *name, size_t len)
{
	(void)context;
	snprintf(name, len, "peer-%d/", (int)endpoint);
	return true;
}

static int make(void **state)
{
	const struct privacy_params privacy = PRIVACY_PARAMS_DEFAULT;

	(void)state;
	b = (struct bed){.series = series_new(0), .root = json_object_new_object()};
	b.privacy = privacy_new(&privacy, b.series, "test", 1, NULL, NULL);
	b.peers = per_peer_new(b.series, 2, 1, name_of, NULL);
	return !b.peers || !b.privacy || !b.root;
}

static int drop(void **state)
{
	(void)state;
	json_object_put(b.root);
	per_peer_free(b.peers);
	privacy_free(b.privacy);
	series_free(b.series);
	return 0;
}

static void show(void)
{
	struct released *r = privacy_release(b.privacy, 2);

	assert_non_null(r);
	page_put_peers(b.root, r);
	released_unref(r);
}

static struct json_object *at(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	assert_true(json_object_object_get_ex(o, key, &value));
	return value;
}

static struct json_object *peer(size_t i)
{
	struct json_object *list = at(b.root, "peers");

	assert_true(i < json_object_array_length(list));
	return json_object_array_get_idx(list, i);
}

static void send_to(uint64_t endpoint, enum outcome outcome, uint64_t ms)
{
	struct exchange e = {.role = RECORD_ROLE_CLIENT,
			     .origin = ORIGIN_ORIGINATED,
			     .endpoint = endpoint,
			     .outcome = outcome,
			     .prepare_ns = 10 * MS,
			     .reply_ns = 10 * MS + ms * MS};

	memcpy(e.reject_code, outcome == OUTCOME_REJECTED ? "T04" : "",
	       outcome == OUTCOME_REJECTED ? 4 : 1);
	per_peer_exchange(b.peers, &e);
}

static void the_busiest_peer_comes_first_with_its_outcomes_and_times(void **state)
{
	struct json_object *times;

	(void)state;
	send_to(1, OUTCOME_FULFILLED, 5);
	for (uint64_t i = 0; i < 20; i++)
		send_to(2, i ? OUTCOME_FULFILLED : OUTCOME_REJECTED, i < 18 ? 20 : 300);
	series_move(b.series, per_peer_amount(b.peers, 2), 12345);
	per_peer_earned(b.peers, 2, -250, 31000000);
	show();
	assert_string_equal(json_object_get_string(at(peer(0), "name")), "peer-2/");
	assert_int_equal(json_object_get_int64(at(peer(0), "exchanges")), 20);
	assert_int_equal(json_object_get_int64(at(peer(0), "fulfilled")), 19);
	assert_int_equal(json_object_get_int64(at(peer(0), "rejected")), 1);
	assert_int_equal(json_object_get_int64(at(peer(0), "value")), 12345);
	assert_int_equal(json_object_get_int64(at(peer(0), "spread")), -250);
	assert_int_equal(json_object_get_double(at(peer(0), "spread_sd")), 9000);
	assert_int_equal(json_object_get_int64(at(at(peer(0), "codes"), "T04")), 1);
	times = at(peer(0), "peer");
	assert_int_equal(json_object_get_int64(at(times, "count")), 20);
	assert_true(json_object_get_double(at(times, "median_ms")) > 19);
	assert_true(json_object_get_double(at(times, "median_ms")) < 21);
	assert_true(json_object_get_double(at(times, "p95_ms")) > 285);
	assert_true(json_object_get_double(at(times, "p95_ms")) < 315);
	assert_string_equal(json_object_get_string(at(peer(1), "name")), "peer-1/");
	/* Nothing was forwarded: how long it was held is not known, and nothing was earned. */
	assert_false(json_object_object_get_ex(peer(1), "spread", &times));
	assert_int_equal(json_object_get_int64(at(at(peer(1), "hold"), "count")), 0);
	assert_false(json_object_object_get_ex(at(peer(1), "hold"), "median_ms", &times));
}

static void columns_are_means_of_the_packets_that_were_split(void **state)
{
	struct json_object *columns, *first;

	(void)state;
	series_set(b.series, METRIC_CLOCKS, 0, 1);
	series_count(b.series, METRIC_HOPS, 0, 2);
	series_count(b.series, METRIC_HOPS, 1, 3);
	series_time(b.series, METRIC_COLUMN_TIME, COLUMN_ON_CPU, 4 * MS);
	series_time(b.series, METRIC_COLUMN_TIME, COLUMN_ON_CPU, 6 * MS);
	show();
	columns = at(b.root, "columns");
	assert_int_equal(json_object_get_int64(at(columns, "clocks")), 1);
	assert_int_equal(json_object_get_int64(at(columns, "packets")), 5);
	assert_int_equal(json_object_get_int64(at(columns, "split")), 2);
	assert_int_equal(json_object_array_length(at(columns, "list")), 1);
	first = json_object_array_get_idx(at(columns, "list"), 0);
	assert_string_equal(json_object_get_string(at(first, "name")), "on_cpu");
	assert_true(json_object_get_double(at(first, "mean_ms")) == 5);
}

static void without_a_packet_both_are_empty(void **state)
{
	(void)state;
	show();
	assert_int_equal(json_object_array_length(at(b.root, "peers")), 0);
	assert_int_equal(json_object_array_length(at(at(b.root, "columns"), "list")), 0);
	assert_int_equal(json_object_get_int64(at(at(b.root, "columns"), "clocks")), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)
	const struct CMUnitTest tests[] = {
		T(the_busiest_peer_comes_first_with_its_outcomes_and_times),
		T(columns_are_means_of_the_packets_that_were_split),
		T(without_a_packet_both_are_empty),
	};

	return cmocka_run_group_tests_name("page_peers", tests, NULL, NULL);
}
