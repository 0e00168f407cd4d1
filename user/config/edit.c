/* SPDX-License-Identifier: Apache-2.0 */
#include "config/edit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "config/config.h"
#include "config/text.h"

#define CHANGES_MAX 4      /* a key each */
#define NODES_MAX   100000 /* compared: aliases can make a document of any size */
#define DEPTH_MAX   32

/* CUT bytes of the text from AT on become these. */
struct change {
	size_t at, cut;
	char *text; /* owned */
	size_t len;
};

struct edit {
	const struct config_edit *want;
	const char *text;
	size_t len;
	yaml_document_t document;
	yaml_node_t *root;                  /* a mapping; NULL: the text says nothing */
	struct change changes[CHANGES_MAX]; /* in the text's order */
	size_t changes_len;
	char *why;
};

/* --- reading ----------------------------------------------------------------------------- */

/* One document and nothing after it; DOCUMENT is the caller's then. */
static int parse_one(const char *text, size_t len, yaml_document_t *document, char *why)
{
	yaml_document_t second;
	yaml_parser_t parser;
	bool whole;

	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (!yaml_parser_load(&parser, document)) {
		yaml_parser_delete(&parser);
		return config_refuse(why, "it is not YAML");
	}
	whole = yaml_parser_load(&parser, &second) != 0;
	if (whole) {
		whole = !yaml_document_get_root_node(&second);
		yaml_document_delete(&second);
	}
	yaml_parser_delete(&parser);
	if (whole)
		return 0;
	yaml_document_delete(document);
	return config_refuse(why, "it has more than one document");
}

static bool is_scalar(const yaml_node_t *node, const char *word)
{
	return node->type == YAML_SCALAR_NODE && node->data.scalar.length == strlen(word) &&
	       !memcmp(node->data.scalar.value, word, node->data.scalar.length);
}

/* The value of KEY in the mapping NODE; NULL: it has none. */
static yaml_node_t *value_of(yaml_document_t *document, const yaml_node_t *node, const char *key)
{
	if (!node || node->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top;
	     p++) {
		if (is_scalar(yaml_document_get_node(document, p->key), key))
			return yaml_document_get_node(document, p->value);
	}
	return NULL;
}

static size_t items_len(const yaml_node_t *list)
{
	return (size_t)(list->data.sequence.items.top - list->data.sequence.items.start);
}

static yaml_node_t *item_of(yaml_document_t *document, const yaml_node_t *list, size_t i)
{
	return yaml_document_get_node(document, list->data.sequence.items.start[i]);
}

/* LIST may be NULL. */
static bool has_target(yaml_document_t *document, const yaml_node_t *list,
		       const struct config_target *target)
{
	if (!list || list->type != YAML_SEQUENCE_NODE)
		return false;
	for (size_t i = 0; i < items_len(list); i++) {
		const yaml_node_t *name = value_of(document, item_of(document, list, i),
						   config_target_kinds[target->kind]);

		if (name && is_scalar(name, target->name))
			return true;
	}
	return false;
}

/* --- places in the text ------------------------------------------------------------------ */

/* libyaml counts characters, and a text has bytes. */
static size_t offset_of(const struct edit *e, const yaml_mark_t *mark)
{
	size_t at = 0;

	for (size_t characters = 0; at < e->len; at++) {
		if (((unsigned char)e->text[at] & 0xc0) == 0x80)
			continue;
		if (characters++ == mark->index)
			break;
	}
	return at;
}

static size_t line_start(const struct edit *e, size_t at)
{
	while (at && e->text[at - 1] != '\n')
		at--;
	return at;
}

/* Where the line after that of AT begins. */
static size_t line_end(const struct edit *e, size_t at)
{
	const char *end = memchr(e->text + at, '\n', e->len - at);

	return end ? (size_t)(end - e->text) + 1 : e->len;
}

