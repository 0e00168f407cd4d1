/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frames.h - the lines of a conversation in HTTP/2: a line for each frame, and under it lines with
 * its payload (README.md describes them). Header fields are written as HPACK has them (RFC 7541),
 * by the case's own choice of representation; texts with a Huffman code come from recordings.
 */
#ifndef TELLTALE_TESTS_CONFORMANCE_FRAMES_H
#define TELLTALE_TESTS_CONFORMANCE_FRAMES_H

#include "case.h"

#define FRAMES_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

#define FRAMES_CONTINUATION 9
#define FRAMES_END_STREAM   0x01U
#define FRAMES_END_HEADERS  0x04U
#define FRAMES_PADDED       0x08U
#define FRAMES_PRIORITY     0x20U

static const char *const frames_types[] = {
	"DATA",         "HEADERS", "PRIORITY", "RST_STREAM",    "SETTINGS",
	"PUSH_PROMISE", "PING",    "GOAWAY",   "WINDOW_UPDATE", "CONTINUATION"};

/* --- payloads -------------------------------------------------------------------------------- */

static inline void frames_byte(struct kase *k, unsigned byte)
{
	uint8_t b = (uint8_t)byte;

	case_put(k, &b, 1);
}

/* A number behind BITS bits of FRONT (RFC 7541, 5.1). */
static inline void frames_number(struct kase *k, unsigned front, unsigned bits, unsigned long n)
{
	unsigned long most = (1UL << bits) - 1;

	if (n < most) {
		frames_byte(k, front | (unsigned)n);
		return;
	}
	frames_byte(k, front | (unsigned)most);
	for (n -= most; n >= 0x80; n >>= 7)
		frames_byte(k, 0x80 | (n & 0x7f));
	frames_byte(k, (unsigned)n);
}

static inline void frames_text(struct kase *k, const char *text, size_t len)
{
	frames_number(k, 0, 7, len);
	case_put(k, text, len);
}

/* "name: value" at AT, or "#12: value" with the name of field 12; FRONT and BITS are those of its
 * representation. */
static inline void frames_literal(struct kase *k, const char *at, unsigned front, unsigned bits)
{
	size_t line = strcspn(at, "\n");
	const char *colon = *at && line ? memchr(at + 1, ':', line - 1) : NULL;
	const char *value = colon ? colon + 1 + strspn(colon + 1, " ") : NULL;

	if (!colon)
		case_die(k, at, "a field is 'name: value'");
	if (*at == '#') {
		frames_number(k, front, bits, strtoul(at + 1, NULL, 10));
	} else {
		frames_byte(k, front);
		frames_text(k, at, (size_t)(colon - at));
	}
	frames_text(k, value, line - (size_t)(value - at));
}

static inline void frames_hex(struct kase *k, const char *at)
{
	unsigned byte;

	for (at += strspn(at, " "); *at && *at != '\n'; at += 2, at += strspn(at, " ")) {
		if (sscanf(at, "%2x", &byte) != 1)
			case_die(k, at, "that is no byte in hexadecimal digits");
		frames_byte(k, byte);
	}
}

/* A line of a payload. */
static inline void frames_payload(struct kase *k, const char *at)
{
	switch (*at) {
	case '~': frames_literal(k, at + 1, 0x00, 4); break;
	case '!': frames_literal(k, at + 1, 0x10, 4); break;
	case '+': frames_literal(k, at + 1, 0x40, 6); break;
	case '#': frames_number(k, 0x80, 7, strtoul(at + 1, NULL, 10)); break;
	case '^': frames_number(k, 0x20, 5, strtoul(at + 1, NULL, 10)); break;
	default:
		if (case_word(at, "hex"))
			frames_hex(k, at + 3);
		else
			case_characters(k, at);
	}
}

/* --- frames ---------------------------------------------------------------------------------- */

/* The line of the frame that is being read, and where in k->bytes its payload begins. */
struct frames_open {
	const char *line;
	size_t from;
};

static inline unsigned frames_type(const struct kase *k, const char *line)
{
	unsigned type;

	for (type = 0; type < sizeof(frames_types) / sizeof(frames_types[0]); type++)
		if (case_word(line, frames_types[type]))
			return type;
	if (sscanf(line, "TYPE_%2x", &type) != 1)
		case_die(k, line, "a frame is DATA, HEADERS, ... or TYPE_1f");
	return type;
}

