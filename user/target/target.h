/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target.h - what the configuration names -> the cgroup v2 directory it lives in.
 *
 * The cgroup is the unit of opt-in: what is in it is seen, what is not is not. A socket keeps the
 * cgroup it was created in, so a process must be in its cgroup before it opens its sockets.
 */
#ifndef TELLTALE_TARGET_H
#define TELLTALE_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "config/target.h"

struct target {
	char *name;     /* as the configuration has it, for messages */
	char *path;     /* absolute, of the cgroup's directory */
	uint64_t id;    /* cgroup id: the directory's inode number */
	unsigned level; /* depth below the root of the hierarchy; 0: the root itself */
	int fd;         /* of the directory; holds the lock */
	bool never_forwards;
};

/* Where cgroup v2 is mounted (the first place, if several); malloc'ed. NULL with errno ENOENT: it
 * is not. */
char *target_mount(void);

/* 0 or -errno, with a sentence and the mend in WHY. The caller owns what *T holds. */
int target_resolve(const struct config_target *config, struct target *t, char *why, size_t why_len);
void target_fini(struct target *t);

/*
 * Takes the target for this process until target_fini. -EBUSY, with who has it in WHY, when another
 * instance watches the same cgroup, one above it or one below it: both would count the same
 * traffic.
 */
int target_lock(struct target *t, char *why, size_t why_len);

/* Is B the same cgroup as A or below it? */
bool target_contains(const struct target *a, const struct target *b);

/* 0, or -EINVAL with a sentence in WHY when T and one of OTHERS share processes. */
int target_disjoint(const struct target *t, const struct target *others, size_t others_len,
		    char *why, size_t why_len);

/* Calls EACH for every process in the cgroup and below it. */
void target_each_process(const struct target *t, void (*each)(void *context, pid_t pid),
			 void *context);

#endif
