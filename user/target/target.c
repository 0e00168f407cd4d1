/* SPDX-License-Identifier: Apache-2.0 */
#include "target/target.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <linux/magic.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/log.h"
#include "base/procname.h"

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

/* Is PATH the directory ABOVE or below it? */
static bool path_contains(const char *above, const char *path)
{
	size_t len = strlen(above);

	return !strncmp(above, path, len) && (path[len] == '\0' || path[len] == '/');
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

/* Which directory of the hierarchy is mounted at MOUNT, as this cgroup namespace sees it. */
static void mounted_root(const char *mount, char *root, size_t root_len)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[2 * PATH_MAX], from[PATH_MAX], at[PATH_MAX];

	snprintf(root, root_len, "/");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*s %*s %*s %4095s %4095s", from, at) == 2 &&
		    !strcmp(at, mount) && strstr(line, " - cgroup2 ")) {
			snprintf(root, root_len, "%s", from);
			break;
		}
	}
	if (f)
		fclose(f);
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
	char *path; /* of the last one found */
	size_t path_len;
	unsigned found;
};

static bool unit_matches(void *context, const FTSENT *entry)
{
	struct unit_search *search = context;

	if (!strcmp(entry->fts_name, search->name)) {
		search->found++;
		snprintf(search->path, search->path_len, "%s", entry->fts_path);
	}
	return false;
}

/* A user's manager or a container may run a unit of the same name: which one is meant cannot be
 * guessed. */
static int find_unit(const char *name, const char *mount, char *path, size_t path_len, char *why,
		     size_t why_len)
{
	struct unit_search search = {.name = name, .path = path, .path_len = path_len};

	walk(mount, unit_matches, &search);
	if (search.found == 1)
		return 0;
	if (!search.found) {
		snprintf(why, why_len,
			 "there is no cgroup of this unit; is it running? `systemctl status %s` "
			 "tells",
			 name);
		return -ENOENT;
	}
	snprintf(why, why_len,
		 "%u cgroups are named %s, %.200s among them; name the one that is meant with "
		 "`cgroup:`",
		 search.found, name, path);
	return -EINVAL;
}

static int find_path(const struct config_target *config, const char *mount, char *path,
		     size_t path_len, char *why, size_t why_len)
{
	char below[PATH_MAX] = "", root[PATH_MAX];

	switch (config->kind) {
	case TARGET_CGROUP:
		if (path_contains(mount, config->name))
			snprintf(path, path_len, "%s", config->name);
		else
			snprintf(path, path_len, "%s/%s", mount,
				 config->name + strspn(config->name, "/"));
		return 0;
	case TARGET_UNIT: return find_unit(config->name, mount, path, path_len, why, why_len);
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
		mounted_root(mount, root, sizeof(root));
		if (!path_contains(strcmp(root, "/") ? root : "", below)) {
			snprintf(why, why_len,
				 "process %s is in %.200s, which is not mounted here: %.200s has "
				 "%.200s only",
				 config->name, below, mount, root);
			return -EINVAL;
		}
		snprintf(path, path_len, "%s%s", mount,
			 below + (strcmp(root, "/") ? strlen(root) : 0));
		return 0;
	}
	return -EINVAL;
}

/* How many directories deep PATH is; each leading ".." is one up. */
static int depth_of(const char *path)
{
	int depth = 0;

	while (*path) {
		size_t len;

		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 2 && !strncmp(path, "..", 2))
			depth--;
		else if (len)
			depth++;
		path += len;
	}
	return depth;
}

#define CGROUP_INITIAL 0xEFFFFFFBu /* inode of the initial cgroup namespace, a kernel constant */

/*
 * How deep the root of this cgroup namespace lies: the kernel's own threads are in the root of the
 * hierarchy, and what this namespace calls that tells. -ENOENT when it cannot be told.
 */
static int namespace_depth(void)
{
	char name[32] = "", path[PATH_MAX] = "";
	struct stat st;

	procname_read(2, name, sizeof(name));
	if (!strcmp(name, "kthreadd") && !cgroup_of_pid("2", path, sizeof(path)))
		return -depth_of(path);
	if (!stat("/proc/self/ns/cgroup", &st) && st.st_ino == CGROUP_INITIAL)
		return 0;
	return -ENOENT;
}

/* The level that the kernel counts the target's cgroup at, whatever of the hierarchy is seen here.
 */
static int find_level(struct target *t, const char *mount, char *why, size_t why_len)
{
	int above = namespace_depth();
	char root[PATH_MAX];

	if (above < 0) {
		snprintf(why, why_len,
			 "this is a cgroup namespace of its own, and how deep it lies cannot be "
			 "told without the host's processes: share the host's PID namespace, or "
			 "its cgroup namespace (--pid=host, --cgroupns=host)");
		return -EINVAL;
	}
	mounted_root(mount, root, sizeof(root));
	above += depth_of(root) + depth_of(t->path + strlen(mount));
	t->level = above > 0 ? (unsigned)above : 0;
	return 0;
}

