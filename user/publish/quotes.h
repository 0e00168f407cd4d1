/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quotes.h - what one source says one USD buys, whatever format it says it in.
 *
 * A sorted list of quotes. Each is a ratio of two decimals that are held exactly, so that an
 * inverse or a cross rate loses nothing.
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
	size_t skipped; /* whose code is none an asset can have, or that are in no known currency */
	int64_t dated;  /* seconds since 1970 of the start of the day it says it is of; 0: none */
	struct quote items[]; /* sorted by code, each once; never USD itself */
};

/* NULL: not in Q. */
const struct quote *quotes_find(const struct quotes *q, const char *code);

/* For the formats. Adds a quote in the order of coming; skips what is no asset's code. -EINVAL with
 * a sentence in WHY when there are too many. */
int quotes_add(struct quotes *q, const char *code, struct rate numerator, struct rate denominator,
	       char *why, size_t why_len);
/* Once all are added. -EINVAL with a sentence in WHY when an asset is there twice. */
int quotes_sort(struct quotes *q, char *why, size_t why_len);

#endif
