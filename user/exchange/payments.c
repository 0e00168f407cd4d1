/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream's packets are held as counts by outcome and reject code until it proves to be a payment
 * or ends; before the first fulfilled packet none of them moved value, so nothing else of them
 * is needed.
 */
#include "exchange/payments.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/table.h"

struct payment {
	struct table_node node;
	struct table_hook hook;
	struct table_place idle, age;
	uint64_t id;
	struct payment_state s;
};

struct payments {
	struct table table;
	struct table_index by_stream;
	struct table_shares idle; /* idle longest first */
	struct table_shares age;  /* oldest first */
	uint64_t idle_ns, max_ns;
	uint64_t known_ns; /* payments that begin from here on begin */
	uint64_t next_id;
	uint64_t evicted;
	payment_sink *sink;
	void *context;
};

struct payments *payments_new(size_t capacity, uint64_t idle_ns, uint64_t max_ns,
			      payment_sink *sink, void *context)
{
	struct payments *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	if (table_init(&p->table, capacity, sizeof(struct payment)) ||
	    table_index_init(&p->by_stream, &p->table, offsetof(struct payment, hook))) {
		payments_free(p);
		return NULL;
	}
	table_shares_init(&p->idle, &p->table, offsetof(struct payment, idle));
	table_shares_init(&p->age, &p->table, offsetof(struct payment, age));
	p->idle_ns = idle_ns;
	p->max_ns = max_ns;
	p->next_id = 1;
	p->sink = sink;
	p->context = context;
	return p;
}

void payments_free(struct payments *p)
{
	if (!p)
		return;
	table_index_fini(&p->by_stream);
	table_fini(&p->table);
	free(p);
}

void payments_begin(struct payments *p, uint64_t now_ns)
{
	/* A reply under way at NOW_NS may take IDLE_NS, and the next packet as long again. */
	p->known_ns = now_ns + 2 * p->idle_ns;
}

struct payment_stats payments_stats(const struct payments *p)
{
	return (struct payment_stats){.evicted = p->evicted, .open = p->table.used};
}

/* Events of two processors reach us slightly out of order: a difference below zero is zero. */
static uint64_t since(uint64_t from_ns, uint64_t to_ns)
{
	return to_ns > from_ns ? to_ns - from_ns : 0;
}

/* --- packets held back ----------------------------------------------------------------------- */

static void hold(struct payment_held *h, const struct exchange *e)
{
	size_t i = 0;

	if (e->outcome != OUTCOME_REJECTED) {
		h->packets[e->outcome]++;
		return;
	}
	while (i < PAYMENT_CODES_MAX && h->codes[i].packets &&
	       memcmp(h->codes[i].code, e->reject_code, 4) != 0)
		i++;
	if (i == PAYMENT_CODES_MAX) {
		h->packets[OUTCOME_REJECTED]++;
		return;
	}
	memcpy(h->codes[i].code, e->reject_code, sizeof(h->codes[i].code));
	h->codes[i].packets++;
}

static void emit_times(const struct payments *p, const struct contribution *c, uint32_t times)
{
	while (times--)
		p->sink(p->context, c);
}

static void emit_held(const struct payments *p, struct payment *s, enum contribution_kind kind)
{
	struct contribution c = {.kind = kind, .origin = s->s.origin, .payment = s->id};

	for (size_t i = 0; i < OUTCOMES; i++) {
		c.outcome = i;
		emit_times(p, &c, s->s.held.packets[i]);
	}
	c.outcome = OUTCOME_REJECTED;
	for (size_t i = 0; i < PAYMENT_CODES_MAX && s->s.held.codes[i].packets; i++) {
		memcpy(c.reject_code, s->s.held.codes[i].code, sizeof(c.reject_code));
		emit_times(p, &c, s->s.held.codes[i].packets);
	}
	memset(&s->s.held, 0, sizeof(s->s.held));
}

/* --- a payment's life ------------------------------------------------------------------------ */

static uint64_t hash(const struct exchange *e)
{
	return table_hash(e->destination, (uint64_t)e->target << 8 | e->origin);
}

static struct payment *find(const struct payments *p, const struct exchange *e)
{
	struct payment *s = table_index_first(&p->by_stream, hash(e));

	while (s && !(s->s.destination == e->destination && s->s.target == e->target &&
		      s->s.origin == e->origin))
		s = table_index_next(&p->by_stream, s);
	return s;
}

