/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tape.h - the events of a session, in order: the clocks of threads, the reads from sockets, and
 * the turns of dependencies.
 *
 * In: events of bpf/tape.h, nearly in order. Out: what happened at any moment of the session.
 *
 * A turn begins with the first data that goes out on a connection to a dependency on which none is
 * under way, and ends with the first data that comes back. Data sent again begins none, and data
 * that comes unasked ends none. A turn that has not ended yet has no end.
 *
 * Everything is kept for the session, in bounded memory. When that is used up the tape is full and
 * takes nothing more: what happened until then stays exact.
 */
#ifndef TELLTALE_PROFILE_TAPE_H
#define TELLTALE_PROFILE_TAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/tape.h"
#include "profile/strip.h"

#define TAPE_PROCESSES_MAX   256
#define TAPE_THREADS_MAX     1024 /* of all processes */
#define TAPE_CONNECTIONS_MAX 1024 /* to dependencies */
#define TAPE_IDLE_NS         600000000000ULL

struct tape;

struct tape_read {
	uint64_t at_ns, socket;
	uint32_t tid, pid;
};

struct tape_turn {
	uint64_t from_ns, to_ns; /* to_ns: UINT64_MAX while it has not ended */
	uint32_t connection;     /* whose it is */
	uint8_t class;
};

/* EVENTS_MAX bounds the marks of all clocks, and the reads, and the turns. NULL when memory is
 * short. */
struct tape *tape_new(size_t events_max);
void tape_free(struct tape *t); /* accepts NULL */

/* The threads of this process count from now on; events of all others are ignored. -ENOSPC when
 * there are too many. */
int tape_watch(struct tape *t, pid_t pid);

/* All threads count: whoever writes the events knows which are meant. */
void tape_watch_all(struct tape *t);

/* Takes an event, for the next tape_settle. One that cannot be is ignored. */
void tape_add(struct tape *t, const struct tape_event *event);
/* Puts the events until UNTIL_NS in their places: no event from before will be added any more. */
void tape_settle(struct tape *t, uint64_t until_ns);
/* For a session without end: nothing from before BEFORE_NS, which has been settled, is asked for
 * any more. A thread keeps the state that it had then; one that has been in it for TAPE_IDLE_NS is
 * forgotten until its next event. */
void tape_forget(struct tape *t, uint64_t before_ns);
/* An event from after FROM_NS was lost: nothing after it is known. */
void tape_lose(struct tape *t, uint64_t from_ns);
/* Is its memory used up? From when on nothing is known, then; else UINT64_MAX. */
uint64_t tape_full_ns(const struct tape *t);

/* The clock of a thread; NULL when there is none. */
const struct strip *tape_strip(const struct tape *t, uint32_t tid);
/* Calls EACH for every thread whose clock runs. */
void tape_each_thread(const struct tape *t,
		      void (*each)(void *context, uint32_t pid, uint32_t tid,
				   const struct strip *strip),
		      void *context);
/* The first read from SOCKET from FROM_NS to TO_NS; NULL: there was none. */
const struct tape_read *tape_read_from(const struct tape *t, uint64_t socket, uint64_t from_ns,
				       uint64_t to_ns);
/* The last read of process PID until AT_NS, but not before FROM_NS. */
const struct tape_read *tape_read_of(const struct tape *t, uint32_t pid, uint64_t from_ns,
				     uint64_t at_ns);

/* The first turn that began at FROM_NS or later; NULL: none. The turns after it follow in memory,
 * up to tape_turns_end. */
const struct tape_turn *tape_turns_from(const struct tape *t, uint64_t from_ns);
const struct tape_turn *tape_turns_end(const struct tape *t);
/* The process that reads from the turn's connection; 0 when none has been seen. */
uint32_t tape_turn_pid(const struct tape *t, const struct tape_turn *turn);

#endif
