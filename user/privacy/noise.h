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

#include "privacy/privacy.h"

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
 * bucket-laplace: VALUE is the sum over PACKETS released values. Each packet's noise depends on its
 * own size, which is no longer known. All packets of the interval are assumed to be of the same
 * size.
 */
struct noise noise_of_buckets(const struct bucket_laplace *params, int64_t packets, int64_t value);
/* continual: one release, of a day's or an hour's node. */
struct noise noise_of_release(const struct privacy_budget *budget, enum budget_level level);

#endif
