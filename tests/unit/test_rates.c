/* SPDX-License-Identifier: Apache-2.0 */
/* Rate documents and conversion, held against exact rationals computed by GMP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <gmp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seeded.h"
#include "user/decimal.h"
#include "user/rates.h"

static struct rates_document *parse(const char *text)
{
	struct rates_document *d = NULL;
	char why[256] = "";

	if (rates_parse(text, strlen(text), &d, why, sizeof(why)))
		fail_msg("%s: %s", text, why);
	return d;
}

static struct asset asset_of(const char *code, unsigned scale)
{
	struct asset a = {.scale = (uint8_t)scale};

	snprintf(a.code, sizeof(a.code), "%s", code);
	return a;
}

static enum rates_result convert(const struct rates_document *d, uint64_t amount, const char *code,
				 unsigned scale, uint64_t *value)
{
	struct asset a = asset_of(code, scale);

	return rates_document_convert(d, amount, &a, value);
}

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

static void the_bases_own_rate_is_one_whatever_is_written(void **state)
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

static void a_document_cut_anywhere_is_refused(void **state)
{
	static const char whole[] = "{\"base\":\"USD\",\"rates\":{\"EUR\":0.813399,\"J\":1e2}}";

	(void)state;
	for (size_t len = 0; len < sizeof(whole) - 1; len++) {
		/* On the heap, so that a byte read past the end is seen. */
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

static void what_is_legal_is_accepted(void **state)
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

/* --- against exact rationals --- */

#define ASSETS        8
#define DOCUMENTS     3000
#define PER_DOCUMENT  60
#define PROPERTY_SEED 20240229u

/* A decimal number as text, and as the rational it is. */
struct number {
	char text[64];
	mpq_t exact;
};

static void power_of_ten(mpz_t out, unsigned n)
{
	mpz_ui_pow_ui(out, 10, n);
}

/* Multiplies Q by 10^EXPONENT. */
static void shift(mpq_t q, int exponent)
{
	mpq_t power;

	mpq_init(power);
	power_of_ten(mpq_numref(power), (unsigned)abs(exponent));
	if (exponent >= 0)
		mpq_mul(q, q, power);
	else
		mpq_div(q, q, power);
	mpq_clear(power);
}

/* At most DIGITS digits, with the decimal point so that the number is about 10^MAGNITUDE; half of
 * them in exponent notation. */
static void make_number(struct seeded *s, struct number *n, unsigned digits, int magnitude)
{
	unsigned len = 1 + (unsigned)seeded_below(s, digits);
	char mantissa[24];
	int exponent = magnitude - (int)len + 1;

	for (unsigned i = 0; i < len; i++)
		mantissa[i] = (char)('0' + seeded_below(s, 10));
	mantissa[0] = (char)('1' + seeded_below(s, 9));
	mantissa[len] = '\0';
	mpq_set_str(n->exact, mantissa, 10);
	shift(n->exact, exponent);
	if (seeded_below(s, 2)) {
		/* D.DDDeX */
		snprintf(n->text, sizeof(n->text), "%c%s%se%d", mantissa[0], len > 1 ? "." : "",
			 mantissa + 1, magnitude);
	} else if (exponent >= 0) {
		snprintf(n->text, sizeof(n->text), "%s%.*s", mantissa, exponent,
			 "00000000000000000000");
	} else if (magnitude >= 0) {
		snprintf(n->text, sizeof(n->text), "%.*s.%s", magnitude + 1, mantissa,
			 mantissa + magnitude + 1);
	} else {
		snprintf(n->text, sizeof(n->text), "0.%.*s%s", -magnitude - 1,
			 "00000000000000000000", mantissa);
	}
}

static uint64_t make_amount(struct seeded *s)
{
	uint64_t amount = seeded_next(s);

	switch (seeded_below(s, 8)) {
	case 0: return UINT64_MAX - (amount & 3);
	case 1: return amount & 3;
	default: return amount >> seeded_below(s, 64);
	}
}

