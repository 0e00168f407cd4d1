/* SPDX-License-Identifier: Apache-2.0 */
/* peers_import.c - reads the operator's list of peers and replaces tokens by fingerprints. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>
#include <json-c/printbuf.h>

#include "config/config.h"
#include "config/text.h"
#include "config/url.h"
#include "cmd/peers_yaml.h"

/* One item to print. */
struct item {
	size_t entry; /* counted from 1 */
	char *name;   /* may be NULL */
	char *endpoint;
	uint64_t token; /* 0: none */
	bool incoming;
	bool contradicted; /* another entry names another asset for it: not printed */
	struct asset asset;
};

struct import {
	const char *source;
	const struct hostkey *key;
	FILE *errors;
	int err;
	size_t entry; /* the current one, from 1 */
	bool more;    /* the page read last says that others follow it */
	const char *entry_name;
	struct item *items;
	size_t items_len, items_size;
};

static void complain(struct import *im, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void complain(struct import *im, const char *format, ...)
{
	va_list args;

	if (!im->err)
		im->err = -EINVAL;
	fprintf(im->errors, "%s: ", im->source);
	if (im->entry) {
		fprintf(im->errors, "entry %zu", im->entry);
		if (im->entry_name) {
			fputs(" (", im->errors);
			config_print_scalar(im->errors, im->entry_name);
			fputc(')', im->errors);
		}
		fputs(": ", im->errors);
	}
	va_start(args, format);
	vfprintf(im->errors, format, args);
	va_end(args);
	fputc('\n', im->errors);
}

/* The value at PATH in OBJECT, such as "http.outgoing.endpoint"; NULL when a step is missing. */
static struct json_object *at(struct json_object *object, const char *path)
{
	char copy[64], *rest = copy, *step;

	snprintf(copy, sizeof(copy), "%s", path);
	while ((step = strsep(&rest, "."))) {
		struct json_object *next = NULL;

		if (!json_object_is_type(object, json_type_object) ||
		    !json_object_object_get_ex(object, step, &next))
			return NULL;
		object = next;
	}
	return object;
}

static const char *text_at(struct json_object *object, const char *path)
{
	struct json_object *value = at(object, path);

	if (!json_object_is_type(value, json_type_string))
		return NULL;
	return json_object_get_string(value);
}

static uint64_t fingerprint(const struct import *im, const char *token)
{
	if (!strncasecmp(token, "Bearer ", 7))
		token += 7;
	return hostkey_fingerprint(im->key, token, strlen(token));
}

/* Adds ITEM and takes ownership of its texts. */
static void add_item(struct import *im, struct item *item)
{
	struct item *list;

	for (size_t i = 0; i < im->items_len; i++) {
		struct item *other = &im->items[i];

		if (other->token != item->token || strcmp(other->endpoint, item->endpoint))
			continue;
		if (other->asset.scale != item->asset.scale ||
		    strcmp(other->asset.code, item->asset.code)) {
			complain(im,
				 "has the same endpoint and token, or no token, as entry %zu but "
				 "another asset; ask for authToken in the query, or fix the list",
				 other->entry);
			other->contradicted = true;
		}
		goto drop; /* the same peer again */
	}
	if (im->items_len == CONFIG_PEERS_MAX) {
		complain(im,
			 "is one more than the %d peers a configuration can have; leave some "
			 "to default_asset",
			 CONFIG_PEERS_MAX);
		goto drop;
	}
	if (im->items_len == im->items_size) {
		im->items_size = im->items_size ? 2 * im->items_size : 64;
		list = reallocarray(im->items, im->items_size, sizeof(*list));
		if (!list) {
			im->err = -ENOMEM;
			goto drop;
		}
		im->items = list;
	}
	im->items[im->items_len++] = *item;
	return;
drop:
	free(item->name);
	free(item->endpoint);
}

static void add_token(struct import *im, const struct item *peer, const char *token, bool incoming)
{
	struct item item = *peer;

	item.name = peer->name ? strdup(peer->name) : NULL;
	item.endpoint = strdup(peer->endpoint);
	if (!item.endpoint || (peer->name && !item.name)) {
		im->err = -ENOMEM;
		free(item.name);
		free(item.endpoint);
		return;
	}
	item.token = token ? fingerprint(im, token) : 0;
	item.incoming = incoming;
	add_item(im, &item);
}

static void read_incoming(struct import *im, struct json_object *node, const struct item *peer)
{
	struct json_object *list = at(node, "http.incoming.authTokens");

	if (!list)
		list = at(node, "incoming");
	if (!list)
		return;
	if (!json_object_is_type(list, json_type_array)) {
		complain(im, "its incoming tokens are not an array; write [\"token\", ...]");
		return;
	}
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *token = json_object_array_get_idx(list, i);

		if (json_object_is_type(token, json_type_string) && *json_object_get_string(token))
			add_token(im, peer, json_object_get_string(token), true);
		else
			complain(im, "incoming token %zu is not a text; write it in quotes", i + 1);
	}
}

