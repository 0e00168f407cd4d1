/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * tap_btp.h - announces a connection over which the target sends ILP in a WebSocket (btp.h).
 *
 * Only what the target itself says counts: anybody can send it such a message. Where it answers a
 * Prepare, it has taken one that was not read; where it sends one, that is not counted. WebSockets
 * that never carry ILP are no record.
 */
#ifndef TELLTALE_TAP_BTP_H
#define TELLTALE_TAP_BTP_H

#include "bpf/decode/btp.h"
#include "bpf/decode/opaque.h"
#include "tap_begin.h"

/* The type of the packet in a piece of LEN bytes that begins with WORD; 0: there is none. */
static __always_inline __u8 tap_btp_packet(const struct source *src, __u64 word, __u32 len)
{
	__u32 i, off = btp_offset(word);
	__u64 words[BTP_WORDS], mask = btp_mask(word);

	if (!off || len < off + 8 * BTP_WORDS)
		return 0;
	for (i = 0; i < BTP_WORDS; i++)
		words[i] = source_word(src, off + 8 * i, 8) ^ mask;
	return btp_packet(words);
}

/* Is the connection to be announced now? A set of enum record_opaque_said, or -1. ANSWERS: it is a
 * Prepare that was answered. That such a connection is the target's client is found once. */
static __always_inline int tap_btp_says(struct socket_mark *mark, int answers, __u64 now_ns)
{
	__u8 known = mark->known;
	int said = opaque_says(&known, 1);

	mark->known = known;
	if (said < 0 && answers &&
	    (mark->client || now_ns - mark->announced_ns > RECORD_OPAQUE_RENEW_NS))
		said = RECORD_OPAQUE_OURS | RECORD_OPAQUE_AGAIN;
	if (said >= 0) {
		mark->announced_ns = now_ns;
		mark->client = !answers;
	}
	return said;
}

/* A segment that leaves, and begins with WORD, on a connection that is not followed. */
bytes_function int tap_btp(struct __sk_buff *skb, const struct segment *seg, __u64 word)
{
	struct source src = {.skb = skb, .base = seg->off};
	struct flow_common c = {.tap = RECORD_TAP_SOCKET};
	__u8 packet = tap_btp_packet(&src, word, seg->len);
	struct record_remote remote;
	struct socket_mark *mark;
	struct bpf_sock *sk = skb->sk;
	__u64 now_ns;
	int said;

	if (!packet || !sk)
		return 0;
	mark = tap_storage(&socket_marks, sk);
	if (!mark)
		return 0;
	now_ns = bpf_ktime_get_ns();
	said = tap_btp_says(mark, packet != RECORD_KIND_PREPARE, now_ns);
	if (said < 0)
		return 0;
	c.id = bpf_get_socket_cookie(skb);
	c.target = (__u8)tap_target(skb);
	c.role = packet == RECORD_KIND_PREPARE ? RECORD_ROLE_CLIENT : RECORD_ROLE_SERVER;
	__builtin_memset(&remote, 0, sizeof(remote));
	tap_remote(skb, seg, 1, &remote);
	emit_opaque(&c, RECORD_OPAQUE_WEBSOCKET, (__u8)said, &remote, now_ns);
	return 0;
}

#endif
