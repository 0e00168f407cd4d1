/* SPDX-License-Identifier: Apache-2.0 */
#include "top/lines.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <ncurses.h>

#define TEXT_MAX 512

int top_colour(int pair)
{
	return has_colors() ? COLOR_PAIR(pair) : 0;
}

size_t top_widen(const char *text, wchar_t *wides, size_t room, int *width)
{
	size_t n = mbstowcs(wides, text, room);

	if (n == (size_t)-1) {
		for (n = 0; n < room && text[n]; n++)
			wides[n] = (unsigned char)text[n] < 128 ? (wchar_t)text[n] : L'?';
	}
	*width = 0;
	for (size_t i = 0; i < n; i++) {
		if (wcwidth(wides[i]) < 1)
			wides[i] = L'?';
		*width += wcwidth(wides[i]);
	}
	return n;
}

/* How many of the N characters fit into ROOM columns. *TAKEN: how many columns these take. */
static size_t fitting(const wchar_t *wides, size_t n, int room, int *taken)
{
	size_t i = 0;

	for (*taken = 0; i < n && *taken + wcwidth(wides[i]) <= room; i++)
		*taken += wcwidth(wides[i]);
	return i;
}

int top_put(int line, int column, int attributes, const char *format, ...)
{
	wchar_t wides[TEXT_MAX];
	char text[TEXT_MAX];
	va_list args;
	int width;
	size_t n;

	if (line < 0 || line >= LINES || column >= COLS)
		return column;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	n = top_widen(text, wides, TEXT_MAX, &width);
	n = fitting(wides, n, COLS - column, &width);
	attron(attributes);
	mvaddnwstr(line, column, wides, (int)n);
	attroff(attributes);
	return column + width;
}

int top_width(const char *text)
{
	wchar_t wides[TEXT_MAX];
	int width;

	top_widen(text, wides, TEXT_MAX, &width);
	return width;
}

void top_put_right(int line, int right, int attributes, const char *text)
{
	int width = top_width(text);

	top_put(line, right - width < 0 ? 0 : right - width, attributes, "%s", text);
}

void top_put_within(int line, int column, int width, int attributes, const char *text)
{
	wchar_t wides[TEXT_MAX];
	int whole, taken;
	size_t n = top_widen(text, wides, TEXT_MAX, &whole);

	if (line < 0 || line >= LINES)
		return;
	if (whole > width)
		n = fitting(wides, n, width - 2, &taken);
	attron(attributes);
	mvaddnwstr(line, column, wides, (int)n);
	if (whole > width)
		addstr("..");
	attroff(attributes);
}
