/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output.h - what a session saw, as a file in the form that its name ends in:
 *
 *   .json         what the report has, for programs
 *   .html         a page that needs nothing else: columns, flame graph and lines
 *   .pb.gz        stacks for pprof and what reads its files
 *   .folded       stacks as text, for flamegraph.pl and what reads its files
 *
 * A file is for the operator: only its owner may read it.
 */
#ifndef TELLTALE_OUTPUT_H
#define TELLTALE_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "profile/report.h"

enum output_form {
	OUTPUT_JSON,
	OUTPUT_HTML,
	OUTPUT_PPROF,
	OUTPUT_FOLDED,
	OUTPUT_FORMS,
};

struct output {
	const struct report *report;
	const struct report_session *session; /* its HOT has the stacks */
	const struct tape *tape;
	int64_t wall_ns; /* when the session began, since 1970 */
};

/* The form of a file of this name; OUTPUT_FORMS: none. */
enum output_form output_form_of(const char *path);
/* Does it take stacks? */
bool output_takes_stacks(enum output_form form);

/* Makes the file or writes it anew. 0 or -errno; -EINVAL: it takes stacks, and none were taken. */
int output_write(const struct output *o, const char *path);
int output_print_json(const struct output *o, FILE *out); /* 0 or -errno */

#endif
