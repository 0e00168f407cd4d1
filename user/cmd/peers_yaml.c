/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/peers_yaml.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "cmd/jsonout.h"
#include "config/config.h"

void peers_yaml_entry(FILE *out, const char *name, const char *endpoint, uint64_t token,
		      const struct asset *asset, const char *remark)
{
	fputs("  - ", out);
	if (name) {
		fputs("name: ", out);
		config_print_scalar(out, name);
		fputs("\n    ", out);
	}
	fputs("endpoint: ", out);
	config_print_scalar(out, endpoint);
	if (token)
		fprintf(out, "\n    token: %016" PRIx64, token);
	fputs("\n    asset: ", out);
	if (asset) {
		fputs("{code: ", out);
		config_print_scalar(out, asset->code);
		fprintf(out, ", scale: %u}", asset->scale);
	} else {
		fputs("{code: ?, scale: ?}", out);
	}
	fprintf(out, "%s%s\n", remark ? "  # " : "", remark ? remark : "");
}

/* The member NAME of OBJECT if it is of type TYPE, else NULL. */
static struct json_object *member(struct json_object *object, const char *name, enum json_type type)
{
	struct json_object *value = NULL;

	if (!json_object_is_type(object, json_type_object))
		return NULL;
	json_object_object_get_ex(object, name, &value);
	return json_object_is_type(value, type) ? value : NULL;
}

static const char *member_text(struct json_object *object, const char *name)
{
	return json_object_get_string(member(object, name, json_type_string));
}

static const char *remark_of(struct json_object *peer, bool attributed)
{
	const char *role = member_text(peer, "role"), *by = member_text(peer, "by");
	bool incoming = role && !strcmp(role, "server");

	if (!attributed)
		return incoming ? "incoming: fill in the asset of the peer with this token"
				: "fill in";
	if (by && !strcmp(by, "default"))
		return incoming ? "incoming, from default_asset" : "from default_asset";
	return incoming ? "incoming" : NULL;
}

static int print_seen(struct json_object *peer, FILE *out)
{
	const char *endpoint = member_text(peer, "endpoint"), *token = member_text(peer, "token");
	struct json_object *object = member(peer, "asset", json_type_object);
	struct json_object *scale = member(object, "scale", json_type_int);
	const char *code = member_text(object, "code");
	struct asset asset = {.code = ""};

	if (!endpoint || (object && (!code || !scale)))
		return -EBADMSG;
	if (object) {
		snprintf(asset.code, sizeof(asset.code), "%s", code);
		asset.scale = (uint8_t)json_object_get_int(scale);
	}
	peers_yaml_entry(out, NULL, endpoint, token ? strtoull(token, NULL, 16) : 0,
			 object ? &asset : NULL, remark_of(peer, object));
	return 0;
}

/* The answer as an object with "peers"; NULL when it is not such an answer. */
static struct json_object *parse_answer(const char *json, size_t len)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *root = tokener ? json_tokener_parse_ex(tokener, json, (int)len) : NULL;

	json_tokener_free(tokener);
	if (root && !member(root, "peers", json_type_array)) {
		json_object_put(root);
		root = NULL;
	}
	return root;
}

int peers_yaml_answer(const char *json, size_t len, FILE *out)
{
	struct json_object *root = parse_answer(json, len);
	struct json_object *list = member(root, "peers", json_type_array);
	int err = list ? 0 : -EBADMSG;

	for (size_t i = 0; !err && i < json_object_array_length(list); i++)
		err = print_seen(json_object_array_get_idx(list, i), out);
	json_object_put(root);
	return err;
}

int peers_json_answer(const char *json, size_t len)
{
	struct json_object *root = parse_answer(json, len);

	return root ? jsonout_print(root) : -EBADMSG;
}
