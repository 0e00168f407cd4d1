/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * http2_streams.h - the bytes of one direction of an HTTP/2 connection -> its messages, and of
 * those that carry ILP the packet's head (RFC 9113). The counterpart of http1.h.
 *
 * In: bytes in order, in pieces of any size, through source_load; s->cursor says which. Out, after
 * each streams_step: s->message.ready when a message that matters has ended (taken with
 * http1_take), streams_side.reset when a stream with a request that matters was given up,
 * streams_side.gap when one message could not be read. A step is about one frame at most, so it has
 * one of each at most.
 *
 * A request matters when it is a POST announced as ILP, or one whose body is an ILP packet, as over
 * HTTP/1.1. Of other streams nothing is remembered once their bodies have begun. The requests that
 * matter are kept in a table until their answer has ended.
 *
 * The front of a body is gathered in s->http1.window, one frame at a time. Where a frame ends
 * before the packet's head does, the front is kept aside for its stream.
 *
 * The includer provides, besides what hpack.h asks for:
 *   struct http2_stream *streams_find(const struct flow_common *, __u32 id): NULL: none
 *   struct http2_stream *streams_open(const struct flow_common *, __u32 id, int answers): a new
 *     one, all zero; NULL: no room. ANSWERS: it begins with the answer to a request not seen
 *   void streams_close(const struct flow_common *, __u32 id)
 *   int streams_keep(const struct flow_common *, struct side *, __u32 id, __u32 len): puts LEN
 *     bytes of the window aside; -1: no room
 *   int streams_take(const struct flow_common *, struct side *, __u32 id, __u32 len): gets LEN
 *     bytes back into the window, and frees the place; -1: they are not there
 */
#ifndef TELLTALE_HTTP2_STREAMS_H
#define TELLTALE_HTTP2_STREAMS_H

#include "http2_again.h"

/* What streams_step returns. */
enum streams_result {
	STREAMS_MORE = 0,
	STREAMS_WRONG,  /* no HTTP/2: the direction is lost */
	STREAMS_UNREAD, /* bytes could not be loaded: the direction is lost */
};

/* --- beginnings and losses ------------------------------------------------------------------- */

/* The direction begins with its next byte; PREFACE: with a client's preface. */
static __always_inline void streams_begin(struct streams_side *h, int preface)
{
	hpack_reset(&h->hpack, 1);
	h->phase = preface ? STREAMS_SKIP : STREAMS_HEAD;
	h->left = preface ? HTTP2_PREFACE_LEN : 0;
	h->have = 0;
	h->block_stream = 0;
	h->opening = 0;
	streams_unlearn(h);
}

/* Where frames begin is not known any more, nor what is in the table. */
static __always_inline void streams_lose(struct streams_side *h)
{
	hpack_reset(&h->hpack, 0);
	h->phase = STREAMS_LOST;
	h->left = 0;
	h->have = 0;
	h->block_stream = 0;
	h->opening = 0;
	streams_unlearn(h);
}

/* Frames looked at before a piece is taken for a chain of frames. */
#define STREAMS_CHAIN 4

/*
 * Is the piece in hand of a direction that is lost a chain of whole frames, as far as STREAMS_CHAIN
 * of them, or the preface? Then reading goes on with it. A single frame is one when it ends where
 * the piece does.
 */
bytes_function int streams_find_chain(const struct source *src, struct side *s,
				      struct streams_side *h)
{
	__u32 off = s->cursor.off, end = s->cursor.end, i, len;

	BYTES_LOOP
	for (i = 0; i < STREAMS_CHAIN && end - off >= HTTP2_HEAD_LEN; i++) {
		__u64 word;

		if (source_load(src, off, h->head, HTTP2_HEAD_LEN))
			return 0;
		word = bytes_load(h->head);
		len = http2_frame_len(word);
		if (!http2_is_frame((__u8)(word >> 24), (__u8)(word >> 32), len,
				    (__u32)ilp_be64(bytes_load(&h->head[1])), 1))
			return 0;
		if (len > end - off - HTTP2_HEAD_LEN)
			return i > 0; /* the second frame goes on behind the piece */
		off += HTTP2_HEAD_LEN + len;
	}
	return i == STREAMS_CHAIN || (i && off == end);
}

/* Is there something to look at in the piece in hand? Where not, h->unsaid is 1 if nobody has said
 * that bytes of the direction are not read. */