/* What the contract says, in rationals; false: it does not fit. */
static bool expected_value(uint64_t amount, unsigned scale, mpq_srcptr of_base, mpq_srcptr of_asset,
			   uint64_t *out)
{
	mpq_t exact;
	mpz_t floored, limit;
	bool fits;

	mpq_init(exact);
	mpz_inits(floored, limit, NULL);
	mpz_import(mpq_numref(exact), 1, 1, sizeof(amount), 0, 0, &amount);
	mpq_mul(exact, exact, of_base);
	mpq_div(exact, exact, of_asset);
	shift(exact, RATES_BASE_SCALE - (int)scale);
	mpz_fdiv_q(floored, mpq_numref(exact), mpq_denref(exact));
	mpz_ui_pow_ui(limit, 2, 64);
	fits = mpz_cmp(floored, limit) < 0;
	*out = fits ? 0 : UINT64_MAX;
	if (fits)
		mpz_export(out, NULL, 1, sizeof(*out), 0, 0, floored);
	mpz_clears(floored, limit, NULL);
	mpq_clear(exact);
	return fits;
}

struct property {
	unsigned digits;     /* of a rate, at most */
	int magnitude;       /* rates are from 10^-magnitude to 10^magnitude */
	unsigned scale;      /* of an asset, at most */
	size_t saturated;    /* results */
	size_t below_one;    /* floored to 0 */
	size_t documents[2]; /* with base USD, with another base */
};

/* One document: base USD, or base A0 with a rate of USD, and rates of A1 to A7. */
static void check_document(struct seeded *s, struct property *property,
			   struct number numbers[ASSETS])
{
	bool in_usd = seeded_below(s, 2);
	char text[1024];
	int at =
		snprintf(text, sizeof(text), "{\"base\":\"%s\",\"rates\":{", in_usd ? "USD" : "A0");
	struct rates_document *d;

	property->documents[!in_usd]++;
	for (int i = 0; i < ASSETS; i++) {
		int magnitude = (int)seeded_below(s, 2 * (uint64_t)property->magnitude) -
				property->magnitude;
		char code[8];

		make_number(s, &numbers[i], property->digits, magnitude);
		snprintf(code, sizeof(code), i || in_usd ? "A%d" : "USD", i);
		at += snprintf(text + at, sizeof(text) - (size_t)at, "%s\"%s\":%s", i ? "," : "",
			       code, numbers[i].text);
	}
	snprintf(text + at, sizeof(text) - (size_t)at, "}}");
	d = parse(text);
	for (int n = 0; n < PER_DOCUMENT; n++) {
		unsigned which = (unsigned)seeded_below(s, ASSETS);
		unsigned scale = (unsigned)seeded_below(s, property->scale + 1);
		uint64_t amount = make_amount(s), value, expected;
		enum rates_result result, wanted = RATES_OK;
		char code[8];
		mpq_t unit;

		mpq_init(unit);
		mpq_set_ui(unit, 1, 1);
		snprintf(code, sizeof(code), "A%u", which);
		result = convert(d, amount, code, scale, &value);
		/* With base A0, A0 itself is the inverse case and the others are cross rates. */
		if (!expected_value(amount, scale, in_usd ? unit : numbers[0].exact,
				    !in_usd && !which ? unit : numbers[which].exact, &expected))
			wanted = RATES_SATURATED;
		mpq_clear(unit);
		if (result != wanted || value != expected)
			fail_msg("seed %u: %s: %" PRIu64 " %s at scale %u gave %d, %" PRIu64
				 ", not %d, %" PRIu64,
				 PROPERTY_SEED, text, amount, code, scale, result, value, wanted,
				 expected);
		property->saturated += wanted == RATES_SATURATED;
		property->below_one += !expected;
	}
	rates_document_free(d);
}

