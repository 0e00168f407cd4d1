/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/targets.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

static int fail(const struct targets *ts, size_t which, int err, const char *why)
{
	if (err != -ENOMEM)
		log_err("run", "target %s: %s", ts->list[which].name, why);
	return err;
}

int targets_open(struct targets *ts, const struct config *config)
{
	char why[512] = "";
	int err = 0;

	ts->mount = cgroup_mount();
	if (!ts->mount) {
		log_err("run", "cgroup v2 is not mounted; `mount -t cgroup2 none "
			       "/sys/fs/cgroup/unified` mounts it beside v1");
		return -ENOENT;
	}
	for (size_t i = 0; i < config->targets_len && !err; i++) {
		err = target_init(&ts->list[ts->len], &config->targets[i], ts->mount, why,
				  sizeof(why));
		if (!err)
			ts->len++;
		else if (err != -ENOMEM)
			log_err("run", "target %s: %s", config->targets[i].name, why);
	}
	if (err)
		return err;
	err = follow_new(ts->list, ts->len, ts->mount, &ts->follow);
	if (err)
		log_err("run", "cannot watch the hierarchy of cgroups: %s", strerror(-err));
	for (size_t i = 0; i < ts->len && !err; i++) {
		struct target_status s = target_status(&ts->list[i]);

		if (s.refused)
			err = fail(ts, i, s.error, s.reason);
	}
	return err;
}

/* --- what follow.h calls ---------------------------------------------------------------------- */

static int attach(void *context, unsigned target, const struct cgroup *c, void **handle, char *why,
		  size_t why_len)
{
	struct probe_cgroup *attached;
	int err = probe_attach_cgroup(context, target, c, &attached, why, why_len);

	if (!err)
		*handle = attached;
	return err;
}

static void detach(void *context, void *handle)
{
	probe_detach_cgroup(context, handle);
}

static bool lingers(void *context, void *handle)
{
	(void)context;
	return probe_cgroup_lingers(handle);
}

int targets_attach(struct targets *ts, struct probe *p)
{
	const struct follow_hooks hooks = {attach, detach, lingers, p};
	char why[512] = "";
	size_t which = 0;
	int err = follow_attach(ts->follow, &hooks, &which, why, sizeof(why));

	return err ? fail(ts, which, err, why) : 0;
}

int targets_start(struct targets *ts)
{
	int err = follow_start(ts->follow);

	if (err)
		log_err("run", "cannot start the thread that follows targets: %s", strerror(-err));
	return err;
}

void targets_detach(struct targets *ts)
{
	follow_stop(ts->follow);
}

void targets_close(struct targets *ts)
{
	follow_free(ts->follow);
	while (ts->len > 0)
		target_fini(&ts->list[--ts->len]);
	free(ts->mount);
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
