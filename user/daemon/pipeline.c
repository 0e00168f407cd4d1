/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/pipeline.h"

#include <stdlib.h>

#include "bpf/shared.h"
#include "exchange/origins.h"
#include "exchange/spread.h"
#include "base/table.h"
#include "release/vocabulary.h"

_Static_assert(TABLE_SHARES == SHARED_TARGETS_MAX, "a share for each target");
_Static_assert(TABLE_SHARES > UINT8_MAX, "... that a record can name");
_Static_assert(RECORD_UNSEEN == 8, "a new record type needs a case below");

#define DOUBTS_OPEN 4096 /* at once, over all targets */

struct pipeline {
	struct match *match;
	struct doubts *doubts;
	struct origins *origins;
	struct spread spread;
	struct payments *payments;
	struct peers *peers;
	const struct rates *rates;
	struct privacy *privacy;
	struct series *series;
	struct live *live;                    /* may be NULL */
	const struct record_message *message; /* while match looks at it */
	void (*opaque)(void *context, const struct record_opaque *record);
	void (*doubted)(void *context, unsigned target, enum doubt_cause cause);
	void *context;
	/* Once the pipeline leaves: what is not about anything that it has. */
	void (*rest)(void *context, const void *record, size_t size);
	void *rest_context;
	/* As vocabulary.h numbers them. */
	uint64_t records[RECORD_WORDS_LEN], gaps[RECORD_GAP_CAUSES], gap_bytes[RECORD_GAP_CAUSES];
	uint64_t doubts_of[DOUBT_CAUSES], unvalued[UNVALUED_REASONS];
	uint64_t spread_unknown[SPREAD_UNKNOWN_REASONS];
	uint64_t unattributed, unconverted, saturated;
	uint64_t dropped, settled_ns, witnessed_ns;
	/* Why bytes that came in were missed last, by target. */
	enum doubt_cause missed[TABLE_SHARES];
	uint64_t half_until_ns, half_seen; /* see count_half_seen */
};

/* --- what match calls ------------------------------------------------------------------------ */

static void exchange_opened(void *context, struct exchange *e)
{
	struct pipeline *p = context;

	origins_opened(p->origins, e);
	if (p->live)
		live_opened(p->live, e, p->message);
}

static void exchange_closed(void *context, struct exchange *e)
{
	struct pipeline *p = context;

	if (p->live)
		live_closed(p->live, e);
	origins_closed(p->origins, e);
}

/* A Prepare came in on this connection in the minute before AT_NS, and was not read. */
static void doubt_before(struct pipeline *p, unsigned target, uint64_t at_ns)
{
	uint64_t came_ns = at_ns > DOUBTS_LIFE_NS ? at_ns - DOUBTS_LIFE_NS : 0;

	doubts_once(p->doubts, target, p->missed[target], came_ns);
}

/* The target has answered what it was asked unseen, perhaps by a request of its own (RFC 35). */
static void reply_unmatched(void *context, const struct record_message *reply)
{
	enum record_role answers =
		reply->flags & RECORD_REQUEST ? RECORD_ROLE_CLIENT : RECORD_ROLE_SERVER;
	struct pipeline *p = context;

	if (p->live)
		live_unmatched(p->live, reply);
	if (reply->head.role == answers)
		doubt_before(p, reply->head.target, reply->first_ns);
}

static const struct match_ops match_ops = {
	.opened = exchange_opened,
	.closed = exchange_closed,
	.unmatched = reply_unmatched,
};

/* --- what origins calls ---------------------------------------------------------------------- */

static bool moved_money(const struct exchange *e)
{
	return e->outcome == OUTCOME_FULFILLED && e->amount && !e->peer_protocol;
}

/* Without a value the network's totals miss what was originated; of others' payments the operator's
 * own figures do. */
static void count_without_value(struct pipeline *p, const struct exchange *e, uint64_t *own,
				unsigned why)
{
	if (e->origin == ORIGIN_ORIGINATED)
		(*own)++;
	else
		p->unvalued[why]++;
}

