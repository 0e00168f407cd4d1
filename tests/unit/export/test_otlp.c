/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/otlp.pb-c.h"
#include "tests/snapshot.h"
#include "export/otlp.h"
#include "base/utf8.h"

#define BOTH (AUDIENCE_NETWORK | AUDIENCE_OWN)

static const struct otlp_attribute attributes[] = {
	{"service.name", "telltale"},
	{"telltale.network", "testnet"},
};
static const struct otlp_resource resource = {attributes, 2};

static Otlp__ExportRequest *encoded(const struct snapshot *s, unsigned audiences)
{
	const struct otlp_form form = {.audiences = audiences};
	Otlp__ExportRequest *request;
	uint8_t *bytes = NULL;
	size_t len = 0;

	assert_int_equal(otlp_encode(&s->released, &resource, &form, &bytes, &len), 0);
	request = otlp__export_request__unpack(NULL, len, bytes);
	assert_non_null(request);
	free(bytes);
	assert_int_equal(request->n_resource_metrics, 1);
	assert_int_equal(request->resource_metrics[0]->n_scope_metrics, 1);
	return request;
}

static void done(Otlp__ExportRequest *request, struct snapshot *s)
{
	otlp__export_request__free_unpacked(request, NULL);
	released_unref(&s->released);
}

static Otlp__ScopeMetrics *scope_of(Otlp__ExportRequest *request)
{
	return request->resource_metrics[0]->scope_metrics[0];
}

static const char *value_of(Otlp__KeyValue **list, size_t len, const char *key)
{
	for (size_t i = 0; i < len; i++) {
		if (!strcmp(list[i]->key, key)) {
			assert_int_equal(list[i]->value->value_case,
					 OTLP__ANY_VALUE__VALUE_STRING_VALUE);
			return list[i]->value->string_value;
		}
	}
	return NULL;
}

static void a_sum_is_cumulative_monotonic_and_carries_its_times(void **state)
{
	struct snapshot *s = snapshot_new("node-a", SNAPSHOT_START_NS + 5);
	Otlp__ExportRequest *request;
	Otlp__Metric *m;
	Otlp__NumberPoint *p;

	(void)state;
	snapshot_add(s, METRIC_TRANSACTIONS, NULL, NULL, 42);
	request = encoded(s, BOTH);
	assert_int_equal(scope_of(request)->n_metrics, 1);
	m = scope_of(request)->metrics[0];
	assert_string_equal(m->name, "transactions_total");
	assert_int_equal(m->data_case, OTLP__METRIC__DATA_SUM);
	assert_true(m->sum->is_monotonic);
	assert_int_equal(m->sum->aggregation_temporality, OTLP__TEMPORALITY__CUMULATIVE);
	assert_int_equal(m->sum->n_data_points, 1);
	p = m->sum->data_points[0];
	assert_int_equal(p->value_case, OTLP__NUMBER_POINT__VALUE_AS_INT);
	assert_int_equal(p->as_int, 42);
	assert_int_equal(p->start_time_unix_nano, SNAPSHOT_START_NS);
	assert_int_equal(p->time_unix_nano, SNAPSHOT_START_NS + 5);
	assert_string_equal(value_of(p->attributes, p->n_attributes, "source"), "node-a");
	done(request, s);
}

static void a_zero_is_sent_not_left_out(void **state)
{
	struct snapshot *s = snapshot_new("node-a", SNAPSHOT_START_NS);
	Otlp__ExportRequest *request;
	Otlp__HistogramPoint *h;

	(void)state;
	snapshot_add(s, METRIC_TRANSACTIONS, NULL, NULL, 0);
	snapshot_add(s, METRIC_PAY_TIME, NULL, NULL, 0);
	request = encoded(s, BOTH);
	assert_int_equal(scope_of(request)->n_metrics, 2);
	assert_int_equal(scope_of(request)->metrics[0]->sum->data_points[0]->value_case,
			 OTLP__NUMBER_POINT__VALUE_AS_INT);
	h = scope_of(request)->metrics[1]->histogram->data_points[0];
	assert_int_equal(h->optional_sum_case, OTLP__HISTOGRAM_POINT__OPTIONAL_SUM_SUM);
	assert_true(h->sum == 0);
	assert_int_equal(h->n_bucket_counts, METRIC_BOUNDS + 1);
	done(request, s);
}

