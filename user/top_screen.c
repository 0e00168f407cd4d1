/* SPDX-License-Identifier: Apache-2.0 */
#include "top_screen.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <ncurses.h>

#include "top_format.h"

#define LINES_MIN 16
#define COLS_MIN  60
#define CHART_MAX 12 /* lines */
#define SURE      2  /* standard deviations */
#define SCALE     10000.0

enum { PLAIN, GOOD, WARN, BAD, SOFT, CHART_LEFT, CHART_RIGHT };

/* Where the columns of the windows end. */
enum {
	RIGHT_COUNT = 21,
	RIGHT_VALUE = 41,
	RIGHT_AVERAGE = 57,
	RIGHT_PACKETS = 69,
	RIGHT_MEASURED = 79
};

static SCREEN *screen;
static bool wide; /* the terminal writes UTF-8 */

/* --- the terminal ------------------------------------------------------------------------------
 */

static void set_colours(void)
{
	if (!has_colors())
		return;
	start_color();
	use_default_colors();
	init_pair(GOOD, COLOR_GREEN, -1);
	init_pair(WARN, COLOR_YELLOW, -1);
	init_pair(BAD, COLOR_RED, -1);
	init_pair(SOFT, COLOR_CYAN, -1);
	init_pair(CHART_LEFT, COLOR_BLUE, -1);
	init_pair(CHART_RIGHT, COLOR_GREEN, -1);
}

int top_screen_open(char *why, size_t why_len)
{
	const char *terminal = getenv("TERM");

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		snprintf(why, why_len,
			 "this draws on a terminal, and there is none; /metrics has "
			 "the figures as text");
		return -ENOTTY;
	}
	setlocale(LC_ALL, "");
	setlocale(LC_NUMERIC, "C");
	wide = !strcmp(nl_langinfo(CODESET), "UTF-8");
	screen = newterm(NULL, stdout, stdin);
	if (!screen) {
		snprintf(why, why_len, "the terminal '%s' is not known here; set TERM=xterm",
			 terminal ? terminal : "");
		return -EINVAL;
	}
	set_colours();
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	set_escdelay(25);
	curs_set(0);
	return 0;
}

void top_screen_close(void)
{
	if (!screen)
		return;
	endwin();
	delscreen(screen);
	screen = NULL;
}

/* --- lines -------------------------------------------------------------------------------------
 */

static int colour(int pair)
{
	return has_colors() ? COLOR_PAIR(pair) : 0;
}

/* TEXT as the terminal has it, one column a character: what the locale cannot write is a question
 * mark. */
static size_t widen(const char *text, wchar_t *wides, size_t room)
{
	size_t n = mbstowcs(wides, text, room);

	if (n != (size_t)-1)
		return n < room ? n : room;
	for (n = 0; n < room && text[n]; n++)
		wides[n] = (unsigned char)text[n] < 128 ? (wchar_t)text[n] : L'?';
	return n;
}

