/* SPDX-License-Identifier: Apache-2.0 */
/*
 * case.h - a conversation, and what telltale must read in it, from a text file (README.md describes
 * the format): segments of bytes in order, and the expected lines. Here are the words that lines
 * are made of; load.h reads a file. A file that cannot be understood ends the program with a
 * message that says where. seen.h makes the lines that are compared with the expected ones.
 */
#ifndef TELLTALE_TESTS_CONFORMANCE_CASE_H
#define TELLTALE_TESTS_CONFORMANCE_CASE_H

#include <err.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/support/decode.h"
#include "tests/unit/support/packets.h"

#define CASE_SEGMENTS_MAX 128
#define CASE_EXPECTED_MAX 128
#define CASE_BYTES_MAX    200000

#define CASE_EXPIRES   "20260131235959123"
#define CASE_CONDITION "the 32 bytes of a condition....."

struct case_segment {
	bool request; /* from the side that asks */
	size_t from, len;
};

struct kase {
	const char *path;
	char title[256];
	char *text;
	struct case_segment segments[CASE_SEGMENTS_MAX];
	size_t segments_len;
	uint8_t bytes[CASE_BYTES_MAX];
	size_t len;
	const char *expected[CASE_EXPECTED_MAX]; /* lines of text */
	size_t expected_len;
	bool http2;
	size_t attached; /* segments before telltale is there */
	bool gaps;       /* some are expected */
	bool reset;      /* the connection breaks off in the end */
	bool cut;        /* "--": the next bytes begin a segment */
};

/* --- reading --------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4), noreturn)) static inline void
case_die(const struct kase *k, const char *at, const char *format, ...)
{
	unsigned line = 1;
	va_list args;

	for (const char *p = k->text; p < at; p++)
		line += *p == '\n';
	fprintf(stderr, "%s:%u: ", k->path, line);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

static inline void case_put(struct kase *k, const void *bytes, size_t len)
{
	if (k->len + len > sizeof(k->bytes))
		errx(2, "%s: more than %zu bytes", k->path, sizeof(k->bytes));
	memcpy(k->bytes + k->len, bytes, len);
	k->len += len;
	k->segments[k->segments_len - 1].len += len;
}

/* Whether the word at AT, up to a blank, '=', '}' or the line's end, is NAME. */
static inline bool case_word(const char *at, const char *name)
{
	size_t len = strlen(name);

	return !strncmp(at, name, len) && (!at[len] || strchr(" =}+-\n\t", at[len]));
}

/* The value of NAME in the words from AT to a '}' or the line's end, or FALLBACK; valid until the
 * next four calls. */
static inline const char *case_value(const char *at, const char *name, const char *fallback)
{
	static char values[4][2048];
	static unsigned turn;
	size_t len = strlen(name);

	for (; *at && *at != '}' && *at != '\n'; at++) {
		if (at[-1] == ' ' && !strncmp(at, name, len) && at[len] == '=') {
			char *value = values[turn++ % 4];
			size_t n = strcspn(at + len + 1, " }\n");

			snprintf(value, sizeof(values[0]), "%.*s", (int)n, at + len + 1);
			return value;
		}
	}
	return fallback;
}

static inline uint64_t case_number(const struct kase *k, const char *at, const char *name,
				   uint64_t fallback)
{
	const char *text = case_value(at, name, NULL);
	char *end;
	uint64_t n;

	if (!text)
		return fallback;
	n = strtoull(text, &end, 0);
	if (!*text || *end)
		case_die(k, at, "%s=%s is no number", name, text);
	return n;
}

/* Makes the packet that "prepare", "fulfill" or "reject" at AT describes. False: AT is none of
 * them. */
static inline bool case_packet(const struct kase *k, const char *at, struct packet *p)
{
	size_t from, to;

	if (case_word(at, "prepare")) {
		const char *destination = case_value(at, "destination", "g.us.bob");

		packet_prepare(p, case_number(k, at, "amount", 1000),
			       case_value(at, "expires", CASE_EXPIRES), CASE_CONDITION, destination,
			       case_number(k, at, "data", 52));
	} else if (case_word(at, "fulfill")) {
		packet_fulfill(p, case_number(k, at, "data", 36));
	} else if (case_word(at, "reject")) {
		const char *by = case_value(at, "by", "g.us.bob");

		packet_reject(p, case_value(at, "code", "F08"), by,
			      case_number(k, at, "message", 0), case_number(k, at, "data", 16));
	} else {
		return false;
	}
	for (uint64_t n = case_number(k, at, "after", 0); n; n--)
		packet_add(p, "x", 1);
	from = case_number(k, at, "from", 0);
	to = case_number(k, at, "to", p->len);
	if (from > to || to > p->len)
		case_die(k, at, "the packet has %zu bytes: from=%zu to=%zu are not in it", p->len,
			 from, to);
	memmove(p->bytes, p->bytes + from, to - from);
	p->len = to - from;
	return true;
}

