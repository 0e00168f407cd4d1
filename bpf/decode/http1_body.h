/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * http1_body.h - the bytes of a body, by its length or in chunks, and the packet they begin with.
 *
 * The front of a body that matters is gathered in the window until ilp_parse knows what it is; the
 * rest is only counted.
 */
#ifndef TELLTALE_HTTP1_BODY_H
#define TELLTALE_HTTP1_BODY_H

#include "http1_lines.h"

/* The front of a chunk-size line at h->start, such as "1a;name=value". */
static __always_inline int http1_chunk_size(struct http1 *h)
{
	__u32 i, at = h->start;
	__u64 n = 0;
	__u8 c = 0;

	BYTES_LOOP
	for (i = 0; i < 16; i++) {
		c = http1_byte(h, at + i);
		if (c >= '0' && c <= '9')
			c -= '0';
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			c = (c | 0x20) - ('a' - 10);
		else
			break;
		n = n << 4 | c;
	}
	if (i == 0 || i == 16)
		return HTTP1_LOST;
	if (c != ';' && c != '\r' && c != '\n' && c != ' ' && c != '\t')
		return HTTP1_LOST;
	h->left = n;
	return HTTP1_MORE;
}

/* A chunk of h->left bytes begins, or there are no more. */
static __always_inline void http1_chunk(struct side *s)
{
	struct http1 *h = &s->http1;
	struct message *m = &s->message;

	if (!h->left)
		h->phase = PHASE_TRAILER;
	else
		h->phase = m->head.wanted && m->verdict == ILP_MORE ? PHASE_BODY : PHASE_SKIP;
}

/* When the window also holds the whole body, the body is read where it lies. */
static __always_inline void http1_in_window(struct side *s)
{
	struct http1 *h = &s->http1;

	if (h->phase != PHASE_BODY || h->left > h->filled - h->start || h->start > FLOW_HEAD_WINDOW)
		return;
	h->body_at = (__u16)h->start;
	h->gathered = (__u16)h->left;
	h->fragment = (__u32)h->left;
	h->complete = 1;
	h->unparsed = 1;
}

/* A body that is not wanted is passed over at once, as far as its bytes are there. */
static __always_inline void http1_skip(struct side *s)
{
	struct http1 *h = &s->http1;
	__u64 n = s->cursor.end - s->cursor.off;

	if (h->phase == PHASE_SKIP)
		h->fragment = (__u32)(n < h->left ? n : h->left);
}

/* Puts up to N more bytes of the body into the window. */
static __always_inline int http1_gather(const struct source *src, struct side *s, __u64 n)
{
	struct http1 *h = &s->http1;
	__u32 at = h->gathered, part = ILP_HEAD_MAX - at;

	if (at >= ILP_HEAD_MAX)
		return HTTP1_LOST;
	if (part > n)
		part = (__u32)n;
	if (!bytes_from_1_to(&part, ILP_HEAD_MAX))
		return HTTP1_LOST;
	if (source_load(src, s->cursor.off, &h->window[bytes_mask(at, FLOW_MASK)], part))
		return HTTP1_UNREAD;
	h->body_at = 0;
	h->gathered = (__u16)(at + part);
	h->complete = h->phase == PHASE_BODY && !h->framing.chunked && n == h->left;
	h->unparsed = 1;
	return HTTP1_MORE;
}

/* One fragment of a body, or a part of it. */
static __always_inline int http1_step_body(const struct source *src, struct side *s)
{
	struct http1 *h = &s->http1;
	struct message *m = &s->message;
	__u64 n = s->cursor.end - s->cursor.off;

	if (h->phase != PHASE_UNTIL_CLOSE && n > h->left)
		n = h->left;
	h->fragment = (__u32)n;
	if (h->phase == PHASE_BODY ||
	    (h->phase == PHASE_UNTIL_CLOSE && m->head.wanted && m->verdict == ILP_MORE))
		return http1_gather(src, s, n);
	return HTTP1_MORE;
}

/* What packet do the gathered bytes begin? USUAL: see http1_step. */
static __always_inline void http1_parse(struct side *s, int usual)
{
	struct http1 *h = &s->http1;
	struct message *m = &s->message;
	__u32 at = bytes_forget(h->body_at);

	bytes_pin(at);
	if (at > FLOW_HEAD_WINDOW)
		return;
	m->verdict = (__u8)ilp_parse_next(&h->window[at], bytes_forget(h->gathered),
					  bytes_forget(h->complete), session_key(),
					  usual ? &s->known : 0, &m->ilp);
	if (h->phase == PHASE_BODY && bytes_forget(m->verdict) != ILP_MORE)
		h->phase = PHASE_SKIP;
}

#endif
