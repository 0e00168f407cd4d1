/* SPDX-License-Identifier: Apache-2.0 */
#include "halves/sightings.h"

#include <string.h>

#include "base/clock.h"
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

	if (open && !o->opened_ns)
		o->opened_ns = at_ns ? at_ns : 1;
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

void sightings_again(struct sightings *s, bool resumes)
{
	uint64_t now = clock_mono_ns();

	s->witnessed_sent_ns = 0;
	for (unsigned target = 0; target < s->targets; target++) {
		for (enum witness_cause cause = 0; cause < WITNESS_CAUSES; cause++) {
			struct sighting *o = at(s, target, cause);

			o->news |= o->said.open || resumes;
			if (!o->said.open && !o->said.since_ns)
				o->said.since_ns = now;
		}
	}
}

/* What was open and is not any more was not said yet: what came meanwhile is in doubt all the same.
 */
static bool send_opened(const struct sighting *o,
			bool (*send)(void *context, enum wire_type type, struct wire_message *m),
			void *context)
{
	struct wire_message m = {.unseen = o->said};

	if (!o->opened_ns || o->said.open)
		return true;
	m.unseen.since_ns = o->opened_ns;
	m.unseen.open = 1;
	m.unseen.found = 0;
	return send(context, WIRE_UNSEEN, &m);
}

void sightings_send(struct sightings *s,
		    bool (*send)(void *context, enum wire_type type, struct wire_message *m),
		    void *context)
{
	struct wire_message m = {0};

	for (unsigned i = 0; i < s->targets * WITNESS_CAUSES; i++) {
		unsigned target = i / WITNESS_CAUSES, cause = i % WITNESS_CAUSES;
		struct sighting *o = &s->of[target][cause];

		if (!o->news)
			continue;
		o->said.target = target;
		o->said.cause = cause;
		if (!send_opened(o, send, context))
			return;
		m.unseen = o->said;
		if (o->said.open && o->opened_ns) /* perhaps closed and opened again since */
			m.unseen.since_ns = o->opened_ns;
		if (!send(context, WIRE_UNSEEN, &m))
			return;
		o->news = false;
		o->opened_ns = 0;
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
