/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * dropped.h - segments that TCP drops, though the socket tap has read or kept what is in them.
 *
 * The tap sees a segment before TCP has judged it, and cannot judge as TCP does: it sees no
 * timestamps of earlier segments, no window, no memory that is short, no filter of the socket. What
 * TCP drops comes again, or never, and then perhaps with other bytes. The kernel says of each
 * segment that it drops on which socket that was, from Linux 6.11 on. So such bytes are announced:
 * as a gap, for what TCP gets in their place is not read.
 */
#ifndef TELLTALE_DROPPED_H
#define TELLTALE_DROPPED_H

#include "witness.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sk_buff {
	unsigned int len;
	__u16 transport_header; /* from head on */
	unsigned char *head, *data;
};

enum skb_drop_reason {
	SKB_DROP_REASON_TCP_OFOMERGE,
	SKB_DROP_REASON_TCP_OFO_DROP,
	SKB_DROP_REASON_TCP_RFC7323_PAWS,
};

#pragma clang attribute pop

/* What the kernel calls with each packet that it drops. The socket is new in 6.11. */
typedef void (*btf_trace_kfree_skb)(void *, struct sk_buff *, void *, enum skb_drop_reason,
				    struct sock *);

#define DROPPED_FIN_WAIT1 4
#define DROPPED_FIN_WAIT2 5
#define DROPPED_SHUT_IN   1 /* the kernel's RCV_SHUTDOWN */

/* The bytes of a direction from SEQ up to END, END not among them. */
struct dropped_range {
	__u32 seq, end;
	__u32 stamp; /* the timestamp, where it stands as every system puts it */
	__u8 ending; /* enum stream_end */
};

/* Reads where the segment's bytes lie, with a FIN as the last of them. 0: it has none and ends
 * nothing, or cannot be read. Once TCP has taken a segment in, what is left of it begins behind its
 * header. */
static __always_inline int dropped_read(struct sk_buff *skb, struct dropped_range *r)
{
	__u32 header = skb->transport_header, before;
	struct {
		struct tcphdr tcp;
		__u32 option, stamp;
	} head;
	struct tcphdr tcp;

	if (bpf_probe_read_kernel(&head, sizeof(head), skb->head + header))
		return 0;
	tcp = head.tcp;
	r->stamp = bpf_ntohl(head.stamp);
	before = header + tcp.doff * 4 - (__u32)(skb->data - skb->head);
	if (tcp.syn || before > skb->len)
		return 0;
	r->ending = (tcp.fin ? STREAM_FIN : 0) | (tcp.rst ? STREAM_RST : 0);
	r->seq = bpf_ntohl(tcp.seq);
	r->end = r->seq + (tcp.rst ? 0 : skb->len - before + tcp.fin);
	return r->ending || r->seq != r->end;
}

/* Does the process still read, so that TCP should have taken the bytes? What comes after the other
 * end's FIN nobody takes, but the tap does not know that. */
static __always_inline int dropped_matters(struct sock *sk)
{
	switch (sk->__sk_common.skc_state) {
	case WITNESS_ESTABLISHED:
	case WITNESS_CLOSE_WAIT: return 1;
	case DROPPED_FIN_WAIT1:
	case DROPPED_FIN_WAIT2: return !(sk->sk_shutdown & DROPPED_SHUT_IN);
	default: return 0;
	}
}

/* Are some of these bytes in a place of the connection's stash? */
bytes_function int dropped_is_kept(struct socket_flow *f, const struct dropped_range *r)
{
	__u32 i, kept = 0;

	BYTES_LOOP
	for (i = 0; i < STREAM_PLACES; i++) {
		struct stream_place *p = &f->stash.places[i];
		__u32 seq = bytes_forget(p->seq);

		kept |= bytes_forget(p->state) != PLACE_FREE && bytes_forget(p->out) == FLOW_IN &&
			(__s32)(r->end - seq) > 0 &&
			(__s32)(seq + bytes_forget(p->len) - r->seq) > 0;
	}
	return kept;
}

/* TCP itself has bytes in this place, among those it keeps until the ones before them have come.
 * Where a longer segment takes the place of others, they may be other bytes: see tap_differs. */
static __always_inline int dropped_twice(int reason)
{
	return reason == (int)bpf_core_enum_value(enum skb_drop_reason,
						  SKB_DROP_REASON_TCP_OFOMERGE) ||
	       reason ==
		       (int)bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_TCP_OFO_DROP);
}

