/* SPDX-License-Identifier: Apache-2.0 */
#include "release/series.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "bpf/record.h"
#include "release/vocabulary.h"

struct series_entry {
	enum metric metric;
	size_t labels_len;
	struct released_label labels[RELEASED_LABELS];
	char *own_text;              /* the copies of keys and values; NULL: they are fixed */
	bool loss;                   /* what is counted here is missing in the totals */
	__int128 sum;                /* SUM, GAUGE; noise may make it fall */
	int64_t released;            /* SUM: the highest value released so far */
	struct histogram *histogram; /* HISTOGRAM only */
};

struct series {
	size_t limit;
	int first[METRICS_LEN]; /* the first fixed series of each metric */
	int len, room;
	struct series_entry *entries;
	struct histogram_place place; /* of the last time: one often goes into several series */
};

/* --- the fixed series --- */

/* Metrics that are not here have one series without labels. */
static const struct spec {
	bool at_run_time; /* label values are known only then */
	const struct vocabulary *labels[RELEASED_LABELS];
} specs[METRICS_LEN] = {
	[METRIC_PREPARE_PROCESSING] = {.labels = {&vocabulary_operations}},
	[METRIC_EXCHANGE_TIME] = {.labels = {&vocabulary_origins}},
	[METRIC_TRANSACTIONS_BY_ORIGIN] = {.labels = {&vocabulary_origins}},
	[METRIC_AMOUNT_BY_ORIGIN] = {.labels = {&vocabulary_origins}},
	[METRIC_PACKETS] = {.labels = {&vocabulary_kinds, &vocabulary_streams}},
	[METRIC_REJECTS] = {.labels = {&vocabulary_codes, &vocabulary_operations}},
	[METRIC_ORIGIN_UNKNOWN] = {.labels = {&vocabulary_doubts}},
	[METRIC_OTHERS_UNVALUED] = {.labels = {&vocabulary_unvalued}},
	[METRIC_OUTCOMES] = {.labels = {&vocabulary_outcomes}},
	[METRIC_HTTP_ERRORS] = {.labels = {&vocabulary_statuses}},
	[METRIC_LOST] = {.labels = {&vocabulary_losts}},
	[METRIC_ORIGINS] = {.labels = {&vocabulary_origins}},
	[METRIC_PEER_EXCHANGES] = {.at_run_time = true},
	[METRIC_PEER_REJECTS] = {.at_run_time = true},
	[METRIC_PEER_TIME] = {.at_run_time = true},
	[METRIC_PEER_AMOUNT] = {.at_run_time = true},
	[METRIC_PEER_SPREAD] = {.at_run_time = true},
	[METRIC_PEER_SPREAD_VARIANCE] = {.at_run_time = true},
	[METRIC_SPREAD_UNKNOWN] = {.labels = {&vocabulary_spread_unknown}},
	[METRIC_HOPS] = {.labels = {&vocabulary_splits}},
	[METRIC_COLUMN_TIME] = {.labels = {&vocabulary_columns}},
	[METRIC_DEPENDENCY_TIME] = {.at_run_time = true},
	[METRIC_DEPENDENCY_TURNS] = {.at_run_time = true},
	[METRIC_IN_HAND] = {.labels = {&vocabulary_threads}},
	[METRIC_PROGRAMS_TIMED] = {.labels = {&vocabulary_programs}},
	[METRIC_PROGRAMS_TIMED_NS] = {.labels = {&vocabulary_programs}},
	[METRIC_PROGRAMS_MISSED] = {.labels = {&vocabulary_programs}},
	[METRIC_OWN_CPU] = {.labels = {&vocabulary_halves}},
	[METRIC_OWN_MEMORY] = {.labels = {&vocabulary_halves}},
	[METRIC_RECORDS] = {.labels = {&vocabulary_records}},
	[METRIC_GAPS] = {.labels = {&vocabulary_gaps}},
	[METRIC_GAP_BYTES] = {.labels = {&vocabulary_gaps}},
	[METRIC_EVICTED] = {.labels = {&vocabulary_evicted}},
	[METRIC_OPAQUE] = {.labels = {&vocabulary_opaque}},
	[METRIC_TARGET_CGROUPS] = {.at_run_time = true},
	[METRIC_TARGET_SINCE] = {.at_run_time = true},
	[METRIC_EXPORTS] = {.at_run_time = true},
	[METRIC_EXPORT_FAILURES] = {.at_run_time = true},
	[METRIC_EXPORT_STATUS] = {.at_run_time = true},
	[METRIC_EXPORT_FAILING] = {.at_run_time = true},
	[METRIC_EXPORT_LAST_SUCCESS] = {.at_run_time = true},
	[METRIC_EXPORT_TIME] = {.at_run_time = true},
	[METRIC_EXPORT_BYTES] = {.at_run_time = true},
	[METRIC_EXPORT_REJECTED] = {.at_run_time = true},
	[METRIC_EXPORT_RETRIES] = {.at_run_time = true},
	[METRIC_EXPORT_SPANS] = {.at_run_time = true},
	[METRIC_EXPORT_SPANS_LOST] = {.at_run_time = true},
	[METRIC_PRIVACY_STATE] = {.labels = {&vocabulary_state}},
	[METRIC_HISTORY_FAILURES] = {.labels = {&vocabulary_history}},
	[METRIC_RATES_AGE] = {.labels = {&vocabulary_documents}},
	[METRIC_RATES_FAILURES] = {.labels = {&vocabulary_documents}},
};

