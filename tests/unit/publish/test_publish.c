/* SPDX-License-Identifier: Apache-2.0 */
/* From several sources and the previous publication the next one is made. These tests check the
 * rules; tests/e2e/publish.bats compares the values with an independent implementation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "publish/publish.h"
#include "publish/quotes_parse.h"
#include "rates/rates.h"

#define MAX 4

static struct quotes *quotes[MAX + 1]; /* the last: what was published before */
static char sentences[4096];
static struct publication *published;

static int forget(void **state)
{
	(void)state;
	for (int i = 0; i <= MAX; i++) {
		free(quotes[i]);
		quotes[i] = NULL;
	}
	publication_free(published);
	published = NULL;
	sentences[0] = '\0';
	return 0;
}

static void say(void *context, const char *sentence)
{
	(void)context;
	strncat(sentences, sentence, sizeof(sentences) - strlen(sentences) - 2);
	strcat(sentences, "\n");
}

/* RATES: "EUR":0.9,… or NULL: a source that failed. */
static struct quotes *parse(const char *rates)
{
	struct quotes *q = NULL;
	char text[512], why[256] = "";

	if (!rates)
		return NULL;
	snprintf(text, sizeof(text), "{\"base\":\"USD\",\"rates\":{%s}}", rates);
	if (quotes_parse(QUOTES_RAFIKI, text, strlen(text), &q, why, sizeof(why)))
		fail_msg("%s: %s", text, why);
	return q;
}

static int combine(const char *previous, const char *const rates[MAX], size_t len, unsigned digits)
{
	static const char *const names[MAX] = {"first", "second", "third", "fourth"};
	struct publish_limits limits = {{10, 0}, {5, 0}, digits};
	struct publish_source sources[MAX];

	forget(NULL);
	for (size_t i = 0; i < len; i++) {
		quotes[i] = parse(rates[i]);
		sources[i] = (struct publish_source){names[i], quotes[i]};
	}
	quotes[MAX] = parse(previous);
	return publish_combine(sources, len, quotes[MAX], &limits, say, NULL, &published);
}

#define COMBINE(previous, ...)                                                                     \
	combine(previous, (const char *const[MAX]){__VA_ARGS__},                                   \
		sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), 15)

static void assert_published(const char *rates)
{
	char text[512];

	snprintf(text, sizeof(text), "{\"base\":\"USD\",\"rates\":{%s}}\n", rates);
	assert_non_null(published);
	assert_string_equal(published->text, text);
	assert_int_equal(published->len, strlen(text));
}

static void assert_said(const char *text)
{
	if (!strstr(sentences, text))
		fail_msg("\"%s\" is not in:\n%s", text, sentences);
}

static void the_rate_is_the_median_and_of_two_the_mean(void **state)
{
	(void)state;
	assert_int_equal(COMBINE(NULL, "\"EUR\":0.90", "\"EUR\":0.91", "\"EUR\":0.93"), 0);
	assert_published("\"EUR\":0.91");
	assert_int_equal(COMBINE(NULL, "\"EUR\":0.90", "\"EUR\":0.91"), 0);
	assert_published("\"EUR\":0.905");
	assert_int_equal(
		COMBINE(NULL, "\"EUR\":0.94", "\"EUR\":0.91", "\"EUR\":0.92", "\"EUR\":0.905"), 0);
	assert_published("\"EUR\":0.915");
	assert_string_equal(sentences, "");
}

static void assets_come_in_the_order_of_their_codes_from_whoever_has_them(void **state)
{
	(void)state;
	assert_int_equal(COMBINE(NULL, "\"JPY\":157,\"EUR\":0.9", "\"AED\":3.6725"), 0);
	assert_published("\"AED\":3.6725,\"EUR\":0.9,\"JPY\":157");
	assert_int_equal(published->rates, 3);
	assert_int_equal(published->added, 3);
}

static void a_rate_far_from_the_one_before_is_refused_and_that_one_kept(void **state)
{
	(void)state;
	assert_int_equal(COMBINE("\"EUR\":0.9,\"JPY\":150", "\"EUR\":1.08,\"JPY\":151"), 0);
	assert_published("\"EUR\":0.9,\"JPY\":151");
	assert_int_equal(published->refused, 1);
	assert_int_equal(published->kept, 1);
	assert_said("first says one USD buys 1.08 EUR, +20.00 % from the 0.9 published before");
	assert_said("EUR keeps the rate published before");
	assert_said("--max-change");
	assert_string_equal(published->changed, "JPY");
	assert_string_equal(published->change, "+0.67");
}

static void the_limit_itself_is_near_enough_and_one_digit_beyond_is_not(void **state)
{
	(void)state;
	assert_int_equal(COMBINE("\"A\":1,\"B\":1,\"C\":1,\"D\":1,\"E\":1",
				 "\"A\":1.1,\"B\":0.9,\"C\":1.1000000000000000001,"
				 "\"D\":0.8999999999999999999,\"E\":1.01"),
			 0);
	assert_published("\"A\":1.1,\"B\":0.9,\"C\":1,\"D\":1,\"E\":1.01");
	assert_int_equal(published->kept, 2);
}

