/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * stream.h - TCP segments as a hook sees them -> each byte of a direction once, in order.
 *
 * Ingress runs before TCP has put segments in order and before the socket is locked: there are
 * duplicates and holes, and two CPUs may hold segments of one socket at once. Egress sees
 * retransmissions. stream_claim decides, under the flow's lock, which bytes of a segment are new
 * and whether this run may work on them; the claim lasts until stream_release.
 */
#ifndef TELLTALE_STREAM_H
#define TELLTALE_STREAM_H

#include <linux/types.h>

#include "bytes.h"

/* One direction of a TCP connection. All fields are read and written under the flow's lock only. */
struct stream {
	__u32 next;  /* sequence number of the first byte not yet seen */
	__u8 known;  /* next is valid */
	__u8 busy;   /* a run is working on this direction */
	__u8 broken; /* bytes went past while it was busy */
	__u8 pad;
};

enum stream_verdict {
	STREAM_OLD = 0, /* nothing new: a retransmission, a duplicate */
	STREAM_NEXT,    /* claimed: the bytes from *skip on are the next ones */
	STREAM_HOLE,    /* claimed: *skip bytes are missing before the segment's first */
	STREAM_FIRST,   /* claimed: the first segment seen */
	STREAM_BUSY,    /* not claimed: another run is working here, and its bytes are passed by */
};

/* Call under the lock. SEQ and LEN (at least 1): the segment's bytes. */
static __always_inline int stream_claim(struct stream *st, __u32 seq, __u32 len, __u32 *skip)
{
	int verdict = STREAM_NEXT;
	__s32 ahead = (__s32)(seq - st->next);

	*skip = 0;
	if (!st->known) {
		verdict = STREAM_FIRST;
	} else if (ahead < 0) {
		*skip = st->next - seq;
		if (*skip >= len)
			return STREAM_OLD;
	} else if (ahead > 0) {
		verdict = STREAM_HOLE;
		*skip = ahead;
	}
	st->next = seq + len;
	st->known = 1;
	if (st->busy) {
		st->broken = 1;
		return STREAM_BUSY;
	}
	st->busy = 1;
	return verdict;
}

/* Call under the lock. Says whether bytes went past in the meantime. */
static __always_inline int stream_release(struct stream *st)
{
	int broken = st->broken;

	st->busy = 0;
	st->broken = 0;
	return broken;
}

#endif
