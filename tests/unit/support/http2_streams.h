/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http2_streams.h - runs bpf/decode/http2_streams.h natively: one connection in HTTP/2, its table
 * of streams, and a list of what would be records (struct decode, as for HTTP/1).
 *
 *   static struct streams_bed b;
 *   streams_bed_init(&b, RECORD_ROLE_CLIENT, 0xff);   this end is the client
 *   streams_bed_feed(&b, FLOW_OUT, bytes, len);       the preface and what follows, in any pieces
 *   streams_bed_feed(&b, FLOW_IN, bytes, len);        what the server says
 *   b.d.messages[0 ... b.d.len), b.resets[0 ... b.resets_len), b.d.gaps[cause]
 */
#ifndef TELLTALE_TESTS_HTTP2_STREAMS_H
#define TELLTALE_TESTS_HTTP2_STREAMS_H

#include "tests/unit/support/decode.h"

struct hpack_text;
struct http2_stream;

static __u32 hpack_huffman(__u32 at);
static void hpack_keep(__u64 hash, const struct hpack_text *text);
static struct http2_stream *streams_find(const struct flow_common *c, __u32 id);
static struct http2_stream *streams_open(const struct flow_common *c, __u32 id, int answers);
static void streams_close(const struct flow_common *c, __u32 id);
static int streams_keep(const struct flow_common *c, struct side *s, __u32 id, __u32 len);
static int streams_take(const struct flow_common *c, struct side *s, __u32 id, __u32 len);

#include "bpf/decode/http2_streams.h"

#ifndef STREAMS_BED_MAX
#define STREAMS_BED_MAX 1024
#endif

struct streams_bed {
	struct decode d;
	struct streams conn;
	struct {
		__u32 id; /* 0: free */
		struct http2_stream stream;
	} streams[STREAMS_BED_MAX];
	struct {
		__u32 id; /* 0: free */
		__u8 out;
		__u8 bytes[ILP_HEAD_MAX];
	} fronts[STREAMS_BED_MAX];
	struct {
		__u64 hash;
		struct hpack_text text;
	} texts[STREAMS_BED_MAX];
	size_t texts_len;
	__u32 resets[DECODE_MESSAGES_MAX]; /* streams that were given up */
	size_t resets_len;
	size_t room;    /* for streams */
	size_t reserve; /* and for so many more that begin with an answer; together at most
			 * STREAMS_BED_MAX */
	size_t open;    /* streams in the table */
	__u64 now_ns;
	unsigned lost;  /* how often a direction was lost */
	unsigned again; /* messages that were read in one step, as remembered */
};

/* The hooks of the decoder have no other way to it. */
static struct streams_bed *streams_bed_current;

/* --- what the BPF side's maps provide -------------------------------------------------------- */

static inline __u32 hpack_huffman(__u32 at)
{
	static __u32 table[HPACK_HUFFMAN_LEN];

	if (!table[HPACK_HUFFMAN_LEN - 1])
		hpack_huffman_fill(table);
	decode_must(at < HPACK_HUFFMAN_LEN);
	return table[at];
}

static inline void hpack_keep(__u64 hash, const struct hpack_text *text)
{
	struct streams_bed *b = streams_bed_current;

	for (size_t i = 0; i < b->texts_len; i++)
		if (b->texts[i].hash == hash)
			return;
	if (b->texts_len == STREAMS_BED_MAX)
		return;
	b->texts[b->texts_len].hash = hash;
	b->texts[b->texts_len++].text = *text;
}

static inline struct http2_stream *streams_find(const struct flow_common *c, __u32 id)
{
	struct streams_bed *b = streams_bed_current;

	(void)c;
	for (size_t i = 0; i < STREAMS_BED_MAX; i++)
		if (b->streams[i].id == id)
			return &b->streams[i].stream;
	return NULL;
}

