/* SPDX-License-Identifier: Apache-2.0 */
#include "base/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void *entry_at(const struct table *t, uint32_t slot)
{
	return slot ? t->entries + (size_t)(slot - 1) * t->entry_size : NULL;
}

static uint32_t slot_of(const void *entry)
{
	return ((const struct table_node *)entry)->slot;
}

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
		node = entry_at(t, slot);
		t->free = node->next_free;
		memset(node, 0, t->entry_size);
	} else if (t->touched < t->capacity) {
		slot = ++t->touched;
		node = entry_at(t, slot);
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
	return hook_of(i, entry_at(i->table, slot));
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
		hook_at(i, hook->next)->prev = slot_of(entry);
	*bucket = slot_of(entry);
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
	return entry_at(i->table, slot);
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

static struct table_place *place_of(const struct table_list *l, const void *entry)
{
	return (struct table_place *)((char *)entry + l->place);
}

static struct table_place *place_at(const struct table_list *l, uint32_t slot)
{
	return place_of(l, entry_at(l->table, slot));
}

void table_list_init(struct table_list *l, struct table *t, size_t place_offset)
{
	memset(l, 0, sizeof(*l));
	l->table = t;
	l->place = place_offset;
}

void table_list_append(struct table_list *l, void *entry)
{
	struct table_place *place = place_of(l, entry);

	l->len++;
	place->next = 0;
	place->prev = l->last;
	if (l->last)
		place_at(l, l->last)->next = slot_of(entry);
	else
		l->first = slot_of(entry);
	l->last = slot_of(entry);
}

void table_list_remove(struct table_list *l, void *entry)
{
	struct table_place *place = place_of(l, entry);

	l->len--;
	if (place->prev)
		place_at(l, place->prev)->next = place->next;
	else
		l->first = place->next;
	if (place->next)
		place_at(l, place->next)->prev = place->prev;
	else
		l->last = place->prev;
}

void *table_list_first(const struct table_list *l)
{
	return entry_at(l->table, l->first);
}

void *table_list_next(const struct table_list *l, const void *entry)
{
	return entry_at(l->table, place_of(l, entry)->next);
}

/* --- shares -------------------------------------------------------------------------------- */

void table_shares_init(struct table_shares *s, struct table *t, size_t place_offset)
{
	s->table = t;
	s->place = place_offset;
}

struct table_list *table_shares_of(struct table_shares *s, unsigned target)
{
	unsigned i = target % TABLE_SHARES;

	if (!s->lists[i].table)
		table_list_init(&s->lists[i], s->table, s->place);
	if (i >= s->len)
		s->len = i + 1;
	return &s->lists[i];
}

const struct table_list *table_shares_see(const struct table_shares *s, unsigned target)
{
	return &s->lists[target % TABLE_SHARES];
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
