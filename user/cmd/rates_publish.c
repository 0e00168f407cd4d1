/* SPDX-License-Identifier: Apache-2.0 */
/* rates_publish.c - `telltale rates publish`: the network's daily job. */
#include <argp.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/commands.h"
#include "config/text.h"
#include "rates/decimal.h"
#include "publish/place.h"
#include "publish/publish.h"
#include "rates/rates.h"
#include "publish/sources.h"
#include "base/utf8.h"

#define EXIT_FAULTS    3 /* --strict */
#define SENTENCES_MAX  50
#define WRITE_LIMIT_MS 30000u

enum flag {
	OPTION_SOURCE = 's',
	OPTION_TO = 't',
	OPTION_DRY_RUN = 'n',
	OPTION_MAX_CHANGE = 256,
	OPTION_CONFIRM,
	OPTION_MIN_SOURCES,
	OPTION_DIGITS,
	OPTION_NO_PREVIOUS,
	OPTION_STRICT,
	OPTION_PUBLIC_READ,
	OPTION_ENDPOINT,
	OPTION_REGION,
	OPTION_PROFILE,
};

static const struct argp_option options[] = {
	{"source", OPTION_SOURCE, "FORMAT:LOCATION", 0, "Read rates from here; several times", 0},
	{"to", OPTION_TO, "PLACE", 0, "Publish here: a file, or s3://BUCKET/KEY", 0},
	{"dry-run", OPTION_DRY_RUN, NULL, 0, "Print the document instead of publishing it", 0},
	{"max-change", OPTION_MAX_CHANGE, "PERCENT", 0,
	 "Refuse a rate that differs more from the previous publication (10)", 1},
	{"confirm-within", OPTION_CONFIRM, "PERCENT", 0,
	 "... unless another source's rate is this close to it (5)", 1},
	{"min-sources", OPTION_MIN_SOURCES, "N", 0, "Publish nothing when fewer answered (1)", 1},
	{"digits", OPTION_DIGITS, "N", 0, "Round to this many significant digits (15)", 1},
	{"no-previous", OPTION_NO_PREVIOUS, NULL, 0,
	 "Ignore the previous publication: all rates are new", 1},
	{"strict", OPTION_STRICT, NULL, 0,
	 "Exit with 3 when rates were published but something went wrong", 1},
	{"public-read", OPTION_PUBLIC_READ, NULL, 0, "Let everybody read the S3 object", 2},
	{"s3-endpoint", OPTION_ENDPOINT, "URL", 0, "An S3-compatible server (AWS)", 2},
	{"region", OPTION_REGION, "NAME", 0, "The bucket's region (AWS_REGION, the profile's)", 2},
	{"profile", OPTION_PROFILE, "NAME", 0, "Credentials of this profile in ~/.aws", 2},
	{0},
};

static const char doc[] =
	"Collects exchange rates from several sources and overwrites one public document with "
	"them.\v"
	"A source is FORMAT[,timeout=10s][,max-size=BYTES][,max-age=168h]:LOCATION, where "
	"LOCATION is a path, or a file, http or https URL, and FORMAT one of\n"
	"  rafiki     {\"base\": \"USD\", \"rates\": {\"EUR\": 0.9259}}\n"
	"             one unit of the base buys that many of each\n"
	"  merchant   {\"merchant\": {\"EUR\": {\"USD\": \"1.08\"}}}\n"
	"             one EUR is worth 1.08 USD: the inverse of what is published\n"
	"  ecb        the European Central Bank's eurofxref-daily.xml;\n"
	"             refused when its day is older than max-age\n\n"
	"It publishes {\"base\":\"USD\",\"rates\":{...}}, with the median of the plausible rates "
	"of each asset. A rate is plausible when it is close to the previous publication "
	"(--max-change) or to another source's rate (--confirm-within). An asset without a "
	"plausible rate keeps the previous one. With three sources of an asset, no single source "
	"can move its rate far, or keep it from moving.\n\n"
	"Credentials for S3 come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and "
	"AWS_SESSION_TOKEN, or from a profile in ~/.aws. The sources may be given in "
	"TELLTALE_RATES_SOURCES, separated by blanks, and the place in TELLTALE_RATES_TO. This "
	"keeps a key in a URL out of the list of processes.\n\n"
	"One line on standard output says what was done; errors go to standard error. The exit "
	"status is 0 when the rates were published, 1 when not (the previous publication then "
	"stays), 2 for wrong usage.\n\n"
	"  telltale rates publish --dry-run \\\n"
	"    -s ecb:https://www.ecb.europa.eu/stats/eurofxref/eurofxref-daily.xml\n"
	"  telltale rates publish -s ecb:https://... -s merchant:https://... \\\n"
	"    --to s3://rates.example/usd.json --region eu-central-1";

