/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted, and the points that are released. Included after cmocka.h. */
#ifndef TELLTALE_TESTS_RELEASING_H
#define TELLTALE_TESTS_RELEASING_H

#include <string.h>

#include "tests/unit/support/seeded.h"
#include "privacy/privacy.h"

#define SEED 0xfeedULL
#define MS   1000000ULL

/* A node that counts in *SERIES, which is made for it; node_free takes both down. */
static inline struct privacy *node_new(const struct privacy_params *params, uint64_t start_ns,
				       struct seeded *random, struct series **series)
{
	struct privacy *p;

	random->state = SEED;
	*series = series_new(params->cardinality_limit);
	assert_non_null(*series);
	p = privacy_new(params, *series, "here", start_ns, seeded_fill, random);
	assert_non_null(p);
	return p;
}

static inline void node_free(struct privacy *p, struct series *series)
{
	privacy_free(p);
	series_free(series);
}

/* The point of METRIC whose labels' values are A and B (NULL: none). */
static const struct released_point *find(const struct released *r, enum metric metric,
					 const char *a, const char *b)
{
	size_t wanted = (a != NULL) + (b != NULL);

	for (size_t i = 0; i < r->points_len; i++) {
		const struct released_point *point = &r->points[i];

		if (point->metric == metric && point->labels_len == wanted &&
		    (!a || !strcmp(point->labels[0].value, a)) &&
		    (!b || !strcmp(point->labels[1].value, b)))
			return point;
	}
	fail_msg("no %s{%s,%s}", metric_infos[metric].name, a ? a : "", b ? b : "");
	return NULL;
}

static inline int64_t value_of(const struct released *r, enum metric metric, const char *a,
			       const char *b)
{
	return find(r, metric, a, b)->value;
}

static inline struct contribution packet(enum origin origin, enum outcome outcome, uint64_t value)
{
	return (struct contribution){
		.kind = CONTRIBUTION_PACKET,
		.origin = origin,
		.outcome = outcome,
		.converted = outcome == OUTCOME_FULFILLED,
		.value = value,
	};
}

#endif
