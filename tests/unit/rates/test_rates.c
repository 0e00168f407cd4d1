/* SPDX-License-Identifier: Apache-2.0 */
/* Rate documents and conversion. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/support/converting.h"
#include "rates/decimal.h"
#include "rates/rates.h"
#include "rates/unpack.h"
#include "export/gzip.h"

static void assert_converts(const struct rates_document *d, uint64_t amount, const char *code,
			    unsigned scale, uint64_t expected)
{
	uint64_t value = 1;

	assert_int_equal(convert(d, amount, code, scale, &value), RATES_OK);
	assert_int_equal(value, expected);
}

static void an_asset_of_a_usd_document_is_divided_by_its_rate(void **state)
{
	struct rates_document *d = parse("{\"base\": \"USD\", \"rates\": {\"EUR\": 0.813399}}");

	(void)state;
	/* 100.00 EUR / 0.813399 = 122.9408937…  */
	assert_converts(d, 10000, "EUR", 2, 1229408);
	assert_converts(d, 10000, "USD", 2, 1000000);
	rates_document_free(d);
}

static void a_document_in_another_base_is_not_taken_for_usd(void **state)
{
	struct rates_document *d = parse("{\"base\":\"EUR\",\"rates\":{\"USD\":1.25,\"JPY\":200}}");

	(void)state;
	assert_string_equal(rates_document_base(d), "EUR");
	assert_converts(d, 100, "EUR", 2, 12500); /* inverse */
	assert_converts(d, 200, "JPY", 0, 12500); /* cross */
	assert_converts(d, 77, "USD", 2, 7700);   /* the base currency itself */
	assert_converts(d, 3, "JPY", 0, 187);     /* 187.5, floored */
	rates_document_free(d);
}

static void without_a_rate_of_usd_nothing_but_usd_converts(void **state)
{
	struct rates_document *d = parse("{\"base\":\"EUR\",\"rates\":{\"JPY\":200}}");
	uint64_t value;

	(void)state;
	assert_int_equal(convert(d, 1, "EUR", 0, &value), RATES_UNKNOWN);
	assert_int_equal(convert(d, 1, "JPY", 0, &value), RATES_UNKNOWN);
	assert_converts(d, 1, "USD", 0, 10000);
	assert_converts(NULL, 1, "USD", 0, 10000);
	rates_document_free(d);
}

static void an_amount_that_cannot_be_converted_is_unknown_never_guessed(void **state)
{
	struct rates_document *d = parse("{\"base\":\"USD\",\"rates\":{\"EUR\":1}}");
	uint64_t value = 7;

	(void)state;
	assert_int_equal(convert(d, 1, "GBP", 2, &value), RATES_UNKNOWN);
	assert_int_equal(value, 0);
	assert_int_equal(convert(d, 1, "", 2, &value), RATES_UNKNOWN);
	assert_int_equal(convert(d, 1, "eur", 2, &value), RATES_UNKNOWN);
	assert_int_equal(convert(d, 1, "EUR", 39, &value), RATES_UNKNOWN);
	assert_int_equal(convert(d, 1, "USD", 39, &value), RATES_UNKNOWN);
	assert_int_equal(convert(d, UINT64_MAX, "EUR", 38, &value), RATES_OK);
	rates_document_free(d);
}

static void a_value_that_does_not_fit_saturates_and_says_so(void **state)
{
	struct rates_document *d = parse("{\"base\":\"USD\",\"rates\":{\"A\":1e-18,\"B\":1e18}}");
	uint64_t value = 0;

	(void)state;
	assert_int_equal(convert(d, UINT64_MAX, "A", 0, &value), RATES_SATURATED);
	assert_true(value == UINT64_MAX);
	assert_int_equal(convert(d, UINT64_MAX, "USD", 3, &value), RATES_SATURATED);
	assert_int_equal(convert(d, UINT64_MAX, "USD", 4, &value), RATES_OK);
	assert_true(value == UINT64_MAX);
	assert_converts(d, UINT64_MAX, "B", 0, 184467);
	rates_document_free(d);
}

static void the_rate_of_the_base_itself_is_one_whatever_the_document_says(void **state)
{
	struct rates_document *d = parse("{\"base\":\"EUR\",\"rates\":{\"EUR\":3,\"USD\":2}}");

	(void)state;
	assert_converts(d, 1, "EUR", 0, 20000);
	assert_int_equal(rates_document_len(d), 1);
	rates_document_free(d);
}

/* --- hostile documents --- */

