/* SPDX-License-Identifier: Apache-2.0 */
#include "profile/hops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exchange/expiry.h"
#include "profile/columns.h"

/* Moments by name. */
enum { IN_CAME, IN_READ, OUT_LEFT, REPLY_CAME, REPLY_READ, REPLY_LEFT };

/* A TLS library is called with what it has read from its socket just before. */
#define TLS_READ_NS 1000000000ULL
/* A message is given this long after its first byte at most. */
#define SHADOW_NS 5000000000ULL

/* An exchange, as one end of it was seen. */
struct leg {
	const struct exchange *open; /* NULL: it has ended */
	uint64_t condition;          /* 0: a protocol packet's */
	uint64_t flow, endpoint, destination, expires_at;
	uint64_t prepare_ns, reply_ns; /* when each began */
	uint64_t prepare_done_ns;      /* its last byte */
	uint64_t end_ns;               /* the reply's last byte; UINT64_MAX while it is open */
	uint32_t pid;                  /* where the tap knows it */
	uint32_t wire_us;
	enum outcome outcome;
	char reject_code[4];
	uint8_t target;
	bool incoming, tls;
	bool shadow; /* of what was judged and forgotten: until its end something was in hand */
	bool gone;
};

/* For how long a process has something in hand. */
struct stay {
	uint64_t from_ns, to_ns;
	uint32_t pid; /* 0: not known */
	uint8_t target;
	bool is_hop; /* else a protocol packet's */
	bool alone;
	size_t leg, legs; /* the first of its legs, and how many they are */
	struct hop hop;
};

struct hops {
	size_t max;
	bool full;
	struct leg *legs;
	size_t legs_len;
	struct stay *stays;
	size_t stays_len;
};

struct hops *hops_new(size_t exchanges_max)
{
	struct hops *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->max = exchanges_max;
	h->legs = calloc(exchanges_max, sizeof(*h->legs));
	if (!h->legs) {
		free(h);
		return NULL;
	}
	return h;
}

void hops_free(struct hops *h)
{
	if (!h)
		return;
	free(h->legs);
	free(h->stays);
	free(h);
}

bool hops_full(const struct hops *h)
{
	return h->full;
}

/* --- exchanges as they come ------------------------------------------------------------------- */

void hops_opened(struct hops *h, const struct exchange *e, const struct record_message *message)
{
	if (h->legs_len == h->max) {
		h->full = true;
		return;
	}
	h->legs[h->legs_len++] = (struct leg){
		.open = e,
		.condition = e->peer_protocol ? 0 : e->condition,
		.flow = message->flow.id,
		.endpoint = e->endpoint,
		.destination = e->destination,
		.expires_at = e->expires_at,
		.prepare_ns = e->prepare_ns,
		.prepare_done_ns = e->prepare_done_ns,
		.end_ns = UINT64_MAX,
		.pid = message->flow.pid,
		.wire_us = message->rtt_min_us == RECORD_RTT_NONE ? 0 : message->rtt_min_us,
		.target = e->target,
		.incoming = e->role == RECORD_ROLE_SERVER,
		.tls = e->tap == RECORD_TAP_TLS,
	};
}

void hops_closed(struct hops *h, const struct exchange *e)
{
	size_t i = h->legs_len;

	/* Most end soon: the search is short. */
	while (i > 0 && h->legs[i - 1].open != e)
		i--;
	if (!i)
		return;
	h->legs[i - 1].open = NULL;
	h->legs[i - 1].outcome = e->outcome;
	h->legs[i - 1].reply_ns = e->reply_ns;
	h->legs[i - 1].end_ns = e->reply_done_ns;
	memcpy(h->legs[i - 1].reject_code, e->reject_code, sizeof(e->reject_code));
}

void hops_unmatched(struct hops *h, const struct record_message *reply)
{
	if (h->legs_len == h->max) {
		h->full = true;
		return;
	}
	h->legs[h->legs_len++] = (struct leg){
		.flow = reply->flow.id,
		.end_ns = reply->last_ns,
		.pid = reply->flow.pid,
		.target = reply->head.target,
	};
}

/* --- from exchanges to hops ------------------------------------------------------------------- */

