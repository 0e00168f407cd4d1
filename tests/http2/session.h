/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h - random sessions in HTTP/2, written by nghttp2: a client and a server that send ILP
 * and other bodies to each other, with all that the protocol allows between.
 *
 * Some of the sessions are steady: as connectors do, their ends say nearly the same each time.
 *
 * Header blocks are cut into CONTINUATIONs behind nghttp2, which would not do so, and frames of
 * unknown types are put between. What comes out are the bytes of both directions, in an order in
 * which they may have passed: an end gets no byte before session_deliver has handed it over.
 */
#ifndef TELLTALE_TESTS_SESSION_H
#define TELLTALE_TESTS_SESSION_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/http2/indexing.h"
#include "tests/unit/support/http2.h"

#define SESSION_EXCHANGES_MAX 200
#define SESSION_QUEUE_MAX     (1 << 20)
#define SESSION_BODY_MAX      40000

/* Of one direction: what its end has written, and is not handed over. */
struct queue {
	uint8_t at[SESSION_QUEUE_MAX];
	size_t len;
};

struct body;

struct session {
	uint64_t random;
	struct body *bodies;      /* all of it, freed at the end */
	nghttp2_session *ends[2]; /* client, server */
	struct queue queues[2];   /* by the end that writes */
	uint32_t streams[SESSION_EXCHANGES_MAX];
	int exchanges, wanted;
	bool large;   /* tables may be larger than 4,096 bytes */
	bool indexed; /* header blocks are written anew */
	bool steady;
	bool singly;              /* one request after another */
	uint32_t unindexed;       /* steady: names that enter no table, a bit by session_name_bit */
	struct indexing heads[2]; /* by the end that writes */
	bool begun[2];
	unsigned long frames;
	uint8_t raw[SESSION_QUEUE_MAX]; /* what nghttp2 wrote */
};

static inline uint64_t session_random(struct session *s)
{
	/* xorshift64* */
	s->random ^= s->random >> 12;
	s->random ^= s->random << 25;
	s->random ^= s->random >> 27;
	return s->random * 0x2545f4914f6cdd1dULL;
}

/* From 0 to N - 1. */
static inline uint32_t session_below(struct session *s, uint32_t n)
{
	return (uint32_t)((session_random(s) >> 33) % n);
}

static inline bool session_once_in(struct session *s, uint32_t n)
{
	return !session_below(s, n);
}

/* What is odd happens once in N; where the ends are steady, seldom. */
static inline bool session_oddly(struct session *s, uint32_t n)
{
	return !session_below(s, s->steady ? 12 * n : n);
}

/* --- bodies ---------------------------------------------------------------------------------- */

/* What nghttp2 is still to send of a body. */
struct body {
	struct body *next;
	struct session *session;
	size_t len, at;
	bool trailers;
	uint8_t bytes[];
};

static inline ssize_t session_read_body(nghttp2_session *end, int32_t stream, uint8_t *buf,
					size_t room, uint32_t *flags, nghttp2_data_source *source,
					void *session)
{
	struct body *b = source->ptr;
	size_t n = b->len - b->at;

	(void)session;
	if (n > room)
		n = room;
	if (n > 1 && session_oddly(b->session, 3))
		n = 1 + session_below(b->session, (uint32_t)n);
	memcpy(buf, b->bytes + b->at, n);
	b->at += n;
	/* The end of the body may stand on an empty frame. */
	if (b->at < b->len || (n && session_oddly(b->session, 4)))
		return (ssize_t)n;
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (b->trailers) {
		nghttp2_nv nv = {(uint8_t *)"x-sum", (uint8_t *)"1", 5, 1, NGHTTP2_NV_FLAG_NONE};

		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		nghttp2_submit_trailer(end, stream, &nv, 1);
	}
	return (ssize_t)n;
}

static inline void session_fill(struct session *s, uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)session_random(s);
}

