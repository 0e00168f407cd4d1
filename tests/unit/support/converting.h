/* SPDX-License-Identifier: Apache-2.0 */
/* Rate documents from text, and what they make of amounts. Included after cmocka.h. */
#ifndef TELLTALE_TESTS_CONVERTING_H
#define TELLTALE_TESTS_CONVERTING_H

#include <stdio.h>
#include <string.h>

#include "rates/rates.h"

static inline struct rates_document *parse(const char *text)
{
	struct rates_document *d = NULL;
	char why[256] = "";

	if (rates_parse(text, strlen(text), &d, why, sizeof(why)))
		fail_msg("%s: %s", text, why);
	return d;
}

static inline struct asset asset_of(const char *code, unsigned scale)
{
	struct asset a = {.scale = (uint8_t)scale};

	snprintf(a.code, sizeof(a.code), "%s", code);
	return a;
}

static inline enum rates_result convert(const struct rates_document *d, uint64_t amount,
					const char *code, unsigned scale, uint64_t *value)
{
	struct asset a = asset_of(code, scale);

	return rates_document_convert(d, amount, &a, value);
}

#endif