/* Those of one packet stand together, the incoming one first. */
static int compare_legs(const void *a, const void *b)
{
	const struct leg *x = a, *y = b;

	if (x->target != y->target)
		return x->target < y->target ? -1 : 1;
	if (x->condition != y->condition)
		return x->condition < y->condition ? -1 : 1;
	if (x->prepare_ns != y->prepare_ns)
		return x->prepare_ns < y->prepare_ns ? -1 : 1;
	return (int)y->incoming - (int)x->incoming;
}

/* When the process has read what came in on LEG at CAME_NS, in *READ_NS; and by which thread. NULL:
 * that was not seen until UNTIL_NS. */
static const struct tape_read *read_of(const struct tape *tape, const struct leg *leg,
				       uint64_t came_ns, uint64_t until_ns, uint64_t *read_ns)
{
	const struct tape_read *r;

	if (leg->tls) {
		r = tape_read_of(tape, leg->pid, came_ns > TLS_READ_NS ? came_ns - TLS_READ_NS : 0,
				 came_ns);
		*read_ns = came_ns;
	} else {
		r = tape_read_from(tape, leg->flow, came_ns, until_ns);
		*read_ns = r ? r->at_ns : came_ns;
	}
	return r;
}

/* When all of what began at BEGAN_NS had come. A connector that goes on before it did, at
 * GOES_ON_NS, does not wait for the rest. */
static uint64_t came_whole(uint64_t began_ns, uint64_t done_ns, uint64_t goes_on_ns)
{
	return done_ns > began_ns && done_ns <= goes_on_ns ? done_ns : began_ns;
}

/* The reply on OUT, from its moments 3 and 4 on. One that did not come until END_NS is waited for
 * until then: the connector gave up. */
static void join_reply(struct hop *hop, const struct leg *out, const struct tape *tape,
		       uint64_t end_ns)
{
	const struct tape_read *r;

	hop->at_ns[REPLY_CAME] = hop->at_ns[REPLY_READ] = end_ns;
	if (!out->reply_ns || out->reply_ns > end_ns)
		return;
	hop->at_ns[REPLY_CAME] = came_whole(out->reply_ns, out->end_ns, end_ns);
	r = read_of(tape, out, hop->at_ns[REPLY_CAME], end_ns, &hop->at_ns[REPLY_READ]);
	if (!r)
		hop->split = HOP_NO_CLOCK;
	else if (hop->tid && r->tid != hop->tid)
		hop->split = HOP_THREADS;
}

static void join_wire(struct hop *hop, const struct leg *out)
{
	hop->out_tls |= out->tls;
	if (out->wire_us && (!hop->wire_us || out->wire_us < hop->wire_us))
		hop->wire_us = out->wire_us;
}

/* Did OUT go out for IN? */
static bool belongs(const struct leg *out, const struct leg *in)
{
	return !out->incoming && out->condition == in->condition && out->target == in->target &&
	       out->prepare_ns <= in->end_ns;
}

/* The LEN legs from OUT on, of which those that went out while IN was in hand are its; returns how
 * many. */
static size_t join_out(struct hop *hop, const struct leg *in, const struct leg *out, size_t len,
		       const struct tape *tape)
{
	const struct leg *answered = out;
	size_t n = 0;

	while (n < len && belongs(&out[n], in)) {
		if (out[n].reply_ns && out[n].reply_ns <= in->reply_ns)
			answered = &out[n];
		join_wire(hop, &out[n]);
		n++;
	}
	hop->at_ns[OUT_LEFT] = hop->at_ns[REPLY_CAME] = hop->at_ns[REPLY_READ] = in->reply_ns;
	if (!n)
		return 0;
	hop->kind = HOP_FORWARDED;
	hop->endpoint = out->endpoint;
	hop->out_expires_at = out->expires_at;
	hop->has_margin = expiry_unix_ns(in->expires_at) != INT64_MAX &&
			  expiry_unix_ns(out->expires_at) != INT64_MAX;
	if (hop->has_margin)
		hop->margin_ns = expiry_unix_ns(in->expires_at) - expiry_unix_ns(out->expires_at);
	hop->at_ns[OUT_LEFT] = out->prepare_ns;
	join_reply(hop, answered, tape, in->reply_ns);
	return n;
}