static __always_inline int streams_synchronised(const struct source *src, struct side *s,
						struct streams_side *h)
{
	if (bytes_forget(h->phase) != STREAMS_LOST)
		return 1;
	if (!streams_find_chain(src, s, h))
		return 0;
	h->phase = STREAMS_HEAD;
	h->unsaid = 0;
	return 1;
}

/* --- messages -------------------------------------------------------------------------------- */

/* What the complete message M is: enum record_kind. As http1_finish has it. */
static __always_inline __u8 streams_kind(struct streams_message *m)
{
	if (m->verdict == ILP_DONE && m->ilp.size <= m->body_len) {
		streams_flag(&m->head, &m->ilp, m->body_len);
		return m->ilp.kind;
	}
	if (m->head.request || (m->head.status == 200 && m->body_len))
		return RECORD_KIND_BAD;
	return RECORD_KIND_NONE;
}

/* A gap is to be reported, for the reason CAUSE, of one message of the stream ID. */
static __always_inline void streams_gap(struct side *s, struct streams_side *h, __u32 id,
					__u8 cause)
{
	s->message.stream = id;
	h->gap = cause;
}

/* PART of the stream in hand is complete. */
bytes_function int streams_finish(struct flow_common *c, struct side *s, struct streams_side *h,
				  struct http2_stream *st, int part)
{
	struct streams_message *m = &st->parts[part & 1];
	__u32 id = h->block_stream ? h->block_stream : h->stream;
	__u8 kind = streams_kind(m), ilp = kind >= RECORD_KIND_PREPARE, answered;

	m->ended = 1;
	s->message.first_ns = m->first_ns;
	s->message.body_len = m->body_len;
	s->message.stream = id;
	s->message.kind = kind;
	s->message.head = m->head;
	s->message.ilp = m->ilp;
	s->message.ready = !m->muted && (ilp || !m->untyped);
	if (m->head.request) {
		c->proven |= ilp;
		c->requests += ilp;
		c->plain &= !ilp;
		answered = st->parts[STREAMS_RESPONSE].ended;
		if (answered && ilp && !m->muted)
			h->reset = id;
		if (answered || (!ilp && !m->muted))
			streams_close(c, id);
		return 0;
	}
	c->spoken |= ilp;
	if (!st->parts[STREAMS_REQUEST].ended && st->parts[STREAMS_REQUEST].begun) {
		/* Answered before it was asked: of a request that was not understood, most likely.
		 * Where the rest of it comes all the same, it is reported and given up. */
		s->message.ready = 0;
		if (!ilp)
			return 0;
		c->guessing = 1;
		streams_gap(s, h, id, RECORD_GAP_HTTP);
	}
	streams_close(c, id);
	return 0;
}

/* A request's head is complete. */
static __always_inline void streams_request_head(struct streams_side *h, struct streams_message *m)
{
	const struct hpack *p = &h->hpack;
	__u64 host = p->values[HPACK_AUTHORITY];

	m->head.request = 1;
	m->head.wanted = 1;
	m->head.flags = RECORD_REQUEST;
	if (p->cut)
		m->head.flags |= RECORD_LONG;
	m->untyped = !p->values[HPACK_TYPE];
	m->head.request_id = p->values[HPACK_REQUEST_ID];
	if (!host)
		host = p->values[HPACK_HOST];
	/* What a part of it says may be said of another peer too. */
	if (p->unresolved && !(host && p->values[HPACK_PATH] && p->values[HPACK_TOKEN])) {
		m->head.flags |= RECORD_NAMELESS;
		return;
	}
	m->head.host_hash = host;
	m->head.path_hash = p->values[HPACK_PATH];
	m->head.token = p->values[HPACK_TOKEN];
}

/* May the request whose head is complete carry ILP? What is unresolved may be anything. A body that
 * is encoded can be looked at no further, so its type decides. */
static __always_inline int streams_may_matter(const struct hpack *p)
{
	int post = p->seen & 1 << HPACK_METHOD ? (int)p->values[HPACK_METHOD] : p->unresolved;
	int typed = p->seen & 1 << HPACK_TYPE ? (int)p->values[HPACK_TYPE] : p->unresolved;

	return post && (typed || !p->values[HPACK_ENCODING]);
}

