/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * http1.h - the bytes of one direction of an HTTP/1.1 connection -> its messages, and of those
 * that carry ILP the packet's head (RFC 9112).
 *
 * In: bytes in order, in pieces of any size, through source_load. Out: message.ready after a step
 * that ended a message that matters: a POST that is a Prepare or is announced as ILP, or the final
 * answer to one. The caller takes it (http1_take) before the next step. Everything else is followed
 * only so far that the next message is found.
 *
 * http1_step does one piece of work: one window of header lines, with the body where the window
 * holds all of it, or one fragment of a body, or one chunk-size line. Steps are small because the
 * verifier walks all of them. A run does one step and comes back by a tail call for more.
 *
 * Most of a run's cost is calls: a return from a function is slow on processors that must not
 * speculate past it. So a message in one segment takes one load, and no call that can be avoided.
 *
 * The includer provides, for its side of the world:
 *   struct source;
 *   int source_load(const struct source *, __u32 off, void *dst, __u32 len);
 *   int source_recall(const struct source *, struct http1 *): http1_recall_tamely
 *   int source_tame(const struct source *, struct http1 *): http1_tame_others
 *   session_key(), host_key(): const volatile struct siphash_key *
 */
#ifndef TELLTALE_HTTP1_H
#define TELLTALE_HTTP1_H

#include "http1_body.h"
#include "http1_head.h"

/* --- messages ------------------------------------------------------------------------------ */

static __always_inline void http1_reset(struct http1 *h, __u8 phase)
{
	h->phase = phase;
	h->have = 0;
	h->started = 0;
	h->long_line = 0;
}

/* The next byte begins a message: forget the last one. */
static __always_inline void http1_begin(struct side *s, __u64 now_ns)
{
	struct http1 *h = &s->http1;
	struct message *m = &s->message;

	h->phase = PHASE_HEAD;
	m->first_ns = now_ns;
	m->body_len = 0;
	h->left = 0;
	h->gathered = 0;
	h->started = 0;
	h->noted = 0;
	m->verdict = ILP_MORE;
	m->stream = 0;
	__builtin_memset(&m->head, 0, sizeof(m->head));
	__builtin_memset(&h->framing, 0, sizeof(h->framing));
	__builtin_memset(h->spans, 0, sizeof(h->spans));
}

/* Is this the direction of the requests, as far as is known? */
static __always_inline int http1_asks(const struct flow_common *c, const struct side *s)
{
	return c->role == (s->out ? RECORD_ROLE_CLIENT : RECORD_ROLE_SERVER);
}

/* The message is complete, or as much of it as will be seen (CUT): message.ready says whether
 * anyone wants to know. */
static __always_inline void http1_finish(struct flow_common *c, struct side *s, int cut)
{
	struct http1 *h = &s->http1;
	struct message *m = &s->message;
	__u8 kind = RECORD_KIND_NONE;

	if (m->head.wanted && m->verdict == ILP_DONE && (cut || m->ilp.size <= m->body_len)) {
		kind = m->ilp.kind;
		if (m->ilp.size < m->body_len)
			m->head.flags |= RECORD_TRAILING;
		if (kind == RECORD_KIND_PREPARE && m->ilp.peer)
			m->head.flags |= RECORD_PEER;
	} else if (m->head.request || (m->head.status == 200 && m->body_len)) {
		kind = RECORD_KIND_BAD;
	}
	/* Connectors take a Prepare for one whatever its Content-Type says; of other requests that
	 * are not announced as ILP nobody wants to know. */
	if (m->head.request && !h->framing.typed && kind != RECORD_KIND_PREPARE) {
		kind = RECORD_KIND_BAD;
		m->head.wanted = 0;
	}
	if (cut)
		m->head.flags |= RECORD_CUT;
	if (m->head.request && kind >= RECORD_KIND_PREPARE)
		c->proven = 1;
	if (!m->head.request && kind >= RECORD_KIND_PREPARE)
		c->spoken = 1;
	if (m->head.request && kind == RECORD_KIND_BAD)
		c->wanted &= ~(1ULL << (m->stream & 63));
	h->framing.typed |= kind >= RECORD_KIND_PREPARE;
	m->kind = kind;
	m->ready = m->head.wanted && (m->stream || kind >= RECORD_KIND_PREPARE);
	http1_reset(h, PHASE_START);
}

