/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quotes_parse.h - reads quotes from a document of rates, in any of the formats.
 *
 *   rafiki    {"base": "USD", "rates": {"EUR": 0.9}}: one unit of the base buys that many of each
 *             asset
 *   merchant  {"merchant": {"EUR": {"USD": "1.08"}}}: one EUR is worth that many USD, the inverse
 *             of what is published
 *   ecb       the European Central Bank's eurofxref-daily.xml: one EUR buys that many of each
 *
 * A document with any error in it is refused as a whole. The limits of rates_parse hold for all
 * three.
 */
#ifndef TELLTALE_QUOTES_PARSE_H
#define TELLTALE_QUOTES_PARSE_H

#include "publish/quotes.h"

enum quotes_format { QUOTES_RAFIKI, QUOTES_MERCHANT, QUOTES_ECB, QUOTES_FORMATS };

extern const char *const quotes_format_names[QUOTES_FORMATS];

/* Reads LEN bytes. 0, or -EINVAL or -ENOMEM with a sentence in WHY. The caller frees *OUT. */
int quotes_parse(enum quotes_format format, const char *text, size_t len, struct quotes **out,
		 char *why, size_t why_len);

#endif
