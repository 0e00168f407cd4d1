/* SPDX-License-Identifier: Apache-2.0 */
/*
 * witness.h - what the kernel knows of the targets' sockets, held against what the socket tap has
 * seen of them (bpf/tap/witness.h).
 *
 * In: looks at all sockets that the targets' processes have open. Out: a call for each socket that
 * is not read, and by target and cause the times in which something may have come in on such
 * sockets. Of a connection that ends between two looks the kernel's record tells (struct
 * record_unseen).
 *
 * A look takes some microseconds for each process and some hundred nanoseconds for each socket.
 * There are two a second at the most, and one in three seconds at the least, unless that would take
 * more than a quarter of a percent of a processor.
 */
#ifndef TELLTALE_WITNESS_H
#define TELLTALE_WITNESS_H

#include <stddef.h>
#include <stdint.h>

#include "tap/probe.h"
#include "tap/processes.h"

enum witness_cause {
	WITNESS_UNIX,         /* accepted on a Unix socket from outside the target */
	WITNESS_OTHER_CGROUP, /* made in a cgroup of no target */
	WITNESS_BYPASSED,     /* the kernel delivered bytes that did not pass the tap */
	WITNESS_CAUSES,
};

struct witness_ops {
	/* A socket of TARGET is not read, for CAUSE: once for each socket. PID: a process that has
	 * it; 0: not known. BYTES that are known to be unseen. */
	void (*found)(void *context, unsigned target, enum witness_cause cause, pid_t pid,
		      uint64_t bytes);
	/* From AT_NS (CLOCK_MONOTONIC) on something may come into TARGET unseen (OPEN), or no
	 * more. */
	void (*doubt)(void *context, unsigned target, enum witness_cause cause, bool open,
		      uint64_t at_ns);
	/* All calls above that concern the time before BEGAN_NS have been made. */
	void (*looked)(void *context, uint64_t began_ns);
};

struct witness;

/* All are borrowed. NULL when memory is short. */
struct witness *witness_new(struct probe *probe, const struct processes *processes,
			    size_t targets_len, const struct witness_ops *ops, void *context);
void witness_free(struct witness *w); /* accepts NULL */

/* Goes on with a look, or begins one when it is due, for some 10 ms. Meant for some four times a
 * second, and twenty times while it is looking. */
void witness_tick(struct witness *w);
bool witness_is_looking(const struct witness *w);
/* The next look is due now, as sockets may be there that have been in use before. */
void witness_soon(struct witness *w);
/* Looks at everything now, for half a second at most. */
void witness_finish(struct witness *w);
#endif
