/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is counted under one name appears under that name everywhere: as number, metric, column of
 * the history, JSON and words of the page, in `telltale top` and in the truth file. A loss lowers
 * the coverage.
 *
 * The list below has the names that users know. The program makes all of them from words.h.
 */
#include "tests/unit/support/pipelining.h"

#include <stdio.h>
#include <unistd.h>

#include <json-c/json.h>

#include "history/history.h"
#include "page/html.h"
#include "page/json.h"
#include "daemon/truth.h"
#include "release/vocabulary.h"

#define NOW_NS 1700000000000000000ULL

static const struct entry {
	enum metric metric;
	unsigned constant, number; /* the program's number, and the right one */
	const char *label;
	bool loss;
	const char *column, *brief, *name, *why; /* NULL: the history does not keep it */
} entries[] = {
	/* clang-format off */
	{METRIC_OUTCOMES, OUTCOME_FULFILLED, 1, "fulfilled", false,
	 "outcome.fulfilled", "fulfilled", "Fulfilled", "the amount moved"},
	{METRIC_OUTCOMES, OUTCOME_REJECTED, 2, "rejected", false,
	 "outcome.rejected", "rejected", "Rejected", "a Reject came back"},
	{METRIC_OUTCOMES, OUTCOME_EXPIRED, 3, "expired", false,
	 "outcome.expired", "expired", "Expired", "the Fulfill came too late"},
	{METRIC_OUTCOMES, OUTCOME_MISMATCH, 4, "mismatch", false,
	 "outcome.mismatch", "mismatch", "Mismatch", "the Fulfill does not fit the condition"},
	{METRIC_OUTCOMES, OUTCOME_UNANSWERED, 5, "unanswered", false,
	 "outcome.unanswered", "no answer", "No answer", "the peer never answered"},
	{METRIC_OUTCOMES, OUTCOME_HTTP_ERROR, 6, "http_error", false,
	 "outcome.http_error", "HTTP error", "HTTP error", "answered without a packet"},
	{METRIC_OUTCOMES, OUTCOME_NOT_ILP, 7, "not_ilp", false,
	 "outcome.not_ilp", "no packet", "No packet", "answered 200, but not with ILP"},
	{METRIC_OUTCOMES, OUTCOME_CLOSED, 8, "closed", false,
	 "outcome.closed", "closed", "Closed", "the connection ended first"},
	{METRIC_OUTCOMES, OUTCOME_LOST, 9, "lost", false,
	 "outcome.lost", "not seen", "Not seen", "telltale missed how it ended"},

	{METRIC_LOST, LOST_GAP, 1, "gap", false, NULL, NULL, NULL, NULL},
	{METRIC_LOST, LOST_RING, 2, "ring", false, NULL, NULL, NULL, NULL},
	{METRIC_LOST, LOST_EVICTED, 3, "evicted", false, NULL, NULL, NULL, NULL},
	{METRIC_LOST, LOST_REPLACED, 4, "replaced", true, NULL, NULL, NULL, NULL},
	{METRIC_LOST, LOST_TIMEOUT, 5, "timeout", true, NULL, NULL, NULL, NULL},
	{METRIC_LOST, LOST_SHUTDOWN, 6, "shutdown", false, NULL, NULL, NULL, NULL},
	{METRIC_LOST, LOST_OPAQUE, 7, "opaque", false, NULL, NULL, NULL, NULL},
	{METRIC_LOST, LOST_ENCODED, 8, "encoded", false, NULL, NULL, NULL, NULL},
	{METRIC_LOST, LOST_UNSURE, 9, "unsure", true, NULL, NULL, NULL, NULL},

	{METRIC_ORIGINS, ORIGIN_UNKNOWN, 0, "unknown", false, NULL, NULL, NULL, NULL},
	{METRIC_ORIGINS, ORIGIN_ORIGINATED, 1, "originated", false, NULL, NULL, NULL, NULL},
	{METRIC_ORIGINS, ORIGIN_FORWARDED, 2, "forwarded", false, NULL, NULL, NULL, NULL},
	{METRIC_ORIGINS, ORIGIN_RECEIVED, 3, "received", false, NULL, NULL, NULL, NULL},
	{METRIC_ORIGINS, ORIGIN_PROXY_COPY, 4, "proxy_copy", false, NULL, NULL, NULL, NULL},

	{METRIC_ORIGIN_UNKNOWN, DOUBT_GAP, 0, "gap", true, NULL, NULL, NULL, NULL},
	{METRIC_ORIGIN_UNKNOWN, DOUBT_FULL, 1, "full", true, NULL, NULL, NULL, NULL},
	{METRIC_ORIGIN_UNKNOWN, DOUBT_RING, 2, "ring", true, NULL, NULL, NULL, NULL},
	{METRIC_ORIGIN_UNKNOWN, DOUBT_UNREAD_LISTENER, 3, "unread_listener", true, NULL, NULL, NULL, NULL},
	{METRIC_ORIGIN_UNKNOWN, DOUBT_ENCODED, 4, "encoded", true, NULL, NULL, NULL, NULL},
	{METRIC_ORIGIN_UNKNOWN, DOUBT_HTTP2, 5, "http2", true, NULL, NULL, NULL, NULL},
	{METRIC_ORIGIN_UNKNOWN, DOUBT_UNIX_LISTENER, 6, "unix_listener", true, NULL, NULL, NULL, NULL},
	{METRIC_ORIGIN_UNKNOWN, DOUBT_OTHER_CGROUP, 7, "other_cgroup", true, NULL, NULL, NULL, NULL},
	{METRIC_ORIGIN_UNKNOWN, DOUBT_BYPASSED, 8, "bypassed", true, NULL, NULL, NULL, NULL},
	{METRIC_ORIGIN_UNKNOWN, DOUBT_PAIRING, 9, "pairing", true, NULL, NULL, NULL, NULL},
	{METRIC_ORIGIN_UNKNOWN, DOUBT_RESTART, 10, "restart", true, NULL, NULL, NULL, NULL},

	{METRIC_RECORDS, RECORD_MESSAGE, 1, "message", false, NULL, NULL, NULL, NULL},
	{METRIC_RECORDS, RECORD_ENDPOINT, 2, "endpoint", false, NULL, NULL, NULL, NULL},
	{METRIC_RECORDS, RECORD_FLOW_CLOSE, 3, "flow_close", false, NULL, NULL, NULL, NULL},
	{METRIC_RECORDS, RECORD_GAP, 4, "gap", false, NULL, NULL, NULL, NULL},
	{METRIC_RECORDS, RECORD_OPAQUE, 5, "opaque", false, NULL, NULL, NULL, NULL},
	{METRIC_RECORDS, RECORD_EXEC, 6, "exec", false, NULL, NULL, NULL, NULL},
	{METRIC_RECORDS, RECORD_TLS, 7, "tls", false, NULL, NULL, NULL, NULL},
	{METRIC_RECORDS, RECORD_UNSEEN, 8, "unseen", false, NULL, NULL, NULL, NULL},
	{METRIC_RECORDS, RECORD_WORD_UNKNOWN + 1, 9, "unknown", false, NULL, NULL, NULL, NULL},
	{METRIC_RECORDS, RECORD_WORD_INVALID + 1, 10, "invalid", true, NULL, NULL, NULL, NULL},

	{METRIC_GAPS, RECORD_GAP_HOLE, 1, "hole", true, "gap.hole", "bytes missed",
	 "Bytes missed", "the connection got them, telltale did not"},
	{METRIC_GAPS, RECORD_GAP_HTTP, 2, "http", true, "gap.http", "unclear HTTP",
	 "Unclear HTTP", "a head that implementations read differently, or none"},
	{METRIC_GAPS, RECORD_GAP_COMPLEX, 3, "complex", true, "gap.complex", "too many parts",
	 "Too many parts", "more messages in one segment than are looked at"},
	{METRIC_GAPS, RECORD_GAP_REORDER, 4, "reorder", true, "gap.reorder", "out of order",
	 "Out of order", "came too early, and there was no room to wait"},
	{METRIC_GAPS, RECORD_GAP_LOAD, 5, "load", true, "gap.load", "two processors",
	 "Two processors", "handled one connection at once"},
	{METRIC_GAPS, RECORD_GAP_FULL, 6, "full", true, "gap.full", "no room",
	 "No room", "more connections at once than are followed (tls_connections)"},
	{METRIC_GAPS, RECORD_GAP_ENCODED, 7, "encoded", true, "gap.encoded", "encoded", "Encoded",
	 "a body that may be ILP has a Content-Encoding: let the proxy before it not compress"},

	{METRIC_OPAQUE, OPAQUE_NO_LIBRARY, 0, "tls-no-library", true, "opaque.tls-no-library",
	 "TLS of its own", "TLS of its own",
	 "Go, Java, rustls, or OpenSSL without symbols: let it speak plain HTTP to a local proxy"},
	{METRIC_OPAQUE, OPAQUE_UNATTACHED, 1, "tls-unattached", true, "opaque.tls-unattached",
	 "TLS not reached", "TLS not reached", "its library could not be attached to; the log says why"},
	{METRIC_OPAQUE, OPAQUE_REFUSED, 2, "tls-refused", true, "opaque.tls-refused",
	 "TLS refused", "TLS refused", "this kernel lets nobody read TLS libraries"},
	{METRIC_OPAQUE, OPAQUE_SECCOMP, 3, "tls-seccomp", true, "opaque.tls-seccomp",
	 "TLS seccomp", "TLS under seccomp", "this kernel would kill the process; take a newer one"},
	{METRIC_OPAQUE, OPAQUE_UNMATCHED, 4, "tls-unmatched", true, "opaque.tls-unmatched",
	 "TLS beside", "TLS beside the one that is read",
	 "another library in the same process, or begun before the library was found"},
	{METRIC_OPAQUE, OPAQUE_UNKNOWN_OWNER, 5, "tls-unknown-owner", true, "opaque.tls-unknown-owner",
	 "TLS owner?", "TLS owner unknown", "the process was gone before it could be found"},
	{METRIC_OPAQUE, OPAQUE_HTTP2, 6, "http2", true, "opaque.http2",
	 "HTTP/2", "HTTP/2", "ILP goes by in it, not followed: no room, or open before"},
	{METRIC_OPAQUE, OPAQUE_UPGRADED, 7, "upgraded", true, "opaque.upgraded",
	 "other protocol", "Other protocol", "after 101 or CONNECT the connection speaks something else"},
	{METRIC_OPAQUE, OPAQUE_UNIX, 8, "unix", true, "opaque.unix", "Unix socket", "Unix socket",
	 "accepted from outside the target: let it listen on 127.0.0.1"},
	{METRIC_OPAQUE, OPAQUE_OTHER_CGROUP, 9, "other-cgroup", true, "opaque.other-cgroup",
	 "other cgroup", "Other cgroup",
	 "the socket was made outside the target: start the process inside it"},
	{METRIC_OPAQUE, OPAQUE_BYPASSED, 10, "bypassed", true, "opaque.bypassed", "past the tap",
	 "Past the tap", "the kernel delivered bytes that telltale did not see"},

	{METRIC_EVICTED, EVICTED_EXCHANGES, 0, "exchanges", true, NULL, NULL, NULL, NULL},
	{METRIC_EVICTED, EVICTED_CONDITIONS, 1, "conditions", true, NULL, NULL, NULL, NULL},
	{METRIC_EVICTED, EVICTED_PAYMENTS, 2, "payments", true, NULL, NULL, NULL, NULL},

	{METRIC_PRIVACY_STATE, STATE_EVENT_CORRUPT, 0, "corrupt", false, NULL, NULL, NULL, NULL},
	{METRIC_PRIVACY_STATE, STATE_EVENT_FOREIGN, 1, "foreign", false, NULL, NULL, NULL, NULL},
	{METRIC_PRIVACY_STATE, STATE_EVENT_OLDER, 2, "older", false, NULL, NULL, NULL, NULL},
	{METRIC_PRIVACY_STATE, STATE_EVENT_DROPPED, 3, "dropped", false, NULL, NULL, NULL, NULL},
	{METRIC_PRIVACY_STATE, STATE_EVENT_UNSAVED, 4, "unsaved", false, NULL, NULL, NULL, NULL},

	{METRIC_HISTORY_FAILURES, HISTORY_EVENT_CORRUPT, 0, "corrupt", false, NULL, NULL, NULL, NULL},
	{METRIC_HISTORY_FAILURES, HISTORY_EVENT_FOREIGN, 1, "foreign", false, NULL, NULL, NULL, NULL},
	{METRIC_HISTORY_FAILURES, HISTORY_EVENT_UNSAVED, 2, "unsaved", false, NULL, NULL, NULL, NULL},

	{METRIC_OTHERS_UNVALUED, UNVALUED_UNATTRIBUTED, 0, "unattributed", false, NULL, NULL, NULL, NULL},
	{METRIC_OTHERS_UNVALUED, UNVALUED_UNCONVERTED, 1, "unconverted", false, NULL, NULL, NULL, NULL},
	{METRIC_SPREAD_UNKNOWN, SPREAD_UNKNOWN_UNATTRIBUTED, 0, "unattributed", false, NULL, NULL, NULL, NULL},
	{METRIC_SPREAD_UNKNOWN, SPREAD_UNKNOWN_UNCONVERTED, 1, "unconverted", false, NULL, NULL, NULL, NULL},
	{METRIC_SPREAD_UNKNOWN, SPREAD_UNKNOWN_EVICTED, 2, "evicted", false, NULL, NULL, NULL, NULL},

	{METRIC_HTTP_ERRORS, STATUS_2XX, 0, "2xx", false, NULL, NULL, NULL, NULL},
	{METRIC_HTTP_ERRORS, STATUS_3XX, 1, "3xx", false, NULL, NULL, NULL, NULL},
	{METRIC_HTTP_ERRORS, STATUS_4XX, 2, "4xx", false, NULL, NULL, NULL, NULL},
	{METRIC_HTTP_ERRORS, STATUS_5XX, 3, "5xx", false, NULL, NULL, NULL, NULL},
	{METRIC_HTTP_ERRORS, STATUS_OTHER, 4, "other", false, NULL, NULL, NULL, NULL},

	{METRIC_RATES_FAILURES, RATES_OPERATOR, 0, "operator", false, NULL, NULL, NULL, NULL},
	{METRIC_RATES_FAILURES, RATES_NETWORK, 1, "network", false, NULL, NULL, NULL, NULL},

	{METRIC_HOPS, HOP_SPLIT, 0, "split", false, NULL, NULL, NULL, NULL},
	{METRIC_HOPS, HOP_NOT_ALONE, 1, "not_alone", false, NULL, NULL, NULL, NULL},
	{METRIC_HOPS, HOP_NO_CLOCK, 2, "no_clock", false, NULL, NULL, NULL, NULL},
	{METRIC_HOPS, HOP_THREADS, 3, "several_threads", false, NULL, NULL, NULL, NULL},
	{METRIC_HOPS, HOP_NO_REPLY, 4, "no_reply", false, NULL, NULL, NULL, NULL},

	{METRIC_IN_HAND, THREAD_ON_CPU, 0, "on_cpu", false, NULL, NULL, NULL, NULL},
	{METRIC_IN_HAND, THREAD_WAITING, 1, "waiting_for_cpu", false, NULL, NULL, NULL, NULL},
	{METRIC_IN_HAND, THREAD_NOT_RUNNABLE, 2, "not_runnable", false, NULL, NULL, NULL, NULL},
	{METRIC_PROGRAMS_MISSED, PROGRAM_SOCKET_IN, 0, "socket_in", true, NULL, NULL, NULL, NULL},
	{METRIC_PROGRAMS_MISSED, PROGRAM_SOCKET_OUT, 1, "socket_out", true, NULL, NULL, NULL, NULL},
	{METRIC_PROGRAMS_MISSED, PROGRAM_SOCKET_CLOSED, 2, "socket_closed", true, NULL, NULL, NULL, NULL},
	{METRIC_PROGRAMS_MISSED, PROGRAM_TLS_CALL, 3, "tls_call", true, NULL, NULL, NULL, NULL},
	{METRIC_PROGRAMS_MISSED, PROGRAM_TLS_RETURN, 4, "tls_return", true, NULL, NULL, NULL, NULL},
	{METRIC_PROGRAMS_MISSED, PROGRAM_TLS_OBJECT, 5, "tls_object", true, NULL, NULL, NULL, NULL},
	{METRIC_PROGRAMS_MISSED, PROGRAM_EXEC, 6, "exec", true, NULL, NULL, NULL, NULL},
	{METRIC_PROGRAMS_MISSED, PROGRAM_STATE, 7, "state", false, NULL, NULL, NULL, NULL},
	{METRIC_PROGRAMS_MISSED, PROGRAM_LOOK, 8, "look", false, NULL, NULL, NULL, NULL},
	{METRIC_PROGRAMS_MISSED, PROGRAM_DROPPED, 9, "dropped", false, NULL, NULL, NULL, NULL},
	{METRIC_PROGRAMS_MISSED, PROGRAM_CLOCKS, 10, "clocks", false, NULL, NULL, NULL, NULL},
	{METRIC_OWN_CPU, HALF_PROBE, 0, "probe", false, NULL, NULL, NULL, NULL},
	{METRIC_OWN_CPU, HALF_DAEMON, 1, "daemon", false, NULL, NULL, NULL, NULL},

	/* Without label. */
	{METRIC_RECORDS_DROPPED, 0, 0, NULL, true, "dropped", "ring drops", "Ring drops",
	 "records that found no room on their way from the kernel"},
	{METRIC_UNMATCHED, 0, 0, NULL, false, "unmatched", "replies alone", "Replies alone",
	 "their Prepare was not seen"},
	{METRIC_BAD_REQUESTS, 0, 0, NULL, false, "bad_requests", "not ILP", "Not ILP",
	 "requests announced as ILP that hold no packet"},
	{METRIC_UNATTRIBUTED, 0, 0, NULL, true, "unattributed", "asset not known", "Asset not known",
	 "fulfilled, but in which asset is not known: see telltale peers"},
	{METRIC_UNCONVERTED, 0, 0, NULL, true, "unconverted", "no rate", "No rate",
	 "fulfilled, but no rate converts its asset"},
	/* clang-format on */
};
#define ENTRIES (sizeof(entries) / sizeof(entries[0]))

