/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/peers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/url.h"

#define NONE      UINT32_MAX
#define GROUP_ANY 0 /* the token alone, whatever the endpoint */
#define HAND_MAX  8 /* entries looked at for one that may make room */

/* --- index: two words to the number of an entry, chained, of fixed capacity --------------------
 */

struct index {
	uint32_t *heads, *next;
	uint64_t (*keys)[2];
	uint32_t mask;
};

static int index_init(struct index *ix, size_t capacity)
{
	size_t heads = 8;

	while (heads < capacity)
		heads *= 2;
	ix->mask = (uint32_t)heads - 1;
	ix->heads = malloc(heads * sizeof(*ix->heads));
	ix->next = calloc(capacity, sizeof(*ix->next));
	ix->keys = calloc(capacity, sizeof(*ix->keys));
	if (!ix->heads || !ix->next || !ix->keys)
		return -ENOMEM;
	memset(ix->heads, 0xff, heads * sizeof(*ix->heads));
	return 0;
}

static void index_fini(struct index *ix)
{
	free(ix->heads);
	free(ix->next);
	free(ix->keys);
}

/* The words are keyed hashes, or small numbers beside one: mixing is enough. */
static uint32_t *index_head(const struct index *ix, uint64_t a, uint64_t b)
{
	uint64_t h = (a ^ b * 0x9e3779b97f4a7c15u) * 0xd6e8feb86659fd93u;

	return &ix->heads[(h >> 32) & ix->mask];
}

static uint32_t index_find(const struct index *ix, uint64_t a, uint64_t b)
{
	uint32_t i = *index_head(ix, a, b);

	while (i != NONE && (ix->keys[i][0] != a || ix->keys[i][1] != b))
		i = ix->next[i];
	return i;
}

static void index_put(struct index *ix, uint32_t entry, uint64_t a, uint64_t b)
{
	uint32_t *head = index_head(ix, a, b);

	ix->keys[entry][0] = a;
	ix->keys[entry][1] = b;
	ix->next[entry] = *head;
	*head = entry;
}

static void index_remove(struct index *ix, uint32_t entry)
{
	uint32_t *at = index_head(ix, ix->keys[entry][0], ix->keys[entry][1]);

	while (*at != entry)
		at = &ix->next[*at];
	*at = ix->next[entry];
}

/* --- the configured peers and what was seen ----------------------------------------------------
 */

struct known {
	struct asset asset;
	bool ambiguous; /* peers with this token, in different assets */
};

struct seen_endpoint {
	uint32_t group; /* GROUP_ANY: no configured peer has it */
	char host[RECORD_HOST_MAX + 1];
	char path[RECORD_PATH_MAX + 1];
};

struct seen_token {
	uint8_t role;
};

struct peers {
	char **groups; /* sorted; group g is groups[g - 1] */
	size_t groups_len;
	struct index known_index; /* by group and token */
	struct known *known;
	uint32_t known_len;
	bool has_default;
	struct asset default_asset;

	size_t capacity;
	struct index endpoint_index; /* by endpoint hash and 0 */
	struct seen_endpoint *endpoints;
	uint32_t endpoints_len, endpoints_hand;
	struct index token_index; /* by endpoint hash and token */
	struct seen_token *tokens;
	uint32_t tokens_len, tokens_hand;
	uint64_t evicted;
};

static int text_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static uint32_t find_group(const struct peers *p, const char *endpoint)
{
	char **found = NULL;

	if (p->groups_len)
		found = bsearch(&endpoint, p->groups, p->groups_len, sizeof(*p->groups),
				text_compare);
	return found ? (uint32_t)(found - p->groups) + 1 : GROUP_ANY;
}

static int copy_groups(struct peers *p, const struct peer *list, size_t list_len)
{
	size_t len = 0;

	p->groups = calloc(list_len + 1, sizeof(*p->groups));
	if (!p->groups)
		return -ENOMEM;
	for (size_t i = 0; i < list_len; i++) {
		p->groups[i] = strdup(list[i].endpoint);
		if (!p->groups[i])
			return -ENOMEM;
		p->groups_len++;
	}
	if (!p->groups_len)
		return 0;
	qsort(p->groups, p->groups_len, sizeof(*p->groups), text_compare);
	for (size_t i = 1; i < p->groups_len; i++) {
		if (strcmp(p->groups[len], p->groups[i]))
			p->groups[++len] = p->groups[i];
		else
			free(p->groups[i]);
	}
	p->groups_len = len + 1;
	return 0;
}

