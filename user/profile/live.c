/* SPDX-License-Identifier: Apache-2.0 */
#include "profile/live.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "profile/columns.h"
#include "profile/hops.h"
#include "profile/in_hand.h"
#include "profile/tape.h"
#include "release/vocabulary.h"

#define LATE_NS   (50 * NS_PER_MS)   /* an event is written this long after its time at most */
#define JUDGE_NS  (1000 * NS_PER_MS) /* a connector has read a reply so long after it came */
#define EVERY_NS  (250 * NS_PER_MS)  /* between two judgements */
#define TLS_NS    (250 * NS_PER_MS)  /* reads before a call of a TLS library are looked for */
#define HANGS_NS  (5 * NS_PER_S)     /* of what is in hand for longer, the clocks forget the rest */
#define SHADOW_NS (60 * NS_PER_S)    /* after more exchanges than there is room for */

/* The words' order is that of enum hop_split. */
enum {
#define WORD(id, ...) WORD_##id,
	SPLIT_WORDS(WORD)
#undef WORD
};
_Static_assert(WORD_SPLIT == (int)HOP_SPLIT && WORD_NOT_ALONE == (int)HOP_NOT_ALONE &&
		       WORD_NO_CLOCK == (int)HOP_NO_CLOCK && WORD_THREADS == (int)HOP_THREADS &&
		       WORD_NO_REPLY == (int)HOP_NO_REPLY,
	       "a word for each split");

struct live {
	struct series *series;
	struct per_peer *per_peer;
	struct traces *traces; /* may be NULL */
	struct hops *hops;
	struct tape *tape;
	struct in_hand in_hand;
	enum live_clocks clocks;
	uint64_t lost, judged_ns;
	int times[TAPE_CLASSES_MAX + 1], turns[TAPE_CLASSES_MAX + 1]; /* handles */
};

static int new_tape(struct live *l)
{
	struct tape *tape = tape_new(LIVE_EVENTS);

	if (!tape)
		return -1;
	tape_watch_all(tape);
	tape_free(l->tape);
	l->tape = tape;
	return 0;
}

static void find_series(struct live *l, const struct live_params *params)
{
	struct series *s = l->series;

	for (size_t i = 1; i <= TAPE_CLASSES_MAX; i++) {
		const char *name = params->dependencies[i];

		l->times[i] = l->turns[i] = -1;
		if (!name)
			continue;
		l->times[i] = series_find(s, METRIC_DEPENDENCY_TIME, "dependency", name);
		l->turns[i] = series_find(s, METRIC_DEPENDENCY_TURNS, "dependency", name);
	}
}

struct live *live_new(const struct live_params *params)
{
	struct live *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->series = params->series;
	l->traces = params->traces;
	l->per_peer = per_peer_new(params->series, params->peers, params->targets, params->name,
				   params->context);
	l->hops = hops_new(LIVE_EXCHANGES);
	if (!l->per_peer || !l->hops || new_tape(l)) {
		live_free(l);
		return NULL;
	}
	find_series(l, params);
	return l;
}

void live_free(struct live *l)
{
	if (!l)
		return;
	per_peer_free(l->per_peer);
	hops_free(l->hops);
	tape_free(l->tape);
	free(l);
}

struct per_peer *live_per_peer(struct live *l)
{
	return l->per_peer;
}

/* --- exchanges -------------------------------------------------------------------------------- */

void live_opened(struct live *l, const struct exchange *e, const struct record_message *message)
{
	hops_opened(l->hops, e, message);
}

void live_closed(struct live *l, const struct exchange *e)
{
	hops_closed(l->hops, e);
}

void live_unmatched(struct live *l, const struct record_message *reply)
{
	hops_unmatched(l->hops, reply);
}

void live_judged(struct live *l, const struct exchange *e)
{
	per_peer_exchange(l->per_peer, e);
}

/* --- columns ---------------------------------------------------------------------------------- */

static uint64_t sum_part(const struct hop_columns *c, enum hop_part part)
{
	uint64_t sum = 0;

	for (unsigned wait = 0; wait < HOP_WAITS; wait++) {
		for (int state = 0; state < STRIP_STATES; state++)
			sum += c->ns[part][wait][state];
	}
	return sum;
}

/* What both parts inside the connector had of a state while it waited for WAIT. */
static uint64_t inside(const struct hop_columns *c, unsigned wait, enum strip_state state)
{
	return c->ns[HOP_OUT][wait][state] + c->ns[HOP_BACK][wait][state];
}

/* A thread that could run waits for a CPU, whatever else is under way: a dependency has no part in
 * that. */
