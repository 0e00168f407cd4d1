/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lose.bpf.c - loses one in so many of the segments that carry data to or from two ports, and says
 * from when until when each was missing.
 *
 * It runs where segments come into the host, before TCP. What is sent again is let through. Of each
 * connection one segment is missing at most. What begins a request to the first port is never lost:
 * as the request's body follows, TCP would miss it at once.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "tests/profile/lose.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u16 ports[2];
const volatile __u32 each = 1;

__u64 segments;

struct ways {
	__u16 source, dest;
};

/* What is missing now, by connection and direction. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, struct ways);
	__type(value, struct lost);
} missing SEC(".maps");

/* What was missing and has come, for user space. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} found SEC(".maps");

static __always_inline int is_ours(const struct ways *way)
{
	for (int i = 0; i < 2; i++) {
		if (way->source == ports[i] || way->dest == ports[i])
			return 1;
	}
	return 0;
}

static __always_inline int is_head(const struct __sk_buff *skb, __u32 doff)
{
	__u8 first = 0;

	bpf_skb_load_bytes(skb, sizeof(struct ethhdr) + sizeof(struct iphdr) + doff * 4, &first, 1);
	return first == 'P';
}

static __always_inline int lose(const struct ways *way, __u32 seq)
{
	struct lost lost = {.source = way->source, .dest = way->dest, .seq = seq};

	if (__sync_add_and_fetch(&segments, 1) % each)
		return TC_ACT_OK;
	lost.from_ns = bpf_ktime_get_ns();
	bpf_map_update_elem(&missing, way, &lost, BPF_ANY);
	return TC_ACT_SHOT;
}

static __always_inline void find(const struct ways *way, struct lost *lost)
{
	lost->to_ns = bpf_ktime_get_ns();
	bpf_ringbuf_output(&found, lost, sizeof(*lost), 0);
	bpf_map_delete_elem(&missing, way);
}

/* NOLINTBEGIN(performance-no-int-to-ptr): the kernel hands addresses over as numbers */
SEC("tc") int ingress(struct __sk_buff *skb)
{
	void *data_end = (void *)(long)skb->data_end;
	struct iphdr *ip = (void *)(long)skb->data + sizeof(struct ethhdr);
	struct tcphdr *tcp = (void *)(ip + 1);
	struct lost *lost;
	struct ways way;
	__u32 seq;

	if ((void *)(tcp + 1) > data_end || skb->protocol != bpf_htons(ETH_P_IP) ||
	    ip->protocol != IPPROTO_TCP || ip->ihl != 5)
		return TC_ACT_OK;
	way = (struct ways){bpf_ntohs(tcp->source), bpf_ntohs(tcp->dest)};
	seq = bpf_ntohl(tcp->seq);
	if (!is_ours(&way) || bpf_ntohs(ip->tot_len) == sizeof(*ip) + tcp->doff * 4 ||
	    (way.dest == ports[0] && is_head(skb, tcp->doff)))
		return TC_ACT_OK;
	lost = bpf_map_lookup_elem(&missing, &way);
	if (!lost)
		return lose(&way, seq);
	if (lost->seq == seq)
		find(&way, lost);
	return TC_ACT_OK;
}
/* NOLINTEND(performance-no-int-to-ptr) */
