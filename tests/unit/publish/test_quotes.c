/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of sources in each format: they are read correctly or refused with a reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "publish/quotes_parse.h"

#define ECB(day, cubes)                                                                            \
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<gesmes:Envelope "                            \
	"xmlns:gesmes=\"http://www.gesmes.org/xml/2002-08-01\" "                                   \
	"xmlns=\"http://www.ecb.int/vocabulary/2002-08-01/eurofxref\">\n"                          \
	"<gesmes:subject>Reference rates</gesmes:subject><gesmes:Sender><gesmes:name>European "    \
	"Central Bank</gesmes:name></gesmes:Sender><Cube><Cube " day ">" cubes                     \
	"</Cube></Cube></gesmes:Envelope>"
#define DAY "time='2026-11-20'"
#define USD "<Cube currency='USD' rate='1.25'/>"

static struct quotes *parse(enum quotes_format format, const char *text)
{
	struct quotes *q = NULL;
	char why[256] = "";

	if (quotes_parse(format, text, strlen(text), &q, why, sizeof(why)))
		fail_msg("%s: %s", text, why);
	return q;
}

static bool same(struct rate a, struct rate b)
{
	return a.mantissa == b.mantissa && a.exponent == b.exponent;
}

static void assert_quote(const struct quotes *q, const char *code, struct rate numerator,
			 struct rate denominator)
{
	const struct quote *quote = quotes_find(q, code);

	if (!quote) {
		fail_msg("no %s", code);
		return;
	}
	if (!same(quote->numerator, numerator) || !same(quote->denominator, denominator))
		fail_msg("%s: %" PRIu64 "e%d / %" PRIu64 "e%d", code, quote->numerator.mantissa,
			 quote->numerator.exponent, quote->denominator.mantissa,
			 quote->denominator.exponent);
}

static const struct rate one = {.mantissa = 1};

static void a_rafiki_document_is_what_one_of_its_base_buys(void **state)
{
	struct quotes *q = parse(QUOTES_RAFIKI, "{\"base\":\"USD\",\"rates\":{\"EUR\":0.8,"
						"\"USD\":1,\"JPY\":157.3}}");

	(void)state;
	assert_int_equal(q->len, 2);
	assert_quote(q, "EUR", (struct rate){8, -1}, one);
	assert_quote(q, "JPY", (struct rate){1573, -1}, one);
	free(q);
	/* With another base, rates are converted through the document's own rate of USD. */
	q = parse(QUOTES_RAFIKI, "{\"base\":\"EUR\",\"rates\":{\"USD\":1.25,\"GBP\":0.9}}");
	assert_int_equal(q->len, 2);
	assert_quote(q, "EUR", one, (struct rate){125, -2});
	assert_quote(q, "GBP", (struct rate){9, -1}, (struct rate){125, -2});
	free(q);
}

static void a_merchants_number_is_the_value_of_one_and_so_the_inverse(void **state)
{
	struct quotes *q =
		parse(QUOTES_MERCHANT, "{\"merchant\":{\"EUR\":{\"USD\":\"1.08\",\"GBP\":\"0.9\"},"
				       "\"GBP\":{\"USD\":1.27},\"XAU\":{\"EUR\":\"3000\"},"
				       "\"USD\":{\"USD\":\"1\"},\"ODD CODE\":{\"USD\":\"1\"}}}");

	(void)state;
	assert_int_equal(q->len, 2);
	assert_int_equal(q->skipped, 2);
	assert_quote(q, "EUR", one, (struct rate){108, -2});
	assert_quote(q, "GBP", one, (struct rate){127, -2});
	assert_null(quotes_find(q, "XAU"));
	free(q);
}

static void the_ecbs_rates_are_what_one_euro_buys(void **state)
{
	struct quotes *q = parse(QUOTES_ECB, ECB(DAY, "<Cube currency='JPY' rate='162.04'/>" USD));

	(void)state;
	assert_int_equal(q->len, 2);
	assert_quote(q, "EUR", one, (struct rate){125, -2});
	assert_quote(q, "JPY", (struct rate){16204, -2}, (struct rate){125, -2});
	assert_int_equal(q->dated, 1795132800);
	free(q);
}

static void assert_refused(enum quotes_format format, const char *text, size_t len,
			   const char *reason)
{
	struct quotes *q = NULL;
	char why[256] = "", *copy = malloc(len ? len : 1);

	/* The text is on the heap, so that ASan sees a read past its end. */
	memcpy(copy, text, len);
	if (!quotes_parse(format, copy, len, &q, why, sizeof(why)))
		fail_msg("accepted: %.*s", (int)len, text);
	assert_null(q);
	if (!strstr(why, reason))
		fail_msg("%.*s: \"%s\" does not say \"%s\"", (int)len, text, why, reason);
	free(copy);
}