/* A Prepare, or the answer to one, or what is neither. */
static inline size_t session_body(struct session *s, uint8_t *at, bool request)
{
	size_t data = session_oddly(s, 10) ? session_below(s, 33000) : session_below(s, 300);
	size_t len;

	switch (session_below(s, s->steady ? 100 : 16)) {
	case 0:
		len = data;
		session_fill(s, at, len);
		break;
	case 1: len = 0; break;
	case 2:
		memcpy(at, "{\"ok\":true}", 11);
		len = 11;
		break;
	case 3:
	case 4:
	case 5: len = request ? http2_make_prepare(at, data) : http2_make_reject(at); break;
	default: len = request ? http2_make_prepare(at, data) : http2_make_fulfill(at, data); break;
	}
	if (len > 100 && at[0] != '{') /* another condition or fulfillment each time */
		session_fill(s, at + 2 + (at[1] & 0x80 ? at[1] & 0x7f : 0) + (request ? 25 : 0),
			     32);
	if (len > 4 && session_oddly(s, 12))
		len -= 1 + session_below(s, 3); /* cut */
	if (session_once_in(s, 12)) {
		session_fill(s, at + len, 3); /* more than the packet */
		len += 3;
	}
	return len;
}

static inline nghttp2_data_provider session_provide(struct session *s, const uint8_t *at,
						    size_t len, bool trailers)
{
	struct body *b = malloc(sizeof(*b) + len);

	decode_must(b);
	b->next = s->bodies;
	s->bodies = b;
	b->session = s;
	b->len = len;
	b->at = 0;
	b->trailers = trailers;
	memcpy(b->bytes, at, len);
	return (nghttp2_data_provider){.source.ptr = b, .read_callback = session_read_body};
}

/* --- heads ----------------------------------------------------------------------------------- */

#define SESSION_FIELDS_MAX 48

struct fields {
	nghttp2_nv nv[SESSION_FIELDS_MAX];
	char values[SESSION_FIELDS_MAX][700];
	char names[SESSION_FIELDS_MAX][40];
	size_t len;
};

static inline uint32_t session_name_bit(const char *name)
{
	size_t len = strlen(name);

	return 1u << ((uint32_t)name[len - 1] + (uint32_t)name[len / 2] * 3 + len) % 32;
}

static inline void session_field(struct session *s, struct fields *f, const char *name,
				 const char *value)
{
	bool indexed =
		s->steady ? !(s->unindexed & session_name_bit(name)) : !session_once_in(s, 4);
	size_t i = f->len++;

	decode_must(i < SESSION_FIELDS_MAX);
	snprintf(f->names[i], sizeof(f->names[i]), "%s", name);
	snprintf(f->values[i], sizeof(f->values[i]), "%s", value);
	f->nv[i] = (nghttp2_nv){(uint8_t *)f->names[i], (uint8_t *)f->values[i],
				strlen(f->names[i]), strlen(f->values[i]),
				indexed ? NGHTTP2_NV_FLAG_NONE : NGHTTP2_NV_FLAG_NO_INDEX};
}

/* A value whose length takes three bytes, and whose header block takes several frames. Huffman's
 * code would make it longer. */
static inline void session_blob(struct session *s, struct fields *f)
{
	static uint8_t value[20000];

	memset(value, '^', sizeof(value));
	session_field(s, f, "x-blob", "");
	f->nv[f->len - 1].value = value;
	f->nv[f->len - 1].valuelen = sizeof(value) - session_below(s, 4000);
}

/* Fields of no interest, some of them once and some again and again. */
static inline void session_noise(struct session *s, struct fields *f)
{
	uint32_t n = session_below(s, s->large ? 12 : 5);

	for (n = s->steady && !session_once_in(s, 10) ? 0 : n; n; n--) {
		char name[40], value[60];

		snprintf(name, sizeof(name), "x-%u", session_below(s, 40));
		snprintf(value, sizeof(value), "%u",
			 session_below(s, session_once_in(s, 2) ? 4 : 100000));
		session_field(s, f, name, value);
	}
	if (session_oddly(s, 6)) {
		char value[500];
		size_t len = session_below(s, sizeof(value) - 1);

		for (size_t i = 0; i < len; i++)
			value[i] = (char)(' ' + 1 + session_below(s, 94));
		value[len] = '\0';
		session_field(s, f, "authorizatiom", value);
	}
	if (!s->indexed && session_once_in(s, 200))
		session_blob(s, f);
}

static const char *const session_types[] = {
	"application/octet-stream", "application/ilp+octet-stream",
	"application/octet-stream", "Application/Octet-Stream; a=b",
	"application/json",         "application/grpc"};

