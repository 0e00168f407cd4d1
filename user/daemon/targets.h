/* SPDX-License-Identifier: Apache-2.0 */
/*
 * targets.h - the targets of a running daemon: finds them, has the probe attached to them as they
 * come, and says how they do.
 *
 * In: the configuration's targets, the probe. Out: series of the operator's own, by target, and for
 * people a line of words each, which stands in /metrics as a comment.
 */
#ifndef TELLTALE_TARGETS_H
#define TELLTALE_TARGETS_H

#include "config/config.h"
#include "release/series.h"
#include "tap/probe.h"
#include "target/follow.h"

struct targets {
	struct target list[CONFIG_TARGETS_MAX];
	size_t len;
	char *mount; /* of the hierarchy */
	struct follow *follow;
	struct series_of_target {
		int cgroups, since;
	} series[CONFIG_TARGETS_MAX];
};

/* Finds and locks what is there: nothing is no error. 0 or -errno, logged but for -ENOMEM; then
 * targets_close is due all the same. */
int targets_open(struct targets *ts, const struct config *config);
/* Attaches P, which outlives TS, to what is there. 0 or -errno, logged. */
int targets_attach(struct targets *ts, struct probe *p);
/* From here on what comes is attached by a thread. Before privileges are given up. 0 or -errno. */
int targets_start(struct targets *ts);
/* Detaches from everything. */
void targets_detach(struct targets *ts);
void targets_close(struct targets *ts);

void targets_make_series(struct targets *ts, struct series *series);
/* Brings the series up to date. */
void targets_update(struct targets *ts, struct series *series);
/* "# target NAME: ..." for each, a line each; malloc'ed, NULL when memory is short. NOW_UNIX_NS is
 * for telling how long ago. */
char *targets_words(const struct targets *ts, uint64_t now_unix_ns);

#endif
