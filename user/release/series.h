/* SPDX-License-Identifier: Apache-2.0 */
/*
 * series.h - the registry of every series that the operator sees: what is counted under which
 * labels.
 *
 * Once something is counted that metrics.h or words.h declares a loss, METRIC_COVERAGE is 0 in
 * every later snapshot.
 *
 * The daemon owns the registry. Stages count operational figures in it (what was lost, how an
 * export went), and privacy counts payments in it, with their noise. Only privacy makes snapshots
 * of it.
 *
 * Series begin at zero. Those with fixed labels exist from series_new on, those with a label value
 * known only at run time from series_find on. A metric has at most `limit` series. The last of
 * them, with the label RELEASED_OVERFLOW, counts for all further ones together.
 */
#ifndef TELLTALE_SERIES_H
#define TELLTALE_SERIES_H

#include <stddef.h>
#include <stdint.h>

#include "release/histogram.h"
#include "release/released.h"

#define SERIES_LIMIT 2000 /* OpenTelemetry's default */

struct series;

/* LIMIT: series that one metric may have; 0: SERIES_LIMIT. NULL when memory is short. */
struct series *series_new(size_t limit);
void series_free(struct series *s); /* accepts NULL */

/* --- fixed series: WHICH is the position of its label in vocabulary.h, from 0 --- */

/* Adds N to a SUM. */
void series_count(struct series *s, enum metric metric, unsigned which, int64_t n);
/* Sets a SUM to the TOTAL of a counter that a stage keeps itself. */
void series_total(struct series *s, enum metric metric, unsigned which, uint64_t total);
/* Sets a GAUGE. */
void series_set(struct series *s, enum metric metric, unsigned which, int64_t value);
/* Adds one time, in nanoseconds, to a HISTOGRAM. */
void series_time(struct series *s, enum metric metric, unsigned which, uint64_t ns);

/* --- series with a label value that is known only at run time, by handle --- */

/* Finds or makes a series and returns its handle. KEY and VALUE are copied; both or neither are
 * NULL. Beyond the limit it returns the handle of the metric's RELEASED_OVERFLOW series. -1 when
 * memory is short, or when KEY is NULL and the metric has no series without a label. */
int series_find(struct series *s, enum metric metric, const char *key, const char *value);
/* The same with LEN labels, at most RELEASED_LABELS. */
int series_find_labels(struct series *s, enum metric metric, const struct released_label *labels,
		       size_t len);
/* These ignore a handle of -1. series_add takes how much a sum ROSE and not its total, because
 * several callers may share the series beyond the limit. series_move is for what has noise: BY may
 * be negative. */
void series_add(struct series *s, int handle, uint64_t rose);
void series_move(struct series *s, int handle, int64_t by);
void series_put(struct series *s, int handle, int64_t value);
void series_put_times(struct series *s, int handle, const struct histogram *times);
/* Adds one time, in nanoseconds. */
void series_put_time(struct series *s, int handle, uint64_t ns);

/* --- release, for privacy alone --- */

size_t series_len(const struct series *s);
/* How many bytes series_release needs at *TEXT, for labels and histograms. */
size_t series_text_len(const struct series *s);
/* Writes series_len points, sorted by metric, and moves *TEXT past what it used. A released sum
 * never falls. Sets METRIC_COVERAGE. */
void series_release(struct series *s, struct released_point *points, char **text);

#endif
