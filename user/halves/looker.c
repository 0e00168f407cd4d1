/* SPDX-License-Identifier: Apache-2.0 */
#include "halves/looker.h"

#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "base/procname.h"
#include "tap/sockets.h"

/* A target's share of the time for looks, and how much of it may be ahead. A look that took longer
 * is made up for, up to a second. */
#define LOOK_SHARE   10
#define LOOK_NS      (int64_t)(100 * NS_PER_MS)
#define LOOK_DEBT_NS (int64_t) NS_PER_S

/* Has the target time left for looking? */
static bool may_look(struct looker *l, unsigned target, uint64_t now)
{
	int64_t *left = &l->of[target].left_ns;

	*left += (int64_t)((now - l->of[target].looked_ns) / LOOK_SHARE);
	if (*left > LOOK_NS)
		*left = LOOK_NS;
	l->of[target].looked_ns = now;
	return *left > 0;
}

static int is_wanted(void *context, pid_t pid, enum process_tls state)
{
	const struct wire_ask *ask = context;

	(void)state;
	return pid && (uint32_t)pid == ask->pid;
}

/* The name of a process of the target, and of no other. */
static void name_process(struct looker *l, const struct wire_ask *ask, struct wire_answer *out)
{
	if (processes_each(l->processes, ask->target, is_wanted, (void *)ask))
		procname_read((pid_t)ask->pid, out->program, sizeof(out->program));
	out->looked = 1;
}

static void find_owner(struct looker *l, const struct wire_ask *ask, struct wire_answer *out)
{
	struct sockets_owner owner;

	/* Its process may have started since the last look. */
	processes_scan_soon(l->processes, ask->target, ask->at_ns);
	owner = sockets_find(l->processes, ask->target, &ask->remote, (enum record_role)ask->role);
	out->looked = 1;
	out->verdict = owner.verdict;
	out->role = owner.role;
	out->pid = (uint32_t)owner.pid;
	wire_put_text(out->program, sizeof(out->program), owner.program);
}

void looker_answer(struct looker *l, const struct wire_ask *ask, struct wire_answer *out)
{
	int64_t *left = &l->of[ask->target].left_ns;
	uint64_t begun = clock_mono_ns();

	memset(out, 0, sizeof(*out));
	out->id = ask->id;
	out->verdict = SOCKETS_UNKNOWN;
	out->role = ask->role;
	if (!may_look(l, ask->target, begun))
		return;
	if (ask->pid)
		name_process(l, ask, out);
	else
		find_owner(l, ask, out);
	*left -= (int64_t)(clock_mono_ns() - begun);
	if (*left < -LOOK_DEBT_NS)
		*left = -LOOK_DEBT_NS;
}
