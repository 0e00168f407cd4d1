/* SPDX-License-Identifier: Apache-2.0 */
/* top.c - `telltale top`: the page's figures, live in a terminal. */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <json-c/json.h>

#include "base/clock.h"
#include "cmd/commands.h"
#include "cmd/jsonout.h"
#include "config/config.h"
#include "base/log.h"
#include "top/data.h"
#include "top/once.h"
#include "top/screen.h"

#define ASK_MS   1500  /* wait for an answer; without one, a key or a signal waits as long */
#define FIRST_MS 15000 /* ... for the first answer, when the daemon may be starting */
#define POLL_MIN 1000
#define POLL_MAX 15000
#define KEY_MS   250 /* wait for a key; a signal is noticed after this at the latest */

enum { OPTION_ONCE = 256, OPTION_JSON, OPTION_WINDOW, OPTION_VIEW };

struct arguments {
	struct command_config config;
	struct top_choice choice;
	bool once, json;
};

static const struct argp_option options[] = {
	{"config", 'c', "FILE", 0, "The configuration (default: " CONFIG_DEFAULT_PATH ")", 0},
	{"once", OPTION_ONCE, NULL, 0, "Print the figures once, as text; no terminal is needed", 1},
	{"json", OPTION_JSON, NULL, 0, "Print them once, as JSON", 1},
	{"window", OPTION_WINDOW, "WINDOW", 0,
	 "Begin with the last hour (default), day, week, month or year", 1},
	{"view", OPTION_VIEW, "VIEW", 0,
	 "Begin with your own figures (own, default) or with those that the network gets (network)",
	 1},
	{0},
};

static enum history_window find_window(const char *name, struct argp_state *state)
{
	for (int w = 0; w < HISTORY_WINDOWS; w++) {
		if (!strcmp(name, history_windows[w].name))
			return (enum history_window)w;
	}
	argp_error(state, "no window '%s'; there are hour, day, week, month and year", name);
	return HISTORY_HOUR;
}

static enum history_view find_view(const char *name, struct argp_state *state)
{
	if (strcmp(name, "own") != 0 && strcmp(name, "network") != 0)
		argp_error(state, "no view '%s'; there are own and network", name);
	return strcmp(name, "network") ? HISTORY_OWN : HISTORY_NETWORK;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case 'c':
		if (!*arg)
			argp_error(state, "--config needs a file's path, not ''");
		a->config.path = arg;
		return 0;
	case OPTION_ONCE: a->once = true; return 0;
	case OPTION_JSON: a->json = true; return 0;
	case OPTION_WINDOW: a->choice.window = find_window(arg, state); return 0;
	case OPTION_VIEW: a->choice.view = find_view(arg, state); return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp parser = {
	.options = options,
	.parser = parse_option,
	.doc = "Shows what a running telltale measures, live: transactions, value and average over "
	       "the last hour, day, week, month and year, packet outcomes, payment times, exports, "
	       "and what could not be seen.\v"
	       "It reads the local page at the configuration's `listen`, and needs a "
	       "terminal of 60 columns and 16 lines, but with --once or --json. Keys: h, d, w, m, "
	       "y or the arrows choose the "
	       "window; v switches between your own figures and the network's, where they "
	       "differ; q quits.",
};

static volatile sig_atomic_t ended;

static void end(int signal)
{
	(void)signal;
	ended = 1;
}

/* Fetches, and where a daemon may still be starting, again for a while. */
static int fetch_first(struct top_source *source, struct top_choice choice,
		       struct json_object **fetched, char *why, size_t why_len)
{
	int64_t deadline_ms = clock_mono_ms() + FIRST_MS;
	int err;

	do {
		const struct timespec pause = {0, KEY_MS * NS_PER_MS};

		err = top_source_fetch(source, choice.window, choice.view, ASK_MS, fetched, why,
				       why_len);
		if (err == -EAGAIN)
			nanosleep(&pause, NULL);
	} while (err == -EAGAIN && !ended && clock_mono_ms() < deadline_ms);
	return err;
}

static void show(struct top_source *source, struct top_data *data, struct top_choice choice)
{
	char why[256] = "";
	int64_t next_ms = 0;
	int err = 0;

	while (!ended) {
		enum top_key key;

		if (clock_mono_ms() >= next_ms) {
			uint32_t every = data->interval_ms;

			err = top_source_ask(source, choice.window, choice.view, ASK_MS, data, why,
					     sizeof(why));
			every = every < POLL_MIN ? POLL_MIN : every > POLL_MAX ? POLL_MAX : every;
			next_ms = clock_mono_ms() + (err ? POLL_MIN : every);
			top_screen_draw(data, choice, err ? why : NULL);
		}
		key = top_screen_key(&choice, data->views, KEY_MS);
		if (key == TOP_QUIT)
			return;
		if (key == TOP_RESIZED)
			top_screen_draw(data, choice, err ? why : NULL);
		if (key == TOP_CHOSEN)
			next_ms = 0;
	}
}

/* Prints what was fetched, once. */
static int print_once(struct json_object *fetched, const struct arguments *a, struct top_data *data)
{
	if (a->json)
		return jsonout_print(json_object_get(fetched));
	top_data_read(fetched, a->choice.view, data);
	top_once_print(data);
	return fflush(stdout) ? -errno : 0;
}

/* The first figures are fetched before the screen is changed, so that an error, such as a daemon
 * that does not run, is printed as plain text. */
static int top(const struct config *config, const struct arguments *a, struct top_data *data,
	       char *why, size_t why_len)
{
	struct json_object *fetched = NULL;
	struct top_source *source = NULL;
	int err = top_source_open(config->listen, config->listen_token, &source, why, why_len);

	if (!err)
		err = fetch_first(source, a->choice, &fetched, why, why_len);
	if (!err && (a->once || a->json)) {
		err = print_once(fetched, a, data);
	} else if (!err) {
		top_data_read(fetched, a->choice.view, data);
		err = top_screen_open(why, why_len);
		if (!err)
			show(source, data, a->choice);
		top_screen_close();
	}
	json_object_put(fetched);
	top_source_close(source);
	return err;
}

int cmd_top(int argc, char **argv)
{
	const struct sigaction on_end = {.sa_handler = end};
	struct arguments a = {.choice = {.window = HISTORY_HOUR, .view = HISTORY_OWN}};
	struct top_data *data = calloc(1, sizeof(*data));
	struct config *config = NULL;
	char why[512] = "";
	int err = -EINVAL;

	if (data && !argp_parse(&parser, argc, argv, 0, NULL, &a))
		config = command_config_load(&a.config);
	if (config) {
		sigaction(SIGINT, &on_end, NULL);
		sigaction(SIGTERM, &on_end, NULL);
		sigaction(SIGHUP, &on_end, NULL);
		err = top(config, &a, data, why, sizeof(why));
	}
	if (err && *why)
		log_err("top", "%s", why);
	config_free(config);
	free(data);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
