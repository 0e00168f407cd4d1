/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An open exchange stands in up to three indexes: by flow and stream (where a response finds it),
 * by flow (for the flow's end) and, if its Prepare had one, by Request-Id (where an asynchronous
 * reply finds it). Answered with 202 it leaves the first two, because its connection has done its
 * part. All open exchanges of a target stand in one list, oldest first; those whose connection has
 * ended also in another one, until they are settled.
 */
#include "exchange/match.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/table.h"
#include "exchange/answered.h"
#include "exchange/expiry.h"
#include "exchange/fulfillment.h"
#include "exchange/numbers.h"

#define AFTER_EXPIRY_NS (30 * NS_PER_S)
#define AFTER_START_NS  (60 * NS_PER_S)

#define NUMBERS_CAPACITY 4096

struct reply {
	uint64_t first_ns, last_ns;
	enum outcome outcome;
	uint16_t http_status;
	char reject_code[4];
};

struct open {
	struct table_node node;
	struct table_place age, ending;
	struct table_hook by_stream, by_flow, by_request;
	struct record_flow flow;
	uint64_t request_id;
	int64_t expires_ns; /* since 1970 ... */
	int64_t offset_ns;  /* ... by the wall clock as it was when the Prepare was seen */
	uint32_t stream;
	uint64_t dropped; /* records lost so far, when it was opened */
	uint64_t ended_ns;
	uint8_t on_flow;   /* in by_stream and by_flow */
	uint8_t is_ending; /* in the list of that name */
	uint8_t unsure;    /* that the reply with its number is its own is not proven */
	uint8_t holds;     /* such a reply has come, in HELD_NUMBERING, and may be proven yet */
	uint8_t held_numbering;
	struct reply held;
	struct exchange exchange;
};

struct match {
	struct table table;
	struct table_index by_stream, by_flow, by_request;
	struct table_shares age;
	struct table_list ending;
	uint64_t dropped;
	int64_t realtime_offset_ns;
	struct fulfillment *fulfillment; /* NULL: not checked */
	struct numbers *numbers;
	struct answered *answered;
	const struct match_ops *ops;
	void *context;
	struct match_stats stats;
	struct expiry_minute minute;
};

struct match *match_new(size_t capacity, int64_t realtime_offset_ns,
			const struct siphash_key *session, const struct match_ops *ops,
			void *context)
{
	struct match *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->fulfillment = session ? fulfillment_new(session) : NULL;
	m->numbers = numbers_new(NUMBERS_CAPACITY);
	m->answered = answered_new();
	if ((session && !m->fulfillment) || !m->numbers || !m->answered ||
	    table_init(&m->table, capacity, sizeof(struct open)) ||
	    table_index_init(&m->by_stream, &m->table, offsetof(struct open, by_stream)) ||
	    table_index_init(&m->by_flow, &m->table, offsetof(struct open, by_flow)) ||
	    table_index_init(&m->by_request, &m->table, offsetof(struct open, by_request))) {
		match_free(m);
		return NULL;
	}
	table_shares_init(&m->age, &m->table, offsetof(struct open, age));
	table_list_init(&m->ending, &m->table, offsetof(struct open, ending));
	m->realtime_offset_ns = realtime_offset_ns;
	m->ops = ops;
	m->context = context;
	return m;
}

void match_free(struct match *m)
{
	if (!m)
		return;
	table_index_fini(&m->by_request);
	table_index_fini(&m->by_flow);
	table_index_fini(&m->by_stream);
	table_fini(&m->table);
	answered_free(m->answered);
	numbers_free(m->numbers);
	fulfillment_free(m->fulfillment);
	free(m);
}

void match_set_clock(struct match *m, int64_t realtime_offset_ns)
{
	m->realtime_offset_ns = realtime_offset_ns;
}

struct match_stats match_stats(const struct match *m)
{
	struct match_stats stats = m->stats;

	stats.open = m->table.used;
	return stats;
}

/* --- keys ---------------------------------------------------------------------------------- */

static struct flowkey flow_of(const struct record_message *message)
{
	return flowkey_of(message->head.tap, &message->flow);
}

static uint64_t hash_stream(const struct flowkey *flow, uint32_t stream)
{
	return table_hash(flow->hash, stream);
}

static uint64_t hash_request(uint8_t target, uint64_t request_id)
{
	return table_hash(request_id, target);
}

static bool is_on(const struct open *o, const struct flowkey *flow)
{
	return flowkey_names(flow, o->exchange.tap, &o->flow);
}

