/* SPDX-License-Identifier: Apache-2.0 */
#include "top_format.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "history.h"

/* Copies the digits of NUMBER ("-1234.50") with a comma before each three of its whole part. */
static const char *group(const char *digits, char *buf, size_t len)
{
	size_t whole = strcspn(digits, "."), begin = digits[0] == '-', n = 0;

	for (size_t i = 0; digits[i] && n + 2 < len; i++) {
		if (i > begin && i < whole && (whole - i) % 3 == 0)
			buf[n++] = ',';
		buf[n++] = digits[i];
	}
	buf[n] = '\0';
	return buf;
}

const char *top_whole(int64_t n, char *buf, size_t len)
{
	char digits[32];

	snprintf(digits, sizeof(digits), "%lld", (long long)n);
	return group(digits, buf, len);
}

static const char *decimal(double value, int decimals, char *buf, size_t len)
{
	char digits[64];

	snprintf(digits, sizeof(digits), "%.*f", decimals, value);
	return group(digits, buf, len);
}

const char *top_figure(double value, double error, const char *unit, int decimals,
		       const char *plus_minus, char *buf, size_t len)
{
	char number[64], off[64];
	double grain;
	int power;

	if (!(error > 0)) {
		snprintf(buf, len, "%s%s", unit, decimal(value, decimals, number, sizeof(number)));
		return buf;
	}
	power = (int)floor(log10(error));
	if (power < -decimals)
		power = -decimals;
	grain = pow(10, power);
	if (-power < decimals)
		decimals = power < 0 ? -power : 0;
	snprintf(buf, len, "%s%s %s%s%s", unit,
		 decimal(round(value / grain) * grain, decimals, number, sizeof(number)),
		 plus_minus, unit,
		 decimal(ceil(error / grain - 1e-9) * grain, decimals, off, sizeof(off)));
	return buf;
}

const char *top_ms(double ms, char *buf, size_t len)
{
	if (isinf(ms))
		snprintf(buf, len, "> %.0f s", metric_bounds_ms[METRIC_BOUNDS - 1] / 1000);
	else if (ms >= 1000)
		snprintf(buf, len, "%.1f s", ms / 1000);
	else
		snprintf(buf, len, "%.0f ms", ms);
	return buf;
}

const char *top_duration(int64_t ms, char *buf, size_t len)
{
	double minutes = (double)ms / 60000;

	if (minutes < 1)
		snprintf(buf, len, "%.0f s", (double)ms / 1000);
	else if (minutes < 120)
		snprintf(buf, len, "%.0f min", minutes);
	else if (minutes < 48 * 60)
		snprintf(buf, len, "%.0f h", minutes / 60);
	else
		snprintf(buf, len, "%.*f days", minutes < 240 * 60, minutes / 60 / 24);
	return buf;
}

double top_quantile(const int64_t *buckets, double q)
{
	double all = 0, below = 0;

	for (int i = 0; i < HISTORY_TIMES_LEN; i++)
		all += (double)buckets[i];
	for (int i = 0; i < HISTORY_TIMES_LEN && all > 0; i++) {
		double n = (double)buckets[i], low = i ? metric_bounds_ms[i - 1] : 0;

		if (n > 0 && below + n >= q * all)
			return i == METRIC_BOUNDS
				       ? INFINITY
				       : low + (metric_bounds_ms[i] - low) * (q * all - below) / n;
		below += n;
	}
	return -1;
}
