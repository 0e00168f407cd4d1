/* SPDX-License-Identifier: Apache-2.0 */
#include "export/otlp.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/otlp.pb-c.h"
#include "base/utf8.h"

#ifndef TELLTALE_VERSION
#error "TELLTALE_VERSION comes from the Makefile"
#endif

/*
 * A request is a tree of about a thousand small messages, which are needed until it is packed. They
 * are allocated from blocks that are freed together. After a failed allocation every later one
 * fails too, so checking `failed` once at the end is enough.
 */
struct block {
	struct block *next;
	size_t size, used;
	_Alignas(max_align_t) uint8_t bytes[];
};

#define BLOCK_SIZE ((size_t)64 * 1024)

struct arena {
	struct block *blocks;
	bool failed;
};

static void *arena_get(struct arena *a, size_t size)
{
	const size_t align = _Alignof(max_align_t);
	struct block *b = a->blocks;
	void *p;

	size = (size + align - 1) / align * align;
	if (a->failed)
		return NULL;
	if (!b || b->size - b->used < size) {
		size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;

		b = malloc(sizeof(*b) + room);
		if (!b) {
			a->failed = true;
			return NULL;
		}
		b->next = a->blocks;
		b->size = room;
		b->used = 0;
		a->blocks = b;
	}
	p = b->bytes + b->used;
	b->used += size;
	return p;
}

static void arena_free(struct arena *a)
{
	while (a->blocks) {
		struct block *b = a->blocks;

		a->blocks = b->next;
		free(b);
	}
}

/* The snapshot being encoded, its form, and the memory for it. */
struct encoding {
	struct arena arena;
	const struct released *released;
	const struct otlp_form *form;
	uint64_t time_unix_ns;
};

/* A new, initialised message of type TYPE, or NULL. */
#define ARENA_NEW(arena, type, init)                                                               \
	({                                                                                         \
		type *new_ = arena_get(arena, sizeof(type));                                       \
		if (new_)                                                                          \
			init(new_);                                                                \
		new_;                                                                              \
	})

/* protobuf-c's strings are not const, but packing does not write to them. */
static char *text(struct arena *a, const char *s)
{
	size_t len = strlen(s);
	char *copy = arena_get(a, len + 1);

	if (!copy)
		return NULL;
	memcpy(copy, s, len + 1);
	utf8_clean(copy);
	return copy;
}

static Otlp__KeyValue *attribute(struct arena *a, const char *key, const char *value)
{
	Otlp__KeyValue *kv = ARENA_NEW(a, Otlp__KeyValue, otlp__key_value__init);
	Otlp__AnyValue *v = ARENA_NEW(a, Otlp__AnyValue, otlp__any_value__init);

	if (!kv || !v)
		return NULL;
	kv->key = text(a, key);
	kv->value = v;
	if (!strcmp(key, RELEASED_OVERFLOW)) {
		v->value_case = OTLP__ANY_VALUE__VALUE_BOOL_VALUE;
		v->bool_value = true;
		return kv;
	}
	v->value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
	v->string_value = text(a, value);
	return kv;
}

/* The point's labels and `source` as attributes. Returns how many; *OUT is NULL when memory is
 * short. */
static size_t point_attributes(struct encoding *e, const struct released_point *p,
			       Otlp__KeyValue ***out)
{
	Otlp__KeyValue **list = arena_get(&e->arena, (p->labels_len + 1) * sizeof(*list));

	*out = list;
	if (!list)
		return 0;
	list[0] = attribute(&e->arena, "source", e->released->source);
	for (size_t i = 0; i < p->labels_len; i++)
		list[i + 1] = attribute(&e->arena, p->labels[i].key, p->labels[i].value);
	return p->labels_len + 1;
}

static Otlp__NumberPoint *number_point(struct encoding *e, const struct released_point *p)
{
	Otlp__NumberPoint *n = ARENA_NEW(&e->arena, Otlp__NumberPoint, otlp__number_point__init);

	if (!n)
		return NULL;
	/* A gauge has no start time. */
	if (metric_infos[p->metric].shape == METRIC_SUM)
		n->start_time_unix_nano = e->released->start_unix_ns;
	n->time_unix_nano = e->time_unix_ns;
	n->value_case = OTLP__NUMBER_POINT__VALUE_AS_INT;
	n->as_int = p->value;
	n->n_attributes = point_attributes(e, p, &n->attributes);
	return n;
}

