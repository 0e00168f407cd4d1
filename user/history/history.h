/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history.h - what was released, by minute and by hour, in STATE_DIR/history.db (SQLite).
 *
 * In: every snapshot that privacy released, and nothing else, so that no true amount can get here.
 * Out: sums over the last hour, day, week, month and year, for the local page and `telltale top`.
 *
 * Sums in a snapshot count from a start time. The history keeps how much each sum rose since the
 * snapshot before, and the last snapshot itself, both in one transaction. So a restart of the
 * daemon, which has another start time, neither loses nor doubles anything that was released. A
 * minute is kept for a day, an hour for a year. Older rows are deleted by their number and not by
 * their age, so that no wrong clock can make the file grow (it stays below HISTORY_BYTES_MAX). Rows
 * later than now, which a clock that ran ahead has left, have a limit of their own: they never push
 * out rows up to now, and rows up to now never push out these. All times are UTC.
 *
 * No fault here stops the data. A file that is damaged or not ours is set aside under another name,
 * and a new one is begun. A write that fails is counted, and the next one includes its figures. A
 * file that cannot be opened is tried again each minute, and then gets the figures counted
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

/* Whose view of the figures. The two differ when the network's figures have their own noise. */
enum history_view { HISTORY_OWN, HISTORY_NETWORK, HISTORY_VIEWS };

/* The figure that has a *_LEN of its name is the first one of a run of that length. */
#define HISTORY_TIMES_LEN    (METRIC_BOUNDS + 1)
#define HISTORY_OUTCOMES_LEN (OUTCOMES - 1)
#define HISTORY_GAPS_LEN     RECORD_GAP_CAUSES
#define HISTORY_OPAQUE_LEN   OPAQUE_REASONS

enum history_figure {
	HISTORY_COVERED_MS, /* for how long telltale measured */
	HISTORY_TRANSACTIONS,
	/* Base currency, scale 4. In the operator's view: what the operator sees, and what is
	 * published of the same payments. In the network's view both are what is published. */
	HISTORY_VALUE,
	HISTORY_PUBLISHED,
	HISTORY_PREPARED,
	HISTORY_FULFILLED,
	HISTORY_REJECTED,
	HISTORY_PROBES, /* packets of rate probes; known when a probe has ended */
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
	int64_t row_s;  /* the length of the rows it is summed from: a minute or an hour */
	int64_t step_s; /* between two points of its chart */
};

extern const struct history_window_info history_windows[HISTORY_WINDOWS];

struct history_figure_info {
	enum metric metric; /* that of COVERED_MS is none */
	/* Values of the metric's labels; NULL: whatever it is. */
	const char *label, *second;
	const char *column;
	const char *brief; /* for people, of an outcome and of what was not seen; else NULL */
};

extern const struct history_figure_info history_figures[HISTORY_FIGURES];

struct history_stats {
	bool kept; /* the history is in a file, not in memory only */
	/* How often a file was set aside because it was damaged or was not ours, and how often a
	 * write failed. */
	uint64_t corrupt, foreign, unsaved;
	int64_t until_s;   /* s since 1970: the time of the newest figures; 0: there are none */
	char trouble[256]; /* the last of these faults in words; empty: none */
};

struct history;

/*
 * DIR must exist; NULL: the history is kept in memory only. PRIVACY must outlive the history. 0 or
 * -ENOMEM. Every other error is logged and counted, and leaves a history in memory.
 */
int history_open(const char *dir, const struct privacy_params *privacy, struct history **out);
void history_close(struct history *h); /* accepts NULL */

/* Adds a snapshot. UP_MS: how long the counters in R have been counting, by a monotonic clock. */
void history_take(struct history *h, const struct released *r, int64_t up_ms);
struct history_stats history_stats(const struct history *h);
/* When the last snapshot was made, in s since 1970; 0: there is none yet. */
int64_t history_now_s(const struct history *h);

/* The time of the first figures within the last year, in s since 1970; 0: there are none. */
int64_t history_since_s(struct history *h);
/* Whether SUM was measured during its whole WINDOW, except perhaps in the current minute or
 * hour. */
bool history_covers(enum history_window window, const struct history_sum *sum);

/* The sum of the WINDOW that ends at the last snapshot: the current minute or hour, and as many
 * full ones before it as make the window's length. 0 or -EIO. */
int history_sum(struct history *h, enum history_view view, enum history_window window,
		struct history_sum *sum);
/* The step between a window's points when a snapshot comes every EVERY_MS. It is the window's own
 * step, or a multiple that is so long that at least one snapshot falls into each. */
int64_t history_step_s(enum history_window window, int64_t every_ms);
/* The same window as for history_sum in points of STEP_S each, oldest first. A step in which
 * nothing was measured has no point. AT_S is the beginning of the step. 0 or -EIO. */
typedef void history_point(void *context, int64_t at_s, const struct history_sum *sum);
int history_points(struct history *h, enum history_view view, enum history_window window,
		   int64_t step_s, history_point *point, void *context);

#endif
