/* SPDX-License-Identifier: Apache-2.0 */
#include "privacy/privacy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/record.h"
#include "base/clock.h"
#include "base/log.h"
#include "exchange/spread.h"
#include "privacy/dice.h"
#include "privacy/noise.h"
#include "release/released_new.h"
#include "release/vocabulary.h"

/* Ticks come once a second. They come later only when a disk is slow (state.c bounds that) or the
 * host sleeps. A node that ended during a longer pause must not be closed. */
#define GAP_NS NS_PER_MINUTE

struct privacy {
	struct privacy_params params;
	struct bucket_laplace own; /* for the operator's eyes */
	double value_variance;     /* as released */
	char *source;
	char epsilon[32]; /* continual's, as text */
	uint64_t start_unix_ns;
	struct entropy entropy;
	struct privacy_truth truth;
	struct state *state;         /* NULL: nothing is kept over restarts */
	struct continual *continual; /* NULL: the network sees what the operator sees */
	struct continual_stats told; /* what the series of the state count already */
	struct series *series;       /* borrowed */
	int (*series_of)(void *context, uint64_t peer); /* NULL: peers have none */
	void *series_of_context;
	privacy_spread_sink *spread_sink; /* NULL: nobody looks */
	void *spread_context;
};

static int make_continual(struct privacy *p, uint64_t now_unix_ns)
{
	struct continual_options options = {
		.budget = p->params.budget,
		.state = p->state,
		.gap_ns = p->state ? GAP_NS : 0,
		.random = entropy_take,
		.random_context = &p->entropy,
		.renew = entropy_renew,
	};

	continual_free(p->continual);
	p->continual = NULL;
	return continual_new(&options, now_unix_ns, &p->continual);
}

struct privacy *privacy_new(const struct privacy_params *params, struct series *series,
			    const char *source, uint64_t start_unix_ns, privacy_random *random,
			    void *random_context)
{
	struct privacy *p = calloc(1, sizeof(*p));
	uint64_t milli = params->budget.epsilon_milli;

	if (!p)
		return NULL;
	p->params = *params;
	p->own = bucket_laplace_own(&params->bucket);
	p->series = series;
	p->start_unix_ns = start_unix_ns;
	snprintf(p->epsilon, sizeof(p->epsilon), "%" PRIu64 ".%03" PRIu64, milli / 1000,
		 milli % 1000);
	entropy_init(&p->entropy, random ? random : privacy_random_kernel, random_context);
	p->source = strdup(source);
	if (!p->source ||
	    (params->mechanism == PRIVACY_CONTINUAL && make_continual(p, start_unix_ns))) {
		privacy_free(p);
		return NULL;
	}
	return p;
}

void privacy_free(struct privacy *p)
{
	if (!p)
		return;
	continual_free(p->continual);
	state_close(p->state);
	entropy_fini(&p->entropy);
	free(p->source);
	free(p);
}

void privacy_by_peer(struct privacy *p, int (*series_of)(void *context, uint64_t peer),
		     void *context)
{
	p->series_of = series_of;
	p->series_of_context = context;
}

void privacy_spread_to(struct privacy *p, privacy_spread_sink *sink, void *context)
{
	p->spread_sink = sink;
	p->spread_context = context;
}

/* --- what outlives the process --- */

static void explain(const char *dir, int err, char *why, size_t why_len)
{
	if (err == -EBUSY)
		snprintf(
			why, why_len,
			"another telltale keeps its privacy state in %s; stop it, or give this one "
			"a state_dir of its own",
			dir);
	else
		snprintf(why, why_len,
			 "the privacy state in %s cannot be opened, read or written: %s; nothing "
			 "in it was replaced: make room and let this user read and write there, or "
			 "set state_dir to another directory",
			 dir, strerror(-err));
}

int privacy_keep(struct privacy *p, const char *state_dir, const struct hostkey *key, char *why,
		 size_t why_len)
{
	int err;

	if (!p->continual)
		return 0;
	err = state_open(state_dir, key, &p->state);
	if (!err)
		err = make_continual(p, p->start_unix_ns);
	if (err)
		explain(state_dir, err, why, why_len);
	return err;
}

