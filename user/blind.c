/* SPDX-License-Identifier: Apache-2.0 */
#include "blind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "sockets.h"

enum reason { NO_LIBRARY, UNATTACHED, REFUSED, SPARED, UNKNOWN_OWNER, HTTP2, UPGRADED, REASONS };

static const struct {
	const char *label; /* of telltale_opaque_connections_total */
	const char *words;
} reasons[REASONS] = {
	[NO_LIBRARY] = {"tls-no-library",
			"its TLS is not OpenSSL with symbols; let it speak plain HTTP to a local "
			"proxy that does the TLS"},
	[UNATTACHED] = {"tls-unattached", "its TLS library could not be attached to"},
	[REFUSED] = {"tls-refused",
		     "the kernel refuses the programs that read TLS; `telltale check` says why"},
	[SPARED] = {"tls-seccomp", "it is under a seccomp filter, and this kernel would kill it; "
				   "run a kernel with the "
				   "mend (6.12.14, 6.13.3, 6.14 or newer)"},
	[UNKNOWN_OWNER] =
		{"tls-unknown-owner",
		 "the connection was gone, or others took too long to look up, before its "
		 "owner was found"},
	[HTTP2] = {"http2", "HTTP/2 is not decoded; let it speak HTTP/1.1"},
	[UPGRADED] = {"upgraded",
		      "they went over from HTTP/1.1 to another protocol or to a tunnel, "
		      "which is left alone; let ILP packets go by POST"},
};

/* Looking for an owner reads tables as long as the host has sockets, and whoever opens connections
 * makes us look: a target has a tenth of the time for it, and may be this much ahead. */
#define LOOK_SHARE 10
#define LOOK_NS    100000000

/* Programs already named in the log; past that only the counters speak. */
#define SAID_MAX 64

struct blind {
	struct processes *processes;
	const struct target *targets;
	size_t targets_len;
	struct privacy *privacy;
	struct pipeline *pipeline;
	int series[REASONS];
	uint64_t count;
	struct {
		unsigned target;
		enum reason reason;
		enum record_role role;
		char program[32];
	} said[SAID_MAX];
	size_t said_len;
	bool unknown_origin[CONFIG_TARGETS_MAX];
	struct budget {
		uint64_t at_ns, left_ns;
	} budgets[CONFIG_TARGETS_MAX];
};

struct blind *blind_new(struct processes *ps, const struct target *targets, size_t targets_len,
			struct privacy *privacy)
{
	struct blind *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->processes = ps;
	b->targets = targets;
	b->targets_len = targets_len;
	b->privacy = privacy;
	for (size_t i = 0; i < REASONS; i++)
		b->series[i] = privacy_series(privacy, METRIC_OPAQUE, "reason", reasons[i].label);
	return b;
}

void blind_free(struct blind *b)
{
	free(b);
}

void blind_set_pipeline(struct blind *b, struct pipeline *pipeline)
{
	b->pipeline = pipeline;
}

uint64_t blind_count(const struct blind *b)
{
	return b->count;
}

/* Once for each program, reason and role. */
static void say(struct blind *b, unsigned target, enum reason reason,
		const struct sockets_owner *owner)
{
	const char *program = owner->program[0] ? owner->program : "a process";

	for (size_t i = 0; i < b->said_len; i++) {
		if (b->said[i].target == target && b->said[i].reason == reason &&
		    b->said[i].role == owner->role && !strcmp(b->said[i].program, program))
			return;
	}
	if (b->said_len == SAID_MAX)
		return;
	b->said[b->said_len].target = target;
	b->said[b->said_len].reason = reason;
	b->said[b->said_len].role = owner->role;
	snprintf(b->said[b->said_len++].program, sizeof(b->said[0].program), "%s", program);
	log_warn("blind", "connections that %s %s in %s cannot be read: %s", program,
		 owner->role == RECORD_ROLE_SERVER ? "accepts" : "opens", b->targets[target].name,
		 reasons[reason].words);
}

static void origin_unknown(struct blind *b, unsigned target)
{
	if (b->unknown_origin[target] || b->targets[target].never_forwards)
		return;
	b->unknown_origin[target] = true;
	pipeline_set_blind(b->pipeline, target, true);
	log_warn("blind",
		 "%s accepts connections that cannot be read, so a payment it sends may be one it "
		 "forwards: none is counted as its own from now on; if it never forwards, say so "
		 "with `forwards: never` at the target",
		 b->targets[target].name);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The owner, as long as the target's time for looking lasts; unknown after that. */
static struct sockets_owner look(struct blind *b, unsigned target, const struct record_opaque *r)
{
	struct budget *budget = &b->budgets[target];
	enum record_role role = (enum record_role)r->head.role;
	struct sockets_owner owner = {.verdict = SOCKETS_UNKNOWN, .role = role};
	uint64_t begun = now_ns(), took;

	budget->left_ns += (begun - budget->at_ns) / LOOK_SHARE;
	if (budget->left_ns > LOOK_NS)
		budget->left_ns = LOOK_NS;
	budget->at_ns = begun;
	if (!budget->left_ns)
		return owner;
	/* Its process may have started since the last look. */
	processes_scan_soon(b->processes, r->at_ns);
	/* The others are not read whoever's they are: only the name is wanted. */
	owner = r->reason == RECORD_OPAQUE_TLS
			? sockets_owner(b->processes, target, &r->remote, role)
			: sockets_find(b->processes, target, &r->remote, role);
	took = now_ns() - begun;
	budget->left_ns -= took < budget->left_ns ? took : budget->left_ns;
	return owner;
}

void blind_opaque(void *context, const struct record_opaque *record)
{
	struct blind *b = context;
	unsigned target = record->head.target;
	struct sockets_owner owner = {.role = (enum record_role)record->head.role};
	enum reason reason = record->reason == RECORD_OPAQUE_UPGRADED ? UPGRADED : HTTP2;

	if (target >= b->targets_len)
		return;
	if (record->reason == RECORD_OPAQUE_TLS) {
		owner = look(b, target, record);
		switch (owner.verdict) {
		case SOCKETS_READ: return;
		case SOCKETS_NO_LIBRARY: reason = NO_LIBRARY; break;
		case SOCKETS_UNATTACHED:
			reason = processes_tls_refused(b->processes) ? REFUSED : UNATTACHED;
			break;
		case SOCKETS_SPARED: reason = SPARED; break;
		case SOCKETS_UNKNOWN: reason = UNKNOWN_OWNER; break;
		}
	} else if (record->flow.pid) { /* inside TLS that is read */
		sockets_program((pid_t)record->flow.pid, owner.program, sizeof(owner.program));
	} else {
		owner = look(b, target, record);
	}
	b->count++;
	privacy_add(b->privacy, b->series[reason], 1);
	say(b, target, reason, &owner);
	if (owner.role == RECORD_ROLE_SERVER)
		origin_unknown(b, target);
}
