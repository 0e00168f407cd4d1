/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suggest.h - suggests clips for the continual mechanism from what the operator expects. It uses
 * stated figures, never payments: a clip chosen by looking at payments would reveal something about
 * them.
 *
 * Values of payments are assumed to be lognormal. A clip that is too low cuts off large payments,
 * which biases the total; one that is too high needs more noise. Of the series 1, 2, 5, 10, … the
 * clip with the least expected error is suggested.
 */
#ifndef TELLTALE_SUGGEST_H
#define TELLTALE_SUGGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "privacy/budget.h"

struct suggest_expected {
	uint64_t payments;      /* a day */
	double median;          /* of a payment's value, base currency at scale 4 */
	double sigma;           /* of its natural logarithm */
	uint64_t epsilon_milli; /* the stated budget */
};

/* As parts of the total value of the day or the hour. */
struct suggest_error {
	double noise;    /* mean absolute error */
	double clipping; /* days: what is cut off; hours: the error of scaling them up */
	double expected; /* mean absolute error from both */
};

struct suggest_error suggest_day(const struct suggest_expected *e,
				 const struct privacy_budget *budget);
struct suggest_error suggest_hour(const struct suggest_expected *e,
				  const struct privacy_budget *budget);

/* Sets day_clip, hour_clip and epsilon of BUDGET. hour_clip is 0 when hourly figures would be
 * mostly noise. */
void suggest_clips(const struct suggest_expected *e, struct privacy_budget *budget);

#endif
