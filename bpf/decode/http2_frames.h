/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * http2_frames.h - the bytes of one direction of an HTTP/2 connection -> its frames (RFC 9113,
 * section 4), and whether one of them carries a body that begins as an ILP packet does.
 *
 * In: bytes in order, in pieces of any size, through source_load. Out: http2_side.found. Headers
 * are not read, so that a walk can begin anywhere in the life of a connection: at its preface, or
 * at a piece that is a chain of frames (http2_begin).
 *
 * Every DATA frame is judged by its first bytes, wherever in its body it lies: which streams have
 * begun need not be known, because what is looked for is more than one byte. A Prepare has
 * seventeen digits in a certain place: no other bytes pass by chance. A Fulfill and a Reject have
 * lengths that agree with each other and with the frame: of frames of 35 to 129 random bytes one in
 * 10^7 passes, of longer ones none. Where the first bytes of a Prepare are spread over frames, they
 * are gathered for one stream of a direction at a time, the one that began last. A reply is not
 * gathered: the Prepare it answers goes over the same connection, or is seen elsewhere.
 *
 * The includer provides, for its side of the world:
 *   struct source;
 *   int source_load(const struct source *, __u32 off, void *dst, __u32 len);
 */
#ifndef TELLTALE_HTTP2_FRAMES_H
#define TELLTALE_HTTP2_FRAMES_H

#include "flow.h"
#include "http2_walk.h"

/* --- what a body begins with ----------------------------------------------------------------- */

/* Reads an OER length as ilp_length does, at *POS of a front. */
static __always_inline int http2_length(const struct http2_side *s, __u32 *pos, __u64 *len)
{
	__u32 at = bytes_mask(*pos, 63), n;

	if (at >= s->front_len)
		return ILP_MORE;
	n = s->front[at];
	*pos = at + 1;
	*len = n;
	if (n < 0x80)
		return ILP_DONE;
	n &= 0x7f;
	if (n == 0 || n > 6)
		return ILP_BAD;
	if (at + 1 + n > s->front_len)
		return ILP_MORE;
	*len = ilp_be64(bytes_load(&s->front[at + 1])) >> (64 - 8 * n);
	*pos = at + 1 + n;
	return *len < 0x80 || *len < 1ULL << (8 * (n - 1) & 31) ? ILP_BAD : ILP_DONE;
}

/* The contents begin at POS, LEN bytes of them: amount, expiry and condition, and an address and
 * data of at least no bytes. */
static __always_inline int http2_prepare(const struct http2_side *s, __u32 pos, __u64 len)
{
	__u8 ok = 1, last;

	if (len < ILP_PREPARE_FIXED + 2)
		return ILP_BAD;
	if (pos + 25 > s->front_len)
		return ILP_MORE;
	pos = bytes_mask(pos, 15);
	ilp_digits(bytes_load(&s->front[pos + 8]), &ok);
	ilp_digits(bytes_load(&s->front[pos + 16]), &ok);
	last = s->front[pos + 24];
	return ok && last >= '0' && last <= '9' ? ILP_DONE : ILP_BAD;
}

/* Is this the frame that a reply of SIZE bytes begins in? All of it is in one frame, or it is long
 * and goes on in others. */
static __always_inline int http2_fits(const struct http2_side *s, __u64 size, __u64 len)
{
	return size == s->data ||
	       (size > s->data && len >= HTTP2_LONG && !(s->flags & HTTP2_END_STREAM));
}

/* A Fulfill: 32 bytes, and data that end where the contents do. */
static __always_inline int http2_fulfill(const struct http2_side *s, __u32 pos, __u64 len)
{
	__u32 at = pos + RECORD_FULFILLMENT_LEN;
	__u64 data;
	int err = http2_length(s, &at, &data);

	if (err)
		return err;
	return at - pos + data == len ? ILP_DONE : ILP_BAD;
}

/* A Reject: a code such as "F08", and an address, the message and the data behind it. */
static __always_inline int http2_reject(const struct http2_side *s, __u32 pos, __u64 len)
{
	__u32 at = pos + 3;
	__u64 by;
	int err = http2_length(s, &at, &by);

	if (err)
		return err;
	pos = bytes_mask(pos, 15);
	if (s->front[pos] < 'A' || s->front[pos] > 'Z' || s->front[pos + 1] < '0' ||
	    s->front[pos + 1] > '9' || s->front[pos + 2] < '0' || s->front[pos + 2] > '9')
		return ILP_BAD;
	return by <= ILP_ADDRESS_MAX && at - pos + by + 2 <= len ? ILP_DONE : ILP_BAD;
}

/* What does the front begin? enum ilp_verdict. */
bytes_function int http2_judge(const struct http2_side *s)
{
	__u8 kind = s->front[0];
	__u32 pos = 1;
	__u64 len;
	int err;

	if (!s->front_len)
		return ILP_MORE;
	if (kind < RECORD_KIND_PREPARE || kind > RECORD_KIND_REJECT)
		return ILP_BAD;
	err = http2_length(s, &pos, &len);
	if (err)
		return err;
	if (len > 1ULL << 32)
		return ILP_BAD;
	if (kind == RECORD_KIND_PREPARE)
		return http2_prepare(s, pos, len);
	if (!http2_fits(s, pos + len, len))
		return ILP_BAD;
	return kind == RECORD_KIND_FULFILL ? http2_fulfill(s, pos, len) : http2_reject(s, pos, len);
}

