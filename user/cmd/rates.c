/* SPDX-License-Identifier: Apache-2.0 */
/* rates.c - `telltale rates show`: the exchange rates that the daemon would use now. */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "base/clock.h"
#include "cmd/commands.h"
#include "cmd/jsonout.h"
#include "config/config.h"
#include "rates/decimal.h"
#include "base/fetch.h"
#include "base/log.h"
#include "rates/rates.h"

#define LOAD_TIMEOUT_MS 10000u
#define LIFETIME_MS     86400000u

enum flag { OPTION_CONFIG = 'c', OPTION_OPERATOR = 256, OPTION_NETWORK, OPTION_JSON };

static const struct argp_option show_options[] = {
	{"config", OPTION_CONFIG, "FILE", 0,
	 "Take the locations from this configuration (" CONFIG_DEFAULT_PATH ")", 0},
	{"operator", OPTION_OPERATOR, "LOCATION", 0, "The operator's own rates, used first", 0},
	{"network", OPTION_NETWORK, "LOCATION", 0, "The network's rates, the fallback", 0},
	{"json", OPTION_JSON, NULL, 0, "Print JSON", 0},
	{0},
};

static const char show_doc[] =
	"Fetches the exchange rates and prints them with the value of one unit of each asset in "
	"USD."
	"\v"
	"LOCATION is a path, or a file, http or https URL, of a document such as\n"
	"  {\"base\": \"USD\", \"rates\": {\"EUR\": 0.813399}}\n"
	"where one unit of the base buys that many of each asset: here 1 USD buys 0.813399 EUR, so "
	"that 1 EUR is worth 1.2294 USD. A URL is requested with ?base=USD. If the answer has "
	"another base, its rate of USD is used to convert.\n\n"
	"The exit status is 1 when nothing could be loaded.";

struct show {
	const char *config;
	bool json;
	struct rates_source_config sources[RATES_SOURCES];
};

