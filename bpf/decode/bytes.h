/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * bytes.h - looking at bytes eight at a time, for both compilers.
 *
 * The kernel's verifier walks every iteration of a loop, and a probe on the data path pays for
 * every instruction: both want few, wide steps.
 */
#ifndef TELLTALE_BYTES_H
#define TELLTALE_BYTES_H

#include <linux/types.h>

#include "siphash.h"

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/* A function that is not inlined: when it returns, the verifier forgets the paths inside it. It
 * takes at most five arguments. As with inline functions, not all who include it have a use for it.
 */
#define bytes_function static __attribute__((noinline, unused))

/* The same, and the verifier walks it once for each program, whoever calls it with what. Its
 * arguments are the program's context and numbers: Linux 5.10 takes no others. */
#define bytes_global __attribute__((noinline))

#ifdef __bpf__
/* The BPF back end splits a load it thinks unaligned into bytes; this one is whole. The machines
 * BPF runs on here load unaligned words, and the verifier knows it. */
#define bytes_load(p) (*(const __u64 *)(const void *)(p))
/* The same of a store. */
#define bytes_store(p, x) (*(volatile __u64 *)(void *)(p) = (x))
/* Keeps a loop a loop. Unrolled, it would only be longer for the verifier. */
#define BYTES_LOOP _Pragma("clang loop unroll(disable)")
/* Keeps the compiler from checking one register and using another that it knows to be equal: the
 * verifier does not know. */
#define bytes_pin(x) asm volatile("" : "+r"(x))
#else
#define bytes_pin(x) ((void)(x))
static __always_inline __u64 bytes_load(const void *p)
{
	__u64 word;

	__builtin_memcpy(&word, p, sizeof(word));
	return word;
}
static __always_inline void bytes_store(void *p, __u64 word)
{
	__builtin_memcpy(p, &word, sizeof(word));
}
#define BYTES_LOOP
#endif

/*
 * Reads a variable in a map's value from memory, even where the compiler knows its value. The
 * verifier keeps no history of such memory, so paths that differ only in how the value came about
 * become one.
 */
#define bytes_forget(x) (*(volatile __typeof__(x) *)&(x))

/*
 * Is *N from 1 to MAX (a constant)? It is written in a form that every kernel's verifier follows:
 * not all of them learn a lower bound from "not 0".
 */
static __always_inline int bytes_from_1_to(__u32 *n, __u32 max)
{
	__u32 less = *n - 1;

	bytes_pin(less);
	if (less >= max)
		return 0;
	bytes_pin(less);
	*n = less + 1;
	return 1;
}

/*
 * X, which is known to be no larger than MASK (one less than a power of two), masked just before it
 * is used as an offset. Verifiers before Linux 6.8 do not carry what was checked in a register over
 * to its copy on the stack, and the compiler chooses which of the two is used.
 */
#define bytes_mask(x, mask)                                                                        \
	({                                                                                         \
		__u32 bytes_masked = (x);                                                          \
                                                                                                   \
		bytes_pin(bytes_masked);                                                           \
		bytes_masked &(mask);                                                              \
	})

#define BYTES_ONES 0x0101010101010101ULL
#define BYTES_TOPS 0x8080808080808080ULL
#define BYTES_CASE 0x2020202020202020ULL

/* A word of eight characters as it stands in memory. */
#define BYTES_WORD(a, b, c, d, e, f, g, h)                                                         \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 |   \
	 (__u64)(f) << 40 | (__u64)(g) << 48 | (__u64)(h) << 56)

/* The lowest N bytes of a word, N from 0 to 7. */
static __always_inline __u64 bytes_low(__u64 word, __u32 n)
{
	return word & ((1ULL << ((n & 7) * 8)) - 1);
}

/* Not 0 when C is in WORD; the lowest set bit is then the top bit of the first such byte. */
static __always_inline __u64 bytes_find(__u64 word, __u8 c)
{
	__u64 x = word ^ (BYTES_ONES * c);

	return (x - BYTES_ONES) & ~x & BYTES_TOPS;
}

/* The top bit of each byte of WORD that is not C. */
static __always_inline __u64 bytes_other(__u64 word, __u8 c)
{
	__u64 x = word ^ (BYTES_ONES * c);

	return (((x & ~BYTES_TOPS) + ~BYTES_TOPS) | x) & BYTES_TOPS;
}

/* The index (0 to 7) of the byte that bytes_find found. */
static __always_inline __u32 bytes_index(__u64 found)
{
	return (__u32)(((((found & -found) - 1) & BYTES_ONES) * BYTES_ONES) >> 56) - 1;
}

/*
 * SipHash of BUF[from, from + len). MAX is a constant and a multiple of 8, SIZE is the size of BUF.
 * At most MAX bytes are read, and no word that begins after SIZE - 8. FOLD is or'ed into every
 * byte: 0x20 folds case. COPY may be NULL; else it has room for MAX + 8 bytes and receives the
 * bytes read, not folded. The spare bytes of its last word are zero.
 */
static __always_inline __u64 bytes_hash(const __u8 *buf, __u32 size, __u32 from, __u32 len,
					__u32 max, __u8 fold, __u64 *copy,
					const volatile struct siphash_key *key)
{
	struct siphash s;
	__u64 word = 0;
	__u32 i, words, at;

	if (len > max)
		len = max;
	words = len / 8;
	bytes_pin(words); /* what the verifier learns of it in the loop must not apply to LEN */
	siphash_begin(&s, key);
	BYTES_LOOP
	for (i = 0; i < max / 8; i++) {
		at = from + i * 8;
		bytes_pin(at);
		if (i >= words || at > size - 8)
			break;
		word = bytes_load(buf + at);
		if (copy)
			copy[i] = word;
		siphash_word(&s, word | (BYTES_ONES * fold));
	}
	at = from + (len & ~7u);
	bytes_pin(at);
	word = at <= size - 8 ? bytes_low(bytes_load(buf + at), len) : 0;
	if (copy)
		copy[len / 8] = word;
	word |= bytes_low(BYTES_ONES * fold, len);
	return siphash_end(&s, word, len);
}

#endif
