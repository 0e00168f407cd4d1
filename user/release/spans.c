/* SPDX-License-Identifier: Apache-2.0 */
#include "release/spans.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 64

struct owned {
	struct spans spans; /* first: owned_of needs no offset */
	atomic_uint references;
};

static struct owned *owned_of(struct spans *s)
{
	return (struct owned *)s;
}

struct spans *spans_new(void)
{
	struct owned *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	atomic_init(&o->references, 1);
	return &o->spans;
}

static bool grow(struct spans *s)
{
	size_t room = s->room ? 2 * s->room : ROOM_FIRST;
	struct span *list = room <= SPANS_MAX ? realloc(s->list, room * sizeof(*list)) : NULL;

	if (!list)
		return false;
	s->list = list;
	s->room = room;
	return true;
}

struct span *spans_add(struct spans *s)
{
	struct span *span;

	if (s->len == s->room && !grow(s))
		return NULL;
	span = &s->list[s->len++];
	memset(span, 0, sizeof(*span));
	return span;
}

struct spans *spans_ref(struct spans *s)
{
	atomic_fetch_add_explicit(&owned_of(s)->references, 1, memory_order_relaxed);
	return s;
}

void spans_unref(struct spans *s)
{
	if (!s || atomic_fetch_sub_explicit(&owned_of(s)->references, 1, memory_order_acq_rel) != 1)
		return;
	free(s->list);
	free(owned_of(s));
}
