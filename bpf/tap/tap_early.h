/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * tap_early.h - segments that came before their socket: the one that completes a handshake may
 * carry data already (the bare acknowledgement was lost or overtaken, or the listener defers
 * accepting), and the hook sees it with the listening socket.
 */
#ifndef TELLTALE_TAP_EARLY_H
#define TELLTALE_TAP_EARLY_H

#include "tap_begin.h"

static __always_inline void tap_early_key(struct __sk_buff *skb, const struct segment *seg, int out,
					  __u32 ack, struct early_key *key)
{
	__builtin_memset(key, 0, sizeof(*key));
	segment_remote(skb, seg, out, key->addr);
	key->port = out ? seg->dport : seg->sport;
	key->local_port = out ? seg->sport : seg->dport;
	key->ack = ack;
}

/* A segment that a listening socket sees: keeps its front. */
bytes_function int tap_early(struct __sk_buff *skb, const struct segment *seg)
{
	struct early_key key;
	struct piece *e;
	__u32 zero = 0, len = seg->len;

	tap_early_key(skb, seg, 0, seg->acking ? seg->ack : 0, &key);
	e = bpf_map_lookup_elem(&piece_blank, &zero);
	if (!e || bpf_map_update_elem(&early, &key, e, BPF_ANY))
		return 0;
	e = bpf_map_lookup_elem(&early, &key);
	if (!e)
		return 0;
	if (len > STREAM_PIECE_MAX)
		len = STREAM_PIECE_MAX;
	if (!bytes_from_1_to(&len, STREAM_PIECE_MAX) ||
	    bpf_skb_load_bytes(skb, seg->off, e->bytes, len))
		return 0;
	e->seq = seg->seq;
	e->len = len;
	*tap_early_next(seg) = seg->seq + len;
	return 0;
}

/*
 * The early segment of this connection, or NULL. KEY is then its key, and FIRST is where the bytes
 * begin that come in. One that completed the handshake acknowledges the first byte that goes out.
 * One in the SYN counts only if TCP took its bytes: else they come again.
 */
static __always_inline struct piece *tap_early_find(struct __sk_buff *skb, struct bpf_tcp_sock *tcp,
						    const struct segment *seg, int out, __u32 first,
						    struct early_key *key)
{
	struct piece *e;

	tap_early_key(skb, seg, out, tcp->snd_una - (__u32)tcp->bytes_acked, key);
	e = bpf_map_lookup_elem(&early, key);
	if (!e) {
		key->ack = 0;
		e = bpf_map_lookup_elem(&early, key);
		if (e && tcp->bytes_received < e->len)
			return 0;
	}
	return e && e->seq - first < EARLY_REACH ? e : 0;
}

static __always_inline struct stream_place *tap_place(struct socket_flow *f, __u32 number)
{
	return &f->stash.places[(number - 1) & (STREAM_PLACES - 1)];
}

/* LEN more bytes are in a place; 0: that failed. */
bytes_function int tap_filled(struct socket_flow *f, int out, __u32 number, __u32 len)
{
	struct stream_place *p;

	tap_lock(f);
	p = tap_place(f, number);
	p->len += len;
	p->state = p->len ? PLACE_READY : PLACE_FREE;
	if (!len)
		f->streams[out & 1].refused = 1;
	tap_unlock(f);
	return 0;
}

/* Where what comes in begins. TCP counts bytes before it moves on by them; where another processor
 * is just about that, the two do not fit together yet. */
static __always_inline __u32 tap_first(struct bpf_tcp_sock *tcp)
{
	__u32 tries, next, before;

	BYTES_LOOP
	for (tries = 0; tries < 8; tries++) {
		before = (__u32)bytes_forget(tcp->bytes_received);
		next = bytes_forget(tcp->rcv_nxt);
		if ((__u32)bytes_forget(tcp->bytes_received) == before &&
		    bytes_forget(tcp->rcv_nxt) == next)
			break;
	}
	return next - before;
}

/* The first run that adopts takes a place for the early segment, and the connection begins at its
 * first byte. Returns 0 to another run, and when the direction was known already: then its bytes
 * are read as they come. */
static __always_inline int tap_adopts(struct socket_flow *f, const struct piece *e, __u32 first)
{
	struct stream_place *p = &f->stash.places[0];
	int mine;

	tap_lock(f);
	mine = !f->adopted && !f->streams[FLOW_IN].known;
	if (mine) {
		f->adopted = 1;
		f->streams[FLOW_IN].next = first;
		f->stash.waiting |= 1 << FLOW_IN;
		p->seq = e->seq;
		p->len = 0;
		p->out = FLOW_IN;
		p->state = PLACE_FILLING;
	}
	tap_unlock(f);
	return mine;
}

/* Was there an early segment on this connection? Then the connection is followed from its first
 * byte on. Not so when it was followed before: what came early has been read. */
bytes_function int tap_adopt(struct __sk_buff *skb, const struct segment *seg, int out)
{
	struct bpf_sock *sk = skb->sk;
	struct bpf_tcp_sock *tcp = sk ? bpf_tcp_sock(sk) : 0;
	struct socket_mark *mark = sk ? bpf_sk_storage_get(&socket_marks, sk, 0, 0) : 0;
	struct piece_key key = {.place = 1};
	struct early_key early_key;
	struct socket_flow *f;
	struct piece *e;
	__u32 first;

	if (!tcp || (mark && mark->left))
		return 0;
	first = tap_first(tcp);
	e = tap_early_find(skb, tcp, seg, out, first, &early_key);
	if (!e || !tap_begin(skb, seg, out, TAP_TENTATIVE))
		return 0;
	f = bpf_sk_storage_get(&socket_flows, sk, 0, 0);
	if (!f)
		return 0;
	if (tap_adopts(f, e, first)) {
		f->flow.common.guessing = 0; /* it is read from its first byte on */
		tap_know(skb, f, seg, out, FLOW_IN);
		key.cookie = f->flow.common.id;
		tap_filled(f, FLOW_IN, key.place,
			   bpf_map_update_elem(&pieces, &key, e, BPF_ANY) ? 0 : e->len);
	}
	bpf_map_delete_elem(&early, &early_key);
	*tap_early_next(seg) = 0;
	return 1;
}

#endif
