/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * tap_settle.h - what the segments of a followed connection leave to be settled: bytes that came
 * too early, or while another run was working on their direction, holes that TCP got over, and
 * ends.
 *
 * A run comes here by tail call, its segment's bytes still to be kept or already dealt with, and
 * works on whatever waits in either direction, ingress first: a request is read before its answer.
 * It goes on, step by step, by tail calls (tap_turn, tap_step); where those run out the rest waits
 * for the next segment.
 */
#ifndef TELLTALE_TAP_SETTLE_H
#define TELLTALE_TAP_SETTLE_H

#include "tap_early.h"

/* --- keeping --------------------------------------------------------------------------------- */

/* Pieces in which a run keeps bytes of its segment before it goes on in another tail call. */
#define TAP_KEEP_TURNS 4

/* Finds where the bytes of direction OUT from SEQ on go. The highest 32 bits say how many of them
 * need no place. If they are 0, the lowest 16 bits are a place's number (0: there is no place), and
 * the 16 bits above say how many bytes are in it. FRESH: only a place of their own will do. */
bytes_function __u64 tap_find_place(struct socket_flow *f, int out, __u32 seq, int fresh)
{
	struct stream *st = &f->streams[out & 1];
	struct stream_place *p;
	__u64 number = 0, pos = 0, old;

	tap_lock(f);
	f->stash.waiting |= 1 << (out & 1);
	stream_search_place(&f->stash, out, seq);
	old = bytes_forget(f->stash.held);
	if ((__s32)(st->next - seq) > 0)
		old = st->next - seq;
	if (!old && seq - st->next < STREAM_REACH) {
		number = bytes_forget(f->stash.append);
		if (!number || fresh)
			number = bytes_forget(f->stash.free);
		if (number) {
			p = tap_place(f, number);
			if (p->state == PLACE_FREE) {
				p->seq = seq;
				p->len = 0;
				p->out = out;
			}
			pos = p->len;
			p->state = PLACE_FILLING;
		}
	}
	if (!old && !number)
		st->refused = 1;
	tap_unlock(f);
	return old << 32 | pos << 16 | number;
}

/* The piece of a place, made anew for bytes from SEQ on, or NULL. */
static __always_inline struct piece *tap_new_piece(const struct piece_key *key, __u32 seq)
{
	struct piece *piece = bpf_map_lookup_elem(&pieces, key), *blank;
	__u32 zero = 0;

	if (!piece) {
		blank = bpf_map_lookup_elem(&piece_blank, &zero);
		if (!blank || bpf_map_update_elem(&pieces, key, blank, BPF_ANY))
			return 0;
		piece = bpf_map_lookup_elem(&pieces, key);
	}
	if (piece)
		piece->seq = seq;
	return piece;
}

/* Puts up to LEN bytes at OFF of the socket buffer into the piece of place NUMBER, behind the POS
 * that are in it. Returns how many: 0 when that failed. */
bytes_function __u32 tap_fill(struct __sk_buff *skb, struct socket_flow *f, __u64 at, __u32 off,
			      __u32 len)
{
	struct piece_key key = {.cookie = f->flow.common.id, .place = (__u16)at};
	__u32 seq = bytes_forget(tap_place(f, (__u16)at)->seq), pos = (__u16)(at >> 16);
	struct piece *piece;

	if (!pos) {
		piece = tap_new_piece(&key, seq);
		if (len > STREAM_PIECE_MAX)
			len = STREAM_PIECE_MAX;
		if (!piece || !bytes_from_1_to(&len, STREAM_PIECE_MAX) ||
		    bpf_skb_load_bytes(skb, off, piece->bytes, len))
			return 0;
		return len;
	}
	piece = bpf_map_lookup_elem(&pieces, &key);
	if (len > STREAM_APPEND_MAX)
		len = STREAM_APPEND_MAX;
	bytes_pin(pos);
	if (!piece || piece->seq != seq || pos >= STREAM_APPEND_MAX ||
	    !bytes_from_1_to(&len, STREAM_APPEND_MAX) ||
	    bpf_skb_load_bytes(skb, off, &piece->bytes[bytes_mask(pos, STREAM_APPEND_MAX - 1)],
			       len))
		return 0;
	return len;
}

/* Does the segment seem to begin a message? */
bytes_function int tap_is_fresh(struct __sk_buff *skb, const struct segment *seg)
{
	struct source src = {.skb = skb, .base = seg->off};
	int fresh = http1_begins(source_word(&src, 0, seg->len), seg->len);

	bytes_pin(fresh);
	return fresh;
}