static void find_value(struct pipeline *p, struct exchange *e)
{
	if (!peers_attribute(p->peers, e)) {
		count_without_value(p, e, &p->unattributed, UNVALUED_UNATTRIBUTED);
		return;
	}
	switch (rates_convert(p->rates, e->amount, &e->asset, &e->value)) {
	case RATES_SATURATED: p->saturated++; /* fall through */
	case RATES_OK: e->converted = true; break;
	case RATES_UNKNOWN:
		count_without_value(p, e, &p->unconverted, UNVALUED_UNCONVERTED);
		e->value = 0;
		break;
	}
}

/* What the target kept of a packet on its way through, once E is the second of its ends. */
static void find_spread(struct pipeline *p, const struct exchange *e)
{
	struct spread_found found;

	switch (spread_add(&p->spread, e, p->peers, p->rates, &found)) {
	case SPREAD_NOTHING: break;
	case SPREAD_KNOWN: privacy_spread(p->privacy, found.endpoint, found.earned); break;
	case SPREAD_UNATTRIBUTED: p->spread_unknown[SPREAD_UNKNOWN_UNATTRIBUTED]++; break;
	case SPREAD_UNCONVERTED: p->spread_unknown[SPREAD_UNKNOWN_UNCONVERTED]++; break;
	case SPREAD_EVICTED: p->spread_unknown[SPREAD_UNKNOWN_EVICTED]++; break;
	}
}

static void count_doubt(struct pipeline *p, const struct exchange *e)
{
	p->doubts_of[e->doubt]++;
	if (p->doubted)
		p->doubted(p->context, e->target, e->doubt);
}

static void exchange_judged(void *context, struct exchange *e)
{
	struct pipeline *p = context;

	if (e->doubt < DOUBT_CAUSES)
		count_doubt(p, e);
	/* First: what a payment is worth is counted for a peer that has been counted. */
	if (p->live)
		live_judged(p->live, e);
	if (exchange_counts(e)) {
		if (moved_money(e))
			find_value(p, e);
		payments_exchange(p->payments, e);
	}
	find_spread(p, e);
	privacy_exchange(p->privacy, e);
}

/* --- records --------------------------------------------------------------------------------- */

static const uint16_t record_len[] = {
	[RECORD_MESSAGE] = sizeof(struct record_message),
	[RECORD_ENDPOINT] = sizeof(struct record_endpoint),
	[RECORD_FLOW_CLOSE] = sizeof(struct record_flow_close),
	[RECORD_GAP] = sizeof(struct record_gap),
	[RECORD_OPAQUE] = sizeof(struct record_opaque),
	[RECORD_EXEC] = sizeof(struct record_exec),
	[RECORD_TLS] = sizeof(struct record_tls),
	[RECORD_UNSEEN] = sizeof(struct record_unseen),
};

static bool take_endpoint(struct pipeline *p, const struct record_endpoint *r)
{
	if (r->host_len > sizeof(r->host) || r->path_len > sizeof(r->path))
		return false;
	peers_endpoint(p->peers, r);
	return true;
}

/*
 * Bytes were missed on a connection that the target accepted, or may have accepted. Anybody can
 * open one and send what cannot be read. So they may have brought in a Prepare only where the
 * target has answered in ILP, before (spoken) or afterwards (reply_unmatched).
 */
static void doubt_gap(struct pipeline *p, const struct record_gap *r)
{
	unsigned target = r->head.target;

	if (r->head.role == RECORD_ROLE_CLIENT)
		return;
	if (r->ingress)
		p->missed[target] = r->cause == RECORD_GAP_FULL      ? DOUBT_FULL
				    : r->cause == RECORD_GAP_ENCODED ? DOUBT_ENCODED
								     : DOUBT_GAP;
	if (r->spoken && r->ingress)
		doubts_once(p->doubts, target, p->missed[target], r->at_ns);
	else if (r->spoken && r->unsure)
		doubt_before(p, target, r->at_ns);
}

static bool take_gap(struct pipeline *p, const struct record_gap *r)
{
	if (r->cause < 1 || r->cause > RECORD_GAP_CAUSES)
		return false;
	doubt_gap(p, r);
	p->gaps[r->cause - 1]++;
	p->gap_bytes[r->cause - 1] += r->bytes;
	match_gap(p->match, r);
	return true;
}

