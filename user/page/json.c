/* SPDX-License-Identifier: Apache-2.0 */
#include "page/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/clock.h"
#include "config/config.h"
#include "export/export.h"
#include "page/condition.h"
#include "page/csv.h"
#include "page/peers.h"

static const char *const view_names[HISTORY_VIEWS] = {"own", "network"};

/* --- building ----------------------------------------------------------------------------------
 */

static void put_int(struct json_object *o, const char *key, int64_t value)
{
	json_object_object_add(o, key, json_object_new_int64(value));
}

static void put_text(struct json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, value ? json_object_new_string(value) : NULL);
}

static void put_double(struct json_object *o, const char *key, double value)
{
	json_object_object_add(o, key, json_object_new_double(value));
}

static void put_flag(struct json_object *o, const char *key, bool value)
{
	json_object_object_add(o, key, json_object_new_boolean(value));
}

static struct json_object *put_object(struct json_object *o, const char *key)
{
	struct json_object *child = json_object_new_object();

	json_object_object_add(o, key, child);
	return child;
}

static struct json_object *put_list(struct json_object *o, const char *key)
{
	struct json_object *child = json_object_new_array();

	json_object_object_add(o, key, child);
	return child;
}

/* Writes a whole number as text, so that JavaScript does not round it. */
static void put_exact(struct json_object *o, const char *key, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)value);
	put_text(o, key, text);
}

