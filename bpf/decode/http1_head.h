/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * http1_head.h - the lines of a head -> struct head: what the message is, how its body is framed,
 * whom it goes to and from whom it is.
 *
 * Values are read from the window before its bytes are replaced.
 */
#ifndef TELLTALE_HTTP1_HEAD_H
#define TELLTALE_HTTP1_HEAD_H

#include "http1_again.h"
#include "http1_body.h"
#include "http1_lines.h"

/* --- values -------------------------------------------------------------------------------- */

/*
 * The keyed hash of a header value, as much of it as counts: h->spans[span], which is read here and
 * not passed, so that the verifier does not carry what the loop learns of it back to the caller.
 */
bytes_function __u64 http1_hash(struct side *s, enum flow_span span)
{
	struct http1 *h = &s->http1;
	struct message *m = &s->message;
	__u32 at = h->spans[span].at, len = h->spans[span].len;

	switch (span) {
	case SPAN_START:
		return bytes_hash(h->window, sizeof(h->window), at, len, RECORD_PATH_MAX, 0,
				  m->path, session_key());
	case SPAN_HOST:
		return bytes_hash(h->window, sizeof(h->window), at, len, RECORD_HOST_MAX, 0x20,
				  m->host, session_key());
	case SPAN_TOKEN:
		return bytes_hash(h->window, sizeof(h->window), at, len, RECORD_TOKEN_MAX, 0, 0,
				  host_key());
	default:
		return bytes_hash(h->window, sizeof(h->window), at, len, 40, 0x20, 0,
				  session_key());
	}
}

static __always_inline int http1_blank(__u8 c)
{
	return c == ' ' || c == '\t';
}

/* With so many blanks round its values, where there are more than usual, a head is not followed: of
 * one window no more can be taken off, and what is read of a head must not hang on its windows. */
#define HTTP1_BLANKS 64

/*
 * Takes the blanks off both ends of all values in the window. It is seldom called, because most
 * values have one blank at the front and none at the end. A turn takes one blank off each end of a
 * value, or goes on to the next value. It does not branch: for each branch the verifier would walk
 * all turns that are left. Tabs around codings stay, because some implementations, Node.js among
 * them, take them for part of the name.
 */
bytes_function int http1_strip(struct http1 *h)
{
	__u64 blanks = 0;
	__u32 i;

	h->span = SPAN_HOST;
	BYTES_LOOP
	for (i = 0; i < HTTP1_BLANKS + SPANS; i++) {
		__u32 span = bytes_forget(h->span), at, last;
		__u64 len, front, back, tab;

		if (span >= SPANS)
			break;
		at = bytes_forget(h->spans[span].at);
		len = bytes_forget(h->spans[span].len);
		last = at + (__u32)(len - 1 + http1_zero(len));
		bytes_pin(at);
		bytes_pin(last);
		if (at >= FLOW_WINDOW || last >= FLOW_WINDOW)
			break;
		front = h->window[at];
		back = h->window[last];
		tab = 1 - http1_zero(span ^ SPAN_CODING);
		front = (http1_zero(front ^ ' ') | (http1_zero(front ^ '\t') & tab)) &
			~http1_zero(len);
		len -= front;
		back = (http1_zero(back ^ ' ') | (http1_zero(back ^ '\t') & tab)) &
		       ~http1_zero(len);
		h->spans[span].at = (__u16)(at + front);
		h->spans[span].len = (__u16)(len - back);
		h->span = (__u8)(span + http1_zero(front | back));
		blanks += front + back;
	}
	h->framing.blanks += (__u16)blanks;
	return 0;
}

/* Line ends and blanks around the values found in the window are no part of them. */
static __always_inline void http1_tidy(struct http1 *h)
{
	__u32 span;

	h->untidy = 0;
	BYTES_LOOP
	for (span = SPAN_HOST; span < SPANS; span++) {
		__u32 at = bytes_forget(h->spans[span].at);
		__u32 len = bytes_forget(h->spans[span].len);

		if (!len)
			continue;
		if (http1_byte(h, at + len - 1) == '\r')
			len--;
		if (len && http1_byte(h, at) == ' ') {
			at++;
			len--;
		}
		h->spans[span].at = (__u16)at;
		h->spans[span].len = (__u16)len;
		if (http1_blank(http1_byte(h, at)) || http1_blank(http1_byte(h, at + len - 1)))
			h->untidy = 1;
	}
	if (bytes_forget(h->untidy))
		http1_strip(h);
}

/* Takes the value found for SPAN. False when none was found, or an empty one. */
static __always_inline int http1_value(struct http1 *h, enum flow_span span, __u32 *at, __u32 *len)
{
	*at = bytes_forget(h->spans[span].at);
	*len = bytes_forget(h->spans[span].len);
	return *len > 0;
}