/* Which place has the byte SEQ that came in? Returns its number, or 0. */
bytes_function __u32 tap_find_held(struct socket_flow *f, __u32 seq)
{
	__u32 i, number = 0;

	BYTES_LOOP
	for (i = 0; i < STREAM_PLACES; i++) {
		struct stream_place *p = &f->stash.places[i];
		__u32 held = stream_equal(bytes_forget(p->state), PLACE_READY) &
			     stream_equal(bytes_forget(p->out), FLOW_IN) &
			     stream_less(seq - bytes_forget(p->seq), bytes_forget(p->len));

		bytes_pin(held);
		number += held * (i + 1 - number);
	}
	return number;
}

#define TAP_BLOCK 128 /* bytes that are compared at once */

/* Word W of PIECE from AT on. */
static __always_inline __u64 tap_piece_word(const struct piece *piece, __u32 at, __u32 w)
{
	return bytes_load(&piece->bytes[bytes_mask(at + w * 8, STREAM_PIECE_MAX - 1)]);
}

/* Not 0 when the block at OFF of the segment is another one than that of PIECE at AT, or cannot be
 * read: then the kernel leaves zeros. */
static __always_inline __u64 tap_block_differs(struct __sk_buff *skb, const struct piece *piece,
					       __u32 at, __u32 off)
{
	__u64 came[TAP_BLOCK / 8], differ = 0;
	__u32 w;

	bpf_skb_load_bytes(skb, off, came, TAP_BLOCK);
	_Pragma("clang loop unroll(full)") for (w = 0; w < TAP_BLOCK / 8; w++) differ |=
		tap_piece_word(piece, at, w) ^ came[w];
	return differ;
}

/* The same of N bytes, fewer than a block. */
static __always_inline __u64 tap_rest_differs(struct __sk_buff *skb, const struct piece *piece,
					      __u32 at, __u32 off, __u32 n)
{
	__u64 kept[TAP_BLOCK / 8], came[TAP_BLOCK / 8], differ = 0;
	__u32 w;

	_Pragma("clang loop unroll(full)") for (w = 0; w < TAP_BLOCK / 8; w++) kept[w] = came[w] =
		tap_piece_word(piece, at, w);
	if (!bytes_from_1_to(&n, TAP_BLOCK - 1))
		return 0;
	bpf_skb_load_bytes(skb, off, came, n);
	_Pragma("clang loop unroll(full)") for (w = 0; w < TAP_BLOCK / 8; w++) differ |=
		kept[w] ^ came[w];
	return differ;
}

/* The same of any number. Nothing leaves the loop before its end, and what a block does not fill is
 * looked at last, once: else the verifier would walk what follows for each block. */
bytes_function int tap_differs(struct __sk_buff *skb, const struct piece *piece, __u32 at,
			       __u32 off, __u32 len)
{
	__u32 i, rest = len % TAP_BLOCK;
	__u64 differ = 0;

	len -= rest;
	BYTES_LOOP
	for (i = 0; i < STREAM_PIECE_MAX && i < len; i += TAP_BLOCK)
		differ |= tap_block_differs(skb, piece, at + i, off + i);
	return (differ | tap_rest_differs(skb, piece, at + len, off + len, rest)) != 0;
}

/*
 * The segment's LEN bytes at OFF, from SEQ on, came too early, and bytes in their place may have
 * been kept before. TCP keeps those too, or takes a longer segment in their place. No network makes
 * others of them: if they differ, that is announced.
 */
bytes_global int tap_compare(struct __sk_buff *skb, __u32 off, __u32 seq, __u32 len)
{
	struct bpf_sock *sk = skb->sk;
	struct piece_key key = {};
	struct stream_place *p;
	struct socket_flow *f;
	struct piece *piece;
	__u32 at, kept;

	f = sk ? bpf_sk_storage_get(&socket_flows, sk, 0, 0) : 0;
	if (!f)
		return 0;
	key.cookie = f->flow.common.id;
	key.place = tap_find_held(f, seq);
	piece = key.place ? bpf_map_lookup_elem(&pieces, &key) : 0;
	if (!piece)
		return 0;
	p = tap_place(f, key.place);
	at = seq - bytes_forget(p->seq);
	kept = bytes_forget(p->len) - at;
	if (bytes_forget(piece->seq) != seq - at)
		return 0;
	if (len > kept)
		len = kept;
	if (tap_differs(skb, piece, at, off, len))
		emit_gap(&f->flow.common, RECORD_GAP_HOLE, FLOW_IN, len, bpf_ktime_get_ns());
	return 0;
}

