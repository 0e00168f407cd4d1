/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.h - bounded tables for the data path: one allocation each, at creation.
 *
 * A table holds entries of one size in slots. The slot that was freed last is used again first, so
 * that a few open entries stay in a few cache lines whatever the capacity is. An index finds
 * entries by a 64-bit hash. A list keeps them in an order that the stage chooses, such as by age or
 * by last use; the stage removes the first entry when the table is full.
 *
 * An entry is the stage's own struct. It begins with a struct table_node. It contains one struct
 * table_hook for each index and one struct table_place for each list it can be in; indexes and
 * lists find theirs by its offset.
 *
 * Slots are numbered from 1, so that zeroed memory is an empty table and pages that were never used
 * are never touched.
 */
#ifndef TELLTALE_TABLE_H
#define TELLTALE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#define TABLE_CAPACITY_MAX (1u << 24)

struct table_node {
	uint32_t slot;
	uint32_t next_free;
};

struct table_hook {
	uint64_t hash;
	uint32_t next, prev;
};

struct table_place {
	uint32_t next, prev;
};

struct table {
	char *entries;
	size_t entry_size;
	uint32_t capacity;
	uint32_t touched; /* slots ever used */
	uint32_t free;    /* last freed slot, or 0 */
	uint32_t used;
};

struct table_index {
	struct table *table;
	uint32_t *buckets;
	unsigned shift;
	size_t hook;
};

struct table_list {
	struct table *table;
	uint32_t first, last;
	uint32_t len;
	size_t place;
};

/* A table's entries, in one list for each target. When the table is full, the target with the most
 * entries loses one. So a flood in one cgroup does not push out entries of another that keeps to
 * its share. A list is made when it is asked for first: few targets take little memory and time. */
#define TABLE_SHARES 256

struct table_shares {
	struct table *table;
	size_t place;
	unsigned len; /* lists that were made, or stand before one that was */
	struct table_list lists[TABLE_SHARES];
};

/* Mixes two words into a hash whose upper bits are well distributed. It does not resist an attacker
 * who chooses the words; they must be keyed hashes, as those in records are. */
static inline uint64_t table_hash(uint64_t a, uint64_t b)
{
	uint64_t h = a * 0x9e3779b97f4a7c15ULL + b * 0xc2b2ae3d27d4eb4fULL;

	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ULL;
	return h ^ (h >> 32);
}

/* The entry in SLOT, whoever has it; NULL for 0. */
static inline void *table_at(const struct table *t, uint32_t slot)
{
	return slot ? t->entries + (size_t)(slot - 1) * t->entry_size : NULL;
}

static inline uint32_t table_slot(const void *entry)
{
	return ((const struct table_node *)entry)->slot;
}

/* CAPACITY is 1 to TABLE_CAPACITY_MAX. 0, -EINVAL or -ENOMEM. _fini accepts zeroed memory, and a
 * table or index whose _init failed. An index or list belongs to one table and is made after it. */
int table_init(struct table *t, size_t capacity, size_t entry_size);
void table_fini(struct table *t);
int table_index_init(struct table_index *i, struct table *t, size_t hook_offset);
void table_index_fini(struct table_index *i);
void table_list_init(struct table_list *l, struct table *t, size_t place_offset);

/* Takes a zeroed entry that is in no index and no list; NULL when the table is full. */
void *table_take(struct table *t);
/* Gives the entry back. It must have been removed from all indexes and lists. */
void table_release(struct table *t, void *entry);

void table_index_add(struct table_index *i, void *entry, uint64_t hash);
void table_index_remove(struct table_index *i, void *entry);
/* The newest entry with exactly this hash, and the next older one; NULL at the end. Different keys
 * can have one hash: the caller compares the keys. */
void *table_index_first(const struct table_index *i, uint64_t hash);
void *table_index_next(const struct table_index *i, const void *entry);

static inline struct table_place *table_place(const struct table_list *l, const void *entry)
{
	return (struct table_place *)((char *)entry + l->place);
}

/* Adds ENTRY at the end, so the first entry has been in the list longest. Inline as the next one
 * is: an exchange goes into six lists and out of them. */
static inline void table_list_append(struct table_list *l, void *entry)
{
	struct table_place *place = table_place(l, entry);

	l->len++;
	place->next = 0;
	place->prev = l->last;
	if (l->last)
		table_place(l, table_at(l->table, l->last))->next = table_slot(entry);
	else
		l->first = table_slot(entry);
	l->last = table_slot(entry);
}

static inline void table_list_remove(struct table_list *l, void *entry)
{
	struct table_place *place = table_place(l, entry);

	l->len--;
	if (place->prev)
		table_place(l, table_at(l->table, place->prev))->next = place->next;
	else
		l->first = place->next;
	if (place->next)
		table_place(l, table_at(l->table, place->next))->prev = place->prev;
	else
		l->last = place->prev;
}

static inline void *table_list_first(const struct table_list *l)
{
	return table_at(l->table, l->first);
}

void *table_list_next(const struct table_list *l, const void *entry);

/* S is zeroed memory. */
void table_shares_init(struct table_shares *s, struct table *t, size_t place_offset);
/* Makes the list of TARGET, which is below TABLE_SHARES: for table_shares_of. */
void table_shares_make(struct table_shares *s, unsigned target);
/* The list of TARGET, which is below TABLE_SHARES. */
static inline struct table_list *table_shares_of(struct table_shares *s, unsigned target)
{
	unsigned i = target % TABLE_SHARES;

	if (!s->lists[i].table)
		table_shares_make(s, i);
	return &s->lists[i];
}

/* The same to read only; one that was not made yet is empty. All from S->len on are. */
static inline const struct table_list *table_shares_see(const struct table_shares *s,
							unsigned target)
{
	return &s->lists[target % TABLE_SHARES];
}

/* The list that must lose an entry so that TARGET can add one: the longest, or TARGET's own when no
 * other is longer. Never NULL; empty only when all are. */
struct table_list *table_shares_longest(struct table_shares *s, unsigned target);

#endif
