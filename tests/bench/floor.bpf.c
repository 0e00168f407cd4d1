/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floor.bpf.c - the least that a program can do which reads ILP from segments: what telltale's
 * socket programs cost is measured as a multiple of this, on the same segments.
 *
 * Every segment: the IP and TCP headers are parsed, eight bytes of the payload loaded and compared.
 * Where they begin as a message with ILP does: one look-up of what is kept of the socket, the
 * clock, one load of the whole message, and a record like telltale's in a ring. Where the message
 * is a request, also the two hashes that no record can do without: of the destination and of the
 * token. Nothing is decoded: where each field stands is known beforehand. Segments that are lost,
 * overtaken or cut are none of its concern, nor are other families than IPv4.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/decode/bytes.h"
#include "bpf/record.h"

#define FLOOR_PASS    1
#define FLOOR_MESSAGE 512 /* bytes: no message of the benchmark is longer */

/* Where words of the message are hashed from: anywhere will do. */
#define FLOOR_TOKEN             12
#define FLOOR_TOKEN_WORDS       4
#define FLOOR_DESTINATION       16
#define FLOOR_DESTINATION_WORDS 13

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static const volatile struct siphash_key key = {5, 6};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} floor_ring SEC(".maps");

struct floor_socket {
	__u64 words[FLOOR_MESSAGE / 8];
};

/* Lives with the socket. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct floor_socket);
} floor_sockets SEC(".maps");

/* Where the segment's payload lies; 0: it has none. */
static __always_inline __u32 floor_parse(struct __sk_buff *skb)
{
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel hands addresses over as numbers */
	void *data = (void *)(long)skb->data, *data_end = (void *)(long)skb->data_end;
	struct iphdr *ip = data;
	struct tcphdr *tcp;
	__u32 off;

	if (skb->protocol != bpf_htons(ETH_P_IP) || (void *)(ip + 1) > data_end ||
	    ip->protocol != IPPROTO_TCP)
		return 0;
	off = ip->ihl * 4;
	tcp = data + off;
	if ((void *)(tcp + 1) > data_end)
		return 0;
	off += tcp->doff * 4;
	return skb->len > off ? off : 0;
}

static __always_inline __u64 floor_hash(const __u64 *words, int len)
{
	struct siphash s;
	int i;

	siphash_begin(&s, &key);
	_Pragma("clang loop unroll(full)") for (i = 0; i < len; i++) siphash_word(&s, words[i]);
	return siphash_end(&s, 0, 8 * len);
}

static __always_inline void floor_report(const struct floor_socket *f, __u64 now_ns, int request)
{
	struct record_message *r = bpf_ringbuf_reserve(&floor_ring, sizeof(*r), 0);
	__u64 *words = (__u64 *)r;
	int i;

	if (!r)
		return;
	_Pragma("clang loop unroll(full)") for (i = 0; i < (int)sizeof(*r) / 8; i++) words[i] =
		f->words[i];
	r->first_ns = now_ns;
	r->last_ns = now_ns;
	if (request) {
		r->destination = floor_hash(f->words + FLOOR_DESTINATION, FLOOR_DESTINATION_WORDS);
		r->token = floor_hash(f->words + FLOOR_TOKEN, FLOOR_TOKEN_WORDS);
	}
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
}

static __always_inline int floor_run(struct __sk_buff *skb)
{
	__u32 off = floor_parse(skb), len;
	struct floor_socket *f;
	struct bpf_sock *sk;
	__u64 word;

	if (!off || bpf_skb_load_bytes(skb, off, &word, sizeof(word)))
		return FLOOR_PASS;
	if ((__u32)word != (__u32)BYTES_WORD('P', 'O', 'S', 'T', 0, 0, 0, 0) &&
	    (__u32)word != (__u32)BYTES_WORD('H', 'T', 'T', 'P', 0, 0, 0, 0))
		return FLOOR_PASS;
	sk = skb->sk;
	f = sk ? bpf_sk_storage_get(&floor_sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE) : 0;
	len = skb->len - off;
	if (!f || !bytes_from_1_to(&len, sizeof(f->words)) ||
	    bpf_skb_load_bytes(skb, off, f->words, len))
		return FLOOR_PASS;
	floor_report(f, bpf_ktime_get_ns(), (__u8)word == 'P');
	return FLOOR_PASS;
}

SEC("cgroup_skb/ingress") int floor_in(struct __sk_buff *skb)
{
	return floor_run(skb);
}

SEC("cgroup_skb/egress") int floor_out(struct __sk_buff *skb)
{
	return floor_run(skb);
}
