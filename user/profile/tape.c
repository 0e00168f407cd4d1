/* SPDX-License-Identifier: Apache-2.0 */
#include "profile/tape.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LIST_ROOM 256 /* items at first */
#define FORGOTTEN SIZE_MAX

struct thread {
	uint32_t tid, pid;
	struct strip strip;
};

struct connection {
	uint64_t socket;
	uint32_t pid;
	uint32_t sent, came; /* the highest end seen, each way */
	bool has_sent, has_come;
	size_t turn; /* under way: its number, from 1, or FORGOTTEN; else 0 */
};

/* Grows by doubling. */
struct list {
	void *items;
	size_t len, room;
};

struct tape {
	size_t events_max;
	size_t marks; /* of all threads */
	uint64_t full_ns;
	uint64_t settled_ns; /* the time of the newest event in its place */
	bool all;            /* processes count */
	uint32_t pids[TAPE_PROCESSES_MAX];
	size_t pids_len;
	struct thread threads[TAPE_THREADS_MAX];
	size_t threads_len;
	struct connection connections[TAPE_CONNECTIONS_MAX];
	size_t connections_len;
	struct list waiting; /* struct tape_event: not in their places yet */
	struct list reads;   /* struct tape_read */
	struct list turns;   /* struct tape_turn */
};

struct tape *tape_new(size_t events_max)
{
	struct tape *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->events_max = events_max;
	t->full_ns = UINT64_MAX;
	return t;
}

void tape_free(struct tape *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->threads_len; i++)
		strip_fini(&t->threads[i].strip);
	free(t->waiting.items);
	free(t->reads.items);
	free(t->turns.items);
	free(t);
}

/* Room for one item more, of SIZE bytes, not cleared; NULL when memory or MAX is used up. */
static void *list_append(struct list *l, size_t size, size_t max)
{
	size_t room = l->room ? 2 * l->room : LIST_ROOM;
	void *items;

	if (l->len >= max)
		return NULL;
	if (l->len == l->room) {
		items = realloc(l->items, room * size);
		if (!items)
			return NULL;
		l->items = items;
		l->room = room;
	}
	return (char *)l->items + size * l->len++;
}

static void set_full(struct tape *t, uint64_t at_ns)
{
	if (at_ns < t->full_ns)
		t->full_ns = at_ns;
}

void tape_lose(struct tape *t, uint64_t from_ns)
{
	set_full(t, from_ns);
}

uint64_t tape_full_ns(const struct tape *t)
{
	return t->full_ns;
}

static bool is_watched(const struct tape *t, uint32_t pid)
{
	if (t->all)
		return true;
	for (size_t i = 0; i < t->pids_len; i++) {
		if (t->pids[i] == pid)
			return true;
	}
	return false;
}

void tape_watch_all(struct tape *t)
{
	t->all = true;
}

int tape_watch(struct tape *t, pid_t pid)
{
	if (is_watched(t, (uint32_t)pid))
		return 0;
	if (t->pids_len == TAPE_PROCESSES_MAX)
		return -ENOSPC;
	t->pids[t->pids_len++] = (uint32_t)pid;
	return 0;
}

/* --- events into their places ----------------------------------------------------------------- */

void tape_add(struct tape *t, const struct tape_event *event)
{
	struct tape_event *e;

	if (event->at_ns >= t->full_ns || !event->kind || event->kind >= TAPE_KINDS)
		return;
	if (event->kind <= TAPE_READ && !is_watched(t, event->pid))
		return;
	if (event->kind > TAPE_READ && (!event->class || event->class > TAPE_CLASSES_MAX))
		return;
	e = list_append(&t->waiting, sizeof(*e), t->events_max);
	if (e)
		*e = *event;
	else
		set_full(t, event->at_ns);
}

static struct thread *find_thread(const struct tape *t, uint32_t tid)
{
	for (size_t i = 0; i < t->threads_len; i++) {
		if (t->threads[i].tid == tid)
			return (struct thread *)&t->threads[i];
	}
	return NULL;
}

