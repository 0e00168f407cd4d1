/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * hpack_huffman.h - the Huffman code of HPACK (RFC 7541, appendix B) as a table that is walked four
 * bits at a time.
 *
 * The code is canonical: the lengths of its words say all of it. hpack_huffman_fill makes the table
 * of them, in user space: the probe half before it loads the programs, and the tests.
 *
 * A state is an inner node of the code's tree; 0 is the root, where a word begins. No word is
 * shorter than five bits, so four bits end at most one.
 */
#ifndef TELLTALE_HPACK_HUFFMAN_H
#define TELLTALE_HPACK_HUFFMAN_H

#include <linux/types.h>

/* By state * 16 + four bits. The lowest byte is the next state, the second the character. */
#define HPACK_HUFFMAN_LEN 4096
#define HPACK_EMITS       (1u << 16) /* there is a character */
#define HPACK_FAILS       (1u << 17) /* no string has these bits */
#define HPACK_ENDS        (1u << 18) /* a string may end here: fewer than eight ones are left over */

#ifndef __bpf__

#define HPACK_SYMBOLS 257 /* the last is the end of the string, which stands in none */

/* The tree while it is made: children by bit; below 0 a leaf, -1 - symbol; 0 none yet. */
struct hpack_tree {
	int children[HPACK_SYMBOLS - 1][2];
	int depth[HPACK_SYMBOLS - 1];
	unsigned char ones[HPACK_SYMBOLS - 1]; /* all bits up to it are ones */
	int len;
};

static inline void hpack_huffman_add(struct hpack_tree *t, unsigned code, int bits, int symbol)
{
	int node = 0;

	for (int i = bits - 1; i > 0; i--) {
		int bit = (int)(code >> i & 1);

		if (!t->children[node][bit]) {
			t->depth[t->len] = t->depth[node] + 1;
			t->ones[t->len] = t->ones[node] && bit;
			t->children[node][bit] = t->len++;
		}
		node = t->children[node][bit];
	}
	t->children[node][code & 1] = -1 - symbol;
}

static inline void hpack_huffman_grow(struct hpack_tree *t)
{
	/* Bits of each symbol's word. */
	static const unsigned char bits[HPACK_SYMBOLS] = {
		13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28,
		28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28, 6,  10, 10, 12, 13, 6,  8,  11,
		10, 10, 8,  11, 8,  6,  6,  6,  5,  5,  5,  6,  6,  6,  6,  6,  6,  6,  7,  8,
		15, 6,  12, 10, 13, 6,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,
		7,  7,  7,  7,  7,  7,  7,  7,  8,  7,  8,  13, 19, 13, 14, 6,  15, 5,  6,  5,
		6,  5,  6,  6,  6,  5,  7,  7,  6,  6,  6,  5,  6,  7,  6,  5,  5,  6,  7,  7,
		7,  7,  7,  15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23,
		23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
		22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21,
		23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25,
		26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26,
		28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
		26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30};
	unsigned code = 0;

	t->len = 1;
	t->ones[0] = 1;
	for (int n = 5; n <= 30; n++, code <<= 1)
		for (int symbol = 0; symbol < HPACK_SYMBOLS; symbol++)
			if (bits[symbol] == n)
				hpack_huffman_add(t, code++, n, symbol);
}

/* Fills TABLE, of HPACK_HUFFMAN_LEN. */
static inline void hpack_huffman_fill(__u32 *table)
{
	struct hpack_tree t = {0};

	hpack_huffman_grow(&t);
	for (int at = 0; at < HPACK_HUFFMAN_LEN; at++) {
		int node = at / 16;
		__u32 value = 0;

		for (int bit = 3; bit >= 0 && !(value & HPACK_FAILS); bit--) {
			node = t.children[node][at >> bit & 1];
			if (node >= 0)
				continue;
			if (node == -HPACK_SYMBOLS)
				value |= HPACK_FAILS;
			else
				value |= HPACK_EMITS | (__u32)(-1 - node) << 8;
			node = 0;
		}
		if (t.ones[node] && t.depth[node] < 8)
			value |= HPACK_ENDS;
		table[at] = value | (__u32)node;
	}
}

#endif
#endif
