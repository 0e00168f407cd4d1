/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/subjects.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "privacy/continual.h"

/* --- bucket-laplace -----------------------------------------------------------------------------
 */

static void draw_bucket(const void *context, unsigned input, privacy_random *random,
			void *random_context, double *figures)
{
	const struct audit_bucket_pair *pair = context;

	figures[0] = (double)bucket_laplace_apply(&pair->params, pair->values[input], random,
						  random_context);
}

void audit_bucket_subject(const struct audit_bucket_pair *pair, struct audit_subject *subject)
{
	static const char *const names[] = {"the reported value"};

	subject->draw = draw_bucket;
	subject->context = pair;
	subject->names = names;
	subject->figures_len = 1;
	subject->independent = 0;
}

int audit_bucket_search(struct audit_bucket_pair *pair, struct audit_subject *subject,
			uint64_t runs)
{
	struct audit_bucket_pair tried = *pair;
	double most = -1;

	/* Tries neighbouring buckets: from 0.50 USD in the scheme's steps, then doubling. */
	for (uint64_t value = 5000; value <= pair->params.max_value && value < UINT64_MAX / 2;
	     value = value < 20000 ? value + 5000 : 2 * value) {
		struct audit_bound bound;
		int err;

		tried.values[0] = value;
		tried.values[1] = value < 20000 ? value + 5000 : 2 * value;
		audit_bucket_subject(&tried, subject);
		err = audit_run(subject, runs, 0, &bound);
		if (err)
			return err;
		if (bound.epsilon > most) {
			most = bound.epsilon;
			memcpy(pair->values, tried.values, sizeof(pair->values));
		}
	}
	audit_bucket_subject(pair, subject);
	return 0;
}

/* --- continual ----------------------------------------------------------------------------------
 */

#define START_NS ((uint64_t)20454 * 24 * NS_PER_HOUR)
#define CELL     4 /* the histogram cell that the payment's times fall into: up to 50 ms */

/* The moments at which releases are read: after the first hour, the first day and the second
 * day. */
enum { AFTER_HOUR, AFTER_DAY, AFTER_SECOND, MOMENTS };

enum figure {
	DAY_VALUE,
	HOUR_VALUE,
	SECOND_VALUE, /* what the second day adds; both inputs are equal then */
	DAY_FULFILLED,
	HOUR_FULFILLED,
	DAY_REJECTED,
	HOUR_REJECTED,
	DAY_PAY_TIME,
	DAY_ROUND_TRIP,
	DAY_COUNT,
	HOUR_COUNT,
	/* Differences, in which noise that was used twice by mistake cancels out. */
	VALUE_LESS_HOUR,
	VALUE_LESS_SECOND,
	COUNT_LESS_SECOND,
	COUNT_LESS_VALUE,
	HOUR_COUNT_LESS_VALUE,
	FULFILLED_LESS_REJECTED,
	PAY_TIME_LESS_ROUND_TRIP,
	FIGURES,
};

static const char *const names[FIGURES] = {
	[DAY_VALUE] = "value after the day",
	[HOUR_VALUE] = "value after the hour",
	[SECOND_VALUE] = "value that the next day adds",
	[DAY_FULFILLED] = "fulfilled packets after the day",
	[HOUR_FULFILLED] = "fulfilled packets after the hour",
	[DAY_REJECTED] = "rejected packets after the day",
	[HOUR_REJECTED] = "rejected packets after the hour",
	[DAY_PAY_TIME] = "pay times up to 50 ms after the day",
	[DAY_ROUND_TRIP] = "round trips up to 50 ms after the day",
	[DAY_COUNT] = "payments after the day",
	[HOUR_COUNT] = "payments after the hour",
	[VALUE_LESS_HOUR] = "value after the day less after the hour",
	[VALUE_LESS_SECOND] = "value of the day less of the next",
	[COUNT_LESS_SECOND] = "payments of the day less of the next",
	[COUNT_LESS_VALUE] = "payments of the day, in clips, less twice their value",
	[HOUR_COUNT_LESS_VALUE] = "payments of the hour, in clips, less twice their value",
	[FULFILLED_LESS_REJECTED] = "fulfilled less rejected packets after the day",
	[PAY_TIME_LESS_ROUND_TRIP] = "pay times less round trips up to 50 ms",
};

