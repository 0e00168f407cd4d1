/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * hpack.h - the bytes of header blocks of one direction (RFC 7541) -> the values of the fields that
 * matter, most of them as keyed hashes.
 *
 * In: the blocks in order, in pieces of any size, through source_load. Out: struct hpack, where
 * hpack.values has what the block in hand said so far (hpack_begin forgets it). Only structure is
 * read: a value enters the table of this direction's fields as what is to be known of it, a number
 * or a hash, and its text is forgotten. No token is kept.
 *
 * The table is the last HPACK_TABLE fields that were inserted. What the encoder has evicted need
 * not be known: a valid encoder never names it. A field that stands further back, or was inserted
 * before the direction was followed, is unresolved: hpack.unresolved says so for the block, and
 * nothing else is lost.
 *
 * hpack_step does one piece of work: a window of fields up to the first one that has a text, with
 * as much of this text as the window holds. Steps are small because the verifier walks all of them.
 *
 * The includer provides, for its side of the world:
 *   struct source;
 *   int source_load(const struct source *, __u32 off, void *dst, __u32 len);
 *   session_key(), host_key(): const volatile struct siphash_key *
 *   __u32 hpack_huffman(__u32 at): an entry of the table of hpack_huffman.h, AT below
 *     HPACK_HUFFMAN_LEN
 *   void hpack_keep(__u64 hash, const struct hpack_text *): the text of a Host or path that came in
 *     clear, by its hash, to be found when its endpoint is reported
 */
#ifndef TELLTALE_HPACK_H
#define TELLTALE_HPACK_H

#include "http2_state.h"

/* --- beginnings ------------------------------------------------------------------------------ */

/* Nothing is known of the table: the direction begins (WHOLE), or bytes of it were missed. */
static __always_inline void hpack_reset(struct hpack *h, __u8 whole)
{
	h->inserted = 0;
	h->whole = whole;
	h->phase = HPACK_FIELD;
	h->naming = 0;
}

/* The next byte begins a block. A block before it that was not complete is an error of RFC 9113,
 * which the caller finds. */
static __always_inline void hpack_begin(struct hpack *h)
{
	__builtin_memset(h->values, 0, sizeof(h->values));
	h->seen = 0;
	h->unresolved = 0;
	h->cut = 0;
	h->phase = HPACK_FIELD;
	h->naming = 0;
}

/* May the block end here? */
static __always_inline int hpack_is_complete(const struct hpack *h)
{
	return h->phase == HPACK_FIELD;
}

/* --- the tables ------------------------------------------------------------------------------ */

/* Fields of the static table, by index, four bits each: enum hpack_name. The others are of no
 * interest. */
#define HPACK_STATIC_0_15                                                                          \
	(0ULL | (__u64)HPACK_AUTHORITY << 4 | (__u64)HPACK_METHOD << 8 |                           \
	 (__u64)HPACK_METHOD << 12 | (__u64)HPACK_PATH << 16 | (__u64)HPACK_PATH << 20 |           \
	 (__u64)HPACK_STATUS << 32 | (__u64)HPACK_STATUS << 36 | (__u64)HPACK_STATUS << 40 |       \
	 (__u64)HPACK_STATUS << 44 | (__u64)HPACK_STATUS << 48 | (__u64)HPACK_STATUS << 52 |       \
	 (__u64)HPACK_STATUS << 56)
#define HPACK_STATIC_16_31                                                                         \
	((__u64)HPACK_TOKEN << 28 | (__u64)HPACK_ENCODING << 40 | (__u64)HPACK_TYPE << 60)
#define HPACK_STATIC_32_47 ((__u64)HPACK_HOST << 24)
#define HPACK_STATIC_LEN   62 /* the first index of the dynamic table */

static __always_inline __u8 hpack_static_name(__u32 index)
{
	__u64 names = index < 16   ? HPACK_STATIC_0_15
		      : index < 32 ? HPACK_STATIC_16_31
		      : index < 48 ? HPACK_STATIC_32_47
				   : 0;

	return names >> (index & 15) * 4 & 15;
}

