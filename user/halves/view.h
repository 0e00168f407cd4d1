/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view.h - the probe half, as the daemon half sees it: the ring, and what is said about targets and
 * processes.
 *
 * In: a socket to the probe half. Out: calls of the hooks for each thing that it says.
 */
#ifndef TELLTALE_VIEW_H
#define TELLTALE_VIEW_H

#include <stdbool.h>
#include <sys/types.h>

#include "halves/ring.h"
#include "halves/wire.h"

struct view;

struct view_hooks {
	void (*target)(void *context, const struct wire_target *t);
	void (*answer)(void *context, const struct wire_answer *a);
	void (*unseen)(void *context, const struct wire_unseen *u);
	void (*witnessed)(void *context, uint64_t at_ns); /* see wire_witnessed */
	/* The clocks run, where C has a ring, or do not; NULL: they do not until the next call. May
	 * be called before view_open returns. May be NULL. */
	void (*clocks)(void *context, const struct wire_clocks *c);
	/* A connection has ended: a struct record_flow_close. */
	ring_sink *closed;
	/* A new socket to the probe half, without waiting: 0 or -errno. NULL: it is not sought
	 * again. */
	int (*connect)(void *context, int *link);
	/* Another probe half goes on with the ring. It may have targets more, or fewer. */
	void (*resumed)(void *context, const struct wire_welcome *w);
	void *context;
};

/* LINK is a socket to a probe half, and taken over. NULL when memory is short. */
struct view *view_new(int link, const struct view_hooks *hooks);
void view_free(struct view *v); /* accepts NULL */

/*
 * Says that this half is there, and waits until the probe half has attached to everything and said
 * how each of TARGETS targets does: hooks->target is called for each. 0; -EPIPE: it has ended;
 * another -errno with a sentence in WHY.
 */
int view_open(struct view *v, size_t targets, char *why, size_t why_len);
/* From view_open on: what the probe half said then. */
const struct wire_welcome *view_welcome(const struct view *v);
/* The records that the daemon half before left, in a file that is the view's; -1: none. */
int view_backlog(const struct view *v);

/* Readable when the probe half has said something. */
int view_fd(const struct view *v);
/* Readable when the ring is filling faster than it is read. */
int view_ring_fd(const struct view *v);

/*
 * Reads what the probe half has said, then every record that is in the ring, then calls
 * hooks->closed for the connections whose end was said: what was on them is in the ring before.
 * False: a record is still being written, and others wait behind it; what closed is said later.
 */
bool view_consume(struct view *v, ring_sink *sink, void *context);
/* Reads every event of the clocks that is there: struct tape_event. */
void view_consume_clocks(struct view *v, ring_sink *sink, void *context);
/* Events that found no room since the clocks began to run. */
uint64_t view_clocks_lost(const struct view *v);
/* Records that found no room in the ring since the daemon half before this one went. */
uint64_t view_dropped(const struct view *v);
/* The newest of what is said of processes. */
const struct wire_state *view_state(const struct view *v);

enum view_end {
	VIEW_THERE,
	VIEW_BYE,  /* the probe half has detached, as it was asked to end; or another one is there,
		    * with a ring of its own, and this one gets no more */
	VIEW_GONE, /* it has ended without a word: the kernel has detached everything */
};
enum view_end view_end(const struct view *v);
/*
 * Has the probe half ended, and is another one awaited (VIEW_AWAY_MS at most) that goes on with
 * what it left attached? Meanwhile the ring is read, and the view is VIEW_THERE.
 */
#define VIEW_AWAY_MS 30000
bool view_is_away(const struct view *v);

/* False: it cannot be asked now, and no answer will come. */
bool view_ask(struct view *v, const struct wire_ask *ask);
/* This half will end, and another come. */
void view_leaving(struct view *v);
/* It has finished. BACKLOG: a file of records for the next one, -1: none. Waits a second at
 * most, and some more while the probe half is away.
 */
void view_leave(struct view *v, int backlog);

#endif
