/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * http2_again.h - remembers the last header block of a direction, unless it has put a field into
 * the table. One that equals it byte for byte finds the table as it was, so it says the same, and
 * is not decoded again. What it says is still in h->hpack.
 *
 * Where the body follows in the next frame, as it mostly does, the message is read in one step.
 * Nothing is changed before it is certain that it is an ILP packet on a stream that needs no care;
 * else its body is read as any other (http2_streams.h).
 *
 * A request that was read so is noted in the connection itself (struct streams_asked), not in the
 * table of streams. An answer that is not read so moves it there.
 *
 * The includer provides, besides what http2_streams.h asks for:
 *   int source_is_near(const struct source *): 0: nothing is to be read so
 *
 * The bytes of the block are in s->http1.last.text, what it says is in s->http1.last.head: HTTP/1
 * has the last head of a connection there. As with HTTP/1, they stay in the kernel, a token's among
 * them, for as long as the connection is followed.
 */
#ifndef TELLTALE_HTTP2_AGAIN_H
#define TELLTALE_HTTP2_AGAIN_H

#include "hpack.h"
#include "http1.h"
#include "http2_walk.h"

/* The direction begins, or has been lost. */
static __always_inline void streams_unlearn(struct streams_side *h)
{
	h->again_len = 0;
	h->noted = 0;
}

/* A header block begins: notes it, where it is one frame that is all there. */
static __always_inline void streams_note(const struct source *src, struct side *s,
					 struct streams_side *h)
{
	__u32 len = h->left;

	streams_unlearn(h);
	if (h->type != HTTP2_HEADERS || h->flags != HTTP2_END_HEADERS ||
	    len > s->cursor.end - s->cursor.off || !bytes_from_1_to(&len, STREAMS_AGAIN_MAX) ||
	    source_load(src, s->cursor.off, s->http1.last.text, len))
		return;
	h->noted = (__u16)len;
	h->noted_at = h->hpack.inserted;
}

/* The block in hand says HEAD. It is remembered if it was noted, and has left the table as it was.
 */
static __always_inline void streams_learn(struct side *s, struct streams_side *h,
					  const struct head *head)
{
	if (h->noted_at != h->hpack.inserted)
		return;
	s->http1.last.head = *head;
	h->again_len = h->noted;
}

/* --- requests that are noted in the connection ----------------------------------------------- */

/* After so long nobody waits for an answer: two minutes, as in user/tap/streams.c. */
#define STREAMS_OLD      112
#define STREAMS_TIME(ns) ((__u32)((ns) >> 30))

#define streams_place(id) bytes_mask((id) >> 1, STREAMS_ASKED - 1)

/* Is the request ID noted, and not answered yet? */
static __always_inline int streams_is_asked(const struct streams *conn, __u32 id)
{
	__u32 place = streams_place(id);

	return conn->asked[place].stream == id && conn->answered[place] != id;
}

/* It is over. ASKS: says the run of the direction of the requests. Each direction writes what is
 * its own. */
static __always_inline void streams_unask(struct streams *conn, __u32 id, int asks)
{
	__u32 place = streams_place(id);

	if (asks)
		conn->asked[place].stream = 0;
	else
		conn->answered[place] = id;
}

/* A request that was read whole. Returns 0 where there is no room for it. */
bytes_function int streams_ask(const struct flow_common *c, struct streams *conn, __u32 id,
			       __u64 now_ns)
{
	struct streams_asked *a = &conn->asked[streams_place(id)];
	struct http2_stream *st;

	if (!a->stream || !streams_is_asked(conn, a->stream) ||
	    (__s32)(STREAMS_TIME(now_ns) - a->time) > STREAMS_OLD) {
		a->stream = id;
		a->time = STREAMS_TIME(now_ns);
		return 1;
	}
	st = streams_open(c, id, 0);
	if (!st)
		return 0;
	st->opened_ns = now_ns;
	st->parts[STREAMS_REQUEST].begun = 1;
	st->parts[STREAMS_REQUEST].ended = 1;
	return 1;
}

/* The request ID, which is noted, moves to the table. NULL: there is no room. */
static __always_inline struct http2_stream *
streams_move(const struct flow_common *c, struct streams *conn, __u32 id, __u64 now_ns)
{
	struct http2_stream *st = streams_open(c, id, 0);

	streams_unask(conn, id, 0);
	if (st) {
		st->opened_ns = now_ns;
		st->parts[STREAMS_REQUEST].begun = 1;
		st->parts[STREAMS_REQUEST].ended = 1;
	}
	return st;
}

/* --- messages -------------------------------------------------------------------------------- */

/* What the packet says of the message besides itself. */
static __always_inline void streams_flag(struct head *head, const struct ilp *ilp, __u64 body_len)
{
	if (ilp->size < body_len)
		head->flags |= RECORD_TRAILING;
	if (ilp->kind == RECORD_KIND_PREPARE && ilp->peer)
		head->flags |= RECORD_PEER;
}

/* Is this the direction of the requests? */
static __always_inline int streams_asks(const struct flow_common *c, const struct side *s)
{
	return (c->role == RECORD_ROLE_CLIENT) == s->out;
}

/* A frame's type and flags, in the word that its head begins with. */
#define STREAMS_KIND(word)        ((__u16)((word) >> 24))
#define STREAMS_KIND_OF(type, fl) ((__u16)((type) | (fl) << 8))

/* The stream of the frame whose head is in the window at AT. */
static __always_inline __u32 streams_id_at(const struct http1 *p, __u32 at)
{
	return (__u32)ilp_be64(bytes_load(&p->window[bytes_mask(at + 1, 511)]));
}