static void a_hostile_document_is_refused_with_its_reason(void **state)
{
	static const struct {
		enum quotes_format format;
		const char *text, *reason;
	} cases[] = {
		{QUOTES_RAFIKI, "{\"base\":\"EUR\",\"rates\":{\"GBP\":1}}", "no rate of USD"},
		{QUOTES_RAFIKI, "{\"base\":\"USD\",\"rates\":{}}", "no rate of any asset"},
		{QUOTES_RAFIKI, "{\"base\":\"USD\",\"rates\":{\"a b\":1}}", "no rate of any asset"},
		{QUOTES_RAFIKI, "{\"base\":\"USD\",\"rates\":{\"EUR\":0}}", "EUR is not between"},
		{QUOTES_MERCHANT, "", "not JSON"},
		{QUOTES_MERCHANT, "<html>", "not JSON"},
		{QUOTES_MERCHANT, "[]", "no \"merchant\""},
		{QUOTES_MERCHANT, "{\"merchant\":[]}", "no \"merchant\""},
		{QUOTES_MERCHANT, "{\"base\":\"USD\",\"rates\":{\"EUR\":1}}", "no \"merchant\""},
		{QUOTES_MERCHANT, "{\"merchant\":{}}", "no rate of any asset"},
		{QUOTES_MERCHANT, "{\"merchant\":{\"EUR\":1.08}}",
		 "the value of EUR is not an object"},
		{QUOTES_MERCHANT, "{\"merchant\":{\"EUR\":{\"USD\":\"0\"}}}", "above zero"},
		{QUOTES_MERCHANT, "{\"merchant\":{\"EUR\":{\"USD\":\"-1\"}}}", "above zero"},
		{QUOTES_MERCHANT, "{\"merchant\":{\"EUR\":{\"USD\":-1}}}", "above zero"},
		{QUOTES_MERCHANT, "{\"merchant\":{\"EUR\":{\"USD\":\"NaN\"}}}", "not a positive"},
		{QUOTES_MERCHANT, "{\"merchant\":{\"EUR\":{\"USD\":NaN}}}", "EUR"},
		{QUOTES_MERCHANT, "{\"merchant\":{\"EUR\":{\"USD\":\"Infinity\"}}}", "not a pos"},
		{QUOTES_MERCHANT, "{\"merchant\":{\"EUR\":{\"USD\":\" 1\"}}}", "not a positive"},
		{QUOTES_MERCHANT, "{\"merchant\":{\"EUR\":{\"USD\":\"1,08\"}}}", "not a positive"},
		{QUOTES_MERCHANT, "{\"merchant\":{\"EUR\":{\"USD\":\"0x1\"}}}", "not a positive"},
		{QUOTES_MERCHANT, "{\"merchant\":{\"EUR\":{\"USD\":\"\"}}}", "not a positive"},
		{QUOTES_MERCHANT, "{\"merchant\":{\"EUR\":{\"USD\":null}}}", "not a positive"},
		{QUOTES_MERCHANT, "{\"merchant\":{\"EUR\":{\"USD\":\"1e99\"}}}", "EUR is not betw"},
		{QUOTES_MERCHANT, "{\"merchant\":{\"EUR\":{\"USD\":\"1.00000000000000000001\"}}}",
		 "19 digits"},
		{QUOTES_MERCHANT,
		 "{\"merchant\":{\"EUR\":{\"USD\":\"1\"},\"EUR\":{\"USD\":\"2\"}}}", "twice"},
		{QUOTES_MERCHANT, "{\"merchant\":{\"EUR\":{\"USD\":\"1\",\"USD\":\"2\"}}}",
		 "twice"},
		{QUOTES_MERCHANT, "{\"merchant\":{\"EUR\":{\"USD\":\"1\\u00002\"}}}", "NUL"},
		{QUOTES_ECB, "", "not XML"},
		{QUOTES_ECB, "{\"base\":\"USD\"}", "not XML"},
		{QUOTES_ECB, "<html/>", "no gesmes:Envelope"},
		{QUOTES_ECB, "<Envelope><Cube/></Envelope>", "no gesmes:Envelope"},
		{QUOTES_ECB, ECB(DAY, ""), "no rate of USD"},
		{QUOTES_ECB, ECB(DAY, "<Cube currency='JPY' rate='162'/>"), "no rate of USD"},
		{QUOTES_ECB, ECB(DAY, "<Cube currency='USD' rate='0'/>"), "above zero"},
		{QUOTES_ECB, ECB(DAY, "<Cube currency='USD' rate='-1.1'/>"), "above zero"},
		{QUOTES_ECB, ECB(DAY, "<Cube currency='USD' rate='NaN'/>"), "not a positive"},
		{QUOTES_ECB, ECB(DAY, "<Cube currency='USD' rate='N/A'/>"), "not a positive"},
		{QUOTES_ECB, ECB(DAY, "<Cube currency='USD' rate=''/>"), "not a positive"},
		{QUOTES_ECB, ECB(DAY, "<Cube currency='USD'/>"), "USD has no rate"},
		{QUOTES_ECB, ECB(DAY, USD USD), "USD is there twice"},
		{QUOTES_ECB,
		 ECB(DAY, USD "<Cube currency='A' rate='1'/><Cube currency='A' rate='2'/>"),
		 "A is there twice"},
		{QUOTES_ECB, ECB(DAY, USD USD "<x"), "USD is there twice"},
		{QUOTES_ECB, ECB("", USD), "USD has no day"},
		{QUOTES_ECB, ECB("time='2026-02-30'", USD), "not a day such as"},
		{QUOTES_ECB, ECB("time='20.11.2026'", USD), "not a day such as"},
		{QUOTES_ECB, ECB("time='2026-11-20T00:00'", USD), "not a day such as"},
		{QUOTES_ECB, ECB(DAY, USD "</Cube><Cube time='2026-11-19'>" USD),
		 "more than one day"},
		{QUOTES_ECB, ECB(DAY, USD) "<x/>", "not XML"},
		{QUOTES_ECB, ECB(DAY, USD "&unknown;"), "not XML"},
		{QUOTES_ECB,
		 "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]>\n<x>&b;</x>",
		 "document type"},
		{QUOTES_ECB, "<!DOCTYPE x SYSTEM 'file:///etc/passwd'><x/>", "document type"},
		{QUOTES_ECB, ECB(DAY, "<a><a><a><a><a><a><a><a>"), "deeper"},
		{QUOTES_ECB, ECB(DAY, "<Cube currency='\xff' rate='1'/>" USD), "not XML"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_refused(cases[i].format, cases[i].text, strlen(cases[i].text),
			       cases[i].reason);
}

static void a_document_cut_anywhere_is_refused(void **state)
{
	static const char merchant[] = "{\"merchant\":{\"EUR\":{\"USD\":\"1.08\"}}}";
	static const char ecb[] = ECB(DAY, USD);

	(void)state;
	for (size_t len = 0; len < sizeof(merchant) - 1; len++)
		assert_refused(QUOTES_MERCHANT, merchant, len, "not JSON");
	for (size_t len = 0; len < sizeof(ecb) - 1; len++)
		assert_refused(QUOTES_ECB, ecb, len, "not XML");
	free(parse(QUOTES_MERCHANT, merchant));
	free(parse(QUOTES_ECB, ecb));
}

static void a_document_of_ten_megabytes_or_too_many_rates_is_refused(void **state)
{
	static const char *const heads[QUOTES_FORMATS] = {"{\"base\":\"USD\",\"rates\":{",
							  "{\"merchant\":{", "<x>"};
	size_t len = 10u << 20, at;
	char *text = malloc(len + 1);

	(void)state;
	for (int f = 0; f < QUOTES_FORMATS; f++) {
		memset(text, ' ', len);
		memcpy(text, heads[f], strlen(heads[f]));
		assert_refused((enum quotes_format)f, text, len, "larger than");
	}
	at = (size_t)sprintf(text, "%s", heads[QUOTES_RAFIKI]);
	for (int i = 0; i <= QUOTES_MAX; i++)
		at += (size_t)sprintf(text + at, "%s\"A%d\":1", i ? "," : "", i);
	at += (size_t)sprintf(text + at, "}}");
	assert_refused(QUOTES_RAFIKI, text, at, "more than 4096 rates");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rafiki_document_is_what_one_of_its_base_buys),
		cmocka_unit_test(a_merchants_number_is_the_value_of_one_and_so_the_inverse),
		cmocka_unit_test(the_ecbs_rates_are_what_one_euro_buys),
		cmocka_unit_test(a_hostile_document_is_refused_with_its_reason),
		cmocka_unit_test(a_document_cut_anywhere_is_refused),
		cmocka_unit_test(a_document_of_ten_megabytes_or_too_many_rates_is_refused),
	};

	return cmocka_run_group_tests_name("quotes", tests, NULL, NULL);
}
