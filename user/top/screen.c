/* SPDX-License-Identifier: Apache-2.0 */
#include "top/screen.h"

#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <ncurses.h>

#include "top/exports.h"
#include "top/format.h"
#include "top/lines.h"
#include "top/peers.h"

#define LINES_MIN 16
#define COLS_MIN  60
#define CHART_MAX 30 /* lines */
#define SURE      2  /* standard deviations */
#define SCALE     10000.0

/* Where the columns of the windows end. The text in a column leaves one character free before
 * it. */
enum {
	RIGHT_NAME = 6,
	RIGHT_COUNT = 21,
	RIGHT_VALUE = 41,
	RIGHT_AVERAGE = 57,
	RIGHT_PACKETS = 70,
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
			 "this draws on a terminal, and there is none; --once "
			 "prints the figures as text, --json for programs");
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

/* --- head --------------------------------------------------------------------------------------
 */

static void put_bar(const struct top_data *d, const char *lost)
{
	char right[64], what[96];
	time_t at = d->time_s;
	struct tm tm;
	int width;

	localtime_r(&at, &tm);
	attron(A_REVERSE);
	mvhline(0, 0, ' ', COLS);
	attroff(A_REVERSE);
	snprintf(what, sizeof(what), "%s  %s%s%s%s", d->network,
		 COLS < 100 ? "" : "noise: ", d->mechanism,
		 d->epsilon[0] ? (wide ? " ε " : " epsilon ") : "", d->epsilon);
	/* The instance's name is shortened when the text after it and on the right needs the
	 * room. */
	width = COLS - 10 - (int)strlen(what) - 26;
	top_put(0, 1, A_REVERSE | A_BOLD, "telltale");
	top_put_within(0, 10, width, A_REVERSE | A_BOLD, d->instance);
	width = top_width(d->instance) < width ? top_width(d->instance) : width;
	top_put(0, 12 + width, A_REVERSE, "%s", what);
	snprintf(right, sizeof(right), "%s %02d:%02d:%02d", lost ? "not connected" : "live",
		 tm.tm_hour, tm.tm_min, tm.tm_sec);
	top_put_right(0, COLS - 1, A_REVERSE | (lost ? A_BOLD : 0), right);
}

/* The mark of a state, and its colour. */
static const char *mark_of(enum condition_state state, int *pair)
{
	static const char *const marks[] = {"✓", "…", "!", "✗"};
	static const char *const plain[] = {"+", ".", "!", "x"};
	static const int pairs[] = {GOOD, SOFT, WARN, BAD};

	*pair = pairs[state];
	return (wide ? marks : plain)[state];
}

/* Each part with its mark, in one line. */
static void put_conditions(int line, const struct top_data *d)
{
	int column = 1;

	for (size_t i = 0; i < d->conditions_len && column < COLS; i++) {
		const struct top_condition *c = &d->conditions[i];
		int pair;
		const char *mark = mark_of(c->state, &pair);
		int look = top_colour(pair) | (c->state > CONDITION_WAITING ? A_BOLD : 0);

		column = top_put(line, column, look, "%s %s", mark, c->part) + 2;
	}
}

/* Where nothing is wrong: what is watched, and the last packet. */
static void put_wellbeing(int line, const struct top_data *d)
{
	static const enum condition_part shown[] = {CONDITION_TARGETS, CONDITION_PACKETS};
	int column = 1;

	for (size_t i = 0; i < 2; i++) {
		const struct top_condition *c = &d->conditions[shown[i]];

		if (c->part[0])
			column = top_put(line, column, 0, "%s: %s", c->part, c->text) + 2;
	}
}

/* What is worst, and below it the next step. Returns the line after them. */
static int put_notice(int line, const struct top_data *d, const char *lost)
{
	const struct top_condition *c = &d->conditions[d->worst];
	int pair;

	mark_of(c->state, &pair);
	if (lost)
		top_put(line, 1, A_BOLD | top_colour(BAD), "%s", lost);
	else if (c->state <= CONDITION_WAITING && d->trouble[0])
		top_put(line, 1, top_colour(WARN), "History: %s", d->trouble);
	else if (c->state > CONDITION_WAITING)
		top_put(line, 1, top_colour(pair), "%s: %s", c->part, c->text);
	else
		put_wellbeing(line, d);
	if (lost || !c->fix[0])
		return line + 1;
	top_put(line + 1, 3, 0, "%s", c->fix);
	return line + 2;
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
	top_put(line, 1, look, "%-6s", name);
	top_put_right(line, RIGHT_COUNT, look,
		      top_figure_within((double)w->transactions, SURE * w->transactions_sd, "", 0,
					pm, RIGHT_COUNT - RIGHT_NAME - 1, text, sizeof(text)));
	top_put_right(line, RIGHT_VALUE, look,
		      top_figure_within((double)w->value / SCALE, SURE * w->value_sd / SCALE, "$",
					2, pm, RIGHT_VALUE - RIGHT_COUNT - 1, text, sizeof(text)));
	if (w->transactions > 0) {
		double error = w->value > 0 ? SURE * w->value_sd / (double)w->value : 0;

		each = (double)w->value / SCALE / (double)w->transactions;
		error = hypot(error, SURE * w->transactions_sd / (double)w->transactions);
		top_figure_within(each, each * error, "$", 2, pm, RIGHT_AVERAGE - RIGHT_VALUE - 1,
				  text, sizeof(text));
	} else {
		snprintf(text, sizeof(text), "-");
	}
	top_put_right(line, RIGHT_AVERAGE, look, text);
	top_put_right(line, RIGHT_PACKETS, look,
		      top_figure_within((double)w->fulfilled, SURE * w->fulfilled_sd, "", 0, pm,
					RIGHT_PACKETS - RIGHT_AVERAGE - 1, text, sizeof(text)));
	if (w->all_measured)
		snprintf(text, sizeof(text), "all");
	else
		top_duration(w->covered_ms, text, sizeof(text));
	top_put_right(line, RIGHT_MEASURED, look, text);
}

