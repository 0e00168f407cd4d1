/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/unseen.h"

#include <stdlib.h>

#include "release/vocabulary.h"
#include "tap/witness.h"

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

static bool is_target(const struct unseen *u, unsigned target)
{
	return target < u->targets_len;
}

static void count_found(struct unseen *u, unsigned target, enum witness_cause cause, uint32_t found,
			const char *program)
{
	series_count(u->series, METRIC_OPAQUE, causes[cause].reason, found);
	blind_say(u->blind, target, causes[cause].reason, program, causes[cause].role);
}

static void say_doubt(struct unseen *u, unsigned target, enum witness_cause cause)
{
	if (!u->targets[target].never_forwards)
		blind_doubted(u->blind, target, causes[cause].doubt);
}

void unseen_take(struct unseen *u, const struct wire_unseen *said)
{
	enum witness_cause cause = (enum witness_cause)said->cause;

	if (!is_target(u, said->target))
		return;
	if (said->found)
		count_found(u, said->target, cause, said->found, said->program);
	if (!said->open) {
		pipeline_doubt_close(u->pipeline, said->target, causes[cause].doubt, 0,
				     said->since_ns);
		return;
	}
	pipeline_doubt_open(u->pipeline, said->target, causes[cause].doubt, 0, said->since_ns);
	say_doubt(u, said->target, cause);
}

void unseen_record(struct unseen *u, const struct record_unseen *record, bool count)
{
	unsigned target = record->head.target;

	if (!is_target(u, target))
		return;
	if (count)
		count_found(u, target, WITNESS_BYPASSED, 1, "");
	pipeline_doubt_once(u->pipeline, target, causes[WITNESS_BYPASSED].doubt, record->at_ns);
	say_doubt(u, target, WITNESS_BYPASSED);
}
