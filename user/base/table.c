/* SPDX-License-Identifier: Apache-2.0 */
#include "base/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int table_init(struct table *t, size_t capacity, size_t entry_size)
{
	memset(t, 0, sizeof(*t));
	if (!capacity || capacity > TABLE_CAPACITY_MAX || entry_size < sizeof(struct table_node))
		return -EINVAL;
	t->entries = calloc(capacity, entry_size);
	if (!t->entries)
		return -ENOMEM;
	t->capacity = (uint32_t)capacity;
	t->entry_size = entry_size;
	return 0;
}

void table_fini(struct table *t)
{
	free(t->entries);
	memset(t, 0, sizeof(*t));
}

void *table_take(struct table *t)
{
	struct table_node *node;
	uint32_t slot = t->free;

	if (slot) {
		node = table_at(t, slot);
		t->free = node->next_free;
		memset(node, 0, t->entry_size);
	} else if (t->touched < t->capacity) {
		slot = ++t->touched;
		node = table_at(t, slot);
	} else {
		return NULL;
	}
	node->slot = slot;
	t->used++;
	return node;
}

void table_release(struct table *t, void *entry)
{
	struct table_node *node = entry;

	node->next_free = t->free;
	t->free = node->slot;
	t->used--;
}

/* --- index --------------------------------------------------------------------------------- */

static struct table_hook *hook_of(const struct table_index *i, const void *entry)
{
	return (struct table_hook *)((char *)entry + i->hook);
}

static struct table_hook *hook_at(const struct table_index *i, uint32_t slot)
{
	return hook_of(i, table_at(i->table, slot));
}

int table_index_init(struct table_index *i, struct table *t, size_t hook_offset)
{
	unsigned bits = 1;

	memset(i, 0, sizeof(*i));
	while ((1ULL << bits) < t->capacity)
		bits++;
	i->buckets = calloc((size_t)1 << bits, sizeof(*i->buckets));
	if (!i->buckets)
		return -ENOMEM;
	i->table = t;
	i->shift = 64 - bits;
	i->hook = hook_offset;
	return 0;
}

void table_index_fini(struct table_index *i)
{
	free(i->buckets);
	memset(i, 0, sizeof(*i));
}

void table_index_add(struct table_index *i, void *entry, uint64_t hash)
{
	uint32_t *bucket = &i->buckets[hash >> i->shift];
	struct table_hook *hook = hook_of(i, entry);

	hook->hash = hash;
	hook->prev = 0;
	hook->next = *bucket;
	if (hook->next)
		hook_at(i, hook->next)->prev = table_slot(entry);
	*bucket = table_slot(entry);
}

void table_index_remove(struct table_index *i, void *entry)
{
	struct table_hook *hook = hook_of(i, entry);

	if (hook->prev)
		hook_at(i, hook->prev)->next = hook->next;
	else
		i->buckets[hook->hash >> i->shift] = hook->next;
	if (hook->next)
		hook_at(i, hook->next)->prev = hook->prev;
}

static void *same_hash(const struct table_index *i, uint32_t slot, uint64_t hash)
{
	while (slot && hook_at(i, slot)->hash != hash)
		slot = hook_at(i, slot)->next;
	return table_at(i->table, slot);
}

void *table_index_first(const struct table_index *i, uint64_t hash)
{
	return same_hash(i, i->buckets[hash >> i->shift], hash);
}

void *table_index_next(const struct table_index *i, const void *entry)
{
	const struct table_hook *hook = hook_of(i, entry);

	return same_hash(i, hook->next, hook->hash);
}

/* --- list ---------------------------------------------------------------------------------- */

void table_list_init(struct table_list *l, struct table *t, size_t place_offset)
{
	memset(l, 0, sizeof(*l));
	l->table = t;
	l->place = place_offset;
}

void *table_list_next(const struct table_list *l, const void *entry)
{
	return table_at(l->table, table_place(l, entry)->next);
}

/* --- shares -------------------------------------------------------------------------------- */

void table_shares_init(struct table_shares *s, struct table *t, size_t place_offset)
{
	s->table = t;
	s->place = place_offset;
}

void table_shares_make(struct table_shares *s, unsigned target)
{
	table_list_init(&s->lists[target], s->table, s->place);
	if (target >= s->len)
		s->len = target + 1;
}

struct table_list *table_shares_longest(struct table_shares *s, unsigned target)
{
	struct table_list *longest = table_shares_of(s, target);

	for (size_t i = 0; i < s->len; i++) {
		if (s->lists[i].len > longest->len)
			longest = &s->lists[i];
	}
	return longest;
}