void privacy_save(struct privacy *p)
{
	if (p->continual)
		continual_save(p->continual);
}

/* --- what happens --- */

/* The network gets one draw of the published mechanism, the operator one of its own, which is right
 * on average. Nobody else gets both: the mean of two draws would be closer to the value. */
static void count_value(struct privacy *p, const struct contribution *c)
{
	int64_t own = bucket_laplace_apply(&p->own, c->value, entropy_take, &p->entropy);

	series_count(p->series, METRIC_AMOUNT_BY_ORIGIN, c->origin, own);
	if (p->series_of && c->peer)
		series_move(p->series, p->series_of(p->series_of_context, c->peer), own);
	if (c->origin != ORIGIN_ORIGINATED)
		return;
	p->value_variance += noise_of_value(&p->own, own);
	series_count(p->series, METRIC_AMOUNT_FULFILL, 0,
		     bucket_laplace_apply(&p->params.bucket, c->value, entropy_take, &p->entropy));
	if (__builtin_add_overflow(p->truth.value, c->value, &p->truth.value))
		p->truth.value = UINT64_MAX;
}

/* The sign is that of the draw, which noise may turn: near 0 it does not show who earned. */
void privacy_spread(struct privacy *p, uint64_t peer, int64_t earned)
{
	uint64_t size = earned < 0 ? -(uint64_t)earned : (uint64_t)earned, value;
	struct dice d = {entropy_take, &p->entropy};
	int64_t noisy;

	if (!p->spread_sink || !peer)
		return;
	value = size / SPREAD_FINER + (dice_uniform(&d, SPREAD_FINER) < size % SPREAD_FINER);
	noisy = bucket_laplace_apply(&p->own, value, entropy_take, &p->entropy);
	if (earned < 0)
		noisy = -noisy;
	p->spread_sink(p->spread_context, peer, noisy, noise_of_spread(&p->own, noisy));
}

/* Counts a packet of an originated stream in the counters of all packets. */
static void count_packet(struct privacy *p, const struct contribution *c, unsigned stream)
{
	series_count(p->series, METRIC_PACKETS, KIND_PREPARE * STREAMS + stream, 1);
	if (c->outcome == OUTCOME_FULFILLED)
		series_count(p->series, METRIC_PACKETS, KIND_FULFILL * STREAMS + stream, 1);
	if (outcome_is_refusal(c->outcome))
		series_count(p->series, METRIC_PACKETS, KIND_REJECT * STREAMS + stream, 1);
}

static void observe_packet(struct privacy *p, const struct contribution *c)
{
	bool originated = c->origin == ORIGIN_ORIGINATED;
	bool fulfilled = c->outcome == OUTCOME_FULFILLED;
	bool rejected = outcome_is_refusal(c->outcome);

	if (fulfilled && c->converted)
		count_value(p, c);
	if (!originated)
		return;
	count_packet(p, c, STREAM_PAYMENT);
	series_count(p->series, METRIC_PACKET_PREPARE, 0, 1);
	series_count(p->series, METRIC_PACKET_FULFILL, 0, fulfilled);
	series_count(p->series, METRIC_PACKET_REJECT, 0, rejected);
	p->truth.prepares++;
	p->truth.fulfills += fulfilled;
	p->truth.rejects += rejected;
}

void privacy_observe(void *privacy, const struct contribution *c)
{
	struct privacy *p = privacy;
	bool originated = c->origin == ORIGIN_ORIGINATED;

	switch (c->kind) {
	case CONTRIBUTION_TRANSACTION:
		series_count(p->series, METRIC_TRANSACTIONS_BY_ORIGIN, c->origin, 1);
		series_count(p->series, METRIC_TRANSACTIONS, 0, originated);
		p->truth.transactions += originated;
		break;
	case CONTRIBUTION_PACKET: observe_packet(p, c); break;
	case CONTRIBUTION_PROBE_PACKET:
		if (!originated)
			break;
		count_packet(p, c, STREAM_PROBE);
		p->truth.probe_prepares++;
		p->truth.probe_rejects += outcome_is_refusal(c->outcome);
		break;
	case CONTRIBUTION_PAYMENT_END:
		if (!originated)
			break;
		series_time(p->series, METRIC_PAY_TIME, 0, c->pay_ns);
		series_time(p->series, METRIC_ROUND_TRIP, 0, c->round_trip_ns);
		if (p->continual && !c->partial)
			continual_observe(p->continual, c);
		break;
	}
}

