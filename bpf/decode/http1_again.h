/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * http1_again.h - remembers the last head. A head that equals it byte for byte says the same, and
 * is not read again.
 *
 * Nor is one that differs in what is seldom the same twice: the digits of Content-Length, and the
 * values of headers that say nothing that matters here, such as Date or traceparent. These bytes
 * are wild; all others must be the same. A line end is never wild and may not stand in place of a
 * wild byte, and a name is never wild. So each line lies where it lay and is what it was, and
 * reading all of it would find the same.
 */
#ifndef TELLTALE_HTTP1_AGAIN_H
#define TELLTALE_HTTP1_AGAIN_H

#include "http1_lines.h"

/* Bytes of a head compared, and copied, in one turn. */
#define HTTP1_BLOCK 32
/* Digits of a Content-Length that may be others in the next head, at most. */
#define HTTP1_DIGITS 8

/* Not 0 when the block at AT differs from the last head's. */
static __always_inline __u64 http1_differ(const struct http1 *h, __u32 at)
{
	const __u8 *a = &h->window[at], *b = &h->last.text[at];

	return (bytes_load(a) ^ bytes_load(b)) | (bytes_load(a + 8) ^ bytes_load(b + 8)) |
	       (bytes_load(a + 16) ^ bytes_load(b + 16)) |
	       (bytes_load(a + 24) ^ bytes_load(b + 24));
}

/* Eight bits -> a word with all bits of a byte set for each of them, the lowest first. */
static __always_inline __u64 http1_widen(__u64 bits)
{
	__u64 word = ((bits & 0xff) * BYTES_ONES) & 0x8040201008040201ULL;

	return ((word + ~BYTES_TOPS) >> 7 & BYTES_ONES) * 0xff;
}

/* Not 0 when the word at AT differs from the last head's in another byte than those of which the
 * lowest BITS say that they may, or when a line ends in place of one of these. It may also be not 0
 * for a vertical tab behind a line end. */
static __always_inline __u64 http1_word_strays(const struct http1 *h, __u32 at, __u64 bits)
{
	__u64 wild = http1_widen(bits), word = bytes_load(&h->window[at]);

	return ((word ^ bytes_load(&h->last.text[at])) & ~wild) | (bytes_find(word, '\n') & wild);
}

/* The same of the block at AT. */
static __always_inline __u64 http1_strays(const struct http1 *h, __u32 at)
{
	__u64 bits = bytes_load((const __u8 *)h->last.wild + at / 8) >> at % 8, strays = 0;
	__u32 i;

	/* A loop: four words at once would take more of the stack than there is. */
	BYTES_LOOP
	for (i = 0; i < HTTP1_BLOCK; i += 8) {
		strays |= http1_word_strays(h, at + i, bits);
		bits >>= 8;
	}
	return strays;
}

/* Sets h->left to the body's length, as it stands where the last head had it. 0 when there are
 * other things than digits. */
static __always_inline int http1_recall_length(struct http1 *h)
{
	__u32 at = bytes_forget(h->last.length_at), n = bytes_forget(h->last.length_len);
	__u64 word = http1_word(h, at), zeros = BYTES_ONES * '0';
	__u8 ok = 1;

	if (!bytes_from_1_to(&n, HTTP1_DIGITS))
		return 1;
	word = word << (8 - n) * 8 | zeros >> n * 4 >> n * 4;
	h->left = ilp_digits(word, &ok);
	return ok;
}

/*
 * Do the bytes in the window say what the last head said, though they differ from it in the block
 * at h->body_at or behind? They do when only values differ that do not matter here, and the length
 * of the body. Sets h->left to that.
 */
static __always_inline int http1_recall_tamely(struct http1 *h)
{
	__u32 len = bytes_forget(h->last.len), at = bytes_forget(h->body_at), i;
	__u64 differ = 0;

	if (!bytes_forget(h->last.tame) || len < HTTP1_BLOCK || len > FLOW_HEAD_WINDOW)
		return 0;
	BYTES_LOOP
	for (i = 0; i < FLOW_HEAD_WINDOW / HTTP1_BLOCK && !differ; i++) {
		bytes_pin(at);
		if (at > len - HTTP1_BLOCK || at > FLOW_HEAD_WINDOW - HTTP1_BLOCK)
			break;
		if (http1_differ(h, at))
			differ = http1_strays(h, at);
		at += HTTP1_BLOCK;
	}
	if (!differ)
		differ = http1_strays(h, bytes_mask(len - HTTP1_BLOCK, FLOW_HEAD_WINDOW - 1));
	return !differ && http1_recall_length(h);
}

