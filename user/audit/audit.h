/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h - measures the epsilon that a mechanism really gives: a lower bound, with the event that
 * shows it.
 *
 * The mechanism is run many times on each of two neighbouring inputs. If it were
 * epsilon-differentially private, no event could be more than exp(epsilon) times as likely on one
 * as on the other. Events are "a figure made of the releases lies in an interval". One is chosen
 * by a pilot run; fresh runs count it, and Clopper and Pearson's exact limits of both
 * probabilities, one at each side, give ln(low / high): the true epsilon is below that with a
 * chance of at most AUDIT_ALPHA.
 *
 * Nothing here touches payments of anybody: inputs are made up, so floating point does no harm.
 */
#ifndef TELLTALE_AUDIT_H
#define TELLTALE_AUDIT_H

#include <stddef.h>
#include <stdint.h>

#include "privacy/entropy.h"

#define AUDIT_ALPHA   0.001
#define AUDIT_FIGURES 32 /* at most, without the joint one */

struct audit_subject {
	/* Runs the mechanism on INPUT, 0 or 1, of the pair, and writes what can be read off its
	 * releases. Called by several threads at once, each with its own RANDOM_CONTEXT. */
	void (*draw)(const void *context, unsigned input, privacy_random *random,
		     void *random_context, double *figures);
	const void *context;
	const char *const *names; /* of the figures */
	size_t figures_len;
	/* Bits: figures whose evidence adds up; they make the joint figure. */
	uint32_t independent;
	privacy_random *random; /* the kernel's; tests take a seeded one, and one thread */
	void *random_context;
	unsigned threads;
};

struct audit_bound {
	double epsilon; /* never negative */
	/* The event: the figure, and the interval [low, high] it lies in. */
	const char *figure;
	double low, high;
	unsigned likelier;         /* the input it is likelier on */
	uint64_t hits[2], samples; /* of each input */
};

/* Limits of a probability that came true HITS times in SAMPLES, each wrong with chance ALPHA. */
double audit_lower(uint64_t hits, uint64_t samples, double alpha);
double audit_upper(uint64_t hits, uint64_t samples, double alpha);

/* The pilot takes PILOT runs of each input, the count SAMPLES more. 0 or -ENOMEM. PILOT alone
 * (SAMPLES 0) gives an estimate from the pilot itself, to compare pairs by; it is no bound. */
int audit_run(const struct audit_subject *subject, uint64_t pilot, uint64_t samples,
	      struct audit_bound *bound);

#endif
