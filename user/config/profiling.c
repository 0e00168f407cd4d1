/* SPDX-License-Identifier: Apache-2.0 */
#include "config/profiling.h"

#include <string.h>

#include "config/config.h"
#include "config/setters.h"
#include "config/text.h"
#include "profile/per_peer.h"
#include "profile/traces.h"

static void set_name(struct walk *w, yaml_node_t *value, const struct walk_key *key, void *field)
{
	char why[CONFIG_WHY];
	const char *text = walk_text(w, value);

	(void)key;
	if (!text)
		return;
	walk_refuse(w, value, config_check_text(text, strlen(text), why), why);
	walk_copy(w, value, field);
}

static const struct walk_key dependency_keys[] = {
	WALK_KEY("name", set_name, WALK_FIELD(config_dependency, name), .required = true),
	WALK_KEY("port", walk_set_number, WALK_FIELD(config_dependency, port), .min = 1,
		 .max = UINT16_MAX, .required = true),
};
WALK_SCHEMA(dependency_schema, "a dependency", dependency_keys);

static void set_dependency(struct walk *w, yaml_node_t *item, const struct walk_key *key,
			   void *element)
{
	(void)key;
	walk_mapping(w, item, &dependency_schema, element);
}

/* The known ones take room too. */
static void set_dependencies(struct walk *w, yaml_node_t *value, const struct walk_key *key,
			     void *field)
{
	struct config_profile *p = field;
	struct dependencies d;

	(void)key;
	p->dependencies = walk_sequence(w, value, DEPENDENCIES_PORTS_MAX, sizeof(*p->dependencies),
					set_dependency, &p->dependencies_len);
	dependencies_init(&d);
	for (size_t i = 0; i < p->dependencies_len; i++) {
		const struct config_dependency *one = &p->dependencies[i];

		if (!one->name || !dependencies_add(&d, one->name, (uint16_t)one->port))
			continue;
		walk_error(w, value,
			   "%s: more than %d names or %d ports, postgresql and redis included; "
			   "remove some",
			   w->path, TAPE_CLASSES_MAX, DEPENDENCIES_PORTS_MAX);
		return;
	}
}

static void set_share(struct walk *w, yaml_node_t *value, const struct walk_key *key, void *field)
{
	char why[CONFIG_WHY];
	const char *text = walk_text(w, value);

	(void)key;
	if (text)
		walk_refuse(w, value, config_parse_share(text, field, why), why);
}

static const struct walk_key traces_keys[] = {
	WALK_KEY("key_file", walk_set_path, WALK_FIELD(config_traces, key_file), .required = true),
	WALK_KEY("sample", set_share, WALK_FIELD(config_traces, sample)),
	WALK_KEY("slowest", walk_set_number, WALK_FIELD(config_traces, slowest), .min = 0,
		 .max = TRACES_SLOWEST_MAX),
};
WALK_SCHEMA(traces_schema, "traces", traces_keys);

static void set_traces(struct walk *w, yaml_node_t *value, const struct walk_key *key, void *field)
{
	(void)key;
	walk_mapping(w, value, &traces_schema, field);
}

static const struct walk_key profile_keys[] = {
	WALK_KEY("columns", walk_set_flag, WALK_FIELD(config_profile, columns)),
	WALK_KEY("peers", walk_set_number, WALK_FIELD(config_profile, peers), .min = 0,
		 .max = PER_PEER_MAX),
	WALK_KEY("dependencies", set_dependencies, 0),
	WALK_KEY("traces", set_traces, WALK_FIELD(config_profile, traces)),
};
WALK_SCHEMA(profile_schema, "profile", profile_keys);

void config_set_profile(struct walk *w, yaml_node_t *value, const struct walk_key *key, void *field)
{
	struct config *c = field;

	(void)key;
	walk_mapping(w, value, &profile_schema, &c->profile);
}

void config_dependencies(const struct config *c, struct dependencies *out)
{
	dependencies_init(out);
	for (size_t i = 0; i < c->profile.dependencies_len; i++)
		dependencies_add(out, c->profile.dependencies[i].name,
				 (uint16_t)c->profile.dependencies[i].port);
}

bool config_same_traces(const struct config_profile *a, const struct config_profile *b)
{
	const char *x = a->traces.key_file, *y = b->traces.key_file;

	return (x && y ? !strcmp(x, y) : x == y) && a->traces.sample == b->traces.sample &&
	       a->traces.slowest == b->traces.slowest;
}

bool config_same_dependencies(const struct config_profile *a, const struct config_profile *b)
{
	if (a->dependencies_len != b->dependencies_len)
		return false;
	for (size_t i = 0; i < a->dependencies_len; i++) {
		if (a->dependencies[i].port != b->dependencies[i].port ||
		    strcmp(a->dependencies[i].name, b->dependencies[i].name) != 0)
			return false;
	}
	return true;
}
