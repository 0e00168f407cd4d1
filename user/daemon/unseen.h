/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unseen.h - what the witness found: counts it, says it, and casts doubt on what the target sends.
 *
 * In: what the probe half's witness says of sockets that are not read (tap/witness.h), and records
 * of connections that ended with bytes unseen. Out: counters by reason, one line in the log for
 * each program and reason, and doubts to the pipeline (exchange/doubts.h).
 */
#ifndef TELLTALE_UNSEEN_H
#define TELLTALE_UNSEEN_H

#include <stdbool.h>
#include <stddef.h>

#include "bpf/record.h"
#include "daemon/blind.h"
#include "daemon/pipeline.h"
#include "halves/wire.h"
#include "release/series.h"
#include "target/target.h"

struct unseen;

/* All are borrowed. NULL when memory is short. */
struct unseen *unseen_new(const struct target *targets, size_t targets_len, struct series *series,
			  struct blind *blind, struct pipeline *pipeline);
void unseen_free(struct unseen *u); /* accepts NULL */

/* What is not read of a target changes. One that there is not is ignored. */
void unseen_take(struct unseen *u, const struct wire_unseen *said);
/* A connection has ended, of which the socket tap has not seen all. COUNT: else another process
 * will count it, and it casts its doubt only. */
void unseen_record(struct unseen *u, const struct record_unseen *record, bool count);

#endif