/* Each entry is counted a different number of times, so that swapping two is detected. */
static int64_t times(const struct entry *e)
{
	return 1 + (e - entries);
}

static int64_t sum_of_times(enum metric metric)
{
	int64_t sum = 0;

	for (size_t i = 0; i < ENTRIES; i++)
		sum += entries[i].metric == metric ? times(&entries[i]) : 0;
	return sum;
}

/* Whether the metric's numbers begin at 1, because 0 means none. */
static bool from_one(enum metric metric)
{
	return metric == METRIC_OUTCOMES || metric == METRIC_LOST || metric == METRIC_RECORDS ||
	       metric == METRIC_GAPS;
}

static unsigned position(const struct entry *e)
{
	return e->number - from_one(e->metric);
}

/* --- numbers --- */

static void test_every_constant_has_the_number_that_other_files_use(void **state)
{
	static const struct {
		enum metric metric;
		const struct vocabulary *vocabulary;
	} all[] = {
		{METRIC_OUTCOMES, &vocabulary_outcomes},
		{METRIC_LOST, &vocabulary_losts},
		{METRIC_ORIGINS, &vocabulary_origins},
		{METRIC_RECORDS, &vocabulary_records},
		{METRIC_GAPS, &vocabulary_gaps},
		{METRIC_OPAQUE, &vocabulary_opaque},
		{METRIC_EVICTED, &vocabulary_evicted},
		{METRIC_ORIGIN_UNKNOWN, &vocabulary_doubts},
		{METRIC_OTHERS_UNVALUED, &vocabulary_unvalued},
		{METRIC_SPREAD_UNKNOWN, &vocabulary_spread_unknown},
		{METRIC_PRIVACY_STATE, &vocabulary_state},
		{METRIC_HISTORY_FAILURES, &vocabulary_history},
		{METRIC_HTTP_ERRORS, &vocabulary_statuses},
		{METRIC_RATES_FAILURES, &vocabulary_documents},
		{METRIC_HOPS, &vocabulary_splits},
		{METRIC_IN_HAND, &vocabulary_threads},
		{METRIC_PROGRAMS_MISSED, &vocabulary_programs},
		{METRIC_OWN_CPU, &vocabulary_halves},
	};

	(void)state;
	for (size_t v = 0; v < sizeof(all) / sizeof(all[0]); v++) {
		size_t listed = 0;

		for (size_t i = 0; i < ENTRIES; i++) {
			const struct entry *e = &entries[i];

			if (e->metric != all[v].metric)
				continue;
			listed++;
			assert_int_equal(e->constant, e->number);
			assert_true(position(e) < all[v].vocabulary->len);
			assert_string_equal(all[v].vocabulary->words[position(e)].label, e->label);
		}
		assert_int_equal(listed, all[v].vocabulary->len);
	}
}

