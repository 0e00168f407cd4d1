/* SPDX-License-Identifier: Apache-2.0 */
#include "privacy/budget.h"

#include <errno.h>
#include <stdio.h>

#define HUNDREDTHS  100ULL
#define THOUSANDTHS 1000ULL

enum group { VALUE, PACKETS, PAY_TIME, ROUND_TRIP, GROUPS };

/* Hundredths of epsilon. Each of the two tables adds up to 100. */
static const unsigned day_alone[GROUPS] = {80, 10, 5, 5};
static const unsigned with_hours[BUDGET_LEVELS][GROUPS] = {
	[BUDGET_DAY] = {60, 7, 5, 5},
	[BUDGET_HOUR] = {20, 3, 0, 0},
};

int budget_check(const struct privacy_budget *b, char *why, size_t why_len)
{
	const char *fault = NULL;

	if (!b->epsilon_milli || b->epsilon_milli > BUDGET_EPSILON_MAX)
		fault = "epsilon is not from 0.001 to 20; 1 is a usual choice";
	else if (!b->day_clip || b->day_clip > BUDGET_CLIP_MAX)
		fault = "day_clip is not from 1 to 10^12; 5000000 is 500 USD";
	else if (b->hour_clip > BUDGET_CLIP_MAX)
		fault = "hour_clip is above 10^12; 200000 is 20 USD, 0 is no hourly releases";
	else if (!b->packet_clip || b->packet_clip > BUDGET_PACKET_CLIP_MAX)
		fault = "packet_clip is not from 1 to 65535; 16 is the default";
	if (!fault)
		return 0;
	snprintf(why, why_len, "%s", fault);
	return -EINVAL;
}

size_t budget_cells(const struct privacy_budget *b, enum budget_level level)
{
	if (level == BUDGET_DAY)
		return BUDGET_CELLS;
	return b->hour_clip ? BUDGET_HOUR_CELLS : 0;
}

uint64_t budget_clip(const struct privacy_budget *b, enum budget_level level)
{
	return level == BUDGET_DAY ? b->day_clip : b->hour_clip;
}

static enum group group_of(size_t cell)
{
	if (cell <= BUDGET_REST)
		return VALUE;
	if (cell <= BUDGET_REJECTED)
		return PACKETS;
	return cell < BUDGET_ROUND_TRIP ? PAY_TIME : ROUND_TRIP;
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

struct budget_scale budget_scale(const struct privacy_budget *b, enum budget_level level,
				 size_t cell)
{
	enum group group = group_of(cell);
	unsigned share = b->hour_clip ? with_hours[level][group] : day_alone[group];
	uint64_t numerator = HUNDREDTHS * THOUSANDTHS, denominator = share * b->epsilon_milli,
		 divisor;

	if (group == VALUE)
		numerator *= budget_clip(b, level);
	else if (group == PACKETS)
		numerator *= b->packet_clip;
	divisor = common_divisor(numerator, denominator);
	return (struct budget_scale){numerator / divisor, (uint32_t)(denominator / divisor)};
}
