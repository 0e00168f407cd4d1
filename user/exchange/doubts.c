/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of each target and cause two things are kept: since when one or more doubts have been open, and
 * the last few spans of time that are over. Open doubts stand in a table by their key only so that
 * what is closed is known to be one.
 */
#include "exchange/doubts.h"

#include <stdlib.h>

#include "base/table.h"

#define SPANS 8 /* of one target and cause */

struct open_doubt {
	struct table_node node;
	struct table_hook hook;
	struct table_place age;
	uint64_t key;
	uint8_t target;
	uint8_t cause;
};

struct span {
	uint64_t from_ns, to_ns;
};

struct history {
	uint32_t open;     /* in the table */
	bool unkept;       /* one more is, that had to leave the table */
	uint64_t since_ns; /* while any is open */
	size_t len;
	struct span spans[SPANS]; /* by their beginnings */
};

struct doubts {
	struct table table;
	struct table_index by_key;
	struct table_shares age;
	bool ignored[TABLE_SHARES];
	bool doubted[TABLE_SHARES]; /* at any time: most targets never are */
	struct history of[TABLE_SHARES][DOUBT_CAUSES];
};

struct doubts *doubts_new(size_t capacity)
{
	struct doubts *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	if (table_init(&d->table, capacity, sizeof(struct open_doubt)) ||
	    table_index_init(&d->by_key, &d->table, offsetof(struct open_doubt, hook))) {
		doubts_free(d);
		return NULL;
	}
	table_shares_init(&d->age, &d->table, offsetof(struct open_doubt, age));
	return d;
}

void doubts_free(struct doubts *d)
{
	if (!d)
		return;
	table_index_fini(&d->by_key);
	table_fini(&d->table);
	free(d);
}

/* --- what is over ---------------------------------------------------------------------------- */

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Makes one of the spans at I and I + 1. */
static void join(struct history *h, size_t i)
{
	h->spans[i].to_ns = later(h->spans[i].to_ns, h->spans[i + 1].to_ns);
	h->len--;
	for (size_t k = i + 1; k < h->len; k++)
		h->spans[k] = h->spans[k + 1];
}

/* The two neighbours with the least time between them. Where that is longer than an exchange lives,
 * the oldest two: no exchange to come asks after them. */
static size_t nearest(const struct history *h)
{
	uint64_t least = DOUBTS_LIFE_NS;
	size_t found = 0;

	for (size_t i = 0; i + 1 < h->len; i++) {
		const struct span *a = &h->spans[i], *b = &h->spans[i + 1];
		uint64_t between = b->from_ns > a->to_ns ? b->from_ns - a->to_ns : 0;

		if (between < least) {
			least = between;
			found = i;
		}
	}
	return found;
}

static void keep(struct history *h, uint64_t from_ns, uint64_t to_ns)
{
	size_t at;

	if (h->len == SPANS)
		join(h, nearest(h));
	for (at = h->len++; at && h->spans[at - 1].from_ns > from_ns; at--)
		h->spans[at] = h->spans[at - 1];
	h->spans[at] = (struct span){from_ns, later(from_ns, to_ns)};
	while (at + 1 < h->len && h->spans[at + 1].from_ns <= h->spans[at].to_ns)
		join(h, at);
	if (at && h->spans[at].from_ns <= h->spans[at - 1].to_ns)
		join(h, at - 1);
}

void doubts_span(struct doubts *d, unsigned target, enum doubt_cause cause, uint64_t from_ns,
		 uint64_t to_ns)
{
	if (target >= TABLE_SHARES)
		return;
	d->doubted[target] = true;
	keep(&d->of[target][cause], from_ns, to_ns);
}

void doubts_once(struct doubts *d, unsigned target, enum doubt_cause cause, uint64_t at_ns)
{
	doubts_span(d, target, cause, at_ns, at_ns);
}

/* --- what is open ---------------------------------------------------------------------------- */

static uint64_t hash(unsigned target, enum doubt_cause cause, uint64_t key)
{
	return table_hash(key, (uint64_t)target << 8 | cause);
}