static bool same_asset(const struct asset *a, const struct asset *b)
{
	return a->scale == b->scale && !strcmp(a->code, b->code);
}

static void add_known(struct peers *p, uint32_t group, uint64_t token, const struct asset *asset)
{
	uint32_t i = index_find(&p->known_index, group, token);

	if (i != NONE) {
		if (!same_asset(&p->known[i].asset, asset))
			p->known[i].ambiguous = true;
		return;
	}
	p->known[p->known_len].asset = *asset;
	index_put(&p->known_index, p->known_len++, group, token);
}

struct peers *peers_new(const struct peer *list, size_t list_len, const struct asset *default_asset,
			size_t capacity)
{
	/* Each peer stands under its endpoint, and those with a token under the token alone. */
	size_t known = 2 * list_len + 1;
	struct peers *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->capacity = capacity ? capacity : 1;
	p->known = calloc(known, sizeof(*p->known));
	p->endpoints = calloc(p->capacity, sizeof(*p->endpoints));
	p->tokens = calloc(p->capacity, sizeof(*p->tokens));
	if (!p->known || !p->endpoints || !p->tokens || index_init(&p->known_index, known) ||
	    index_init(&p->endpoint_index, p->capacity) ||
	    index_init(&p->token_index, p->capacity) || copy_groups(p, list, list_len)) {
		peers_free(p);
		return NULL;
	}
	p->has_default = default_asset;
	if (default_asset)
		p->default_asset = *default_asset;
	for (size_t i = 0; i < list_len; i++) {
		const struct peer *peer = &list[i];
		uint64_t token = peer->has_token ? peer->token : 0;

		add_known(p, find_group(p, peer->endpoint), token, &peer->asset);
		if (token)
			add_known(p, GROUP_ANY, token, &peer->asset);
	}
	return p;
}

void peers_free(struct peers *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->groups_len; i++)
		free(p->groups[i]);
	free(p->groups);
	index_fini(&p->known_index);
	index_fini(&p->endpoint_index);
	index_fini(&p->token_index);
	free(p->known);
	free(p->endpoints);
	free(p->tokens);
	free(p);
}

/* --- seeing ------------------------------------------------------------------------------------
 */

static void see_token(struct peers *p, uint64_t endpoint, uint64_t token, uint8_t role)
{
	uint32_t i;

	if (index_find(&p->token_index, endpoint, token) != NONE)
		return;
	if (p->tokens_len < p->capacity) {
		i = p->tokens_len++;
	} else {
		i = p->tokens_hand;
		p->tokens_hand = (uint32_t)((i + 1) % p->capacity);
		index_remove(&p->token_index, i);
		p->evicted++;
	}
	p->tokens[i].role = role;
	index_put(&p->token_index, i, endpoint, token);
}

/* An entry for one endpoint more, or NONE. Whoever sends junk Hosts must not push out what the
 * configuration names. */
static uint32_t endpoint_entry(struct peers *p)
{
	if (p->endpoints_len < p->capacity)
		return p->endpoints_len++;
	p->evicted++;
	for (int tries = 0; tries < HAND_MAX; tries++) {
		uint32_t i = p->endpoints_hand;

		p->endpoints_hand = (uint32_t)((i + 1) % p->capacity);
		if (p->endpoints[i].group != GROUP_ANY)
			continue;
		index_remove(&p->endpoint_index, i);
		return i;
	}
	return NONE;
}

/* Bytes from the wire as text that a terminal and JSON can carry. */
static void copy_printable(char *to, const char *from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] = from[i] > 0x20 && from[i] < 0x7f ? from[i] : '?';
	to[len] = '\0';
}

/* Splits the normalised form of HOST and PATH over E, or keeps them as they are when they have
 * none. */
static void set_text(struct seen_endpoint *e, const struct peers *p, const char *host,
		     const char *path)
{
	char whole[RECORD_HOST_MAX + RECORD_PATH_MAX + 1], *normal, *slash;

	/* A request to a proxy has the whole URL where the path is (RFC 9112, 3.2.2). */
	if (path[0] == '/' || !path[0])
		snprintf(whole, sizeof(whole), "%s%s", host, path);
	else
		snprintf(whole, sizeof(whole), "%s", path);
	normal = url_normalise(whole);
	slash = normal ? strchr(normal, '/') : NULL;
	if (slash) {
		e->group = find_group(p, normal);
		snprintf(e->path, sizeof(e->path), "%s", slash);
		*slash = '\0';
		snprintf(e->host, sizeof(e->host), "%s", normal);
	} else {
		e->group = GROUP_ANY;
		memcpy(e->host, host, strlen(host) + 1);
		memcpy(e->path, path, strlen(path) + 1);
	}
	free(normal);
}

