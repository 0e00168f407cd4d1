/* SPDX-License-Identifier: Apache-2.0 */
#include "profile/traces.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "release/vocabulary.h"

/* What a hash is for: no two uses have the same. They are part of the ids that nodes of different
 * versions have to agree on. */
enum use { USE_TRACE, USE_TRACE_2, USE_SAMPLE, USE_IN, USE_OUT, USE_OUT_SAME, USE_PART, USE_TOTAL };

struct slow {
	uint64_t ns;
	bool split;
	struct hop hop;
	struct hop_columns columns;
};

struct traces {
	struct traces_params params;
	struct spans *batch; /* NULL: empty */
	struct slow *slowest;
	size_t slowest_len;
	uint64_t window_ns; /* when the minute began */
};

/* A packet whose spans are made. */
struct making {
	struct traces *t;
	const struct hop *hop;
	const struct hop_columns *columns; /* NULL: not split */
	uint8_t trace[SPAN_TRACE_LEN];
	uint64_t in, out; /* ids; 0: the hop has none */
};

struct traces *traces_new(const struct traces_params *params)
{
	struct traces *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->params = *params;
	if (t->params.slowest > TRACES_SLOWEST_MAX)
		t->params.slowest = TRACES_SLOWEST_MAX;
	t->slowest = calloc(t->params.slowest + 1, sizeof(*t->slowest));
	if (!t->slowest) {
		traces_free(t);
		return NULL;
	}
	return t;
}

void traces_free(struct traces *t)
{
	if (!t)
		return;
	spans_unref(t->batch);
	free(t->slowest);
	explicit_bzero(&t->params.key, sizeof(t->params.key));
	free(t);
}

/* --- ids -------------------------------------------------------------------------------------- */

/* Never 0, which stands for no id. */
static uint64_t hash(const struct traces *t, enum use use, uint64_t a, uint64_t b)
{
	struct siphash s;
	uint64_t id;

	siphash_begin(&s, &t->params.key);
	siphash_word(&s, use);
	siphash_word(&s, a);
	siphash_word(&s, b);
	id = siphash_end(&s, 0, 24);
	return id ? id : 1;
}

static void put_trace(const struct traces *t, uint64_t destination, uint8_t trace[SPAN_TRACE_LEN])
{
	const uint64_t halves[2] = {htobe64(hash(t, USE_TRACE, destination, 0)),
				    htobe64(hash(t, USE_TRACE_2, destination, 0))};

	memcpy(trace, halves, sizeof(halves));
}

/* A connector that does not shorten the expiry sends a Prepare on that is called as the one that it
 * got. Its own "packet out" takes another id then, and the next node's "packet in" stands beside
 * this one's, not below it. */
static uint64_t out_id(const struct traces *t, const struct hop *hop)
{
	enum use use = hop->kind == HOP_FORWARDED && hop->in_expires_at == hop->out_expires_at
			       ? USE_OUT_SAME
			       : USE_OUT;

	return hop->kind == HOP_ANSWERED ? 0 : hash(t, use, hop->condition, hop->out_expires_at);
}

static uint64_t in_id(const struct traces *t, const struct hop *hop)
{
	return hop->kind == HOP_ORIGINATED ? 0
					   : hash(t, USE_IN, hop->condition, hop->in_expires_at);
}

static bool is_sampled(const struct traces *t, const struct hop *hop)
{
	uint64_t share = hash(t, USE_SAMPLE, hop->destination, 0) >> 32;

	return (share * TRACES_ALL) >> 32 < t->params.sample;
}

/* --- spans ------------------------------------------------------------------------------------ */

/* NULL: it finds no room, which is counted. */
static struct span *add_span(const struct making *m, uint64_t id, uint64_t parent, uint64_t from_ns,
			     uint64_t to_ns)
{
	struct traces *t = m->t;
	struct span *span;

	if (!t->batch)
		t->batch = spans_new();
	span = t->batch ? spans_add(t->batch) : NULL;
	if (!span) {
		series_count(t->params.series, METRIC_SPANS_DROPPED, 0, 1);
		return NULL;
	}
	memcpy(span->trace, m->trace, sizeof(span->trace));
	span->id = id;
	span->parent = parent;
	span->from_ns = from_ns;
	span->to_ns = to_ns;
	span->kind = SPAN_INTERNAL;
	return span;
}