/* :status of the static table from index 8 on, nine bits each. */
#define HPACK_STATUSES                                                                             \
	(200ULL | 204ULL << 9 | 206ULL << 18 | 304ULL << 27 | 400ULL << 36 | 404ULL << 45 |        \
	 500ULL << 54)

/* :status and :method POST. The paths of the static table are handled as texts. */
static __always_inline __u64 hpack_static_value(__u32 index)
{
	if (index == 3)
		return 1;
	return index >= 8 && index < 15 ? HPACK_STATUSES >> (index - 8) * 9 & 511 : 0;
}

/* What an entry of the table has besides its value. */
static __always_inline __u16 hpack_facts(const struct hpack_entry *e)
{
	return (__u16)(e->len | (e->name & 15) << 8 | !!e->cut << 12 | !!e->unknown << 13);
}

static __always_inline void hpack_take(struct hpack_entry *e, __u64 value, __u16 facts)
{
	e->value = value;
	e->len = (__u8)facts;
	e->name = facts >> 8 & 15;
	e->cut = facts >> 12 & 1;
	e->unknown = facts >> 13 & 1;
}

/* Puts the field with the number in hand into h->field. */
bytes_function int hpack_look_up(struct hpack *h)
{
	__u32 index = bytes_forget(h->number), back = index - HPACK_STATIC_LEN;
	__u32 at;

	__builtin_memset(&h->field, 0, sizeof(h->field));
	if (index < HPACK_STATIC_LEN) {
		h->field.name = hpack_static_name(index);
		h->field.value = hpack_static_value(index);
		return 0;
	}
	if (back < bytes_forget(h->inserted) && back < HPACK_TABLE) {
		at = bytes_mask(h->inserted - 1 - back, HPACK_TABLE - 1);
		hpack_take(&h->field, h->table[at], h->facts[at]);
	} else if (h->whole && back >= bytes_forget(h->inserted)) {
		h->phase = HPACK_LOST;
	} else {
		h->field.unknown = 1;
	}
	return 0;
}

static __always_inline void hpack_insert(struct hpack *h)
{
	__u32 at = bytes_mask(h->inserted, HPACK_TABLE - 1);

	h->table[at] = h->field.value;
	h->facts[at] = hpack_facts(&h->field);
	h->inserted++;
}

/* The field in hand is one of the block. Where one comes again, servers take the first or the last:
 * if any of them says ILP, it may be ILP. */
static __always_inline void hpack_apply(struct hpack *h)
{
	__u32 name = bytes_mask(h->field.name, HPACK_NAMES - 1);

	if (!h->values[name])
		h->values[name] = h->field.value;
	h->seen |= (__u16)(1u << name);
	h->cut |= h->field.cut;
	h->unresolved |= h->field.unknown;
	h->unresolved_total += h->field.unknown;
}

/* --- texts ----------------------------------------------------------------------------------- */

/* The word of the text in hand that begins at AT. */
static __always_inline __u64 hpack_word(const struct hpack *h, __u32 at)
{
	return bytes_load((const __u8 *)h->value + bytes_mask(at, HPACK_VALUE - 1));
}

static __always_inline int hpack_is(const struct hpack *h, __u32 len, __u64 w0, __u64 w1)
{
	__u64 a = hpack_word(h, 0), b = hpack_word(h, 8);

	if (h->len != len)
		return 0;
	if (len < 8)
		return bytes_low(a, len) == w0;
	return a == w0 && (len >= 16 ? b : bytes_low(b, len)) == w1;
}

