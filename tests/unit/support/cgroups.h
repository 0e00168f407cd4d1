/* SPDX-License-Identifier: Apache-2.0 */
/* cgroups.h - a small tree of cgroups of a test's own. */
#ifndef TELLTALE_TEST_CGROUPS_H
#define TELLTALE_TEST_CGROUPS_H

#include <fts.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target/cgroup.h"
#include "tests/unit/support/skipping.h"

static char *mount;
static char base[PATH_MAX - 256], base_name[64];

static inline void path_of(char path[PATH_MAX], const char *below)
{
	snprintf(path, PATH_MAX, "%s/%s", base, below);
}

static inline void make(const char *below)
{
	char path[PATH_MAX];

	path_of(path, below);
	if (mkdir(path, 0755))
		fail_msg("cannot make %s", path);
}

static inline void removed(const char *below)
{
	char path[PATH_MAX];

	path_of(path, below);
	if (rmdir(path))
		fail_msg("cannot remove %s", path);
}

/* An empty tree. */
static inline int make_cgroups(void **state)
{
	(void)state;
	mount = cgroup_mount();
	if (!mount || geteuid() != 0)
		return 0;
	snprintf(base_name, sizeof(base_name), "telltale-unit.%d", (int)getpid());
	snprintf(base, sizeof(base), "%s/%s", mount, base_name);
	if (mkdir(base, 0755))
		base[0] = '\0';
	return 0;
}

/* What is left of it, lowest first. */
static inline void remove_below(const char *path)
{
	char *roots[] = {(char *)path, NULL};
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	const FTSENT *entry;

	while (fts && (entry = fts_read(fts))) {
		if (entry->fts_info == FTS_DP)
			rmdir(entry->fts_path);
	}
	if (fts)
		fts_close(fts);
}

static inline int remove_cgroups(void **state)
{
	(void)state;
	if (base[0])
		remove_below(base);
	free(mount);
	return 0;
}

static inline void want_cgroups(void)
{
	if (base[0])
		return;
	SKIP("no cgroup can be made here; it takes root and cgroup v2");
}

/* A child that has done ACT, and lives until it is ended. */
static inline pid_t child(void (*act)(const char *path), const char *path)
{
	char ready = 0;
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		act(path);
		if (write(fds[1], "y", 1) == 1)
			pause();
		_exit(0);
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &ready, 1), 1);
	close(fds[0]);
	return pid;
}

static inline void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static inline void enter(const char *path)
{
	char procs[2 * PATH_MAX + 16];
	FILE *f;

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
	f = fopen(procs, "w");
	if (!f || fprintf(f, "0\n") < 0 || fclose(f))
		_exit(1);
}

#endif
