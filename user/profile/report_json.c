/* SPDX-License-Identifier: Apache-2.0 */
/* report_json.c - the report for programs. All times are in nanoseconds unless a key says ms. */
#include <json-c/json.h>

#include "profile/columns.h"
#include "profile/figures.h"
#include "release/vocabulary.h"

static void put(struct json_object *to, const char *key, struct json_object *value)
{
	json_object_object_add(to, key, value);
}

static void put_number(struct json_object *to, const char *key, uint64_t value)
{
	put(to, key, json_object_new_int64((int64_t)value));
}

static void put_text(struct json_object *to, const char *key, const char *text)
{
	put(to, key, text ? json_object_new_string(text) : NULL);
}

/* All that are not 0; the peer's is a column like others. */
static struct json_object *columns_json(const struct report *r, const struct hop_columns *c)
{
	struct json_object *list = json_object_new_array(), *column;

	for (int part = 0; part < HOP_PARTS; part++) {
		for (unsigned wait = 0; wait < HOP_WAITS; wait++) {
			for (int state = 0; state < STRIP_STATES; state++) {
				if (!c->ns[part][wait][state])
					continue;
				column = json_object_new_object();
				put_text(column, "part", report_parts[part]);
				put_text(column, "waits_for", report_wait(r, wait));
				put_text(column, "state", report_states[state]);
				put_number(column, "ns", c->ns[part][wait][state]);
				json_object_array_add(list, column);
			}
		}
	}
	column = json_object_new_object();
	put_text(column, "part", "peer_and_wire");
	put_text(column, "waits_for", NULL);
	put_text(column, "state", NULL);
	put_number(column, "ns", c->peer_ns);
	json_object_array_add(list, column);
	return list;
}

static struct json_object *turns_json(const struct report *r, const struct hop_columns *c)
{
	struct json_object *turns = json_object_new_object();

	for (unsigned wait = 1; wait < HOP_SEVERAL; wait++) {
		if (r->params.classes[wait].name)
			put_number(turns, r->params.classes[wait].name, c->turns[wait]);
	}
	return turns;
}

static struct json_object *kind_json(const struct report *r, const struct report_kind *kind)
{
	struct json_object *o = json_object_new_object(), *splits = json_object_new_object();

	put_number(o, "packets", kind->hops);
	for (int i = 0; i < HOP_SPLITS; i++)
		put_number(splits, report_splits[i], kind->splits[i]);
	put(o, "splits", splits);
	put_number(o, "time_ns", kind->time_ns);
	put(o, "columns", kind->splits[HOP_SPLIT] ? columns_json(r, &kind->columns) : NULL);
	put(o, "turns", turns_json(r, &kind->columns));
	return o;
}

static struct json_object *outcomes_json(const struct report *r)
{
	struct json_object *o = json_object_new_object();

	for (unsigned i = 1; i < OUTCOMES; i++)
		put_number(o, vocabulary_outcomes.words[i - 1].label, r->outcomes[i]);
	return o;
}

static struct json_object *codes_json(const struct report *r)
{
	struct json_object *codes = json_object_new_object();

	for (size_t i = 0; i < r->codes_len; i++) {
		struct json_object *o = json_object_new_object();

		put_number(o, "packets", r->codes[i].hops);
		put_number(o, "turned_away", r->codes[i].turned_away);
		put(codes, r->codes[i].code, o);
	}
	if (r->codes_more) {
		struct json_object *o = json_object_new_object();

		put_number(o, "packets", r->codes_more);
		put(codes, "others", o);
	}
	return codes;
}

static struct json_object *margin_json(const struct report *r)
{
	struct json_object *o;

	if (!r->margins)
		return NULL;
	o = json_object_new_object();
	put_number(o, "packets", r->margins);
	put(o, "sum_ms", json_object_new_int64(r->margin_sum_ms));
	put(o, "least_ms", json_object_new_int64(r->margin_least_ms));
	return o;
}

static struct json_object *slowest_json(const struct report *r)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < r->slowest_len; i++) {
		const struct report_slow *s = &r->slowest[i];
		struct json_object *o = json_object_new_object(), *at = json_object_new_array();

		put_text(o, "kind", report_kinds[s->hop.kind]);
		put_text(o, "outcome",
			 s->hop.outcome ? vocabulary_outcomes.words[s->hop.outcome - 1].label
					: NULL);
		put_text(o, "code", s->hop.reject_code[0] ? s->hop.reject_code : NULL);
		put_text(o, "peer",
			 s->hop.endpoint && r->params.endpoint
				 ? r->params.endpoint(r->params.context, s->hop.endpoint)
				 : NULL);
		put_number(o, "pid", s->hop.pid);
		for (int m = 0; m < HOP_MOMENTS; m++)
			json_object_array_add(at, json_object_new_int64((int64_t)s->hop.at_ns[m]));
		put(o, "at_ns", at);
		put_number(o, "time_ns", s->hop.at_ns[HOP_MOMENTS - 1] - s->hop.at_ns[0]);
		put(o, "columns", columns_json(r, &s->columns));
		put(o, "turns", turns_json(r, &s->columns));
		json_object_array_add(list, o);
	}
	return list;
}