/* Returns how many legs the hop is of. */
static size_t join_incoming(struct stay *stay, const struct leg *in, size_t len,
			    const struct tape *tape)
{
	struct hop *hop = &stay->hop;
	const struct tape_read *r;
	uint64_t goes_on_ns = len > 1 && belongs(in + 1, in) ? in[1].prepare_ns : in->reply_ns;
	uint64_t came_ns = came_whole(in->prepare_ns, in->prepare_done_ns, goes_on_ns);
	size_t n;

	hop->kind = HOP_ANSWERED;
	hop->in_expires_at = in->expires_at;
	hop->at_ns[IN_CAME] = in->prepare_ns;
	hop->at_ns[REPLY_LEFT] = in->reply_ns;
	r = read_of(tape, in, came_ns, in->end_ns, &hop->at_ns[IN_READ]);
	hop->pid = r ? r->pid : in->pid;
	hop->tid = r ? r->tid : 0;
	hop->split = r ? HOP_SPLIT : HOP_NO_CLOCK;
	n = 1 + join_out(hop, in, in + 1, len - 1, tape);
	if (!in->reply_ns)
		hop->split = HOP_NO_REPLY;
	return n;
}

static void join_originated(struct stay *stay, const struct leg *out, const struct tape *tape)
{
	struct hop *hop = &stay->hop;
	const struct tape_read *r;

	hop->kind = HOP_ORIGINATED;
	hop->endpoint = out->endpoint;
	hop->out_expires_at = out->expires_at;
	join_wire(hop, out);
	for (int i = IN_CAME; i <= OUT_LEFT; i++)
		hop->at_ns[i] = out->prepare_ns;
	hop->at_ns[REPLY_CAME] = came_whole(out->reply_ns, out->end_ns, out->end_ns);
	r = read_of(tape, out, hop->at_ns[REPLY_CAME], out->end_ns + TLS_READ_NS,
		    &hop->at_ns[REPLY_READ]);
	hop->at_ns[REPLY_LEFT] = hop->at_ns[REPLY_READ];
	hop->pid = r ? r->pid : out->pid;
	hop->tid = r ? r->tid : 0;
	hop->split = !out->reply_ns ? HOP_NO_REPLY : r ? HOP_SPLIT : HOP_NO_CLOCK;
}

/* Returns how many legs the stay is of. */
static size_t join(struct stay *stay, const struct leg *leg, size_t len, const struct tape *tape)
{
	size_t n = 1;

	*stay = (struct stay){.from_ns = leg->prepare_ns,
			      .to_ns = leg->end_ns,
			      .target = leg->target,
			      .is_hop = leg->condition != 0};
	stay->hop.outcome = leg->outcome;
	stay->hop.destination = leg->destination;
	stay->hop.condition = leg->condition;
	memcpy(stay->hop.reject_code, leg->reject_code, sizeof(leg->reject_code));
	if (leg->shadow) {
		stay->pid = stay->hop.pid = leg->pid;
		return 1;
	}
	if (leg->incoming)
		n = join_incoming(stay, leg, len, tape);
	else
		join_originated(stay, leg, tape);
	stay->pid = stay->hop.pid;
	/* One that goes on after the reply has left is in hand for as long. */
	for (size_t i = 0; i < n; i++)
		stay->to_ns = leg[i].end_ns > stay->to_ns ? leg[i].end_ns : stay->to_ns;
	if (stay->is_hop && stay->hop.at_ns[REPLY_LEFT] > stay->to_ns)
		stay->to_ns = stay->hop.at_ns[REPLY_LEFT];
	return n;
}

/* Moments that are out of order cannot be differences: something was not seen. */
static void check_order(struct hop *hop)
{
	for (int i = 1; i < HOP_MOMENTS && hop->split == HOP_SPLIT; i++) {
		if (hop->at_ns[i] < hop->at_ns[i - 1])
			hop->split = HOP_NO_CLOCK;
	}
}

static int join_all(struct hops *h, const struct tape *tape)
{
	free(h->stays);
	h->stays_len = 0;
	h->stays = calloc(h->legs_len + 1, sizeof(*h->stays));
	if (!h->stays)
		return -ENOMEM;
	qsort(h->legs, h->legs_len, sizeof(*h->legs), compare_legs);
	for (size_t i = 0; i < h->legs_len;) {
		struct stay *stay = &h->stays[h->stays_len++];

		size_t n = join(stay, &h->legs[i], h->legs_len - i, tape);

		stay->leg = i;
		stay->legs = n;
		i += n;
		check_order(&stay->hop);
	}
	return 0;
}

