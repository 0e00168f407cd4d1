/* SPDX-License-Identifier: Apache-2.0 */
/*
 * noise.h - how wrong what was released is expected to be, told from what was released alone.
 *
 * In: released figures of one interval and the mechanism's parameters, which are public. Out:
 * variances, which add up over intervals. Floating point is good enough here: these figures say how
 * far another one is to be trusted, and are never added to money.
 */
#ifndef TELLTALE_NOISE_H
#define TELLTALE_NOISE_H

#include <stdbool.h>
#include <stdint.h>

#include "privacy/privacy.h"

/* Variances: of a value in units of 0.0001 of the base currency, of a number of payments, of one of
 * packets, and of each cell of a histogram of times. */
struct noise {
	double value;
	double count;
	double packets;
	double times;
};

void noise_add(struct noise *sum, const struct noise *part);

/*
 * bucket-laplace: VALUE is the sum over PACKETS released values. Each packet's noise depends on its
 * own size, which nobody knows any more: they are taken to be alike within the interval.
 */
struct noise noise_of_buckets(const struct bucket_laplace *params, int64_t packets, int64_t value);
/* continual: one release, of a day's node or of an hour's. */
struct noise noise_of_release(const struct privacy_budget *budget, enum budget_level level);

#endif
