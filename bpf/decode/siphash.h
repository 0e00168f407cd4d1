/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * siphash.h - SipHash-2-4 (Aumasson, Bernstein 2012) in steps of eight bytes.
 *
 * Plain C for both compilers. The caller feeds whole little-endian words with siphash_word and
 * ends with siphash_end, which takes the last 0 to 7 bytes in a word whose upper bytes are zero.
 */
#ifndef TELLTALE_SIPHASH_H
#define TELLTALE_SIPHASH_H

#include <linux/types.h>

struct siphash_key {
	__u64 k0, k1;
};

/* Keys are volatile because in BPF they are constants that are not yet known when it is compiled.
 */

struct siphash {
	__u64 v0, v1, v2, v3;
};

#define SIPHASH_ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))

static inline __attribute__((always_inline)) void siphash_round(struct siphash *s)
{
	s->v0 += s->v1;
	s->v1 = SIPHASH_ROTL(s->v1, 13) ^ s->v0;
	s->v0 = SIPHASH_ROTL(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = SIPHASH_ROTL(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = SIPHASH_ROTL(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = SIPHASH_ROTL(s->v1, 17) ^ s->v2;
	s->v2 = SIPHASH_ROTL(s->v2, 32);
}

static inline __attribute__((always_inline)) void
siphash_begin(struct siphash *s, const volatile struct siphash_key *key)
{
	__u64 k0 = key->k0, k1 = key->k1;

	s->v0 = k0 ^ 0x736f6d6570736575ULL;
	s->v1 = k1 ^ 0x646f72616e646f6dULL;
	s->v2 = k0 ^ 0x6c7967656e657261ULL;
	s->v3 = k1 ^ 0x7465646279746573ULL;
}

static inline __attribute__((always_inline)) void siphash_word(struct siphash *s, __u64 word)
{
	s->v3 ^= word;
	siphash_round(s);
	siphash_round(s);
	s->v0 ^= word;
}

/* TAIL: the last LEN % 8 bytes, little-endian; LEN: of the whole input. */
static inline __attribute__((always_inline)) __u64 siphash_end(struct siphash *s, __u64 tail,
							       __u64 len)
{
	siphash_word(s, tail | (len << 56));
	s->v2 ^= 0xff;
	siphash_round(s);
	siphash_round(s);
	siphash_round(s);
	siphash_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

#endif
