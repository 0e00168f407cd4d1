/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode.h - runs the BPF decoders natively for tests and fuzzing. It drives bpf/tap/follow.h
 * itself over pieces of bytes in memory instead of socket buffers, and keeps in a list what would
 * be records.
 *
 * Each piece ends where an unmapped page begins. A load outside of the piece ends the program with
 * a message.
 */
#ifndef TELLTALE_TESTS_DECODE_H
#define TELLTALE_TESTS_DECODE_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/decode/flow.h"
#include "bpf/decode/stream.h"

/* --- what the BPF side's maps.h and emit.h provide ------------------------------------------- */

#define TELLTALE_EMIT_H

struct decode;

struct source {
	const uint8_t *bytes;
	__u32 len;
	__u64 now_ns;
	struct decode *decode;
	const struct record_remote *remote; /* none */
};

static const struct siphash_key decode_session_key = {0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};
static const struct siphash_key decode_host_key = {0x1716151413121110ULL, 0x1f1e1d1c1b1a1918ULL};

static inline const struct siphash_key *session_key(void)
{
	return &decode_session_key;
}

static inline const struct siphash_key *host_key(void)
{
	return &decode_host_key;
}

#define decode_must(condition)                                                                     \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__,           \
				#condition);                                                       \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static inline int source_load(const struct source *src, __u32 off, void *dst, __u32 len)
{
	decode_must(len > 0 && off <= src->len && len <= src->len - off);
	memcpy(dst, src->bytes + off, len);
	return 0;
}

static inline __u64 source_word(const struct source *src, __u32 off, __u32 len)
{
	__u64 word = 0;

	if (len)
		source_load(src, off, &word, len < 8 ? len : 8);
	return word;
}

static inline int source_is_near(const struct source *src)
{
	(void)src;
	return 1;
}

static inline int http1_recall_tamely(struct http1 *h);
static inline int http1_tame_others(struct http1 *h);

static inline int source_recall(const struct source *src, struct http1 *h)
{
	(void)src;
	return http1_recall_tamely(h);
}

static inline int source_tame(const struct source *src, struct http1 *h)
{
	(void)src;
	return http1_tame_others(h);
}

/* What comes next then is streams_bed_upgrade's. */
static inline int source_may_upgrade(const struct source *src)
{
	(void)src;
	return 0;
}

static void emit_message(const struct source *src, const struct flow_common *c,
			 const struct side *s);
static void emit_gap(const struct flow_common *c, __u8 cause, __u8 out, __u64 bytes, __u64 now_ns);

static void emit_gap_message(const struct flow_common *c, const struct side *s, __u8 cause,
			     __u64 now_ns);

static void emit_opaque(const struct flow_common *c, __u8 reason, __u8 said,
			const struct record_remote *remote, __u64 now_ns);

static inline void emit_message_apart(const struct source *src, const struct flow_common *c,
				      struct side *s)
{
	emit_message(src, c, s);
}

#include "bpf/tap/follow.h"

/* --- one connection -------------------------------------------------------------------------- */

/* The contents of a record. Padding is zero, so that two can be compared as bytes. */
struct decoded {
	uint64_t amount, expires_at, destination, condition;
	uint64_t host_hash, path_hash, token, request_id;
	uint64_t body_len;
	uint32_t stream, data_len;
	uint16_t flags, status;
	uint8_t out, role, kind;
	uint8_t reject_code[3];
	uint8_t fulfillment[RECORD_FULFILLMENT_LEN];
	uint8_t host_len, path_len;
	char host[RECORD_HOST_MAX], path[RECORD_PATH_MAX];
};

#define DECODE_MESSAGES_MAX 512

struct decode {
	struct flow flow;
	struct decoded messages[DECODE_MESSAGES_MAX];
	size_t len;
	unsigned gaps[RECORD_GAP_CAUSES + 1];
	unsigned gaps_of[2][RECORD_GAP_CAUSES + 1]; /* the same by enum flow_direction */
	unsigned opaque; /* times it was announced as given over to another protocol */
	unsigned runs;   /* of the last piece: how often steps ran out, and once more */
};

