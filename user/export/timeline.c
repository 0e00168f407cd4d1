/* SPDX-License-Identifier: Apache-2.0 */
#include "export/timeline.h"

#include "base/log.h"

static int64_t place(struct timeline *t, int64_t wall_ns, int64_t boot_ns)
{
	int64_t elapsed = boot_ns > t->boot_ns ? boot_ns - t->boot_ns : 0;
	int64_t expected = t->at_ns + elapsed, off = wall_ns - expected;

	if (off >= -TIMELINE_TOLERANCE_NS && off <= TIMELINE_TOLERANCE_NS) {
		t->off = false;
		return wall_ns;
	}
	if (!t->off) {
		t->off = true;
		t->since_ns = boot_ns;
		log_warn("export",
			 "the clock was set by %lld s: exports use the old time for %lld more "
			 "minutes, in case the clock is set back",
			 (long long)(off / NS_PER_S), TIMELINE_PATIENCE_NS / NS_PER_MINUTE);
	}
	if (boot_ns - t->since_ns < TIMELINE_PATIENCE_NS)
		return expected;
	if (off < 0)
		return t->at_ns + elapsed / TIMELINE_SLOWED;
	t->off = false;
	return wall_ns;
}

int64_t timeline_next(struct timeline *t, int64_t wall_ns, int64_t boot_ns)
{
	int64_t at = t->at_ns ? place(t, wall_ns, boot_ns) : wall_ns;

	/* Two points of one series must not have the same time. */
	if (at <= t->at_ns)
		at = t->at_ns + 1;
	t->at_ns = at;
	t->boot_ns = boot_ns;
	return at;
}

int64_t timeline_first(int64_t first_ns, int64_t newest_ns)
{
	return newest_ns - first_ns > TIMELINE_LATE_NS ? newest_ns - TIMELINE_LATE_NS : first_ns;
}
