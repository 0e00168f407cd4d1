/* SPDX-License-Identifier: Apache-2.0 */
/*
 * turns.h - how long an event loop was at work without a pause: the longest time of a processor
 * that its thread took between two events. What other programs take does not count.
 */
#ifndef TELLTALE_TURNS_H
#define TELLTALE_TURNS_H

#include <stdint.h>

struct turns {
	uint64_t used_ns, longest_ns;
};

/* From here on: what was done to start does not count. */
void turns_begin(struct turns *t);
/* An event begins to be dealt with, in the loop's thread. */
void turns_note(struct turns *t);
/* Logs the longest so far, for whoever looks for what holds up the loop of STAGE. */
void turns_say(const struct turns *t, const char *stage);

#endif
