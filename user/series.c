/* SPDX-License-Identifier: Apache-2.0 */
#include "series.h"

#include <stdlib.h>
#include <string.h>

#include "../bpf/record.h"
#include "exchange.h"

#define NS_PER_MS 1000000

/* --- the fixed series --- */

#define VALUES(...)                                                                                \
	(const char *const[])                                                                      \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

#define ORIGIN_VALUES VALUES("unknown", "originated", "forwarded", "received", "proxy_copy")
#define LOST_VALUES   VALUES("gap", "ring", "evicted", "replaced", "timeout", "shutdown", "opaque")
#define GAP_VALUES    VALUES("hole", "http", "complex", "reorder", "load", "full")
#define SOURCE_VALUES VALUES("operator", "network")

/* The codes of RFC 27; the last one stands for all others. */
static const char *const reject_codes[] = {
	"F00", "F01", "F02", "F03", "F04", "F05", "F06", "F07", "F08", "F99",   "T00", "T01",
	"T02", "T03", "T04", "T05", "T99", "R00", "R01", "R02", "R99", "other", NULL,
};
#define REJECT_OTHER (sizeof(reject_codes) / sizeof(reject_codes[0]) - 2)

_Static_assert(ORIGINS == 5 && ORIGIN_PROXY_COPY == 4, "ORIGIN_VALUES follow enum origin");
_Static_assert(OUTCOMES == 8 && OUTCOME_LOST == 7, "the outcomes' values follow enum outcome");
_Static_assert(LOSTS == 8 && LOST_OPAQUE == 7, "LOST_VALUES follow enum lost");
_Static_assert(RECORD_GAP_CAUSES == 6 && RECORD_GAP_FULL == 6, "GAP_VALUES follow the record's");

/* Metrics that are not here have one series without labels. */
static const struct spec {
	bool at_run_time; /* label values are known only then */
	struct {
		const char *key;
		const char *const *values;
	} labels[RELEASED_LABELS];
} specs[METRICS_LEN] = {
	[METRIC_PREPARE_PROCESSING] = {.labels = {{"operation", VALUES("receive", "forward")}}},
	[METRIC_EXCHANGE_TIME] = {.labels = {{"origin", ORIGIN_VALUES}}},
	[METRIC_TRANSACTIONS_BY_ORIGIN] = {.labels = {{"origin", ORIGIN_VALUES}}},
	[METRIC_AMOUNT_BY_ORIGIN] = {.labels = {{"origin", ORIGIN_VALUES}}},
	[METRIC_PACKETS] = {.labels = {{"kind", VALUES("prepare", "fulfill", "reject")},
				       {"stream", VALUES("payment", "probe")}}},
	[METRIC_REJECTS] = {.labels = {{"code", reject_codes}}},
	[METRIC_OUTCOMES] = {.labels = {{"outcome",
					 VALUES("fulfilled", "rejected", "expired", "http_error",
						"not_ilp", "closed", "lost")}}},
	[METRIC_HTTP_ERRORS] = {.labels = {{"status",
					    VALUES("2xx", "3xx", "4xx", "5xx", "other")}}},
	[METRIC_LOST] = {.labels = {{"cause", LOST_VALUES}}},
	[METRIC_ORIGINS] = {.labels = {{"origin", ORIGIN_VALUES}}},
	[METRIC_RECORDS] = {.labels = {{"type", VALUES("message", "endpoint", "flow_close", "gap",
						       "opaque", "unknown")}}},
	[METRIC_GAPS] = {.labels = {{"cause", GAP_VALUES}}},
	[METRIC_GAP_BYTES] = {.labels = {{"cause", GAP_VALUES}}},
	[METRIC_EVICTED] = {.labels = {{"table", VALUES("exchanges", "conditions", "payments")}}},
	[METRIC_OPAQUE] = {.labels = {{"reason",
				       VALUES("tls-no-library", "tls-unattached", "tls-refused",
					      "tls-seccomp", "tls-unknown-owner", "http2",
					      "upgraded")}}},
	[METRIC_EXPORTS] = {.at_run_time = true},
	[METRIC_EXPORT_FAILURES] = {.at_run_time = true},
	[METRIC_PRIVACY_STATE] = {.labels = {{"event", VALUES("corrupt", "foreign", "older",
							      "dropped", "unsaved")}}},
	[METRIC_HISTORY_FAILURES] = {.labels = {{"event",
						 VALUES("corrupt", "foreign", "unsaved")}}},
	[METRIC_RATES_AGE] = {.labels = {{"document", SOURCE_VALUES}}},
	[METRIC_RATES_FAILURES] = {.labels = {{"document", SOURCE_VALUES}}},
};

static struct series_entry *entry_add(struct series *s, enum metric metric)
{
	struct series_entry *e = &s->entries[s->len++];

	e->metric = metric;
	e->sum = metric == METRIC_RATES_AGE ? -1 : 0; /* none loaded yet */
	return e;
}