/* A request's head is complete: it is the next exchange of its connection. */
static __always_inline void http1_request(struct flow_common *c, struct side *s)
{
	struct http1 *h = &s->http1;
	struct message *m = &s->message;
	__u64 bit;

	if (c->unsure) {
		/* An answer was lost in a gap. Without pipelining, a new request means that all
		 * earlier ones have been answered. */
		c->answers = c->requests;
		c->unsure = 0;
	}
	if (c->guessing)
		m->head.flags |= RECORD_UNSURE;
	m->head.wanted &= h->framing.typed | !h->framing.encoded;
	m->stream = ++c->requests;
	bit = 1ULL << (m->stream & 63);
	c->wanted = m->head.wanted ? c->wanted | bit : c->wanted & ~bit;
	c->headless = h->framing.bodiless ? c->headless | bit : c->headless & ~bit;
	c->connects = h->framing.connect ? c->connects | bit : c->connects & ~bit;
	/* That the answer to a HEAD has no body is noted above. What follows the head of a CONNECT
	 * belongs to the tunnel. */
	h->framing.bodiless = h->framing.connect;
	c->role = s->out ? RECORD_ROLE_CLIENT : RECORD_ROLE_SERVER;
	h->framing.sized = 1; /* with neither framing header a request has no body */
}

/* An answer to a request that was not seen, where some were missed: if it is ILP, so was the
 * request. */
static __always_inline void http1_response_alone(struct flow_common *c, struct side *s)
{
	struct message *m = &s->message;

	c->shifted = 1;
	m->head.wanted = c->guessing;
	m->head.flags |= RECORD_UNSURE;
	if (!c->role)
		c->role = s->out ? RECORD_ROLE_SERVER : RECORD_ROLE_CLIENT;
}

/* A response's head is complete: the next answer, an interim one, or one to a request not seen. */
static __always_inline void http1_response(struct flow_common *c, struct side *s)
{
	struct http1 *h = &s->http1;
	struct message *m = &s->message;

	m->head.wanted = 0;
	if (m->head.status < 200) {
		h->framing.bodiless = 1;
		return;
	}
	h->framing.bodiless = m->head.status == 204 || m->head.status == 304;
	if (c->answers == c->requests) {
		http1_response_alone(c, s);
		return;
	}
	m->stream = ++c->answers;
	if (c->guessing)
		m->head.flags |= RECORD_UNSURE;
	m->head.wanted = (c->wanted >> (m->stream & 63)) & 1;
	h->framing.bodiless |= (c->headless >> (m->stream & 63)) & 1;
	h->framing.connect = m->head.status < 300 && (c->connects >> (m->stream & 63)) & 1;
}

/* The body that follows may be ILP and cannot be read: it is compressed, say. An answer that is no
 * success carries none that matters. That to such a request stays wanted: it says whether the
 * request was ILP. */
static __always_inline void http1_encoded(struct message *m)
{
	if (!m->head.wanted || !m->stream || (!m->head.request && m->head.status >= 300))
		return;
	m->encoded = 1;
	m->head.wanted = 0;
}

/* Which answer belongs to which request is not certain from here on, and not as likely as before:
 * something was missed. Without a branch, for the verifier's sake. */
static __always_inline void http1_renumber(struct flow_common *c)
{
	__u32 shifted = c->shifted, numbering = c->numbering + shifted;

	bytes_pin(numbering);
	c->numbering = (__u8)(numbering - (numbering >> 8)); /* 255 stays */
	c->guessing |= (__u8)shifted;
	c->shifted = 0;
}

/* The head is complete: what body follows? RFC 9112, 6.3. */
static __always_inline int http1_framed(struct flow_common *c, struct side *s)
{
	struct http1 *h = &s->http1;
	struct message *m = &s->message;

	/* Who asks does not answer, and where that is certain the other side does not ask. */
	if (m->head.request ? c->proven && !http1_asks(c, s) : http1_asks(c, s))
		return HTTP1_LOST;
	if ((h->framing.seen & 1 << SPAN_LENGTH && !h->framing.sized) || h->framing.unclear ||
	    h->framing.blanks >= HTTP1_BLANKS)
		return HTTP1_LOST;
	if (m->head.request && !c->unsure && c->requests - c->answers >= FLOW_PIPELINED_MAX)
		return HTTP1_LOST;
	if (h->framing.seen & 1 << SPAN_CODING && !h->framing.chunked) {
		if (m->head.request)
			return HTTP1_LOST;
		h->framing.sized = 0; /* an answer in other codings ends with the connection */
	}
	http1_renumber(c);
	if (m->head.request)
		http1_request(c, s);
	else
		http1_response(c, s);
	h->have = 0;
	h->left = h->framing.length;
	if (h->framing.encoded && !h->framing.bodiless)
		http1_encoded(m);
	if (m->head.status == 101 || (!m->head.request && h->framing.connect)) {
		h->phase = PHASE_IGNORE;
		c->tunnel = PHASE_IGNORE;
	} else if (h->framing.bodiless || (!h->framing.chunked && h->framing.sized && !h->left))
		http1_finish(c, s, 0);
	else if (h->framing.chunked)
		h->phase = PHASE_CHUNK;
	else if (!h->framing.sized)
		h->phase = PHASE_UNTIL_CLOSE;
	else
		h->phase = m->head.wanted ? PHASE_BODY : PHASE_SKIP;
	return HTTP1_MORE;
}