/* emit_gap has no source to find its connection by. */
static struct decode *decode_current;

static inline void emit_message(const struct source *src, const struct flow_common *c,
				const struct side *s)
{
	struct decode *d = src->decode;
	struct decoded *m;

	decode_must(d->len < DECODE_MESSAGES_MAX);
	m = &d->messages[d->len++];
	memset(m, 0, sizeof(*m));
	m->out = s->out;
	m->role = c->role;
	m->stream = s->message.stream;
	m->flags = s->message.head.flags;
	m->kind = s->message.kind;
	m->status = s->message.head.status;
	m->body_len = s->message.body_len;
	if (s->message.kind == RECORD_KIND_PREPARE) {
		m->amount = s->message.ilp.amount;
		m->expires_at = s->message.ilp.expires_at;
		m->destination = s->message.ilp.destination;
		m->condition = s->message.ilp.condition;
	}
	if (s->message.kind >= RECORD_KIND_PREPARE)
		m->data_len = s->message.ilp.data_len;
	if (s->message.kind == RECORD_KIND_FULFILL)
		memcpy(m->fulfillment, s->message.ilp.fulfillment, sizeof(m->fulfillment));
	if (s->message.kind == RECORD_KIND_REJECT)
		memcpy(m->reject_code, s->message.ilp.reject_code, sizeof(m->reject_code));
	m->token = s->message.head.token;
	m->request_id = s->message.head.request_id;
	if (s->message.head.request) {
		m->host_hash = s->message.head.host_hash;
		m->path_hash = s->message.head.path_hash;
		m->host_len = s->message.head.host_len;
		m->path_len = s->message.head.path_len;
		decode_must(s->message.head.host_len <= sizeof(m->host) &&
			    s->message.head.path_len <= sizeof(m->path));
		memcpy(m->host, s->message.host, s->message.head.host_len);
		memcpy(m->path, s->message.path, s->message.head.path_len);
	}
}

static inline void emit_gap(const struct flow_common *c, __u8 cause, __u8 out, __u64 bytes,
			    __u64 now_ns)
{
	(void)c;
	(void)bytes;
	(void)now_ns;
	decode_must(cause > 0 && cause <= RECORD_GAP_CAUSES);
	decode_must(out <= FLOW_OUT);
	decode_current->gaps[cause]++;
	decode_current->gaps_of[out][cause]++;
}

static inline void emit_gap_message(const struct flow_common *c, const struct side *s, __u8 cause,
				    __u64 now_ns)
{
	decode_must(s->message.stream > 0 && !s->message.ready);
	emit_gap(c, cause, s->out, 0, now_ns);
}

static inline void emit_opaque(const struct flow_common *c, __u8 reason, __u8 said,
			       const struct record_remote *remote, __u64 now_ns)
{
	(void)remote;
	(void)now_ns;
	decode_must(c->tunnel && reason == RECORD_OPAQUE_UPGRADED && said == RECORD_OPAQUE_OURS);
	decode_current->opaque++;
}

/* FILLER is put where the decoders must never look: windows, old packets, old texts. */
static inline void decode_init(struct decode *d, uint8_t filler)
{
	memset(d, 0, sizeof(*d));
	for (int i = 0; i < 2; i++) {
		struct side *s = &d->flow.sides[i];

		memset(s->http1.window, filler, sizeof(s->http1.window));
		memset(&s->message.ilp, filler, sizeof(s->message.ilp));
		memset(s->message.host, filler, sizeof(s->message.host));
		memset(s->message.path, filler, sizeof(s->message.path));
		memset(s->http1.spans, filler, sizeof(s->http1.spans));
		memset(s->http1.others, filler, sizeof(s->http1.others));
		memset(s->http1.last.text, filler, sizeof(s->http1.last.text));
		memset(s->http1.last.wild, filler, sizeof(s->http1.last.wild));
	}
	d->flow.sides[FLOW_OUT].out = 1;
}

