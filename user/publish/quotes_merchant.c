/* SPDX-License-Identifier: Apache-2.0 */
/* quotes_merchant.c - reads {"merchant": {"EUR": {"USD": "1.08"}}}: one EUR is worth 1.08 USD. */
#include "publish/quotes_formats.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rates/text.h"

/* Reads the value of one CODE: a decimal number, written as a JSON number or as text. */
static int read_value(const char *code, struct json_object *value, struct rate *out, char *why,
		      size_t why_len)
{
	if (json_object_is_type(value, json_type_string))
		return rates_text_rate(code, json_object_get_string(value), out, why, why_len);
	return rates_json_rate(code, value, out, why, why_len);
}

static int read_asset(const char *code, struct json_object *values, struct quotes *q, char *why,
		      size_t why_len)
{
	static const struct rate one = {.mantissa = 1, .exponent = 0};
	struct json_object *usd = NULL;
	struct rate value;
	int error;

	if (!json_object_is_type(values, json_type_object)) {
		snprintf(why, why_len,
			 "the value of %.40s is not an object such as {\"" RATES_BASE_CODE
			 "\": \"1.08\"}",
			 code);
		return -EINVAL;
	}
	/* A value in another currency only is skipped. */
	if (!json_object_object_get_ex(values, RATES_BASE_CODE, &usd)) {
		q->skipped++;
		return 0;
	}
	error = read_value(code, usd, &value, why, why_len);
	return error ? error : quotes_add(q, code, one, value, why, why_len);
}

int quotes_parse_merchant(const char *text, size_t len, struct quotes *q, char *why, size_t why_len)
{
	struct json_object *root = NULL, *merchant = NULL;
	int error = rates_json_parse(text, len, &root, why, why_len);

	if (error)
		return error;
	if (!json_object_object_get_ex(root, "merchant", &merchant) ||
	    !json_object_is_type(merchant, json_type_object)) {
		snprintf(why, why_len,
			 "no \"merchant\": an object of asset codes and their values");
		error = -EINVAL;
		goto out;
	}
	json_object_object_foreach(merchant, code, values)
	{
		error = read_asset(code, values, q, why, why_len);
		if (error)
			goto out;
	}
out:
	json_object_put(root);
	return error;
}