/* NULL when memory is short. */
static struct series_entry *entry_add(struct series *s, enum metric metric)
{
	struct histogram *histogram = NULL;
	struct series_entry *e;

	if (s->len == s->room) {
		int room = s->room ? 2 * s->room : 256;
		struct series_entry *more = reallocarray(s->entries, (size_t)room, sizeof(*more));

		if (!more)
			return NULL;
		s->entries = more;
		s->room = room;
	}
	if (metric_infos[metric].shape == METRIC_HISTOGRAM) {
		histogram = malloc(sizeof(*histogram));
		if (!histogram)
			return NULL;
		histogram_init(histogram);
	}
	e = &s->entries[s->len++];
	*e = (struct series_entry){.metric = metric, .histogram = histogram};
	/* If the label decides and its value is in no vocabulary, this assumes a loss. */
	e->loss = metric_infos[metric].loss != METRIC_NO_LOSS;
	e->sum = metric == METRIC_RATES_AGE || metric == METRIC_EXPORT_STATUS ? -1
									      : 0; /* none yet */
	return e;
}

/* Makes the fixed series of METRIC with these values of its labels. 0 or -ENOMEM. */
static int add_words(struct series *s, enum metric metric, const struct word *outer,
		     const struct word *inner)
{
	const struct word *words[RELEASED_LABELS] = {outer, inner};
	struct series_entry *e = entry_add(s, metric);

	if (!e)
		return -ENOMEM;
	if (metric_infos[metric].loss == METRIC_BY_LABEL)
		e->loss = (outer && outer->loss) || (inner && inner->loss);
	for (; e->labels_len < RELEASED_LABELS && words[e->labels_len]; e->labels_len++)
		e->labels[e->labels_len] = (struct released_label){
			specs[metric].labels[e->labels_len]->key, words[e->labels_len]->label};
	return 0;
}

/* Makes one series for each combination of label values; the first label's value varies slowest. */
static int add_fixed(struct series *s, enum metric metric)
{
	const struct vocabulary *outer = specs[metric].labels[0], *inner = specs[metric].labels[1];
	int err = 0;

	s->first[metric] = s->len;
	if (specs[metric].at_run_time)
		return 0;
	for (size_t i = 0; i < (outer ? outer->len : 1) && !err; i++) {
		for (size_t j = 0; j < (inner ? inner->len : 1) && !err; j++)
			err = add_words(s, metric, outer ? &outer->words[i] : NULL,
					inner ? &inner->words[j] : NULL);
	}
	return err;
}

