/* SPDX-License-Identifier: Apache-2.0 */
/*
 * onlooker.h - looks on at targets for a while with a probe of its own, for commands that print
 * what they saw.
 *
 * It may run beside a daemon that watches the same targets: what it sees is counted nowhere. It
 * takes the cgroups that are there when it begins. When it ends, nothing stays attached.
 */
#ifndef TELLTALE_CMD_ONLOOKER_H
#define TELLTALE_CMD_ONLOOKER_H

#include <stddef.h>

#include "bpf/decode/siphash.h"
#include "config/target.h"
#include "halves/ring.h"
#include "tap/probe.h"
#include "tap/processes.h"
#include "target/follow.h"

struct onlooker {
	const char *stage; /* of its messages */
	char *mount;
	struct target targets[CONFIG_TARGETS_MAX];
	size_t targets_len;
	struct follow *follow;
	struct probe *probe;
	struct ring *ring;
	struct ring_counters *dropped; /* records */
	struct probe_cgroup **cgroups;
	size_t cgroups_len;
	struct processes *processes;
};

/* Finds the cgroups of LEN targets, at most CONFIG_TARGETS_MAX. O is zero but for the stage. 0 or
 * -errno, logged but for -ENOMEM. */
int onlooker_find(struct onlooker *o, const struct config_target *targets, size_t len);

/* Loads the programs, with SESSION as the key of all hashes in records, and attaches them. 0 or
 * -errno, as above. */
int onlooker_attach(struct onlooker *o, const struct siphash_key *session, size_t tls_connections);

/* Hands over the records that have come, those with a known layout and target alone. Meant for some
 * fifty times a second; processes_scan is for twice a second. */
void onlooker_read(struct onlooker *o, ring_sink *sink, void *context);

void onlooker_fini(struct onlooker *o); /* detaches */

#endif
