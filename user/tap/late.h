/* SPDX-License-Identifier: Apache-2.0 */
/*
 * late.h - the BPF programs that follow connections in HTTP/2, loaded by a thread of its own while
 * the probe half is at work already: the kernel verifies them for about as long as half of the
 * others together, and nobody is to wait for that. Until they are there, connections in HTTP/2 that
 * carry ILP are announced; one that has begun by then is followed from the middle on.
 */
#ifndef TELLTALE_LATE_H
#define TELLTALE_LATE_H

#include "tap/load.h"
#include "tap/uprobe.h"

struct telltale_bpf;
struct late;

/* Begins. MAPS, which is loaded, and PLAN stay the caller's, and have to last until late_end. NULL:
 * there is nothing to do, because a probe half before this one has done it, or memory is short. */
struct late *late_begin(struct telltale_bpf *maps, const struct load_plan *plan,
			enum uprobe_way way);
/* Waits until all of it is loaded or refused. Accepts NULL. */
void late_end(struct late *l);

#endif
