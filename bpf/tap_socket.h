/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * tap_socket.h - cgroup_skb: each segment of the opted-in cgroups' sockets -> (flow, direction,
 * bytes).
 *
 * Passive: every path returns 1, "let it pass". Nearly all traffic of a connector's host is not ILP
 * (a Rafiki node sends some 200 database segments for each ILP one): it leaves after the first word
 * of its payload has been looked at.
 */
#ifndef TELLTALE_TAP_SOCKET_H
#define TELLTALE_TAP_SOCKET_H

#include <bpf/bpf_endian.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include "follow.h"

#define TAP_PASS 1

#define TAP_FIN 1
#define TAP_RST 2

/* See stream_leave. x86 keeps loads and stores in order around an atomic addition. */
#ifdef __TARGET_ARCH_x86
#define tap_lock(f)   ((void)(f))
#define tap_unlock(f) ((void)(f))
#else
#define tap_lock(f)   bpf_spin_lock(&(f)->lock)
#define tap_unlock(f) bpf_spin_unlock(&(f)->lock)
#endif

struct segment {
	__u32 seq;
	__u32 off;          /* of the payload */
	__u32 len;          /* of the payload */
	__u8 ending;        /* TAP_FIN, TAP_RST */
	__u8 family;        /* 4 or 6: the packet's, whatever the socket's */
	__u16 sport, dport; /* host order */
};

/* Extension headers do not occur before TCP on connections between hosts; a segment that has them
 * is passed by. */
static __always_inline int tap_segment(struct __sk_buff *skb, struct segment *seg)
{
	void *data = (void *)(long)skb->data, *data_end = (void *)(long)skb->data_end;
	__u32 off;
	struct tcphdr *tcp;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = data;

		if ((void *)(ip + 1) > data_end || ip->protocol != IPPROTO_TCP)
			return 0;
		off = ip->ihl * 4;
		seg->family = 4;
	} else if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = data;

		if ((void *)(ip + 1) > data_end || ip->nexthdr != IPPROTO_TCP)
			return 0;
		off = sizeof(*ip);
		seg->family = 6;
	} else {
		return 0;
	}
	tcp = data + off;
	if ((void *)(tcp + 1) > data_end)
		return 0;
	seg->seq = bpf_ntohl(tcp->seq);
	seg->ending = (tcp->fin ? TAP_FIN : 0) | (tcp->rst ? TAP_RST : 0);
	seg->sport = bpf_ntohs(tcp->source);
	seg->dport = bpf_ntohs(tcp->dest);
	seg->off = off + tcp->doff * 4;
	seg->len = skb->len > seg->off ? skb->len - seg->off : 0;
	return 1;
}

static __always_inline void tap_remote(struct __sk_buff *skb, const struct segment *seg, int out,
				       struct record_remote *r)
{
	__builtin_memset(r, 0, sizeof(*r));
	r->family = seg->family;
	r->port = out ? seg->dport : seg->sport;
	r->local_port = out ? seg->sport : seg->dport;
	if (seg->family == 4)
		bpf_skb_load_bytes(skb, out ? 16 : 12, r->addr, 4);
	else
		bpf_skb_load_bytes(skb, out ? 24 : 8, r->addr, 16);
}

/* Which target a socket belongs to: once for each connection. */
static __always_inline int tap_target(struct __sk_buff *skb)
{
	__u32 i;

	BYTES_LOOP
	for (i = 0; i < SHARED_TARGETS_MAX; i++) {
		__u32 key = i; /* the verifier loses track of a counter whose address is taken */
		struct shared_target *t = bpf_map_lookup_elem(&targets, &key);

		if (!t || i >= targets_len)
			break;
		if (bpf_skb_ancestor_cgroup_id(skb, t->level) == t->cgroup)
			return t->index; /* = i, of which the verifier would follow each value */
	}
	return 0;
}

/* TLS records: handshake or application data, version 3.x, a length that exists. */
static __always_inline int tap_is_tls(__u64 word, __u32 len)
{
	__u8 type = (__u8)word;
	__u32 size = (__u32)(((word >> 24) & 0xff) << 8 | ((word >> 32) & 0xff));

	return len >= 8 && (type == 0x16 || type == 0x17) && ((word >> 8) & 0xff) == 3 &&
	       ((word >> 16) & 0xff) <= 4 && size > 0 && size <= 16384 + 256;
}