static void observe(struct continual *c, uint64_t value, uint32_t fulfilled, uint32_t rejected)
{
	const struct contribution payment = {
		.kind = CONTRIBUTION_PAYMENT_END,
		.total_value = value,
		.fulfilled = fulfilled,
		.rejected = rejected,
		.pay_ns = 40 * NS_PER_MS,
		.round_trip_ns = 40 * NS_PER_MS,
	};

	continual_observe(c, &payment);
}

static double of(const struct continual_released *r, enum continual_counter counter)
{
	return (double)r->counters[counter];
}

static void read_off(const struct continual_released seen[MOMENTS],
		     const struct privacy_budget *budget, double *f)
{
	const struct continual_released *hour = &seen[AFTER_HOUR], *day = &seen[AFTER_DAY];
	const struct continual_released *second = &seen[AFTER_SECOND];

	f[DAY_VALUE] = of(day, CONTINUAL_VALUE);
	f[HOUR_VALUE] = of(hour, CONTINUAL_VALUE);
	f[SECOND_VALUE] = of(second, CONTINUAL_VALUE) - f[DAY_VALUE];
	f[DAY_FULFILLED] = of(day, CONTINUAL_FULFILLED);
	f[HOUR_FULFILLED] = of(hour, CONTINUAL_FULFILLED);
	f[DAY_REJECTED] = of(day, CONTINUAL_REJECTED);
	f[HOUR_REJECTED] = of(hour, CONTINUAL_REJECTED);
	f[DAY_PAY_TIME] = (double)day->times[CONTINUAL_PAY_TIME][CELL];
	f[DAY_ROUND_TRIP] = (double)day->times[CONTINUAL_ROUND_TRIP][CELL];
	f[DAY_COUNT] = of(day, CONTINUAL_TRANSACTIONS);
	f[HOUR_COUNT] = of(hour, CONTINUAL_TRANSACTIONS);
	f[VALUE_LESS_HOUR] = f[DAY_VALUE] - f[HOUR_VALUE];
	f[VALUE_LESS_SECOND] = f[DAY_VALUE] - f[SECOND_VALUE];
	f[COUNT_LESS_SECOND] = 2 * f[DAY_COUNT] - of(second, CONTINUAL_TRANSACTIONS);
	f[COUNT_LESS_VALUE] = f[DAY_COUNT] * (double)budget->day_clip - 2 * f[DAY_VALUE];
	f[HOUR_COUNT_LESS_VALUE] = f[HOUR_COUNT] * (double)budget->hour_clip - 2 * f[HOUR_VALUE];
	f[FULFILLED_LESS_REJECTED] = f[DAY_FULFILLED] - f[DAY_REJECTED];
	f[PAY_TIME_LESS_ROUND_TRIP] = f[DAY_PAY_TIME] - f[DAY_ROUND_TRIP];
}

/* The others have many packets and times: a counter never falls, so only above a high base does it
 * show negative noise. */
static void observe_others(struct continual *c, const struct audit_continual_pair *pair)
{
	uint32_t packets = (uint32_t)pair->budget.packet_clip;

	for (unsigned i = 0; i < pair->others; i++)
		observe(c, pair->budget.day_clip, i % 2 ? packets : 0, i % 2 ? 0 : packets);
}

