/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answered.h - Request-Ids that were answered lately (RFC 35, asynchronous mode): so a reply that
 * comes again is distinguished from one that answers nothing.
 *
 * Bounded: the ANSWERED_MAX newest are remembered. When there are more, the target with most of
 * them loses its oldest one.
 */
#ifndef TELLTALE_ANSWERED_H
#define TELLTALE_ANSWERED_H

#include <stdbool.h>
#include <stdint.h>

#define ANSWERED_MAX 4096

struct answered;

struct answered *answered_new(void);    /* NULL when memory is short */
void answered_free(struct answered *a); /* accepts NULL */

/* The Prepare with REQUEST_ID, which is not 0, was answered. ROLE is that of TARGET in the
 * connection on which the Prepare was seen: enum record_role. */
void answered_note(struct answered *a, uint8_t target, uint8_t role, uint64_t request_id);
/* Was it, as far as is remembered? */
bool answered_lately(const struct answered *a, uint8_t target, uint8_t role, uint64_t request_id);

#endif
