/* SPDX-License-Identifier: Apache-2.0 */
/* lists.c - reads targets, peers, endpoints and attributes, and refuses duplicates. */
#include "config/lists.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/notes.h"
#include "config/setters.h"
#include "config/text.h"
#include "config/traits.h"
#include "config/url.h"
#include "base/url.h"

/* --- targets ----------------------------------------------------------------------------- */

static struct config_target *target_named(struct walk *w, yaml_node_t *value, void *field,
					  const char **text)
{
	struct config_target *target = field;

	*text = walk_text(w, value);
	if (!*text)
		return NULL;
	if (target->name) {
		walk_error(w, value,
			   "%s: the target is named twice; keep one of unit, container, "
			   "pod, executable, cgroup and pid",
			   w->path);
		return NULL;
	}
	return target;
}

static void set_unit(struct walk *w, yaml_node_t *value, const struct walk_key *key, void *field)
{
	const char *text;
	struct config_target *target = target_named(w, value, field, &text);

	(void)key;
	if (!target)
		return;
	if (strchr(text, '/') || !strchr(text, '.'))
		walk_error(w, value,
			   "%s: '%.80s' is not a systemd unit; write its whole name, "
			   "like rafiki-backend.service",
			   w->path, text);
	target->kind = TARGET_UNIT;
	walk_copy(w, value, &target->name);
}

static void set_path(struct walk *w, yaml_node_t *value, enum config_target_kind kind, void *field)
{
	char why[CONFIG_WHY];
	const char *text;
	struct config_target *target = target_named(w, value, field, &text);

	if (!target)
		return;
	walk_refuse(w, value, config_check_absolute(text, why), why);
	target->kind = kind;
	walk_copy(w, value, &target->name);
}

static void set_cgroup(struct walk *w, yaml_node_t *value, const struct walk_key *key, void *field)
{
	(void)key;
	set_path(w, value, TARGET_CGROUP, field);
}

static void set_executable(struct walk *w, yaml_node_t *value, const struct walk_key *key,
			   void *field)
{
	(void)key;
	set_path(w, value, TARGET_EXECUTABLE, field);
}

static void set_pid(struct walk *w, yaml_node_t *value, const struct walk_key *key, void *field)
{
	char why[CONFIG_WHY];
	const char *text;
	struct config_target *target = target_named(w, value, field, &text);
	uint64_t pid;

	if (!target)
		return;
	walk_refuse(w, value, config_parse_number(text, key->min, key->max, &pid, why), why);
	target->kind = TARGET_PID;
	walk_copy(w, value, &target->name);
}

static void set_traits(struct walk *w, yaml_node_t *value, enum config_target_kind kind,
		       void *field)
{
	char why[CONFIG_WHY];
	const char *text;
	struct config_target *target = target_named(w, value, field, &text);
	struct traits traits;
	int err;

	if (!target)
		return;
	err = traits_parse(kind, text, &traits, why);
	walk_refuse(w, value, err, why);
	if (!err)
		traits_fini(&traits);
	target->kind = kind;
	walk_copy(w, value, &target->name);
}

static void set_container(struct walk *w, yaml_node_t *value, const struct walk_key *key,
			  void *field)
{
	(void)key;
	set_traits(w, value, TARGET_CONTAINER, field);
}

static void set_pod(struct walk *w, yaml_node_t *value, const struct walk_key *key, void *field)
{
	(void)key;
	set_traits(w, value, TARGET_POD, field);
}

static void set_forwards(struct walk *w, yaml_node_t *value, const struct walk_key *key,
			 void *field)
{
	const char *text = walk_text(w, value);

	(void)key;
	if (!text)
		return;
	if (strcmp(text, "never"))
		walk_error(w, value,
			   "%s: '%.40s' is not an answer; write never if all outgoing "
			   "payments are this target's own, else remove the key",
			   w->path, text);
	else
		((struct config_target *)field)->never_forwards = true;
}

static const struct walk_key target_keys[] = {
	WALK_KEY("unit", set_unit, 0),
	WALK_KEY("container", set_container, 0),
	WALK_KEY("pod", set_pod, 0),
	WALK_KEY("executable", set_executable, 0),
	WALK_KEY("cgroup", set_cgroup, 0),
	WALK_KEY("pid", set_pid, 0, .min = 1, .max = 4194304),
	WALK_KEY("forwards", set_forwards, 0),
};
WALK_SCHEMA(target_schema, "a target", target_keys);

