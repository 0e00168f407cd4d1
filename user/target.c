/* SPDX-License-Identifier: Apache-2.0 */
#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

char *target_mount(void)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *m;
	char *path = NULL;

	if (!mounts)
		return NULL;
	while (!path && (m = getmntent(mounts))) {
		if (!strcmp(m->mnt_type, "cgroup2"))
			path = strdup(m->mnt_dir);
	}
	endmntent(mounts);
	if (!path)
		errno = ENOENT;
	return path;
}

/* The process's cgroup v2 path, below the mount, into PATH. */
static int cgroup_of_pid(const char *pid, char *path, size_t path_len)
{
	char name[64], line[PATH_MAX];
	FILE *f;
	int err = -ENOENT;

	snprintf(name, sizeof(name), "/proc/%s/cgroup", pid);
	f = fopen(name, "re");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "0::", 3)) {
			snprintf(path, path_len, "%s", line + 3);
			err = 0;
		}
	}
	fclose(f);
	return err;
}

/* Walks the directories below ROOT; EACH returns true to stop. */
static bool walk(const char *root, bool (*each)(void *context, const FTSENT *entry), void *context)
{
	char *roots[] = {(char *)root, NULL};
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	const FTSENT *entry;
	bool found = false;

	if (!fts)
		return false;
	while (!found && (entry = fts_read(fts))) {
		if (entry->fts_info == FTS_D)
			found = each(context, entry);
	}
	fts_close(fts);
	return found;
}

struct unit_search {
	const char *name;
	char *path;
	size_t path_len;
};

static bool unit_matches(void *context, const FTSENT *entry)
{
	struct unit_search *search = context;

	if (strcmp(entry->fts_name, search->name) != 0)
		return false;
	snprintf(search->path, search->path_len, "%s", entry->fts_path);
	return true;
}

static int find_path(const struct config_target *config, const char *mount, char *path,
		     size_t path_len, char *why, size_t why_len)
{
	char below[PATH_MAX];
	struct unit_search search = {.name = config->name, .path = path, .path_len = path_len};

	switch (config->kind) {
	case TARGET_CGROUP:
		if (!strncmp(config->name, mount, strlen(mount)))
			snprintf(path, path_len, "%s", config->name);
		else
			snprintf(path, path_len, "%s/%s", mount,
				 config->name + strspn(config->name, "/"));
		return 0;
	case TARGET_UNIT:
		if (walk(mount, unit_matches, &search))
			return 0;
		snprintf(why, why_len,
			 "there is no cgroup of this unit; is it running? `systemctl status %s` "
			 "tells",
			 config->name);
		return -ENOENT;
	case TARGET_PID:
		if (cgroup_of_pid(config->name, below, sizeof(below))) {
			snprintf(why, why_len,
				 "there is no process %s, or it is in no cgroup v2; give the pid "
				 "of a connector that runs, or its cgroup",
				 config->name);
			return -ESRCH;
		}
		if (!strcmp(below, "/")) {
			snprintf(why, why_len,
				 "process %s is in the root cgroup, with every other process of "
				 "this host; start it in a cgroup of its own (systemd does), or "
				 "name "
				 "`cgroup: /` to watch everything",
				 config->name);
			return -EINVAL;
		}
		snprintf(path, path_len, "%s%s", mount, below);
		return 0;
	}
	return -EINVAL;
}

static unsigned depth_below(const char *mount, const char *path)
{
	const char *p = path + strlen(mount);
	unsigned depth = 0;

	while (*p) {
		while (*p == '/')
			p++;
		if (*p)
			depth++;
		while (*p && *p != '/')
			p++;
	}
	return depth;
}

int target_resolve(const struct config_target *config, struct target *t, char *why, size_t why_len)
{
	char path[PATH_MAX], *mount = target_mount();
	struct stat st;
	int err;

	memset(t, 0, sizeof(*t));
	t->fd = -1;
	if (!mount) {
		snprintf(why, why_len,
			 "cgroup v2 is not mounted; `mount -t cgroup2 none "
			 "/sys/fs/cgroup/unified` mounts it beside v1");
		return -ENOENT;
	}
	err = find_path(config, mount, path, sizeof(path), why, why_len);
	if (err)
		goto out;
	t->path = realpath(path, NULL);
	t->name = strdup(config->name);
	if (!t->name || !t->path) {
		err = -errno;
		snprintf(why, why_len,
			 "there is no cgroup v2 %s (%s); /proc/PID/cgroup names the one of a "
			 "process, after `0::`",
			 path, strerror(-err));
		goto out;
	}
	t->fd = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->fd < 0 || fstat(t->fd, &st)) {
		err = -errno;
		snprintf(why, why_len, "cannot open cgroup %s: %s", t->path, strerror(-err));
		goto out;
	}
	t->id = st.st_ino;
	t->level = depth_below(mount, t->path);
	t->never_forwards = config->never_forwards;
