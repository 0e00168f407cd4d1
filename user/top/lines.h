/* SPDX-License-Identifier: Apache-2.0 */
/* lines.h - puts text on the screen. The text cannot steer the terminal or leave its line.
 */
#ifndef TELLTALE_TOP_LINES_H
#define TELLTALE_TOP_LINES_H

#include <stddef.h>
#include <wchar.h>

enum { PLAIN, GOOD, WARN, BAD, SOFT, CHART_LEFT, CHART_RIGHT };

/* The attribute of a pair of colours, one of the above; 0 when the terminal has no colours. */
int top_colour(int pair);

/* Converts TEXT to at most ROOM wide characters. A character that the locale cannot write or that
 * has no width of its own (control characters, marks that change the text's direction) becomes a
 * question mark. Returns the number of characters, and in *WIDTH how many columns they take. */
size_t top_widen(const char *text, wchar_t *wides, size_t room, int *width);

/* Writes at LINE and COLUMN and cuts at the right edge. Returns the column after the text. */
int top_put(int line, int column, int attributes, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* How many columns TEXT takes. */
int top_width(const char *text);
/* Writes TEXT so that it ends before column RIGHT. */
void top_put_right(int line, int right, int attributes, const char *text);
/* Writes TEXT at LINE and COLUMN in WIDTH columns. A longer text is cut and ends with "..". */
void top_put_within(int line, int column, int width, int attributes, const char *text);

#endif
