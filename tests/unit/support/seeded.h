/* SPDX-License-Identifier: Apache-2.0 */
/* seeded.h - repeatable randomness for tests: SplitMix64 (Steele, Lea, Flood 2014). */
#ifndef TELLTALE_TESTS_SEEDED_H
#define TELLTALE_TESTS_SEEDED_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct seeded {
	uint64_t state;
};

static inline uint64_t seeded_next(struct seeded *s)
{
	uint64_t z = s->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* From 0 to BOUND - 1. */
static inline uint64_t seeded_below(struct seeded *s, uint64_t bound)
{
	return seeded_next(s) % bound;
}

/* Signature privacy_random. */
static inline void seeded_fill(void *seeded, void *buf, size_t len)
{
	unsigned char *at = buf;

	while (len) {
		uint64_t word = seeded_next(seeded);
		size_t n = len < sizeof(word) ? len : sizeof(word);

		memcpy(at, &word, n);
		at += n;
		len -= n;
	}
}

#endif