bytes_function int streams_request(struct flow_common *c, struct side *s, struct streams_side *h,
				   const struct streams *conn)
{
	__u32 id = h->block_stream;
	struct http2_stream *st;

	if (!h->first)
		h->first = id;
	if (streams_is_asked(conn, id))
		return 0;
	st = streams_find(c, id);
	if (st) { /* its trailers */
		if (h->block_ends && !st->parts[STREAMS_REQUEST].ended)
			streams_finish(c, s, h, st, STREAMS_REQUEST);
		return 0;
	}
	if (h->block_ends || !streams_may_matter(&h->hpack))
		return 0;
	if (h->hpack.values[HPACK_TYPE])
		c->plain = 0;
	h->last = id;
	st = streams_open(c, id, 0);
	if (!st) {
		/* Its answer says whether it was ILP: from now on all answers are looked at. */
		c->guessing = 1;
		h->first = STREAMS_ALL_UNSEEN;
		if (!bytes_forget(c->plain))
			streams_gap(s, h, id, RECORD_GAP_FULL);
		return 0;
	}
	st->opened_ns = h->began_ns;
	st->parts[STREAMS_REQUEST].first_ns = h->began_ns;
	st->parts[STREAMS_REQUEST].verdict = ILP_MORE;
	st->parts[STREAMS_REQUEST].begun = 1;
	streams_request_head(h, &st->parts[STREAMS_REQUEST]);
	if (h->hpack.values[HPACK_ENCODING]) {
		st->parts[STREAMS_REQUEST].muted = 1;
		streams_gap(s, h, id, RECORD_GAP_ENCODED);
	} else {
		streams_learn(s, h, &st->parts[STREAMS_REQUEST].head);
	}
	return 0;
}

/* The answer in hand is to a request that was not seen. If it is ILP, so was the request. FIRST:
 * the first stream that a request was seen on. */
bytes_function struct http2_stream *streams_answered(struct flow_common *c, struct side *s,
						     struct streams_side *h, __u32 first)
{
	struct http2_stream *st;

	if (!c->guessing || (first && h->block_stream >= first))
		return 0;
	if (h->block_ends || (h->hpack.seen & 1 << HPACK_TYPE && !h->hpack.values[HPACK_TYPE]))
		return 0;
	st = streams_open(c, h->block_stream, 1);
	if (st) {
		st->opened_ns = h->began_ns;
	} else if (h->hpack.values[HPACK_TYPE]) {
		/* It is taken for ILP: better a doubt too many than one too few. */
		c->spoken = 1;
		streams_gap(s, h, h->block_stream, RECORD_GAP_FULL);
	}
	return st;
}

/* The stream that the answer in hand is about; NULL: none that matters, or no room. */
bytes_function struct http2_stream *streams_of_answer(struct flow_common *c, struct side *s,
						      struct streams_side *h, struct streams *conn)
{
	__u32 id = h->block_stream;
	struct http2_stream *st;

	if (!streams_is_asked(conn, id)) {
		st = streams_find(c, id);
		return st ? st : streams_answered(c, s, h, conn->sides[!s->out].first);
	}
	st = streams_move(c, conn, id, h->began_ns);
	if (!st)
		streams_gap(s, h, id, RECORD_GAP_FULL);
	return st;
}

bytes_function int streams_response(struct flow_common *c, struct side *s, struct streams_side *h,
				    struct streams *conn)
{
	struct http2_stream *st = streams_of_answer(c, s, h, conn);
	struct streams_message *m;
	__u64 status = h->hpack.values[HPACK_STATUS];

	if (!st)
		return 0;
	m = &st->parts[STREAMS_RESPONSE];
	if (!m->begun) {
		if (status >= 100 && status < 200)
			return 0;
		m->begun = 1;
		m->first_ns = h->began_ns;
		m->verdict = ILP_MORE;
		m->head.status = (__u16)status;
		m->head.wanted = 1;
		m->untyped = !st->parts[STREAMS_REQUEST].begun;
		if (!status) /* what it was is not known */
			m->head.flags |= RECORD_CUT;
		if (h->hpack.values[HPACK_ENCODING] && status < 300 && !h->block_ends) {
			m->muted = 1;
			streams_gap(s, h, h->block_stream, RECORD_GAP_ENCODED);
		} else {
			streams_learn(s, h, &m->head);
		}
	}
	if (h->block_ends)
		streams_finish(c, s, h, st, STREAMS_RESPONSE);
	return 0;
}

