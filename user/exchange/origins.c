/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/origins.h"

#include <stdint.h>
#include <stdlib.h>

#include "bpf/record.h"
#include "base/table.h"

#define TARGETS 256 /* as many as a record can name */

struct condition {
	struct table_node node;
	struct table_hook hook;
	struct table_place age;
	uint64_t condition;
	uint64_t way_out; /* endpoint of the one that went out last */
	uint32_t in, out; /* exchanges open now, copies included */
	uint8_t target;
	bool came_in;   /* first seen coming in */
	bool forwarded; /* ... and went out again since */
	bool inside;    /* ... to the target itself, and not on from there so far */
};

struct origins {
	struct table table;
	struct table_index by_condition;
	struct table_shares age;
	uint64_t evicted;
	bool blind[TARGETS];
};

struct origins *origins_new(size_t capacity)
{
	struct origins *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	if (table_init(&o->table, capacity, sizeof(struct condition)) ||
	    table_index_init(&o->by_condition, &o->table, offsetof(struct condition, hook))) {
		origins_free(o);
		return NULL;
	}
	table_shares_init(&o->age, &o->table, offsetof(struct condition, age));
	return o;
}

void origins_free(struct origins *o)
{
	if (!o)
		return;
	table_index_fini(&o->by_condition);
	table_fini(&o->table);
	free(o);
}

void origins_set_blind(struct origins *o, unsigned target, bool blind)
{
	if (target < TARGETS)
		o->blind[target] = blind;
}

uint64_t origins_evicted(const struct origins *o)
{
	return o->evicted;
}

static uint64_t hash(const struct exchange *e)
{
	return table_hash(e->condition, e->target);
}

static struct condition *find(const struct origins *o, const struct exchange *e)
{
	struct condition *c = table_index_first(&o->by_condition, hash(e));

	while (c && !(c->condition == e->condition && c->target == e->target))
		c = table_index_next(&o->by_condition, c);
	return c;
}

static void forget(struct origins *o, struct condition *c)
{
	table_index_remove(&o->by_condition, c);
	table_list_remove(table_shares_of(&o->age, c->target), c);
	table_release(&o->table, c);
}

static struct condition *remember(struct origins *o, const struct exchange *e)
{
	struct condition *c = table_take(&o->table);

	if (!c) {
		o->evicted++;
		forget(o, table_list_first(table_shares_longest(&o->age, e->target)));
		c = table_take(&o->table);
	}
	c->condition = e->condition;
	c->target = e->target;
	c->came_in = e->role == RECORD_ROLE_SERVER;
	table_index_add(&o->by_condition, c, hash(e));
	table_list_append(table_shares_of(&o->age, c->target), c);
	return c;
}

/* All protocol packets ("peer.") share one condition, so theirs says nothing. */
static bool has_own_condition(const struct exchange *e)
{
	return !e->peer_protocol && e->condition &&
	       (e->role == RECORD_ROLE_CLIENT || e->role == RECORD_ROLE_SERVER);
}

static enum origin at_first_sight(const struct origins *o, const struct exchange *e)
{
	switch (e->role) {
	case RECORD_ROLE_CLIENT: return o->blind[e->target] ? ORIGIN_UNKNOWN : ORIGIN_ORIGINATED;
	case RECORD_ROLE_SERVER: return ORIGIN_RECEIVED;
	default: return ORIGIN_UNKNOWN;
	}
}

void origins_opened(struct origins *o, struct exchange *e)
{
	struct condition *c;

	e->origin = at_first_sight(o, e);
	if (!has_own_condition(e))
		return;
	c = find(o, e);
	if (!c) {
		c = remember(o, e);
	} else if (e->role == RECORD_ROLE_CLIENT && c->came_in && !c->out) {
		c->forwarded = true;
		e->origin = ORIGIN_FORWARDED;
	} else {
		e->origin = ORIGIN_PROXY_COPY;
	}
	if (e->role == RECORD_ROLE_CLIENT) {
		c->out++;
		c->way_out = e->endpoint;
		c->inside = false;
	} else {
		/* The far end of its own connection is told from a retry by where it was sent. */
		c->inside |= c->out && e->endpoint == c->way_out;
		c->in++;
	}
}

void origins_closed(struct origins *o, struct exchange *e)
{
	struct condition *c = has_own_condition(e) ? find(o, e) : NULL;
	uint32_t *open;

	/* Not there: evicted in the meantime. What it was at first sight stays. */
	if (!c)
		return;
	if (e->origin == ORIGIN_RECEIVED && c->forwarded && !c->inside)
		e->origin = ORIGIN_FORWARDED;
	if (e->origin == ORIGIN_FORWARDED && e->role == RECORD_ROLE_CLIENT && c->inside)
		e->origin = ORIGIN_PROXY_COPY;
	open = e->role == RECORD_ROLE_CLIENT ? &c->out : &c->in;
	/* Zero when this is an entry made after an eviction, by others with the condition. */
	if (*open)
		(*open)--;
	if (!c->in && !c->out)
		forget(o, c);
}