static void draw_continual(const void *context, unsigned input, privacy_random *random,
			   void *random_context, double *figures)
{
	static const uint64_t hours[MOMENTS] = {1, 24, 48};
	const struct audit_continual_pair *pair = context;
	struct continual_options options = {
		.budget = pair->budget, .random = random, .random_context = random_context};
	struct continual_released seen[MOMENTS];
	struct continual *c = NULL;

	/* Without a state, the only possible error is that memory is short. */
	if (continual_new(&options, START_NS, &c))
		abort();
	observe_others(c, pair);
	if (input)
		observe(c, pair->value, pair->fulfilled, pair->rejected);
	for (unsigned moment = 0; moment < MOMENTS; moment++) {
		if (moment == AFTER_SECOND)
			observe_others(c, pair);
		continual_tick(c, START_NS + hours[moment] * NS_PER_HOUR);
		seen[moment] = *continual_released(c);
	}
	continual_free(c);
	read_off(seen, &pair->budget, figures);
}

void audit_continual_subject(const struct audit_continual_pair *pair, struct audit_subject *subject)
{
	_Static_assert(FIGURES <= AUDIT_FIGURES, "the auditor has no room for so many");
	subject->draw = draw_continual;
	subject->context = pair;
	subject->names = names;
	subject->figures_len = FIGURES;
	subject->independent = 1u << DAY_VALUE | 1u << HOUR_VALUE | 1u << SECOND_VALUE |
			       1u << DAY_FULFILLED | 1u << HOUR_FULFILLED | 1u << DAY_REJECTED |
			       1u << HOUR_REJECTED | 1u << DAY_PAY_TIME | 1u << DAY_ROUND_TRIP;
}

#define FINALISTS 4

static const unsigned others[] = {0, 1, 2, 3, 8};
#define PAIRS (sizeof(others) / sizeof(others[0]) * 4 * 2)

static int compare_pairs(struct audit_continual_pair *pair, struct audit_subject *subject,
			 uint64_t runs, double *epsilon)
{
	struct audit_bound bound;
	int err;

	audit_continual_subject(pair, subject);
	err = audit_run(subject, runs, 0, &bound);
	*epsilon = bound.epsilon;
	return err;
}

int audit_continual_search(struct audit_continual_pair *pair, struct audit_subject *subject,
			   uint64_t runs)
{
	const struct privacy_budget *b = &pair->budget;
	const uint64_t values[] = {0, b->hour_clip, b->day_clip, 1000 * b->day_clip};
	const uint32_t packets[] = {(uint32_t)b->packet_clip, 100 * (uint32_t)b->packet_clip};
	struct audit_continual_pair finalists[FINALISTS];
	double epsilons[FINALISTS] = {-1, -1, -1, -1}, most = -1;
	int err = 0;

	for (unsigned i = 0; !err && i < PAIRS; i++) {
		struct audit_continual_pair tried = *pair;
		double epsilon = 0;
		unsigned at = FINALISTS;

		tried.value = values[i % 4];
		tried.fulfilled = packets[i / 4 % 2];
		tried.rejected = i / 4 % 2 ? tried.fulfilled : 0;
		tried.others = others[i / 8];
		err = compare_pairs(&tried, subject, runs, &epsilon);
		while (at && epsilon > epsilons[at - 1])
			at--;
		if (at == FINALISTS)
			continue;
		memmove(&finalists[at + 1], &finalists[at],
			(FINALISTS - 1 - at) * sizeof(finalists[0]));
		memmove(&epsilons[at + 1], &epsilons[at],
			(FINALISTS - 1 - at) * sizeof(epsilons[0]));
		finalists[at] = tried;
		epsilons[at] = epsilon;
	}
	/* Some of the finalists are there by chance: they are compared again with more runs. */
	for (unsigned i = 0; !err && i < FINALISTS; i++) {
		double epsilon = 0;

		err = compare_pairs(&finalists[i], subject, 10 * runs, &epsilon);
		if (epsilon > most) {
			most = epsilon;
			*pair = finalists[i];
		}
	}
	audit_continual_subject(pair, subject);
	return err;
}
