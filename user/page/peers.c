/* SPDX-License-Identifier: Apache-2.0 */
#include "page/peers.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "release/vocabulary.h"

#define PEERS_MAX 64 /* more than have series of their own */

struct peer {
	const char *name;
	int64_t exchanges, fulfilled, rejected, value;
	int64_t spread, spread_variance; /* the latter is 0 where nothing was forwarded */
	const struct released_point *parts[PEER_PARTS];
	struct json_object *codes;
};

struct peers {
	struct peer list[PEERS_MAX];
	size_t len;
};

static void put(struct json_object *o, const char *key, struct json_object *value)
{
	json_object_object_add(o, key, value);
}

static bool has_label(const struct released_point *p, const char *value)
{
	return p->labels_len > 1 && !strcmp(p->labels[1].value, value);
}

/* NULL: there is no room. */
static struct peer *find(struct peers *ps, const char *name)
{
	size_t i = 0;

	while (i < ps->len && strcmp(ps->list[i].name, name) != 0)
		i++;
	if (i == PEERS_MAX)
		return NULL;
	if (i == ps->len)
		ps->list[ps->len++] =
			(struct peer){.name = name, .codes = json_object_new_object()};
	return &ps->list[i];
}

static void take_point(struct peer *peer, const struct released_point *p)
{
	switch (p->metric) {
	case METRIC_PEER_EXCHANGES:
		peer->exchanges += p->value;
		peer->fulfilled += has_label(p, "fulfilled") ? p->value : 0;
		peer->rejected += has_label(p, "rejected") ? p->value : 0;
		break;
	case METRIC_PEER_REJECTS:
		put(peer->codes, p->labels[1].value, json_object_new_int64(p->value));
		break;
	case METRIC_PEER_TIME:
		for (unsigned i = 0; i < PEER_PARTS; i++) {
			if (has_label(p, vocabulary_peer_parts.words[i].label))
				peer->parts[i] = p;
		}
		break;
	case METRIC_PEER_SPREAD: peer->spread = p->value; break;
	case METRIC_PEER_SPREAD_VARIANCE: peer->spread_variance = p->value; break;
	default: peer->value = p->value;
	}
}

static bool is_of_peer(const struct released_point *p)
{
	return p->metric >= METRIC_PEER_EXCHANGES && p->metric <= METRIC_PEER_SPREAD_VARIANCE &&
	       p->labels_len && !strcmp(p->labels[0].key, "peer") &&
	       (p->metric >= METRIC_PEER_AMOUNT || p->labels_len > 1);
}

static int by_exchanges(const void *a, const void *b)
{
	const struct peer *x = a, *y = b;

	if (x->exchanges != y->exchanges)
		return x->exchanges > y->exchanges ? -1 : 1;
	return strcmp(x->name, y->name);
}

static struct json_object *times_json(const struct released_point *p)
{
	struct json_object *o = json_object_new_object();
	uint64_t count = p && p->exponential ? p->count : 0;

	put(o, "count", json_object_new_int64((int64_t)count));
	if (!count)
		return o;
	put(o, "median_ms", json_object_new_double(histogram_quantile(p->exponential, count, 0.5)));
	put(o, "p95_ms", json_object_new_double(histogram_quantile(p->exponential, count, 0.95)));
	return o;
}

static struct json_object *peer_json(const struct peer *peer)
{
	struct json_object *o = json_object_new_object();

	put(o, "name", json_object_new_string(peer->name));
	put(o, "exchanges", json_object_new_int64(peer->exchanges));
	put(o, "fulfilled", json_object_new_int64(peer->fulfilled));
	put(o, "rejected", json_object_new_int64(peer->rejected));
	put(o, "value", json_object_new_int64(peer->value));
	if (peer->spread_variance) {
		put(o, "spread", json_object_new_int64(peer->spread));
		put(o, "spread_sd", json_object_new_double(sqrt((double)peer->spread_variance)));
	}
	put(o, "codes", peer->codes);
	for (unsigned i = 0; i < PEER_PARTS; i++)
		put(o, vocabulary_peer_parts.words[i].label, times_json(peer->parts[i]));
	return o;
}

static void put_list(struct json_object *root, const struct released *r)
{
	struct json_object *list = json_object_new_array();
	struct peers ps = {.len = 0};

	for (size_t i = 0; i < r->points_len; i++) {
		const struct released_point *p = &r->points[i];
		struct peer *peer = is_of_peer(p) ? find(&ps, p->labels[0].value) : NULL;

		if (peer)
			take_point(peer, p);
	}
	qsort(ps.list, ps.len, sizeof(ps.list[0]), by_exchanges);
	for (size_t i = 0; i < ps.len; i++)
		json_object_array_add(list, peer_json(&ps.list[i]));
	put(root, "peers", list);
}

static void put_column(struct json_object *list, const struct released_point *p)
{
	struct json_object *o;

	if (!p->count || !p->labels_len)
		return;
	o = json_object_new_object();
	put(o, "name", json_object_new_string(p->labels[0].value));
	put(o, "mean_ms", json_object_new_double(p->sum_ms / (double)p->count));
	json_object_array_add(list, o);
}

static void put_columns(struct json_object *root, const struct released *r)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	int64_t clocks = 0, packets = 0, split = 0;

	for (size_t i = 0; i < r->points_len; i++) {
		const struct released_point *p = &r->points[i];

		if (p->metric == METRIC_CLOCKS)
			clocks = p->value;
		else if (p->metric == METRIC_COLUMN_TIME)
			put_column(list, p);
		if (p->metric != METRIC_HOPS || !p->labels_len)
			continue;
		packets += p->value;
		split += !strcmp(p->labels[0].value, "split") ? p->value : 0;
	}
	put(o, "clocks", json_object_new_int64(clocks));
	put(o, "packets", json_object_new_int64(packets));
	put(o, "split", json_object_new_int64(split));
	put(o, "list", list);
	put(root, "columns", o);
}

void page_put_peers(struct json_object *root, const struct released *r)
{
	put_list(root, r);
	put_columns(root, r);
}
