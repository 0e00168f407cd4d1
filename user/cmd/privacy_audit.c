/* SPDX-License-Identifier: Apache-2.0 */
/* privacy_audit.c - `telltale privacy audit`: measures the epsilon that a mechanism gives. */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/subjects.h"
#include "cmd/commands.h"
#include "config/config.h"
#include "config/text.h"
#include "base/log.h"
#include "privacy/privacy.h"

enum flag {
	OPTION_CONFIG = 'c',
	OPTION_MECHANISM = 256,
	OPTION_EPSILON,
	OPTION_DAY_CLIP,
	OPTION_HOUR_CLIP,
	OPTION_PACKET_CLIP,
	OPTION_VALUES,
	OPTION_PAYMENT,
	OPTION_OTHERS,
	OPTION_SAMPLES,
};

static const struct argp_option options[] = {
	{"mechanism", OPTION_MECHANISM, "NAME", 0,
	 "bucket-laplace or continual (the configuration's, else bucket-laplace)", 0},
	{"samples", OPTION_SAMPLES, "N", 0, "Runs of each of the two inputs (1000000)", 0},
	{"values", OPTION_VALUES, "A,B", 0, "bucket-laplace: the two values", 0},
	{"payment", OPTION_PAYMENT, "VALUE,FULFILLED,REJECTED", 0,
	 "continual: the payment that makes the difference", 0},
	{"others", OPTION_OTHERS, "N", 0, "continual: how many other payments there are", 0},
	{"epsilon", OPTION_EPSILON, "E", 0, "continual: the budget (1)", 0},
	{"day-clip", OPTION_DAY_CLIP, "N", 0, "continual: how much of a payment counts in a day",
	 0},
	{"hour-clip", OPTION_HOUR_CLIP, "N", 0, "continual: ... in an hour; 0: no hourly totals",
	 0},
	{"packet-clip", OPTION_PACKET_CLIP, "N", 0,
	 "continual: how many packets of a payment count", 0},
	{"config", OPTION_CONFIG, "FILE", 0,
	 "Take the parameters from this configuration; the options above override it", 0},
	{0},
};

static const char doc[] =
	"Runs a privacy mechanism on this host to measure what it gives away. Prints a lower bound "
	"of its epsilon, with the event that shows it."
	"\v"
	"Two neighbouring inputs go through the code that releases values, many times each. For "
	"bucket-laplace they are two values; for continual a day with and without one payment. "
	"If you name none, the pair that shows most is searched for. An event that is more than "
	"exp(epsilon) times as likely with one input as with the other proves that the true "
	"epsilon is larger. The bound is wrong in at most 1 of 1000 audits.\n\n"
	"Values are in units of 0.0001 USD. The exit status is 1 when the bound is above the "
	"epsilon that continual promises, which means that it is broken. bucket-laplace promises "
	"none.\n\n"
	"Example:\n"
	"  $ telltale privacy audit --values 40000,80000\n";

#define PILOT_MAX  500000 /* runs; their figures are kept in memory */
#define SEARCH_MAX 2000

struct audit {
	struct privacy_params params, wanted; /* wanted: 0 where no option is given */
	bool has_mechanism, has_hour_clip, has_pair;
	uint64_t values[2];
	uint64_t payment[3];
	uint64_t others;
	uint64_t samples;
	const char *config;
};

/* Reads LEN whole numbers, separated by commas. */
static bool parse_numbers(const char *text, uint64_t *numbers, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char *end;

		if (*text < '0' || *text > '9')
			return false;
		errno = 0;
		numbers[i] = strtoull(text, &end, 10);
		if (errno || *end != (i + 1 < len ? ',' : '\0'))
			return false;
		text = end + 1;
	}
	return true;
}

static void set_numbers(struct argp_state *state, const char *arg, uint64_t *numbers, size_t len)
{
	if (!parse_numbers(arg, numbers, len))
		argp_error(state, "'%s': write %zu whole number%s%s", arg, len, len == 1 ? "" : "s",
			   len == 1 ? "" : ", separated by commas");
}

