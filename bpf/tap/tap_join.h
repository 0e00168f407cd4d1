/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * tap_join.h - sockets whose connection speaks HTTP/2 and is followed: how that begins, and how
 * what their segments hold is read.
 *
 * It begins with the client's preface; or, of a connection that was open before, with a segment in
 * which the walk of tap_http2.h has found ILP; or by Upgrade from HTTP/1.1, behind the 101 in each
 * direction. What comes out of order is tap_settle.h's, as with
 * HTTP/1.1; also a preface that other segments have overtaken, or that came before its socket.
 */
#ifndef TELLTALE_TAP_JOIN_H
#define TELLTALE_TAP_JOIN_H

#include "tap_settle.h"
#include "tap_socket.h"

/* Steps before the run goes on in another tail call. The verifier walks a step once, because it is
 * a global function. A request takes up to some ten steps, and a segment of 64 KiB may hold 500:
 * with 33 tail calls there are more than enough. */
#define TAP_STEPS 256

/* The flow of the socket, made where there is room; NULL: there is none. Of what the target begins
 * itself, as ROLE, strangers have no share. */
static __always_inline struct socket_flow *tap_join_flow(struct __sk_buff *skb, struct bpf_sock *sk,
							 __u8 role)
{
	struct socket_flow *f = bpf_sk_storage_get(&socket_flows, sk, 0, 0);
	enum tap_room room = role == RECORD_ROLE_CLIENT ? TAP_ROOM : TAP_ROOM_HTTP2;

	if (f)
		return f;
	return tap_has_room(tap_target(skb), room) ? tap_storage(&socket_flows, sk) : 0;
}

/* Where another protocol was spoken before the preface, as where a request without ILP asked for
 * HTTP/2, the server may have answered already: what its header fields are numbered by is not known
 * from the beginning on. */
static __always_inline void tap_join_behind(struct bpf_sock *sk, struct streams *conn, __u8 role)
{
	struct socket_mark *mark = bpf_sk_storage_get(&socket_marks, sk, 0, 0);

	if (mark && mark->left)
		conn->sides[role == RECORD_ROLE_SERVER].hpack.whole = 0;
}

/* Begins to follow, unless another run has done so. Returns the flow; NULL: there is no room, or it
 * is no longer one to follow. */
bytes_function struct socket_flow *tap_join_begin(struct __sk_buff *skb, struct bpf_sock *sk,
						  int out, int whole)
{
	struct socket_walk *w = bpf_sk_storage_get(&http2_sockets, sk, 0, 0);
	__u8 met = w ? w->walk.role : RECORD_ROLE_UNKNOWN;
	__u8 role = whole ? (out ? RECORD_ROLE_CLIENT : RECORD_ROLE_SERVER) : met;
	struct socket_flow *f = role ? tap_join_flow(skb, sk, role) : 0;
	struct streams *conn = f ? tap_storage(&http2_conns, sk) : 0;

	if (f)
		tap_note_followed(sk, TAP_FOLLOWED_HTTP2);
	if (!f || !conn)
		return 0;
	if (tap_speaks_http2(f)) {
		streams_begin_both(&f->flow, conn, role, whole);
		tap_join_behind(sk, conn, role);
	}
	return f;
}

/* There is no room. The connection is walked, so that it can be announced. */
static __always_inline void tap_join_fails(struct __sk_buff *skb, struct bpf_sock *sk,
					   const struct segment *seg, int whole)
{
	struct socket_walk *w = bpf_sk_storage_get(&http2_sockets, sk, 0, 0);

	if (whole) {
		tap_state(skb)->mode = 0;
		bpf_tail_call(skb, &walk_socket, 0);
	} else if (w) {
		tap_walk_announce(skb, w, seg, tap_out(skb));
	}
}

/* The segment's bytes are the next ones of their direction, or are kept. */
static __always_inline void tap_join_read(struct __sk_buff *skb, struct socket_flow *f,
					  const struct segment *seg, int out)
{
	struct source src = {.skb = skb, .base = seg->off};
	struct side *s = &f->flow.sides[out];
	int verdict;
	__u32 skip;

	if (!bytes_forget(f->streams[out].known))
		tap_know(skb, f, seg, out, out);
	if (out)
		tap_sends(f, seg);
	else
		tap_walk_in(f, seg->len);
	if (seg->ending)
		tap_note_end(skb, f, seg, out);
	verdict = tap_claim(f, seg, out, &skip);
	if (verdict == STREAM_NEXT) {
		s->cursor.off = skip;
		s->cursor.end = seg->len - seg->urgent;
		src.now_ns = tap_now(skb, out);
		tap_go_follow(skb, f, &src, out);
	} else if (verdict != STREAM_OLD) {
		tap_go_settle(skb, TAP_KEEP, out);
	}
}

