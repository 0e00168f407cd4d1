/* SPDX-License-Identifier: Apache-2.0 */
#include "history/history.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "history/file.h"
#include "base/log.h"

#define STAGE "history"

#define HOUR_S 3600
#define DAY_S  86400

static const int64_t row_s[2] = {60, HOUR_S};
static const int rows_kept[2] = {HISTORY_MINUTES, HISTORY_HOURS};

int history_open(const char *dir, const struct privacy_params *privacy, struct history **out)
{
	struct history *h = calloc(1, sizeof(*h));
	int err;

	if (!h)
		return -ENOMEM;
	h->privacy = privacy;
	if (dir)
		snprintf(h->path, sizeof(h->path), "%s/" HISTORY_FILE, dir);
	err = history_file_open(h);
	if (err) {
		history_close(h);
		return err;
	}
	*out = h;
	return 0;
}

void history_close(struct history *h)
{
	if (!h)
		return;
	history_file_close(h);
	free(h);
}

/* --- taking a snapshot -------------------------------------------------------------------------
 */

static bool counts_in(const struct history_figure_info *info, const struct released_point *p)
{
	if (info->metric != p->metric)
		return false;
	if (info->label && (p->labels_len < 1 || strcmp(p->labels[0].value, info->label)))
		return false;
	return !info->second || (p->labels_len > 1 && !strcmp(p->labels[1].value, info->second));
}

static void read_figures(const struct released *r, int64_t up_ms, int64_t *figures)
{
	memset(figures, 0, HISTORY_FIGURES * sizeof(*figures));
	for (size_t n = 0; n < r->points_len; n++) {
		const struct released_point *p = &r->points[n];

		for (int i = 0; i < HISTORY_TIMES_LEN && p->metric == METRIC_PAY_TIME; i++)
			figures[HISTORY_PAY_TIMES + i] += (int64_t)p->buckets[i];
		for (int i = 0; i < HISTORY_FIGURES && p->metric != METRIC_PAY_TIME; i++) {
			if (counts_in(&history_figures[i], p))
				figures[i] += p->value;
		}
	}
	figures[HISTORY_COVERED_MS] = up_ms;
}

/* How much each figure rose since LAST. Without a last snapshot every rise is 0: the sums may have
 * been counted long before there was a history. */
static void rises(const struct last *last, uint64_t start_ns, const int64_t *now, int64_t *rose)
{
	bool same = last->start_ns == start_ns;

	for (int i = 0; i < HISTORY_FIGURES; i++) {
		if (!last->known)
			rose[i] = 0;
		else if (same && now[i] >= last->figures[i])
			rose[i] = now[i] - last->figures[i];
		else
			rose[i] = now[i];
	}
}

/* How much the variance of the value rose since LAST, as rises() has it for the figures. */
static double variance_of(const struct last *last, const struct last *now)
{
	if (!last->known)
		return 0;
	if (last->start_ns == now->start_ns && now->value_variance >= last->value_variance)
		return now->value_variance - last->value_variance;
	return now->value_variance;
}

static struct noise noise_of(const struct history *h, const struct released *r, const int64_t *rose,
			     double value_variance)
{
	const struct privacy_budget *budget = &h->privacy->budget;
	bool midnight = r->time_unix_ns / NS_PER_S % DAY_S < HOUR_S;

	if (!r->epsilon)
		return (struct noise){.value = value_variance};
	if (!rose[HISTORY_TRANSACTIONS] && !rose[HISTORY_VALUE])
		return (struct noise){0};
	return noise_of_release(budget, budget->hour_clip && !midnight ? BUDGET_HOUR : BUDGET_DAY);
}

static int run_row(sqlite3_stmt *s, enum history_view view, int64_t at, const int64_t *figures,
		   struct noise noise)
{
	int rc;

