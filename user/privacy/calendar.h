/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calendar.h - the open nodes of the continual mechanism: what payments have added so far to the
 * current day and the current hour (UTC). Each payment counts in one day and in one hour, and is
 * clipped for each separately.
 *
 * A node can be taken only once: noise is added to its sums and the sums are cleared in one step.
 * So no exact sum leaves this file, and no sum leaves it twice.
 */
#ifndef TELLTALE_CALENDAR_H
#define TELLTALE_CALENDAR_H

#include <stdint.h>

#include "privacy/budget.h"
#include "privacy/entropy.h"
#include "exchange/contribution.h"

struct calendar {
	int64_t hour; /* of the open nodes, counted from 1970 */
	uint64_t sums[BUDGET_LEVELS][BUDGET_CELLS];
};

/* Hours since 1970 at UNIX_NS. calendar_day turns them into days since 1970. */
int64_t calendar_hour(uint64_t unix_ns);
int64_t calendar_day(int64_t hour);

/* Adds a payment that has ended; PAYMENT is a CONTRIBUTION_PAYMENT_END. Sums saturate. */
void calendar_add(struct calendar *c, const struct privacy_budget *budget,
		  const struct contribution *payment);
/* Closes LEVEL's node: writes its budget_cells(LEVEL) sums, with fresh noise, into NOISY. */
void calendar_take(struct calendar *c, const struct privacy_budget *budget, enum budget_level level,
		   privacy_random *random, void *random_context, int64_t *noisy);
/* Discards LEVEL's node: nothing of it is ever released. */
void calendar_drop(struct calendar *c, enum budget_level level);

#endif