static void fold(const struct hop_columns *c, uint64_t ns[COLUMNS])
{
	for (unsigned wait = 0; wait < HOP_WAITS; wait++) {
		ns[COLUMN_ON_CPU] += inside(c, wait, STRIP_ON);
		ns[COLUMN_WAITING] += inside(c, wait, STRIP_WAITING);
		ns[wait ? COLUMN_DEPENDENCIES : COLUMN_NOT_RUNNABLE] +=
			inside(c, wait, STRIP_BLOCKED);
	}
	ns[COLUMN_RECEIVE] = sum_part(c, HOP_RECEIVE);
	ns[COLUMN_REPLY] = sum_part(c, HOP_REPLY);
	ns[COLUMN_PEER] = c->peer_ns;
}

/* Has a hop of KIND this column? What was answered has not gone out, what was originated has not
 * come in. */
static bool has_column(enum hop_kind kind, unsigned column)
{
	if (column == COLUMN_PEER || column == COLUMN_REPLY)
		return kind != HOP_ANSWERED;
	return kind != HOP_ORIGINATED;
}

static void count_dependencies(struct live *l, const struct hop_columns *c)
{
	for (unsigned i = 1; i <= TAPE_CLASSES_MAX; i++) {
		if (!c->turns[i])
			continue;
		series_put_time(l->series, l->times[i], inside(c, i, STRIP_BLOCKED));
		series_add(l->series, l->turns[i], c->turns[i]);
	}
}

static void take_hop(void *context, const struct hop *hop, const struct hop_columns *columns)
{
	struct live *l = context;
	uint64_t ns[COLUMNS] = {0};

	series_count(l->series, METRIC_HOPS, hop->split, 1);
	per_peer_hop(l->per_peer, hop);
	if (l->traces)
		traces_hop(l->traces, hop, columns);
	if (hop->split == HOP_NOT_ALONE && hop->tid)
		in_hand_add(&l->in_hand, hop->tid, hop->at_ns[0], hop->at_ns[HOP_MOMENTS - 1]);
	if (!columns)
		return;
	fold(columns, ns);
	for (unsigned i = 0; i < COLUMNS; i++) {
		if (has_column(hop->kind, i))
			series_time(l->series, METRIC_COLUMN_TIME, i, ns[i]);
	}
	count_dependencies(l, columns);
}

/* --- clocks ----------------------------------------------------------------------------------- */

void live_set_clocks(struct live *l, enum live_clocks clocks)
{
	l->clocks = clocks;
	l->lost = 0;
	series_set(l->series, METRIC_CLOCKS, 0, clocks);
	if (new_tape(l))
		l->clocks = LIVE_CLOCKS_OFF;
}

void live_event(struct live *l, const struct tape_event *event)
{
	if (l->clocks == LIVE_CLOCKS_ON)
		tape_add(l->tape, event);
}

/* What is in hand has no columns then. */
static void begin_again(struct live *l)
{
	series_count(l->series, METRIC_CLOCKS_RESTARTED, 0, 1);
	new_tape(l);
}

_Static_assert(THREAD_ON_CPU == (int)STRIP_ON && THREAD_WAITING == (int)STRIP_WAITING &&
		       THREAD_NOT_RUNNABLE == (int)STRIP_BLOCKED && THREADS == (int)STRIP_STATES,
	       "a word for each state");

/* Nothing that began before UNTIL_NS is still to be judged, unless it hangs. */
static void count_in_hand(struct live *l, uint64_t until_ns)
{
	uint64_t ns[STRIP_STATES] = {0};

	in_hand_settle(&l->in_hand, l->tape, until_ns, ns);
	for (unsigned i = 0; i < STRIP_STATES; i++)
		series_count(l->series, METRIC_IN_HAND, i, (int64_t)ns[i]);
}

static void judge(struct live *l, uint64_t until_ns)
{
	uint64_t oldest_ns;

	if (hops_full(l->hops))
		hops_begin_again(l->hops, until_ns + SHADOW_NS);
	hops_judge_until(l->hops, l->tape, until_ns, take_hop, l);
	if (l->traces)
		traces_settle(l->traces, until_ns);
	oldest_ns = hops_oldest_ns(l->hops);
	if (oldest_ns > until_ns)
		oldest_ns = until_ns;
	if (oldest_ns + HANGS_NS < until_ns)
		oldest_ns = until_ns - HANGS_NS;
	count_in_hand(l, oldest_ns);
	if (oldest_ns > TLS_NS)
		tape_forget(l->tape, oldest_ns - TLS_NS);
}

void live_settle(struct live *l, uint64_t lost, uint64_t now_ns)
{
	if (l->clocks == LIVE_CLOCKS_ON) {
		tape_settle(l->tape, now_ns - LATE_NS);
		if (lost != l->lost || tape_full_ns(l->tape) != UINT64_MAX)
			begin_again(l);
		l->lost = lost;
	}
	if (now_ns - l->judged_ns < EVERY_NS || now_ns < LATE_NS + JUDGE_NS)
		return;
	l->judged_ns = now_ns;
	judge(l, now_ns - LATE_NS - JUDGE_NS);
}
