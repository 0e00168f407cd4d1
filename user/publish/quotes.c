/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/quotes.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const quotes_format_names[QUOTES_FORMATS] = {"rafiki", "merchant", "ecb"};

/* What the published document can hold without escapes, and an asset as its code. */
static bool is_code(const char *code)
{
	size_t len = strlen(code);

	for (const char *c = code; *c; c++) {
		if (!isalnum((unsigned char)*c) && !strchr("._-", *c))
			return false;
	}
	return len && len < sizeof(((struct quote *)0)->code);
}

int quotes_add(struct quotes *q, const char *code, struct rate numerator, struct rate denominator,
	       char *why, size_t why_len)
{
	struct quote *item = &q->items[q->len];

	if (!strcmp(code, RATES_BASE_CODE))
		return 0;
	if (!is_code(code)) {
		q->skipped++;
		return 0;
	}
	if (q->len == QUOTES_MAX) {
		snprintf(why, why_len, "more than %d rates", QUOTES_MAX);
		return -EINVAL;
	}
	*item = (struct quote){.numerator = numerator, .denominator = denominator};
	memcpy(item->code, code, strlen(code));
	q->len++;
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct quote *)a)->code, ((const struct quote *)b)->code);
}

static int compare_with_code(const void *code, const void *quote)
{
	return strcmp(code, ((const struct quote *)quote)->code);
}

const struct quote *quotes_find(const struct quotes *q, const char *code)
{
	return bsearch(code, q->items, q->len, sizeof(q->items[0]), compare_with_code);
}

static int sort(struct quotes *q, char *why, size_t why_len)
{
	qsort(q->items, q->len, sizeof(q->items[0]), compare);
	for (size_t i = 1; i < q->len; i++) {
		if (!compare(&q->items[i - 1], &q->items[i])) {
			snprintf(why, why_len,
				 "%s is there twice; each asset may have only one rate",
				 q->items[i].code);
			return -EINVAL;
		}
	}
	return 0;
}

int quotes_parse(enum quotes_format format, const char *text, size_t len, struct quotes **out,
		 char *why, size_t why_len)
{
	static int (*const parse[QUOTES_FORMATS])(const char *, size_t, struct quotes *, char *,
						  size_t) = {
		quotes_parse_rafiki,
		quotes_parse_merchant,
		quotes_parse_ecb,
	};
	struct quotes *q;
	int error;

	if (len > RATES_DOCUMENT_MAX) {
		snprintf(why, why_len, "larger than %u bytes", RATES_DOCUMENT_MAX);
		return -EINVAL;
	}
	q = calloc(1, sizeof(*q) + QUOTES_MAX * sizeof(q->items[0]));
	if (!q) {
		snprintf(why, why_len, "out of memory");
		return -ENOMEM;
	}
	error = parse[format](text, len, q, why, why_len);
	if (!error)
		error = sort(q, why, why_len);
	if (!error && !q->len) {
		snprintf(why, why_len, "no rate of any asset in it");
		error = -EINVAL;
	}
	if (error)
		free(q);
	else
		*out = q;
	return error;
}

/* --- rafiki --- */

struct collect {
	struct quotes *quotes;
	struct rate usd; /* one of the base buys so many */
	char *why;
	size_t why_len;
	int error;
};

static void find_usd(void *context, const char *code, struct rate rate)
{
	struct collect *c = context;

	if (!strcmp(code, RATES_BASE_CODE))
		c->usd = rate;
}

static void collect(void *context, const char *code, struct rate rate)
{
	struct collect *c = context;

	if (!c->error)
		c->error = quotes_add(c->quotes, code, rate, c->usd, c->why, c->why_len);
}

int quotes_parse_rafiki(const char *text, size_t len, struct quotes *q, char *why, size_t why_len)
{
	static const struct rate one = {.mantissa = 1, .exponent = 0};
	struct rates_document *d = NULL;
	struct collect c = {.quotes = q, .why = why, .why_len = why_len};
	int error = rates_parse(text, len, &d, why, why_len);

	if (error)
		return error;
	if (!strcmp(rates_document_base(d), RATES_BASE_CODE))
		c.usd = one;
	else
		rates_document_each(d, find_usd, &c);
	if (!c.usd.mantissa) {
		snprintf(why, why_len, "its base is %s, and it has no rate of " RATES_BASE_CODE,
			 rates_document_base(d));
		c.error = -EINVAL;
		goto out;
	}
	collect(&c, rates_document_base(d), one);
	rates_document_each(d, collect, &c);
out:
	rates_document_free(d);
	return c.error;
}