	sqlite3_bind_int(s, 1, view);
	sqlite3_bind_int64(s, 2, at);
	for (int i = 0; i < HISTORY_FIGURES; i++)
		sqlite3_bind_int64(s, i + 3, figures[i]);
	sqlite3_bind_double(s, HISTORY_FIGURES + 3, noise.value);
	sqlite3_bind_double(s, HISTORY_FIGURES + 4, noise.count);
	sqlite3_bind_double(s, HISTORY_FIGURES + 5, noise.packets);
	sqlite3_bind_double(s, HISTORY_FIGURES + 6, noise.times);
	rc = sqlite3_step(s);
	sqlite3_reset(s);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int prune(sqlite3_stmt *s, enum history_view view, int keep, int64_t now_s)
{
	int rc;

	sqlite3_bind_int(s, 1, view);
	sqlite3_bind_int(s, 2, keep);
	sqlite3_bind_int64(s, 3, now_s);
	rc = sqlite3_step(s);
	sqlite3_reset(s);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int write_view(struct history *h, enum history_view view, const struct released *r,
		      const struct last *now, const int64_t *rose)
{
	struct noise noise = noise_of(h, r, rose, variance_of(&h->last[view], now));
	struct noise total = {.value = now->value_variance};
	int64_t at_s = (int64_t)(r->time_unix_ns / NS_PER_S);
	int rc = SQLITE_OK;

	for (int i = 0; i < 2 && rc == SQLITE_OK; i++) {
		rc = run_row(h->add[i], view, at_s / row_s[i] * row_s[i], rose, noise);
		/* Only a new minute or hour can exceed the number of rows to keep. */
		if (rc == SQLITE_OK && h->pruned_s[view][i] != at_s / row_s[i])
			rc = prune(h->prune[i], view, rows_kept[i], at_s);
		if (rc == SQLITE_OK)
			h->pruned_s[view][i] = at_s / row_s[i];
	}
	if (rc == SQLITE_OK)
		rc = run_row(h->set, view, (int64_t)r->start_unix_ns, now->figures, total);
	return rc;
}

static void note_written(struct history *h)
{
	if (h->failing)
		log_info(STAGE, "written again; nothing was lost");
	h->failing = false;
	h->stats.trouble[0] = '\0';
}

/* Rises are counted from the last snapshot that was written, so the next write includes this
 * one's. */
static void note_failed(struct history *h, int rc)
{
	h->stats.unsaved++;
	if (!h->failing)
		history_note(h,
			     "cannot write %s: %s; it is tried again with the next figures, which "
			     "include these (logged once, then only counted)",
			     h->stats.kept ? h->path : "to memory", sqlite3_errstr(rc));
	h->failing = true;
}

static int write_all(struct history *h, const struct released *const views[],
		     struct last now[HISTORY_VIEWS])
{
	int64_t rose[HISTORY_VIEWS][HISTORY_FIGURES];
	int rc = sqlite3_exec(h->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

	for (int v = 0; v < HISTORY_VIEWS && rc == SQLITE_OK; v++) {
		if (!views[v])
			continue;
		rises(&h->last[v], now[v].start_ns, now[v].figures, rose[v]);
		/* The network's counters may be older than the process, which cannot have measured
		 * for longer than it has run. */
		rose[v][HISTORY_COVERED_MS] = rose[HISTORY_OWN][HISTORY_COVERED_MS];
		rc = write_view(h, (enum history_view)v, views[v], &now[v], rose[v]);
	}
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(h->db, "COMMIT", NULL, NULL, NULL);
	if (rc != SQLITE_OK && !sqlite3_get_autocommit(h->db))
		sqlite3_exec(h->db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

/* Keeps the first snapshot taken while the file cannot be opened: the file does not have it. */
static void note_base(struct history *h, const struct last now[HISTORY_VIEWS])
{
	for (int v = 0; v < HISTORY_VIEWS; v++) {
		if (now[v].known && !h->base[v].known)
			h->base[v] = now[v];
	}
}

/* What is written to a file that was removed is gone with the next end. The last snapshot is still
 * known, so that nothing counts twice. */
static void begin_anew(struct history *h)
{
	history_file_close(h);
	history_note(h, "%s was removed while telltale ran; the history begins anew", h->path);
	memset(h->pruned_s, 0, sizeof(h->pruned_s));
	history_file_open(h);
}

void history_take(struct history *h, const struct released *r, int64_t up_ms)
{
	const struct released *const views[HISTORY_VIEWS] = {r, r->network};
	struct last now[HISTORY_VIEWS] = {0};
	int rc;

	for (int v = 0; v < HISTORY_VIEWS; v++) {
		if (!views[v])
			continue;
		now[v].known = true;
		now[v].start_ns = views[v]->start_unix_ns;
		now[v].value_variance = views[v]->value_variance;
		read_figures(views[v], up_ms, now[v].figures);
		if (v == HISTORY_NETWORK)
			now[v].figures[HISTORY_VALUE] = now[v].figures[HISTORY_PUBLISHED];
	}
	h->now_s = (int64_t)(r->time_unix_ns / NS_PER_S);
	if (!h->stats.kept && h->path[0]) {
		note_base(h, now);
		if (h->tried_s != h->now_s / row_s[0])
			history_file_again(h);
		h->tried_s = h->now_s / row_s[0];
	}
	if (h->stats.kept && history_file_is_gone(h))
		begin_anew(h);
	rc = write_all(h, views, now);
	if ((rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB) && h->stats.kept) {
		history_file_close(h);
		if (history_file_set_aside(h, false))
			h->path[0] = '\0';
		/* The last snapshot is still known, so that nothing counts twice. */
		if (!history_file_open(h))
			rc = write_all(h, views, now);
	}
	h->since_s = -1;
	memset(h->summed, 0, sizeof(h->summed));
	if (rc != SQLITE_OK) {
		note_failed(h, rc);
		return;
	}
	for (int v = 0; v < HISTORY_VIEWS; v++) {
		if (views[v])
			h->last[v] = now[v];
	}
	h->stats.until_s = h->now_s;
	if (h->failing)
		note_written(h);
}

struct history_stats history_stats(const struct history *h)
{
	return h->stats;
}

int64_t history_now_s(const struct history *h)
{
	return h->now_s;
}

/* --- looking back ------------------------------------------------------------------------------
 */

static void read_row(sqlite3_stmt *s, struct history_sum *sum)
{
	for (int i = 0; i < HISTORY_FIGURES; i++)
		sum->figures[i] = sqlite3_column_int64(s, i + 1);
	sum->noise.value = sqlite3_column_double(s, HISTORY_FIGURES + 1);
	sum->noise.count = sqlite3_column_double(s, HISTORY_FIGURES + 2);
	sum->noise.packets = sqlite3_column_double(s, HISTORY_FIGURES + 3);
	sum->noise.times = sqlite3_column_double(s, HISTORY_FIGURES + 4);
}

static int look_back(struct history *h, enum history_view view, enum history_window window,
		     int64_t step_s, history_point *point, void *context)
{
	const struct history_window_info *w = &history_windows[window];
	sqlite3_stmt *s = h->points[w->row_s == row_s[1]];
	int64_t last = h->now_s / w->row_s * w->row_s;
	int rc;

	if (!s)
		return -EIO;
	sqlite3_bind_int(s, 1, view);
	sqlite3_bind_int64(s, 2, last - w->length_s + w->row_s);
	sqlite3_bind_int64(s, 3, last);
	sqlite3_bind_int64(s, 4, step_s);
	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		struct history_sum sum;

		read_row(s, &sum);
		point(context, sqlite3_column_int64(s, 0), &sum);
	}
	sqlite3_reset(s);
	if (rc == SQLITE_DONE)
		return 0;
	/* The figures shown are then too low, and the reader must be told so. */
	if (!h->failing)
		history_note(h, "cannot read %s: %s; its figures are too low",
			     h->stats.kept ? h->path : "what is kept", sqlite3_errstr(rc));
	h->failing = true;
	return -EIO;
}

int64_t history_step_s(enum history_window window, int64_t every_ms)
{
	const struct history_window_info *w = &history_windows[window];
	int64_t steps = (2 * every_ms + w->step_s * 1000 - 1) / (w->step_s * 1000);

	/* A step that happens to hold one snapshot more or less must not look like a change of
	 * traffic. */
	return w->step_s * (every_ms * 4 <= w->step_s * 1000 || steps < 1 ? 1 : steps);
}

int history_points(struct history *h, enum history_view view, enum history_window window,
		   int64_t step_s, history_point *point, void *context)
{
	return look_back(h, view, window, step_s, point, context);
}

int64_t history_since_s(struct history *h)
{
	const struct history_window_info *year = &history_windows[HISTORY_YEAR];
	int64_t last = h->now_s / year->row_s * year->row_s;

	if (h->since_s < 0 && h->since) {
		sqlite3_bind_int64(h->since, 1, last - year->length_s + year->row_s);
		sqlite3_bind_int64(h->since, 2, last);
		h->since_s = sqlite3_step(h->since) == SQLITE_ROW
				     ? sqlite3_column_int64(h->since, 0)
				     : 0;
		sqlite3_reset(h->since);
	}
	return h->since_s < 0 ? 0 : h->since_s;
}

bool history_covers(enum history_window window, const struct history_sum *sum)
{
	const struct history_window_info *w = &history_windows[window];

	return sum->figures[HISTORY_COVERED_MS] >= 995 * (w->length_s - w->row_s);
}

static void add_up(void *context, int64_t at_s, const struct history_sum *part)
{
	struct history_sum *sum = context;

	(void)at_s;
	for (int i = 0; i < HISTORY_FIGURES; i++)
		sum->figures[i] += part->figures[i];
	noise_add(&sum->noise, &part->noise);
}

int history_sum(struct history *h, enum history_view view, enum history_window window,
		struct history_sum *sum)
{
	struct history_sum *kept = &h->sums[view][window];
	int err = 0;

	if (!h->summed[view][window]) {
		memset(kept, 0, sizeof(*kept));
		/* One step covers the window, or two when a multiple of the step falls into it. */
		err = look_back(h, view, window, history_windows[window].length_s, add_up, kept);
		h->summed[view][window] = !err;
	}
	*sum = *kept;
	return err;
}
