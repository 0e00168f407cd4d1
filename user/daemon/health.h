/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health.h - how each endpoint does, as the operator gets to see it.
 *
 * In: what the exporter says of its endpoints (struct export_status). Out: series of the operator's
 * own, by endpoint, and for people a line of words each, which stands in /metrics as a comment:
 * words as a label's value would make a new series of each new failure. None of it goes to the
 * network.
 */
#ifndef TELLTALE_HEALTH_H
#define TELLTALE_HEALTH_H

#include <stddef.h>
#include <stdint.h>

#include "config/endpoint.h"
#include "export/status.h"
#include "release/series.h"

struct exporter;
struct health;

/* Makes its series in SERIES, which is borrowed, as are the endpoints' URLs. NULL when memory is
 * short. */
struct health *health_new(const struct config_endpoint *endpoints, size_t len,
			  struct series *series);
void health_free(struct health *h); /* accepts NULL */
/* H succeeds BEFORE, which has other endpoints and the same series. Endpoints of both go on; those
 * of BEFORE alone no longer count as failing. BEFORE may be freed afterwards. */
void health_succeed(struct health *h, const struct health *before);

/* Asks X (NULL: no endpoint is exported to) and brings the series up to date. */
void health_update(struct health *h, struct exporter *x);

/* The endpoints as of the last update, in the order of the configuration. */
size_t health_endpoints(const struct health *h, const struct export_status **out);

/* "# export to URL (audience): ..." for each endpoint, a line each; malloc'ed, NULL when memory is
 * short. NOW_UNIX_NS is for telling how long ago. */
char *health_words(const struct health *h, uint64_t now_unix_ns);

#endif