/* The stream in hand was given up by one of its ends. */
bytes_function int streams_reset(struct flow_common *c, struct side *s, struct streams_side *h,
				 struct streams *conn)
{
	struct http2_stream *st;

	if (streams_is_asked(conn, h->stream)) {
		streams_unask(conn, h->stream, streams_asks(c, s));
		h->reset = h->stream;
		return 0;
	}
	st = streams_find(c, h->stream);
	if (!st)
		return 0;
	if (st->parts[STREAMS_REQUEST].ended && !st->parts[STREAMS_REQUEST].muted)
		h->reset = h->stream;
	streams_close(c, h->stream);
	return 0;
}

#define STREAMS_HEAD_101 256 /* bytes of a 101 that are looked at */

/* Does the head in the window, a 101, go over to HTTP/2? A value is "h2c" and nothing more. */
bytes_function int streams_is_h2c(const struct http1 *h)
{
	__u32 i;

	BYTES_LOOP
	for (i = 0; i < STREAMS_HEAD_101; i++) {
		__u64 word = http1_word(h, i);
		__u8 before = (__u8)word, behind = (__u8)(word >> 32);

		if (i + 5 > bytes_forget(h->filled))
			break;
		if (bytes_low(word >> 8 | BYTES_CASE, 3) ==
			    BYTES_WORD('h', '2', 'c', 0, 0, 0, 0, 0) &&
		    (before == ' ' || before == ':') && (behind == '\r' || behind == '\n'))
			return 1;
	}
	return 0;
}

/* The request that asked for HTTP/2 is the first stream. It has been read. */
static __always_inline void streams_open_first(struct flow_common *c, struct side *s,
					       struct streams_side *h)
{
	struct http2_stream *st = streams_open(c, 1, 0);

	h->last = 1;
	if (!st) {
		streams_gap(s, h, 1, RECORD_GAP_FULL);
		return;
	}
	st->opened_ns = s->cursor.now_ns;
	st->parts[STREAMS_REQUEST].begun = 1;
	st->parts[STREAMS_REQUEST].ended = 1;
}

/*
 * The direction is given over to another protocol with its next byte (RFC 7540, 3.2), if it
 * answers by the 101 in the window. The connection has had one request, which is ILP. Returns 1
 * where it is HTTP/2, and then h->gap as streams_step.
 */
bytes_function int streams_upgrade(struct flow_common *c, struct side *s, struct streams_side *h)
{
	int asks = streams_asks(c, s);

	if (!asks && !streams_is_h2c(&s->http1))
		return 0;
	streams_begin(h, asks);
	h->opening = 1;
	h->gap = 0;
	s->http1.phase = PHASE_HTTP2;
	if (!asks)
		streams_open_first(c, s, h);
	return 1;
}

/* --- frames ---------------------------------------------------------------------------------- */

/* A frame with a header block begins. */
static __always_inline int streams_begin_block(const struct source *src, struct side *s,
					       struct streams_side *h)
{
	if (h->type == HTTP2_CONTINUATION)
		return h->block_stream == h->stream ? STREAMS_MORE : STREAMS_WRONG;
	if (h->block_stream)
		return STREAMS_WRONG;
	hpack_begin(&h->hpack);
	streams_note(src, s, h);
	h->block_stream = h->stream;
	h->block_type = h->type;
	h->block_ends = h->type == HTTP2_HEADERS && h->flags & HTTP2_END_STREAM;
	h->began_ns = src->now_ns;
	if (h->type == HTTP2_PUSH_PROMISE)
		h->front = 4;
	else if (h->flags & HTTP2_PRIORITISED)
		h->front = 5;
	return STREAMS_MORE;
}

/* The head of a frame is complete. */
static __always_inline int streams_frame(const struct source *src, struct flow_common *c,
					 struct side *s, struct streams_side *h,
					 struct streams *conn)
{
	__u64 word = bytes_load(h->head);
	int blocks;

