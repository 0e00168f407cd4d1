/* SPDX-License-Identifier: Apache-2.0 */
#include "profile/strip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STRIP_ROOM 16 /* marks at first: most threads do little */

struct strip_mark {
	uint64_t at_ns;
	uint64_t on_ns, waiting_ns; /* up to here; the rest since the first mark was blocked */
	enum strip_state state;     /* from here */
};

void strip_fini(struct strip *s)
{
	free(s->marks);
	*s = (struct strip){0};
}

static enum strip_state state_after(enum tape_kind kind)
{
	if (kind == TAPE_ON)
		return STRIP_ON;
	return kind == TAPE_BLOCKED ? STRIP_BLOCKED : STRIP_WAITING;
}

static int make_room(struct strip *s)
{
	size_t room = s->room ? 2 * s->room : STRIP_ROOM;
	struct strip_mark *marks;

	if (s->marks && s->len < s->room)
		return 0;
	marks = realloc(s->marks, room * sizeof(*marks));
	if (!marks)
		return -ENOMEM;
	s->marks = marks;
	s->room = room;
	return 0;
}

/* M's counters, carried on to AT_NS. */
static struct strip_mark carry(const struct strip_mark *m, uint64_t at_ns)
{
	struct strip_mark next = *m;

	next.at_ns = at_ns;
	if (m->state == STRIP_ON)
		next.on_ns += at_ns - m->at_ns;
	else if (m->state == STRIP_WAITING)
		next.waiting_ns += at_ns - m->at_ns;
	return next;
}

int strip_add(struct strip *s, enum tape_kind kind, uint64_t at_ns)
{
	const struct strip_mark *last = s->len ? &s->marks[s->len - 1] : NULL;
	enum strip_state state = state_after(kind);
	struct strip_mark next;

	/* A thread is woken also when it does not wait. */
	if (kind == TAPE_WOKEN && (!last || last->state != STRIP_BLOCKED))
		return 0;
	if (last && last->state == state)
		return 0;
	next = last ? carry(last, at_ns > last->at_ns ? at_ns : last->at_ns)
		    : (struct strip_mark){.at_ns = at_ns};
	next.state = state;
	if (make_room(s))
		return -ENOMEM;
	s->marks[s->len++] = next;
	return 1;
}

/* The last mark at or before AT_NS, which is not before the first. */
static const struct strip_mark *mark_at(const struct strip *s, uint64_t at_ns)
{
	size_t low = 0, high = s->len;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (s->marks[middle].at_ns <= at_ns)
			low = middle;
		else
			high = middle;
	}
	return &s->marks[low];
}

bool strip_at(const struct strip *s, uint64_t at_ns, struct strip_snapshot *out)
{
	struct strip_mark here;

	if (!s->len || at_ns < s->marks[0].at_ns)
		return false;
	here = carry(mark_at(s, at_ns), at_ns);
	out->ns[STRIP_ON] = here.on_ns;
	out->ns[STRIP_WAITING] = here.waiting_ns;
	out->ns[STRIP_BLOCKED] = at_ns - s->marks[0].at_ns - here.on_ns - here.waiting_ns;
	return true;
}

/* The memory of a burst is given back when it is over. */
static void give_back(struct strip *s)
{
	size_t room = s->len > STRIP_ROOM ? 2 * s->len : STRIP_ROOM;
	struct strip_mark *marks;

	if (s->room < 4 * room)
		return;
	marks = realloc(s->marks, room * sizeof(*marks));
	if (!marks)
		return;
	s->marks = marks;
	s->room = room;
}

void strip_forget(struct strip *s, uint64_t before_ns)
{
	struct strip_mark first;
	size_t n;

	if (!s->len || s->marks[0].at_ns >= before_ns)
		return;
	n = (size_t)(mark_at(s, before_ns) - s->marks);
	first = s->marks[n];
	s->len -= n;
	memmove(s->marks, s->marks + n, s->len * sizeof(*s->marks));
	for (size_t i = 0; i < s->len; i++) {
		s->marks[i].on_ns -= first.on_ns;
		s->marks[i].waiting_ns -= first.waiting_ns;
	}
	give_back(s);
}

uint64_t strip_end_ns(const struct strip *s)
{
	return s->len ? s->marks[s->len - 1].at_ns : 0;
}

uint64_t strip_begin_ns(const struct strip *s)
{
	return s->len ? s->marks[0].at_ns : UINT64_MAX;
}

bool strip_between(const struct strip *s, uint64_t from_ns, uint64_t to_ns,
		   uint64_t ns[STRIP_STATES])
{
	struct strip_snapshot from, to;

	if (!strip_at(s, from_ns, &from) || !strip_at(s, to_ns, &to))
		return false;
	for (int i = 0; i < STRIP_STATES; i++)
		ns[i] += to.ns[i] - from.ns[i];
	return true;
}
