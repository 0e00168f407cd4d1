/* SPDX-License-Identifier: Apache-2.0 */
#include "privacy/dice.h"

/* Compiled anew for each number of bytes. */
#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* BYTES random bytes, 1 to 4. */
ALWAYS_INLINE uint64_t draw_bytes(struct dice *d, unsigned bytes)
{
	unsigned char drawn[4];
	uint64_t word = 0;

	/* As always but in tests: without a call. */
	if (d->random == entropy_take)
		return entropy_number(d->context, bytes);
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
	return draw_bytes(d, 1) & 1;
}

/* Unbiased, by Lemire 2019: multiply, and reject draws in the short remainder. BOUND is at most 256
 * to the power of BYTES. */
ALWAYS_INLINE uint64_t uniform_narrow(struct dice *d, unsigned bytes, uint64_t bound)
{
	uint64_t range = (uint64_t)1 << (8 * bytes), product = draw_bytes(d, bytes) * bound;

	if ((product & (range - 1)) < bound) {
		/* The rest of RANGE, of numbers that are divided in less time than wider ones. */
		uint32_t short_of = (uint32_t)(range - bound) % (uint32_t)bound;

		while ((product & (range - 1)) < short_of)
			product = draw_bytes(d, bytes) * bound;
	}
	return product >> (8 * bytes);
}

/* The same with 64 random bits. Apart, because it hardly ever is needed: with it dice_uniform would
 * save more registers each time. */
static __attribute__((noinline)) uint64_t uniform_wide(struct dice *d, uint64_t bound)
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

/* True with probability N/M, for N < M: is a random fraction below it? The digits to base 256 of
 * both are compared until they differ, nearly always the first. That of N/M is not divided out: the
 * drawn one is multiplied by M instead. */
static inline bool is_below(struct dice *d, uint64_t n, uint64_t m)
{
	if (m > UINT64_MAX >> 8)
		return dice_uniform(d, m) < n;
	do {
		uint64_t least = draw_bytes(d, 1) * m;

		n <<= 8;
		if (n < least)
			return false;
		n -= least;
	} while (n && n < m);
	return n != 0;
}

/* As dice_uniform, for a bound that hardly ever is not small: without a call. */
static inline uint64_t one_of(struct dice *d, uint32_t bound)
{
	return bound <= 1u << 8 ? uniform_narrow(d, 1, bound) : dice_uniform(d, bound);
}

/*
 * Coins of probability 1/K are thrown for K = 2, 3, …: the first K whose coin fails, by the first
 * digit to base 256 of a random fraction. All coins up to K succeed with probability 1/K!, as the
 * fraction is below 1/K!. So one fraction stands for all coins. Of 256/3! = 42 2/3, 256/4! = 10
 * 2/3, 256/5! = 2 2/15 and 256/6! = 16/45 the whole parts decide; 0: they do not.
 */
static const uint8_t first_tails[256] = {
	[128 ... 255] = 2, [43 ... 127] = 3, [11 ... 41] = 4, [3 ... 9] = 5, [1] = 6,
};

static uint32_t first_tail_further(struct dice *d, uint32_t digit)
{
	uint32_t k = 7;

	switch (digit) {
	case 42: return is_below(d, 2, 3) ? 4 : 3;
	case 10: return is_below(d, 2, 3) ? 5 : 4;
	case 2: return is_below(d, 2, 15) ? 6 : 5;
	default: break;
	}
	if (!is_below(d, 16, 45))
		return 6;
	while (!one_of(d, k))
		k++;
	return k;
}

ALWAYS_INLINE uint32_t first_tail(struct dice *d)
{
	uint32_t digit = (uint32_t)draw_bytes(d, 1), k = first_tails[digit];

	return k ? k : first_tail_further(d, digit);
}

/*
 * True with probability exp(-n/m), for n <= m. For K = 1, 2, … a coin of probability n/(m K) is
 * thrown until it fails; the result is whether that K is odd. The coin is thrown as two: one of
 * probability n/m and one of 1/K.
 */
ALWAYS_INLINE bool bernoulli_exp_fraction(struct dice *d, uint64_t n, uint64_t m)
{
	uint32_t k = 2, tail;

	if (n != m && !is_below(d, n, m))
		return true;
	tail = first_tail(d);
	if (n == m)
		return tail & 1;
	while (k < tail && is_below(d, n, m))
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
