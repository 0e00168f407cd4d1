/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exporter.c - the export stage alone, driven by lines on standard input, for tests with real gRPC
 * servers.
 *
 *   exporter [--try] ENDPOINT...
 *
 * ENDPOINT is authority=HOST:PORT followed by options after commas: tls, gzip, own, ca=FILE,
 * cert=FILE, key=FILE, timeout=MS, header=NAME:VALUE. --try makes one attempt at the first.
 *
 *   post N     posts a snapshot whose sums are N
 *   huge N     the same with more than 64 MiB of text in it
 *   status     prints every endpoint's state as one line of JSON
 *   stop MS    flushes, stops and exits
 */
#include <errno.h>
#include <stdbool.h>

#include <json-c/json.h>

#include "tests/snapshot.h"
#include "user/export.h"

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
static struct config config = {
	.instance = (char *)"node-a",
	.service_name = (char *)"telltale",
	.attributes = attributes,
	.attributes_len = 4,
	.endpoints = endpoints,
};

static int endpoint_of(char *text)
{
	enum { AUTHORITY, TLS, GZIP, OWN, CA, CERT, KEY, TIMEOUT, HEADER };
	static char *const names[] = {"authority", "tls", "gzip",    "own",    "ca",
				      "cert",      "key", "timeout", "header", NULL};
	struct config_endpoint *e = &endpoints[config.endpoints_len];
	struct config_header *h = &headers[config.endpoints_len];
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
		default: return -EINVAL;
		}
	}
	config.endpoints_len++;
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
		err = export_try(&config, &endpoints[0], endpoints[0].timeout_ms, why, sizeof(why));
		printf("%s: %s\n", err ? strerror(-err) : "ok", why);
		return err ? 1 : 0;
	}
	err = export_start(&config, &x);
	printf("started: %s\n", err ? strerror(-err) : "ok");
	if (!err)
		obey(x);
	return err ? 1 : 0;
}
