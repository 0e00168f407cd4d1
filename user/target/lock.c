/* SPDX-License-Identifier: Apache-2.0 */
/* lock.c - who else watches a cgroup: a lock on its directory, which the end of a process gives up.
 */
#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/log.h"
#include "target/cgroup.h"

/* The directories that are locked, and by whom. */
struct locks {
	struct locked {
		ino_t ino;
		dev_t dev;
		pid_t holder;
	} * list;
	size_t len;
};

static bool parse_lock(const char *line, struct locked *l)
{
	unsigned long long ino;
	unsigned device[2];
	char kind[16];
	int pid;

	if (sscanf(line, "%*s %15s %*s %*s %d %x:%x:%llu", kind, &pid, &device[0], &device[1],
		   &ino) != 5 ||
	    strcmp(kind, "FLOCK") || pid <= 0)
		return false;
	*l = (struct locked){(ino_t)ino, makedev(device[0], device[1]), pid};
	return true;
}

static void read_locks(struct locks *locks)
{
	FILE *f = fopen("/proc/locks", "re");
	struct locked *more, l;
	char line[256];

	*locks = (struct locks){0};
	while (f && fgets(line, sizeof(line), f)) {
		if (!parse_lock(line, &l))
			continue;
		more = realloc(locks->list, (locks->len + 1) * sizeof(*more));
		if (!more)
			break;
		locks->list = more;
		locks->list[locks->len++] = l;
	}
	if (f)
		fclose(f);
}

/* The process that holds a lock on the directory DIR, or 0. */
static pid_t holder_of(const struct locks *locks, const struct stat *dir)
{
	for (size_t i = 0; i < locks->len; i++) {
		if (locks->list[i].ino == dir->st_ino && locks->list[i].dev == dir->st_dev)
			return locks->list[i].holder;
	}
	return 0;
}

/* Whoever may open a directory may lock it: only root's locks, and those of this user, count. */
static bool counts(pid_t holder)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d", (int)holder);
	return !stat(path, &st) && (st.st_uid == 0 || st.st_uid == geteuid());
}

/* Another instance that watches DIR, or 0. This process's own locks are no hindrance: its targets
 * are compared with each other. */
static pid_t other_instance(const struct locks *locks, const struct stat *dir)
{
	pid_t holder = holder_of(locks, dir);

	return holder && holder != getpid() && counts(holder) ? holder : 0;
}

/* An instance that watches a cgroup above C, up to MOUNT: its PATH. */
static pid_t watches_above(const struct locks *locks, const struct cgroup *c, const char *mount,
			   char path[PATH_MAX])
{
	pid_t holder = 0;
	struct stat st;

	snprintf(path, PATH_MAX, "%s", c->path);
	while (!holder && strlen(path) > strlen(mount)) {
		*strrchr(path, '/') = '\0';
		holder = stat(path, &st) ? 0 : other_instance(locks, &st);
	}
	return holder;
}

static pid_t watches_below(const struct locks *locks, const struct cgroup *c, char path[PATH_MAX])
{
	char *roots[] = {c->path, NULL};
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	const FTSENT *entry;
	pid_t holder = 0;

	if (!fts)
		return 0;
	while (!holder && (entry = fts_read(fts))) {
		if (entry->fts_info != FTS_D || entry->fts_statp->st_ino == c->id)
			continue;
		holder = other_instance(locks, entry->fts_statp);
		snprintf(path, PATH_MAX, "%s", entry->fts_path);
	}
	fts_close(fts);
	return holder;
}

/* The directory is locked by another process. 0 when that is somebody who does not count: nobody
 * may keep telltale from starting. */
static int explain_holder(const struct locks *locks, const struct cgroup *c, char *why,
			  size_t why_len)
{
	pid_t holder;
	struct stat st;

	holder = fstat(c->fd, &st) ? 0 : holder_of(locks, &st);
	if (holder && !counts(holder)) {
		log_warn("target", "process %d, which is not root's, has a lock on %s: ignored",
			 (int)holder, c->path);
		return 0;
	}
	snprintf(why, why_len,
		 "process %d already watches %s; two would count the same traffic twice: stop one",
		 (int)holder, c->path);
	return -EBUSY;
}

int cgroup_lock(const struct cgroup *c, const char *mount, char *why, size_t why_len)
{
	char path[PATH_MAX];
	struct locks locks;
	pid_t holder;
	int err = flock(c->fd, LOCK_EX | LOCK_NB) ? -errno : 0;

	read_locks(&locks);
	if (err == -EWOULDBLOCK)
		err = explain_holder(&locks, c, why, why_len);
	else if (err)
		snprintf(why, why_len, "cannot lock %s: %s", c->path, strerror(-err));
	if (err)
		goto out;
	holder = watches_above(&locks, c, mount, path);
	if (!holder)
		holder = watches_below(&locks, c, path);
	if (holder) {
		snprintf(why, why_len,
			 "process %d already watches %.200s, which shares processes with %.200s; "
			 "two would count the same traffic twice: stop one",
			 (int)holder, path, c->path);
		err = -EBUSY;
	}
out:
	free(locks.list);
	return err;
}