/* Where NODE ends, without the comments after it; false where libyaml does not say. */
static bool node_end(struct edit *e, const yaml_node_t *node, size_t *end)
{
	for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
		bool map = node->type == YAML_MAPPING_NODE, list = node->type == YAML_SEQUENCE_NODE;

		if ((map && node->data.mapping.style == YAML_BLOCK_MAPPING_STYLE)) {
			node = yaml_document_get_node(&e->document,
						      node->data.mapping.pairs.top[-1].value);
			continue;
		}
		if (list && node->data.sequence.style == YAML_BLOCK_SEQUENCE_STYLE) {
			node = item_of(&e->document, node, items_len(node) - 1);
			continue;
		}
		*end = offset_of(e, &node->end_mark);
		return map || list || node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ||
		       node->data.scalar.style == YAML_SINGLE_QUOTED_SCALAR_STYLE ||
		       node->data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;
	}
	return false;
}

/* Where keys that are not there yet are added: below `enabled`, or before the first key. */
static size_t place_of_new(const struct edit *e, const yaml_node_t *enabled)
{
	if (!e->root)
		return e->len;
	if (enabled)
		return line_end(e, offset_of(e, &enabled->end_mark));
	return line_start(e, offset_of(e, &e->root->start_mark));
}

/* --- changes ----------------------------------------------------------------------------- */

/* Takes TEXT, which may be NULL for want of memory. Of those at one place the first stays first. */
static int add_change(struct edit *e, size_t at, size_t cut, char *text)
{
	size_t i = e->changes_len;

	if (!text)
		return -ENOMEM;
	while (i && e->changes[i - 1].at > at) {
		e->changes[i] = e->changes[i - 1];
		i--;
	}
	e->changes[i] = (struct change){at, cut, text, strlen(text)};
	e->changes_len++;
	return 0;
}

/* Adds the lines LINES, each of which ends in a newline and which it takes, before AT. */
static int add_lines(struct edit *e, size_t at, char *lines)
{
	char *moved = NULL;

	/* The last line of the text may lack its newline. */
	if (!lines || at < e->len || !at || e->text[at - 1] == '\n')
		return add_change(e, at, 0, lines);
	if (asprintf(&moved, "\n%.*s", (int)strlen(lines) - 1, lines) < 0)
		moved = NULL;
	free(lines);
	return add_change(e, at, 0, moved);
}

static int set_word(struct edit *e, const char *key, const char *word)
{
	const yaml_node_t *value = value_of(&e->document, e->root, key);
	const yaml_node_t *enabled = value_of(&e->document, e->root, "enabled");
	char *line = NULL;
	size_t at;

	if (value && is_scalar(value, word))
		return 0;
	if (value && value->type != YAML_SCALAR_NODE)
		return config_refuse(e->why, "`%s` is not a single value", key);
	if (value) {
		at = offset_of(e, &value->start_mark);
		return add_change(e, at, offset_of(e, &value->end_mark) - at, strdup(word));
	}
	if (asprintf(&line, "%*s%s: %s\n", e->root ? (int)e->root->start_mark.column : 0, "", key,
		     word) < 0)
		line = NULL;
	return add_lines(e, place_of_new(e, enabled), line);
}

enum list_form { FORM_BLOCK, FORM_FLOW, FORM_FLOW_MORE };

/* The targets that LIST, which may be NULL, does not have; "" when there is none. NULL: no memory.
 */
static char *new_targets(struct edit *e, const yaml_node_t *list, enum list_form form, int indent,
			 bool with_key)
{
	size_t len, before = 0;
	char *text = NULL;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	for (size_t i = 0; i < e->want->targets_len; i++) {
		const struct config_target *t = &e->want->targets[i];

		if (has_target(&e->document, list, t))
			continue;
		if (form == FORM_BLOCK && with_key && !before)
			fprintf(out, "%*stargets:\n", indent - 2, "");
		if (form == FORM_BLOCK)
			fprintf(out, "%*s- %s: ", indent, "", config_target_kinds[t->kind]);
		else
			fprintf(out, "%s{%s: ", before || form == FORM_FLOW_MORE ? ", " : "",
				config_target_kinds[t->kind]);
		config_print_scalar(out, t->name);
		fputs(form == FORM_BLOCK ? "\n" : "}", out);
		before++;
	}
	if (fclose(out)) {
		free(text);
		text = NULL;
	}
	return text;
}

