/* SPDX-License-Identifier: Apache-2.0 */
#include "privacy/dice.h"

static uint32_t draw_u32(struct dice *d)
{
	uint32_t word;

	d->random(d->context, &word, sizeof(word));
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

/* Unbiased, by Lemire 2019: multiply, and reject draws in the short remainder. */
uint64_t dice_uniform(struct dice *d, uint64_t bound)
{
	unsigned __int128 wide;
	uint64_t narrow;

	if (bound <= UINT32_MAX) {
		narrow = draw_u32(d) * bound;
		if ((uint32_t)narrow < bound) {
			uint32_t short_of = -(uint32_t)bound % (uint32_t)bound;

			while ((uint32_t)narrow < short_of)
				narrow = draw_u32(d) * bound;
		}
		return narrow >> 32;
	}
	wide = (unsigned __int128)draw_u64(d) * bound;
	if ((uint64_t)wide < bound) {
		uint64_t short_of = -bound % bound;

		while ((uint64_t)wide < short_of)
			wide = (unsigned __int128)draw_u64(d) * bound;
	}
	return (uint64_t)(wide >> 64);
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
