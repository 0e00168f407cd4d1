/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quotes.h - how much one USD buys of each asset according to one source, whatever its format.
 *
 * It is a sorted list. Each quote is a ratio of two exact decimals, so that an inverse or a cross
 * rate is exact too.
 */
#ifndef TELLTALE_QUOTES_H
#define TELLTALE_QUOTES_H

#include <stddef.h>
#include <stdint.h>

#include "rates/asset.h"
#include "rates/decimal.h"

#define QUOTES_MAX 4096 /* in one document */

struct quote {
	char code[sizeof(((struct asset *)0)->code)];
	struct rate numerator, denominator; /* one USD buys numerator / denominator */
};

struct quotes {
	size_t len;     /* at least 1 */
	size_t skipped; /* quotes left out: not an asset's code, or not convertible to USD */
	int64_t dated;  /* start of the day the document is for, in seconds since 1970; 0: none */
	struct quote items[]; /* sorted by code, each once; never USD itself */
};

/* NULL: not in Q. */
const struct quote *quotes_find(const struct quotes *q, const char *code);

/* For the readers of the formats. Appends a quote; skips it when CODE cannot be an asset's code.
 * -EINVAL with a sentence in WHY when there are too many. */
int quotes_add(struct quotes *q, const char *code, struct rate numerator, struct rate denominator,
	       char *why, size_t why_len);
/* Called once all are added. -EINVAL with a sentence in WHY when an asset is there twice. */
int quotes_sort(struct quotes *q, char *why, size_t why_len);

#endif
