/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * stream.h - TCP segments as a hook sees them -> each byte of a direction once, in order.
 *
 * Ingress runs before TCP has put segments in order and before the socket is locked: there are
 * duplicates, overlaps and holes, a FIN may overtake data, and two CPUs may hold segments of one
 * socket at once. Egress sees retransmissions. stream_claim says which bytes of a segment are the
 * next ones and whether this run may work on them; what comes too early, or while another run
 * works, is kept in places (struct stream_stash) and taken from there when its turn has come.
 *
 * A hole is given up only when TCP itself has got past it (stream_give_up): its bytes went by
 * unseen, or there was no place for them, and they will never come again.
 *
 * Here is the logic alone. tap_settle.h keeps the bytes themselves.
 *
 * Who may work is settled by counting in and looking at the count: of runs that meet here at most
 * one sees that it is alone. Adding is all that kernels before 5.12 let programs do atomically. The
 * claim of a segment in order takes no lock where the machine keeps loads and stores in order
 * around an atomic addition; everything else here is called with the flow's lock held.
 *
 * No byte is forgotten. A run that finds another one inside keeps its bytes, sets the bit in
 * waiting, and then tries to enter. Each run looks at waiting after it has left. So when two runs
 * meet, either the one inside sees the bit when it leaves, or the other one enters.
 */
#ifndef TELLTALE_STREAM_H
#define TELLTALE_STREAM_H

#include <linux/types.h>

#include "bytes.h"

/* Pieces kept of one connection, and the bytes of each: of what comes in behind a lost segment
 * there is room for 100 KiB at least, in segments of 1,448 bytes. HTTP/2 has 64 KiB of bodies under
 * way, unless a receiver asks for more. */
#define STREAM_PLACES    32
#define STREAM_PIECE_MAX 8192
/* So many of them are only for bytes going out: bytes that come in too early cannot take them all.
 */
#define STREAM_PLACES_OUT 8
/* More bytes are put behind others in a piece as long as both are at most this many. */
#define STREAM_APPEND_MAX (STREAM_PIECE_MAX / 2)
/* A segment further ahead is not data of this connection, or there are not enough places for what
 * comes before it. */
#define STREAM_REACH (1u << 20)

/* One direction of a TCP connection. Only the run that has claimed it writes next. */
struct stream {
	__u32 inside; /* runs that have claimed it, or are finding out that they may not */
	__u32 next;   /* sequence number of the first byte not yet looked at */
	__u32 end;    /* where it ends; valid once ended says so */
	__u32 missed; /* bytes given up last */
	__u8 known;   /* next is valid */
	__u8 ended;   /* enum stream_end */
	__u8 refused; /* bytes found no place since the last gap */
	__u8 taken;   /* the place in hand and 1, of the run that has claimed; 0: none */
};

enum stream_end { STREAM_FIN = 1, STREAM_RST = 2 };

enum stream_place_state {
	PLACE_FREE = 0,
	PLACE_FILLING, /* bytes are being put in */
	PLACE_READY,
	PLACE_TAKEN, /* in the hands of the run that has claimed the direction */
};

struct stream_place {
	__u32 seq;
	__u16 len;
	__u8 out;   /* the direction */
	__u8 state; /* enum stream_place_state */
};

/* What a place is for a search; the numbers are places in stash->found. */
enum stream_kind {
	STREAM_USELESS = 0,
	STREAM_FREE,
	STREAM_APPEND,
	STREAM_HELD,
	STREAM_FILLING,
	STREAM_READY,
	STREAM_KINDS = 8, /* a power of two */
};

/* What is kept of both directions of a connection. */
struct stream_stash {
	__u8 waiting; /* a bit per direction: there is something to be settled */
	__u8 pad[3];
	/* What the last search found. In memory, where the verifier keeps no history; of use only
	 * while the lock is held. */
	union {
		__u32 found[STREAM_KINDS]; /* by enum stream_kind */
		struct {
			__u32 useless;
			__u32 free, append; /* places and 1; 0: none */
			__u32 held; /* bytes from the one searched for on that are kept already */
			__u32 filling;
			__u32 ready; /* place and 1 that has the next byte; 0: none */
			__u32 pad_found[2];
		};
	};
	__u32 ahead; /* bytes to the nearest that are kept; 0: none are */
	struct stream_place places[STREAM_PLACES];
};

enum stream_verdict {
	STREAM_OLD = 0, /* nothing new: a retransmission, a duplicate */
	STREAM_NEXT,    /* claimed: the bytes from *skip on are the next ones */
	STREAM_AHEAD,   /* not claimed: bytes before them are missing */
	STREAM_BUSY,    /* not claimed: another run is working here */
};

static __always_inline void stream_leave(struct stream *st)
{
	__sync_fetch_and_add(&st->inside, -1);
}

static __always_inline int stream_enter(struct stream *st)
{
	__sync_fetch_and_add(&st->inside, 1);
	if (bytes_forget(st->inside) == 1)
		return 1;
	stream_leave(st);
	return 0;
}

/* SEQ and LEN (at least 1): the segment's bytes. Where they are the next ones, what follows them is
 * next from here on. */
static __always_inline int stream_claim(struct stream *st, __u32 seq, __u32 len, __u32 *skip)
{
	__s32 ahead;

	*skip = 0;
	if (!stream_enter(st))
		return STREAM_BUSY;
	ahead = (__s32)(seq - st->next);
	if (ahead > 0) {
		stream_leave(st);
		return STREAM_AHEAD;
	}
	*skip = -(__u32)ahead;
	if (*skip >= len) {
		stream_leave(st);
		return STREAM_OLD;
	}
	st->next = seq + len;
	return STREAM_NEXT;
}