/* One series for each combination of label values, the first label's varying slowest. */
static void add_fixed(struct series *s, enum metric metric)
{
	static const char *const none[] = {"", NULL};
	const struct spec *spec = &specs[metric];
	const char *const *outer = spec->labels[0].key ? spec->labels[0].values : none;

	s->first[metric] = s->len;
	if (spec->at_run_time)
		return;
	for (; *outer; outer++) {
		const char *const *inner = spec->labels[1].key ? spec->labels[1].values : none;

		for (; *inner; inner++) {
			struct series_entry *e = entry_add(s, metric);
			const char *values[RELEASED_LABELS] = {*outer, *inner};

			for (; e->labels_len < RELEASED_LABELS && spec->labels[e->labels_len].key;
			     e->labels_len++)
				e->labels[e->labels_len] = (struct released_label){
					spec->labels[e->labels_len].key, values[e->labels_len]};
		}
	}
}

void series_init(struct series *s)
{
	for (int metric = 0; metric < METRICS_LEN; metric++)
		add_fixed(s, (enum metric)metric);
}

void series_fini(struct series *s)
{
	for (int i = 0; i < s->len; i++) {
		if (s->entries[i].own_text) {
			free((char *)s->entries[i].labels[0].key);
			free((char *)s->entries[i].labels[0].value);
		}
	}
}

/* --- what happens --- */

void series_count(struct series *s, enum metric metric, unsigned which, int64_t n)
{
	s->entries[s->first[metric] + (int)which].sum += n;
}

void series_time(struct series *s, enum metric metric, unsigned which, uint64_t ns)
{
	struct series_histogram *h = &s->entries[s->first[metric] + (int)which].histogram;

	h->buckets[metric_bucket(ns)]++;
	h->count++;
	if (__builtin_add_overflow(h->sum_ns, ns, &h->sum_ns))
		h->sum_ns = UINT64_MAX;
}

unsigned series_reject(const char *code)
{
	unsigned i = 0;

	while (i < REJECT_OTHER && strncmp(reject_codes[i], code, 4) != 0)
		i++;
	return i;
}

static bool entry_is(const struct series_entry *e, enum metric metric, const char *key,
		     const char *value)
{
	if (e->metric != metric || e->labels_len != (key != NULL))
		return false;
	return !key || (!strcmp(e->labels[0].key, key) && !strcmp(e->labels[0].value, value));
}

int series_find(struct series *s, enum metric metric, const char *key, const char *value)
{
	struct released_label label = {NULL, NULL};
	struct series_entry *e;

	for (int i = 0; i < s->len; i++) {
		if (entry_is(&s->entries[i], metric, key, value))
			return i;
	}
	if (!key || s->len == SERIES_MAX || metric_infos[metric].shape == METRIC_HISTOGRAM)
		return -1;
	label.key = strdup(key);
	label.value = strdup(value);
	if (!label.key || !label.value) {
		free((char *)label.key);
		free((char *)label.value);
		return -1;
	}
	e = entry_add(s, metric);
	e->labels[e->labels_len++] = label;
	e->own_text = true;
	return s->len - 1;
}

/* --- release --- */

size_t series_text_len(const struct series *s)
{
	size_t len = 0;

	for (int i = 0; i < s->len; i++) {
		const struct series_entry *e = &s->entries[i];

		if (e->own_text)
			len += strlen(e->labels[0].key) + 1 + strlen(e->labels[0].value) + 1;
	}
	return len;
}

/* Copies STRING to *AT and moves *AT behind it. */
static const char *put_text(char **at, const char *string)
{
	char *copy = *at;

	*at = stpcpy(copy, string) + 1;
	return copy;
}

/* The sum, or what has already left if that is more: a released sum never falls. */
static int64_t release_sum(struct series_entry *e)
{
	__int128 sum = e->sum > INT64_MAX ? INT64_MAX : e->sum;

	if (sum > e->released)
		e->released = (int64_t)sum;
	return e->released;
}

static void release_point(struct series_entry *e, struct released_point *point, char **text)
{
	const struct series_histogram *h = &e->histogram;

	point->metric = e->metric;
	point->labels_len = e->labels_len;
	memcpy(point->labels, e->labels, sizeof(point->labels));
	if (e->own_text) {
		point->labels[0].key = put_text(text, e->labels[0].key);
		point->labels[0].value = put_text(text, e->labels[0].value);
	}
	switch (metric_infos[e->metric].shape) {
	case METRIC_SUM: point->value = release_sum(e); break;
	case METRIC_GAUGE: point->value = (int64_t)e->sum; break;
	case METRIC_HISTOGRAM:
		point->count = h->count;
		point->sum_ms = (double)h->sum_ns / NS_PER_MS;
		memcpy(point->buckets, h->buckets, sizeof(point->buckets));
		break;
	}
}

void series_release(struct series *s, struct released_point *points, char **text)
{
	for (int metric = 0; metric < METRICS_LEN; metric++) {
		for (int i = 0; i < s->len; i++) {
			if (s->entries[i].metric == (enum metric)metric)
				release_point(&s->entries[i], points++, text);
		}
	}
}
