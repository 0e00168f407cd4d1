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

/* Pieces kept of one connection, and the bytes of each. */
#define STREAM_PLACES    32
#define STREAM_PIECE_MAX 2048
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

/* What is kept of both directions of a connection. */
struct stream_stash {
	__u8 waiting; /* a bit per direction: there is something to be settled */
	__u8 pad[3];
	/* What the last search found. In memory, where the verifier keeps no history; of use only
	 * while the lock is held. */
	__u32 free, append; /* places and 1; 0: none */
	__u32 held;         /* bytes from the one searched for on that are kept already */
	__u32 ready;        /* place and 1 that has the next byte; 0: none */
	__u32 ahead;        /* bytes to the nearest that are kept; 0: none are */
	__u32 filling;
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
 * In both searches every turn first reads all of a place. The verifier notes its state only every
 * so many instructions; with shorter turns it would walk all ways through two of them.
 */

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
		__u8 of = bytes_forget(p->out), state = bytes_forget(p->state);

		if (state == PLACE_FREE && (out || i >= STREAM_PLACES_OUT))
			bytes_forget(stash->free) = i + 1;
		else if (state == PLACE_FREE)
			continue;
		else if (of != out)
			continue;
		else if (off < len)
			bytes_forget(stash->held) = len - off;
		else if (off == len && state == PLACE_READY && off < STREAM_APPEND_MAX)
			bytes_forget(stash->append) = i + 1;
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
		__u8 of = bytes_forget(p->out), state = bytes_forget(p->state);

		if (state == PLACE_FREE || of != out)
			continue;
		if (state == PLACE_FILLING)
			bytes_forget(stash->filling) = 1;
		else if (off < len)
			bytes_forget(stash->ready) = i + 1;
		else if ((__s32)off >= 0)
			bytes_forget(p->state) = PLACE_FREE;
		else if (bytes_forget(stash->ahead) - 1 >= -off)
			bytes_forget(stash->ahead) = -off;
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