static void a_histogram_keeps_bounds_buckets_and_the_largest_numbers(void **state)
{
	struct snapshot *s = snapshot_new("node-a", UINT64_MAX);
	struct released_point *p = snapshot_add(s, METRIC_ROUND_TRIP, NULL, NULL, 0);
	Otlp__ExportRequest *request;
	Otlp__Histogram *data;
	Otlp__HistogramPoint *h;

	(void)state;
	p->count = UINT64_MAX;
	p->sum_ms = 1.5e300;
	p->buckets[0] = 1;
	p->buckets[METRIC_BOUNDS] = UINT64_MAX;
	request = encoded(s, BOTH);
	data = scope_of(request)->metrics[0]->histogram;
	assert_int_equal(data->aggregation_temporality, OTLP__TEMPORALITY__CUMULATIVE);
	h = data->data_points[0];
	assert_true(h->count == UINT64_MAX);
	assert_true(h->time_unix_nano == UINT64_MAX);
	assert_true(h->sum == 1.5e300);
	assert_true(h->bucket_counts[0] == 1);
	assert_true(h->bucket_counts[METRIC_BOUNDS] == UINT64_MAX);
	assert_int_equal(h->n_explicit_bounds, METRIC_BOUNDS);
	assert_memory_equal(h->explicit_bounds, metric_bounds_ms, sizeof(metric_bounds_ms));
	done(request, s);
}

static void the_largest_and_the_smallest_value_pass(void **state)
{
	struct snapshot *s = snapshot_new("node-a", SNAPSHOT_START_NS);
	Otlp__ExportRequest *request;

	(void)state;
	snapshot_add(s, METRIC_AMOUNT_FULFILL, NULL, NULL, INT64_MAX);
	snapshot_add(s, METRIC_RATES_AGE, "rates", "network", INT64_MIN);
	request = encoded(s, BOTH);
	assert_true(scope_of(request)->metrics[0]->sum->data_points[0]->as_int == INT64_MAX);
	assert_int_equal(scope_of(request)->metrics[1]->data_case, OTLP__METRIC__DATA_GAUGE);
	assert_true(scope_of(request)->metrics[1]->gauge->data_points[0]->as_int == INT64_MIN);
	done(request, s);
}

static void the_network_does_not_get_the_operators_own_metrics(void **state)
{
	struct snapshot *s = snapshot_new("node-a", SNAPSHOT_START_NS);
	Otlp__ExportRequest *request;

	(void)state;
	snapshot_add(s, METRIC_TRANSACTIONS, NULL, NULL, 1);
	snapshot_add(s, METRIC_COVERAGE, NULL, NULL, 1);
	snapshot_add(s, METRIC_REJECTS, "code", "F08", 3);
	request = encoded(s, AUDIENCE_NETWORK);
	assert_int_equal(scope_of(request)->n_metrics, 2);
	assert_string_equal(scope_of(request)->metrics[0]->name, "transactions_total");
	assert_string_equal(scope_of(request)->metrics[1]->name, "telltale_coverage_complete");
	otlp__export_request__free_unpacked(request, NULL);
	request = encoded(s, BOTH);
	assert_int_equal(scope_of(request)->n_metrics, 3);
	done(request, s);
}

static void points_of_one_metric_stay_together_with_their_labels(void **state)
{
	struct snapshot *s = snapshot_new("node-a", SNAPSHOT_START_NS);
	struct released_point *p;
	Otlp__ExportRequest *request;
	Otlp__Sum *sum;

	(void)state;
	p = snapshot_add(s, METRIC_PACKETS, "kind", "prepare", 7);
	p->labels_len = 2;
	p->labels[1].key = "stream";
	p->labels[1].value = "payment";
	snapshot_add(s, METRIC_PACKETS, "kind", "reject", 9);
	snapshot_add(s, METRIC_REJECTS, "code", "F99", 2);
	request = encoded(s, BOTH);
	assert_int_equal(scope_of(request)->n_metrics, 2);
	sum = scope_of(request)->metrics[0]->sum;
	assert_int_equal(sum->n_data_points, 2);
	assert_int_equal(sum->data_points[0]->n_attributes, 3);
	assert_string_equal(value_of(sum->data_points[0]->attributes, 3, "kind"), "prepare");
	assert_string_equal(value_of(sum->data_points[0]->attributes, 3, "stream"), "payment");
	assert_string_equal(value_of(sum->data_points[1]->attributes, 2, "kind"), "reject");
	assert_int_equal(sum->data_points[1]->as_int, 9);
	done(request, s);
}

static void the_resource_says_who_speaks_and_which_mechanism_made_it(void **state)
{
	struct snapshot *s = snapshot_new("node-a", SNAPSHOT_START_NS);
	Otlp__ExportRequest *request = encoded(s, BOTH);
	Otlp__Resource *r = request->resource_metrics[0]->resource;
	Otlp__Scope *scope = scope_of(request)->scope;

	(void)state;
	assert_int_equal(r->n_attributes, 3);
	assert_string_equal(value_of(r->attributes, 3, "service.name"), "telltale");
	assert_string_equal(value_of(r->attributes, 3, "telltale.network"), "testnet");
	assert_string_equal(value_of(r->attributes, 3, "telltale.privacy.mechanism"),
			    "bucket-laplace");
	assert_string_equal(scope->name, "telltale");
	assert_string_equal(scope->version, TELLTALE_VERSION);
	assert_int_equal(scope_of(request)->n_metrics, 0);
	done(request, s);
}

