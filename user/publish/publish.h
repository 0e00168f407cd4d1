/* SPDX-License-Identifier: Apache-2.0 */
/*
 * publish.h - several sources' quotes and the previous publication in, the next publication out.
 *
 * For each asset a source's rate is taken when it is within MAX_CHANGE of the previous publication,
 * or when another source says the same within CONFIRM_WITHIN. An asset that is new is taken from
 * its only source; where several have it, two must agree. The rate is the median of those taken,
 * of two in the middle their mean. All of that is rationals, exactly; then, once, it is rounded to
 * DIGITS significant digits, half to even.
 *
 * An asset none of whose rates is taken keeps its previous one; so does an asset that no source
 * gives while one of them failed. When all of them answered and none has it, it is dropped.
 */
#ifndef TELLTALE_PUBLISH_H
#define TELLTALE_PUBLISH_H

#include <stddef.h>

#include "publish/quotes.h"

#define PUBLISH_SOURCES_MAX 16
#define PUBLISH_DIGITS_MAX  18

struct publish_source {
	const char *name;            /* for sentences */
	const struct quotes *quotes; /* NULL: it failed */
};

struct publish_limits {
	struct rate max_change;     /* in per cent */
	struct rate confirm_within; /* in per cent */
	unsigned digits;            /* 1 to PUBLISH_DIGITS_MAX */
};

struct publication {
	char *text; /* {"base":"USD","rates":{…}} and a line end */
	size_t len;
	size_t rates;   /* in it */
	size_t added;   /* of them, those the previous publication did not have */
	size_t kept;    /* of them, the previous publication's, because no new one could be taken */
	size_t dropped; /* of the previous publication's */
	size_t refused; /* single rates of sources that were not taken */
	/* The largest step of a rate from the previous publication; code empty: none. */
	char changed[sizeof(((struct quote *)0)->code)];
	char change[64]; /* such as "+1.25" per cent, rounded for reading */
};

/*
 * PREVIOUS may be NULL. SAY gets one sentence, without a line end, for each rate that was refused,
 * kept or dropped. 0: *OUT is the caller's to free. -EINVAL: nothing could be taken. -ENOMEM.
 */
int publish_combine(const struct publish_source *sources, size_t sources_len,
		    const struct quotes *previous, const struct publish_limits *limits,
		    void (*say)(void *context, const char *sentence), void *context,
		    struct publication **out);
void publication_free(struct publication *p);

#endif
