/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup.h - one directory of cgroup v2: which cgroup it is, whether it still is that one, and the
 * processes in it.
 *
 * The cgroup is the unit of opt-in: what is in it is seen, what is not is not. A socket keeps the
 * cgroup it was created in, so a process must be in its cgroup before it opens its sockets.
 */
#ifndef TELLTALE_CGROUP_H
#define TELLTALE_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct cgroup {
	char *path;  /* absolute, of the directory */
	uint64_t id; /* the directory's inode number, which the kernel never uses again */
	int fd;      /* of the directory; holds the lock */
};

/* Where cgroup v2 is mounted (the first place, if several); malloc'ed. NULL with errno ENOENT: it
 * is not. */
char *cgroup_mount(void);

/* 0 or -errno with a sentence in WHY. The caller owns what *C holds. */
int cgroup_open(const char *path, struct cgroup *c, char *why, size_t why_len);
void cgroup_close(struct cgroup *c); /* gives up its lock; a second time it does nothing */

/* Is the directory at its path still that cgroup? One made anew there is another. */
bool cgroup_is_there(const struct cgroup *c);

/* Is PATH the directory ABOVE, or below it? */
bool cgroup_contains(const char *above, const char *path);

/* The directory below MOUNT of the process's cgroup into PATH. 0 or -errno with a sentence and the
 * fix in WHY. */
int cgroup_of_pid(const char *pid, const char *mount, char *path, size_t path_len, char *why,
		  size_t why_len);

/* Calls EACH for every process in the cgroup at PATH and below it. */
void cgroup_each_process(const char *path, void (*each)(void *context, pid_t pid), void *context);

/*
 * Takes the cgroup for this process until cgroup_close. -EBUSY, with who has it in WHY, when
 * another instance watches it, a cgroup above it or one below it: both would count the same
 * traffic. MOUNT: where to stop looking upwards.
 */
int cgroup_lock(const struct cgroup *c, const char *mount, char *why, size_t why_len);

#endif