out:
	free(mount);
	if (err)
		target_fini(t);
	return err;
}

void target_fini(struct target *t)
{
	if (t->fd >= 0)
		close(t->fd);
	free(t->name);
	free(t->path);
	memset(t, 0, sizeof(*t));
	t->fd = -1;
}

bool target_contains(const struct target *a, const struct target *b)
{
	size_t len = strlen(a->path);

	return !strncmp(a->path, b->path, len) && (b->path[len] == '\0' || b->path[len] == '/');
}

/* --- who else watches ---------------------------------------------------------------------------
 */

/* The process that holds a flock on inode INODE of the cgroup file system, or 0. */
static pid_t lock_holder(uint64_t inode)
{
	FILE *f = fopen("/proc/locks", "re");
	char line[256];
	pid_t holder = 0;

	if (!f)
		return 0;
	while (!holder && fgets(line, sizeof(line), f)) {
		unsigned long long ino;
		char kind[16];
		int pid;

		if (sscanf(line, "%*s %15s %*s %*s %d %*[^:]:%*[^:]:%llu", kind, &pid, &ino) == 3 &&
		    !strcmp(kind, "FLOCK") && ino == inode && pid > 0)
			holder = pid;
	}
	fclose(f);
	return holder;
}

struct lock_search {
	uint64_t self;
	pid_t holder;
	char path[PATH_MAX];
};

static bool locked_by_other(void *context, const FTSENT *entry)
{
	struct lock_search *search = context;

	if (entry->fts_statp->st_ino == search->self)
		return false;
	search->holder = lock_holder(entry->fts_statp->st_ino);
	if (search->holder)
		snprintf(search->path, sizeof(search->path), "%s", entry->fts_path);
	return search->holder != 0;
}

int target_lock(struct target *t, char *why, size_t why_len)
{
	struct lock_search search = {.self = t->id};
	char above[PATH_MAX];
	struct stat st;

	if (flock(t->fd, LOCK_EX | LOCK_NB)) {
		int err = -errno;

		if (err != -EWOULDBLOCK) {
			snprintf(why, why_len, "cannot lock %s: %s", t->path, strerror(-err));
			return err;
		}
		snprintf(why, why_len,
			 "process %d already watches %s; two would count the same traffic twice: "
			 "stop one",
			 (int)lock_holder(t->id), t->path);
		return -EBUSY;
	}
	snprintf(above, sizeof(above), "%s", t->path);
	for (unsigned level = t->level; level > 0 && !search.holder; level--) {
		*strrchr(above, '/') = '\0';
		if (!stat(above, &st))
			search.holder = lock_holder(st.st_ino);
		snprintf(search.path, sizeof(search.path), "%s", above);
	}
	if (!search.holder)
		walk(t->path, locked_by_other, &search);
	if (!search.holder || search.holder == getpid())
		return 0;
	snprintf(why, why_len,
		 "process %d already watches %.200s, which shares processes with %.200s; two would "
		 "count the same traffic twice: stop one",
		 (int)search.holder, search.path, t->path);
	return -EBUSY;
}

/* --- its processes ------------------------------------------------------------------------------
 */

struct process_walk {
	void (*each)(void *context, pid_t pid);
	void *context;
};

static bool list_processes(void *context, const FTSENT *entry)
{
	struct process_walk *w = context;
	char path[PATH_MAX + 16];
	FILE *f;
	int pid;

	snprintf(path, sizeof(path), "%s/cgroup.procs", entry->fts_path);
	f = fopen(path, "re");
	if (!f)
		return false; /* gone in the meantime */
	while (fscanf(f, "%d", &pid) == 1) {
		if (pid > 0)
			w->each(w->context, pid);
	}
	fclose(f);
	return false;
}

void target_each_process(const struct target *t, void (*each)(void *context, pid_t pid),
			 void *context)
{
	struct process_walk w = {.each = each, .context = context};

	walk(t->path, list_processes, &w);
}
