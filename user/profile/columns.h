/* SPDX-License-Identifier: Apache-2.0 */
/*
 * columns.h - a hop's moments and its thread's clock -> its columns.
 *
 * Each part of the time inside the connector is cut where a turn of a dependency begins or ends.
 * Between two cuts what is waited for is one thing, and the clock is read at both: the columns sum
 * to the hop's time exactly.
 */
#ifndef TELLTALE_COLUMNS_H
#define TELLTALE_COLUMNS_H

#include <stdbool.h>

#include "profile/hops.h"

/* Fills OUT. Only turns that began inside the hop and on connections of its process count: one that
 * is older, as a subscription, is not the hop's. False: the clock did not run for all of it. */
bool columns_fill(const struct hop *hop, const struct tape *tape, struct hop_columns *out);

/* All columns together. */
uint64_t columns_sum(const struct hop_columns *c);

#endif