	h->have = 0;
	h->left = http2_frame_len(word);
	h->type = (__u8)(word >> 24);
	h->flags = (__u8)(word >> 32);
	h->stream = (__u32)ilp_be64(bytes_load(&h->head[1]));
	h->padding = 0;
	h->front = 0;
	h->gathered = 0;
	h->phase = STREAMS_SKIP;
	if (!http2_is_frame(h->type, h->flags, h->left, h->stream, 0) ||
	    (h->opening && h->type != HTTP2_SETTINGS))
		return STREAMS_WRONG;
	h->opening = 0;
	blocks = h->type == HTTP2_HEADERS || h->type == HTTP2_PUSH_PROMISE ||
		 h->type == HTTP2_CONTINUATION;
	if (h->block_stream && h->type != HTTP2_CONTINUATION)
		return STREAMS_WRONG;
	if (h->type == HTTP2_RST_STREAM)
		streams_reset(c, s, h, conn);
	if (h->type == HTTP2_DATA)
		h->phase = STREAMS_BODY;
	if (blocks)
		h->phase = STREAMS_FRONT;
	if (h->flags & HTTP2_PADDED && h->type != HTTP2_CONTINUATION &&
	    (blocks || h->type == HTTP2_DATA))
		h->phase = STREAMS_PADDING;
	return blocks ? streams_begin_block(src, s, h) : STREAMS_MORE;
}

bytes_function int streams_read_head(const struct source *src, struct flow_common *c,
				     struct side *s, struct streams_side *h, struct streams *conn)
{
	__u32 have = bytes_mask(h->have, 15), n = HTTP2_HEAD_LEN - have;
	__u32 there = s->cursor.end - s->cursor.off;

	if (n > there)
		n = there;
	if (!bytes_from_1_to(&n, HTTP2_HEAD_LEN) ||
	    source_load(src, s->cursor.off, &h->head[have], n))
		return STREAMS_UNREAD;
	s->cursor.off += n;
	h->have = (__u8)(have + n);
	return h->have == HTTP2_HEAD_LEN ? streams_frame(src, c, s, h, conn) : STREAMS_MORE;
}

bytes_function int streams_read_padding(const struct source *src, struct side *s,
					struct streams_side *h)
{
	if (!h->left || source_load(src, s->cursor.off, h->head, 1))
		return h->left ? STREAMS_UNREAD : STREAMS_WRONG;
	s->cursor.off++;
	h->left--;
	h->padding = h->head[0];
	h->phase = h->type == HTTP2_DATA ? STREAMS_BODY : STREAMS_FRONT;
	return h->padding > h->left ? STREAMS_WRONG : STREAMS_MORE;
}

/* How many bytes of the frame, before its padding, are in hand? */
static __always_inline __u32 streams_there(const struct side *s, const struct streams_side *h)
{
	__u32 n = s->cursor.end - s->cursor.off, left = h->left - h->padding;

	return n < left ? n : left;
}

bytes_function int streams_read_front(struct side *s, struct streams_side *h)
{
	__u32 n = streams_there(s, h);

	if (h->front > h->left - h->padding)
		return STREAMS_WRONG;
	if (n > h->front)
		n = h->front;
	s->cursor.off += n;
	h->left -= n;
	h->front -= n;
	if (!h->front)
		h->phase = STREAMS_BLOCK;
	return STREAMS_MORE;
}

/* The header block in hand is complete. */
bytes_function int streams_headed(struct flow_common *c, struct side *s, struct streams_side *h,
				  struct streams *conn)
{
	if (h->block_type == HTTP2_HEADERS) {
		if (streams_asks(c, s))
			streams_request(c, s, h, conn);
		else
			streams_response(c, s, h, conn);
	}
	h->block_stream = 0;
	h->phase = STREAMS_SKIP;
	return 0;
}

/* Has the header block, or the fragment of it in hand, ended? */
static __always_inline int streams_end_block(struct streams_side *h)
{
	if (bytes_forget(h->hpack.phase) == HPACK_LOST)
		return STREAMS_WRONG;
	if (bytes_forget(h->left) > h->padding || bytes_forget(h->hpack.phase) == HPACK_READY)
		return STREAMS_MORE;
	h->phase = STREAMS_SKIP;
	if (!(h->flags & HTTP2_END_HEADERS))
		return STREAMS_MORE;
	if (!hpack_is_complete(&h->hpack))
		return STREAMS_WRONG;
	h->phase = STREAMS_HEADED;
	return STREAMS_MORE;
}

bytes_function int streams_read_block(const struct source *src, struct side *s,
				      struct streams_side *h)
{
	__u32 n = streams_there(s, h);