static void set_target(struct walk *w, yaml_node_t *item, const struct walk_key *key, void *element)
{
	struct config_target *target = element;
	unsigned before = w->l->errors_len;

	(void)key;
	target->line = (unsigned)item->start_mark.line + 1;
	walk_mapping(w, item, &target_schema, target);
	if (!target->name && w->l->errors_len == before)
		walk_error(w, item,
			   "%s: a target has no name; add unit, container, pod, "
			   "executable, cgroup or pid",
			   w->path);
}

/* The node of item I of the list NODE. */
static yaml_node_t *item_of(struct walk *w, yaml_node_t *node, size_t i)
{
	return yaml_document_get_node(w->document, node->data.sequence.items.start[i]);
}

void config_set_targets(struct walk *w, yaml_node_t *value, const struct walk_key *key, void *field)
{
	struct config *c = field;

	(void)key;
	c->targets = walk_sequence(w, value, CONFIG_TARGETS_MAX, sizeof(*c->targets), set_target,
				   &c->targets_len);
	for (size_t i = 0; i < c->targets_len; i++) {
		for (size_t j = 0; c->targets[i].name && j < i; j++) {
			if (c->targets[j].name && c->targets[i].kind == c->targets[j].kind &&
			    !strcmp(c->targets[i].name, c->targets[j].name))
				walk_error(w, item_of(w, value, i),
					   "%s.%zu: '%.80s' is a target already, in line %u; "
					   "remove one",
					   w->path, i, c->targets[i].name, c->targets[j].line);
		}
	}
}

/* --- peers ------------------------------------------------------------------------------- */

static void set_peer_endpoint(struct walk *w, yaml_node_t *value, const struct walk_key *key,
			      void *field)
{
	char why[CONFIG_WHY];
	const char *text = walk_text(w, value);

	(void)key;
	if (text)
		walk_refuse(w, value, config_parse_peer_endpoint(text, field, why), why);
}

static void set_token(struct walk *w, yaml_node_t *value, const struct walk_key *key, void *field)
{
	struct peer *peer = field;
	char why[CONFIG_WHY];
	const char *text = walk_text(w, value);
	int err = text ? config_parse_token(text, &peer->token, why) : -EINVAL;

	(void)key;
	if (text)
		walk_refuse(w, value, err, why);
	peer->has_token = !err;
}

static const struct walk_key peer_keys[] = {
	WALK_KEY("name", walk_set_text, WALK_FIELD(peer, name)),
	WALK_KEY("endpoint", set_peer_endpoint, WALK_FIELD(peer, endpoint), .required = true),
	WALK_KEY("token", set_token, 0),
	WALK_KEY("asset", walk_set_asset, WALK_FIELD(peer, asset), .required = true),
};
WALK_SCHEMA(peer_schema, "a peer", peer_keys);

static void set_peer(struct walk *w, yaml_node_t *item, const struct walk_key *key, void *element)
{
	(void)key;
	walk_mapping(w, item, &peer_schema, element);
}

/* A peer and its place in the list; sorting puts equal peers next to each other. */
struct peer_place {
	const struct peer *peer;
	size_t index;
};

static int peer_place_compare(const void *a, const void *b)
{
	const struct peer_place *x = a, *y = b;
	int order = strcmp(x->peer->endpoint, y->peer->endpoint);

	if (!order)
		order = (x->peer->token > y->peer->token) - (x->peer->token < y->peer->token);
	if (!order)
		order = (x->index > y->index) - (x->index < y->index);
	return order;
}

static bool same_peer(const struct peer *a, const struct peer *b)
{
	return a->token == b->token && !strcmp(a->endpoint, b->endpoint);
}

