/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quiet.h - notices that no ILP packet is seen.
 *
 * A wrong target looks like a node without payments: all is attached, and every total is 0. Nothing
 * can distinguish the two but the operator, who is asked.
 */
#ifndef TELLTALE_QUIET_H
#define TELLTALE_QUIET_H

#include <stdbool.h>
#include <stdint.h>

#include "release/series.h"

struct quiet {
	uint64_t packets; /* seen so far */
	int64_t start_s, last_s;
	bool said;
};

/* PACKETS have been seen up to NOW_S (s since 1970). Called at each release; the first call is the
 * start. Sets METRIC_LAST_PACKET, and logs once when the first PAGE_QUIET_S have passed without a
 * packet. */
void quiet_update(struct quiet *q, uint64_t packets, int64_t now_s, struct series *series);

#endif
