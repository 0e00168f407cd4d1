/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quotes.h - what one source says one USD buys, whatever format it says it in.
 *
 * Three formats of rates in, one sorted list out; each quote is a ratio of two decimals that are
 * held exactly, so that an inverse or a cross rate loses nothing.
 *
 *   rafiki    {"base": "USD", "rates": {"EUR": 0.9}}: one of the base buys that many of each asset
 *   merchant  {"merchant": {"EUR": {"USD": "1.08"}}}: each number is the value of one EUR in USD,
 *             the inverse of what is published
 *   ecb       the European Central Bank's eurofxref-daily.xml: one EUR buys that many of each
 *
 * A document with anything wrong in it (see rates_parse, whose limits hold for all three) is
 * refused as a whole.
 */
#ifndef TELLTALE_QUOTES_H
#define TELLTALE_QUOTES_H

#include <stdint.h>

#include "rates/asset.h"
#include "rates/rates.h"

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

enum quotes_format { QUOTES_RAFIKI, QUOTES_MERCHANT, QUOTES_ECB, QUOTES_FORMATS };

extern const char *const quotes_format_names[QUOTES_FORMATS];

/* Reads LEN bytes. 0, or -EINVAL or -ENOMEM with a sentence
 * in WHY. *OUT is the caller's to free. */
int quotes_parse(enum quotes_format format, const char *text, size_t len, struct quotes **out,
		 char *why, size_t why_len);
/* NULL: not in Q. */
const struct quote *quotes_find(const struct quotes *q, const char *code);

/* For the formats. Adds a quote in the order of coming; skips what is no asset's code. -EINVAL with
 * a sentence in WHY when there are too many. */
int quotes_add(struct quotes *q, const char *code, struct rate numerator, struct rate denominator,
	       char *why, size_t why_len);
int quotes_parse_rafiki(const char *text, size_t len, struct quotes *q, char *why, size_t why_len);
int quotes_parse_merchant(const char *text, size_t len, struct quotes *q, char *why,
			  size_t why_len);
int quotes_parse_ecb(const char *text, size_t len, struct quotes *q, char *why, size_t why_len);

#endif