/* A decimal number of at most 18 digits; false when it is none. */
static __always_inline int http1_decimal(const struct http1 *h, __u32 at, __u32 len, __u64 *out)
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
		c = http1_byte(h, at + i);
		if (c < '0' || c > '9')
			return 0;
		n = n * 10 + (c - '0');
	}
	*out = n;
	return i > 0;
}

/* A coding that changes nothing. */
static __always_inline int http1_is_identity(const struct http1 *h, __u32 at, __u32 len)
{
	return len == 8 && (http1_word(h, at) | BYTES_CASE) ==
				   BYTES_WORD('i', 'd', 'e', 'n', 't', 'i', 't', 'y');
}

/* Is "chunked" the last coding of the list at AT? */
static __always_inline void http1_coding(struct http1 *h, __u32 at, __u32 len)
{
	__u8 before;

	h->framing.chunked = 0;
	h->framing.unclear = 0;
	if (http1_blank(http1_byte(h, at + len - 1))) {
		h->framing.unclear = 1; /* a tab, or more blanks than are taken off */
		return;
	}
	if (http1_is_identity(h, at, len))
		return;
	h->framing.encoded |= len != 7; /* by another coding, or one more */
	if (len < 7 || bytes_low(http1_word(h, at + len - 7) | BYTES_CASE, 7) !=
			       BYTES_WORD('c', 'h', 'u', 'n', 'k', 'e', 'd', 0))
		return;
	h->framing.chunked = 1;
	if (len == 7)
		return;
	before = http1_byte(h, at + len - 8);
	if (http1_blank(before) && len > 8)
		before = http1_byte(h, at + len - 9);
	if (before == ',')
		return;
	h->framing.unclear = http1_blank(before) | http1_blank(http1_byte(h, at + len - 8));
	h->framing.chunked = h->framing.unclear; /* else the end of a longer name */
}

/*
 * The target of a request to a proxy, "http://host/path": its host is the one that is asked,
 * whatever Host says (RFC 9112, 3.2.2). Moves h->spans[SPAN_START].at to the path.
 */
static __always_inline void http1_authority(struct http1 *h)
{
	__u32 at = bytes_forget(h->spans[SPAN_START].at), i, len = 0;
	__u64 w = http1_word(h, at) | BYTES_CASE, found = 0;

	if (bytes_low(w, 7) == BYTES_WORD('h', 't', 't', 'p', ':', '/', '/', 0))
		at += 7;
	else if (w == BYTES_WORD('h', 't', 't', 'p', 's', ':', '/', '/'))
		at += 8;
	else
		return;
	BYTES_LOOP
	for (i = 0; i <= RECORD_HOST_MAX / 8; i++) {
		w = http1_word(h, at + i * 8);
		found = bytes_find(w, '/') | bytes_find(w, '?') | bytes_find(w, ' ');
		if (found) {
			len = i * 8 + bytes_index(found);
			break;
		}
	}
	if (!len)
		return;
	h->framing.seen |= 1 << SPAN_HOST;
	h->spans[SPAN_HOST].at = (__u16)at;
	h->spans[SPAN_HOST].len = (__u16)len;
	h->spans[SPAN_START].at = (__u16)(at + len);
}

/* The path of "POST /path?query HTTP/1.1", which begins at h->spans[SPAN_START].at. */
static __always_inline void http1_path(struct side *s)
{
	struct http1 *h = &s->http1;
	struct message *m = &s->message;
	__u32 at = bytes_forget(h->spans[SPAN_START].at), i, len = 0;

	BYTES_LOOP
	for (i = 0; i < RECORD_PATH_MAX / 8; i++) {
		__u64 w = http1_word(h, at + i * 8);
		__u64 found = bytes_find(w, ' ') | bytes_find(w, '?');

		len = i * 8 + 8;
		if (found) {
			len = i * 8 + bytes_index(found);
			break;
		}
	}
	if (len >= RECORD_PATH_MAX)
		m->head.flags |= RECORD_LONG;
	m->head.path_len = (__u8)len;
	h->spans[SPAN_START].len = (__u16)len;
	m->head.path_hash = http1_hash(s, SPAN_START);
}

/* "HTTP/1.1 200 OK". */
static __always_inline int http1_status_line(struct side *s, __u32 at, __u32 len)
{
	struct http1 *h = &s->http1;
	struct message *m = &s->message;
	__u64 code = http1_word(h, at + 8);
	__u8 a = (__u8)(code >> 8) - '0', b = (__u8)(code >> 16) - '0',
	     c = (__u8)(code >> 24) - '0', after = (__u8)(code >> 32);

	if ((__u8)code != ' ' || a < 1 || a > 9 || b > 9 || c > 9)
		return HTTP1_LOST;
	if (len > 12 && after != ' ')
		return HTTP1_LOST;
	m->head.status = a * 100 + b * 10 + c;
	return HTTP1_MORE;
}