static struct open *find_stream(const struct match *m, const struct flowkey *flow, uint32_t stream)
{
	struct open *o = table_index_first(&m->by_stream, hash_stream(flow, stream));

	while (o && !(o->stream == stream && is_on(o, flow)))
		o = table_index_next(&m->by_stream, o);
	return o;
}

static struct open *find_request(const struct match *m, uint8_t target, uint8_t role,
				 uint64_t request_id)
{
	struct open *o = table_index_first(&m->by_request, hash_request(target, request_id));

	while (o && !(o->request_id == request_id && o->exchange.target == target &&
		      o->exchange.role == role))
		o = table_index_next(&m->by_request, o);
	return o;
}

/* --- one exchange's life --------------------------------------------------------------------- */

static void leave_flow(struct match *m, struct open *o)
{
	if (!o->on_flow)
		return;
	table_index_remove(&m->by_stream, o);
	table_index_remove(&m->by_flow, o);
	o->on_flow = 0;
}

static void close_exchange(struct match *m, struct open *o, enum outcome outcome, uint64_t done_ns)
{
	leave_flow(m, o);
	if (o->request_id)
		table_index_remove(&m->by_request, o);
	table_list_remove(table_shares_of(&m->age, o->exchange.target), o);
	if (o->is_ending)
		table_list_remove(&m->ending, o);
	o->exchange.outcome = outcome;
	o->exchange.reply_done_ns = done_ns;
	m->ops->closed(m->context, &o->exchange);
	table_release(&m->table, o);
}

/* CAUSE, unless records were dropped in its time: then nothing else can be told. */
static void lose(struct match *m, struct open *o, enum lost cause, uint64_t now_ns)
{
	o->exchange.lost = m->dropped != o->dropped ? LOST_RING : cause;
	close_exchange(m, o, OUTCOME_LOST, now_ns);
}

static struct open *take(struct match *m, unsigned target, uint64_t now_ns)
{
	struct open *o = table_take(&m->table);

	if (o)
		return o;
	o = table_list_first(table_shares_longest(&m->age, target));
	m->stats.evicted++;
	o->exchange.lost = LOST_EVICTED;
	close_exchange(m, o, OUTCOME_LOST, now_ns);
	return table_take(&m->table);
}

static void open_exchange(struct match *m, const struct record_message *message,
			  const struct flowkey *flow)
{
	struct open *o = find_stream(m, flow, message->stream);
	struct exchange *e;

	/* The reply to the one before it was lost on the way here. */
	if (o)
		lose(m, o, LOST_REPLACED, message->first_ns);
	o = take(m, message->head.target, message->first_ns);
	o->flow = message->flow;
	o->stream = message->stream;
	o->request_id = message->request_id;
	o->unsure = !numbers_certain(m->numbers, flow, message);
	o->dropped = m->dropped;
	o->expires_ns = expiry_find(&m->minute, message->expires_at);
	o->offset_ns = m->realtime_offset_ns;
	e = &o->exchange;
	e->target = message->head.target;
	e->role = message->head.role;
	e->tap = message->head.tap;
	e->peer_protocol = message->flags & RECORD_PEER;
	e->port = message->remote.family ? message->remote.port : 0;
	e->local_port = message->remote.family ? message->remote.local_port : 0;
	e->expires_at = message->expires_at;
	e->amount = message->amount;
	e->destination = message->destination;
	e->condition = message->condition;
	e->endpoint = message->endpoint;
	e->token = message->token;
	e->prepare_ns = message->first_ns;
	e->prepare_done_ns = message->last_ns;

	table_index_add(&m->by_stream, o, hash_stream(flow, o->stream));
	table_index_add(&m->by_flow, o, flow->hash);
	o->on_flow = 1;
	if (o->request_id)
		table_index_add(&m->by_request, o, hash_request(e->target, o->request_id));
	table_list_append(table_shares_of(&m->age, e->target), o);
	m->stats.opened++;
	m->stats.nameless += !!(message->flags & RECORD_NAMELESS);
	m->ops->opened(m->context, e);
}

/* --- replies --------------------------------------------------------------------------------- */

/* Codes become label values further on: what the RFC does not have is one value, whatever a peer
 * sends. */
static void copy_reject_code(char out[4], const uint8_t code[3])
{
	bool known = (code[0] == 'F' || code[0] == 'T' || code[0] == 'R') && code[1] >= '0' &&
		     code[1] <= '9' && code[2] >= '0' && code[2] <= '9';

	memcpy(out, known ? (const char *)code : "???", 3);
	out[3] = '\0';
}

