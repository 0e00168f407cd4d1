/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/expiry.h"

#include <stdbool.h>

#include "base/clock.h"

static bool is_leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days from 1970-01-01 in the proleptic Gregorian calendar; YEAR from 0, MONTH and DAY from 1. */
static int64_t days_since_1970(int64_t year, unsigned month, unsigned day)
{
	static const uint16_t before_month[12] = {0,   31,  59,  90,  120, 151,
						  181, 212, 243, 273, 304, 334};
	int64_t last = year - 1;
	/* Leap days of the years before; year 0 is one, and "last" is -1 there. */
	int64_t leaps = year ? last / 4 - last / 100 + last / 400 + 1 : 0;

	return year * 365 + leaps + before_month[month - 1] + (month > 2 && is_leap(year)) +
	       (day - 1) - 719528;
}

int64_t expiry_unix_ns(uint64_t expires_at)
{
	static const unsigned month_days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	uint64_t rest = expires_at;
	unsigned ms = rest % 1000, second, minute, hour, day, month;
	int64_t year, ns;

	rest /= 1000;
	second = rest % 100, rest /= 100;
	minute = rest % 100, rest /= 100;
	hour = rest % 100, rest /= 100;
	day = rest % 100, rest /= 100;
	month = rest % 100, rest /= 100;
	year = (int64_t)rest;

	if (year > 9999 || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 ||
	    second > 59 || day > month_days[month - 1] + (month == 2 && is_leap(year)))
		return INT64_MAX;
	ns = days_since_1970(year, month, day) * 86400 + hour * 3600LL + minute * 60LL + second;
	if (__builtin_mul_overflow(ns * 1000 + ms, NS_PER_MS, &ns))
		return year < 1970 ? INT64_MIN : INT64_MAX;
	return ns;
}

#define MINUTE_DIGITS 100000 /* SSmmm */

int64_t expiry_find(struct expiry_minute *last, uint64_t expires_at)
{
	uint64_t minute = expires_at / MINUTE_DIGITS, ms = expires_at % MINUTE_DIGITS;
	int64_t ns;

	if (minute != last->minute) {
		last->minute = minute;
		last->unix_ns = expiry_unix_ns(minute * MINUTE_DIGITS);
	}
	/* Only the end of this minute may be near enough to 1970. */
	if (!minute || last->unix_ns == INT64_MIN)
		return expiry_unix_ns(expires_at);
	if (ms >= 60000 || __builtin_add_overflow(last->unix_ns, (int64_t)(ms * NS_PER_MS), &ns))
		return INT64_MAX;
	return ns;
}
