/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timing.h - the BPF programs of `telltale profile` (bpf/profile.bpf.c): load, attach, read.
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
#include "target/cgroup.h"

struct timing;

struct timing_port {
	uint16_t port;
	uint8_t class; /* from 1 to TAPE_CLASSES_MAX */
};

/* Loads the programs and attaches those that see threads. PORTS are where dependencies listen. 0 or
 * -errno with a sentence in WHY: the kernel, or its security policy, refuses them. */
int timing_open(const struct timing_port *ports, size_t ports_len, struct timing **out, char *why,
		size_t why_len);
void timing_close(struct timing *t); /* accepts NULL */

/* Does the kernel take the programs that see connections to dependencies? */
bool timing_sees_dependencies(const struct timing *t);
/* Sees the connections to dependencies of this cgroup too, where the kernel does. 0 or -errno. */
int timing_attach_cgroup(struct timing *t, const struct cgroup *cgroup);

/* Writes events for the threads of this process from now on, and for those that they start. Once
 * more does no harm. */
void timing_watch(struct timing *t, pid_t pid);

typedef void timing_sink(void *context, const struct tape_event *event);
void timing_consume(struct timing *t, timing_sink *sink, void *context);
/* Events that found no room so far. */
uint64_t timing_dropped(const struct timing *t);

#endif