/* Those of histograms, which the list above cannot count. */
static void test_the_parts_of_a_packets_time_keep_their_names(void **state)
{
	static const struct {
		const struct vocabulary *vocabulary;
		unsigned constant;
		const char *label;
	} all[] = {
		{&vocabulary_columns, COLUMN_RECEIVE, "receive_wait"},
		{&vocabulary_columns, COLUMN_ON_CPU, "on_cpu"},
		{&vocabulary_columns, COLUMN_WAITING, "waiting_for_cpu"},
		{&vocabulary_columns, COLUMN_DEPENDENCIES, "dependencies"},
		{&vocabulary_columns, COLUMN_NOT_RUNNABLE, "not_runnable"},
		{&vocabulary_columns, COLUMN_PEER, "peer_and_wire"},
		{&vocabulary_columns, COLUMN_REPLY, "reply_wait"},
		{&vocabulary_peer_parts, PEER_PART_HOLD, "hold"},
		{&vocabulary_peer_parts, PEER_PART_PEER, "peer"},
		{&vocabulary_peer_parts, PEER_PART_CONNECTOR, "connector"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		assert_string_equal(all[i].vocabulary->words[all[i].constant].label, all[i].label);
	assert_int_equal(vocabulary_columns.len + vocabulary_peer_parts.len,
			 sizeof(all) / sizeof(all[0]));
}

/* --- what comes in by number comes out by name --- */

static void give_gaps(unsigned cause, int64_t n)
{
	struct record_gap gap = {
		.head = {.len = sizeof(gap), .version = RECORD_VERSION, .type = RECORD_GAP},
		.bytes = 1000,
		.cause = (__u8)cause};

	while (n-- > 0)
		pipeline_record(b.pipeline, &gap, sizeof(gap));
}

static void give_records(unsigned type, int64_t n)
{
	static const size_t sizes[] = {
		[RECORD_MESSAGE] = sizeof(struct record_message),
		[RECORD_ENDPOINT] = sizeof(struct record_endpoint),
		[RECORD_FLOW_CLOSE] = sizeof(struct record_flow_close),
		[RECORD_GAP] = sizeof(struct record_gap),
		[RECORD_OPAQUE] = sizeof(struct record_opaque),
		[RECORD_EXEC] = sizeof(struct record_exec),
		[RECORD_TLS] = sizeof(struct record_tls),
		[RECORD_UNSEEN] = sizeof(struct record_unseen),
	};
	union {
		struct record_head head;
		struct record_opaque opaque;
		char room[512];
	} r = {.head = {.version = RECORD_VERSION, .type = (__u8)type}};

	if (type == RECORD_OPAQUE)
		r.opaque.reason = RECORD_OPAQUE_TLS;
	if (type == RECORD_WORD_INVALID + 1)
		r.head.version++;
	r.head.len = (__u16)(type < RECORD_TYPES ? sizes[type] : sizeof(r.head));
	while (n-- > 0)
		pipeline_record(b.pipeline, &r, r.head.len);
}

static void exchanges(const struct exchange *e, int64_t n)
{
	while (n-- > 0)
		privacy_exchange(b.privacy, e);
}

/* Gaps are also records, and lost exchanges also exchanges, so these are not counted again. */
static void count(const struct entry *e)
{
	struct exchange ended = {.outcome = (enum outcome)e->number};
	struct exchange lost = {.outcome = OUTCOME_LOST, .lost = (enum lost)e->number};

	switch (e->metric) {
	case METRIC_GAPS: give_gaps(e->number, times(e)); break;
	case METRIC_RECORDS:
		if (e->number != RECORD_GAP)
			give_records(e->number, times(e));
		break;
	case METRIC_OUTCOMES:
		if (e->number != OUTCOME_LOST)
			exchanges(&ended, times(e));
		break;
	case METRIC_LOST: exchanges(&lost, times(e)); break;
	case METRIC_ORIGINS:
	case METRIC_HTTP_ERRORS: break; /* of the same exchanges */
	default: series_count(b.series, e->metric, position(e), times(e));
	}
}

static int64_t wanted(const struct entry *e)
{
	if (e->metric == METRIC_RECORDS && e->number == RECORD_GAP)
		return sum_of_times(METRIC_GAPS);
	if (e->metric == METRIC_OUTCOMES && e->number == OUTCOME_LOST)
		return sum_of_times(METRIC_LOST);
	return times(e);
}

static bool counted(const struct entry *e)
{
	return e->metric != METRIC_ORIGINS && e->metric != METRIC_HTTP_ERRORS;
}

/* The pipeline reports its counts first: its totals would overwrite those of the others. */
static void count_all(void)
{
	for (size_t i = 0; i < ENTRIES; i++) {
		if (entries[i].metric == METRIC_GAPS || entries[i].metric == METRIC_RECORDS)
			count(&entries[i]);
	}
	pipeline_tick(b.pipeline, 1 * S);
	for (size_t i = 0; i < ENTRIES; i++) {
		if (entries[i].metric != METRIC_GAPS && entries[i].metric != METRIC_RECORDS)
			count(&entries[i]);
	}
}

static void test_what_is_counted_is_released_under_its_label(void **state)
{
	(void)state;
	count_all();
	for (size_t i = 0; i < ENTRIES; i++) {
		const struct entry *e = &entries[i];

		if (!counted(e))
			continue;
		assert_int_equal(released(e->metric, e->label), wanted(e));
		if (e->metric == METRIC_GAPS)
			assert_int_equal(released(METRIC_GAP_BYTES, e->label), 1000 * wanted(e));
	}
}

static void test_origins_and_statuses_are_released_under_their_labels(void **state)
{
	(void)state;
	for (unsigned origin = 0; origin < 5; origin++)
		exchanges(&(struct exchange){.outcome = OUTCOME_CLOSED,
					     .origin = (enum origin)origin},
			  1 + origin);
	for (uint16_t status = 1; status <= 6; status++)
		exchanges(&(struct exchange){.outcome = OUTCOME_HTTP_ERROR,
					     .origin = ORIGIN_PROXY_COPY,
					     .http_status = (uint16_t)(100 * status + 4)},
			  status);
	assert_int_equal(released(METRIC_ORIGINS, "unknown"), 1);
	assert_int_equal(released(METRIC_ORIGINS, "originated"), 2);
	assert_int_equal(released(METRIC_ORIGINS, "forwarded"), 3);
	assert_int_equal(released(METRIC_ORIGINS, "received"), 4);
	assert_int_equal(released(METRIC_ORIGINS, "proxy_copy"), 5 + 21);
	assert_int_equal(released(METRIC_HTTP_ERRORS, "2xx"), 2);
	assert_int_equal(released(METRIC_HTTP_ERRORS, "3xx"), 3);
	assert_int_equal(released(METRIC_HTTP_ERRORS, "4xx"), 4);
	assert_int_equal(released(METRIC_HTTP_ERRORS, "5xx"), 5);
	assert_int_equal(released(METRIC_HTTP_ERRORS, "other"), 1 + 6);
}

static int64_t number(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	if (!o || !json_object_object_get_ex(o, key, &value))
		fail_msg("no '%s'", key);
	return json_object_get_int64(value);
}

static void test_the_truth_file_names_what_happened(void **state)
{
	char path[] = "/tmp/telltale-truth.XXXXXX";
	struct json_object *root, *of;
	struct privacy_truth t;

	(void)state;
	close(mkstemp(path));
	count_all();
	t = truth();
	truth_write(path, &t);
	root = json_object_from_file(path);
	unlink(path);
	for (size_t i = 0; i < ENTRIES; i++) {
		const struct entry *e = &entries[i];

		if (e->metric != METRIC_OUTCOMES && e->metric != METRIC_LOST)
			continue;
		of = json_object_object_get(root, e->metric == METRIC_LOST ? "lost" : "outcomes");
		assert_int_equal(number(of, e->label), wanted(e));
	}
	json_object_put(root);
}

/* --- the history, and who shows it --- */

static int figure(const char *column)
{
	for (int i = 0; i < HISTORY_FIGURES; i++) {
		if (!strcmp(history_figures[i].column, column))
			return i;
	}
	fail_msg("the history has no column '%s'", column);
	return -1;
}

static void take(struct history *h, uint64_t second)
{
	struct released *r = privacy_release(b.privacy, NOW_NS + second * 1000000000);

	assert_non_null(r);
	history_take(h, r, (int64_t)second * 1000);
	released_unref(r);
}

/* The object of /history.json that contains an entry. */
static struct json_object *place(struct json_object *root, const struct entry *e)
{
	struct json_object *unseen = json_object_object_get(root, "unseen");

	switch (e->metric) {
	case METRIC_OUTCOMES: return json_object_object_get(root, "outcomes");
	case METRIC_GAPS: return json_object_object_get(unseen, "gaps");
	case METRIC_OPAQUE: return json_object_object_get(unseen, "opaque");
	default: return unseen;
	}
}

static struct json_object *history_page(struct history *h)
{
	const struct config config = {.export_interval_ms = 1000};
	struct released *r = privacy_release(b.privacy, NOW_NS + 2000000000);
	struct page_facts facts = {.config = &config, .snapshot = r, .history = h};
	char *text = page_json(&facts, "/history.json", "hour", "own");
	struct json_object *root;

	assert_non_null(text);
	root = json_tokener_parse(text);
	assert_non_null(root);
	free(text);
	released_unref(r);
	return root;
}

static void test_the_history_and_the_page_show_it_under_its_name(void **state)
{
	static const struct privacy_params params = PRIVACY_PARAMS_DEFAULT;
	struct json_object *root;
	struct history *h;
	struct history_sum sum;

	(void)state;
	assert_int_equal(history_open(NULL, &params, &h), 0);
	take(h, 0);
	count_all();
	take(h, 1);
	assert_int_equal(history_sum(h, HISTORY_OWN, HISTORY_HOUR, &sum), 0);
	root = history_page(h);
	for (size_t i = 0; i < ENTRIES; i++) {
		const struct entry *e = &entries[i];
		const char *key = e->label ? e->label : e->column;

		if (!e->column)
			continue;
		assert_int_equal(sum.figures[figure(e->column)], wanted(e));
		assert_int_equal(number(place(root, e), key), wanted(e));
	}
	assert_int_equal(sum.figures[figure("evicted")], sum_of_times(METRIC_EVICTED));
	assert_int_equal(number(json_object_object_get(root, "unseen"), "evicted"),
			 sum_of_times(METRIC_EVICTED));
	json_object_put(root);
	history_close(h);
}

/* `telltale top` shows them in the order of their numbers. */
static void test_the_historys_figures_follow_the_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ENTRIES; i++) {
		const struct entry *e = &entries[i];
		int first = e->metric == METRIC_OUTCOMES ? HISTORY_OUTCOMES
			    : e->metric == METRIC_GAPS   ? HISTORY_GAPS
			    : e->metric == METRIC_OPAQUE ? HISTORY_OPAQUE
							 : -1;

		if (first >= 0)
			assert_int_equal(figure(e->column), first + (int)position(e));
	}
}