/* Direction DIR of a connection on which no HTTP/1 was goes on with what is left of the preface:
 * see follow_prefaced. Returns 0 where there is no room, and then the connection is let go. */
static __always_inline int tap_prefaced(struct socket_flow *f, struct streams *conn, int dir)
{
	__u8 role = dir ? RECORD_ROLE_CLIENT : RECORD_ROLE_SERVER;
	struct side *s = &f->flow.sides[dir];

	if (!conn || !tap_has_room(f->flow.common.target, dir ? TAP_ROOM : TAP_ROOM_HTTP2)) {
		s->http1.phase = PHASE_LOST;
		return 0;
	}
	tap_speaks_http2(f);
	streams_begin_both(&f->flow, conn, role, 1);
	conn->sides[dir].left = (__u32)s->http1.left;
	return 1;
}

/* Direction DIR of a connection that is given over to another protocol. Returns 1 when that is
 * HTTP/2; else the connection is announced, once. */
bytes_function int tap_upgrade(struct bpf_sock *sk, struct socket_flow *f, int dir, __u64 now_ns)
{
	struct flow_common *c = &f->flow.common;
	struct side *s = &f->flow.sides[dir & 1];
	struct streams *conn = tap_storage(&http2_conns, sk);
	int open = bytes_forget(c->tunnel) == PHASE_UPGRADED;

	if (!c->requests)
		return tap_prefaced(f, conn, dir & 1);
	if (open && conn && streams_upgrade(c, s, &conn->sides[dir & 1])) {
		conn->sides[FLOW_OUT].hpack.text.own = 1;
		if (conn->sides[dir & 1].gap)
			emit_gap_message(c, s, conn->sides[dir & 1].gap, now_ns);
		return 1;
	}
	s->http1.phase = PHASE_IGNORE;
	c->tunnel = PHASE_IGNORE;
	if (open)
		emit_opaque(c, RECORD_OPAQUE_UPGRADED, RECORD_OPAQUE_OURS, &f->remote, now_ns);
	return 0;
}

/* The run goes on where the claimed direction is read, in HTTP/2 or, to no end, in HTTP/1. */
static __always_inline void tap_over(struct __sk_buff *skb)
{
	int piece = tap_state(skb)->mode == TAP_UPGRADE_PIECE;
	int dir = (piece ? tap_state(skb)->dir : tap_state(skb)->out) & 1, over;
	struct bpf_sock *sk = skb->sk;
	struct socket_flow *f = sk ? bpf_sk_storage_get(&socket_flows, sk, 0, 0) : 0;

	if (!f)
		return;
	bytes_pin(dir);
	dir &= 1;
	over = tap_upgrade(sk, f, dir, tap_now(skb, tap_out(skb)));
	if (over)
		tap_note_followed(sk, TAP_FOLLOWED_HTTP2);
	if (piece) {
		if (over)
			bpf_tail_call(skb, &http2_piece, 0);
		bpf_tail_call(skb, &step_socket, 0);
		tap_put_down(f, dir, 0);
		return;
	}
	if (over)
		bpf_tail_call(skb, &http2_socket, 0);
	bpf_tail_call(skb, &follow_socket, 0);
	tap_release(f, dir);
}

/* Comes here by tail call: the segment begins with the preface, or ILP has been found in it, or a
 * direction is given over by Upgrade. */
static __always_inline int tap_join(struct __sk_buff *skb)
{
	int whole = tap_state(skb)->mode == TAP_PREFACE;
	struct socket_flow *f;
	struct segment seg;
	struct bpf_sock *sk;

	if (tap_state(skb)->mode >= TAP_UPGRADE) {
		tap_over(skb);
		return TAP_PASS;
	}
	if (!segment_read(skb, &seg))
		return TAP_PASS;
	sk = skb->sk;
	if (!sk)
		return TAP_PASS;
	if (!tap_out(skb) && (!tap_takes(sk, 0, &seg) || !segment_sound(skb, &seg)))
		return TAP_PASS;
	if (tap_is_old(sk, &seg, tap_out(skb)))
		return TAP_PASS;
	f = tap_join_begin(skb, sk, tap_out(skb), whole);
	if (!f) {
		tap_join_fails(skb, sk, &seg, whole);
		return TAP_PASS;
	}
	/* Once for each direction: where it is known, the verifier has less to walk. */
	if (tap_out(skb))
		tap_join_read(skb, f, &seg, FLOW_OUT);
	else
		tap_join_read(skb, f, &seg, FLOW_IN);
	return TAP_PASS;
}