static void complain_same_peers(struct walk *w, yaml_node_t *list, const struct config *c)
{
	struct peer_place *places = calloc(c->peers_len + 1, sizeof(*places));
	size_t len = 0;

	if (!places) {
		w->l->no_memory = true;
		return;
	}
	for (size_t i = 0; i < c->peers_len; i++) {
		if (c->peers[i].endpoint)
			places[len++] = (struct peer_place){&c->peers[i], i};
	}
	qsort(places, len, sizeof(*places), peer_place_compare);
	for (size_t i = 1; i < len; i++) {
		if (same_peer(places[i - 1].peer, places[i].peer))
			walk_error(w, item_of(w, list, places[i].index),
				   "%s.%zu: the endpoint %.120s is in line %zu already, with the "
				   "same token or none; remove one, or tell them apart by "
				   "token",
				   w->path, places[i].index, places[i].peer->endpoint,
				   item_of(w, list, places[i - 1].index)->start_mark.line + 1);
	}
	free(places);
}

void config_set_peers(struct walk *w, yaml_node_t *value, const struct walk_key *key, void *field)
{
	struct config *c = field;

	(void)key;
	c->peers = walk_sequence(w, value, CONFIG_PEERS_MAX, sizeof(*c->peers), set_peer,
				 &c->peers_len);
	complain_same_peers(w, value, c);
}

void config_set_default_asset(struct walk *w, yaml_node_t *value, const struct walk_key *key,
			      void *field)
{
	struct config *c = field;

	walk_set_asset(w, value, key, &c->default_asset);
	c->has_default_asset = true;
}

/* --- export ------------------------------------------------------------------------------ */

static void set_url(struct walk *w, yaml_node_t *value, const struct walk_key *key, void *field)
{
	char why[CONFIG_WHY], shown[URL_SHOWN];
	const char *text = walk_text(w, value);

	(void)key;
	if (!text)
		return;
	url_show(text, shown);
	/* The operator must choose between plain text and TLS; telltale does not guess. */
	if (!strstr(text, "://"))
		walk_error(w, value,
			   "%s: '%.120s' has no scheme; write http://%.120s or, with TLS, "
			   "https://%.120s",
			   w->path, shown, shown, shown);
	else
		walk_refuse(w, value, config_parse_url(text, false, field, why), why);
}

static void set_audience(struct walk *w, yaml_node_t *value, const struct walk_key *key,
			 void *field)
{
	const char *text = walk_text(w, value);

	(void)key;
	if (!text)
		return;
	if (!strcmp(text, "network"))
		*(enum audience *)field = AUDIENCE_NETWORK;
	else if (!strcmp(text, "own"))
		*(enum audience *)field = AUDIENCE_OWN;
	else
		walk_error(w, value,
			   "%s: no audience '%.40s'; write network for a collector of "
			   "the network, own for one of yours",
			   w->path, text);
}

/* The check changes the name to lower case; the note of where it came from moves to that name. */
static void check_header(struct walk *w, yaml_node_t *node, struct config_header *headers, size_t i)
{
	struct config_source source;
	char why[CONFIG_WHY];
	size_t mark = walk_enter(w, headers[i].name);

	source = config_noted(w->l->config, w->path);
	walk_leave(w, mark);
	walk_refuse(w, node, config_check_header(headers, i, why), why);
	mark = walk_enter(w, headers[i].name);
	if (config_note(w->l->config, w->path, source))
		w->l->no_memory = true;
	walk_leave(w, mark);
}

static void set_headers(struct walk *w, yaml_node_t *value, const struct walk_key *key, void *field)
{
	struct config_endpoint *e = field;
	struct config_attribute *pairs = walk_pairs(w, value, &e->headers_len);

	(void)key;
	if (!pairs)
		return;
	e->headers = calloc(e->headers_len + 1, sizeof(*e->headers));
	if (!e->headers) {
		w->l->no_memory = true;
		config_pairs_free(pairs, e->headers_len);
		e->headers_len = 0;
		return;
	}
	for (size_t i = 0; i < e->headers_len; i++) {
		e->headers[i] = (struct config_header){pairs[i].key, pairs[i].value};
		if (pairs[i].key && pairs[i].value)
			check_header(w, value, e->headers, i);
	}
	free(pairs);
}

static void set_compression(struct walk *w, yaml_node_t *value, const struct walk_key *key,
			    void *field)
{
	char why[CONFIG_WHY];
	const char *text = walk_text(w, value);

	(void)key;
	if (text)
		walk_refuse(w, value, config_parse_compression(text, field, why), why);
}

