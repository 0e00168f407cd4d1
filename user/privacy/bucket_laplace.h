/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bucket_laplace.h - the network's published mechanism, step by step: bucket, round, noise.
 *
 * The mechanism treats each value when it is observed. It gives no finite epsilon, because the
 * noise's scale depends on the value. Values are in the base currency at scale 4 (10000 = 1.00
 * USD).
 */
#ifndef TELLTALE_BUCKET_LAPLACE_H
#define TELLTALE_BUCKET_LAPLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "privacy/entropy.h"

struct bucket_laplace {
	uint64_t min_bucket; /* default 2500 */
	uint64_t max_bucket; /* default 10000000 */
	uint64_t min_value;  /* default 2500 */
	uint64_t max_value;  /* default 100000000 */
	/* false (the default): the published rounding, which overstates totals by about 40 %. true:
	 * values are rounded up or down at random, so that totals are right on average. */
	bool unbiased;
};

#define BUCKET_LAPLACE_DEFAULT                                                                     \
	{                                                                                          \
		.min_bucket = 2500, .max_bucket = 10000000, .min_value = 2500,                     \
		.max_value = 100000000                                                             \
	}

/* 0, or -EINVAL with a sentence in WHY when a limit is zero, a minimum is above its maximum, or
 * max_bucket is above 2^62. */
int bucket_laplace_check(const struct bucket_laplace *params, char *why, size_t why_len);

/* The steps of the published scheme. VALUE may be any u64. */
uint64_t bucket_laplace_size(const struct bucket_laplace *params, uint64_t value);
uint64_t bucket_laplace_round(const struct bucket_laplace *params, uint64_t value, uint64_t bucket);
/* Limits VALUE to max_value, then rounds it up or down at random to a neighbour on the grid of
 * bucket sizes. The chances are such that the mean of the result is VALUE again. The grid is 0, the
 * multiples of 5000 up to 20000, from there doubling up to max_bucket, then the multiples of
 * max_bucket. */
uint64_t bucket_laplace_round_unbiased(const struct bucket_laplace *params, uint64_t value,
				       privacy_random *random, void *random_context);
/* ROUNDED plus Laplace noise of scale max(rounded/10, bucket)/10, as an integer. A result of
 * exactly 0 becomes bucket/2, unless rounding is unbiased. May be negative. */
int64_t bucket_laplace_noisy(const struct bucket_laplace *params, uint64_t rounded, uint64_t bucket,
			     privacy_random *random, void *random_context);
/* All steps in turn, with the configured rounding: what is published for VALUE. */
int64_t bucket_laplace_apply(const struct bucket_laplace *params, uint64_t value,
			     privacy_random *random, void *random_context);
/* The parameters for the operator's own eyes: rounding is unbiased, and no value is cut off. */
struct bucket_laplace bucket_laplace_own(const struct bucket_laplace *params);

#endif