static struct json_object *histogram_json(const struct histogram *h)
{
	struct json_object *o = json_object_new_object(), *counts = json_object_new_array();

	put_number(o, "count", h->count);
	put_number(o, "sum_ns", h->sum_ns);
	put(o, "scale", json_object_new_int(h->exponential.scale));
	put(o, "offset", json_object_new_int(h->exponential.offset));
	put_number(o, "zeros", h->exponential.zeros);
	for (uint32_t i = 0; i < h->exponential.len; i++)
		json_object_array_add(counts,
				      json_object_new_int64((int64_t)h->exponential.counts[i]));
	put(o, "counts", counts);
	put(o, "median_ms", json_object_new_double(neighbours_quantile(h, 0.5)));
	put(o, "p95_ms", json_object_new_double(neighbours_quantile(h, 0.95)));
	return o;
}

static struct json_object *neighbour_json(const struct report *r, const struct neighbour *n)
{
	struct json_object *o = json_object_new_object(), *outcomes = json_object_new_object();
	struct json_object *codes = json_object_new_object();

	put_text(o, "peer",
		 n->endpoint && r->params.endpoint
			 ? r->params.endpoint(r->params.context, n->endpoint)
			 : NULL);
	put_number(o, "packets", n->packets);
	for (unsigned i = 1; i < OUTCOMES; i++) {
		if (n->outcomes[i])
			put_number(outcomes, vocabulary_outcomes.words[i - 1].label,
				   n->outcomes[i]);
	}
	put(o, "outcomes", outcomes);
	for (size_t i = 0; i < n->codes_len; i++)
		put_number(codes, n->codes[i].code, n->codes[i].packets);
	if (n->codes_more)
		put_number(codes, "others", n->codes_more);
	put(o, "reject_codes", codes);
	for (int i = 0; i < NEIGHBOUR_TIMES; i++)
		put(o, neighbour_times[i], histogram_json(&n->times[i]));
	/* Of all that found no room together it would mean nothing. */
	if (!n->endpoint)
		return o;
	put(o, "wire_estimate_ns",
	    n->wire_us ? json_object_new_int64((int64_t)n->wire_us * 1000) : NULL);
	put_text(o, "no_wire", neighbours_no_wire(n));
	return o;
}

static struct json_object *neighbours_json(const struct report *r)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < r->neighbours.len; i++)
		json_object_array_add(list, neighbour_json(r, &r->neighbours.list[i]));
	if (r->neighbours.list[NEIGHBOURS_MAX].packets)
		json_object_array_add(list, neighbour_json(r, &r->neighbours.list[NEIGHBOURS_MAX]));
	return list;
}

struct threads {
	struct json_object *list;
	uint64_t end_ns;
};

static void add_thread(void *context, uint32_t pid, uint32_t tid, const struct strip *strip)
{
	const struct threads *threads = context;
	uint64_t ns[STRIP_STATES] = {0}, from_ns = strip_begin_ns(strip);
	struct json_object *o;

	if (from_ns >= threads->end_ns || !strip_between(strip, from_ns, threads->end_ns, ns))
		return;
	o = json_object_new_object();
	put_number(o, "pid", pid);
	put_number(o, "tid", tid);
	for (int i = 0; i < STRIP_STATES; i++)
		put_number(o, report_states[i], ns[i]);
	json_object_array_add(threads->list, o);
}

static struct json_object *threads_json(const struct report_session *s, const struct tape *tape)
{
	struct threads threads = {json_object_new_array(), s->end_ns};

	tape_each_thread(tape, add_thread, &threads);
	return threads.list;
}

struct json_object *report_json(const struct report *r, const struct report_session *s,
				const struct tape *tape)
{
	struct json_object *o = json_object_new_object(), *kinds = json_object_new_object();
	struct json_object *in_hand = json_object_new_object();

	put_number(o, "session_ns", s->ns);
	put_text(o, "no_clock", s->no_clock);
	put_text(o, "no_dependencies", s->no_dependencies);
	put_text(o, "shortened", s->shortened);
	for (int i = 0; i < HOP_KINDS; i++)
		put(kinds, report_kinds[i], kind_json(r, &r->kinds[i]));
	put(o, "kinds", kinds);
	for (int i = 0; i < STRIP_STATES; i++)
		put_number(in_hand, report_states[i], r->in_hand_ns[i]);
	put(o, "several_in_hand_ns", in_hand);
	put(o, "outcomes", outcomes_json(r));
	put(o, "reject_codes", codes_json(r));
	put_number(o, "packets_in", r->packets);
	put_number(o, "turned_away", r->turned_away);
	put(o, "expiry_margin", margin_json(r));
	put(o, "peers", neighbours_json(r));
	put(o, "slowest", slowest_json(r));
	put(o, "threads", threads_json(s, tape));
	put_text(o, "no_stacks", s->hot.no_stacks);
	put(o, "on_cpu", hot_json(&s->hot));
	put_number(o, "own_cpu_ns", s->own_cpu_ns);
	put_number(o, "own_bytes", s->own_bytes);
	return o;
}