static error_t show_option(int key, char *arg, struct argp_state *state)
{
	struct show *s = state->input;

	switch (key) {
	case OPTION_CONFIG: s->config = arg; break;
	case OPTION_OPERATOR: s->sources[RATES_OPERATOR].location = arg; break;
	case OPTION_NETWORK: s->sources[RATES_NETWORK].location = arg; break;
	case OPTION_JSON: s->json = true; break;
	case ARGP_KEY_ARG: argp_error(state, "'%s' is not an option", arg); break;
	case ARGP_KEY_END:
		if (s->config &&
		    (s->sources[RATES_OPERATOR].location || s->sources[RATES_NETWORK].location))
			argp_error(state, "give --config, or --operator and --network, not both");
		break;
	default: return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp show_argp = {
	.options = show_options, .parser = show_option, .doc = show_doc};

/* --- one rate --- */

struct line {
	const struct rates_document *document;
	struct json_object *rates; /* an array; NULL: lines are printed */
};

/*
 * Writes what one CODE is worth, floored at ten decimals or, if that does not fit, at four. A
 * conversion has four decimals; converting a million units gives six more.
 */
static void format_value(const struct rates_document *d, const char *code, char *out,
			 size_t out_len)
{
	struct asset asset = {.scale = 0};
	unsigned decimals = RATES_BASE_SCALE + 6;
	enum rates_result result;
	uint64_t value, unit;

	snprintf(asset.code, sizeof(asset.code), "%s", code);
	result = rates_document_convert(d, 1000000, &asset, &value);
	if (result == RATES_SATURATED) {
		decimals = RATES_BASE_SCALE;
		result = rates_document_convert(d, 1, &asset, &value);
	}
	unit = decimal_power(decimals);
	if (result == RATES_UNKNOWN)
		snprintf(out, out_len, "unknown: no rate of " RATES_BASE_CODE);
	else if (result == RATES_SATURATED)
		snprintf(out, out_len, "more than %" PRIu64, UINT64_MAX / unit);
	else if (!value)
		snprintf(out, out_len, "less than 0.%0*d", (int)decimals, 1);
	else
		snprintf(out, out_len, "%" PRIu64 ".%0*" PRIu64, value / unit, (int)decimals,
			 value % unit);
}

/* Numbers are text, so that no reader rounds them; a value that is no number is null. */
static void add_rate(struct json_object *rates, const char *code, const char *buys,
		     const char *value)
{
	struct json_object *o = json_object_new_object();

	jsonout_text(o, "asset", code);
	jsonout_text(o, "buys", buys);
	jsonout_text(o, "worth", value[strspn(value, "0123456789.")] ? NULL : value);
	json_object_array_add(rates, o);
}

static void print_rate(void *context, const char *code, struct rate rate)
{
	const struct line *line = context;
	char buys[DECIMAL_TEXT_MAX], value[64];

	decimal_format(rate, buys, sizeof(buys));
	format_value(line->document, code, value, sizeof(value));
	if (line->rates) {
		add_rate(line->rates, code, buys, value);
		return;
	}
	printf("  %-11s  %24s  %24s\n", code, buys, value);
}

/* --- the sources --- */

static const char *const source_names[RATES_SOURCES] = {"operator", "network"};

/* Returns whether there were rates to print. */
static bool print_source(const struct rates *r, enum rates_source source, const char *location)
{
	struct rates_status status = rates_status(r, source, clock_mono_ms());
	struct line line = {.document = rates_in_use(r, source)};
	char header[32], value[64], *shown;

	if (!status.configured)
		return false;
	if (!status.loaded) {
		shown = fetch_location_shown(location);
		log_err("rates", "the %s's rates: %s: %s", source_names[source],
			shown ? shown : "?", status.error);
		free(shown);
		return false;
	}
	printf("%s: base %s, %zu rate%s, age %" PRIu64 " s\n", source_names[source], status.base,
	       status.assets, status.assets == 1 ? "" : "s", status.age_ms / 1000);
	snprintf(header, sizeof(header), "one %s buys", status.base);
	printf("  %-11s  %24s  %24s\n", "asset", header, "one is worth (USD)");
	format_value(line.document, status.base, value, sizeof(value));
	printf("  %-11s  %24s  %24s\n", status.base, "1", value);
	rates_each(r, source, print_rate, &line);
	return true;
}

static struct json_object *source_json(const struct rates *r, enum rates_source source)
{
	struct rates_status status = rates_status(r, source, clock_mono_ms());
	struct json_object *o = json_object_new_object();
	struct line line = {rates_in_use(r, source), json_object_new_array()};
	char value[64];

	jsonout_text(o, "source", source_names[source]);
	jsonout_text(o, "error", status.loaded ? NULL : status.error);
	jsonout_text(o, "base", status.loaded ? status.base : NULL);
	json_object_object_add(
		o, "age_s",
		status.loaded ? json_object_new_int64((int64_t)(status.age_ms / 1000)) : NULL);
	json_object_object_add(o, "rates", line.rates);
	if (!status.loaded)
		return o;
	format_value(line.document, status.base, value, sizeof(value));
	add_rate(line.rates, status.base, "1", value);
	rates_each(r, source, print_rate, &line);
	return o;
}

/* Returns whether there were rates to print. */
static bool print_json(const struct rates *r)
{
	struct json_object *root = json_object_new_object(), *list = json_object_new_array();
	bool any = false;

	json_object_object_add(root, "sources", list);
	for (int i = 0; i < RATES_SOURCES; i++) {
		struct rates_status status = rates_status(r, (enum rates_source)i, clock_mono_ms());

		if (status.configured)
			json_object_array_add(list, source_json(r, (enum rates_source)i));
		any |= status.loaded;
	}
	return !jsonout_print(root) && any;
}

static int show_sources(const struct rates_source_config *sources, bool json)
{
	struct rates *r = rates_new(sources);
	bool any = false;

	if (!r) {
		log_err("rates", "out of memory");
		return EXIT_FAILURE;
	}
	/* The command prints each source's error itself, below. */
	log_set_level(LOG_LEVEL_ERR);
	rates_load(r, LOAD_TIMEOUT_MS);
	if (json)
		any = print_json(r);
	for (int i = 0; i < RATES_SOURCES && !json; i++)
		any |= print_source(r, (enum rates_source)i, sources[i].location);
	rates_free(r);
	if (fflush(stdout) || ferror(stdout)) {
		log_err("rates", "cannot write: %s", strerror(errno));
		return EXIT_FAILURE;
	}
	return any ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int show_configured(const char *path, bool json)
{
	struct config *config = NULL;
	int status = EXIT_FAILURE;

	/* Without a file, the environment may still name the rates. */
	if (!path && !access(CONFIG_DEFAULT_PATH, F_OK))
		path = CONFIG_DEFAULT_PATH;
	if (config_load(path, environ, stderr, &config))
		return EXIT_FAILURE;
	if (config->rates[RATES_OPERATOR].location || config->rates[RATES_NETWORK].location)
		status = show_sources(config->rates, json);
	else
		log_err("rates", "no rates are configured; name a source under `rates:`, or give "
				 "--operator or --network");
	config_free(config);
	return status;
}

static int cmd_show(int argc, char **argv)
{
	struct show s = {0};

	for (int i = 0; i < RATES_SOURCES; i++)
		s.sources[i].lifetime_ms = LIFETIME_MS;
	if (argp_parse(&show_argp, argc, argv, 0, NULL, &s))
		return EXIT_USAGE;
	if (s.sources[RATES_OPERATOR].location || s.sources[RATES_NETWORK].location)
		return show_sources(s.sources, s.json);
	return show_configured(s.config, s.json);
}

static error_t rates_option(int key, char *arg, struct argp_state *state)
{
	if (key == ARGP_KEY_ARG)
		argp_error(state, "no action '%s'; there are 'show' and 'publish'", arg);
	if (key == ARGP_KEY_NO_ARGS)
		argp_error(state, "say what to do: 'show' or 'publish'");
	return key == ARGP_KEY_ARG ? 0 : ARGP_ERR_UNKNOWN;
}

int cmd_rates(int argc, char **argv)
{
	static const struct argp argp = {
		.parser = rates_option,
		.args_doc = "show [OPTION...]\npublish [OPTION...]",
		.doc = "The exchange rates that amounts are converted with."
		       "\v"
		       "  show      fetch and print them\n"
		       "  publish   collect the network's rates from several sources and publish "
		       "them\n\n"
		       "`telltale rates show --help` and `telltale rates publish --help` say more.",
	};
	static char title[] = "telltale rates show", publish[] = "telltale rates publish";

	if (argc > 1 && !strcmp(argv[1], "show")) {
		argv[1] = title;
		return cmd_show(argc - 1, argv + 1);
	}
	if (argc > 1 && !strcmp(argv[1], "publish")) {
		argv[1] = publish;
		return cmd_rates_publish(argc - 1, argv + 1);
	}
	return argp_parse(&argp, argc, argv, 0, NULL, NULL) ? EXIT_USAGE : EXIT_SUCCESS;
}
