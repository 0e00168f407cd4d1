/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fulfillment.h - does a fulfillment open a condition (RFC 22: its SHA-256 is the condition)?
 *
 * The condition is known as the kernel hashes it only: SipHash-2-4 of its 32 bytes under the
 * session key (ilp_condition in bpf/decode/ilp.h).
 */
#ifndef TELLTALE_FULFILLMENT_H
#define TELLTALE_FULFILLMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/decode/siphash.h"

#define FULFILLMENT_LEN 32

struct fulfillment;

/* SESSION is copied. NULL when memory is short. */
struct fulfillment *fulfillment_new(const struct siphash_key *session);
void fulfillment_free(struct fulfillment *f); /* forgets the key; accepts NULL */

/* What the kernel makes of the condition that FULFILLMENT opens. */
uint64_t fulfillment_condition(const struct fulfillment *f,
			       const uint8_t fulfillment[FULFILLMENT_LEN]);

static inline bool fulfillment_fits(const struct fulfillment *f,
				    const uint8_t fulfillment[FULFILLMENT_LEN], uint64_t condition)
{
	return fulfillment_condition(f, fulfillment) == condition;
}

#endif
