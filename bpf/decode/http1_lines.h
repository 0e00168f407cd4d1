/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * http1_lines.h - the window of a direction: bytes of a head or of chunk framing -> lines, and
 * which of a head's lines say something that matters here.
 *
 * In: bytes through source_load. Out: spans, where in the window the start line and each
 * known header's value lie; start, where the line that comes next begins. A line may be cut
 * anywhere and be longer than the window: its front is then all that counts.
 */
#ifndef TELLTALE_HTTP1_LINES_H
#define TELLTALE_HTTP1_LINES_H

#include "bytes.h"
#include "flow.h"

enum http1_verdict {
	HTTP1_MORE = 0, /* one step done; more bytes may be left */
	HTTP1_LOST,     /* not a message that can be followed */
	HTTP1_UNREAD,   /* source_load failed */
};

/* A word of the window at any position, or 0 past its end. */
static __always_inline __u64 http1_word(const struct http1 *h, __u32 at)
{
	bytes_pin(at);
	if (at > FLOW_WINDOW)
		return 0;
	return bytes_load(&h->window[at]);
}

/* The same for one byte. */
static __always_inline __u8 http1_byte(const struct http1 *h, __u32 at)
{
	bytes_pin(at);
	return at < FLOW_WINDOW ? h->window[at] : 0;
}

/* 1 for 0, else 0, of numbers far below 2^63, and without a branch. */
static __always_inline __u64 http1_zero(__u64 x)
{
	bytes_pin(x);
	x = (x - 1) >> 63;
	bytes_pin(x);
	return x;
}

/* Of headers with the same name the first counts, as in Node.js, even if the next one is in another
 * window. Transfer-Encoding is the exception: its last list of codings says how the body ends. */
static __always_inline void http1_span(struct http1 *h, __u32 span, __u32 at, __u32 end)
{
	__u8 bit = (__u8)(1 << span);

	h->framing.line = bit;
	if (h->framing.seen & bit && span == SPAN_CODING)
		h->framing.encoded = 1; /* chunks are one coding */
	if (h->framing.seen & bit && span != SPAN_CODING) {
		h->framing.doubt |= bit;
		return;
	}
	h->framing.seen |= bit;
	h->spans[span].at = (__u16)at;
	h->spans[span].len = at < end ? (__u16)(end - at) : 0;
}

/* C is the character after the name of a header that framing depends on, in lower case. Some
 * implementations take a blank there for part of the name, others ignore it. */
static __always_inline void http1_colon(struct http1 *h, __u32 span, __u8 c, __u32 at, __u32 end)
{
	if (c == ':')
		http1_span(h, span, at, end);
	else if (c == ' ' || c == ('\t' | 0x20))
		h->framing.doubt |= (__u8)(1 << span);
}

/* VALUE: the first six bytes of a list of codings, behind C. Only the last list of a window is
 * read. So an empty one, behind another, would hide that: the head is in doubt. */
static __always_inline void http1_list(struct http1 *h, __u8 c, __u64 value)
{
	__u64 other = bytes_other(value, ' ') & bytes_other(value, '\t');
	__u32 visible = (__u8)(value >> bytes_index(other) * 8), empty = (visible - 0x21) >> 31;

	empty &= (__u32)http1_zero(c ^ ':');
	bytes_pin(empty);
	h->framing.doubt |= (__u8)(empty << SPAN_CODING);
}

/* Does a line of the PROXY protocol begin with WORD? See http1_proxy. */
static __always_inline int http1_is_proxy(__u64 word)
{
	return bytes_low(word, 6) == BYTES_WORD('P', 'R', 'O', 'X', 'Y', ' ', 0, 0);
}

/* WINDOW[at, end) is a line that has been read: notes it among the others if it says nothing that
 * matters here. Without a branch, after which the verifier would walk all other lines twice. */
