/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entropy.h - a stock of random bytes, so that a draw of noise does not cost a system call.
 *
 * The stock is filled from a privacy_random in blocks. Each byte is given out once and wiped then.
 * Must not be used on both sides of a fork(2): both would give out the same bytes.
 */
#ifndef TELLTALE_ENTROPY_H
#define TELLTALE_ENTROPY_H

#include <stddef.h>
#include <stdint.h>

/* Where randomness comes from: fills BUF with LEN bytes. Tests inject a seeded one. */
typedef void privacy_random(void *context, void *buf, size_t len);
/* getrandom(2); never fails (blocks until the kernel's generator is seeded). */
void privacy_random_kernel(void *context, void *buf, size_t len);

#define ENTROPY_BLOCK 4096

struct entropy {
	privacy_random *random;
	void *random_context;
	size_t left; /* bytes not given out yet, at the end of the block */
	unsigned char block[ENTROPY_BLOCK];
};

void entropy_init(struct entropy *e, privacy_random *random, void *random_context);
void entropy_fini(struct entropy *e); /* wipes what is left */
/* Wipes what is left, so that the next byte comes from the source. The memory of a virtual machine
 * may have been copied or set back since the stock was filled; the copy would give out the same
 * bytes. ENTROPY is the struct entropy. */
void entropy_renew(void *entropy);
/* Signature privacy_random, with the struct entropy as context; LEN is at most ENTROPY_BLOCK. */
void entropy_take(void *entropy, void *buf, size_t len);
/* Gets a whole block from the source; what was left is gone. */
void entropy_fill(struct entropy *e);

/* The same BYTES, 1 to 4, as entropy_take gives, as a number whose highest byte is the first.
 * Inline: a draw takes some twenty of one byte or two. */
static inline __attribute__((always_inline)) uint32_t entropy_number(struct entropy *e,
								     unsigned bytes)
{
	unsigned char *at;
	uint32_t number = 0;

	if (e->left < bytes)
		entropy_fill(e);
	at = e->block + sizeof(e->block) - e->left;
	e->left -= bytes;
#pragma GCC unroll 4
	for (unsigned i = 0; i < bytes; i++)
		number = number << 8 | at[i];
#pragma GCC unroll 4
	for (unsigned i = 0; i < bytes; i++)
		at[i] = 0;
	return number;
}

#endif
