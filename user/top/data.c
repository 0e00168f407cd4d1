/* SPDX-License-Identifier: Apache-2.0 */
#include "top/data.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <json-c/json.h>

#include "page/guard.h"
#include "page/socket.h"
#include "top/peers.h"

#define ANSWER_MAX (1u << 20)
#define SCALE      10000.0 /* of values */

struct top_source {
	char where[160]; /* for people */
	char base[160];
	const char *unix_path; /* part of LISTEN; NULL: TCP */
	struct curl_slist *headers;
	CURL *curl;
	char *answer;
	size_t answer_len;
};

/* --- asking ------------------------------------------------------------------------------------
 */

static size_t take(char *data, size_t size, size_t n, void *context)
{
	struct top_source *s = context;

	if (s->answer_len + size * n > ANSWER_MAX)
		return 0;
	memcpy(s->answer + s->answer_len, data, size * n);
	s->answer_len += size * n;
	s->answer[s->answer_len] = '\0';
	return size * n;
}

/* A daemon that listens everywhere listens on loopback too. */
static void set_base(struct top_source *s, const char *listen)
{
	const char *colon = strrchr(listen, ':');

	s->unix_path = page_unix_path(listen);
	if (s->unix_path)
		snprintf(s->base, sizeof(s->base), "http://localhost");
	else if (!strncmp(listen, "0.0.0.0:", 8))
		snprintf(s->base, sizeof(s->base), "http://127.0.0.1%s", colon);
	else if (!strncmp(listen, "[::]:", 5))
		snprintf(s->base, sizeof(s->base), "http://[::1]%s", colon);
	else
		snprintf(s->base, sizeof(s->base), "http://%s", listen);
	snprintf(s->where, sizeof(s->where), "%s", s->unix_path ? s->unix_path : listen);
}

static int load_token(struct top_source *s, const char *path, char *why, size_t why_len)
{
	char token[PAGE_TOKEN_MAX + 1], header[PAGE_TOKEN_MAX + 32], reason[192] = "";
	int err = page_token_load(path, token, reason, sizeof(reason));

	if (err) {
		snprintf(why, why_len, "listen_token: %s %s", path, reason);
		return err;
	}
	snprintf(header, sizeof(header), "Authorization: Bearer %s", token);
	s->headers = curl_slist_append(NULL, header);
	explicit_bzero(token, sizeof(token));
	explicit_bzero(header, sizeof(header));
	return s->headers ? 0 : -ENOMEM;
}