/* Which field has the name in hand? */
bytes_function int hpack_name(struct hpack *h)
{
	if (hpack_is(h, 13, BYTES_WORD('a', 'u', 't', 'h', 'o', 'r', 'i', 'z'),
		     BYTES_WORD('a', 't', 'i', 'o', 'n', 0, 0, 0)))
		return HPACK_TOKEN;
	if (hpack_is(h, 12, BYTES_WORD('c', 'o', 'n', 't', 'e', 'n', 't', '-'),
		     BYTES_WORD('t', 'y', 'p', 'e', 0, 0, 0, 0)))
		return HPACK_TYPE;
	if (hpack_is(h, 10, BYTES_WORD('r', 'e', 'q', 'u', 'e', 's', 't', '-'),
		     BYTES_WORD('i', 'd', 0, 0, 0, 0, 0, 0)))
		return HPACK_REQUEST_ID;
	if (hpack_is(h, 16, BYTES_WORD('c', 'o', 'n', 't', 'e', 'n', 't', '-'),
		     BYTES_WORD('e', 'n', 'c', 'o', 'd', 'i', 'n', 'g')))
		return HPACK_ENCODING;
	if (hpack_is(h, 10, BYTES_WORD(':', 'a', 'u', 't', 'h', 'o', 'r', 'i'),
		     BYTES_WORD('t', 'y', 0, 0, 0, 0, 0, 0)))
		return HPACK_AUTHORITY;
	if (hpack_is(h, 7, BYTES_WORD(':', 's', 't', 'a', 't', 'u', 's', 0), 0))
		return HPACK_STATUS;
	if (hpack_is(h, 7, BYTES_WORD(':', 'm', 'e', 't', 'h', 'o', 'd', 0), 0))
		return HPACK_METHOD;
	if (hpack_is(h, 5, BYTES_WORD(':', 'p', 'a', 't', 'h', 0, 0, 0), 0))
		return HPACK_PATH;
	if (hpack_is(h, 4, BYTES_WORD('h', 'o', 's', 't', 0, 0, 0, 0), 0))
		return HPACK_HOST;
	return HPACK_OTHER;
}

/* Bytes of a Request-Id that are hashed, as over HTTP/1. */
#define HPACK_ID_MAX 40

/* How much of the text in hand, a path, is before its query? */
bytes_function int hpack_path_len(struct hpack *h)
{
	__u32 i, len = bytes_forget(h->len), at;
	__u64 found;

	BYTES_LOOP
	for (i = 0; i <= RECORD_PATH_MAX; i += 8) {
		found = bytes_find(hpack_word(h, i), '?');
		if (!found)
			continue;
		at = i + bytes_index(found);
		return (int)(at < len ? at : len);
	}
	return (int)len;
}

/* The text in hand is a Host, a path or a Request-Id: its hash. */
bytes_function int hpack_hash_text(struct hpack *h)
{
	__u8 name = bytes_forget(h->field.name);
	__u32 len = bytes_forget(h->len), max = RECORD_PATH_MAX;

	if (name == HPACK_PATH)
		len = (__u32)hpack_path_len(h);
	if (name == HPACK_REQUEST_ID)
		max = HPACK_ID_MAX;
	/* As over HTTP/1, where a path of just so many bytes may be longer. */
	h->field.cut = len > max || (name == HPACK_PATH && len == max);
	h->fold = name == HPACK_PATH ? 0 : 0x20;
	h->text.len = len < max ? len : max;
	if (len)
		h->field.value = bytes_hash((const __u8 *)h->value, sizeof(h->value), 0,
					    bytes_forget(h->text.len), RECORD_PATH_MAX,
					    bytes_forget(h->fold), h->text.words, session_key());
	return 0;
}

/* The text whose hash has just been made, of a Host or a path, is to be found by it. */
bytes_function int hpack_note_text(struct hpack *h)
{
	__u32 which = bytes_forget(h->field.name) == HPACK_PATH;

	if (!bytes_forget(h->field.value) || h->field.value == h->kept[which])
		return 0;
	h->kept[which] = h->field.value;
	hpack_keep(h->field.value, &h->text);
	return 0;
}

/* The credentials in hand: of "Bearer secret" the token is "secret". */
bytes_function int hpack_token(struct hpack *h)
{
	__u32 from = 0, len = bytes_forget(h->len), i;

	if (len > 7 && bytes_low(hpack_word(h, 0) | BYTES_CASE, 7) ==
			       BYTES_WORD('b', 'e', 'a', 'r', 'e', 'r', ' ', 0)) {
		from = 7;
		BYTES_LOOP
		for (i = 0; i < 8; i++) {
			__u8 c = (__u8)hpack_word(h, from);

			if (from >= len || (c != ' ' && c != '\t'))
				break;
			from++;
		}
		len -= from;
	}
	h->field.cut = len > RECORD_TOKEN_MAX;
	if (len)
		h->field.value = bytes_hash((const __u8 *)h->value, sizeof(h->value), from, len,
					    RECORD_TOKEN_MAX, 0, 0, host_key());
	return 0;
}