static void test_the_page_shows_them_in_its_order(void **state)
{
	static const char *const keys[] = {
		"fulfilled",    "rejected",       "expired",
		"http_error",   "not_ilp",        "closed",
		"lost",         "hole",           "reorder",
		"http",         "complex",        "load",
		"full",         "tls-no-library", "tls-unattached",
		"tls-refused",  "tls-seccomp",    "tls-unknown-owner",
		"http2",        "upgraded",       "unix",
		"other-cgroup", "bypassed",       "dropped",
		"unmatched",    "bad_requests",   "evicted",
		"unattributed", "unconverted",
	};
	const char *at = strstr(page_html, "const OUTCOMES = ");

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		char text[64];

		snprintf(text, sizeof(text), "\"%s\": [", keys[i]);
		at = at ? strstr(at, text) : NULL;
		if (!at)
			fail_msg("'%s' is not after the key before it", keys[i]);
	}
}

static void assert_on_page(const char *format, const char *key, const char *name, const char *why)
{
	char text[512];

	snprintf(text, sizeof(text), format, key, name, why);
	if (!strstr(page_html, text))
		fail_msg("the page does not say: %s", text);
}

static void test_people_read_the_right_words_for_each(void **state)
{
	(void)state;
	for (size_t i = 0; i < ENTRIES; i++) {
		const struct entry *e = &entries[i];

		if (!e->column)
			continue;
		assert_string_equal(history_figures[figure(e->column)].brief, e->brief);
		assert_on_page("\"%s\": [\"%s\", \"%s\"]", e->label ? e->label : e->column, e->name,
			       e->why);
		if (e->metric == METRIC_OUTCOMES)
			assert_on_page("--o-%s: #", e->label, NULL, NULL);
	}
	assert_string_equal(history_figures[figure("evicted")].brief, "pushed out");
	assert_on_page("\"%s\": [\"%s\", \"%s\"]", "evicted", "Pushed out", "of a full table");
}