static void add_state(struct tape *t, const struct tape_event *e)
{
	struct thread *thread = find_thread(t, e->tid);
	int added;

	if (!thread) {
		if (t->threads_len == TAPE_THREADS_MAX) {
			set_full(t, e->at_ns);
			return;
		}
		thread = &t->threads[t->threads_len++];
		thread->tid = e->tid;
		thread->pid = e->pid;
	}
	added = t->marks < t->events_max ? strip_add(&thread->strip, e->kind, e->at_ns) : -ENOSPC;
	if (added < 0)
		set_full(t, e->at_ns);
	else
		t->marks += (size_t)added;
}

static struct connection *find_connection(struct tape *t, uint64_t socket)
{
	for (size_t i = 0; i < t->connections_len; i++) {
		if (t->connections[i].socket == socket)
			return &t->connections[i];
	}
	return NULL;
}

static void add_read(struct tape *t, const struct tape_event *e)
{
	struct connection *c = find_connection(t, e->socket);
	struct tape_read *r = list_append(&t->reads, sizeof(*r), t->events_max);

	if (c)
		c->pid = e->pid;
	if (r)
		*r = (struct tape_read){e->at_ns, e->socket, e->tid, e->pid};
	else
		set_full(t, e->at_ns);
}

/* Is END beyond all that went this way before? Then it is kept. */
static bool is_new(uint32_t *highest, bool *any, uint32_t end)
{
	if (*any && (int32_t)(end - *highest) <= 0)
		return false;
	*any = true;
	*highest = end;
	return true;
}

static struct tape_turn *turns_of(const struct tape *t)
{
	return t->turns.items;
}

static void begin_turn(struct tape *t, struct connection *c, const struct tape_event *e)
{
	struct tape_turn *turn = list_append(&t->turns, sizeof(*turn), t->events_max);

	if (!turn) {
		set_full(t, e->at_ns);
		return;
	}
	*turn = (struct tape_turn){e->at_ns, UINT64_MAX, (uint32_t)(c - t->connections), e->class};
	c->turn = t->turns.len;
}

static void add_segment(struct tape *t, const struct tape_event *e)
{
	struct connection *c = find_connection(t, e->socket);

	if (!c) {
		if (t->connections_len == TAPE_CONNECTIONS_MAX) {
			set_full(t, e->at_ns);
			return;
		}
		c = &t->connections[t->connections_len++];
		c->socket = e->socket;
	}
	if (e->kind == TAPE_SENT) {
		if (is_new(&c->sent, &c->has_sent, e->end) && !c->turn)
			begin_turn(t, c, e);
	} else if (is_new(&c->came, &c->has_come, e->end) && c->turn) {
		if (c->turn != FORGOTTEN)
			turns_of(t)[c->turn - 1].to_ns = e->at_ns;
		c->turn = 0;
	}
}

/* By time. No thread and no connection has two events at one time. */
static int compare(const void *a, const void *b)
{
	const struct tape_event *x = a, *y = b;

	return x->at_ns < y->at_ns ? -1 : x->at_ns > y->at_ns;
}

static void place(struct tape *t, struct tape_event *e)
{
	/* One that was written very late takes place now: the order is kept. */
	if (e->at_ns < t->settled_ns)
		e->at_ns = t->settled_ns;
	t->settled_ns = e->at_ns;
	if (e->at_ns >= t->full_ns)
		return;
	if (e->kind < TAPE_READ)
		add_state(t, e);
	else if (e->kind == TAPE_READ)
		add_read(t, e);
	else
		add_segment(t, e);
}

void tape_settle(struct tape *t, uint64_t until_ns)
{
	struct tape_event *events = t->waiting.items;
	size_t n = 0;

	if (!t->waiting.len)
		return;
	qsort(events, t->waiting.len, sizeof(*events), compare);
	while (n < t->waiting.len && events[n].at_ns <= until_ns)
		place(t, &events[n++]);
	t->waiting.len -= n;
	memmove(events, events + n, t->waiting.len * sizeof(*events));
}

/* --- without end ------------------------------------------------------------------------------ */

/* Takes the first N items out. */
static void list_cut(struct list *l, size_t n, size_t size)
{
	char *items = l->items;

	if (!n)
		return;
	l->len -= n;
	memmove(items, items + n * size, l->len * size);
}