/* Do the bytes in the window begin with the last head? Then they say the same. */
static __always_inline int http1_recall(const struct source *src, struct side *s, int usual)
{
	struct http1 *h = &s->http1;
	__u32 len = bytes_forget(h->last.len), at, i;
	__u64 differ = 0;

	if (len < HTTP1_BLOCK || len > FLOW_HEAD_WINDOW || len > h->filled)
		return 0;
	h->left = h->last.framing.length;
	BYTES_LOOP
	for (i = 0; i < FLOW_HEAD_WINDOW / HTTP1_BLOCK && !differ; i++) {
		at = i * HTTP1_BLOCK;
		h->body_at = (__u16)at;
		if (at > len - HTTP1_BLOCK)
			break;
		differ = http1_differ(h, at);
	}
	if ((differ || http1_differ(h, bytes_mask(len - HTTP1_BLOCK, FLOW_HEAD_WINDOW - 1))) &&
	    !(usual && source_recall(src, h)))
		return 0;
	s->message.head = h->last.head;
	h->framing = h->last.framing;
	h->framing.length = bytes_forget(h->left);
	h->start = len;
	h->found = LINES_END;
	return 1;
}

/* --- remembering ----------------------------------------------------------------------------- */

/* How many bytes of LINE are its name and the colon. What stands behind them has no say in what the
 * line is; no more is read of it than three words. */
static __always_inline __u32 http1_name(const __u8 *line)
{
	__u64 found = bytes_find(bytes_load(line), ':');
	__u32 past = 1;

	if (!found) {
		past = 9;
		found = bytes_find(bytes_load(line + 8), ':');
	}
	if (!found) {
		past = 17;
		found = bytes_find(bytes_load(line + 16), ':');
	}
	return found ? past + bytes_index(found) : 24;
}

/* In the next head the bytes [at, end) may be others: as many of them as a word has bits for.
 * Without a branch, after which the verifier would walk all other lines twice. */
static __always_inline void http1_tame(struct http1 *h, __u32 at, __u32 end)
{
	__u64 len = (__u64)end - at, over, bits;
	__u64 *wild = &h->last.wild[bytes_mask(at / 64, FLOW_HEAD_WINDOW / 64 - 1)];

	len &= ~-(len >> 63);       /* 0 where the end comes first */
	over = -((63 - len) >> 63); /* all ones from 64 on */
	bits = ((1ULL << (len & 63)) - 1) | over;
	wild[0] |= bits << at % 64;
	wild[1] |= bits >> 1 >> (63 - at % 64);
}

/* Notes where the next head may differ from the one that is remembered. */
static __always_inline int http1_tame_others(struct http1 *h)
{
	__u32 at, i;

	__builtin_memset(h->last.wild, 0, sizeof(h->last.wild));
	BYTES_LOOP
	for (i = 0; i < FLOW_WILD_LINES; i++) {
		at = bytes_forget(h->others[i].at);
		bytes_pin(at);
		if (i >= bytes_forget(h->noted) || at > FLOW_HEAD_WINDOW)
			break;
		http1_tame(h, at + http1_name(&h->window[at]), at + bytes_forget(h->others[i].len));
	}
	at = bytes_forget(h->last.length_at);
	i = bytes_forget(h->last.length_len);
	if (i <= HTTP1_DIGITS)
		http1_tame(h, at, at + i);
	h->last.tame = 1;
	return 0;
}

/* Remembers the head that ends at h->start. */
static __always_inline void http1_remember(const struct source *src, struct side *s, int usual)
{
	struct http1 *h = &s->http1;
	__u32 len = bytes_forget(h->start), at, i;

	if (len < HTTP1_BLOCK || len > FLOW_HEAD_WINDOW)
		return;
	BYTES_LOOP
	for (i = 0; i < FLOW_HEAD_WINDOW / HTTP1_BLOCK; i++) {
		at = i * HTTP1_BLOCK;
		if (at >= len)
			break;
		bytes_store(&h->last.text[at], bytes_load(&h->window[at]));
		bytes_store(&h->last.text[at + 8], bytes_load(&h->window[at + 8]));
		bytes_store(&h->last.text[at + 16], bytes_load(&h->window[at + 16]));
		bytes_store(&h->last.text[at + 24], bytes_load(&h->window[at + 24]));
	}
	if (usual)
		source_tame(src, h);
	h->last.head = s->message.head;
	h->last.framing = h->framing;
	h->last.len = len;
}

#endif
