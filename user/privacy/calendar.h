/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calendar.h - the open nodes of the continual mechanism: what payments add to the day and to the
 * hour (UTC) that are going on, each payment to one of each, clipped for each apart.
 *
 * A node is taken once: noise is added to its sums and the sums are cleared in one step, so that
 * nothing exact comes out of here and nothing comes out twice.
 */
#ifndef TELLTALE_CALENDAR_H
#define TELLTALE_CALENDAR_H

#include <stdint.h>

#include "privacy/budget.h"
#include "privacy/entropy.h"
#include "exchange/contribution.h"

struct calendar {
	int64_t hour; /* since 1970, of the open nodes */
	uint64_t sums[BUDGET_LEVELS][BUDGET_CELLS];
};

/* Hours since 1970 at UNIX_NS; the day is calendar_day of it. */
int64_t calendar_hour(uint64_t unix_ns);
int64_t calendar_day(int64_t hour);

/* One payment has ended: the totals of a CONTRIBUTION_PAYMENT_END. Sums saturate. */
void calendar_add(struct calendar *c, const struct privacy_budget *budget,
		  const struct contribution *payment);
/* Closes LEVEL's node: NOISY gets its budget_cells(LEVEL) sums with fresh noise. */
void calendar_take(struct calendar *c, const struct privacy_budget *budget, enum budget_level level,
		   privacy_random *random, void *random_context, int64_t *noisy);
/* Forgets LEVEL's node: nothing of it will ever be released. */
void calendar_drop(struct calendar *c, enum budget_level level);

#endif
