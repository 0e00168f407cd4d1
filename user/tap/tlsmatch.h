/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tlsmatch.h - TLS connections that the socket tap sees, held against those that the TLS tap reads.
 *
 * That a process has a TLS library which is read says nothing of one connection of it: another
 * library may speak on that. The TLS tap writes a record when an SSL object is used for the first
 * time, even if for its handshake, which is before the first bytes of this end leave. Here each
 * connection whose TLS this end has spoken uses up one such record: of its target, from the last
 * tenth of a second; or, when there is none, of its own process, from longer ago. A connection that
 * finds none is not read.
 *
 * What it cannot see: which of two connections that begin at the same time is the one that is read,
 * when one is; and a connection that is not read, when in the same tenth of a second an SSL object
 * of the target is used for the first time over something else than a TCP connection. All tables
 * are bounded; a connection that finds no room is decided at once.
 */
#ifndef TELLTALE_TLSMATCH_H
#define TELLTALE_TLSMATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/record.h"

enum tlsmatch_verdict {
	TLSMATCH_READ = 1, /* read by the TLS tap */
	TLSMATCH_WAIT,     /* this end has yet to answer; handed to DECIDE after two seconds */
	TLSMATCH_UNREAD,   /* it finds no record; the owner's may be asked for */
	TLSMATCH_LATE,     /* the same, and it was handed to DECIDE before this end answered */
	TLSMATCH_AGAIN,    /* was one of these two before */
};

struct tlsmatch;

/* DECIDE is given connections that waited for nothing: they are TLSMATCH_UNREAD. NULL when memory
 * is short. */
struct tlsmatch *tlsmatch_new(void (*decide)(void *context, const struct record_opaque *record),
			      void *context);
void tlsmatch_free(struct tlsmatch *m); /* accepts NULL */

/* An SSL object was used for the first time. */
void tlsmatch_used(struct tlsmatch *m, const struct record_tls *record);
/* A socket was announced as TLS. What only the other end has said waits for this one to answer. */
enum tlsmatch_verdict tlsmatch_ask(struct tlsmatch *m, const struct record_opaque *record);
/* Is the connection of RECORD, which is TLSMATCH_UNREAD, read after all? Its process is PID; 0:
 * that is not known, and any process of the target stands for it. */
bool tlsmatch_owned(struct tlsmatch *m, const struct record_opaque *record, pid_t pid);
/* Gives SINK the records from which another one, given them in this order, learns what this one
 * knows of connections that are read, or not decided yet. */
void tlsmatch_leave(struct tlsmatch *m,
		    void (*sink)(void *context, const void *record, size_t size), void *context);
/* NOW_NS is CLOCK_MONOTONIC. Meant for every second or so. */
void tlsmatch_tick(struct tlsmatch *m, uint64_t now_ns);

#endif
