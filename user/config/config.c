/* SPDX-License-Identifier: Apache-2.0 */
/* config.c - file, then environment, then defaults; consent; where each value came from. */
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/internal.h"
#include "privacy/series.h"

void config_error(struct config_loader *l, size_t line, size_t column, const char *format, ...)
{
	va_list args;

	l->errors_len++;
	fprintf(l->errors, "%s:%zu:%zu: ", l->file, line, column);
	va_start(args, format);
	vfprintf(l->errors, format, args);
	va_end(args);
	fputc('\n', l->errors);
}

void config_error_env(struct config_loader *l, const char *variable, const char *format, ...)
{
	va_list args;

	l->errors_len++;
	fprintf(l->errors, "environment: %s: ", variable);
	va_start(args, format);
	vfprintf(l->errors, format, args);
	va_end(args);
	fputc('\n', l->errors);
}

/* --- where values came from -------------------------------------------------------------- */

struct note {
	struct config_source source;
	char name[];
};

static int note_compare(const void *a, const void *b)
{
	const struct note *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static struct note *note_new(const char *name, struct config_source source)
{
	size_t size = strlen(name) + 1;
	struct note *note = malloc(sizeof(*note) + size);

	if (!note)
		return NULL;
	note->source = source;
	memcpy(note->name, name, size);
	return note;
}

int config_note(struct config *c, const char *name, struct config_source source)
{
	struct note *note = note_new(name, source), **found;

	if (!note)
		return -ENOMEM;
	found = tsearch(note, &c->provenance->notes, note_compare);
	if (!found) {
		free(note);
		return -ENOMEM;
	}
	if (*found != note) {
		(*found)->source = source;
		free(note);
	}
	return 0;
}

struct config_source config_noted(const struct config *c, const char *name)
{
	struct config_source none = {0};
	struct note *key = note_new(name, none), **found;

	found = key ? tfind(key, &c->provenance->notes, note_compare) : NULL;
	free(key);
	return found ? (*found)->source : none;
}

void config_provenance_free(struct config_provenance *p)
{
	if (!p)
		return;
	tdestroy(p->notes, free);
	free(p->file);
	free(p);
}

/* --- loading ----------------------------------------------------------------------------- */

/* *TEXT is malloc'ed. -EFBIG: larger than CONFIG_FILE_MAX. */
static int read_file(const char *path, char **text, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	ssize_t got = 0;
	char *buf = NULL;
	struct stat st;

	*len = 0;
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || S_ISDIR(st.st_mode)) {
		err = -EISDIR;
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
			"%s: may not be read by this user; run as root, or as a user who "
			"may\n",
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
	c->tls_connections = 1024;
	return 0;
}

int config_load(const char *path, char *const *variables, FILE *errors, struct config **out)
{
	struct config_loader l = {.file = path, .errors = errors};
	char *text = NULL;
	size_t len = 0;
	int err;

	*out = NULL;
	if (path) {
		err = read_file(path, &text, &len);
		if (err) {
			complain_unreadable(errors, path, err);
			return err;
		}
	}
	l.config = calloc(1, sizeof(*l.config));
	err = l.config ? set_defaults(l.config, path) : -ENOMEM;
	if (err)
		goto out;
	if (path)
		config_yaml(&l, text, len);
	config_env(&l, variables);
	config_check_networks(&l);
	if (l.no_memory)
		err = -ENOMEM;
	else if (l.errors_len)
		err = -EINVAL;
out:
	/* Header values may be credentials. */
	if (text)
		explicit_bzero(text, len);
	free(text);
	if (err == -ENOMEM)
		fprintf(errors, "%s: memory is short\n", path ? path : "configuration");
	if (err)
		config_free(l.config);
	else
		*out = l.config;
	return err;
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
	free(c->instance);
	free(c->service_name);
	free(c->listen);
	free(c->listen_token);
	free(c->state_dir);
	free(c->run_dir);
	config_provenance_free(c->provenance);
	free(c);
}

const char *config_file(const struct config *c)
{
	return c->provenance->file ? c->provenance->file
				   : "none: there is no " CONFIG_DEFAULT_PATH ", and no --config";
}

/* --- may it start ------------------------------------------------------------------------ */

const char *config_consent(const struct config *c)
{
	if (c->opted_out)
		return "ENABLE_TELEMETRY=false in the environment stops telltale, whatever the "
		       "configuration says; remove the variable to run";
	if (c->sdk_disabled)
		return "OTEL_SDK_DISABLED=true in the environment stops telltale, whatever the "
		       "configuration says; remove the variable to run";
	if (!c->enabled && c->rafiki_telemetry_on)
		return "ENABLE_TELEMETRY=true was said to Rafiki and does not start telltale; set "
		       "`enabled: true` in telltale's configuration to opt in";
	if (!c->enabled)
		return "telltale observes nothing until its operator opts in; set `enabled: true` "
		       "in the configuration to do so";
	if (c->network == NETWORK_LIVENET && !c->livenet_enabled)
		return "livenet moves real money, and `enabled: true` alone does not opt in to it; "
		       "set `livenet_enabled: true` in the configuration too, or go to testnet";
	return NULL;
}

const char *config_runnable(const struct config *c)
{
	if (!c->targets_len)
		return "there is nothing to observe; name the connector under `targets:`, as unit, "
		       "cgroup or pid";
	if (!c->endpoints_len && !c->listen)
		return "there is no place for what is measured; name a collector under "
		       "`endpoints:`, or remove `listen: none`";
	return NULL;
}