/* The length of the next packet of the same side. */
static inline size_t case_next_packet(const struct kase *k, const char *at)
{
	static struct packet p;
	const char *line = at;
	char side;

	while (line > k->text && line[-1] != '\n')
		line--;
	side = *line;
	for (const char *c = at; *c; c++) {
		if (c[-1] == '\n')
			line = c;
		if (*c == '{' && *line == side && case_packet(k, c + 1, &p))
			return p.len;
	}
	case_die(k, at, "no packet follows whose length could stand here");
}

/* Reads one character, perhaps escaped, at *AT. */
static inline uint8_t case_character(const struct kase *k, const char **at)
{
	static const char names[] = "rnt0\\{}", values[] = "\r\n\t\0\\{}";
	const char *c = *at;
	const char *name;
	unsigned n;

	*at += 1;
	if (*c != '\\')
		return (uint8_t)*c;
	*at += 1;
	if (c[1] == 'x' && sscanf(c + 2, "%2x", &n) == 1) {
		*at += 2;
		return (uint8_t)n;
	}
	name = c[1] ? strchr(names, c[1]) : NULL;
	if (!name)
		case_die(k, c, "\\%c: known are \\r \\n \\t \\0 \\\\ \\{ \\} and \\x41", c[1]);
	return (uint8_t)values[name - names];
}

/* "{...}" at AT; returns what follows it. */
static inline const char *case_macro(struct kase *k, const char *at)
{
	static struct packet p;
	const char *end = strchr(at, '}');
	char text[40];
	long n;
	int used;

	if (!end || memchr(at, '\n', (size_t)(end - at)))
		case_die(k, at, "'{' without '}' (a brace itself is \\{)");
	if (case_packet(k, at + 1, &p)) {
		case_put(k, p.bytes, p.len);
	} else if (case_word(at + 1, "length") || case_word(at + 1, "hex")) {
		bool hex = at[1] == 'h';

		n = (long)case_next_packet(k, at + 1) + strtol(at + (hex ? 4 : 7), NULL, 10);
		case_put(k, text, (size_t)snprintf(text, sizeof(text), hex ? "%lx" : "%ld", n));
	} else if (sscanf(at, "{repeat %ld %n", &n, &used) == 1) {
		for (; n > 0; n--) {
			for (const char *c = at + used; *c != '}';) {
				uint8_t byte = case_character(k, &c);

				case_put(k, &byte, 1);
			}
		}
		for (end = at + used; *end != '}';)
			case_character(k, &end);
	} else {
		case_die(k, at,
			 "known are {prepare}, {fulfill}, {reject}, {length}, {hex}, {repeat N x}");
	}
	return end + 1;
}

/* The line at AT begins a segment, or goes on with the last one. */
static inline void case_segment(struct kase *k, const char *at)
{
	bool request = *at == '>';

	if (k->segments_len && k->segments[k->segments_len - 1].request == request && !k->cut)
		return;
	if (k->segments_len == CASE_SEGMENTS_MAX)
		case_die(k, at, "more than %d segments", CASE_SEGMENTS_MAX);
	k->segments[k->segments_len++] = (struct case_segment){.request = request, .from = k->len};
	k->cut = false;
}

/* Puts the characters from AT to the line's end. False: the line ends with a backslash. */
static inline bool case_characters(struct kase *k, const char *at)
{
	while (*at && *at != '\n') {
		uint8_t byte;

		if (*at == '{') {
			at = case_macro(k, at);
			continue;
		}
		if (at[0] == '\\' && at[1] == '\n')
			return false;
		byte = case_character(k, &at);
		case_put(k, &byte, 1);
	}
	return true;
}

/* "> bytes" or "< bytes" at AT. */
static inline void case_bytes(struct kase *k, const char *at)
{
	case_segment(k, at);
	if (case_characters(k, at + (at[1] == ' ' ? 2 : 1)))
		case_put(k, "\r\n", 2);
}

static inline char *case_file(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;

	if (!f || getdelim(&text, &size, '\0', f) < 0)
		err(2, "%s", path);
	fclose(f);
	return text;
}

#endif
