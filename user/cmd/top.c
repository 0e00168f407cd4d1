/* SPDX-License-Identifier: Apache-2.0 */
/* top.c - `telltale top`: the page's figures, live in a terminal. */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cmd/commands.h"
#include "config/config.h"
#include "base/log.h"
#include "top/data.h"
#include "top/screen.h"

#define ASK_MS   1500  /* wait for an answer; without one, a key or a signal waits as long */
#define FIRST_MS 15000 /* ... for the first answer, when the daemon may be starting */
#define POLL_MIN 1000
#define POLL_MAX 15000
#define KEY_MS   250 /* wait for a key; a signal is noticed after this at the latest */

static const struct argp_option options[] = {
	{"config", 'c', "FILE", 0, "The configuration (default: " CONFIG_DEFAULT_PATH ")", 0},
	{0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct command_config *a = state->input;

	switch (key) {
	case 'c':
		if (!*arg)
			argp_error(state, "--config needs a file's path, not ''");
		a->path = arg;
		return 0;
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
	       "terminal of 60 columns and 16 lines. Keys: h, d, w, m, y or the arrows choose the "
	       "window; v switches between the exact figures and the network's, where they "
	       "differ; q quits.",
};

static volatile sig_atomic_t ended;

static void end(int signal)
{
	(void)signal;
	ended = 1;
}

/* Gets the first figures before the screen is changed, so that an error, such as a daemon that does
 * not run, is printed as plain text. */
static int ask_first(struct top_source *source, struct top_choice choice, struct top_data *data,
		     char *why, size_t why_len)
{
	int64_t deadline_ms = clock_mono_ms() + FIRST_MS;
	int err;

	do {
		const struct timespec pause = {0, KEY_MS * NS_PER_MS};

		err = top_source_ask(source, choice.window, choice.view, ASK_MS, data, why,
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

int cmd_top(int argc, char **argv)
{
	const struct sigaction on_end = {.sa_handler = end};
	struct top_choice choice = {.window = HISTORY_HOUR, .view = HISTORY_OWN};
	struct command_config a = {0};
	struct top_source *source = NULL;
	struct top_data *data = calloc(1, sizeof(*data));
	struct config *config = NULL;
	char why[512] = "";
	int err = -EINVAL;

	if (!data || argp_parse(&parser, argc, argv, 0, NULL, &a))
		goto out;
	config = command_config_load(&a);
	if (!config)
		goto out;
	sigaction(SIGINT, &on_end, NULL);
	sigaction(SIGTERM, &on_end, NULL);
	sigaction(SIGHUP, &on_end, NULL);
	err = top_source_open(config->listen, config->listen_token, &source, why, sizeof(why));
	if (!err)
		err = ask_first(source, choice, data, why, sizeof(why));
	if (!err)
		err = top_screen_open(why, sizeof(why));
	if (err) {
		log_err("top", "%s", why);
		goto out;
	}
	show(source, data, choice);
	top_screen_close();
out:
	top_source_close(source);
	config_free(config);
	free(data);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