static void take_close(struct pipeline *p, const struct record_flow_close *r)
{
	match_flow_close(p->match, r);
	if (r->stream)
		return;
	doubts_close(p->doubts, r->head.target, DOUBT_UNREAD_LISTENER, r->flow.id, r->at_ns);
}

/* What the target had sent before there was anybody to see it, and is answered now, is missing in
 * the totals. How much more was answered meanwhile, nobody knows. */
static void count_half_seen(struct pipeline *p, const struct record_message *m)
{
	if (m->last_ns < p->half_until_ns && !(m->flags & RECORD_REQUEST) &&
	    (m->kind == RECORD_KIND_FULFILL || m->kind == RECORD_KIND_REJECT) &&
	    m->head.role != RECORD_ROLE_SERVER && !match_expects(p->match, m))
		p->half_seen++;
}

/* False when the record's fields cannot be. */
static bool take(struct pipeline *p, const struct record_head *head)
{
	const void *record = head;

	switch (head->type) {
	case RECORD_MESSAGE:
		count_half_seen(p, record);
		p->message = record;
		match_message(p->match, record);
		return true;
	case RECORD_ENDPOINT: return take_endpoint(p, record);
	case RECORD_FLOW_CLOSE: take_close(p, record); return true;
	case RECORD_GAP: return take_gap(p, record);
	case RECORD_OPAQUE:
		match_opaque(p->match, record);
		if (p->opaque)
			p->opaque(p->context, record);
		return true;
	case RECORD_EXEC: return true; /* for the probe half, from a ring of its own */
	case RECORD_TLS: return true;  /* ... and after what cannot be read */
	case RECORD_UNSEEN: return true;
	default: return false;
	}
}

/* --- leaving --------------------------------------------------------------------------------- */

/* Is the message about an exchange that is open, or is one that belongs together with those? */
static bool belongs(const struct pipeline *p, const struct record_message *m)
{
	if (!(m->flags & RECORD_REQUEST) || m->kind != RECORD_KIND_PREPARE)
		return match_expects(p->match, m);
	return !(m->flags & RECORD_PEER) &&
	       origins_expects(p->origins, m->head.target, (enum record_role)m->head.role,
			       m->condition);
}

/* What is no message is for both. It is counted by the one that comes. False: the record is for
 * that one alone. */
static bool take_leaving(struct pipeline *p, const struct record_head *head)
{
	const void *record = head;

	switch (head->type) {
	case RECORD_MESSAGE:
		if (belongs(p, record))
			return false;
		break;
	case RECORD_ENDPOINT: take_endpoint(p, record); break;
	case RECORD_FLOW_CLOSE: match_flow_close(p->match, record); break;
	case RECORD_GAP:
		doubt_gap(p, record);
		match_gap(p->match, record);
		break;
	case RECORD_OPAQUE: match_opaque(p->match, record); break;
	default: break;
	}
	p->rest(p->rest_context, record, head->len);
	return true;
}

void pipeline_leave(struct pipeline *p,
		    void (*rest)(void *context, const void *record, size_t size), void *context)
{
	p->rest = rest;
	p->rest_context = context;
}

void pipeline_each_payment(const struct pipeline *p,
			   void (*each)(void *context, const struct payment_state *state),
			   void *context)
{
	payments_each(p->payments, each, context);
}

int pipeline_resume(struct pipeline *p, const struct payment_state *state)
{
	return payments_resume(p->payments, state);
}

bool pipeline_is_empty(const struct pipeline *p)
{
	return !match_stats(p->match).open && !origins_waiting(p->origins);
}

void pipeline_record(struct pipeline *p, const void *data, size_t size)
{
	const struct record_head *head = data;

	if (size < sizeof(*head) || head->len < sizeof(*head) || head->len > size ||
	    head->version != RECORD_VERSION)
		p->records[RECORD_WORD_INVALID]++;
	else if (head->type < RECORD_MESSAGE || head->type > RECORD_UNSEEN)
		p->records[RECORD_WORD_UNKNOWN]++;
	else if (head->len == record_len[head->type] && p->rest && take_leaving(p, head))
		return;
	else if (head->len != record_len[head->type] || !take(p, head))
		p->records[RECORD_WORD_INVALID]++;
	else
		p->records[head->type - 1]++;
}

