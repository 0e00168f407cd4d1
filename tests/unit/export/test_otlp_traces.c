/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "export/otlp_traces.h"
#include "proto/otlp.pb-c.h"

static const struct otlp_attribute attributes[] = {{"service.name", "telltale"},
						   {"service.instance.id", "a"}};
static const struct otlp_resource resource = {attributes, 2};

static Otlp__ExportTraceRequest *encoded(const struct spans *s)
{
	Otlp__ExportTraceRequest *request;
	uint8_t *bytes = NULL;
	size_t len = 0;

	assert_int_equal(otlp_encode_traces(s, &resource, &bytes, &len), 0);
	request = otlp__export_trace_request__unpack(NULL, len, bytes);
	free(bytes);
	assert_non_null(request);
	return request;
}

static const Otlp__AnyValue *value_of(const Otlp__Span *span, const char *key)
{
	for (size_t i = 0; i < span->n_attributes; i++) {
		if (!strcmp(span->attributes[i]->key, key))
			return span->attributes[i]->value;
	}
	return NULL;
}

static void a_packet_has_its_ids_times_and_what_became_of_it(void **state)
{
	static const uint8_t id[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	struct spans *s = spans_new();
	struct span *packet = spans_add(s);
	Otlp__ExportTraceRequest *request;
	const Otlp__Span *span;

	(void)state;
	memset(packet->trace, 0xab, SPAN_TRACE_LEN);
	packet->id = 0x0102030405060708;
	packet->parent = 9;
	packet->from_ns = 100;
	packet->to_ns = 200;
	packet->kind = SPAN_SERVER;
	strcpy(packet->name, "packet in");
	packet->outcome = "rejected";
	packet->split = "not_alone";
	packet->failed = true;
	strcpy(packet->reject_code, "F08");
	packet->has_margin = true;
	packet->margin_ms = -5;
	request = encoded(s);
	assert_int_equal(request->resource_spans[0]->resource->n_attributes, 2);
	assert_int_equal(request->resource_spans[0]->scope_spans[0]->n_spans, 1);
	span = request->resource_spans[0]->scope_spans[0]->spans[0];
	assert_int_equal(span->trace_id.len, 16);
	assert_memory_equal(span->trace_id.data, packet->trace, 16);
	assert_int_equal(span->span_id.len, 8);
	assert_memory_equal(span->span_id.data, id, 8);
	assert_int_equal(span->parent_span_id.len, 8);
	assert_string_equal(span->name, "packet in");
	assert_int_equal(span->kind, OTLP__SPAN_KIND__SPAN_SERVER);
	assert_int_equal(span->start_time_unix_nano, 100);
	assert_int_equal(span->end_time_unix_nano, 200);
	assert_int_equal(span->status->code, OTLP__STATUS_CODE__STATUS_ERROR);
	assert_string_equal(value_of(span, "telltale.outcome")->string_value, "rejected");
	assert_string_equal(value_of(span, "telltale.reject_code")->string_value, "F08");
	assert_string_equal(value_of(span, "telltale.split")->string_value, "not_alone");
	assert_int_equal(value_of(span, "telltale.expiry_margin_ms")->int_value, -5);
	assert_null(value_of(span, "telltale.peer"));
	assert_null(value_of(span, "telltale.total"));
	otlp__export_trace_request__free_unpacked(request, NULL);
	spans_unref(s);
}

static void a_span_without_parent_has_none_and_a_total_says_so(void **state)
{
	struct spans *s = spans_new();
	struct span *total = spans_add(s);
	Otlp__ExportTraceRequest *request;
	const Otlp__Span *span;

	(void)state;
	total->id = 1;
	total->kind = SPAN_INTERNAL;
	total->total = true;
	request = encoded(s);
	span = request->resource_spans[0]->scope_spans[0]->spans[0];
	assert_int_equal(span->parent_span_id.len, 0);
	assert_null(span->status);
	assert_true(value_of(span, "telltale.total")->bool_value);
	assert_int_equal(span->n_attributes, 1);
	otlp__export_trace_request__free_unpacked(request, NULL);
	spans_unref(s);
}

static void a_full_batch_is_encoded_whole(void **state)
{
	struct spans *s = spans_new();
	Otlp__ExportTraceRequest *request;

	(void)state;
	for (unsigned i = 0; i < SPANS_MAX; i++) {
		struct span *span = spans_add(s);

		assert_non_null(span);
		span->id = i + 1;
		snprintf(span->peer, sizeof(span->peer), "%0*d", SPAN_PEER_LEN - 1, 7);
	}
	assert_null(spans_add(s));
	request = encoded(s);
	assert_int_equal(request->resource_spans[0]->scope_spans[0]->n_spans, SPANS_MAX);
	otlp__export_trace_request__free_unpacked(request, NULL);
	spans_unref(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_has_its_ids_times_and_what_became_of_it),
		cmocka_unit_test(a_span_without_parent_has_none_and_a_total_says_so),
		cmocka_unit_test(a_full_batch_is_encoded_whole),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
