/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * http1_again.h - a head that is, byte for byte, the one that came before says the same, and is not
 * read again: what it said and its text are kept.
 */
#ifndef TELLTALE_HTTP1_AGAIN_H
#define TELLTALE_HTTP1_AGAIN_H

#include "http1_lines.h"

/* Bytes of a head compared, and copied, in one turn. */
#define HTTP1_BLOCK 32

/* Not 0 when the block at AT differs from the last head's. */
static __always_inline __u64 http1_differ(const struct side *s, __u32 at)
{
	const __u8 *a = &s->window[at], *b = &s->last.text[at];

	return (bytes_load(a) ^ bytes_load(b)) | (bytes_load(a + 8) ^ bytes_load(b + 8)) |
	       (bytes_load(a + 16) ^ bytes_load(b + 16)) |
	       (bytes_load(a + 24) ^ bytes_load(b + 24));
}

/* Do the bytes in the window begin with the last head? Then they say the same. */
static __always_inline int http1_recall(struct side *s)
{
	__u32 len = bytes_forget(s->last.len), at, i;
	__u64 differ = 0;

	if (len < HTTP1_BLOCK || len > FLOW_HEAD_WINDOW || len > s->filled)
		return 0;
	BYTES_LOOP
	for (i = 0; i < FLOW_HEAD_WINDOW / HTTP1_BLOCK && !differ; i++) {
		at = i * HTTP1_BLOCK;
		if (at > len - HTTP1_BLOCK)
			break;
		differ = http1_differ(s, at);
	}
	if (differ || http1_differ(s, bytes_mask(len - HTTP1_BLOCK, FLOW_HEAD_WINDOW - 1)))
		return 0;
	s->head = s->last.head;
	s->start = len;
	s->found = LINES_END;
	return 1;
}

/* The head that ends at s->start is to be known again. */
static __always_inline void http1_remember(struct side *s)
{
	__u32 len = bytes_forget(s->start), at, i;

	if (len < HTTP1_BLOCK || len > FLOW_HEAD_WINDOW)
		return;
	BYTES_LOOP
	for (i = 0; i < FLOW_HEAD_WINDOW / HTTP1_BLOCK; i++) {
		at = i * HTTP1_BLOCK;
		if (at >= len)
			break;
		__builtin_memcpy(&s->last.text[at], &s->window[at], HTTP1_BLOCK);
	}
	s->last.head = s->head;
	s->last.len = len;
}

#endif
