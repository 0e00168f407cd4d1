/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A condition is in the index as long as exchanges may join it, in the list `due` when it waits to
 * be judged, in `kept` when it was judged and is remembered for what may still go out. By target
 * all stand in `age`, oldest first, and exchanges that wait to be judged in `waiting`, as they
 * ended.
 */
#include "exchange/origins.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/table.h"
#include "bpf/record.h"
#include "exchange/verdict.h"

enum queue { QUEUE_NONE, QUEUE_DUE, QUEUE_KEPT };

struct condition {
	struct table_node node;
	struct table_hook hook;
	struct table_place age, queued;
	struct table_list members; /* of struct held */
	uint64_t condition;
	uint64_t first_order; /* of the exchange it was made for */
	uint64_t ended_ns;    /* when the last one ended */
	uint64_t until_ns;    /* how long what came in unanswered is remembered */
	uint32_t open[2];     /* exchanges open now, by direction */
	uint8_t target;
	uint8_t queue;    /* enum queue */
	bool seen[2];     /* any of that direction */
	bool answered[2]; /* any of that direction */
	bool came_in;     /* known from members that have been judged */
	bool spent;       /* one was judged while others were open: those are copies */
	bool superseded;  /* out of the index */
};

struct held {
	struct table_node node;
	struct table_place member, waiting;
	struct condition *owner;
	struct exchange exchange;
};

struct origins {
	struct origins_config config;
	struct table conditions, held;
	struct table_index by_condition;
	struct table_shares age, waiting;
	struct table_list due, kept;
	uint64_t order, evicted;
};

struct origins *origins_new(const struct origins_config *config)
{
	struct origins *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->config = *config;
	if (table_init(&o->conditions, config->conditions, sizeof(struct condition)) ||
	    table_init(&o->held, config->held, sizeof(struct held)) ||
	    table_index_init(&o->by_condition, &o->conditions, offsetof(struct condition, hook))) {
		origins_free(o);
		return NULL;
	}
	table_shares_init(&o->age, &o->conditions, offsetof(struct condition, age));
	table_list_init(&o->due, &o->conditions, offsetof(struct condition, queued));
	table_list_init(&o->kept, &o->conditions, offsetof(struct condition, queued));
	table_shares_init(&o->waiting, &o->held, offsetof(struct held, waiting));
	return o;
}

void origins_free(struct origins *o)
{
	if (!o)
		return;
	table_index_fini(&o->by_condition);
	table_fini(&o->held);
	table_fini(&o->conditions);
	free(o);
}

uint64_t origins_evicted(const struct origins *o)
{
	return o->evicted;
}

uint64_t origins_waiting(const struct origins *o)
{
	return o->held.used;
}

/* --- conditions ------------------------------------------------------------------------------ */

static unsigned direction(const struct exchange *e)
{
	return e->role == RECORD_ROLE_CLIENT;
}

enum { IN, OUT };

