/* SPDX-License-Identifier: Apache-2.0 */
/*
 * export.h - sends snapshots to every endpoint over gRPC, from a thread of its own.
 *
 * export_post puts the newest snapshot into a mailbox with one slot. An older snapshot still in it
 * is dropped; this loses nothing, because counters are cumulative. Each endpoint has its own
 * channel, deadline and backoff: none waits for another, and none has two exports at a time. A
 * retry sends the newest snapshot. Each endpoint first gets the very first snapshot, in which
 * everything is zero: this makes a restart visible. Which errors are retried is as OTLP says. A
 * populated partial_success is logged and counted, not retried. Points carry the time of
 * timeline.h, which also limits how late the first snapshot may be sent.
 *
 * Endpoints that ask for traces get those too, over the same channel, one request at a time.
 *
 * The thread gives up all its capabilities before gRPC starts its own threads.
 */
#ifndef TELLTALE_EXPORT_H
#define TELLTALE_EXPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/endpoint.h"
#include "export/status.h"
#include "release/released.h"
#include "release/spans.h"

/* Where to export, and the resource attributes of the exports. */
struct export_params {
	const struct config_endpoint *endpoints;
	size_t endpoints_len;
	const char *service_name, *instance_id; /* instance_id: see instance.h */
	enum network network;
	const struct config_attribute *attributes; /* the operator's own */
	size_t attributes_len;
	/* The last states of an exporter that this one succeeds; NULL: none. An endpoint with the
	 * same URL and audience goes on counting from its own. Used by export_start only. */
	const struct export_status *before;
	size_t before_len;
};

struct exporter;

/* Starts the thread. PARAMS is copied; what it points to must outlive the exporter. 0 or -errno. */
int export_start(const struct export_params *params, struct exporter **out);
/* Whether all files of ENDPOINTS can be read; if not, -errno after logging the reason. */
int export_check(const struct config_endpoint *endpoints, size_t endpoints_len);
/* Posts SNAPSHOT and takes a reference to it. Also reads certificates again that were replaced, so
 * the caller is always the same thread, with the privileges to read them. */
void export_post(struct exporter *x, struct released *snapshot);
/*
 * Posts SPANS, from any one thread, for the endpoints that get traces, and takes a reference to
 * them. Spans are not cumulative: each endpoint keeps some batches until it accepts them. Of more
 * than that the oldest are lost, as are those that it refuses; both are counted.
 */
void export_post_spans(struct exporter *x, struct spans *spans);
/* Writes the states of at most MAX endpoints, in the order of the configuration. Returns how many.
 * Thread-safe. */
size_t export_status(struct exporter *x, struct export_status *out, size_t max);
/* Sends what is in the mailbox, waits at most TIMEOUT_MS for all endpoints, then stops the thread
 * and frees X. */
void export_stop(struct exporter *x, unsigned timeout_ms);

/* How an endpoint is reached if not directly, in words that follow its name, such as " through the
 * proxy 192.0.2.1:3128 (https_proxy)"; "": directly. */
#define EXPORT_WAY 224
void export_way(const struct config_endpoint *endpoint, char words[EXPORT_WAY]);

/* Sends an endpoint one empty export, for `check`. 0, or -errno with a sentence in WHY. */
int export_try(const struct config_endpoint *endpoint, unsigned timeout_ms, char *why,
	       size_t why_len);

#endif
