/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history.h - what was released, by minute and by hour, in STATE_DIR/history.db (SQLite).
 *
 * In: every snapshot that privacy released, and nothing else, so that no true amount can get here.
 * Out: sums over the last hour, day, week, month and year, for the local page and `telltale top`.
 *
 * Sums in a snapshot count from a start; what is kept is how much each rose since the snapshot
 * before, and the last snapshot itself, both in one transaction: a restart of the daemon (another
 * start) neither loses nor doubles anything that was released. A minute is kept for a day, an hour
 * for a year; the oldest rows beyond that go, by number and not by age, so that no clock can make
 * the file grow (it stays below HISTORY_BYTES_MAX). Rows after now, which a clock that ran ahead
 * has left, or has still to come back to, are counted apart: they push out none up to now, nor
 * these them. All times are UTC.
 *
 * Nothing here stops the data: a file that is damaged or not ours is set aside under another name
 * and a new one begun; a write that fails is counted, and the next one carries what it would have.
 * A file that cannot be opened is tried again each minute, and gets then what was counted
 * meanwhile. All calls come from one thread.
 */
#ifndef TELLTALE_HISTORY_H
#define TELLTALE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/record.h"
#include "exchange/exchange.h"
#include "privacy/noise.h"
#include "privacy/privacy.h"
#include "release/released.h"
#include "release/vocabulary.h"

#define HISTORY_FILE      "history.db"
#define HISTORY_ASIDE     "history.db.set-aside"
#define HISTORY_BYTES_MAX (16u << 20)
#define HISTORY_MINUTES   1500 /* rows of a view: 25 hours */
#define HISTORY_HOURS     8832 /* 368 days */

/* Whose view of the figures. They differ where the network's gets noise of its own. */
enum history_view { HISTORY_OWN, HISTORY_NETWORK, HISTORY_VIEWS };

/* Runs of figures begin where a name without a number stands; *_LEN is the run's length. */
#define HISTORY_TIMES_LEN    (METRIC_BOUNDS + 1)
#define HISTORY_OUTCOMES_LEN (OUTCOMES - 1)
#define HISTORY_GAPS_LEN     RECORD_GAP_CAUSES
#define HISTORY_OPAQUE_LEN   OPAQUE_REASONS

enum history_figure {
	HISTORY_COVERED_MS, /* how long something was measured */
	HISTORY_TRANSACTIONS,
	HISTORY_VALUE, /* base currency, scale 4 */
	HISTORY_PREPARED,
	HISTORY_FULFILLED,
	HISTORY_REJECTED,
	HISTORY_PAY_TIMES,
	HISTORY_OUTCOMES = HISTORY_PAY_TIMES + HISTORY_TIMES_LEN,
	HISTORY_GAPS = HISTORY_OUTCOMES + HISTORY_OUTCOMES_LEN,
	HISTORY_OPAQUE = HISTORY_GAPS + HISTORY_GAPS_LEN,
	HISTORY_OPAQUE_LAST = HISTORY_OPAQUE + HISTORY_OPAQUE_LEN - 1,
#define FIGURE(id, ...) HISTORY_##id,
	FIGURE_WORDS(FIGURE)
#undef FIGURE
		HISTORY_FIGURES,
};

struct history_sum {
	int64_t figures[HISTORY_FIGURES];
	struct noise noise; /* variances */
};

enum history_window {
	HISTORY_HOUR,
	HISTORY_DAY,
	HISTORY_WEEK,
	HISTORY_MONTH, /* 30 days */
	HISTORY_YEAR,  /* 365 days */
	HISTORY_WINDOWS,
};

struct history_window_info {
	const char *name;
	int64_t length_s;
	int64_t row_s;  /* what it is added up from: a minute or an hour */
	int64_t step_s; /* between two points of its chart */
};

extern const struct history_window_info history_windows[HISTORY_WINDOWS];

struct history_figure_info {
	enum metric metric; /* that of COVERED_MS is none */
	const char *label;  /* value of the metric's label; NULL: all series together */
	const char *column;
	const char *brief; /* for people, of an outcome and of what was not seen; else NULL */
};

extern const struct history_figure_info history_figures[HISTORY_FIGURES];

struct history_stats {
	bool kept; /* in a file, and not in memory only */
	/* Times that a file was set aside, damaged or not ours, and that a write failed. */
	uint64_t corrupt, foreign, unsaved;
	int64_t until_s;   /* since 1970: up to when the figures go; 0: there are none */
	char trouble[256]; /* in words, what the last of these was; empty: none */
};

struct history;

/*
 * DIR exists; NULL: nothing is kept over the process. PRIVACY must outlive the history. 0 or
 * -ENOMEM: whatever else goes wrong is logged, counted, and leaves a history in memory.
 */
int history_open(const char *dir, const struct privacy_params *privacy, struct history **out);
void history_close(struct history *h); /* accepts NULL */

/* UP_MS: how long the counters in R have been counting, by a clock that nobody sets. */
void history_take(struct history *h, const struct released *r, int64_t up_ms);
struct history_stats history_stats(const struct history *h);
/* When the last snapshot taken was made; 0: none yet. */
int64_t history_now_s(const struct history *h);

/* Since when, within the last year, there is anything; 0: there is nothing. */
int64_t history_since_s(struct history *h);
/* Whether SUM was measured all through its WINDOW, but for the minute or hour that is begun. */
bool history_covers(enum history_window window, const struct history_sum *sum);

/* The last WINDOW up to the last snapshot: the minute or hour begun, and the full ones before it
 * that make its length. 0 or -EIO. */
int history_sum(struct history *h, enum history_view view, enum history_window window,
		struct history_sum *sum);
/* The step of a window's points where a snapshot comes every EVERY_MS: the window's own, or as many
 * of it as keep a step from being empty because no snapshot fell into it. */
int64_t history_step_s(enum history_window window, int64_t every_ms);
/* The same as history_sum in points of STEP_S, oldest first; a step in which nothing was measured
 * has none. AT_S is the step's begin. 0 or -EIO. */
typedef void history_point(void *context, int64_t at_s, const struct history_sum *sum);
int history_points(struct history *h, enum history_view view, enum history_window window,
		   int64_t step_s, history_point *point, void *context);

#endif
