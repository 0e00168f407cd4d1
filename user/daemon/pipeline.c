/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/pipeline.h"

#include <stdlib.h>

#include "bpf/shared.h"
#include "exchange/origins.h"
#include "base/table.h"
#include "release/vocabulary.h"

_Static_assert(TABLE_SHARES == SHARED_TARGETS_MAX, "a share for each target");
_Static_assert(RECORD_UNSEEN == 8, "a new record type needs a case below");

#define DOUBTS_OPEN 4096 /* at once, over all targets */

struct pipeline {
	struct match *match;
	struct doubts *doubts;
	struct origins *origins;
	struct payments *payments;
	struct peers *peers;
	const struct rates *rates;
	struct privacy *privacy;
	struct series *series;
	void (*opaque)(void *context, const struct record_opaque *record);
	void (*doubted)(void *context, unsigned target, enum doubt_cause cause);
	void *context;
	/* As vocabulary.h numbers them. */
	uint64_t records[RECORD_WORDS_LEN], gaps[RECORD_GAP_CAUSES], gap_bytes[RECORD_GAP_CAUSES];
	uint64_t doubts_of[DOUBT_CAUSES], unvalued[UNVALUED_REASONS];
	uint64_t unattributed, unconverted, saturated;
	uint64_t dropped, settled_ns, witnessed_ns;
};

/* --- what match calls ------------------------------------------------------------------------ */

static void exchange_opened(void *context, struct exchange *e)
{
	struct pipeline *p = context;

	origins_opened(p->origins, e);
}

static void exchange_closed(void *context, struct exchange *e)
{
	struct pipeline *p = context;

	origins_closed(p->origins, e);
}

static const struct match_ops match_ops = {.opened = exchange_opened, .closed = exchange_closed};

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
	if (exchange_counts(e)) {
		if (moved_money(e))
			find_value(p, e);
		payments_exchange(p->payments, e);
	}
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

/* What came in on a connection that the target accepted, or may have accepted, and was not read. */
static void doubt_gap(struct pipeline *p, const struct record_gap *r)
{
	enum doubt_cause cause = r->cause == RECORD_GAP_FULL      ? DOUBT_FULL
				 : r->cause == RECORD_GAP_ENCODED ? DOUBT_ENCODED
								  : DOUBT_GAP;

	if (r->ingress && r->head.role != RECORD_ROLE_CLIENT)
		doubts_once(p->doubts, r->head.target, cause, r->at_ns);
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
	doubts_close(p->doubts, r->head.target, DOUBT_UNREAD_LISTENER, r->flow.id, r->at_ns);
}

/* False when the record's fields cannot be. */
static bool take(struct pipeline *p, const struct record_head *head)
{
	const void *record = head;

	switch (head->type) {
	case RECORD_MESSAGE: match_message(p->match, record); return true;
	case RECORD_ENDPOINT: return take_endpoint(p, record);
	case RECORD_FLOW_CLOSE: take_close(p, record); return true;
	case RECORD_GAP: return take_gap(p, record);
	case RECORD_OPAQUE:
		match_opaque(p->match, record);
		if (p->opaque)
			p->opaque(p->context, record);
		return true;
	case RECORD_EXEC: return true; /* for whoever looks after processes */
	case RECORD_TLS: return true;  /* ... and after what cannot be read */
	case RECORD_UNSEEN: return true;
	default: return false;
	}
}

void pipeline_record(struct pipeline *p, const void *data, size_t size)
{
	const struct record_head *head = data;

	if (size < sizeof(*head) || head->len < sizeof(*head) || head->len > size ||
	    head->version != RECORD_VERSION || head->target >= TABLE_SHARES)
		p->records[RECORD_WORD_INVALID]++;
	else if (head->type < RECORD_MESSAGE || head->type > RECORD_UNSEEN)
		p->records[RECORD_WORD_UNKNOWN]++;
	else if (head->len != record_len[head->type] || !take(p, head))
		p->records[RECORD_WORD_INVALID]++;
	else
		p->records[head->type - 1]++;
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
	series_total(s, METRIC_UNMATCHED, 0, match.unmatched);
	series_total(s, METRIC_REPEATED, 0, match.repeated);
	series_total(s, METRIC_BAD_REQUESTS, 0, match.bad);
	series_total(s, METRIC_UNATTRIBUTED, 0, p->unattributed);
	series_total(s, METRIC_UNCONVERTED, 0, p->unconverted);
	series_total(s, METRIC_SATURATED, 0, p->saturated);
	for (unsigned i = 0; i < UNVALUED_REASONS; i++)
		series_total(s, METRIC_OTHERS_UNVALUED, i, p->unvalued[i]);
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

void pipeline_witnessed(struct pipeline *p, uint64_t at_ns)
{
	p->witnessed_ns = at_ns;
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
	if (config->begin_ns)
		payments_begin(p->payments, config->begin_ns);
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