static void a_second_source_confirms_what_is_far_from_the_one_before(void **state)
{
	(void)state;
	assert_int_equal(COMBINE("\"ARS\":1000", "\"ARS\":1500", "\"ARS\":1540"), 0);
	assert_published("\"ARS\":1520");
	assert_int_equal(published->refused, 0);
	/* It does not when the two differ by more than the limit. */
	assert_int_equal(COMBINE("\"ARS\":1000,\"B\":1", "\"ARS\":1500", "\"ARS\":1600,\"B\":1"),
			 0);
	assert_published("\"ARS\":1000,\"B\":1");
	assert_int_equal(published->refused, 2);
	/* A source that still gives the old rate does not outweigh two that agree. */
	assert_int_equal(COMBINE("\"ARS\":1000", "\"ARS\":1000", "\"ARS\":1500", "\"ARS\":1510"),
			 0);
	assert_published("\"ARS\":1500");
}

static void one_wrong_source_among_others_is_refused(void **state)
{
	(void)state;
	assert_int_equal(COMBINE("\"EUR\":0.92", "\"EUR\":0.92", "\"EUR\":1.086", "\"EUR\":0.93"),
			 0);
	assert_published("\"EUR\":0.925");
	assert_said("second says");
	assert_int_equal(published->refused, 1);
	assert_int_equal(published->kept, 0);
}

static void a_new_asset_is_taken_from_its_only_source_but_two_must_agree(void **state)
{
	(void)state;
	assert_int_equal(COMBINE("\"EUR\":0.9", "\"EUR\":0.9,\"NEW\":7,\"ODD\":2", "\"ODD\":0.5"),
			 0);
	assert_published("\"EUR\":0.9,\"NEW\":7");
	assert_int_equal(published->added, 1);
	assert_int_equal(published->refused, 2);
	assert_said("one USD buys 0.5 ODD, and no other source agrees");
}

static void an_asset_is_dropped_only_when_every_source_answered_without_it(void **state)
{
	(void)state;
	assert_int_equal(COMBINE("\"EUR\":0.9,\"OLD\":7", "\"EUR\":0.91", "\"EUR\":0.91"), 0);
	assert_published("\"EUR\":0.91");
	assert_int_equal(published->dropped, 1);
	assert_said("OLD is dropped");
	assert_int_equal(COMBINE("\"EUR\":0.9,\"OLD\":7", "\"EUR\":0.91", NULL), 0);
	assert_published("\"EUR\":0.91,\"OLD\":7");
	assert_int_equal(published->dropped, 0);
	assert_int_equal(published->kept, 1);
	assert_said("OLD keeps the rate published before: a source failed");
}

static void nothing_is_published_when_no_new_rate_could_be_taken(void **state)
{
	(void)state;
	assert_int_equal(COMBINE("\"EUR\":0.9", NULL, NULL), -EINVAL);
	assert_null(published);
	assert_int_equal(COMBINE("\"EUR\":0.9", "\"EUR\":9"), -EINVAL);
	assert_int_equal(COMBINE(NULL, "\"EUR\":9", "\"EUR\":0.9"), -EINVAL);
}

static void a_rate_is_rounded_once_half_to_even_to_the_digits_asked_for(void **state)
{
	static const struct {
		unsigned digits;
		const char *in, *out;
	} cases[] = {
		{3, "1.2345", "1.23"},
		{3, "1.235", "1.24"},
		{3, "1.245", "1.24"},
		{3, "1.2450000000000001", "1.25"},
		{3, "9.995", "10"},
		{3, "99949", "99900"},
		{1, "0.96", "1"},
		{1, "0.95", "1"},
		{1, "0.85", "0.8"},
		{2, "1e18", "1000000000000000000"},
		{18, "0.000000000000000001", "1e-18"},
		{18, "1.234567890123456785", "1.23456789012345678"},
		{18, "1.234567890123456775", "1.23456789012345678"},
		{15, "123456789012345678", "123456789012346000"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char in[64], out[64];

		snprintf(in, sizeof(in), "\"A\":%s", cases[i].in);
		snprintf(out, sizeof(out), "\"A\":%s", cases[i].out);
		assert_int_equal(combine(NULL, (const char *const[MAX]){in}, 1, cases[i].digits),
				 0);
		assert_published(out);
	}
}

static void what_was_published_is_a_document_to_convert_with(void **state)
{
	struct rates_document *d = NULL;
	char why[256];

	(void)state;
	assert_int_equal(COMBINE(NULL, "\"A\":1e-18,\"B\":123456789.123456789,\"C\":1e18"), 0);
	assert_int_equal(rates_parse(published->text, published->len, &d, why, sizeof(why)), 0);
	assert_int_equal(rates_document_len(d), 3);
	rates_document_free(d);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, forget)
	const struct CMUnitTest tests[] = {
		TEST(the_rate_is_the_median_and_of_two_the_mean),
		TEST(assets_come_in_the_order_of_their_codes_from_whoever_has_them),
		TEST(a_rate_far_from_the_one_before_is_refused_and_that_one_kept),
		TEST(the_limit_itself_is_near_enough_and_one_digit_beyond_is_not),
		TEST(a_second_source_confirms_what_is_far_from_the_one_before),
		TEST(one_wrong_source_among_others_is_refused),
		TEST(a_new_asset_is_taken_from_its_only_source_but_two_must_agree),
		TEST(an_asset_is_dropped_only_when_every_source_answered_without_it),
		TEST(nothing_is_published_when_no_new_rate_could_be_taken),
		TEST(a_rate_is_rounded_once_half_to_even_to_the_digits_asked_for),
		TEST(what_was_published_is_a_document_to_convert_with),
	};

	return cmocka_run_group_tests_name("publish", tests, NULL, NULL);
}
