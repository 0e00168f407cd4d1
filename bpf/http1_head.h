/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * http1_head.h - the lines of a head -> struct head: what the message is, how its body is framed,
 * whom it goes to and from whom it is.
 *
 * Values are read from the window before its bytes are replaced. A head that is, byte for byte, the
 * one that came before says the same, and is not read again.
 */
#ifndef TELLTALE_HTTP1_HEAD_H
#define TELLTALE_HTTP1_HEAD_H

#include "http1_lines.h"

/* --- values -------------------------------------------------------------------------------- */

/*
 * The keyed hash of a header value, as much of it as counts: s->spans[span], which is read here and
 * not passed, so that the verifier does not carry what the loop learns of it back to the caller.
 */
bytes_function __u64 http1_hash(struct side *s, enum flow_span span)
{
	__u32 at = s->spans[span].at, len = s->spans[span].len;

	switch (span) {
	case SPAN_START:
		return bytes_hash(s->window, sizeof(s->window), at, len, RECORD_PATH_MAX, 0,
				  s->path, session_key());
	case SPAN_HOST:
		return bytes_hash(s->window, sizeof(s->window), at, len, RECORD_HOST_MAX, 0x20,
				  s->host, session_key());
	case SPAN_TOKEN:
		return bytes_hash(s->window, sizeof(s->window), at, len, RECORD_TOKEN_MAX, 0, 0,
				  host_key());
	default:
		return bytes_hash(s->window, sizeof(s->window), at, len, 40, 0x20, 0,
				  session_key());
	}
}

/* The CR before the line's LF is no part of it. */
static __always_inline void http1_trim(struct side *s, enum flow_span span)
{
	struct flow_slice *slice = &s->spans[span];

	if (slice->len && http1_byte(s, slice->at + slice->len - 1) == '\r')
		slice->len--;
}

/* Takes the value found for SPAN, without the blanks at its front, of which more than a few have no
 * meaning here. False when none was found. */
static __always_inline int http1_value(struct side *s, enum flow_span span, __u32 *at, __u32 *len)
{
	__u32 i;

	http1_trim(s, span);
	*at = bytes_forget(s->spans[span].at);
	*len = bytes_forget(s->spans[span].len);
	if (!*len)
		return 0;
	BYTES_LOOP
	for (i = 0; i < 4; i++) {
		__u8 c = http1_byte(s, *at);

		if (*len == 0 || (c != ' ' && c != '\t'))
			break;
		(*at)++;
		(*len)--;
	}
	s->spans[span].at = (__u16)*at;
	s->spans[span].len = (__u16)*len;
	return 1;
}

/* A decimal number of at most 18 digits; false when it is none. */
static __always_inline int http1_decimal(const struct side *s, __u32 at, __u32 len, __u64 *out)
{
	__u64 n = 0;
	__u32 i;

	if (len > 18)
		return 0;
	BYTES_LOOP
	for (i = 0; i < 18; i++) {
		__u8 c;

		if (i >= len)
			break;
		c = http1_byte(s, at + i);
		if (c == ' ' || c == '\t')
			break;
		if (c < '0' || c > '9')
			return 0;
		n = n * 10 + (c - '0');
	}
	*out = n;
	return i > 0;
}

/* --- what they say ------------------------------------------------------------------------- */

/* The path of "POST /path?query HTTP/1.1", which begins at AT. */
static __always_inline void http1_path(struct side *s, __u32 at)
{
	__u32 i, len = 0;

	BYTES_LOOP
	for (i = 0; i < RECORD_PATH_MAX / 8; i++) {
		__u64 w = http1_word(s, at + i * 8);
		__u64 found = bytes_find(w, ' ') | bytes_find(w, '?');

		len = i * 8 + 8;
		if (found) {
			len = i * 8 + bytes_index(found);
			break;
		}
	}
	if (len >= RECORD_PATH_MAX)
		s->head.flags |= RECORD_LONG;
	s->head.path_len = (__u8)len;
	s->spans[SPAN_START].at = (__u16)at;
	s->spans[SPAN_START].len = (__u16)len;
	s->head.path_hash = http1_hash(s, SPAN_START);
}

/* "POST /path HTTP/1.1" or "HTTP/1.1 200 OK". */
static __always_inline int http1_start_line(struct side *s)
{
	__u32 at, len;
	__u64 w0;

	http1_trim(s, SPAN_START);
	at = bytes_forget(s->spans[SPAN_START].at);
	len = bytes_forget(s->spans[SPAN_START].len);
	if (len < 12)
		return HTTP1_LOST;
	w0 = http1_word(s, at);
	if (bytes_low(w0, 7) == BYTES_WORD('H', 'T', 'T', 'P', '/', '1', '.', 0)) {
		__u64 code = http1_word(s, at + 9);
		__u8 a = (__u8)code - '0', b = (__u8)(code >> 8) - '0',
		     c = (__u8)(code >> 16) - '0';

		if (a > 9 || b > 9 || c > 9)
			return HTTP1_LOST;
		s->head.status = a * 100 + b * 10 + c;
		return HTTP1_MORE;
	}
	if (http1_word(s, at + len - 9) != BYTES_WORD(' ', 'H', 'T', 'T', 'P', '/', '1', '.'))
		return HTTP1_LOST;
	s->head.request = 1;
	s->head.flags |= RECORD_REQUEST;
	if (bytes_low(w0, 5) == BYTES_WORD('H', 'E', 'A', 'D', ' ', 0, 0, 0))
		s->head.bodiless = 1;
	if (bytes_low(w0, 5) == BYTES_WORD('P', 'O', 'S', 'T', ' ', 0, 0, 0)) {
		if (len < 14) /* the blank after POST is the one before HTTP/1.1 */
			return HTTP1_LOST;
		s->head.wanted = 1;
		http1_path(s, at + 5);
	}
	return HTTP1_MORE;
}