/* At LINE and COLUMN, cut at the right edge; returns the column behind it. */
static int put(int line, int column, int attributes, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static int put(int line, int column, int attributes, const char *format, ...)
{
	wchar_t wides[512];
	char text[512];
	va_list args;
	size_t n;

	if (line < 0 || line >= LINES || column >= COLS)
		return column;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	n = widen(text, wides, 512);
	if (n > (size_t)(COLS - column))
		n = (size_t)(COLS - column);
	attron(attributes);
	mvaddnwstr(line, column, wides, (int)n);
	attroff(attributes);
	return column + (int)n;
}

static void put_right(int line, int right, int attributes, const char *text)
{
	wchar_t wides[256];
	int width = (int)widen(text, wides, 256);

	put(line, right - width < 0 ? 0 : right - width, attributes, "%s", text);
}

static void put_bar(const struct top_data *d, const char *lost)
{
	char right[64];
	time_t at = d->time_s;
	struct tm tm;
	int column;

	localtime_r(&at, &tm);
	attron(A_REVERSE);
	mvhline(0, 0, ' ', COLS);
	attroff(A_REVERSE);
	column = put(0, 1, A_REVERSE | A_BOLD, "telltale %.40s", d->instance);
	put(0, column + 2, A_REVERSE, "%s  %s%s%s", d->network, d->mechanism,
	    d->epsilon[0] ? " e=" : "", d->epsilon);
	snprintf(right, sizeof(right), "%s %02d:%02d:%02d", lost ? "not connected" : "live",
		 tm.tm_hour, tm.tm_min, tm.tm_sec);
	put_right(0, COLS - 1, A_REVERSE | (lost ? A_BOLD : 0), right);
}

static void put_notice(const struct top_data *d, const char *lost)
{
	if (lost)
		put(1, 1, A_BOLD | colour(BAD), "%s", lost);
	else if (d->trouble[0])
		put(1, 1, colour(WARN), "history: %s", d->trouble);
	else if (!d->complete)
		put(1, 1, colour(WARN),
		    "some of what is in scope was not seen: totals are too low");
	else
		put(1, 1, colour(GOOD), "everything in scope was seen since the start");
}

/* --- windows -----------------------------------------------------------------------------------
 */

static void put_window(int line, const char *name, const struct top_sum *w, bool chosen)
{
	const char *pm = wide ? "±" : "+-";
	char text[96];
	int look = chosen ? A_BOLD | A_REVERSE : 0;
	double each;

	if (chosen) {
		attron(look);
		mvhline(line, 0, ' ', COLS < 80 ? COLS : 80);
		attroff(look);
	}
	put(line, 1, look, "%-6s", name);
	put_right(line, RIGHT_COUNT, look,
		  top_figure((double)w->transactions, SURE * w->transactions_sd, "", 0, pm, text,
			     sizeof(text)));
	put_right(line, RIGHT_VALUE, look,
		  top_figure((double)w->value / SCALE, SURE * w->value_sd / SCALE, "$", 2, pm, text,
			     sizeof(text)));
	if (w->transactions > 0) {
		double error = w->value > 0 ? SURE * w->value_sd / (double)w->value : 0;

		each = (double)w->value / SCALE / (double)w->transactions;
		error = hypot(error, SURE * w->transactions_sd / (double)w->transactions);
		top_figure(each, each * error, "$", 2, pm, text, sizeof(text));
	} else {
		snprintf(text, sizeof(text), "-");
	}
	put_right(line, RIGHT_AVERAGE, look, text);
	put_right(line, RIGHT_PACKETS, look, top_whole(w->fulfilled, text, sizeof(text)));
	if (w->covered_ms >= 995 * w->length_s)
		snprintf(text, sizeof(text), "all");
	else
		top_duration(w->covered_ms, text, sizeof(text));
	put_right(line, RIGHT_MEASURED, look, text);
}

static int put_windows(int line, const struct top_data *d, struct top_choice choice)
{
	static const char *const names[HISTORY_WINDOWS] = {"Hour", "Day", "Week", "Month", "Year"};
	int look = A_UNDERLINE | colour(SOFT);

	put(line, 1, look, "Last");
	put_right(line, RIGHT_COUNT, look, "Transactions");
	put_right(line, RIGHT_VALUE, look,
		  choice.view == HISTORY_NETWORK ? "Value (network)" : "Value");
	put_right(line, RIGHT_AVERAGE, look, "Average");
	put_right(line, RIGHT_PACKETS, look, "Packets");
	put_right(line, RIGHT_MEASURED, look, "Measured");
	for (int i = 0; i < HISTORY_WINDOWS; i++)
		put_window(++line, names[i], &d->windows[i], i == (int)choice.window);
	return line + 1;
}

/* --- charts ------------------------------------------------------------------------------------
 */

/* The mean of the steps that fall into column C of WIDTH; -1: nothing was measured in any. */
static double column_of(const double *points, size_t len, int c, int width)
{
	size_t from = (size_t)c * len / (size_t)width, to = (size_t)(c + 1) * len / (size_t)width;
	double sum = 0;
	int n = 0;

	for (size_t i = from; i < (to > from ? to : from + 1) && i < len; i++) {
		if (points[i] >= 0) {
			sum += points[i];
			n++;
		}
	}
	return n ? sum / n : -1;
}

static void put_column(int bottom, int x, int height, double part)
{
	static const char *const eighths[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	int full = (int)lround(part * height * 8);

	if (part > 0 && !full)
		full = 1;
	for (int i = 0; i < height && full > 0; i++, full -= 8) {
		if (wide)
			mvaddstr(bottom - i, x, eighths[full >= 8 ? 8 : full]);
		else
			mvaddch(bottom - i, x, full >= 8 ? '#' : full >= 4 ? '=' : '_');
	}
}

static void put_chart(int line, int x, int width, int height, int pair, const char *title,
		      const double *points, size_t len)
{
	double most = 0;

	put(line, x, colour(SOFT), "%s", title);
	for (int c = 0; c < width; c++)
		most = fmax(most, column_of(points, len, c, width));
	attron(colour(pair));
	for (int c = 0; c < width && len; c++) {
		double v = column_of(points, len, c, width);

		if (v >= 0 && most > 0)
			put_column(line + height, x + c, height, v / most);
		/* A step with nothing in it is not one that was not measured. */
		if (v == 0 || (v >= 0 && most <= 0))
			mvaddch(line + height, x + c, '.');
	}
	attroff(colour(pair));
}

static int put_charts(int line, int height, const struct top_data *d, struct top_choice choice)
{
	int width = COLS / 2 - 3;
	char title[64], step[24];

	top_duration(d->step_s * 1000, step, sizeof(step));
	snprintf(title, sizeof(title), "Transactions by %s, last %s", step,
		 history_windows[choice.window].name);
	put_chart(line, 1, width, height, CHART_LEFT, title, d->transactions, d->points_len);
	snprintf(title, sizeof(title), "Value by %s, last %s", step,
		 history_windows[choice.window].name);
	put_chart(line, COLS / 2 + 1, width, height, CHART_RIGHT, title, d->values, d->points_len);
	return line + height + 1;
}

/* --- the rest ----------------------------------------------------------------------------------
 */

/* Appends one "name figure" to the line; returns the column for the next. */
static int put_fact(int line, int column, int look, const char *name, const char *figure)
{
	column = put(line, column, 0, "%s ", name);
	return put(line, column, look, "%s", figure) + 2;
}

static int put_number(int line, int column, int look, const char *name, int64_t n)
{
	char text[32];

	return put_fact(line, column, look, name, top_whole(n, text, sizeof(text)));
}

static void put_outcomes(int line, const struct top_data *d)
{
	static const char *const names[HISTORY_OUTCOMES_LEN] = {
		"fulfilled", "rejected", "expired", "HTTP error",
		"no packet", "closed",   "not seen"};
	int column = 11;

	put(line, 1, colour(SOFT), "Outcomes");
	for (int i = 0; i < HISTORY_OUTCOMES_LEN; i++) {
		int64_t n = d->figures[HISTORY_OUTCOMES + i];

		if (n || i < 2)
			column = put_number(line, column, A_BOLD, names[i], n);
	}
}

static void put_times(int line, const struct top_data *d)
{
	static const struct {
		const char *name;
		double q;
	} shown[] = {{"median", 0.5}, {"95 of 100", 0.95}, {"99 of 100", 0.99}};
	int column = 11;

	put(line, 1, colour(SOFT), "Pay time");
	for (size_t i = 0; i < 3; i++) {
		double ms = top_quantile(&d->figures[HISTORY_PAY_TIMES], shown[i].q);
		char text[32];

		if (ms < 0) {
			put(line, column, 0, "no payment has ended in this window");
			return;
		}
		column = put_fact(line, column, A_BOLD, shown[i].name,
				  top_ms(ms, text, sizeof(text)));
	}
}

static void put_unseen(int line, const struct top_data *d)
{
	static const char *const names[] = {"ring drops", "replies alone", "not ILP",
					    "pushed out", "no asset",      "no rate"};
	int column = 11;
	char name[48];

	put(line, 1, colour(SOFT), "Not seen");
	for (int i = HISTORY_GAPS; i < HISTORY_FIGURES; i++) {
		bool gap = i < HISTORY_OPAQUE, opaque = !gap && i < HISTORY_DROPPED;

		if (!d->figures[i])
			continue;
		snprintf(name, sizeof(name), "%s%s",
			 gap      ? "gap "
			 : opaque ? "unreadable "
				  : "",
			 gap || opaque ? history_figures[i].label : names[i - HISTORY_DROPPED]);
		column = put_number(line, column, A_BOLD | colour(WARN), name, d->figures[i]);
	}
	if (column == 11)
		put(line, column, colour(GOOD), "nothing was missed in this window");
}

/* How many lines they take: what went wrong stands under its endpoint. */
static int endpoints_lines(const struct top_data *d)
{
	int lines = 1;

	for (size_t i = 0; i < d->endpoints_len; i++)
		lines += 1 + (d->endpoints[i].consecutive_failures > 0);
	return lines;
}

static void put_endpoint(int line, const struct top_data *d, const struct top_endpoint *e)
{
	int state = COLS > 100 ? 73 : 51;
	char since[32], exports[32];

	put(line, 1, 0, "%s", e->network ? "network" : "own");
	put(line, 11, 0, "%.*s", state - 12, e->url);
	if (e->consecutive_failures) {
		put(line, state, A_BOLD | colour(BAD), "failed %lld in a row",
		    (long long)e->consecutive_failures);
		put(line + 1, 11, colour(BAD), "%s", e->last_error);
		return;
	}
	if (!e->last_success_s) {
		put(line, state, colour(WARN), "nothing sent yet");
		return;
	}
	top_duration((d->time_s > e->last_success_s ? d->time_s - e->last_success_s : 0) * 1000,
		     since, sizeof(since));
	put(line, state, colour(GOOD), "%s sent, last %s ago",
	    top_whole(e->exports, exports, sizeof(exports)), since);
}

/* In ROOM lines. */
static void put_endpoints(int line, int room, const struct top_data *d)
{
	size_t i = 0;

	put(line++, 1, colour(SOFT), "Exports");
	if (!d->endpoints_len)
		put(line - 1, 11, 0, "no collector is configured: nothing leaves this host");
	for (room--; i < d->endpoints_len; i++) {
		int lines = 1 + (d->endpoints[i].consecutive_failures > 0);

		/* The last line says what is left out. */
		if (lines + (i + 1 < d->endpoints_len) > room)
			break;
		put_endpoint(line, d, &d->endpoints[i]);
		line += lines;
		room -= lines;
	}
	if (i < d->endpoints_len && room > 0)
		put(line, 11, 0, "and %zu more: a taller window shows them", d->endpoints_len - i);
}

static void put_keys(const struct top_data *d, struct top_choice choice)
{
	attron(A_REVERSE);
	mvhline(LINES - 1, 0, ' ', COLS);
	attroff(A_REVERSE);
	put(LINES - 1, 1, A_REVERSE, "h d w m y or arrows: window   q: quit");
	if (d->views > 1)
		put(LINES - 1, 41, A_REVERSE, "v: %s",
		    choice.view == HISTORY_OWN ? "as the network sees it" : "exact, for you");
}

void top_screen_draw(const struct top_data *d, struct top_choice choice, const char *lost)
{
	int line, height, below = 4 + endpoints_lines(d);

	erase();
	if (LINES < LINES_MIN || COLS < COLS_MIN) {
		put(0, 0, 0, "%dx%d is too small; %dx%d will do", COLS, LINES, COLS_MIN, LINES_MIN);
		refresh();
		return;
	}
	put_bar(d, lost);
	put_notice(d, lost);
	line = put_windows(3, d, choice);
	height = LINES - line - 2 - (below > 9 ? 9 : below);
	if (height > CHART_MAX)
		height = CHART_MAX;
	if (height >= 2)
		line = put_charts(line + 1, height, d, choice);
	put_outcomes(line, d);
	put_times(line + 1, d);
	put_unseen(line + 2, d);
	put_endpoints(line + 3, LINES - line - 4, d);
	put_keys(d, choice);
	refresh();
}

enum top_key top_screen_key(struct top_choice *choice, unsigned views, unsigned timeout_ms)
{
	static const char letters[] = "hdwmy";
	const char *letter;
	int key;

	timeout((int)timeout_ms);
	key = getch();
	switch (key) {
	case ERR: return TOP_NONE;
	case KEY_RESIZE: return TOP_RESIZED;
	case 'q':
	case 'Q': return TOP_QUIT;
	case KEY_LEFT:
		choice->window = choice->window ? choice->window - 1 : HISTORY_WINDOWS - 1;
		return TOP_CHOSEN;
	case KEY_RIGHT:
	case '\t': choice->window = (choice->window + 1) % HISTORY_WINDOWS; return TOP_CHOSEN;
	case 'v':
		if (views > 1)
			choice->view = !choice->view;
		return TOP_CHOSEN;
	default: break;
	}
	letter = key > 0 && key < 128 ? strchr(letters, key) : NULL;
	if (letter && *letter) {
		choice->window = (enum history_window)(letter - letters);
		return TOP_CHOSEN;
	}
	return TOP_NONE;
}