uint64_t pipeline_messages(const struct pipeline *p)
{
	return p->records[RECORD_MESSAGE - 1];
}

/* --- the clock ------------------------------------------------------------------------------- */

static void tell(struct pipeline *p)
{
	struct match_stats match = match_stats(p->match);
	struct series *s = p->series;

	for (unsigned i = 0; i < RECORD_WORDS_LEN; i++)
		series_total(s, METRIC_RECORDS, i, p->records[i]);
	for (unsigned i = 0; i < RECORD_GAP_CAUSES; i++) {
		series_total(s, METRIC_GAPS, i, p->gaps[i]);
		series_total(s, METRIC_GAP_BYTES, i, p->gap_bytes[i]);
	}
	series_total(s, METRIC_EVICTED, EVICTED_EXCHANGES, match.evicted);
	series_total(s, METRIC_EVICTED, EVICTED_CONDITIONS, origins_evicted(p->origins));
	series_total(s, METRIC_EVICTED, EVICTED_PAYMENTS, payments_stats(p->payments).evicted);
	series_total(s, METRIC_HALF_SEEN, 0, p->half_seen);
	series_total(s, METRIC_UNMATCHED, 0, match.unmatched);
	series_total(s, METRIC_REPEATED, 0, match.repeated);
	series_total(s, METRIC_BAD_REQUESTS, 0, match.bad);
	series_total(s, METRIC_NAMELESS, 0, match.nameless);
	series_total(s, METRIC_UNATTRIBUTED, 0, p->unattributed);
	series_total(s, METRIC_UNCONVERTED, 0, p->unconverted);
	series_total(s, METRIC_SATURATED, 0, p->saturated);
	for (unsigned i = 0; i < UNVALUED_REASONS; i++)
		series_total(s, METRIC_OTHERS_UNVALUED, i, p->unvalued[i]);
	for (unsigned i = 0; i < SPREAD_UNKNOWN_REASONS; i++)
		series_total(s, METRIC_SPREAD_UNKNOWN, i, p->spread_unknown[i]);
	for (unsigned i = 0; i < DOUBT_CAUSES; i++)
		series_total(s, METRIC_ORIGIN_UNKNOWN, i, p->doubts_of[i]);
}

/* Records were lost: which, nobody knows, so every target is in doubt. */
static void doubt_ring(struct pipeline *p, uint64_t now_ns)
{
	for (unsigned target = 0; target < TABLE_SHARES; target++)
		doubts_span(p->doubts, target, DOUBT_RING, p->settled_ns, now_ns);
}

static void judge(struct pipeline *p, uint64_t now_ns)
{
	origins_settle(p->origins, now_ns < p->witnessed_ns ? now_ns : p->witnessed_ns);
}

void pipeline_settle(struct pipeline *p, uint64_t dropped, uint64_t now_ns)
{
	if (dropped != p->dropped)
		doubt_ring(p, now_ns);
	p->dropped = dropped;
	p->settled_ns = now_ns;
	match_settle(p->match, dropped);
	judge(p, now_ns);
}

void pipeline_tick(struct pipeline *p, uint64_t now_ns)
{
	match_tick(p->match, now_ns);
	judge(p, now_ns);
	/* What waits to be judged may belong to a payment that would be over by now. */
	payments_tick(p->payments, origins_horizon(p->origins, now_ns));
	tell(p);
}

void pipeline_drain(struct pipeline *p, uint64_t now_ns)
{
	match_drain(p->match, now_ns);
	origins_drain(p->origins);
	if (!p->rest)
		payments_drain(p->payments);
	tell(p);
}

void pipeline_set_clock(struct pipeline *p, int64_t realtime_offset_ns)
{
	match_set_clock(p->match, realtime_offset_ns);
}

void pipeline_never_forwards(struct pipeline *p, unsigned target, bool never)
{
	doubts_ignore(p->doubts, target, never);
}

void pipeline_doubt_open(struct pipeline *p, unsigned target, enum doubt_cause cause, uint64_t key,
			 uint64_t from_ns)
{
	doubts_open(p->doubts, target, cause, key, from_ns);
}

