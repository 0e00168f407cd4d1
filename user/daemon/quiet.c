/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/quiet.h"

#include "base/log.h"
#include "page/json.h"

void quiet_update(struct quiet *q, uint64_t packets, int64_t now_s, struct series *series)
{
	if (!q->start_s)
		q->start_s = now_s;
	if (packets != q->packets)
		q->last_s = now_s;
	q->packets = packets;
	series_set(series, METRIC_LAST_PACKET, 0, q->last_s);
	if (q->last_s || q->said || now_s - q->start_s < PAGE_QUIET_S)
		return;
	q->said = true;
	log_warn(
		"run",
		"no ILP packet has been seen in the %d minutes since the start: is this the right "
		"target? `telltale check` says what is watched, `telltale discover` who speaks ILP "
		"here (logged once)",
		PAGE_QUIET_S / 60);
}
