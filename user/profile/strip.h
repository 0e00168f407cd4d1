/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strip.h - one thread's clock: how long it has been on a CPU, waiting for one, and blocked, up to
 * any moment of the past.
 *
 * In: the thread's changes of state, in the order of their times. Out: snapshots. Between two
 * changes exactly one of the three runs, so the difference of two snapshots sums to the time
 * between them, to the nanosecond. All times are CLOCK_MONOTONIC in nanoseconds.
 */
#ifndef TELLTALE_STRIP_H
#define TELLTALE_STRIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/tape.h"

enum strip_state {
	STRIP_ON,      /* on a CPU */
	STRIP_WAITING, /* for a CPU: it could run */
	STRIP_BLOCKED, /* it could not: it waits for data, a lock, a disk, or was stopped */
	STRIP_STATES,
};

struct strip_mark;

struct strip {
	struct strip_mark *marks;
	size_t len, room;
};

/* What each state had come to at a moment. */
struct strip_snapshot {
	uint64_t ns[STRIP_STATES];
};

/* Gives back what S holds; zeroed memory is an empty strip. */
void strip_fini(struct strip *s);

/* KIND is one of the first four of enum tape_kind. An event that changes nothing adds no mark; one
 * that is older than the last mark counts from there. 1: it added a mark, 0: it did not, -ENOMEM.
 */
int strip_add(struct strip *s, enum tape_kind kind, uint64_t at_ns);

/* The snapshot at AT_NS; after the last mark its state goes on. False: the clock had not begun. */
bool strip_at(const struct strip *s, uint64_t at_ns, struct strip_snapshot *out);

/* Nothing from before BEFORE_NS is asked for any more: the clock begins with the state that it had
 * then. */
void strip_forget(struct strip *s, uint64_t before_ns);
/* When its last change was; 0: there was none. */
uint64_t strip_end_ns(const struct strip *s);

/* When the clock began; UINT64_MAX: it has not. */
uint64_t strip_begin_ns(const struct strip *s);

/* Adds to NS what each state took from FROM_NS to TO_NS. False: the clock had not begun. */
bool strip_between(const struct strip *s, uint64_t from_ns, uint64_t to_ns,
		   uint64_t ns[STRIP_STATES]);

#endif