void pipeline_doubt_close(struct pipeline *p, unsigned target, enum doubt_cause cause, uint64_t key,
			  uint64_t at_ns)
{
	doubts_close(p->doubts, target, cause, key, at_ns);
}

void pipeline_doubt_once(struct pipeline *p, unsigned target, enum doubt_cause cause,
			 uint64_t at_ns)
{
	doubts_once(p->doubts, target, cause, at_ns);
}

void pipeline_doubt_restart(struct pipeline *p, unsigned target, uint64_t from_ns, uint64_t to_ns)
{
	doubts_span(p->doubts, target, DOUBT_RESTART, from_ns, to_ns);
}

void pipeline_each_doubt(const struct pipeline *p,
			 void (*each)(void *context, unsigned target, enum doubt_cause cause,
				      uint64_t key),
			 void *context)
{
	doubts_each_open(p->doubts, each, context);
}

bool pipeline_doubted(const struct pipeline *p, unsigned target, uint64_t from_ns, uint64_t to_ns)
{
	enum doubt_cause cause;

	return doubts_any(p->doubts, target, from_ns, to_ns, &cause) ||
	       origins_remembers(p->origins, target);
}

void pipeline_witnessed(struct pipeline *p, uint64_t at_ns)
{
	p->witnessed_ns = at_ns;
}

void pipeline_unwitnessed(struct pipeline *p, uint64_t now_ns)
{
	for (unsigned target = 0; target < TABLE_SHARES && p->witnessed_ns < now_ns; target++)
		doubts_span(p->doubts, target, DOUBT_RESTART, p->witnessed_ns, now_ns);
}

struct pipeline_stats pipeline_stats(const struct pipeline *p)
{
	uint64_t doubted = 0;

	for (unsigned cause = 0; cause < DOUBT_CAUSES; cause++)
		doubted += p->doubts_of[cause];
	return (struct pipeline_stats){
		.match = match_stats(p->match),
		.payments = payments_stats(p->payments),
		.conditions_evicted = origins_evicted(p->origins),
		.waiting = origins_waiting(p->origins),
		.doubted = doubted,
		.unknown = p->records[RECORD_WORD_UNKNOWN],
		.invalid = p->records[RECORD_WORD_INVALID],
		.unattributed = p->unattributed,
		.unconverted = p->unconverted,
		.saturated = p->saturated,
	};
}

/* --- making ---------------------------------------------------------------------------------- */

static struct origins *new_origins(struct pipeline *p, const struct pipeline_config *config)
{
	struct origins_config origins = {
		.conditions = config->conditions,
		.held = config->conditions,
		.doubts = p->doubts,
		.judged = exchange_judged,
		.context = p,
	};

	return origins_new(&origins);
}

struct pipeline *pipeline_new(const struct pipeline_config *config)
{
	struct pipeline *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->peers = config->peers;
	p->rates = config->rates;
	p->privacy = config->privacy;
	p->series = config->series;
	p->live = config->live;
	p->opaque = config->opaque;
	p->doubted = config->doubted;
	p->context = config->context;
	p->settled_ns = config->begin_ns;
	p->witnessed_ns = UINT64_MAX;
	p->match = match_new(config->exchanges, config->realtime_offset_ns, config->session,
			     &match_ops, p);
	p->doubts = doubts_new(DOUBTS_OPEN);
	p->origins = p->doubts ? new_origins(p, config) : NULL;
	p->payments = payments_new(config->payments, config->idle_ns, config->max_ns,
				   privacy_observe, config->privacy);
	if (!p->match || !p->origins || !p->payments) {
		pipeline_free(p);
		return NULL;
	}
	if (config->begin_ns && !config->resumes) {
		payments_begin(p->payments, config->begin_ns);
		p->half_until_ns = config->begin_ns + DOUBTS_LIFE_NS;
	}
	return p;
}

void pipeline_free(struct pipeline *p)
{
	if (!p)
		return;
	payments_free(p->payments);
	origins_free(p->origins);
	doubts_free(p->doubts);
	match_free(p->match);
	free(p);
}
