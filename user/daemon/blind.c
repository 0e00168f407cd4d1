/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/blind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "tap/sockets.h"
#include "tap/tlsmatch.h"
#include "release/vocabulary.h"

static const char *const words[OPAQUE_REASONS] = {
#define WORD(id, label, loss, brief, name, why, log) [OPAQUE_##id] = (log),
	OPAQUE_WORDS(WORD)
#undef WORD
};

static const char *const doubt_words[DOUBT_CAUSES] = {
#define WORD(id, label, loss, log) [DOUBT_##id] = (log),
	DOUBT_WORDS(WORD)
#undef WORD
};

/* Questions that wait for an answer, and for how long: no exchange is judged earlier than a second
 * after its end. */
#define ASKED_MAX 64
#define ASKED_NS  (500 * NS_PER_MS)

/* Programs already named in the log; past that only the counters speak. */
#define SAID_MAX 64

/* Was the connection judged before, and what is left to be found out? */
enum turn {
	TURN_FIRST,
	TURN_LATE,   /* by what the other end had said: where its process is read it was not counted
		      */
	TURN_LOOKED, /* without its owner, for which there was no time: it was counted */
	TURN_AGAIN,  /* with all that can be known: it was counted, and bytes passed on it again */
};

/* A connection whose owner was asked for. */
struct asked {
	uint64_t id; /* 0: free */
	uint64_t at_ns;
	enum turn turn;
	struct record_opaque record;
};

struct blind {
	struct view *view;
	const struct target *targets;
	size_t targets_len;
	struct series *series;
	struct pipeline *pipeline;
	struct tlsmatch *match;
	struct {
		unsigned target;
		enum opaque_reason reason;
		enum record_role role;
		char program[32];
	} said[SAID_MAX];
	size_t said_len;
	struct of_target {
		bool doubted[DOUBT_CAUSES]; /* and said so in the log */
		/* One of those for which there was no time and which may tell the origin. */
		bool waits;
		struct record_opaque waiting;
	} of[CONFIG_TARGETS_MAX];
	struct asked asked[ASKED_MAX];
	uint64_t last_id;
};

static void decide(void *context, const struct record_opaque *record);

struct blind *blind_new(struct view *view, const struct target *targets, size_t targets_len,
			struct series *series)
{
	struct blind *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->match = tlsmatch_new(decide, b);
	if (!b->match) {
		free(b);
		return NULL;
	}
	b->view = view;
	b->targets = targets;
	b->targets_len = targets_len;
	b->series = series;
	return b;
}

void blind_free(struct blind *b)
{
	if (b)
		tlsmatch_free(b->match);
	free(b);
}

void blind_set_pipeline(struct blind *b, struct pipeline *pipeline)
{
	b->pipeline = pipeline;
}

static const char *const deeds[] = {
	[RECORD_ROLE_UNKNOWN] = "has",
	[RECORD_ROLE_CLIENT] = "opens",
	[RECORD_ROLE_SERVER] = "accepts",
};

/* Once for each program, reason and role. */
void blind_say(struct blind *b, unsigned target, enum opaque_reason reason, const char *program,
	       enum record_role role)
{
	if (!program[0])
		program = "a process";
	for (size_t i = 0; i < b->said_len; i++) {
		if (b->said[i].target == target && b->said[i].reason == reason &&
		    b->said[i].role == role && !strcmp(b->said[i].program, program))
			return;
	}
	if (b->said_len == SAID_MAX)
		return;
	b->said[b->said_len].target = target;
	b->said[b->said_len].reason = reason;
	b->said[b->said_len].role = role;
	snprintf(b->said[b->said_len++].program, sizeof(b->said[0].program), "%s", program);
	log_warn("blind", "connections that %s %s in %s cannot be read: %s", program, deeds[role],
		 b->targets[target].name, words[reason]);
}

void blind_doubted(void *context, unsigned target, enum doubt_cause cause)
{
	struct blind *b = context;

	if (target >= b->targets_len || b->of[target].doubted[cause])
		return;
	b->of[target].doubted[cause] = true;
	log_warn("blind",
		 "%s: %s, so a payment that it sends may be one it forwards: for a minute after "
		 "such an event none is counted as its own; if it never forwards, say so with "
		 "`forwards: never` at the target",
		 b->targets[target].name, doubt_words[cause]);
}