static Otlp__HistogramPoint *histogram_point(struct encoding *e, const struct released_point *p)
{
	Otlp__HistogramPoint *h =
		ARENA_NEW(&e->arena, Otlp__HistogramPoint, otlp__histogram_point__init);

	if (!h)
		return NULL;
	h->start_time_unix_nano = e->released->start_unix_ns;
	h->time_unix_nano = e->time_unix_ns;
	h->count = p->count;
	if (!p->without_sum) {
		h->optional_sum_case = OTLP__HISTOGRAM_POINT__OPTIONAL_SUM_SUM;
		h->sum = p->sum_ms;
	}
	h->n_bucket_counts = METRIC_BOUNDS + 1;
	h->bucket_counts = (uint64_t *)p->buckets;
	h->n_explicit_bounds = METRIC_BOUNDS;
	h->explicit_bounds = (double *)metric_bounds_ms;
	h->n_attributes = point_attributes(e, p, &h->attributes);
	return h;
}

static Otlp__ExponentialPoint *exponential_point(struct encoding *e, const struct released_point *p)
{
	Otlp__ExponentialPoint *h =
		ARENA_NEW(&e->arena, Otlp__ExponentialPoint, otlp__exponential_point__init);
	Otlp__Buckets *positive = ARENA_NEW(&e->arena, Otlp__Buckets, otlp__buckets__init);

	if (!h || !positive)
		return NULL;
	h->start_time_unix_nano = e->released->start_unix_ns;
	h->time_unix_nano = e->time_unix_ns;
	h->count = p->count;
	if (!p->without_sum) {
		h->optional_sum_case = OTLP__EXPONENTIAL_POINT__OPTIONAL_SUM_SUM;
		h->sum = p->sum_ms;
	}
	h->scale = p->exponential->scale;
	h->zero_count = p->exponential->zeros;
	h->positive = positive;
	positive->offset = p->exponential->offset;
	positive->n_bucket_counts = p->exponential->len;
	positive->bucket_counts = (uint64_t *)p->exponential->counts;
	h->n_attributes = point_attributes(e, p, &h->attributes);
	return h;
}

/* --- the shapes of a metric; each takes the LEN points from P on --- */

#define POINTS(encoding, list, make, from, n)                                                      \
	do {                                                                                       \
		for (size_t i_ = 0; i_ < (n); i_++)                                                \
			(list)[i_] = make(encoding, &(from)[i_]);                                  \
	} while (0)

static void put_sum(struct encoding *e, Otlp__Metric *m, const struct released_point *p, size_t len)
{
	Otlp__NumberPoint **points = arena_get(&e->arena, len * sizeof(Otlp__NumberPoint *));
	Otlp__Sum *sum = ARENA_NEW(&e->arena, Otlp__Sum, otlp__sum__init);

	if (!points || !sum)
		return;
	POINTS(e, points, number_point, p, len);
	sum->aggregation_temporality = OTLP__TEMPORALITY__CUMULATIVE;
	sum->is_monotonic = true;
	sum->n_data_points = len;
	sum->data_points = points;
	m->data_case = OTLP__METRIC__DATA_SUM;
	m->sum = sum;
}

static void put_gauge(struct encoding *e, Otlp__Metric *m, const struct released_point *p,
		      size_t len)
{
	Otlp__NumberPoint **points = arena_get(&e->arena, len * sizeof(Otlp__NumberPoint *));
	Otlp__Gauge *gauge = ARENA_NEW(&e->arena, Otlp__Gauge, otlp__gauge__init);

	if (!points || !gauge)
		return;
	POINTS(e, points, number_point, p, len);
	gauge->n_data_points = len;
	gauge->data_points = points;
	m->data_case = OTLP__METRIC__DATA_GAUGE;
	m->gauge = gauge;
}

static void put_histogram(struct encoding *e, Otlp__Metric *m, const struct released_point *p,
			  size_t len)
{
	Otlp__HistogramPoint **points = arena_get(&e->arena, len * sizeof(Otlp__HistogramPoint *));
	Otlp__Histogram *histogram = ARENA_NEW(&e->arena, Otlp__Histogram, otlp__histogram__init);

	if (!points || !histogram)
		return;
	POINTS(e, points, histogram_point, p, len);
	histogram->aggregation_temporality = OTLP__TEMPORALITY__CUMULATIVE;
	histogram->n_data_points = len;
	histogram->data_points = points;
	m->data_case = OTLP__METRIC__DATA_HISTOGRAM;
	m->histogram = histogram;
}

static void put_exponential(struct encoding *e, Otlp__Metric *m, const struct released_point *p,
			    size_t len)
{
	Otlp__ExponentialPoint **points =
		arena_get(&e->arena, len * sizeof(Otlp__ExponentialPoint *));
	Otlp__ExponentialHistogram *histogram =
		ARENA_NEW(&e->arena, Otlp__ExponentialHistogram, otlp__exponential_histogram__init);

	if (!points || !histogram)
		return;
	POINTS(e, points, exponential_point, p, len);
	histogram->aggregation_temporality = OTLP__TEMPORALITY__CUMULATIVE;
	histogram->n_data_points = len;
	histogram->data_points = points;
	m->data_case = OTLP__METRIC__DATA_EXPONENTIAL_HISTOGRAM;
	m->exponential_histogram = histogram;
}

