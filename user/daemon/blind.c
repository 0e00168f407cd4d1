/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/blind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/procname.h"
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

/* Looking for an owner reads tables as long as the host has sockets, and whoever opens connections
 * makes us look: a target has a tenth of the time for it, and may be this much ahead. */
#define LOOK_SHARE 10
#define LOOK_NS    (100 * NS_PER_MS)

/* Programs already named in the log; past that only the counters speak. */
#define SAID_MAX 64

struct blind {
	struct processes *processes;
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
		uint64_t looked_ns, left_ns;
		/* One of those for which there was no time and which may tell the origin. */
		bool waits;
		struct record_opaque waiting;
	} of[CONFIG_TARGETS_MAX];
};

static void decide(void *context, const struct record_opaque *record);

struct blind *blind_new(struct processes *ps, const struct target *targets, size_t targets_len,
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
	b->processes = ps;
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
 * any other is announced again while bytes come in on it. */
static void doubt(struct blind *b, unsigned target, const struct record_opaque *r)
{
	enum doubt_cause cause =
		r->reason == RECORD_OPAQUE_HTTP2 ? DOUBT_HTTP2 : DOUBT_UNREAD_LISTENER;

	if (r->reason == RECORD_OPAQUE_UPGRADED)
		pipeline_doubt_open(b->pipeline, target, cause, r->flow.id, r->at_ns);
	else
		pipeline_doubt_once(b->pipeline, target, cause, r->at_ns);
	blind_doubted(b, target, cause);
}

/* Anybody may begin TLS or HTTP/2 with a target; that it accepts it, its own words say. */
static bool may_bring_in(const struct blind *b, unsigned target, const struct record_opaque *r)
{
	return (r->said & RECORD_OPAQUE_OURS) && r->head.role != RECORD_ROLE_CLIENT &&
	       !b->targets[target].never_forwards;
}

/* Has the target time left for looking? */
static bool may_look(struct of_target *of, uint64_t now)
{
	of->left_ns += (now - of->looked_ns) / LOOK_SHARE;
	if (of->left_ns > LOOK_NS)
		of->left_ns = LOOK_NS;
	of->looked_ns = now;
	return of->left_ns > 0;
}

/* Who has the connection. False: nobody was looked for, as the time for that is used up. */
static bool look(struct blind *b, unsigned target, const struct record_opaque *r,
		 struct sockets_owner *owner)
{
	enum record_role role = (enum record_role)r->head.role;
	struct of_target *of = &b->of[target];
	uint64_t begun = clock_mono_ns(), took;

	*owner = (struct sockets_owner){.verdict = SOCKETS_UNKNOWN, .role = role};
	if (!may_look(of, begun))
		return false;
	/* Its process may have started since the last look. */
	processes_scan_soon(b->processes, target, r->at_ns);
	*owner = sockets_find(b->processes, target, &r->remote, role);
	took = clock_mono_ns() - begun;
	of->left_ns -= took < of->left_ns ? took : of->left_ns;
	return true;
}

static enum opaque_reason reason_of(const struct blind *b, const struct record_opaque *r,
				    enum sockets_verdict verdict)
{
	if (r->reason == RECORD_OPAQUE_HTTP2)
		return OPAQUE_HTTP2;
	if (r->reason == RECORD_OPAQUE_UPGRADED)
		return OPAQUE_UPGRADED;
	switch (verdict) {
	case SOCKETS_NO_LIBRARY: return OPAQUE_NO_LIBRARY;
	case SOCKETS_UNATTACHED:
		return processes_tls_refused(b->processes) ? OPAQUE_REFUSED : OPAQUE_UNATTACHED;
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

/* AGAIN: it was counted before. */
static void take(struct blind *b, const struct record_opaque *record, bool again)
{
	unsigned target = record->head.target;
	bool brings = may_bring_in(b, target, record), looked = true;
	struct sockets_owner owner = {.role = (enum record_role)record->head.role};

	if (again && !brings)
		return;
	if (record->flow.pid) /* inside TLS that is read */
		procname_read((pid_t)record->flow.pid, owner.program, sizeof(owner.program));
	else
		looked = look(b, target, record, &owner);
	if (record->reason == RECORD_OPAQUE_TLS && !again && is_read(b, record, &owner))
		return;
	if (!again) {
		enum opaque_reason reason = reason_of(b, record, owner.verdict);

		series_count(b->series, METRIC_OPAQUE, reason, 1);
		blind_say(b, target, reason, owner.program, owner.role);
	}
	if (!brings || (looked && owner.role != RECORD_ROLE_SERVER))
		return;
	if (looked || record->reason != RECORD_OPAQUE_TLS)
		doubt(b, target, record);
	else
		look_later(b, target, record);
}

static void decide(void *context, const struct record_opaque *record)
{
	take(context, record, false);
}

void blind_opaque(void *context, const struct record_opaque *record)
{
	bool again = record->said & RECORD_OPAQUE_AGAIN;
	struct blind *b = context;

	if (record->head.target >= b->targets_len)
		return;
	if (record->reason == RECORD_OPAQUE_TLS && !record->flow.pid) {
		enum tlsmatch_verdict verdict = tlsmatch_ask(b->match, record);

		if (verdict == TLSMATCH_READ || verdict == TLSMATCH_WAIT)
			return;
		again = verdict == TLSMATCH_AGAIN;
	}
	take(b, record, again);
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
		take(b, &again, true);
	}
}
