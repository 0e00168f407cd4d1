/* SPDX-License-Identifier: Apache-2.0 */
/*
 * export.h - sends snapshots to every endpoint over gRPC, from a thread of its own.
 *
 * export_post puts the newest snapshot into a one-slot mailbox; an older one still there is
 * dropped, which loses nothing since counters are cumulative. Each endpoint has its own channel,
 * deadline and backoff: none waits for another, and none has two exports under way. A retry sends
 * the newest snapshot; the very first, in which everything is zero, precedes it at each endpoint,
 * which makes a restart visible. Retry classes are OTLP's; a populated partial_success is logged
 * and counted, not retried. Points carry the time of timeline.h, which also bounds how late the
 * first may come.
 *
 * The thread gives up every capability of its own before gRPC starts its threads.
 */
#ifndef TELLTALE_EXPORT_H
#define TELLTALE_EXPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/endpoint.h"
#include "export/status.h"
#include "release/released.h"

/* Where to export, and the resource that exports are of. */
struct export_params {
	const struct config_endpoint *endpoints;
	size_t endpoints_len;
	const char *service_name, *instance;
	enum network network;
	const struct config_attribute *attributes; /* the operator's own */
	size_t attributes_len;
};

struct exporter;

/* Starts the thread. PARAMS is copied; what it points to must outlive the exporter. 0 or -errno. */
int export_start(const struct export_params *params, struct exporter **out);
/* Takes a reference of its own. Reads certificates again that were rotated: always from the same
 * thread, the one whose privileges that needs. */
void export_post(struct exporter *x, struct released *snapshot);
/* At most MAX endpoints' states, in the order of the configuration; returns how many. Thread-safe.
 */
size_t export_status(struct exporter *x, struct export_status *out, size_t max);
/* Sends what is in the mailbox, waits at most TIMEOUT_MS for all endpoints, stops the thread,
 * frees. */
void export_stop(struct exporter *x, unsigned timeout_ms);

/* One attempt to reach an endpoint, for `check`: an empty export. 0, or -errno with words in WHY.
 */
int export_try(const struct config_endpoint *endpoint, unsigned timeout_ms, char *why,
	       size_t why_len);

#endif