/* All protocol packets ("peer.") share one condition, so theirs says nothing. */
static bool has_own_condition(const struct exchange *e)
{
	return !e->peer_protocol && e->condition &&
	       (e->role == RECORD_ROLE_CLIENT || e->role == RECORD_ROLE_SERVER);
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

static struct table_list *queue_of(struct origins *o, enum queue queue)
{
	return queue == QUEUE_DUE ? &o->due : &o->kept;
}

static void move_to(struct origins *o, struct condition *c, enum queue queue)
{
	if (c->queue != QUEUE_NONE)
		table_list_remove(queue_of(o, (enum queue)c->queue), c);
	if (queue != QUEUE_NONE)
		table_list_append(queue_of(o, queue), c);
	c->queue = (uint8_t)queue;
}

/* From here on exchanges with its condition begin another one. */
static void supersede(struct origins *o, struct condition *c)
{
	if (!c->superseded)
		table_index_remove(&o->by_condition, c);
	c->superseded = true;
}

static void forget(struct origins *o, struct condition *c)
{
	supersede(o, c);
	move_to(o, c, QUEUE_NONE);
	table_list_remove(table_shares_of(&o->age, c->target), c);
	table_release(&o->conditions, c);
}

static bool is_open(const struct condition *c)
{
	return c->open[IN] || c->open[OUT];
}

/* --- judging --------------------------------------------------------------------------------- */

/* Was everything that could have brought E in read? EARLY: it could not be waited for. */
static void doubt(const struct origins *o, struct exchange *e, bool early)
{
	uint64_t from_ns = e->prepare_ns > DOUBTS_LIFE_NS ? e->prepare_ns - DOUBTS_LIFE_NS : 0;
	/* What was missed is noticed later than it came. */
	uint64_t to_ns = e->reply_done_ns + ORIGINS_GRACE_NS;

	e->doubt = DOUBT_CAUSES;
	if (e->origin != ORIGIN_ORIGINATED && e->origin != ORIGIN_UNKNOWN)
		return;
	if (doubts_ignored(o->config.doubts, e->target)) {
		e->origin = ORIGIN_ORIGINATED;
		return;
	}
	if (e->origin == ORIGIN_UNKNOWN)
		e->doubt = DOUBT_PAIRING;
	else if (early)
		e->doubt = DOUBT_FULL;
	else if (!doubts_any(o->config.doubts, e->target, from_ns, to_ns, &e->doubt))
		return;
	e->origin = ORIGIN_UNKNOWN;
}

static void judge(struct origins *o, struct condition *c, bool early)
{
	struct exchange *members[VERDICT_MAX];
	struct held *held[VERDICT_MAX], *h;
	size_t n = 0;

	while (n < VERDICT_MAX && (h = table_list_first(&c->members))) {
		table_list_remove(&c->members, h);
		table_list_remove(table_shares_of(&o->waiting, c->target), h);
		held[n] = h;
		members[n++] = &h->exchange;
	}
	verdict_judge(members, n, c->came_in);
	for (size_t i = 0; i < n; i++) {
		doubt(o, members[i], early);
		members[i]->apart = early && c->open[IN] && members[i]->onward;
		o->config.judged(o->config.context, members[i]);
	}
	for (size_t i = 0; i < n; i++)
		table_release(&o->held, held[i]);
}

/* Everything of C that has ended is judged; what is remembered of it stays. */
static void judge_due(struct origins *o, struct condition *c, bool early)
{
	judge(o, c, early);
	if (is_open(c)) {
		c->spent = true;
		move_to(o, c, QUEUE_NONE);
	} else if (!c->superseded && c->until_ns > c->ended_ns + ORIGINS_GRACE_NS) {
		c->came_in = true;
		move_to(o, c, QUEUE_KEPT);
	} else {
		forget(o, c);
	}
}

/* Room for one condition more: the oldest of the target that has most is judged and forgotten. */
static void evict_condition(struct origins *o, unsigned target)
{
	struct condition *c = table_list_first(table_shares_longest(&o->age, target));

	o->evicted++;
	if (is_open(c) || c->until_ns)
		doubts_once(o->config.doubts, c->target, DOUBT_FULL, c->ended_ns);
	judge(o, c, true);
	forget(o, c);
}

/* The same for one exchange more that waits. */
static void evict_held(struct origins *o, unsigned target)
{
	struct held *h = table_list_first(table_shares_longest(&o->waiting, target));

	o->evicted++;
	judge_due(o, h->owner, true);
}

/* E by itself, as nothing is known of others with its condition. APART: something was. */
static void judge_alone(struct origins *o, const struct exchange *e, enum origin origin, bool apart)
{
	struct exchange copy = *e;

	copy.origin = origin;
	copy.doubt = DOUBT_CAUSES;
	copy.apart = apart && e->onward;
	if (has_own_condition(e))
		doubt(o, &copy, true);
	o->config.judged(o->config.context, &copy);
}

/* --- what match says ------------------------------------------------------------------------- */

static enum origin by_role(const struct exchange *e)
{
	switch (e->role) {
	case RECORD_ROLE_CLIENT: return ORIGIN_ORIGINATED;
	case RECORD_ROLE_SERVER: return ORIGIN_RECEIVED;
	default: return ORIGIN_UNKNOWN;
	}
}

static struct condition *remember(struct origins *o, const struct exchange *e)
{
	struct condition *c = table_take(&o->conditions);

	if (!c) {
		evict_condition(o, e->target);
		c = table_take(&o->conditions);
	}
	c->condition = e->condition;
	c->target = e->target;
	c->first_order = e->order;
	c->ended_ns = e->prepare_ns;
	table_list_init(&c->members, &o->held, offsetof(struct held, member));
	table_index_add(&o->by_condition, c, hash(e));
	table_list_append(table_shares_of(&o->age, c->target), c);
	return c;
}

/* Is what begins with E another payment than what C was about? */
static bool is_over(const struct condition *c, const struct exchange *e)
{
	if (is_open(c) || !c->answered[direction(e)])
		return false;
	/* What came in and got no answer may still be sent on. */
	return direction(e) == IN || !c->until_ns;
}

void origins_opened(struct origins *o, struct exchange *e)
{
	struct condition *c;

	e->order = ++o->order;
	e->origin = ORIGIN_UNKNOWN;
	e->doubt = DOUBT_CAUSES;
	e->condition_slot = 0;
	e->onward = false;
	if (!has_own_condition(e))
		return;
	c = find(o, e);
	if (c && is_over(c, e)) {
		supersede(o, c);
		if (c->queue == QUEUE_KEPT)
			forget(o, c);
		c = NULL;
	}
	if (!c)
		c = remember(o, e);
	e->condition_slot = c->node.slot;
	if (!is_open(c))
		move_to(o, c, QUEUE_NONE);
	e->onward = direction(e) == OUT && c->seen[IN];
	c->open[direction(e)]++;
	c->seen[direction(e)] = true;
}

bool origins_expects(const struct origins *o, unsigned target, enum record_role role,
		     uint64_t condition)
{
	const struct exchange e = {
		.target = (uint8_t)target, .role = (uint8_t)role, .condition = condition};
	const struct condition *c = has_own_condition(&e) ? find(o, &e) : NULL;

	return c && !is_over(c, &e);
}

bool origins_remembers(const struct origins *o, unsigned target)
{
	const struct table_list *age = table_shares_see(&o->age, target);
	const struct condition *c = table_list_first(age);

	while (c && !c->open[IN] && !c->until_ns)
		c = table_list_next(age, c);
	return c;
}

/* The condition that E was opened in, or NULL when that was forgotten since. */
static struct condition *own(const struct origins *o, const struct exchange *e)
{
	struct condition *c = table_at(&o->conditions, e->condition_slot);

	return c && !c->superseded && c->condition == e->condition && c->target == e->target &&
			       e->order >= c->first_order
		       ? c
		       : NULL;
}

static void hold(struct origins *o, struct condition *c, const struct exchange *e)
{
	struct held *h = table_take(&o->held);

	h->owner = c;
	h->exchange = *e;
	table_list_append(&c->members, h);
	table_list_append(table_shares_of(&o->waiting, c->target), h);
}

static void note_end(struct condition *c, const struct exchange *e)
{
	uint64_t until_ns = e->prepare_ns + DOUBTS_LIFE_NS;

	if (c->open[direction(e)])
		c->open[direction(e)]--;
	if (e->reply_done_ns > c->ended_ns)
		c->ended_ns = e->reply_done_ns;
	if (exchange_answered(e))
		c->answered[direction(e)] = true;
	else if (direction(e) == IN && until_ns > c->until_ns)
		c->until_ns = until_ns;
}

/* May what has ended of C be judged, as soon as the grace is over? */
static bool may_be_due(const struct condition *c)
{
	return !is_open(c) || (!c->seen[IN] && !c->came_in && c->answered[OUT]);
}

void origins_closed(struct origins *o, const struct exchange *e)
{
	struct condition *c;

	if (!has_own_condition(e)) {
		judge_alone(o, e, by_role(e), false);
		return;
	}
	if (o->held.used == o->held.capacity)
		evict_held(o, e->target);
	c = own(o, e);
	if (!c) {
		judge_alone(o, e, by_role(e), true);
		return;
	}
	if (c->spent || c->members.len == VERDICT_MAX)
		judge_alone(o, e, ORIGIN_PROXY_COPY, c->spent);
	else
		hold(o, c, e);
	note_end(c, e);
	if (may_be_due(c))
		move_to(o, c, QUEUE_DUE);
}

/* --- the clock ------------------------------------------------------------------------------- */

void origins_settle(struct origins *o, uint64_t now_ns)
{
	struct condition *c;

	while ((c = table_list_first(&o->due)) && c->ended_ns + ORIGINS_GRACE_NS <= now_ns)
		judge_due(o, c, false);
	while ((c = table_list_first(&o->kept)) && c->until_ns <= now_ns)
		forget(o, c);
}

void origins_drain(struct origins *o)
{
	origins_settle(o, UINT64_MAX);
}

uint64_t origins_horizon(const struct origins *o, uint64_t now_ns)
{
	for (unsigned i = 0; i < o->waiting.len; i++) {
		const struct held *h = table_list_first(table_shares_see(&o->waiting, i));

		if (h && h->exchange.reply_done_ns < now_ns)
			now_ns = h->exchange.reply_done_ns;
	}
	return now_ns;
}