/* One of the first MOST, or of all: an index of session_types. */
static inline uint32_t session_type(struct session *s, uint32_t most)
{
	if (s->steady && !session_once_in(s, 20))
		return 0;
	return session_below(s, most == 4 && !s->large && session_once_in(s, 3) ? 6 : most);
}

static inline void session_token(struct session *s, char *at, size_t size)
{
	static const char *const schemes[] = {"Bearer ", "bearer ", "BEARER  ", "", "Basic "};
	uint32_t which = session_below(s, s->steady ? 2 : 8);
	/* Long ones too, around the bytes that can be hashed whole. */
	size_t len = which == 7   ? 250 + session_below(s, 12)
		     : which == 6 ? 1 + session_below(s, 600)
				  : 12;
	size_t n = (size_t)snprintf(at, size, "%s",
				    schemes[session_oddly(s, 2) ? session_below(s, 5) : 0]);

	for (size_t i = 0; i < len && n + 1 < size; i++)
		at[n++] = (char)('a' + (which * 7 + i * (which + 1)) % 26);
	at[n] = '\0';
}

/* Of a field whose place in a large table is not known, nothing can be said: there, all requests
 * may carry ILP. */
static inline void session_request_head(struct session *s, struct fields *f)
{
	static const char *const paths[] = {"/", "/ilp", "/index.html",
					    "/accounts/alice/ilp?secret=1", "/?"};
	static const char *const hosts[] = {"bob.example", "Bob.Example:8080", "localhost:7770"};
	char text[700];
	const char *host = hosts[session_oddly(s, 2) ? session_below(s, 3) : 0];

	session_field(s, f, ":method", !s->large && session_oddly(s, 12) ? "GET" : "POST");
	session_field(s, f, ":scheme", "http");
	if (session_oddly(s, 8)) {
		size_t len = 100 + session_below(s, 60);

		text[0] = '/';
		memset(text + 1, 'p', len);
		text[len] = '\0';
		session_field(s, f, ":path", text);
	} else {
		session_field(s, f, ":path", paths[s->steady ? 1 : session_below(s, 5)]);
	}
	if (!session_oddly(s, 10))
		session_field(s, f, ":authority", host);
	else
		session_field(s, f, "host", host);
	session_noise(s, f);
	if (s->large || !session_oddly(s, 12))
		session_field(s, f, "content-type", session_types[session_type(s, 4)]);
	if (!session_oddly(s, 6)) {
		session_token(s, text, sizeof(text));
		session_field(s, f, "authorization", text);
	}
	if (session_oddly(s, 3)) {
		snprintf(text, sizeof(text), "%08X-Id-%u", (unsigned)session_random(s),
			 session_below(s, 100));
		session_field(s, f, "request-id", text);
	}
	if (!s->large && session_oddly(s, 30))
		session_field(s, f, "content-encoding",
			      session_once_in(s, 2) ? "gzip" : "identity");
	session_noise(s, f);
}

static inline void session_response_head(struct session *s, struct fields *f, const char *status)
{
	session_field(s, f, ":status", status);
	session_noise(s, f);
	session_field(s, f, "content-type", session_types[session_type(s, 5)]);
	if (!s->large && session_oddly(s, 30))
		session_field(s, f, "content-encoding", "gzip");
}

/* --- what the ends do ------------------------------------------------------------------------ */

static inline void session_ask(struct session *s)
{
	static uint8_t bytes[SESSION_BODY_MAX];
	static struct fields f;
	size_t len = session_body(s, bytes, true);
	nghttp2_data_provider data = session_provide(s, bytes, len, session_oddly(s, 8));
	bool empty = session_oddly(s, 20);
	nghttp2_priority_spec priority;
	int32_t id;

	f.len = 0;
	session_request_head(s, &f);
	nghttp2_priority_spec_init(&priority, 0, 1 + (int)session_below(s, 256),
				   session_once_in(s, 2));
	id = nghttp2_submit_request(s->ends[0], session_oddly(s, 3) ? &priority : NULL, f.nv, f.len,
				    empty ? NULL : &data, NULL);
	decode_must(id > 0);
	s->streams[s->exchanges++] = (uint32_t)id;
}