struct series *series_new(size_t limit)
{
	struct series *s = calloc(1, sizeof(*s));
	int err = 0;

	if (!s)
		return NULL;
	s->limit = limit ? limit : SERIES_LIMIT;
	for (int metric = 0; metric < METRICS_LEN && !err; metric++)
		err = add_fixed(s, (enum metric)metric);
	if (err) {
		series_free(s);
		return NULL;
	}
	return s;
}

void series_free(struct series *s)
{
	if (!s)
		return;
	for (int i = 0; i < s->len; i++) {
		free(s->entries[i].own_text);
		free(s->entries[i].histogram);
	}
	free(s->entries);
	free(s);
}

/* --- what happens --- */

static struct series_entry *fixed(struct series *s, enum metric metric, unsigned which)
{
	return &s->entries[s->first[metric] + (int)which];
}

void series_count(struct series *s, enum metric metric, unsigned which, int64_t n)
{
	fixed(s, metric, which)->sum += n;
}

void series_total(struct series *s, enum metric metric, unsigned which, uint64_t total)
{
	fixed(s, metric, which)->sum = total;
}

void series_set(struct series *s, enum metric metric, unsigned which, int64_t value)
{
	fixed(s, metric, which)->sum = value;
}

void series_time(struct series *s, enum metric metric, unsigned which, uint64_t ns)
{
	if (s->place.ns != ns)
		s->place = histogram_find(ns);
	histogram_add_at(fixed(s, metric, which)->histogram, &s->place);
}

static bool entry_is(const struct series_entry *e, enum metric metric,
		     const struct released_label *labels, size_t len)
{
	if (e->metric != metric || e->labels_len != len)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (strcmp(e->labels[i].key, labels[i].key) != 0 ||
		    strcmp(e->labels[i].value, labels[i].value) != 0)
			return false;
	}
	return true;
}

/* Copies STRING to *AT and moves *AT past it. */
static const char *put_text(char **at, const char *string)
{
	char *copy = *at;

	*at = stpcpy(copy, string) + 1;
	return copy;
}

static size_t text_size(const struct released_label *labels, size_t len)
{
	size_t size = 0;

	for (size_t i = 0; i < len; i++)
		size += strlen(labels[i].key) + 1 + strlen(labels[i].value) + 1;
	return size;
}

static struct series_entry *add_named(struct series *s, enum metric metric,
				      const struct released_label *labels, size_t len)
{
	char *text = malloc(text_size(labels, len)), *at = text;
	struct series_entry *e = text ? entry_add(s, metric) : NULL;

	if (!e) {
		free(text);
		return NULL;
	}
	for (; e->labels_len < len; e->labels_len++) {
		e->labels[e->labels_len].key = put_text(&at, labels[e->labels_len].key);
		e->labels[e->labels_len].value = put_text(&at, labels[e->labels_len].value);
	}
	e->own_text = text;
	return e;
}

int series_find_labels(struct series *s, enum metric metric, const struct released_label *labels,
		       size_t len)
{
	static const struct released_label overflow = {RELEASED_OVERFLOW, "true"};
	size_t of_metric = 0;

	for (int i = 0; i < s->len; i++) {
		if (entry_is(&s->entries[i], metric, labels, len))
			return i;
		of_metric += s->entries[i].metric == metric;
	}
	if (!len)
		return -1;
	if (of_metric + 1 >= s->limit && strcmp(labels[0].key, RELEASED_OVERFLOW) != 0) {
		if (of_metric + 1 == s->limit)
			log_warn("privacy",
				 "%s has %zu series; all others are counted together, "
				 "under " RELEASED_OVERFLOW "; raise cardinality_limit",
				 metric_infos[metric].name, of_metric);
		return series_find_labels(s, metric, &overflow, 1);
	}
	return add_named(s, metric, labels, len) ? s->len - 1 : -1;
}

int series_find(struct series *s, enum metric metric, const char *key, const char *value)
{
	const struct released_label label = {key, value};

	return series_find_labels(s, metric, &label, key != NULL);
}