static void assert_refused(const char *text, size_t len, const char *reason)
{
	struct rates_document *d = NULL;
	char why[256] = "";

	if (!rates_parse(text, len, &d, why, sizeof(why)))
		fail_msg("accepted: %s", text);
	assert_null(d);
	if (!strstr(why, reason))
		fail_msg("%s: \"%s\" does not say \"%s\"", text, why, reason);
}

static void a_hostile_document_is_refused_with_its_reason(void **state)
{
	static const struct {
		const char *text, *reason;
	} cases[] = {
		{"", "not JSON"},
		{"{\"base\":\"USD\",\"rates\":{\"EUR\":0.8", "ends in the middle"},
		{"<html>502 Bad Gateway</html>", "not JSON"},
		{"null", "not JSON"},
		{"\"USD\"", "not a JSON object"},
		{"[]", "not a JSON object"},
		{"{\"rates\":{\"EUR\":1}}", "no \"base\""},
		{"{\"base\":7,\"rates\":{\"EUR\":1}}", "no \"base\""},
		{"{\"base\":\"\",\"rates\":{\"EUR\":1}}", "no \"base\""},
		{"{\"base\":\"ABCDEFGHIJKL\",\"rates\":{}}", "longer"},
		{"{\"base\":\"USD\"}", "no \"rates\""},
		{"{\"base\":\"USD\",\"rates\":[1]}", "no \"rates\""},
		{"{\"base\":\"USD\",\"rates\":{\"EUR\":1}} x", "not JSON"},
		{"{\"base\":\"USD\",\"rates\":{\"EUR\":1}}{}", "not JSON"},
		{"{\"base\":\"USD\",\"rates\":{\"EUR\":1,}}", "not JSON"},
		{"{'base':'USD','rates':{'EUR':1}}", "not JSON"},
		{"{\"base\":\"USD\",/* */\"rates\":{\"EUR\":1}}", "not JSON"},
		{"{\"base\":\"USD\",\"rates\":{\"EUR\":NaN}}", "EUR"},
		{"{\"base\":\"USD\",\"rates\":{\"EUR\":Infinity}}", "EUR"},
		{"{\"base\":\"USD\",\"rates\":{\"EUR\":-1}}", "EUR is not between"},
		{"{\"base\":\"USD\",\"rates\":{\"EUR\":-0.5}}", "EUR is not between"},
		{"{\"base\":\"USD\",\"rates\":{\"EUR\":0}}", "EUR is not between"},
		{"{\"base\":\"USD\",\"rates\":{\"EUR\":-0}}", "EUR is not between"},
		{"{\"base\":\"USD\",\"rates\":{\"EUR\":0.000}}", "EUR is not between"},
		{"{\"base\":\"USD\",\"rates\":{\"EUR\":0e9}}", "EUR is not between"},
		{"{\"base\":\"USD\",\"rates\":{\"EUR\":1.1e18}}", "EUR is not between"},
		{"{\"base\":\"USD\",\"rates\":{\"EUR\":0.9e-18}}", "EUR is not between"},
		{"{\"base\":\"USD\",\"rates\":{\"EUR\":1e999}}", "EUR is not between"},
		{"{\"base\":\"USD\",\"rates\":{\"EUR\":1e-999999999999999999999}}", "EUR"},
		{"{\"base\":\"USD\",\"rates\":{\"EUR\":99999999999999999999999}}",
		 "EUR is not between"},
		{"{\"base\":\"USD\",\"rates\":{\"EUR\":0.12345678901234567890123}}", "19 digits"},
		{"{\"base\":\"USD\",\"rates\":{\"EUR\":\"0.8\"}}", "not a positive decimal"},
		{"{\"base\":\"USD\",\"rates\":{\"EUR\":true}}", "not a positive decimal"},
		{"{\"base\":\"USD\",\"rates\":{\"EUR\":null}}", "not a positive decimal"},
		{"{\"base\":\"USD\",\"rates\":{\"EUR\":{\"USD\":1}}}", "not a positive decimal"},
		{"{\"base\":\"USD\",\"rates\":{\"EUR\":1,\"EUR\":2}}", "twice"},
		{"{\"base\":\"USD\",\"base\":\"EUR\",\"rates\":{\"EUR\":1}}", "twice"},
		{"{\"base\":\"USD\",\"rates\":{\"EUR\":1,\"\\u0045UR\":2}}", "twice"},
		{"{\"base\":\"USD\",\"rates\":{\"EUR\\u0000\":1}}", "NUL"},
		{"{\"base\":\"USD\",\"rates\":{\"EUR\":1},\"x\":[[[[[[[[[[1]]]]]]]]]]}",
		 "not JSON"},
		{"{\"base\":\"U\xff\",\"rates\":{\"EUR\":1}}", "not JSON"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_refused(cases[i].text, strlen(cases[i].text), cases[i].reason);
	assert_refused("{\"base\":\"USD\",\"rates\":{}}\0{}", 29, "NUL");
}

/* What a service that has one odd asset sends: the others are not to be lost with it. */
static void each_asset_is_judged_by_itself(void **state)
{
	static const char text[] = "{\"base\":\"USD\",\"rates\":{\"EUR\":0.5,\"NUL\":null,"
				   "\"LONG\":1.2345678901234567890123,\"TXT\":\"1\",\"GBP\":0.25}}";
	static const char *const none[] = {
		"{\"base\":\"USD\",\"rates\":{}}",
		"{\"base\":\"USD\",\"rates\":{\"EUR\":null}}",
	};
	struct rates_document *d = NULL;
	struct rates_refused refused;
	char why[256];

	(void)state;
	assert_int_equal(rates_judge(text, strlen(text), &d, &refused, why, sizeof(why)), 0);
	assert_int_equal(refused.count, 3);
	assert_non_null(strstr(refused.why, "NUL"));
	assert_int_equal(rates_document_len(d), 2);
	assert_converts(d, 100, "EUR", 2, 20000);
	assert_converts(d, 100, "GBP", 2, 40000);
	rates_document_free(d);
	/* Good rates are not replaced by none. */
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(
			rates_judge(none[i], strlen(none[i]), &d, &refused, why, sizeof(why)),
			-EINVAL);
		assert_non_null(strstr(why, "no rate that can be used"));
	}
}

static void packed_and_marked_documents_are_read(void **state)
{
	static const char json[] = "\xef\xbb\xbf{\"base\":\"USD\"}";
	uint8_t *packed = NULL;
	const char *out;
	char *owned, why[256];
	size_t len, packed_len;

	(void)state;
	assert_int_equal(rates_unpack(json, strlen(json), &out, &len, &owned, why, sizeof(why)), 0);
	assert_int_equal(len, strlen(json) - 3);
	assert_null(owned);
	assert_int_equal(export_gzip((const uint8_t *)json, strlen(json), &packed, &packed_len), 0);
	assert_int_equal(
		rates_unpack((char *)packed, packed_len, &out, &len, &owned, why, sizeof(why)), 0);
	assert_int_equal(len, strlen(json) - 3);
	assert_memory_equal(out, json + 3, len);
	free(owned);
	/* Cut anywhere, it is an error. */
	for (size_t cut = 3; cut < packed_len; cut++) {
		char *end = malloc(cut);

		memcpy(end, packed, cut);
		assert_int_equal(rates_unpack(end, cut, &out, &len, &owned, why, sizeof(why)),
				 -EINVAL);
		free(end);
	}
	free(packed);
}

static void what_unpacks_to_more_than_a_mebibyte_is_refused(void **state)
{
	char *zeros = calloc(1, 64u << 20), *owned, why[256];
	uint8_t *packed = NULL;
	const char *out;
	size_t len, packed_len;

	(void)state;
	assert_non_null(zeros);
	assert_int_equal(export_gzip((uint8_t *)zeros, 64u << 20, &packed, &packed_len), 0);
	assert_int_equal(
		rates_unpack((char *)packed, packed_len, &out, &len, &owned, why, sizeof(why)),
		-EINVAL);
	assert_non_null(strstr(why, "larger"));
	free(packed);
	free(zeros);
}

static void a_document_cut_anywhere_is_refused(void **state)
{
	static const char whole[] = "{\"base\":\"USD\",\"rates\":{\"EUR\":0.813399,\"J\":1e2}}";

	(void)state;
	for (size_t len = 0; len < sizeof(whole) - 1; len++) {
		/* The text is on the heap, so that ASan sees a read past its end. */
		char *cut = malloc(len + 1);

		memcpy(cut, whole, len);
		cut = realloc(cut, len ? len : 1);
		assert_refused(cut, len, "not JSON");
		free(cut);
	}
	rates_document_free(parse(whole));
}

static void a_document_larger_than_a_mebibyte_is_refused(void **state)
{
	char *text = malloc(RATES_DOCUMENT_MAX + 1);
	static const char end[] = "{\"base\":\"USD\",\"rates\":{}}";
	struct rates_document *d = NULL;
	char why[256];

	(void)state;
	memset(text, ' ', RATES_DOCUMENT_MAX + 1);
	memcpy(text, end, strlen(end));
	assert_refused(text, RATES_DOCUMENT_MAX + 1, "larger");
	assert_int_equal(rates_parse(text, RATES_DOCUMENT_MAX, &d, why, sizeof(why)), 0);
	rates_document_free(d);
	free(text);
}

static void legal_documents_are_accepted(void **state)
{
	static const char *const texts[] = {
		" {\n\"base\" : \"USD\" , \"rates\" : { } } \n",
		"{\"base\":\"USD\",\"rates\":{\"A\":1e18,\"B\":1e-18,\"C\":1E+3,\"D\":10}}",
		"{\"base\":\"USD\",\"rates\":{\"A\":0.81339900000000000000000000000000}}",
		"{\"base\":\"USD\",\"rates\":{\"A\":1000000000000000000}}",
		"{\"base\":\"USD\",\"rates\":{\"A\":1234567890.123456789}}",
		"{\"date\":\"a:b \\\": c\",\"meta\":{\"base\":1,\"x\":[{\"y\":2},{\"y\":3}]},"
		"\"base\":\"USD\",\"rates\":{\"A\":1}}",
		"{\"base\":\"USD\",\"rates\":{\"A-CODE-LONGER-THAN-ANY-ASSET\":1,\"\":2}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		rates_document_free(parse(texts[i]));
}

static void a_long_code_is_not_cut_to_one_that_an_asset_may_have(void **state)
{
	struct rates_document *d =
		parse("{\"base\":\"USD\",\"rates\":{\"ABCDEFGHIJKL\":2,\"ABCDEFGHIJK\":4}}");

	(void)state;
	assert_int_equal(rates_document_len(d), 1);
	assert_converts(d, 4, "ABCDEFGHIJK", 0, 10000);
	rates_document_free(d);
}

static void decimal_text_is_read_exactly(void **state)
{
	static const struct {
		const char *text;
		int error;
		struct rate rate;
	} cases[] = {
		{"1", 0, {1, 0}},
		{"1200", 0, {12, 2}},
		{"0.813399", 0, {813399, -6}},
		{"1.0500e3", 0, {105, 1}},
		{"1e-18", 0, {1, -18}},
		{"18446744073709551615", 0, {UINT64_MAX, 0}},
		{"1844674407370955161.5", 0, {UINT64_MAX, -1}},
		{"18446744073709551616", -ERANGE, {0}},
		{"100000000000000000000000000001", -ERANGE, {0}},
		{"100000000000000000000000000000", 0, {1, 29}},
		{"0", -EDOM, {0}},
		{"-1", -EDOM, {0}},
		{"01", -EINVAL, {0}},
		{"1.", -EINVAL, {0}},
		{".1", -EINVAL, {0}},
		{"+1", -EINVAL, {0}},
		{"1e", -EINVAL, {0}},
		{"1e+", -EINVAL, {0}},
		{"1x", -EINVAL, {0}},
		{"", -EINVAL, {0}},
		{"0x10", -EINVAL, {0}},
		{"nan", -EINVAL, {0}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rate r = {0};

		if (decimal_parse(cases[i].text, &r) != cases[i].error ||
		    r.mantissa != cases[i].rate.mantissa || r.exponent != cases[i].rate.exponent)
			fail_msg("%s: %" PRIu64 "e%d", cases[i].text, r.mantissa, r.exponent);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_asset_of_a_usd_document_is_divided_by_its_rate),
		cmocka_unit_test(a_document_in_another_base_is_not_taken_for_usd),
		cmocka_unit_test(without_a_rate_of_usd_nothing_but_usd_converts),
		cmocka_unit_test(an_amount_that_cannot_be_converted_is_unknown_never_guessed),
		cmocka_unit_test(a_value_that_does_not_fit_saturates_and_says_so),
		cmocka_unit_test(the_rate_of_the_base_itself_is_one_whatever_the_document_says),
		cmocka_unit_test(a_hostile_document_is_refused_with_its_reason),
		cmocka_unit_test(each_asset_is_judged_by_itself),
		cmocka_unit_test(packed_and_marked_documents_are_read),
		cmocka_unit_test(what_unpacks_to_more_than_a_mebibyte_is_refused),
		cmocka_unit_test(a_document_cut_anywhere_is_refused),
		cmocka_unit_test(a_document_larger_than_a_mebibyte_is_refused),
		cmocka_unit_test(legal_documents_are_accepted),
		cmocka_unit_test(a_long_code_is_not_cut_to_one_that_an_asset_may_have),
		cmocka_unit_test(decimal_text_is_read_exactly),
	};

	return cmocka_run_group_tests_name("rates", tests, NULL, NULL);
}
