/* SPDX-License-Identifier: Apache-2.0 */
/*
 * histogram.h - counts times in both of OpenTelemetry's forms at once: in the explicit buckets of
 * metrics.h, and in base-2 exponential ones, which need no bounds chosen beforehand.
 *
 * The exponential form has at most HISTOGRAM_EXPONENTIAL consecutive buckets. It begins at the
 * finest scale and halves its resolution whenever a value would fall outside. With 160 buckets the
 * relative error is below 5 % over five decimal orders of magnitude.
 */
#ifndef TELLTALE_HISTOGRAM_H
#define TELLTALE_HISTOGRAM_H

#include <stdint.h>

#include "release/metrics.h"

#define HISTOGRAM_EXPONENTIAL 160
#define HISTOGRAM_SCALE_MAX   20

/* Values are in ms. Bucket I, counted from OFFSET on, holds values above BASE^I and at most
 * BASE^(I+1), where BASE is 2^(2^-SCALE). */
struct histogram_exponential {
	int32_t scale;
	int32_t offset;
	uint32_t len;
	uint64_t zeros;
	uint64_t counts[HISTOGRAM_EXPONENTIAL];
};

struct histogram {
	uint64_t count;
	uint64_t sum_ns; /* saturates */
	uint64_t buckets[METRIC_BOUNDS + 1];
	struct histogram_exponential exponential;
};

/* Where a time belongs, in any histogram. To find that is most of the work of adding one. All zeros
 * is the place of 0 ns. */
struct histogram_place {
	uint64_t ns;
	unsigned bucket; /* explicit */
	int32_t finest;  /* exponential, at the finest scale */
};

void histogram_init(struct histogram *h);
struct histogram_place histogram_find(uint64_t ns);
void histogram_add_at(struct histogram *h, const struct histogram_place *place);
void histogram_add(struct histogram *h, uint64_t ns);

/* The time in ms that SHARE of the COUNT times in E do not exceed, as exactly as E is; 0: there are
 * none. */
double histogram_quantile(const struct histogram_exponential *e, uint64_t count, double share);

#endif
