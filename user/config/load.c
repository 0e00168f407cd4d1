/* SPDX-License-Identifier: Apache-2.0 */
/* load.c - makes a configuration from the defaults, then the file, then the environment. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "config/env.h"
#include "config/env_readers.h"
#include "config/networks.h"
#include "config/notes.h"
#include "config/schema.h"
#include "config/text.h"
#include "config/writers.h"
#include "profile/per_peer.h"
#include "profile/traces.h"
#include "release/series.h"

/* *TEXT is malloc'ed. -EFBIG: larger than CONFIG_FILE_MAX. -EPERM: everybody may write to it. */
static int read_file(const char *path, char **text, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	struct stat st;
	ssize_t got = 0;
	char *buf = NULL;

	*len = 0;
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || S_ISDIR(st.st_mode)) {
		err = -EISDIR;
		goto out;
	}
	if (S_ISREG(st.st_mode) && st.st_mode & S_IWOTH) {
		err = -EPERM;
		goto out;
	}
	buf = malloc(CONFIG_FILE_MAX + 1);
	if (!buf) {
		err = -ENOMEM;
		goto out;
	}
	while (*len <= CONFIG_FILE_MAX) {
		got = read(fd, buf + *len, CONFIG_FILE_MAX + 1 - *len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		*len += (size_t)got;
	}
	if (got < 0)
		err = -errno;
	else if (*len > CONFIG_FILE_MAX)
		err = -EFBIG;
	else
		buf[*len] = '\0';
out:
	close(fd);
	if (err) {
		free(buf);
		buf = NULL;
	}
	*text = buf;
	return err;
}

static void complain_unreadable(FILE *errors, const char *path, int err)
{
	switch (-err) {
	case ENOENT:
		fprintf(errors,
			"%s: there is no such file; write one (telltale(8) has an example) or "
			"name another with --config\n",
			path);
		break;
	case EACCES:
		fprintf(errors,
			"%s: this user may not read it; run as root, or as a user who "
			"may\n",
			path);
		break;
	case EPERM:
		fprintf(errors,
			"%s: every user may write to it, and so decide what is observed and who "
			"receives it; `chmod o-w` it\n",
			path);
		break;
	case EFBIG:
		fprintf(errors, "%s: is larger than %u bytes; is it a configuration?\n", path,
			CONFIG_FILE_MAX);
		break;
	default:
		fprintf(errors, "%s: cannot be read: %s; name a readable file with --config\n",
			path, strerror(-err));
	}
}

static int set_defaults(struct config *c, const char *path)
{
	struct privacy_params privacy = PRIVACY_PARAMS_DEFAULT;
	char host[HOST_NAME_MAX + 1] = "";

	if (gethostname(host, sizeof(host) - 1) || !*host)
		snprintf(host, sizeof(host), "unnamed");
	c->provenance = calloc(1, sizeof(*c->provenance));
	c->instance = strdup(host);
	c->service_name = strdup("telltale");
	c->listen = strdup("127.0.0.1:9464");
	c->state_dir = strdup("/var/lib/telltale");
	c->run_dir = strdup("/run/telltale");
	if (!c->provenance || !c->instance || !c->service_name || !c->listen || !c->state_dir ||
	    !c->run_dir)
		return -ENOMEM;
	if (path) {
		c->provenance->file = strdup(path);
		if (!c->provenance->file)
			return -ENOMEM;
	}
	c->network = NETWORK_TESTNET;
	c->privacy = privacy;
	c->rates[RATES_OPERATOR].lifetime_ms = CONFIG_LIFETIME_OPERATOR_MS;
	c->rates[RATES_NETWORK].lifetime_ms = CONFIG_LIFETIME_NETWORK_MS;
	c->export_interval_ms = CONFIG_INTERVAL_MS;
	c->privacy.cardinality_limit = SERIES_LIMIT;
	c->idle_ms = 30000;
	c->max_payment_ms = 600000;
	c->profile.peers = PER_PEER_MAX;
	c->profile.traces.sample = TRACES_ALL / 100;
	c->profile.traces.slowest = 10;
	return 0;
}

