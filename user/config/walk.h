/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk.h - walks a YAML document by tables of keys and reports what does not fit, with its
 * place.
 *
 * libyaml resolves aliases, so a node may be met more than once; nothing here is recursive beyond
 * the depth of the tables.
 */
#ifndef TELLTALE_CONFIG_WALK_H
#define TELLTALE_CONFIG_WALK_H

#include <yaml.h>

#include "config/endpoint.h"
#include "config/internal.h"

struct walk {
	struct config_loader *l;
	yaml_document_t *document;
	char path[CONFIG_PATH]; /* the name of the value in hand */
};

struct walk_key;
/* Puts VALUE into FIELD, or reports why not. */
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

/* "what; fix" at NODE. */
void walk_error(struct walk *w, const yaml_node_t *node, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Reports WHY at NODE with the value's name before it, unless ERR says that memory was short. */
void walk_refuse(struct walk *w, const yaml_node_t *node, int err, const char *why);

/* NODE's pairs into OBJECT, each by the setter of its key. */
void walk_mapping(struct walk *w, yaml_node_t *node, const struct walk_schema *schema,
		  void *object);
/* Allocates one element of SIZE for each item of NODE (at most MAX) and calls SET for each; NULL
 * after an error. */
void *walk_sequence(struct walk *w, yaml_node_t *node, size_t max, size_t size, walk_set *set,
		    size_t *len);
/* NODE's pairs, whose keys are free; malloc'ed. Duplicates are errors. */
struct config_attribute *walk_pairs(struct walk *w, yaml_node_t *node, size_t *len);

/* Nothing was written, or a word for nothing. */
bool walk_is_null(const yaml_node_t *node);
/* The text of a scalar; NULL after an error. */
const char *walk_text(struct walk *w, yaml_node_t *node);
/* As walk_text, and a copy of it replaces *FIELD. */
void walk_copy(struct walk *w, yaml_node_t *node, char **field);

/* Remembers that the value in hand stands at NODE. */
void walk_note(struct walk *w, const yaml_node_t *node);
/* Appends to the value's name; returns what walk_leave takes to undo it. */
size_t walk_enter(struct walk *w, const char *name);
size_t walk_enter_item(struct walk *w, size_t index);
void walk_leave(struct walk *w, size_t mark);

#endif
