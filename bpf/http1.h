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

#include "http1_body.h"
#include "http1_head.h"

/* --- messages ------------------------------------------------------------------------------ */

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

/* Is this the direction of the requests, as far as is known? */
static __always_inline int http1_asks(const struct flow_common *c, const struct side *s)
{
	return c->role == (s->out ? RECORD_ROLE_CLIENT : RECORD_ROLE_SERVER);
}

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
	if (s->head.request && kind >= RECORD_KIND_PREPARE)
		c->proven = 1;
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
	c->connects = s->head.connect ? c->connects | bit : c->connects & ~bit;
	/* HEAD's was about the answer. What comes after a CONNECT's head is the tunnel's. */
	s->head.bodiless = s->head.connect;
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
	s->head.connect = s->head.status < 300 && (c->connects >> (s->stream & 63)) & 1;
}

/* The head is complete: what body follows? RFC 9112, 6.3. */
static __always_inline int http1_framed(struct flow_common *c, struct side *s)
{
	/* Who asks does not answer, and where that is certain the other side does not ask. */
	if (s->head.request ? c->proven && !http1_asks(c, s) : http1_asks(c, s))
		return HTTP1_LOST;
	if (s->head.seen & 1 << SPAN_LENGTH && !s->head.sized)
		return HTTP1_LOST;
	if (s->head.seen & 1 << SPAN_CODING && !s->head.chunked) {
		if (s->head.request)
			return HTTP1_LOST;
		s->head.sized = 0; /* an answer in other codings ends with the connection */
	}
	if (s->head.request)
		http1_request(c, s);
	else
		http1_response(c, s);
	s->have = 0;
	s->left = s->head.length;
	if (s->head.status == 101 || (!s->head.request && s->head.connect)) {
		s->phase = SIDE_IGNORE;
		c->tunnel = 1;
	} else if (s->head.bodiless || (!s->head.chunked && s->head.sized && !s->left))
		http1_finish(c, s, 0);
	else if (s->head.chunked)
		s->phase = SIDE_CHUNK;
	else if (!s->head.sized)
		s->phase = SIDE_UNTIL_CLOSE;
	else
		s->phase = s->head.wanted ? SIDE_BODY : SIDE_SKIP;
	return HTTP1_MORE;
}

/* --- steps --------------------------------------------------------------------------------- */

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
		err = http1_chunk_size(s);
	if (s->found == LINES_END && s->phase == SIDE_HEAD) {
		err = http1_framed(c, s);
		http1_in_window(s);
	} else if (s->found == LINES_END) {
		http1_finish(c, s, 0);
	} else if (s->found != LINES_MORE) {
		http1_chunk(s);
	}
	http1_skip(s);
	return err;
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
	if (!http1_asks(c, s))
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
