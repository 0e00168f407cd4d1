/* SPDX-License-Identifier: Apache-2.0 */
#include "profile/in_hand.h"

#include <stdbool.h>

static bool touches(const struct in_hand_time *a, const struct in_hand_time *b)
{
	return a->tid == b->tid && a->from_ns <= b->to_ns && b->from_ns <= a->to_ns;
}

void in_hand_add(struct in_hand *h, uint32_t tid, uint64_t from_ns, uint64_t to_ns)
{
	struct in_hand_time new = {from_ns > h->counted_ns ? from_ns : h->counted_ns, to_ns, tid};
	size_t kept = 0;

	if (new.to_ns <= new.from_ns)
		return;
	/* Those of one thread in the list never touch. */
	for (size_t i = 0; i < h->len; i++) {
		const struct in_hand_time old = h->list[i];

		if (!touches(&new, &old)) {
			h->list[kept++] = old;
			continue;
		}
		new.from_ns = old.from_ns < new.from_ns ? old.from_ns : new.from_ns;
		new.to_ns = old.to_ns > new.to_ns ? old.to_ns : new.to_ns;
	}
	h->len = kept;
	if (h->len < IN_HAND_MAX)
		h->list[h->len++] = new;
}

void in_hand_settle(struct in_hand *h, const struct tape *tape, uint64_t until_ns,
		    uint64_t ns[STRIP_STATES])
{
	size_t kept = 0;

	for (size_t i = 0; i < h->len; i++) {
		struct in_hand_time t = h->list[i];
		const struct strip *strip = tape_strip(tape, t.tid);
		uint64_t to_ns = t.to_ns < until_ns ? t.to_ns : until_ns;

		if (strip && to_ns > t.from_ns && to_ns < tape_full_ns(tape))
			strip_between(strip, t.from_ns, to_ns, ns);
		t.from_ns = to_ns > t.from_ns ? to_ns : t.from_ns;
		if (t.to_ns > t.from_ns)
			h->list[kept++] = t;
	}
	h->len = kept;
	h->counted_ns = until_ns > h->counted_ns ? until_ns : h->counted_ns;
}
