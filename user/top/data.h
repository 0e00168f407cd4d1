/* SPDX-License-Identifier: Apache-2.0 */
/*
 * data.h - the data that `telltale top` shows. It is fetched from the running daemon's page, in the
 * form that page/json.h describes.
 */
#ifndef TELLTALE_TOP_DATA_H
#define TELLTALE_TOP_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/endpoint.h"
#include "history/history.h"
#include "page/condition.h"

#define TOP_POINTS_MAX 400 /* the year has 366 */

struct top_condition {
	enum condition_state state;
	char part[16], text[384], fix[256];
};

struct top_sum {
	int64_t covered_ms;
	bool all_measured;
	int64_t transactions, fulfilled;
	int64_t value, published; /* scale 4: for the operator's eyes, and as the network gets it */
	double fulfilled_sd, transactions_sd, value_sd;
};

struct top_endpoint {
	char url[128], last_error[192];
	bool network; /* its audience */
	int64_t exports, consecutive_failures, last_success_s, bytes;
	double latency_ms; /* of the last export that arrived */
};

#define TOP_PEERS_MAX   34 /* those with figures of their own, and all others */
#define TOP_COLUMNS_MAX 8

struct top_times {
	bool known; /* else there are none yet */
	double median_ms, p95_ms;
};

struct top_peer {
	char name[128];
	int64_t exchanges, fulfilled;
	struct top_times peer, hold;
};

struct top_column {
	char name[32];
	double mean_ms;
};

struct top_data {
	char instance[128], network[16], mechanism[32], epsilon[16], trouble[256];
	bool history_kept;
	int64_t time_s;
	uint32_t interval_ms;
	unsigned views; /* 2 when the network's view differs, else 1 */
	struct top_sum windows[HISTORY_WINDOWS];
	struct top_condition conditions[CONDITION_PARTS];
	size_t conditions_len, worst; /* index of the worst one */
	struct top_endpoint endpoints[CONFIG_ENDPOINTS_MAX];
	size_t endpoints_len;
	/* As page/peers.h has them. */
	struct top_peer peers[TOP_PEERS_MAX];
	size_t peers_len;
	struct top_column columns[TOP_COLUMNS_MAX];
	size_t columns_len;
	int clocks;    /* 1: they run, 0: they are off, -1: the kernel refuses them */
	int64_t split; /* packets that the columns are the mean of */
	/* The chart of the window that was asked for. Steps in which nothing was measured hold
	 * -1. */
	double transactions[TOP_POINTS_MAX], values[TOP_POINTS_MAX]; /* values in USD */
	size_t points_len;
	int64_t from_s, step_s;
	int64_t figures[HISTORY_FIGURES]; /* sums of the window, except those in top_sum */
};

struct top_source;

/* LISTEN and LISTEN_TOKEN are the daemon's, as in struct config; LISTEN must outlive the source. 0,
 * or -errno with "what; fix" in WHY. */
int top_source_open(const char *listen, const char *listen_token, struct top_source **out,
		    char *why, size_t why_len);
void top_source_close(struct top_source *s); /* accepts NULL */
/* Fetches *DATA, waiting TIMEOUT_MS at most. 0, or -errno with a sentence in WHY; *DATA is changed
 * only on 0. -EAGAIN: a daemon listens, but may still be starting. */
int top_source_ask(struct top_source *s, enum history_window window, enum history_view view,
		   unsigned timeout_ms, struct top_data *data, char *why, size_t why_len);
/* Fetches the text at PATH, such as "metrics": it is the source's, until it is asked again. The
 * same otherwise. */
int top_source_text(struct top_source *s, const char *path, unsigned timeout_ms, const char **text,
		    char *why, size_t why_len);

struct json_object;
/* Fetches the same as JSON: an object with "status" and "history" (page/json.h), which the caller
 * puts. Returns as top_source_ask. */
int top_source_fetch(struct top_source *s, enum history_window window, enum history_view view,
		     unsigned timeout_ms, struct json_object **out, char *why, size_t why_len);
/* Reads what top_source_fetch has fetched. */
void top_data_read(struct json_object *fetched, enum history_view view, struct top_data *data);

#endif
