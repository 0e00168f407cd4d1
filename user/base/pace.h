/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pace.h - how often an event of the loop comes round, which changes with what there is to do. What
 * stays as it was costs nothing.
 */
#ifndef TELLTALE_PACE_H
#define TELLTALE_PACE_H

struct event;

struct pace {
	struct event *event; /* persistent, and the owner's */
	unsigned ms;         /* between two of it; 0: it does not come */
};

/* From now on it comes every MS milliseconds, less than 1000; 0: not at all. Where the loop
 * refuses, it stays as it was, and the next call tries again. */
void pace_set(struct pace *p, unsigned ms);

#endif