static void add_total(const struct making *m, uint64_t parent, unsigned number, uint64_t *at_ns,
		      uint64_t ns, const char *what, const char *of)
{
	struct span *span;

	if (!ns)
		return;
	span = add_span(m, hash(m->t, USE_TOTAL, parent, number), parent, *at_ns, *at_ns + ns);
	*at_ns += ns;
	if (!span)
		return;
	span->total = true;
	snprintf(span->name, sizeof(span->name), "%s%.40s", what, of);
}

/* What the thread did in PART, whose span PARENT begins at AT_NS. A thread that could run waits for
 * a CPU, whatever else is under way: see fold in live.c. */
static void add_totals(const struct making *m, enum hop_part part, uint64_t parent, uint64_t at_ns)
{
	const struct traces_params *p = &m->t->params;
	uint64_t on = 0, waiting = 0;

	for (unsigned wait = 0; wait < HOP_WAITS; wait++) {
		on += m->columns->ns[part][wait][STRIP_ON];
		waiting += m->columns->ns[part][wait][STRIP_WAITING];
	}
	add_total(m, parent, 0, &at_ns, on, "on CPU", "");
	add_total(m, parent, 1, &at_ns, waiting, "waiting for CPU", "");
	for (unsigned wait = 0; wait < HOP_WAITS; wait++) {
		uint64_t ns = m->columns->ns[part][wait][STRIP_BLOCKED];

		if (!wait)
			add_total(m, parent, 2, &at_ns, ns, "not runnable", "");
		else if (wait == HOP_SEVERAL)
			add_total(m, parent, 2 + wait, &at_ns, ns, "waiting for several", "");
		else
			add_total(m, parent, 2 + wait, &at_ns, ns, "waiting for ",
				  p->dependencies[wait] ? p->dependencies[wait] : "a dependency");
	}
}

static void add_part(const struct making *m, enum hop_part part, uint64_t parent, const char *name,
		     uint64_t from_ns, uint64_t to_ns)
{
	struct span *span;
	uint64_t id = hash(m->t, USE_PART, parent, part);

	if (to_ns <= from_ns)
		return;
	span = add_span(m, id, parent, from_ns, to_ns);
	if (!span)
		return;
	snprintf(span->name, sizeof(span->name), "%s", name);
	if (m->columns)
		add_totals(m, part, id, from_ns);
}

/* The last moment that was seen of HOP. */
static uint64_t end_of(const struct hop *hop)
{
	uint64_t end_ns = 0;

	for (int i = 0; i < HOP_MOMENTS; i++)
		end_ns = hop->at_ns[i] > end_ns ? hop->at_ns[i] : end_ns;
	return end_ns;
}

/* What is known of the packet itself goes to the outermost of its spans. */
static void describe(const struct making *m, struct span *span)
{
	const struct hop *hop = m->hop;

	if (hop->outcome != OUTCOME_OPEN)
		span->outcome = vocabulary_outcomes.words[hop->outcome - 1].label;
	span->split = vocabulary_splits.words[hop->split].label;
	span->failed = hop->outcome != OUTCOME_FULFILLED;
	memcpy(span->reject_code, hop->reject_code, sizeof(span->reject_code));
	span->has_margin = hop->has_margin;
	span->margin_ms = hop->margin_ns / NS_PER_MS;
}

static void add_in(const struct making *m, uint64_t to_ns)
{
	const struct hop *hop = m->hop;
	uint64_t parent = hash(m->t, USE_OUT, hop->condition, hop->in_expires_at);
	struct span *span = add_span(m, m->in, parent, hop->at_ns[0], to_ns);

	if (!span)
		return;
	span->kind = SPAN_SERVER;
	snprintf(span->name, sizeof(span->name), "packet in");
	describe(m, span);
}

