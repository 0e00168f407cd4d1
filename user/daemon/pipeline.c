/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/pipeline.h"

#include <stdlib.h>

#include "bpf/shared.h"
#include "exchange/origins.h"
#include "base/table.h"
#include "release/vocabulary.h"

_Static_assert(TABLE_SHARES == SHARED_TARGETS_MAX, "a share for each target");
_Static_assert(RECORD_EXEC == 6, "a new record type needs a case below");

struct pipeline {
	struct match *match;
	struct origins *origins;
	struct payments *payments;
	struct peers *peers;
	const struct rates *rates;
	struct privacy *privacy;
	struct series *series;
	void (*opaque)(void *context, const struct record_opaque *record);
	void *context;
	/* As vocabulary.h numbers them. */
	uint64_t records[RECORD_WORDS_LEN], gaps[RECORD_GAP_CAUSES], gap_bytes[RECORD_GAP_CAUSES];
	uint64_t unattributed, unconverted, saturated;
};

/* --- what match calls ------------------------------------------------------------------------ */

static void exchange_opened(void *context, struct exchange *e)
{
	struct pipeline *p = context;

	origins_opened(p->origins, e);
}

/* A forwarded packet is two exchanges of the target, in and out; the one going out counts. */
static bool counts(const struct exchange *e)
{
	if (e->origin == ORIGIN_FORWARDED)
		return e->role == RECORD_ROLE_CLIENT;
	return e->origin != ORIGIN_PROXY_COPY;
}

static bool moved_money(const struct exchange *e)
{
	return e->outcome == OUTCOME_FULFILLED && e->amount && !e->peer_protocol;
}

static void find_value(struct pipeline *p, struct exchange *e)
{
	if (!peers_attribute(p->peers, e)) {
		p->unattributed++;
		return;
	}
	switch (rates_convert(p->rates, e->amount, &e->asset, &e->value)) {
	case RATES_SATURATED: p->saturated++; /* fall through */
	case RATES_OK: e->converted = true; break;
	case RATES_UNKNOWN:
		p->unconverted++;
		e->value = 0;
		break;
	}
}

static void exchange_closed(void *context, struct exchange *e)
{
	struct pipeline *p = context;

	origins_closed(p->origins, e);
	if (counts(e)) {
		if (moved_money(e))
			find_value(p, e);
		payments_exchange(p->payments, e);
	}
	privacy_exchange(p->privacy, e);
}

static const struct match_ops match_ops = {.opened = exchange_opened, .closed = exchange_closed};

/* --- records --------------------------------------------------------------------------------- */

static const uint16_t record_len[] = {
	[RECORD_MESSAGE] = sizeof(struct record_message),
	[RECORD_ENDPOINT] = sizeof(struct record_endpoint),
	[RECORD_FLOW_CLOSE] = sizeof(struct record_flow_close),
	[RECORD_GAP] = sizeof(struct record_gap),
	[RECORD_OPAQUE] = sizeof(struct record_opaque),
	[RECORD_EXEC] = sizeof(struct record_exec),
};

static bool take_endpoint(struct pipeline *p, const struct record_endpoint *r)
{
	if (r->host_len > sizeof(r->host) || r->path_len > sizeof(r->path))
		return false;
	peers_endpoint(p->peers, r);
	return true;
}

static bool take_gap(struct pipeline *p, const struct record_gap *r)
{
	if (r->cause < 1 || r->cause > RECORD_GAP_CAUSES)
		return false;
	p->gaps[r->cause - 1]++;
	p->gap_bytes[r->cause - 1] += r->bytes;
	match_gap(p->match, r);
	return true;
}

/* False when the record's fields cannot be. */
static bool take(struct pipeline *p, const struct record_head *head)
{
	const void *record = head;

	switch (head->type) {
	case RECORD_MESSAGE: match_message(p->match, record); return true;
	case RECORD_ENDPOINT: return take_endpoint(p, record);
	case RECORD_FLOW_CLOSE: match_flow_close(p->match, record); return true;
	case RECORD_GAP: return take_gap(p, record);
	case RECORD_OPAQUE:
		match_opaque(p->match, record);
		if (p->opaque)
			p->opaque(p->context, record);
		return true;
	case RECORD_EXEC: return true; /* for whoever looks after processes */
	default: return false;
	}
}

void pipeline_record(struct pipeline *p, const void *data, size_t size)
{
	const struct record_head *head = data;

	if (size < sizeof(*head) || head->len < sizeof(*head) || head->len > size ||
	    head->version != RECORD_VERSION || head->target >= TABLE_SHARES)
		p->records[RECORD_WORD_INVALID]++;
	else if (head->type < RECORD_MESSAGE || head->type > RECORD_EXEC)
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
}

void pipeline_settle(struct pipeline *p, uint64_t dropped)
{
	match_settle(p->match, dropped);
}

void pipeline_tick(struct pipeline *p, uint64_t now_ns)
{
	match_tick(p->match, now_ns);
	payments_tick(p->payments, now_ns);
	tell(p);
}

void pipeline_drain(struct pipeline *p, uint64_t now_ns)
{
	match_drain(p->match, now_ns);
	payments_drain(p->payments);
	tell(p);
}

void pipeline_set_clock(struct pipeline *p, int64_t realtime_offset_ns)
{
	match_set_clock(p->match, realtime_offset_ns);
}

void pipeline_set_blind(struct pipeline *p, unsigned target, bool blind)
{
	origins_set_blind(p->origins, target, blind);
}

struct pipeline_stats pipeline_stats(const struct pipeline *p)
{
	return (struct pipeline_stats){
		.match = match_stats(p->match),
		.payments = payments_stats(p->payments),
		.conditions_evicted = origins_evicted(p->origins),
		.unknown = p->records[RECORD_WORD_UNKNOWN],
		.invalid = p->records[RECORD_WORD_INVALID],
		.unattributed = p->unattributed,
		.unconverted = p->unconverted,
		.saturated = p->saturated,
	};
}

/* --- making ---------------------------------------------------------------------------------- */

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
	p->context = config->context;
	p->match = match_new(config->exchanges, config->realtime_offset_ns, &match_ops, p);
	p->origins = origins_new(config->conditions);
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
	match_free(p->match);
	free(p);
}