static bool expired(const struct open *o, uint64_t reply_done_ns)
{
	int64_t wall_ns;

	return __builtin_add_overflow(reply_done_ns, o->offset_ns, &wall_ns) ||
	       wall_ns > o->expires_ns;
}

static enum outcome fulfilled(const struct match *m, const struct open *o,
			      const struct record_message *reply)
{
	if (m->fulfillment &&
	    !fulfillment_fits(m->fulfillment, reply->fulfillment, o->exchange.condition))
		return OUTCOME_MISMATCH;
	return expired(o, reply->last_ns) ? OUTCOME_EXPIRED : OUTCOME_FULFILLED;
}

static enum outcome outcome_of(const struct match *m, const struct open *o,
			       const struct record_message *reply)
{
	/* Connectors read no Fulfill in an answer that is no success. An asynchronous one has no
	 * status. */
	if (reply->kind == RECORD_KIND_FULFILL && reply->http_status >= 300)
		return OUTCOME_HTTP_ERROR;
	switch (reply->kind) {
	case RECORD_KIND_FULFILL: return fulfilled(m, o, reply);
	case RECORD_KIND_REJECT: return OUTCOME_REJECTED;
	default: break;
	}
	if (reply->http_status && reply->http_status != 200)
		return OUTCOME_HTTP_ERROR;
	/* Whether a packet stood in what was not seen cannot be known. */
	return reply->flags & RECORD_CUT ? OUTCOME_LOST : OUTCOME_NOT_ILP;
}

static struct reply reply_in(const struct match *m, const struct open *o,
			     const struct record_message *message)
{
	struct reply reply = {
		.first_ns = message->first_ns,
		.last_ns = message->last_ns,
		.outcome = outcome_of(m, o, message),
		.http_status = message->http_status,
	};

	if (reply.outcome == OUTCOME_REJECTED)
		copy_reject_code(reply.reject_code, message->reject_code);
	return reply;
}

static void end(struct match *m, struct open *o, const struct reply *reply)
{
	struct exchange *e = &o->exchange;

	memcpy(e->reject_code, reply->reject_code, sizeof(e->reject_code));
	if (reply->http_status)
		e->http_status = reply->http_status;
	e->reply_ns = reply->first_ns;
	if (reply->outcome == OUTCOME_LOST)
		e->lost = LOST_GAP;
	if (o->request_id)
		answered_note(m->answered, e->target, e->role, o->request_id);
	close_exchange(m, o, reply->outcome, reply->last_ns);
}

static void answer(struct match *m, struct open *o, const struct record_message *message)
{
	struct reply reply = reply_in(m, o, message);

	end(m, o, &reply);
}

static bool carries_reply(const struct record_message *message)
{
	return message->kind == RECORD_KIND_FULFILL || message->kind == RECORD_KIND_REJECT;
}

static void unmatched(struct match *m, const struct record_message *message)
{
	if (!carries_reply(message))
		return;
	m->stats.unmatched++;
	if (m->ops->unmatched)
		m->ops->unmatched(m->context, message);
}

static void response(struct match *m, struct open *o, const struct record_message *message)
{
	if (!o) {
		unmatched(m, message);
		return;
	}
	if (!carries_reply(message) && message->http_status == 202) {
		o->exchange.http_status = 202;
		if (o->request_id)
			leave_flow(m, o);
		return;
	}
	answer(m, o, message);
}

/* --- replies whose number is not certain ----------------------------------------------------- */

/* The Fulfill MESSAGE has its right number: so had the replies since the numbers shifted last, and
 * so will have those that are to come. What is older and has none has missed its own. */
static void prove(struct match *m, const struct record_message *message, const struct flowkey *flow)
{
	struct open *o = table_index_first(&m->by_flow, flow->hash);

	numbers_prove(m->numbers, flow, message->head.target, message->numbering);
	while (o) {
		struct open *next = table_index_next(&m->by_flow, o);
		struct reply held = o->held;

		if (o->unsure && is_on(o, flow)) {
			if (o->holds && o->held_numbering == message->numbering)
				end(m, o, &held);
			else if (o->stream > message->stream)
				o->unsure = 0;
		}
		o = next;
	}
}

/* The one on the flow of the Fulfill MESSAGE, whatever its number, whose condition it fits. */
static struct open *find_fitting(const struct match *m, const struct record_message *message,
				 const struct flowkey *flow)
{
	uint64_t condition = fulfillment_condition(m->fulfillment, message->fulfillment);
	struct open *o = table_index_first(&m->by_flow, flow->hash);

	while (o && !(o->exchange.condition == condition && is_on(o, flow)))
		o = table_index_next(&m->by_flow, o);
	return o;
}

