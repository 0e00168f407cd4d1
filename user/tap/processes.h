/* SPDX-License-Identifier: Apache-2.0 */
/*
 * processes.h - keeps the TLS tap on the processes of the targets as they come and go.
 *
 * In: the targets' process lists, read again and again. Out: breakpoints on the TLS libraries of
 * each process, and what is to be said of those that have none. A process that replaces its program
 * (exec), moves to another target or loads its library late is looked at again; so is a new one
 * with the number of one that ended. On a kernel whose breakpoints harm processes under a seccomp
 * filter those get none.
 */
#ifndef TELLTALE_PROCESSES_H
#define TELLTALE_PROCESSES_H

#include <stddef.h>
#include <sys/types.h>

#include "tap/probe.h"
#include "target/target.h"

enum process_tls {
	PROCESS_NO_LIBRARY = 1, /* holds no TLS library that can be read */
	PROCESS_UNATTACHED,     /* holds one, or may, that could not be attached to */
	PROCESS_SPARED,         /* is under a seccomp filter, and the kernel would harm it */
	PROCESS_TAPPED,
};

struct processes;

/* PROBE and TARGETS must outlive it. */
struct processes *processes_new(struct probe *probe, const struct target *targets,
				size_t targets_len);
void processes_free(struct processes *ps); /* detaches; accepts NULL */

/* Looks for processes that came, went or changed. Meant for every second or so. */
void processes_scan(struct processes *ps);

/* Something happened at SEEN_NS (CLOCK_MONOTONIC) that a scan since would have seen: scans, and
 * looks again at all processes that are not tapped. Scans take a tenth of the time at most: one
 * that would be more is put off until processes_catch_up. */
void processes_scan_soon(struct processes *ps, uint64_t seen_ns);
/* Does what was put off, if it is time. */
void processes_catch_up(struct processes *ps);

/* Is any thread of the process under a seccomp filter? */
bool processes_filtered(pid_t pid);
/* Does the kernel refuse to have any TLS read? */
bool processes_tls_refused(const struct processes *ps);

size_t processes_tapped(const struct processes *ps);
size_t processes_len(const struct processes *ps);
/* Calls EACH for every process of target number TARGET until it returns non-zero; returns that. PID
 * is 0 for one that has ended: what it said last may still have to be explained. */
int processes_each(const struct processes *ps, unsigned target,
		   int (*each)(void *context, pid_t pid, enum process_tls state), void *context);

#endif