static char *finish(struct json_object *root)
{
	const char *text = json_object_to_json_string_ext(
		root, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	char *copy = text ? strdup(text) : NULL;

	json_object_put(root);
	return copy;
}

/* --- status ------------------------------------------------------------------------------------
 */

static void put_sum(struct json_object *o, const struct history_sum *sum)
{
	put_int(o, "covered_ms", sum->figures[HISTORY_COVERED_MS]);
	put_int(o, "transactions", sum->figures[HISTORY_TRANSACTIONS]);
	put_double(o, "transactions_sd", sqrt(sum->noise.count));
	put_int(o, "value", sum->figures[HISTORY_VALUE]);
	put_double(o, "value_sd", sqrt(sum->noise.value));
	put_int(o, "published", sum->figures[HISTORY_PUBLISHED]);
	put_int(o, "prepared", sum->figures[HISTORY_PREPARED]);
	put_int(o, "fulfilled", sum->figures[HISTORY_FULFILLED]);
	put_double(o, "fulfilled_sd", sqrt(sum->noise.packets));
	put_int(o, "rejected", sum->figures[HISTORY_REJECTED]);
}

static void put_windows(struct json_object *root, const struct page_facts *f,
			enum history_view view)
{
	struct json_object *list = put_list(root, view_names[view]);

	for (int w = 0; w < HISTORY_WINDOWS; w++) {
		struct json_object *o = json_object_new_object();
		struct history_sum sum;

		history_sum(f->history, view, (enum history_window)w, &sum);
		put_text(o, "window", history_windows[w].name);
		put_int(o, "length_s", history_windows[w].length_s);
		put_flag(o, "all_measured", history_covers((enum history_window)w, &sum));
		put_sum(o, &sum);
		json_object_array_add(list, o);
	}
}

/* Everything that the exporter reports about an endpoint. No other function writes these fields. */
static struct json_object *endpoint_json(const struct config_endpoint *e,
					 const struct export_status *s)
{
	struct json_object *o = json_object_new_object();

	put_text(o, "url", e->url);
	put_text(o, "audience", e->audience == AUDIENCE_NETWORK ? "network" : "own");
	put_int(o, "exports", (int64_t)s->exports);
	put_int(o, "failures", (int64_t)s->failures);
	put_int(o, "retries", (int64_t)s->retries);
	put_int(o, "rejected_points", (int64_t)s->rejected_points);
	put_int(o, "bytes", (int64_t)s->bytes);
	if (s->exports)
		put_double(o, "latency_ms", (double)s->latency_ns / 1e6);
	put_int(o, "last_success_s", (int64_t)(s->last_success_unix_ns / NS_PER_S));
	put_int(o, "consecutive_failures", s->consecutive_failures);
	put_text(o, "last_error", s->last_error);
	return o;
}

static void put_endpoints(struct json_object *root, const struct page_facts *f)
{
	struct json_object *list = put_list(root, "endpoints");
	struct export_status *states = calloc(CONFIG_ENDPOINTS_MAX, sizeof(*states));
	size_t n = 0;

	if (states && f->exporter)
		n = export_status(f->exporter, states, CONFIG_ENDPOINTS_MAX);
	for (size_t i = 0; i < n && i < f->config->endpoints_len; i++)
		json_object_array_add(list, endpoint_json(&f->config->endpoints[i], &states[i]));
	free(states);
}

static void put_targets(struct json_object *root, const struct page_facts *f)
{
	struct json_object *list = put_list(root, "targets");

	for (size_t i = 0; i < f->targets_len; i++) {
		struct target_status s = target_status(&f->targets[i]);
		struct json_object *o = json_object_new_object();

		put_text(o, "name", f->targets[i].name);
		put_text(o, "state", target_states[s.state]);
		put_int(o, "cgroups", s.cgroups);
		put_int(o, "refused", s.refused);
		put_int(o, "since_s", (int64_t)(s.since_ns / NS_PER_S));
		put_text(o, "reason", s.reason);
		json_object_array_add(list, o);
	}
}

/* How long no packet has been seen; 0: not for long. */
static int64_t quiet_s(const struct released *r, int64_t last_packet_s)
{
	int64_t since = (int64_t)(r->start_unix_ns / NS_PER_S);
	int64_t now = (int64_t)(r->time_unix_ns / NS_PER_S);

	if (last_packet_s > since)
		since = last_packet_s;
	return now - since >= PAGE_QUIET_S ? now - since : 0;
}

/* The gauges that say whether the totals are complete. */
static void put_gauges(struct json_object *root, const struct released *r)
{
	struct json_object *ages = put_object(root, "rates_age_s");

	for (size_t i = 0; i < r->points_len; i++) {
		const struct released_point *p = &r->points[i];

		if (p->metric == METRIC_COVERAGE)
			put_flag(root, "complete", p->value != 0);
		else if (p->metric == METRIC_LAST_PACKET)
			put_int(root, "quiet_s", quiet_s(r, p->value));
		else if (p->metric == METRIC_TLS_PROCESSES)
			put_int(root, "tls_processes", p->value);
		else if (p->metric == METRIC_RATES_AGE && p->labels_len)
			put_int(ages, p->labels[0].value, p->value);
	}
}

static void put_snapshot(struct json_object *root, const struct released *r)
{
	const struct released *network = r->network ? r->network : r;

	put_int(root, "time_s", (int64_t)(r->time_unix_ns / NS_PER_S));
	put_int(root, "start_s", (int64_t)(r->start_unix_ns / NS_PER_S));
	put_text(root, "mechanism", network->mechanism);
	put_text(root, "epsilon", network->epsilon);
	put_gauges(root, r);
}

static void put_privacy(struct json_object *root, const struct privacy_params *p)
{
	struct json_object *o = put_object(root, "privacy");

	put_text(o, "rounding", p->bucket.unbiased ? "unbiased" : "published");
	put_int(o, "day_clip", (int64_t)p->budget.day_clip);
	put_int(o, "hour_clip", (int64_t)p->budget.hour_clip);
}

static void put_history(struct json_object *root, struct history *h)
{
	struct json_object *o = put_object(root, "history");
	struct history_stats s = history_stats(h);

	put_flag(o, "kept", s.kept);
	put_int(o, "since_s", history_since_s(h));
	put_int(o, "until_s", s.until_s);
	put_int(o, "unsaved", (int64_t)s.unsaved);
	put_text(o, "trouble", s.trouble);
}

/* How each part does, and in "condition" the worst of these states. */
static void put_conditions(struct json_object *root, const struct page_facts *f)
{
	struct condition *all = calloc(CONDITION_PARTS, sizeof(*all));
	struct json_object *list = put_list(root, "conditions");

	if (!all)
		return;
	condition_judge(f, all);
	for (int i = 0; i < CONDITION_PARTS; i++) {
		struct json_object *o = json_object_new_object();

		put_text(o, "part", condition_names[i]);
		put_text(o, "state", condition_states[all[i].state]);
		put_text(o, "text", all[i].text);
		put_text(o, "fix", all[i].fix);
		json_object_array_add(list, o);
	}
	put_text(root, "condition", condition_states[all[condition_worst(all)].state]);
	free(all);
}

static char *status_json(const struct page_facts *f)
{
	struct json_object *root = json_object_new_object(), *windows;

	put_text(root, "version", TELLTALE_VERSION);
	put_text(root, "instance", f->config->instance);
	put_text(root, "network", network_text(f->config->network));
	put_text(root, "currency", "USD");
	put_int(root, "interval_ms", f->config->export_interval_ms);
	put_snapshot(root, f->snapshot);
	put_conditions(root, f);
	put_privacy(root, &f->config->privacy);
	windows = put_object(root, "windows");
	put_windows(windows, f, HISTORY_OWN);
	if (f->snapshot->network)
		put_windows(windows, f, HISTORY_NETWORK);
	put_targets(root, f);
	put_endpoints(root, f);
	page_put_peers(root, f->snapshot);
	put_history(root, f->history);
	return finish(root);
}

/* --- history -----------------------------------------------------------------------------------
 */

struct gathered {
	struct json_object *points;
	struct history_sum sum;
};

static void add_number(struct json_object *list, int64_t value)
{
	json_object_array_add(list, json_object_new_int64(value));
}

static void gather(void *context, int64_t at_s, const struct history_sum *sum)
{
	struct gathered *g = context;
	struct json_object *point = json_object_new_object();

	put_int(point, "at_s", at_s);
	put_sum(point, sum);
	json_object_array_add(g->points, point);
	for (int i = 0; i < HISTORY_FIGURES; i++)
		g->sum.figures[i] += sum->figures[i];
	noise_add(&g->sum.noise, &sum->noise);
}

/* The LEN figures from FIRST on, by label. */
static void put_run(struct json_object *root, const char *key, const struct history_sum *sum,
		    int first, int len)
{
	struct json_object *o = put_object(root, key);

	for (int i = first; i < first + len; i++)
		put_int(o, history_figures[i].label, sum->figures[i]);
}

static void put_times(struct json_object *root, const struct history_sum *sum)
{
	struct json_object *o = put_object(root, "pay_time"), *bounds = put_list(o, "bounds_ms"),
			   *buckets = put_list(o, "buckets");

	put_double(o, "each_sd", sqrt(sum->noise.times));
	for (int i = 0; i < METRIC_BOUNDS; i++)
		add_number(bounds, (int64_t)metric_bounds_ms[i]);
	for (int i = 0; i < HISTORY_TIMES_LEN; i++)
		add_number(buckets, sum->figures[HISTORY_PAY_TIMES + i]);
}

static void put_unseen(struct json_object *root, const struct history_sum *sum)
{
	struct json_object *o = put_object(root, "unseen");

	put_run(o, "gaps", sum, HISTORY_GAPS, HISTORY_GAPS_LEN);
	put_run(o, "opaque", sum, HISTORY_OPAQUE, HISTORY_OPAQUE_LEN);
	for (int i = HISTORY_OPAQUE_LAST + 1; i < HISTORY_FIGURES; i++)
		put_int(o, history_figures[i].column, sum->figures[i]);
}

static char *history_json(const struct page_facts *f, enum history_window window,
			  enum history_view view)
{
	const struct history_window_info *w = &history_windows[window];
	struct json_object *root = json_object_new_object();
	struct gathered g = {.points = json_object_new_array()};
	int64_t now = history_now_s(f->history);
	int64_t step_s = history_step_s(window, f->config->export_interval_ms);

	put_text(root, "window", w->name);
	put_text(root, "view", view_names[view]);
	put_int(root, "now_s", now);
	put_int(root, "from_s", now / w->row_s * w->row_s - w->length_s + w->row_s);
	put_int(root, "step_s", step_s);
	history_points(f->history, view, window, step_s, gather, &g);
	json_object_object_add(root, "points", g.points);
	put_times(root, &g.sum);
	put_run(root, "outcomes", &g.sum, HISTORY_OUTCOMES, HISTORY_OUTCOMES_LEN);
	put_int(root, "probes", g.sum.figures[HISTORY_PROBES]);
	put_unseen(root, &g.sum);
	return finish(root);
}

/* --- what was sent -----------------------------------------------------------------------------
 */

static struct json_object *point_json(const struct released_point *p)
{
	static const char *const shapes[] = {
		[METRIC_SUM] = "sum", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};
	const struct metric_info *info = &metric_infos[p->metric];
	struct json_object *o = json_object_new_object(), *labels = put_object(o, "labels"),
			   *buckets;

	put_text(o, "name", info->name);
	put_text(o, "shape", shapes[info->shape]);
	put_text(o, "description", info->description);
	for (size_t i = 0; i < p->labels_len; i++)
		put_text(labels, p->labels[i].key, p->labels[i].value);
	if (info->shape != METRIC_HISTOGRAM) {
		put_exact(o, "value", p->value);
		return o;
	}
	put_exact(o, "value", (int64_t)p->count);
	if (!p->without_sum)
		put_double(o, "sum_ms", p->sum_ms);
	buckets = put_list(o, "buckets");
	for (int i = 0; i <= METRIC_BOUNDS; i++)
		add_number(buckets, (int64_t)p->buckets[i]);
	return o;
}

static void put_audience(struct json_object *root, const char *key, const struct page_facts *f,
			 const struct released *view, enum audience audience)
{
	struct json_object *o = put_object(root, key), *points = put_list(o, "points");
	int64_t endpoints = 0;

	for (size_t i = 0; i < f->config->endpoints_len; i++)
		endpoints += f->config->endpoints[i].audience == audience;
	put_int(o, "endpoints", endpoints);
	put_text(o, "mechanism", view->mechanism);
	for (size_t i = 0; i < view->points_len; i++) {
		const struct released_point *p = &view->points[i];

		if (audience == AUDIENCE_OWN ||
		    metric_infos[p->metric].audience == AUDIENCE_NETWORK)
			json_object_array_add(points, point_json(p));
	}
}

static char *sent_json(const struct page_facts *f)
{
	const struct released *r = f->snapshot;
	struct json_object *root = json_object_new_object();

	put_int(root, "time_s", (int64_t)(r->time_unix_ns / NS_PER_S));
	put_text(root, "source", r->source);
	put_audience(root, "network", f, r->network ? r->network : r, AUDIENCE_NETWORK);
	put_audience(root, "own", f, r, AUDIENCE_OWN);
	return finish(root);
}

/* --- by path -----------------------------------------------------------------------------------
 */

static int find_name(const char *name, const char *const *names, size_t stride, int len)
{
	for (int i = 0; i < len; i++) {
		if (!strcmp(name, *(const char *const *)((const char *)names + (size_t)i * stride)))
			return i;
	}
	return -1;
}

char *page_json(const struct page_facts *f, const char *path, const char *window, const char *view)
{
	int w = find_name(window ? window : "hour", &history_windows[0].name,
			  sizeof(history_windows[0]), HISTORY_WINDOWS);
	int v = find_name(view ? view : "own", view_names, sizeof(view_names[0]), HISTORY_VIEWS);

	if (!f->snapshot || !f->history)
		return NULL;
	if (!strcmp(path, "/status.json"))
		return status_json(f);
	if (!strcmp(path, "/sent.json"))
		return sent_json(f);
	if (!strcmp(path, "/history.json") && w >= 0 && v >= 0)
		return history_json(f, (enum history_window)w, (enum history_view)v);
	if (!strcmp(path, "/history.csv") && w >= 0 && v >= 0)
		return csv_history(f, (enum history_window)w, (enum history_view)v);
	return NULL;
}
