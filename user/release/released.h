/* SPDX-License-Identifier: Apache-2.0 */
/*
 * released.h - one snapshot of all figures that may leave the host.
 *
 * Only privacy makes snapshots, and the exporters accept nothing else but spans.h. A snapshot is
 * immutable and reference-counted, also across threads. Its strings live as long as it does.
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

/* Labels of a point, not counting `source`, which every point carries. No label may have the key
 * `source`, and no key may occur twice, or Prometheus refuses the whole page. */
#define RELEASED_LABELS 2
/* The label (value "true") of the series that counts for all series beyond a metric's limit. In
 * OTLP it is an attribute of type bool. */
#define RELEASED_OVERFLOW "otel.metric.overflow"

struct released_point {
	enum metric metric;
	size_t labels_len;
	struct released_label labels[RELEASED_LABELS];
	int64_t value;                       /* SUM (never negative, never falls), GAUGE */
	uint64_t count;                      /* HISTOGRAM */
	double sum_ms;                       /* HISTOGRAM */
	bool without_sum;                    /* HISTOGRAM: sum_ms is not known */
	uint64_t buckets[METRIC_BOUNDS + 1]; /* HISTOGRAM; not cumulative over the bounds */
	/* HISTOGRAM: the same times in exponential buckets, or NULL; lives as long as the
	 * snapshot. */
	const struct histogram_exponential *exponential;
};

struct released {
	uint64_t start_unix_ns; /* when the sums began; stays the same as long as the counters live
				 */
	uint64_t time_unix_ns;
	const char *source;    /* instance name */
	const char *mechanism; /* which privacy mechanism made this, such as "bucket-laplace" */
	const char *epsilon;   /* the epsilon that it guarantees, such as "1.000"; NULL: none */
	/* The snapshot for endpoints of audience NETWORK; NULL: they get this one. Lives as long as
	 * this one. */
	struct released *network;
	/* The variance of the value that the operator sees: telltale_amount_fulfill_total of the
	 * payments originated here (noise.h). It never falls. */
	double value_variance;
	size_t points_len; /* sorted by metric */
	struct released_point *points;
};

struct released *released_ref(struct released *r);
void released_unref(struct released *r); /* accepts NULL */

#endif
