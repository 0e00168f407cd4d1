/* SPDX-License-Identifier: Apache-2.0 */
/* format.h - figures as `telltale top` writes them: noisy ones rounded to what their error
 * leaves of them, as the page does (page_format.js). All return BUF. */
#ifndef TELLTALE_TOP_FORMAT_H
#define TELLTALE_TOP_FORMAT_H

#include <stddef.h>
#include <stdint.h>

/* "1,234,567". */
const char *top_whole(int64_t n, char *buf, size_t len);
/* VALUE, and "±ERROR" after it where there is one, with UNIT ("$", "") before both; DECIMALS at
 * most. PLUS_MINUS is what the terminal can write. */
const char *top_figure(double value, double error, const char *unit, int decimals,
		       const char *plus_minus, char *buf, size_t len);
/* The same in WIDTH columns: what is longer is written in thousands (K), millions (M), billions (B)
 * or trillions (T). */
const char *top_figure_within(double value, double error, const char *unit, int decimals,
			      const char *plus_minus, int width, char *buf, size_t len);
/* "630 B", "4.7 kB", "1.2 MB". */
const char *top_bytes(int64_t n, char *buf, size_t len);
/* "44 ms", "1.2 s". */
const char *top_ms(double ms, char *buf, size_t len);
/* "6.5 days", "3 h", "12 min". */
const char *top_duration(int64_t ms, char *buf, size_t len);
/* Where part Q of what is in BUCKETS (HISTORY_TIMES_LEN of them) is below, ms; -1: there is none;
 * INFINITY: beyond the last bound. */
double top_quantile(const int64_t *buckets, double q);

#endif
