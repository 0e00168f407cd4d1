/* SPDX-License-Identifier: Apache-2.0 */
/* format.h - writes figures for `telltale top`. Noisy ones are rounded to the digits that their
 * error leaves meaningful, as on the page (page_format.js). All functions that take BUF return
 * it. */
#ifndef TELLTALE_TOP_FORMAT_H
#define TELLTALE_TOP_FORMAT_H

#include <stddef.h>
#include <stdint.h>

/* "1,234,567". */
const char *top_whole(int64_t n, char *buf, size_t len);
/* VALUE with at most DECIMALS decimals, followed by "±ERROR" if ERROR is above 0. UNIT ("$", "")
 * comes before both. PLUS_MINUS is "±" as the terminal can write it. */
const char *top_figure(double value, double error, const char *unit, int decimals,
		       const char *plus_minus, char *buf, size_t len);
/* The same in WIDTH columns. A longer figure is written in thousands (K), millions (M), billions
 * (B) or trillions (T). */
const char *top_figure_within(double value, double error, const char *unit, int decimals,
			      const char *plus_minus, int width, char *buf, size_t len);
/* "630 B", "4.7 kB", "1.2 MB". */
const char *top_bytes(int64_t n, char *buf, size_t len);
/* "44 ms", "1.2 s". */
const char *top_ms(double ms, char *buf, size_t len);
/* "6.5 days", "3 h", "12 min". */
const char *top_duration(int64_t ms, char *buf, size_t len);
/* The quantile Q (0 to 1) of the times in BUCKETS (HISTORY_TIMES_LEN of them), in ms. -1: there are
 * no times; INFINITY: it is beyond the last bound. */
double top_quantile(const int64_t *buckets, double q);

#endif
