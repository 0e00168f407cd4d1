/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subjects.h - the mechanisms in the form that audit.h takes: two neighbouring inputs, the code
 * that releases values in production, and the figures computed from its releases.
 */
#ifndef TELLTALE_AUDIT_SUBJECTS_H
#define TELLTALE_AUDIT_SUBJECTS_H

#include "audit/audit.h"
#include "privacy/bucket_laplace.h"
#include "privacy/budget.h"

/* bucket-laplace: reports one of two values, once. */
struct audit_bucket_pair {
	struct bucket_laplace params;
	uint64_t values[2];
};

/* continual: a day with OTHERS payments at the day's clip (input 0), and the same with one more
 * payment (input 1). */
struct audit_continual_pair {
	struct privacy_budget budget;
	unsigned others;
	uint64_t value;
	uint32_t fulfilled, rejected;
};

/* These borrow PAIR. */
void audit_bucket_subject(const struct audit_bucket_pair *pair, struct audit_subject *subject);
void audit_continual_subject(const struct audit_continual_pair *pair,
			     struct audit_subject *subject);

/* Searches for the pair of inputs that gives the highest epsilon and writes it into *PAIR, whose
 * parameters are set. RUNS is the number of runs for each pair tried. SUBJECT brings the randomness
 * and the threads. 0 or -ENOMEM. */
int audit_bucket_search(struct audit_bucket_pair *pair, struct audit_subject *subject,
			uint64_t runs);
int audit_continual_search(struct audit_continual_pair *pair, struct audit_subject *subject,
			   uint64_t runs);

#endif