static inline void session_answer(struct session *s, int32_t stream)
{
	static const char *const statuses[] = {"200", "200", "200", "202",
					       "400", "500", "503", "204"};
	static uint8_t bytes[SESSION_BODY_MAX];
	static struct fields f;
	size_t len = session_body(s, bytes, false);
	nghttp2_data_provider data;

	for (uint32_t n = session_oddly(s, 5) ? 1 + session_below(s, 2) : 0; n; n--) {
		f.len = 0;
		session_field(s, &f, ":status", session_once_in(s, 2) ? "100" : "103");
		session_noise(s, &f);
		nghttp2_submit_headers(s->ends[1], NGHTTP2_FLAG_NONE, stream, NULL, f.nv, f.len,
				       NULL);
	}
	if (session_oddly(s, 10)) {
		f.len = 0;
		session_request_head(s, &f);
		nghttp2_submit_push_promise(s->ends[1], NGHTTP2_FLAG_NONE, stream, f.nv, f.len,
					    NULL);
	}
	f.len = 0;
	session_response_head(s, &f, statuses[session_below(s, session_oddly(s, 3) ? 8 : 3)]);
	if (session_oddly(s, 12)) {
		nghttp2_submit_response(s->ends[1], stream, f.nv, f.len, NULL);
		return;
	}
	data = session_provide(s, bytes, len, session_oddly(s, 8));
	nghttp2_submit_response(s->ends[1], stream, f.nv, f.len, &data);
}

/* The server answers at the end of a request, and sometimes before. */
static inline int session_got_frame(nghttp2_session *end, const nghttp2_frame *frame, void *session)
{
	struct session *s = session;
	bool ends = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	bool head = frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;

	if (end != s->ends[1] ||
	    (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS))
		return 0;
	if (ends ? !nghttp2_session_get_stream_user_data(end, frame->hd.stream_id)
		 : head && session_once_in(s, 25)) {
		nghttp2_session_set_stream_user_data(end, frame->hd.stream_id, s);
		session_answer(s, frame->hd.stream_id);
	}
	return 0;
}

static inline ssize_t session_pad(nghttp2_session *end, const nghttp2_frame *frame, size_t max,
				  void *session)
{
	struct session *s = session;
	size_t len = frame->hd.length;

	(void)end;
	if (session_oddly(s, 4))
		len += session_below(s, 200);
	return (ssize_t)(len < max ? len : max);
}

/* What neither asks nor answers. */
static inline void session_disturb(struct session *s)
{
	int end = (int)session_below(s, 2);
	uint32_t stream = s->exchanges ? s->streams[session_below(s, (uint32_t)s->exchanges)] : 1;
	nghttp2_priority_spec priority;
	nghttp2_settings_entry entry = {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE,
					session_below(s, s->large ? 65536 : 4097)};

	switch (session_below(s, 12)) {
	case 0:
		nghttp2_submit_rst_stream(s->ends[end], NGHTTP2_FLAG_NONE, (int32_t)stream,
					  NGHTTP2_CANCEL);
		break;
	case 1:
		nghttp2_priority_spec_init(&priority, 0, 7, 0);
		nghttp2_submit_priority(s->ends[0], NGHTTP2_FLAG_NONE, (int32_t)stream, &priority);
		break;
	case 2:
		if (!s->indexed)
			nghttp2_submit_settings(s->ends[end], NGHTTP2_FLAG_NONE, &entry, 1);
		break;
	case 3: nghttp2_submit_ping(s->ends[end], NGHTTP2_FLAG_NONE, NULL); break;
	default: break;
	}
}

/* --- bytes ----------------------------------------------------------------------------------- */

static inline void session_put(struct session *s, int end, const void *bytes, size_t len)
{
	struct queue *q = &s->queues[end];

	decode_must(len <= sizeof(q->at) - q->len);
	if (len)
		memcpy(q->at + q->len, bytes, len);
	q->len += len;
}

static inline void session_put_head(struct session *s, int end, size_t len, uint8_t type,
				    uint8_t flags, const uint8_t *stream)
{
	const uint8_t head[] = {(uint8_t)(len >> 16),
				(uint8_t)(len >> 8),
				(uint8_t)len,
				type,
				flags,
				stream[0],
				stream[1],
				stream[2],
				stream[3]};

	session_put(s, end, head, sizeof(head));
	s->frames++;
}