static void read_asset(struct import *im, struct json_object *node, struct asset *asset)
{
	const char *code = text_at(node, "asset.code");
	struct json_object *scale = at(node, "asset.scale");
	char why[CONFIG_WHY];

	if (!code)
		complain(im, "has no asset.code; ask for `asset { code scale }` in the query");
	else if (config_check_text(code, strlen(code), why) ||
		 config_parse_asset_code(code, asset, why))
		complain(im, "asset.code: %s", why);
	if (!json_object_is_type(scale, json_type_int))
		complain(im, "has no asset.scale; ask for `asset { code scale }` in the query");
	else if (json_object_get_int64(scale) < 0 || json_object_get_int64(scale) > 38)
		complain(im, "asset.scale: is out of range; 0 to 38 are possible");
	else
		asset->scale = (uint8_t)json_object_get_int64(scale);
}

static void read_peer(struct import *im, struct json_object *node)
{
	static const char *const endpoints[] = {"http.outgoing.endpoint", "httpOutgoingEndpoint",
						"endpoint"};
	const char *endpoint = NULL, *token;
	struct item peer = {.entry = im->entry};
	char why[CONFIG_WHY];
	int before = im->err;

	im->entry_name = text_at(node, "name");
	if (im->entry_name && config_check_text(im->entry_name, strlen(im->entry_name), why))
		im->entry_name = NULL; /* the name is only for people */
	peer.name = (char *)im->entry_name;
	for (size_t i = 0; !endpoint && i < sizeof(endpoints) / sizeof(endpoints[0]); i++)
		endpoint = text_at(node, endpoints[i]);
	im->err = 0;
	read_asset(im, node, &peer.asset);
	if (!endpoint)
		complain(im, "has no http.outgoing.endpoint; ask for `http { outgoing { endpoint "
			     "authToken } }` in the query");
	else if (config_parse_peer_endpoint(endpoint, &peer.endpoint, why))
		complain(im, "http.outgoing.endpoint: %s", why);
	if (!im->err) {
		token = text_at(node, "http.outgoing.authToken");
		if (!token)
			token = text_at(node, "token");
		add_token(im, &peer, token && *token ? token : NULL, false);
		read_incoming(im, node, &peer);
	}
	free(peer.endpoint);
	if (before)
		im->err = before;
	im->entry_name = NULL;
}

static void read_list(struct import *im, struct json_object *list)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);
		struct json_object *node = at(entry, "node");

		im->entry++;
		read_peer(im, node ? node : entry);
	}
}

/* The list in an answer of the API, with or without the envelope of GraphQL, or in one of
 * telltale's; NULL: ANSWER is none. */
static struct json_object *list_of(struct json_object *answer)
{
	static const char *const paths[] = {"data.peers.edges", "peers.edges", "peers"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct json_object *list = at(answer, paths[i]);

		if (json_object_is_type(list, json_type_array))
			return list;
	}
	return NULL;
}

static void refuse_answer(struct import *im, struct json_object *answer)
{
	struct json_object *errors = at(answer, "errors");
	const char *message = NULL;

	im->entry = 0;
	if (json_object_is_type(errors, json_type_array))
		message = text_at(json_object_array_get_idx(errors, 0), "message");
	if (message)
		complain(im, "the API refused the query: %.200s", message);
	else
		complain(im, "holds no peers; give the answer of Rafiki's admin API to its peers "
			     "query, or an array of {name, endpoint, token, asset: {code, scale}}");
}

/* One page: an answer, or an array of entries. */
static void read_page(struct import *im, struct json_object *root)
{
	struct json_object *list = list_of(root),
			   *more = at(root, "data.peers.pageInfo.hasNextPage");

	if (!more)
		more = at(root, "peers.pageInfo.hasNextPage");
	im->more = json_object_get_boolean(more);
	if (json_object_is_type(root, json_type_array))
		list = root;
	if (list)
		read_list(im, list);
	else
		refuse_answer(im, root);
}