void peers_endpoint(struct peers *p, const struct record_endpoint *record)
{
	size_t host_len = record->host_len, path_len = record->path_len;
	char host[RECORD_HOST_MAX + 1], path[RECORD_PATH_MAX + 1];
	uint32_t i;

	if (!record->endpoint)
		return;
	if (index_find(&p->endpoint_index, record->endpoint, 0) == NONE) {
		i = endpoint_entry(p);
		if (i == NONE)
			return;
		copy_printable(host, record->host,
			       host_len < RECORD_HOST_MAX ? host_len : RECORD_HOST_MAX);
		copy_printable(path, record->path,
			       path_len < RECORD_PATH_MAX ? path_len : RECORD_PATH_MAX);
		set_text(&p->endpoints[i], p, host, path);
		index_put(&p->endpoint_index, i, record->endpoint, 0);
	}
	see_token(p, record->endpoint, record->token, record->head.role);
}

/* --- another configuration ---------------------------------------------------------------------
 */

/* What FROM has seen, into TO, which is empty and has room for as much. */
static void move_seen(struct peers *to, const struct peers *from)
{
	char whole[RECORD_HOST_MAX + RECORD_PATH_MAX + 1];

	for (uint32_t n = 0; n < from->endpoints_len; n++) {
		uint32_t i = (uint32_t)((n + from->endpoints_hand) % from->endpoints_len);
		struct seen_endpoint *e = &to->endpoints[to->endpoints_len];

		*e = from->endpoints[i];
		snprintf(whole, sizeof(whole), "%s%s", e->host, e->path);
		e->group = find_group(to, whole);
		index_put(&to->endpoint_index, to->endpoints_len++, from->endpoint_index.keys[i][0],
			  0);
	}
	for (uint32_t n = 0; n < from->tokens_len; n++) {
		uint32_t i = (uint32_t)((n + from->tokens_hand) % from->tokens_len);
		const uint64_t *key = from->token_index.keys[i];

		see_token(to, key[0], key[1], from->tokens[i].role);
	}
	to->evicted = from->evicted;
}

int peers_change(struct peers *p, const struct peer *list, size_t list_len,
		 const struct asset *default_asset)
{
	struct peers *other = peers_new(list, list_len, default_asset, p->capacity), before;

	if (!other)
		return -ENOMEM;
	move_seen(other, p);
	before = *p;
	*p = *other;
	*other = before;
	peers_free(other);
	return 0;
}

/* --- attribution -------------------------------------------------------------------------------
 */

static const struct asset *find_known(const struct peers *p, uint32_t group, uint64_t token)
{
	uint32_t i = index_find(&p->known_index, group, token);

	return i == NONE || p->known[i].ambiguous ? NULL : &p->known[i].asset;
}

static const struct asset *find_asset(const struct peers *p, uint32_t group, uint64_t token,
				      bool incoming, enum peers_by *by)
{
	const struct asset *endpoint = group != GROUP_ANY ? find_known(p, group, 0) : NULL;
	const struct asset *alone = token ? find_known(p, GROUP_ANY, token) : NULL;
	const struct asset *both = group != GROUP_ANY && token ? find_known(p, group, token) : NULL;

	*by = PEERS_BY_BOTH;
	if (both)
		return both;
	*by = PEERS_BY_ENDPOINT;
	if (endpoint && !(incoming && alone))
		return endpoint;
	*by = PEERS_BY_TOKEN;
	if (alone)
		return alone;
	*by = PEERS_BY_DEFAULT;
	if (p->has_default)
		return &p->default_asset;
	*by = PEERS_BY_NOTHING;
	return NULL;
}

