/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * stream.h - TCP segments as a hook sees them -> each byte of a direction once, in order.
 *
 * Ingress runs before TCP has put segments in order and before the socket is locked: there are
 * duplicates and holes, and two CPUs may hold segments of one socket at once. Egress sees
 * retransmissions, but runs under the socket's lock. stream_claim decides which bytes of a segment
 * are new and whether this run may work on them; the claim lasts until stream_release.
 */
#ifndef TELLTALE_STREAM_H
#define TELLTALE_STREAM_H

#include <linux/types.h>

#include "bytes.h"

/* One direction of a TCP connection. Of an incoming one all fields are read and written under the
 * flow's lock, but see stream_release. */
struct stream {
	__u32 next; /* sequence number of the first byte not yet seen */
	__u8 known; /* next is valid */
	__u8 busy;  /* a run is working on this direction */
	__u8 lost;  /* bytes from next on went past while it was busy */
	__u8 pad;
};

enum stream_verdict {
	STREAM_OLD = 0, /* nothing new: a retransmission, a duplicate */
	STREAM_NEXT,    /* claimed: the bytes from *skip on are the next ones */
	STREAM_HOLE,    /* claimed: *skip bytes are missing before the segment's first */
	STREAM_MISSED,  /* the same, and they went past while another run was working here */
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
		verdict = st->lost ? STREAM_MISSED : STREAM_HOLE;
		*skip = ahead;
	}
	if (st->busy) {
		/* They are missing before the next segment, and told then. */
		st->lost = 1;
		return STREAM_BUSY;
	}
	st->next = seq + len;
	st->known = 1;
	st->lost = 0;
	st->busy = 1;
	return verdict;
}

/*
 * Needs no lock, only that what the run stored is seen before this is: a run that finds the
 * direction still busy loses nothing that it would not have lost a moment earlier.
 */
static __always_inline void stream_release(struct stream *st)
{
	*(volatile __u8 *)&st->busy = 0;
}

#endif
