/* SPDX-License-Identifier: Apache-2.0 */
/*
 * local.h - the operator's own view: the history and the local page, in a thread of their own.
 *
 * In: snapshots, through a one-slot mailbox. A slow disk or a slow reader holds up this thread and
 * nothing else: an older snapshot still in the mailbox is replaced, which loses nothing since
 * counters are cumulative. The thread gives up every capability.
 */
#ifndef TELLTALE_LOCAL_H
#define TELLTALE_LOCAL_H

#include "history/history.h"
#include "release/released.h"

struct config;
struct exporter;
struct local;

/* Listens as CONFIG says (`listen` is not none there), which must outlive it. 0 or -errno, with a
 * sentence in WHY. */
int local_open(const struct config *config, struct local **out, char *why, size_t why_len);
/* Starts the thread, once privileges are given up; X (may be NULL) outlives it. 0 or -errno. */
int local_start(struct local *l, struct exporter *x);
/* Takes a reference of its own, and NOTES over: malloc'ed, what page_set_notes says. */
void local_post(struct local *l, struct released *snapshot, char *notes);
/* Thread-safe; without the words. */
struct history_stats local_stats(struct local *l);
/* Takes what is in the mailbox into the history, stops the thread, frees; accepts NULL. */
void local_stop(struct local *l);

#endif
