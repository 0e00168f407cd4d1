/* SPDX-License-Identifier: Apache-2.0 */
/* Compares conversion with exact rationals computed by GMP. */
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

#include "tests/unit/support/converting.h"
#include "tests/unit/support/seeded.h"
#include "rates/decimal.h"

#define ASSETS        8
#define DOCUMENTS     3000
#define PER_DOCUMENT  60
#define PROPERTY_SEED 20240229u

/* A decimal number as text and as a rational. */
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

/* A random number of at most DIGITS digits and about 10^MAGNITUDE; half of the numbers are in
 * exponent notation. */
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

/* The value by the contract, computed in rationals; false: it does not fit. */
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
	/* The cases must reach the situations that they are for. */
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

/* Documents in USD and in other bases must give the same value. The only allowed difference is that
 * of the documents themselves, because a reciprocal is written in 18 digits. */
struct route {
	struct rates_document *direct, *inverse, *cross;
	mpq_t exact[3]; /* what one asset is worth in USD, as each document has it */
};

/* Writes 1 / Q in DIGITS significant digits, as D.DDDeX. Q becomes the number that was written. */
static void reciprocal(mpq_t q, unsigned digits, char *text, size_t text_len)
{
	int exponent = 0;
	mpz_t n;
	char buf[32];

	mpz_init(n);
	mpq_inv(q, q);
	/* Rounds to a whole number of so many digits. */
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

/* Whether AMOUNT times the difference of two documents' rates is below one unit. */
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
		cmocka_unit_test(conversion_equals_the_exact_rational_floored_once),
		cmocka_unit_test(conversion_is_exact_at_the_limits_of_rates_and_scales),
		cmocka_unit_test(the_direct_the_inverse_and_the_cross_rate_agree_within_one_unit),
	};

	return cmocka_run_group_tests_name("rates, exactly", tests, NULL, NULL);
}