/* blind.c logs them by constant. */
static void test_the_log_has_the_words_of_the_reason(void **state)
{
	static const char *const logged[] = {
#define WORD(id, label, loss, brief, name, why, log) [OPAQUE_##id] = (log),
		OPAQUE_WORDS(WORD)
#undef WORD
	};
	static const char *const wanted[] = {
		"its TLS is not OpenSSL",
		"its TLS library could not",
		"the kernel refuses",
		"it is under a seccomp",
		"its TLS library is read",
		"the connection was gone",
		"ILP goes by in HTTP/2",
		"they went over from HTTP/1.1",
		"Unix sockets are not read",
		"their sockets were made",
		"the kernel delivered bytes on them",
	};

	(void)state;
	assert_int_equal(sizeof(logged), sizeof(wanted));
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		assert_ptr_equal(strstr(logged[i], wanted[i]), logged[i]);
}

/* --- what is a loss --- */

static bool complete(void)
{
	return released(METRIC_COVERAGE, NULL) == 1;
}

static void test_coverage_falls_with_what_is_listed_as_a_loss_and_with_nothing_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < ENTRIES; i++) {
		const struct entry *e = &entries[i];

		rebuild(&usd, 16);
		assert_true(complete());
		series_count(b.series, e->metric, position(e), 1);
		if (complete() == e->loss)
			fail_msg("%s{%s} is %s a loss", metric_infos[e->metric].name,
				 e->label ? e->label : "", e->loss ? "not" : "");
	}
}