/* Is O the only one on FLOW that a Fulfill can fit? A Prepare that is sent again has the condition
 * of the first, and all protocol packets, those that were not seen too, have one. */
static bool is_unlike_others(const struct match *m, const struct open *o,
			     const struct flowkey *flow)
{
	const struct open *other = table_index_first(&m->by_flow, flow->hash);

	if (o->exchange.peer_protocol)
		return false;
	while (other && (other == o || other->exchange.condition != o->exchange.condition ||
			 !is_on(other, flow)))
		other = table_index_next(&m->by_flow, other);
	return !other;
}

static void unsure_fulfill(struct match *m, struct open *o, const struct record_message *message,
			   const struct flowkey *flow)
{
	bool proves =
		o && message->numbering != RECORD_NUMBERING_MAX && is_unlike_others(m, o, flow);

	if (m->fulfillment &&
	    !(o && fulfillment_fits(m->fulfillment, message->fulfillment, o->exchange.condition))) {
		response(m, find_fitting(m, message, flow), message);
		return;
	}
	response(m, o, message);
	if (proves)
		prove(m, message, flow);
}

/* What is no Fulfill has nothing that says whose it is: it is kept until the numbers are proven. */
static void unsure_response(struct match *m, struct open *o, const struct record_message *message,
			    const struct flowkey *flow)
{
	if (o)
		o->unsure = 1;
	if (message->kind == RECORD_KIND_FULFILL) {
		unsure_fulfill(m, o, message, flow);
		return;
	}
	if (!o) {
		unmatched(m, message);
		return;
	}
	if (!carries_reply(message) && message->http_status == 202)
		return; /* its reply will come by Request-Id */
	o->holds = 1;
	o->held_numbering = message->numbering;
	o->held = reply_in(m, o, message);
}

/* RFC 35, asynchronous mode: the reply is a request of its own, and comes from the other side. This
 * is the role in which the target saw the Prepare. */
static uint8_t asked_as(const struct record_message *reply)
{
	return reply->head.role == RECORD_ROLE_SERVER ? RECORD_ROLE_CLIENT : RECORD_ROLE_SERVER;
}

static struct open *find_asynchronous(const struct match *m, const struct record_message *message)
{
	uint64_t id = message->request_id;

	return id ? find_request(m, message->head.target, asked_as(message), id) : NULL;
}

static void asynchronous_reply(struct match *m, const struct record_message *message)
{
	struct open *o = find_asynchronous(m, message);
	uint64_t id = message->request_id;

	if (o)
		answer(m, o, message);
	else if (id && answered_lately(m->answered, message->head.target, asked_as(message), id))
		m->stats.repeated++;
	else
		unmatched(m, message);
}

static void any_response(struct match *m, const struct record_message *message,
			 const struct flowkey *flow)
{
	struct open *o = find_stream(m, flow, message->stream);

	if (numbers_certain(m->numbers, flow, message))
		response(m, o, message);
	else
		unsure_response(m, o, message, flow);
}

void match_message(struct match *m, const struct record_message *message)
{
	const struct flowkey flow = flow_of(message);

	if (!(message->flags & RECORD_REQUEST))
		any_response(m, message, &flow);
	else if (message->kind == RECORD_KIND_PREPARE)
		open_exchange(m, message, &flow);
	else if (carries_reply(message))
		asynchronous_reply(m, message);
	else
		m->stats.bad++;
}

bool match_expects(const struct match *m, const struct record_message *message)
{
	const struct flowkey flow = flow_of(message);

	if (!(message->flags & RECORD_REQUEST))
		return find_stream(m, &flow, message->stream);
	return carries_reply(message) && find_asynchronous(m, message);
}

/* --- ends without a reply -------------------------------------------------------------------- */

void match_flow_close(struct match *m, const struct record_flow_close *close)
{
	const struct flowkey flow = flowkey_of(close->head.tap, &close->flow);
	struct open *o = table_index_first(&m->by_flow, flow.hash);

	while (o) {
		struct open *next = table_index_next(&m->by_flow, o);

		if (is_on(o, &flow) && (!close->stream || close->stream == o->stream)) {
			leave_flow(m, o);
			o->is_ending = 1;
			o->ended_ns = close->at_ns;
			table_list_append(&m->ending, o);
		}
		o = next;
	}
	if (!close->stream)
		numbers_forget(m->numbers, &flow);
}