	if (n) {
		n = hpack_step(src, s->cursor.off, n, &h->hpack);
		if (!n)
			return STREAMS_UNREAD;
		s->cursor.off += n;
		h->left -= n;
	}
	return streams_end_block(h);
}

/* A field's text is complete. */
bytes_function int streams_end_text(struct streams_side *h)
{
	hpack_end_text(&h->hpack);
	return streams_end_block(h);
}

/* --- bodies ---------------------------------------------------------------------------------- */

/* Puts up to N more bytes of the body in hand into the window. */
static __always_inline int streams_gather(const struct source *src, struct side *s,
					  struct streams_side *h, __u32 n)
{
	__u32 at = h->gathered;

	if (at >= ILP_HEAD_MAX)
		return STREAMS_MORE;
	if (n > ILP_HEAD_MAX - at)
		n = ILP_HEAD_MAX - at;
	if (!bytes_from_1_to(&n, ILP_HEAD_MAX) ||
	    source_load(src, s->cursor.off, &s->http1.window[bytes_mask(at, FLOW_MASK)], n))
		return STREAMS_UNREAD;
	h->gathered = (__u16)(at + n);
	return STREAMS_MORE;
}

/* What does the body of M begin with, as far as it is there? */
bytes_function int streams_judge(struct flow_common *c, struct side *s, struct streams_side *h,
				 struct streams_message *m)
{
	m->verdict = (__u8)ilp_parse(s->http1.window, bytes_forget(h->gathered),
				     bytes_forget(h->complete), session_key(), &m->ilp);
	if (bytes_forget(m->verdict) != ILP_MORE || !bytes_forget(h->over))
		return 0;
	m->kept = h->gathered;
	if (!m->kept || !streams_keep(c, s, h->stream, m->kept))
		return 0;
	m->kept = 0;
	m->muted = 1;
	streams_gap(s, h, h->stream, RECORD_GAP_FULL);
	return 0;
}

/* The front of the body that an earlier frame began is in the window again, or lost. */
static __always_inline void streams_resume(struct flow_common *c, struct side *s,
					   struct streams_side *h, struct streams_message *m)
{
	if (h->gathered || !m->kept)
		return;
	if (streams_take(c, s, h->stream, m->kept)) {
		m->muted = 1;
		streams_gap(s, h, h->stream, RECORD_GAP_FULL);
	} else {
		h->gathered = m->kept;
	}
	m->kept = 0;
}

/* Is the front of the body of M still to be looked at? */
static __always_inline int streams_is_wanted(const struct streams_message *m)
{
	return m->begun && !m->ended && !m->muted && m->verdict == ILP_MORE;
}

bytes_function int streams_read_body(const struct source *src, struct flow_common *c,
				     struct side *s, struct streams_side *h)
{
	struct http2_stream *st = streams_find(c, h->stream);
	__u32 n = streams_there(s, h);

	h->over = n == h->left - h->padding;
	h->complete = h->over & h->flags & HTTP2_END_STREAM;
	if (st) {
		struct streams_message *m = &st->parts[!streams_asks(c, s)];

		m->body_len += n;
		if (streams_is_wanted(m)) {
			streams_resume(c, s, h, m);
			if (n && streams_gather(src, s, h, n))
				return STREAMS_UNREAD;
		}
	}
	s->cursor.off += n;
	h->left -= n;
	if (st && (h->over || h->gathered == ILP_HEAD_MAX))
		h->phase = STREAMS_GATHERED;
	else if (h->over)
		h->phase = STREAMS_SKIP;
	return STREAMS_MORE;
}

/* The DATA in hand has ended, or enough of its front is there. */
bytes_function int streams_gathered(struct flow_common *c, struct side *s, struct streams_side *h)
{
	struct http2_stream *st = streams_find(c, h->stream);
	int part = !streams_asks(c, s);
	struct streams_message *m;

	h->phase = bytes_forget(h->over) ? STREAMS_SKIP : STREAMS_BODY;
	if (!st)
		return 0;
	m = &st->parts[part & 1];
	if (streams_is_wanted(m))
		streams_judge(c, s, h, m);
	/* What is not announced as ILP, and is none, matters no more. */
	if (m->head.request && m->untyped && bytes_forget(m->verdict) == ILP_BAD) {
		streams_close(c, h->stream);
		return 0;
	}
	if (bytes_forget(h->complete) && m->begun && !m->ended)
		streams_finish(c, s, h, st, part);
	return 0;
}

