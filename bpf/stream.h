/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * stream.h - TCP segments as a hook sees them -> each byte of a direction once, in order.
 *
 * Ingress runs before TCP has put segments in order and before the socket is locked: there are
 * duplicates and holes, and two CPUs may hold segments of one socket at once. Egress sees
 * retransmissions. stream_claim decides which bytes of a segment are new and whether this run may
 * work on them; the claim lasts until stream_release.
 *
 * Who may work is settled by counting in and looking at the count: of runs that meet here at most
 * one sees that it is alone. Adding is all that kernels before 5.12 let programs do atomically.
 */
#ifndef TELLTALE_STREAM_H
#define TELLTALE_STREAM_H

#include <linux/types.h>

#include "bytes.h"

/* One direction of a TCP connection. Only the run that has claimed it writes next and known. */
struct stream {
	__u32 inside; /* runs between claim and release, or finding out that they may not */
	__u32 next;   /* sequence number of the first byte not yet seen */
	__u8 known;   /* next is valid */
	__u8 lost;    /* a run had to let its bytes go past */
	__u8 pad[2];
};

enum stream_verdict {
	STREAM_OLD = 0, /* nothing new: a retransmission, a duplicate */
	STREAM_NEXT,    /* claimed: the bytes from *skip on are the next ones */
	STREAM_HOLE,    /* claimed: *skip bytes are missing before the segment's first */
	STREAM_MISSED,  /* the same, and they went past while another run was working here */
	STREAM_FIRST,   /* claimed: the first segment seen */
	STREAM_BUSY,    /* not claimed: another run is working here, and its bytes are passed by */
};

/* What the last run stored must be seen by the next one. Where stores and loads are not kept in
 * order, the caller holds a lock around stream_claim, and around stream_release. */
static __always_inline void stream_leave(struct stream *st)
{
	__sync_fetch_and_add(&st->inside, -1);
}

/* SEQ and LEN (at least 1): the segment's bytes. */
static __always_inline int stream_claim(struct stream *st, __u32 seq, __u32 len, __u32 *skip)
{
	int verdict = STREAM_NEXT;
	__s32 ahead;

	*skip = 0;
	__sync_fetch_and_add(&st->inside, 1);
	if (bytes_forget(st->inside) != 1) {
		/* If they were new they are missing before the next segment, and told then. */
		st->lost = 1;
		stream_leave(st);
		return STREAM_BUSY;
	}
	ahead = (__s32)(seq - st->next);
	if (!st->known) {
		verdict = STREAM_FIRST;
	} else if (ahead < 0) {
		*skip = st->next - seq;
		if (*skip >= len) {
			stream_leave(st);
			return STREAM_OLD;
		}
	} else if (ahead > 0) {
		verdict = st->lost ? STREAM_MISSED : STREAM_HOLE;
		*skip = ahead;
	}
	st->next = seq + len;
	st->known = 1;
	st->lost = 0;
	return verdict;
}

static __always_inline void stream_release(struct stream *st)
{
	stream_leave(st);
}

#endif
