/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blind.h - what is in scope and cannot be read: counts it, says it, and casts doubt on what the
 * target sends.
 *
 * In: opaque records, and the probe half's answers whose those connections are, as processes are
 * not seen from here. Out: counters by reason, one line in the log for each program and reason, and
 * a doubt to the pipeline (exchange/doubts.h) for each connection that the target accepted, unless
 * the operator has said that it never forwards. What the other end says is not enough for that, for
 * it may be anybody: the target itself has to answer so.
 */
#ifndef TELLTALE_BLIND_H
#define TELLTALE_BLIND_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/record.h"
#include "daemon/pipeline.h"
#include "halves/view.h"
#include "release/series.h"
#include "release/vocabulary.h"
#include "target/target.h"

struct blind;

/* All are borrowed. The pipeline is given later because it takes the opaque records in. */
struct blind *blind_new(struct view *view, const struct target *targets, size_t targets_len,
			struct series *series);
void blind_free(struct blind *b);
void blind_set_pipeline(struct blind *b, struct pipeline *pipeline);

/* An opaque record, as the pipeline hands it over; CONTEXT is the struct blind. */
void blind_opaque(void *context, const struct record_opaque *record);
/* CAUSE keeps the origin of what TARGET sends unknown: the log says it, once. CONTEXT is the struct
 * blind. */
void blind_doubted(void *context, unsigned target, enum doubt_cause cause);
/* An SSL object was used for the first time: a TLS connection that is read. */
void blind_used(struct blind *b, const struct record_tls *record);
/* An answer of the probe half's. */
void blind_answer(struct blind *b, const struct wire_answer *answer);
/* Often, as before an exchange is judged: decides without those answers that have not come. */
void blind_settle(struct blind *b);
/* Says once for each program that connections of TARGET are not read, for REASON. PROGRAM: of the
 * process that has them; "": not known. */
void blind_say(struct blind *b, unsigned target, enum opaque_reason reason, const char *program,
	       enum record_role role);
/* Now and then: looks at what there was no time for. */
void blind_tick(struct blind *b);
/* Decides about everything that is open, at shutdown. */
void blind_drain(struct blind *b);
/* Another process goes on: gives SINK the records from which it learns what is not decided. Nothing
 * is decided here any more. */
void blind_leave(struct blind *b, ring_sink *sink, void *context);

#endif
