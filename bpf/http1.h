/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * http1.h - the bytes of one direction of an HTTP/1.1 connection -> its messages, and of those
 * that carry ILP the packet's head (RFC 9112).
 *
 * In: bytes in order, in pieces of any size, through source_load. Out: side->ready after a step
 * that ended a message that matters: a request announced as ILP, or the final answer to one. The
 * caller takes it (http1_take) before the next step. Everything else is followed only so far that
 * the next message is found.
 *
 * http1_step does one piece of work: one window of header lines, with the body where the window
 * holds all of it, or one fragment of a body, or one chunk-size line. Steps are small because the
 * verifier walks all of them; a run does one, and comes back by a tail call for more.
 *
 * What a run costs is mostly calls: a return from a function is slow on processors that must not
 * speculate past it. So a message in one segment takes one load and no call that can be spared.
 *
 * The includer provides, for its side of the world:
 *   struct source;
 *   int source_load(const struct source *, __u32 off, void *dst, __u32 len);
 *   session_key(), host_key(): const volatile struct siphash_key *
 */
#ifndef TELLTALE_HTTP1_H
#define TELLTALE_HTTP1_H

#include "bytes.h"
#include "flow.h"

enum http1_verdict {
	HTTP1_MORE = 0, /* one step done; more bytes may be left */
	HTTP1_LOST,     /* not a message that can be followed */
	HTTP1_UNREAD,   /* source_load failed */
};

static __always_inline __u8 *http1_at(struct side *s, __u32 at)
{
	return &s->window[at];
}

/* A word of the window at any position, or 0 past its end. */
static __always_inline __u64 http1_word(const struct side *s, __u32 at)
{
	bytes_pin(at);
	if (at > FLOW_WINDOW)
		return 0;
	return bytes_load(&s->window[at]);
}

/* The same for one byte. */
static __always_inline __u8 http1_byte(const struct side *s, __u32 at)
{
	bytes_pin(at);
	return at < FLOW_WINDOW ? s->window[at] : 0;
}

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

static __always_inline void side_reset(struct side *s, __u8 phase)
{
	s->phase = phase;
	s->have = 0;
	s->started = 0;
	s->long_line = 0;
}

/* The next byte begins a message: forget the last one. */
static __always_inline void http1_begin(struct side *s, __u64 now_ns)
{
	s->phase = SIDE_HEAD;
	s->first_ns = now_ns;
	s->body_len = 0;
	s->left = 0;
	s->gathered = 0;
	s->started = 0;
	s->verdict = ILP_MORE;
	s->stream = 0;
	__builtin_memset(&s->head, 0, sizeof(s->head));
	__builtin_memset(s->spans, 0, sizeof(s->spans));
}

/* --- header lines -------------------------------------------------------------------------- */

/* The first of a kind counts, as in Node.js, whatever window the next one falls into. */
static __always_inline void http1_span(struct side *s, __u32 span, __u32 at, __u32 end)
{
	if (s->head.seen & (1 << span)) {
		s->head.twice |= (__u8)(1 << span);
		return;
	}
	s->head.seen |= (__u8)(1 << span);
	s->spans[span].at = (__u16)at;
	s->spans[span].len = at < end ? (__u16)(end - at) : 0;
}

/* Which header is it? WINDOW[at, end) is a line up to its LF. */
static __always_inline void http1_classify(struct side *s, __u32 at, __u32 end)
{
	__u64 w0, w1;

	if (!s->started) {
		s->started = 1;
		http1_span(s, SPAN_START, at, end);
		return;
	}
	w0 = http1_word(s, at) | BYTES_CASE;
	if (w0 == BYTES_WORD('c', 'o', 'n', 't', 'e', 'n', 't', '-')) {
		w1 = http1_word(s, at + 8) | BYTES_CASE;
		if (bytes_low(w1, 7) == BYTES_WORD('l', 'e', 'n', 'g', 't', 'h', ':', 0))
			http1_span(s, SPAN_LENGTH, at + 15, end);
		else if (bytes_low(w1, 5) == BYTES_WORD('t', 'y', 'p', 'e', ':', 0, 0, 0))
			http1_span(s, SPAN_TYPE, at + 13, end);
	} else if (bytes_low(w0, 5) == BYTES_WORD('h', 'o', 's', 't', ':', 0, 0, 0)) {
		http1_span(s, SPAN_HOST, at + 5, end);
	} else if (w0 == BYTES_WORD('a', 'u', 't', 'h', 'o', 'r', 'i', 'z')) {
		w1 = http1_word(s, at + 8) | BYTES_CASE;
		if (bytes_low(w1, 6) == BYTES_WORD('a', 't', 'i', 'o', 'n', ':', 0, 0))
			http1_span(s, SPAN_TOKEN, at + 14, end);
	} else if (w0 == BYTES_WORD('t', 'r', 'a', 'n', 's', 'f', 'e', 'r')) {
		w1 = http1_word(s, at + 8) | BYTES_CASE;
		if (w1 == BYTES_WORD('-', 'e', 'n', 'c', 'o', 'd', 'i', 'n'))
			http1_span(s, SPAN_CODING, at + 18, end);
	} else if (w0 == BYTES_WORD('r', 'e', 'q', 'u', 'e', 's', 't', '-')) {
		w1 = http1_word(s, at + 8) | BYTES_CASE;
		if (bytes_low(w1, 3) == BYTES_WORD('i', 'd', ':', 0, 0, 0, 0, 0))
			http1_span(s, SPAN_ID, at + 11, end);
	}
}

