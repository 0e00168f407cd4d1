/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target.h - what the configuration names -> its cgroups, as they come and go.
 *
 * A target is a name that is followed: the cgroups it means may be none, many, come, go and be made
 * anew at the same path. follow.h does the following; here is what became of it.
 */
#ifndef TELLTALE_TARGET_H
#define TELLTALE_TARGET_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "config/target.h"
#include "config/config.h"
#include "target/cgroup.h"
#include "target/selector.h"

enum target_state {
	TARGET_WAITING,  /* none of its cgroups has been there yet */
	TARGET_ATTACHED, /* every cgroup of its that is there is attached */
	TARGET_GONE,     /* its cgroups were removed */
};

/* A cgroup of a target. */
struct target_cgroup {
	struct cgroup cgroup;
	void *handle;     /* what the hooks of follow.h made of it; NULL: not yet */
	bool attached;    /* the hooks have taken it */
	uint64_t left_ns; /* when it was removed (CLOCK_MONOTONIC); 0: it is there */
};

struct target_status {
	enum target_state state;
	unsigned cgroups;  /* attached now */
	unsigned refused;  /* of its cgroups that are there, those that cannot be attached */
	uint64_t since_ns; /* when the state changed last, CLOCK_REALTIME */
	int error;         /* of the last refusal, negative */
	char reason[320];  /* of the state, for people */
};

struct target {
	char *name; /* as the configuration has it, for messages */
	bool never_forwards;
	/* The rest belongs to follow.c, which changes it under this lock. */
	pthread_mutex_t *lock;
	struct selector selector;
	struct target_cgroup **cgroups; /* those that left included */
	size_t cgroups_len;
	struct target_status status;
	bool been;        /* one was attached, at some time */
	unsigned refused; /* as in the status, until that is brought up to date */
	int error;
	char refusal[320]; /* the last one */
};

/* 0, or -errno with a sentence in WHY: the name can be no target here. MOUNT is borrowed, and
 * CONFIG's name copied. */
int target_init(struct target *t, const struct config_target *config, const char *mount, char *why,
		size_t why_len);
/* The same where nothing is looked for: another process follows it, and says how it does. 0 or
 * -ENOMEM. */
int target_init_apart(struct target *t, const struct config_target *config);
void target_fini(struct target *t); /* the hooks have let its cgroups go */

/* "waiting", "attached", "gone". */
extern const char *const target_states[];

/* These three are for any thread. */
struct target_status target_status(const struct target *t);
/* For a target that is followed elsewhere. */
void target_set_status(struct target *t, const struct target_status *status);
/* Calls EACH for every process in its cgroups and below them; with 0 for one that is in a PID
 * namespace that is not seen from here. */
void target_each_process(const struct target *t, void (*each)(void *context, pid_t pid),
			 void *context);

/* Is there a cgroup of the target, and is each of them attached? */
static inline bool target_is_whole(const struct target_status *s)
{
	return s->state == TARGET_ATTACHED && !s->refused;
}

#endif
