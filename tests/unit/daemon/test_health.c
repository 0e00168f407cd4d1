/* SPDX-License-Identifier: Apache-2.0 */
/* test_health.c - what telltale reports about endpoints. A real exporter sends to a gRPC server in
 * this process, whose answers are scripted. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <pthread.h>

#include "export/export.h"
#include "export/lane.h"
#include "daemon/health.h"
#include "privacy/privacy.h"

#define PATIENCE_S 180
#define ANSWERS    4
#define TRACES     "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

/* --- a collector --- */

struct answer {
	grpc_status_code code;
	const char *words;
};

/* Gives ANSWERS, then always OK. */
struct collector {
	struct answer answers[ANSWERS];
	size_t given;            /* the thread's own */
	_Atomic unsigned traces; /* calls of the service that takes traces */
	char authority[32];
	grpc_completion_queue *cq;
	grpc_server *server;
	pthread_t thread;
};

static grpc_event next_of(const struct collector *c)
{
	return grpc_completion_queue_next(c->cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
}

static void answer_call(struct collector *c, grpc_call *call)
{
	static const struct answer ok = {GRPC_STATUS_OK, ""};
	const struct answer *a = c->given < ANSWERS ? &c->answers[c->given++] : &ok;
	grpc_slice words = grpc_slice_from_static_string(a->words ? a->words : "");
	grpc_byte_buffer *empty = grpc_raw_byte_buffer_create(NULL, 0);
	grpc_op ops[4] = {0};
	int cancelled;

	ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
	ops[1].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
	ops[1].data.send_status_from_server.status = a->code;
	ops[1].data.send_status_from_server.status_details = &words;
	ops[2].op = GRPC_OP_RECV_CLOSE_ON_SERVER;
	ops[2].data.recv_close_on_server.cancelled = &cancelled;
	ops[3].op = GRPC_OP_SEND_MESSAGE;
	ops[3].data.send_message.send_message = empty;
	if (grpc_call_start_batch(call, ops, a->code ? 3 : 4, call, NULL) == GRPC_CALL_OK)
		next_of(c);
	grpc_byte_buffer_destroy(empty);
	grpc_call_unref(call);
}

static void *collector_thread(void *arg)
{
	struct collector *c = arg;
	grpc_event event = {0};

	do {
		grpc_call *call = NULL;
		grpc_call_details details;
		grpc_metadata_array metadata;

		grpc_call_details_init(&details);
		grpc_metadata_array_init(&metadata);
		if (grpc_server_request_call(c->server, &call, &details, &metadata, c->cq, c->cq,
					     &call) != GRPC_CALL_OK)
			break;
		event = next_of(c);
		if (event.tag == &call && event.success) {
			c->traces += grpc_slice_str_cmp(details.method, TRACES) == 0;
			answer_call(c, call);
		} else if (event.tag == c)
			next_of(c); /* the request, which has been given up */
		grpc_metadata_array_destroy(&metadata);
		grpc_call_details_destroy(&details);
	} while (event.success && event.tag != c);
	while (event.tag != c)
		event = next_of(c);
	return NULL;
}

static void collector_start(struct collector *c)
{
	grpc_server_credentials *clear = grpc_insecure_server_credentials_create();
	int port;

	grpc_init();
	c->cq = grpc_completion_queue_create_for_next(NULL);
	c->server = grpc_server_create(NULL, NULL);
	grpc_server_register_completion_queue(c->server, c->cq, NULL);
	port = grpc_server_add_http2_port(c->server, "127.0.0.1:0", clear);
	grpc_server_credentials_release(clear);
	assert_true(port > 0);
	snprintf(c->authority, sizeof(c->authority), "127.0.0.1:%d", port);
	grpc_server_start(c->server);
	assert_int_equal(pthread_create(&c->thread, NULL, collector_thread, c), 0);
}

static void collector_stop(struct collector *c)
{
	grpc_server_shutdown_and_notify(c->server, c->cq, c);
	grpc_server_cancel_all_calls(c->server);
	pthread_join(c->thread, NULL);
	grpc_server_destroy(c->server);
	grpc_completion_queue_shutdown(c->cq);
	while (next_of(c).type != GRPC_QUEUE_SHUTDOWN)
		;
	grpc_completion_queue_destroy(c->cq);
	grpc_shutdown();
}

/* --- a node --- */

struct node {
	struct config_endpoint endpoints[2];
	struct export_params params;
	struct series *series;
	struct privacy *privacy;
	struct exporter *exporter;
	struct health *health;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void node_start(struct node *n, const struct collector *c, enum audience first,
		       enum audience second)
{
	static const struct privacy_params params = PRIVACY_PARAMS_DEFAULT;

	memset(n, 0, sizeof(*n));
	for (int i = 0; i < 2; i++)
		n->endpoints[i] = (struct config_endpoint){
			.url = (char *)c->authority,
			.authority = (char *)c->authority,
			.audience = i ? second : first,
			.timeout_ms = 10000,
			.traces = (i ? second : first) == AUDIENCE_OWN,
		};
	n->params = (struct export_params){
		.instance_id = "node-a",
		.service_name = "telltale",
		.endpoints = n->endpoints,
		.endpoints_len = second ? 2 : 1,
	};
	n->series = series_new(0);
	assert_non_null(n->series);
	n->privacy = privacy_new(&params, n->series, "node-a", now_ns(), NULL, NULL);
	assert_non_null(n->privacy);
	n->health = health_new(n->endpoints, n->params.endpoints_len, n->series);
	assert_non_null(n->health);
	assert_int_equal(export_start(&n->params, &n->exporter), 0);
}

static void node_stop(struct node *n)
{
	export_stop(n->exporter, 0);
	health_free(n->health);
	privacy_free(n->privacy);
	series_free(n->series);
}

static void post(struct node *n)
{
	struct released *r = privacy_release(n->privacy, now_ns());

	assert_non_null(r);
	export_post(n->exporter, r);
	released_unref(r);
}

static const struct export_status *endpoint(const struct node *n, size_t i)
{
	const struct export_status *list;

	assert_true(i < health_endpoints(n->health, &list));
	return &list[i];
}

/* Waits until endpoint I has made ATTEMPTS, and updates the series meanwhile. */
static void wait_for(struct node *n, size_t i, uint64_t attempts)
{
	const struct timespec pause = {.tv_nsec = 5000000};
	const time_t end = time(NULL) + PATIENCE_S;

	for (;;) {
		const struct export_status *s = endpoint(n, i);

		health_update(n->health, n->exporter);
		if (s->exports + s->failures + s->retries >= attempts)
			return;
		assert_true(time(NULL) < end);
		nanosleep(&pause, NULL);
	}
}

/* The point of METRIC whose endpoint is NAME, in a new snapshot *R, which the caller must unref. */
static const struct released_point *point(const struct node *n, enum metric metric,
					  const char *name, struct released **r)
{
	*r = privacy_release(n->privacy, now_ns());
	assert_non_null(*r);
	for (size_t i = 0; i < (*r)->points_len; i++) {
		const struct released_point *p = &(*r)->points[i];

		if (p->metric == metric && p->labels_len == 1 &&
		    !strcmp(p->labels[0].key, "endpoint") && !strcmp(p->labels[0].value, name))
			return p;
	}
	fail_msg("%s has no point for %s", metric_infos[metric].name, name);
	return NULL;
}

static int64_t value(const struct node *n, enum metric metric, const char *name)
{
	struct released *r;
	int64_t v = point(n, metric, name, &r)->value;

	released_unref(r);
	return v;
}

/* A batch of LEN spans. */
static void post_spans(struct node *n, size_t len)
{
	struct spans *s = spans_new();

	assert_non_null(s);
	while (s->len < len)
		assert_non_null(spans_add(s));
	export_post_spans(n->exporter, s);
	spans_unref(s);
}

/* Waits until SPANS of those posted have been accepted or lost by endpoint I. */
static void wait_for_spans(struct node *n, size_t i, uint64_t spans)
{
	const struct timespec pause = {.tv_nsec = 5000000};
	const time_t end = time(NULL) + PATIENCE_S;
	const struct export_status *s = endpoint(n, i);

	for (;;) {
		health_update(n->health, n->exporter);
		if (s->spans + s->spans_lost >= spans)
			return;
		assert_true(time(NULL) < end);
		nanosleep(&pause, NULL);
	}
}

static void assert_words(const struct node *n, uint64_t at_ns, const char *expected)
{
	char *words = health_words(n->health, at_ns);

	assert_non_null(words);
	assert_string_equal(words, expected);
	free(words);
}

/* --- the tests --- */

static void before_anything_is_sent_there_are_zeros_and_no_verdict(void **state)
{
	static const struct privacy_params params = PRIVACY_PARAMS_DEFAULT;
	struct config_endpoint e = {.url = (char *)"http://c:1", .audience = AUDIENCE_NETWORK};
	struct node n = {.series = series_new(0)};

	(void)state;
	assert_non_null(n.series);
	n.privacy = privacy_new(&params, n.series, "node-a", 1, NULL, NULL);
	assert_non_null(n.privacy);
	n.health = health_new(&e, 1, n.series);
	assert_non_null(n.health);
	health_update(n.health, NULL);
	assert_int_equal(value(&n, METRIC_EXPORTS, "http://c:1"), 0);
	assert_int_equal(value(&n, METRIC_EXPORT_BYTES, "http://c:1"), 0);
	assert_int_equal(value(&n, METRIC_EXPORT_LAST_SUCCESS, "http://c:1"), 0);
	assert_int_equal(value(&n, METRIC_EXPORT_FAILING, "http://c:1"), 0);
	assert_int_equal(value(&n, METRIC_EXPORT_STATUS, "http://c:1"), -1);
	assert_words(&n, now_ns(), "# export to http://c:1 (network): nothing accepted yet\n");
	health_free(n.health);
	privacy_free(n.privacy);
	series_free(n.series);
	health_free(NULL);
}

static void without_an_endpoint_there_is_nothing_to_report(void **state)
{
	struct node n = {.series = series_new(0)};
	const struct export_status *list;

	(void)state;
	assert_non_null(n.series);
	n.health = health_new(NULL, 0, n.series);
	assert_non_null(n.health);
	health_update(n.health, NULL);
	assert_int_equal(health_endpoints(n.health, &list), 0);
	assert_words(&n, now_ns(), "");
	health_free(n.health);
	series_free(n.series);
}

static void
an_acknowledged_export_is_counted_once_however_often_the_series_are_updated(void **state)
{
	struct collector c = {0};
	const struct export_status *s;
	const struct released_point *p;
	struct released *r;
	struct node n;
	char words[512];

	(void)state;
	collector_start(&c);
	node_start(&n, &c, AUDIENCE_OWN, 0);
	for (uint64_t i = 1; i <= 3; i++) {
		post(&n);
		wait_for(&n, 0, i);
	}
	for (int i = 0; i < 3; i++)
		health_update(n.health, n.exporter);
	s = endpoint(&n, 0);
	assert_int_equal(s->exports, 3);
	assert_true(s->last_bytes > 0 && s->bytes > 2 * s->last_bytes);
	assert_int_equal(value(&n, METRIC_EXPORTS, c.authority), 3);
	assert_int_equal(value(&n, METRIC_EXPORT_BYTES, c.authority), s->bytes);
	assert_int_equal(value(&n, METRIC_EXPORT_STATUS, c.authority), 0);
	assert_int_equal(value(&n, METRIC_EXPORT_LAST_SUCCESS, c.authority),
			 s->last_success_unix_ns / 1000000000);
	p = point(&n, METRIC_EXPORT_TIME, c.authority, &r);
	assert_int_equal(p->count, 3);
	assert_true(p->sum_ms > 0);
	released_unref(r);
	snprintf(words, sizeof(words),
		 "# export to %s (own): well; acknowledged last 7 s ago, within %.1f ms; %" PRIu64
		 " bytes last, %" PRIu64 " in all\n",
		 c.authority, (double)s->latency_ns / 1e6, s->last_bytes, s->bytes);
	assert_words(&n, s->last_success_unix_ns + 7900000000, words);
	/* A clock that was set back must not give an age of centuries. */
	memcpy(strstr(words, "7 s"), "0 s", 3);
	assert_words(&n, s->last_success_unix_ns - 7900000000, words);
	node_stop(&n);
	collector_stop(&c);
}

static void failures_are_reported_with_the_last_error_on_one_line(void **state)
{
	struct collector c = {
		.answers = {{GRPC_STATUS_INVALID_ARGUMENT, "no\n# TYPE evil counter\nevil 1"},
			    {GRPC_STATUS_UNAUTHENTICATED, "who are you?"},
			    {GRPC_STATUS_OK, NULL},
			    {GRPC_STATUS_PERMISSION_DENIED, ""}},
	};
	struct node n;
	char words[512], *text;

	(void)state;
	collector_start(&c);
	node_start(&n, &c, AUDIENCE_NETWORK, 0);
	post(&n);
	wait_for(&n, 0, 1);
	snprintf(words, sizeof(words),
		 "# export to %s (network): 1 attempt failed in a row, the last one: "
		 "INVALID_ARGUMENT: no # TYPE evil counter evil 1; never acknowledged\n",
		 c.authority);
	assert_words(&n, now_ns(), words);
	post(&n);
	wait_for(&n, 0, 2);
	snprintf(words, sizeof(words),
		 "# export to %s (network): 2 attempts failed in a row, the last one: "
		 "UNAUTHENTICATED: who are you?; never acknowledged\n",
		 c.authority);
	assert_words(&n, now_ns(), words);
	assert_int_equal(value(&n, METRIC_EXPORT_FAILURES, c.authority), 2);
	assert_int_equal(value(&n, METRIC_EXPORT_FAILING, c.authority), 2);
	assert_int_equal(value(&n, METRIC_EXPORT_STATUS, c.authority), GRPC_STATUS_UNAUTHENTICATED);
	assert_int_equal(value(&n, METRIC_EXPORT_BYTES, c.authority), 0);
	post(&n);
	wait_for(&n, 0, 3);
	assert_int_equal(value(&n, METRIC_EXPORT_FAILING, c.authority), 0);
	assert_int_equal(value(&n, METRIC_EXPORT_STATUS, c.authority), 0);
	/* An endpoint that fails after a success reports both. */
	post(&n);
	wait_for(&n, 0, 4);
	text = health_words(n.health, endpoint(&n, 0)->last_success_unix_ns);
	assert_non_null(text);
	assert_non_null(strstr(text, ": 1 attempt failed in a row, the last one: "
				     "PERMISSION_DENIED; acknowledged last 0 s ago, within "));
	free(text);
	assert_int_equal(value(&n, METRIC_EXPORTS, c.authority), 1);
	assert_int_equal(value(&n, METRIC_EXPORT_FAILURES, c.authority), 3);
	node_stop(&n);
	collector_stop(&c);
}

static void one_address_for_both_audiences_makes_two_series(void **state)
{
	struct collector c = {0};
	char own[64], network[64];
	struct node n;

	(void)state;
	collector_start(&c);
	node_start(&n, &c, AUDIENCE_NETWORK, AUDIENCE_OWN);
	post(&n);
	wait_for(&n, 0, 1);
	wait_for(&n, 1, 1);
	snprintf(own, sizeof(own), "%s (own)", c.authority);
	snprintf(network, sizeof(network), "%s (network)", c.authority);
	assert_int_equal(value(&n, METRIC_EXPORTS, own), 1);
	assert_int_equal(value(&n, METRIC_EXPORTS, network), 1);
	assert_int_equal(value(&n, METRIC_EXPORT_BYTES, own), endpoint(&n, 1)->bytes);
	assert_int_equal(value(&n, METRIC_EXPORT_BYTES, network), endpoint(&n, 0)->bytes);
	/* The operator's export is larger. */
	assert_true(endpoint(&n, 1)->bytes > endpoint(&n, 0)->bytes);
	node_stop(&n);
	collector_stop(&c);
}

static void spans_are_tried_again_and_those_that_are_refused_are_counted_as_lost(void **state)
{
	struct collector c = {.answers = {{GRPC_STATUS_OK, ""},
					  {GRPC_STATUS_UNIMPLEMENTED, "unknown service"},
					  {GRPC_STATUS_UNAVAILABLE, "later"}}};
	struct node n;

	(void)state;
	collector_start(&c);
	node_start(&n, &c, AUDIENCE_OWN, 0);
	post(&n);
	wait_for(&n, 0, 1);
	post_spans(&n, 7);
	wait_for_spans(&n, 0, 7);
	assert_int_equal(value(&n, METRIC_EXPORT_SPANS_LOST, c.authority), 7);
	/* A Collector without a pipeline for traces is no failure of its metrics. */
	assert_int_equal(endpoint(&n, 0)->failures, 0);
	assert_int_equal(endpoint(&n, 0)->consecutive_failures, 0);
	post_spans(&n, 3);
	wait_for_spans(&n, 0, 10);
	assert_int_equal(value(&n, METRIC_EXPORT_SPANS, c.authority), 3);
	assert_int_equal(value(&n, METRIC_EXPORT_SPANS_LOST, c.authority), 7);
	assert_int_equal(c.traces, 3);
	node_stop(&n);
	collector_stop(&c);
}

static void an_endpoint_of_the_network_gets_no_spans(void **state)
{
	struct collector c = {0};
	struct node n;

	(void)state;
	collector_start(&c);
	node_start(&n, &c, AUDIENCE_NETWORK, AUDIENCE_OWN);
	post(&n);
	wait_for(&n, 0, 1);
	wait_for(&n, 1, 1);
	post_spans(&n, 2);
	wait_for_spans(&n, 1, 2);
	post(&n);
	wait_for(&n, 0, 2);
	assert_int_equal(c.traces, 1);
	assert_int_equal(endpoint(&n, 0)->spans, 0);
	node_stop(&n);
	collector_stop(&c);
}

/* The collector answers nothing: the first batch is being sent for ever. */
static void of_more_batches_than_can_wait_the_oldest_are_lost(void **state)
{
	struct config_endpoint e = {.traces = true};
	struct lane l = {.channel = {.endpoint = &e}, .sending_spans = true};

	(void)state;
	for (size_t i = 1; i <= LANE_BATCHES + 2; i++) {
		struct spans *s = spans_new();

		while (s->len < i)
			spans_add(s);
		lane_give_spans(&l, s);
		spans_unref(s);
	}
	assert_int_equal(l.batches_len, LANE_BATCHES);
	assert_int_equal(l.batches[0]->len, 1); /* under way */
	assert_int_equal(l.batches[1]->len, 4);
	assert_int_equal(l.status.spans_lost, 2 + 3);
	while (l.batches_len)
		spans_unref(l.batches[--l.batches_len]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_anything_is_sent_there_are_zeros_and_no_verdict),
		cmocka_unit_test(without_an_endpoint_there_is_nothing_to_report),
		cmocka_unit_test(
			an_acknowledged_export_is_counted_once_however_often_the_series_are_updated),
		cmocka_unit_test(failures_are_reported_with_the_last_error_on_one_line),
		cmocka_unit_test(one_address_for_both_audiences_makes_two_series),
		cmocka_unit_test(
			spans_are_tried_again_and_those_that_are_refused_are_counted_as_lost),
		cmocka_unit_test(an_endpoint_of_the_network_gets_no_spans),
		cmocka_unit_test(of_more_batches_than_can_wait_the_oldest_are_lost),
	};

	/* Without this gRPC would use a proxy of the environment. */
	unsetenv("grpc_proxy");
	unsetenv("https_proxy");
	unsetenv("http_proxy");
	return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
