/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bucket_laplace.h - the network's published mechanism, step by step: bucket, round, noise.
 *
 * It acts on each value as it is observed, and gives no finite epsilon: the noise's scale depends
 * on the value. Values are in the base currency at scale 4 (10000 = 1.00 USD).
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
	/* Not the published rounding, which overstates totals by about 40 %, but one by chance that
	 * is right on average; default false. */
	bool unbiased;
};

#define BUCKET_LAPLACE_DEFAULT                                                                     \
	{                                                                                          \
		.min_bucket = 2500, .max_bucket = 10000000, .min_value = 2500,                     \
		.max_value = 100000000                                                             \
	}

/* 0, or -EINVAL with a sentence in WHY: zero or crossed limits, a bucket above 2^62. */
int bucket_laplace_check(const struct bucket_laplace *params, char *why, size_t why_len);

/* The published scheme's steps. VALUE may be any u64. */
uint64_t bucket_laplace_size(const struct bucket_laplace *params, uint64_t value);
uint64_t bucket_laplace_round(const struct bucket_laplace *params, uint64_t value, uint64_t bucket);
/* VALUE, cut to max_value, goes up or down to a neighbour on the grid of bucket sizes (0, the
 * multiples of 5000 to 20000, from there doubling up to max_bucket, then its multiples) with the
 * chances that make the mean VALUE again. */
uint64_t bucket_laplace_round_unbiased(const struct bucket_laplace *params, uint64_t value,
				       privacy_random *random, void *random_context);
/* ROUNDED plus Laplace noise of scale max(rounded/10, bucket)/10, as an integer; bucket/2 when
 * exactly 0, unless rounding is unbiased. May be negative. */
int64_t bucket_laplace_noisy(const struct bucket_laplace *params, uint64_t rounded, uint64_t bucket,
			     privacy_random *random, void *random_context);
/* All of it, as the configuration has it: what is published for VALUE. */
int64_t bucket_laplace_apply(const struct bucket_laplace *params, uint64_t value,
			     privacy_random *random, void *random_context);

#endif
