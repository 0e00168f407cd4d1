/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/quotes.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rates/rates.h"

/* Whether CODE can be an asset's code, and stand in the published document without escapes. */
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

int quotes_sort(struct quotes *q, char *why, size_t why_len)
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
