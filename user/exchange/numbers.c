/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/numbers.h"

#include <stdlib.h>

#include "base/table.h"

struct proven {
	struct table_node node;
	struct table_hook hook;
	struct table_place age;
	struct record_flow flow;
	uint8_t tap;
	uint8_t target;
	uint8_t numbering;
};

struct numbers {
	struct table table;
	struct table_index by_flow;
	struct table_shares age;
};

struct numbers *numbers_new(size_t capacity)
{
	struct numbers *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	if (table_init(&n->table, capacity, sizeof(struct proven)) ||
	    table_index_init(&n->by_flow, &n->table, offsetof(struct proven, hook))) {
		numbers_free(n);
		return NULL;
	}
	table_shares_init(&n->age, &n->table, offsetof(struct proven, age));
	return n;
}

void numbers_free(struct numbers *n)
{
	if (!n)
		return;
	table_index_fini(&n->by_flow);
	table_fini(&n->table);
	free(n);
}

static struct proven *find(const struct numbers *n, const struct flowkey *flow)
{
	struct proven *p = table_index_first(&n->by_flow, flow->hash);

	while (p && !flowkey_names(flow, p->tap, &p->flow))
		p = table_index_next(&n->by_flow, p);
	return p;
}

static void forget(struct numbers *n, struct proven *p)
{
	table_index_remove(&n->by_flow, p);
	table_list_remove(table_shares_of(&n->age, p->target), p);
	table_release(&n->table, p);
}

static struct proven *take(struct numbers *n, unsigned target)
{
	struct proven *p = table_take(&n->table);

	if (p)
		return p;
	forget(n, table_list_first(table_shares_longest(&n->age, target)));
	return table_take(&n->table);
}

void numbers_prove(struct numbers *n, const struct flowkey *flow, uint8_t target, uint8_t numbering)
{
	struct proven *p = find(n, flow);

	if (!p) {
		p = take(n, target);
		p->flow = *flow->flow;
		p->tap = flow->tap;
		p->target = target;
		table_index_add(&n->by_flow, p, flow->hash);
		table_list_append(table_shares_of(&n->age, p->target), p);
	}
	p->numbering = numbering;
}

bool numbers_certain(const struct numbers *n, const struct flowkey *flow,
		     const struct record_message *message)
{
	const struct proven *p;

	if (!(message->flags & RECORD_UNSURE))
		return true;
	if (message->numbering == RECORD_NUMBERING_MAX)
		return false;
	p = find(n, flow);
	return p && p->numbering == message->numbering;
}

void numbers_forget(struct numbers *n, const struct flowkey *flow)
{
	struct proven *p = find(n, flow);

	if (p)
		forget(n, p);
}