/* Words looked at in one turn; FLOW_SLACK has room for all but the first. */
#define HTTP1_STRIDE 4
/* Enough to cross the window without a line end. Heads of very many very short lines need another
 * step. */
#define HTTP1_TURNS (FLOW_HEAD_WINDOW / (8 * HTTP1_STRIDE) + 40)

enum http1_lines {
	LINES_MORE, /* no end in sight in this window */
	LINES_END,  /* the blank line that ends a head or a trailer; s->pos is past it */
	LINES_ONE,  /* one chunk-size line at s->start; s->pos is past it */
};

/*
 * Scans WINDOW[s->pos, filled) for line ends; the line that s->pos lies in began at s->start. Each
 * turn takes a few words or ends one line. pos and start live in memory: in registers their ranges
 * would differ on each path, and the verifier could not see that all paths meet again.
 */
static __always_inline int http1_lines(struct side *s, __u32 filled)
{
	__u32 turn;

	BYTES_LOOP
	for (turn = 0; turn < HTTP1_TURNS; turn++) {
		__u32 pos = bytes_forget(s->pos), start;
		__u64 found, found1, found2, found3;
		const __u8 *at;

		bytes_pin(pos);
		if (pos >= filled || pos >= FLOW_WINDOW)
			return LINES_MORE;
		at = &s->window[pos];
		found = bytes_find(bytes_load(at), '\n');
		found1 = bytes_find(bytes_load(at + 8), '\n');
		found2 = bytes_find(bytes_load(at + 16), '\n');
		found3 = bytes_find(bytes_load(at + 24), '\n');
		if (!(found | found1 | found2 | found3)) {
			s->pos = pos + 8 * HTTP1_STRIDE;
			continue;
		}
		if (!found) {
			pos += 8;
			found = found1;
		}
		if (!found) {
			pos += 8;
			found = found2;
		}
		if (!found) {
			pos += 8;
			found = found3;
		}
		pos += bytes_index(found);
		start = bytes_forget(s->start);
		if (pos >= filled)
			return LINES_MORE;
		s->pos = pos + 1;
		if (s->long_line) {
			s->long_line = 0;
			s->start = pos + 1;
			continue;
		}
		if (pos > start + 1 || (pos == start + 1 && http1_byte(s, start) != '\r')) {
			if (s->phase == SIDE_CHUNK)
				return LINES_ONE;
			if (s->phase == SIDE_HEAD)
				http1_classify(s, start, pos);
		} else if (s->phase == SIDE_TRAILER || (s->phase == SIDE_HEAD && s->started)) {
			s->start = pos + 1;
			return LINES_END;
		} /* else: a blank line before a message, or the line end after a chunk */
		s->start = pos + 1;
	}
	return LINES_MORE;
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

/* --- messages ------------------------------------------------------------------------------ */

/* The message is complete, or as much of it as will be seen (CUT): s->ready says whether anyone
 * wants to know. */
static __always_inline void http1_finish(struct flow_common *c, struct side *s, int cut)
{
	__u8 kind = RECORD_KIND_NONE;

	if (s->head.wanted && s->verdict == ILP_DONE && (cut || s->ilp.size <= s->body_len)) {
		kind = s->ilp.kind;
		if (s->ilp.size < s->body_len)
			s->head.flags |= RECORD_TRAILING;
		if (kind == RECORD_KIND_PREPARE && s->ilp.peer)
			s->head.flags |= RECORD_PEER;
	} else if (s->head.request || (s->head.status == 200 && s->body_len)) {
		kind = RECORD_KIND_BAD;
	}
	if (cut)
		s->head.flags |= RECORD_CUT;
	if (s->head.request && kind == RECORD_KIND_BAD)
		c->wanted &= ~(1ULL << (s->stream & 63));
	s->kind = kind;
	s->ready = s->head.wanted;
	side_reset(s, SIDE_START);
}

/* A request's head is complete: it is the next exchange of its connection. */
static __always_inline void http1_request(struct flow_common *c, struct side *s)
{
	__u64 bit;

	if (c->unsure) {
		/* An answer was lost in a gap. Without pipelining, a new request means that all
		 * earlier ones have been answered. */
		c->answers = c->requests;
		c->unsure = 0;
	}
	s->head.wanted = s->head.wanted && s->head.typed;
	s->stream = ++c->requests;
	bit = 1ULL << (s->stream & 63);
	c->wanted = s->head.wanted ? c->wanted | bit : c->wanted & ~bit;
	c->headless = s->head.bodiless ? c->headless | bit : c->headless & ~bit;
	s->head.bodiless = 0; /* that was about the answer */
	c->role = s->out ? RECORD_ROLE_CLIENT : RECORD_ROLE_SERVER;
	s->head.sized = 1; /* with neither framing header a request has no body */
}

/* A response's head is complete: the next answer, an interim one, or one to a request not seen. */
static __always_inline void http1_response(struct flow_common *c, struct side *s)
{
	s->head.wanted = 0;
	if (s->head.status < 200) {
		s->head.bodiless = 1;
		return;
	}
	s->head.bodiless = s->head.status == 204 || s->head.status == 304;
	if (c->answers == c->requests)
		return;
	s->stream = ++c->answers;
	s->head.wanted = (c->wanted >> (s->stream & 63)) & 1;
	s->head.bodiless |= (c->headless >> (s->stream & 63)) & 1;
}

/* The head is complete: what body follows? */
static __always_inline void http1_framed(struct flow_common *c, struct side *s)
{
	if (s->head.request)
		http1_request(c, s);
	else
		http1_response(c, s);
	s->have = 0;
	s->left = s->head.length;
	if (s->head.status == 101)
		s->phase = SIDE_IGNORE;
	else if (s->head.bodiless || (!s->head.chunked && s->head.sized && !s->left))
		http1_finish(c, s, 0);
	else if (s->head.chunked)
		s->phase = SIDE_CHUNK;
	else if (!s->head.sized)
		s->phase = SIDE_UNTIL_CLOSE;
	else
		s->phase = s->head.wanted ? SIDE_BODY : SIDE_SKIP;
}

/* --- steps --------------------------------------------------------------------------------- */

/* The chunk-size line at s->start, such as "1a;name=value". */
static __always_inline int http1_chunk(struct side *s)
{
	__u32 i, at = s->start;
	__u64 n = 0;

	BYTES_LOOP
	for (i = 0; i < 16; i++) {
		__u8 c = http1_byte(s, at + i) | 0x20;

		if (c >= '0' && c <= '9')
			c -= '0';
		else if (c >= 'a' && c <= 'f')
			c -= 'a' - 10;
		else
			break;
		n = n << 4 | c;
	}
	if (i == 0 || i == 16)
		return HTTP1_LOST;
	s->left = n;
	if (!n)
		s->phase = SIDE_TRAILER;
	else
		s->phase = s->head.wanted && s->verdict == ILP_MORE ? SIDE_BODY : SIDE_SKIP;
	return HTTP1_MORE;
}

/* When the window holds the whole body too, it is read where it lies. */
static __always_inline void http1_in_window(struct side *s)
{
	if (s->phase != SIDE_BODY || s->left > s->filled - s->start)
		return;
	s->body_at = (__u16)s->start;
	s->gathered = (__u16)s->left;
	s->fragment = (__u32)s->left;
	s->complete = 1;
	s->unparsed = 1;
}

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

/* Puts more bytes into the window of lines. What is known of it then stands in memory, where paths
 * meet again for the verifier. */
static __always_inline int http1_load(const struct source *src, struct side *s)
{
	__u32 base, have, room, n;

	s->base = s->phase == SIDE_HEAD ? 0 : ILP_HEAD_MAX;
	s->room = s->phase == SIDE_HEAD ? FLOW_HEAD_WINDOW : FLOW_CHUNK_WINDOW;
	base = bytes_forget(s->base);
	room = bytes_forget(s->room);
	have = s->have;
	if (have >= room || base + have >= FLOW_WINDOW)
		return HTTP1_LOST;
	room -= have;
	n = s->end - s->off;
	if (n > room)
		n = room;
	if (!bytes_from_1_to(&n, FLOW_WINDOW))
		return HTTP1_LOST;
	if (source_load(src, s->off, &s->window[bytes_mask(base + have, FLOW_MASK)], n))
		return HTTP1_UNREAD;
	s->fresh = s->phase == SIDE_HEAD && !s->started && !have;
	s->full = n == room;
	s->start = base;
	s->pos = base + have;
	s->filled = base + have + n;
	return HTTP1_MORE;
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

/* One window of lines. */
static __always_inline int http1_step_lines(const struct source *src, struct flow_common *c,
					    struct side *s)
{
	__u32 before, used;
	int err = http1_load(src, s);

	if (err)
		return err;
	if (!bytes_forget(s->fresh) || !http1_recall(s)) {
		err = http1_read(s);
		if (err)
			return err;
	}
	before = s->base + bytes_forget(s->have);
	if (bytes_forget(s->found) == LINES_MORE && bytes_forget(s->start) == s->base) {
		s->off += s->filled - before;
		s->have = s->full ? 0 : (__u16)(s->filled - s->base);
		s->long_line |= s->full;
		return HTTP1_MORE;
	}
	/* Bytes after the last whole line are read again in the next step. */
	used = s->found == LINES_ONE ? s->pos : s->start;
	s->off += used - before;
	s->have = 0;
	if (s->found == LINES_ONE)
		return http1_chunk(s);
	if (s->found == LINES_END && s->phase == SIDE_HEAD) {
		http1_framed(c, s);
		http1_in_window(s);
	} else if (s->found == LINES_END) {
		http1_finish(c, s, 0);
	}
	return HTTP1_MORE;
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

/* The fragment in hand is done with. */
static __always_inline void http1_pass(struct flow_common *c, struct side *s)
{
	__u32 n = s->fragment;

	s->off += n;
	s->body_len += n;
	if (s->phase == SIDE_UNTIL_CLOSE)
		return;
	s->left -= n;
	if (s->left)
		return;
	if (s->head.chunked)
		s->phase = SIDE_CHUNK;
	else
		http1_finish(c, s, 0);
}

/* The caller has SRC[s->off, s->end) with at least one byte, and s->phase is not LOST or IGNORE. */
static __always_inline int http1_step(const struct source *src, struct flow_common *c,
				      struct side *s, __u64 now_ns)
{
	int err;

	if (s->phase == SIDE_START)
		http1_begin(s, now_ns);
	s->fragment = 0;
	s->unparsed = 0;
	s->in_lines = s->phase == SIDE_HEAD || s->phase == SIDE_CHUNK || s->phase == SIDE_TRAILER;
	if (bytes_forget(s->in_lines))
		err = http1_step_lines(src, c, s);
	else
		err = http1_step_body(src, s);
	if (err)
		return err;
	if (bytes_forget(s->unparsed))
		http1_parse(s);
	if (bytes_forget(s->fragment))
		http1_pass(c, s);
	return HTTP1_MORE;
}

/* The direction ends here, or its bytes can no longer be followed: a message whose packet is known
 * already still counts. */
static __always_inline void http1_cut(struct flow_common *c, struct side *s, int closed)
{
	if (closed && s->phase == SIDE_UNTIL_CLOSE)
		http1_finish(c, s, 0);
	else if ((s->phase == SIDE_SKIP || s->phase == SIDE_CHUNK || s->phase == SIDE_TRAILER ||
		  s->phase == SIDE_UNTIL_CLOSE) &&
		 s->head.wanted && s->verdict == ILP_DONE)
		http1_finish(c, s, 1);
	if (!s->head.request)
		c->unsure = 1;
	side_reset(s, SIDE_LOST);
}

/* Is there a message to report? At most once each. */
static __always_inline int http1_take(struct side *s)
{
	int ready = s->ready;

	s->ready = 0;
	return ready;
}

/* May this begin a message? WORD holds the first LEN bytes, 1 or more; those past 8 do not count.
 */
static __always_inline int http1_begins(__u64 word, __u32 len)
{
	__u32 post = len < 5 ? len : 5, http = len < 7 ? len : 7;

	return bytes_low(word, post) ==
		       bytes_low(BYTES_WORD('P', 'O', 'S', 'T', ' ', 0, 0, 0), post) ||
	       bytes_low(word, http) ==
		       bytes_low(BYTES_WORD('H', 'T', 'T', 'P', '/', '1', '.', 0), http);
}

#endif
