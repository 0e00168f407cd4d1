/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * tap_http2.h - the segments of a connection that speaks HTTP/2 and is not followed -> whether it
 * carries ILP. Then it is followed from there on (tap_join.h), or announced where there is no room.
 *
 * Its bytes are not put in order, as those of HTTP/1.1 are: a segment that leaves a hole is walked
 * where the hole lies in a payload that nobody looks at. Else the walk begins anew with the next
 * segment that is a chain of frames (http2_frames.h). Programs of their own do this, so that no
 * other connection pays for it.
 */
#ifndef TELLTALE_TAP_HTTP2_H
#define TELLTALE_TAP_HTTP2_H

#include "bpf/decode/http2_frames.h"
#include "tap_begin.h"

/* Frames looked at before the run goes on in another tail call: the verifier of Linux 5.10 walks
 * 25,000 instructions for each. With 33 programs a piece may hold 264 of them; of one that holds
 * more the rest is not looked at. */
#define TAP_WALK_FRAMES 8

/* Claims a direction. Where another run is at work on it, the segment is a hole for the next one.
 */
static __always_inline int tap_walk_enter(struct socket_walk *w, int out)
{
	int entered;

	bpf_spin_lock(&w->lock);
	entered = !(w->inside & 1 << out);
	w->inside |= 1 << out;
	bpf_spin_unlock(&w->lock);
	return entered;
}

static __always_inline void tap_walk_leave(struct socket_walk *w, int out)
{
	bpf_spin_lock(&w->lock);
	w->inside &= ~(1 << out);
	bpf_spin_unlock(&w->lock);
}

/* Which of the segment's bytes are the next ones of a claimed direction? Returns whether there is
 * something to walk. */
static __always_inline int tap_walk_begin(struct __sk_buff *skb, struct socket_walk *w,
					  const struct segment *seg, int out)
{
	struct source src = {.skb = skb, .base = seg->off};
	struct http2_side *s = &w->walk.sides[out];
	__s32 ahead = w->known & 1 << out ? (__s32)(seg->seq - w->next[out]) : 0;
	__u32 from = 0;

	if (ahead < 0)
		from = (__u32)-ahead;
	if (from >= seg->len)
		return 0;
	if (ahead > 0)
		http2_miss(s, (__u32)ahead);
	if (s->phase == HTTP2_LOST)
		from = 0;
	w->next[out] = seg->seq + seg->len;
	w->known |= (__u8)(1 << out);
	return http2_begin(&w->walk, out, source_word(&src, 0, seg->len), from, seg->len);
}

/* The connection speaks HTTP/2: its other segments are to be walked too. */
static __always_inline void tap_walk_count(struct socket_walk *w, const struct segment *seg)
{
	__u8 counted;

	if (!w->walk.spoken)
		return;
	bpf_spin_lock(&w->lock);
	counted = w->counted;
	if (!counted)
		w->counted = TAP_COUNTED;
	bpf_spin_unlock(&w->lock);
	if (counted)
		return;
	w->slot = (__u16)tap_slot(seg);
	__sync_fetch_and_add(&ports[tap_slot(seg)][PORTS_WALKING], 1);
}

static __always_inline void tap_walk_announce(struct __sk_buff *skb, struct socket_walk *w,
					      const struct segment *seg, int out)
{
	struct flow_common c = {.tap = RECORD_TAP_SOCKET};
	struct record_remote remote;
	__u64 ns;
	int said;

	if (!bytes_forget(w->walk.carries))
		return;
	ns = bpf_ktime_get_ns();
	said = http2_says(&w->walk, out, &ns);
	if (said < 0)
		return;
	c.id = bpf_get_socket_cookie(skb);
	c.target = (__u8)tap_target(skb);
	c.role = w->walk.role;
	__builtin_memset(&remote, 0, sizeof(remote));
	tap_remote(skb, seg, out, &remote);
	emit_opaque(&c, RECORD_OPAQUE_HTTP2, (__u8)said, &remote, ns);
}

/* From here on the connection is followed: see tap_join.h. Returns where it is not. */
static __always_inline void tap_go_join(struct __sk_buff *skb, int mode)
{
	tap_state(skb)->mode = mode;
	if (http2_follows & SHARED_HTTP2_SOCKETS)
		bpf_tail_call(skb, &http2_join, 0);
}

/* Comes here by tail call, and again for more of the same segment. */
static __always_inline int tap_walk(struct __sk_buff *skb)
{
	struct source src = {.skb = skb};
	struct socket_walk *w;
	struct http2_side *s;
	struct segment seg;
	struct bpf_sock *sk;
	int out = tap_out(skb);
	__u32 i;

	if (!segment_read(skb, &seg))
		return TAP_PASS;
	sk = skb->sk;
	w = sk ? tap_storage(&http2_sockets, sk) : 0;
	if (!w)
		return TAP_PASS;
	s = &w->walk.sides[out];
	src.base = seg.off;
	if (tap_state(skb)->mode != TAP_WALK) {
		if (http2_is_known(&w->walk)) {
			tap_go_join(skb, TAP_MIDWAY);
			tap_walk_announce(skb, w, &seg, out);
			return TAP_PASS;
		}
		if (!out && (!tap_takes(sk, 0, &seg) || !segment_sound(skb, &seg)))
			return TAP_PASS;
		if (!tap_walk_enter(w, out))
			return TAP_PASS;
		if (!tap_walk_begin(skb, w, &seg, out)) {
			tap_walk_leave(w, out);
			return TAP_PASS;
		}
		tap_state(skb)->mode = TAP_WALK;
	}
	BYTES_LOOP
	for (i = 0; i < TAP_WALK_FRAMES; i++) {
		if (!http2_more(s))
			break;
		http2_step(&src, s);
	}
	if (http2_more(s))
		bpf_tail_call(skb, &walk_socket, 0);
	http2_settle(&w->walk, out);
	tap_walk_count(w, &seg);
	tap_walk_leave(w, out);
	if (bytes_forget(w->walk.carries))
		tap_go_join(skb, TAP_MIDWAY);
	tap_walk_announce(skb, w, &seg, out);
	return TAP_PASS;
}

#endif
