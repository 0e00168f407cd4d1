/* SPDX-License-Identifier: Apache-2.0 */
/*
 * released.h - one snapshot of everything that may leave the host.
 *
 * Only privacy makes one, and the exporters take nothing else. It is immutable and
 * reference-counted (across threads); strings in it live as long as it does.
 */
#ifndef TELLTALE_RELEASED_H
#define TELLTALE_RELEASED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "release/histogram.h"
#include "release/metrics.h"

struct released_label {
	const char *key;
	const char *value;
};

/* Beside `source`, which every point carries: no label may have that key, and none a key twice, or
 * Prometheus refuses the whole page. */
#define RELEASED_LABELS 2
/* The label, with the value "true", of what is beyond a metric's limit of series. In OTLP it is an
 * attribute of type bool. */
#define RELEASED_OVERFLOW "otel.metric.overflow"

struct released_point {
	enum metric metric;
	size_t labels_len;
	struct released_label labels[RELEASED_LABELS];
	int64_t value;                       /* SUM (never negative, never falls), GAUGE */
	uint64_t count;                      /* HISTOGRAM */
	double sum_ms;                       /* HISTOGRAM */
	bool without_sum;                    /* HISTOGRAM: it has none */
	uint64_t buckets[METRIC_BOUNDS + 1]; /* HISTOGRAM; not cumulative over the bounds */
	/* HISTOGRAM: the same times in the other form, or NULL; lives as long as the snapshot. */
	const struct histogram_exponential *exponential;
};

struct released {
	uint64_t start_unix_ns; /* since when sums count; the same while the counters live */
	uint64_t time_unix_ns;
	const char *source;    /* instance name */
	const char *mechanism; /* which privacy mechanism made this, such as "bucket-laplace" */
	const char *epsilon;   /* what it guarantees, such as "1.000"; NULL: nothing */
	/* What goes to endpoints of audience NETWORK in place of this; NULL: this does. Lives as
	 * long as this. */
	struct released *network;
	size_t points_len; /* sorted by metric */
	struct released_point *points;
};

struct released *released_ref(struct released *r);
void released_unref(struct released *r); /* accepts NULL */

#endif