/* --- frames ---------------------------------------------------------------------------------- */

static __always_inline void http2_lose(struct http2_side *s)
{
	s->phase = HTTP2_LOST;
	s->trying = 0;
	s->have = 0;
	s->kept_stream = 0;
}

/* Another frame of the same stream ended inside the front: go on with it. */
static __always_inline void http2_take_front(struct http2_side *s)
{
	s->front_len = 0;
	if (!s->kept_stream || s->kept_stream != s->stream)
		return;
	__builtin_memcpy(s->front, s->kept, sizeof(s->kept));
	s->front_len = s->kept_len;
	s->kept_stream = 0;
}

/* The frame has ended inside the front. Only one of a Prepare is kept. If two streams are in this
 * state at once, the older is forgotten: the next Prepare on the connection makes up for it. */
static __always_inline void http2_keep_front(struct http2_side *s)
{
	if (s->flags & HTTP2_END_STREAM || !s->front_len || s->front[0] != RECORD_KIND_PREPARE)
		return;
	__builtin_memcpy(s->kept, s->front, sizeof(s->kept));
	s->kept_len = s->front_len;
	s->kept_stream = s->stream;
}

/* The head of a frame is complete. */
static __always_inline void http2_frame(struct http2_side *s)
{
	__u64 word = bytes_load(s->head);

	s->have = 0;
	s->left = http2_frame_len(word);
	s->type = (__u8)(word >> 24);
	s->flags = (__u8)(word >> 32);
	s->stream = (__u32)(ilp_be64(bytes_load(&s->head[1])));
	s->padding = 0;
	s->data = s->left;
	s->phase = HTTP2_SKIP;
	if (!http2_is_frame(s->type, s->flags, s->left, s->stream, s->trying)) {
		http2_lose(s);
		return;
	}
	if (s->heads)
		s->trying = 0;
	s->heads = 1;
	if (s->type == HTTP2_DATA) {
		s->phase = s->flags & HTTP2_PADDED ? HTTP2_PADDING : HTTP2_BODY;
		http2_take_front(s);
	} else if (s->stream == s->kept_stream &&
		   (s->type == HTTP2_RST_STREAM ||
		    (s->type == HTTP2_HEADERS && s->flags & HTTP2_END_STREAM))) {
		s->kept_stream = 0;
	}
}

/* Loads N bytes, which are at least 1 and at most MAX. */
static __always_inline int http2_load(const struct source *src, struct http2_side *s, __u8 *dst,
				      __u32 n, __u32 max)
{
	if (!bytes_from_1_to(&n, max) || source_load(src, s->off, dst, n)) {
		http2_lose(s);
		return 0;
	}
	s->off += n;
	return (int)n;
}

static __always_inline void http2_step_head(const struct source *src, struct http2_side *s)
{
	__u32 have = bytes_mask(s->have, 15), n = HTTP2_HEAD_LEN - have, there = s->end - s->off;

	if (n > there)
		n = there;
	s->have = (__u8)(have + http2_load(src, s, &s->head[have], n, HTTP2_HEAD_LEN));
	if (s->have == HTTP2_HEAD_LEN)
		http2_frame(s);
}

static __always_inline void http2_step_padding(const struct source *src, struct http2_side *s)
{
	if (!http2_load(src, s, s->head, 1, 1))
		return;
	s->padding = s->head[0];
	s->left--;
	if (s->padding > s->left) {
		http2_lose(s);
		return;
	}
	s->data = s->left - s->padding;
	s->phase = HTTP2_BODY;
}

static __always_inline void http2_step_body(const struct source *src, struct http2_side *s)
{
	__u32 have = bytes_mask(s->front_len, 63), n = HTTP2_FRONT - have, there = s->end - s->off;
	__u32 body = s->left - s->padding;
	int verdict;

	if (n > body)
		n = body;
	if (n > there)
		n = there;
	if (n) {
		n = (__u32)http2_load(src, s, &s->front[have], n, HTTP2_FRONT);
		if (!n)
			return;
		s->front_len = (__u8)(have + n);
		s->left -= n;
	}
	verdict = http2_judge(s);
	if (verdict == ILP_DONE)
		s->found |= s->front[0] == RECORD_KIND_PREPARE ? HTTP2_PREPARE : HTTP2_REPLY;
	if (verdict == ILP_MORE && n == body)
		http2_keep_front(s);
	if (verdict != ILP_MORE || n == body)
		s->phase = HTTP2_SKIP;
}

/* --- pieces ---------------------------------------------------------------------------------- */

/* Is there more of the piece in hand to look at? */
static __always_inline int http2_more(const struct http2_side *s)
{
	return bytes_forget(s->off) < bytes_forget(s->end) &&
	       bytes_forget(s->phase) != HTTP2_LOST && !(bytes_forget(s->found) & HTTP2_PREPARE);
}

