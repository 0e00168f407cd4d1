/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.h - hops -> what the operator reads: 80 columns with bars, or JSON.
 *
 * It shows times, outcomes and peers of the operator's own node, and no amount. It is for the
 * operator's eyes only: nothing of it reaches an exporter.
 */
#ifndef TELLTALE_REPORT_H
#define TELLTALE_REPORT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "profile/hops.h"
#include "profile/hot.h"

#define REPORT_SLOWEST_MAX 100
#define REPORT_CODES_MAX   32

struct report_class {
	const char *name; /* of a dependency; borrowed */
};

struct report_params {
	struct report_class classes[TAPE_CLASSES_MAX + 1]; /* by number, from 1 */
	const char *peer;     /* only hops to endpoints whose text has this in it; NULL: all */
	enum outcome outcome; /* only these; OUTCOME_OPEN: all */
	size_t slowest;       /* how many hops to show one by one, up to REPORT_SLOWEST_MAX */
	/* The text of an endpoint; NULL: not known. */
	const char *(*endpoint)(void *context, uint64_t endpoint);
	void *context;
};

/* Of the session, for the heading. */
struct report_session {
	uint64_t ns;                 /* how long it took */
	uint64_t end_ns;             /* CLOCK_MONOTONIC */
	const char *no_clock;        /* why the kernel refuses the clocks; NULL: it does not */
	const char *no_dependencies; /* ... and no connections to dependencies */
	const char *shortened;       /* why it ended early; NULL: it did not */
	struct hot hot;              /* what was done on a CPU */
	uint64_t own_cpu_ns;         /* of this program; its BPF programs run in others' time */
	uint64_t own_bytes;          /* the most memory that it had at once */
};

struct report;

/* PARAMS is copied, what it points to is borrowed. NULL when memory is short. */
struct report *report_new(const struct report_params *params);
void report_free(struct report *r); /* accepts NULL */

/* As hops_judge calls it; CONTEXT is the report. */
void report_add(void *context, const struct hop *hop, const struct hop_columns *columns);
/* What threads did while they had in hand what could not be split. */
void report_in_hand(struct report *r, const uint64_t ns[STRIP_STATES]);

void report_print(const struct report *r, const struct report_session *s, FILE *out);
struct json_object;

/* With what each thread of TAPE did until the end. NULL when memory is short. */
struct json_object *report_json(const struct report *r, const struct report_session *s,
				const struct tape *tape);

#endif
