/* SPDX-License-Identifier: Apache-2.0 */
/* flame_out.c - the tree of calls as folded text, and as JSON. */
#include <inttypes.h>
#include <string.h>

#include <json-c/json.h>

#include "profile/flame.h"

#define LABEL_MAX 512

static void label_node(const struct flame *f, const struct flame_node *node, char *label)
{
	const struct stacks_name name = stacks_name_of(f->held->stacks, node->frame);

	flame_label(&name, label, LABEL_MAX);
}

/* --- folded ------------------------------------------------------------------------------------
 */

/* What separates functions and lines may not stand in a name. */
static void print_label(const struct flame *f, uint32_t node, FILE *out)
{
	char label[LABEL_MAX];

	label_node(f, &f->nodes[node], label);
	for (char *p = label; *p; p++) {
		if (*p == ';' || *p == '\n')
			*p = ',';
	}
	fputs(label, out);
}

static void print_path(const struct flame *f, const uint32_t *path, size_t deep, FILE *out)
{
	for (size_t i = 0; i < deep; i++) {
		if (i)
			fputc(';', out);
		print_label(f, path[i], out);
	}
	fprintf(out, " %" PRIu64 "\n", (f->nodes[path[deep - 1]].self_ns + 500) / 1000);
}

void flame_print_folded(const struct flame *f, FILE *out)
{
	uint32_t path[STACKS_DEPTH_MAX + 1], at = f->nodes[0].first;
	size_t deep = 0;

	while (at || deep) {
		if (!at) {
			at = f->nodes[path[--deep]].next;
			continue;
		}
		path[deep++] = at;
		if (f->nodes[at].self_ns)
			print_path(f, path, deep, out);
		at = f->nodes[at].first;
	}
}

/* --- JSON --------------------------------------------------------------------------------------
 */

static struct json_object *node_json(const struct flame *f, uint32_t number)
{
	const struct flame_node *node = &f->nodes[number];
	struct json_object *o = json_object_new_object();
	char label[LABEL_MAX] = "all";

	if (node->frame) {
		const struct stacks_name name = stacks_name_of(f->held->stacks, node->frame);

		label_node(f, node, label);
		json_object_object_add(o, "kind", json_object_new_string(stacks_kinds[name.kind]));
	}
	json_object_object_add(o, "name", json_object_new_string(label));
	json_object_object_add(o, "ns", json_object_new_int64((int64_t)node->ns));
	json_object_object_add(o, "self_ns", json_object_new_int64((int64_t)node->self_ns));
	json_object_object_add(o, "samples", json_object_new_int64((int64_t)node->samples));
	json_object_object_add(o, "callees", json_object_new_array());
	return o;
}

struct json_object *flame_json(const struct flame *f)
{
	struct json_object *lists[STACKS_DEPTH_MAX + 2], *root = node_json(f, 0), *o;
	uint32_t path[STACKS_DEPTH_MAX + 1], at = f->nodes[0].first;
	size_t deep = 0;

	json_object_object_get_ex(root, "callees", &lists[0]);
	while (at || deep) {
		if (!at) {
			at = f->nodes[path[--deep]].next;
			continue;
		}
		o = node_json(f, at);
		json_object_array_add(lists[deep], o);
		path[deep++] = at;
		json_object_object_get_ex(o, "callees", &lists[deep]);
		at = f->nodes[at].first;
	}
	return root;
}