static inline unsigned frames_flags(const char *line)
{
	static const char *const names[] = {
		[0] = "END_STREAM", [2] = "END_HEADERS", [3] = "PADDED", [5] = "PRIORITY"};
	size_t len = strcspn(line, "\n");
	unsigned flags = 0;

	for (const char *at = line; at < line + len; at += strcspn(at, " \n"), at += *at == ' ') {
		for (unsigned i = 0; at > line && i < 6; i++)
			if (names[i] && case_word(at, names[i]))
				flags |= 1U << i;
		if (case_word(at, "ACK"))
			flags |= 1;
	}
	return flags;
}

static inline void frames_put(struct kase *k, unsigned type, unsigned flags, unsigned long stream,
			      const uint8_t *payload, size_t len)
{
	const uint8_t head[] = {
		(uint8_t)(len >> 16),    (uint8_t)(len >> 8),    (uint8_t)len,
		(uint8_t)type,           (uint8_t)flags,         (uint8_t)(stream >> 24),
		(uint8_t)(stream >> 16), (uint8_t)(stream >> 8), (uint8_t)stream};

	case_put(k, head, sizeof(head));
	case_put(k, payload, len);
}

/* Puts LEN bytes of payload at TO, with a priority before them and padding on both sides as FLAGS
 * ask. Returns how many bytes these are. */
static inline size_t frames_wrap(uint8_t *to, unsigned flags, size_t padding,
				 const uint8_t *payload, size_t len)
{
	static const uint8_t priority[] = {0x80, 0, 0, 0, 15};
	size_t n = 0;

	if (flags & FRAMES_PADDED)
		to[n++] = (uint8_t)padding;
	if (flags & FRAMES_PRIORITY) {
		memcpy(to + n, priority, sizeof(priority));
		n += sizeof(priority);
	}
	memcpy(to + n, payload, len);
	memset(to + n + len, 0, padding);
	return n + len + padding;
}

/* One of the frames that LINE asks for: LEN bytes of the payload; FIRST and LAST of them? */
static inline void frames_one(struct kase *k, const char *line, const uint8_t *payload, size_t len,
			      bool first, bool last)
{
	static uint8_t wrapped[CASE_BYTES_MAX + 300];
	unsigned type = frames_type(k, line), flags = frames_flags(line);
	unsigned raw = (unsigned)case_number(k, line, "FLAGS", 0);
	unsigned long stream = strtoul(strchr(line, ' '), NULL, 10);

	if (!last) /* which end of what it is, the last one says; but HEADERS that of the stream */
		flags &= type ? ~FRAMES_END_HEADERS : ~FRAMES_END_STREAM;
	if (type && !first)
		frames_put(k, FRAMES_CONTINUATION, flags & FRAMES_END_HEADERS, stream, payload,
			   len);
	else
		frames_put(k, type, flags | raw, stream, wrapped,
			   frames_wrap(wrapped, flags, case_number(k, line, "PADDED", 0), payload,
				       len));
}

/* The payload of the frame is complete: puts the frame in its place, or, with SPLIT=n, frames of n
 * bytes each; a header block goes on in CONTINUATION. */
static inline void frames_end(struct kase *k, struct frames_open *f)
{
	static uint8_t payload[CASE_BYTES_MAX];
	size_t len = k->len - f->from, at = 0, n;
	size_t split;

	if (!f->line)
		return;
	split = case_number(k, f->line, "SPLIT", len);
	memcpy(payload, k->bytes + f->from, len);
	k->len -= len;
	k->segments[k->segments_len - 1].len -= len;
	do {
		n = len - at < split ? len - at : split;
		frames_one(k, f->line, payload + at, n, !at, at + n == len);
		at += n;
	} while (at < len);
	f->line = NULL;
}

/* "> ..." or "< ..." at AT. */
static inline void frames_line(struct kase *k, const char *at, struct frames_open *f)
{
	bool payload = at[1] == ' ' && at[2] == ' ';
	const char *what = at + 1 + strspn(at + 1, " ");

	if (payload && f->line) {
		frames_payload(k, what);
		return;
	}
	frames_end(k, f);
	case_segment(k, at);
	if (case_word(what, "preface")) {
		case_put(k, FRAMES_PREFACE, strlen(FRAMES_PREFACE));
		return;
	}
	if (what[strcspn(what, " \n")] != ' ')
		case_die(k, at, "a frame is 'TYPE STREAM FLAG...'");
	*f = (struct frames_open){.line = what, .from = k->len};
}

#endif
