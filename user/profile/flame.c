/* SPDX-License-Identifier: Apache-2.0 */
#include "profile/flame.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES_MAX 262144

void flame_label(const struct stacks_name *name, char *label, size_t len)
{
	if (!name->file || name->kind != STACKS_OF_SCRIPT)
		snprintf(label, len, "%s", name->function);
	else if (name->begins)
		snprintf(label, len, "%s (%s:%u)", name->function, name->file, name->begins);
	else
		snprintf(label, len, "%s (%s)", name->function, name->file);
}

/* Texts that are equal are the same: each is kept once. */
static bool is_same_function(const struct stacks_name *a, const struct stacks_name *b)
{
	return a->kind == b->kind && a->function == b->function && a->file == b->file &&
	       a->begins == b->begins;
}

/* --- the tree ----------------------------------------------------------------------------------
 */

struct growing {
	struct flame *flame;
	size_t room;
};

/* The callee of PARENT for FRAME, added when there is none, in its place by name; 0: there is no
 * room. */
static uint32_t find_callee(struct growing *g, uint32_t parent, uint32_t frame)
{
	const struct stacks *stacks = g->flame->held->stacks;
	struct stacks_name name = stacks_name_of(stacks, frame), other;
	struct flame_node *nodes = g->flame->nodes;
	uint32_t before = 0, i = nodes[parent].first;
	int order;

	for (; i; before = i, i = nodes[i].next) {
		other = stacks_name_of(stacks, nodes[i].frame);
		if (is_same_function(&name, &other))
			return i;
		order = strcmp(other.function, name.function);
		if (order > 0)
			break;
	}
	if (g->flame->len == g->room)
		return 0;
	nodes[g->flame->len] = (struct flame_node){.frame = frame, .next = i};
	if (before)
		nodes[before].next = (uint32_t)g->flame->len;
	else
		nodes[parent].first = (uint32_t)g->flame->len;
	return (uint32_t)g->flame->len++;
}

static void add_stack(struct growing *g, const struct held_stack *h)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i <= h->stack->len; i++) {
		struct flame_node *node = &g->flame->nodes[at];
		uint32_t callee = i < h->stack->len ? find_callee(g, at, h->stack->frames[i]) : 0;

		node->ns += h->ns;
		node->samples += h->samples;
		if (!callee) {
			node->self_ns += h->ns;
			return;
		}
		at = callee;
	}
}

int flame_init(struct flame *f, const struct held *held)
{
	struct growing g = {f, 1};

	for (size_t i = 0; i < held->len && g.room < NODES_MAX; i++)
		g.room += held->list[i].stack->len;
	*f = (struct flame){.nodes = calloc(g.room, sizeof(*f->nodes)), .len = 1, .held = held};
	if (!f->nodes)
		return -ENOMEM;
	for (size_t i = 0; i < held->len; i++)
		add_stack(&g, &held->list[i]);
	return 0;
}

void flame_fini(struct flame *f)
{
	free(f->nodes);
	*f = (struct flame){0};
}

/* --- what takes the most -----------------------------------------------------------------------
 */

/* Of one frame of one stack. */
struct share {
	struct stacks_name name;
	uint64_t self_ns, ns;
};

static int by_text(const char *a, const char *b)
{
	return (uintptr_t)a < (uintptr_t)b ? -1 : a != b;
}

static int by_function(const void *a, const void *b)
{
	const struct share *x = a, *y = b;
	int order = by_text(x->name.function, y->name.function);

	if (!order)
		order = by_text(x->name.file, y->name.file);
	if (!order)
		order = (x->name.begins > y->name.begins) - (x->name.begins < y->name.begins);
	return order ? order : (int)x->name.kind - (int)y->name.kind;
}

static int by_line(const void *a, const void *b)
{
	const struct share *x = a, *y = b;
	int order = by_text(x->name.file, y->name.file);

	return order ? order : (x->name.line > y->name.line) - (x->name.line < y->name.line);
}

static int by_self(const void *a, const void *b)
{
	const struct share *x = a, *y = b;

	if (x->self_ns != y->self_ns)
		return x->self_ns > y->self_ns ? -1 : 1;
	return strcmp(x->name.function, y->name.function);
}

/* A function that calls itself counts once. */
static bool stands_before(const struct held *held, const struct stacks_stack *stack, uint32_t i,
			  const struct stacks_name *name)
{
	while (i > 0) {
		const struct stacks_name other = stacks_name_of(held->stacks, stack->frames[--i]);

		if (is_same_function(&other, name))
			return true;
	}
	return false;
}

static size_t share_functions(const struct held *held, const struct held_stack *h,
			      struct share *shares)
{
	size_t n = 0;

	for (uint32_t i = 0; i < h->stack->len; i++) {
		struct share s = {.name = stacks_name_of(held->stacks, h->stack->frames[i])};

		s.self_ns = i + 1 == h->stack->len ? h->ns : 0;
		s.ns = stands_before(held, h->stack, i, &s.name) ? 0 : h->ns;
		shares[n++] = s;
	}
	return n;
}

static size_t share_line(const struct held *held, const struct held_stack *h, struct share *shares)
{
	for (uint32_t i = h->stack->len; i > 0; i--) {
		const struct stacks_name name =
			stacks_name_of(held->stacks, h->stack->frames[i - 1]);

		if (name.kind != STACKS_OF_SCRIPT)
			continue;
		shares[0] = (struct share){.name = name, .self_ns = h->ns};
		return name.file && name.line ? 1 : 0;
	}
	return 0;
}

/* Adds up shares that are the same by ORDER. */
static size_t add_up(struct share *shares, size_t len, int (*order)(const void *, const void *))
{
	size_t n = 0;

	if (len)
		qsort(shares, len, sizeof(*shares), order);
	for (size_t i = 0; i < len; i++) {
		if (n && !order(&shares[n - 1], &shares[i])) {
			shares[n - 1].self_ns += shares[i].self_ns;
			shares[n - 1].ns += shares[i].ns;
		} else {
			shares[n++] = shares[i];
		}
	}
	if (n)
		qsort(shares, n, sizeof(*shares), by_self);
	return n;
}

static int find_top(const struct held *held, struct flame_top *top, size_t len,
		    size_t (*share)(const struct held *, const struct held_stack *, struct share *),
		    int (*order)(const void *, const void *))
{
	size_t room = 1, n = 0;
	struct share *shares;

	for (size_t i = 0; i < held->len; i++)
		room += held->list[i].stack->len;
	shares = calloc(room, sizeof(*shares));
	if (!shares)
		return -ENOMEM;
	for (size_t i = 0; i < held->len; i++)
		n += share(held, &held->list[i], shares + n);
	n = add_up(shares, n, order);
	n = n < len ? n : len;
	for (size_t i = 0; i < n; i++)
		top[i] = (struct flame_top){shares[i].name, shares[i].self_ns, shares[i].ns};
	free(shares);
	return (int)n;
}

int flame_functions(const struct held *held, struct flame_top *top, size_t len)
{
	return find_top(held, top, len, share_functions, by_function);
}

int flame_lines(const struct held *held, struct flame_top *top, size_t len)
{
	return find_top(held, top, len, share_line, by_line);
}