static void contribute(struct payments *p, struct payment *s, bool evicted)
{
	struct contribution c = {
		.kind = CONTRIBUTION_PAYMENT_END,
		.origin = s->s.origin,
		.payment = s->id,
		.total_value = s->s.total_value,
		.prepared = s->s.prepared,
		.fulfilled = s->s.fulfilled,
		.rejected = s->s.rejected,
		.pay_ns = since(s->s.first_ns, s->s.last_fulfilled_ns),
		.round_trip_ns = since(s->s.first_nonzero_ns, s->s.last_fulfilled_ns),
		.partial = s->s.rest || evicted,
	};

	if (s->s.proved)
		p->sink(p->context, &c);
	else
		emit_held(p, s, CONTRIBUTION_PROBE_PACKET);
}

static void forget(struct payments *p, struct payment *s)
{
	table_index_remove(&p->by_stream, s);
	table_list_remove(table_shares_of(&p->idle, s->s.target), s);
	table_list_remove(table_shares_of(&p->age, s->s.target), s);
	table_release(&p->table, s);
}

static void end(struct payments *p, struct payment *s)
{
	contribute(p, s, false);
	forget(p, s);
}

static void start(struct payments *p, struct payment *s, uint64_t first_ns)
{
	s->id = p->next_id++;
	s->s.first_ns = first_ns;
	s->s.first_nonzero_ns = UINT64_MAX;
	s->s.last_fulfilled_ns = 0;
	s->s.total_value = 0;
	s->s.prepared = s->s.fulfilled = s->s.rejected = 0;
	s->s.proved = false;
	s->s.empty = false;
}

/* Ends S by age. What comes on within IDLE_NS of its last exchange is its rest, so it stays; one
 * that was no payment has no rest. */
static void end_aged(struct payments *p, struct payment *s, uint64_t now_ns)
{
	contribute(p, s, false);
	s->s.rest = s->s.rest || s->s.proved;
	start(p, s, now_ns);
	s->s.empty = true;
	table_list_remove(table_shares_of(&p->age, s->s.target), s);
	table_list_append(table_shares_of(&p->age, s->s.target), s);
}

static struct payment *begin(struct payments *p, const struct exchange *e)
{
	struct payment *s = table_take(&p->table);

	if (!s) {
		p->evicted++;
		s = table_list_first(table_shares_longest(&p->idle, e->target));
		contribute(p, s, true);
		forget(p, s);
		s = table_take(&p->table);
	}
	s->s.destination = e->destination;
	s->s.target = e->target;
	s->s.origin = e->origin;
	s->s.rest = e->prepare_ns < p->known_ns;
	s->s.last_ns = e->reply_done_ns;
	start(p, s, e->prepare_ns);
	table_index_add(&p->by_stream, s, hash(e));
	table_list_append(table_shares_of(&p->idle, s->s.target), s);
	table_list_append(table_shares_of(&p->age, s->s.target), s);
	return s;
}

static bool is_idle(const struct payments *p, const struct payment *s, uint64_t now_ns)
{
	return since(s->s.last_ns, now_ns) >= p->idle_ns;
}

static bool is_aged(const struct payments *p, const struct payment *s, uint64_t now_ns)
{
	return since(s->s.first_ns, now_ns) >= p->max_ns;
}

/* The stream E belongs to, as its youngest exchange. */
static struct payment *stream_of(struct payments *p, const struct exchange *e)
{
	struct payment *s = find(p, e);

	/* Whatever the clock's ticks are: a Prepare made after the end belongs to the next. */
	if (s && is_idle(p, s, e->prepare_ns)) {
		end(p, s);
		s = NULL;
	}
	if (!s)
		return begin(p, e);
	if (is_aged(p, s, e->prepare_ns))
		end_aged(p, s, e->prepare_ns);
	if (s->s.empty)
		s->s.first_ns = e->prepare_ns;
	s->s.empty = false;
	table_list_remove(table_shares_of(&p->idle, s->s.target), s);
	table_list_append(table_shares_of(&p->idle, s->s.target), s);
	if (e->reply_done_ns > s->s.last_ns)
		s->s.last_ns = e->reply_done_ns;
	if (e->prepare_ns < s->s.first_ns)
		s->s.first_ns = e->prepare_ns;
	return s;
}

