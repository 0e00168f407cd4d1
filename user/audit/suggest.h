/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suggest.h - which clips suit the continual mechanism, given what the operator expects: from
 * stated figures, never from payments, because a clip chosen by looking at them would tell of them.
 *
 * Payments are taken to be lognormal. A clip that is too low cuts large payments off, which is a
 * bias; one that is too high makes noise; the one proposed has the least expected error of the
 * 1-2-5 series.
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

/* Parts of the day's, or the hour's, total value. */
struct suggest_error {
	double noise;    /* mean absolute */
	double clipping; /* what is cut off; hours: what scaling them up gets wrong */
	double expected; /* mean absolute, of both */
};

struct suggest_error suggest_day(const struct suggest_expected *e,
				 const struct privacy_budget *budget);
struct suggest_error suggest_hour(const struct suggest_expected *e,
				  const struct privacy_budget *budget);

/* Sets day_clip and hour_clip of BUDGET and its epsilon; hour_clip is 0 where hours would say
 * little. */
void suggest_clips(const struct suggest_expected *e, struct privacy_budget *budget);

#endif