static int add_to_flow(struct edit *e, const yaml_node_t *list)
{
	size_t len = items_len(list), at = offset_of(e, &list->start_mark);
	char *text = new_targets(e, list, len ? FORM_FLOW_MORE : FORM_FLOW, 0, false);

	if (text && !*text) {
		free(text);
		return 0;
	}
	if (!len && e->text[at] == '[')
		return add_change(e, at + 1, 0, text);
	if (len && node_end(e, item_of(&e->document, list, len - 1), &at))
		return add_change(e, at, 0, text);
	free(text);
	return config_refuse(e->why, "where `targets` ends is not clear");
}

static int add_to_block(struct edit *e, const yaml_node_t *list)
{
	char *text = new_targets(e, list, FORM_BLOCK, (int)list->start_mark.column, false);
	size_t end;

	if (text && !*text) {
		free(text);
		return 0;
	}
	if (node_end(e, list, &end))
		return add_lines(e, line_end(e, end), text);
	free(text);
	return config_refuse(e->why, "where `targets` ends is not clear");
}

static int add_targets(struct edit *e)
{
	const yaml_node_t *list = value_of(&e->document, e->root, "targets");
	const yaml_node_t *enabled = value_of(&e->document, e->root, "enabled");
	int indent = 2 + (e->root ? (int)e->root->start_mark.column : 0);

	if (!e->want->targets_len)
		return 0;
	if (!list)
		return add_lines(e, place_of_new(e, enabled),
				 new_targets(e, NULL, FORM_BLOCK, indent, true));
	if (list->type != YAML_SEQUENCE_NODE)
		return config_refuse(e->why, "`targets` is not a list");
	return list->data.sequence.style == YAML_FLOW_SEQUENCE_STYLE ? add_to_flow(e, list)
								     : add_to_block(e, list);
}

static int plan(struct edit *e)
{
	const struct config_edit *want = e->want;
	bool livenet = want->enabled && want->network == NETWORK_LIVENET;
	int err = set_word(e, "enabled", want->enabled ? "true" : "false");

	if (!err && want->enabled)
		err = set_word(e, "network", network_text(want->network));
	if (!err && (livenet || value_of(&e->document, e->root, "livenet_enabled")))
		err = set_word(e, "livenet_enabled", livenet ? "true" : "false");
	if (!err && want->enabled)
		err = add_targets(e);
	return err;
}

/* TEXT with the changes made; NULL: no memory. */
static char *apply(const struct edit *e, size_t *len)
{
	size_t at = 0, used = 0;
	char *out;

	*len = e->len;
	for (size_t i = 0; i < e->changes_len; i++)
		*len += e->changes[i].len - e->changes[i].cut;
	out = malloc(*len + 1);
	for (size_t i = 0; out && i <= e->changes_len; i++) {
		const struct change *c = i < e->changes_len ? &e->changes[i] : NULL;
		size_t until = c ? c->at : e->len;

		memcpy(out + used, e->text + at, until - at);
		used += until - at;
		at = until;
		if (!c)
			break;
		memcpy(out + used, c->text, c->len);
		used += c->len;
		at += c->cut;
	}
	if (out)
		out[*len] = '\0';
	return out;
}

/* --- what came out ----------------------------------------------------------------------- */

struct comparison {
	yaml_document_t *old, *new;
	size_t left; /* of NODES_MAX */
};

