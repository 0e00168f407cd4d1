/* SPDX-License-Identifier: Apache-2.0 */
/*
 * local.h - the operator's own view: the history and the local page, in a thread of their own.
 *
 * In: snapshots, through a mailbox for one. A slow disk or a slow reader holds up this thread and
 * nothing else. A new snapshot replaces an older one that is still in the mailbox; nothing is lost
 * by that, since counters are cumulative. The thread gives up every capability.
 */
#ifndef TELLTALE_LOCAL_H
#define TELLTALE_LOCAL_H

#include "history/history.h"
#include "release/released.h"
#include "target/target.h"

struct config;
struct exporter;
struct local;

/* Listens where CONFIG says; its `listen` must not be none. CONFIG must outlive the result. 0 or
 * -errno, with a sentence in WHY. */
int local_open(const struct config *config, struct local **out, char *why, size_t why_len);
/* Starts the thread, after the daemon has given up its privileges. X (may be NULL) and TARGETS must
 * outlive it. 0 or -errno. */
int local_start(struct local *l, struct exporter *x, const struct target *targets,
		size_t targets_len);
/* Shows CONFIG and X (NULL: nothing is exported; FAILED: for it could not be started) from now on;
 * those of before are not used after this returns. Waits while a request is being answered. Where
 * it listens, and for whom, does not change. */
void local_change(struct local *l, const struct config *config, struct exporter *x, bool failed);
/* Takes a reference of its own to SNAPSHOT. Takes over NOTES, malloc'ed text as for
 * page_set_notes. */
void local_post(struct local *l, struct released *snapshot, char *notes);
/* The history's stats as of the last snapshot taken. Thread-safe. */
struct history_stats local_stats(struct local *l);
/* Adds a snapshot that is still in the mailbox to the history, stops the thread and frees
 * everything; accepts NULL. */
void local_stop(struct local *l);

#endif