static void check_property(struct property *property)
{
	struct seeded s = {PROPERTY_SEED};
	struct number numbers[ASSETS];

	for (int i = 0; i < ASSETS; i++)
		mpq_init(numbers[i].exact);
	for (int i = 0; i < DOCUMENTS; i++)
		check_document(&s, property, numbers);
	for (int i = 0; i < ASSETS; i++)
		mpq_clear(numbers[i].exact);
	/* The cases reach what they are there for. */
	assert_true(property->saturated > 1000);
	assert_true(property->below_one > 1000);
	assert_true(property->documents[0] > 1000 && property->documents[1] > 1000);
}

static void conversion_equals_the_exact_rational_floored_once(void **state)
{
	struct property p = {.digits = 17, .magnitude = 12, .scale = 18};

	(void)state;
	check_property(&p);
}

static void conversion_is_exact_at_the_limits_of_rates_and_scales(void **state)
{
	struct property p = {.digits = 19, .magnitude = 18, .scale = 38};

	(void)state;
	check_property(&p);
}

/* --- one rate, three ways to it --- */

/* A value that both a document in USD and others give must be the same, up to what the documents
 * themselves differ by: a reciprocal is written in 18 digits. */
struct route {
	struct rates_document *direct, *inverse, *cross;
	mpq_t exact[3]; /* what one asset is worth in USD, as each document has it */
};

/* 1 / Q in DIGITS significant digits, as D.DDDeX; Q becomes what was written. */
static void reciprocal(mpq_t q, unsigned digits, char *text, size_t text_len)
{
	int exponent = 0;
	mpz_t n;
	char buf[32];

	mpz_init(n);
	mpq_inv(q, q);
	/* To one whole number of so many digits. */
	for (;;) {
		mpz_tdiv_q(n, mpq_numref(q), mpq_denref(q));
		if (mpz_sizeinbase(n, 10) > digits) {
			mpz_ui_pow_ui(n, 10, digits);
			if (mpq_cmp_z(q, n) >= 0) {
				shift(q, -1);
				exponent++;
				continue;
			}
		}
		mpz_ui_pow_ui(n, 10, digits - 1);
		if (mpq_cmp_z(q, n) >= 0)
			break;
		shift(q, 1);
		exponent--;
	}
	mpz_tdiv_q(n, mpq_numref(q), mpq_denref(q));
	mpz_get_str(buf, 10, n);
	snprintf(text, text_len, "%se%d", buf, exponent);
	mpq_set_z(q, n);
	shift(q, exponent);
	mpz_clear(n);
}

static void make_route(struct route *r, const struct number *of_asset, const struct number *of_eur)
{
	char text[256], inverse[64];
	mpq_t q;

	mpq_init(q);
	/* One USD buys N of A. */
	snprintf(text, sizeof(text), "{\"base\":\"USD\",\"rates\":{\"A\":%s}}", of_asset->text);
	r->direct = parse(text);
	mpq_inv(r->exact[0], of_asset->exact);
	/* One A buys 1 / N USD, in 18 digits. */
	mpq_set(q, of_asset->exact);
	reciprocal(q, 18, inverse, sizeof(inverse));
	snprintf(text, sizeof(text), "{\"base\":\"A\",\"rates\":{\"USD\":%s}}", inverse);
	r->inverse = parse(text);
	mpq_set(r->exact[1], q);
	/* One EUR buys E USD and as many A as E USD do, in 18 digits. */
	mpq_mul(q, of_eur->exact, of_asset->exact);
	mpq_inv(q, q);
	reciprocal(q, 18, inverse, sizeof(inverse));
	snprintf(text, sizeof(text), "{\"base\":\"EUR\",\"rates\":{\"USD\":%s,\"A\":%s}}",
		 of_eur->text, inverse);
	r->cross = parse(text);
	mpq_div(r->exact[2], of_eur->exact, q);
	mpq_clear(q);
}

