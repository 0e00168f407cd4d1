/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peers.h - a snapshot -> what page and `telltale top` show of peers and of packets' time.
 *
 * "peers": a list, those with the most exchanges first, each with name, exchanges, fulfilled,
 * rejected, value (0.0001 of the base currency), codes (of Rejects), and hold, peer and connector:
 * {count, median_ms, p95_ms}. Where something was forwarded to it, also spread, what was earned
 * with that, and spread_sd, the standard deviation of its noise, in the unit of value.
 *
 * "columns": {clocks: 1, 0 or -1 as METRIC_CLOCKS, packets, split, list: [{name, mean_ms}]}; the
 * list is empty while no packet was split.
 *
 * All of it counts from telltale's start, whatever window is shown, and is for the operator only.
 */
#ifndef TELLTALE_PAGE_PEERS_H
#define TELLTALE_PAGE_PEERS_H

#include <json-c/json.h>

#include "release/released.h"

/* Adds both to ROOT. R is the operator's view. */
void page_put_peers(struct json_object *root, const struct released *r);

#endif
