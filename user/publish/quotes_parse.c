/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/quotes_parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "publish/quotes_formats.h"
#include "rates/rates.h"

const char *const quotes_format_names[QUOTES_FORMATS] = {"rafiki", "merchant", "ecb"};

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
		error = quotes_sort(q, why, why_len);
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