/* Bytes of a payload before its header block. */
static inline uint32_t session_front(const uint8_t *frame)
{
	uint32_t front = frame[3] == NGHTTP2_PUSH_PROMISE   ? 4
			 : frame[4] & NGHTTP2_FLAG_PRIORITY ? 5
							    : 0;

	return front + (frame[4] & NGHTTP2_FLAG_PADDED ? 1 : 0);
}

/* A frame with a whole header block, as that frame and CONTINUATIONs. */
static inline void session_cut(struct session *s, int end, const uint8_t *frame, uint32_t len)
{
	uint8_t type = frame[3], flags = frame[4];
	uint32_t front = session_front(frame);
	uint32_t pad = flags & NGHTTP2_FLAG_PADDED ? frame[9] : 0, at, n, left;

	at = HTTP2_HEAD_LEN + front;
	decode_must(at + pad <= len);
	left = len - at - pad;
	n = session_below(s, left + 1);
	session_put_head(s, end, front + n + pad, type, flags & (uint8_t)~NGHTTP2_FLAG_END_HEADERS,
			 frame + 5);
	session_put(s, end, frame + HTTP2_HEAD_LEN, front + n);
	session_put(s, end, frame + len - pad, pad);
	for (int more = (int)session_below(s, 4); more >= 0; more--) {
		at += n;
		left -= n;
		n = more ? session_below(s, left + 1) : left;
		session_put_head(s, end, n, NGHTTP2_CONTINUATION,
				 more ? 0 : NGHTTP2_FLAG_END_HEADERS, frame + 5);
		session_put(s, end, frame + at, n);
	}
}

/* The same frame with a header block of another encoder's. Returns its length. */
static inline size_t session_index(struct session *s, int end, const uint8_t *frame, size_t len,
				   uint8_t *to)
{
	struct indexing *x = &s->heads[end];
	size_t front = HTTP2_HEAD_LEN + session_front(frame);
	size_t pad = frame[4] & NGHTTP2_FLAG_PADDED ? frame[HTTP2_HEAD_LEN] : 0, size;

	indexing_block(x, frame + front, len - front - pad);
	size = front + x->block_len + pad - HTTP2_HEAD_LEN;
	decode_must(size <= 16384);
	memcpy(to, frame, front);
	memcpy(to + front, x->block, x->block_len);
	memset(to + front + x->block_len, 0, pad);
	to[0] = 0;
	to[1] = (uint8_t)(size >> 8);
	to[2] = (uint8_t)size;
	return HTTP2_HEAD_LEN + size;
}

static inline void session_put_frame(struct session *s, int end, const uint8_t *frame, size_t len)
{
	static const uint8_t none[4];
	static uint8_t anew[HTTP2_HEAD_LEN + 16384];
	uint8_t type = frame[3];
	bool block = type == NGHTTP2_HEADERS || type == NGHTTP2_PUSH_PROMISE;

	if (block && s->indexed) {
		len = session_index(s, end, frame, len, anew);
		frame = anew;
	}
	if (block && frame[4] & NGHTTP2_FLAG_END_HEADERS && session_oddly(s, 3)) {
		session_cut(s, end, frame, (uint32_t)len);
	} else {
		session_put(s, end, frame, len);
		s->frames++;
	}
	if (session_once_in(s, 50) && (!block || frame[4] & NGHTTP2_FLAG_END_HEADERS) &&
	    (type != NGHTTP2_CONTINUATION || frame[4] & NGHTTP2_FLAG_END_HEADERS)) {
		session_put_head(s, end, 5, 0xfa, (uint8_t)session_random(s), none);
		session_put(s, end, "grease", 5);
	}
}

