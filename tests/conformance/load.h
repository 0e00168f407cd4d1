/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load.h - a conversation's file -> struct kase, and from where on it is followed and may be cut.
 */
#ifndef TELLTALE_TESTS_CONFORMANCE_LOAD_H
#define TELLTALE_TESTS_CONFORMANCE_LOAD_H

#include "frames.h"

/* A line that says something about the connection. False: there is no such line. */
static inline bool case_remark(struct kase *k, const char *at)
{
	if (case_word(at, "http2"))
		k->http2 = true;
	else if (case_word(at, "--"))
		k->cut = true;
	else if (case_word(at, "attach"))
		k->attached = k->segments_len, k->cut = true;
	else if (case_word(at, "reset"))
		k->reset = true;
	else
		return *at == '#' || *at == '\n';
	return true;
}

/* Where reading goes on after a gap depends on the segments, unless it is one of a single body. */
static inline bool case_is_gap(const struct kase *k, const char *expected)
{
	size_t len = strcspn(expected, "\n");

	return case_word(expected, "gap") &&
	       !(k->http2 && len > 7 && !memcmp(expected + len - 7, "encoded", 7));
}

/* Fills *K from the file PATH, which must stay valid. */
static inline void case_load(struct kase *k, const char *path)
{
	struct frames_open frame = {0};

	free(k->text);
	memset(k, 0, sizeof(*k));
	k->path = path;
	k->text = case_file(path);
	for (const char *at = k->text; *at; at += strcspn(at, "\n"), at += *at == '\n') {
		bool bytes = *at == '>' || *at == '<';

		if (!bytes)
			frames_end(k, &frame);
		if (*at == '#' && !*k->title)
			sscanf(at, "# %255[^\n]", k->title);
		else if (bytes && k->http2)
			frames_line(k, at, &frame);
		else if (bytes)
			case_bytes(k, at);
		else if (*at == '=' && k->expected_len < CASE_EXPECTED_MAX)
			k->expected[k->expected_len++] = at;
		else if (!case_remark(k, at))
			case_die(k, at,
				 "a line begins with '#', '>', '<', '=', '--', 'http2', "
				 "'attach' or 'reset'");
	}
	frames_end(k, &frame);
	for (size_t i = 0; i < k->expected_len; i++)
		k->gaps |= case_is_gap(k, k->expected[i] + 2);
	if (!k->segments_len || !*k->title)
		errx(2, "%s: has no '>' line, or no '#' line that says what it shows", path);
}

/* The segment from which on the connection is followed: the first that begins a request. */
static inline size_t case_first(const struct kase *k)
{
	if (k->http2)
		return k->attached;
	for (size_t i = 0; i < k->segments_len; i++) {
		const struct case_segment *s = &k->segments[i];
		uint64_t word = 0;

		memcpy(&word, k->bytes + s->from, s->len < 8 ? s->len : 8);
		if (s->request &&
		    (http1_opens(word, (__u32)s->len) || http1_opens_late(word, (__u32)s->len)))
			return i;
	}
	return k->segments_len;
}

/* In HTTP/2, the segment behind the first ones of both ends after the attach. */
static inline size_t case_met_frames(const struct kase *k)
{
	size_t i = k->attached;

	if (!k->attached)
		return 0;
	while (i < k->segments_len && k->segments[i].request == k->segments[k->attached].request)
		i++;
	return i < k->segments_len ? i + 1 : i;
}

/* The segment from which on others may be cut anywhere: the first that begins a POST. */
static inline size_t case_met(const struct kase *k)
{
	if (k->http2)
		return case_met_frames(k);
	for (size_t i = 0; i < k->segments_len; i++) {
		const struct case_segment *s = &k->segments[i];

		if (s->len >= 5 && !memcmp(k->bytes + s->from, "POST ", 5))
			return i;
	}
	return k->segments_len;
}

/* Does segment I begin with a client's preface? The server may have spoken before. */
static inline bool case_is_preface(const struct kase *k, size_t i)
{
	const struct case_segment *s = &k->segments[i];

	return k->http2 && s->len >= strlen(FRAMES_PREFACE) &&
	       !memcmp(k->bytes + s->from, FRAMES_PREFACE, strlen(FRAMES_PREFACE));
}

/* The first byte of segment I before which it may be cut. In HTTP/2 nobody cuts the beginning of
 * the preface; where somebody does, telltale announces the connection as one that it cannot read.
 */
static inline size_t case_cut_from(const struct kase *k, size_t i)
{
	return case_is_preface(k, i) ? 8 : 1;
}

#endif