bool peers_attribute(struct peers *p, struct exchange *e)
{
	uint32_t seen = e->endpoint ? index_find(&p->endpoint_index, e->endpoint, 0) : NONE;
	uint32_t group = seen == NONE ? GROUP_ANY : p->endpoints[seen].group;
	const struct asset *asset;
	enum peers_by by;

	if (seen != NONE)
		see_token(p, e->endpoint, e->token, e->role);
	asset = find_asset(p, group, e->token, e->role == RECORD_ROLE_SERVER, &by);
	if (asset)
		e->asset = *asset;
	return asset;
}

bool peers_text(const struct peers *p, uint64_t endpoint, char *text, size_t len)
{
	uint32_t i = index_find(&p->endpoint_index, endpoint, 0);

	if (i == NONE)
		return false;
	snprintf(text, len, "%s%s", p->endpoints[i].host, p->endpoints[i].path);
	return true;
}

size_t peers_seen(const struct peers *p, struct peer_seen *out, size_t max)
{
	size_t len = 0;

	for (uint32_t n = 0; n < p->tokens_len && len < max; n++) {
		uint32_t t = (uint32_t)((n + p->tokens_hand) % p->tokens_len);
		const uint64_t *key = p->token_index.keys[t];
		uint32_t e = index_find(&p->endpoint_index, key[0], 0);
		struct peer_seen *seen = &out[len];
		const struct asset *asset;

		if (e == NONE)
			continue;
		memset(seen, 0, sizeof(*seen));
		seen->endpoint = key[0];
		seen->token = key[1];
		seen->role = p->tokens[t].role;
		memcpy(seen->host, p->endpoints[e].host, sizeof(seen->host));
		memcpy(seen->path, p->endpoints[e].path, sizeof(seen->path));
		asset = find_asset(p, p->endpoints[e].group, seen->token,
				   seen->role == RECORD_ROLE_SERVER, &seen->by);
		seen->attributed = asset;
		if (asset)
			seen->asset = *asset;
		len++;
	}
	return len;
}

uint64_t peers_evicted(const struct peers *p)
{
	return p->evicted;
}

/* --- for the commands --------------------------------------------------------------------------
 */

static struct json_object *seen_json(const struct peer_seen *seen)
{
	static const char *const roles[] = {
		[RECORD_ROLE_UNKNOWN] = "unknown",
		[RECORD_ROLE_CLIENT] = "client",
		[RECORD_ROLE_SERVER] = "server",
	};
	static const char *const bys[] = {
		[PEERS_BY_BOTH] = "endpoint and token",
		[PEERS_BY_ENDPOINT] = "endpoint",
		[PEERS_BY_TOKEN] = "token",
		[PEERS_BY_DEFAULT] = "default",
	};
	char text[RECORD_HOST_MAX + RECORD_PATH_MAX + 1], token[17];
	struct json_object *peer = json_object_new_object(), *asset = NULL;
	unsigned role = seen->role <= RECORD_ROLE_SERVER ? seen->role : RECORD_ROLE_UNKNOWN;

	snprintf(text, sizeof(text), "%s%s", seen->host, seen->path);
	snprintf(token, sizeof(token), "%016" PRIx64, seen->token);
	if (!peer)
		return NULL;
	if (seen->attributed)
		asset = json_object_new_object();
	if (asset) {
		json_object_object_add(asset, "code", json_object_new_string(seen->asset.code));
		json_object_object_add(asset, "scale", json_object_new_int(seen->asset.scale));
	}
	json_object_object_add(peer, "role", json_object_new_string(roles[role]));
	json_object_object_add(peer, "endpoint", json_object_new_string(text));
	json_object_object_add(peer, "token", seen->token ? json_object_new_string(token) : NULL);
	json_object_object_add(peer, "asset", asset);
	json_object_object_add(peer, "by", seen->by ? json_object_new_string(bys[seen->by]) : NULL);
	return peer;
}

char *peers_json(const struct peers *p)
{
	struct peer_seen *seen = calloc(p->capacity, sizeof(*seen));
	struct json_object *root = json_object_new_object(), *list = json_object_new_array();
	const char *text = NULL;
	char *out = NULL;
	size_t len;

	if (!seen || !root || !list) {
		json_object_put(list);
		goto out;
	}
	json_object_object_add(root, "peers", list);
	len = peers_seen(p, seen, p->capacity);
	for (size_t i = 0; i < len; i++)
		json_object_array_add(list, seen_json(&seen[i]));
	text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_NOSLASHESCAPE);
	out = text ? strdup(text) : NULL;
out:
	json_object_put(root);
	free(seen);
	return out;
}