static __always_inline void http1_note_other(struct http1 *h, __u32 at, __u32 end)
{
	__u32 n = bytes_forget(h->noted);
	struct flow_slice *other = &h->others[bytes_mask(n, 2 * FLOW_WILD_LINES - 1)];

	other->at = (__u16)at;
	other->len = (__u16)(end - at);
	n += http1_zero(bytes_forget(h->framing.line));
	h->noted = (__u8)(n - (n / FLOW_WILD_LINES & n)); /* one more than all is all */
}

/* Which header is it? WINDOW[at, end) is a line up to its LF. */
static __always_inline void http1_classify(struct http1 *h, __u32 at, __u32 end)
{
	__u64 w0, w1, w2;

	w0 = http1_word(h, at);
	if (!h->started) {
		if (http1_is_proxy(w0))
			return;
		h->started = 1;
		http1_span(h, SPAN_START, at, end);
		return;
	}
	if ((__u8)w0 == ' ' || (__u8)w0 == '\t') {
		/* The line before goes on here (obs-fold): its value is not all there is. */
		h->framing.doubt |= h->framing.line;
		return;
	}
	w0 |= BYTES_CASE;
	h->framing.line = 0;
	if (w0 == BYTES_WORD('c', 'o', 'n', 't', 'e', 'n', 't', '-')) {
		w1 = http1_word(h, at + 8) | BYTES_CASE;
		if (bytes_low(w1, 6) == BYTES_WORD('l', 'e', 'n', 'g', 't', 'h', 0, 0))
			http1_colon(h, SPAN_LENGTH, (__u8)(w1 >> 48), at + 15, end);
		else if (bytes_low(w1, 5) == BYTES_WORD('t', 'y', 'p', 'e', ':', 0, 0, 0))
			http1_span(h, SPAN_TYPE, at + 13, end);
		else if (w1 == BYTES_WORD('e', 'n', 'c', 'o', 'd', 'i', 'n', 'g') &&
			 http1_byte(h, at + 16) == ':')
			http1_span(h, SPAN_ENCODED, at + 17, end);
	} else if (bytes_low(w0, 5) == BYTES_WORD('h', 'o', 's', 't', ':', 0, 0, 0)) {
		http1_span(h, SPAN_HOST, at + 5, end);
	} else if (w0 == BYTES_WORD('a', 'u', 't', 'h', 'o', 'r', 'i', 'z')) {
		w1 = http1_word(h, at + 8) | BYTES_CASE;
		if (bytes_low(w1, 6) == BYTES_WORD('a', 't', 'i', 'o', 'n', ':', 0, 0))
			http1_span(h, SPAN_TOKEN, at + 14, end);
	} else if (w0 == BYTES_WORD('t', 'r', 'a', 'n', 's', 'f', 'e', 'r')) {
		w1 = http1_word(h, at + 8) | BYTES_CASE;
		w2 = http1_word(h, at + 16);
		if (w1 == BYTES_WORD('-', 'e', 'n', 'c', 'o', 'd', 'i', 'n') &&
		    ((__u8)w2 | 0x20) == 'g') {
			http1_list(h, (__u8)(w2 >> 8), w2 >> 16);
			http1_colon(h, SPAN_CODING, (__u8)(w2 >> 8) | 0x20, at + 18, end);
		}
	} else if (w0 == BYTES_WORD('r', 'e', 'q', 'u', 'e', 's', 't', '-')) {
		w1 = http1_word(h, at + 8) | BYTES_CASE;
		if (bytes_low(w1, 3) == BYTES_WORD('i', 'd', ':', 0, 0, 0, 0, 0))
			http1_span(h, SPAN_ID, at + 11, end);
	}
	http1_note_other(h, at, end);
}

/* Words looked at in one turn; FLOW_SLACK has room for all but the first. */
#define HTTP1_STRIDE 4
/* Enough to cross the window when it has no line end. A head of very many very short lines needs
 * another step. */