/* Are replies to O among the bytes that were missed? */
static bool hides_reply(const struct open *o, const struct record_gap *gap)
{
	enum record_role role = o->exchange.role;

	if (gap->stream && gap->stream != o->stream)
		return false;
	return role == RECORD_ROLE_UNKNOWN || gap->ingress == (role == RECORD_ROLE_CLIENT);
}

/* What is open on a flow; with GAP, what waits for a reply that may lie in it. */
static void lose_on(struct match *m, const struct flowkey *flow, const struct record_gap *gap,
		    enum lost cause, uint64_t at_ns)
{
	struct open *o = table_index_first(&m->by_flow, flow->hash);

	while (o) {
		struct open *next = table_index_next(&m->by_flow, o);

		if (is_on(o, flow) && (!gap || hides_reply(o, gap)))
			lose(m, o, cause, at_ns);
		o = next;
	}
}

void match_gap(struct match *m, const struct record_gap *gap)
{
	const struct flowkey flow = flowkey_of(gap->head.tap, &gap->flow);

	lose_on(m, &flow, gap, gap->cause == RECORD_GAP_ENCODED ? LOST_ENCODED : LOST_GAP,
		gap->at_ns);
}

void match_opaque(struct match *m, const struct record_opaque *opaque)
{
	const struct flowkey flow = flowkey_of(opaque->head.tap, &opaque->flow);

	lose_on(m, &flow, NULL, LOST_OPAQUE, opaque->at_ns);
}

static void settle(struct match *m)
{
	struct open *o;

	while ((o = table_list_first(&m->ending))) {
		if (o->unsure || m->dropped != o->dropped)
			lose(m, o, LOST_UNSURE, o->ended_ns);
		else
			close_exchange(m, o, OUTCOME_CLOSED, o->ended_ns);
	}
}

void match_settle(struct match *m, uint64_t dropped)
{
	m->dropped = dropped;
	settle(m);
}

/* How long after its start O expires: 0 when it came expired. */
static uint64_t lifetime_ns(const struct open *o)
{
	int64_t left;

	/* Dates so far off that the difference has no room are past or future by their sign. */
	if (__builtin_sub_overflow(o->expires_ns, o->offset_ns, &left) ||
	    __builtin_sub_overflow(left, o->exchange.prepare_ns, &left))
		left = o->expires_ns;
	return left < 0 ? 0 : (uint64_t)left;
}

/* O has had no reply for long enough. Its connector has given it up, unless it expires later than
 * Prepares do. */
static void give_up(struct match *m, struct open *o, uint64_t now_ns)
{
	if (o->unsure)
		lose(m, o, LOST_UNSURE, now_ns);
	else if (m->dropped != o->dropped || lifetime_ns(o) > AFTER_START_NS - AFTER_EXPIRY_NS)
		lose(m, o, LOST_TIMEOUT, now_ns);
	else
		close_exchange(m, o, OUTCOME_UNANSWERED, now_ns);
}

/* How long after its start O is given up, from AFTER_EXPIRY_NS to AFTER_START_NS. */
static uint64_t patience_ns(const struct open *o)
{
	uint64_t latest = AFTER_START_NS - AFTER_EXPIRY_NS, left = lifetime_ns(o);

	return AFTER_EXPIRY_NS + (left < latest ? left : latest);
}

static uint64_t age_ns(const struct open *o, uint64_t now_ns)
{
	return now_ns > o->exchange.prepare_ns ? now_ns - o->exchange.prepare_ns : 0;
}

static void tick(struct match *m, const struct table_list *age, uint64_t now_ns)
{
	struct open *o = table_list_first(age);

	/* Nothing ends before it is AFTER_EXPIRY_NS old, so the walk stops at the first younger
	 * one: it passes what ends now and what has waited unusually long already. */
	while (o && age_ns(o, now_ns) > AFTER_EXPIRY_NS) {
		struct open *next = table_list_next(age, o);

		if (age_ns(o, now_ns) > patience_ns(o))
			give_up(m, o, now_ns);
		o = next;
	}
}

void match_tick(struct match *m, uint64_t now_ns)
{
	settle(m);
	for (unsigned target = 0; target < m->age.len; target++)
		tick(m, table_shares_of(&m->age, target), now_ns);
}

void match_drain(struct match *m, uint64_t now_ns)
{
	struct open *o;

	settle(m);
	while ((o = table_list_first(table_shares_longest(&m->age, 0))))
		lose(m, o, o->holds ? LOST_UNSURE : LOST_SHUTDOWN, now_ns);
}
