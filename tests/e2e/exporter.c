/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exporter.c - runs the export stage alone, controlled by lines on standard input, for tests with
 * real gRPC servers.
 *
 *   exporter [--try] ENDPOINT...
 *
 * ENDPOINT is authority=HOST:PORT followed by options after commas: tls, gzip, own, ca=FILE,
 * cert=FILE, key=FILE, timeout=MS, header=NAME:VALUE, exponential. --try makes one attempt at the
 * first.
 *
 *   post N     posts a snapshot whose sums are N
 *   huge N     the same with more than 64 MiB of text in it
 *   edges N    posts one of everything at the edge of what its type can hold, and N
 *   empty      posts a snapshot without a point
 *   status     prints every endpoint's state as one line of JSON
 *   stop MS    flushes, stops and exits
 */
#include <errno.h>
#include <stdbool.h>

#include <json-c/json.h>

#include "tests/snapshot.h"
#include "export/export.h"

#define ENDPOINTS_MAX 4
#define HUGE_LEN      (65u << 20)

static struct config_endpoint endpoints[ENDPOINTS_MAX];
static struct config_header headers[ENDPOINTS_MAX];
static struct config_attribute attributes[] = {
	{(char *)"deployment.environment", (char *)"test"},
	{(char *)"service.instance.id", (char *)"chosen-by-operator"},
	{(char *)"telltale.privacy.mechanism", (char *)"forged"},
	{(char *)"service.name", (char *)"forged"},
};
static struct export_params params = {
	.instance_id = "node-a",
	.service_name = "telltale",
	.attributes = attributes,
	.attributes_len = 4,
	.endpoints = endpoints,
};

static int endpoint_of(char *text)
{
	enum { AUTHORITY, TLS, GZIP, OWN, CA, CERT, KEY, TIMEOUT, HEADER, EXPONENTIAL };
	static char *const names[] = {"authority", "tls",     "gzip",   "own",         "ca", "cert",
				      "key",       "timeout", "header", "exponential", NULL};
	struct config_endpoint *e = &endpoints[params.endpoints_len];
	struct config_header *h = &headers[params.endpoints_len];
	char *value, *colon;

	e->audience = AUDIENCE_NETWORK;
	e->timeout_ms = 10000;
	while (*text) {
		switch (getsubopt(&text, names, &value)) {
		case AUTHORITY: e->url = e->authority = value; break;
		case TLS: e->tls = true; break;
		case GZIP: e->gzip = true; break;
		case OWN: e->audience = AUDIENCE_OWN; break;
		case CA: e->ca_file = value; break;
		case CERT: e->cert_file = value; break;
		case KEY: e->key_file = value; break;
		case TIMEOUT: e->timeout_ms = (uint32_t)atoi(value); break;
		case HEADER:
			colon = strchr(value, ':');
			if (!colon)
				return -EINVAL;
			*colon = '\0';
			*h = (struct config_header){value, colon + 1};
			e->headers = h;
			e->headers_len = 1;
			break;
		case EXPONENTIAL: e->exponential = true; break;
		default: return -EINVAL;
		}
	}
	params.endpoints_len++;
	return e->authority ? 0 : -EINVAL;
}

static void post(struct exporter *x, int64_t n, const char *source)
{
	struct snapshot *s = snapshot_new(source, SNAPSHOT_START_NS + (uint64_t)n);

	snapshot_add(s, METRIC_TRANSACTIONS, NULL, NULL, n);
	snapshot_add(s, METRIC_PAY_TIME, NULL, NULL, 0);
	snapshot_add(s, METRIC_REJECTS, "code", "F08", n);
	export_post(x, &s->released);
	released_unref(&s->released);
}

static void add_times(struct snapshot *s, enum metric metric, const char *value,
		      const struct histogram *h)
{
	struct released_point *p = snapshot_add(s, metric, "origin", value, 0);

	p->count = h->count;
	p->sum_ms = (double)h->sum_ns / 1e6;
	memcpy(p->buckets, h->buckets, sizeof(p->buckets));
	p->exponential = &h->exponential;
}

