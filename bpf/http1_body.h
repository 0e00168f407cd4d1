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

/* The front of a chunk-size line at s->start, such as "1a;name=value". */
static __always_inline int http1_chunk_size(struct side *s)
{
	__u32 i, at = s->start;
	__u64 n = 0;
	__u8 c = 0;

	BYTES_LOOP
	for (i = 0; i < 16; i++) {
		c = http1_byte(s, at + i);
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
	s->left = n;
	return HTTP1_MORE;
}

/* A chunk of s->left bytes begins, or there are no more. */
static __always_inline void http1_chunk(struct side *s)
{
	if (!s->left)
		s->phase = SIDE_TRAILER;
	else
		s->phase = s->head.wanted && s->verdict == ILP_MORE ? SIDE_BODY : SIDE_SKIP;
}

/* When the window holds the whole body too, it is read where it lies. */
static __always_inline void http1_in_window(struct side *s)
{
	if (s->phase != SIDE_BODY || s->left > s->filled - s->start || s->start > FLOW_HEAD_WINDOW)
		return;
	s->body_at = (__u16)s->start;
	s->gathered = (__u16)s->left;
	s->fragment = (__u32)s->left;
	s->complete = 1;
	s->unparsed = 1;
}

/* Of a body that nobody wants, as much as there is can be passed at once. */
static __always_inline void http1_skip(struct side *s)
{
	__u64 n = s->end - s->off;

	if (s->phase == SIDE_SKIP)
		s->fragment = (__u32)(n < s->left ? n : s->left);
}

/* Puts up to N more bytes of the body into the window. */
static __always_inline int http1_gather(const struct source *src, struct side *s, __u64 n)
{
	__u32 at = s->gathered, part = ILP_HEAD_MAX - at;

	if (at >= ILP_HEAD_MAX)
		return HTTP1_LOST;
	if (part > n)
		part = (__u32)n;
	if (!bytes_from_1_to(&part, ILP_HEAD_MAX))
		return HTTP1_LOST;
	if (source_load(src, s->off, &s->window[at], part))
		return HTTP1_UNREAD;
	s->body_at = 0;
	s->gathered = (__u16)(at + part);
	s->complete = s->phase == SIDE_BODY && !s->head.chunked && n == s->left;
	s->unparsed = 1;
	return HTTP1_MORE;
}

/* One fragment of a body, or a part of it. */
static __always_inline int http1_step_body(const struct source *src, struct side *s)
{
	__u64 n = s->end - s->off;

	if (s->phase != SIDE_UNTIL_CLOSE && n > s->left)
		n = s->left;
	s->fragment = (__u32)n;
	if (s->phase == SIDE_BODY ||
	    (s->phase == SIDE_UNTIL_CLOSE && s->head.wanted && s->verdict == ILP_MORE))
		return http1_gather(src, s, n);
	return HTTP1_MORE;
}

/* What packet do the gathered bytes begin? */
static __always_inline void http1_parse(struct side *s)
{
	__u32 at = bytes_forget(s->body_at);

	bytes_pin(at);
	if (at > FLOW_HEAD_WINDOW)
		return;
	s->verdict = (__u8)ilp_parse(&s->window[at], bytes_forget(s->gathered),
				     bytes_forget(s->complete), session_key(), &s->ilp);
	if (s->phase == SIDE_BODY && bytes_forget(s->verdict) != ILP_MORE)
		s->phase = SIDE_SKIP;
}

#endif
