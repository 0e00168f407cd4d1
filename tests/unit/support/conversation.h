/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conversation.h - what two ends of a connection send in turn, and what the decoders read in it, as
 * text that a test can compare.
 */
#ifndef TELLTALE_TESTS_CONVERSATION_H
#define TELLTALE_TESTS_CONVERSATION_H

#include <stdarg.h>

#include "tests/unit/support/decode.h"
#include "tests/unit/support/packets.h"

#define EXPIRES    "20260131235959123"
#define CONDITION  "the 32 bytes of a condition....."
#define REQUEST_ID "42ee09c8-a6de-4ae3-8a47-4732b0cbb07b"

#define OCTETS "Content-Type: application/octet-stream\r\n"

/* A request as a Rafiki node sends it. */
#define RAFIKI                                                                                     \
	"POST /ilp/in HTTP/1.1\r\nAccept: application/octet-stream\r\n" OCTETS                     \
	"Authorization: Bearer secret\r\nUser-Agent: axios/1.8.2\r\nContent-Length: %zu\r\n"       \
	"Accept-Encoding: gzip, compress, deflate, br\r\nHost: peer.example:3002\r\n"              \
	"Connection: keep-alive\r\n\r\n"

/* An answer as Koa sends it. */
#define KOA                                                                                        \
	"HTTP/1.1 200 OK\r\nVary: Origin\r\nContent-Type: application/octet-stream\r\n"            \
	"Content-Length: %zu\r\nDate: Sat, 31 Jan 2026 23:59:29 GMT\r\nConnection: keep-alive\r\n" \
	"Keep-Alive: timeout=5\r\n\r\n"

/* The decoders pass these texts on only as hashes. The table turns a hash back into its text. */
static const char *const conversation_names[] = {
	"g.us.bob", "g.us.carol", "peer.config",    "peer.route.control", CONDITION,
	"secret",   "other",      "Basic c2VjcmV0", REQUEST_ID,
};

enum speaker { ASK, ANSWER };

struct turn {
	enum speaker who;
	size_t from, len;
};

struct conversation {
	struct turn turns[40];
	size_t turns_len;
	uint8_t bytes[200000];
	size_t len;
	struct packet packet; /* to be said next */
};

static inline void say_bytes(struct conversation *c, enum speaker who, const void *bytes,
			     size_t len)
{
	struct turn *t = c->turns_len ? &c->turns[c->turns_len - 1] : NULL;

	decode_must(c->len + len <= sizeof(c->bytes));
	if (!t || t->who != who) {
		decode_must(c->turns_len < sizeof(c->turns) / sizeof(c->turns[0]));
		t = &c->turns[c->turns_len++];
		*t = (struct turn){.who = who, .from = c->len};
	}
	memcpy(c->bytes + c->len, bytes, len);
	c->len += len;
	t->len += len;
}

__attribute__((format(printf, 3, 4))) static inline void
say(struct conversation *c, enum speaker who, const char *format, ...)
{
	char text[8000];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	decode_must(len >= 0 && (size_t)len < sizeof(text));
	say_bytes(c, who, text, (size_t)len);
}

static inline void say_packet(struct conversation *c, enum speaker who)
{
	say_bytes(c, who, c->packet.bytes, c->packet.len);
}

/* The packet in chunks of SIZE bytes, then "0" and TRAILER. */
static inline void say_chunks(struct conversation *c, enum speaker who, size_t size,
			      const char *extension, const char *trailer)
{
	for (size_t at = 0; at < c->packet.len; at += size) {
		size_t n = c->packet.len - at < size ? c->packet.len - at : size;

		say(c, who, "%zx%s\r\n", n, extension);
		say_bytes(c, who, c->packet.bytes + at, n);
		say(c, who, "\r\n");
	}
	say(c, who, "0%s\r\n%s\r\n", extension, trailer);
}

