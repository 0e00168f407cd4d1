/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/health.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "export/export.h"

enum counter { EXPORTS, FAILURES, RETRIES, REJECTED, BYTES, SPANS, SPANS_LOST, COUNTERS };
enum gauge { LAST_SUCCESS, FAILING, STATUS, GAUGES };

static const enum metric counters[COUNTERS] = {
	[EXPORTS] = METRIC_EXPORTS,
	[FAILURES] = METRIC_EXPORT_FAILURES,
	[RETRIES] = METRIC_EXPORT_RETRIES,
	[REJECTED] = METRIC_EXPORT_REJECTED,
	[BYTES] = METRIC_EXPORT_BYTES,
	[SPANS] = METRIC_EXPORT_SPANS,
	[SPANS_LOST] = METRIC_EXPORT_SPANS_LOST,
};
static const enum metric gauges[GAUGES] = {
	[LAST_SUCCESS] = METRIC_EXPORT_LAST_SUCCESS,
	[FAILING] = METRIC_EXPORT_FAILING,
	[STATUS] = METRIC_EXPORT_STATUS,
};

struct handles {
	int counters[COUNTERS], gauges[GAUGES], times;
	uint64_t told[COUNTERS];
};

struct health {
	struct series *series;
	size_t len;
	struct export_status *status;
	struct handles *handles;
};

/* What distinguishes the series of endpoint I: its URL, with the audience where another has the
 * same. */
static void name(const struct config_endpoint *list, size_t list_len, size_t i, char *text,
		 size_t len)
{
	const struct config_endpoint *e = &list[i];
	bool twice = false;

	for (size_t j = 0; j < list_len; j++)
		twice = twice || (j != i && !strcmp(list[j].url, e->url));
	snprintf(text, len, "%s%s", e->url,
		 !twice                        ? ""
		 : e->audience == AUDIENCE_OWN ? " (own)"
					       : " (network)");
}

struct health *health_new(const struct config_endpoint *endpoints, size_t len,
			  struct series *series)
{
	struct health *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->series = series;
	h->len = len;
	h->status = calloc(h->len + 1, sizeof(*h->status));
	h->handles = calloc(h->len + 1, sizeof(*h->handles));
	if (!h->status || !h->handles) {
		health_free(h);
		return NULL;
	}
	for (size_t i = 0; i < h->len; i++) {
		struct handles *to = &h->handles[i];
		char url[1024];

		name(endpoints, len, i, url, sizeof(url));
		h->status[i].url = endpoints[i].url;
		h->status[i].audience = endpoints[i].audience;
		h->status[i].last_code = -1;
		for (unsigned c = 0; c < COUNTERS; c++)
			to->counters[c] = series_find(series, counters[c], "endpoint", url);
		for (unsigned g = 0; g < GAUGES; g++)
			to->gauges[g] = series_find(series, gauges[g], "endpoint", url);
		to->times = series_find(series, METRIC_EXPORT_TIME, "endpoint", url);
	}
	return h;
}

void health_free(struct health *h)
{
	if (!h)
		return;
	free(h->status);
	free(h->handles);
	free(h);
}

void health_succeed(struct health *h, const struct health *before)
{
	for (size_t i = 0; i < before->len; i++)
		series_put(h->series, before->handles[i].gauges[FAILING], 0);
	for (size_t i = 0; i < h->len; i++) {
		const char *url = h->status[i].url;

		for (size_t j = 0; j < before->len; j++) {
			if (before->status[j].audience != h->status[i].audience ||
			    strcmp(before->status[j].url, url) != 0)
				continue;
			h->status[i] = before->status[j];
			h->status[i].url = url;
			memcpy(h->handles[i].told, before->handles[j].told,
			       sizeof(h->handles[i].told));
		}
	}
}

void health_update(struct health *h, struct exporter *x)
{
	size_t n = x ? export_status(x, h->status, h->len) : 0;

	for (size_t i = 0; i < n; i++) {
		const struct export_status *s = &h->status[i];
		struct handles *to = &h->handles[i];
		const uint64_t now[COUNTERS] = {s->exports,         s->failures, s->retries,
						s->rejected_points, s->bytes,    s->spans,
						s->spans_lost};
		const int64_t values[GAUGES] = {(int64_t)(s->last_success_unix_ns / NS_PER_S),
						s->consecutive_failures, s->last_code};

		for (unsigned c = 0; c < COUNTERS; c++) {
			series_add(h->series, to->counters[c], now[c] - to->told[c]);
			to->told[c] = now[c];
		}
		for (unsigned g = 0; g < GAUGES; g++)
			series_put(h->series, to->gauges[g], values[g]);
		series_put_times(h->series, to->times, &s->latency);
	}
}

size_t health_endpoints(const struct health *h, const struct export_status **out)
{
	*out = h->status;
	return h->len;
}

static void put_state(FILE *out, const struct export_status *s)
{
	if (s->consecutive_failures)
		fprintf(out, "%u attempt%s failed in a row, the last one: %s",
			s->consecutive_failures, s->consecutive_failures == 1 ? "" : "s",
			s->last_error);
	else if (s->exports)
		fprintf(out, "well");
	else
		fprintf(out, "nothing accepted yet");
}

static void put_last(FILE *out, const struct export_status *s, uint64_t now_unix_ns)
{
	uint64_t ago = now_unix_ns > s->last_success_unix_ns
			       ? (now_unix_ns - s->last_success_unix_ns) / NS_PER_S
			       : 0;

	if (s->exports)
		fprintf(out,
			"; acknowledged last %" PRIu64 " s ago, within %.1f ms; %" PRIu64
			" bytes last, %" PRIu64 " in all",
			ago, (double)s->latency_ns / 1e6, s->last_bytes, s->bytes);
	else if (s->consecutive_failures)
		fprintf(out, "; never acknowledged");
}

char *health_words(const struct health *h, uint64_t now_unix_ns)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	bool failed;

	if (!out)
		return NULL;
	for (size_t i = 0; i < h->len; i++) {
		const struct export_status *s = &h->status[i];

		fprintf(out, "# export to %s (%s): ", s->url,
			s->audience == AUDIENCE_OWN ? "own" : "network");
		put_state(out, s);
		put_last(out, s, now_unix_ns);
		fputc('\n', out);
	}
	failed = ferror(out);
	failed = fclose(out) || failed;
	if (failed) {
		free(text);
		return NULL;
	}
	return text;
}
