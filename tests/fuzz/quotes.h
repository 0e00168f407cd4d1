/* SPDX-License-Identifier: Apache-2.0 */
/* quotes.h - any bytes as a source's document: it is refused with a reason or gives valid quotes.
 */
#ifndef TELLTALE_TESTS_FUZZ_QUOTES_H
#define TELLTALE_TESTS_FUZZ_QUOTES_H

#include <stdlib.h>
#include <string.h>

#include "rates/decimal.c"
#include "publish/quotes.c"
#include "publish/quotes_ecb.c"
#include "publish/quotes_merchant.c"
#include "publish/quotes_parse.c"
#include "publish/quotes_rafiki.c"
#include "rates/document.c"
#include "rates/text.c"

static void quotes_must(bool condition)
{
	if (!condition)
		abort();
}

static void quotes_try(enum quotes_format format, const uint8_t *data, size_t size)
{
	struct quotes *q = NULL;
	char why[256] = "";

	if (quotes_parse(format, (const char *)data, size, &q, why, sizeof(why))) {
		quotes_must(!q && why[0] && strlen(why) < sizeof(why));
		return;
	}
	quotes_must(q->len > 0 && q->len <= QUOTES_MAX && q->dated >= 0);
	for (size_t i = 0; i < q->len; i++) {
		const struct quote *quote = &q->items[i];

		quotes_must(quote->numerator.mantissa && quote->denominator.mantissa);
		quotes_must(quote->code[0] && strcmp(quote->code, "USD") != 0);
		quotes_must(quotes_find(q, quote->code) == quote);
	}
	free(q);
}

#endif
