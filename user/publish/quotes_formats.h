/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quotes_formats.h - the readers that quotes_parse chooses from, each in a file of its own.
 *
 * Each reads LEN bytes and adds the quotes in them to Q, in any order. 0, or -EINVAL or -ENOMEM
 * with a sentence in WHY.
 */
#ifndef TELLTALE_QUOTES_FORMATS_H
#define TELLTALE_QUOTES_FORMATS_H

#include "publish/quotes.h"

int quotes_parse_rafiki(const char *text, size_t len, struct quotes *q, char *why, size_t why_len);
int quotes_parse_merchant(const char *text, size_t len, struct quotes *q, char *why,
			  size_t why_len);
int quotes_parse_ecb(const char *text, size_t len, struct quotes *q, char *why, size_t why_len);

#endif