/* application/octet-stream or application/ilp+octet-stream, and perhaps parameters. */
static __always_inline int hpack_is_ilp(const struct hpack *h)
{
	__u64 w0 = hpack_word(h, 0) | BYTES_CASE, w1 = hpack_word(h, 8) | BYTES_CASE;
	__u64 w2 = hpack_word(h, 16) | BYTES_CASE, w3 = hpack_word(h, 24);
	int plain = w1 == BYTES_WORD('i', 'o', 'n', '/', 'o', 'c', 't', 'e') &&
		    w2 == BYTES_WORD('t', '-', 's', 't', 'r', 'e', 'a', 'm');
	int ilp = w1 == BYTES_WORD('i', 'o', 'n', '/', 'i', 'l', 'p', '+') &&
		  w2 == BYTES_WORD('o', 'c', 't', 'e', 't', '-', 's', 't') &&
		  bytes_low(w3 | BYTES_CASE, 4) == BYTES_WORD('r', 'e', 'a', 'm', 0, 0, 0, 0);
	__u32 size = ilp ? 28 : 24;
	__u8 after = (__u8)(ilp ? w3 >> 32 : w3);

	if (w0 != BYTES_WORD('a', 'p', 'p', 'l', 'i', 'c', 'a', 't') || !(plain | ilp))
		return 0;
	if (h->len <= size)
		return h->len == size;
	return after == ';' || after == ' ' || after == '\t';
}

static __always_inline int hpack_status(const struct hpack *h)
{
	__u64 w = hpack_word(h, 0);
	__u8 a = (__u8)w - '0', b = (__u8)(w >> 8) - '0', c = (__u8)(w >> 16) - '0';

	return h->len == 3 && a <= 9 && b <= 9 && c <= 9 ? a * 100 + b * 10 + c : 0;
}

static __always_inline int hpack_is_identity(const struct hpack *h)
{
	return h->len == 8 && (hpack_word(h, 0) | BYTES_CASE) ==
				      BYTES_WORD('i', 'd', 'e', 'n', 't', 'i', 't', 'y');
}

/* The text in hand is the value of the field in hand. */
bytes_function int hpack_value(struct hpack *h)
{
	h->field.value = 0;
	h->field.cut = 0;
	switch (h->field.name) {
	case HPACK_METHOD:
		h->field.value = hpack_is(h, 4, BYTES_WORD('P', 'O', 'S', 'T', 0, 0, 0, 0), 0);
		break;
	case HPACK_AUTHORITY:
	case HPACK_HOST:
	case HPACK_PATH:
		hpack_hash_text(h);
		hpack_note_text(h);
		break;
	case HPACK_STATUS: h->field.value = hpack_status(h); break;
	case HPACK_TOKEN: hpack_token(h); break;
	case HPACK_TYPE: h->field.value = hpack_is_ilp(h); break;
	case HPACK_ENCODING: h->field.value = h->len && !hpack_is_identity(h); break;
	case HPACK_REQUEST_ID: hpack_hash_text(h); break;
	default: break;
	}
	return 0;
}

/* --- decoding texts -------------------------------------------------------------------------- */

#define HPACK_VALUE_END (HPACK_VALUE - 8) /* where a text is cut */

#ifdef __bpf__
#define hpack_store(p, word) (*(__u64 *)(void *)(p) = (word))
#else
#define hpack_store(p, word)                                                                       \
	do {                                                                                       \
		__u64 hpack_stored = (word);                                                       \
		__builtin_memcpy(p, &hpack_stored, sizeof(hpack_stored));                          \
	} while (0)
#endif

/* Is the text in hand of any interest? */
static __always_inline int hpack_is_wanted(const struct hpack *h)
{
	return bytes_forget(h->naming) | bytes_forget(h->field.name);
}