static __always_inline void tap_announce(struct __sk_buff *skb, struct bpf_sock *sk,
					 const struct segment *seg, __u64 word, int out,
					 __u8 reason)
{
	struct flow_common c = {.tap = RECORD_TAP_SOCKET};
	struct record_remote remote;
	__u8 *mark = bpf_sk_storage_get(&socket_marks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (!mark || *mark)
		return;
	*mark = 1;
	c.id = bpf_get_socket_cookie(skb);
	c.target = (__u8)tap_target(skb);
	/* A ClientHello says which end is which; on a connection already open nothing does. */
	if (reason == RECORD_OPAQUE_HTTP2 || ((__u8)word == 0x16 && (__u8)(word >> 40) == 1))
		c.role = out ? RECORD_ROLE_CLIENT : RECORD_ROLE_SERVER;
	tap_remote(skb, seg, out, &remote);
	emit_opaque(&c, reason, &remote, bpf_ktime_get_ns());
}

/* May the target have one connection more? */
static __always_inline int tap_has_room(__u32 target)
{
	__u64 max = flows_max;
	__u64 *n = bpf_map_lookup_elem(&followed, &target);

	return !max || !n || (__s64)*n < (__s64)max;
}

static __always_inline void tap_count(struct socket_flow *f)
{
	__u32 target = f->flow.common.target;
	__u64 *n = bpf_map_lookup_elem(&followed, &target);

	f->counted = 1;
	if (n)
		__sync_fetch_and_add(n, 1);
}

/* The connection's end and its process closing it may meet: one of them counts it down. */
static __always_inline void tap_uncount(struct socket_flow *f)
{
	__u32 target = f->flow.common.target, was;
	__u64 *n = bpf_map_lookup_elem(&followed, &target);

	bpf_spin_lock(&f->lock);
	was = f->counted;
	f->counted = 0;
	bpf_spin_unlock(&f->lock);
	if (n && was)
		__sync_fetch_and_add(n, -1);
}

static __always_inline int tap_released(struct bpf_sock *sk)
{
	struct socket_flow *f = bpf_sk_storage_get(&socket_flows, sk, 0, 0);

	if (f)
		tap_uncount(f);
	return TAP_PASS;
}

/* A connection that is not followed: does this segment make it one? Apart, so that the verifier
 * walks what comes after it once. */
bytes_function struct socket_flow *tap_meet(struct __sk_buff *skb, struct bpf_sock *sk,
					    const struct segment *seg, int out)
{
	struct socket_flow *f;
	struct source src = {.skb = skb, .base = seg->off};
	__u32 target;
	__u64 word = source_word(&src, 0, seg->len);

	if ((__u8)word != 'P') {
		if (tap_is_tls(word, seg->len))
			tap_announce(skb, sk, seg, word, out, RECORD_OPAQUE_TLS);
		return 0;
	}
	if (word == BYTES_WORD('P', 'R', 'I', ' ', '*', ' ', 'H', 'T')) {
		tap_announce(skb, sk, seg, word, out, RECORD_OPAQUE_HTTP2);
		return 0;
	}
	if (!http1_begins(word, seg->len) || sk->state == BPF_TCP_LISTEN)
		return 0;
	target = (__u32)tap_target(skb);
	f = tap_has_room(target)
		    ? bpf_sk_storage_get(&socket_flows, sk, 0, BPF_SK_STORAGE_GET_F_CREATE)
		    : 0;
	if (!f) {
		struct flow_common c = {.tap = RECORD_TAP_SOCKET, .target = (__u8)target};

		c.id = bpf_get_socket_cookie(skb);
		emit_gap(&c, RECORD_GAP_FULL, (__u8)out, seg->len, bpf_ktime_get_ns());
		return 0;
	}
	f->flow.common.tap = RECORD_TAP_SOCKET;
	f->flow.common.id = bpf_get_socket_cookie(skb);
	f->flow.common.target = (__u8)target;
	tap_count(f);
	f->flow.sides[FLOW_OUT].out = 1;
	tap_remote(skb, seg, out, &f->remote);
	return f;
}

/* FIN of the answering side, of both, or RST: no more answers will come. */
static __always_inline void tap_close(struct bpf_sock *sk, struct socket_flow *f,
				      const struct source *src, int out)
{
	struct flow_common *c = &f->flow.common;
	struct side *s = &f->flow.sides[out];
	int rst = s->ending & TAP_RST;

	f->closing |= 1 << out;
	if (!rst && f->closing != 3 && (c->role == RECORD_ROLE_CLIENT) == out)
		return;
	http1_cut(c, s, !rst);
	if (http1_take(s))
		emit_message_apart(src, c, s);
	emit_close(c, src->now_ns);
	tap_uncount(f);
	bpf_sk_storage_delete(&socket_flows, sk);
}

static __always_inline int tap_claim(struct socket_flow *f, const struct segment *seg, int out,
				     __u32 *skip)
{
	int verdict;

	tap_lock(f);
	verdict = stream_claim(&f->streams[out], seg->seq, seg->len, skip);
	tap_unlock(f);
	return verdict;
}

static __always_inline void tap_release(struct socket_flow *f, int out)
{
	tap_lock(f);
	stream_release(&f->streams[out]);
	tap_unlock(f);
}

/* BYTES of a claimed direction are missing before the segment. */
static __always_inline void tap_miss(const struct source *src, struct socket_flow *f, int out,
				     __u32 bytes, __u8 cause)
{
	struct side *s = &f->flow.sides[out];

	if (s->phase == SIDE_SKIP && s->left > bytes) {
		s->left -= bytes; /* nobody wanted them */
		s->body_len += bytes;
	} else if (s->phase != SIDE_LOST && s->phase != SIDE_IGNORE) {
		follow_gap(src, &f->flow.common, s, cause, bytes);
	}
}

/* The piece in hand of a claimed direction. */
static __always_inline void tap_follow(struct __sk_buff *skb, struct socket_flow *f,
				       const struct source *src, int out, void *more)
{
	struct flow_common *c = &f->flow.common;
	struct side *s = &f->flow.sides[out];

	if (follow(src, c, s)) {
		bpf_tail_call(skb, more, 0);
		follow_gap(src, c, s, RECORD_GAP_COMPLEX, s->end - s->off);
	}
	tap_release(f, out);
}

/* TCP notes on each segment it sends when it is to leave, in CLOCK_MONOTONIC. Asking for the time
 * is one of the dearer calls. */
static __always_inline __u64 tap_now(const struct __sk_buff *skb, int out)
{
	__u64 ns = out ? skb->tstamp : 0;

	return ns ? ns : bpf_ktime_get_ns();
}

static __always_inline int tap_run(struct __sk_buff *skb, int out, void *more)
{
	struct segment seg;
	struct source src = {.skb = skb};
	struct socket_flow *f;
	struct bpf_sock *sk;
	__u32 skip;
	int verdict;

	if (!tap_segment(skb, &seg))
		return TAP_PASS;
	if (!seg.len && !seg.ending)
		return TAP_PASS;
	sk = skb->sk;
	if (!sk)
		return TAP_PASS;
	f = bpf_sk_storage_get(&socket_flows, sk, 0, 0);
	if (!f) {
		f = tap_meet(skb, sk, &seg, out);
		if (!f)
			return TAP_PASS;
	}
	src.base = seg.off;
	src.now_ns = tap_now(skb, out);
	src.remote = &f->remote;
	f->flow.sides[out].ending = seg.ending;
	if (seg.len) {
		verdict = tap_claim(f, &seg, out, &skip);
		if (verdict == STREAM_HOLE || verdict == STREAM_MISSED) {
			tap_miss(&src, f, out, skip,
				 verdict == STREAM_HOLE ? RECORD_GAP_HOLE : RECORD_GAP_BUSY);
			skip = 0;
		}
		if (verdict == STREAM_BUSY)
			return TAP_PASS;
		if (verdict != STREAM_OLD) {
			f->flow.sides[out].off = skip;
			f->flow.sides[out].end = seg.len;
			if (follow_synchronised(&src, &f->flow.sides[out]))
				tap_follow(skb, f, &src, out, more);
			else
				tap_release(f, out);
		}
	}
	if (bytes_forget(f->flow.sides[out].ending))
		tap_close(sk, f, &src, out);
	return TAP_PASS;
}

/* The same run, come back by tail call: the direction is still claimed. */
static __always_inline int tap_resume(struct __sk_buff *skb, int out, void *more)
{
	struct segment seg;
	struct source src = {.skb = skb};
	struct socket_flow *f;
	struct bpf_sock *sk;

	if (!tap_segment(skb, &seg))
		return TAP_PASS;
	sk = skb->sk;
	f = sk ? bpf_sk_storage_get(&socket_flows, sk, 0, 0) : 0;
	if (!f)
		return TAP_PASS;
	src.base = seg.off;
	src.now_ns = tap_now(skb, out);
	src.remote = &f->remote;
	tap_follow(skb, f, &src, out, more);
	if (bytes_forget(f->flow.sides[out].ending))
		tap_close(sk, f, &src, out);
	return TAP_PASS;
}

#endif