int target_resolve(const struct config_target *config, struct target *t, char *why, size_t why_len)
{
	char path[PATH_MAX], *mount = target_mount();
	struct statfs fs;
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
	if (!path_contains(mount, t->path) || fstatfs(t->fd, &fs) ||
	    fs.f_type != CGROUP2_SUPER_MAGIC) {
		err = -EINVAL;
		snprintf(why, why_len, "%.200s is no cgroup v2 directory; they are below %.200s",
			 t->path, mount);
		goto out;
	}
	t->id = st.st_ino;
	err = find_level(t, mount, why, why_len);
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
	return path_contains(a->path, b->path);
}

int target_disjoint(const struct target *t, const struct target *others, size_t others_len,
		    char *why, size_t why_len)
{
	for (size_t i = 0; i < others_len; i++) {
		if (!target_contains(t, &others[i]) && !target_contains(&others[i], t))
			continue;
		snprintf(why, why_len,
			 "shares its processes with the target %s: they would be counted twice; "
			 "name the upper one only",
			 others[i].name);
		return -EINVAL;
	}
	return 0;
}

/* --- who else watches ---------------------------------------------------------------------------
 */

/* The process that holds a flock on the directory DIR, or 0. */
static pid_t lock_holder(const struct stat *dir)
{
	FILE *f = fopen("/proc/locks", "re");
	char line[256];
	pid_t holder = 0;

	if (!f)
		return 0;
	while (!holder && fgets(line, sizeof(line), f)) {
		unsigned long long ino;
		unsigned device[2];
		char kind[16];
		int pid;

		if (sscanf(line, "%*s %15s %*s %*s %d %x:%x:%llu", kind, &pid, &device[0],
			   &device[1], &ino) == 5 &&
		    !strcmp(kind, "FLOCK") && pid > 0 && ino == dir->st_ino &&
		    makedev(device[0], device[1]) == dir->st_dev)
			holder = pid;
	}
	fclose(f);
	return holder;
}

/* Whoever may open a directory may lock it: only root's locks, and those of this user, count. */
static bool counts(pid_t holder)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d", (int)holder);
	return !stat(path, &st) && (st.st_uid == 0 || st.st_uid == geteuid());
}

struct lock_search {
	uint64_t self;
	pid_t holder;
	char path[PATH_MAX];
};

/* This process's own locks are no hindrance: its targets are compared with each other. */
static bool is_locked(struct lock_search *search, const struct stat *dir, const char *path)
{
	pid_t holder = lock_holder(dir);

	if (!holder || holder == getpid() || !counts(holder))
		return false;
	search->holder = holder;
	snprintf(search->path, sizeof(search->path), "%s", path);
	return true;
}

static bool locked_by_other(void *context, const FTSENT *entry)
{
	struct lock_search *search = context;

	return entry->fts_statp->st_ino != search->self &&
	       is_locked(search, entry->fts_statp, entry->fts_path);
}

static bool locked_above(struct lock_search *search, const struct target *t)
{
	char above[PATH_MAX];
	bool found = false;
	struct stat st;

	snprintf(above, sizeof(above), "%s", t->path);
	for (unsigned level = t->level; level > 0 && !found && strrchr(above, '/'); level--) {
		*strrchr(above, '/') = '\0';
		found = !stat(above, &st) && is_locked(search, &st, above);
	}
	return found;
}

/* 0 also when somebody else's lock stands in the way: nobody may keep telltale from starting. */
static int lock_directory(const struct target *t, char *why, size_t why_len)
{
	pid_t holder;
	struct stat st;

	if (!flock(t->fd, LOCK_EX | LOCK_NB))
		return 0;
	if (errno != EWOULDBLOCK) {
		int err = -errno;

		snprintf(why, why_len, "cannot lock %s: %s", t->path, strerror(-err));
		return err;
	}
	holder = fstat(t->fd, &st) ? 0 : lock_holder(&st);
	if (holder && !counts(holder)) {
		log_warn("target", "process %d, which is not root's, has a lock on %s: passed over",
			 (int)holder, t->path);
		return 0;
	}
	snprintf(why, why_len,
		 "process %d already watches %s; two would count the same traffic twice: stop one",
		 (int)holder, t->path);
	return -EBUSY;
}

int target_lock(struct target *t, char *why, size_t why_len)
{
	struct lock_search search = {.self = t->id};
	int err = lock_directory(t, why, why_len);

	if (err)
		return err;
	if (!locked_above(&search, t) && !walk(t->path, locked_by_other, &search))
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
