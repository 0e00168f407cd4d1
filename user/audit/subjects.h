/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subjects.h - the mechanisms as audit.h takes them: two neighbouring inputs, the very code
 * path that releases values, and what can be read off its releases.
 */
#ifndef TELLTALE_AUDIT_SUBJECTS_H
#define TELLTALE_AUDIT_SUBJECTS_H

#include "audit/audit.h"
#include "privacy/bucket_laplace.h"
#include "privacy/budget.h"

/* bucket-laplace: one report of one of two values. */
struct audit_bucket_pair {
	struct bucket_laplace params;
	uint64_t values[2];
};

/* continual: a day of OTHERS payments at the day's clip, without and with one payment more. */
struct audit_continual_pair {
	struct privacy_budget budget;
	unsigned others;
	uint64_t value;
	uint32_t fulfilled, rejected;
};

/* Borrows PAIR. */
void audit_bucket_subject(const struct audit_bucket_pair *pair, struct audit_subject *subject);
void audit_continual_subject(const struct audit_continual_pair *pair,
			     struct audit_subject *subject);

/* Looks for the pair that shows most: *PAIR, whose parameters are set, gets it. RUNS is for each
 * pair looked at. 0 or -ENOMEM. SUBJECT brings randomness and threads. */
int audit_bucket_search(struct audit_bucket_pair *pair, struct audit_subject *subject,
			uint64_t runs);
int audit_continual_search(struct audit_continual_pair *pair, struct audit_subject *subject,
			   uint64_t runs);

#endif
