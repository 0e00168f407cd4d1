/* SPDX-License-Identifier: Apache-2.0 */
#include "target/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <linux/magic.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

char *cgroup_mount(void)
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

int cgroup_open(const char *path, struct cgroup *c, char *why, size_t why_len)
{
	struct statfs fs;
	struct stat st;
	int err = 0;

	*c = (struct cgroup){.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	if (c->fd < 0 || fstat(c->fd, &st) || fstatfs(c->fd, &fs)) {
		err = -errno;
		snprintf(why, why_len, "cannot open cgroup %.200s: %s", path, strerror(-err));
	} else if (fs.f_type != CGROUP2_SUPER_MAGIC) {
		err = -EINVAL;
		snprintf(why, why_len, "%.200s is no cgroup v2 directory", path);
	} else {
		c->id = st.st_ino;
		c->path = strdup(path);
		err = c->path ? 0 : -ENOMEM;
	}
	if (err)
		cgroup_close(c);
	return err;
}

void cgroup_close(struct cgroup *c)
{
	if (c->fd >= 0)
		close(c->fd);
	free(c->path);
	*c = (struct cgroup){.fd = -1};
}

bool cgroup_is_there(const struct cgroup *c)
{
	struct stat st;

	return !stat(c->path, &st) && st.st_ino == c->id;
}

bool cgroup_contains(const char *above, const char *path)
{
	size_t len = strlen(above);

	return !strncmp(above, path, len) && (path[len] == '\0' || path[len] == '/');
}

/* --- the cgroup of a process ------------------------------------------------------------------ */

/* The process's cgroup v2 path, below the root of this cgroup namespace. */
static int path_of_pid(const char *pid, char *path, size_t path_len)
{
	char name[64], line[PATH_MAX];
	FILE *f;
	int err = -ENOENT;

	snprintf(name, sizeof(name), "/proc/%.20s/cgroup", pid);
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

/* Which directory of the hierarchy is mounted at MOUNT, as this cgroup namespace sees it. */
static void mounted_root(const char *mount, char *root, size_t root_len)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[2 * PATH_MAX], from[PATH_MAX], at[PATH_MAX];

	snprintf(root, root_len, "/");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*s %*s %*s %4095s %4095s", from, at) == 2 &&
		    !strcmp(at, mount) && strstr(line, " - cgroup2 "))
			snprintf(root, root_len, "%s", from); /* the last one covers others */
	}
	if (f)
		fclose(f);
}

int cgroup_of_pid(const char *pid, const char *mount, char *path, size_t path_len, char *why,
		  size_t why_len)
{
	char below[PATH_MAX] = "", root[PATH_MAX];

	if (path_of_pid(pid, below, sizeof(below))) {
		snprintf(why, why_len,
			 "there is no process %s, or it is in no cgroup v2; give the pid of a "
			 "connector that runs, or its cgroup",
			 pid);
		return -ESRCH;
	}
	if (!strcmp(below, "/")) {
		snprintf(why, why_len,
			 "process %s is in the root cgroup, with every other process of this host; "
			 "start it in a cgroup of its own (systemd does), or name `cgroup: /` to "
			 "watch everything",
			 pid);
		return -EINVAL;
	}
	mounted_root(mount, root, sizeof(root));
	if (!cgroup_contains(strcmp(root, "/") ? root : "", below)) {
		snprintf(why, why_len,
			 "process %s is in %.200s, which is not mounted here: %.200s has %.200s "
			 "only",
			 pid, below, mount, root);
		return -EINVAL;
	}
	snprintf(path, path_len, "%s%s", mount, below + (strcmp(root, "/") ? strlen(root) : 0));
	return 0;
}

/* --- its processes ---------------------------------------------------------------------------- */

static void list_processes(const char *dir, void (*each)(void *context, pid_t pid), void *context)
{
	char path[PATH_MAX + 16];
	FILE *f;
	int pid;

	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	f = fopen(path, "re");
	if (!f)
		return; /* gone in the meantime */
	while (fscanf(f, "%d", &pid) == 1) {
		if (pid >= 0)
			each(context, pid);
	}
	fclose(f);
}

/* A directory has a link from above, one to itself, and one from each below it. */
static bool is_lowest(const char *path)
{
	struct stat st;

	return !stat(path, &st) && st.st_nlink == 2;
}

void cgroup_each_process(const char *path, void (*each)(void *context, pid_t pid), void *context)
{
	char *roots[] = {(char *)path, NULL};
	const FTSENT *entry;
	FTS *fts;

	if (is_lowest(path)) {
		list_processes(path, each, context);
		return;
	}
	fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV | FTS_NOSTAT, NULL);
	if (!fts)
		return;
	while ((entry = fts_read(fts))) {
		if (entry->fts_info == FTS_D)
			list_processes(entry->fts_path, each, context);
	}
	fts_close(fts);
}
