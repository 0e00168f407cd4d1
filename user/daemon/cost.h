/* SPDX-License-Identifier: Apache-2.0 */
/* cost.h - what telltale itself takes, into the operator's series. */
#ifndef TELLTALE_COST_H
#define TELLTALE_COST_H

#include <stdint.h>

#include "halves/wire.h"
#include "release/series.h"

/* What a probe half counts begins at zero in the next one. */
enum cost_count { COST_CPU, COST_MISSED, COST_TIMED, COST_TIMED_NS, COST_COUNTS };

/* Zeroed at the beginning. */
struct cost {
	uint64_t last[COST_COUNTS];   /* as this probe half said it */
	uint64_t before[COST_COUNTS]; /* of probe halves before */
};

/* PROBE is what the probe half has said last. */
void cost_update(struct cost *c, const struct wire_state *probe, struct series *series);

#endif
