/* SPDX-License-Identifier: Apache-2.0 */
/*
 * condition.h - how a running telltale does, in words for the operator: what is watched, what was
 * seen last, what is missing, and what was sent. Page and `telltale top` show the same sentences.
 *
 * In: the facts of the page. Out: a condition for each part, with the reason and the next step.
 */
#ifndef TELLTALE_CONDITION_H
#define TELLTALE_CONDITION_H

#include "page/json.h"

/* From best to worst. WAITING: nothing is wrong, and nothing has come yet. */
enum condition_state {
	CONDITION_GOOD,
	CONDITION_WAITING,
	CONDITION_WARN,
	CONDITION_BAD,
	CONDITION_STATES
};

enum condition_part {
	CONDITION_TARGETS,
	CONDITION_TLS,
	CONDITION_PACKETS,
	CONDITION_COVERAGE,
	CONDITION_RATES,
	CONDITION_EXPORTS,
	CONDITION_PARTS
};

struct condition {
	enum condition_state state;
	char text[384]; /* what is so */
	char fix[256];  /* the next step; empty where there is none */
};

/* "good", "waiting", "warn", "bad". */
extern const char *const condition_states[CONDITION_STATES];
/* "Targets", "TLS" ... */
extern const char *const condition_names[CONDITION_PARTS];

/* Judges each part; F has a snapshot. */
void condition_judge(const struct page_facts *f, struct condition out[CONDITION_PARTS]);
/* The worst part; the first one where several are equally bad. */
enum condition_part condition_worst(const struct condition all[CONDITION_PARTS]);

#endif
