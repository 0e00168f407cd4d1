/* SPDX-License-Identifier: Apache-2.0 */
/*
 * indexing.h - header blocks of nghttp2's, written anew by an encoder that takes every liberty of
 * RFC 7541: it indexes what nghttp2 never does (a token, a path), names the same field by an index
 * or by its text, and shrinks and grows its table between blocks. It writes texts as they are;
 * Huffman's code is nghttp2's part.
 */
#ifndef TELLTALE_TESTS_INDEXING_H
#define TELLTALE_TESTS_INDEXING_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tests/unit/support/decode.h"

#define INDEXING_SIZE  4096 /* bytes that the table may have */
#define INDEXING_MAX   (INDEXING_SIZE / 32)
#define INDEXING_TEXT  1024 /* longer fields are not indexed */
#define INDEXING_BLOCK 65536

struct indexed {
	uint8_t text[INDEXING_TEXT]; /* the name, then the value */
	size_t name_len, value_len;
};

/* One direction. */
struct indexing {
	nghttp2_hd_inflater *inflater;
	struct indexed table[INDEXING_MAX]; /* the newest first */
	size_t len, size, max;
	bool steady; /* it writes the same fields in the same way */
	/* ... and those of these lengths of names (bits) enter no table, or each time anew. */
	uint32_t unindexed, stubborn;
	uint64_t *random;
	uint8_t block[INDEXING_BLOCK];
	size_t block_len;
};

static inline uint32_t indexing_below(struct indexing *x, uint32_t n)
{
	*x->random = *x->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*x->random >> 33) % n;
}

static inline void indexing_put(struct indexing *x, const void *bytes, size_t len)
{
	decode_must(len <= sizeof(x->block) - x->block_len);
	if (len)
		memcpy(x->block + x->block_len, bytes, len);
	x->block_len += len;
}

/* RFC 7541, 5.1: N in what is left of a byte behind the bits of FIRST. */
static inline void indexing_put_number(struct indexing *x, uint8_t first, int bits, size_t n)
{
	uint8_t most = (uint8_t)((1 << bits) - 1), byte = first | (n < most ? (uint8_t)n : most);

	indexing_put(x, &byte, 1);
	if (n < most)
		return;
	for (n -= most; n >= 128; n >>= 7) {
		byte = (uint8_t)(n & 127) | 128;
		indexing_put(x, &byte, 1);
	}
	byte = (uint8_t)n;
	indexing_put(x, &byte, 1);
}

static inline void indexing_put_text(struct indexing *x, const uint8_t *text, size_t len)
{
	indexing_put_number(x, 0, 7, len);
	indexing_put(x, text, len);
}

static inline size_t indexing_size(const struct indexed *e)
{
	return e->name_len + e->value_len + 32;
}

static inline void indexing_evict(struct indexing *x, size_t room)
{
	while (x->len && x->size + room > x->max)
		x->size -= indexing_size(&x->table[--x->len]);
}

static inline void indexing_insert(struct indexing *x, const nghttp2_nv *nv)
{
	struct indexed e = {.name_len = nv->namelen, .value_len = nv->valuelen};

	indexing_evict(x, indexing_size(&e));
	if (indexing_size(&e) > x->max)
		return; /* it empties the table, and does not enter it */
	memcpy(e.text, nv->name, nv->namelen);
	memcpy(e.text + nv->namelen, nv->value, nv->valuelen);
	memmove(&x->table[1], &x->table[0], x->len * sizeof(e));
	x->table[0] = e;
	x->len++;
	x->size += indexing_size(&e);
}

/* Finds a field with that name, and with VALUE with that value too. Returns its index, or 0. */
static inline size_t indexing_find(struct indexing *x, const nghttp2_nv *nv, bool value)
{
	static const struct {
		const char *name, *value;
		size_t index;
	} fixed[] = {
		{":authority", "", 1},       {":method", "GET", 2},
		{":method", "POST", 3},      {":path", "/", 4},
		{":path", "/index.html", 5}, {":scheme", "http", 6},
		{":status", "200", 8},       {":status", "204", 9},
		{":status", "400", 12},      {":status", "500", 14},
		{"authorization", "", 23},   {"content-encoding", "", 26},
		{"content-type", "", 31},    {"host", "", 38},
	};

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (nv->namelen == strlen(fixed[i].name) &&
		    !memcmp(nv->name, fixed[i].name, nv->namelen) &&
		    (!value || (nv->valuelen == strlen(fixed[i].value) &&
				!memcmp(nv->value, fixed[i].value, nv->valuelen))))
			return fixed[i].index;
	for (size_t i = x->steady ? 0 : indexing_below(x, (uint32_t)x->len + 1); i < x->len; i++) {
		const struct indexed *e = &x->table[i];

		if (e->name_len == nv->namelen && !memcmp(e->text, nv->name, nv->namelen) &&
		    (!value || (e->value_len == nv->valuelen &&
				!memcmp(e->text + e->name_len, nv->value, nv->valuelen))))
			return 62 + i;
	}
	return 0;
}

static inline void indexing_put_field(struct indexing *x, const nghttp2_nv *nv)
{
	static const struct {
		uint8_t first;
		int bits;
	} kinds[] = {{0x40, 6}, {0x00, 4}, {0x10, 4}}; /* indexed from now on, not, never */
	bool oddly = !x->steady || !indexing_below(x, 60);
	bool kept = oddly ? indexing_below(x, 2) : !(x->unindexed >> (nv->namelen & 31) & 1);
	size_t index = !oddly || indexing_below(x, 8) ? indexing_find(x, nv, true) : 0;
	bool anew = !oddly && x->stubborn >> (nv->namelen & 31) & 1;
	uint32_t kind = (kept || anew) && nv->namelen + nv->valuelen <= INDEXING_TEXT
				? 0
				: 1 + (oddly ? indexing_below(x, 2) : 0);

	if (index && !anew) {
		indexing_put_number(x, 0x80, 7, index);
		return;
	}
	index = !oddly || indexing_below(x, 4) ? indexing_find(x, nv, false) : 0;
	indexing_put_number(x, kinds[kind].first, kinds[kind].bits, index);
	if (!index)
		indexing_put_text(x, nv->name, nv->namelen);
	indexing_put_text(x, nv->value, nv->valuelen);
	if (!kind)
		indexing_insert(x, nv);
}

/* Writes a block anew, into x->block. */
static inline void indexing_block(struct indexing *x, const uint8_t *block, size_t len)
{
	int flags = 0;

	x->block_len = 0;
	if (!indexing_below(x, x->steady ? 100 : 10)) {
		x->max = indexing_below(x, INDEXING_SIZE + 1);
		indexing_evict(x, 0);
		indexing_put_number(x, 0x20, 5, x->max);
	}
	while (!(flags & NGHTTP2_HD_INFLATE_FINAL)) {
		nghttp2_nv nv;
		ssize_t n = nghttp2_hd_inflate_hd2(x->inflater, &nv, &flags, block, len, 1);

		decode_must(n >= 0);
		block += n;
		len -= (size_t)n;
		if (flags & NGHTTP2_HD_INFLATE_EMIT)
			indexing_put_field(x, &nv);
	}
	nghttp2_hd_inflate_end_headers(x->inflater);
}

static inline void indexing_init(struct indexing *x, uint64_t *random)
{
	memset(x, 0, offsetof(struct indexing, block));
	x->random = random;
	x->max = INDEXING_SIZE;
	decode_must(!nghttp2_hd_inflate_new(&x->inflater));
}

static inline void indexing_fini(struct indexing *x)
{
	nghttp2_hd_inflate_del(x->inflater);
}

#endif
