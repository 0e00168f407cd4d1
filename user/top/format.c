/* SPDX-License-Identifier: Apache-2.0 */
#include "top/format.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "history/history.h"

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

/* SUFFIX follows both numbers. */
static const char *figure(double value, double error, const char *unit, const char *suffix,
			  int decimals, const char *plus_minus, char *buf, size_t len)
{
	char number[64], off[64];
	double grain;
	int power;

	if (!(error > 0)) {
		snprintf(buf, len, "%s%s%s", unit, decimal(value, decimals, number, sizeof(number)),
			 suffix);
		return buf;
	}
	power = (int)floor(log10(error));
	if (power < -decimals)
		power = -decimals;
	grain = pow(10, power);
	if (-power < decimals)
		decimals = power < 0 ? -power : 0;
	snprintf(buf, len, "%s%s%s %s%s%s%s", unit,
		 decimal(round(value / grain) * grain, decimals, number, sizeof(number)), suffix,
		 plus_minus, unit,
		 decimal(ceil(error / grain - 1e-9) * grain, decimals, off, sizeof(off)), suffix);
	return buf;
}

const char *top_figure(double value, double error, const char *unit, int decimals,
		       const char *plus_minus, char *buf, size_t len)
{
	return figure(value, error, unit, "", decimals, plus_minus, buf, len);
}

/* Columns of UTF-8 text without wide characters. */
static int columns(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

const char *top_figure_within(double value, double error, const char *unit, int decimals,
			      const char *plus_minus, int width, char *buf, size_t len)
{
	static const char *const suffixes[] = {"K", "M", "B", "T"};
	double scale = 1, most = fmax(fabs(value), error);

	top_figure(value, error, unit, decimals, plus_minus, buf, len);
	/* A figure below one thousand gets no suffix: less than one of a unit says little. */
	for (size_t i = 0; i < 4 && most / scale >= 1000 &&
			   (columns(buf) > width || (scale > 1 && fabs(value / scale) >= 10000));
	     i++) {
		scale *= 1000;
		figure(value / scale, error / scale, unit, suffixes[i], 2, plus_minus, buf, len);
	}
	return buf;
}

const char *top_bytes(int64_t n, char *buf, size_t len)
{
	static const char *const units[] = {"kB", "MB", "GB", "TB"};
	double value = (double)n;
	int unit = -1;

	while (value >= 999.95 && unit < 3) {
		value /= 1000;
		unit++;
	}
	if (unit < 0)
		snprintf(buf, len, "%.0f B", value);
	else
		snprintf(buf, len, "%.*f %s", value < 99.95, value, units[unit]);
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
