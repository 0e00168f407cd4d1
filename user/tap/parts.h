/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parts.h - the BPF programs, loaded in parts at the same time.
 *
 * The kernel takes a second and a half of a processor's time to verify the programs of the first
 * parts, and nearly a second for the others. Each part is an object of its own, loaded by a thread
 * of its own, with the maps of the first object. A part that the kernel refuses leaves the others.
 */
#ifndef TELLTALE_PARTS_H
#define TELLTALE_PARTS_H

#include "tap/load.h"
#include "tap/uprobe.h"

struct telltale_bpf;

enum part {
	PART_SOCKETS,      /* one half of the programs for sockets */
	PART_SOCKETS_MORE, /* the other half */
	PART_TLS,          /* and for processes that begin */
	PART_WITNESS,
	PARTS, /* so many are loaded at once; those that follow are loaded later, see late.h */
	PART_HTTP2 = PARTS, /* those for sockets whose connection speaks HTTP/2 */
	PART_HTTP2_TLS,     /* the same for TLS */
};

/* Opens the programs; the caller destroys them. NULL, and errno says why. */
struct telltale_bpf *parts_open(void);

/*
 * Loads the programs that PLAN has. MAPS is loaded, without programs: theirs are its maps. Of
 * PROGRAMS (KEPT_PROGRAMS, each -1) number i becomes the descriptor of program i of the object
 * where that is loaded; the descriptors are the caller's. ERRS[part] becomes 0 or -errno: then
 * nothing of the part is loaded.
 */
void parts_load(struct telltale_bpf *maps, const struct load_plan *plan, enum uprobe_way way,
		int *programs, int errs[PARTS]);

/* The same of one PART, by the caller's thread. Returns 0 or -errno. */
int parts_load_one(struct telltale_bpf *maps, const struct load_plan *plan, enum uprobe_way way,
		   enum part part, int *programs);

#endif
