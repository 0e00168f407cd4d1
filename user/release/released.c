/* SPDX-License-Identifier: Apache-2.0 */
#include "release/released.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "release/released_new.h"

/* The allocation around a snapshot; owned_of finds it from the snapshot's address. */
struct owned {
	atomic_uint references;
	struct released released;
	struct released_point points[];
};

static struct owned *owned_of(struct released *r)
{
	return (struct owned *)((char *)r - offsetof(struct owned, released));
}

struct released *released_new(size_t points_len, size_t text_len, char **text)
{
	struct owned *o = calloc(1, sizeof(*o) + points_len * sizeof(o->points[0]) + text_len);

	if (!o)
		return NULL;
	atomic_init(&o->references, 1);
	o->released.points_len = points_len;
	o->released.points = o->points;
	*text = (char *)(o->points + points_len);
	return &o->released;
}

struct released *released_ref(struct released *r)
{
	atomic_fetch_add_explicit(&owned_of(r)->references, 1, memory_order_relaxed);
	return r;
}

void released_unref(struct released *r)
{
	if (!r)
		return;
	if (atomic_fetch_sub_explicit(&owned_of(r)->references, 1, memory_order_acq_rel) == 1) {
		released_unref(r->network);
		free(owned_of(r));
	}
}
