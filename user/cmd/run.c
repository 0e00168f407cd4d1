/* SPDX-License-Identifier: Apache-2.0 */
/* run.c - `telltale run`: the daemon. */
#include <argp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "config/config.h"
#include "daemon/daemon.h"
#include "tap/host.h"
#include "base/log.h"

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
	       "It runs only when the configuration says `enabled: true`. The kernel detaches "
	       "everything when the process ends, in whatever way, and the connector does not "
	       "notice.",
};

static struct config *load(void *arguments)
{
	const struct arguments *a = arguments;
	struct config *config = command_config_load(&a->config);

	for (size_t i = 0; config && i < config->remarks_len; i++)
		log_warn("configuration", "%s", config->remarks[i]);
	return config;
}

int cmd_run(int argc, char **argv)
{
	struct arguments a = {0};
	struct daemon_options daemon = {0};
	struct config *config = NULL;
	char lacking[256];
	const char *why;
	int status = EXIT_FAILURE;

	if (argp_parse(&parser, argc, argv, 0, NULL, &a))
		goto out;
	log_route_libbpf();
	config = load(&a);
	if (!config)
		goto out;
	why = config_consent(config);
	if (!why)
		why = config_runnable(config);
	if (why) {
		log_err("run", "%s (configuration: %s)", why, config_file(config));
		goto out;
	}
	if (config->rafiki_telemetry_on)
		log_warn("run",
			 "ENABLE_TELEMETRY=true: Rafiki's own telemetry is on as well, and "
			 "the network would count every payment twice; turn one of them off");
	if (!host_may_start(lacking, sizeof(lacking))) {
		log_err("run", "%s", lacking);
		goto out;
	}
	daemon.config = config;
	daemon.truth_path = a.truth;
	daemon.load = load;
	daemon.load_context = &a;
	if (!daemon_run(&daemon))
		status = EXIT_SUCCESS;
out:
	config_free(config);
	return status;
}
