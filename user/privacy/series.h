/* SPDX-License-Identifier: Apache-2.0 */
/*
 * series.h - every series that the operator sees: what is counted under which labels.
 *
 * Each exists from the start, at zero: those with fixed labels from series_init on, those with a
 * label value known only at run time from series_find on. A metric has at most `limit` series; the
 * last of them is RELEASED_OVERFLOW's, which takes what all further ones would have counted.
 */
#ifndef TELLTALE_SERIES_H
#define TELLTALE_SERIES_H

#include <stddef.h>
#include <stdint.h>

#include "release/histogram.h"
#include "release/released.h"

#define SERIES_LIMIT 2000 /* OpenTelemetry's default */

struct series_entry {
	enum metric metric;
	size_t labels_len;
	struct released_label labels[RELEASED_LABELS];
	char *own_text;              /* the copies of key and value; NULL: they are fixed */
	__int128 sum;                /* SUM, GAUGE; noise may make it fall */
	int64_t released;            /* SUM: the highest value that has left */
	struct histogram *histogram; /* HISTOGRAM only */
};

struct series {
	size_t limit;
	int first[METRICS_LEN]; /* the first fixed series of each metric */
	int len, room;
	struct series_entry *entries;
};

/* The order of the fixed labels' values. */
enum { SERIES_PREPARE, SERIES_FULFILL, SERIES_REJECT };
enum { SERIES_PAYMENT, SERIES_PROBE, SERIES_STREAMS };
enum { SERIES_RECEIVE, SERIES_FORWARD };
enum {
	SERIES_STATE_CORRUPT,
	SERIES_STATE_FOREIGN,
	SERIES_STATE_OLDER,
	SERIES_STATE_DROPPED,
	SERIES_STATE_UNSAVED,
};

/* 0 or -ENOMEM; then series_fini is due all the same. */
int series_init(struct series *s, size_t limit);
void series_fini(struct series *s);

/* The WHICHth fixed series of METRIC. */
void series_count(struct series *s, enum metric metric, unsigned which, int64_t n);
void series_time(struct series *s, enum metric metric, unsigned which, uint64_t ns);
/* Which of METRIC_REJECTS' series CODE belongs to. */
unsigned series_reject(const char *code);

/* Finds or makes a series (KEY and VALUE, both or neither NULL, are copied); beyond the limit the
 * metric's series of what is beyond. -1 when memory is short or there is none without a key. */
int series_find(struct series *s, enum metric metric, const char *key, const char *value);

/* Bytes of text and histograms that series_release needs at *TEXT, which it moves on. */
size_t series_text_len(const struct series *s);
/* s->len points, sorted by metric. A released sum never falls. */
void series_release(struct series *s, struct released_point *points, char **text);

#endif
