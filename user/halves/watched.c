/* SPDX-License-Identifier: Apache-2.0 */
#include "halves/watched.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static int fail(const struct watched *w, size_t which, int err, const char *why)
{
	if (err != -ENOMEM)
		log_err("run", "target %s: %s", w->list[which].name, why);
	return err;
}

int watched_open(struct watched *w, const struct config *config)
{
	char why[512] = "";
	int err = 0;

	w->mount = cgroup_mount();
	if (!w->mount) {
		log_err("run", "cgroup v2 is not mounted; `mount -t cgroup2 none "
			       "/sys/fs/cgroup/unified` mounts it beside v1");
		return -ENOENT;
	}
	for (size_t i = 0; i < config->targets_len && !err; i++) {
		err = target_init(&w->list[w->len], &config->targets[i], w->mount, why,
				  sizeof(why));
		if (!err)
			w->len++;
		else if (err != -ENOMEM)
			log_err("run", "target %s: %s", config->targets[i].name, why);
	}
	if (err)
		return err;
	err = follow_new(w->list, w->len, w->mount, &w->follow);
	if (err)
		log_err("run", "cannot watch the hierarchy of cgroups: %s", strerror(-err));
	for (size_t i = 0; i < w->len && !err; i++) {
		struct target_status s = target_status(&w->list[i]);

		if (s.refused)
			err = fail(w, i, s.error, s.reason);
	}
	return err;
}

bool watched_check(const struct config *config)
{
	char *mount = cgroup_mount();
	bool right = mount != NULL;

	for (size_t i = 0; i < config->targets_len && right; i++) {
		struct target t = {0};
		char why[512] = "";

		right = !target_init(&t, &config->targets[i], mount, why, sizeof(why));
		if (right)
			target_fini(&t);
		else
			log_err("reload", "target %s: %s", config->targets[i].name, why);
	}
	free(mount);
	return right;
}

/* --- what follow.h calls ---------------------------------------------------------------------- */

/* What is attached to one cgroup. */
struct attached {
	struct probe_cgroup *taps;
	struct timing_cgroup *clocks;
};

static int attach(void *context, unsigned target, const struct cgroup *c, void **handle, char *why,
		  size_t why_len)
{
	struct attached *a = calloc(1, sizeof(*a));
	struct watched *w = context;
	int err = a ? probe_attach_cgroup(w->probe, target, c, &a->taps, why, why_len) : -ENOMEM;

	if (err) {
		free(a);
		return err;
	}
	if (w->timing && timing_attach_cgroup(w->timing, c, &a->clocks))
		log_warn("run", "target %s: the connections to its dependencies are not seen",
			 w->list[target].name);
	*handle = a;
	return 0;
}

static void detach(void *context, void *handle)
{
	struct watched *w = context;
	struct attached *a = handle;

	if (w->timing)
		timing_detach_cgroup(w->timing, a->clocks);
	probe_detach_cgroup(w->probe, a->taps);
	free(a);
}

static bool lingers(void *context, void *handle)
{
	const struct attached *a = handle;

	(void)context;
	return probe_cgroup_lingers(a->taps);
}

int watched_attach(struct watched *w, struct probe *p, struct timing *timing)
{
	const struct follow_hooks hooks = {attach, detach, lingers, w};
	char why[512] = "";
	size_t which = 0;
	int err;

	w->probe = p;
	w->timing = timing;
	err = follow_attach(w->follow, &hooks, &which, why, sizeof(why));
	return err ? fail(w, which, err, why) : 0;
}

int watched_start(struct watched *w)
{
	int err = follow_start(w->follow);

	if (err)
		log_err("run", "cannot start the thread that follows targets: %s", strerror(-err));
	return err;
}

void watched_detach(struct watched *w)
{
	follow_stop(w->follow);
}

void watched_close(struct watched *w)
{
	follow_free(w->follow);
	while (w->len > 0)
		target_fini(&w->list[--w->len]);
	free(w->mount);
}
