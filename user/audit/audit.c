/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/audit.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CUTS     64 /* quantiles tried in each figure, not counting the tails */
#define JOINT    AUDIT_FIGURES
#define FIGURES  ((size_t)AUDIT_FIGURES + 1)
#define INPUTS   2
#define THREADS  64
#define BISECTED 200

/* --- Clopper and Pearson ------------------------------------------------------------------------
 */

/* The continued fraction of the incomplete beta function (Lentz's method). */
static double beta_fraction(double a, double b, double x)
{
	const double tiny = 1e-300;
	double c = 1, d = 1 - (a + b) * x / (a + 1), f;

	d = 1 / (fabs(d) < tiny ? tiny : d);
	f = d;
	for (int m = 1; m < 20000; m++) {
		double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
		double step;

		d = 1 + even * d;
		c = 1 + even / c;
		d = 1 / (fabs(d) < tiny ? tiny : d);
		c = fabs(c) < tiny ? tiny : c;
		f *= d * c;
		d = 1 + odd * d;
		c = 1 + odd / c;
		d = 1 / (fabs(d) < tiny ? tiny : d);
		c = fabs(c) < tiny ? tiny : c;
		step = d * c;
		f *= step;
		if (fabs(step - 1) < 1e-14)
			break;
	}
	return f;
}