/* Whether AMOUNT times what two documents' rates differ by is below one unit. */
static bool documents_agree(uint64_t amount, unsigned scale, mpq_srcptr a, mpq_srcptr b)
{
	mpq_t difference, whole;
	bool agree;

	mpq_inits(difference, whole, NULL);
	mpz_import(mpq_numref(whole), 1, 1, sizeof(amount), 0, 0, &amount);
	mpq_sub(difference, a, b);
	mpq_abs(difference, difference);
	mpq_mul(difference, difference, whole);
	shift(difference, RATES_BASE_SCALE - (int)scale);
	agree = mpq_cmp_ui(difference, 1, 1) < 0;
	mpq_clears(difference, whole, NULL);
	return agree;
}

static void check_route(struct seeded *s, const struct route *r, size_t *compared)
{
	for (int n = 0; n < 20; n++) {
		const struct rates_document *const ways[] = {r->direct, r->inverse, r->cross};
		unsigned scale = (unsigned)seeded_below(s, 19);
		uint64_t amount = make_amount(s), values[3];

		for (int i = 0; i < 3; i++)
			convert(ways[i], amount, "A", scale, &values[i]);
		for (int i = 1; i < 3; i++) {
			uint64_t apart = values[0] > values[i] ? values[0] - values[i]
							       : values[i] - values[0];

			if (!documents_agree(amount, scale, r->exact[0], r->exact[i]))
				continue;
			if (apart > 1)
				fail_msg("seed %u: %" PRIu64 " at scale %u: %" PRIu64
					 " and %" PRIu64,
					 PROPERTY_SEED, amount, scale, values[0], values[i]);
			*compared += values[0] && values[0] != UINT64_MAX;
		}
	}
}

static void the_direct_the_inverse_and_the_cross_rate_agree_within_one_unit(void **state)
{
	struct seeded s = {PROPERTY_SEED};
	struct number of_asset, of_eur;
	struct route r;
	size_t compared = 0;

	(void)state;
	mpq_inits(of_asset.exact, of_eur.exact, r.exact[0], r.exact[1], r.exact[2], NULL);
	for (int i = 0; i < DOCUMENTS; i++) {
		make_number(&s, &of_asset, 17, (int)seeded_below(&s, 24) - 12);
		make_number(&s, &of_eur, 6, (int)seeded_below(&s, 6) - 3);
		make_route(&r, &of_asset, &of_eur);
		check_route(&s, &r, &compared);
		rates_document_free(r.direct);
		rates_document_free(r.inverse);
		rates_document_free(r.cross);
	}
	mpq_clears(of_asset.exact, of_eur.exact, r.exact[0], r.exact[1], r.exact[2], NULL);
	assert_true(compared > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_asset_of_a_usd_document_is_divided_by_its_rate),
		cmocka_unit_test(a_document_in_another_base_is_not_taken_for_usd),
		cmocka_unit_test(without_a_rate_of_usd_nothing_but_usd_converts),
		cmocka_unit_test(an_amount_that_cannot_be_converted_is_unknown_never_guessed),
		cmocka_unit_test(a_value_that_does_not_fit_saturates_and_says_so),
		cmocka_unit_test(the_bases_own_rate_is_one_whatever_is_written),
		cmocka_unit_test(a_hostile_document_is_refused_with_its_reason),
		cmocka_unit_test(a_document_cut_anywhere_is_refused),
		cmocka_unit_test(a_document_larger_than_a_mebibyte_is_refused),
		cmocka_unit_test(what_is_legal_is_accepted),
		cmocka_unit_test(a_long_code_is_not_cut_to_one_that_an_asset_may_have),
		cmocka_unit_test(decimal_text_is_read_exactly),
		cmocka_unit_test(conversion_equals_the_exact_rational_floored_once),
		cmocka_unit_test(conversion_is_exact_at_the_limits_of_rates_and_scales),
		cmocka_unit_test(the_direct_the_inverse_and_the_cross_rate_agree_within_one_unit),
	};

	return cmocka_run_group_tests_name("rates", tests, NULL, NULL);
}
