/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/targets.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

int targets_open(struct targets *ts, const struct config *config)
{
	for (size_t i = 0; i < config->targets_len; i++) {
		int err = target_init_apart(&ts->list[ts->len], &config->targets[i]);

		if (err)
			return err;
		ts->len++;
	}
	return 0;
}

void targets_close(struct targets *ts)
{
	while (ts->len > 0)
		target_fini(&ts->list[--ts->len]);
}

/* --- how they do ------------------------------------------------------------------------------ */

void targets_make_series(struct targets *ts, struct series *series)
{
	for (size_t i = 0; i < ts->len; i++) {
		struct series_of_target *of = &ts->series[i];
		const char *name = ts->list[i].name;

		of->cgroups = series_find(series, METRIC_TARGET_CGROUPS, "target", name);
		of->since = series_find(series, METRIC_TARGET_SINCE, "target", name);
	}
}

void targets_update(struct targets *ts, struct series *series)
{
	int64_t missing = 0;

	for (size_t i = 0; i < ts->len; i++) {
		struct target_status s = target_status(&ts->list[i]);
		struct series_of_target *of = &ts->series[i];

		series_put(series, of->cgroups, s.cgroups);
		series_put(series, of->since, (int64_t)(s.since_ns / NS_PER_S));
		missing += !target_is_whole(&s);
	}
	series_set(series, METRIC_TARGETS_MISSING, 0, missing);
}

char *targets_words(const struct targets *ts, uint64_t now_unix_ns)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	for (size_t i = 0; i < ts->len; i++) {
		struct target_status s = target_status(&ts->list[i]);
		uint64_t ago = now_unix_ns > s.since_ns ? (now_unix_ns - s.since_ns) / NS_PER_S : 0;

		fprintf(out, "# target %s: %s for %" PRIu64 " s, %u cgroup%s%s%s\n",
			ts->list[i].name, target_states[s.state], ago, s.cgroups,
			s.cgroups == 1 ? "" : "s", s.reason[0] ? "; " : "", s.reason);
	}
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}
