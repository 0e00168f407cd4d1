/* SPDX-License-Identifier: Apache-2.0 */
/*
 * targets.h - the targets as the daemon half knows them: names from the configuration, and how they
 * do from the probe half.
 *
 * Out: series of the operator's own, by target, and for people a line of words each, which stands
 * in /metrics as a comment.
 */
#ifndef TELLTALE_TARGETS_H
#define TELLTALE_TARGETS_H

#include "config/config.h"
#include "release/series.h"
#include "target/target.h"

struct targets {
	struct target list[CONFIG_TARGETS_MAX];
	size_t len;
	struct series_of_target {
		int cgroups, since;
	} series[CONFIG_TARGETS_MAX];
};

/* All are waiting until the probe half says otherwise. 0 or -ENOMEM; then targets_close is due all
 * the same. */
int targets_open(struct targets *ts, const struct config *config);
void targets_close(struct targets *ts);

void targets_make_series(struct targets *ts, struct series *series);
/* Brings the series up to date. */
void targets_update(struct targets *ts, struct series *series);
/* "# target NAME: ..." for each, a line each; malloc'ed, NULL when memory is short. NOW_UNIX_NS is
 * for telling how long ago. */
char *targets_words(const struct targets *ts, uint64_t now_unix_ns);

#endif