static struct series_entry *handled(struct series *s, int handle)
{
	return handle >= 0 && handle < s->len ? &s->entries[handle] : NULL;
}

void series_add(struct series *s, int handle, uint64_t rose)
{
	struct series_entry *e = handled(s, handle);

	if (e)
		e->sum += rose;
}

void series_move(struct series *s, int handle, int64_t by)
{
	struct series_entry *e = handled(s, handle);

	if (e)
		e->sum += by;
}

void series_put(struct series *s, int handle, int64_t value)
{
	struct series_entry *e = handled(s, handle);

	if (e)
		e->sum = value;
}

void series_put_times(struct series *s, int handle, const struct histogram *times)
{
	struct series_entry *e = handled(s, handle);

	if (e && e->histogram)
		*e->histogram = *times;
}

void series_put_time(struct series *s, int handle, uint64_t ns)
{
	struct series_entry *e = handled(s, handle);

	if (!e || !e->histogram)
		return;
	if (s->place.ns != ns)
		s->place = histogram_find(ns);
	histogram_add_at(e->histogram, &s->place);
}

/* --- release --- */

size_t series_len(const struct series *s)
{
	return (size_t)s->len;
}

size_t series_text_len(const struct series *s)
{
	size_t len = _Alignof(struct histogram_exponential);

	for (int i = 0; i < s->len; i++) {
		const struct series_entry *e = &s->entries[i];

		if (e->histogram)
			len += sizeof(e->histogram->exponential);
		if (e->own_text)
			len += text_size(e->labels, e->labels_len);
	}
	return len;
}

/* The sum, or the value released before if that is higher: a released sum never falls. */
static int64_t release_sum(struct series_entry *e)
{
	__int128 sum = e->sum > INT64_MAX ? INT64_MAX : e->sum;

	if (sum > e->released)
		e->released = (int64_t)sum;
	return e->released;
}

static void release_times(const struct histogram *h, struct released_point *point,
			  struct histogram_exponential *exponential)
{
	point->count = h->count;
	point->sum_ms = (double)h->sum_ns / NS_PER_MS;
	memcpy(point->buckets, h->buckets, sizeof(point->buckets));
	*exponential = h->exponential;
	point->exponential = exponential;
}

static void release_point(struct series_entry *e, struct released_point *point, char **text)
{
	point->metric = e->metric;
	point->labels_len = e->labels_len;
	memcpy(point->labels, e->labels, sizeof(point->labels));
	for (size_t i = 0; e->own_text && i < e->labels_len; i++) {
		point->labels[i].key = put_text(text, e->labels[i].key);
		point->labels[i].value = put_text(text, e->labels[i].value);
	}
	switch (metric_infos[e->metric].shape) {
	case METRIC_SUM: point->value = release_sum(e); break;
	case METRIC_GAUGE: point->value = (int64_t)e->sum; break;
	case METRIC_HISTOGRAM: break; /* has been taken */
	}
}

/* Whether nothing has been counted as a loss. */
static bool complete(const struct series *s)
{
	for (int i = 0; i < s->len; i++) {
		if (s->entries[i].loss && s->entries[i].sum)
			return false;
	}
	return true;
}

void series_release(struct series *s, struct released_point *points, char **text)
{
	const uintptr_t align = _Alignof(struct histogram_exponential);
	char *at = *text + (align - (uintptr_t)*text % align) % align;
	struct histogram_exponential *exponentials = (void *)at;
	size_t histograms = 0;

	series_set(s, METRIC_COVERAGE, 0, complete(s));
	for (int i = 0; i < s->len; i++)
		histograms += s->entries[i].histogram != NULL;
	*text = (char *)(exponentials + histograms);
	for (int metric = 0; metric < METRICS_LEN; metric++) {
		for (int i = 0; i < s->len; i++) {
			struct series_entry *e = &s->entries[i];

			if (e->metric != (enum metric)metric)
				continue;
			if (e->histogram)
				release_times(e->histogram, points, exponentials++);
			release_point(e, points++, text);
		}
	}
}