static size_t first_from(const struct tape *t, size_t len, uint64_t from_ns,
			 uint64_t (*time_of)(const struct tape *t, size_t i));
static uint64_t read_time(const struct tape *t, size_t i);
static uint64_t turn_time(const struct tape *t, size_t i);

static void forget_turns(struct tape *t, uint64_t before_ns)
{
	size_t n = first_from(t, t->turns.len, before_ns, turn_time);

	for (size_t i = 0; n && i < t->connections_len; i++) {
		struct connection *c = &t->connections[i];

		if (c->turn && c->turn != FORGOTTEN)
			c->turn = c->turn > n ? c->turn - n : FORGOTTEN;
	}
	list_cut(&t->turns, n, sizeof(struct tape_turn));
}

static void forget_threads(struct tape *t, uint64_t before_ns)
{
	uint64_t idle_ns = before_ns > TAPE_IDLE_NS ? before_ns - TAPE_IDLE_NS : 0;
	size_t kept = 0;

	t->marks = 0;
	for (size_t i = 0; i < t->threads_len; i++) {
		struct thread *thread = &t->threads[i];

		if (strip_end_ns(&thread->strip) < idle_ns) {
			strip_fini(&thread->strip);
			continue;
		}
		strip_forget(&thread->strip, before_ns);
		t->marks += thread->strip.len;
		t->threads[kept++] = *thread;
	}
	t->threads_len = kept;
}

void tape_forget(struct tape *t, uint64_t before_ns)
{
	list_cut(&t->reads, first_from(t, t->reads.len, before_ns, read_time),
		 sizeof(struct tape_read));
	forget_turns(t, before_ns);
	forget_threads(t, before_ns);
}

/* --- questions -------------------------------------------------------------------------------- */

const struct strip *tape_strip(const struct tape *t, uint32_t tid)
{
	const struct thread *thread = find_thread(t, tid);

	return thread ? &thread->strip : NULL;
}

void tape_each_thread(const struct tape *t,
		      void (*each)(void *context, uint32_t pid, uint32_t tid,
				   const struct strip *strip),
		      void *context)
{
	for (size_t i = 0; i < t->threads_len; i++)
		each(context, t->threads[i].pid, t->threads[i].tid, &t->threads[i].strip);
}

static uint64_t read_time(const struct tape *t, size_t i)
{
	return ((const struct tape_read *)t->reads.items)[i].at_ns;
}

static uint64_t turn_time(const struct tape *t, size_t i)
{
	return turns_of(t)[i].from_ns;
}

/* The number of the first item of LEN whose time is FROM_NS or later. */
static size_t first_from(const struct tape *t, size_t len, uint64_t from_ns,
			 uint64_t (*time_of)(const struct tape *t, size_t i))
{
	size_t low = 0, high = len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (time_of(t, middle) < from_ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct tape_read *tape_read_from(const struct tape *t, uint64_t socket, uint64_t from_ns,
				       uint64_t to_ns)
{
	const struct tape_read *reads = t->reads.items;
	size_t i = first_from(t, t->reads.len, from_ns, read_time);

	for (; i < t->reads.len && reads[i].at_ns <= to_ns; i++) {
		if (reads[i].socket == socket)
			return &reads[i];
	}
	return NULL;
}

const struct tape_read *tape_read_of(const struct tape *t, uint32_t pid, uint64_t from_ns,
				     uint64_t at_ns)
{
	const struct tape_read *reads = t->reads.items;
	size_t i = first_from(t, t->reads.len, at_ns + 1, read_time);

	while (i > 0 && reads[--i].at_ns >= from_ns) {
		if (reads[i].pid == pid)
			return &reads[i];
	}
	return NULL;
}

const struct tape_turn *tape_turns_from(const struct tape *t, uint64_t from_ns)
{
	return t->turns.len ? turns_of(t) + first_from(t, t->turns.len, from_ns, turn_time) : NULL;
}

const struct tape_turn *tape_turns_end(const struct tape *t)
{
	return t->turns.len ? turns_of(t) + t->turns.len : NULL;
}

uint32_t tape_turn_pid(const struct tape *t, const struct tape_turn *turn)
{
	return t->connections[turn->connection].pid;
}
