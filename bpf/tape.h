/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * tape.h - the contract between profile.bpf.c and those who read its events: `telltale profile`,
 * and the daemon half.
 *
 * The programs write one event for each change of a watched thread's state, each read from a TCP
 * socket, and each segment of a connection to a dependency. Nothing of any content passes. The
 * events come nearly in the order of their times. An event that finds no room is counted.
 */
#ifndef TELLTALE_TAPE_H
#define TELLTALE_TAPE_H

#include <linux/types.h>

#define TAPE_WATCHED     65536 /* places, found by the lower 16 bits of a thread's number */
#define TAPE_SAMPLED     64    /* one event in so many is timed */
#define TAPE_CLASSES_MAX 8     /* dependencies; their numbers begin at 1 */

enum tape_kind {
	TAPE_ON = 1,    /* the thread begins to run */
	TAPE_PREEMPTED, /* it stops running, and could go on */
	TAPE_BLOCKED,   /* it stops running, and waits for something */
	TAPE_WOKEN,     /* what it waited for has come; nothing when it did not wait */
	TAPE_READ,      /* it has read bytes from a socket */
	TAPE_SENT,      /* a segment with data goes out to a dependency */
	TAPE_CAME,      /* ... and comes in from one */
	TAPE_KINDS,
};

/* Thread numbers end at 2^22: what is beyond a place's 16 bits, plus one, fits a byte. 0 stands for
 * no thread. */
static inline __u8 tape_watch_value(__u32 tid)
{
	return (__u8)((tid >> 16) + 1);
}

/* Of the runs that were timed. */
struct tape_cost {
	__u64 runs, ns;
};

struct tape_event {
	__u64 at_ns;  /* CLOCK_MONOTONIC */
	__u64 socket; /* cookie; from TAPE_READ on */
	__u32 tid;    /* in the first PID namespace; 0 for TAPE_SENT and TAPE_CAME */
	__u32 pid;
	__u32 end; /* TAPE_SENT, TAPE_CAME: the sequence number after the segment's last byte */
	__u8 kind;
	__u8 class; /* TAPE_SENT, TAPE_CAME: the dependency */
	__u8 pad[2];
};

_Static_assert((TAPE_KINDS & (TAPE_KINDS - 1)) == 0, "a mask bounds a kind");
_Static_assert(sizeof(struct tape_event) == 32, "tape_event");

#endif
