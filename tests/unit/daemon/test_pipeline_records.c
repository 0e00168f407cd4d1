/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline: records, among them invalid ones. */
#include "tests/unit/support/pipelining.h"

/* Copies SIZE bytes of RECORD into memory that ends right after them. */
static void give_cut(const void *record, size_t size)
{
	void *copy = malloc(size ? size : 1);

	assert_non_null(copy);
	memcpy(copy, record, size);
	pipeline_record(b.pipeline, copy, size);
	free(copy);
}

static void test_a_record_cut_short_is_refused_and_counted(void **state)
{
	struct record_message m = prepare(7, 1, CLIENT, 1 * S);
	uint64_t refused = 0;

	(void)state;
	for (size_t size = 0; size < sizeof(m); size++, refused++)
		give_cut(&m, size);
	/* A record whose own length says that it is too short. */
	for (m.head.len = 0; m.head.len < sizeof(m); m.head.len++, refused++)
		pipeline_record(b.pipeline, &m, sizeof(m));
	assert_int_equal(stats().invalid, refused);
	assert_int_equal(stats().match.opened, 0);
	pipeline_tick(b.pipeline, 2 * S);
	assert_int_equal(released(METRIC_RECORDS, "invalid"), refused);
	assert_int_equal(released(METRIC_RECORDS, "message"), 0);
}

static void test_another_version_is_refused_and_another_type_skipped(void **state)
{
	struct record_message m = prepare(7, 1, CLIENT, 1 * S);

	(void)state;
	m.head.version++;
	give(m);
	assert_int_equal(stats().invalid, 1);
	m.head.version = RECORD_VERSION;
	m.head.type = 0;
	give(m);
	m.head.type = 200;
	give(m);
	assert_int_equal(stats().unknown, 2);
	assert_int_equal(stats().invalid, 1);
	assert_int_equal(stats().match.opened, 0);
	pipeline_tick(b.pipeline, 2 * S);
	assert_int_equal(released(METRIC_RECORDS, "unknown"), 2);
}

static void test_the_size_of_one_type_is_not_taken_for_another(void **state)
{
	(void)state;
	for (__u8 type = RECORD_ENDPOINT; type <= RECORD_UNSEEN; type++) {
		struct record_message m = prepare(7, 1, CLIENT, 1 * S);

		m.head.type = type;
		give(m);
	}
	assert_int_equal(stats().invalid, 7);
	assert_int_equal(b.opaque, 0);
}

static void test_an_endpoint_with_impossible_lengths_is_refused(void **state)
{
	struct record_endpoint e = {.head = {.len = sizeof(e),
					     .version = RECORD_VERSION,
					     .type = RECORD_ENDPOINT,
					     .role = CLIENT},
				    .endpoint = 1,
				    .host_len = 1,
				    .path_len = 1,
				    .host = "h",
				    .path = "/"};
	struct peer_seen peer;

	(void)state;
	e.host_len = RECORD_HOST_MAX + 1;
	pipeline_record(b.pipeline, &e, sizeof(e));
	e.host_len = 1;
	e.path_len = RECORD_PATH_MAX + 1;
	pipeline_record(b.pipeline, &e, sizeof(e));
	assert_int_equal(stats().invalid, 2);
	assert_int_equal(peers_seen(b.peers, &peer, 1), 0);
	e.path_len = 1;
	pipeline_record(b.pipeline, &e, sizeof(e));
	assert_int_equal(stats().invalid, 2);
	assert_int_equal(peers_seen(b.peers, &peer, 1), 1);
	assert_int_equal(peer.endpoint, 1);
}

/* --- the other records ----------------------------------------------------------------------- */

static void test_gaps_are_counted_by_cause(void **state)
{
	static const char *const causes[] = {"hole", "http", "complex", "reorder",
					     "load", "full", "encoded"};
	struct record_gap gap = {
		.head = {.len = sizeof(gap), .version = RECORD_VERSION, .type = RECORD_GAP}};

	(void)state;
	for (__u8 cause = 0; cause <= RECORD_GAP_CAUSES + 1; cause++) {
		gap.cause = cause;
		gap.bytes = 100 + cause;
		pipeline_record(b.pipeline, &gap, sizeof(gap));
	}
	pipeline_tick(b.pipeline, 1 * S);
	for (__u8 cause = 1; cause <= RECORD_GAP_CAUSES; cause++) {
		assert_int_equal(released(METRIC_GAPS, causes[cause - 1]), 1);
		assert_int_equal(released(METRIC_GAP_BYTES, causes[cause - 1]), 100 + cause);
	}
	assert_int_equal(stats().invalid, 2);
	assert_int_equal(released(METRIC_RECORDS, "gap"), RECORD_GAP_CAUSES);
}

static void test_an_unreadable_connection_is_handed_on(void **state)
{
	struct record_opaque r = {
		.head = {.len = sizeof(r), .version = RECORD_VERSION, .type = RECORD_OPAQUE},
		.reason = RECORD_OPAQUE_TLS};

	(void)state;
	pipeline_record(b.pipeline, &r, sizeof(r));
	assert_int_equal(b.opaque, 1);
	pipeline_tick(b.pipeline, 1 * S);
	assert_int_equal(released(METRIC_RECORDS, "opaque"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_record_cut_short_is_refused_and_counted),
		T(another_version_is_refused_and_another_type_skipped),
		T(the_size_of_one_type_is_not_taken_for_another),
		T(an_endpoint_with_impossible_lengths_is_refused),
		T(gaps_are_counted_by_cause),
		T(an_unreadable_connection_is_handed_on),
	};

	return cmocka_run_group_tests_name("pipeline_records", tests, NULL, NULL);
}
