/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watched.h - the targets in the probe half: finds what the configuration names, and has the probe
 * attached to it as it comes and goes.
 */
#ifndef TELLTALE_WATCHED_H
#define TELLTALE_WATCHED_H

#include "config/config.h"
#include "tap/probe.h"
#include "tap/timing.h"
#include "target/follow.h"

struct watched {
	struct target list[CONFIG_TARGETS_MAX];
	size_t len;
	char *mount; /* of the hierarchy */
	struct follow *follow;
	struct probe *probe;   /* attached to them */
	struct timing *timing; /* ... and this one too; NULL: there is none */
};

/* Finds and locks what is there: nothing is no error. 0 or -errno, logged but for -ENOMEM; then
 * watched_close is due all the same. */
int watched_open(struct watched *w, const struct config *config);
/* Can these targets be meant here? Nothing is looked for. False has been logged. */
bool watched_check(const struct config *config);
/* Attaches P and TIMING, which outlive W, to what is there. TIMING may be NULL; what it cannot be
 * attached to has no dependencies. 0 or -errno, logged. */
int watched_attach(struct watched *w, struct probe *p, struct timing *timing);
/* From here on what comes is attached by a thread. Before privileges are given up. 0 or -errno. */
int watched_start(struct watched *w);
/* Detaches from everything. */
void watched_detach(struct watched *w);
void watched_close(struct watched *w);

#endif
