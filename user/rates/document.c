/* SPDX-License-Identifier: Apache-2.0 */
#include "rates/rates.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rates/decimal.h"
#include "rates/text.h"

#define SCALE_MAX 38 /* of an asset */

struct entry {
	char code[sizeof(((struct asset *)0)->code)];
	struct rate rate;
};

struct rates_document {
	char base[sizeof(((struct asset *)0)->code)];
	size_t len;
	struct entry entries[]; /* sorted by code; never the base itself */
};

static int compare_entries(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->code, ((const struct entry *)b)->code);
}

/* --- the document --- */

/* NULL, with a sentence in WHY, unless ROOT has a base and rates. */
static struct json_object *find_rates(struct json_object *root, const char **base, char *why,
				      size_t why_len)
{
	struct json_object *member = NULL, *rates = NULL;

	if (!json_object_is_type(root, json_type_object)) {
		snprintf(why, why_len, "not a JSON object with \"base\" and \"rates\"");
		return NULL;
	}
	if (!json_object_object_get_ex(root, "base", &member) ||
	    !json_object_is_type(member, json_type_string) || !json_object_get_string_len(member)) {
		snprintf(why, why_len, "no \"base\": which asset the rates are for one unit of");
		return NULL;
	}
	*base = json_object_get_string(member);
	if ((size_t)json_object_get_string_len(member) >= sizeof(((struct entry *)0)->code)) {
		snprintf(why, why_len, "the base is longer than an asset code can be (%zu bytes)",
			 sizeof(((struct entry *)0)->code) - 1);
		return NULL;
	}
	if (!json_object_object_get_ex(root, "rates", &rates) ||
	    !json_object_is_type(rates, json_type_object)) {
		snprintf(why, why_len, "no \"rates\": an object of asset codes and numbers");
		return NULL;
	}
	return rates;
}

/* Reads the rates into D, which has room for all. REFUSED NULL: a rate that cannot be used is an
 * error. */
static int read_rates(struct rates_document *d, struct json_object *rates,
		      struct rates_refused *refused, char *why, size_t why_len)
{
	json_object_object_foreach(rates, code, value)
	{
		struct entry entry = {0};
		char reason[sizeof(refused->why)] = "";
		int error = rates_json_rate(code, value, &entry.rate, reason, sizeof(reason));

		if (error == -EINVAL && refused) {
			if (!refused->count++)
				memcpy(refused->why, reason, sizeof(reason));
			continue;
		}
		if (error) {
			snprintf(why, why_len, "%s", reason);
			return error;
		}
		/* Skips the base, whose rate is 1 whatever is written, and codes too long for an
		 * asset. */
		if (!strcmp(code, d->base) || strlen(code) >= sizeof(entry.code))
			continue;
		memcpy(entry.code, code, strlen(code));
		d->entries[d->len++] = entry;
	}
	return 0;
}

static int parse(const char *text, size_t len, struct rates_document **out,
		 struct rates_refused *refused, char *why, size_t why_len)
{
	struct json_object *root = NULL, *rates;
	struct rates_document *d = NULL;
	const char *base = NULL;
	int error = -EINVAL;

	if (len > RATES_DOCUMENT_MAX) {
		snprintf(why, why_len, "larger than %u bytes", RATES_DOCUMENT_MAX);
		return -EINVAL;
	}
	error = rates_json_parse(text, len, &root, why, why_len);
	if (error)
		goto out;
	error = -EINVAL;
	rates = find_rates(root, &base, why, why_len);
	if (!rates)
		goto out;
	d = calloc(1,
		   sizeof(*d) + (size_t)json_object_object_length(rates) * sizeof(d->entries[0]));
	if (!d) {
		snprintf(why, why_len, "out of memory");
		error = -ENOMEM;
		goto out;
	}
	snprintf(d->base, sizeof(d->base), "%s", base);
	error = read_rates(d, rates, refused, why, why_len);
	if (!error && refused && !d->len) {
		snprintf(why, why_len, "it has no rate that can be used%s%s",
			 refused->count ? ": " : "", refused->why);
		error = -EINVAL;
	}
	if (error)
		goto out;
	qsort(d->entries, d->len, sizeof(d->entries[0]), compare_entries);
	*out = d;
	d = NULL;
	error = 0;
out:
	rates_document_free(d);
	json_object_put(root);
	return error;
}

