/* SPDX-License-Identifier: Apache-2.0 */
/* run.c - `telltale run`: both halves, started together. */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/signals.h"
#include "cmd/commands.h"
#include "config/config.h"
#include "daemon/daemon.h"
#include "halves/keeper.h"
#include "halves/link.h"
#include "tap/host.h"

enum { OPTION_TRUTH = 256 };

struct arguments {
	struct command_config config;
	const char *truth;
};

static const struct argp_option options[] = {
	{"truth", OPTION_TRUTH, "FILE", 0,
	 "Write exact totals to FILE each second, for tests; they are never exported", 1},
	{"verbose", 'v', NULL, 0, "Log more", 1},
	{0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case OPTION_TRUTH: a->truth = arg; return 0;
	case 'v': log_set_level(LOG_LEVEL_DEBUG); return 0;
	case ARGP_KEY_INIT: state->child_inputs[0] = &a->config; return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {{&command_config_argp, 0, NULL, 0}, {0}};

static const struct argp parser = {
	.options = options,
	.parser = parse_option,
	.children = children,
	.doc = "Observes the configured targets and exports what it measures, until SIGTERM.\v"
	       "It runs only when the configuration says `enabled: true`. It is two processes: "
	       "this one attaches, and its child, which has no privilege, counts and exports. "
	       "When either ends, so does the other. The kernel detaches everything when they "
	       "end, in whatever way, and the connector does not notice.",
};

/* The child: it gives up everything before it does anything. */
__attribute__((noreturn)) static void be_daemon(const struct config *config, struct arguments *a,
						int link)
{
	const struct daemon_options half = {
		.config = config,
		.truth_path = a->truth,
		.link = link,
		.load = command_config_again,
		.load_context = &a->config,
	};
	int err;

	signals_hold(); /* the probe half hands SIGHUP on */
	err = command_give_up_privileges(config);
	if (!err)
		err = daemon_run(&half);
	exit(err ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* The child is forked before this process has anything that the child should not have. */
static int run_both(const struct config *config, struct arguments *a)
{
	struct keeper_options half = {
		.config = config,
		.load = command_config_again,
		.load_context = &a->config,
	};
	int ends[2], err = link_pair(ends);

	if (!err) {
		half.daemon = fork();
		err = half.daemon < 0 ? -errno : 0;
	}
	if (err) {
		log_err("run", "cannot start the daemon half: %s", strerror(-err));
		return err;
	}
	if (!half.daemon) {
		close(ends[0]);
		be_daemon(config, a, ends[1]);
	}
	close(ends[1]);
	half.link = ends[0];
	return keeper_run(&half);
}

int cmd_run(int argc, char **argv)
{
	struct arguments a = {0};
	struct config *config = NULL;
	char lacking[256];
	int status = EXIT_FAILURE;

	signals_hold_reload();
	if (argp_parse(&parser, argc, argv, 0, NULL, &a))
		goto out;
	log_route_libbpf();
	config = command_config_consented(&a.config);
	if (!config)
		goto out;
	if (!host_may_start(lacking, sizeof(lacking)))
		log_err("run", "%s", lacking);
	else if (!run_both(config, &a))
		status = EXIT_SUCCESS;
out:
	config_free(config);
	return status;
}