/*
 * Keeps what of the segment is new, from byte tap_state(skb)->kept on. FRESH: it seems to
 * begin a message, and then begins a piece: one that has been lost is found again at the front of a
 * piece only. Returns 1 when there may be more to be kept.
 */
bytes_function int tap_keep(struct __sk_buff *skb, struct socket_flow *f, const struct segment *seg,
			    int out, int fresh)
{
	__u32 done = tap_state(skb)->kept, turn, n;

	BYTES_LOOP
	for (turn = 0; turn < TAP_KEEP_TURNS; turn++) {
		__u64 at;

		if (done >= seg->len)
			return 0;
		at = tap_find_place(f, out, seg->seq + done, fresh && !done);
		if (!at)
			return 0;
		n = (__u32)(at >> 32);
		if (!n) {
			n = tap_fill(skb, f, at, seg->off + done, seg->len - done);
			tap_filled(f, out, (__u16)at, n);
		} else if (!out) {
			tap_compare(skb, seg->off + done, seg->seq + done, seg->len - done);
		}
		if (!n || n >= seg->len - done)
			return 0;
		done += n;
	}
	tap_state(skb)->kept = done;
	return 1;
}

/* --- ends ------------------------------------------------------------------------------------ */

/* The direction is over. Is the connection over too? It is after a FIN of the answering side, a FIN
 * of both, or an RST: no more answers will come. Returns 1 at most once for a connection. The lock
 * is held. */
static __always_inline int tap_is_over(struct socket_flow *f, struct stream *st, int out)
{
	int asking = (f->flow.common.role == RECORD_ROLE_CLIENT) == out;

	f->closing |= 1 << out;
	if (f->closed)
		return 0;
	if (!(st->ended & STREAM_RST) && f->closing != 3 && asking)
		return 0;
	f->closed = 1;
	return 1;
}

static __always_inline void tap_close(struct bpf_sock *sk, struct socket_flow *f,
				      const struct source *src, struct side *s, int reset)
{
	struct flow_common *c = &f->flow.common;
	struct socket_mark *mark;

	if (tap_has_streams(f))
		tap_forget_streams(sk, f);
	http1_cut(c, s, !reset);
	if (http1_take(s))
		emit_message_apart(src, c, s);
	emit_close(c, src->now_ns);
	mark = tap_storage(&socket_marks, sk);
	if (mark && !s->out)
		mark->ended = 1;
	tap_forget(sk, f);
}

/* --- settling -------------------------------------------------------------------------------- */

/* BYTES of a claimed direction of a connection in HTTP/2 are missing before the segment. */
static __always_inline void tap_miss_streams(const struct source *src, struct bpf_sock *sk,
					     struct socket_flow *f, int out, __u32 bytes,
					     __u8 cause)
{
	struct streams *conn = bpf_sk_storage_get(&http2_conns, sk, 0, 0);
	struct side *s = &f->flow.sides[out];

	if (conn && !streams_miss(&f->flow.common, s, &conn->sides[out], bytes))
		streams_lost(&f->flow.common, s, conn, streams_lost_for(cause, bytes), src->now_ns);
}

/* The same of any connection. */
static __always_inline void tap_miss(const struct source *src, struct bpf_sock *sk,
				     struct socket_flow *f, int out, __u32 bytes, __u8 cause)
{
	struct side *s = &f->flow.sides[out];

	if (s->http1.phase == PHASE_HTTP2)
		tap_miss_streams(src, sk, f, out, bytes, cause);
	else if (s->http1.phase == PHASE_SKIP && s->http1.left > bytes) {
		s->http1.left -= bytes; /* nobody wanted them */
		s->message.body_len += bytes;
	} else if (s->http1.phase != PHASE_LOST && s->http1.phase != PHASE_IGNORE) {
		follow_gap(src, &f->flow.common, s, cause, bytes);
	}
}

enum tap_choice {
	TAP_NOTHING = 0, /* and the direction is left */
	TAP_PIECE,       /* the side's piece in hand is the one of st->taken */
	TAP_MISSED,      /* st->missed bytes will not come */
	TAP_OVER,        /* the connection is to be closed */
};