/* Of a frame that is skipped, N bytes have passed. */
static __always_inline void streams_pass(struct streams_side *h, __u32 n)
{
	h->left -= n;
	if (!h->left)
		h->phase = STREAMS_HEAD;
}

/* BYTES of the direction were missed. Returns whether nobody wanted them: they were of a frame that
 * is skipped, or of a body of which enough is known. */
bytes_function int streams_miss(struct flow_common *c, struct side *s, struct streams_side *h,
				__u32 bytes)
{
	struct http2_stream *st;
	struct streams_message *m;

	if (bytes_forget(h->phase) == STREAMS_SKIP) {
		if (bytes > h->left || h->block_stream)
			return 0;
		streams_pass(h, bytes);
		return 1;
	}
	/* The last byte of a body is never missed: with it, the message ends. */
	if (bytes_forget(h->phase) != STREAMS_BODY || bytes + h->padding >= h->left)
		return 0;
	st = streams_find(c, h->stream);
	if (st) {
		m = &st->parts[!streams_asks(c, s)];
		if (streams_is_wanted(m))
			return 0;
		m->body_len += bytes;
	}
	h->left -= bytes;
	return 1;
}

/* --- all of it ------------------------------------------------------------------------------- */

static __always_inline void streams_skip(struct side *s, struct streams_side *h)
{
	__u32 n = s->cursor.end - s->cursor.off;

	if (n > h->left)
		n = h->left;
	s->cursor.off += n;
	streams_pass(h, n);
}

/* The next bytes of the piece in hand. */
static __always_inline void streams_read(const struct source *src, struct flow_common *c,
					 struct side *s, struct streams_side *h,
					 struct streams *conn)
{
	if (bytes_forget(h->phase) == STREAMS_HEAD)
		h->result = (__u8)streams_read_head(src, c, s, h, conn);
	if (bytes_forget(h->phase) == STREAMS_PADDING && s->cursor.off < s->cursor.end)
		h->result |= (__u8)streams_read_padding(src, s, h);
	if (bytes_forget(h->phase) == STREAMS_FRONT && !bytes_forget(h->result))
		h->result = (__u8)streams_read_front(s, h);
	if (bytes_forget(h->phase) == STREAMS_BLOCK && !bytes_forget(h->result))
		h->result = (__u8)streams_read_block(src, s, h);
	if (bytes_forget(h->phase) == STREAMS_BODY && !bytes_forget(h->result))
		h->result = (__u8)streams_read_body(src, c, s, h);
}

/*
 * Looks at one frame of the piece in hand, or at a part of it. CONN has both directions, S is the
 * one the cursor is in. Returns enum streams_result; after anything but STREAMS_MORE the caller has
 * to lose the direction (streams_lose).
 */
bytes_function int streams_step(const struct source *src, struct flow_common *c, struct side *s,
				struct streams *conn)
{
	struct streams_side *h = &conn->sides[s->out & 1];

	h->reset = 0;
	h->gap = 0;
	h->result = STREAMS_MORE;
	if (streams_again(src, c, s, conn))
		return STREAMS_MORE;
	/* What is known of the result is not carried on, for the verifier's sake; and what takes it
	 * much work is a step of its own. */
	switch (bytes_forget(h->phase)) {
	case STREAMS_HEADED: streams_headed(c, s, h, conn); break;
	case STREAMS_GATHERED: streams_gathered(c, s, h); break;
	default:
		if (bytes_forget(h->hpack.phase) == HPACK_READY)
			h->result = (__u8)streams_end_text(h);
		else
			streams_read(src, c, s, h, conn);
		break;
	}
	if (bytes_forget(h->phase) == STREAMS_SKIP && !bytes_forget(h->result))
		streams_skip(s, h);
	return bytes_forget(h->result);
}

/* Is there more of the piece in hand to look at? */
static __always_inline int streams_more(const struct side *s, const struct streams_side *h)
{
	__u8 phase = bytes_forget(h->phase);

	return phase != STREAMS_LOST && (s->cursor.off < s->cursor.end || phase >= STREAMS_HEADED ||
					 bytes_forget(h->hpack.phase) == HPACK_READY);
}

#endif