static void set_histograms(struct walk *w, yaml_node_t *value, const struct walk_key *key,
			   void *field)
{
	const char *text = walk_text(w, value);

	(void)key;
	if (!text)
		return;
	if (!strcmp(text, "explicit"))
		*(bool *)field = false;
	else if (!strcmp(text, "exponential"))
		*(bool *)field = true;
	else
		walk_error(w, value,
			   "%s: no histograms '%.40s'; write explicit for fixed buckets, or "
			   "exponential",
			   w->path, text);
}

static const struct walk_key endpoint_keys[] = {
	WALK_KEY("url", set_url, 0, .required = true),
	WALK_KEY("audience", set_audience, WALK_FIELD(config_endpoint, audience), .required = true),
	WALK_KEY("ca", walk_set_path, WALK_FIELD(config_endpoint, ca_file)),
	WALK_KEY("cert", walk_set_path, WALK_FIELD(config_endpoint, cert_file)),
	WALK_KEY("key", walk_set_path, WALK_FIELD(config_endpoint, key_file)),
	WALK_KEY("headers", set_headers, 0),
	WALK_KEY("timeout", walk_set_duration, WALK_FIELD(config_endpoint, timeout_ms),
		 .min = CONFIG_TIMEOUT_MIN_MS, .max = CONFIG_TIMEOUT_MAX_MS),
	WALK_KEY("compression", set_compression, WALK_FIELD(config_endpoint, gzip)),
	WALK_KEY("histograms", set_histograms, WALK_FIELD(config_endpoint, exponential)),
	WALK_KEY("traces", walk_set_flag, WALK_FIELD(config_endpoint, traces)),
	WALK_KEY("network", walk_set_network, WALK_FIELD(config_endpoint, network)),
};
WALK_SCHEMA(endpoint_schema, "an endpoint", endpoint_keys);

static void set_endpoint(struct walk *w, yaml_node_t *item, const struct walk_key *key,
			 void *element)
{
	struct config_endpoint *e = element;
	unsigned before = w->l->errors_len;
	char why[CONFIG_WHY];

	(void)key;
	config_endpoint_init(e);
	walk_mapping(w, item, &endpoint_schema, e);
	if (w->l->errors_len == before)
		walk_refuse(w, item, config_check_endpoint(e, why), why);
}

void config_set_endpoints(struct walk *w, yaml_node_t *value, const struct walk_key *key,
			  void *field)
{
	struct config *c = field;

	(void)key;
	c->endpoints = walk_sequence(w, value, CONFIG_ENDPOINTS_MAX, sizeof(*c->endpoints),
				     set_endpoint, &c->endpoints_len);
	for (size_t i = 0; i < c->endpoints_len; i++) {
		const struct config_endpoint *e = &c->endpoints[i];

		for (size_t j = 0; e->authority && j < i; j++) {
			if (config_same_collector(e, &c->endpoints[j]))
				walk_error(w, item_of(w, value, i),
					   "%s.%zu: %.120s is an endpoint already, in line %zu, "
					   "and %s",
					   w->path, i, e->authority,
					   item_of(w, value, j)->start_mark.line + 1,
					   config_same_collector_words(e, &c->endpoints[j]));
		}
	}
}

/* service.name has its own field; the other attributes are kept in their order. */
void config_set_resource(struct walk *w, yaml_node_t *value, const struct walk_key *key,
			 void *field)
{
	struct config *c = field;
	char why[CONFIG_WHY];
	size_t len;
	struct config_attribute *pairs = walk_pairs(w, value, &len);

	(void)key;
	c->attributes = pairs;
	for (size_t i = 0; i < len; i++) {
		struct config_attribute pair = pairs[i];

		if (!pair.key || !pair.value) {
			free(pair.key);
			free(pair.value);
		} else if (!strcmp(pair.key, "service.name")) {
			free(c->service_name);
			c->service_name = pair.value;
			free(pair.key);
		} else {
			walk_refuse(w, value, config_check_attribute(pair.key, why), why);
			c->attributes[c->attributes_len++] = pair;
		}
	}
}