static uint64_t elapsed(uint64_t from_ns, uint64_t to_ns)
{
	return to_ns > from_ns ? to_ns - from_ns : 0;
}

/* Which value of METRIC_HTTP_ERRORS. */
static unsigned status_class(uint16_t status)
{
	return status >= 200 && status < 600 ? STATUS_2XX + status / 100u - 2 : STATUS_OTHER;
}

static void count_outcome(struct privacy *p, const struct exchange *e)
{
	series_count(p->series, METRIC_OUTCOMES, e->outcome - 1, 1);
	p->truth.outcomes[e->outcome]++;
	if (e->outcome == OUTCOME_HTTP_ERROR)
		series_count(p->series, METRIC_HTTP_ERRORS, status_class(e->http_status), 1);
	if (e->outcome == OUTCOME_LOST) {
		series_count(p->series, METRIC_LOST, e->lost - 1, 1);
		p->truth.lost[e->lost]++;
	}
}

/* What Rafiki would call it: protocol packets are no payment of anybody's. */
static unsigned operation_of(const struct exchange *e)
{
	if (e->peer_protocol)
		return OPERATION_UNKNOWN;
	switch (e->origin) {
	case ORIGIN_RECEIVED: return OPERATION_INCOMING;
	case ORIGIN_ORIGINATED: return OPERATION_OUTGOING;
	case ORIGIN_FORWARDED: return OPERATION_ROUTING;
	default: return OPERATION_UNKNOWN;
	}
}

/* How long the connector was at it: what came in, from when it had it to when it answered; what it
 * sent of its own, from its first byte to the answer's last. */
static void time_processing(struct privacy *p, const struct exchange *e)
{
	uint64_t ns = elapsed(e->prepare_ns, e->reply_done_ns);

	/* What came in on its way through stands for both of its exchanges. */
	if (e->origin == ORIGIN_PROXY_COPY || e->outcome == OUTCOME_LOST ||
	    (e->origin == ORIGIN_FORWARDED && e->role != RECORD_ROLE_SERVER))
		return;
	if (e->role == RECORD_ROLE_SERVER)
		ns = elapsed(e->prepare_done_ns, e->reply_ns ? e->reply_ns : e->reply_done_ns);
	series_time(p->series, METRIC_PREPARE_PROCESSING, operation_of(e), ns);
}

void privacy_exchange(struct privacy *p, const struct exchange *e)
{
	if (e->outcome == OUTCOME_OPEN)
		return;
	count_outcome(p, e);
	series_count(p->series, METRIC_ORIGINS, e->origin, 1);
	if (e->outcome == OUTCOME_REJECTED && exchange_counts(e))
		series_count(p->series, METRIC_REJECTS,
			     vocabulary_code(e->reject_code) * OPERATIONS + operation_of(e), 1);
	time_processing(p, e);
	if (e->reply_ns)
		series_time(p->series, METRIC_EXCHANGE_TIME, e->origin,
			    elapsed(e->prepare_ns, e->reply_done_ns));
}

struct privacy_truth privacy_truth(const struct privacy *p)
{
	return p->truth;
}

/* --- release --- */

/* What continual says of its state, into the operator's series. */
static void tell_state(struct privacy *p)
{
	static const enum state_event events[] = {
		[STATE_CORRUPT] = STATE_EVENT_CORRUPT,
		[STATE_FOREIGN] = STATE_EVENT_FOREIGN,
		[STATE_OLDER] = STATE_EVENT_OLDER,
	};
	struct continual_stats now = continual_stats(p->continual);

	if (now.loaded != p->told.loaded && now.loaded >= STATE_CORRUPT)
		series_count(p->series, METRIC_PRIVACY_STATE, events[now.loaded], 1);
	series_count(p->series, METRIC_PRIVACY_STATE, STATE_EVENT_DROPPED,
		     (int64_t)(now.dropped - p->told.dropped));
	series_count(p->series, METRIC_PRIVACY_STATE, STATE_EVENT_UNSAVED,
		     (int64_t)(now.unsaved - p->told.unsaved));
	p->told = now;
}

