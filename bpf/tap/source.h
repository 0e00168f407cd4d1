/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * source.h - where a run's bytes lie in the kernel, and how they are copied from there. The native
 * tests have a struct source of their own (tests/unit/support/decode.h).
 */
#ifndef TELLTALE_SOURCE_H
#define TELLTALE_SOURCE_H

#include "bpf/maps.h"

/* Where the bytes come from: a piece kept, a socket buffer, or the memory of a process. */
struct source {
	const struct piece *piece; /* NULL: one of the others */
	struct __sk_buff *skb;     /* NULL: user memory */
	__u64 user;
	__u32 base; /* of the payload in the socket buffer */
	__u64 now_ns;
	const struct record_remote *remote; /* NULL: not known */
};

/*
 * Copies LEN bytes of a kept piece. No helper that copies memory is allowed in every lockdown mode,
 * so this is a loop. It writes up to 7 bytes more than LEN, for which the windows have room.
 */
bytes_function int source_copy(const struct piece *piece, __u32 off, void *dst, __u32 len)
{
	__u32 i, at;

	BYTES_LOOP
	for (i = 0; i < FLOW_WINDOW; i += 8) {
		at = off + i;
		bytes_pin(at);
		if (i >= len || at >= STREAM_PIECE_MAX)
			break;
		*(__u64 *)(dst + i) =
			bytes_load(&piece->bytes[bytes_mask(at, STREAM_PIECE_MAX - 1)]);
	}
	return 0;
}

static __always_inline int source_load(const struct source *src, __u32 off, void *dst, __u32 len)
{
	if (src->piece)
		return source_copy(src->piece, off, dst, len);
	if (src->skb)
		return bpf_skb_load_bytes(src->skb, src->base + off, dst, len);
	return bpf_probe_read_user(dst, len, (const void *)(src->user + off));
}

/* Are the bytes where they came, and not in a piece kept? Those are few, and the verifier has much
 * to walk where they are copied. */
static __always_inline int source_is_near(const struct source *src)
{
	return !src->piece;
}

/* May what comes next be HTTP/2, for which HTTP/1 asked, and is that followed? Inside TLS nobody
 * asks for it in this way. */
static __always_inline int source_may_upgrade(const struct source *src)
{
	return src->skb && http2_follows & SHARED_HTTP2_SOCKETS;
}

/* See http1.h. Functions that the verifier walks once, whoever calls them, find the direction in
 * hand by the socket. Where the bytes are no segment's nobody calls them. */
bytes_global int tap_recall_tamely(struct __sk_buff *skb);
bytes_global int tap_tame_others(struct __sk_buff *skb);

static __always_inline int source_recall(const struct source *src, struct http1 *h)
{
	(void)h;
	return tap_recall_tamely(src->skb);
}

static __always_inline int source_tame(const struct source *src, struct http1 *h)
{
	(void)h;
	return tap_tame_others(src->skb);
}

/* The first bytes of a piece of LEN, at most 8, as a word; 0 when there are none or they cannot be
 * read. */
static __always_inline __u64 source_word(const struct source *src, __u32 off, __u32 len)
{
	__u64 word = 0;

	if (src->piece) {
		bytes_pin(off);
		if (off >= STREAM_PIECE_MAX)
			return 0;
		word = bytes_load(&src->piece->bytes[bytes_mask(off, STREAM_PIECE_MAX - 1)]);
		return len >= 8 ? word : bytes_low(word, len);
	}
	if (len >= 8)
		return source_load(src, off, &word, 8) ? 0 : word;
	if (!bytes_from_1_to(&len, 7) || source_load(src, off, &word, len))
		return 0;
	return word;
}

#endif