static inline struct http2_stream *streams_open(const struct flow_common *c, __u32 id, int answers)
{
	struct streams_bed *b = streams_bed_current;

	decode_must(id && !streams_find(c, id));
	if (b->open >= b->room + (answers ? b->reserve : 0))
		return NULL;
	for (size_t i = 0; i < STREAMS_BED_MAX; i++) {
		if (b->streams[i].id)
			continue;
		b->streams[i].id = id;
		b->open++;
		memset(&b->streams[i].stream, 0, sizeof(b->streams[i].stream));
		return &b->streams[i].stream;
	}
	return NULL;
}

static inline void streams_close(const struct flow_common *c, __u32 id)
{
	struct streams_bed *b = streams_bed_current;

	(void)c;
	for (size_t i = 0; i < STREAMS_BED_MAX; i++) {
		if (b->streams[i].id != id)
			continue;
		b->streams[i].id = 0;
		b->open--;
	}
}

static inline int streams_keep(const struct flow_common *c, struct side *s, __u32 id, __u32 len)
{
	struct streams_bed *b = streams_bed_current;

	(void)c;
	decode_must(id && len && len <= ILP_HEAD_MAX);
	for (size_t i = 0; i < b->room; i++) {
		if (b->fronts[i].id)
			continue;
		b->fronts[i].id = id;
		b->fronts[i].out = s->out;
		memcpy(b->fronts[i].bytes, s->http1.window, len);
		return 0;
	}
	return -1;
}

static inline int streams_take(const struct flow_common *c, struct side *s, __u32 id, __u32 len)
{
	struct streams_bed *b = streams_bed_current;

	(void)c;
	for (size_t i = 0; i < STREAMS_BED_MAX; i++) {
		if (b->fronts[i].id != id || b->fronts[i].out != s->out)
			continue;
		b->fronts[i].id = 0;
		memcpy(s->http1.window, b->fronts[i].bytes, len);
		return 0;
	}
	return -1;
}

/* --- one connection -------------------------------------------------------------------------- */

/* ROLE is this end's; FILLER is put where the decoders must never look. */
static inline void streams_bed_init(struct streams_bed *b, enum record_role role, uint8_t filler)
{
	memset(b, 0, sizeof(*b));
	decode_init(&b->d, filler);
	b->d.flow.common.role = role;
	b->room = STREAMS_BED_MAX;
	b->now_ns = 1;
	for (int out = 0; out < 2; out++) {
		memset(&b->conn.sides[out], filler, sizeof(b->conn.sides[out]));
		memset(b->conn.sides[out].hpack.kept, 0, sizeof(b->conn.sides[out].hpack.kept));
		b->conn.sides[out].hpack.unresolved_total = 0;
		b->conn.sides[out].first = 0;
		streams_begin(&b->conn.sides[out], out == (role == RECORD_ROLE_CLIENT));
	}
}

/* The connection was open before it was followed: nothing is known but its ROLE. */
static inline void streams_bed_init_midway(struct streams_bed *b, enum record_role role)
{
	streams_bed_init(b, role, 0xff);
	b->d.flow.common.guessing = 1;
	streams_lose(&b->conn.sides[FLOW_IN]);
	streams_lose(&b->conn.sides[FLOW_OUT]);
}

/* Requests that are under way: in the table, or noted in the connection. */
static inline size_t streams_bed_open(const struct streams_bed *b)
{
	size_t n = b->open;

	for (size_t i = 0; i < STREAMS_ASKED; i++)
		n += b->conn.asked[i].stream && streams_is_asked(&b->conn, b->conn.asked[i].stream);
	return n;
}

/* The text of the hash, or none. */
static inline __u8 streams_bed_text(const struct streams_bed *b, __u64 hash, __u64 *words)
{
	for (size_t i = 0; i < b->texts_len; i++) {
		if (b->texts[i].hash != hash)
			continue;
		memcpy(words, b->texts[i].text.words, RECORD_HOST_MAX);
		return (__u8)b->texts[i].text.len;
	}
	return 0;
}

