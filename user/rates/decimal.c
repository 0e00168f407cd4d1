/* SPDX-License-Identifier: Apache-2.0 */
#include "rates/decimal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#define EXPONENT_MAX 1000000

uint64_t decimal_power(unsigned digits)
{
	static const uint64_t powers[DECIMAL_POWER_MAX + 1] = {
		1ULL,
		10ULL,
		100ULL,
		1000ULL,
		10000ULL,
		100000ULL,
		1000000ULL,
		10000000ULL,
		100000000ULL,
		1000000000ULL,
		10000000000ULL,
		100000000000ULL,
		1000000000000ULL,
		10000000000000ULL,
		100000000000000ULL,
		1000000000000000ULL,
		10000000000000000ULL,
		100000000000000000ULL,
		1000000000000000000ULL,
		10000000000000000000ULL,
	};

	return powers[digits];
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The digits read so far: mantissa * 10^zeros. FITS is false when the mantissa overflowed. */
struct digits {
	uint64_t mantissa;
	int64_t zeros; /* zeros after the last nonzero digit */
	bool fits;
};

static void add_digit(struct digits *d, unsigned digit)
{
	if (!digit) {
		d->zeros += d->mantissa != 0;
		return;
	}
	if (d->mantissa && d->zeros >= DECIMAL_POWER_MAX)
		d->fits = false;
	if (!d->fits)
		return;
	if (__builtin_mul_overflow(d->mantissa, decimal_power((unsigned)d->zeros + 1),
				   &d->mantissa) ||
	    __builtin_add_overflow(d->mantissa, digit, &d->mantissa))
		d->fits = false;
	d->zeros = 0;
}

/* Reads the signed number after "e", clamped to EXPONENT_MAX + 1; NULL when there is none. */
static const char *parse_exponent(const char *s, int64_t *out)
{
	bool negative = *s == '-';
	int64_t value = 0;

	if (*s == '-' || *s == '+')
		s++;
	if (!is_digit(*s))
		return NULL;
	for (; is_digit(*s); s++) {
		value = value * 10 + (*s - '0');
		if (value > EXPONENT_MAX)
			value = EXPONENT_MAX + 1;
	}
	*out = negative ? -value : value;
	return s;
}

int decimal_parse(const char *text, struct rate *out)
{
	struct digits digits = {.fits = true};
	bool negative = *text == '-';
	const char *s = text + negative;
	int64_t exponent = 0, fraction = 0;

	if (!is_digit(*s) || (s[0] == '0' && is_digit(s[1])))
		return -EINVAL;
	for (; is_digit(*s); s++)
		add_digit(&digits, (unsigned)(*s - '0'));
	if (*s == '.') {
		s++;
		if (!is_digit(*s))
			return -EINVAL;
		for (; is_digit(*s); s++, fraction++)
			add_digit(&digits, (unsigned)(*s - '0'));
	}
	if (*s == 'e' || *s == 'E') {
		s = parse_exponent(s + 1, &exponent);
		if (!s)
			return -EINVAL;
	}
	if (*s)
		return -EINVAL;
	if (negative || (digits.fits && !digits.mantissa))
		return -EDOM;
	exponent += digits.zeros - fraction;
	if (!digits.fits || exponent > EXPONENT_MAX || exponent < -EXPONENT_MAX)
		return -ERANGE;
	*out = (struct rate){.mantissa = digits.mantissa, .exponent = (int32_t)exponent};
	return 0;
}

int decimal_compare_power(struct rate r, int32_t power)
{
	int32_t leading = r.exponent; /* the power of ten of the first digit */

	for (uint64_t m = r.mantissa; m >= 10; m /= 10)
		leading++;
	if (leading != power)
		return leading < power ? -1 : 1;
	/* Without trailing zeros only the mantissa 1 is a power of ten. */
	return r.mantissa == 1 ? 0 : 1;
}

void decimal_format(struct rate r, char *out, size_t out_len)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, r.mantissa);
	int point = len + r.exponent; /* digits before the decimal point */

	if (r.exponent >= 0 && point <= 19)
		snprintf(out, out_len, "%s%.*s", digits, r.exponent, "0000000000000000000");
	else if (r.exponent < 0 && point > 0)
		snprintf(out, out_len, "%.*s.%s", point, digits, digits + point);
	else if (point <= 0 && point > -8)
		snprintf(out, out_len, "0.%.*s%s", -point, "00000000", digits);
	else
		snprintf(out, out_len, "%se%d", digits, r.exponent);
}