/*
 * A network that loses segments and changes their order makes TCP drop some for their timestamps
 * too (PAWS), and these come again as they were. Such a timestamp is no older than a segment can
 * be late in the network. A tick is a millisecond, as nearly every system has it, or more.
 */
#define DROPPED_LATE_TICKS 10000

static __always_inline int dropped_late(int reason, const struct tcp_sock *tcp, __u32 stamp)
{
	return reason == (int)bpf_core_enum_value(enum skb_drop_reason,
						  SKB_DROP_REASON_TCP_RFC7323_PAWS) &&
	       tcp->rx_opt.ts_recent - stamp < DROPPED_LATE_TICKS;
}

/* Has the tap taken the end of the connection that this segment says for one, or will it when it
 * gets there? What comes afterwards it does not read. Where TCP has the end, nothing comes. F may
 * be NULL. */
static __always_inline int dropped_ends(struct sock *sk, const struct socket_flow *f, int ended,
					const struct dropped_range *r)
{
	__u32 ending = r->ending;
	const struct stream *st;

	if (!ending || sk->__sk_common.skc_state == WITNESS_CLOSE_WAIT)
		return 0;
	if (ended || !f)
		return ended;
	st = &f->streams[FLOW_IN];
	ending &= bytes_forget(st->ended);
	return (ending & STREAM_RST) ||
	       ((ending & STREAM_FIN) && bytes_forget(st->end) == r->end - 1);
}

/* BYTES of the connection are announced: what comes in their place is not read. F: NULL where it is
 * not followed any more. */
static __always_inline int dropped_announce(struct sock *sk, const struct socket_flow *f,
					    __u32 bytes)
{
	struct flow_common c = {.tap = RECORD_TAP_SOCKET};
	int target;

	if (f) {
		emit_gap(&f->flow.common, RECORD_GAP_HOLE, FLOW_IN, bytes, bpf_ktime_get_ns());
		return 0;
	}
	target = witness_target(sk->sk_cgrp_data.cgroup);
	if (target < 0)
		return 0;
	c.target = (__u8)target;
	c.id = bpf_get_socket_cookie(sk);
	emit_gap(&c, RECORD_GAP_HOLE, FLOW_IN, bytes, bpf_ktime_get_ns());
	return 0;
}

static __always_inline int dropped_look(struct sk_buff *skb, int reason, struct sock *sk)
{
	struct dropped_range r;
	struct socket_mark *mark;
	struct socket_flow *f;
	struct tcp_sock *tcp;
	__u32 next;
	int ended, ends;

	/* First: they take NULL too, and some verifiers take out the check for that. */
	f = bpf_sk_storage_get(&socket_flows, sk, 0, 0);
	mark = bpf_sk_storage_get(&socket_marks, sk, 0, 0);
	ended = mark && bytes_forget(mark->ended);
	if ((!f && !ended) || dropped_twice(reason) || !dropped_matters(sk) ||
	    !dropped_read(skb, &r))
		return 0;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp || dropped_late(reason, tcp, r.stamp))
		return 0;
	ends = dropped_ends(sk, f, ended, &r);
	if ((__s32)(r.seq - tcp->rcv_nxt) < 0)
		r.seq = tcp->rcv_nxt; /* it has those before */
	if ((__s32)(r.end - r.seq) <= 0) {
		if (!ends || !(r.ending & STREAM_RST))
			return 0;
		r.seq = r.end;
	}
	if (ends)
		return dropped_announce(sk, f, r.end - r.seq);
	if (!f || !bytes_forget(f->streams[FLOW_IN].known))
		return 0;
	next = bytes_forget(f->streams[FLOW_IN].next);
	if ((__s32)(next - r.seq) > 0 || dropped_is_kept(f, &r))
		return dropped_announce(sk, f, r.end - r.seq);
	return 0;
}

/* A packet is dropped, of any program of the host. Where the kernel does not name the socket, the
 * program is empty. CTX: the arguments of btf_trace_kfree_skb from the second one on. */
static __always_inline int dropped_packet(const __u64 *ctx)
{
	struct sock *sk;

	if (!bpf_core_type_exists(btf_trace_kfree_skb))
		return 0;
	sk = (struct sock *)ctx[3];
	return sk ? dropped_look((struct sk_buff *)ctx[0], (int)ctx[2], sk) : 0;
}

#endif