/* --- steps --------------------------------------------------------------------------------- */

/* One window of lines. */
static __always_inline int http1_step_lines(const struct source *src, struct flow_common *c,
					    struct side *s, int usual)
{
	struct http1 *h = &s->http1;
	__u32 before, used;
	int err = http1_load(src, s);

	if (err)
		return err;
	if (!bytes_forget(h->fresh) || !http1_recall(src, s, usual)) {
		err = http1_read(src, s, usual);
		if (err)
			return err;
	}
	before = h->base + bytes_forget(h->have);
	if (bytes_forget(h->found) == LINES_MORE && bytes_forget(h->start) == h->base) {
		s->cursor.off += h->filled - before;
		h->have = h->full ? 0 : (__u16)(h->filled - h->base);
		h->long_line |= h->full;
		return HTTP1_MORE;
	}
	/* Bytes after the last whole line are read again in the next step. */
	used = h->found == LINES_ONE ? h->pos : h->start;
	s->cursor.off += used - before;
	h->have = 0;
	if (h->found == LINES_ONE)
		err = http1_chunk_size(h);
	if (h->found == LINES_END && h->phase == PHASE_HEAD) {
		err = http1_framed(c, s);
		http1_in_window(s);
	} else if (h->found == LINES_END) {
		http1_finish(c, s, 0);
	} else if (h->found != LINES_MORE) {
		http1_chunk(s);
	}
	http1_skip(s);
	return err;
}

/* The fragment in hand is done with. */
static __always_inline void http1_pass(struct flow_common *c, struct side *s)
{
	struct http1 *h = &s->http1;
	struct message *m = &s->message;
	__u32 n = h->fragment;

	s->cursor.off += n;
	m->body_len += n;
	if (h->phase == PHASE_UNTIL_CLOSE)
		return;
	h->left -= n;
	if (h->left)
		return;
	if (h->framing.chunked)
		h->phase = PHASE_CHUNK;
	else
		http1_finish(c, s, 0);
}

/* The cursor is at one byte or more, and h->phase is not LOST or IGNORE. USUAL, a constant: most
 * messages come this way, so that it pays to recognise heads that differ a little from the last
 * one. Elsewhere the verifier is spared that. */
static __always_inline int http1_step(const struct source *src, struct flow_common *c,
				      struct side *s, __u64 now_ns, int usual)
{
	struct http1 *h = &s->http1;
	__u8 phase;
	int err;

	/* From memory both times: else the compiler makes two ways of one that has just begun a
	 * message and one that is inside it, and the verifier walks both to the end. */
	if (bytes_forget(h->phase) == PHASE_START)
		http1_begin(s, now_ns);
	phase = bytes_forget(h->phase);
	h->fragment = 0;
	h->unparsed = 0;
	h->in_lines = phase == PHASE_HEAD || phase == PHASE_CHUNK || phase == PHASE_TRAILER;
	if (bytes_forget(h->in_lines))
		err = http1_step_lines(src, c, s, usual);
	else
		err = http1_step_body(src, s);
	if (err)
		return err;
	if (bytes_forget(h->unparsed))
		http1_parse(s, usual);
	if (bytes_forget(h->fragment))
		http1_pass(c, s);
	return HTTP1_MORE;
}

/* The direction ends here, or its bytes can no longer be followed: a message whose packet is known
 * already still counts. */
static __always_inline void http1_cut(struct flow_common *c, struct side *s, int closed)
{
	struct http1 *h = &s->http1;
	struct message *m = &s->message;

	if (closed && h->phase == PHASE_UNTIL_CLOSE)
		http1_finish(c, s, 0);
	else if ((h->phase == PHASE_SKIP || h->phase == PHASE_CHUNK || h->phase == PHASE_TRAILER ||
		  h->phase == PHASE_UNTIL_CLOSE) &&
		 m->head.wanted && m->verdict == ILP_DONE)
		http1_finish(c, s, 1);
	if (!http1_asks(c, s))
		c->unsure = 1;
	c->shifted = 1;
	http1_reset(h, PHASE_LOST);
}

