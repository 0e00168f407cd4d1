/* SPDX-License-Identifier: Apache-2.0 */
/* halves.c - `telltale probe` and `telltale daemon`: each half as a service of its own. */
#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/privilege.h"
#include "base/signals.h"
#include "cmd/commands.h"
#include "config/config.h"
#include "daemon/account.h"
#include "daemon/daemon.h"
#include "halves/keeper.h"
#include "page/socket.h"
#include "tap/host.h"

/* The unit has systemd start this half again (RestartForceExitStatus=). */
#define STATUS_AGAIN 75

enum { OPTION_SOCKET = 256, OPTION_USER, OPTION_TRUTH };

struct arguments {
	struct command_config config;
	const char *socket, *truth;
	uid_t user; /* of the other half */
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;
	const struct passwd *user;

	switch (key) {
	case OPTION_SOCKET: a->socket = arg; return 0;
	case OPTION_TRUTH: a->truth = arg; return 0;
	case OPTION_USER:
		user = getpwnam(arg);
		if (!user)
			argp_error(state, "there is no user '%s'", arg);
		else
			a->user = user->pw_uid;
		return 0;
	case 'v': log_set_level(LOG_LEVEL_DEBUG); return 0;
	case ARGP_KEY_INIT:
		a->user = geteuid();
		state->child_inputs[0] = &a->config;
		return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {{&command_config_argp, 0, NULL, 0}, {0}};

#define SOCKET_OPTION                                                                              \
	{                                                                                          \
		"socket", OPTION_SOCKET, "PATH", 0,                                                \
			"Where the two halves meet (default: probe.sock in the configuration's "   \
			"run_dir)",                                                                \
			1                                                                          \
	}
#define VERBOSE_OPTION                                                                             \
	{                                                                                          \
		"verbose", 'v', NULL, 0, "Log more", 1                                             \
	}

static const struct argp_option probe_options[] = {
	SOCKET_OPTION,
	{"daemon-user", OPTION_USER, "NAME", 0,
	 "Serve a daemon half of this user too, beside root's and this user's", 1},
	VERBOSE_OPTION,
	{0},
};

static const struct argp probe_parser = {
	.options = probe_options,
	.parser = parse_option,
	.children = children,
	.doc = "Attaches to the configured targets, and hands what is seen to `telltale daemon`.\v"
	       "This is the half of telltale that needs privileges. It opens no network socket, "
	       "and outlives daemon halves: what is seen meanwhile waits in the kernel's ring. "
	       "When it ends, the kernel detaches everything.",
};

static const struct argp_option daemon_options[] = {
	SOCKET_OPTION,
	{"probe-user", OPTION_USER, "NAME", 0,
	 "Take the ring from a probe half of this user too, beside root's and this user's", 1},
	{"truth", OPTION_TRUTH, "FILE", 0,
	 "Write exact totals to FILE each second, for tests; they are never exported", 1},
	VERBOSE_OPTION,
	{0},
};

static const struct argp daemon_parser = {
	.options = daemon_options,
	.parser = parse_option,
	.children = children,
	.doc = "Counts and exports what `telltale probe` sees, until SIGTERM.\v"
	       "This is the half of telltale that needs no privilege: it gives up what it has. "
	       "It waits for the probe half, and ends when that does.",
};

/* The configuration, and the path of the socket in PATH; NULL when it has been said why not. */
static struct config *load(struct arguments *a, char *path, size_t path_len)
{
	struct config *config;

	log_route_libbpf();
	config = command_config_consented(&a->config);
	if (config)
		snprintf(path, path_len, "%s%s", a->socket ? a->socket : config->run_dir,
			 a->socket ? "" : "/probe.sock");
	return config;
}

int command_give_up_privileges(const struct config *config)
{
	const struct passwd *user = account_find();
	char why[256];
	gid_t group;
	bool shared;
	int err = 0;

	/* What is wrong with the group, opening the page says. */
	shared = config->listen_group &&
		 !page_group_find(config->listen_group, &group, why, sizeof(why));
	if (user)
		err = account_take(user, config, shared ? &group : NULL);
	if (shared && (!user || err == -EACCES))
		privilege_join(group);
	if (err == -EACCES)
		err = 0;
	if (!err)
		err = privilege_drop_all();
	if (err)
		log_err("run", "cannot give up privileges: %s", strerror(-err));
	return err;
}

int cmd_probe(int argc, char **argv)
{
	struct arguments a = {0};
	struct keeper_options keeper = {0};
	char path[PATH_MAX], lacking[256];
	struct config *config;
	int status = EXIT_FAILURE, err;

	signals_hold_reload();
	if (argp_parse(&probe_parser, argc, argv, 0, NULL, &a))
		return EXIT_FAILURE;
	config = load(&a, path, sizeof(path));
	if (!config)
		return EXIT_FAILURE;
	keeper.config = config;
	keeper.socket = path;
	keeper.user = a.user;
	keeper.load = command_config_again;
	keeper.load_context = &a.config;
	if (!host_may_start(lacking, sizeof(lacking))) {
		log_err("run", "%s", lacking);
	} else {
		err = keeper_run(&keeper);
		status = err == KEEPER_AGAIN ? STATUS_AGAIN : err ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	config_free(config);
	return status;
}

int cmd_daemon(int argc, char **argv)
{
	struct arguments a = {0};
	struct daemon_options daemon = {0};
	char path[PATH_MAX];
	struct config *config;
	int status = EXIT_FAILURE;

	signals_hold_reload();
	if (argp_parse(&daemon_parser, argc, argv, 0, NULL, &a))
		return EXIT_FAILURE;
	config = load(&a, path, sizeof(path));
	if (!config)
		return EXIT_FAILURE;
	daemon.config = config;
	daemon.truth_path = a.truth;
	daemon.socket = path;
	daemon.user = a.user;
	daemon.load = command_config_again;
	daemon.load_context = &a.config;
	if (!command_give_up_privileges(config) && !daemon_run(&daemon))
		status = EXIT_SUCCESS;
	config_free(config);
	return status;
}
