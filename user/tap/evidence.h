/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence.h - what looks at the targets' sockets have found -> which of them are not read, and the
 * times in which something may have come in on such ones.
 *
 * In: for each look, in any order, what the kernel's program says of each socket (struct
 * shared_sight). Out: the calls of witness_ops.
 */
#ifndef TELLTALE_EVIDENCE_H
#define TELLTALE_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/shared.h"
#include "tap/witness.h"

struct evidence;

/* OPS is copied. NULL when memory is short. */
struct evidence *evidence_new(size_t targets_len, const struct witness_ops *ops, void *context);
void evidence_free(struct evidence *e); /* accepts NULL */

/* A look begins at NOW_NS (CLOCK_MONOTONIC), after the one before has ended. */
void evidence_begin(struct evidence *e, uint64_t now_ns);
/* One of a target that there is not is ignored. */
void evidence_take(struct evidence *e, const struct shared_sight *sight);
/* The look has ended, by NOW_NS. WHOLE: all sockets of all targets were looked at; else no doubt
 * ends with it. */
void evidence_end(struct evidence *e, uint64_t now_ns, bool whole);

/* Were bytes missing in this look, which the next one decides about? */
bool evidence_suspects(const struct evidence *e);

#endif
