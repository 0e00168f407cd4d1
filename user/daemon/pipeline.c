/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/pipeline.h"

#include <stdlib.h>

#include "bpf/shared.h"
#include "base/log.h"
#include "exchange/origins.h"
#include "base/table.h"

/* What this file counts itself, or passes on from the stages at each tick. */
enum counter {
	RECORDS_UNKNOWN,
	RECORDS_INVALID,
	RECORDS_FIRST, /* + type - 1 */
	RECORDS_LAST = RECORDS_FIRST + RECORD_EXEC - RECORD_MESSAGE,
	GAPS_FIRST, /* + cause - 1 */
	GAPS_LAST = GAPS_FIRST + RECORD_GAP_CAUSES - 1,
	GAP_BYTES_FIRST,
	GAP_BYTES_LAST = GAP_BYTES_FIRST + RECORD_GAP_CAUSES - 1,
	EVICTED_EXCHANGES,
	EVICTED_CONDITIONS,
	EVICTED_PAYMENTS,
	UNMATCHED,
	REPEATED,
	BAD_REQUESTS,
	UNATTRIBUTED,
	UNCONVERTED,
	SATURATED,
	COUNTERS,
};

#define RECORDS(type)    (RECORDS_FIRST + (type)-RECORD_MESSAGE)
#define GAPS(cause)      (GAPS_FIRST + (cause)-1)
#define GAP_BYTES(cause) (GAP_BYTES_FIRST + (cause)-1)

static const struct {
	enum metric metric;
	const char *key, *value;
} counter_series[COUNTERS] = {
	[RECORDS_UNKNOWN] = {METRIC_RECORDS, "type", "unknown"},
	[RECORDS_INVALID] = {METRIC_RECORDS, "type", "invalid"},
	[RECORDS(RECORD_MESSAGE)] = {METRIC_RECORDS, "type", "message"},
	[RECORDS(RECORD_ENDPOINT)] = {METRIC_RECORDS, "type", "endpoint"},
	[RECORDS(RECORD_FLOW_CLOSE)] = {METRIC_RECORDS, "type", "flow_close"},
	[RECORDS(RECORD_GAP)] = {METRIC_RECORDS, "type", "gap"},
	[RECORDS(RECORD_OPAQUE)] = {METRIC_RECORDS, "type", "opaque"},
	[RECORDS(RECORD_EXEC)] = {METRIC_RECORDS, "type", "exec"},
	[GAPS(RECORD_GAP_HOLE)] = {METRIC_GAPS, "cause", "hole"},
	[GAPS(RECORD_GAP_HTTP)] = {METRIC_GAPS, "cause", "http"},
	[GAPS(RECORD_GAP_COMPLEX)] = {METRIC_GAPS, "cause", "complex"},
	[GAPS(RECORD_GAP_REORDER)] = {METRIC_GAPS, "cause", "reorder"},
	[GAPS(RECORD_GAP_LOAD)] = {METRIC_GAPS, "cause", "load"},
	[GAPS(RECORD_GAP_FULL)] = {METRIC_GAPS, "cause", "full"},
	[GAP_BYTES(RECORD_GAP_HOLE)] = {METRIC_GAP_BYTES, "cause", "hole"},
	[GAP_BYTES(RECORD_GAP_HTTP)] = {METRIC_GAP_BYTES, "cause", "http"},
	[GAP_BYTES(RECORD_GAP_COMPLEX)] = {METRIC_GAP_BYTES, "cause", "complex"},
	[GAP_BYTES(RECORD_GAP_REORDER)] = {METRIC_GAP_BYTES, "cause", "reorder"},
	[GAP_BYTES(RECORD_GAP_LOAD)] = {METRIC_GAP_BYTES, "cause", "load"},
	[GAP_BYTES(RECORD_GAP_FULL)] = {METRIC_GAP_BYTES, "cause", "full"},
	[EVICTED_EXCHANGES] = {METRIC_EVICTED, "table", "exchanges"},
	[EVICTED_CONDITIONS] = {METRIC_EVICTED, "table", "conditions"},
	[EVICTED_PAYMENTS] = {METRIC_EVICTED, "table", "payments"},
	[UNMATCHED] = {METRIC_UNMATCHED, NULL, NULL},
	[REPEATED] = {METRIC_REPEATED, NULL, NULL},
	[BAD_REQUESTS] = {METRIC_BAD_REQUESTS, NULL, NULL},
	[UNATTRIBUTED] = {METRIC_UNATTRIBUTED, NULL, NULL},
	[UNCONVERTED] = {METRIC_UNCONVERTED, NULL, NULL},
	[SATURATED] = {METRIC_SATURATED, NULL, NULL},
};

