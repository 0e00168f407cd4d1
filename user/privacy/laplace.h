/* SPDX-License-Identifier: Apache-2.0 */
/*
 * laplace.h - Laplace noise rounded to the nearest integer, drawn exactly, from integers only.
 *
 * The published mechanism rounds a draw X of Laplace(0, b) to an integer. Its magnitude |X| is
 * exponential with mean b, so it rounds to
 *
 *     0            with probability 1 - exp(-1/(2b)), that is when |X| < 1/2;
 *     k = 1, 2, …  otherwise, where k - 1 is the whole part of |X| - 1/2. The exponential has no
 *                  memory: given |X| >= 1/2, |X| - 1/2 is exponential with mean b again, and its
 *                  whole part geometric with ratio exp(-1/b).
 *
 * So one Bernoulli(exp(-1/(2b))) draw and one geometric draw, both from dice.h, give exactly the
 * rounded distribution. It is not the discrete Laplace distribution, which differs a little around
 * 0. Nor is it a floating-point approximation, whose gaps reveal values (Mironov 2012).
 */
#ifndef TELLTALE_LAPLACE_H
#define TELLTALE_LAPLACE_H

#include <stdint.h>

#include "privacy/entropy.h"

/*
 * round(Laplace(0, NUMERATOR / DENOMINATOR)). NUMERATOR is above 0; DENOMINATOR is even (so that
 * half of it is exact) and above 0. Saturates at ±INT64_MAX; while the scale is below 2^57 the
 * probability of that is negligible. RANDOM is asked for 1, 4 or 8 bytes at a time, about 30 in
 * all.
 */
int64_t laplace_draw(uint64_t numerator, uint32_t denominator, privacy_random *random,
		     void *random_context);

#endif
