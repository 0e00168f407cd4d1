/* SPDX-License-Identifier: Apache-2.0 */
/*
 * processes.h - keeps the TLS tap on the processes of the targets as they come and go.
 *
 * In: the kernel's word of programs that begin, and the targets' lists of process numbers, read
 * every second: a child that is forked stands there. Out: breakpoints on the TLS libraries of each
 * process, and what is to be said of those that have none. One that is new is looked at several
 * times in its first seconds, while it loads its libraries; later each is looked at again every ten
 * seconds (of more than five hundred processes, more seldom), closely only when its address space
 * has another size than before, as after loading a library. On a kernel whose breakpoints harm
 * processes under a seccomp filter those get none.
 *
 * Targets share room and time: a target has its part of a tenth of the time for looking, no call
 * takes longer than some 10 ms, and when a table is full the target with most entries makes room.
 */
#ifndef TELLTALE_PROCESSES_H
#define TELLTALE_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tap/probe.h"
#include "target/target.h"

enum process_tls {
	PROCESS_NEW = 0,    /* was not looked at yet */
	PROCESS_NO_LIBRARY, /* holds no TLS library that can be read */
	PROCESS_UNATTACHED, /* holds one, or may, that could not be attached to */
	PROCESS_SPARED,     /* is under a seccomp filter, and the kernel would harm it */
	PROCESS_TAPPED,
};

struct processes;

/* PROBE and TARGETS must outlive it. NULL when memory is short. */
struct processes *processes_new(struct probe *probe, const struct target *targets,
				size_t targets_len);
void processes_free(struct processes *ps); /* detaches; accepts NULL */

/* At the start: looks at all processes at once, for at most two seconds. */
void processes_start(struct processes *ps);
/* Looks for processes that came, went or changed. Meant for every second or so. What there is no
 * time for, as with many targets, processes_catch_up goes on with. */
void processes_scan(struct processes *ps);

/* A turn of the event loop begins: what is called until the next one takes some 10 ms for looks
 * together. To be called before processes_exec; all others begin a turn of their own. */
void processes_turn(struct processes *ps);
/* A process of target number TARGET has begun a program, as a record says. PID is as the kernel
 * programs number it. */
void processes_exec(struct processes *ps, pid_t pid, unsigned target);
/* Something happened in target number TARGET at SEEN_NS (CLOCK_MONOTONIC) that a look since would
 * have seen: lists its processes and looks closely at all that are not tapped, now or, when the
 * target's time is used up, in processes_catch_up. */
void processes_scan_soon(struct processes *ps, unsigned target, uint64_t seen_ns);
/* Does what is due, or was put off. For when the descriptor becomes readable. */
void processes_catch_up(struct processes *ps);
int processes_fd(const struct processes *ps);

/* Does the kernel refuse to have any TLS read? */
bool processes_tls_refused(const struct processes *ps);

size_t processes_tapped(const struct processes *ps);
size_t processes_len(const struct processes *ps);
/* How many processes of target number TARGET are in a PID namespace that is not seen from here. */
size_t processes_hidden(const struct processes *ps, unsigned target);
/* Calls EACH for every process of target number TARGET until it returns non-zero; returns that. PID
 * is 0 for one that has ended: what it said last may still have to be explained. */
int processes_each(const struct processes *ps, unsigned target,
		   int (*each)(void *context, pid_t pid, enum process_tls state), void *context);

#endif