/* --- which are alone ---------------------------------------------------------------------------
 */

static int compare_stays(const void *a, const void *b)
{
	const struct stay *x = a, *y = b;

	if (x->target != y->target)
		return x->target < y->target ? -1 : 1;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return x->from_ns < y->from_ns ? -1 : x->from_ns > y->from_ns;
}

/* The LEN stays from S on are of one process, in the order of their beginnings. */
static void find_alone(struct stay *s, size_t len)
{
	uint64_t until_ns = 0;

	for (size_t i = 0; i < len; i++) {
		s[i].alone = s[i].from_ns >= until_ns &&
			     (i + 1 == len || s[i].to_ns <= s[i + 1].from_ns);
		until_ns = s[i].to_ns > until_ns ? s[i].to_ns : until_ns;
	}
}

/* Where the process of one was not seen, it may be any of its target's: then they count as one. */
static void forget_unsure_processes(struct hops *h)
{
	bool unsure[UINT8_MAX + 1] = {false};

	for (size_t i = 0; i < h->stays_len; i++)
		unsure[h->stays[i].target] |= !h->stays[i].pid;
	for (size_t i = 0; i < h->stays_len; i++) {
		if (unsure[h->stays[i].target])
			h->stays[i].pid = 0;
	}
}

static void find_all_alone(struct hops *h)
{
	forget_unsure_processes(h);
	qsort(h->stays, h->stays_len, sizeof(*h->stays), compare_stays);
	for (size_t i = 0, n; i < h->stays_len; i += n) {
		const struct stay *first = &h->stays[i];

		for (n = 1; i + n < h->stays_len && first[n].pid == first->pid &&
			    first[n].target == first->target;
		     n++)
			;
		find_alone(&h->stays[i], n);
	}
}

bool hops_times(const struct hop *hop, uint64_t *hold_ns, uint64_t *peer_ns)
{
	const uint64_t *at = hop->at_ns;

	*hold_ns = at[REPLY_LEFT] - at[IN_CAME];
	*peer_ns = at[REPLY_CAME] - at[OUT_LEFT];
	return hop->split != HOP_NO_REPLY && at[REPLY_LEFT] >= at[IN_CAME] &&
	       at[REPLY_CAME] >= at[OUT_LEFT] && *peer_ns <= *hold_ns;
}

typedef void hop_sink(void *context, const struct hop *hop, const struct hop_columns *columns);

static int judge(struct hops *h, const struct tape *tape, uint64_t until_ns, hop_sink *each,
		 void *context)
{
	struct hop_columns columns;
	int err = join_all(h, tape);

	if (err)
		return err;
	find_all_alone(h);
	for (size_t i = 0; i < h->stays_len; i++) {
		struct hop *hop = &h->stays[i].hop;

		if (h->stays[i].to_ns > until_ns)
			continue;
		if (hop->split == HOP_SPLIT && !h->stays[i].alone)
			hop->split = HOP_NOT_ALONE;
		if (hop->split == HOP_SPLIT && !columns_fill(hop, tape, &columns))
			hop->split = HOP_NO_CLOCK;
		if (h->stays[i].is_hop)
			each(context, hop, hop->split == HOP_SPLIT ? &columns : NULL);
	}
	return 0;
}

int hops_judge(struct hops *h, const struct tape *tape, hop_sink *each, void *context)
{
	return judge(h, tape, UINT64_MAX, each, context);
}

/* --- without end ------------------------------------------------------------------------------ */

uint64_t hops_oldest_ns(const struct hops *h)
{
	uint64_t oldest_ns = UINT64_MAX;

	for (size_t i = 0; i < h->legs_len; i++) {
		/* A reply to what nobody saw leave has no beginning either. */
		if (!h->legs[i].shadow && h->legs[i].prepare_ns &&
		    h->legs[i].prepare_ns < oldest_ns)
			oldest_ns = h->legs[i].prepare_ns;
	}
	return oldest_ns;
}

static void drop_gone(struct hops *h)
{
	size_t kept = 0;

	for (size_t i = 0; i < h->legs_len; i++) {
		if (!h->legs[i].gone)
			h->legs[kept++] = h->legs[i];
	}
	h->legs_len = kept;
}

