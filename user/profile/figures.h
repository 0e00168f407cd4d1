/* SPDX-License-Identifier: Apache-2.0 */
/* figures.h - what a report has added up; for the files that print it. */
#ifndef TELLTALE_FIGURES_H
#define TELLTALE_FIGURES_H

#include "profile/neighbours.h"
#include "profile/report.h"

struct report_code {
	char code[4];
	uint64_t hops, turned_away; /* of those, by the target itself */
};

/* Of one kind. The columns are sums over the hops that were split. */
struct report_kind {
	uint64_t hops;
	uint64_t splits[HOP_SPLITS];
	uint64_t time_ns; /* of those that were split */
	struct hop_columns columns;
};

struct report_slow {
	struct hop hop;
	struct hop_columns columns;
	uint64_t ns;
};

struct report {
	struct report_params params;
	struct report_kind kinds[HOP_KINDS];
	uint64_t outcomes[OUTCOMES];
	struct report_code codes[REPORT_CODES_MAX];
	size_t codes_len;
	uint64_t codes_more; /* rejects whose code found no room */
	uint64_t packets;    /* that came in and ended */
	uint64_t turned_away;
	uint64_t margins;
	int64_t margin_sum_ms, margin_least_ms;
	uint64_t in_hand_ns[STRIP_STATES];
	struct neighbours neighbours;
	struct report_slow *slowest; /* the slowest first */
	size_t slowest_len;
};

/* "forwarded" and so on, for JSON; and what people read. */
extern const char *const report_kinds[HOP_KINDS], *const report_kind_words[HOP_KINDS];
extern const char *const report_splits[HOP_SPLITS], *const report_split_words[HOP_SPLITS];
extern const char *const report_parts[HOP_PARTS], *const report_part_words[HOP_PARTS];
extern const char *const report_states[STRIP_STATES], *const report_state_words[STRIP_STATES];

/* What was waited for, by number; NULL: nothing that was seen. */
const char *report_wait(const struct report *r, unsigned wait);

#endif
