/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * follow.h - drives http1 over the bytes that a tap has, and reports what comes out.
 */
#ifndef TELLTALE_FOLLOW_H
#define TELLTALE_FOLLOW_H

#include "bpf/emit.h"
#include "bpf/decode/http1.h"
#include "bpf/decode/http2_walk.h"

/* Is there something to look at in the piece in hand? A direction that is not synchronised waits
 * for a piece that begins with a message. */
static __always_inline int follow_synchronised(const struct source *src,
					       const struct flow_common *c, struct side *s)
{
	__u32 len = s->cursor.end - s->cursor.off;
	__u64 word;

	if (s->http1.phase == PHASE_IGNORE)
		return 0;
	if (s->http1.phase != PHASE_LOST)
		return 1;
	word = source_word(src, s->cursor.off, len);
	if (!http1_begins(word, len) && (!(c->plain || http1_asks(c, s)) ||
					 !(http1_opens(word, len) | http1_opens_late(word, len))))
		return 0;
	http1_reset(&s->http1, PHASE_START);
	return 1;
}

static __always_inline void follow_gap(const struct source *src, struct flow_common *c,
				       struct side *s, __u8 cause, __u64 bytes)
{
	http1_cut(c, s, 0);
	if (http1_take(s))
		emit_message_apart(src, c, s);
	if (!bytes_forget(c->plain))
		emit_gap(c, cause, s->out, bytes, src->now_ns);
}

/* Is there more of the piece in hand to look at? */
static __always_inline int follow_more(const struct side *s)
{
	return s->cursor.off < s->cursor.end && s->http1.phase != PHASE_LOST &&
	       s->http1.phase != PHASE_IGNORE;
}

/* Has the connection's only request been answered with 101? Then it may be HTTP/2 from here on. */
static __always_inline int follow_upgrades(const struct source *src, const struct flow_common *c,
					   const struct side *s)
{
	return s->message.head.status == 101 && c->requests == 1 && !c->answers &&
	       source_may_upgrade(src);
}

/* The direction is HTTP/1 no longer: the other one learns it from c->tunnel. What may be HTTP/2 is
 * for tap_join.h to find out, and then 1 is returned; else it is announced. */
static __always_inline int follow_tunnel(const struct source *src, struct flow_common *c,
					 struct side *s)
{
	if (follow_upgrades(src, c, s)) {
		s->http1.phase = PHASE_UPGRADED;
		c->tunnel = PHASE_UPGRADED;
		return 1;
	}
	emit_opaque(c, RECORD_OPAQUE_UPGRADED, RECORD_OPAQUE_OURS, src->remote, src->now_ns);
	return 0;
}

/* Is what could not be read the preface of HTTP/2? It stands where a start line was found, which
 * blank lines may come before; no line was taken for one, and no body is looked at. */
static __always_inline int follow_is_preface(const struct side *s)
{
	const struct http1 *h = &s->http1;

	return h->started && !s->message.head.request && !s->message.head.status &&
	       http2_is_preface(http1_word(h, bytes_forget(h->spans[SPAN_START].at)));
}

/*
 * Does the connection speak HTTP/2? Its preface came behind what a proxy says of it, or the first
 * bytes of it came alone. Then the direction is given over with the preface's next byte, and
 * http1.left says how many of it are still to come. Else the connection is let go, and met again by
 * its frames.
 */
static __always_inline int follow_prefaced(const struct source *src, struct flow_common *c,
					   struct side *s)
{
	struct http1 *h = &s->http1;
	__u32 at = bytes_forget(h->spans[SPAN_START].at);
	__s32 had = (__s32)(h->base + h->have - at); /* below 0: what is in front of it */

	if (!follow_is_preface(s) || (c->requests && !bytes_forget(c->plain)))
		return 0;
	c->plain = 1;
	if (c->requests || had >= HTTP2_PREFACE_LEN || !source_may_upgrade(src))
		return 0;
	if (had < 0) {
		s->cursor.off -= (__u32)had;
		had = 0;
	}
	h->left = HTTP2_PREFACE_LEN - (__u32)had;
	h->phase = PHASE_UPGRADED; /* the other one goes on until tap_join.h begins with both */
	return 1;
}

/*
 * Looks at the piece in hand for one step; a message in one segment takes one step. Returns 0 when
 * all of the piece is done with, 1 when there is more. A run goes on by tail call, of which the
 * kernel allows 33. What is left after the last one is a GAP_COMPLEX. USUAL: see http1_step.
 */
static __always_inline int follow(const struct source *src, struct flow_common *c, struct side *s,
				  int usual)
{
	int err;

	if (c->tunnel && s->http1.phase == PHASE_START) {
		s->http1.phase = c->tunnel;
		return follow_more(s);
	}
	if (!follow_more(s))
		return 0;
	err = http1_step(src, c, s, src->now_ns, usual);
	if (err && follow_prefaced(src, c, s))
		return 1;
	if (err)
		http1_cut(c, s, 0);
	if (http1_take(s))
		emit_message(src, c, s);
	if (bytes_forget(s->message.head.wanted) && bytes_forget(s->message.stream) &&
	    bytes_forget(s->http1.framing.typed))
		c->plain = 0;
	if (bytes_forget(s->message.encoded)) {
		s->message.encoded = 0;
		emit_gap_message(c, s, RECORD_GAP_ENCODED, src->now_ns);
	}
	if (err && !bytes_forget(c->plain))
		emit_gap(c, err == HTTP1_UNREAD ? RECORD_GAP_LOAD : RECORD_GAP_HTTP, s->out,
			 s->cursor.end - s->cursor.off, src->now_ns);
	/* Since this step. */
	if (s->http1.phase == PHASE_IGNORE && !bytes_forget(c->plain))
		return follow_tunnel(src, c, s);
	return follow_more(s);
}

#endif
