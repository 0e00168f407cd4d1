/* SPDX-License-Identifier: Apache-2.0 */
#include "privacy/dice.h"

/* BYTES random bytes, 1 to 4. */
static inline uint64_t draw_bytes(struct dice *d, unsigned bytes)
{
	unsigned char drawn[4];
	uint64_t word = 0;

	d->random(d->context, drawn, bytes);
	for (unsigned i = 0; i < bytes; i++)
		word = word << 8 | drawn[i];
	return word;
}

static uint64_t draw_u64(struct dice *d)
{
	uint64_t word;

	d->random(d->context, &word, sizeof(word));
	return word;
}

bool dice_coin(struct dice *d)
{
	unsigned char byte;

	d->random(d->context, &byte, sizeof(byte));
	return byte & 1;
}

/* Unbiased, by Lemire 2019: multiply, and reject draws in the short remainder. BOUND is at most 256
 * to the power of BYTES. */
static inline uint64_t uniform_narrow(struct dice *d, unsigned bytes, uint64_t bound)
{
	uint64_t range = (uint64_t)1 << (8 * bytes), product = draw_bytes(d, bytes) * bound;

	if ((product & (range - 1)) < bound) {
		uint64_t short_of = range % bound;

		while ((product & (range - 1)) < short_of)
			product = draw_bytes(d, bytes) * bound;
	}
	return product >> (8 * bytes);
}

/* The same with 64 random bits. */
static uint64_t uniform_wide(struct dice *d, uint64_t bound)
{
	unsigned __int128 product = (unsigned __int128)draw_u64(d) * bound;

	if ((uint64_t)product < bound) {
		uint64_t short_of = -bound % bound;

		while ((uint64_t)product < short_of)
			product = (unsigned __int128)draw_u64(d) * bound;
	}
	return (uint64_t)(product >> 64);
}

/* Most bounds are small, and random bytes are what a draw costs. */
uint64_t dice_uniform(struct dice *d, uint64_t bound)
{
	if (bound <= 1u << 8)
		return uniform_narrow(d, 1, bound);
	if (bound <= 1u << 16)
		return uniform_narrow(d, 2, bound);
	if (bound <= UINT32_MAX)
		return uniform_narrow(d, 4, bound);
	return uniform_wide(d, bound);
}

/*
 * True with probability exp(-n/m), for n <= m. For K = 1, 2, … a coin of probability n/(m K) is
 * thrown until it fails; the result is whether that K is odd. The coin is thrown as two: one of
 * probability n/m and one of 1/K.
 */
static bool bernoulli_exp_fraction(struct dice *d, uint64_t n, uint64_t m)
{
	uint32_t k = 1;

	while ((n == m || dice_uniform(d, m) < n) && (k == 1 || !dice_uniform(d, k)))
		k++;
	return k & 1;
}

bool dice_bernoulli_exp(struct dice *d, uint64_t n, uint64_t m)
{
	for (; n > m; n -= m) {
		if (!bernoulli_exp_fraction(d, 1, 1))
			return false;
	}
	return bernoulli_exp_fraction(d, n, m);
}

uint64_t dice_geometric(struct dice *d, uint64_t t, uint32_t s)
{
	unsigned __int128 x;
	uint64_t u, v = 0;

	do {
		u = dice_uniform(d, t);
	} while (!bernoulli_exp_fraction(d, u, t));
	while (bernoulli_exp_fraction(d, 1, 1))
		v++;
	x = (unsigned __int128)t * v + u;
	if (x <= UINT64_MAX)
		return (uint64_t)x / s;
	x /= s;
	return x > UINT64_MAX ? UINT64_MAX : (uint64_t)x;
}
