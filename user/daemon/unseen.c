/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/unseen.h"

#include <stdlib.h>

#include "base/procname.h"
#include "release/vocabulary.h"

static const struct {
	enum opaque_reason reason;
	enum doubt_cause doubt;
	enum record_role role;
} causes[WITNESS_CAUSES] = {
	[WITNESS_UNIX] = {OPAQUE_UNIX, DOUBT_UNIX_LISTENER, RECORD_ROLE_SERVER},
	[WITNESS_OTHER_CGROUP] = {OPAQUE_OTHER_CGROUP, DOUBT_OTHER_CGROUP, RECORD_ROLE_UNKNOWN},
	[WITNESS_BYPASSED] = {OPAQUE_BYPASSED, DOUBT_BYPASSED, RECORD_ROLE_UNKNOWN},
};

struct unseen {
	const struct target *targets;
	size_t targets_len;
	struct series *series;
	struct blind *blind;
	struct pipeline *pipeline;
};

struct unseen *unseen_new(const struct target *targets, size_t targets_len, struct series *series,
			  struct blind *blind, struct pipeline *pipeline)
{
	struct unseen *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	*u = (struct unseen){targets, targets_len, series, blind, pipeline};
	return u;
}

void unseen_free(struct unseen *u)
{
	free(u);
}

static void found(void *context, unsigned target, enum witness_cause cause, pid_t pid,
		  uint64_t bytes)
{
	struct unseen *u = context;
	char program[32] = "";

	(void)bytes;
	if (pid)
		procname_read(pid, program, sizeof(program));
	series_count(u->series, METRIC_OPAQUE, causes[cause].reason, 1);
	blind_say(u->blind, target, causes[cause].reason, program, causes[cause].role);
}

static void doubt(void *context, unsigned target, enum witness_cause cause, bool open,
		  uint64_t at_ns)
{
	struct unseen *u = context;

	if (open)
		pipeline_doubt_open(u->pipeline, target, causes[cause].doubt, 0, at_ns);
	else
		pipeline_doubt_close(u->pipeline, target, causes[cause].doubt, 0, at_ns);
	if (open && !u->targets[target].never_forwards)
		blind_doubted(u->blind, target, causes[cause].doubt);
}

static void doubt_once(void *context, unsigned target, enum witness_cause cause, uint64_t at_ns)
{
	struct unseen *u = context;

	pipeline_doubt_once(u->pipeline, target, causes[cause].doubt, at_ns);
	if (!u->targets[target].never_forwards)
		blind_doubted(u->blind, target, causes[cause].doubt);
}

static void looked(void *context, uint64_t began_ns)
{
	struct unseen *u = context;

	pipeline_witnessed(u->pipeline, began_ns);
}

const struct witness_ops unseen_ops = {
	.found = found,
	.doubt = doubt,
	.once = doubt_once,
	.looked = looked,
};
