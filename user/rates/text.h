/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.h - shared by all formats of rates: strict JSON, and a single rate read exactly.
 *
 * Each returns 0, or -EINVAL or -ENOMEM with a sentence in WHY.
 */
#ifndef TELLTALE_RATES_TEXT_H
#define TELLTALE_RATES_TEXT_H

#include <json-c/json.h>
#include <stddef.h>

#include "rates/rates.h"

/* Parses LEN bytes that are one JSON text (RFC 8259) in UTF-8, with no name twice in one object, no
 * NUL, and at most eight levels. The caller releases *OUT with json_object_put. */
int rates_json_parse(const char *text, size_t len, struct json_object **out, char *why,
		     size_t why_len);

/* Reads TEXT, the rate of CODE, into *OUT exactly. It must be a positive decimal number between
 * 1e-18 and 1e18. */
int rates_text_rate(const char *code, const char *text, struct rate *out, char *why,
		    size_t why_len);
/* As rates_text_rate, of VALUE, which must be a JSON number. */
int rates_json_rate(const char *code, struct json_object *value, struct rate *out, char *why,
		    size_t why_len);

#endif