static int put_windows(int line, const struct top_data *d, struct top_choice choice)
{
	static const char *const names[HISTORY_WINDOWS] = {"Hour", "Day", "Week", "Month", "Year"};
	int look = A_UNDERLINE | top_colour(SOFT);

	top_put(line, 1, look, "Last");
	top_put_right(line, RIGHT_COUNT, look, "Transactions");
	top_put_right(line, RIGHT_VALUE, look,
		      choice.view == HISTORY_NETWORK ? "Value (network)" : "Value");
	top_put_right(line, RIGHT_AVERAGE, look, "Average");
	top_put_right(line, RIGHT_PACKETS, look, "Packets");
	top_put_right(line, RIGHT_MEASURED, look, "Measured");
	for (int i = 0; i < HISTORY_WINDOWS; i++)
		put_window(++line, names[i], &d->windows[i], i == (int)choice.window);
	return line + 1;
}

/* What is published of the payments of the chosen window. With continual it has a view of its own.
 */
static void put_published(int line, const struct top_data *d, struct top_choice choice)
{
	const struct top_sum *w = &d->windows[choice.window];
	char text[32];
	double off;

	if (d->views > 1 || w->value <= 0)
		return;
	off = ((double)w->published / (double)w->value - 1) * 100;
	top_figure_within((double)w->published / SCALE, 0, "$", 2, "", sizeof(text) - 1, text,
			  sizeof(text));
	top_put(line, 1, top_colour(SOFT),
		"The network's figure for this %s's value is %s, %.0f %% %s",
		history_windows[choice.window].name, text, fabs(off), off < 0 ? "less" : "more");
}

/* --- charts ------------------------------------------------------------------------------------
 */

/* The mean of the steps that fall into column C of WIDTH; -1: nothing was measured in any of
 * them. */
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
		      const char *unit, const double *points, size_t len)
{
	double most = 0;
	char text[48];

	for (int c = 0; c < width; c++)
		most = fmax(most, column_of(points, len, c, width));
	top_put(line, x, top_colour(SOFT), "%s", title);
	/* The scale: what the highest column is. */
	if (most > 0)
		top_put_right(line, x + width, top_colour(SOFT),
			      top_figure_within(most, 0, unit, 0, "", 9, text, sizeof(text)));
	attron(top_colour(pair));
	for (int c = 0; c < width && len; c++) {
		double v = column_of(points, len, c, width);

		if (v >= 0 && most > 0)
			put_column(line + height, x + c, height, v / most);
		/* A dot marks a step that was measured and had no traffic. A step that was not
		 * measured stays empty. */
		if (v == 0 || (v >= 0 && most <= 0))
			mvaddch(line + height, x + c, '.');
	}
	attroff(top_colour(pair));
}

static int put_charts(int line, int height, const struct top_data *d, struct top_choice choice)
{
	int width = COLS / 2 - 3;
	char title[64], step[24];

	top_duration(d->step_s * 1000, step, sizeof(step));
	snprintf(title, sizeof(title), "Transactions by %s, last %s", step,
		 history_windows[choice.window].name);
	put_chart(line, 1, width, height, CHART_LEFT, title, "", d->transactions, d->points_len);
	snprintf(title, sizeof(title), "Value by %s, last %s", step,
		 history_windows[choice.window].name);
	put_chart(line, COLS / 2 + 1, width, height, CHART_RIGHT, title, "$", d->values,
		  d->points_len);
	return line + height + 1;
}

/* --- the rest ----------------------------------------------------------------------------------
 */

/* Appends "name figure" to the line and returns the column for the next. Without room for all of
 * it, it writes dots and leaves out the following ones too: a part of a figure would look like
 * another figure. */
