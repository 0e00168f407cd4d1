/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_follow [CGROUPS] - how long it takes from a cgroup that is made to the programs that are
 * attached to it, in a process that does nothing else. Until the last of three links, since mkdir
 * was called, and since it came back, from when on there can be a process in it.
 */
#include <err.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tap/probe.h"
#include "target/follow.h"

#define CGROUPS     400
#define CGROUPS_MAX 4000
#define PATIENCE_NS 5000000000u

static struct probe *probe;
static _Atomic uint64_t attached_ns;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int attach(void *context, unsigned target, const struct cgroup *c, void **handle, char *why,
		  size_t why_len)
{
	struct probe_cgroup *made;
	int error = probe_attach_cgroup(probe, target, c, &made, why, why_len);

	(void)context;
	*handle = made;
	attached_ns = now_ns();
	return error;
}

static void detach(void *context, void *handle)
{
	(void)context;
	probe_detach_cgroup(probe, handle);
}

static bool lingers(void *context, void *handle)
{
	(void)context;
	return probe_cgroup_lingers(handle);
}

enum since { CALLED, MADE, SINCES };

/* Ns until the cgroup at PATH was attached to. */
static void measure(const char *path, uint64_t took[SINCES])
{
	const struct timespec pause = {.tv_nsec = 100000};
	uint64_t begun = now_ns(), made;

	attached_ns = 0;
	if (mkdir(path, 0755))
		err(1, "cannot make %s", path);
	made = now_ns();
	while (!attached_ns) {
		if (now_ns() - begun > PATIENCE_NS)
			errx(1, "%s was not attached to", path);
		nanosleep(&pause, NULL);
	}
	took[CALLED] = attached_ns - begun;
	took[MADE] = attached_ns > made ? attached_ns - made : 0;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void run(const char *base, size_t n)
{
	static const char *const since[SINCES] = {"mkdir called", "mkdir done"};
	static uint64_t took[SINCES][CGROUPS_MAX];
	const struct timespec pause = {.tv_nsec = 5000000};
	uint64_t each[SINCES];
	char path[4200];

	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/cgroup-%zu", base, i % 20);
		measure(path, each);
		took[CALLED][i] = each[CALLED];
		took[MADE][i] = each[MADE];
		rmdir(path);
		nanosleep(&pause, NULL);
	}
	for (size_t k = 0; k < SINCES; k++) {
		size_t middle = n / 2, high = n * 99 / 100;

		qsort(took[k], n, sizeof(took[k][0]), compare);
		printf("%s -> attached, ms, %zu cgroups: p50 %.2f, p99 %.2f, worst %.2f\n",
		       since[k], n, (double)took[k][middle] / 1e6, (double)took[k][high] / 1e6,
		       (double)took[k][n - 1] / 1e6);
	}
}

int main(int argc, char **argv)
{
	static const struct follow_hooks hooks = {attach, detach, lingers, NULL};
	static const struct siphash_key none;
	size_t which, n = argc > 1 ? strtoul(argv[1], NULL, 10) : CGROUPS;
	char base[4096], pattern[4200], why[512] = "", *mount = cgroup_mount();
	struct config_target config = {.kind = TARGET_CGROUP, .name = pattern};
	struct follow *follow;
	struct target target;

	if (!mount || !n || n > CGROUPS_MAX)
		errx(2, "usage: bench_follow [CGROUPS], as root, with cgroup v2");
	snprintf(base, sizeof(base), "%.4000s/telltale-bench.%d", mount, (int)getpid());
	snprintf(pattern, sizeof(pattern), "%s/cgroup-*", base);
	if (mkdir(base, 0755))
		err(1, "cannot make %s; this measures as root", base);
	if (target_init(&target, &config, mount, why, sizeof(why)) ||
	    probe_open(&none, &none, 1, 64, &probe, why, sizeof(why)) ||
	    follow_new(&target, 1, mount, &follow) ||
	    follow_attach(follow, &hooks, &which, why, sizeof(why)) || follow_start(follow))
		errx(1, "cannot follow %s: %s", pattern, why);
	run(base, n);
	follow_free(follow);
	target_fini(&target);
	probe_close(probe);
	rmdir(base);
	free(mount);
	return 0;
}
