/* SPDX-License-Identifier: Apache-2.0 */
#include "base/turns.h"

#include "base/clock.h"
#include "base/log.h"

void turns_begin(struct turns *t)
{
	t->used_ns = clock_thread_ns();
	t->longest_ns = 0;
}

void turns_note(struct turns *t)
{
	uint64_t used = clock_thread_ns(), took = used - t->used_ns;

	t->used_ns = used;
	if (took > t->longest_ns)
		t->longest_ns = took;
}

void turns_say(const struct turns *t, const char *stage)
{
	log_debug(stage, "the event loop was at work for %.1f ms at the most without a pause",
		  (double)t->longest_ns / NS_PER_MS);
}