static struct released_point *put_value(struct released_point *point, enum metric metric,
					int64_t value)
{
	point->metric = metric;
	point->value = value;
	return point + 1;
}

static struct released_point *put_times(struct released_point *point, enum metric metric,
					const uint64_t buckets[BUDGET_TIME_CELLS])
{
	point->metric = metric;
	point->without_sum = true;
	for (size_t i = 0; i < BUDGET_TIME_CELLS; i++) {
		point->buckets[i] = buckets[i];
		point->count += buckets[i];
	}
	return point + 1;
}

/* Makes the points of the network's view from what continual has released, sorted by metric. */
static size_t put_points(struct released_point *points, const struct continual_released *c)
{
	struct released_point *at = points;
	int64_t fulfilled = c->counters[CONTINUAL_FULFILLED];
	int64_t rejected = c->counters[CONTINUAL_REJECTED], prepared;

	if (__builtin_add_overflow(fulfilled, rejected, &prepared))
		prepared = INT64_MAX;
	at = put_value(at, METRIC_TRANSACTIONS, c->counters[CONTINUAL_TRANSACTIONS]);
	at = put_value(at, METRIC_PACKET_PREPARE, prepared);
	at = put_value(at, METRIC_PACKET_FULFILL, fulfilled);
	at = put_value(at, METRIC_PACKET_REJECT, rejected);
	at = put_value(at, METRIC_AMOUNT_FULFILL, c->counters[CONTINUAL_VALUE]);
	at = put_times(at, METRIC_PAY_TIME, c->times[CONTINUAL_PAY_TIME]);
	at = put_times(at, METRIC_ROUND_TRIP, c->times[CONTINUAL_ROUND_TRIP]);
	return (size_t)(at - points);
}

#define NETWORK_POINTS 7

static struct released *release_network(const struct privacy *p, uint64_t now_unix_ns)
{
	size_t source_len = strlen(p->source) + 1;
	char *text;
	struct released *r = released_new(NETWORK_POINTS, source_len + sizeof(p->epsilon), &text);

	if (!r)
		return NULL;
	/* Whole seconds, so that the time does not show how busy the host was when the timer
	 * fired. */
	r->time_unix_ns = now_unix_ns / NS_PER_S * NS_PER_S;
	r->start_unix_ns = continual_start_unix_ns(p->continual);
	r->mechanism = privacy_mechanisms[PRIVACY_CONTINUAL];
	r->source = memcpy(text, p->source, source_len);
	r->epsilon = memcpy(text + source_len, p->epsilon, sizeof(p->epsilon));
	r->points_len = put_points(r->points, continual_released(p->continual));
	return r;
}

void privacy_tick(struct privacy *p, uint64_t now_unix_ns)
{
	if (p->continual)
		continual_tick(p->continual, now_unix_ns);
}

struct released *privacy_release(struct privacy *p, uint64_t now_unix_ns)
{
	size_t source_len = strlen(p->source) + 1;
	char *text;
	struct released *r =
		released_new(series_len(p->series), source_len + series_text_len(p->series), &text);

	if (!r)
		return NULL;
	if (p->continual) {
		privacy_tick(p, now_unix_ns);
		tell_state(p);
		r->network = release_network(p, now_unix_ns);
		/* A snapshot without it would give the network the operator's view. */
		if (!r->network) {
			released_unref(r);
			return NULL;
		}
	}
	r->start_unix_ns = p->start_unix_ns;
	r->time_unix_ns = now_unix_ns;
	r->source = memcpy(text, p->source, source_len);
	r->mechanism = privacy_mechanisms[PRIVACY_BUCKET_LAPLACE];
	r->value_variance = p->value_variance;
	text += source_len;
	series_release(p->series, r->points, &text);
	return r;
}
