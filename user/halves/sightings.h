/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sightings.h - what the witness found, until the daemon half has got it.
 *
 * A daemon half may be slow, or not there. So this keeps what is new by target and cause, which is
 * bounded, and not the calls of the witness one after the other.
 */
#ifndef TELLTALE_SIGHTINGS_H
#define TELLTALE_SIGHTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "config/target.h"
#include "halves/wire.h"
#include "tap/witness.h"

struct sightings {
	struct sighting {
		struct wire_unseen said; /* what is to be said */
		uint64_t opened_ns;      /* since when it is open, or was, unsaid; 0: said */
		bool news;
	} of[CONFIG_TARGETS_MAX][WITNESS_CAUSES];
	unsigned targets; /* at most CONFIG_TARGETS_MAX; the rest is not touched */
	uint64_t witnessed_ns, witnessed_sent_ns;
};

/* For witness_new; CONTEXT is the struct sightings, which is zeroed before but for its TARGETS. */
extern const struct witness_ops sightings_ops;

/* Another daemon half is there, which knows nothing of what is open. RESUMES: or it knows it from
 * another probe half, and what is not open any more is said too. */
void sightings_again(struct sightings *s, bool resumes);

/*
 * Sends what is new, by SEND: false when M was not sent, and what is left is sent the next time.
 * Until when the witness has looked is sent after everything that it found until then.
 */
void sightings_send(struct sightings *s,
		    bool (*send)(void *context, enum wire_type type, struct wire_message *m),
		    void *context);

#endif
