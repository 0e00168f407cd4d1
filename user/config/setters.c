/* SPDX-License-Identifier: Apache-2.0 */
#include "config/setters.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/text.h"

void walk_set_flag(struct walk *w, yaml_node_t *value, const struct walk_key *key, void *field)
{
	const char *text = walk_text(w, value);
	bool plain;

	(void)key;
	if (!text)
		return;
	plain = value->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (plain && !strcmp(text, "true"))
		*(bool *)field = true;
	else if (plain && !strcmp(text, "false"))
		*(bool *)field = false;
	else
		walk_error(w, value,
			   "%s: '%.40s' is not true or false; write one of them, "
			   "without quotes",
			   w->path, text);
}

void walk_set_text(struct walk *w, yaml_node_t *value, const struct walk_key *key, void *field)
{
	(void)key;
	walk_copy(w, value, field);
}

void walk_set_path(struct walk *w, yaml_node_t *value, const struct walk_key *key, void *field)
{
	char why[CONFIG_WHY];
	const char *text = walk_text(w, value);
	int err = text ? config_check_absolute(text, why) : -EINVAL;

	(void)key;
	if (!err)
		walk_copy(w, value, field);
	else if (text)
		walk_refuse(w, value, err, why);
}

void walk_set_duration(struct walk *w, yaml_node_t *value, const struct walk_key *key, void *field)
{
	char why[CONFIG_WHY];
	const char *text = walk_text(w, value);

	if (text)
		walk_refuse(w, value,
			    config_parse_duration(text, (uint32_t)key->min, (uint32_t)key->max,
						  field, why),
			    why);
}

void walk_set_number(struct walk *w, yaml_node_t *value, const struct walk_key *key, void *field)
{
	char why[CONFIG_WHY];
	const char *text = walk_text(w, value);

	if (text)
		walk_refuse(w, value, config_parse_number(text, key->min, key->max, field, why),
			    why);
}

static void set_scale(struct walk *w, yaml_node_t *value, const struct walk_key *key, void *field)
{
	uint64_t scale = 0;

	walk_set_number(w, value, key, &scale);
	*(uint8_t *)field = (uint8_t)scale;
}

static void set_code(struct walk *w, yaml_node_t *value, const struct walk_key *key, void *field)
{
	char why[CONFIG_WHY];
	const char *text = walk_text(w, value);

	(void)key;
	if (text)
		walk_refuse(w, value, config_parse_asset_code(text, field, why), why);
}

static const struct walk_key asset_keys[] = {
	WALK_KEY("code", set_code, 0, .required = true),
	WALK_KEY("scale", set_scale, WALK_FIELD(asset, scale), .min = 0, .max = 38,
		 .required = true),
};
WALK_SCHEMA(asset_schema, "an asset", asset_keys);

void walk_set_asset(struct walk *w, yaml_node_t *value, const struct walk_key *key, void *field)
{
	(void)key;
	walk_mapping(w, value, &asset_schema, field);
}

void walk_set_network(struct walk *w, yaml_node_t *value, const struct walk_key *key, void *field)
{
	char why[CONFIG_WHY];
	const char *text = walk_text(w, value);

	(void)key;
	if (text && config_parse_network(text, field, why))
		walk_error(w, value, "%s: %s", w->path, why);
}
