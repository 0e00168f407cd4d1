/* SPDX-License-Identifier: Apache-2.0 */
/* privacy_suggest.c - `telltale privacy suggest`: clips for continual, from figures you state. */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/commands.h"
#include "config/text.h"
#include "base/log.h"
#include "audit/suggest.h"

enum flag { OPTION_PAYMENTS = 256, OPTION_MEDIAN, OPTION_SIGMA, OPTION_EPSILON };

static const struct argp_option options[] = {
	{"payments", OPTION_PAYMENTS, "N", 0, "Payments that you expect in a day; required", 0},
	{"median", OPTION_MEDIAN, "N", 0, "Value of a usual payment, in 0.0001 USD (50000)", 0},
	{"sigma", OPTION_SIGMA, "S", 0,
	 "How much values differ: standard deviation of their logarithm, 0.1 to 4 (1.5: one "
	 "payment in six is above 4.5 times the median)",
	 0},
	{"epsilon", OPTION_EPSILON, "E", 0, "The budget (1)", 0},
	{0},
};

static const char doc[] =
	"Suggests clips for the continual mechanism, and says how wrong the totals will be.\v"
	"It uses what you expect, not what was measured: a clip chosen by looking at payments "
	"would itself reveal something about them. Prints a part of the configuration on standard "
	"output, with the errors to expect in comments.\n\n"
	"Example:\n"
	"  $ telltale privacy suggest --payments 10000 --median 50000\n";

static uint64_t parse_whole(struct argp_state *state, const char *name, const char *arg,
			    uint64_t max)
{
	char why[CONFIG_WHY];
	uint64_t number = 0;

	if (config_parse_number(arg, 1, max, &number, why))
		argp_error(state, "--%s: %s", name, why);
	return number;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct suggest_expected *e = state->input;
	char why[CONFIG_WHY], *end;

	switch (key) {
	case OPTION_PAYMENTS:
		e->payments = parse_whole(state, "payments", arg, 1000000000000ULL);
		break;
	case OPTION_MEDIAN:
		e->median = (double)parse_whole(state, "median", arg, BUDGET_CLIP_MAX);
		break;
	case OPTION_SIGMA:
		e->sigma = strtod(arg, &end);
		if (end == arg || *end || !(e->sigma >= 0.1 && e->sigma <= 4))
			argp_error(state, "--sigma: '%s' is not a number from 0.1 to 4", arg);
		break;
	case OPTION_EPSILON:
		if (config_parse_thousandths(arg, &e->epsilon_milli, why))
			argp_error(state, "--epsilon: %s", why);
		break;
	case ARGP_KEY_ARG: argp_error(state, "'%s': there is nothing to name here", arg); break;
	case ARGP_KEY_END:
		if (!e->payments)
			argp_error(state, "give --payments, the number that you expect in a day");
		break;
	default: return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static void print_error(const char *of, struct suggest_error e, const char *clipping)
{
	printf("  # %s off by %.2g %% on average: noise %.2g %%, %s %.2g %%\n", of,
	       100 * e.expected, 100 * e.noise, clipping, 100 * e.clipping);
}

int cmd_privacy_suggest(int argc, char **argv)
{
	static const struct argp argp = {.options = options, .parser = parse_option, .doc = doc};
	struct suggest_expected e = {.median = 50000, .sigma = 1.5, .epsilon_milli = 1000};
	struct privacy_budget budget = BUDGET_DEFAULT;
	char why[160];

	if (argp_parse(&argp, argc, argv, 0, NULL, &e))
		return EXIT_USAGE;
	suggest_clips(&e, &budget);
	if (budget_check(&budget, why, sizeof(why))) {
		log_err("privacy", "%s", why);
		return EXIT_USAGE;
	}
	printf("privacy:\n  mechanism: continual\n  epsilon: %" PRIu64 ".%03" PRIu64 "\n",
	       budget.epsilon_milli / 1000, budget.epsilon_milli % 1000);
	printf("  day_clip: %" PRIu64 "\n", budget.day_clip);
	print_error("a day's value", suggest_day(&e, &budget), "cut off");
	printf("  hour_clip: %" PRIu64 "\n", budget.hour_clip);
	if (budget.hour_clip)
		print_error("an hour's value", suggest_hour(&e, &budget), "scaling");
	else
		printf("  # too few payments for hours to say anything: days alone do better\n");
	return EXIT_SUCCESS;
}
