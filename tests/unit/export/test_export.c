/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/status.pb-c.h"
#include "export/policy.h"

#define RETRY_INFO "type.googleapis.com/google.rpc.RetryInfo"

static void only_the_codes_that_otlp_names_are_retried(void **state)
{
	static const bool again[] = {
		[GRPC_STATUS_CANCELLED] = true,        [GRPC_STATUS_DEADLINE_EXCEEDED] = true,
		[GRPC_STATUS_ABORTED] = true,          [GRPC_STATUS_OUT_OF_RANGE] = true,
		[GRPC_STATUS_UNAVAILABLE] = true,      [GRPC_STATUS_DATA_LOSS] = true,
		[GRPC_STATUS_UNAUTHENTICATED] = false,
	};

	(void)state;
	assert_int_equal(export_verdict(GRPC_STATUS_OK, false), EXPORT_DONE);
	for (int code = 1; code <= GRPC_STATUS_UNAUTHENTICATED; code++)
		assert_int_equal(export_verdict((grpc_status_code)code, false),
				 again[code] ? EXPORT_RETRY : EXPORT_DROP);
	assert_int_equal(export_verdict((grpc_status_code)4711, true), EXPORT_DROP);
}

static void retry_info_matters_for_resource_exhausted_only(void **state)
{
	(void)state;
	assert_int_equal(export_verdict(GRPC_STATUS_RESOURCE_EXHAUSTED, true), EXPORT_RETRY);
	assert_int_equal(export_verdict(GRPC_STATUS_INVALID_ARGUMENT, true), EXPORT_DROP);
	assert_int_equal(export_verdict(GRPC_STATUS_OK, true), EXPORT_DONE);
}

static void the_wait_doubles_to_a_minute_and_is_spread_over_its_upper_half(void **state)
{
	static const uint32_t whole[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};

	(void)state;
	for (unsigned i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
		assert_int_equal(export_backoff_ms(i + 1, 0), whole[i] / 2);
		assert_int_equal(export_backoff_ms(i + 1, UINT32_MAX), whole[i]);
		assert_int_equal(export_backoff_ms(i + 1, UINT32_MAX / 2), whole[i] * 3 / 4);
	}
	assert_int_equal(export_backoff_ms(UINT32_MAX, UINT32_MAX), 60000);
	assert_int_equal(export_backoff_ms(0, UINT32_MAX), 1000);
}

/* Passes a status with one detail of TYPE that holds INFO to export_retry_info. */
static bool asked(const char *type, const Rpc__RetryInfo *info, uint32_t *delay_ms)
{
	Rpc__Status status = RPC__STATUS__INIT;
	Rpc__Any other = RPC__ANY__INIT, any = RPC__ANY__INIT, *details[] = {&other, &any};
	uint8_t value[64], bytes[256];

	other.type_url = (char *)"type.googleapis.com/google.rpc.DebugInfo";
	any.type_url = (char *)type;
	any.value.len = rpc__retry_info__pack(info, value);
	any.value.data = value;
	status.n_details = 2;
	status.details = details;
	assert_true(rpc__status__get_packed_size(&status) <= sizeof(bytes));
	return export_retry_info(bytes, rpc__status__pack(&status, bytes), delay_ms);
}

static void the_requested_delay_is_found_and_never_shortened(void **state)
{
	Rpc__RetryInfo info = RPC__RETRY_INFO__INIT;
	Rpc__Duration d = RPC__DURATION__INIT;
	uint32_t ms;

	(void)state;
	assert_true(asked(RETRY_INFO, &info, &ms));
	assert_int_equal(ms, 0);
	info.retry_delay = &d;
	d.seconds = 2;
	d.nanos = 1;
	assert_true(asked(RETRY_INFO, &info, &ms));
	assert_int_equal(ms, 2001);
	assert_false(asked("type.googleapis.com/google.rpc.QuotaFailure", &info, &ms));
	assert_int_equal(ms, 0);
}

static void an_absurd_delay_is_bounded(void **state)
{
	Rpc__RetryInfo info = RPC__RETRY_INFO__INIT;
	Rpc__Duration d = RPC__DURATION__INIT;
	uint32_t ms;

	(void)state;
	info.retry_delay = &d;
	d.seconds = INT64_MAX;
	assert_true(asked(RETRY_INFO, &info, &ms));
	assert_int_equal(ms, EXPORT_RETRY_DELAY_MAX_MS);
	d.seconds = EXPORT_RETRY_DELAY_MAX_MS / 1000 - 1;
	d.nanos = INT32_MAX;
	assert_true(asked(RETRY_INFO, &info, &ms));
	assert_int_equal(ms, EXPORT_RETRY_DELAY_MAX_MS);
	d.seconds = -5;
	assert_true(asked(RETRY_INFO, &info, &ms));
	assert_int_equal(ms, 0);
}