#define HTTP1_TURNS (FLOW_WINDOW / (8 * HTTP1_STRIDE) + 32)

enum http1_lines {
	LINES_MORE, /* no end in sight in this window */
	LINES_END,  /* the blank line that ends a head or a trailer; h->pos is past it */
	LINES_ONE,  /* one chunk-size line at h->start; h->pos is past it */
	LINES_REST, /* the rest of one longer than the window; h->pos is past it */
};

/*
 * Scans WINDOW[h->pos, filled) for line ends; the line that h->pos lies in began at h->start. Each
 * turn takes a few words or ends one line. pos and start live in memory: in registers their ranges
 * would differ on each path, and the verifier could not see that all paths meet again.
 */
static __always_inline int http1_lines(struct http1 *h, __u32 filled)
{
	__u32 turn;

	BYTES_LOOP
	for (turn = 0; turn < HTTP1_TURNS; turn++) {
		__u32 pos = bytes_forget(h->pos), start;
		__u64 found, found1, found2, found3;
		const __u8 *at;

		bytes_pin(pos);
		if (pos >= filled || pos >= FLOW_WINDOW)
			return LINES_MORE;
		at = &h->window[pos];
		found = bytes_find(bytes_load(at), '\n');
		found1 = bytes_find(bytes_load(at + 8), '\n');
		found2 = bytes_find(bytes_load(at + 16), '\n');
		found3 = bytes_find(bytes_load(at + 24), '\n');
		if (!(found | found1 | found2 | found3)) {
			h->pos = pos + 8 * HTTP1_STRIDE;
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
		start = bytes_forget(h->start);
		if (pos >= filled)
			return LINES_MORE;
		h->pos = pos + 1;
		if (h->long_line) {
			h->long_line = 0;
			h->start = pos + 1;
			if (h->phase == PHASE_CHUNK)
				return LINES_REST;
			continue;
		}
		if (pos > start + 1 || (pos == start + 1 && http1_byte(h, start) != '\r')) {
			if (h->phase == PHASE_CHUNK)
				return LINES_ONE;
			if (h->phase == PHASE_HEAD)
				http1_classify(h, start, pos);
		} else if (h->phase == PHASE_TRAILER || (h->phase == PHASE_HEAD && h->started)) {
			h->start = pos + 1;
			return LINES_END;
		} /* else: a blank line before a message, or the line end after a chunk */
		h->start = pos + 1;
	}
	return LINES_MORE;
}

/* Puts more bytes into the window of lines. What is then known of the window stands in memory,
 * where the verifier's paths meet again. A head that does not fit into the first load gets the
 * whole window.
 */
static __always_inline int http1_load(const struct source *src, struct side *s)
{
	struct http1 *h = &s->http1;
	__u32 base, have, room, n;

	h->fresh = h->phase == PHASE_HEAD && !h->started && !h->have;
	h->base = h->phase == PHASE_HEAD ? 0 : ILP_HEAD_MAX;
	h->room = h->phase != PHASE_HEAD ? FLOW_CHUNK_WINDOW
		  : h->fresh             ? FLOW_HEAD_WINDOW
					 : FLOW_WINDOW;
	base = bytes_forget(h->base);
	room = bytes_forget(h->room);
	have = h->have;
	if (have >= room || base + have >= FLOW_WINDOW)
		return HTTP1_LOST;
	room -= have;
	n = s->cursor.end - s->cursor.off;
	if (n > room)
		n = room;
	if (!bytes_from_1_to(&n, FLOW_WINDOW))
		return HTTP1_LOST;
	if (source_load(src, s->cursor.off, &h->window[bytes_mask(base + have, FLOW_MASK)], n))
		return HTTP1_UNREAD;
	h->full = n == room && !h->fresh;
	h->start = base;
	h->pos = base + have;
	h->filled = base + have + n;
	return HTTP1_MORE;
}

#endif