static void add_out(const struct making *m, uint64_t to_ns)
{
	const struct traces_params *p = &m->t->params;
	struct span *span = add_span(m, m->out, m->in, m->hop->at_ns[2], to_ns);

	if (!span)
		return;
	span->kind = SPAN_CLIENT;
	snprintf(span->name, sizeof(span->name), "packet out");
	if (!p->name(p->context, m->hop->endpoint, span->peer, sizeof(span->peer)))
		span->peer[0] = '\0';
	utf8_clean(span->peer);
	if (!m->in)
		describe(m, span);
}

static void add_parts(const struct making *m)
{
	const uint64_t *at = m->hop->at_ns;

	if (!m->in) {
		add_part(m, HOP_REPLY, m->out, "reply wait", at[3], at[4]);
		return;
	}
	add_part(m, HOP_RECEIVE, m->in, "receive wait", at[0], at[1]);
	if (!m->out) {
		add_part(m, HOP_OUT, m->in, "connector", at[1], at[5]);
		return;
	}
	add_part(m, HOP_OUT, m->in, "connector out", at[1], at[2]);
	add_part(m, HOP_REPLY, m->in, "reply wait", at[3], at[4]);
	add_part(m, HOP_BACK, m->in, "connector back", at[4], at[5]);
}

/* Of what has no end, or moments out of order, there are only the packet's own spans. */
static void make_spans(struct traces *t, const struct hop *hop, const struct hop_columns *columns)
{
	struct making m = {
		.t = t, .hop = hop, .columns = columns, .in = in_id(t, hop), .out = out_id(t, hop)};
	uint64_t hold_ns, peer_ns, end_ns = end_of(hop);
	bool whole = hops_times(hop, &hold_ns, &peer_ns);

	put_trace(t, hop->destination, m.trace);
	if (m.in)
		add_in(&m, whole ? hop->at_ns[5] : end_ns);
	if (m.out && hop->at_ns[2])
		add_out(&m, !whole ? end_ns : m.in ? hop->at_ns[3] : hop->at_ns[4]);
	if (whole)
		add_parts(&m);
}

/* --- which packets ---------------------------------------------------------------------------- */

static struct slow *fastest(const struct traces *t)
{
	struct slow *least = t->slowest;

	for (size_t i = 1; i < t->slowest_len; i++) {
		if (t->slowest[i].ns < least->ns)
			least = &t->slowest[i];
	}
	return least;
}

/* The place of a packet that took NS among the slowest; NULL: it is none of them. */
static struct slow *place_of(struct traces *t, uint64_t ns)
{
	struct slow *least;

	if (t->slowest_len < t->params.slowest)
		return &t->slowest[t->slowest_len++];
	least = fastest(t);
	return t->slowest_len && least->ns < ns ? least : NULL;
}

static void consider(struct traces *t, const struct hop *hop, const struct hop_columns *columns)
{
	uint64_t hold_ns, peer_ns;
	struct slow *slow;

	if (!hops_times(hop, &hold_ns, &peer_ns))
		return;
	slow = place_of(t, hold_ns);
	if (!slow)
		return;
	slow->ns = hold_ns;
	slow->hop = *hop;
	slow->split = columns != NULL;
	if (columns)
		slow->columns = *columns;
}

void traces_hop(struct traces *t, const struct hop *hop, const struct hop_columns *columns)
{
	if (is_sampled(t, hop))
		make_spans(t, hop, columns);
	else
		consider(t, hop, columns);
}

void traces_settle(struct traces *t, uint64_t until_ns)
{
	if (!t->window_ns)
		t->window_ns = until_ns;
	if (until_ns - t->window_ns < TRACES_WINDOW_NS)
		return;
	t->window_ns = until_ns;
	for (size_t i = 0; i < t->slowest_len; i++) {
		const struct slow *slow = &t->slowest[i];

		make_spans(t, &slow->hop, slow->split ? &slow->columns : NULL);
	}
	t->slowest_len = 0;
}

size_t traces_len(const struct traces *t)
{
	return t->batch ? t->batch->len : 0;
}

struct spans *traces_take(struct traces *t, int64_t offset_ns)
{
	struct spans *batch = t->batch;

	t->batch = NULL;
	for (size_t i = 0; batch && i < batch->len; i++) {
		batch->list[i].from_ns += (uint64_t)offset_ns;
		batch->list[i].to_ns += (uint64_t)offset_ns;
	}
	return batch;
}
