/* SPDX-License-Identifier: Apache-2.0 */
/*
 * follow.h - keeps every target attached to the cgroups it names, as they come and go.
 *
 * In: targets, and the hierarchy, which it is notified of (watch.h) and lists again every few
 * seconds as a net below that. Out: calls of the hooks, the targets' state, and a line in the log
 * for each change.
 *
 * A thread of its own attaches: between a new cgroup and the first instruction of the program in it
 * lie some milliseconds, and the event loop has longer pieces of work.
 */
#ifndef TELLTALE_FOLLOW_H
#define TELLTALE_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>

#include "target/target.h"

#define FOLLOW_CGROUPS_MAX 4096 /* attached at once, over all targets */

/* Called by one thread at a time. */
struct follow_hooks {
	/* The cgroup belongs to target number TARGET: *HANDLE is handed to the others. 0 or -errno,
	 * with a sentence in WHY. */
	int (*attach)(void *context, unsigned target, const struct cgroup *c, void **handle,
		      char *why, size_t why_len);
	void (*detach)(void *context, void *handle);
	/* The cgroup was removed: may there still be a socket that was made in it? */
	bool (*lingers)(void *context, void *handle);
	void *context;
};

struct follow;

/*
 * Finds and locks what is there. TARGETS are initialised, outlive it and lie below MOUNT. 0 or
 * -errno. What cannot be had, as two targets share processes (-EINVAL) or another instance watches
 * it (-EBUSY; it is among the target's cgroups all the same), stands in the target's status.
 */
int follow_new(struct target *targets, size_t len, const char *mount, struct follow **out);
/* The same without a lock, for what counts nothing: it may stand beside an instance that watches
 * the same cgroups, and keeps none from starting. */
int follow_beside(struct target *targets, size_t len, const char *mount, struct follow **out);

/* Lets other instances have what was found and locked. For one that only looks, before
 * follow_attach and follow_start. */
void follow_unlock(struct follow *f);

/* Attaches what was found. 0, or -errno with a sentence in WHY and the target in *WHICH: a hook
 * refused a cgroup that is there. */
int follow_attach(struct follow *f, const struct follow_hooks *hooks, size_t *which, char *why,
		  size_t why_len);

/* Starts the thread, which keeps the capabilities that attaching takes and no others. 0 or -errno.
 */
int follow_start(struct follow *f);
/* Readable when a state has changed since follow_changed was called last. */
int follow_fd(const struct follow *f);
void follow_changed(struct follow *f);

/* Ends the thread and detaches everything. Accepts NULL, and a second call does nothing. */
void follow_stop(struct follow *f);
void follow_free(struct follow *f); /* stops; accepts NULL */

/* What the thread does between two waits, for tests that have none: handles what came, and lists
 * everything again when ALL. */
void follow_once(struct follow *f, bool all);

#endif
