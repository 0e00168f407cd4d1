/* SPDX-License-Identifier: Apache-2.0 */
#include "profile/held.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A time that process PID had something in hand. */
struct span {
	uint64_t from_ns, to_ns;
	uint32_t pid;
};

/* A sample that counts. */
struct pick {
	const struct stacks_stack *stack;
	uint32_t pid, tid;
	uint64_t ns;
};

struct work {
	struct span *spans;
	size_t spans_len, spans_room;
	struct pick *picks;
	size_t picks_len;
	uint64_t others;
	uint64_t end_ns; /* of what the clocks know */
	bool failed;
};

static void add_span(void *context, uint32_t pid, uint64_t from_ns, uint64_t to_ns)
{
	struct work *w = context;
	size_t room = w->spans_room ? 2 * w->spans_room : 1024;
	struct span *spans;

	if (w->spans_len == w->spans_room) {
		spans = reallocarray(w->spans, room, sizeof(*spans));
		if (!spans) {
			w->failed = true;
			return;
		}
		w->spans = spans;
		w->spans_room = room;
	}
	w->spans[w->spans_len++] = (struct span){from_ns, to_ns, pid};
}

static int by_begin(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return x->from_ns < y->from_ns ? -1 : x->from_ns > y->from_ns;
}

/* Afterwards those of one process do not touch. */
static void merge_spans(struct work *w)
{
	size_t len = 0;

	if (w->spans_len)
		qsort(w->spans, w->spans_len, sizeof(*w->spans), by_begin);
	for (size_t i = 0; i < w->spans_len; i++) {
		struct span *last = len ? &w->spans[len - 1] : NULL;

		if (!last || last->pid != w->spans[i].pid || last->to_ns < w->spans[i].from_ns)
			w->spans[len++] = w->spans[i];
		else if (last->to_ns < w->spans[i].to_ns)
			last->to_ns = w->spans[i].to_ns;
	}
	w->spans_len = len;
}

/* The number of the first span of PID that ends at AT_NS or later. */
static size_t first_span(const struct work *w, uint32_t pid, uint64_t at_ns)
{
	size_t low = 0, high = w->spans_len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct span *s = &w->spans[middle];

		if (s->pid < pid || (s->pid == pid && s->to_ns < at_ns))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_in(const struct work *w, uint32_t pid, uint64_t at_ns)
{
	size_t i = first_span(w, pid, at_ns);

	return i < w->spans_len && w->spans[i].pid == pid && w->spans[i].from_ns <= at_ns;
}

static void pick_sample(void *context, uint64_t at_ns, uint32_t pid, uint32_t tid,
			const struct stacks_stack *stack)
{
	struct work *w = context;

	/* A packet whose process was not seen may be any one's. */
	if (is_in(w, pid, at_ns) || is_in(w, 0, at_ns))
		w->picks[w->picks_len++] = (struct pick){stack, pid, tid, 0};
	else
		w->others++;
}

/* --- their time --------------------------------------------------------------------------------
 */

static int by_thread(const void *a, const void *b)
{
	const struct pick *x = a, *y = b;

	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

/* How long the thread was on a CPU in its process's spans; 0: its clock does not say. */
static uint64_t time_of(const struct work *w, const struct tape *tape, const struct pick *p)
{
	const struct strip *strip = tape_strip(tape, p->tid);
	uint64_t ns[STRIP_STATES] = {0};

	if (!strip || !w->spans_len || !w->spans[0].pid)
		return 0;
	for (size_t i = first_span(w, p->pid, 0); i < w->spans_len && w->spans[i].pid == p->pid;
	     i++) {
		uint64_t from = w->spans[i].from_ns, to = w->spans[i].to_ns;

		if (from < strip_begin_ns(strip))
			from = strip_begin_ns(strip);
		if (to > w->end_ns)
			to = w->end_ns;
		if (from < to)
			strip_between(strip, from, to, ns);
	}
	return ns[STRIP_ON];
}

static void weigh(struct work *w, const struct tape *tape, uint64_t period_ns)
{
	if (w->picks_len)
		qsort(w->picks, w->picks_len, sizeof(*w->picks), by_thread);
	for (size_t i = 0, n; i < w->picks_len; i += n) {
		uint64_t ns = time_of(w, tape, &w->picks[i]);

		for (n = 1; i + n < w->picks_len && w->picks[i + n].tid == w->picks[i].tid; n++)
			;
		/* The first ones take what division leaves over. */
		for (size_t k = 0; k < n; k++)
			w->picks[i + k].ns = ns ? ns / n + (k < ns % n) : period_ns;
	}
}

/* --- together ----------------------------------------------------------------------------------
 */

static int by_stack(const void *a, const void *b)
{
	const struct pick *x = a, *y = b;

	return (uintptr_t)x->stack < (uintptr_t)y->stack ? -1 : x->stack != y->stack;
}

static void add_up(struct held *h, struct work *w)
{
	if (w->picks_len)
		qsort(w->picks, w->picks_len, sizeof(*w->picks), by_stack);
	for (size_t i = 0; i < w->picks_len; i++) {
		struct held_stack *last = h->len ? &h->list[h->len - 1] : NULL;

		if (!last || last->stack != w->picks[i].stack) {
			last = &h->list[h->len++];
			last->stack = w->picks[i].stack;
		}
		last->samples++;
		last->ns += w->picks[i].ns;
		h->samples++;
		h->ns += w->picks[i].ns;
	}
}

int held_init(struct held *h, const struct stacks *stacks, const struct hops *hops,
	      const struct tape *tape, uint64_t period_ns, uint64_t end_ns)
{
	struct work w = {.end_ns = end_ns < tape_full_ns(tape) ? end_ns : tape_full_ns(tape),
			 .picks = calloc(stacks_len(stacks) + 1, sizeof(*w.picks))};

	*h = (struct held){.list = calloc(stacks_len(stacks) + 1, sizeof(*h->list)),
			   .stacks = stacks};
	hops_each_stay(hops, add_span, &w);
	w.failed |= !w.picks || !h->list;
	if (!w.failed) {
		merge_spans(&w);
		stacks_each(stacks, pick_sample, &w);
		weigh(&w, tape, period_ns);
		add_up(h, &w);
		h->others = w.others;
	}
	free(w.spans);
	free(w.picks);
	return w.failed ? -ENOMEM : 0;
}

void held_fini(struct held *h)
{
	free(h->list);
	*h = (struct held){0};
}