/* Is there a message to report? At most once each. */
static __always_inline int http1_take(struct side *s)
{
	struct message *m = &s->message;
	int ready = m->ready;

	m->ready = 0;
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

#define HTTP1_LETTERS 0x4040404040404040ULL /* the highest three bits of a capital letter */
#define HTTP1_HIGHEST 0xe0e0e0e0e0e0e0e0ULL

/* Not 0 in each byte of WORD that is no capital letter, nor the hyphen of methods such as M-SEARCH.
 */
static __always_inline __u64 http1_others(__u64 word)
{
	return (word ^ HTTP1_LETTERS) & HTTP1_HIGHEST & (bytes_other(word, '-') >> 7) * 0xff;
}

/* May this begin a request of any method? WORD holds the first LEN bytes, as above. It is a method
 * and the first character of a target; where the method is long, as much as there is room for. The
 * protocols of databases have no such words. CONNECT is none either: what comes behind its head is
 * another connection. */
bytes_function int http1_opens(__u64 word, __u32 len)
{
	__u64 blank = bytes_find(word, ' '), other = http1_others(word);
	__u32 n = blank ? bytes_index(blank) : 8;
	__u8 target = (__u8)(word >> (((n + 1) & 7) * 8));
	int opens =
		len >= 8 && n >= 3 && word != BYTES_WORD('C', 'O', 'N', 'N', 'E', 'C', 'T', ' ');

	if (n < 8)
		other = bytes_low(other, n);
	opens &= !other;
	if (n < 7)
		opens &= target == '/' || target == '*' || (target | 0x20) == 'h';
	bytes_pin(opens);
	return opens;
}

/* May it with WORD's LEN bytes, fewer than 8, and nothing else? */
static __always_inline int http1_opens_short(__u64 word, __u32 len)
{
	__u64 blank = bytes_find(word, ' ');
	__u32 n = blank ? bytes_index(blank) : len;

	return ((__u8)word & 0xe0) == 0x40 && n < 8 && !bytes_low(http1_others(word), n);
}

/* The same behind blank lines, which some clients send (RFC 9112, 2.2); where there are more of
 * them than fit into WORD, a request is expected. The PROXY protocol begins with two as well, and
 * has no letter behind them. */
bytes_function int http1_opens_late(__u64 word, __u32 len)
{
	__u64 other = bytes_other(word, '\r') & bytes_other(word, '\n');
	__u32 skip = bytes_index(other);
	__u8 first = (__u8)(word >> (skip & 7) * 8);
	int opens = skip && len > skip && first >= 'A' && first <= 'Z';

	if (!other)
		opens = len >= 8;
	bytes_pin(opens);
	return opens;
}

/* Is it worth a call to find out whether a request of any method begins with WORD, or a blank line
 * before one? Few words of other protocols begin with two capitals, with one and a hyphen, or with
 * a line end. */
static __always_inline int http1_may_open(__u64 word)
{
	return (word & 0xe0e0) == 0x4040 || (word & 0xffe0) == 0x2d40 || (__u8)word == '\r' ||
	       (__u8)word == '\n';
}

/*
 * The PROXY protocol: proxies put a line (version 1) or a binary header (2) in front of a
 * connection's first request, to say from where it comes. http1_is_proxy knows the line, and
 * http1_classify passes it over. Of the header, WORD and MORE are the connection's first 16 bytes:
 * returns how long it is; 0: it is none.
 */
#define HTTP1_PROXY_HEADER BYTES_WORD('\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q')
#define HTTP1_PROXY_FIXED  16
#define HTTP1_PROXY_LINE   107 /* no line is longer, its end among them */

static __always_inline __u32 http1_proxy(__u64 word, __u64 more)
{
	if (word != HTTP1_PROXY_HEADER ||
	    bytes_low(more, 4) != BYTES_WORD('U', 'I', 'T', '\n', 0, 0, 0, 0))
		return 0;
	return HTTP1_PROXY_FIXED + ((__u32)(more >> 48 & 0xff) << 8 | (__u32)(more >> 56));
}

/* Is the header cut before it says how long it is? A segment of LEN bytes begins with WORD, at the
 * front of a connection or behind the first bytes of the header. Where these are four or fewer,
 * they are blank lines, as far as anybody can tell. */
static __always_inline int http1_is_proxy_cut(__u64 word, __u32 len)
{
	const __u64 header = HTTP1_PROXY_HEADER;

	if ((__u8)word > '\r') /* nearly all */
		return 0;
	return (len >= 5 && len < 8 && word == bytes_low(header, len)) ||
	       (len >= 8 && len < HTTP1_PROXY_FIXED && word == header) ||
	       bytes_low(word, 7) == header >> 8 || bytes_low(word, 6) == header >> 16 ||
	       bytes_low(word, 5) == header >> 24 || bytes_low(word, 4) == header >> 32;
}

/* May an answer begin with WORD? */
static __always_inline int http1_answers(__u64 word, __u32 len)
{
	return len >= 16 && bytes_low(word, 7) == BYTES_WORD('H', 'T', 'T', 'P', '/', '1', '.', 0);
}

#endif
