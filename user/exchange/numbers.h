/* SPDX-License-Identifier: Apache-2.0 */
/*
 * numbers.h - of which connections it is proven that an answer's number is that of its request.
 *
 * On a connection that was open before it was followed, or of which bytes were missed, the kernel
 * numbers answers as is likely (RECORD_UNSURE). A Fulfill that fits the condition of its number
 * proves all numbers from there on, until the record's numbering changes.
 *
 * Bounded: when the table is full, the target that has most in it loses the connection that was
 * proven first. That one has to be proven again.
 */
#ifndef TELLTALE_NUMBERS_H
#define TELLTALE_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/record.h"
#include "exchange/flowkey.h"

struct numbers;

/* CAPACITY connections, from 1 to TABLE_CAPACITY_MAX. NULL when it is not, or memory is short. */
struct numbers *numbers_new(size_t capacity);
void numbers_free(struct numbers *n); /* accepts NULL */

/* The message of TARGET with NUMBERING on FLOW has its right number, and so have those of the
 * connection that come after it. */
void numbers_prove(struct numbers *n, const struct flowkey *flow, uint8_t target,
		   uint8_t numbering);
/* Is the number of MESSAGE, which is on FLOW, certain? */
bool numbers_certain(const struct numbers *n, const struct flowkey *flow,
		     const struct record_message *message);
/* The connection is over. */
void numbers_forget(struct numbers *n, const struct flowkey *flow);

#endif
