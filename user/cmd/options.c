/* SPDX-License-Identifier: Apache-2.0 */
/* options.c - the options that name the configuration file and additional targets. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "config/config.h"
#include "base/log.h"

enum {
	OPTION_PID = 512,
	OPTION_CGROUP,
	OPTION_UNIT,
	OPTION_CONTAINER,
	OPTION_POD,
	OPTION_EXECUTABLE
};

static const struct argp_option options[] = {
	{"config", 'c', "FILE", 0, "The configuration (default: " CONFIG_DEFAULT_PATH ")", 0},
	{"cgroup", OPTION_CGROUP, "PATH", 0,
	 "Watch the cgroups at this path too; a part of it may be a pattern, as in '/pods/*/main'",
	 0},
	{"unit", OPTION_UNIT, "NAME", 0,
	 "Watch this systemd unit too, and the sockets that start it", 0},
	{"container", OPTION_CONTAINER, "TRAITS", 0,
	 "Watch the containers of docker's or podman's with these traits too: a name, "
	 "'image=IMAGE' or 'label=KEY=VALUE', or several with commas between them",
	 0},
	{"pod", OPTION_POD, "NAMESPACE/LABELS", 0,
	 "Watch the pods with these labels too, as in 'payments/app=rafiki'", 0},
	{"executable", OPTION_EXECUTABLE, "PATH", 0,
	 "Watch the cgroups in which this program runs, and nothing else, too", 0},
	{"pid", OPTION_PID, "PID", 0, "Watch the cgroup of this process too, until it ends", 0},
	{0},
};

static error_t add_target(struct argp_state *state, enum config_target_kind kind, char *name)
{
	struct command_config *a = state->input;

	if (a->targets_len == CONFIG_TARGETS_MAX)
		argp_error(state, "more than %d targets; watch a cgroup above them instead",
			   CONFIG_TARGETS_MAX);
	a->targets[a->targets_len].kind = kind;
	a->targets[a->targets_len++].name = name;
	return 0;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct command_config *a = state->input;

	switch (key) {
	case 'c':
		if (!*arg)
			argp_error(state, "--config needs a file's path, not ''");
		a->path = arg;
		return 0;
	case OPTION_PID:
		if (!*arg || arg[strspn(arg, "0123456789")])
			argp_error(state, "--pid needs a process number, not '%s'", arg);
		return add_target(state, TARGET_PID, arg);
	case OPTION_CGROUP: return add_target(state, TARGET_CGROUP, arg);
	case OPTION_UNIT: return add_target(state, TARGET_UNIT, arg);
	case OPTION_CONTAINER: return add_target(state, TARGET_CONTAINER, arg);
	case OPTION_EXECUTABLE: return add_target(state, TARGET_EXECUTABLE, arg);
	case OPTION_POD: return add_target(state, TARGET_POD, arg);
	default: return ARGP_ERR_UNKNOWN;
	}
}

const struct argp command_config_argp = {.options = options, .parser = parse_option};

/* Appends the command line's targets to the file's. */
static int append_targets(const struct command_config *a, struct config *config)
{
	size_t len = config->targets_len + a->targets_len;
	struct config_target *targets;

	if (!a->targets_len)
		return 0;
	if (len > CONFIG_TARGETS_MAX)
		return -E2BIG;
	targets = realloc(config->targets, len * sizeof(*targets));
	if (!targets)
		return -ENOMEM;
	config->targets = targets;
	for (size_t i = 0; i < a->targets_len; i++) {
		targets[config->targets_len] = a->targets[i];
		targets[config->targets_len].name = strdup(a->targets[i].name);
		if (!targets[config->targets_len].name)
			return -ENOMEM;
		config->targets_len++;
	}
	return 0;
}

struct config *command_config_load(const struct command_config *a)
{
	const char *path = a->path ? a->path : CONFIG_DEFAULT_PATH;
	struct config *config = NULL;
	int err;

	if (!a->path && access(path, F_OK) && errno == ENOENT)
		path = NULL;
	if (config_load(path, environ, stderr, &config))
		return NULL;
	err = append_targets(a, config);
	if (err) {
		log_err("configuration", "%s",
			err == -E2BIG ? "too many targets; watch a cgroup above them instead"
				      : "out of memory");
		config_free(config);
		return NULL;
	}
	return config;
}

struct config *command_config_again(void *a)
{
	struct config *config = command_config_load(a);

	for (size_t i = 0; config && i < config->remarks_len; i++)
		log_warn("configuration", "%s", config->remarks[i]);
	return config;
}

struct config *command_config_consented(struct command_config *a)
{
	struct config *config = command_config_again(a);
	const char *why;

	if (!config)
		return NULL;
	why = config_consent(config);
	if (!why)
		why = config_runnable(config);
	if (why) {
		log_err("run", "%s (configuration: %s)", why, config_file(config));
		config_free(config);
		return NULL;
	}
	if (config->rafiki_telemetry_on)
		log_warn("run",
			 "ENABLE_TELEMETRY=true: Rafiki's own telemetry is on as well, and "
			 "the network would count every payment twice; turn one of them off");
	return config;
}