/* The next thing to be done about a claimed direction. */
bytes_function int tap_choose(struct socket_flow *f, int out, __u32 settled)
{
	struct stream *st = &f->streams[out & 1];
	struct side *s = &f->flow.sides[out & 1];
	struct stream_place *p;
	int choice = TAP_NOTHING;

	tap_lock(f);
	stream_search_next(&f->stash, out, st->next);
	if (bytes_forget(f->stash.ready)) {
		st->taken = (__u8)f->stash.ready;
		p = tap_place(f, bytes_forget(f->stash.ready));
		p->state = PLACE_TAKEN;
		s->cursor.off = st->next - p->seq;
		s->cursor.end = p->len;
		choice = TAP_PIECE;
	} else if (stream_give_up(st, &f->stash, settled)) {
		if (!out && st->next - 1 - f->doubted < bytes_forget(st->missed))
			f->trusting = 1;
		choice = TAP_MISSED;
	} else if (stream_is_over(st) && tap_is_over(f, st, out & 1)) {
		choice = TAP_OVER;
	} else {
		if (stream_is_over(st))
			stream_pass_end(st);
		if (!f->stash.ahead && !f->stash.filling && !st->ended)
			f->stash.waiting &= ~(1 << (out & 1));
		stream_leave(st);
	}
	tap_unlock(f);
	return choice;
}

/* The place in hand: all its bytes have been looked at (DONE), or up to the side's off. */
bytes_function int tap_put_down(struct socket_flow *f, int out, int done)
{
	struct stream *st = &f->streams[out & 1];
	struct piece_key key = {.cookie = f->flow.common.id};
	struct stream_place *p;

	tap_lock(f);
	key.place = st->taken;
	p = tap_place(f, st->taken);
	if (key.place) {
		st->next = p->seq + (done ? p->len : f->flow.sides[out & 1].cursor.off);
		p->state = done ? PLACE_FREE : PLACE_READY;
	}
	st->taken = 0;
	if (!done)
		stream_leave(st);
	tap_unlock(f);
	if (done)
		bpf_map_delete_elem(&pieces, &key);
	return 0;
}

/* The bytes of the place in hand are not there any more. */
bytes_function int tap_put_lost(struct socket_flow *f, int out)
{
	struct stream *st = &f->streams[out & 1];

	tap_lock(f);
	tap_place(f, st->taken)->state = PLACE_FREE;
	st->taken = 0;
	st->refused = 1;
	tap_unlock(f);
	return 0;
}

/* Claims a direction in which something waits. */
bytes_function int tap_enter(struct socket_flow *f, int out)
{
	int entered = 0;

	tap_lock(f);
	if (f->stash.waiting & 1 << (out & 1))
		entered = stream_enter(&f->streams[out & 1]);
	tap_unlock(f);
	return entered;
}

/* How far TCP itself has got: bytes before that will not come again. */
static __always_inline __u32 tap_settled(struct bpf_sock *sk, const struct stream *st, int out)
{
	struct bpf_tcp_sock *tcp = bpf_tcp_sock(sk);

	return tcp ? tap_tcp(tcp, out, 1) : st->next;
}

/* Is it this run that begins to follow the connection as one in HTTP/2? One that is followed only
 * because its first bytes came out of order becomes one. */
bytes_function int tap_speaks_http2(struct socket_flow *f)
{
	int first;

	tap_lock(f);
	first = !f->begun || f->tentative;
	f->begun = 1;
	f->tentative = 0;
	tap_unlock(f);
	return first;
}

/* The piece in hand comes in, on a connection that is followed because its first bytes came out of
 * order. If it begins with the preface, the connection speaks HTTP/2. If it begins with something
 * else than a POST, one may follow, as in tap_meet. */
bytes_function int tap_turns(struct bpf_sock *sk, struct socket_flow *f)
{
	struct piece_key key = {.cookie = f->flow.common.id};
	const struct cursor *at = &f->flow.sides[FLOW_IN].cursor;
	__u32 off = at->off, len = at->end - off;
	struct source src = {};
	struct streams *conn;
	__u32 header;
	__u64 word;

	key.place = bytes_forget(f->streams[FLOW_IN].taken);
	src.piece = bpf_map_lookup_elem(&pieces, &key);
	if (!src.piece)
		return 0;
	word = source_word(&src, off, len);
	if (!http2_is_preface(word) && !http2_is_short_preface(word, len)) {
		f->flow.common.plain = !http1_begins(word, len);
		header = tap_proxied(&src, off, len);
		if (header)
			tap_begins_proxied(f, header, !http1_is_proxy(word), FLOW_IN);
		else if (http1_is_proxy_cut(word, len)) /* as in tap_miss_proxied */
			emit_gap(&f->flow.common, RECORD_GAP_HTTP, FLOW_IN, len,
				 bpf_ktime_get_ns());
		return 0;
	}
	if (!(http2_follows & SHARED_HTTP2_SOCKETS))
		return 0;
	conn = tap_storage(&http2_conns, sk);
	if (conn && tap_speaks_http2(f))
		streams_begin_both(&f->flow, conn, RECORD_ROLE_SERVER, 1);
	return 0;
}