static bool same_nodes(struct comparison *c, const yaml_node_item_t *a, const yaml_node_item_t *b,
		       size_t len, unsigned depth);

static bool same_node(struct comparison *c, int old, int new, unsigned depth)
{
	const yaml_node_t *a = yaml_document_get_node(c->old, old);
	const yaml_node_t *b = yaml_document_get_node(c->new, new);
	size_t len;

	if (depth == DEPTH_MAX || !c->left || a->type != b->type ||
	    strcmp((char *)a->tag, (char *)b->tag))
		return false;
	c->left--;
	if (a->type == YAML_SCALAR_NODE)
		return a->data.scalar.length == b->data.scalar.length &&
		       a->data.scalar.style == b->data.scalar.style &&
		       !memcmp(a->data.scalar.value, b->data.scalar.value, a->data.scalar.length);
	if (a->type == YAML_SEQUENCE_NODE)
		return items_len(a) == items_len(b) &&
		       same_nodes(c, a->data.sequence.items.start, b->data.sequence.items.start,
				  items_len(a), depth + 1);
	len = (size_t)(a->data.mapping.pairs.top - a->data.mapping.pairs.start);
	if (len != (size_t)(b->data.mapping.pairs.top - b->data.mapping.pairs.start))
		return false;
	for (size_t i = 0; i < len; i++) {
		const yaml_node_pair_t *p = &a->data.mapping.pairs.start[i];
		const yaml_node_pair_t *q = &b->data.mapping.pairs.start[i];

		if (!same_node(c, p->key, q->key, depth + 1) ||
		    !same_node(c, p->value, q->value, depth + 1))
			return false;
	}
	return true;
}

static bool same_nodes(struct comparison *c, const yaml_node_item_t *a, const yaml_node_item_t *b,
		       size_t len, unsigned depth)
{
	for (size_t i = 0; i < len; i++) {
		if (!same_node(c, a[i], b[i], depth))
			return false;
	}
	return true;
}

static bool is_ours(const struct edit *e, const yaml_node_t *key)
{
	return is_scalar(key, "enabled") || is_scalar(key, "livenet_enabled") ||
	       (e->want->enabled && (is_scalar(key, "network") || is_scalar(key, "targets")));
}

/* The pair after P, or at it, of another key than those that are edited; NULL: there is none. */
static const yaml_node_pair_t *others_pair(const struct edit *e, yaml_document_t *document,
					   const yaml_node_t *root, const yaml_node_pair_t *p)
{
	while (p && p < root->data.mapping.pairs.top &&
	       is_ours(e, yaml_document_get_node(document, p->key)))
		p++;
	return p && p < root->data.mapping.pairs.top ? p : NULL;
}

/* Whether all keys that are not edited say what they said. */
static bool others_stay(struct edit *e, struct comparison *c, const yaml_node_t *root)
{
	const yaml_node_pair_t *p = NULL, *q = NULL;

	if (e->root)
		p = others_pair(e, c->old, e->root, e->root->data.mapping.pairs.start);
	q = others_pair(e, c->new, root, root->data.mapping.pairs.start);
	while (p && q) {
		if (!same_node(c, p->key, q->key, 0) || !same_node(c, p->value, q->value, 0))
			return false;
		p = others_pair(e, c->old, e->root, p + 1);
		q = others_pair(e, c->new, root, q + 1);
	}
	return !p && !q;
}

/* Whether the targets of before are there, and those that are wanted. */
static bool targets_stay(struct edit *e, struct comparison *c, const yaml_node_t *root)
{
	const yaml_node_t *old = value_of(c->old, e->root, "targets");
	const yaml_node_t *new = value_of(c->new, root, "targets");
	size_t len = old ? items_len(old) : 0, added = 0;

	for (size_t i = 0; i < e->want->targets_len; i++) {
		added += !has_target(c->old, old, &e->want->targets[i]);
		if (!has_target(c->new, new, &e->want->targets[i]))
			return false;
	}
	if (!old && !added)
		return !new;
	return new &&new->type == YAML_SEQUENCE_NODE &&items_len(new) == len + added &&
	       (!old || same_nodes(c, old->data.sequence.items.start,
				   new->data.sequence.items.start, len, 0));
}