/* Does the line end in " HTTP/1.1"? Of one longer than the window that is not known: it is taken
 * for a request when its target begins where one would. */
static __always_inline int http1_is_request(const struct http1 *h, __u32 at, __u32 len, __u64 w0)
{
	__u64 blank = bytes_find(w0, ' ');
	__u8 last;

	if ((__u8)w0 < 'A' || (__u8)w0 > 'Z')
		return 0;
	if (len >= FLOW_WINDOW)
		return blank && http1_byte(h, at + bytes_index(blank) + 1) == '/';
	last = http1_byte(h, at + len - 1);
	return http1_word(h, at + len - 9) == BYTES_WORD(' ', 'H', 'T', 'T', 'P', '/', '1', '.') &&
	       last >= '0' && last <= '9';
}

/* "POST /path HTTP/1.1" or "HTTP/1.1 200 OK". */
static __always_inline int http1_start_line(struct side *s)
{
	struct http1 *h = &s->http1;
	struct message *m = &s->message;
	__u32 at, len;
	__u64 w0;

	at = bytes_forget(h->spans[SPAN_START].at);
	len = bytes_forget(h->spans[SPAN_START].len);
	if (len && http1_byte(h, at + len - 1) == '\r')
		len--;
	if (len < 12)
		return HTTP1_LOST;
	w0 = http1_word(h, at);
	if (bytes_low(w0, 7) == BYTES_WORD('H', 'T', 'T', 'P', '/', '1', '.', 0))
		return http1_status_line(s, at, len);
	if (!http1_is_request(h, at, len, w0))
		return HTTP1_LOST;
	m->head.request = 1;
	m->head.flags |= RECORD_REQUEST;
	if (bytes_low(w0, 5) == BYTES_WORD('H', 'E', 'A', 'D', ' ', 0, 0, 0))
		h->framing.bodiless = 1;
	if (w0 == BYTES_WORD('C', 'O', 'N', 'N', 'E', 'C', 'T', ' '))
		h->framing.connect = 1;
	if (bytes_low(w0, 5) == BYTES_WORD('P', 'O', 'S', 'T', ' ', 0, 0, 0)) {
		/* The blank after POST is the one before HTTP/1.1, or not the only one. */
		if (len < 14 || http1_byte(h, at + 5) == ' ')
			return HTTP1_LOST;
		m->head.wanted = 1;
		h->spans[SPAN_START].at = (__u16)(at + 5);
		http1_authority(h);
		http1_path(s);
	}
	return HTTP1_MORE;
}

/* application/octet-stream or application/ilp+octet-stream, at AT, and perhaps parameters. */
static __always_inline int http1_is_ilp(const struct http1 *h, __u32 at, __u32 len)
{
	__u64 w0 = http1_word(h, at) | BYTES_CASE;
	__u64 w1 = http1_word(h, at + 8) | BYTES_CASE;
	__u64 w2 = http1_word(h, at + 16) | BYTES_CASE;
	__u32 size = 24;
	__u8 after;

	if (w0 != BYTES_WORD('a', 'p', 'p', 'l', 'i', 'c', 'a', 't'))
		return 0;
	if (w1 == BYTES_WORD('i', 'o', 'n', '/', 'i', 'l', 'p', '+')) {
		if (bytes_low(http1_word(h, at + 24) | BYTES_CASE, 4) !=
		    BYTES_WORD('r', 'e', 'a', 'm', 0, 0, 0, 0))
			return 0;
		if (w2 != BYTES_WORD('o', 'c', 't', 'e', 't', '-', 's', 't'))
			return 0;
		size = 28;
	} else if (w1 != BYTES_WORD('i', 'o', 'n', '/', 'o', 'c', 't', 'e') ||
		   w2 != BYTES_WORD('t', '-', 's', 't', 'r', 'e', 'a', 'm')) {
		return 0;
	}
	if (len <= size)
		return len == size;
	after = http1_byte(h, at + size);
	return after == ';' || http1_blank(after);
}

