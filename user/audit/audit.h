/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h - measures the epsilon that a mechanism really gives. The result is a lower bound, with
 * the event that proves it.
 *
 * The mechanism is run many times on each of two neighbouring inputs. If it were
 * epsilon-differentially private, no event could be more than exp(epsilon) times as likely on one
 * input as on the other. An event is "a figure computed from the releases lies in an interval". A
 * pilot run chooses the event; fresh runs count how often it happens. Clopper and Pearson's exact
 * limits, the lower one of the likelier input and the upper one of the other, give the bound ln(low
 * / high). The true epsilon is below the bound with a chance of at most AUDIT_ALPHA.
 *
 * Nothing here uses real payments. The inputs are made up, so floating point does no harm.
 */
#ifndef TELLTALE_AUDIT_H
#define TELLTALE_AUDIT_H

#include <stddef.h>
#include <stdint.h>

#include "privacy/entropy.h"

#define AUDIT_ALPHA   0.001
#define AUDIT_FIGURES 32 /* at most, not counting the joint one */

struct audit_subject {
	/* Runs the mechanism on INPUT (0 or 1) of the pair and writes the figures computed from its
	 * releases into FIGURES. Called by several threads at once, each with its own
	 * RANDOM_CONTEXT. */
	void (*draw)(const void *context, unsigned input, privacy_random *random,
		     void *random_context, double *figures);
	const void *context;
	const char *const *names; /* of the figures */
	size_t figures_len;
	/* Bit I: figure I is independent of the others, so that its evidence counts in the joint
	 * figure. */
	uint32_t independent;
	privacy_random *random; /* the kernel's; tests give a seeded one, and one thread */
	void *random_context;
	unsigned threads;
};

struct audit_bound {
	double epsilon; /* never negative */
	/* The event: the figure, and the interval [low, high] it lies in. */
	const char *figure;
	double low, high;
	unsigned likelier;         /* the input on which the event is likelier */
	uint64_t hits[2], samples; /* for each input */
};

/* The lower and the upper limit of the probability of an event that happened HITS times in SAMPLES
 * runs. Each is wrong with a chance of ALPHA. */
double audit_lower(uint64_t hits, uint64_t samples, double alpha);
double audit_upper(uint64_t hits, uint64_t samples, double alpha);

/* The pilot takes PILOT runs of each input, the count takes SAMPLES more. 0 or -ENOMEM. With
 * SAMPLES 0 the result is only an estimate from the pilot, for comparing pairs of inputs; it is no
 * bound. */
int audit_run(const struct audit_subject *subject, uint64_t pilot, uint64_t samples,
	      struct audit_bound *bound);

#endif
