/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe_parts.h - what the files of the probe share. probe.c opens and closes it, probe_load.c has
 * its programs loaded, probe_cgroups.c attaches them to cgroups, probe_tls.c to TLS libraries.
 */
#ifndef TELLTALE_PROBE_PARTS_H
#define TELLTALE_PROBE_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

#include "bpf/decode/siphash.h"
#include "bpf/telltale.skel.h"
#include "tap/detacher.h"
#include "tap/kept.h"
#include "tap/late.h"
#include "tap/load.h"
#include "tap/probe.h"
#include "tap/tls_flows.h"
#include "tap/uprobe.h"

struct probe {
	struct telltale_bpf *skel;
	struct ring_buffer *execs;
	void *written; /* a page of the ring: how many bytes were; NULL: not known */
	uint64_t written_before;
	size_t targets_len;
	bool unbounded;            /* not every closed socket is seen: flows_max stays 0 */
	int exec, states, dropped; /* links; -1: none */
	struct kept kept;
	struct siphash_key session, hashes;
	unsigned anew;        /* attached where a probe half before this one was not */
	_Atomic bool leaving; /* another one goes on: nothing is detached */
	pid_t *tapped;        /* processes whose TLS is read, until it is settled */
	size_t tapped_len;
	bool settled;
	char witness_why[192]; /* why there is no witness; "": there is one */
	struct detacher *detacher;
	enum uprobe_way way; /* uprobes are attached */
	bool cookies;        /* ... and tell what is known of their library */
	bool pids_are_ours;
	bool harms_filtered;
	struct load_plan plan;
	size_t tls_connections;
	struct tls_flows *tls_flows;
	struct late *late; /* NULL: nothing is being loaded */
	void (*each)(void *context, const struct record_exec *record); /* in probe_execs */
	void *each_context;
};

/* The descriptor of PROGRAM, whoever loaded it. */
static inline int probe_program(const struct probe *p, const struct bpf_program *program)
{
	return kept_program(&p->kept, p->skel, program);
}

/* Closes *FD, if it is open, and sets it to -1. */
static inline void probe_close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* When the programs that see calls return are run. */
static inline enum uprobe_when probe_returns(const struct probe *p)
{
	return p->way == UPROBE_SESSIONS ? UPROBE_SESSION : UPROBE_RETURN;
}

/* Loads everything that this kernel takes, with the key of hashes and HOST's; says in P what it is
 * and why not more. 0 or -errno. */
int probe_load(struct probe *p, const struct siphash_key *host);
/* Says why the programs were not loaded, with the fix. */
void probe_explain_load(int err, char *why, size_t why_len);
/* Finds out whether reading TLS harms processes under a seccomp filter. */
void probe_try_filtered(struct probe *p);

#endif
