/* SPDX-License-Identifier: Apache-2.0 */
/* cost.h - what telltale itself takes, into the operator's series. */
#ifndef TELLTALE_COST_H
#define TELLTALE_COST_H

#include <stdint.h>

#include "halves/wire.h"
#include "release/series.h"

/* Something that a probe half counts. It begins at zero in the next one. */
struct cost_sum {
	uint64_t last;   /* as this probe half said it */
	uint64_t before; /* of probe halves before */
};

/* Zeroed at the beginning. */
struct cost {
	struct cost_sum cpu;
	struct {
		struct cost_sum runs, ns, missed;
	} programs[PROGRAMS];
};

/* PROBE is what the probe half has said last. */
void cost_update(struct cost *c, const struct wire_state *probe, struct series *series);

#endif