/* The body's framing and type, from the values found in this window. */
static __always_inline int http1_framing(struct http1 *h)
{
	__u32 at, len;

	if (h->framing.doubt & (1 << SPAN_LENGTH | 1 << SPAN_CODING))
		return HTTP1_LOST; /* the framing must not be guessed */
	if (http1_value(h, SPAN_LENGTH, &at, &len)) {
		h->spans[SPAN_LENGTH].len = 0;
		if (!http1_decimal(h, at, len, &h->framing.length))
			return HTTP1_LOST;
		h->framing.sized = 1;
		h->last.length_at = (__u16)at;
		h->last.length_len = (__u8)len;
	}
	if (http1_value(h, SPAN_CODING, &at, &len)) {
		h->spans[SPAN_CODING].len = 0;
		http1_coding(h, at, len);
	}
	if (http1_value(h, SPAN_TYPE, &at, &len)) {
		h->spans[SPAN_TYPE].len = 0;
		h->framing.typed = (__u8)http1_is_ilp(h, at, len);
	}
	if (h->framing.doubt & 1 << SPAN_ENCODED)
		h->framing.encoded = 1;
	if (http1_value(h, SPAN_ENCODED, &at, &len)) {
		h->spans[SPAN_ENCODED].len = 0;
		h->framing.encoded |= !http1_is_identity(h, at, len);
	}
	return HTTP1_MORE;
}

/* The credentials at AT: of "Bearer secret" the token is "secret". */
static __always_inline void http1_token(struct side *s, __u32 at, __u32 len)
{
	struct http1 *h = &s->http1;
	struct message *m = &s->message;
	__u32 i;

	if (len > 7 && bytes_low(http1_word(h, at) | BYTES_CASE, 7) ==
			       BYTES_WORD('b', 'e', 'a', 'r', 'e', 'r', ' ', 0)) {
		h->spans[SPAN_TOKEN].at += 7;
		h->spans[SPAN_TOKEN].len -= 7;
		BYTES_LOOP
		for (i = 0; i < 8 && http1_blank(http1_byte(h, at + 7 + i)); i++) {
			h->spans[SPAN_TOKEN].at++;
			h->spans[SPAN_TOKEN].len--;
		}
	}
	if (bytes_forget(h->spans[SPAN_TOKEN].len) > RECORD_TOKEN_MAX)
		m->head.flags |= RECORD_LONG;
	m->head.token = http1_hash(s, SPAN_TOKEN);
	h->spans[SPAN_TOKEN].len = 0;
}

/* Whom the request goes to and from whom it is. */
static __always_inline void http1_party(struct side *s)
{
	struct http1 *h = &s->http1;
	struct message *m = &s->message;
	__u32 at, len;

	if (http1_value(h, SPAN_HOST, &at, &len)) {
		if (len > RECORD_HOST_MAX) {
			len = RECORD_HOST_MAX;
			m->head.flags |= RECORD_LONG;
		}
		m->head.host_len = (__u8)len;
		m->head.host_hash = http1_hash(s, SPAN_HOST);
		h->spans[SPAN_HOST].len = 0;
	}
	if (http1_value(h, SPAN_TOKEN, &at, &len))
		http1_token(s, at, len);
	if (http1_value(h, SPAN_ID, &at, &len)) {
		m->head.request_id = http1_hash(s, SPAN_ID);
		h->spans[SPAN_ID].len = 0;
	}
}

/* The values found in this window, before its bytes are replaced. */
static __always_inline int http1_digest(struct side *s)
{
	struct http1 *h = &s->http1;
	struct message *m = &s->message;
	int err;

	if (h->spans[SPAN_START].len) {
		err = http1_start_line(s);
		h->spans[SPAN_START].len = 0;
		if (err)
			return err;
	}
	http1_tidy(h);
	err = http1_framing(h);
	if (!err && m->head.request)
		http1_party(s);
	return err;
}

/* --- all of it ------------------------------------------------------------------------------ */

/* Reads the lines of WINDOW[h->pos, h->filled) and what they say. */
static __always_inline int http1_read(const struct source *src, struct side *s, int usual)
{
	struct http1 *h = &s->http1;
	int err;

	h->found = (__u8)http1_lines(h, bytes_forget(h->filled));
	if (h->found == LINES_MORE && bytes_forget(h->start) == h->base && h->full &&
	    !h->long_line) {
		/* A line longer than the window: its front is all that counts, and no framing may
		 * rest on it. */
		if (h->phase == PHASE_CHUNK)
			return http1_chunk_size(h);
		if (h->phase == PHASE_HEAD) {
			http1_classify(h, h->start, h->filled);
			h->framing.doubt |= h->framing.line;
		}
	}
	if (h->phase != PHASE_HEAD)
		return HTTP1_MORE;
	h->last.len = 0; /* its texts are about to be overwritten */
	h->last.length_len = 0;
	h->last.tame = 0;
	err = http1_digest(s);
	if (!err && h->fresh && bytes_forget(h->found) == LINES_END)
		http1_remember(src, s, usual);
	return err;
}

#endif