/* Does the piece in hand go on with the block that is remembered? The head of the next frame is
 * then in the window too, if it is there. */
bytes_function int streams_equals(const struct source *src, struct side *s, struct streams_side *h)
{
	__u32 len = bytes_forget(h->again_len), n = len + 2 * HTTP2_HEAD_LEN, i;
	__u32 there = s->cursor.end - s->cursor.off;
	struct http1 *p = &s->http1;
	__u64 word, differ = 0;

	if (n > there)
		n = there;
	if (there < len + HTTP2_HEAD_LEN ||
	    !bytes_from_1_to(&n, STREAMS_AGAIN_MAX + 2 * HTTP2_HEAD_LEN) ||
	    source_load(src, s->cursor.off, p->window, n))
		return 0;
	word = bytes_load(p->window);
	h->again_stream = streams_id_at(p, 0);
	if (STREAMS_KIND(word) != STREAMS_KIND_OF(HTTP2_HEADERS, HTTP2_END_HEADERS) ||
	    http2_frame_len(word) != len || (__s32)h->again_stream <= 0)
		return 0;
	BYTES_LOOP
	for (i = 0; i < STREAMS_AGAIN_MAX; i += 8) {
		word = bytes_load(&p->window[HTTP2_HEAD_LEN + i]) ^ bytes_load(&p->last.text[i]);
		if (i + 8 >= len)
			break;
		differ |= word;
	}
	return !(differ | word << (-len & 7) * 8);
}

/* Are the DATA of the same stream next, with its end, and an ILP packet? Then it is in
 * s->message.ilp. */
bytes_function int streams_fits(const struct source *src, struct side *s, struct streams_side *h)
{
	__u32 at = HTTP2_HEAD_LEN + bytes_forget(h->again_len), n = at + HTTP2_HEAD_LEN, body;
	__u32 there = s->cursor.end - s->cursor.off;
	struct http1 *p = &s->http1;
	__u64 word = bytes_load(&p->window[bytes_mask(at, 511)]);

	if (n >= there || STREAMS_KIND(word) != STREAMS_KIND_OF(HTTP2_DATA, HTTP2_END_STREAM) ||
	    streams_id_at(p, at) != h->again_stream)
		return 0;
	body = http2_frame_len(word);
	if (body > there - n)
		return 0;
	h->again_body = body;
	if (body > ILP_HEAD_MAX)
		body = ILP_HEAD_MAX;
	if (!bytes_from_1_to(&body, ILP_HEAD_MAX) ||
	    source_load(src, s->cursor.off + n, p->window, body))
		return 0;
	return ilp_parse(p->window, body, 1, session_key(), &s->message.ilp) == ILP_DONE &&
	       s->message.ilp.size <= h->again_body;
}

/* May the stream in hand be read so? Then it is noted, or has ended. */
bytes_function int streams_passes(struct flow_common *c, struct side *s, struct streams *conn,
				  __u64 now_ns)
{
	struct streams_side *h = &conn->sides[s->out & 1];
	__u32 id = h->again_stream;
	struct http2_stream *st;

	if (s->http1.last.head.request) {
		/* Not one that began before, nor one of which the answer came first. */
		if (id <= h->last || (c->guessing && streams_find(c, id)) ||
		    !streams_ask(c, conn, id, now_ns))
			return 0;
		h->last = id;
		c->proven = 1;
		c->requests++;
		c->plain = 0;
		return 1;
	}
	if (streams_is_asked(conn, id)) {
		streams_unask(conn, id, 0);
	} else {
		st = streams_find(c, id);
		if (!st || !st->parts[STREAMS_REQUEST].ended || st->parts[STREAMS_RESPONSE].begun)
			return 0;
		streams_close(c, id);
	}
	c->spoken = 1;
	return 1;
}

/* The message in hand has been read: s->message.ready. */
static __always_inline void streams_report(struct side *s, const struct streams_side *h,
					   __u64 now_ns)
{
	struct message *m = &s->message;

	m->first_ns = now_ns;
	m->body_len = h->again_body;
	m->stream = h->again_stream;
	m->kind = m->ilp.kind;
	m->head = s->http1.last.head;
	streams_flag(&m->head, &m->ilp, h->again_body);
	m->ready = 1;
	s->cursor.off += HTTP2_HEAD_LEN + h->again_body;
}

/* The block in hand is complete. */
static __always_inline void streams_recall(struct streams_side *h, __u64 now_ns)
{
	h->type = HTTP2_HEADERS;
	h->flags = HTTP2_END_HEADERS;
	h->left = 0;
	h->stream = h->again_stream;
	h->block_stream = h->again_stream;
	h->block_type = HTTP2_HEADERS;
	h->block_ends = 0;
	h->began_ns = now_ns;
	h->phase = STREAMS_HEADED;
}

/* Does the piece in hand go on with the block that is remembered? Then it is read, and the body
 * that follows, if that can be. */
bytes_function int streams_again(const struct source *src, struct flow_common *c, struct side *s,
				 struct streams *conn)
{
	struct streams_side *h = &conn->sides[s->out & 1];

	if (!source_is_near(src) || !h->again_len || h->phase != STREAMS_HEAD || h->have ||
	    h->block_stream || s->http1.last.head.request != streams_asks(c, s) ||
	    !streams_equals(src, s, h))
		return 0;
	if (streams_fits(src, s, h) && streams_passes(c, s, conn, src->now_ns))
		streams_report(s, h, src->now_ns);
	else
		streams_recall(h, src->now_ns);
	s->cursor.off += HTTP2_HEAD_LEN + h->again_len;
	return 1;
}

#endif