static void garbage_details_are_not_read_as_retry_info(void **state)
{
	static const uint8_t garbage[] = {0x1a, 0xff, 0x01, 0x02};
	uint32_t ms;

	(void)state;
	assert_false(export_retry_info(garbage, sizeof(garbage), &ms));
	assert_false(export_retry_info(NULL, 0, &ms));
}

static void assert_words(grpc_status_code status, const char *message, bool connected,
			 const char *wanted)
{
	char words[256];

	export_words(status, message, connected, words, sizeof(words));
	assert_string_equal(words, wanted);
}

static void failures_are_explained_in_words_an_operator_can_act_on(void **state)
{
	(void)state;
	assert_words(GRPC_STATUS_UNAVAILABLE,
		     "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: "
		     "Failed to connect to remote host: Connection refused",
		     false, "cannot connect: Connection refused");
	assert_words(GRPC_STATUS_UNAVAILABLE,
		     "DNS resolution failed for a:1: C-ares status is not ARES_SUCCESS qtype=A "
		     "name=a is_balancer=0: Domain name not found",
		     false, "cannot resolve the host's name: Domain name not found");
	assert_words(GRPC_STATUS_DEADLINE_EXCEEDED, "Deadline Exceeded", false,
		     "cannot connect: no answer within the timeout");
	assert_words(GRPC_STATUS_DEADLINE_EXCEEDED, "Deadline Exceeded", true,
		     "connected, but no answer within the timeout");
	assert_words(GRPC_STATUS_PERMISSION_DENIED, "", true, "PERMISSION_DENIED");
	assert_words((grpc_status_code)99, "what?", true, "UNKNOWN: what?");
}

static void a_collectors_message_cannot_add_lines_to_our_log(void **state)
{
	char few[64];

	(void)state;
	assert_words(GRPC_STATUS_INTERNAL, "a\nb\x1b[31m\x7f\xff", true, "INTERNAL: a b [31m ?");
	/* What turns the direction of a terminal, or is not seen. */
	assert_words(GRPC_STATUS_INTERNAL,
		     "a\xe2\x80\xae"
		     "b\xc2\x9bm",
		     true, "INTERNAL: a\\u202eb\\u009bm");
	export_words(GRPC_STATUS_INTERNAL,
		     "0123456789012345678901234567890123456789012345678901234567890123456789", true,
		     few, sizeof(few));
	assert_string_equal(few, "INTERNAL: 01234567890123456789012345678901234567890123456789012");
}

static void an_answer_of_a_proxy_is_named_as_one(void **state)
{
	(void)state;
	assert_words(GRPC_STATUS_UNAVAILABLE, "Received http2 header with status: 502", true,
		     "UNAVAILABLE: Received http2 header with status: 502 (this is no answer of a "
		     "collector; does a proxy or another server answer in its place?)");
}

static void a_secret_is_masked_wherever_it_occurs(void **state)
{
	static const char *const table[][3] = {
		{"no key abcdef", "abcdef", "no key ***"},
		{"abcdefabcdef, abcde", "abcdef", "******, abcde"},
		{"abcd", "abcd", "***"},
		{"aaaaaaaaa", "aaaa", "******a"},
		/* The mask itself is not searched again, and an empty secret does not loop for
		 * ever. */
		{"****", "****", "***"},
		{"yes, it is", "yes", "yes, it is"},
		{"anything", "", "anything"},
		{"", "abcdef", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char *text = strdup(table[i][0]);

		assert_non_null(text);
		export_mask(text, table[i][1]);
		assert_string_equal(text, table[i][2]);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_codes_that_otlp_names_are_retried),
		cmocka_unit_test(retry_info_matters_for_resource_exhausted_only),
		cmocka_unit_test(the_wait_doubles_to_a_minute_and_is_spread_over_its_upper_half),
		cmocka_unit_test(the_requested_delay_is_found_and_never_shortened),
		cmocka_unit_test(an_absurd_delay_is_bounded),
		cmocka_unit_test(garbage_details_are_not_read_as_retry_info),
		cmocka_unit_test(failures_are_explained_in_words_an_operator_can_act_on),
		cmocka_unit_test(a_collectors_message_cannot_add_lines_to_our_log),
		cmocka_unit_test(an_answer_of_a_proxy_is_named_as_one),
		cmocka_unit_test(a_secret_is_masked_wherever_it_occurs),
	};

	return cmocka_run_group_tests_name("export", tests, NULL, NULL);
}
