/* SPDX-License-Identifier: Apache-2.0 */
#include "config/walk.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "config/notes.h"
#include "config/text.h"

/* Keys of any mapping. Every key is compared with every other to find duplicates. */
#define PAIRS_MAX 256

void walk_error(struct walk *w, const yaml_node_t *node, const char *format, ...)
{
	char text[CONFIG_WHY + CONFIG_PATH];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	config_error(w->l, node->start_mark.line + 1, node->start_mark.column + 1, "%s", text);
}

void walk_refuse(struct walk *w, const yaml_node_t *node, int err, const char *why)
{
	if (err == -ENOMEM)
		w->l->no_memory = true;
	else if (err)
		walk_error(w, node, "%s: %s", w->path, why);
}

size_t walk_enter(struct walk *w, const char *name)
{
	size_t mark = strlen(w->path);

	snprintf(w->path + mark, sizeof(w->path) - mark, "%s%s", mark ? "." : "", name);
	return mark;
}

size_t walk_enter_item(struct walk *w, size_t index)
{
	char number[24];

	snprintf(number, sizeof(number), "%zu", index);
	return walk_enter(w, number);
}

void walk_leave(struct walk *w, size_t mark)
{
	w->path[mark] = '\0';
}

void walk_note(struct walk *w, const yaml_node_t *node)
{
	struct config_source source = {.line = (unsigned)node->start_mark.line + 1};

	if (config_note(w->l->config, w->path, source))
		w->l->no_memory = true;
}

/* --- scalars ----------------------------------------------------------------------------- */

bool walk_is_null(const yaml_node_t *node)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};

	if (node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++) {
		if (!strcmp((const char *)node->data.scalar.value, nulls[i]))
			return true;
	}
	return false;
}

static bool is_empty_text(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE && !node->data.scalar.length && !walk_is_null(node);
}

static bool check_null(struct walk *w, const yaml_node_t *node)
{
	if (walk_is_null(node))
		walk_error(w, node, "%s: has no value; give it one or remove the key", w->path);
	return walk_is_null(node);
}

const char *walk_text(struct walk *w, yaml_node_t *node)
{
	char why[CONFIG_WHY];
	const char *text;
	int err;

	if (check_null(w, node))
		return NULL;
	if (node->type != YAML_SCALAR_NODE) {
		walk_error(w, node, "%s: is a %s; write a single value", w->path,
			   node->type == YAML_MAPPING_NODE ? "mapping" : "list");
		return NULL;
	}
	text = (const char *)node->data.scalar.value;
	err = config_check_text(text, node->data.scalar.length, why);
	walk_refuse(w, node, err, why);
	return err ? NULL : text;
}

void walk_copy(struct walk *w, yaml_node_t *node, char **field)
{
	const char *text = walk_text(w, node);
	char *copy;

	if (!text)
		return;
	copy = strdup(text);
	if (!copy) {
		w->l->no_memory = true;
		return;
	}
	free(*field);
	*field = copy;
}

/* --- mappings ---------------------------------------------------------------------------- */

/* How many insertions, deletions and replacements turn A into B. Both are short. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t row[33], b_len = strlen(b);

	if (strlen(a) > 32 || b_len > 32)
		return 33;
	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t best = corner + (a[i - 1] != b[j - 1]);

			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			corner = row[j];
			row[j] = best;
		}
	}
	return row[b_len];
}

static void complain_unknown(struct walk *w, const yaml_node_t *key, const char *name,
			     const struct walk_schema *schema)
{
	char known[CONFIG_WHY] = "";
	const char *near = NULL;
	size_t used = 0, nearest = 3;

	for (size_t i = 0; i < schema->keys_len; i++) {
		size_t distance = edit_distance(name, schema->keys[i].name);

		if (distance < nearest && distance < strlen(name)) {
			nearest = distance;
			near = schema->keys[i].name;
		}
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "",
					 schema->keys[i].name);
	}
	if (near)
		walk_error(w, key, "unknown key '%.60s' in %s; did you mean '%s'? (known: %s)",
			   name, schema->what, near, known);
	else
		walk_error(w, key, "unknown key '%.60s' in %s; known: %s", name, schema->what,
			   known);
}

static const struct walk_key *find_key(const struct walk_schema *schema, const char *name)
{
	for (size_t i = 0; i < schema->keys_len; i++) {
		if (!strcmp(schema->keys[i].name, name))
			return &schema->keys[i];
	}
	return NULL;
}

/* The pairs of NODE; false after an error: NODE is not a mapping, or has too many keys. */
static bool pairs_of(struct walk *w, yaml_node_t *node, const char *what, yaml_node_pair_t **first,
		     size_t *len)
{
	if (check_null(w, node))
		return false;
	if (node->type != YAML_MAPPING_NODE) {
		walk_error(w, node, "%s is not a mapping; write `key: value` lines",
			   *w->path ? w->path : what);
		return false;
	}
	*first = node->data.mapping.pairs.start;
	*len = (size_t)(node->data.mapping.pairs.top - *first);
	if (*len <= PAIRS_MAX)
		return true;
	walk_error(w, node, "%s has more than %d keys; remove some", what, PAIRS_MAX);
	return false;
}