/* An array may hold pages too, as `jq --slurp` makes it. */
static void read_root(struct import *im, struct json_object *root)
{
	bool pages = json_object_is_type(root, json_type_array) && json_object_array_length(root) &&
		     list_of(json_object_array_get_idx(root, 0));

	if (!pages)
		read_page(im, root);
	for (size_t i = 0; pages && i < json_object_array_length(root); i++)
		read_page(im, json_object_array_get_idx(root, i));
}

/* Overwrites every text in OBJECT. This works because json-c returns its own buffer. */
static void wipe(struct json_object *object)
{
	switch (json_object_get_type(object)) {
	case json_type_string:
		explicit_bzero((char *)json_object_get_string(object),
			       (size_t)json_object_get_string_len(object));
		break;
	case json_type_array:
		for (size_t i = 0; i < json_object_array_length(object); i++)
			wipe(json_object_array_get_idx(object, i));
		break;
	case json_type_object: {
		json_object_object_foreach(object, name, value)
		{
			(void)name;
			wipe(value);
		}
		break;
	}
	default: break;
	}
}

static void place_of(const char *json, size_t end, size_t *line, size_t *column)
{
	*line = *column = 1;
	for (size_t i = 0; i < end; i++) {
		*column = json[i] == '\n' ? 1 : *column + 1;
		*line += json[i] == '\n';
	}
}

/* Parses the value that begins at *END, one of several; *END is then behind it. NULL after an
 * error. */
static struct json_object *parse(struct import *im, const char *json, size_t len, size_t *end)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *root = NULL;
	enum json_tokener_error error;
	size_t line, column;

	/* The tokener collects each string in its own buffer. It gets room for the longest possible
	 * string at the start, so that it never moves and leaves a copy behind. */
	if (!tokener || len > INT_MAX - 64 ||
	    printbuf_memset(tokener->pb, 0, 0, (int)len + 1) < 0) {
		im->err = -ENOMEM;
		if (tokener)
			json_tokener_free(tokener);
		return NULL;
	}
	printbuf_reset(tokener->pb);
	json_tokener_set_flags(tokener, JSON_TOKENER_VALIDATE_UTF8);
	root = json_tokener_parse_ex(tokener, json + *end, (int)(len - *end));
	error = json_tokener_get_error(tokener);
	*end += json_tokener_get_parse_end(tokener);
	place_of(json, *end < len ? *end : len, &line, &column);
	if (!root) {
		im->entry = 0;
		complain(im,
			 "not JSON at line %zu, column %zu: %s; give the whole answer, as the "
			 "API sent it",
			 line, column,
			 error == json_tokener_continue ? "it ends too early"
							: json_tokener_error_desc(error));
	}
	explicit_bzero(tokener->pb->buf, (size_t)tokener->pb->size);
	json_tokener_free(tokener);
	return root;
}

static void print_items(const struct import *im, FILE *out)
{
	for (size_t i = 0; i < im->items_len; i++) {
		const struct item *item = &im->items[i];

		if (item->contradicted)
			continue;
		peers_yaml_entry(out, item->name, item->endpoint, item->token, &item->asset,
				 item->incoming ? "its token on incoming requests" : NULL);
	}
}

static bool only_blanks(const char *json, size_t len)
{
	while (len && strchr(" \t\r\n", *json) && *json) {
		json++;
		len--;
	}
	return !len;
}

int peers_yaml_import(const char *json, size_t len, const char *source, const struct hostkey *key,
		      FILE *out, FILE *errors)
{
	struct import im = {.source = source, .key = key, .errors = errors};
	struct json_object *root;
	size_t end = 0;

	do {
		root = parse(&im, json, len, &end);
		if (root)
			read_root(&im, root);
		wipe(root);
		json_object_put(root);
	} while (root && end < len && !only_blanks(json + end, len - end));
	/* Of a list that was cut, nobody knows what is missing. */
	if (root && im.err != -ENOMEM)
		print_items(&im, out);
	im.entry = 0;
	if (root && im.more)
		fprintf(errors,
			"%s: warning: the last page says that others follow it; ask for them with "
			"`after:` and the endCursor of this one, and give all pages together\n",
			source);
	for (size_t i = 0; i < im.items_len; i++) {
		free(im.items[i].name);
		free(im.items[i].endpoint);
	}
	free(im.items);
	return im.err;
}