/* --- with the lock held ---------------------------------------------------------------------- */

/*
 * Neither search branches on what a place holds: the verifier would walk each way through each of
 * the places. What a place is becomes a number, and that number says where it is noted.
 */

/* 1 when A and B are equal, else 0. */
static __always_inline __u32 stream_equal(__u32 a, __u32 b)
{
	__u32 differ = a ^ b;

	bytes_pin(differ);
	return ((differ - 1) & ~differ) >> 31;
}

/* 1 when A is less than B, else 0. */
static __always_inline __u32 stream_less(__u32 a, __u32 b)
{
	__u64 difference = (__u64)a - b;

	bytes_pin(difference);
	return (__u32)(difference >> 63);
}

/* Finds a place for bytes of direction OUT from SEQ on: stash->held, else stash->append or
 * stash->free. */
static __always_inline void stream_search_place(struct stream_stash *stash, int out, __u32 seq)
{
	__u32 i;

	stash->free = 0;
	stash->append = 0;
	stash->held = 0;
	BYTES_LOOP
	for (i = 0; i < STREAM_PLACES; i++) {
		struct stream_place *p = &stash->places[i];
		__u32 off = seq - bytes_forget(p->seq), len = bytes_forget(p->len);
		__u32 state = bytes_forget(p->state);
		__u32 empty = stream_equal(state, PLACE_FREE);
		__u32 mine = (1 - empty) & stream_equal(bytes_forget(p->out), (__u32)out);
		__u32 free = empty & ((__u32)out | stream_less(STREAM_PLACES_OUT - 1, i));
		__u32 held = mine & stream_less(off, len);
		__u32 append = mine & stream_equal(off, len) & stream_equal(state, PLACE_READY) &
			       stream_less(off, STREAM_APPEND_MAX);
		__u32 kind = STREAM_FREE * free + STREAM_APPEND * append + STREAM_HELD * held;

		bytes_pin(kind);
		bytes_forget(stash->found[bytes_mask(kind, STREAM_KINDS - 1)]) =
			held * (len - off) + (1 - held) * (i + 1);
	}
}

/* Finds the place of direction OUT that has the byte NEXT, if one has, and how far off the nearest
 * later bytes are. Places that have nothing new are freed. */
static __always_inline void stream_search_next(struct stream_stash *stash, int out, __u32 next)
{
	__u32 i;

	stash->ready = 0;
	stash->ahead = 0;
	stash->filling = 0;
	BYTES_LOOP
	for (i = 0; i < STREAM_PLACES; i++) {
		struct stream_place *p = &stash->places[i];
		__u32 off = next - bytes_forget(p->seq), len = bytes_forget(p->len);
		__u32 state = bytes_forget(p->state), nearest = bytes_forget(stash->ahead) - 1;
		__u32 mine = (1 - stream_equal(state, PLACE_FREE)) &
			     stream_equal(bytes_forget(p->out), (__u32)out);
		__u32 filling = mine & stream_equal(state, PLACE_FILLING);
		__u32 filled = mine & (1 - filling), ready = filled & stream_less(off, len);
		__u32 old = filled & (1 - ready) & (1 - (off >> 31));
		__u32 nearer = filled & (off >> 31) & (1 - ready) & stream_less(-off - 1, nearest);
		__u32 kind = STREAM_FILLING * filling + STREAM_READY * ready;

		bytes_pin(kind);
		bytes_forget(stash->found[bytes_mask(kind, STREAM_KINDS - 1)]) = i + 1;
		bytes_forget(p->state) = (__u8)(state * (1 - old)); /* PLACE_FREE is 0 */
		bytes_forget(stash->ahead) = nearest + nearer * (-off - 1 - nearest) + 1;
	}
}

/*
 * The next byte is not there (stream_search_next). Has TCP got past it all the same? SETTLED is
 * how far it has, by its own account. Returns the bytes that are to be given up, and moves past
 * them.
 */
static __always_inline __u32 stream_give_up(struct stream *st, const struct stream_stash *stash,
					    __u32 settled)
{
	__s32 bytes;

	if ((st->ended & STREAM_FIN) && (__s32)(settled - st->end) > 0)
		settled = st->end; /* the FIN counts as a byte */
	bytes = (__s32)(settled - st->next);
	if (bytes <= 0 || stash->filling)
		return 0;
	if (stash->ahead && stash->ahead < (__u32)bytes)
		bytes = (__s32)stash->ahead;
	st->next += (__u32)bytes;
	st->missed = (__u32)bytes;
	return (__u32)bytes;
}

/* A segment says that the direction ends at SEQ. One that is old, or out of reach, is ignored. */
static __always_inline int stream_note_end(struct stream *st, __u32 seq, __u8 how)
{
	if (seq - st->next >= STREAM_REACH)
		return 0;
	st->ended |= how;
	if (how & STREAM_FIN)
		st->end = seq;
	return 1;
}

/* Has everything been looked at that this direction will ever carry? */
static __always_inline int stream_is_over(const struct stream *st)
{
	if (st->ended & STREAM_RST)
		return 1;
	return (st->ended & STREAM_FIN) && (__s32)(st->next - st->end) >= 0;
}

/* The end of a direction that is over has been dealt with. A FIN takes a sequence number: what TCP
 * says later, such as an RST to bytes that nobody is left to read, comes behind that one. */
static __always_inline void stream_pass_end(struct stream *st)
{
	if (st->ended & STREAM_FIN)
		st->next = st->end + 1;
	st->ended = 0;
}

#endif
