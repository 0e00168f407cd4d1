/* SPDX-License-Identifier: Apache-2.0 */
/*
 * noise.h - the expected error of released figures, computed from released figures alone.
 *
 * In: released figures of one interval and the mechanism's parameters, which are public. Out:
 * variances, which add up over intervals. Floating point is good enough here: the results say how
 * precise a figure is, and are never added to money.
 */
#ifndef TELLTALE_NOISE_H
#define TELLTALE_NOISE_H

#include <stdbool.h>
#include <stdint.h>

#include "privacy/params.h"

/* Variances: of a value (in units of 0.0001 of the base currency), of a number of payments, of a
 * number of packets, and of each cell of a histogram of times. */
struct noise {
	double value;
	double count;
	double packets;
	double times;
};

void noise_add(struct noise *sum, const struct noise *part);

/*
 * bucket-laplace with PARAMS of bucket_laplace_own: the variance of one value that was released as
 * NOISY. Summed over many values it is at least the variance of their sum: on average it is about
 * half as much again.
 */
double noise_of_value(const struct bucket_laplace *params, int64_t noisy);
/*
 * The same for one of many values that may be below 0, most of them small. A small value is rounded
 * up rarely: a sum of them has NOISE_OF_FEW besides, as if two more had been.
 */
double noise_of_spread(const struct bucket_laplace *params, int64_t noisy);
#define NOISE_OF_FEW 50000000

/* continual: one release, of a day's or an hour's node. */
struct noise noise_of_release(const struct privacy_budget *budget, enum budget_level level);

#endif