int top_source_open(const char *listen, const char *listen_token, struct top_source **out,
		    char *why, size_t why_len)
{
	struct top_source *s;
	int err = 0;

	if (!listen) {
		snprintf(why, why_len,
			 "the configuration says `listen: none`, so there is no page to read from; "
			 "set it, for example to 127.0.0.1:9464, and restart telltale");
		return -EINVAL;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		goto no_memory;
	set_base(s, listen);
	if (listen_token)
		err = load_token(s, listen_token, why, why_len);
	if (err && err != -ENOMEM) {
		top_source_close(s);
		return err;
	}
	s->answer = malloc(ANSWER_MAX + 1);
	s->curl = curl_easy_init();
	if (err || !s->answer || !s->curl)
		goto no_memory;
	/* The environment's proxy must not be used: the daemon is on this host. */
	curl_easy_setopt(s->curl, CURLOPT_PROXY, "");
	curl_easy_setopt(s->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(s->curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(s->curl, CURLOPT_WRITEDATA, s);
	curl_easy_setopt(s->curl, CURLOPT_HTTPHEADER, s->headers);
	if (s->unix_path)
		curl_easy_setopt(s->curl, CURLOPT_UNIX_SOCKET_PATH, s->unix_path);
	*out = s;
	return 0;
no_memory:
	top_source_close(s);
	snprintf(why, why_len, "out of memory");
	return -ENOMEM;
}

void top_source_close(struct top_source *s)
{
	if (!s)
		return;
	curl_easy_cleanup(s->curl);
	curl_slist_free_all(s->headers);
	free(s->answer);
	free(s);
}

static int explain(const struct top_source *s, CURLcode code, long status, char *why,
		   size_t why_len)
{
	if (code == CURLE_COULDNT_CONNECT)
		snprintf(why, why_len,
			 "no telltale answers on %s; start it with `telltale run`, or see "
			 "`systemctl status telltale`",
			 s->where);
	else if (code == CURLE_OPERATION_TIMEDOUT)
		snprintf(why, why_len, "telltale on %s does not answer; it may be starting",
			 s->where);
	else if (code != CURLE_OK)
		snprintf(why, why_len, "%s: %s", s->where, curl_easy_strerror(code));
	else if (status == 401)
		snprintf(why, why_len,
			 "telltale on %s refuses the token; does listen_token name the file that "
			 "it was started with?",
			 s->where);
	else
		snprintf(why, why_len, "%s answers with HTTP status %ld; is it a telltale?",
			 s->where, status);
	return code == CURLE_OPERATION_TIMEDOUT ? -EAGAIN : -EIO;
}

int top_source_text(struct top_source *s, const char *path, unsigned timeout_ms, const char **text,
		    char *why, size_t why_len)
{
	char url[256];
	long status = 0;
	CURLcode code;

	snprintf(url, sizeof(url), "%s/%s", s->base, path);
	s->answer_len = 0;
	s->answer[0] = '\0';
	curl_easy_setopt(s->curl, CURLOPT_URL, url);
	curl_easy_setopt(s->curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	code = curl_easy_perform(s->curl);
	curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
	if (code == CURLE_OK && status == 404) {
		snprintf(why, why_len, "telltale on %s has only just started", s->where);
		return -EAGAIN;
	}
	if (code != CURLE_OK || status != 200)
		return explain(s, code, status, why, why_len);
	*text = s->answer;
	return 0;
}

static int get(struct top_source *s, const char *path, unsigned timeout_ms,
	       struct json_object **out, char *why, size_t why_len)
{
	const char *text;
	int err = top_source_text(s, path, timeout_ms, &text, why, why_len);

	if (err)
		return err;
	*out = json_tokener_parse(text);
	if (*out)
		return 0;
	snprintf(why, why_len, "%s answers, but not as telltale does", s->where);
	return -EIO;
}

/* --- reading -----------------------------------------------------------------------------------
 */

static struct json_object *at(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	return o && json_object_object_get_ex(o, key, &value) ? value : NULL;
}

static int64_t number(struct json_object *o, const char *key)
{
	return json_object_get_int64(at(o, key));
}

/* Copies a text and replaces its control characters, so that it cannot steer a terminal. */
static void text(struct json_object *o, const char *key, char *out, size_t len)
{
	const char *value = json_object_get_string(at(o, key));

	snprintf(out, len, "%s", value ? value : "");
	for (char *c = out; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 127)
			*c = '?';
	}
}

static size_t length(struct json_object *list)
{
	return json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
}

static void read_windows(struct json_object *list, struct top_data *d)
{
	for (size_t i = 0; i < length(list) && i < HISTORY_WINDOWS; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);

		d->windows[i] = (struct top_sum){
			.covered_ms = number(o, "covered_ms"),
			.all_measured = json_object_get_boolean(at(o, "all_measured")),
			.transactions = number(o, "transactions"),
			.value = number(o, "value"),
			.published = number(o, "published"),
			.fulfilled = number(o, "fulfilled"),
			.fulfilled_sd = json_object_get_double(at(o, "fulfilled_sd")),
			.transactions_sd = json_object_get_double(at(o, "transactions_sd")),
			.value_sd = json_object_get_double(at(o, "value_sd")),
		};
	}
}

static void read_endpoints(struct json_object *list, struct top_data *d)
{
	for (size_t i = 0; i < length(list) && i < CONFIG_ENDPOINTS_MAX; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		struct top_endpoint *e = &d->endpoints[d->endpoints_len++];
		char audience[16];

		text(o, "url", e->url, sizeof(e->url));
		text(o, "last_error", e->last_error, sizeof(e->last_error));
		text(o, "audience", audience, sizeof(audience));
		e->network = !strcmp(audience, "network");
		e->exports = number(o, "exports");
		e->bytes = number(o, "bytes");
		e->latency_ms = json_object_get_double(at(o, "latency_ms"));
		e->consecutive_failures = number(o, "consecutive_failures");
		e->last_success_s = number(o, "last_success_s");
	}
}

static enum condition_state read_state(const char *word)
{
	int state = 0;

	while (state < CONDITION_BAD && strcmp(word, condition_states[state]) != 0)
		state++;
	return (enum condition_state)state;
}

static void read_conditions(struct json_object *list, struct top_data *d)
{
	for (size_t i = 0; i < length(list) && i < CONDITION_PARTS; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		struct top_condition *c = &d->conditions[d->conditions_len++];
		char word[16];

		text(o, "part", c->part, sizeof(c->part));
		text(o, "text", c->text, sizeof(c->text));
		text(o, "fix", c->fix, sizeof(c->fix));
		text(o, "state", word, sizeof(word));
		c->state = read_state(word);
		if (c->state > d->conditions[d->worst].state)
			d->worst = i;
	}
}

static void read_status(struct json_object *o, enum history_view view, struct top_data *d)
{
	struct json_object *windows = at(o, "windows"), *history = at(o, "history");

	text(o, "instance", d->instance, sizeof(d->instance));
	text(o, "network", d->network, sizeof(d->network));
	text(o, "mechanism", d->mechanism, sizeof(d->mechanism));
	text(o, "epsilon", d->epsilon, sizeof(d->epsilon));
	text(history, "trouble", d->trouble, sizeof(d->trouble));
	d->history_kept = json_object_get_boolean(at(history, "kept"));
	d->time_s = number(o, "time_s");
	d->interval_ms = (uint32_t)number(o, "interval_ms");
	d->views = at(windows, "network") ? 2 : 1;
	read_windows(at(windows, view == HISTORY_NETWORK ? "network" : "own"), d);
	read_conditions(at(o, "conditions"), d);
	read_endpoints(at(o, "endpoints"), d);
	top_peers_read(o, d);
}

/* A node that is younger than the window has a chart of its own time, of LEAST steps at least. */
static void drop_before_birth(struct top_data *d)
{
	enum { LEAST = 12 };
	size_t first = 0;

	while (first < d->points_len && d->transactions[first] < 0)
		first++;
	if (first + LEAST > d->points_len)
		first = d->points_len > LEAST ? d->points_len - LEAST : 0;
	d->points_len -= first;
	d->from_s += (int64_t)first * d->step_s;
	memmove(d->transactions, d->transactions + first, d->points_len * sizeof(*d->transactions));
	memmove(d->values, d->values + first, d->points_len * sizeof(*d->values));
}

static void read_points(struct json_object *o, struct top_data *d)
{
	struct json_object *list = at(o, "points");
	int64_t now_s = number(o, "now_s");

	d->step_s = number(o, "step_s");
	if (d->step_s <= 0)
		return;
	d->from_s = number(o, "from_s") / d->step_s * d->step_s;
	d->points_len = (size_t)((now_s - d->from_s) / d->step_s + 1);
	if (d->points_len > TOP_POINTS_MAX)
		d->points_len = TOP_POINTS_MAX;
	for (size_t i = 0; i < d->points_len; i++)
		d->transactions[i] = d->values[i] = -1;
	for (size_t i = 0; i < length(list); i++) {
		struct json_object *p = json_object_array_get_idx(list, i);
		int64_t step = (number(p, "at_s") - d->from_s) / d->step_s;

		if (step < 0 || (size_t)step >= d->points_len)
			continue;
		d->transactions[step] = (double)number(p, "transactions");
		d->values[step] = (double)number(p, "value") / SCALE;
	}
	drop_before_birth(d);
}

static void read_figures(struct json_object *o, struct top_data *d)
{
	struct json_object *unseen = at(o, "unseen"), *buckets = at(at(o, "pay_time"), "buckets");

	for (int i = 0; i < HISTORY_OUTCOMES_LEN; i++)
		d->figures[HISTORY_OUTCOMES + i] =
			number(at(o, "outcomes"), history_figures[HISTORY_OUTCOMES + i].label);
	d->figures[HISTORY_PROBES] = number(o, "probes");
	for (int i = 0; i < HISTORY_GAPS_LEN; i++)
		d->figures[HISTORY_GAPS + i] =
			number(at(unseen, "gaps"), history_figures[HISTORY_GAPS + i].label);
	for (int i = 0; i < HISTORY_OPAQUE_LEN; i++)
		d->figures[HISTORY_OPAQUE + i] =
			number(at(unseen, "opaque"), history_figures[HISTORY_OPAQUE + i].label);
	for (int i = HISTORY_OPAQUE_LAST + 1; i < HISTORY_FIGURES; i++)
		d->figures[i] = number(unseen, history_figures[i].column);
	for (size_t i = 0; i < HISTORY_TIMES_LEN && i < length(buckets); i++)
		d->figures[HISTORY_PAY_TIMES + i] =
			json_object_get_int64(json_object_array_get_idx(buckets, i));
}

int top_source_fetch(struct top_source *s, enum history_window window, enum history_view view,
		     unsigned timeout_ms, struct json_object **out, char *why, size_t why_len)
{
	struct json_object *status = NULL, *history = NULL, *both;
	char path[64];
	int err = get(s, "status.json", timeout_ms, &status, why, why_len);

	snprintf(path, sizeof(path), "history.json?window=%s&view=%s", history_windows[window].name,
		 view == HISTORY_NETWORK ? "network" : "own");
	if (!err)
		err = get(s, path, timeout_ms, &history, why, why_len);
	if (err) {
		json_object_put(status);
		return err;
	}
	both = json_object_new_object();
	json_object_object_add(both, "status", status);
	json_object_object_add(both, "history", history);
	*out = both;
	return 0;
}

void top_data_read(struct json_object *fetched, enum history_view view, struct top_data *data)
{
	memset(data, 0, sizeof(*data));
	read_status(at(fetched, "status"), view, data);
	read_points(at(fetched, "history"), data);
	read_figures(at(fetched, "history"), data);
}

int top_source_ask(struct top_source *s, enum history_window window, enum history_view view,
		   unsigned timeout_ms, struct top_data *data, char *why, size_t why_len)
{
	struct json_object *fetched = NULL;
	int err = top_source_fetch(s, window, view, timeout_ms, &fetched, why, why_len);

	if (!err)
		top_data_read(fetched, view, data);
	json_object_put(fetched);
	return err;
}
