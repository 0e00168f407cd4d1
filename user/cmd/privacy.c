/* SPDX-License-Identifier: Apache-2.0 */
/* privacy.c - `telltale privacy` and its action `apply`, which runs bucket-laplace on values. */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "config/config.h"
#include "privacy/entropy.h"
#include "base/log.h"
#include "privacy/privacy.h"

enum flag {
	OPTION_CONFIG = 'c',
	OPTION_MIN_BUCKET = 256,
	OPTION_MAX_BUCKET,
	OPTION_MIN_VALUE,
	OPTION_MAX_VALUE,
	OPTION_NO_NOISE,
};

static const struct argp_option apply_options[] = {
	{"min-bucket", OPTION_MIN_BUCKET, "N", 0, "Smallest bucket (2500)", 0},
	{"max-bucket", OPTION_MAX_BUCKET, "N", 0, "Largest bucket (10000000)", 0},
	{"min-value", OPTION_MIN_VALUE, "N", 0, "Lower values are raised to this (2500)", 0},
	{"max-value", OPTION_MAX_VALUE, "N", 0, "Higher values are cut to this (100000000)", 0},
	{"no-noise", OPTION_NO_NOISE, NULL, 0, "Print raw, bucket and rounded only", 0},
	{"config", OPTION_CONFIG, "FILE", 0,
	 "Take the parameters from this configuration; the options above override it", 0},
	{0},
};

static const char apply_doc[] =
	"Shows what the mechanism would publish for values that you choose. Reads one value a line "
	"from standard input and prints a line \"raw bucket rounded noisy\" for each, separated by "
	"tabs."
	"\v"
	"A value is a whole number in units of 0.0001 USD: 10000 is 1.00 USD, 2500 is 0.25 USD. "
	"Options count in the same units.\n\n"
	"A value is rounded to a multiple of its bucket, and larger values have larger buckets: "
	"multiples of 5000 below 20000, and 5000 times a power of two from there on. Then Laplace "
	"noise of scale max(rounded/10, bucket)/10 is added. It is drawn anew for each value: the "
	"last column differs each time, and may be negative.\n\n"
	"A line that is not such a number is reported on standard error with its line number. The "
	"other lines are still processed; the exit status is 1.\n\n"
	"Example:\n"
	"  $ printf '8300\\n147700\\n' | telltale privacy apply --no-noise\n"
	"  8300\t10000\t10000\n"
	"  147700\t160000\t160000\n";

struct apply {
	struct bucket_laplace params;
	/* The values of the options; 0: not given, as no parameter may be 0. */
	struct bucket_laplace wanted;
	const char *config;
	bool no_noise;
};

/* Reads TEXT as a whole number of 64 bits. Returns NULL, or what is wrong with it. */
static const char *parse_value(const char *text, uint64_t *out)
{
	char *end;

	if (!*text)
		return "an empty line";
	if (strspn(text, "0123456789") != strlen(text))
		return "not a whole number; write 1.00 USD as 10000";
	errno = 0;
	*out = strtoull(text, &end, 10);
	if (errno)
		return "does not fit 64 bits";
	return NULL;
}

static const char *option_name(int key)
{
	size_t i = 0;

	while (apply_options[i].key != key)
		i++;
	return apply_options[i].name;
}

static error_t apply_option(int key, char *arg, struct argp_state *state)
{
	struct apply *a = state->input;
	uint64_t *field = NULL;
	const char *fault;

	switch (key) {
	case OPTION_MIN_BUCKET: field = &a->wanted.min_bucket; break;
	case OPTION_MAX_BUCKET: field = &a->wanted.max_bucket; break;
	case OPTION_MIN_VALUE: field = &a->wanted.min_value; break;
	case OPTION_MAX_VALUE: field = &a->wanted.max_value; break;
	case OPTION_NO_NOISE: a->no_noise = true; return 0;
	case OPTION_CONFIG: a->config = arg; return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s': values are read from standard input", arg);
		return EINVAL;
	default: return ARGP_ERR_UNKNOWN;
	}
	fault = parse_value(arg, field);
	if (!fault && !*field)
		fault = "must be at least 1";
	if (fault)
		argp_error(state, "--%s: '%s': %s", option_name(key), arg, fault);
	return 0;
}

static const struct argp apply_argp = {
	.options = apply_options, .parser = apply_option, .doc = apply_doc};

