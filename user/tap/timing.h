/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timing.h - the BPF programs that see threads (bpf/profile.bpf.c): load, attach, read.
 *
 * An object beside the probe's, which stays as it is. It takes BTF, CAP_BPF, CAP_PERFMON and, for
 * dependencies, CAP_NET_ADMIN. Everything is detached when the process ends.
 */
#ifndef TELLTALE_TIMING_H
#define TELLTALE_TIMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/tape.h"
#include "profile/dependencies.h"
#include "tap/load.h"
#include "target/cgroup.h"

struct timing;

/* Loads the programs and attaches those that see threads. RING_BYTES, a power of two, is the room
 * for events. 0 or -errno with a sentence in WHY: the kernel, or its security policy, refuses them.
 */
int timing_open(const struct dependencies *dependencies, uint32_t ring_bytes, struct timing **out,
		char *why, size_t why_len);
void timing_close(struct timing *t); /* accepts NULL */

/* Does the kernel take the programs that see connections to dependencies? */
bool timing_sees_dependencies(const struct timing *t);
/* Sees the connections to dependencies of this cgroup too, where the kernel does, until the detach
 * or the end. Any thread may call these, one at a time. 0 or -errno. */
struct timing_cgroup;
int timing_attach_cgroup(struct timing *t, const struct cgroup *cgroup, struct timing_cgroup **out);
void timing_detach_cgroup(struct timing *t, struct timing_cgroup *c); /* accepts NULL */

/* Writes events for the threads of this process from now on, and for those that they start. Once
 * more does no harm. */
void timing_watch(struct timing *t, pid_t pid);
/* The same where no thread has the place of its first one, as when nothing of it is watched. Else
 * this takes no time. */
void timing_watch_unseen(struct timing *t, pid_t pid);

/* Reads the events here: timing_consume may be called then. The ring takes memory twice its size.
 * 0 or -errno. */
int timing_begin_reading(struct timing *t);
typedef void timing_sink(void *context, const struct tape_event *event);
void timing_consume(struct timing *t, timing_sink *sink, void *context);
/* Events that found no room so far. */
uint64_t timing_dropped(const struct timing *t);

/* For a reader in another process, instead: the ring, and the counter of timing_dropped, which can
 * be mapped; descriptors that stay T's. */
int timing_ring(const struct timing *t);
int timing_dropped_map(const struct timing *t);

/* What the programs have taken so far: of the runs that wrote an event, those that were timed. */
struct load_cost timing_cost(const struct timing *t);

#endif
