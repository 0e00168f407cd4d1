/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unseen.h - what the witness found: counts it, says it, and casts doubt on what the target sends.
 *
 * In: the calls of tap/witness.h. Out: counters by reason, one line in the log for each program and
 * reason, doubts to the pipeline (exchange/doubts.h), and until when everything was witnessed.
 */
#ifndef TELLTALE_UNSEEN_H
#define TELLTALE_UNSEEN_H

#include <stddef.h>

#include "daemon/blind.h"
#include "daemon/pipeline.h"
#include "release/series.h"
#include "tap/witness.h"
#include "target/target.h"

struct unseen;

/* All are borrowed. NULL when memory is short. */
struct unseen *unseen_new(const struct target *targets, size_t targets_len, struct series *series,
			  struct blind *blind, struct pipeline *pipeline);
void unseen_free(struct unseen *u); /* accepts NULL */

/* For witness_new; CONTEXT is the struct unseen. */
extern const struct witness_ops unseen_ops;

#endif
