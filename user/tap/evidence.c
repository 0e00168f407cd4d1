/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/evidence.h"

#include <stdlib.h>
#include <string.h>

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

struct evidence {
	struct witness_ops ops;
	void *context;
	size_t targets_len;
	struct of_target *of;
	bool suspects;
	uint64_t look;      /* counts looks */
	uint64_t began_ns;  /* the look that is under way, or the last one */
	uint64_t before_ns; /* ... and the one before it */
};

struct evidence *evidence_new(size_t targets_len, const struct witness_ops *ops, void *context)
{
	struct evidence *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->of = calloc(targets_len + 1, sizeof(*e->of));
	if (!e->of) {
		free(e);
		return NULL;
	}
	e->targets_len = targets_len;
	e->ops = *ops;
	e->context = context;
	return e;
}

void evidence_free(struct evidence *e)
{
	if (e)
		free(e->of);
	free(e);
}

bool evidence_suspects(const struct evidence *e)
{
	return e->suspects;
}

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

static void note_way(struct evidence *e, struct of_target *of, const struct shared_sight *s)
{
	struct way *way = way_of(of, s->key);

	if (!way) {
		of->seen[WITNESS_UNIX] |= s->kind == SHARED_UNIX_USED;
		return;
	}
	way->look = e->look;
	way->used |= s->kind == SHARED_UNIX_USED;
	way->inside |= s->kind == SHARED_UNIX_INSIDE;
}

static void note(struct evidence *e, const struct shared_sight *s, enum witness_cause cause)
{
	e->of[s->target].seen[cause] = true;
	if (s->first)
		e->ops.found(e->context, s->target, cause, (pid_t)s->pid, s->bytes);
}

void evidence_take(struct evidence *e, const struct shared_sight *s)
{
	if (s->target >= e->targets_len)
		return;
	switch (s->kind) {
	case SHARED_SUSPECT: e->suspects = true; break;
	case SHARED_UNSEEN:
	case SHARED_SHORTCUT: note(e, s, WITNESS_BYPASSED); break;
	case SHARED_CONNECTION:
	case SHARED_LISTENER: note(e, s, WITNESS_OTHER_CGROUP); break;
	case SHARED_UNIX:
	case SHARED_UNIX_USED:
	case SHARED_UNIX_INSIDE: note_way(e, &e->of[s->target], s); break;
	case SHARED_UNIX_OUTSIDE: note(e, s, WITNESS_UNIX); break;
	default: break;
	}
}

void evidence_begin(struct evidence *e, uint64_t now_ns)
{
	e->suspects = false;
	e->before_ns = e->began_ns;
	e->began_ns = now_ns;
	e->look++;
	for (size_t i = 0; i < e->targets_len; i++)
		memset(e->of[i].seen, 0, sizeof(e->of[i].seen));
}

/* A target's sockets are known: all of them, or with !WHOLE some. What was not seen then may be
 * there as before. */
static void judge(struct evidence *e, unsigned target, uint64_t now_ns, bool whole)
{
	struct of_target *of = &e->of[target];
	size_t kept = 0;

	for (size_t i = 0; i < of->ways_len; i++) {
		struct way *way = &of->ways[i];

		if (way->look != e->look && whole)
			continue;
		of->seen[WITNESS_UNIX] |= way->used && !way->inside;
		of->ways[kept++] = *way;
	}
	of->ways_len = kept;
	for (enum witness_cause cause = 0; cause < WITNESS_CAUSES; cause++) {
		if (of->seen[cause] == of->open[cause] || (of->open[cause] && !whole))
			continue;
		of->open[cause] = of->seen[cause];
		e->ops.doubt(e->context, target, cause, of->open[cause],
			     of->open[cause] ? e->before_ns : now_ns);
	}
}

void evidence_end(struct evidence *e, uint64_t now_ns, bool whole)
{
	for (unsigned i = 0; i < e->targets_len; i++)
		judge(e, i, now_ns, whole);
	e->ops.looked(e->context, e->began_ns);
}
