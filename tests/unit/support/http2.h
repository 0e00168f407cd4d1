/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http2.h - builds HTTP/2 frames and ILP packets byte by byte, and walks them with
 * bpf/decode/http2_frames.h as the taps do.
 */
#ifndef TELLTALE_TESTS_HTTP2_H
#define TELLTALE_TESTS_HTTP2_H

#include "tests/unit/support/decode.h"

#include "bpf/decode/http2_frames.h"

#define HTTP2_BYTES_MAX 65536

struct http2_bytes {
	uint8_t at[HTTP2_BYTES_MAX];
	size_t len;
};

static inline void http2_put(struct http2_bytes *b, const void *bytes, size_t len)
{
	decode_must(len <= sizeof(b->at) - b->len);
	if (len)
		memcpy(b->at + b->len, bytes, len);
	b->len += len;
}

static inline void http2_put_head(struct http2_bytes *b, uint32_t len, uint8_t type, uint8_t flags,
				  uint32_t stream)
{
	const uint8_t head[] = {
		(uint8_t)(len >> 16),
		(uint8_t)(len >> 8),
		(uint8_t)len,
		type,
		flags,
		(uint8_t)(stream >> 24),
		(uint8_t)(stream >> 16),
		(uint8_t)(stream >> 8),
		(uint8_t)stream,
	};

	http2_put(b, head, sizeof(head));
}

static inline void http2_put_frame(struct http2_bytes *b, uint8_t type, uint8_t flags,
				   uint32_t stream, const void *payload, size_t len)
{
	http2_put_head(b, (uint32_t)len, type, flags, stream);
	http2_put(b, payload, len);
}

static inline void http2_put_padded(struct http2_bytes *b, uint8_t flags, uint32_t stream,
				    const void *body, size_t len, uint8_t padding)
{
	static const uint8_t zeros[255];

	http2_put_head(b, (uint32_t)len + 1 + padding, HTTP2_DATA, flags | HTTP2_PADDED, stream);
	http2_put(b, &padding, 1);
	http2_put(b, body, len);
	http2_put(b, zeros, padding);
}

static inline void http2_put_preface(struct http2_bytes *b)
{
	http2_put(b, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HTTP2_PREFACE_LEN);
	http2_put_frame(b, HTTP2_SETTINGS, 0, 0, NULL, 0);
}

/* An OER length. Returns its bytes. */
static inline size_t http2_oer(uint8_t *at, size_t len)
{
	if (len < 0x80) {
		at[0] = (uint8_t)len;
		return 1;
	}
	if (len < 0x100) {
		at[0] = 0x81;
		at[1] = (uint8_t)len;
		return 2;
	}
	at[0] = 0x82;
	at[1] = (uint8_t)(len >> 8);
	at[2] = (uint8_t)len;
	return 3;
}

/* Puts a packet of TYPE with CONTENTS at AT. Returns its bytes. */
static inline size_t http2_packet(uint8_t *at, uint8_t type, const uint8_t *contents, size_t len)
{
	size_t n;

	at[0] = type;
	n = 1 + http2_oer(at + 1, len);
	memcpy(at + n, contents, len);
	return n + len;
}

/* Room for every packet below. */
#define HTTP2_PACKET_MAX 34000

/* A Prepare with DATA bytes of data. */
static inline size_t http2_make_prepare(uint8_t *at, size_t data)
{
	static uint8_t contents[HTTP2_PACKET_MAX];
	const char *address = "test.bob";
	size_t n = 0;

	memset(contents, 0, 8);
	contents[7] = 100;
	memcpy(contents + 8, "20301231235959999", 17);
	memset(contents + 25, 0xc5, 32);
	n = 57 + http2_oer(contents + 57, strlen(address));
	memcpy(contents + n, address, strlen(address));
	n += strlen(address);
	n += http2_oer(contents + n, data);
	memset(contents + n, 0xda, data);
	return http2_packet(at, RECORD_KIND_PREPARE, contents, n + data);
}

static inline size_t http2_make_fulfill(uint8_t *at, size_t data)
{
	static uint8_t contents[HTTP2_PACKET_MAX];
	size_t n = 32;

	memset(contents, 0xf5, 32);
	n += http2_oer(contents + n, data);
	memset(contents + n, 0xda, data);
	return http2_packet(at, RECORD_KIND_FULFILL, contents, n + data);
}

static inline size_t http2_make_reject(uint8_t *at)
{
	return http2_packet(at, RECORD_KIND_REJECT, (const uint8_t *)"F08\x05g.bob\x02no", 13);
}

/* --- walking --------------------------------------------------------------------------------- */

/* The next bytes of a direction, as one piece. */
static inline void http2_feed(struct http2_walk *w, int out, const uint8_t *bytes, size_t len)
{
	uint8_t *copy = len ? decode_edge(len) : NULL;
	struct source src = {.bytes = copy, .len = (__u32)len};
	struct http2_side *s = &w->sides[out];
	size_t steps = 0;

	if (!len)
		return;
	memcpy(copy, bytes, len);
	if (!http2_begin(w, out, source_word(&src, 0, (__u32)len), 0, (__u32)len))
		return;
	while (http2_more(s)) {
		decode_must(steps++ <= len); /* every step must make progress */
		http2_step(&src, s);
	}
	http2_settle(w, out);
}

/* The same in pieces of SIZE bytes. */
static inline void http2_feed_by(struct http2_walk *w, int out, const uint8_t *bytes, size_t len,
				 size_t size)
{
	for (size_t at = 0; at < len; at += size)
		http2_feed(w, out, bytes + at, len - at < size ? len - at : size);
}

/* The same, until it is not known any more where frames begin. */
static inline void http2_feed_until_lost(struct http2_walk *w, int out, const uint8_t *bytes,
					 size_t len, size_t size)
{
	for (size_t at = 0; at < len && w->sides[out].phase != HTTP2_LOST; at += size)
		http2_feed(w, out, bytes + at, len - at < size ? len - at : size);
}

#endif