/* Something may come into the target on the connection, and is not read. A connection that was
 * followed until it went over to another protocol is in doubt until it ends, which is announced;
 * any other is announced again while bytes come in on it. An answer in a WebSocket shows that
 * something has come in already. */
static void doubt(struct blind *b, unsigned target, const struct record_opaque *r)
{
	enum doubt_cause cause =
		r->reason == RECORD_OPAQUE_HTTP2 ? DOUBT_HTTP2 : DOUBT_UNREAD_LISTENER;

	if (r->reason == RECORD_OPAQUE_WEBSOCKET && r->at_ns > DOUBTS_LIFE_NS)
		pipeline_doubt_once(b->pipeline, target, cause, r->at_ns - DOUBTS_LIFE_NS);
	if (r->reason == RECORD_OPAQUE_UPGRADED)
		pipeline_doubt_open(b->pipeline, target, cause, r->flow.id, r->at_ns);
	else
		pipeline_doubt_once(b->pipeline, target, cause, r->at_ns);
	blind_doubted(b, target, cause);
}

/* Its role is known, and nothing can show that it was read after all. */
static bool is_settled(const struct record_opaque *r)
{
	return r->reason == RECORD_OPAQUE_UPGRADED || r->reason == RECORD_OPAQUE_WEBSOCKET;
}

/* Anybody may begin TLS or HTTP/2 with a target; that it accepts it, its own words say. */
static bool may_bring_in(const struct blind *b, unsigned target, const struct record_opaque *r)
{
	return (r->said & RECORD_OPAQUE_OURS) && r->head.role != RECORD_ROLE_CLIENT &&
	       !b->targets[target].never_forwards;
}

static enum opaque_reason reason_of(const struct blind *b, const struct record_opaque *r,
				    enum sockets_verdict verdict)
{
	if (r->reason == RECORD_OPAQUE_HTTP2)
		return OPAQUE_HTTP2;
	if (is_settled(r))
		return OPAQUE_UPGRADED;
	switch (verdict) {
	case SOCKETS_NO_LIBRARY: return OPAQUE_NO_LIBRARY;
	case SOCKETS_UNATTACHED:
		return view_state(b->view)->tls_refused ? OPAQUE_REFUSED : OPAQUE_UNATTACHED;
	case SOCKETS_SPARED: return OPAQUE_SECCOMP;
	case SOCKETS_READ: return OPAQUE_UNMATCHED;
	default: return OPAQUE_UNKNOWN_OWNER;
	}
}

/* Of those that there is no time for one waits; the others, nobody will have read. */
static void look_later(struct blind *b, unsigned target, const struct record_opaque *record)
{
	struct of_target *of = &b->of[target];

	if (of->waits)
		doubt(b, target, &of->waiting);
	of->waits = true;
	of->waiting = *record;
}

/* Is a TLS connection that found no use of the library read after all? Nobody has to read what this
 * end has never answered. */
static bool is_read(const struct blind *b, const struct record_opaque *r,
		    const struct sockets_owner *owner)
{
	if (owner->verdict == SOCKETS_READ && !(r->said & RECORD_OPAQUE_OURS))
		return true;
	if (owner->verdict != SOCKETS_READ && owner->verdict != SOCKETS_UNKNOWN)
		return false;
	return tlsmatch_owned(b->match, r, owner->pid);
}

/* What becomes of the connection, with its owner known. LOOKED: somebody was looked for. */
static void judge(struct blind *b, const struct record_opaque *record, enum turn turn, bool looked,
		  const struct sockets_owner *owner)
{
	unsigned target = record->head.target;
	bool brings = may_bring_in(b, target, record);

	if (record->reason == RECORD_OPAQUE_TLS && turn != TURN_AGAIN && is_read(b, record, owner))
		return;
	if (turn == TURN_FIRST || (turn == TURN_LATE && owner->verdict == SOCKETS_READ)) {
		enum opaque_reason reason = reason_of(b, record, owner->verdict);

		series_count(b->series, METRIC_OPAQUE, reason, 1);
		blind_say(b, target, reason, owner->program, owner->role);
	}
	if (!brings || is_settled(record) || (looked && owner->role != RECORD_ROLE_SERVER))
		return;
	if (looked || record->reason != RECORD_OPAQUE_TLS)
		doubt(b, target, record);
	else
		look_later(b, target, record);
}