/* --- reading --------------------------------------------------------------------------------- */

/* One step of the piece in hand of direction DIR, which SRC has. Returns 1 when there is more. */
static __always_inline int tap_streams_step(struct bpf_sock *sk, struct socket_flow *f,
					    const struct source *src, int dir)
{
	struct streams *conn = bpf_sk_storage_get(&http2_conns, sk, 0, 0);

	if (!conn || !streams_begins(src, &f->flow.common, &f->flow.sides[dir], conn))
		return 0;
	return streams_follow(src, &f->flow.common, &f->flow.sides[dir], conn);
}

/* One step of the segment. */
bytes_global int tap_segment_step(struct __sk_buff *skb)
{
	struct source src = {.skb = skb};
	struct bpf_sock *sk = skb->sk;
	struct socket_flow *f = sk ? bpf_sk_storage_get(&socket_flows, sk, 0, 0) : 0;
	int out = tap_out(skb);

	if (!f)
		return 0;
	src.base = tap_state(skb)->base;
	src.now_ns = tap_now(skb, out);
	src.remote = &f->remote;
	return tap_streams_step(sk, f, &src, out);
}

/* One step of what is kept of the claimed direction. */
bytes_global int tap_piece_step(struct __sk_buff *skb)
{
	struct source src = {.skb = skb};
	struct bpf_sock *sk = skb->sk;
	struct socket_flow *f = sk ? bpf_sk_storage_get(&socket_flows, sk, 0, 0) : 0;
	int dir = tap_state(skb)->dir & 1;
	struct piece_key key = {};

	bytes_pin(dir);
	dir &= 1;
	if (!f)
		return 0;
	src.now_ns = tap_now(skb, tap_out(skb));
	src.remote = &f->remote;
	key.cookie = f->flow.common.id;
	key.place = bytes_forget(f->streams[dir].taken);
	src.piece = bpf_map_lookup_elem(&pieces, &key);
	if (!src.piece)
		return 0;
	return tap_streams_step(sk, f, &src, dir);
}

/* What is left of the piece in hand is more than a run may look at. */
static __always_inline void tap_streams_complex(struct __sk_buff *skb, struct bpf_sock *sk,
						struct socket_flow *f, int dir)
{
	struct streams *conn = bpf_sk_storage_get(&http2_conns, sk, 0, 0);
	struct side *s = &f->flow.sides[dir];

	if (conn)
		streams_lost(&f->flow.common, s, conn,
			     streams_lost_for(RECORD_GAP_COMPLEX, s->cursor.end - s->cursor.off),
			     bpf_ktime_get_ns());
}

/* As tap_follow. */
static __always_inline int tap_http2(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	int out = tap_out(skb), more = 1;
	struct socket_flow *f;
	__u32 i;

	BYTES_LOOP
	for (i = 0; more && i < TAP_STEPS; i++)
		more = tap_segment_step(skb);
	if (more)
		bpf_tail_call(skb, &http2_socket, 0);
	f = sk ? bpf_sk_storage_get(&socket_flows, sk, 0, 0) : 0;
	if (!f)
		return TAP_PASS;
	if (more)
		tap_streams_complex(skb, sk, f, out);
	tap_release(f, out);
	if (bytes_forget(f->stash.waiting))
		tap_go_settle(skb, TAP_SETTLE, out);
	return TAP_PASS;
}

/* As tap_step. */
static __always_inline int tap_http2_piece(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	int dir = tap_state(skb)->dir & 1;
	struct piece_key key = {};
	struct socket_flow *f;
	struct piece *piece;
	int more = 1;
	__u32 i;

	f = sk ? bpf_sk_storage_get(&socket_flows, sk, 0, 0) : 0;
	if (!f)
		return TAP_PASS;
	bytes_pin(dir);
	dir &= 1;
	key.cookie = f->flow.common.id;
	key.place = bytes_forget(f->streams[dir].taken);
	piece = bpf_map_lookup_elem(&pieces, &key);
	if (!piece || piece->seq != tap_place(f, key.place)->seq) {
		tap_put_lost(f, dir);
		bpf_tail_call(skb, &turn_socket, 0);
		tap_put_down(f, dir, 0);
		return TAP_PASS;
	}
	BYTES_LOOP
	for (i = 0; more && i < TAP_STEPS; i++)
		more = tap_piece_step(skb);
	if (more) {
		bpf_tail_call(skb, &http2_piece, 0);
	} else {
		tap_put_down(f, dir, 1);
		bpf_tail_call(skb, &turn_socket, 0);
	}
	tap_put_down(f, dir, 0);
	return TAP_PASS;
}

#endif
