/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot.h - snapshots made by hand, for tests of the stages that take them.
 *
 * In the program only privacy makes a struct released. This header defines released_ref and
 * released_unref itself, so that the library's are not linked. A test program includes it once.
 */
#ifndef TELLTALE_TESTS_SNAPSHOT_H
#define TELLTALE_TESTS_SNAPSHOT_H

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "release/released.h"

#define SNAPSHOT_START_NS 1700000000000000000ull

struct snapshot {
	struct released released; /* first: a struct released * is one of these */
	_Atomic int references;
	struct released_point points[64];
};

static inline struct snapshot *snapshot_new(const char *source, uint64_t time_unix_ns)
{
	struct snapshot *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	s->references = 1;
	s->released.start_unix_ns = SNAPSHOT_START_NS;
	s->released.time_unix_ns = time_unix_ns;
	s->released.source = source;
	s->released.mechanism = "bucket-laplace";
	s->released.points = s->points;
	return s;
}

/* Adds a point that is zero except for VALUE; KEY may be NULL. Points must be added in the order of
 * their metrics. */
static inline struct released_point *snapshot_add(struct snapshot *s, enum metric metric,
						  const char *key, const char *value_of_key,
						  int64_t value)
{
	struct released_point *p = &s->points[s->released.points_len++];

	if (s->released.points_len > sizeof(s->points) / sizeof(s->points[0]))
		abort();
	p->metric = metric;
	p->value = value;
	if (key) {
		p->labels_len = 1;
		p->labels[0].key = key;
		p->labels[0].value = value_of_key;
	}
	return p;
}

struct released *released_ref(struct released *r)
{
	atomic_fetch_add(&((struct snapshot *)r)->references, 1);
	return r;
}

void released_unref(struct released *r)
{
	if (r && atomic_fetch_sub(&((struct snapshot *)r)->references, 1) == 1)
		free(r);
}

#endif