/* The name of pair I; NULL after an error: the key is not a single word, or is there twice. */
static const char *pair_name(struct walk *w, const yaml_node_pair_t *pairs, size_t i,
			     yaml_node_t **key)
{
	const char *name;

	*key = yaml_document_get_node(w->document, pairs[i].key);
	if ((*key)->type != YAML_SCALAR_NODE) {
		walk_error(w, *key, "a key is not a single word; write `key: value`");
		return NULL;
	}
	name = (const char *)(*key)->data.scalar.value;
	for (size_t j = 0; j < i; j++) {
		yaml_node_t *other = yaml_document_get_node(w->document, pairs[j].key);

		if (other->type == YAML_SCALAR_NODE &&
		    !strcmp((const char *)other->data.scalar.value, name)) {
			walk_error(w, *key, "'%.60s' is here twice, first in line %zu; keep one",
				   name, other->start_mark.line + 1);
			return NULL;
		}
	}
	return name;
}

void walk_mapping(struct walk *w, yaml_node_t *node, const struct walk_schema *schema, void *object)
{
	yaml_node_pair_t *pairs;
	yaml_node_t *key_node;
	uint32_t seen = 0;
	size_t len;

	if (!pairs_of(w, node, schema->what, &pairs, &len))
		return;
	for (size_t i = 0; i < len; i++) {
		const char *name = pair_name(w, pairs, i, &key_node);
		const struct walk_key *key = name ? find_key(schema, name) : NULL;
		yaml_node_t *value = yaml_document_get_node(w->document, pairs[i].value);
		size_t mark;

		if (name && !key)
			complain_unknown(w, key_node, name, schema);
		if (!key)
			continue;
		seen |= UINT32_C(1) << (key - schema->keys);
		mark = walk_enter(w, name);
		walk_note(w, value);
		key->set(w, value, key, (char *)object + key->offset);
		walk_leave(w, mark);
	}
	for (size_t i = 0; i < schema->keys_len; i++) {
		if (schema->keys[i].required && !(seen & (UINT32_C(1) << i)))
			walk_error(w, node, "%s%s%s has no '%s'; add it", w->path,
				   *w->path ? ": " : "", schema->what, schema->keys[i].name);
	}
}

void *walk_sequence(struct walk *w, yaml_node_t *node, size_t max, size_t size, walk_set *set,
		    size_t *len)
{
	size_t count;
	char *array;

	*len = 0;
	if (check_null(w, node))
		return NULL;
	if (node->type != YAML_SEQUENCE_NODE) {
		walk_error(w, node, "%s: is not a list; begin each item with '- '", w->path);
		return NULL;
	}
	count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
	if (count > max) {
		walk_error(w, node, "%s: has %zu items; at most %zu are possible", w->path, count,
			   max);
		return NULL;
	}
	array = calloc(count ? count : 1, size);
	if (!array) {
		w->l->no_memory = true;
		return NULL;
	}
	*len = count;
	for (size_t i = 0; i < count; i++) {
		yaml_node_t *item =
			yaml_document_get_node(w->document, node->data.sequence.items.start[i]);
		size_t mark = walk_enter_item(w, i);

		set(w, item, NULL, array + i * size);
		walk_leave(w, mark);
	}
	return array;
}

struct config_attribute *walk_pairs(struct walk *w, yaml_node_t *node, size_t *len)
{
	struct config_attribute *list;
	yaml_node_pair_t *pairs;
	yaml_node_t *key_node;
	size_t count;

	*len = 0;
	if (!pairs_of(w, node, w->path, &pairs, &count))
		return NULL;
	if (count > CONFIG_PAIRS_MAX) {
		walk_error(w, node, "%s: has %zu entries; at most %d are possible", w->path, count,
			   CONFIG_PAIRS_MAX);
		return NULL;
	}
	list = calloc(count ? count : 1, sizeof(*list));
	if (!list) {
		w->l->no_memory = true;
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		yaml_node_t *value = yaml_document_get_node(w->document, pairs[i].value);
		const char *name = pair_name(w, pairs, i, &key_node);
		size_t mark;

		if (!name)
			continue;
		if (!walk_text(w, key_node))
			continue;
		mark = walk_enter(w, name);
		walk_note(w, value);
		walk_copy(w, key_node, &list[*len].key);
		/* An attribute may be empty, as it may in OTLP's variables. */
		if (is_empty_text(value))
			list[*len].value = strdup("");
		else
			walk_copy(w, value, &list[*len].value);
		walk_leave(w, mark);
		(*len)++;
	}
	return list;
}
