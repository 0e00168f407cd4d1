/* SPDX-License-Identifier: Apache-2.0 */
/* lock.c - who else watches a cgroup: a lock on its directory, which the end of a process gives up.
 */
#include <errno.h>
#include <fcntl.h>
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
		bool shared; /* for a moment, by another instance's is_free */
	} * list;
	size_t len;
	bool read;
};

#define TRIES 3 /* to lock a directory that another instance looks at for a moment */

static bool parse_lock(const char *line, struct locked *l)
{
	unsigned long long ino;
	unsigned device[2];
	char kind[16], access[16];
	int pid;

	if (sscanf(line, "%*s %15s %*s %15s %d %x:%x:%llu", kind, access, &pid, &device[0],
		   &device[1], &ino) != 6 ||
	    strcmp(kind, "FLOCK") || pid <= 0)
		return false;
	*l = (struct locked){(ino_t)ino, makedev(device[0], device[1]), pid,
			     !strcmp(access, "READ")};
	return true;
}

/* The kernel's list makes who reads it wait for some milliseconds, until no processor is at any
 * lock. So it is read only where a lock is in the way, once for each cgroup. */
static void read_locks(struct locks *locks)
{
	struct locked *more, l;
	char line[256];
	FILE *f;

	if (locks->read)
		return;
	locks->read = true;
	f = fopen("/proc/locks", "re");
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

static void forget_locks(struct locks *locks)
{
	free(locks->list);
	*locks = (struct locks){0};
}

/* A lock on the directory DIR, or NULL. */
static const struct locked *lock_on(struct locks *locks, const struct stat *dir)
{
	read_locks(locks);
	for (size_t i = 0; i < locks->len; i++) {
		if (locks->list[i].ino == dir->st_ino && locks->list[i].dev == dir->st_dev)
			return &locks->list[i];
	}
	return NULL;
}

/* Has nobody a lock on the directory at PATH? A shared lock is to be had only then. */
static bool is_free(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool is = fd >= 0 && !flock(fd, LOCK_SH | LOCK_NB);

	if (fd >= 0)
		close(fd);
	return is;
}

/* Whoever may open a directory may lock it: only root's locks, and those of this user, count. */
static bool counts(pid_t holder)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d", (int)holder);
	return !stat(path, &st) && (st.st_uid == 0 || st.st_uid == geteuid());
}

/* Another instance that watches the directory at PATH, or 0. This process's own locks are no
 * hindrance: its targets are compared with each other. */
static pid_t other_instance(struct locks *locks, const char *path)
{
	const struct locked *l;
	struct stat dir;

	if (is_free(path) || stat(path, &dir))
		return 0;
	l = lock_on(locks, &dir);
	return l && !l->shared && l->holder != getpid() && counts(l->holder) ? l->holder : 0;
}

/* An instance that watches a cgroup above C, up to MOUNT: its PATH. */
static pid_t watches_above(struct locks *locks, const struct cgroup *c, const char *mount,
			   char path[PATH_MAX])
{
	pid_t holder = 0;

	snprintf(path, PATH_MAX, "%s", c->path);
	while (!holder && strlen(path) > strlen(mount)) {
		*strrchr(path, '/') = '\0';
		holder = other_instance(locks, path);
	}
	return holder;
}

static pid_t watches_below(struct locks *locks, const struct cgroup *c, char path[PATH_MAX])
{
	char *roots[] = {c->path, NULL};
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV | FTS_NOSTAT, NULL);
	const FTSENT *entry;
	pid_t holder = 0;

	if (!fts)
		return 0;
	while (!holder && (entry = fts_read(fts))) {
		if (entry->fts_info != FTS_D || entry->fts_level == FTS_ROOTLEVEL)
			continue;
		holder = other_instance(locks, entry->fts_path);
		snprintf(path, PATH_MAX, "%s", entry->fts_path);
	}
	fts_close(fts);
	return holder;
}

/* The directory is locked by another process. 0 when that is somebody who does not count: nobody
 * may keep telltale from starting. -EAGAIN: it is not locked any more, or for a moment only. */
static int explain_holder(struct locks *locks, const struct cgroup *c, char *why, size_t why_len)
{
	const struct locked *l;
	struct stat st;

	l = fstat(c->fd, &st) ? NULL : lock_on(locks, &st);
	if (l && !counts(l->holder)) {
		log_warn("target", "process %d, which is not root's, has a lock on %s: ignored",
			 (int)l->holder, c->path);
		return 0;
	}
	snprintf(why, why_len,
		 "process %d already watches %s; two would count the same traffic twice: stop one",
		 l ? (int)l->holder : 0, c->path);
	return l && !l->shared ? -EBUSY : -EAGAIN;
}

static int take(struct locks *locks, const struct cgroup *c, char *why, size_t why_len)
{
	int err = -EAGAIN;

	for (int i = 0; i < TRIES && err == -EAGAIN; i++) {
		err = flock(c->fd, LOCK_EX | LOCK_NB) ? -errno : 0;
		if (err == -EWOULDBLOCK) {
			forget_locks(locks);
			err = explain_holder(locks, c, why, why_len);
		} else if (err) {
			snprintf(why, why_len, "cannot lock %s: %s", c->path, strerror(-err));
		}
	}
	return err == -EAGAIN ? -EBUSY : err;
}

int cgroup_lock(const struct cgroup *c, const char *mount, char *why, size_t why_len)
{
	struct locks locks = {0};
	char path[PATH_MAX];
	pid_t holder;
	int err = take(&locks, c, why, why_len);

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
	forget_locks(&locks);
	return err;
}