/* Four bits of the text in hand. Returns the entry of the table. */
static __always_inline __u32 hpack_decode_half(struct hpack *h, __u32 half)
{
	__u32 e = hpack_huffman(
		bytes_mask((__u32)bytes_forget(h->state) << 4 | half, HPACK_HUFFMAN_LEN - 1));
	__u32 len = bytes_forget(h->len), emits = e >> 16 & 1;
	__u32 room = (len - HPACK_VALUE_END) >> 31;

	((__u8 *)h->value)[bytes_mask(len, HPACK_VALUE - 1)] = (__u8)(e >> 8);
	h->len = (__u16)(len + (emits & room));
	h->overlong |= (__u8)(emits & ~room & 1);
	h->state = (__u8)e;
	return e;
}

/* N bytes of the window from h->pos on, encoded. */
bytes_function int hpack_decode(struct hpack *h, __u32 n)
{
	__u32 i, e = 0, fails = 0, from = bytes_forget(h->pos);

	BYTES_LOOP
	for (i = 0; i < HPACK_WINDOW; i++) {
		__u8 c;

		if (i >= n)
			break;
		c = h->window[bytes_mask(from + i, HPACK_WINDOW - 1)];
		fails |= hpack_decode_half(h, c >> 4);
		e = hpack_decode_half(h, c & 15);
		fails |= e;
	}
	h->ends = (e & HPACK_ENDS) != 0;
	if (fails & HPACK_FAILS)
		h->phase = HPACK_LOST;
	return 0;
}

/* N bytes of the window from h->pos on, as they are. */
bytes_function int hpack_copy(struct hpack *h, __u32 n)
{
	__u32 i, from = bytes_forget(h->pos), len = bytes_forget(h->len);

	BYTES_LOOP
	for (i = 0; i < HPACK_WINDOW; i += 8) {
		__u32 at = len + i;

		bytes_pin(at);
		if (i >= n || at >= HPACK_VALUE_END)
			break;
		hpack_store((__u8 *)h->value + bytes_mask(at, HPACK_VALUE - 1),
			    bytes_load(&h->window[bytes_mask(from + i, HPACK_WINDOW - 1)]));
	}
	len += n;
	if (len > HPACK_VALUE_END) {
		len = HPACK_VALUE_END;
		h->overlong = 1;
	}
	h->len = (__u16)len;
	return 0;
}

/* As much of the text in hand as there is, THERE bytes from the window's beginning on; the window
 * holds the first of them. */
bytes_function int hpack_read_text(struct hpack *h, __u32 there)
{
	__u32 pos = bytes_forget(h->pos), n = there - pos;
	int wanted = hpack_is_wanted(h);

	if (wanted)
		n = bytes_forget(h->filled) - pos;
	if (n > bytes_forget(h->left))
		n = bytes_forget(h->left);
	if (wanted && n) {
		if (bytes_forget(h->huffman))
			hpack_decode(h, n);
		else
			hpack_copy(h, n);
	}
	h->pos = pos + n;
	h->left -= n;
	if (!bytes_forget(h->left) && bytes_forget(h->phase) == HPACK_TEXT)
		h->phase = HPACK_READY;
	return 0;
}

/* The text in hand is complete. */
bytes_function int hpack_end_text(struct hpack *h)
{
	if (bytes_forget(h->huffman) && !bytes_forget(h->ends)) {
		h->phase = HPACK_LOST;
		return 0;
	}
	if (bytes_forget(h->naming)) {
		h->naming = 0;
		h->field.name = (__u8)hpack_name(h);
		h->phase = HPACK_LENGTH;
		return 0;
	}
	if (bytes_forget(h->field.name))
		hpack_value(h);
	if (bytes_forget(h->kind) == HPACK_INSERT)
		hpack_insert(h);
	hpack_apply(h);
	h->phase = HPACK_FIELD;
	return 0;
}

/* --- numbers --------------------------------------------------------------------------------- */

