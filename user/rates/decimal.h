/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decimal.h - reads decimal text as an exact integer and exponent.
 */
#ifndef TELLTALE_DECIMAL_H
#define TELLTALE_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

/* mantissa * 10^exponent, exactly. Zero and negative rates do not exist. */
struct rate {
	uint64_t mantissa;
	int32_t exponent;
};

/* 10^DIGITS; 0 <= DIGITS <= DECIMAL_POWER_MAX. */
#define DECIMAL_POWER_MAX 19
uint64_t decimal_power(unsigned digits);

/*
 * Reads TEXT, a number in JSON's form (RFC 8259, section 6). *OUT is its exact value, with a
 * mantissa that does not end in a zero. Returns 0; -EINVAL when TEXT is not such a number; -EDOM
 * when it is zero or negative; -ERANGE when it has more significant digits than the mantissa holds,
 * or an exponent beyond a million.
 */
int decimal_parse(const char *text, struct rate *out);

/* -1, 0 or 1: whether R is below, equal to or above 10^POWER. R's mantissa does not end in a zero.
 */
int decimal_compare_power(struct rate r, int32_t power);

/* Writes R in plain notation if that takes at most 19 digits before the point or seven zeros after
 * it, else with an exponent. Both are valid JSON. At most DECIMAL_TEXT_MAX bytes are written. */
#define DECIMAL_TEXT_MAX 48
void decimal_format(struct rate r, char *out, size_t out_len);

#endif