/* Applies VARIABLES to what was read from the file. */
static void read_environment(struct config_loader *l, char *const *variables)
{
	struct env e = {.l = l, .variables = variables};

	config_env_rafiki(&e);
	config_env_transport(&e);
	config_env_sdk(&e);
	config_env_resource(&e);
	config_env_names(&e);
}

/* The environment may have replaced the endpoints of the file. */
static void remark_traces(struct config_loader *l)
{
	const struct config *c = l->config;
	bool wanted = false;

	for (size_t i = 0; i < c->endpoints_len; i++)
		wanted = wanted || c->endpoints[i].traces;
	if (c->profile.traces.key_file && !wanted)
		config_remark(l, "profile.traces is set, and no endpoint gets traces; add `traces: "
				 "true` to one of audience own");
}

/* Reads TEXT, and the variables, into a configuration whose file is called PATH. */
static int load_from(const char *path, const char *text, size_t len, char *const *variables,
		     FILE *errors, struct config **out)
{
	struct config_loader l = {.file = path, .errors = errors};
	char why[CONFIG_WHY];
	int err;

	l.config = calloc(1, sizeof(*l.config));
	err = l.config ? set_defaults(l.config, path) : -ENOMEM;
	if (err)
		goto out;
	if (path) {
		l.config->others_write = config_others_write(path, why, sizeof(why));
		if (l.config->others_write)
			config_remark(&l, "%s", why);
		config_yaml(&l, text, len);
	}
	read_environment(&l, variables);
	config_check_networks(&l);
	remark_traces(&l);
	if (l.no_memory)
		err = -ENOMEM;
	else if (l.errors_len)
		err = -EINVAL;
out:
	if (err == -ENOMEM)
		fprintf(errors, "%s: memory is short\n", path ? path : "configuration");
	if (err)
		config_free(l.config);
	else
		*out = l.config;
	return err;
}

int config_load_text(const char *path, const char *text, size_t len, char *const *variables,
		     FILE *errors, struct config **out)
{
	*out = NULL;
	return load_from(path, text, len, variables, errors, out);
}

int config_read(const char *path, FILE *errors, char **text, size_t *len)
{
	int err = read_file(path, text, len);

	if (err)
		complain_unreadable(errors, path, err);
	return err;
}

int config_load(const char *path, char *const *variables, FILE *errors, struct config **out)
{
	char *text = NULL;
	size_t len = 0;
	int err = 0;

	*out = NULL;
	if (path)
		err = config_read(path, errors, &text, &len);
	if (!err)
		err = load_from(path, text, len, variables, errors, out);
	config_text_free(text, len);
	return err;
}

void config_text_free(char *text, size_t len)
{
	/* Header values may be credentials. */
	if (text)
		explicit_bzero(text, len);
	free(text);
}

void config_free(struct config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->targets_len; i++)
		free(c->targets[i].name);
	free(c->targets);
	for (size_t i = 0; i < c->peers_len; i++) {
		free(c->peers[i].name);
		free(c->peers[i].endpoint);
	}
	free(c->peers);
	for (size_t i = 0; i < RATES_SOURCES; i++)
		free(c->rates[i].location);
	for (size_t i = 0; i < c->endpoints_len; i++)
		config_endpoint_fini(&c->endpoints[i]);
	free(c->endpoints);
	config_pairs_free(c->attributes, c->attributes_len);
	for (size_t i = 0; i < c->profile.dependencies_len; i++)
		free(c->profile.dependencies[i].name);
	free(c->profile.dependencies);
	free(c->profile.traces.key_file);
	free(c->instance);
	free(c->service_name);
	free(c->listen);
	free(c->listen_token);
	free(c->listen_group);
	free(c->state_dir);
	free(c->run_dir);
	for (size_t i = 0; i < c->remarks_len; i++)
		free(c->remarks[i]);
	config_provenance_free(c->provenance);
	free(c);
}
