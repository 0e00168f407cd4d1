/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kept.h - programs, maps and what is attached, in the service manager's keeping (base/fdstore.h)
 * while the probe half is restarted.
 *
 * In: what a probe half has loaded and attached, put there piece by piece as it comes. Out: the
 * same for the next one. If that is of the same build and has the same to do, it loads nothing and
 * goes on with all of it. Else it loads its own, and takes the place of what was kept: where a
 * program hangs on a cgroup the kernel exchanges it in one step.
 *
 * Everything of one loading has one number in its name, so that nothing of two is mixed up:
 * KIND.WHAT.NUMBER.
 */
#ifndef TELLTALE_KEPT_H
#define TELLTALE_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/fdstore.h"
#include "bpf/decode/siphash.h"
#include "bpf/shared.h"
#include "tap/load.h"

struct telltale_bpf;
struct bpf_map;
struct bpf_program;

/* What a loading was made with, and what was found out then. */
struct kept_memory {
	uint64_t build;  /* of the programs */
	uint64_t host;   /* tells whether the host key is the same */
	uint64_t traces; /* likewise of the key of traces; 0: there is none */
	uint64_t tls_connections;
	uint64_t targets[SHARED_TARGETS_MAX]; /* tells which they are, in their order */
	uint64_t targets_len;
	struct siphash_key session, hashes;
	struct load_plan plan;
	char witness_why[192];
	uint32_t way; /* enum uprobe_way */
	bool cookies, harms_filtered;
};

#define KEPT_PROGRAMS 48
#define KEPT_WHAT_MAX 64 /* with the NUL */

struct kept {
	struct fdstore *store;       /* borrowed; NULL: nothing is kept */
	uint64_t number;             /* of this loading */
	bool again;                  /* it was loaded by a probe half before this one */
	int programs[KEPT_PROGRAMS]; /* those of the object, in its order; -1: not loaded */
	int processes; /* the map of that name of a loading whose place is taken; -1: none */
};

/* Fills in what this build and the host key say. */
void kept_describe(struct kept_memory *m, const struct siphash_key *host);

/* Gives SKEL, which was opened, the maps that were kept of a loading that WANTED describes, and
 * sets *FOUND to what is remembered of it. False: there is none. */
bool kept_take(struct kept *k, struct telltale_bpf *skel, const struct kept_memory *wanted,
	       struct kept_memory *found);
/* SKEL's maps and the programs have been loaded: they are put into keeping, all or none. */
void kept_put(struct kept *k, const struct telltale_bpf *skel, const struct kept_memory *m);
/* The descriptor of WANTED, a program of SKEL, whoever has loaded it; -1: it is not loaded. */
int kept_program(const struct kept *k, const struct telltale_bpf *skel,
		 const struct bpf_program *wanted);

/* Descriptors of what was attached as WHAT (KIND.WHAT, below KEPT_WHAT_MAX) before this process
 * began, by this loading, or by OTHERS. They are the caller's. Returns how many of MAX. */
size_t kept_attached(struct kept *k, const char *what, bool others, int *fds, size_t max);
/* N descriptors were attached as WHAT, or are not any more. */
void kept_attach(struct kept *k, const char *what, const int *fds, size_t n);
void kept_detach(struct kept *k, const char *what);
/* Calls EACH for everything of a kind ("KIND.") that was attached before this process began and was
 * not asked for. */
void kept_each(struct kept *k, const char *kind, void (*each)(void *context, const char *what),
	       void *context);
/* Nothing more of a kind ("": of any) is asked for: what is left is let go. */
void kept_settle(struct kept *k, const char *kind);

/* A number that tells LEN bytes from others. */
uint64_t kept_hash(const void *bytes, size_t len);

#endif
