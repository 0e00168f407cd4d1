/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * segment.h - a socket buffer -> the TCP segment in it, and whether TCP will take it for one.
 */
#ifndef TELLTALE_SEGMENT_H
#define TELLTALE_SEGMENT_H

#include <bpf/bpf_endian.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include "bpf/maps.h"
#include "ipv6.h"

struct segment {
	__u32 seq; /* of the payload's first byte */
	__u32 ack;
	__u32 off;          /* of the payload */
	__u32 len;          /* of the payload */
	__u32 head;         /* of the TCP header */
	__u8 ending;        /* enum stream_end */
	__u8 family;        /* 4 or 6: the packet's, whatever the socket's */
	__u8 opening;       /* SYN */
	__u8 acking;        /* ACK: what ack says is meant */
	__u8 urgent;        /* 1: its last byte is urgent, and no part of what is read in order */
	__u16 check;        /* the checksum, as it stands there */
	__u16 sport, dport; /* host order */
};

/* Reads what the header TCP says, which lies at OFF: all but the family. */
static __always_inline void segment_read_tcp(struct __sk_buff *skb, const struct tcphdr *tcp,
					     __u32 off, struct segment *seg)
{
	__u64 other;

	seg->opening = tcp->syn;
	seg->acking = tcp->ack;
	seg->seq = bpf_ntohl(tcp->seq) + tcp->syn;
	seg->ack = bpf_ntohl(tcp->ack_seq);
	seg->ending = (tcp->fin ? STREAM_FIN : 0) | (tcp->rst ? STREAM_RST : 0);
	seg->check = tcp->check;
	seg->sport = bpf_ntohs(tcp->source);
	seg->dport = bpf_ntohs(tcp->dest);
	seg->head = off;
	seg->off = off + tcp->doff * 4;
	seg->len = skb->len > seg->off && !tcp->rst ? skb->len - seg->off : 0;
	/* Without a branch, after which the verifier would walk everything twice. */
	other = (bpf_ntohs(tcp->urg_ptr) ^ seg->len) | (tcp->urg ^ 1u);
	bytes_pin(other);
	seg->urgent = (__u8)((other - 1) >> 63);
}

/* 0: not TCP. */
static __always_inline int segment_read(struct __sk_buff *skb, struct segment *seg)
{
	void *data = (void *)(long)skb->data, *data_end = (void *)(long)skb->data_end;
	struct tcphdr *tcp;
	__u32 off;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = data;

		if ((void *)(ip + 1) > data_end || ip->protocol != IPPROTO_TCP)
			return 0;
		off = ip->ihl * 4;
		seg->family = 4;
	} else if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = data;

		if ((void *)(ip + 1) > data_end)
			return 0;
		off = sizeof(*ip);
		if (ip->nexthdr != IPPROTO_TCP) {
			off = ipv6_find_tcp(skb, ip->nexthdr);
			if (!off)
				return 0;
		}
		seg->family = 6;
	} else {
		return 0;
	}
	tcp = data + off;
	if ((void *)(tcp + 1) > data_end)
		return 0;
	segment_read_tcp(skb, tcp, off, seg);
	return 1;
}

/* The same of a segment of which tap_glance has found that TCP's header follows IP's. Of any other
 * one this would read something else. */
static __always_inline int segment_read_plain(struct __sk_buff *skb, struct segment *seg)
{
	void *data = (void *)(long)skb->data, *data_end = (void *)(long)skb->data_end;
	__u32 off = sizeof(struct ipv6hdr);
	struct iphdr *ip = data;
	struct tcphdr *tcp;

	seg->family = 6;
	if ((void *)(ip + 1) > data_end)
		return 0;
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		off = ip->ihl * 4;
		seg->family = 4;
	}
	tcp = data + off;
	if ((void *)(tcp + 1) > data_end)
		return 0;
	segment_read_tcp(skb, tcp, off, seg);
	return 1;
}

/* The far end's address, in network order. */
static __always_inline void segment_remote(struct __sk_buff *skb, const struct segment *seg,
					   int out, __u8 *addr)
{
	if (seg->family == 4)
		bpf_skb_load_bytes(skb, out ? 16 : 12, addr, 4);
	else
		bpf_skb_load_bytes(skb, out ? 24 : 8, addr, 16);
}

/* --- checksums ------------------------------------------------------------------------------- */

#define SEGMENT_SUM_BLOCK 96 /* bytes: on the stack, of which large programs leave little */
/* Longer than any frame on a wire. What is longer and came as one has not been on one. */
#define SEGMENT_SUM_MAX (96 * SEGMENT_SUM_BLOCK)

static __always_inline __u32 segment_fold(__u64 sum)
{
	sum = (sum >> 32) + (__u32)sum;
	sum = (sum >> 32) + (__u32)sum;
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (__u32)sum;
}

/* The sum of the pseudo-header (RFC 9293, 3.1; RFC 8200, 8.1); 0 when it cannot be read. */
static __always_inline __u32 segment_pseudo(struct __sk_buff *skb, const struct segment *seg)
{
	const __u32 *word = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	__u64 sum = bpf_htonl(skb->len - seg->head + IPPROTO_TCP);

	if (seg->family == 4) {
		if (word + 5 > end)
			return 0;
		return segment_fold(sum + word[3] + word[4]);
	}
	if (word + 10 > end)
		return 0;
	return segment_fold(sum + word[2] + word[3] + word[4] + word[5] + word[6] + word[7] +
			    word[8] + word[9]);
}

static __always_inline __u64 segment_sum_block(const __u32 *block)
{
	__u64 sum = 0;
	__u32 i;

	_Pragma("clang loop unroll(full)") for (i = 0; i < SEGMENT_SUM_BLOCK / 4; i++) sum +=
		block[i];
	return sum;
}

/* SUM plus the sum of the segment from its TCP header on. The kernel's helper for this is not open
 * to programs of this type. */
bytes_global __u32 segment_sum(struct __sk_buff *skb, __u32 head, __u64 sum)
{
	__u32 block[SEGMENT_SUM_BLOCK / 4], i, n, at = head;

	BYTES_LOOP
	for (i = 0; i < SEGMENT_SUM_MAX / SEGMENT_SUM_BLOCK; i++) {
		if (skb->len - at < SEGMENT_SUM_BLOCK ||
		    bpf_skb_load_bytes(skb, at, block, SEGMENT_SUM_BLOCK))
			break;
		sum += segment_sum_block(block);
		at += SEGMENT_SUM_BLOCK;
	}
	n = skb->len - at;
	if (!bytes_from_1_to(&n, SEGMENT_SUM_BLOCK - 1))
		return segment_fold(sum);
	__builtin_memset(block, 0, sizeof(block));
	if (bpf_skb_load_bytes(skb, at, block, n))
		return 0;
	return segment_fold(sum + segment_sum_block(block));
}

/*
 * Will TCP find the checksum right? The hook comes before TCP has looked, where the network card
 * has not; a segment it drops comes again, perhaps with other bytes. A segment that never was on a
 * wire carries only the pseudo-header's sum. One that was put together from checked segments does
 * too, or says their size.
 */
static __always_inline int segment_sound(struct __sk_buff *skb, const struct segment *seg)
{
	__u32 sum = segment_pseudo(skb, seg);

	if (sum == seg->check || skb->gso_size || skb->len > SEGMENT_SUM_MAX)
		return 1;
	return segment_sum(skb, seg->head, sum) == 0xffff;
}

#endif