/* Room for LEN bytes that ends where an unmapped page begins; never freed, used again. */
static inline uint8_t *decode_edge(size_t len)
{
	static uint8_t *end;
	static size_t size;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (len > size) {
		uint8_t *map;

		if (end)
			munmap(end - size, size + page);
		size = (len + page - 1) / page * page;
		map = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
		decode_must(map != MAP_FAILED);
		decode_must(!mprotect(map + size, page, PROT_NONE));
		end = map + size;
	}
	return end - len;
}

/* One piece of one direction, as the taps hand it over. */
static inline void decode_feed(struct decode *d, enum flow_direction dir, const void *bytes,
			       size_t len)
{
	struct side *s = &d->flow.sides[dir];
	uint8_t *copy = len ? decode_edge(len) : NULL;
	struct source src = {.bytes = copy, .len = (__u32)len, .now_ns = 1, .decode = d};

	if (!len)
		return;
	memcpy(copy, bytes, len);
	decode_current = d;
	d->runs = 0;
	s->cursor.off = 0;
	s->cursor.end = (__u32)len;
	if (!follow_synchronised(&src, &d->flow.common, s))
		return;
	do {
		/* Every step must make progress. */
		decode_must(d->runs++ <= len);
	} while (follow(&src, &d->flow.common, s, 1));
}

/* Bytes of a direction were missed. */
static inline void decode_hole(struct decode *d, enum flow_direction dir)
{
	struct source src = {.now_ns = 1, .decode = d};

	decode_current = d;
	follow_gap(&src, &d->flow.common, &d->flow.sides[dir], RECORD_GAP_HOLE, 1);
}

/* The connection ends, in order or in the middle of a message. */
static inline void decode_close(struct decode *d, bool in_order)
{
	struct source src = {.now_ns = 1, .decode = d};

	decode_current = d;
	for (int i = 0; i < 2; i++) {
		http1_cut(&d->flow.common, &d->flow.sides[i], in_order);
		if (http1_take(&d->flow.sides[i]))
			emit_message(&src, &d->flow.common, &d->flow.sides[i]);
	}
}

/* Feeds BYTES in pieces that end at CUTS (ascending, at most LEN). */
static inline void decode_feed_cut(struct decode *d, enum flow_direction dir, const void *bytes,
				   size_t len, const size_t *cuts, size_t cuts_len)
{
	const uint8_t *at = bytes;
	size_t from = 0;

	for (size_t i = 0; i < cuts_len; i++) {
		decode_feed(d, dir, at + from, cuts[i] - from);
		from = cuts[i];
	}
	decode_feed(d, dir, at + from, len - from);
}

static inline void decode_feed_bytes(struct decode *d, enum flow_direction dir, const void *bytes,
				     size_t len)
{
	for (size_t i = 0; i < len; i++)
		decode_feed(d, dir, (const uint8_t *)bytes + i, 1);
}

/* Whether both gave the same messages. */
static inline bool decode_same(const struct decode *a, const struct decode *b)
{
	return a->len == b->len &&
	       !memcmp(a->messages, b->messages, a->len * sizeof(a->messages[0]));
}

/* --- hashes, a byte at a time ---------------------------------------------------------------- */

static inline uint64_t decode_hash(const struct siphash_key *key, const void *bytes, size_t len,
				   uint8_t fold)
{
	const uint8_t *at = bytes;
	struct siphash s;
	uint64_t word = 0;

	siphash_begin(&s, key);
	for (size_t i = 0; i < len; i++) {
		word |= (uint64_t)(at[i] | fold) << (i % 8 * 8);
		if (i % 8 == 7) {
			siphash_word(&s, word);
			word = 0;
		}
	}
	return siphash_end(&s, word, len);
}

#endif