/* Goes on with the direction that is claimed. 0: the run ends here. */
static __always_inline int tap_settle_one(struct __sk_buff *skb, struct bpf_sock *sk,
					  struct socket_flow *f, const struct source *src, int dir)
{
	struct stream *st = &f->streams[dir];
	struct side *s = &f->flow.sides[dir];

	switch (tap_choose(f, dir, tap_settled(sk, st, dir))) {
	case TAP_NOTHING:
		tap_state(skb)->dir = FLOW_OUT;
		return dir == FLOW_IN && tap_enter(f, FLOW_OUT);
	case TAP_OVER: tap_close(sk, f, src, s, bytes_forget(st->ended) & STREAM_RST); return 0;
	case TAP_MISSED:
		tap_miss(src, sk, f, dir, st->missed,
			 st->refused ? RECORD_GAP_REORDER : RECORD_GAP_HOLE);
		st->refused = 0;
		return 1;
	default:
		if (dir == FLOW_IN && bytes_forget(f->tentative))
			tap_turns(sk, f);
		if (bytes_forget(s->http1.phase) == PHASE_UPGRADED)
			tap_go_over(skb, TAP_UPGRADE_PIECE);
		else if (bytes_forget(s->http1.phase) == PHASE_HTTP2)
			bpf_tail_call(skb, &http2_piece, 0);
		else
			bpf_tail_call(skb, &step_socket, 0);
		return 1;
	}
}

/* A connection that is not followed yet. Returns 0 when it will not be. */
static __always_inline int tap_settle_new(struct __sk_buff *skb, const struct segment *seg, int out)
{
	struct bpf_sock *sk = skb->sk;
	int mode = tap_state(skb)->mode;

	if (!sk || (!out && (!tap_takes(sk, 0, seg) || !segment_sound(skb, seg))))
		return 0;
	if (mode == TAP_EARLY)
		return tap_early(skb, seg);
	if (mode == TAP_ADOPT) {
		if (tap_adopt(skb, seg, out) || bpf_sk_storage_get(&socket_flows, sk, 0, 0))
			return 1;
		/* The witness asks for a segment of each direction. */
		if (seg->len && tap_note_begun(sk, (__u8)(1 << (out & 1))) == TAP_BEGUN)
			*tap_early_next(seg) = 0;
		if (sk->state == BPF_TCP_LISTEN || !tap_is_fresh(skb, seg) ||
		    tap_is_old(sk, seg, out))
			return 0;
		mode = 0;
	}
	return tap_begin(skb, seg, out, mode == TAP_OVERTOOK);
}

/* Deals with the segment itself, and claims a direction in which something waits. Returns 0 when
 * there is none, else 1, and then F is the connection. */
static __always_inline int tap_settle_segment(struct __sk_buff *skb, const struct segment *seg,
					      int out, struct socket_flow **f)
{
	int mode = tap_state(skb)->mode;
	struct bpf_sock *sk;

	if (mode >= TAP_EARLY && !tap_settle_new(skb, seg, out))
		return 0;
	sk = skb->sk;
	*f = sk ? bpf_sk_storage_get(&socket_flows, sk, 0, 0) : 0;
	if (!*f)
		return 0;
	if (mode >= TAP_EARLY) {
		if (!bytes_forget((*f)->streams[out].known))
			tap_know(skb, *f, seg, out, out);
		if (out)
			(*f)->walked[FLOW_OUT] += seg->len;
		else
			tap_walk_in(*f, seg->len);
		if (seg->ending)
			tap_note_end(skb, *f, seg, out);
		/* Its bytes are kept by a run of their own: each is less for the verifier to walk.
		 */
		tap_state(skb)->mode = TAP_KEEP;
		bpf_tail_call(skb, &settle_socket, 0);
		return 0;
	}
	if (mode == TAP_KEEP && tap_keep(skb, *f, seg, out, tap_is_fresh(skb, seg))) {
		tap_state(skb)->mode = TAP_KEEP;
		bpf_tail_call(skb, &settle_socket, 0);
	}
	tap_state(skb)->dir = FLOW_IN;
	if (tap_enter(*f, FLOW_IN))
		return 1;
	tap_state(skb)->dir = FLOW_OUT;
	/* Where a run is at ingress, it goes on with egress: an answer is not read before the rest
	 * of its request. */
	return !(out && (bytes_forget((*f)->stash.waiting) & 1 << FLOW_IN)) &&
	       tap_enter(*f, FLOW_OUT);
}

