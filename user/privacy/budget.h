/* SPDX-License-Identifier: Apache-2.0 */
/*
 * budget.h - how the continual mechanism spends its epsilon: which cells there are, how much one
 * payment can change them, and how much noise they therefore need.
 *
 * A cell is one sum that gets noise. A payment counts in one day and in one hour. Its epsilon is
 * the sum of the shares of both. The shares, in hundredths of the whole:
 *
 *                                          one payment changes,     day   hour
 *     group                                in all its cells         alone: with hours:
 *     A and B: value                       the level's clip          80     60   20
 *     fulfilled and rejected packets       packet_clip               10      7    3
 *     pay time, one cell of a histogram    1                          5      5
 *     round trip, likewise                 1                          5      5
 *
 * A is the sum of min(v, clip), B that of clip - min(v, clip). One payment changes A and B together
 * by exactly the clip. Therefore value, which is A, and the number of payments, which is (A + B) /
 * clip, share one epsilon.
 */
#ifndef TELLTALE_BUDGET_H
#define TELLTALE_BUDGET_H

#include <stddef.h>
#include <stdint.h>

#include "release/metrics.h"

#define BUDGET_CLIP_MAX        1000000000000ULL /* 100 million USD */
#define BUDGET_PACKET_CLIP_MAX 65535
#define BUDGET_EPSILON_MAX     20000 /* thousandths */

struct privacy_budget {
	uint64_t epsilon_milli; /* thousandths, for all releases together; default 1000 */
	/* Base currency, scale 4: the most that one payment can count. hour_clip 0: no hourly
	 * releases. */
	uint64_t day_clip;    /* default 5000000 */
	uint64_t hour_clip;   /* default 0 */
	uint64_t packet_clip; /* the most packets that one payment can count; default 16 */
};

#define BUDGET_DEFAULT                                                                             \
	{                                                                                          \
		.epsilon_milli = 1000, .day_clip = 5000000, .hour_clip = 0, .packet_clip = 16      \
	}

enum budget_level { BUDGET_DAY, BUDGET_HOUR, BUDGET_LEVELS };

#define BUDGET_TIME_CELLS (METRIC_BOUNDS + 1)

enum budget_cell {
	BUDGET_VALUE,     /* A */
	BUDGET_REST,      /* B */
	BUDGET_FULFILLED, /* packets */
	BUDGET_REJECTED,
	BUDGET_HOUR_CELLS, /* an hour has only the cells above */
	BUDGET_PAY_TIME = BUDGET_HOUR_CELLS,
	BUDGET_ROUND_TRIP = BUDGET_PAY_TIME + BUDGET_TIME_CELLS,
	BUDGET_CELLS = BUDGET_ROUND_TRIP + BUDGET_TIME_CELLS,
};

/* 0, or -EINVAL with "what; fix" in WHY. */
int budget_check(const struct privacy_budget *b, char *why, size_t why_len);

/* How many cells LEVEL has; 0: nothing is released at that level. */
size_t budget_cells(const struct privacy_budget *b, enum budget_level level);
uint64_t budget_clip(const struct privacy_budget *b, enum budget_level level);

struct budget_scale {
	uint64_t numerator;
	uint32_t denominator;
};

/* The scale of CELL's discrete Laplace noise: sensitivity / epsilon, in lowest terms. */
struct budget_scale budget_scale(const struct privacy_budget *b, enum budget_level level,
				 size_t cell);

#endif