/* Something was in hand in process PID until TO_NS. One shadow is enough for all that is over. */
static void cast_shadow(struct hops *h, uint8_t target, uint32_t pid, uint64_t to_ns)
{
	struct leg *l = h->legs + h->legs_len;

	while (l > h->legs && l[-1].shadow) {
		l--;
		if (l->target == target && l->pid == pid) {
			l->end_ns = to_ns > l->end_ns ? to_ns : l->end_ns;
			return;
		}
	}
	if (h->legs_len < h->max)
		h->legs[h->legs_len++] =
			(struct leg){.end_ns = to_ns, .pid = pid, .target = target, .shadow = true};
}

/* What is over is forgotten. It has a shadow as long as something may have been in hand beside it:
 * what is not judged yet, or is given late. */
static void forget(struct hops *h, uint64_t until_ns)
{
	uint64_t oldest_ns;

	for (size_t i = 0; i < h->stays_len; i++) {
		for (size_t k = 0; h->stays[i].to_ns <= until_ns && k < h->stays[i].legs; k++)
			h->legs[h->stays[i].leg + k].gone = true;
	}
	drop_gone(h);
	oldest_ns = hops_oldest_ns(h);
	for (size_t i = 0; i < h->stays_len; i++) {
		const struct stay *s = &h->stays[i];

		if (s->to_ns <= until_ns &&
		    (s->to_ns > oldest_ns || s->to_ns + SHADOW_NS > until_ns))
			cast_shadow(h, s->target, s->hop.pid, s->to_ns);
	}
}

int hops_judge_until(struct hops *h, const struct tape *tape, uint64_t until_ns, hop_sink *each,
		     void *context)
{
	int err = h->legs_len ? judge(h, tape, until_ns, each, context) : 0;

	if (!err && h->legs_len)
		forget(h, until_ns);
	return err;
}

void hops_begin_again(struct hops *h, uint64_t until_ns)
{
	bool targets[UINT8_MAX + 1] = {false};

	for (size_t i = 0; i < h->legs_len; i++)
		targets[h->legs[i].target] = true;
	h->legs_len = 0;
	h->full = false;
	for (size_t i = 0; i <= UINT8_MAX; i++) {
		if (targets[i])
			cast_shadow(h, (uint8_t)i, 0, until_ns);
	}
}

/* By thread, and then by beginning. */
static int compare_hops(const void *a, const void *b)
{
	const struct hop *x = *(const struct hop *const *)a, *y = *(const struct hop *const *)b;

	if (x->tid != y->tid)
		return x->tid < y->tid ? -1 : 1;
	return x->at_ns[0] < y->at_ns[0] ? -1 : x->at_ns[0] > y->at_ns[0];
}

void hops_in_hand(const struct hops *h, const struct tape *tape, uint64_t ns[STRIP_STATES])
{
	const struct hop **list = calloc(h->stays_len + 1, sizeof(*list));
	uint64_t until_ns = 0;
	size_t len = 0;

	for (size_t i = 0; list && i < h->stays_len; i++) {
		if (h->stays[i].is_hop && h->stays[i].hop.split == HOP_NOT_ALONE)
			list[len++] = &h->stays[i].hop;
	}
	if (len)
		qsort(list, len, sizeof(*list), compare_hops);
	for (size_t i = 0; i < len; i++) {
		const struct strip *strip = tape_strip(tape, list[i]->tid);
		uint64_t from = list[i]->at_ns[0], to = list[i]->at_ns[HOP_MOMENTS - 1];

		if (!i || list[i]->tid != list[i - 1]->tid)
			until_ns = 0;
		from = from > until_ns ? from : until_ns;
		if (strip && to > from && to < tape_full_ns(tape))
			strip_between(strip, from, to, ns);
		until_ns = to > until_ns ? to : until_ns;
	}
	free(list);
}

void hops_each_stay(const struct hops *h,
		    void (*each)(void *context, uint32_t pid, uint64_t from_ns, uint64_t to_ns),
		    void *context)
{
	for (size_t i = 0; i < h->stays_len; i++) {
		const struct stay *stay = &h->stays[i];

		if (stay->is_hop)
			each(context, stay->hop.pid, stay->from_ns, stay->to_ns);
	}
}