int rates_parse(const char *text, size_t len, struct rates_document **out, char *why,
		size_t why_len)
{
	return parse(text, len, out, NULL, why, why_len);
}

int rates_judge(const char *text, size_t len, struct rates_document **out,
		struct rates_refused *refused, char *why, size_t why_len)
{
	*refused = (struct rates_refused){0};
	return parse(text, len, out, refused, why, why_len);
}

void rates_document_free(struct rates_document *d)
{
	free(d);
}

const char *rates_document_base(const struct rates_document *d)
{
	return d->base;
}

size_t rates_document_len(const struct rates_document *d)
{
	return d->len;
}

void rates_document_each(const struct rates_document *d,
			 void (*each)(void *context, const char *code, struct rate rate),
			 void *context)
{
	for (size_t i = 0; i < d->len; i++)
		each(context, d->entries[i].code, d->entries[i].rate);
}

/* --- conversion --- */

static const struct rate one = {.mantissa = 1, .exponent = 0};

static int compare_code(const void *code, const void *entry)
{
	return strcmp(code, ((const struct entry *)entry)->code);
}

/* How many of CODE one unit of the base buys; NULL when the document has no rate of it. */
static const struct rate *find_rate(const struct rates_document *d, const char *code)
{
	const struct entry *found;

	if (!strcmp(code, d->base))
		return &one;
	found = bsearch(code, d->entries, d->len, sizeof(d->entries[0]), compare_code);
	return found ? &found->rate : NULL;
}

static int32_t at_most(int32_t n, int32_t limit)
{
	return n < limit ? n : limit;
}

/*
 * floor(AMOUNT * 10^(RATES_BASE_SCALE - SCALE) * FACTOR / DIVISOR)
 *
 * 128 bits are always enough. A product above them is still 2^64 or more after it is divided by the
 * divisor's mantissa, and the powers of ten either all multiply or all divide. Dividing in several
 * steps floors to the same result as dividing once by the product.
 */
static enum rates_result scale_amount(uint64_t amount, unsigned scale, struct rate factor,
				      struct rate divisor, uint64_t *value)
{
	int32_t exponent = RATES_BASE_SCALE - (int32_t)scale + factor.exponent - divisor.exponent;
	int32_t up = exponent > 0 ? exponent : 0, down = exponent < 0 ? -exponent : 0;
	unsigned __int128 n = (unsigned __int128)amount * factor.mantissa;
	bool fits = true;

	for (int32_t step; fits && up; up -= step) {
		step = at_most(up, DECIMAL_POWER_MAX);
		fits = !__builtin_mul_overflow(n, decimal_power((unsigned)step), &n);
	}
	n /= divisor.mantissa;
	for (int32_t step; n && down; down -= step) {
		step = at_most(down, DECIMAL_POWER_MAX);
		n /= decimal_power((unsigned)step);
	}
	*value = fits && n <= UINT64_MAX ? (uint64_t)n : UINT64_MAX;
	return fits && n <= UINT64_MAX ? RATES_OK : RATES_SATURATED;
}

enum rates_result rates_document_convert(const struct rates_document *d, uint64_t amount,
					 const struct asset *asset, uint64_t *value)
{
	const struct rate *of_asset = &one, *of_base = &one;

	*value = 0;
	if (!asset->code[0] || asset->scale > SCALE_MAX)
		return RATES_UNKNOWN;
	if (strcmp(asset->code, RATES_BASE_CODE) != 0) {
		of_asset = d ? find_rate(d, asset->code) : NULL;
		of_base = d ? find_rate(d, RATES_BASE_CODE) : NULL;
	}
	if (!of_asset || !of_base)
		return RATES_UNKNOWN;
	return scale_amount(amount, asset->scale, *of_base, *of_asset, value);
}