/* Comes here by tail call, with its state in skb->cb. */
static __always_inline int tap_settle(struct __sk_buff *skb)
{
	struct socket_flow *f = 0;
	struct segment seg;
	int claimed;

	if (!segment_read(skb, &seg))
		return TAP_PASS;
	/* Once for each direction: where it is known, the verifier has less to walk. */
	if (tap_out(skb))
		claimed = tap_settle_segment(skb, &seg, FLOW_OUT, &f);
	else
		claimed = tap_settle_segment(skb, &seg, FLOW_IN, &f);
	if (!claimed || !f)
		return TAP_PASS;
	bpf_tail_call(skb, &turn_socket, 0);
	tap_put_down(f, tap_state(skb)->dir & 1, 0);
	return TAP_PASS;
}

/* The next thing to be done about the claimed direction. Comes here by tail call. */
static __always_inline int tap_turn(struct __sk_buff *skb)
{
	struct source src = {.skb = skb};
	struct bpf_sock *sk = skb->sk;
	int dir = tap_state(skb)->dir;
	struct socket_flow *f;

	f = sk ? bpf_sk_storage_get(&socket_flows, sk, 0, 0) : 0;
	if (!f)
		return TAP_PASS;
	src.now_ns = tap_now(skb, tap_out(skb));
	src.remote = &f->remote;
	dir &= 1;
	bytes_pin(dir);
	if (!tap_settle_one(skb, sk, f, &src, dir & 1))
		return TAP_PASS;
	bpf_tail_call(skb, &turn_socket, 0);
	tap_put_down(f, tap_state(skb)->dir & 1, 0);
	return TAP_PASS;
}

/* --- reading --------------------------------------------------------------------------------- */

/* Does a connection turn out not to be ours? It was followed only because its first bytes came out
 * of order. */
static __always_inline int tap_is_foreign(struct socket_flow *f, const struct side *s)
{
	if (!f->tentative)
		return 0;
	f->tentative = 0;
	return s->http1.phase == PHASE_LOST;
}

/* One step of the piece in hand of the claimed direction. Comes here by tail call. */
static __always_inline int tap_step(struct __sk_buff *skb)
{
	struct source src = {.skb = skb};
	struct bpf_sock *sk = skb->sk;
	struct piece_key key = {};
	struct socket_flow *f;
	struct stream *st;
	struct side *s;
	int dir = tap_state(skb)->dir;

	f = sk ? bpf_sk_storage_get(&socket_flows, sk, 0, 0) : 0;
	if (!f)
		return TAP_PASS;
	dir &= 1;
	bytes_pin(dir);
	dir &= 1;
	s = &f->flow.sides[dir];
	st = &f->streams[dir];
	src.now_ns = tap_now(skb, tap_out(skb));
	src.remote = &f->remote;
	key.cookie = f->flow.common.id;
	key.place = bytes_forget(st->taken);
	src.piece = bpf_map_lookup_elem(&pieces, &key);
	if (!src.piece || src.piece->seq != tap_place(f, key.place)->seq) {
		tap_put_lost(f, dir);
		bpf_tail_call(skb, &turn_socket, 0);
	} else if (follow_synchronised(&src, &f->flow.common, s) &&
		   follow(&src, &f->flow.common, s, 0)) {
		if (bytes_forget(s->http1.phase) == PHASE_UPGRADED)
			tap_go_over(skb, TAP_UPGRADE_PIECE);
		bpf_tail_call(skb, &step_socket, 0);
	} else {
		tap_put_down(f, dir, 1);
		if (tap_is_foreign(f, s))
			tap_forget(sk, f);
		else
			bpf_tail_call(skb, &turn_socket, 0);
	}
	tap_put_down(f, dir, 0);
	return TAP_PASS;
}

#endif
