/* SPDX-License-Identifier: Apache-2.0 */
#include "profile/report.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "profile/columns.h"
#include "profile/figures.h"

const char *const report_kinds[HOP_KINDS] = {[HOP_FORWARDED] = "forwarded",
					     [HOP_ANSWERED] = "answered",
					     [HOP_ORIGINATED] = "originated"};
const char *const report_kind_words[HOP_KINDS] = {
	[HOP_FORWARDED] = "Forwarded",
	[HOP_ANSWERED] = "Answered by the connector itself",
	[HOP_ORIGINATED] = "Originated (the wait for the peer)",
};
const char *const report_splits[HOP_SPLITS] = {
	[HOP_SPLIT] = "split",       [HOP_NOT_ALONE] = "not_alone",
	[HOP_NO_CLOCK] = "no_clock", [HOP_THREADS] = "several_threads",
	[HOP_NO_REPLY] = "no_reply",
};
const char *const report_split_words[HOP_SPLITS] = {
	[HOP_SPLIT] = "alone in the process, and split",
	[HOP_NOT_ALONE] = "not alone in the process",
	[HOP_NO_CLOCK] = "a thread's clock was not seen",
	[HOP_THREADS] = "handled by several threads",
	[HOP_NO_REPLY] = "no reply was seen",
};
const char *const report_parts[HOP_PARTS] = {
	[HOP_RECEIVE] = "receive_wait",
	[HOP_OUT] = "connector_out",
	[HOP_REPLY] = "reply_wait",
	[HOP_BACK] = "connector_back",
};
const char *const report_part_words[HOP_PARTS] = {
	[HOP_RECEIVE] = "receive wait",
	[HOP_OUT] = "connector out",
	[HOP_REPLY] = "reply wait",
	[HOP_BACK] = "connector back",
};
const char *const report_states[STRIP_STATES] = {
	[STRIP_ON] = "on_cpu", [STRIP_WAITING] = "waiting_for_cpu", [STRIP_BLOCKED] = "blocked"};
const char *const report_state_words[STRIP_STATES] = {[STRIP_ON] = "on CPU",
						      [STRIP_WAITING] = "waiting for CPU",
						      [STRIP_BLOCKED] = "not runnable"};

const char *report_wait(const struct report *r, unsigned wait)
{
	if (wait == HOP_SEVERAL)
		return "several";
	return wait ? r->params.classes[wait].name : NULL;
}

struct report *report_new(const struct report_params *params)
{
	struct report *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->params = *params;
	neighbours_init(&r->neighbours);
	r->slowest = calloc(params->slowest + 1, sizeof(*r->slowest));
	if (!r->slowest) {
		free(r);
		return NULL;
	}
	return r;
}

void report_free(struct report *r)
{
	if (!r)
		return;
	free(r->slowest);
	free(r);
}

static bool is_wanted(const struct report *r, const struct hop *hop)
{
	const struct report_params *p = &r->params;
	const char *text;

	if (p->outcome != OUTCOME_OPEN && hop->outcome != p->outcome)
		return false;
	if (!p->peer)
		return true;
	text = hop->endpoint ? p->endpoint(p->context, hop->endpoint) : NULL;
	return text && strstr(text, p->peer);
}

static void add_code(struct report *r, const struct hop *hop)
{
	size_t i = 0;

	while (i < r->codes_len && strcmp(r->codes[i].code, hop->reject_code))
		i++;
	if (i == REPORT_CODES_MAX) {
		r->codes_more++;
		return;
	}
	if (i == r->codes_len)
		memcpy(r->codes[r->codes_len++].code, hop->reject_code, sizeof(r->codes[0].code));
	r->codes[i].hops++;
	r->codes[i].turned_away += hop->kind == HOP_ANSWERED;
}

static void add_margin(struct report *r, const struct hop *hop)
{
	int64_t ms = hop->margin_ns / NS_PER_MS;

	if (!r->margins++ || ms < r->margin_least_ms)
		r->margin_least_ms = ms;
	r->margin_sum_ms += ms;
}

static void add_columns(struct report_kind *kind, const struct hop_columns *c)
{
	kind->columns.peer_ns += c->peer_ns;
	for (int waits = 0; waits < HOP_WAITS; waits++) {
		kind->columns.turns[waits] += c->turns[waits];
		for (int part = 0; part < HOP_PARTS; part++) {
			for (int state = 0; state < STRIP_STATES; state++)
				kind->columns.ns[part][waits][state] += c->ns[part][waits][state];
		}
	}
}

/* Keeps the slowest, in order. */
static void add_slow(struct report *r, const struct hop *hop, const struct hop_columns *c)
{
	const struct report_slow slow = {*hop, *c, columns_sum(c)};
	size_t i = r->slowest_len;

	if (i == r->params.slowest && (!i || r->slowest[i - 1].ns >= slow.ns))
		return;
	if (i < r->params.slowest)
		r->slowest_len++;
	else
		i--;
	for (; i > 0 && r->slowest[i - 1].ns < slow.ns; i--)
		r->slowest[i] = r->slowest[i - 1];
	r->slowest[i] = slow;
}

void report_add(void *context, const struct hop *hop, const struct hop_columns *columns)
{
	struct report *r = context;
	struct report_kind *kind = &r->kinds[hop->kind];

	if (!is_wanted(r, hop))
		return;
	kind->hops++;
	kind->splits[hop->split]++;
	r->outcomes[hop->outcome]++;
	neighbours_add(&r->neighbours, hop);
	if (hop->kind != HOP_ORIGINATED && hop->outcome != OUTCOME_OPEN &&
	    hop->outcome != OUTCOME_LOST) {
		r->packets++;
		r->turned_away += hop->kind == HOP_ANSWERED && hop->outcome == OUTCOME_REJECTED;
	}
	if (hop->outcome == OUTCOME_REJECTED)
		add_code(r, hop);
	if (hop->has_margin)
		add_margin(r, hop);
	if (!columns)
		return;
	kind->time_ns += hop->at_ns[HOP_MOMENTS - 1] - hop->at_ns[0];
	add_columns(kind, columns);
	add_slow(r, hop, columns);
}

void report_in_hand(struct report *r, const uint64_t ns[STRIP_STATES])
{
	memcpy(r->in_hand_ns, ns, sizeof(r->in_hand_ns));
	neighbours_sort(&r->neighbours);
}