static void post_edges(struct exporter *x, int64_t n)
{
	static struct histogram some, full, none; /* snapshots point to them */
	struct snapshot *s =
		snapshot_new("\xff node \"a\" \xe2\x82\xac", SNAPSHOT_START_NS + (uint64_t)n);

	histogram_init(&none);
	histogram_init(&some);
	histogram_add(&some, 0);
	histogram_add(&some, 3000000);
	histogram_add(&some, 4000000);
	histogram_add(&some, 20000000000);
	histogram_init(&full);
	full.count = full.sum_ns = full.buckets[METRIC_BOUNDS] = UINT64_MAX;
	full.exponential.scale = -10;
	full.exponential.offset = INT32_MIN;
	full.exponential.len = HISTOGRAM_EXPONENTIAL;
	full.exponential.counts[0] = full.exponential.counts[HISTOGRAM_EXPONENTIAL - 1] =
		UINT64_MAX;
	snapshot_add(s, METRIC_TRANSACTIONS, NULL, NULL, INT64_MAX);
	snapshot_add(s, METRIC_PACKET_PREPARE, NULL, NULL, n);
	snapshot_add(s, METRIC_PACKET_FULFILL, NULL, NULL, 0);
	snapshot_add(s, METRIC_PAY_TIME, NULL, NULL, 0)->without_sum = true;
	snapshot_add(s, METRIC_COVERAGE, NULL, NULL, 1);
	add_times(s, METRIC_EXCHANGE_TIME, "unknown", &none);
	add_times(s, METRIC_EXCHANGE_TIME, "originated", &some);
	add_times(s, METRIC_EXCHANGE_TIME, "received", &full);
	snapshot_add(s, METRIC_EXPORTS, "endpoint", "", 5);
	snapshot_add(s, METRIC_EXPORTS, RELEASED_OVERFLOW, "true", 7);
	snapshot_add(s, METRIC_RATES_AGE, "document", "operator", -1);
	snapshot_add(s, METRIC_RATES_AGE, "document", "network", INT64_MIN);
	export_post(x, &s->released);
	released_unref(&s->released);
}

static void post_empty(struct exporter *x)
{
	struct snapshot *s = snapshot_new("node-a", SNAPSHOT_START_NS);

	export_post(x, &s->released);
	released_unref(&s->released);
}

static void post_huge(struct exporter *x, int64_t n)
{
	static char *text; /* lives until the exit: snapshots point to it */

	if (!text)
		text = calloc(1, HUGE_LEN + 1);
	if (!text)
		abort();
	memset(text, 'x', HUGE_LEN);
	post(x, n, text);
}

static void print_status(struct exporter *x)
{
	struct export_status status[ENDPOINTS_MAX];
	size_t n = export_status(x, status, ENDPOINTS_MAX);
	json_object *list = json_object_new_array();

	for (size_t i = 0; i < n; i++) {
		const struct export_status *s = &status[i];
		json_object *o = json_object_new_object();

		json_object_object_add(o, "exports", json_object_new_uint64(s->exports));
		json_object_object_add(o, "failures", json_object_new_uint64(s->failures));
		json_object_object_add(o, "retries", json_object_new_uint64(s->retries));
		json_object_object_add(o, "rejected_points",
				       json_object_new_uint64(s->rejected_points));
		json_object_object_add(o, "consecutive_failures",
				       json_object_new_uint64(s->consecutive_failures));
		json_object_object_add(o, "last_success",
				       json_object_new_uint64(s->last_success_unix_ns));
		json_object_object_add(o, "bytes", json_object_new_uint64(s->bytes));
		json_object_object_add(o, "last_bytes", json_object_new_uint64(s->last_bytes));
		json_object_object_add(o, "latency_ns", json_object_new_uint64(s->latency_ns));
		json_object_object_add(o, "timed", json_object_new_uint64(s->latency.count));
		json_object_object_add(o, "last_code", json_object_new_int(s->last_code));
		json_object_object_add(o, "last_error", json_object_new_string(s->last_error));
		json_object_array_add(list, o);
	}
	puts(json_object_to_json_string_ext(list, JSON_C_TO_STRING_PLAIN));
	json_object_put(list);
}

static void obey(struct exporter *x)
{
	char line[64];
	unsigned stop_ms = 0;
	long long n;

	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "post %lld", &n) == 1)
			post(x, n, "node-a");
		else if (sscanf(line, "huge %lld", &n) == 1)
			post_huge(x, n);
		else if (sscanf(line, "edges %lld", &n) == 1)
			post_edges(x, n);
		else if (!strcmp(line, "empty\n"))
			post_empty(x);
		else if (!strcmp(line, "status\n"))
			print_status(x);
		else if (sscanf(line, "stop %u", &stop_ms) == 1)
			break;
		else
			printf("not understood: %s", line);
	}
	export_stop(x, stop_ms);
	puts("stopped");
}

int main(int argc, char **argv)
{
	bool try = argc > 1 && !strcmp(argv[1], "--try");
	struct exporter *x;
	char why[256];
	int err;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = try ? 2 : 1; i < argc && i <= ENDPOINTS_MAX; i++) {
		if (endpoint_of(argv[i])) {
			fprintf(stderr, "exporter: bad endpoint\n");
			return 2;
		}
	}
	if (try) {
		err = export_try(&endpoints[0], endpoints[0].timeout_ms, why, sizeof(why));
		printf("%s: %s\n", err ? strerror(-err) : "ok", why);
		return err ? 1 : 0;
	}
	err = export_start(&params, &x);
	printf("started: %s\n", err ? strerror(-err) : "ok");
	if (!err)
		obey(x);
	return err ? 1 : 0;
}