static inline void ask_prepare(struct conversation *c, uint64_t amount)
{
	packet_prepare(&c->packet, amount, EXPIRES, CONDITION, "g.us.bob", 52);
	say(c, ASK, RAFIKI, c->packet.len);
	say_packet(c, ASK);
}

static inline void answer_fulfill(struct conversation *c)
{
	packet_fulfill(&c->packet, 36);
	say(c, ANSWER, KOA, c->packet.len);
	say_packet(c, ANSWER);
}

/* How ask_prepare and answer_fulfill are read. */
#define ASKED(n, amount)                                                                           \
	"ask " #n " Prepare " #amount " to g.us.bob until " EXPIRES " if <" CONDITION              \
	"> data 52, peer.example:3002 /ilp/in secret\n"
#define FULFILLED(n) "answer " #n " 200 Fulfill data 36\n"

static inline const char *conversation_name(const struct siphash_key *key, uint64_t hash,
					    uint8_t fold)
{
	size_t n = sizeof(conversation_names) / sizeof(conversation_names[0]);

	for (size_t i = 0; i < n; i++)
		if (hash ==
		    decode_hash(key, conversation_names[i], strlen(conversation_names[i]), fold))
			return conversation_names[i];
	return "?";
}

static inline void conversation_print_ilp(FILE *out, const struct decoded *m)
{
	if (m->kind == RECORD_KIND_NONE)
		fprintf(out, "nothing");
	else if (m->kind == RECORD_KIND_BAD)
		fprintf(out, "bad");
	else if (m->kind == RECORD_KIND_FULFILL)
		fprintf(out, "Fulfill data %u", m->data_len);
	else if (m->kind == RECORD_KIND_REJECT)
		fprintf(out, "Reject %.3s data %u", (const char *)m->reject_code, m->data_len);
	else
		fprintf(out, "Prepare %" PRIu64 " to %s until %" PRIu64 " if <%s> data %u",
			m->amount, conversation_name(session_key(), m->destination, 0),
			m->expires_at, conversation_name(session_key(), m->condition, 0),
			m->data_len);
}

static inline void conversation_print(FILE *out, const struct decoded *m)
{
	if (m->flags & RECORD_REQUEST)
		fprintf(out, "ask %u ", m->stream);
	else
		fprintf(out, "answer %u %u ", m->stream, m->status);
	conversation_print_ilp(out, m);
	if (m->flags & RECORD_REQUEST) {
		decode_must(
			m->host_hash ==
			(m->host_len ? decode_hash(session_key(), m->host, m->host_len, 0x20) : 0));
		decode_must(m->path_hash == decode_hash(session_key(), m->path, m->path_len, 0));
		fprintf(out, ", %.*s %.*s", m->host_len, m->host, m->path_len, m->path);
		if (m->token)
			fprintf(out, " %s", conversation_name(host_key(), m->token, 0));
		if (m->request_id)
			fprintf(out, " #%s", conversation_name(session_key(), m->request_id, 0x20));
	}
	if (m->flags & RECORD_PEER)
		fprintf(out, " PEER");
	if (m->flags & RECORD_CUT)
		fprintf(out, " CUT");
	if (m->flags & RECORD_LONG)
		fprintf(out, " LONG");
	if (m->flags & RECORD_TRAILING)
		fprintf(out, " TRAILING");
	fprintf(out, "\n");
}

/* All messages, one a line; valid until the next call. */
static inline const char *conversation_text(const struct decode *d)
{
	static char text[20000];
	FILE *out = fmemopen(text, sizeof(text), "w");

	decode_must(out);
	for (size_t i = 0; i < d->len; i++)
		conversation_print(out, &d->messages[i]);
	decode_must(!ferror(out) && ftell(out) < (long)sizeof(text));
	fclose(out);
	return d->len ? text : "";
}

/* The direction in which WHO sends, seen at the end that asks (CLIENT) or at the one that
 * answers. */
static inline enum flow_direction conversation_dir(enum speaker who, bool client)
{
	return (who == ASK) == client ? FLOW_OUT : FLOW_IN;
}

#endif
