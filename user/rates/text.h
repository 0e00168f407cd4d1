/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.h - what every format of rates has in common: strict JSON, and one rate read exactly.
 *
 * Each returns 0, or -EINVAL or -ENOMEM with a sentence in WHY.
 */
#ifndef TELLTALE_RATES_TEXT_H
#define TELLTALE_RATES_TEXT_H

#include <json-c/json.h>
#include <stddef.h>

#include "rates/rates.h"

/* LEN bytes of JSON (RFC 8259) in UTF-8 and nothing beside it, no name twice in one object, no NUL,
 * at most eight levels. *OUT is the caller's to put. */
int rates_json_parse(const char *text, size_t len, struct json_object **out, char *why,
		     size_t why_len);

/* TEXT, the rate of CODE, is a positive decimal number between 1e-18 and 1e18 that *OUT holds
 * exactly. */
int rates_text_rate(const char *code, const char *text, struct rate *out, char *why,
		    size_t why_len);
/* VALUE is a JSON number and such a rate. */
int rates_json_rate(const char *code, struct json_object *value, struct rate *out, char *why,
		    size_t why_len);

#endif
