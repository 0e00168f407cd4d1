/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_privacy - measures the error of the totals that the privacy mechanisms release. Simulated
 * payments go through the program's own mechanisms, and the released totals are compared with the
 * true ones.
 *
 * Usage: bench_privacy [PAYMENTS [SVG]]. Simulates about PAYMENTS payments (30 million) for each
 * line of the table. Prints Markdown and lines "FIGURE name value" for the report, and draws the
 * plot into SVG.
 *
 * The number of payments in an hour is Poisson, the same by day and by night. Values are lognormal
 * (median 5 USD, sigma 1.5) or Pareto (alpha 1.2, median 5 USD). The clips are those that `telltale
 * privacy suggest` proposes for the lognormal ones. For bucket-laplace one payment is one packet.
 * The random generator is seeded.
 */
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/bench/plot.h"
#include "tests/unit/support/seeded.h"
#include "privacy/bucket_laplace.h"
#include "privacy/continual.h"
#include "privacy/discrete_laplace.h"
#include "audit/suggest.h"

#define HOUR_NS   3600000000000ULL
#define START_NS  (20454 * 24 * HOUR_NS)
#define EPSILONS  3
#define NODES_MAX 100
#define DAYS_MAX  1095
#define WARM_UP   2 /* days, until hours are scaled */
#define HOURS     24
#define WEEK      7
#define MONTH     28

_Static_assert(EPSILONS == PLOT_EPSILONS, "the plot has a line for each");
static const uint64_t epsilons_milli[EPSILONS] = {500, 1000, 2000};

enum distribution { LOGNORMAL, PARETO };
static const char *const distribution_names[] = {"lognormal", "Pareto"};

static struct seeded seeded = {0xbe7c4};

/* The 95th percentile of the error of one day's value at one node. */
static struct plot_panel plotted[] = {{.title = "lognormal values"}, {.title = "Pareto values"}};

