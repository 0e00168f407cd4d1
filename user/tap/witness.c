/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/witness.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "bpf/shared.h"

/* Looks take one part in so many of a processor's time; where they would then be too seldom, more,
 * up to one part in the second number. */
#define LOOK_SHARE 1000
#define LOOK_MOST  400
#define SELDOM_NS  (4 * NS_PER_S)
#define REST_NS    (500 * NS_PER_MS) /* between the beginnings of two looks, at least */
#define SURE_NS    NS_PER_S          /* ... and at most, when bytes were missing once */
#define SLICE_NS   (10 * NS_PER_MS)
#define FINISH_NS  (500 * NS_PER_MS)

/* Unix sockets of one target that accept connections and are remembered from look to look. */
#define WAYS_MAX 64

/* A Unix socket that accepts connections. Who connected to it when nobody looked is not known: if
 * all that were seen came from inside the target, the others are taken to have come from there. */
struct way {
	uint64_t key;
	uint64_t look; /* that saw it last */
	bool used, inside;
};

struct of_target {
	bool seen[WITNESS_CAUSES]; /* in this look */
	bool open[WITNESS_CAUSES];
	struct way ways[WAYS_MAX];
	size_t ways_len;
};

struct witness {
	struct probe *probe;
	const struct processes *processes;
	struct witness_ops ops;
	void *context;
	size_t targets_len;
	struct of_target *of;
	pid_t *todo; /* processes of the look that is under way; 0: all of the host */
	size_t todo_len, todo_max, done;
	bool under_way, whole_host, suspects, refused;
	uint64_t look;      /* counts looks */
	uint64_t began_ns;  /* the look that is under way, or the last one */
	uint64_t before_ns; /* ... and the one before it */
	uint64_t spent_ns;  /* a processor's time for it */
	uint64_t due_ns;
};

struct witness *witness_new(struct probe *probe, const struct processes *processes,
			    size_t targets_len, const struct witness_ops *ops, void *context)
{
	struct witness *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->of = calloc(targets_len + 1, sizeof(*w->of));
	if (!w->of) {
		free(w);
		return NULL;
	}
	w->probe = probe;
	w->processes = processes;
	w->targets_len = targets_len;
	w->ops = *ops;
	w->context = context;
	return w;
}

void witness_free(struct witness *w)
{
	if (!w)
		return;
	free(w->todo);
	free(w->of);
	free(w);
}

/* --- what a look says ------------------------------------------------------------------------ */

/* NULL: there is no room for it. */
static struct way *way_of(struct of_target *of, uint64_t key)
{
	for (size_t i = 0; i < of->ways_len; i++) {
		if (of->ways[i].key == key)
			return &of->ways[i];
	}
	if (of->ways_len == WAYS_MAX)
		return NULL;
	of->ways[of->ways_len] = (struct way){.key = key};
	return &of->ways[of->ways_len++];
}

static void note_way(struct witness *w, struct of_target *of, const struct shared_sight *s)
{
	struct way *way = way_of(of, s->key);

	if (!way) {
		of->seen[WITNESS_UNIX] |= s->kind == SHARED_UNIX_USED;
		return;
	}
	way->look = w->look;
	way->used |= s->kind == SHARED_UNIX_USED;
	way->inside |= s->kind == SHARED_UNIX_INSIDE;
}

static void note(struct witness *w, const struct shared_sight *s, enum witness_cause cause)
{
	w->of[s->target].seen[cause] = true;
	if (s->first)
		w->ops.found(w->context, s->target, cause, (pid_t)s->pid, s->bytes);
}

static void take_sight(void *context, const struct shared_sight *s)
{
	struct witness *w = context;

	if (s->target >= w->targets_len)
		return;
	switch (s->kind) {
	case SHARED_SUSPECT: w->suspects = true; break;
	case SHARED_UNSEEN:
	case SHARED_SHORTCUT: note(w, s, WITNESS_BYPASSED); break;
	case SHARED_CONNECTION:
	case SHARED_LISTENER: note(w, s, WITNESS_OTHER_CGROUP); break;
	case SHARED_UNIX:
	case SHARED_UNIX_USED:
	case SHARED_UNIX_INSIDE: note_way(w, &w->of[s->target], s); break;
	case SHARED_UNIX_OUTSIDE: note(w, s, WITNESS_UNIX); break;
	default: break;
	}
}

/* --- a look ---------------------------------------------------------------------------------- */

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

static void begin(struct witness *w, uint64_t now)
{
	w->under_way = true;
	w->suspects = false;
	w->before_ns = w->began_ns;
	w->began_ns = now;
	w->spent_ns = 0;
	w->look++;
	w->todo_len = w->done = 0;
	for (unsigned i = 0; i < w->targets_len; i++) {
		memset(w->of[i].seen, 0, sizeof(w->of[i].seen));
		if (!w->whole_host)
			processes_each(w->processes, i, list_one, w);
	}
	if (w->whole_host)
		list(w, 0);
}

/* A target's sockets are known. */
static void judge(struct witness *w, unsigned target)
{
	struct of_target *of = &w->of[target];
	size_t kept = 0;

	for (size_t i = 0; i < of->ways_len; i++) {
		struct way *way = &of->ways[i];

		if (way->look != w->look)
			continue;
		of->seen[WITNESS_UNIX] |= way->used && !way->inside;
		of->ways[kept++] = *way;
	}
	of->ways_len = kept;
	for (enum witness_cause cause = 0; cause < WITNESS_CAUSES; cause++) {
		if (of->seen[cause] == of->open[cause])
			continue;
		of->open[cause] = of->seen[cause];
		w->ops.doubt(w->context, target, cause, of->open[cause],
			     of->open[cause] ? w->before_ns : clock_mono_ns());
	}
}

static void end(struct witness *w)
{
	uint64_t rest = w->spent_ns * LOOK_SHARE;

	if (rest > SELDOM_NS)
		rest = SELDOM_NS;
	if (rest < w->spent_ns * LOOK_MOST)
		rest = w->spent_ns * LOOK_MOST;
	if (rest < REST_NS)
		rest = REST_NS;
	if (w->suspects && rest > SURE_NS)
		rest = SURE_NS;
	w->due_ns = w->began_ns + rest;
	w->under_way = false;
	for (unsigned i = 0; i < w->targets_len; i++)
		judge(w, i);
	probe_looked(w->probe, w->began_ns);
	w->ops.looked(w->context, w->began_ns);
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
		w->whole_host = true;
		w->done = w->todo_len;
		err = probe_look(w->probe, 0, take_sight, w);
	}
	if (err && err != -ESRCH && err != -ENOENT)
		refuse(w, err);
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

	if (!w->under_way && now < w->due_ns)
		return;
	if (!w->under_way)
		begin(w, now);
	go_on(w, now + SLICE_NS);
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
	for (int i = 0; i < 2 && !w->under_way && (!i || w->suspects); i++) {
		begin(w, clock_mono_ns());
		go_on(w, until);
	}
}