/* The number that a field begins with is complete. */
static __always_inline void hpack_indexed(struct hpack *h)
{
	__u8 kind = bytes_forget(h->kind);

	h->phase = HPACK_FIELD;
	if (kind == HPACK_RESIZE)
		return;
	hpack_look_up(h);
	if (kind != HPACK_INDEXED) {
		h->naming = !bytes_forget(h->number);
		if (bytes_forget(h->phase) != HPACK_LOST)
			h->phase = HPACK_LENGTH;
		return;
	}
	if (!bytes_forget(h->number)) {
		h->phase = HPACK_LOST;
	} else if (bytes_forget(h->number) == 4 || bytes_forget(h->number) == 5) {
		h->value[0] = BYTES_WORD('/', 'i', 'n', 'd', 'e', 'x', '.', 'h');
		h->value[1] = BYTES_WORD('t', 'm', 'l', 0, 0, 0, 0, 0);
		h->len = bytes_forget(h->number) == 4 ? 1 : 11;
		h->huffman = 0;
		h->phase = HPACK_READY;
	} else {
		hpack_apply(h);
	}
}

/* The length of a text is complete. */
static __always_inline void hpack_sized(struct hpack *h)
{
	h->left = h->number;
	h->len = 0;
	h->state = 0;
	h->ends = 1;
	h->overlong = 0;
	h->phase = HPACK_TEXT;
}

/* A byte C of a number (RFC 7541, 5.1). */
static __always_inline void hpack_read_number(struct hpack *h, __u8 c)
{
	__u8 phase = bytes_forget(h->phase);
	__u32 more, mask;

	if (phase == HPACK_FIELD) {
		h->kind = c & 0x80   ? HPACK_INDEXED
			  : c & 0x40 ? HPACK_INSERT
			  : c & 0x20 ? HPACK_RESIZE
				     : HPACK_PLAIN;
		mask = c & 0x80 ? 0x7f : c & 0x40 ? 0x3f : c & 0x20 ? 0x1f : 0x0f;
		h->number = c & mask;
		h->shift = 0;
		more = (c & mask) == mask;
	} else if (phase == HPACK_LENGTH) {
		h->huffman = c >> 7;
		h->number = c & 0x7f;
		h->shift = 0;
		more = (c & 0x7f) == 0x7f;
	} else {
		h->number += (__u32)(c & 0x7f) << (bytes_forget(h->shift) & 31);
		h->shift += 7;
		more = c >> 7;
	}
	if (more)
		h->phase = bytes_forget(h->shift) >= 28 ? HPACK_LOST : (phase | HPACK_INDEX);
	else if (phase & HPACK_LENGTH)
		hpack_sized(h);
	else
		hpack_indexed(h);
}

/* Bytes of numbers in one step. */
#define HPACK_NUMBERS 16

/* Fields of the window, up to the first one that has a text. */
bytes_function int hpack_read_numbers(struct hpack *h)
{
	__u32 i;

	BYTES_LOOP
	for (i = 0; i < HPACK_NUMBERS; i++) {
		__u32 pos = bytes_forget(h->pos);

		if (pos >= bytes_forget(h->filled) || bytes_forget(h->phase) > HPACK_LONGER)
			break;
		hpack_read_number(h, h->window[bytes_mask(pos, HPACK_WINDOW - 1)]);
		h->pos = pos + 1;
	}
	return 0;
}

/* --- all of it ------------------------------------------------------------------------------- */

/*
 * Looks at the bytes SRC[OFF, OFF + N) of the block in hand, N at least 1, for one step. Where it
 * leaves h->phase as HPACK_READY, hpack_end_text comes before the next one. Returns
 * how many are done with, which is at least 1; 0 when they could not be loaded. h->phase is
 * HPACK_LOST when no encoder writes this.
 */
static __always_inline __u32 hpack_step(const struct source *src, __u32 off, __u32 n,
					struct hpack *h)
{
	__u32 there = n;

	h->pos = 0;
	h->filled = 0;
	if (bytes_forget(h->phase) != HPACK_TEXT || hpack_is_wanted(h)) {
		if (n > HPACK_WINDOW)
			n = HPACK_WINDOW;
		if (!bytes_from_1_to(&n, HPACK_WINDOW) || source_load(src, off, h->window, n))
			return 0;
		h->filled = n;
	}
	if (bytes_forget(h->phase) <= HPACK_LONGER)
		hpack_read_numbers(h);
	if (bytes_forget(h->phase) == HPACK_TEXT)
		hpack_read_text(h, there);
	return h->pos;
}

#endif
