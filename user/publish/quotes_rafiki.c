/* SPDX-License-Identifier: Apache-2.0 */
/* quotes_rafiki.c - reads {"base": "USD", "rates": {"EUR": 0.9}}: one USD buys 0.9 EUR. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "publish/quotes_formats.h"
#include "rates/rates.h"

struct collect {
	struct quotes *quotes;
	struct rate usd; /* one unit of the base buys this many */
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