_Static_assert(TABLE_SHARES == SHARED_TARGETS_MAX, "a share for each target");
_Static_assert(RECORD_EXEC == 6, "a new record type needs a name and a case below");
_Static_assert(RECORD_GAP_CAUSES == 6, "a new cause needs a name above");

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
	struct {
		int handle;
		uint64_t value, told;
	} counters[COUNTERS];
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
		p->counters[UNATTRIBUTED].value++;
		return;
	}
	switch (rates_convert(p->rates, e->amount, &e->asset, &e->value)) {
	case RATES_SATURATED: p->counters[SATURATED].value++; /* fall through */
	case RATES_OK: e->converted = true; break;
	case RATES_UNKNOWN:
		p->counters[UNCONVERTED].value++;
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
	p->counters[GAPS(r->cause)].value++;
	p->counters[GAP_BYTES(r->cause)].value += r->bytes;
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
		p->counters[RECORDS_INVALID].value++;
	else if (head->type < RECORD_MESSAGE || head->type > RECORD_EXEC)
		p->counters[RECORDS_UNKNOWN].value++;
	else if (head->len != record_len[head->type] || !take(p, head))
		p->counters[RECORDS_INVALID].value++;
	else
		p->counters[RECORDS(head->type)].value++;
}

/* --- the clock ------------------------------------------------------------------------------- */

static void tell(struct pipeline *p)
{
	struct match_stats match = match_stats(p->match);

	p->counters[UNMATCHED].value = match.unmatched;
	p->counters[REPEATED].value = match.repeated;
	p->counters[BAD_REQUESTS].value = match.bad;
	p->counters[EVICTED_EXCHANGES].value = match.evicted;
	p->counters[EVICTED_CONDITIONS].value = origins_evicted(p->origins);
	p->counters[EVICTED_PAYMENTS].value = payments_stats(p->payments).evicted;
	for (size_t i = 0; i < COUNTERS; i++) {
		uint64_t delta = p->counters[i].value - p->counters[i].told;

		if (delta && p->counters[i].handle >= 0)
			series_add(p->series, p->counters[i].handle, delta);
		p->counters[i].told = p->counters[i].value;
	}
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
	uint64_t gaps = 0;

	for (unsigned cause = 1; cause <= RECORD_GAP_CAUSES; cause++)
		gaps += p->counters[GAPS(cause)].value;
	return (struct pipeline_stats){
		.gaps = gaps,
		.match = match_stats(p->match),
		.payments = payments_stats(p->payments),
		.conditions_evicted = origins_evicted(p->origins),
		.unknown = p->counters[RECORDS_UNKNOWN].value,
		.invalid = p->counters[RECORDS_INVALID].value,
		.unattributed = p->counters[UNATTRIBUTED].value,
		.unconverted = p->counters[UNCONVERTED].value,
		.saturated = p->counters[SATURATED].value,
	};
}

/* --- making ---------------------------------------------------------------------------------- */

static void find_series(struct pipeline *p)
{
	for (size_t i = 0; i < COUNTERS; i++) {
		int handle = series_find(p->series, counter_series[i].metric, counter_series[i].key,
					 counter_series[i].value);

		if (handle < 0)
			log_warn("pipeline", "no room for the series %s of %s: it is not exported",
				 counter_series[i].value ? counter_series[i].value
							 : "without label",
				 metric_infos[counter_series[i].metric].name);
		p->counters[i].handle = handle;
	}
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
	find_series(p);
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
