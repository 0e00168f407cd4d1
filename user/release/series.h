/* SPDX-License-Identifier: Apache-2.0 */
/*
 * series.h - the registry of every series that the operator sees: what is counted under which
 * labels.
 *
 * What metrics.h and words.h call a loss sets METRIC_COVERAGE to 0 in every snapshot from then on.
 *
 * The daemon owns one. Stages count operational figures (what was lost, how an export went) in it,
 * privacy counts payments in it, with their noise. Only privacy turns it into a snapshot.
 *
 * Each series exists from the start, at zero: those with fixed labels from series_new on, those
 * with a label value known only at run time from series_find on. A metric has at most `limit`
 * series; the last of them is RELEASED_OVERFLOW's, which takes what all further ones would have
 * counted.
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

/* --- fixed series: the WHICHth of METRIC, from 0, as vocabulary.h numbers its label --- */

/* Adds N to a SUM. */
void series_count(struct series *s, enum metric metric, unsigned which, int64_t n);
/* What a SUM has come to, where a stage keeps the counter itself. */
void series_total(struct series *s, enum metric metric, unsigned which, uint64_t total);
/* Sets a GAUGE. */
void series_set(struct series *s, enum metric metric, unsigned which, int64_t value);
/* Adds one time, in nanoseconds, to a HISTOGRAM. */
void series_time(struct series *s, enum metric metric, unsigned which, uint64_t ns);

/* --- series with a label value that is known only at run time, by handle --- */

/* Finds or makes a series (KEY and VALUE, both or neither NULL, are copied) and returns its handle;
 * beyond the limit that of the metric's series of what is beyond. -1 when memory is short or there
 * is none without a key. */
int series_find(struct series *s, enum metric metric, const char *key, const char *value);
/* These ignore a handle of -1. Several callers share the series beyond the limit: a total is told
 * as what it ROSE by. */
void series_add(struct series *s, int handle, uint64_t rose);
void series_put(struct series *s, int handle, int64_t value);
void series_put_times(struct series *s, int handle, const struct histogram *times);

/* --- release, for privacy alone --- */

size_t series_len(const struct series *s);
/* Bytes of text and histograms that series_release needs at *TEXT, which it moves on. */
size_t series_text_len(const struct series *s);
/* series_len points, sorted by metric. A released sum never falls; METRIC_COVERAGE is set here. */
void series_release(struct series *s, struct released_point *points, char **text);

#endif
