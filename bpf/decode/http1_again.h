/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * http1_again.h - remembers the last head. A head that equals it byte for byte says the same, and
 * is not read again.
 */
#ifndef TELLTALE_HTTP1_AGAIN_H
#define TELLTALE_HTTP1_AGAIN_H

#include "http1_lines.h"

/* Bytes of a head compared, and copied, in one turn. */
#define HTTP1_BLOCK 32

/* Not 0 when the block at AT differs from the last head's. */
static __always_inline __u64 http1_differ(const struct http1 *h, __u32 at)
{
	const __u8 *a = &h->window[at], *b = &h->last.text[at];

	return (bytes_load(a) ^ bytes_load(b)) | (bytes_load(a + 8) ^ bytes_load(b + 8)) |
	       (bytes_load(a + 16) ^ bytes_load(b + 16)) |
	       (bytes_load(a + 24) ^ bytes_load(b + 24));
}

/* Do the bytes in the window begin with the last head? Then they say the same. */
static __always_inline int http1_recall(struct side *s)
{
	struct http1 *h = &s->http1;
	__u32 len = bytes_forget(h->last.len), at, i;
	__u64 differ = 0;

	if (len < HTTP1_BLOCK || len > FLOW_HEAD_WINDOW || len > h->filled)
		return 0;
	BYTES_LOOP
	for (i = 0; i < FLOW_HEAD_WINDOW / HTTP1_BLOCK && !differ; i++) {
		at = i * HTTP1_BLOCK;
		if (at > len - HTTP1_BLOCK)
			break;
		differ = http1_differ(h, at);
	}
	if (differ || http1_differ(h, bytes_mask(len - HTTP1_BLOCK, FLOW_HEAD_WINDOW - 1)))
		return 0;
	s->message.head = h->last.head;
	h->framing = h->last.framing;
	h->start = len;
	h->found = LINES_END;
	return 1;
}

/* Remembers the head that ends at h->start. */
static __always_inline void http1_remember(struct side *s)
{
	struct http1 *h = &s->http1;
	__u32 len = bytes_forget(h->start), at, i;

	if (len < HTTP1_BLOCK || len > FLOW_HEAD_WINDOW)
		return;
	BYTES_LOOP
	for (i = 0; i < FLOW_HEAD_WINDOW / HTTP1_BLOCK; i++) {
		at = i * HTTP1_BLOCK;
		if (at >= len)
			break;
		__builtin_memcpy(&h->last.text[at], &h->window[at], HTTP1_BLOCK);
	}
	h->last.head = s->message.head;
	h->last.framing = h->framing;
	h->last.len = len;
}

#endif
