/* SPDX-License-Identifier: Apache-2.0 */
#include "rates/text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "rates/decimal.h"

#define DEPTH_MAX    8   /* the rates are two levels deep; other members may be deeper */
#define POWER_MAX    18  /* rates are from 10^-18 to 10^18 */
#define NAME_MAX_LEN 200 /* bytes of a document's name that a message shows */

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
 * json-c silently keeps the last of two members with one name. In text that it has accepted, each
 * colon outside a string is one member. So fewer members in the tree than colons mean a duplicate.
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

int rates_json_parse(const char *text, size_t len, struct json_object **out, char *why,
		     size_t why_len)
{
	struct json_tokener *tokener = NULL;
	struct json_object *root = NULL;
	enum json_tokener_error e;
	int error = -EINVAL;

	/* json-c ends a name at its first NUL: "EUR\u0000x" would pass for "EUR". */
	if (memchr(text, '\0', len) || memmem(text, len, "\\u0000", strlen("\\u0000"))) {
		snprintf(why, why_len,
			 "it has a NUL character, which a rate document must not have");
		return -EINVAL;
	}
	tokener = json_tokener_new_ex(DEPTH_MAX);
	if (!tokener) {
		snprintf(why, why_len, "out of memory");
		return -ENOMEM;
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
		error = 0;
		*out = root;
		root = NULL;
	}
	json_object_put(root);
	json_tokener_free(tokener);
	return error;
}

int rates_text_rate(const char *code, const char *text, struct rate *out, char *why, size_t why_len)
{
	int error = decimal_parse(text, out);

	if (!error && (decimal_compare_power(*out, -POWER_MAX) < 0 ||
		       decimal_compare_power(*out, POWER_MAX) > 0))
		error = -EDOM;
	switch (error) {
	case 0: return 0;
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

int rates_json_rate(const char *code, struct json_object *value, struct rate *out, char *why,
		    size_t why_len)
{
	const char *text = "";

	/* json-c returns the text that it read a number from, so nothing is rounded to a double. */
	if (json_object_is_type(value, json_type_double) ||
	    json_object_is_type(value, json_type_int)) {
		text = json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN);
		if (!text) {
			snprintf(why, why_len, "out of memory");
			return -ENOMEM;
		}
	}
	return rates_text_rate(code, text, out, why, why_len);
}
