/* SPDX-License-Identifier: Apache-2.0 */
#include "halves/sightings.h"

#include <string.h>

#include "base/procname.h"

static struct sighting *at(struct sightings *s, unsigned target, enum witness_cause cause)
{
	return &s->of[target % CONFIG_TARGETS_MAX][cause];
}

static void found(void *context, unsigned target, enum witness_cause cause, pid_t pid,
		  uint64_t bytes)
{
	struct sighting *o = at(context, target, cause);

	(void)bytes;
	o->said.found++;
	o->news = true;
	if (pid)
		procname_read(pid, o->said.program, sizeof(o->said.program));
}

static void doubt(void *context, unsigned target, enum witness_cause cause, bool open,
		  uint64_t at_ns)
{
	struct sighting *o = at(context, target, cause);

	o->said.open = open;
	o->said.since_ns = at_ns;
	o->news = true;
}

static void looked(void *context, uint64_t began_ns)
{
	struct sightings *s = context;

	s->witnessed_ns = began_ns;
}

const struct witness_ops sightings_ops = {.found = found, .doubt = doubt, .looked = looked};

void sightings_again(struct sightings *s)
{
	s->witnessed_sent_ns = 0;
	for (unsigned target = 0; target < CONFIG_TARGETS_MAX; target++) {
		for (enum witness_cause cause = 0; cause < WITNESS_CAUSES; cause++)
			s->of[target][cause].news |= s->of[target][cause].said.open;
	}
}

void sightings_send(struct sightings *s,
		    bool (*send)(void *context, enum wire_type type, struct wire_message *m),
		    void *context)
{
	struct wire_message m = {0};

	for (unsigned i = 0; i < CONFIG_TARGETS_MAX * WITNESS_CAUSES; i++) {
		unsigned target = i / WITNESS_CAUSES, cause = i % WITNESS_CAUSES;
		struct sighting *o = &s->of[target][cause];

		if (!o->news)
			continue;
		m.unseen = o->said;
		m.unseen.target = target;
		m.unseen.cause = cause;
		if (!send(context, WIRE_UNSEEN, &m))
			return;
		o->news = false;
		o->said.found = 0;
		memset(o->said.program, 0, sizeof(o->said.program));
	}
	if (s->witnessed_ns == s->witnessed_sent_ns)
		return;
	memset(&m, 0, sizeof(m));
	m.witnessed.at_ns = s->witnessed_ns;
	if (send(context, WIRE_WITNESSED, &m))
		s->witnessed_sent_ns = s->witnessed_ns;
}
