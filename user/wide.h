/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wide.h - unsigned integers wider than 128 bits, for conversions that must not lose a digit.
 *
 * Only what a conversion needs: multiply and divide by one 64-bit word. Dividing by several words
 * in turn floors as dividing once by their product does, so no wide divisor is ever needed.
 */
#ifndef TELLTALE_WIDE_H
#define TELLTALE_WIDE_H

#include <stdbool.h>
#include <stdint.h>

/* An amount (64 bits) times a mantissa (64) times 10^59 (197), the most rates.h can ask for, is 325
 * bits. */
#define WIDE_WORDS 6

struct wide {
	unsigned len; /* words in use; the highest is not 0, and 0 has none */
	uint64_t word[WIDE_WORDS];
};

static inline struct wide wide_from(uint64_t value)
{
	return (struct wide){.len = value != 0, .word = {value}};
}

/* False when the product does not fit; W is then unusable. */
static inline bool wide_mul(struct wide *w, uint64_t factor)
{
	uint64_t carry = 0;

	for (unsigned i = 0; i < w->len; i++) {
		unsigned __int128 product = (unsigned __int128)w->word[i] * factor + carry;

		w->word[i] = (uint64_t)product;
		carry = (uint64_t)(product >> 64);
	}
	if (carry) {
		if (w->len == WIDE_WORDS)
			return false;
		w->word[w->len++] = carry;
	}
	while (w->len && !w->word[w->len - 1])
		w->len--;
	return true;
}

/* Floors. DIVISOR is not 0. */
static inline void wide_div(struct wide *w, uint64_t divisor)
{
	unsigned __int128 rest = 0;

	if (w->len == 1) {
		w->word[0] /= divisor;
		w->len = w->word[0] != 0;
		return;
	}
	for (unsigned i = w->len; i-- > 0;) {
		rest = rest << 64 | w->word[i];
		w->word[i] = (uint64_t)(rest / divisor);
		rest %= divisor;
	}
	while (w->len && !w->word[w->len - 1])
		w->len--;
}

#endif
