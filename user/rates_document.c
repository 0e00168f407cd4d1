/* SPDX-License-Identifier: Apache-2.0 */
#include "rates.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decimal.h"

#define DEPTH_MAX    8   /* a rate document has two levels; what else is in it may have more */
#define POWER_MAX    18  /* rates are from 10^-18 to 10^18 */
#define SCALE_MAX    38  /* of an asset */
#define NAME_MAX_LEN 200 /* bytes of a name from the document shown in a message */

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

/* --- JSON --- */

static size_t count_members(struct json_object *value)
{
	size_t n = 0;

	if (json_object_is_type(value, json_type_object)) {
		json_object_object_foreach(value, key, member)
		{
			(void)key;
			n += 1 + count_members(member);
		}
	} else if (json_object_is_type(value, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(value); i++)
			n += count_members(json_object_array_get_idx(value, i));
	}
	return n;
}

/*
 * json-c keeps the last of two members of one name and says nothing. In text that it has accepted,
 * each colon outside a string is one member: fewer in the tree than in the text means a duplicate.
 */
static bool has_duplicates(const char *text, size_t len, struct json_object *root)
{
	bool in_string = false;
	size_t colons = 0;

	for (size_t i = 0; i < len; i++) {
		if (in_string && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			in_string = !in_string;
		else if (text[i] == ':' && !in_string)
			colons++;
	}
	return colons != count_members(root);
}

static struct json_object *parse_json(const char *text, size_t len, char *why, size_t why_len,
				      int *error)
{
	struct json_tokener *tokener = NULL;
	struct json_object *root = NULL;
	enum json_tokener_error e;

	*error = -EINVAL;
	/* json-c ends a name at its first NUL: "EUR\u0000x" would pass for "EUR". */
	if (memchr(text, '\0', len) || memmem(text, len, "\\u0000", strlen("\\u0000"))) {
		snprintf(why, why_len, "a NUL character, which no rate document needs");
		return NULL;
	}
	tokener = json_tokener_new_ex(DEPTH_MAX);
	if (!tokener) {
		*error = -ENOMEM;
		snprintf(why, why_len, "out of memory");
		return NULL;
	}
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	root = json_tokener_parse_ex(tokener, text, (int)len);
	e = json_tokener_get_error(tokener);
	if (e == json_tokener_continue) {
		snprintf(why, why_len, "not JSON: it ends in the middle, after %zu bytes", len);
	} else if (e != json_tokener_success) {
		snprintf(why, why_len, "not JSON: %s at byte %zu", json_tokener_error_desc(e),
			 json_tokener_get_parse_end(tokener) + 1);
	} else if (has_duplicates(text, len, root)) {
		snprintf(why, why_len,
			 "a name is there twice in one object; each asset may have only one rate");
	} else {
		*error = 0;
	}
	if (*error) {
		json_object_put(root);
		root = NULL;
	}
	json_tokener_free(tokener);
	return root;
}

/* --- the document --- */

static int read_rate(const char *code, struct json_object *value, struct rate *out, char *why,
		     size_t why_len)
{
	const char *text = NULL;
	int error = -EINVAL;

	/* json-c gives back the text that it read a number from: nothing passes through a double.
	 */
	if (json_object_is_type(value, json_type_double) ||
	    json_object_is_type(value, json_type_int)) {
		text = json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN);
		error = text ? decimal_parse(text, out) : -ENOMEM;
	}
	if (!error && (decimal_compare_power(*out, -POWER_MAX) < 0 ||
		       decimal_compare_power(*out, POWER_MAX) > 0))
		error = -EDOM;
	switch (error) {
	case 0: return 0;
	case -ENOMEM: snprintf(why, why_len, "out of memory"); return -ENOMEM;
	case -EDOM:
		snprintf(why, why_len,
			 "the rate of %.*s is not between 1e-18 and 1e18; it must be above zero",
			 NAME_MAX_LEN, code);
		return -EINVAL;
	case -ERANGE:
		snprintf(why, why_len,
			 "the rate of %.*s cannot be held exactly; give it at most 19 digits",
			 NAME_MAX_LEN, code);
		return -EINVAL;
	default:
		snprintf(why, why_len, "the rate of %.*s is not a positive decimal number",
			 NAME_MAX_LEN, code);
		return -EINVAL;
	}
}

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

int rates_parse(const char *text, size_t len, struct rates_document **out, char *why,
		size_t why_len)
{
	struct json_object *root = NULL, *rates;
	struct rates_document *d = NULL;
	const char *base = NULL;
	int error = -EINVAL;

	if (len > RATES_DOCUMENT_MAX) {
		snprintf(why, why_len, "larger than %u bytes", RATES_DOCUMENT_MAX);
		return -EINVAL;
	}
	root = parse_json(text, len, why, why_len, &error);
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
	json_object_object_foreach(rates, code, value)
	{
		struct entry entry = {0};

		error = read_rate(code, value, &entry.rate, why, why_len);
		if (error)
			goto out;
		/* One unit of the base is one, whatever is written; and no asset has a code that is
		 * longer than an asset code can be. */
		if (!strcmp(code, d->base) || strlen(code) >= sizeof(entry.code))
			continue;
		memcpy(entry.code, code, strlen(code));
		d->entries[d->len++] = entry;
	}
	qsort(d->entries, d->len, sizeof(d->entries[0]), compare_entries);
	*out = d;
	d = NULL;
	error = 0;
out:
	rates_document_free(d);
	json_object_put(root);
	return error;
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

/* How many of CODE one unit of the base buys; NULL when the document does not say. */
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
 * 128 bits are always enough: what outgrows them gives 2^64 or more when divided by the divisor's
 * mantissa, and the powers of ten either all multiply or all divide. Dividing in steps floors as
 * dividing once by their product does.
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