static inline void streams_bed_report(struct streams_bed *b, const struct source *src,
				      struct side *s)
{
	const struct streams_side *h = &b->conn.sides[s->out];
	struct message *m = &s->message;

	if (http1_take(s)) {
		if (m->head.request) {
			m->head.host_len = streams_bed_text(b, m->head.host_hash, m->host);
			m->head.path_len = streams_bed_text(b, m->head.path_hash, m->path);
		}
		emit_message(src, &b->d.flow.common, s);
	}
	if (h->gap)
		emit_gap_message(&b->d.flow.common, s, h->gap, 1);
	if (h->reset) {
		decode_must(b->resets_len < DECODE_MESSAGES_MAX);
		b->resets[b->resets_len++] = h->reset;
	}
}

/* One piece of one direction, as the taps hand it over. */
static inline void streams_bed_feed(struct streams_bed *b, enum flow_direction dir,
				    const void *bytes, size_t len)
{
	struct side *s = &b->d.flow.sides[dir];
	struct streams_side *h = &b->conn.sides[dir];
	uint8_t *copy = len ? decode_edge(len) : NULL;
	struct source src = {
		.bytes = copy, .len = (__u32)len, .now_ns = b->now_ns, .decode = &b->d};
	size_t steps = 0;

	if (!len)
		return;
	memcpy(copy, bytes, len);
	decode_current = &b->d;
	streams_bed_current = b;
	s->cursor.off = 0;
	s->cursor.end = (__u32)len;
	if (!streams_synchronised(&src, s, h))
		return;
	while (streams_more(s, h)) {
		bool fresh = h->phase == STREAMS_HEAD && !h->have;
		int err;

		decode_must(steps++ <= 3 * len + 4); /* every step must make progress */
		err = streams_step(&src, &b->d.flow.common, s, &b->conn);
		b->again += fresh && s->message.ready;
		if (err) {
			b->lost++;
			emit_gap(&b->d.flow.common, RECORD_GAP_HTTP, s->out, 0, 1);
			streams_lose(h);
		}
		streams_bed_report(b, &src, s);
	}
}

/* The same in pieces of SIZE bytes. */
static inline void streams_bed_feed_by(struct streams_bed *b, enum flow_direction dir,
				       const void *bytes, size_t len, size_t size)
{
	for (size_t at = 0; at < len; at += size)
		streams_bed_feed(b, dir, (const uint8_t *)bytes + at,
				 len - at < size ? len - at : size);
}

/* The same, until the direction is lost: where reading goes on depends on the pieces. */
static inline void streams_bed_feed_until_lost(struct streams_bed *b, enum flow_direction dir,
					       const void *bytes, size_t len, size_t size)
{
	for (size_t at = 0; at < len && b->conn.sides[dir].phase != STREAMS_LOST; at += size)
		streams_bed_feed(b, dir, (const uint8_t *)bytes + at,
				 len - at < size ? len - at : size);
}

/* The direction is given over to another protocol; if it answers, by the head ANSWER. */
static inline int streams_bed_upgrade(struct streams_bed *b, enum flow_direction dir,
				      const char *answer)
{
	struct side *s = &b->d.flow.sides[dir];

	decode_current = &b->d;
	streams_bed_current = b;
	if (answer) {
		s->http1.filled = (__u16)strlen(answer);
		memcpy(s->http1.window, answer, s->http1.filled);
	}
	return streams_upgrade(&b->d.flow.common, s, &b->conn.sides[dir]);
}

/* BYTES of a direction were missed. */
static inline void streams_bed_miss(struct streams_bed *b, enum flow_direction dir, __u32 bytes)
{
	decode_current = &b->d;
	streams_bed_current = b;
	if (streams_miss(&b->d.flow.common, &b->d.flow.sides[dir], &b->conn.sides[dir], bytes))
		return;
	b->lost++;
	emit_gap(&b->d.flow.common, RECORD_GAP_HOLE, dir, bytes, 1);
	streams_lose(&b->conn.sides[dir]);
}

#endif