static void a_label_that_is_not_utf8_does_not_spoil_the_export(void **state)
{
	struct snapshot *s = snapshot_new("n\xc3\xb6"
					  "de\xff",
					  SNAPSHOT_START_NS);
	Otlp__ExportRequest *request;
	Otlp__NumberPoint *p;

	(void)state;
	snapshot_add(s, METRIC_REJECTS, "code", "\xed\xa0\x80", 1);
	request = encoded(s, BOTH);
	p = scope_of(request)->metrics[0]->sum->data_points[0];
	assert_string_equal(value_of(p->attributes, p->n_attributes, "source"), "n\xc3\xb6"
										"de?");
	assert_string_equal(value_of(p->attributes, p->n_attributes, "code"), "???");
	done(request, s);
}

static void a_text_longer_than_a_block_of_memory_is_encoded_whole(void **state)
{
	char *name = calloc(1, 200001);
	struct snapshot *s;
	Otlp__ExportRequest *request;
	Otlp__NumberPoint *p;

	(void)state;
	assert_non_null(name);
	memset(name, 'x', 200000);
	s = snapshot_new(name, SNAPSHOT_START_NS);
	snapshot_add(s, METRIC_TRANSACTIONS, NULL, NULL, 1);
	request = encoded(s, BOTH);
	p = scope_of(request)->metrics[0]->sum->data_points[0];
	assert_string_equal(value_of(p->attributes, p->n_attributes, "source"), name);
	done(request, s);
	free(name);
}

static void valid_utf8_is_accepted_and_nothing_else(void **state)
{
	(void)state;
	assert_int_equal(utf8_sequence("a"), 1);
	assert_int_equal(utf8_sequence("\xc2\xa2"), 2);
	assert_int_equal(utf8_sequence("\xe2\x82\xac"), 3);
	assert_int_equal(utf8_sequence("\xf0\x9f\x98\x80"), 4);
	assert_int_equal(utf8_sequence("\xf4\x8f\xbf\xbf"), 4);
	assert_int_equal(utf8_sequence(""), 0);
	assert_int_equal(utf8_sequence("\x80"), 0);
	assert_int_equal(utf8_sequence("\xc0\x80"), 0);         /* overlong */
	assert_int_equal(utf8_sequence("\xe0\x9f\xbf"), 0);     /* overlong */
	assert_int_equal(utf8_sequence("\xed\xa0\x80"), 0);     /* surrogate */
	assert_int_equal(utf8_sequence("\xf4\x90\x80\x80"), 0); /* above U+10FFFF */
	assert_int_equal(utf8_sequence("\xe2\x82"), 0);         /* cut */
}

static void an_answer_without_partial_success_refused_nothing(void **state)
{
	int64_t rejected = -1;
	char *message = (char *)"";

	(void)state;
	assert_int_equal(otlp_decode_response(NULL, 0, &rejected, &message), 0);
	assert_int_equal(rejected, 0);
	assert_null(message);
}

static void a_partial_success_tells_how_many_and_why(void **state)
{
	/* partial_success { rejected_data_points: 3 error_message: "late" } */
	static const uint8_t bytes[] = {0x0a, 0x08, 0x08, 0x03, 0x12, 0x04, 'l', 'a', 't', 'e'};
	int64_t rejected;
	char *message;

	(void)state;
	assert_int_equal(otlp_decode_response(bytes, sizeof(bytes), &rejected, &message), 0);
	assert_int_equal(rejected, 3);
	assert_string_equal(message, "late");
	free(message);
}

static void a_truncated_answer_is_not_used(void **state)
{
	static const uint8_t bytes[] = {0x0a, 0x08, 0x08, 0x03, 0x12};
	int64_t rejected;
	char *message;

	(void)state;
	assert_int_equal(otlp_decode_response(bytes, sizeof(bytes), &rejected, &message), -EBADMSG);
	assert_null(message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sum_is_cumulative_monotonic_and_carries_its_times),
		cmocka_unit_test(a_zero_is_sent_not_left_out),
		cmocka_unit_test(a_histogram_keeps_bounds_buckets_and_the_largest_numbers),
		cmocka_unit_test(the_largest_and_the_smallest_value_pass),
		cmocka_unit_test(the_network_does_not_get_the_operators_own_metrics),
		cmocka_unit_test(points_of_one_metric_stay_together_with_their_labels),
		cmocka_unit_test(the_resource_says_who_speaks_and_which_mechanism_made_it),
		cmocka_unit_test(a_label_that_is_not_utf8_does_not_spoil_the_export),
		cmocka_unit_test(a_text_longer_than_a_block_of_memory_is_encoded_whole),
		cmocka_unit_test(valid_utf8_is_accepted_and_nothing_else),
		cmocka_unit_test(an_answer_without_partial_success_refused_nothing),
		cmocka_unit_test(a_partial_success_tells_how_many_and_why),
		cmocka_unit_test(a_truncated_answer_is_not_used),
	};

	return cmocka_run_group_tests_name("otlp", tests, NULL, NULL);
}
