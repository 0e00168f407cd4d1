/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/otlp.pb-c.h"
#include "utf8.h"

#ifndef TELLTALE_VERSION
#error "TELLTALE_VERSION comes from the Makefile"
#endif

/*
 * A request is a tree of some thousand small messages that live until it is packed: they come from
 * blocks that are freed together. After a failed allocation every later one fails too, so that one
 * look at `failed` at the end is enough.
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

/* A message of type OTLP_TYPE, initialised, or NULL. */
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
	v->value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
	v->string_value = text(a, value);
	return kv;
}

/* The point's labels and `source`. Returns how many; *OUT is NULL when memory is short. */
static size_t point_attributes(struct arena *a, const struct released *r,
			       const struct released_point *p, Otlp__KeyValue ***out)
{
	Otlp__KeyValue **list = arena_get(a, (p->labels_len + 1) * sizeof(*list));

	*out = list;
	if (!list)
		return 0;
	list[0] = attribute(a, "source", r->source);
	for (size_t i = 0; i < p->labels_len; i++)
		list[i + 1] = attribute(a, p->labels[i].key, p->labels[i].value);
	return p->labels_len + 1;
}

static Otlp__NumberPoint *number_point(struct arena *a, const struct released *r,
				       const struct released_point *p)
{
	Otlp__NumberPoint *n = ARENA_NEW(a, Otlp__NumberPoint, otlp__number_point__init);

	if (!n)
		return NULL;
	/* A gauge has no beginning. */
	if (metric_infos[p->metric].shape == METRIC_SUM)
		n->start_time_unix_nano = r->start_unix_ns;
	n->time_unix_nano = r->time_unix_ns;
	n->value_case = OTLP__NUMBER_POINT__VALUE_AS_INT;
	n->as_int = p->value;
	n->n_attributes = point_attributes(a, r, p, &n->attributes);
	return n;
}

static Otlp__HistogramPoint *histogram_point(struct arena *a, const struct released *r,
					     const struct released_point *p)
{
	Otlp__HistogramPoint *h = ARENA_NEW(a, Otlp__HistogramPoint, otlp__histogram_point__init);

	if (!h)
		return NULL;
	h->start_time_unix_nano = r->start_unix_ns;
	h->time_unix_nano = r->time_unix_ns;
	h->count = p->count;
	if (!p->without_sum) {
		h->optional_sum_case = OTLP__HISTOGRAM_POINT__OPTIONAL_SUM_SUM;
		h->sum = p->sum_ms;
	}
	h->n_bucket_counts = METRIC_BOUNDS + 1;
	h->bucket_counts = (uint64_t *)p->buckets;
	h->n_explicit_bounds = METRIC_BOUNDS;
	h->explicit_bounds = (double *)metric_bounds_ms;
	h->n_attributes = point_attributes(a, r, p, &h->attributes);
	return h;
}

/* One metric with its LEN points from P on. */
static Otlp__Metric *metric(struct arena *a, const struct released *r,
			    const struct released_point *p, size_t len)
{
	const struct metric_info *info = &metric_infos[p->metric];
	Otlp__Metric *m = ARENA_NEW(a, Otlp__Metric, otlp__metric__init);
	void **points = arena_get(a, len * sizeof(*points));

	if (!m || !points)
		return NULL;
	for (size_t i = 0; i < len; i++)
		points[i] = info->shape == METRIC_HISTOGRAM ? (void *)histogram_point(a, r, &p[i])
							    : (void *)number_point(a, r, &p[i]);
	m->name = (char *)info->name;
	m->description = (char *)info->description;
	switch (info->shape) {
	case METRIC_SUM:
		m->data_case = OTLP__METRIC__DATA_SUM;
		m->sum = ARENA_NEW(a, Otlp__Sum, otlp__sum__init);
		if (!m->sum)
			return NULL;
		m->sum->aggregation_temporality = OTLP__TEMPORALITY__CUMULATIVE;
		m->sum->is_monotonic = true;
		m->sum->n_data_points = len;
		m->sum->data_points = (Otlp__NumberPoint **)points;
		break;
	case METRIC_GAUGE:
		m->data_case = OTLP__METRIC__DATA_GAUGE;
		m->gauge = ARENA_NEW(a, Otlp__Gauge, otlp__gauge__init);
		if (!m->gauge)
			return NULL;
		m->gauge->n_data_points = len;
		m->gauge->data_points = (Otlp__NumberPoint **)points;
		break;
	case METRIC_HISTOGRAM:
		m->data_case = OTLP__METRIC__DATA_HISTOGRAM;
		m->histogram = ARENA_NEW(a, Otlp__Histogram, otlp__histogram__init);
		if (!m->histogram)
			return NULL;
		m->histogram->aggregation_temporality = OTLP__TEMPORALITY__CUMULATIVE;
		m->histogram->n_data_points = len;
		m->histogram->data_points = (Otlp__HistogramPoint **)points;
		break;
	}
	return m;
}

/* All metrics of R for AUDIENCES, into LIST (room for METRICS_LEN). */
static size_t metrics(struct arena *a, const struct released *r, unsigned audiences,
		      Otlp__Metric **list)
{
	size_t n = 0, len;

	for (size_t i = 0; i < r->points_len; i += len) {
		const struct released_point *p = &r->points[i];

		for (len = 1; i + len < r->points_len && p[len].metric == p->metric; len++)
			;
		if ((metric_infos[p->metric].audience & audiences) && n < METRICS_LEN)
			list[n++] = metric(a, r, p, len);
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
		unsigned audiences, uint8_t **out, size_t *len)
{
	struct arena a = {0};
	Otlp__ExportRequest request = OTLP__EXPORT_REQUEST__INIT;
	Otlp__ResourceMetrics rm = OTLP__RESOURCE_METRICS__INIT, *rms = &rm;
	Otlp__ScopeMetrics sm = OTLP__SCOPE_METRICS__INIT, *sms = &sm;
	Otlp__Scope scope = OTLP__SCOPE__INIT;
	Otlp__Metric *list[METRICS_LEN];
	uint8_t *bytes = NULL;
	int err = -ENOMEM;

	scope.name = (char *)"telltale";
	scope.version = (char *)TELLTALE_VERSION;
	sm.scope = &scope;
	sm.n_metrics = metrics(&a, released, audiences, list);
	sm.metrics = list;
	rm.resource = resource_message(&a, released, resource);
	rm.n_scope_metrics = 1;
	rm.scope_metrics = &sms;
	request.n_resource_metrics = 1;
	request.resource_metrics = &rms;
	if (a.failed)
		goto out;

	*len = otlp__export_request__get_packed_size(&request);
	bytes = malloc(*len);
	if (!bytes)
		goto out;
	otlp__export_request__pack(&request, bytes);
	*out = bytes;
	err = 0;
out:
	arena_free(&a);
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