struct publish {
	struct sources sources;
	bool sources_given;
	const char *to;
	struct s3_config s3;
	struct publish_limits limits;
	size_t min_sources;
	bool dry_run, no_previous, strict;
	/* The result. */
	size_t answered;
	size_t said; /* sentences printed */
};

static void say(struct publish *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct publish *p, const char *format, ...)
{
	char sentence[1024];
	va_list args;

	if (++p->said > SENTENCES_MAX)
		return;
	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	/* The sentence may contain a source's text: it must not end the line or move the cursor. */
	for (char *c = sentence; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
	utf8_clean(sentence);
	fprintf(stderr, "telltale rates publish: %s\n", sentence);
}

static void say_sentence(void *context, const char *sentence)
{
	say(context, "%s", sentence);
}

/* --- options --- */

static void set_percent(struct argp_state *state, const char *option, const char *text,
			struct rate *out)
{
	if (decimal_parse(text, out) || decimal_compare_power(*out, -6) < 0 ||
	    decimal_compare_power(*out, 6) > 0)
		argp_error(state, "%s needs a number of per cent such as 10 or 2.5, not '%s'",
			   option, text);
}

static size_t read_number(struct argp_state *state, const char *option, const char *text,
			  size_t max)
{
	char why[CONFIG_WHY] = "";
	uint64_t number = 0;

	if (config_parse_number(text, 1, max, &number, why))
		argp_error(state, "%s: %s", option, why);
	return number;
}

static void add_source(struct argp_state *state, struct publish *p, const char *spec)
{
	char why[SOURCES_WHY] = "";

	if (sources_add(&p->sources, spec, why))
		argp_error(state, "%s", why);
	p->sources_given = true;
}

/* Takes from the environment what the command line does not say. */
static void take_environment(struct argp_state *state, struct publish *p)
{
	const char *sources = getenv("TELLTALE_RATES_SOURCES");
	char *copy, *rest, *spec;

	if (!p->to)
		p->to = getenv("TELLTALE_RATES_TO");
	if (p->to && !*p->to)
		p->to = NULL;
	if (p->sources_given || !sources)
		return;
	rest = copy = strdup(sources);
	if (!copy)
		argp_failure(state, EXIT_FAILURE, ENOMEM, "cannot read the sources");
	while ((spec = strsep(&rest, " \t\n"))) {
		if (*spec)
			add_source(state, p, spec);
	}
	free(copy);
}

static void check_usage(struct argp_state *state, const struct publish *p)
{
	if (!p->sources.len)
		argp_error(state, "no source; give --source FORMAT:LOCATION, or set "
				  "TELLTALE_RATES_SOURCES");
	if (!p->to && !p->dry_run)
		argp_error(state,
			   "no place to publish to; give --to PLACE, set TELLTALE_RATES_TO, or "
			   "try it with --dry-run");
	if (p->min_sources > p->sources.len)
		argp_error(state, "--min-sources %zu is more than the %zu there are",
			   p->min_sources, p->sources.len);
	if (p->s3.public_read && p->to && strncasecmp(p->to, "s3:", 3) != 0)
		argp_error(state, "--public-read is for s3://; a file is readable by everybody");
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct publish *p = state->input;

	switch (key) {
	case OPTION_SOURCE: add_source(state, p, arg); break;
	case OPTION_TO: p->to = arg; break;
	case OPTION_DRY_RUN: p->dry_run = true; break;
	case OPTION_MAX_CHANGE:
		set_percent(state, "--max-change", arg, &p->limits.max_change);
		break;
	case OPTION_CONFIRM:
		set_percent(state, "--confirm-within", arg, &p->limits.confirm_within);
		break;
	case OPTION_MIN_SOURCES:
		p->min_sources = read_number(state, "--min-sources", arg, PUBLISH_SOURCES_MAX);
		break;
	case OPTION_DIGITS:
		p->limits.digits =
			(unsigned)read_number(state, "--digits", arg, PUBLISH_DIGITS_MAX);
		break;
	case OPTION_NO_PREVIOUS: p->no_previous = true; break;
	case OPTION_STRICT: p->strict = true; break;
	case OPTION_PUBLIC_READ: p->s3.public_read = true; break;
	case OPTION_ENDPOINT: p->s3.endpoint = arg; break;
	case OPTION_REGION: p->s3.region = arg; break;
	case OPTION_PROFILE: p->s3.profile = arg; break;
	case ARGP_KEY_ARG: argp_error(state, "'%s' is not an option", arg); break;
	case ARGP_KEY_END:
		take_environment(state, p);
		check_usage(state, p);
		break;
	default: return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* --- what it does --- */

static int read_sources(struct publish *p)
{
	p->answered = sources_read(&p->sources, (int64_t)time(NULL));
	for (size_t i = 0; i < p->sources.len; i++) {
		if (!p->sources.items[i].quotes)
			say(p, "%s failed: %s", p->sources.items[i].name, p->sources.items[i].why);
	}
	if (p->answered >= p->min_sources)
		return 0;
	say(p, "%zu of %zu sources answered, and %zu are needed", p->answered, p->sources.len,
	    p->min_sources);
	return -ENODATA;
}

/* *OUT stays NULL when nothing was published before. */
static int read_previous(struct publish *p, struct place *place, struct quotes **out)
{
	char why[512] = "", *text = NULL;
	size_t len = 0;
	int error;

	if (p->no_previous || !place)
		return 0;
	error = place_read(place, RATES_DOCUMENT_MAX, &text, &len, why, sizeof(why));
	if (error == -ENOENT)
		return 0;
	if (error) {
		say(p, "cannot read the previous publication, %s: %s", p->to, why);
		return error;
	}
	error = quotes_parse(QUOTES_RAFIKI, text, len, out, why, sizeof(why));
	if (error)
		say(p,
		    "the previous publication, %s, is not one: %s; look what it is, or overwrite "
		    "it with --no-previous",
		    p->to, why);
	free(text);
	return error;
}

static int combine(struct publish *p, const struct quotes *previous, struct publication **out)
{
	struct publish_source list[PUBLISH_SOURCES_MAX];
	int error;

	for (size_t i = 0; i < p->sources.len; i++)
		list[i] = (struct publish_source){p->sources.items[i].name,
						  p->sources.items[i].quotes};
	error = publish_combine(list, p->sources.len, previous, &p->limits, say_sentence, p, out);
	if (error) {
		say(p, error == -ENOMEM ? "out of memory" : "no source has a rate to publish");
		return error;
	}
	/* If half of the assets disappear at once, the sources have changed, not the assets. */
	if (previous && (*out)->dropped > previous->len / 2) {
		say(p,
		    "%zu of the %zu assets published before would be dropped; if that is right, "
		    "publish once with --no-previous",
		    (*out)->dropped, previous->len);
		return -ENODATA;
	}
	return 0;
}

static int write_out(struct publish *p, struct place *place, const struct publication *n)
{
	char why[512] = "";
	int error;

	if (p->dry_run) {
		if (fwrite(n->text, 1, n->len, stdout) == n->len && !fflush(stdout))
			return 0;
		say(p, "cannot write: %s", strerror(errno));
		return -EIO;
	}
	error = place_write(place, n->text, n->len, why, sizeof(why));
	if (why[0])
		say(p, "%s: %s", p->to, why);
	return error;
}

/* Prints the one line. In a dry run it goes to standard error, the document to standard output. */
static void print_summary(const struct publish *p, const struct publication *n)
{
	FILE *out = p->dry_run ? stderr : stdout;

	if (p->said > SENTENCES_MAX)
		fprintf(stderr, "telltale rates publish: and %zu more like these\n",
			p->said - SENTENCES_MAX);
	fprintf(out, "%s sources=%zu/%zu",
		!n           ? "not published:"
		: p->dry_run ? "would publish:"
			     : "published:",
		p->answered, p->sources.len);
	if (n)
		fprintf(out, " rates=%zu new=%zu kept=%zu dropped=%zu refused=%zu", n->rates,
			n->added, n->kept, n->dropped, n->refused);
	if (n && n->changed[0])
		fprintf(out, " largest-change=%s:%s%%", n->changed, n->change);
	if (p->to)
		fprintf(out, " to=%s", p->to);
	fputc('\n', out);
}

static int publish(struct publish *p)
{
	struct publication *n = NULL;
	struct quotes *previous = NULL;
	struct place *place = NULL;
	char why[512] = "";
	int error = 0, status = EXIT_FAILURE;

	/* An invalid place is reported before any source is read. */
	if (p->to)
		error = place_open(p->to, &p->s3, &place, why, sizeof(why));
	if (error)
		say(p, "%s: %s", p->to, why);
	if (!error)
		error = read_sources(p);
	if (!error)
		error = read_previous(p, place, &previous);
	if (!error)
		error = combine(p, previous, &n);
	if (!error)
		error = write_out(p, place, n);
	print_summary(p, error ? NULL : n);
	if (!error)
		status = p->strict && p->said ? EXIT_FAULTS : EXIT_SUCCESS;
	publication_free(n);
	free(previous);
	place_close(place);
	return status;
}

int cmd_rates_publish(int argc, char **argv)
{
	static const struct argp argp = {.options = options, .parser = parse_option, .doc = doc};
	struct publish p = {
		.s3 = {.timeout_ms = WRITE_LIMIT_MS},
		.limits = {.max_change = {10, 0}, .confirm_within = {5, 0}, .digits = 15},
		.min_sources = 1,
	};
	int status = argp_parse(&argp, argc, argv, 0, NULL, &p) ? EXIT_USAGE : publish(&p);

	sources_fini(&p.sources);
	return status;
}