/* One metric with the LEN points that begin at P. */
static Otlp__Metric *metric(struct encoding *e, const struct released_point *p, size_t len)
{
	const struct metric_info *info = &metric_infos[p->metric];
	Otlp__Metric *m = ARENA_NEW(&e->arena, Otlp__Metric, otlp__metric__init);

	if (!m)
		return NULL;
	m->name = (char *)info->name;
	m->description = (char *)info->description;
	switch (info->shape) {
	case METRIC_SUM: put_sum(e, m, p, len); break;
	case METRIC_GAUGE: put_gauge(e, m, p, len); break;
	case METRIC_HISTOGRAM:
		if (e->form->exponential && p->exponential)
			put_exponential(e, m, p, len);
		else
			put_histogram(e, m, p, len);
		break;
	}
	return m;
}

/* Puts all metrics that the form asks for into LIST, which has room for METRICS_LEN. Returns how
 * many. */
static size_t metrics(struct encoding *e, Otlp__Metric **list)
{
	const struct released *r = e->released;
	size_t n = 0, len;

	for (size_t i = 0; i < r->points_len; i += len) {
		const struct released_point *p = &r->points[i];

		for (len = 1; i + len < r->points_len && p[len].metric == p->metric; len++)
			;
		if ((metric_infos[p->metric].audience & e->form->audiences) && n < METRICS_LEN)
			list[n++] = metric(e, p, len);
	}
	return n;
}

static Otlp__Resource *resource_message(struct arena *a, const struct released *r,
					const struct otlp_resource *resource)
{
	Otlp__Resource *m = ARENA_NEW(a, Otlp__Resource, otlp__resource__init);
	size_t n = 0;

	if (!m)
		return NULL;
	m->attributes = arena_get(a, (resource->attributes_len + 2) * sizeof(*m->attributes));
	if (!m->attributes)
		return NULL;
	for (size_t i = 0; i < resource->attributes_len; i++)
		m->attributes[n++] =
			attribute(a, resource->attributes[i].key, resource->attributes[i].value);
	m->attributes[n++] = attribute(a, "telltale.privacy.mechanism", r->mechanism);
	if (r->epsilon)
		m->attributes[n++] = attribute(a, "telltale.privacy.epsilon", r->epsilon);
	m->n_attributes = n;
	return m;
}

int otlp_encode(const struct released *released, const struct otlp_resource *resource,
		const struct otlp_form *form, uint8_t **out, size_t *len)
{
	struct encoding e = {.released = released, .form = form};
	Otlp__ExportRequest request = OTLP__EXPORT_REQUEST__INIT;
	Otlp__ResourceMetrics rm = OTLP__RESOURCE_METRICS__INIT, *rms = &rm;
	Otlp__ScopeMetrics sm = OTLP__SCOPE_METRICS__INIT, *sms = &sm;
	Otlp__Scope scope = OTLP__SCOPE__INIT;
	Otlp__Metric *list[METRICS_LEN];
	uint8_t *bytes = NULL;
	int err = -ENOMEM;

	e.time_unix_ns = form->time_unix_ns ? form->time_unix_ns : released->time_unix_ns;
	scope.name = (char *)"telltale";
	scope.version = (char *)TELLTALE_VERSION;
	sm.scope = &scope;
	sm.n_metrics = metrics(&e, list);
	sm.metrics = list;
	rm.resource = resource_message(&e.arena, released, resource);
	rm.n_scope_metrics = 1;
	rm.scope_metrics = &sms;
	request.n_resource_metrics = 1;
	request.resource_metrics = &rms;
	if (e.arena.failed)
		goto out;

	*len = otlp__export_request__get_packed_size(&request);
	bytes = malloc(*len);
	if (!bytes)
		goto out;
	otlp__export_request__pack(&request, bytes);
	*out = bytes;
	err = 0;
out:
	arena_free(&e.arena);
	return err;
}

int otlp_decode_response(const uint8_t *bytes, size_t len, int64_t *rejected, char **message)
{
	Otlp__ExportResponse *response = otlp__export_response__unpack(NULL, len, bytes);
	int err = 0;

	*rejected = 0;
	*message = NULL;
	if (!response)
		return -EBADMSG;
	if (response->partial_success) {
		*rejected = response->partial_success->rejected_data_points;
		if (response->partial_success->error_message[0]) {
			*message = strdup(response->partial_success->error_message);
			if (!*message)
				err = -ENOMEM;
		}
	}
	otlp__export_response__free_unpacked(response, NULL);
	return err;
}