static bool says_so(const struct edit *e, struct comparison *c, const yaml_node_t *root)
{
	const yaml_node_t *enabled = value_of(c->new, root, "enabled");
	const yaml_node_t *network = value_of(c->new, root, "network");
	const yaml_node_t *livenet = value_of(c->new, root, "livenet_enabled");

	if (!e->want->enabled)
		return enabled && is_scalar(enabled, "false") &&
		       (!livenet || is_scalar(livenet, "false"));
	return enabled && is_scalar(enabled, "true") && network &&
	       is_scalar(network, network_text(e->want->network)) &&
	       (e->want->network == NETWORK_LIVENET) == (livenet && is_scalar(livenet, "true"));
}

static int verify(struct edit *e, const char *text, size_t len)
{
	yaml_document_t document;
	struct comparison c = {&e->document, &document, NODES_MAX};
	const yaml_node_t *root;
	int err = parse_one(text, len, &document, e->why);

	if (err == -ENOMEM)
		return err;
	if (err)
		return config_refuse(e->why, "something else in it would change");
	root = yaml_document_get_root_node(&document);
	if (!root || root->type != YAML_MAPPING_NODE || !says_so(e, &c, root) ||
	    !others_stay(e, &c, root) || (e->want->enabled && !targets_stay(e, &c, root)))
		err = config_refuse(e->why, "something else in it would change");
	yaml_document_delete(&document);
	return err;
}

/* --- the whole --------------------------------------------------------------------------- */

static int look_at_root(struct edit *e)
{
	e->root = yaml_document_get_root_node(&e->document);
	if (!e->root)
		return 0;
	if (e->root->type == YAML_MAPPING_NODE &&
	    e->root->data.mapping.style == YAML_BLOCK_MAPPING_STYLE)
		return 0;
	return config_refuse(e->why, "it is not made of lines `key: value`");
}

int config_edit(const char *text, size_t len, const struct config_edit *edit, char **out,
		size_t *out_len, char *why)
{
	struct edit e = {.want = edit, .text = text, .len = len, .why = why};
	int err;

	*out = NULL;
	/* libyaml does not count a byte order mark, nor bytes of an encoding with wider characters.
	 */
	if (len >= 2 && ((unsigned char)text[0] >= 0xef || memchr(text, '\0', len)))
		return config_refuse(why, "it is not plain UTF-8");
	err = parse_one(text, len, &e.document, why);
	if (err)
		return err;
	err = look_at_root(&e);
	if (!err)
		err = plan(&e);
	if (!err) {
		*out = apply(&e, out_len);
		err = *out ? verify(&e, *out, *out_len) : -ENOMEM;
	}
	for (size_t i = 0; i < e.changes_len; i++)
		free(e.changes[i].text);
	yaml_document_delete(&e.document);
	if (err) {
		free(*out);
		*out = NULL;
	}
	return err;
}

void config_edit_print(const struct config_edit *edit, FILE *out)
{
	fprintf(out, "enabled: %s\n", edit->enabled ? "true" : "false");
	if (edit->enabled)
		fprintf(out, "network: %s\n", network_text(edit->network));
	if (edit->enabled && edit->network == NETWORK_LIVENET)
		fputs("livenet_enabled: true\n", out);
	if (!edit->enabled || !edit->targets_len)
		return;
	fputs("targets:\n", out);
	for (size_t i = 0; i < edit->targets_len; i++) {
		fprintf(out, "  - %s: ", config_target_kinds[edit->targets[i].kind]);
		config_print_scalar(out, edit->targets[i].name);
		fputc('\n', out);
	}
}