/* --- one packet ------------------------------------------------------------------------------ */

static void prove(struct payments *p, struct payment *s)
{
	struct contribution c = {
		.kind = CONTRIBUTION_TRANSACTION, .origin = s->s.origin, .payment = s->id};

	s->s.proved = true;
	p->sink(p->context, &c);
	emit_held(p, s, CONTRIBUTION_PACKET);
}

static void count(struct payment *s, const struct exchange *e)
{
	if (e->prepare_ns < s->s.first_nonzero_ns)
		s->s.first_nonzero_ns = e->prepare_ns;
	s->s.prepared++;
	s->s.rejected += outcome_is_refusal(e->outcome);
	if (e->outcome != OUTCOME_FULFILLED)
		return;
	s->s.fulfilled++;
	if (e->reply_done_ns > s->s.last_fulfilled_ns)
		s->s.last_fulfilled_ns = e->reply_done_ns;
	if (e->converted && __builtin_add_overflow(s->s.total_value, e->value, &s->s.total_value))
		s->s.total_value = UINT64_MAX;
}

static void emit_packet(const struct payments *p, const struct payment *s, const struct exchange *e)
{
	bool moved = e->outcome == OUTCOME_FULFILLED && e->converted;
	struct contribution c = {
		.kind = CONTRIBUTION_PACKET,
		.origin = s->s.origin,
		.payment = s->id,
		.outcome = e->outcome,
		.converted = moved,
		.value = moved ? e->value : 0,
		.peer = e->role != RECORD_ROLE_SERVER ? e->endpoint : 0,
		.exchange_ns = e->reply_ns ? since(e->prepare_ns, e->reply_done_ns) : 0,
	};

	memcpy(c.reject_code, e->reject_code, sizeof(c.reject_code));
	p->sink(p->context, &c);
}

void payments_exchange(struct payments *p, const struct exchange *e)
{
	struct payment *s;

	if (e->peer_protocol)
		return;
	s = stream_of(p, e);
	if (!e->amount)
		return;
	count(s, e);
	if (e->outcome == OUTCOME_FULFILLED && !s->s.proved)
		prove(p, s);
	if (s->s.proved)
		emit_packet(p, s, e);
	else
		hold(&s->s.held, e);
}

void payments_tick(struct payments *p, uint64_t now_ns)
{
	for (unsigned target = 0; target < p->idle.len; target++) {
		struct table_list *idle = table_shares_of(&p->idle, target);
		struct table_list *age = table_shares_of(&p->age, target);
		struct payment *s;

		while ((s = table_list_first(idle)) && is_idle(p, s, now_ns))
			end(p, s);
		while ((s = table_list_first(age)) && is_aged(p, s, now_ns))
			end_aged(p, s, now_ns);
	}
}

void payments_each(const struct payments *p,
		   void (*each)(void *context, const struct payment_state *state), void *context)
{
	for (unsigned target = 0; target < p->idle.len; target++) {
		const struct table_list *idle = table_shares_see(&p->idle, target);

		for (const struct payment *s = table_list_first(idle); s;
		     s = table_list_next(idle, s))
			each(context, &s->s);
	}
}

/* So many packets that no stream can have had them. */
static bool is_held(const struct payment_held *h)
{
	const uint32_t max = 1u << 20;
	bool fits = true;

	for (size_t i = 0; i < OUTCOMES; i++)
		fits = fits && h->packets[i] < max;
	for (size_t i = 0; i < PAYMENT_CODES_MAX; i++)
		fits = fits && h->codes[i].packets < max && !h->codes[i].code[3];
	return fits;
}

int payments_resume(struct payments *p, const struct payment_state *state)
{
	const struct exchange e = {.destination = state->destination,
				   .target = state->target,
				   .origin = (enum origin)state->origin,
				   .prepare_ns = state->first_ns,
				   .reply_done_ns = state->last_ns};
	struct payment *s;

	if (state->origin >= ORIGINS || !is_held(&state->held) || find(p, &e))
		return -EINVAL;
	if (p->table.used == p->table.capacity)
		return -ENOSPC;
	s = begin(p, &e);
	s->s = *state;
	return 0;
}

void payments_drain(struct payments *p)
{
	for (unsigned target = 0; target < p->idle.len; target++) {
		struct payment *s;

		while ((s = table_list_first(table_shares_of(&p->idle, target))))
			end(p, s);
	}
}
