/* SPDX-License-Identifier: Apache-2.0 */
/*
 * publish.h - makes the next publication from several sources' quotes and the previous publication.
 *
 * A source's rate of an asset is accepted when it is within MAX_CHANGE of the previous publication,
 * or when another source's rate is within CONFIRM_WITHIN of it. A new asset is accepted from its
 * only source; when several sources have it, two must agree. The published rate is the median of
 * those accepted; of an even number, the mean of the two in the middle. This is exact, in rational
 * numbers, and rounded once, at the end, to DIGITS significant digits, half to even.
 *
 * An asset with no accepted rate keeps its previous one. So does an asset that no source has, while
 * a source failed. When all sources answered and none has it, the asset is dropped.
 */
#ifndef TELLTALE_PUBLISH_H
#define TELLTALE_PUBLISH_H

#include <stddef.h>

#include "publish/quotes.h"

#define PUBLISH_SOURCES_MAX 16
#define PUBLISH_DIGITS_MAX  18

struct publish_source {
	const char *name;            /* for messages */
	const struct quotes *quotes; /* NULL: the source failed */
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
	size_t added;   /* of these, how many the previous publication did not have */
	size_t kept;    /* of these, how many are unchanged: no new one was accepted */
	size_t dropped; /* of the previous publication's */
	size_t refused; /* single sources' rates that were not accepted */
	/* The asset whose rate changed most since the previous publication; empty: none. */
	char changed[sizeof(((struct quote *)0)->code)];
	char change[64]; /* by how much, in per cent, rounded: "+1.25" */
};

/*
 * PREVIOUS may be NULL. SAY gets one sentence, without a newline, for each rate that was refused,
 * kept or dropped. 0: the caller frees *OUT. -EINVAL: no rate was accepted. -ENOMEM.
 */
int publish_combine(const struct publish_source *sources, size_t sources_len,
		    const struct quotes *previous, const struct publish_limits *limits,
		    void (*say)(void *context, const char *sentence), void *context,
		    struct publication **out);
void publication_free(struct publication *p);

#endif