/* This also covers metrics that did not exist when the test was written. */
static void test_any_metric_that_declares_itself_a_loss_lowers_coverage(void **state)
{
	int losses = 0;

	(void)state;
	for (int m = 0; m < METRICS_LEN; m++) {
		const struct metric_info *info = &metric_infos[m];
		int handle;

		if (info->shape != METRIC_SUM || info->loss == METRIC_BY_LABEL)
			continue;
		rebuild(&usd, 16);
		handle = series_find(b.series, (enum metric)m, NULL, NULL);
		if (handle < 0)
			handle = series_find(b.series, (enum metric)m, "endpoint", "somewhere");
		assert_true(handle >= 0);
		series_add(b.series, handle, 1);
		assert_int_equal(complete(), info->loss == METRIC_NO_LOSS);
		losses += info->loss == METRIC_LOSS;
	}
	assert_true(losses > 0);
}

static void test_a_value_in_no_vocabulary_counts_as_a_loss(void **state)
{
	(void)state;
	series_add(b.series, series_find(b.series, METRIC_OPAQUE, "reason", "quic"), 1);
	assert_false(complete());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(every_constant_has_the_number_that_other_files_use),
		T(the_parts_of_a_packets_time_keep_their_names),
		T(what_is_counted_is_released_under_its_label),
		T(origins_and_statuses_are_released_under_their_labels),
		T(the_truth_file_names_what_happened),
		T(the_history_and_the_page_show_it_under_its_name),
		T(the_historys_figures_follow_the_numbers),
		T(the_page_shows_them_in_its_order),
		T(people_read_the_right_words_for_each),
		T(the_log_has_the_words_of_the_reason),
		T(coverage_falls_with_what_is_listed_as_a_loss_and_with_nothing_else),
		T(any_metric_that_declares_itself_a_loss_lowers_coverage),
		T(a_value_in_no_vocabulary_counts_as_a_loss),
	};

	return cmocka_run_group_tests_name("vocabulary", tests, NULL, NULL);
}
