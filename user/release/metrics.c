/* SPDX-License-Identifier: Apache-2.0 */
#include "release/metrics.h"

#include "base/clock.h"

#define SUM       METRIC_SUM
#define GAUGE     METRIC_GAUGE
#define HISTOGRAM METRIC_HISTOGRAM
#define NETWORK   AUDIENCE_NETWORK
#define OWN       AUDIENCE_OWN
#define NO_LOSS   METRIC_NO_LOSS
#define LOSS      METRIC_LOSS
#define BY_LABEL  METRIC_BY_LABEL

const struct metric_info metric_infos[METRICS_LEN] = {
#define METRIC(id, name, shape, audience, loss, description)                                       \
	[METRIC_##id] = {name, description, shape, audience, loss},
	METRICS(METRIC)
#undef METRIC
};

const double metric_bounds_ms[METRIC_BOUNDS] = {0,   5,   10,   25,   50,   75,   100,  250,
						500, 750, 1000, 2500, 5000, 7500, 10000};

unsigned metric_bucket(uint64_t ns)
{
	/* The bounds are whole numbers: what is above one is above it when rounded up, too. */
	uint64_t rounded = ns / NS_PER_MS + (ns % NS_PER_MS != 0);
	double ms = (double)rounded;
	unsigned low = 0, high = METRIC_BOUNDS;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (ms > metric_bounds_ms[middle])
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