/* There is no answer: nobody was looked for. */
static void judge_alone(struct blind *b, const struct record_opaque *record, enum turn turn)
{
	const struct sockets_owner nobody = {.verdict = record->flow.pid ? SOCKETS_READ
									 : SOCKETS_UNKNOWN,
					     .role = (enum record_role)record->head.role};

	judge(b, record, turn, record->flow.pid, &nobody);
}

static struct asked *find_asked(struct blind *b, uint64_t id)
{
	for (size_t i = 0; i < ASKED_MAX; i++) {
		if (b->asked[i].id == id)
			return &b->asked[i];
	}
	return NULL;
}

static void take(struct blind *b, const struct record_opaque *record, enum turn turn)
{
	const struct wire_ask ask = {.id = b->last_id + 1,
				     .at_ns = record->at_ns,
				     .remote = record->remote,
				     .target = record->head.target,
				     .role = record->head.role,
				     .pid = record->flow.pid}; /* not 0: inside TLS that is read */
	struct asked *a = find_asked(b, 0);

	bool brings = may_bring_in(b, record->head.target, record);

	if (turn == TURN_AGAIN && !brings)
		return;
	/* Its end may close the doubt, and be read before the answer. */
	if (brings && is_settled(record) && record->head.role == RECORD_ROLE_SERVER)
		doubt(b, record->head.target, record);
	if (!a || !view_ask(b->view, &ask)) {
		judge_alone(b, record, turn);
		return;
	}
	*a = (struct asked){++b->last_id, clock_mono_ns(), turn, *record};
}

void blind_answer(struct blind *b, const struct wire_answer *answer)
{
	struct asked *a = answer->id ? find_asked(b, answer->id) : NULL;
	struct sockets_owner owner = {.verdict = (enum sockets_verdict)answer->verdict,
				      .pid = (pid_t)answer->pid,
				      .role = (enum record_role)answer->role};

	if (!a)
		return;
	a->id = 0;
	snprintf(owner.program, sizeof(owner.program), "%s", answer->program);
	if (a->record.flow.pid) /* only the name was asked for */
		owner.verdict = SOCKETS_READ;
	judge(b, &a->record, a->turn, answer->looked || a->record.flow.pid, &owner);
}

static void settle(struct blind *b, uint64_t now_ns, uint64_t after_ns)
{
	for (size_t i = 0; i < ASKED_MAX; i++) {
		struct asked *a = &b->asked[i];

		if (!a->id || now_ns - a->at_ns < after_ns)
			continue;
		a->id = 0;
		judge_alone(b, &a->record, a->turn);
	}
}

void blind_settle(struct blind *b)
{
	settle(b, clock_mono_ns(), ASKED_NS);
}

void blind_drain(struct blind *b)
{
	settle(b, clock_mono_ns(), 0);
}

static void decide(void *context, const struct record_opaque *record)
{
	take(context, record, TURN_FIRST);
}

void blind_opaque(void *context, const struct record_opaque *record)
{
	enum turn turn = record->said & RECORD_OPAQUE_AGAIN ? TURN_AGAIN : TURN_FIRST;
	struct blind *b = context;

	if (record->head.target >= b->targets_len)
		return;
	if (record->reason == RECORD_OPAQUE_TLS && !record->flow.pid) {
		enum tlsmatch_verdict verdict = tlsmatch_ask(b->match, record);

		if (verdict == TLSMATCH_READ || verdict == TLSMATCH_WAIT)
			return;
		turn = verdict == TLSMATCH_AGAIN  ? TURN_AGAIN
		       : verdict == TLSMATCH_LATE ? TURN_LATE
						  : TURN_FIRST;
	}
	take(b, record, turn);
}

void blind_leave(struct blind *b, ring_sink *sink, void *context)
{
	tlsmatch_leave(b->match, sink, context);
	for (size_t i = 0; i < ASKED_MAX; i++) {
		if (b->asked[i].id)
			sink(context, &b->asked[i].record, sizeof(b->asked[i].record));
		b->asked[i].id = 0;
	}
}

void blind_used(struct blind *b, const struct record_tls *record)
{
	if (record->head.target < b->targets_len)
		tlsmatch_used(b->match, record);
}

void blind_tick(struct blind *b)
{
	tlsmatch_tick(b->match, clock_mono_ns());
	for (unsigned i = 0; i < b->targets_len; i++) {
		struct record_opaque again = b->of[i].waiting;

		if (!b->of[i].waits)
			continue;
		b->of[i].waits = false;
		take(b, &again, TURN_LOOKED);
	}
}