/* Looks at one frame of the piece in hand, or at as much of it as there is. */
static __always_inline void http2_step(const struct source *src, struct http2_side *s)
{
	__u32 n = s->end - s->off;

	if (bytes_forget(s->phase) == HTTP2_HEAD)
		http2_step_head(src, s);
	if (bytes_forget(s->phase) == HTTP2_PADDING && s->off < s->end)
		http2_step_padding(src, s);
	if (bytes_forget(s->phase) == HTTP2_BODY)
		http2_step_body(src, s);
	if (bytes_forget(s->phase) != HTTP2_SKIP)
		return;
	n = s->end - s->off;
	if (n > s->left)
		n = s->left;
	s->off += n;
	s->left -= n;
	if (!s->left)
		s->phase = HTTP2_HEAD;
}

/*
 * The bytes [FROM, END) of a piece are the next ones of their direction; WORD holds the first 8
 * bytes of the piece. Returns whether there is anything to look at. Where it is not known where
 * frames begin, the piece has to begin with the preface or a frame.
 */
static __always_inline int http2_begin(struct http2_walk *w, int out, __u64 word, __u32 from,
				       __u32 end)
{
	struct http2_side *s = &w->sides[out];
	int preface = http2_is_preface(word);

	s->off = from;
	s->end = end;
	if (s->phase != HTTP2_LOST)
		return 1;
	if (from || !(preface || http2_may_begin(word)))
		return 0;
	s->phase = preface ? HTTP2_SKIP : HTTP2_HEAD;
	s->left = preface ? HTTP2_PREFACE_LEN : 0;
	s->have = 0;
	s->heads = 0;
	s->trying = !preface;
	if (preface) {
		w->role = out ? RECORD_ROLE_CLIENT : RECORD_ROLE_SERVER;
		w->prefaced = 1;
	}
	return 1;
}

/* BYTES of a direction were missed. */
static __always_inline void http2_miss(struct http2_side *s, __u32 bytes)
{
	if (s->phase != HTTP2_SKIP || bytes > s->left) {
		http2_lose(s);
		return;
	}
	s->left -= bytes;
	if (!s->left)
		s->phase = HTTP2_HEAD;
}

/*
 * A piece has been looked at. It is taken for a chain of frames when two follow one another in it,
 * when it is one whole frame, or when a packet has been found in it. Of pieces of random bytes 5 in
 * 10^14 are. Then notes what is known of the connection.
 */
static __always_inline void http2_settle(struct http2_walk *w, int out)
{
	struct http2_side *s = &w->sides[out];
	__u8 found = s->found;

	if (s->off < s->end && !(found & HTTP2_PREPARE))
		http2_lose(s); /* there was more in it than a run may look at */
	if (s->trying && !found && !(s->heads && s->phase == HTTP2_HEAD && !s->have))
		http2_lose(s);
	s->trying = 0;
	if (s->phase != HTTP2_LOST)
		w->spoken |= (__u8)(1 << out);
	/* A Prepare goes from the client to the server, its answer comes back: unless a server
	 * sends back what a stranger sent. */
	if (found & HTTP2_PREPARE && !w->prefaced)
		w->role = out ? RECORD_ROLE_CLIENT : RECORD_ROLE_SERVER;
	else if (found && !w->role)
		w->role = out ? RECORD_ROLE_SERVER : RECORD_ROLE_CLIENT;
	w->carries |= found;
}

/* --- the connection -------------------------------------------------------------------------- */

/* Is all known of the connection that a walk can find out? */
static __always_inline int http2_is_known(const struct http2_walk *w)
{
	return w->carries & HTTP2_PREPARE && w->spoken & 1 << FLOW_OUT;
}

/*
 * A piece came or went in direction OUT at *NS. Returns a set of enum record_opaque_said when the
 * connection is to be announced now, and -1 when it is not. It is announced once a packet has been
 * seen on it and this end speaks HTTP/2: what a stranger sends to a port that does not is nothing
 * that came in. Then, if this end has accepted it, again while bytes come in. *NS becomes the time
 * of what is announced: the packet may have come before this end spoke.
 */
static __always_inline int http2_says(struct http2_walk *w, int out, __u64 *ns)
{
	__u8 as = HTTP2_ANNOUNCED | w->role, before = w->announced;
	__u64 now_ns = *ns;

	if (w->timed != w->carries) {
		w->timed = w->carries;
		w->carries_ns = now_ns;
	}
	if (!w->carries || !(w->spoken & 1 << FLOW_OUT))
		return -1;
	if (before == as && (out || w->role == RECORD_ROLE_CLIENT ||
			     now_ns - w->announced_ns <= RECORD_OPAQUE_RENEW_NS))
		return -1;
	if (before != as)
		*ns = w->carries_ns;
	w->announced = as;
	w->announced_ns = now_ns;
	return RECORD_OPAQUE_OURS | (before ? RECORD_OPAQUE_AGAIN : 0);
}

#endif