static int set_params(struct apply *a)
{
	struct config *config = NULL;
	char why[160];

	a->params = (struct bucket_laplace)BUCKET_LAPLACE_DEFAULT;
	if (a->config) {
		if (config_load(a->config, environ, stderr, &config))
			return EXIT_FAILURE;
		a->params = config->privacy.bucket;
		config_free(config);
	}
	if (a->wanted.min_bucket)
		a->params.min_bucket = a->wanted.min_bucket;
	if (a->wanted.max_bucket)
		a->params.max_bucket = a->wanted.max_bucket;
	if (a->wanted.min_value)
		a->params.min_value = a->wanted.min_value;
	if (a->wanted.max_value)
		a->params.max_value = a->wanted.max_value;
	if (bucket_laplace_check(&a->params, why, sizeof(why))) {
		log_err("privacy", "%s", why);
		return EXIT_USAGE;
	}
	return EXIT_SUCCESS;
}

static void apply_value(const struct apply *a, uint64_t value, struct entropy *entropy)
{
	uint64_t bucket = bucket_laplace_size(&a->params, value);
	uint64_t rounded = bucket_laplace_round(&a->params, value, bucket);

	if (a->params.unbiased)
		rounded = bucket_laplace_round_unbiased(&a->params, value, entropy_take, entropy);
	printf("%" PRIu64 "\t%" PRIu64 "\t%" PRIu64, value, bucket, rounded);
	if (!a->no_noise)
		printf("\t%" PRId64,
		       bucket_laplace_noisy(&a->params, rounded, bucket, entropy_take, entropy));
	putchar('\n');
}

/* Removes the newline, "\n" or "\r\n". */
static void chomp(char *line, size_t len)
{
	if (len && line[len - 1] == '\n')
		line[--len] = '\0';
	if (len && line[len - 1] == '\r')
		line[len - 1] = '\0';
}

static int apply_lines(const struct apply *a)
{
	struct entropy entropy;
	char *line = NULL;
	size_t capacity = 0;
	int status = EXIT_SUCCESS;
	uint64_t value;
	ssize_t len;

	entropy_init(&entropy, privacy_random_kernel, NULL);
	for (unsigned long n = 1; (len = getline(&line, &capacity, stdin)) >= 0; n++) {
		const char *fault;

		fault = strlen(line) < (size_t)len ? "a NUL character" : NULL;
		chomp(line, (size_t)len);
		if (!fault)
			fault = parse_value(line, &value);
		if (fault) {
			log_err("privacy", "line %lu: %s", n, fault);
			status = EXIT_FAILURE;
			continue;
		}
		apply_value(a, value, &entropy);
	}
	if (!feof(stdin)) {
		log_err("privacy", "cannot read standard input: %s", strerror(errno));
		status = EXIT_FAILURE;
	}
	if (fflush(stdout) || ferror(stdout)) {
		log_err("privacy", "cannot write: %s", strerror(errno));
		status = EXIT_FAILURE;
	}
	entropy_fini(&entropy);
	free(line);
	return status;
}

static int cmd_apply(int argc, char **argv)
{
	struct apply a = {0};
	int status;

	if (argp_parse(&apply_argp, argc, argv, 0, NULL, &a))
		return EXIT_USAGE;
	status = set_params(&a);
	return status ? status : apply_lines(&a);
}

static const struct action {
	const char *name;
	int (*run)(int argc, char **argv);
} actions[] = {
	{"apply", cmd_apply},
	{"audit", cmd_privacy_audit},
	{"suggest", cmd_privacy_suggest},
};

static error_t privacy_option(int key, char *arg, struct argp_state *state)
{
	if (key == ARGP_KEY_ARG)
		argp_error(state, "no action '%s'; there are apply, audit and suggest", arg);
	if (key == ARGP_KEY_NO_ARGS)
		argp_error(state, "say what to do: apply, audit or suggest");
	return key == ARGP_KEY_ARG ? 0 : ARGP_ERR_UNKNOWN;
}

int cmd_privacy(int argc, char **argv)
{
	static const struct argp argp = {
		.parser = privacy_option,
		.args_doc = "apply|audit|suggest [OPTION...]",
		.doc = "The privacy mechanisms, which change what is measured before it leaves "
		       "the host."
		       "\v"
		       "  apply     show what bucket-laplace makes of values on standard input\n"
		       "  audit     measure on this host what a mechanism gives away\n"
		       "  suggest   suggest clips for continual, from what you expect\n\n"
		       "`telltale privacy ACTION --help` says more.",
	};
	static char title[40];

	for (size_t i = 0; argc > 1 && i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(argv[1], actions[i].name) != 0)
			continue;
		snprintf(title, sizeof(title), "telltale privacy %s", actions[i].name);
		argv[1] = title;
		return actions[i].run(argc - 1, argv + 1);
	}
	return argp_parse(&argp, argc, argv, 0, NULL, NULL) ? EXIT_USAGE : EXIT_SUCCESS;
}