/* Takes what END has to say. */
static inline void session_collect(struct session *s, int end)
{
	uint8_t *raw = s->raw;
	size_t len = 0, at = 0;
	const uint8_t *chunk;
	ssize_t n;

	while (len < sizeof(s->raw) / 2 &&
	       (n = nghttp2_session_mem_send(s->ends[end], &chunk)) > 0) {
		memcpy(raw + len, chunk, (size_t)n);
		len += (size_t)n;
	}
	if (len && !s->begun[end]) {
		s->begun[end] = true;
		if (!end) {
			session_put(s, end, raw, HTTP2_PREFACE_LEN);
			at = HTTP2_PREFACE_LEN;
		}
	}
	while (at < len) {
		size_t size = HTTP2_HEAD_LEN +
			      ((size_t)raw[at] << 16 | (size_t)raw[at + 1] << 8 | raw[at + 2]);

		decode_must(size <= len - at);
		session_put_frame(s, end, raw + at, size);
		at += size;
	}
}

/* --- the session ----------------------------------------------------------------------------- */

static inline void session_open_end(struct session *s, int end)
{
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;
	nghttp2_settings_entry entries[] = {
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
		 s->steady || session_once_in(s, 3)
			 ? 65535
			 : 1 + session_below(s, session_once_in(s, 4) ? 20 : 2000)},
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 100},
		{NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, s->large ? 65536 : session_below(s, 4097)},
	};

	decode_must(!nghttp2_session_callbacks_new(&callbacks) && !nghttp2_option_new(&option));
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, session_got_frame);
	nghttp2_session_callbacks_set_select_padding_callback(callbacks, session_pad);
	nghttp2_option_set_max_deflate_dynamic_table_size(option, s->large ? 65536 : 4096);
	nghttp2_option_set_no_http_messaging(option, 1);
	if (end)
		decode_must(!nghttp2_session_server_new2(&s->ends[end], callbacks, s, option));
	else
		decode_must(!nghttp2_session_client_new2(&s->ends[end], callbacks, s, option));
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_option_del(option);
	decode_must(!nghttp2_submit_settings(s->ends[end], NGHTTP2_FLAG_NONE, entries,
					     s->indexed || session_once_in(s, 4) ? 2 : 3));
}

static inline void session_open(struct session *s, uint64_t seed)
{
	memset(s, 0, sizeof(*s));
	s->random = seed * 0x9e3779b97f4a7c15ULL + 1;
	s->wanted = 1 + (int)session_below(s, SESSION_EXCHANGES_MAX);
	s->large = session_once_in(s, 4);
	s->indexed = !s->large && session_once_in(s, 2);
	s->steady = session_once_in(s, 2);
	s->singly = s->steady && session_once_in(s, 2);
	s->unindexed = (uint32_t)session_random(s);
	for (int end = 0; end < 2; end++) {
		indexing_init(&s->heads[end], &s->random);
		s->heads[end].steady = s->steady;
		s->heads[end].unindexed = s->unindexed;
		s->heads[end].stubborn = (uint32_t)session_random(s); /* one in eight */
		for (int i = 0; i < 2; i++)
			s->heads[end].stubborn &= (uint32_t)session_random(s);
	}
	session_open_end(s, 0);
	session_open_end(s, 1);
}

static inline void session_close(struct session *s)
{
	while (s->bodies) {
		struct body *next = s->bodies->next;

		free(s->bodies);
		s->bodies = next;
	}
	indexing_fini(&s->heads[0]);
	indexing_fini(&s->heads[1]);
	nghttp2_session_del(s->ends[0]);
	nghttp2_session_del(s->ends[1]);
}

/* Does some of it. Returns whether there may be more. */
static inline bool session_go_on(struct session *s)
{
	uint32_t n = session_below(s, s->singly ? 2 : 6);

	for (; n && s->exchanges < s->wanted; n--) {
		session_ask(s);
		/* One after another, or all heads before all bodies. */
		if (s->steady && session_once_in(s, 2))
			session_collect(s, 0);
	}
	if (session_oddly(s, 3))
		session_disturb(s);
	session_collect(s, 0);
	session_collect(s, 1);
	return s->exchanges < s->wanted || s->queues[0].len || s->queues[1].len;
}

/* Hands N bytes of what END wrote over to the other one. */
static inline void session_deliver(struct session *s, int end, size_t n)
{
	struct queue *q = &s->queues[end];
	ssize_t got = nghttp2_session_mem_recv(s->ends[!end], q->at, n);

	decode_must(got == (ssize_t)n);
	memmove(q->at, q->at + n, q->len - n);
	q->len -= n;
}

#endif
