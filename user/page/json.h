/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.h - the data of the local page and of `telltale top`, as JSON.
 *
 * /status.json: the name of this node, sums over every window, the state of each target and
 * endpoint.
 *
 * /history.json?window=W&view=V: the points of one window's charts, and what was seen and missed in
 * it. W is hour, day, week, month or year, V is own or network.
 *
 * /history.csv with the same arguments: the points alone (csv.h).
 *
 * /sent.json: the last snapshot, as each audience gets it.
 *
 * Values are in units of 0.0001 of the base currency; `_sd` is a standard deviation (noise.h).
 */
#ifndef TELLTALE_PAGE_JSON_H
#define TELLTALE_PAGE_JSON_H

#include "history/history.h"
#include "release/released.h"
#include "target/target.h"

/* So many seconds without a packet are worth a question. */
#define PAGE_QUIET_S 600

struct config;
struct exporter;

struct page_facts {
	const struct config *config;
	const struct released *snapshot; /* NULL: none yet */
	struct history *history;
	struct exporter *exporter; /* NULL: no endpoint is configured, or none runs */
	bool export_failed;        /* one is configured, and the exporter could not be started */
	const struct target *targets;
	size_t targets_len;
};

/* Returns malloc'ed text, or NULL when there is nothing at PATH or memory is short. WINDOW and VIEW
 * may be NULL, which means hour and own. */
char *page_json(const struct page_facts *f, const char *path, const char *window, const char *view);

#endif
