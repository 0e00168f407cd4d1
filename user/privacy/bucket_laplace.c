/* SPDX-License-Identifier: Apache-2.0 */
#include "privacy/bucket_laplace.h"

#include <errno.h>
#include <stdio.h>

#include "privacy/dice.h"
#include "privacy/laplace.h"

#define STEP       5000  /* the smallest regular bucket; small buckets are multiples of it */
#define SMALL      20000 /* below this, buckets are multiples of STEP; from here on they double */
#define BUCKET_MAX (1ULL << 62)

int bucket_laplace_check(const struct bucket_laplace *params, char *why, size_t why_len)
{
	const char *fault = NULL;

	if (!params->min_bucket)
		fault = "min_bucket is 0; it must be at least 1 (2500 is 0.25 USD)";
	else if (!params->min_value)
		fault = "min_value is 0; it must be at least 1 (2500 is 0.25 USD)";
	else if (params->min_bucket > params->max_bucket)
		fault = "min_bucket is above max_bucket; raise one or lower the other";
	else if (params->min_value > params->max_value)
		fault = "min_value is above max_value; raise one or lower the other";
	else if (params->max_bucket > BUCKET_MAX)
		fault = "max_bucket is above 2^62; lower it (10000000 is 1000 USD)";
	if (!fault)
		return 0;
	snprintf(why, why_len, "%s", fault);
	return -EINVAL;
}

static uint64_t clamp(uint64_t value, uint64_t low, uint64_t high)
{
	return value < low ? low : value > high ? high : value;
}

uint64_t bucket_laplace_size(const struct bucket_laplace *params, uint64_t value)
{
	uint64_t bucket = STEP;

	if (value < SMALL) {
		bucket = (value + STEP / 2) / STEP * STEP;
	} else {
		/* The clamp limits the result to max_bucket, so doubling can stop there, before it
		 * overflows. */
		while (bucket < value && bucket < params->max_bucket)
			bucket *= 2;
	}
	return clamp(bucket, params->min_bucket, params->max_bucket);
}

uint64_t bucket_laplace_round(const struct bucket_laplace *params, uint64_t value, uint64_t bucket)
{
	uint64_t clamped = clamp(value, params->min_value, params->max_value);
	uint64_t below = clamped - clamped % bucket, rest = clamped % bucket;
	uint64_t rounded = below;

	/* A tie rounds down. So does a value whose next multiple does not fit into 64 bits. */
	if (rest > bucket - rest && below <= UINT64_MAX - bucket)
		rounded = below + bucket;
	return rounded > bucket / 2 ? rounded : bucket / 2;
}

/* The points of the grid on both sides of VALUE: *LOW <= VALUE < *HIGH. */
static void neighbours(const struct bucket_laplace *params, uint64_t value, uint64_t *low,
		       uint64_t *high)
{
	uint64_t width = STEP;

	if (value >= SMALL && value < params->max_bucket) {
		for (*low = SMALL; *low <= value / 2; *low *= 2)
			;
		*high = 2 * *low < params->max_bucket ? 2 * *low : params->max_bucket;
		return;
	}
	if (value >= SMALL)
		width = params->max_bucket > SMALL ? params->max_bucket : SMALL;
	*low = value - value % width;
	*high = *low + width;
}

uint64_t bucket_laplace_round_unbiased(const struct bucket_laplace *params, uint64_t value,
				       privacy_random *random, void *random_context)
{
	struct dice d = {random, random_context};
	uint64_t low, high;

	if (value > params->max_value)
		value = params->max_value;
	if (value > UINT64_MAX / 4)
		return value;
	neighbours(params, value, &low, &high);
	return dice_uniform(&d, high - low) < value - low ? high : low;
}

/* VALUE plus NOISE, saturating. */
static int64_t add(uint64_t value, int64_t noise)
{
	__int128 sum = (__int128)value + noise;

	return sum > INT64_MAX ? INT64_MAX : (int64_t)sum;
}

/* The scale is max(rounded / 10, bucket) / 10, here as an exact fraction. */
static int64_t add_noise(uint64_t rounded, uint64_t bucket, privacy_random *random,
			 void *random_context)
{
	if (rounded / 10 >= bucket)
		return add(rounded, laplace_draw(rounded, 100, random, random_context));
	return add(rounded, laplace_draw(bucket, 10, random, random_context));
}

int64_t bucket_laplace_noisy(const struct bucket_laplace *params, uint64_t rounded, uint64_t bucket,
			     privacy_random *random, void *random_context)
{
	int64_t result = add_noise(rounded, bucket, random, random_context);

	/* Raising a result of 0 would bias the totals, which unbiased rounding is to avoid. */
	return result || params->unbiased ? result : (int64_t)(bucket / 2);
}

struct bucket_laplace bucket_laplace_own(const struct bucket_laplace *params)
{
	struct bucket_laplace own = *params;

	own.unbiased = true;
	own.max_value = UINT64_MAX;
	return own;
}

int64_t bucket_laplace_apply(const struct bucket_laplace *params, uint64_t value,
			     privacy_random *random, void *random_context)
{
	uint64_t bucket = bucket_laplace_size(params, value), rounded;

	if (params->unbiased)
		rounded = bucket_laplace_round_unbiased(params, value, random, random_context);
	else
		rounded = bucket_laplace_round(params, value, bucket);
	return bucket_laplace_noisy(params, rounded, bucket, random, random_context);
}
