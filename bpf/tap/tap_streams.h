/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * tap_streams.h - drives http2_streams.h over the bytes that a tap has, and reports what comes out:
 * the counterpart of follow.h for connections in HTTP/2. The maps behind the decoder's tables are
 * looked up here.
 *
 * A connection in HTTP/2 is one of socket_flows or tls_flows whose sides say PHASE_HTTP2. So its
 * bytes are put in order, its holes are found and its end is seen as those of HTTP/1.1.
 */
#ifndef TELLTALE_TAP_STREAMS_H
#define TELLTALE_TAP_STREAMS_H

#include "follow.h"

/* --- the decoder's tables -------------------------------------------------------------------- */

static __always_inline __u32 hpack_huffman(__u32 at)
{
	return hpack_table[at];
}

static __always_inline void *streams_texts(int own)
{
	return own ? (void *)&http2_own_texts : (void *)&http2_texts;
}

static __always_inline void hpack_keep(__u64 hash, const struct hpack_text *text)
{
	void *texts = streams_texts(bytes_forget(text->own));

	if (!bpf_map_lookup_elem(texts, &hash))
		bpf_map_update_elem(texts, &hash, text, BPF_ANY);
}

static __always_inline struct shared_stream_key streams_key(const struct flow_common *c, __u32 id)
{
	struct shared_stream_key key = {
		.id = c->id,
		.generation = c->generation,
		.pid = c->pid,
		.stream = id,
	};

	return key;
}

static __always_inline struct http2_stream *streams_find(const struct flow_common *c, __u32 id)
{
	struct shared_stream_key key = streams_key(c, id);

	return bpf_map_lookup_elem(&http2_streams, &key);
}

static __always_inline void streams_count(__u32 target, __s64 n)
{
	__u64 *count = bpf_map_lookup_elem(&streams_open_of, &target);

	if (count)
		__sync_fetch_and_add(count, n);
}

/* Eighths of its share that a target's table may have when a stream of a connection enters it, four
 * bits each, by: the connection has carried an ILP answer (1); what begins the stream is an answer,
 * to a request that was not seen (2); this end is the client (4). Strangers get half, those whom
 * the target has answered an eighth less than all, and what the target itself asks all of it. The
 * ninth is for what it answers: who only asks cannot take that. */
#define STREAMS_EIGHTHS 0x44889974u

/* Is there room for one stream more? Without branches, for the verifier's sake. */
static __always_inline int streams_has_room(const struct flow_common *c, int answers)
{
	__u32 target = c->target;
	__u64 *n = bpf_map_lookup_elem(&streams_open_of, &target);
	__u64 *swept = bpf_map_lookup_elem(&streams_swept, &target);
	__u32 which = (c->spoken & 1) | answers << 1 | (c->role & RECORD_ROLE_CLIENT) << 2;
	__u64 eighths = STREAMS_EIGHTHS >> which * 4 & 15;

	return n && swept && (__s64)(*n - *swept) * 8 < (__s64)(streams_share * eighths);
}

bytes_function struct http2_stream *streams_open(const struct flow_common *c, __u32 id, int answers)
{
	struct shared_stream_key key = streams_key(c, id);
	struct http2_stream *st;
	__u32 zero = 0;

	st = bpf_map_lookup_elem(&stream_blank, &zero);
	if (!st || !streams_has_room(c, answers) ||
	    bpf_map_update_elem(&http2_streams, &key, st, BPF_NOEXIST))
		return 0;
	streams_count(c->target, 1);
	st = bpf_map_lookup_elem(&http2_streams, &key);
	if (st)
		st->target = c->target;
	return st;
}

bytes_function int streams_close(const struct flow_common *c, __u32 id)
{
	struct shared_stream_key key = streams_key(c, id);

	if (!bpf_map_delete_elem(&http2_streams, &key))
		streams_count(c->target, -1);
	return 0;
}

#define STREAMS_OUT (1u << 31) /* in a key of stream_fronts */

bytes_function int streams_keep(const struct flow_common *c, struct side *s, __u32 id, __u32 len)
{
	struct shared_stream_key key = streams_key(c, id | (s->out ? STREAMS_OUT : 0));

	/* The window has as many bytes, whatever is in them. */
	return bpf_map_update_elem(&stream_fronts, &key, s->http1.window, BPF_ANY) ? -1 : 0;
}

bytes_function int streams_take(const struct flow_common *c, struct side *s, __u32 id, __u32 len)
{
	struct shared_stream_key key = streams_key(c, id | (s->out ? STREAMS_OUT : 0));
	struct stream_front *front = bpf_map_lookup_elem(&stream_fronts, &key);
	__u32 i;

	if (!front)
		return -1;
	BYTES_LOOP
	for (i = 0; i < ILP_HEAD_MAX; i += 8) {
		if (i >= len)
			break;
		*(__u64 *)&s->http1.window[i] = bytes_load(&front->bytes[i]);
	}
	bpf_map_delete_elem(&stream_fronts, &key);
	return 0;
}

#include "bpf/decode/http2_streams.h"

_Static_assert(__builtin_offsetof(struct http2_stream, opened_ns) ==
		       sizeof(struct http2_stream) - sizeof(struct shared_stream_tail),
	       "the probe half reads it there");