static struct open_doubt *find(const struct doubts *d, unsigned target, enum doubt_cause cause,
			       uint64_t key)
{
	struct open_doubt *o = table_index_first(&d->by_key, hash(target, cause, key));

	while (o && !(o->key == key && o->target == target && o->cause == cause))
		o = table_index_next(&d->by_key, o);
	return o;
}

static struct history *history_of(struct doubts *d, const struct open_doubt *o)
{
	return &d->of[o->target][o->cause];
}

static void forget(struct doubts *d, struct open_doubt *o)
{
	history_of(d, o)->open--;
	table_index_remove(&d->by_key, o);
	table_list_remove(table_shares_of(&d->age, o->target), o);
	table_release(&d->table, o);
}

/* Room in the table: the target that has most in it gives up its oldest, which stays a doubt. */
static struct open_doubt *take(struct doubts *d, unsigned target)
{
	struct open_doubt *o = table_take(&d->table);

	if (o)
		return o;
	o = table_list_first(table_shares_longest(&d->age, target));
	history_of(d, o)->unkept = true;
	forget(d, o);
	return table_take(&d->table);
}

void doubts_open(struct doubts *d, unsigned target, enum doubt_cause cause, uint64_t key,
		 uint64_t from_ns)
{
	struct history *h;
	struct open_doubt *o;

	if (target >= TABLE_SHARES || find(d, target, cause, key))
		return;
	d->doubted[target] = true;
	h = &d->of[target][cause];
	if ((!h->open && !h->unkept) || from_ns < h->since_ns)
		h->since_ns = from_ns;
	o = take(d, target);
	o->key = key;
	o->target = (uint8_t)target;
	o->cause = (uint8_t)cause;
	table_index_add(&d->by_key, o, hash(target, cause, key));
	table_list_append(table_shares_of(&d->age, target), o);
	h->open++;
}

void doubts_close(struct doubts *d, unsigned target, enum doubt_cause cause, uint64_t key,
		  uint64_t at_ns)
{
	struct open_doubt *o = target < TABLE_SHARES ? find(d, target, cause, key) : NULL;
	bool last;

	if (!o)
		return;
	forget(d, o);
	last = !table_list_first(table_shares_of(&d->age, target));
	for (unsigned i = 0; i < DOUBT_CAUSES; i++) {
		struct history *h = &d->of[target][i];

		if (h->open || (h->unkept ? !last : i != cause))
			continue;
		h->unkept = false;
		keep(h, h->since_ns, at_ns);
	}
}

void doubts_each_open(const struct doubts *d,
		      void (*each)(void *context, unsigned target, enum doubt_cause cause,
				   uint64_t key),
		      void *context)
{
	for (unsigned target = 0; target < d->age.len; target++) {
		const struct table_list *list = table_shares_see(&d->age, target);

		for (const struct open_doubt *o = table_list_first(list); o;
		     o = table_list_next(list, o))
			each(context, o->target, (enum doubt_cause)o->cause, o->key);
	}
}

/* --- what is asked --------------------------------------------------------------------------- */

void doubts_ignore(struct doubts *d, unsigned target, bool never)
{
	if (target < TABLE_SHARES)
		d->ignored[target] = never;
}

bool doubts_ignored(const struct doubts *d, unsigned target)
{
	return target < TABLE_SHARES && d->ignored[target];
}

static bool touches(const struct history *h, uint64_t from_ns, uint64_t to_ns)
{
	if ((h->open || h->unkept) && h->since_ns <= to_ns)
		return true;
	for (size_t i = 0; i < h->len; i++) {
		if (h->spans[i].from_ns <= to_ns && h->spans[i].to_ns >= from_ns)
			return true;
	}
	return false;
}

bool doubts_any(const struct doubts *d, unsigned target, uint64_t from_ns, uint64_t to_ns,
		enum doubt_cause *cause)
{
	if (target >= TABLE_SHARES || !d->doubted[target] || doubts_ignored(d, target))
		return false;
	for (unsigned i = 0; i < DOUBT_CAUSES; i++) {
		if (!touches(&d->of[target][i], from_ns, to_ns))
			continue;
		*cause = (enum doubt_cause)i;
		return true;
	}
	return false;
}
