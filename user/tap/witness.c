/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/witness.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "tap/evidence.h"

/* Looks take one part in so many of a processor's time; where they would then be too seldom, more,
 * up to one part in the second number. */
#define LOOK_SHARE 1000
#define LOOK_MOST  400
#define SELDOM_NS  (3 * NS_PER_S)
#define REST_NS    (500 * NS_PER_MS) /* between the beginnings of two looks, at least */
#define SURE_NS    NS_PER_S          /* ... and at most, when bytes were missing once */
#define SLICE_NS   (10 * NS_PER_MS)
#define FINISH_NS  (500 * NS_PER_MS)
#define EARLY_NS   (50 * NS_PER_MS) /* a look may be, as ticks come when they do */
/* All files of the host are looked at where that is cheaper than process by process: tried when
 * this takes so long, and once more after so many looks. */
#define WORTH_NS (2 * NS_PER_MS)
#define RETRY    64

struct witness {
	struct probe *probe;
	const struct processes *processes;
	struct evidence *evidence;
	size_t targets_len;
	pid_t *todo; /* processes of the look that is under way; 0: all of the host */
	size_t todo_len, todo_max, done;
	bool under_way, refused;
	bool failed;              /* the look at all files that is under way, or the last one */
	bool missed;              /* not all that was to be looked at was */
	bool cannot_each;         /* this kernel cannot look at one process */
	bool whole;               /* the look that is under way, or the last one, is at all files */
	uint64_t each_ns;         /* what a process took in the last look that was not */
	uint64_t whole_ns;        /* what the last one took that was; 0: to be tried */
	unsigned retry;           /* looks until it is tried again */
	uint64_t began_ns;        /* the look that is under way, or the last one */
	uint64_t spent_ns;        /* a processor's time for it */
	uint64_t spent_before_ns; /* ... and for the one before it */
	uint64_t due_ns;
};

struct witness *witness_new(struct probe *probe, const struct processes *processes,
			    size_t targets_len, const struct witness_ops *ops, void *context)
{
	struct witness *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->evidence = evidence_new(targets_len, ops, context);
	if (!w->evidence) {
		free(w);
		return NULL;
	}
	w->probe = probe;
	w->processes = processes;
	w->targets_len = targets_len;
	return w;
}

void witness_free(struct witness *w)
{
	if (!w)
		return;
	free(w->todo);
	evidence_free(w->evidence);
	free(w);
}

/* --- a look ---------------------------------------------------------------------------------- */

static void take_sight(void *context, const struct shared_sight *sight)
{
	const struct witness *w = context;

	evidence_take(w->evidence, sight);
}

static int list(struct witness *w, pid_t pid)
{
	if (w->todo_len == w->todo_max) {
		size_t max = w->todo_max ? 2 * w->todo_max : 64;
		pid_t *more = realloc(w->todo, max * sizeof(*more));

		if (!more)
			return -ENOMEM;
		w->todo = more;
		w->todo_max = max;
	}
	w->todo[w->todo_len++] = pid;
	return 0;
}

static int list_one(void *context, pid_t pid, enum process_tls state)
{
	(void)state;
	return pid ? list(context, pid) : 0;
}

/* Is one look at all files of the host to take the place of those at the processes that were
 * listed? It is not done in slices. */
static bool is_whole_cheaper(struct witness *w)
{
	uint64_t each_ns = w->each_ns * w->todo_len;

	if (w->retry && !--w->retry)
		w->whole_ns = 0;
	return each_ns > WORTH_NS && w->whole_ns < SLICE_NS && w->whole_ns < each_ns;
}

static void begin(struct witness *w, uint64_t now)
{
	w->under_way = true;
	w->began_ns = now;
	w->spent_ns = 0;
	w->todo_len = w->done = 0;
	w->failed = w->missed = false;
	evidence_begin(w->evidence, now);
	for (unsigned i = 0; i < w->targets_len && !w->cannot_each; i++)
		w->missed |= processes_each(w->processes, i, list_one, w) != 0;
	w->whole = w->cannot_each || is_whole_cheaper(w);
	if (w->whole) {
		w->todo_len = 0;
		w->missed = list(w, 0) != 0;
	}
}

static void note_cost(struct witness *w)
{
	if (!w->whole) {
		w->each_ns = w->todo_len ? w->spent_ns / w->todo_len : 0;
		return;
	}
	if (!w->whole_ns || w->failed)
		w->retry = RETRY;
	if (w->failed) { /* process by process, until it is tried again */
		w->whole_ns = SLICE_NS;
		return;
	}
	/* One may take long by chance. */
	w->whole_ns = w->whole_ns && w->spent_ns > 2 * w->whole_ns ? 2 * w->whole_ns : w->spent_ns;
}

/* What a look takes: the lesser of two. One look may take long by chance, as where its processor is
 * not the machine's own, and no exchange is judged before the next. */
static uint64_t cost(struct witness *w)
{
	uint64_t before = w->spent_before_ns;

	w->spent_before_ns = w->spent_ns;
	return w->spent_ns < before ? w->spent_ns : before;
}

static void end(struct witness *w)
{
	uint64_t spent = cost(w), rest = spent * LOOK_SHARE;

	if (rest > SELDOM_NS)
		rest = SELDOM_NS;
	if (rest < spent * LOOK_MOST)
		rest = spent * LOOK_MOST;
	if (rest < REST_NS)
		rest = REST_NS;
	if (evidence_suspects(w->evidence) && rest > SURE_NS)
		rest = SURE_NS;
	w->due_ns = w->began_ns + rest;
	w->under_way = false;
	note_cost(w);
	probe_looked(w->probe, w->began_ns);
	evidence_end(w->evidence, clock_mono_ns(), !w->missed);
}

static void refuse(struct witness *w, int err)
{
	if (!w->refused)
		log_warn("witness",
			 "cannot look at the sockets of processes (%s): what passes the taps by "
			 "may not be noticed",
			 strerror(-err));
	w->refused = true;
}

static void look_next(struct witness *w)
{
	pid_t pid = w->todo[w->done++];
	int err = probe_look(w->probe, pid, take_sight, w);

	if (err == -EOPNOTSUPP && pid) {
		w->cannot_each = true;
		w->whole = true;
		w->done = w->todo_len;
		err = probe_look(w->probe, 0, take_sight, w);
	}
	if (!err || err == -ESRCH || err == -ENOENT)
		return;
	refuse(w, err);
	w->missed = true;
	w->failed = w->whole;
}

static void go_on(struct witness *w, uint64_t until_ns)
{
	uint64_t used = clock_thread_ns();

	while (w->done < w->todo_len && clock_mono_ns() < until_ns) {
		look_next(w);
		w->spent_ns += clock_thread_ns() - used;
		used = clock_thread_ns();
	}
	if (w->done == w->todo_len)
		end(w);
}

void witness_tick(struct witness *w)
{
	uint64_t now = clock_mono_ns();

	if (!w->under_way && now + EARLY_NS < w->due_ns)
		return;
	if (!w->under_way)
		begin(w, now);
	go_on(w, now + SLICE_NS);
}

bool witness_is_looking(const struct witness *w)
{
	return w->under_way;
}

void witness_soon(struct witness *w)
{
	w->due_ns = 0;
}

void witness_finish(struct witness *w)
{
	uint64_t now = clock_mono_ns(), until = now + FINISH_NS;

	if (w->under_way)
		go_on(w, until);
	for (int i = 0; i < 2 && !w->under_way && (!i || evidence_suspects(w->evidence)); i++) {
		begin(w, clock_mono_ns());
		go_on(w, until);
	}
}
