/* SPDX-License-Identifier: Apache-2.0 */
/*
 * detacher.h - takes breakpoints away without keeping its caller waiting.
 *
 * The kernel waits some 40 ms for each program on a file until nobody can be using it: a third of a
 * second for each process with TLS, while the ring fills. Threads that live as long as there is
 * something to do wait for it instead, and waits that run at the same time end together.
 */
#ifndef TELLTALE_DETACHER_H
#define TELLTALE_DETACHER_H

#include "tap/uprobe.h"

struct detacher;

struct detacher *detacher_new(void);
/* Takes over what U holds. Where there is no memory or no thread, it waits after all. */
void detacher_take(struct detacher *d, struct uprobe *u);
/* Waits until all is done, at most TIMEOUT_MS: the end of the process does the rest. Accepts NULL.
 */
void detacher_free(struct detacher *d, unsigned timeout_ms);

#endif