static int put_fact(int line, int column, int look, const char *name, const char *figure)
{
	if (column >= COLS)
		return column;
	if (column + top_width(name) + 1 + top_width(figure) > COLS - 3) {
		top_put(line, column, 0, "..");
		return COLS;
	}
	column = top_put(line, column, 0, "%s ", name);
	return top_put(line, column, look, "%s", figure) + 2;
}

#define NUMBER_WIDTH 7 /* columns for a figure in a row of them; a longer one is shortened */

static int put_number(int line, int column, int look, const char *name, int64_t n)
{
	char text[32];

	return put_fact(
		line, column, look, name,
		top_figure_within((double)n, 0, "", 0, "", NUMBER_WIDTH, text, sizeof(text)));
}

/* The network gets neither outcomes nor what was not seen. */
#define NOT_TOLD "not told to the network; v shows your own view"

static void put_outcomes(int line, const struct top_data *d, enum history_view view)
{
	int column = 11;

	top_put(line, 1, top_colour(SOFT), "Outcomes");
	if (view == HISTORY_NETWORK) {
		top_put(line, column, 0, NOT_TOLD);
		return;
	}
	for (int i = 0; i < HISTORY_OUTCOMES_LEN; i++) {
		int64_t n = d->figures[HISTORY_OUTCOMES + i];

		if (n || i < 2)
			column = put_number(line, column, A_BOLD,
					    history_figures[HISTORY_OUTCOMES + i].brief, n);
	}
	/* Behind what went wrong, which matters more where there is no room. */
	if (d->figures[HISTORY_PROBES])
		put_number(line, column, A_BOLD, "price probes", d->figures[HISTORY_PROBES]);
}

static void put_times(int line, const struct top_data *d)
{
	static const struct {
		const char *name;
		double q;
	} shown[] = {{"median", 0.5}, {"95 of 100", 0.95}, {"99 of 100", 0.99}};
	int column = 11;

	top_put(line, 1, top_colour(SOFT), "Pay time");
	for (size_t i = 0; i < 3; i++) {
		double ms = top_quantile(&d->figures[HISTORY_PAY_TIMES], shown[i].q);
		char text[32];

		if (ms < 0) {
			top_put(line, column, 0, "no payment has ended in this window");
			return;
		}
		column = put_fact(line, column, A_BOLD, shown[i].name,
				  top_ms(ms, text, sizeof(text)));
	}
}

static void put_unseen(int line, const struct top_data *d, enum history_view view)
{
	int column = 11;

	top_put(line, 1, top_colour(SOFT), "Not seen");
	if (view == HISTORY_NETWORK) {
		top_put(line, column, 0, NOT_TOLD);
		return;
	}
	for (int i = HISTORY_GAPS; i < HISTORY_FIGURES; i++) {
		if (d->figures[i])
			column = put_number(line, column, A_BOLD | top_colour(WARN),
					    history_figures[i].brief, d->figures[i]);
	}
	if (column == 11)
		top_put(line, column, top_colour(GOOD), "nothing was missed in this window");
}

static void put_keys(const struct top_data *d, struct top_choice choice)
{
	attron(A_REVERSE);
	mvhline(LINES - 1, 0, ' ', COLS);
	attroff(A_REVERSE);
	top_put(LINES - 1, 1, A_REVERSE, "h d w m y or arrows: window   p: %s   q: quit",
		choice.peers ? "all" : "peers");
	if (d->views > 1)
		top_put(LINES - 1, 53, A_REVERSE, "v: %s",
			choice.view == HISTORY_OWN ? "as the network sees it" : "for you");
}

void top_screen_draw(const struct top_data *d, struct top_choice choice, const char *lost)
{
	int line, height, below = 4 + top_exports_lines(d);

	erase();
	if (LINES < LINES_MIN || COLS < COLS_MIN) {
		top_put(0, 0, 0, "%dx%d is too small; %dx%d will do", COLS, LINES, COLS_MIN,
			LINES_MIN);
		refresh();
		return;
	}
	put_bar(d, lost);
	put_conditions(1, d);
	line = put_notice(2, d, lost);
	line = put_windows(line, d, choice);
	if (choice.peers) {
		top_peers_put(line + 1, LINES - line - 2, d, choice.view);
		put_keys(d, choice);
		refresh();
		return;
	}
	height = LINES - line - 2 - (below > 9 ? 9 : below);
	if (height > CHART_MAX)
		height = CHART_MAX;
	if (height >= 2) {
		put_published(line, d, choice);
		line = put_charts(line + 1, height, d, choice);
	}
	put_outcomes(line, d, choice.view);
	put_times(line + 1, d);
	put_unseen(line + 2, d, choice.view);
	top_exports_put(line + 3, LINES - line - 4, d);
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
	case 'p': choice->peers = !choice->peers; return TOP_CHOSEN;
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