/* application/octet-stream or application/ilp+octet-stream, at AT. */
static __always_inline int http1_is_ilp(const struct side *s, __u32 at)
{
	__u64 w0 = http1_word(s, at) | BYTES_CASE;
	__u64 w1 = http1_word(s, at + 8) | BYTES_CASE;
	__u64 w2 = http1_word(s, at + 16) | BYTES_CASE;

	if (w0 != BYTES_WORD('a', 'p', 'p', 'l', 'i', 'c', 'a', 't'))
		return 0;
	if (w1 == BYTES_WORD('i', 'o', 'n', '/', 'o', 'c', 't', 'e'))
		return w2 == BYTES_WORD('t', '-', 's', 't', 'r', 'e', 'a', 'm');
	return w1 == BYTES_WORD('i', 'o', 'n', '/', 'i', 'l', 'p', '+') &&
	       w2 == BYTES_WORD('o', 'c', 't', 'e', 't', '-', 's', 't');
}

/* The body's framing and type, from the values found in this window. */
static __always_inline int http1_framing(struct side *s)
{
	__u32 at, len;

	if (s->head.twice & (1 << SPAN_LENGTH | 1 << SPAN_CODING))
		return HTTP1_LOST; /* two framings, or a list of codings: not to be guessed at */
	if (http1_value(s, SPAN_LENGTH, &at, &len)) {
		s->spans[SPAN_LENGTH].len = 0;
		if (!http1_decimal(s, at, len, &s->head.length))
			return HTTP1_LOST;
		s->head.sized = 1;
	}
	if (http1_value(s, SPAN_CODING, &at, &len)) {
		s->spans[SPAN_CODING].len = 0;
		if (bytes_low(http1_word(s, at) | BYTES_CASE, 7) !=
		    BYTES_WORD('c', 'h', 'u', 'n', 'k', 'e', 'd', 0))
			return HTTP1_LOST;
		s->head.chunked = 1;
	}
	if (http1_value(s, SPAN_TYPE, &at, &len)) {
		s->spans[SPAN_TYPE].len = 0;
		s->head.typed = (__u8)http1_is_ilp(s, at);
	}
	return HTTP1_MORE;
}

/* Whom the request goes to and from whom it is. */
static __always_inline void http1_party(struct side *s)
{
	__u32 at, len;

	if (http1_value(s, SPAN_HOST, &at, &len)) {
		if (len > RECORD_HOST_MAX) {
			len = RECORD_HOST_MAX;
			s->head.flags |= RECORD_LONG;
		}
		s->head.host_len = (__u8)len;
		s->head.host_hash = http1_hash(s, SPAN_HOST);
		s->spans[SPAN_HOST].len = 0;
	}
	if (http1_value(s, SPAN_TOKEN, &at, &len)) {
		if (len > 7 && bytes_low(http1_word(s, at) | BYTES_CASE, 7) ==
				       BYTES_WORD('b', 'e', 'a', 'r', 'e', 'r', ' ', 0)) {
			len -= 7;
			s->spans[SPAN_TOKEN].at = (__u16)(at + 7);
			s->spans[SPAN_TOKEN].len = (__u16)len;
		}
		if (len > RECORD_TOKEN_MAX)
			s->head.flags |= RECORD_LONG;
		s->head.token = http1_hash(s, SPAN_TOKEN);
		s->spans[SPAN_TOKEN].len = 0;
	}
	if (http1_value(s, SPAN_ID, &at, &len)) {
		s->head.request_id = http1_hash(s, SPAN_ID);
		s->spans[SPAN_ID].len = 0;
	}
}

/* The values found in this window, before its bytes are replaced. */
static __always_inline int http1_digest(struct side *s)
{
	int err;

	if (s->spans[SPAN_START].len) {
		err = http1_start_line(s);
		s->spans[SPAN_START].len = 0;
		if (err)
			return err;
	}
	err = http1_framing(s);
	if (!err && s->head.request)
		http1_party(s);
	return err;
}

/* --- a head said again --------------------------------------------------------------------- */

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
	if (differ || http1_differ(s, len - HTTP1_BLOCK))
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

/* Reads the lines of WINDOW[s->pos, s->filled) and what they say. */
static __always_inline int http1_read(struct side *s)
{
	int err;

	s->found = (__u8)http1_lines(s, bytes_forget(s->filled));
	if (s->found == LINES_MORE && bytes_forget(s->start) == s->base && s->full &&
	    !s->long_line) {
		/* A line longer than the window: its front is all that counts. */
		if (s->phase == SIDE_CHUNK)
			return HTTP1_LOST;
		if (s->phase == SIDE_HEAD)
			http1_classify(s, s->start, s->filled);
	}
	if (s->phase != SIDE_HEAD)
		return HTTP1_MORE;
	s->last.len = 0; /* its texts are about to be overwritten */
	err = http1_digest(s);
	if (!err && s->fresh && bytes_forget(s->found) == LINES_END)
		http1_remember(s);
	return err;
}

#endif
