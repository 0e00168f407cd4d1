/* SPDX-License-Identifier: Apache-2.0 */
#include "export/otlp_traces.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/otlp.pb-c.h"

#ifndef TELLTALE_VERSION
#error "TELLTALE_VERSION comes from the Makefile"
#endif

#define ATTRIBUTES_MAX 6 /* of a span */

struct attribute {
	Otlp__KeyValue pair;
	Otlp__AnyValue value;
};

/* A span with everything that it points to. */
struct encoded {
	Otlp__Span span;
	Otlp__Status status;
	uint64_t id, parent; /* big-endian */
	struct attribute attributes[ATTRIBUTES_MAX];
	Otlp__KeyValue *list[ATTRIBUTES_MAX];
};

struct encoding {
	struct encoded *spans;
	Otlp__Span **list;
	struct attribute *attributes; /* of the resource */
	Otlp__KeyValue **attributes_list;
};

static Otlp__AnyValue *init_attribute(struct attribute *a, const char *key)
{
	otlp__key_value__init(&a->pair);
	otlp__any_value__init(&a->value);
	a->pair.key = (char *)key;
	a->pair.value = &a->value;
	return &a->value;
}

/* protobuf-c's strings are not const, but packing does not write to them. */
static void set_text(struct attribute *a, const char *key, const char *text)
{
	Otlp__AnyValue *value = init_attribute(a, key);

	value->value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
	value->string_value = (char *)text;
}

static Otlp__AnyValue *add(struct encoded *e, const char *key)
{
	struct attribute *a = &e->attributes[e->span.n_attributes];

	e->list[e->span.n_attributes++] = &a->pair;
	return init_attribute(a, key);
}

static void add_text(struct encoded *e, const char *key, const char *text)
{
	Otlp__AnyValue *value;

	if (!text || !text[0])
		return;
	value = add(e, key);
	value->value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
	value->string_value = (char *)text;
}

static void add_attributes(struct encoded *e, const struct span *s)
{
	Otlp__AnyValue *value;

	e->span.attributes = e->list;
	add_text(e, "telltale.outcome", s->outcome);
	add_text(e, "telltale.reject_code", s->reject_code);
	add_text(e, "telltale.split", s->split);
	add_text(e, "telltale.peer", s->peer);
	if (s->has_margin) {
		value = add(e, "telltale.expiry_margin_ms");
		value->value_case = OTLP__ANY_VALUE__VALUE_INT_VALUE;
		value->int_value = s->margin_ms;
	}
	if (s->total) {
		value = add(e, "telltale.total");
		value->value_case = OTLP__ANY_VALUE__VALUE_BOOL_VALUE;
		value->bool_value = true;
	}
}

static ProtobufCBinaryData bytes_of(const void *bytes, size_t len)
{
	return (ProtobufCBinaryData){len, (uint8_t *)bytes};
}

static void encode_span(struct encoded *e, const struct span *s)
{
	otlp__span__init(&e->span);
	e->id = htobe64(s->id);
	e->parent = htobe64(s->parent);
	e->span.trace_id = bytes_of(s->trace, sizeof(s->trace));
	e->span.span_id = bytes_of(&e->id, sizeof(e->id));
	if (s->parent)
		e->span.parent_span_id = bytes_of(&e->parent, sizeof(e->parent));
	e->span.name = (char *)s->name;
	e->span.kind = (Otlp__SpanKind)s->kind;
	e->span.start_time_unix_nano = s->from_ns;
	e->span.end_time_unix_nano = s->to_ns;
	add_attributes(e, s);
	if (!s->failed)
		return;
	otlp__status__init(&e->status);
	e->status.code = OTLP__STATUS_CODE__STATUS_ERROR;
	e->span.status = &e->status;
}

static int allocate(struct encoding *e, size_t spans, size_t attributes)
{
	e->spans = calloc(spans + 1, sizeof(*e->spans));
	e->list = calloc(spans + 1, sizeof(*e->list));
	e->attributes = calloc(attributes + 1, sizeof(*e->attributes));
	e->attributes_list = calloc(attributes + 1, sizeof(*e->attributes_list));
	return e->spans && e->list && e->attributes && e->attributes_list ? 0 : -ENOMEM;
}

static void release(struct encoding *e)
{
	free(e->spans);
	free(e->list);
	free(e->attributes);
	free(e->attributes_list);
}

static int pack(const struct encoding *e, size_t spans, size_t attributes, uint8_t **out,
		size_t *len)
{
	Otlp__ExportTraceRequest request = OTLP__EXPORT_TRACE_REQUEST__INIT;
	Otlp__ResourceSpans rs = OTLP__RESOURCE_SPANS__INIT, *rss = &rs;
	Otlp__ScopeSpans ss = OTLP__SCOPE_SPANS__INIT, *sss = &ss;
	Otlp__Resource resource = OTLP__RESOURCE__INIT;
	Otlp__Scope scope = OTLP__SCOPE__INIT;

	scope.name = (char *)"telltale";
	scope.version = (char *)TELLTALE_VERSION;
	resource.n_attributes = attributes;
	resource.attributes = e->attributes_list;
	ss.scope = &scope;
	ss.n_spans = spans;
	ss.spans = e->list;
	rs.resource = &resource;
	rs.n_scope_spans = 1;
	rs.scope_spans = &sss;
	request.n_resource_spans = 1;
	request.resource_spans = &rss;
	*len = otlp__export_trace_request__get_packed_size(&request);
	*out = malloc(*len);
	if (!*out)
		return -ENOMEM;
	otlp__export_trace_request__pack(&request, *out);
	return 0;
}

int otlp_encode_traces(const struct spans *spans, const struct otlp_resource *resource,
		       uint8_t **out, size_t *len)
{
	struct encoding e = {0};
	int err = allocate(&e, spans->len, resource->attributes_len);

	if (err)
		goto out;
	for (size_t i = 0; i < spans->len; i++) {
		encode_span(&e.spans[i], &spans->list[i]);
		e.list[i] = &e.spans[i].span;
	}
	for (size_t i = 0; i < resource->attributes_len; i++) {
		set_text(&e.attributes[i], resource->attributes[i].key,
			 resource->attributes[i].value);
		e.attributes_list[i] = &e.attributes[i].pair;
	}
	err = pack(&e, spans->len, resource->attributes_len, out, len);
out:
	release(&e);
	return err;
}