/* --- what comes out -------------------------------------------------------------------------- */

/* Puts the text of HASH, as TEXTS has it, at WORDS and its length into *LEN; 0: it is not known. No
 * hash: no text. */
static __always_inline int streams_text(void *texts, __u64 hash, __u64 *words, __u8 *len)
{
	struct hpack_text *text = hash ? bpf_map_lookup_elem(texts, &hash) : 0;

	*len = 0;
	if (!text)
		return !hash;
	__builtin_memcpy(words, text->words, RECORD_HOST_MAX);
	*len = (__u8)text->len;
	return 1;
}

/* The request in hand is about to be reported: finds the texts of its endpoint, where this reader
 * does not know it yet. What has none is not reported. */
bytes_function int streams_name(struct side *s)
{
	void *texts = streams_texts(s->out);
	struct message *m = &s->message;
	__u64 key = emit_endpoint_key(m, emit_endpoint_of(m));

	if (key == s->announced)
		return 0;
	if ((m->head.flags & RECORD_NAMELESS) ||
	    (!bpf_map_lookup_elem(&endpoints, &key) &&
	     (!streams_text(texts, m->head.host_hash, m->host, &m->head.host_len) ||
	      !streams_text(texts, m->head.path_hash, m->path, &m->head.path_len))))
		s->announced = key;
	return 0;
}

/* The direction is lost, BYTES of it at least. */
bytes_function int streams_lost(struct flow_common *c, struct side *s, struct streams *conn,
				__u64 bytes_and_cause, __u64 now_ns)
{
	streams_lose(&conn->sides[s->out & 1]);
	if (!bytes_forget(c->plain))
		emit_gap(c, (__u8)(bytes_and_cause & 0xff), s->out, bytes_and_cause >> 8, now_ns);
	return 0;
}

#define streams_lost_for(cause, bytes) ((__u64)(bytes) << 8 | (cause))

/* As follow_synchronised. A connection that was joined midway because it carries ILP says once of
 * each direction that something in it was not read, if so. */
static __always_inline int streams_begins(const struct source *src, struct flow_common *c,
					  struct side *s, struct streams *conn)
{
	struct streams_side *h = &conn->sides[s->out & 1];

	if (streams_synchronised(src, s, h))
		return 1;
	if (bytes_forget(h->unsaid)) {
		h->unsaid = 0;
		emit_gap(c, RECORD_GAP_HTTP, s->out, s->cursor.end - s->cursor.off, src->now_ns);
	}
	return 0;
}

/* One step of the piece in hand, and what comes of it. Returns 1 when there is more. */
static __always_inline int streams_follow(const struct source *src, struct flow_common *c,
					  struct side *s, struct streams *conn)
{
	struct streams_side *h = &conn->sides[s->out & 1];
	int err;

	if (!streams_more(s, h))
		return 0;
	err = streams_step(src, c, s, conn);
	if (http1_take(s)) {
		if (s->message.head.request)
			streams_name(s);
		emit_message_apart(src, c, s);
	}
	if (bytes_forget(h->gap))
		emit_gap_message(c, s, h->gap, src->now_ns);
	if (bytes_forget(h->reset))
		emit_close_of(c, h->reset, src->now_ns);
	if (err)
		streams_lost(
			c, s, conn,
			streams_lost_for(err == STREAMS_UNREAD ? RECORD_GAP_LOAD : RECORD_GAP_HTTP,
					 s->cursor.end - s->cursor.off),
			src->now_ns);
	return streams_more(s, h);
}

/* --- a connection's life --------------------------------------------------------------------- */

/* Begins to follow, WHOLE from the first byte on or midway. ROLE is this end's. */
static __always_inline void streams_begin_both(struct flow *f, struct streams *conn, __u8 role,
					       int whole)
{
	f->common.role = role;
	f->common.plain = whole;
	f->common.guessing = !whole;
	f->sides[FLOW_IN].http1.phase = PHASE_HTTP2;
	f->sides[FLOW_OUT].http1.phase = PHASE_HTTP2;
	conn->sides[FLOW_OUT].hpack.text.own = 1; /* no answer has such texts */
	if (whole) {
		streams_begin(&conn->sides[FLOW_IN], role == RECORD_ROLE_SERVER);
		streams_begin(&conn->sides[FLOW_OUT], role == RECORD_ROLE_CLIENT);
	} else {
		streams_lose(&conn->sides[FLOW_IN]);
		streams_lose(&conn->sides[FLOW_OUT]);
		conn->sides[FLOW_IN].unsaid = 1;
		conn->sides[FLOW_OUT].unsaid = 1;
	}
}

#define STREAMS_FORGET 256 /* streams of a connection that are looked for at its end */

/* The connection has ended: forgets its streams, from the latest on. What is left of more is swept
 * by the probe half. */
bytes_function int streams_forget(const struct flow_common *c, __u32 last)
{
	struct shared_stream_key key = streams_key(c, last);
	__u32 i;

	BYTES_LOOP
	for (i = 0; i < STREAMS_FORGET && (__s32)key.stream > 0; i++) {
		if (!bpf_map_delete_elem(&http2_streams, &key))
			streams_count(c->target, -1);
		key.stream -= 2;
	}
	return 0;
}

#endif