/* The regularised incomplete beta function. */
static double beta(double a, double b, double x)
{
	double front;

	if (x <= 0 || x >= 1)
		return x > 0;
	front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
	if (x < (a + 1) / (a + b + 2))
		return front * beta_fraction(a, b, x) / a;
	return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

/* X of beta(a, b, X) = P. */
static double beta_inverse(double a, double b, double p)
{
	double low = 0, high = 1;

	for (int i = 0; i < BISECTED && high - low > 1e-12 * high; i++) {
		double middle = (low + high) / 2;

		if (beta(a, b, middle) < p)
			low = middle;
		else
			high = middle;
	}
	return (low + high) / 2;
}

double audit_lower(uint64_t hits, uint64_t samples, double alpha)
{
	if (!hits)
		return 0;
	return beta_inverse((double)hits, (double)(samples - hits) + 1, alpha);
}

double audit_upper(uint64_t hits, uint64_t samples, double alpha)
{
	if (hits == samples)
		return 1;
	return beta_inverse((double)hits + 1, (double)(samples - hits), 1 - alpha);
}

/* --- figures ------------------------------------------------------------------------------------
 */

/* How the joint figure is computed; the pilot sets it. */
struct joint {
	double from[AUDIT_FIGURES], step[AUDIT_FIGURES], weight[AUDIT_FIGURES];
};

/* The weighted mean of the figures' evidence for input 1. With Laplace noise a figure's evidence
 * rises linearly between its values for the two inputs, and is constant outside them. */
static double join(const struct audit_subject *s, const struct joint *j, const double *figures)
{
	double sum = 0;

	for (size_t i = 0; i < s->figures_len; i++) {
		double at;

		if (!j->weight[i])
			continue;
		at = (figures[i] - j->from[i]) / j->step[i];
		sum += j->weight[i] * (at < 0 ? 0 : at > 1 ? 1 : at);
	}
	return sum;
}

/* --- runs ---------------------------------------------------------------------------------------
 */

struct task {
	const struct audit_subject *subject;
	const struct joint *joint;
	uint64_t runs; /* of each input */
	/* Either figures are kept, as [input][figure][run], from run AT of ALL on: all figures, or
	 * with JOINT only the joint one. */
	double *kept;
	uint64_t at, all;
	/* Or the runs in which the event happens are counted. */
	size_t figure;
	double low, high;
	uint64_t hits[INPUTS];
};

static void keep(const struct task *t, unsigned input, size_t figure, uint64_t run,
		 const double *figures)
{
	t->kept[(input * FIGURES + figure) * t->all + t->at + run] = figures[figure];
}

static void *work(void *context)
{
	struct task *t = context;
	const struct audit_subject *s = t->subject;
	double figures[FIGURES];
	struct entropy entropy;

	entropy_init(&entropy, s->random, s->random_context);
	for (unsigned input = 0; input < INPUTS; input++) {
		for (uint64_t run = 0; run < t->runs; run++) {
			s->draw(s->context, input, entropy_take, &entropy, figures);
			if (t->joint)
				figures[JOINT] = join(s, t->joint, figures);
			if (!t->kept)
				t->hits[input] += figures[t->figure] >= t->low &&
						  figures[t->figure] <= t->high;
			else if (t->joint)
				keep(t, input, JOINT, run, figures);
			else
				for (size_t i = 0; i < s->figures_len; i++)
					keep(t, input, i, run, figures);
		}
	}
	entropy_fini(&entropy);
	return NULL;
}

/* Makes RUNS runs of each input, divided among threads, and adds up their hits in T. */
static void run_all(struct task *t, uint64_t runs)
{
	unsigned threads = t->subject->threads < THREADS ? t->subject->threads : THREADS;
	struct task tasks[THREADS];
	bool started[THREADS] = {false};
	pthread_t ids[THREADS];

	for (unsigned i = 0; i < threads; i++) {
		tasks[i] = *t;
		tasks[i].at = runs * i / threads;
		tasks[i].runs = runs * (i + 1) / threads - tasks[i].at;
		/* This thread does the first share itself, after it has started the others. */
		started[i] = i && !pthread_create(&ids[i], NULL, work, &tasks[i]);
	}
	for (unsigned i = 0; i < threads; i++) {
		if (!started[i])
			work(&tasks[i]);
	}
	for (unsigned i = 0; i < threads; i++) {
		if (started[i])
			pthread_join(ids[i], NULL);
		for (unsigned input = 0; input < INPUTS; input++)
			t->hits[input] += tasks[i].hits[input];
	}
}

/* --- choosing an event --------------------------------------------------------------------------
 */

struct choice {
	double score;
	size_t figure;
	double low, high;
	unsigned likelier;
	uint64_t hits[INPUTS];
};

/* An approximation of the bound that is cheap to compute. */
static double score(uint64_t likely, uint64_t unlikely)
{
	double low = (double)likely - 3.3 * sqrt((double)likely);
	double high = (double)unlikely + 3.3 * sqrt((double)unlikely) + 7.6;

	return low <= 0 ? 0 : log(low / high);
}

static void consider(struct choice *best, size_t figure, double low, double high,
		     const uint64_t hits[INPUTS])
{
	for (unsigned likelier = 0; likelier < INPUTS; likelier++) {
		double s = score(hits[likelier], hits[!likelier]);

		if (s > best->score)
			*best = (struct choice){s, figure, low, high, likelier, {hits[0], hits[1]}};
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* How many of the LEN sorted VALUES are below X, or with EQUAL at most X. */
static uint64_t rank(const double *values, uint64_t len, double x, bool equal)
{
	uint64_t low = 0, high = len;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (values[middle] < x || (equal && values[middle] == x))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void look_at(struct choice *best, size_t figure, const double *values[INPUTS], uint64_t len,
		    double x)
{
	uint64_t below[INPUTS], upto[INPUTS], hits[INPUTS];

	for (unsigned i = 0; i < INPUTS; i++) {
		below[i] = rank(values[i], len, x, false);
		upto[i] = rank(values[i], len, x, true);
		hits[i] = len - below[i];
	}
	consider(best, figure, x, INFINITY, hits);
	consider(best, figure, -INFINITY, x, upto);
	for (unsigned i = 0; i < INPUTS; i++)
		hits[i] = upto[i] - below[i];
	consider(best, figure, x, x, hits);
}

/* Finds the best event of one figure. The thresholds tried are quantiles of either input, denser in
 * the tails. */
static void search_figure(struct choice *best, size_t figure, double *kept, uint64_t len)
{
	const double *values[INPUTS];

	for (unsigned i = 0; i < INPUTS; i++) {
		double *column = kept + (i * FIGURES + figure) * len;

		qsort(column, len, sizeof(*column), compare);
		values[i] = column;
	}
	for (unsigned i = 0; i < INPUTS; i++) {
		for (uint64_t cut = 0; cut < CUTS; cut++)
			look_at(best, figure, values, len, values[i][(len - 1) * cut / (CUTS - 1)]);
		for (uint64_t tail = 1; tail < len / 2; tail *= 2) {
			look_at(best, figure, values, len, values[i][tail]);
			look_at(best, figure, values, len, values[i][len - 1 - tail]);
		}
	}
}

/* Weights each figure in the joint one by its own evidence. The weights add up to 1. */
static void weigh(const struct audit_subject *s, struct joint *j, const double *kept, uint64_t len,
		  const struct choice *singles)
{
	double whole = 0;

	memset(j, 0, sizeof(*j));
	for (size_t i = 0; i < s->figures_len; i++) {
		/* The values are sorted by now, so these are the medians. */
		double from = kept[i * len + len / 2], to = kept[(FIGURES + i) * len + len / 2];

		if (!(s->independent >> i & 1) || from == to || singles[i].score <= 0)
			continue;
		j->from[i] = from;
		j->step[i] = to - from;
		j->weight[i] = singles[i].score;
		whole += singles[i].score;
	}
	for (size_t i = 0; whole > 0 && i < s->figures_len; i++)
		j->weight[i] /= whole;
}

static const char *name_of(const struct audit_subject *s, size_t figure)
{
	return figure == JOINT ? "evidence of all figures together, 0 to 1" : s->names[figure];
}

/* Chooses an event; 0 or -ENOMEM. */
static int pilot_run(const struct audit_subject *s, uint64_t runs, struct joint *joint,
		     struct choice *best)
{
	struct choice singles[AUDIT_FIGURES] = {0};
	struct task t = {.subject = s, .all = runs};

	t.kept = malloc(INPUTS * FIGURES * runs * sizeof(*t.kept));
	if (!t.kept)
		return -ENOMEM;
	run_all(&t, runs);
	for (size_t i = 0; i < s->figures_len; i++) {
		search_figure(&singles[i], i, t.kept, runs);
		if (singles[i].score > best->score)
			*best = singles[i];
	}
	weigh(s, joint, t.kept, runs, singles);
	/* After sorting, the figures of one run are no longer together, so the joint figure needs
	 * new runs. */
	t.joint = joint;
	run_all(&t, runs);
	search_figure(best, JOINT, t.kept, runs);
	free(t.kept);
	return 0;
}

int audit_run(const struct audit_subject *subject, uint64_t pilot, uint64_t samples,
	      struct audit_bound *bound)
{
	struct choice best = {.high = INFINITY, .low = -INFINITY};
	struct joint joint;
	struct task t = {.subject = subject, .joint = &joint};
	double low, high;
	int err = pilot_run(subject, pilot, &joint, &best);

	if (err)
		return err;
	*bound = (struct audit_bound){
		.epsilon = best.score,
		.figure = name_of(subject, best.figure),
		.low = best.low,
		.high = best.high,
		.likelier = best.likelier,
		.hits = {best.hits[0], best.hits[1]},
		.samples = pilot,
	};
	if (!samples)
		return 0;
	t.figure = best.figure;
	t.low = best.low;
	t.high = best.high;
	run_all(&t, samples);
	low = audit_lower(t.hits[best.likelier], samples, AUDIT_ALPHA / 2);
	high = audit_upper(t.hits[!best.likelier], samples, AUDIT_ALPHA / 2);
	bound->epsilon = low > high ? log(low / high) : 0;
	bound->hits[0] = t.hits[0];
	bound->hits[1] = t.hits[1];
	bound->samples = samples;
	return 0;
}
