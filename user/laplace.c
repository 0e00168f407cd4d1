/* SPDX-License-Identifier: Apache-2.0 */
#include "laplace.h"

#include <stdbool.h>

struct dice {
	privacy_random *random;
	void *context;
};

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

/* Uniform from 0 to BOUND - 1, without bias: Lemire 2019 (multiply, reject the short remainder). */
static uint64_t uniform(struct dice *d, uint64_t bound)
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
 * True with probability exp(-n/m), for n <= m: the first K = 1, 2, … for which a coin of
 * probability n/(m K) fails is odd. That coin is two: one of n/m and one of 1/K.
 */
static bool bernoulli_exp_fraction(struct dice *d, uint64_t n, uint64_t m)
{
	uint32_t k = 1;

	while ((n == m || uniform(d, m) < n) && (k == 1 || !uniform(d, k)))
		k++;
	return k & 1;
}

/* True with probability exp(-n/m). */
static bool bernoulli_exp(struct dice *d, uint64_t n, uint64_t m)
{
	for (; n > m; n -= m) {
		if (!bernoulli_exp_fraction(d, 1, 1))
			return false;
	}
	return bernoulli_exp_fraction(d, n, m);
}

/* The whole part of an exponential with mean T/S. */
static uint64_t geometric(struct dice *d, uint64_t t, uint32_t s)
{
	unsigned __int128 x;
	uint64_t u, v = 0;

	do {
		u = uniform(d, t);
	} while (!bernoulli_exp_fraction(d, u, t));
	while (bernoulli_exp_fraction(d, 1, 1))
		v++;
	x = (unsigned __int128)t * v + u;
	if (x <= UINT64_MAX)
		return (uint64_t)x / s;
	x /= s;
	return x > UINT64_MAX ? UINT64_MAX : (uint64_t)x;
}

int64_t laplace_draw(uint64_t numerator, uint32_t denominator, privacy_random *random,
		     void *random_context)
{
	struct dice d = {random, random_context};
	uint64_t magnitude;

	if (!bernoulli_exp(&d, denominator / 2, numerator))
		return 0;
	magnitude = geometric(&d, numerator, denominator);
	magnitude = magnitude < INT64_MAX ? magnitude + 1 : INT64_MAX;
	return draw_u32(&d) & 1 ? -(int64_t)magnitude : (int64_t)magnitude;
}
