/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backlog.h - what a daemon half leaves to the next one: the records that were not about anything
 * that it had in hand, the doubts that were open, and the payments that were alive.
 *
 * It is a file in memory, which the probe half keeps unread. Whoever reads it trusts nothing in it:
 * a record has to pass the same checks as one of the ring.
 */
#ifndef TELLTALE_BACKLOG_H
#define TELLTALE_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/target.h"
#include "exchange/payments.h"
#include "halves/ring.h"

struct backlog_doubt {
	uint64_t key;
	uint32_t target, cause; /* enum doubt_cause */
};

struct backlog_head {
	uint64_t magic;
	uint64_t from_ns; /* CLOCK_MONOTONIC when the first record was put in */
	uint64_t lost;    /* records, doubts and payments for which there was no room */
	/* A bit for each target that was in doubt within DOUBTS_LIFE_NS. */
	uint64_t doubted[(CONFIG_TARGETS_MAX + 63) / 64];
	/* What follows, in this order: bytes of records, doubts, payments. */
	uint64_t records_len, doubts_len, payments_len;
};

struct backlog;

/* NULL when it cannot be made. */
struct backlog *backlog_new(uint64_t now_ns);
void backlog_free(struct backlog *b); /* accepts NULL */

/* A record of SIZE bytes. What finds no room is counted; for 4096 doubts there always is some. */
void backlog_add(struct backlog *b, const void *record, size_t size);
/* Then the doubts that are open, and the payments that are alive. */
void backlog_doubt(struct backlog *b, const struct backlog_doubt *doubt);
void backlog_payment(struct backlog *b, const struct payment_state *payment);
/* TARGET was in doubt, as in the head. */
void backlog_doubt_target(struct backlog *b, unsigned target);
/* The file, which is B's; -errno when it is not whole. */
int backlog_finish(struct backlog *b);

bool backlog_is_doubted(const struct backlog_head *head, unsigned target);

struct backlog_hooks {
	void (*head)(void *context, const struct backlog_head *head);
	void (*doubt)(void *context, const struct backlog_doubt *doubt);
	void (*payment)(void *context, const struct payment_state *payment);
	ring_sink *record;
	void *context;
};

/* Reads the file FD, and calls the hooks in their order. 0, or -EINVAL: it is none, or broken; what
 * came before that has been handed over. */
int backlog_read(int fd, const struct backlog_hooks *hooks);

#endif
