/* SPDX-License-Identifier: Apache-2.0 */
/*
 * looker.h - answers whose a connection is, within bounds, for a daemon half that sees no process.
 *
 * Looking for an owner reads tables as long as the host has sockets, and whoever opens connections
 * makes us look: a target has a tenth of the time for it. What the answer says is about processes
 * of that target only.
 */
#ifndef TELLTALE_LOOKER_H
#define TELLTALE_LOOKER_H

#include "halves/wire.h"
#include "tap/processes.h"

struct looker {
	struct processes *processes;
	struct {
		uint64_t looked_ns;
		int64_t left_ns; /* below 0: looks took longer than they may */
	} of[CONFIG_TARGETS_MAX];
};

/* The answer to ASK, whose target exists. */
void looker_answer(struct looker *l, const struct wire_ask *ask, struct wire_answer *out);

#endif
