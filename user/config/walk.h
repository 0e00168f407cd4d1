/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk.h - reads a YAML document by tables of keys, and reports each error with its place.
 *
 * libyaml resolves aliases, so one node may be read more than once. The recursion is never deeper
 * than the tables are.
 */
#ifndef TELLTALE_CONFIG_WALK_H
#define TELLTALE_CONFIG_WALK_H

#include <yaml.h>

#include "config/endpoint.h"
#include "config/internal.h"

struct walk {
	struct config_loader *l;
	yaml_document_t *document;
	char path[CONFIG_PATH]; /* the name of the current value */
};

struct walk_key;
/* Sets FIELD to VALUE, or reports why it cannot. */
typedef void walk_set(struct walk *w, yaml_node_t *value, const struct walk_key *key, void *field);

struct walk_key {
	const char *name;
	walk_set *set;
	size_t offset; /* of the field in the object */
	uint64_t min, max;
	bool required;
};

struct walk_schema {
	const char *what; /* "a peer" */
	const struct walk_key *keys;
	size_t keys_len; /* at most 32 */
};

#define WALK_FIELD(object, field) offsetof(struct object, field)
#define WALK_SCHEMA(name, text, table)                                                             \
	static const struct walk_schema name = {                                                   \
		.what = text, .keys = table, .keys_len = sizeof(table) / sizeof((table)[0])}
#define WALK_KEY(key, setter, field, ...)                                                          \
	{                                                                                          \
		.name = key, .set = setter, .offset = field, __VA_ARGS__                           \
	}

/* Reports "what; fix" at NODE. */
void walk_error(struct walk *w, const yaml_node_t *node, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Reports WHY at NODE, after the value's name, unless ERR is 0. -ENOMEM is not reported but
 * remembered. */
void walk_refuse(struct walk *w, const yaml_node_t *node, int err, const char *why);

/* Sets the fields of OBJECT from NODE's pairs, each with the setter of its key. */
void walk_mapping(struct walk *w, yaml_node_t *node, const struct walk_schema *schema,
		  void *object);
/* Allocates one element of SIZE bytes for each item of NODE (at most MAX) and calls SET for each.
 * NULL after an error. */
void *walk_sequence(struct walk *w, yaml_node_t *node, size_t max, size_t size, walk_set *set,
		    size_t *len);
/* NODE's pairs, malloc'ed. Any key is allowed; duplicates are errors. */
struct config_attribute *walk_pairs(struct walk *w, yaml_node_t *node, size_t *len);

/* Whether the value is empty or one of YAML's words for null. */
bool walk_is_null(const yaml_node_t *node);
/* The text of a scalar; NULL after an error. */
const char *walk_text(struct walk *w, yaml_node_t *node);
/* As walk_text, and replaces *FIELD by a copy of the text. */
void walk_copy(struct walk *w, yaml_node_t *node, char **field);

/* Remembers that the current value is at NODE. */
void walk_note(struct walk *w, const yaml_node_t *node);
/* Appends NAME to the current value's name. Returns a mark with which walk_leave undoes it. */
size_t walk_enter(struct walk *w, const char *name);
size_t walk_enter_item(struct walk *w, size_t index);
void walk_leave(struct walk *w, size_t mark);

#endif