static void set_mechanism(struct audit *a, struct argp_state *state, const char *arg)
{
	a->has_mechanism = true;
	a->wanted.mechanism = PRIVACY_BUCKET_LAPLACE;
	if (!strcmp(arg, privacy_mechanisms[PRIVACY_CONTINUAL]))
		a->wanted.mechanism = PRIVACY_CONTINUAL;
	else if (strcmp(arg, privacy_mechanisms[PRIVACY_BUCKET_LAPLACE]) != 0)
		argp_error(state, "no mechanism '%s'; there are bucket-laplace and continual", arg);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct audit *a = state->input;
	struct privacy_budget *budget = &a->wanted.budget;
	char why[CONFIG_WHY];

	switch (key) {
	case OPTION_MECHANISM: set_mechanism(a, state, arg); break;
	case OPTION_EPSILON:
		if (config_parse_thousandths(arg, &budget->epsilon_milli, why))
			argp_error(state, "--epsilon: %s", why);
		break;
	case OPTION_DAY_CLIP: set_numbers(state, arg, &budget->day_clip, 1); break;
	case OPTION_HOUR_CLIP:
		a->has_hour_clip = true;
		set_numbers(state, arg, &budget->hour_clip, 1);
		break;
	case OPTION_PACKET_CLIP: set_numbers(state, arg, &budget->packet_clip, 1); break;
	case OPTION_VALUES:
		a->has_pair = true;
		set_numbers(state, arg, a->values, 2);
		break;
	case OPTION_PAYMENT:
		a->has_pair = true;
		set_numbers(state, arg, a->payment, 3);
		break;
	case OPTION_OTHERS: set_numbers(state, arg, &a->others, 1); break;
	case OPTION_SAMPLES:
		set_numbers(state, arg, &a->samples, 1);
		if (a->samples < 1000)
			argp_error(state, "--samples must be at least 1000; fewer show nothing");
		break;
	case OPTION_CONFIG: a->config = arg; break;
	case ARGP_KEY_ARG: argp_error(state, "'%s': there is nothing to name here", arg); break;
	default: return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static int set_params(struct audit *a)
{
	struct privacy_params defaults = PRIVACY_PARAMS_DEFAULT;
	struct config *config = NULL;
	struct privacy_budget *budget = &a->params.budget;
	const struct privacy_budget *wanted = &a->wanted.budget;
	char why[160];

	a->params = defaults;
	if (a->config) {
		if (config_load(a->config, environ, stderr, &config))
			return EXIT_FAILURE;
		a->params = config->privacy;
		config_free(config);
	}
	if (a->has_mechanism)
		a->params.mechanism = a->wanted.mechanism;
	if (wanted->epsilon_milli)
		budget->epsilon_milli = wanted->epsilon_milli;
	if (wanted->day_clip)
		budget->day_clip = wanted->day_clip;
	if (a->has_hour_clip)
		budget->hour_clip = wanted->hour_clip;
	if (wanted->packet_clip)
		budget->packet_clip = wanted->packet_clip;
	if (budget_check(budget, why, sizeof(why))) {
		log_err("privacy", "%s", why);
		return EXIT_USAGE;
	}
	return EXIT_SUCCESS;
}

static void print_interval(const struct audit_bound *b)
{
	if (isinf(b->low))
		printf("%s is at most %.10g", b->figure, b->high);
	else if (isinf(b->high))
		printf("%s is at least %.10g", b->figure, b->low);
	else
		printf("%s is %.10g", b->figure, b->low);
}

static int report(const struct audit *a, const struct audit_bound *b, const char *const inputs[2])
{
	double promised = (double)a->params.budget.epsilon_milli / 1000;
	bool continual = a->params.mechanism == PRIVACY_CONTINUAL;
	unsigned likelier = b->likelier;

	printf("mechanism  %s\n", privacy_mechanisms[a->params.mechanism]);
	printf("inputs     0: %s\n           1: %s\n", inputs[0], inputs[1]);
	fputs("event      ", stdout);
	print_interval(b);
	printf("\nseen       %" PRIu64 " times in %" PRIu64 " runs of input %u, %" PRIu64
	       " times in as many of input %u\n",
	       b->hits[likelier], b->samples, likelier, b->hits[!likelier], !likelier);
	printf("epsilon    at least %.3f", b->epsilon);
	if (continual)
		printf(", promised at most %.3f", promised);
	printf(" (wrong in 1 of %.0f audits)\n", 1 / AUDIT_ALPHA);
	if (!continual)
		return EXIT_SUCCESS;
	if (b->epsilon > promised) {
		printf("BROKEN: the mechanism gives away more than it promises\n");
		return EXIT_FAILURE;
	}
	printf("nothing found that breaks the promise\n");
	return EXIT_SUCCESS;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static int run(const struct audit *a, struct audit_subject *subject, struct audit_bound *bound)
{
	uint64_t pilot = least(PILOT_MAX, a->samples / 2);

	return audit_run(subject, pilot, a->samples, bound);
}

static int audit_bucket(const struct audit *a, struct audit_subject *subject)
{
	struct audit_bucket_pair pair = {.params = a->params.bucket,
					 .values = {a->values[0], a->values[1]}};
	char names[2][64];
	const char *const inputs[] = {names[0], names[1]};
	struct audit_bound bound;
	int err = 0;

	if (a->has_pair)
		audit_bucket_subject(&pair, subject);
	else
		err = audit_bucket_search(&pair, subject, least(50000, a->samples));
	if (!err)
		err = run(a, subject, &bound);
	if (err)
		return err;
	for (unsigned i = 0; i < 2; i++)
		snprintf(names[i], sizeof(names[i]), "a value of %" PRIu64, pair.values[i]);
	return report(a, &bound, inputs);
}

static int audit_continual(const struct audit *a, struct audit_subject *subject)
{
	struct audit_continual_pair pair = {
		.budget = a->params.budget,
		.others = (unsigned)least(a->others, 1000),
		.value = a->payment[0],
		.fulfilled = (uint32_t)least(a->payment[1], UINT32_MAX),
		.rejected = (uint32_t)least(a->payment[2], UINT32_MAX),
	};
	char names[2][160];
	const char *const inputs[] = {names[0], names[1]};
	struct audit_bound bound;
	int err = 0;

	if (a->has_pair)
		audit_continual_subject(&pair, subject);
	else
		err = audit_continual_search(&pair, subject, least(SEARCH_MAX, a->samples / 50));
	if (!err)
		err = run(a, subject, &bound);
	if (err)
		return err;
	snprintf(names[0], sizeof(names[0]), "%u payment%s", pair.others,
		 pair.others == 1 ? "" : "s");
	snprintf(names[1], sizeof(names[1]),
		 "one more, of value %" PRIu64 " with %" PRIu32 " packets fulfilled, %" PRIu32
		 " rejected",
		 pair.value, pair.fulfilled, pair.rejected);
	return report(a, &bound, inputs);
}

int cmd_privacy_audit(int argc, char **argv)
{
	static const struct argp argp = {.options = options, .parser = parse_option, .doc = doc};
	struct audit a = {.samples = 1000000, .others = 4};
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	struct audit_subject subject = {
		.random = privacy_random_kernel,
		.threads = processors > 1 ? (unsigned)processors : 1,
	};
	int status;

	if (argp_parse(&argp, argc, argv, 0, NULL, &a))
		return EXIT_USAGE;
	status = set_params(&a);
	if (status)
		return status;
	if (a.params.mechanism == PRIVACY_CONTINUAL)
		status = audit_continual(&a, &subject);
	else
		status = audit_bucket(&a, &subject);
	if (status < 0) {
		log_err("privacy", "%s", strerror(-status));
		return EXIT_FAILURE;
	}
	return status;
}
