/* SPDX-License-Identifier: Apache-2.0 */
/* lines.h - text at a place of the screen, that cannot steer the terminal nor leave its line.
 */
#ifndef TELLTALE_TOP_LINES_H
#define TELLTALE_TOP_LINES_H

#include <stddef.h>
#include <wchar.h>

enum { PLAIN, GOOD, WARN, BAD, SOFT, CHART_LEFT, CHART_RIGHT };

/* The attribute of a pair, one of the above; 0 where there are no colours. */
int top_colour(int pair);

/* TEXT as the terminal has it, ROOM characters at most: what the locale cannot write, or has no
 * width of its own (controls of either set, marks that turn the text's direction), is a question
 * mark. Returns how many; *WIDTH: how many columns they take. */
size_t top_widen(const char *text, wchar_t *wides, size_t room, int *width);

/* At LINE and COLUMN, cut at the right edge; returns the column behind it. */
int top_put(int line, int column, int attributes, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* How many columns TEXT takes. */
int top_width(const char *text);
/* So that it ends before column RIGHT. */
void top_put_right(int line, int right, int attributes, const char *text);
/* At LINE and COLUMN in WIDTH columns: what is longer loses its end, and says so. */
void top_put_within(int line, int column, int width, int attributes, const char *text);

#endif