static double uniform(void)
{
	return ((double)(seeded_next(&seeded) >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(void)
{
	static double spare;
	static bool has_spare;
	double u, v, s;

	has_spare = !has_spare;
	if (!has_spare)
		return spare;
	do {
		u = 2 * uniform() - 1;
		v = 2 * uniform() - 1;
		s = u * u + v * v;
	} while (s >= 1 || s == 0);
	s = sqrt(-2 * log(s) / s);
	spare = v * s;
	return u * s;
}

static uint64_t draw_value(enum distribution d)
{
	double x = d == LOGNORMAL ? 50000 * exp(1.5 * normal())
				  : 50000 / exp2(1 / 1.2) * pow(uniform(), -1 / 1.2);

	return x < 1e15 ? (uint64_t)x : (uint64_t)1e15;
}

static unsigned poisson(double mean)
{
	double product = 1, limit = exp(-mean), n;
	unsigned k = 0;

	if (mean < 30) {
		while ((product *= uniform()) > limit)
			k++;
		return k;
	}
	n = mean + sqrt(mean) * normal() + 0.5;
	return n > 0 ? (unsigned)n : 0;
}

/* --- one line of the table ----------------------------------------------------------------------
 */

struct cell {
	enum distribution distribution;
	unsigned payments, nodes, days;
};

/* Totals of all nodes at each full hour. */
struct totals {
	double value, count;
};

static struct totals truth[DAYS_MAX * HOURS + 1], seen[EPSILONS][DAYS_MAX * HOURS + 1];
static double cut_off[EPSILONS]; /* value above the clip, of all days after the first ones */

struct node {
	struct continual *continual[EPSILONS];
	struct privacy_budget budgets[EPSILONS];
};

static struct node nodes[NODES_MAX];

static void make_nodes(const struct cell *c)
{
	for (unsigned e = 0; e < EPSILONS; e++) {
		const struct suggest_expected expected = {c->payments, 50000, 1.5,
							  epsilons_milli[e]};
		struct continual_options options = {
			.budget = BUDGET_DEFAULT, .random = seeded_fill, .random_context = &seeded};

		suggest_clips(&expected, &options.budget);
		for (unsigned n = 0; n < c->nodes; n++) {
			nodes[n].budgets[e] = options.budget;
			if (continual_new(&options, START_NS, &nodes[n].continual[e]))
				exit(1);
		}
	}
}

static void free_nodes(const struct cell *c)
{
	for (unsigned n = 0; n < c->nodes; n++)
		for (unsigned e = 0; e < EPSILONS; e++)
			continual_free(nodes[n].continual[e]);
}

static void simulate_hour(const struct cell *c, unsigned hour)
{
	struct contribution payment = {.fulfilled = 3, .rejected = 1};

	truth[hour + 1] = truth[hour];
	for (unsigned n = 0; n < c->nodes; n++) {
		unsigned many = poisson((double)c->payments / HOURS);

		for (unsigned i = 0; i < many; i++) {
			payment.total_value = draw_value(c->distribution);
			payment.pay_ns = payment.round_trip_ns = payment.total_value * 1000;
			truth[hour + 1].value += (double)payment.total_value;
			for (unsigned e = 0; e < EPSILONS; e++) {
				uint64_t clip = nodes[n].budgets[e].day_clip;

				continual_observe(nodes[n].continual[e], &payment);
				if (payment.total_value > clip && hour >= WARM_UP * HOURS)
					cut_off[e] += (double)(payment.total_value - clip);
			}
		}
		truth[hour + 1].count += many;
	}
	for (unsigned e = 0; e < EPSILONS; e++) {
		struct totals *now = &seen[e][hour + 1];

		memset(now, 0, sizeof(*now));
		for (unsigned n = 0; n < c->nodes; n++) {
			const struct continual_released *r;

			continual_tick(nodes[n].continual[e], START_NS + (hour + 1) * HOUR_NS);
			r = continual_released(nodes[n].continual[e]);
			now->value += (double)r->counters[CONTINUAL_VALUE];
			now->count += (double)r->counters[CONTINUAL_TRANSACTIONS];
		}
	}
}

static void simulate(const struct cell *c)
{
	memset(cut_off, 0, sizeof(cut_off));
	truth[0] = (struct totals){0, 0};
	make_nodes(c);
	for (unsigned e = 0; e < EPSILONS; e++)
		seen[e][0] = truth[0];
	for (unsigned hour = 0; hour < c->days * HOURS; hour++)
		simulate_hour(c, hour);
	free_nodes(c);
}

/* --- errors -------------------------------------------------------------------------------------
 */

struct spread {
	double median, high; /* 95th percentile */
	bool known;          /* there were enough samples to know */
};

enum what { VALUE, COUNT, AVERAGE };

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double part(const struct totals *from, const struct totals *to, enum what what)
{
	if (what == VALUE)
		return to->value - from->value;
	if (what == COUNT)
		return to->count - from->count;
	return (to->value - from->value) / fmax(to->count - from->count, 1);
}

/* The relative errors of the totals over PERIOD hours. */
static struct spread errors(const struct cell *c, const struct totals *released, unsigned period,
			    enum what what)
{
	static double list[DAYS_MAX * HOURS];
	size_t len = 0;

	for (unsigned at = WARM_UP * HOURS; at + period <= c->days * HOURS; at += period) {
		double real = part(&truth[at], &truth[at + period], what);

		if (real > 0)
			list[len++] =
				fabs(part(&released[at], &released[at + period], what) / real - 1);
	}
	if (len < 20)
		return (struct spread){0, 0, false};
	qsort(list, len, sizeof(*list), compare);
	return (struct spread){list[len / 2], list[len * 95 / 100], true};
}

static void put_percent(double part_of_one)
{
	double p = 100 * part_of_one;

	printf(p < 0.01 ? "<0.01" : p < 1 ? "%.2f" : p < 10 ? "%.1f" : "%.0f", p);
}

static void put(struct spread s)
{
	fputs(" | ", stdout);
	if (!s.known) {
		fputs("–", stdout);
		return;
	}
	put_percent(s.median);
	fputs(" / ", stdout);
	put_percent(s.high);
}

static void put_clip(uint64_t clip)
{
	if (clip)
		printf("%" PRIu64, clip / 10000);
	else
		fputs("–", stdout);
}

#define SIZES PLOT_POINTS
static const unsigned sizes[SIZES] = {100, 1000, 10000, 100000, 1000000};

/* Prints the errors over hours, days, weeks and four weeks for the node with the EPSILONth
 * budget. */
static void put_periods(const struct cell *c, unsigned epsilon, enum what what)
{
	static const unsigned periods[] = {1, HOURS, WEEK * HOURS, MONTH * HOURS};
	bool has_hours = nodes[0].budgets[epsilon].hour_clip;

	for (size_t i = 0; i < sizeof(periods) / sizeof(periods[0]); i++)
		put(periods[i] > 1 || has_hours ? errors(c, seen[epsilon], periods[i], what)
						: (struct spread){0, 0, false});
}

static void print_cell(const struct cell *c, size_t size)
{
	double whole = truth[c->days * HOURS].value - truth[WARM_UP * HOURS].value;

	for (unsigned e = 0; e < EPSILONS; e++) {
		struct spread day = errors(c, seen[e], HOURS, VALUE);
		const struct privacy_budget *b = &nodes[0].budgets[e];

		printf("| %s | %u | %u | %g | ", distribution_names[c->distribution], c->payments,
		       c->nodes, (double)epsilons_milli[e] / 1000);
		put_clip(b->day_clip);
		fputs(", ", stdout);
		put_clip(b->hour_clip);
		put_periods(c, e, VALUE);
		fputs(cut_off[e] < whole / 10000 ? " | " : " | −", stdout);
		put_percent(cut_off[e] / whole);
		put_periods(c, e, COUNT);
		put_periods(c, e, AVERAGE);
		puts(" |");
		if (c->nodes == 1)
			plotted[c->distribution].continual[e][size] = day.known ? day.high : NAN;
	}
}

static void print_figures(const struct cell *c)
{
	struct spread day = errors(c, seen[1], HOURS, VALUE);

	printf("FIGURE day_median %.2f\nFIGURE day_high %.2f\n", 100 * day.median, 100 * day.high);
	printf("FIGURE week_high %.2f\n", 100 * errors(c, seen[1], WEEK * HOURS, VALUE).high);
	printf("FIGURE count_high %.3f\n", 100 * errors(c, seen[1], HOURS, COUNT).high);
}

/* --- bucket-laplace -----------------------------------------------------------------------------
 */

static void print_bucket(enum distribution d, size_t size, bool unbiased, double budget)
{
	struct bucket_laplace params = BUCKET_LAPLACE_DEFAULT;
	unsigned days = (unsigned)fmin(fmax(budget / sizes[size], 20), 400);
	static double list[400];
	double all = 0, off = 0;

	params.unbiased = unbiased;
	for (unsigned day = 0; day < days; day++) {
		double real = 0, released = 0;

		for (unsigned i = 0; i < sizes[size]; i++) {
			uint64_t value = draw_value(d);

			real += (double)value;
			released +=
				(double)bucket_laplace_apply(&params, value, seeded_fill, &seeded);
		}
		list[day] = fabs(released / real - 1);
		all += real;
		off += released - real;
	}
	qsort(list, days, sizeof(*list), compare);
	printf("| %s | %u | %s", distribution_names[d], sizes[size],
	       unbiased ? "unbiased" : "published");
	put((struct spread){list[days / 2], list[days * 95 / 100], true});
	printf(" | %+.1f |\n", 100 * off / all);
	if (!unbiased)
		plotted[d].bucket[size] = list[days * 95 / 100];
}

/* --- what it costs that counters never fall -----------------------------------------------------
 */

/* The total released after a year minus the clipped true total: mean and standard error. */
static void print_drift(unsigned payments)
{
	const struct privacy_budget budget = BUDGET_DEFAULT;
	const struct continual_options options = {
		.budget = budget, .random = seeded_fill, .random_context = &seeded};
	const unsigned years = 400;
	double sum = 0, squares = 0, whole = 0, mean, error;

	for (unsigned year = 0; year < years; year++) {
		struct contribution payment = {.fulfilled = 3, .rejected = 1};
		struct continual *c;
		double kept = 0, lead;

		if (continual_new(&options, START_NS, &c))
			exit(1);
		for (unsigned day = 0; day < 365; day++) {
			for (unsigned i = poisson(payments); i; i--) {
				payment.total_value = draw_value(LOGNORMAL);
				kept += fmin((double)payment.total_value, (double)budget.day_clip);
				continual_observe(c, &payment);
			}
			continual_tick(c, START_NS + (day + 1) * HOURS * HOUR_NS);
		}
		lead = ((double)continual_released(c)->counters[CONTINUAL_VALUE] - kept) /
		       (double)budget.day_clip;
		sum += lead;
		squares += lead * lead;
		whole += kept / (double)budget.day_clip;
		continual_free(c);
	}
	mean = sum / years;
	error = sqrt((squares / years - mean * mean) / years);
	printf("| %u | %+.1f ± %.1f | ", payments, mean, error);
	if (whole > 0)
		printf("%+.2f ± %.2f |\n", 100 * sum / whole, 100 * error * years / whole);
	else
		puts("– |");
}

static double draws_per_second(void)
{
	static struct entropy entropy;
	const int draws = 4000000;
	struct timespec begin, end;

	entropy_init(&entropy, privacy_random_kernel, NULL);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
	for (int i = 0; i < draws; i++)
		discrete_laplace_draw(50000000, 3, entropy_take, &entropy);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	entropy_fini(&entropy);
	return draws /
	       ((double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9);
}

/* --- all of it ----------------------------------------------------------------------------------
 */

static void simulate_all(double budget)
{
	static const unsigned many[] = {1, 10, 100};

	for (size_t i = 0; i < 2 * EPSILONS * SIZES; i++)
		plotted[i / (EPSILONS * SIZES)].continual[i / SIZES % EPSILONS][i % SIZES] = NAN;
	for (unsigned d = 0; d < 2; d++) {
		for (unsigned m = 0; m < 3; m++) {
			for (size_t size = 0; size < SIZES; size++) {
				struct cell c = {.distribution = d,
						 .payments = sizes[size],
						 .nodes = many[m]};
				double each = (double)c.payments * c.nodes;
				/* These are enough for the plot. */
				unsigned least = c.nodes == 1 ? 60 : each < 1e7 ? 3 : 1;
				double days = fmax(budget / each, least);

				c.days = WARM_UP + (unsigned)fmin(days, DAYS_MAX - WARM_UP);
				if (each * c.days > 10 * budget)
					continue;
				simulate(&c);
				print_cell(&c, size);
				fflush(stdout);
				if (d == LOGNORMAL && c.nodes == 1 && c.payments == 10000)
					print_figures(&c);
			}
		}
	}
}

int main(int argc, char **argv)
{
	double budget = argc > 1 ? strtod(argv[1], NULL) : 30e6;

	puts("| values | payments a day | nodes | ε | clips, USD: day, hour | value: hour | day | "
	     "week | "
	     "4 weeks | of it cut off | count: hour | day | week | 4 weeks | average: hour | day | "
	     "week | 4 weeks |\n"
	     "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
	simulate_all(budget);
	puts("\n| values | payments a day | rounding | day value | bias |\n|---|---|---|---|---|");
	for (unsigned d = 0; d < 2; d++) {
		for (size_t size = 0; size < SIZES; size++) {
			print_bucket(d, size, false, budget / 10);
			print_bucket(d, size, true, budget / 10);
		}
	}
	puts("\n| payments a day | too much after a year, in day clips | in % of the year's value "
	     "|\n"
	     "|---|---|---|");
	print_drift(0);
	print_drift(100);
	print_drift(1000);
	printf("FIGURE draws %.0f\n", draws_per_second());
	if (argc > 2)
		plot_draw(argv[2],
			  "A day's value, one node: the error that one day in twenty exceeds",
			  plotted);
	return 0;
}
