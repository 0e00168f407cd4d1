/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discrete_laplace.h - the noise of the continual mechanism: the discrete Laplace distribution,
 * drawn exactly, from integers only (Canonne, Kamath, Steinke 2020, algorithm 2).
 *
 * P(k) is proportional to exp(-|k| DENOMINATOR / NUMERATOR) on the integers. Added to an integer
 * that one payment changes by at most c, it gives epsilon = c * DENOMINATOR / NUMERATOR, exactly.
 */
#ifndef TELLTALE_DISCRETE_LAPLACE_H
#define TELLTALE_DISCRETE_LAPLACE_H

#include <stdint.h>

#include "privacy/entropy.h"

/* NUMERATOR / DENOMINATOR is the scale; both are above 0. Saturates at ±INT64_MAX; while the scale
 * is below 2^57 the probability of that is negligible. */
int64_t discrete_laplace_draw(uint64_t numerator, uint32_t denominator, privacy_random *random,
			      void *random_context);

#endif
