/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fetch.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "config/config.h"

/* What the C library, gRPC and libcurl read: names of hosts, certificates, time zones, libraries
 * for the look-up of names. A file that is replaced, as resolv.conf is, has another inode, so
 * directories stand here. */
static const char *const of_system[] = {
	"/etc",
	"/usr/lib",
	"/usr/lib32",
	"/usr/lib64",
	"/usr/local/lib",
	"/lib",
	"/lib64",
	"/usr/share",
	"/run/systemd/resolve",
	"/run/NetworkManager",
	"/run/resolvconf",
	"/proc/self",
	"/proc/sys/net",
	"/sys/devices/system/cpu",
	"/dev/null",
	"/dev/urandom",
};

/* Variables that name files of certificates. */
static const char *const variables[] = {"SSL_CERT_FILE", "SSL_CERT_DIR",
					"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define PATHS_MAX   (64 + 6 * CONFIG_ENDPOINTS_MAX)

struct paths {
	struct sandbox_path list[PATHS_MAX];
	char *copies[PATHS_MAX];
	size_t len;
};

static void add(struct paths *p, const char *path, bool write)
{
	char *copy = p->len < PATHS_MAX ? strdup(path) : NULL;

	if (!copy)
		return;
	p->copies[p->len] = copy;
	p->list[p->len++] = (struct sandbox_path){copy, write};
}

static void add_dir_of(struct paths *p, const char *file, bool write)
{
	char dir[PATH_MAX];

	if (snprintf(dir, sizeof(dir), "%s", file) < (int)sizeof(dir))
		add(p, dirname(dir), write);
}

/* The directory of FILE, which may be replaced, and that of the file which it is a link to. NULL:
 * there is none. */
static void add_file(struct paths *p, const char *file)
{
	char real[PATH_MAX];

	if (!file)
		return;
	add_dir_of(p, file, false);
	if (realpath(file, real))
		add_dir_of(p, real, false);
}

/* The file that LOCATION names, malloc'ed; NULL: none. */
static char *file_of(const char *location)
{
	char *path = location ? fetch_path_of_url(location) : NULL;

	return path || !location || strstr(location, "://") ? path : strdup(location);
}

static void add_rates(struct paths *p, const char *location)
{
	char *path = file_of(location);

	add_file(p, path);
	free(path);
}

static void add_configured(struct paths *p, const struct config *c)
{
	add(p, c->state_dir, true);
	add(p, c->run_dir, true);
	if (c->listen && !strncmp(c->listen, "unix:", 5))
		add_dir_of(p, c->listen + 5, true);
	add_file(p, c->listen_token);
	if (!access(config_file(c), F_OK)) /* else there is none, and this says so in words */
		add_file(p, config_file(c));
	for (size_t i = 0; i < RATES_SOURCES; i++)
		add_rates(p, c->rates[i].location);
	for (size_t i = 0; i < c->endpoints_len; i++) {
		add_file(p, c->endpoints[i].ca_file);
		add_file(p, c->endpoints[i].cert_file);
		add_file(p, c->endpoints[i].key_file);
	}
}

static int confine_files(const struct daemon_options *options)
{
	struct paths *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	for (size_t i = 0; i < COUNT(of_system); i++)
		add(p, of_system[i], false);
	for (size_t i = 0; i < COUNT(variables); i++) {
		if (getenv(variables[i]))
			add_file(p, getenv(variables[i]));
	}
	add_configured(p, options->config);
	if (options->truth_path)
		add_dir_of(p, options->truth_path, true);
	err = sandbox_files(p->list, p->len);
	while (p->len > 0)
		free(p->copies[--p->len]);
	free(p);
	if (err == -EOPNOTSUPP) {
		log_info("run", "this kernel has no Landlock: what files the daemon half may open "
				"depends on its user alone");
		err = 0;
	}
	return err;
}

int confine(const struct daemon_options *options)
{
	int err = sandbox_dumps();

	if (!err)
		err = confine_files(options);
	if (!err)
		err = sandbox_calls(SANDBOX_DAEMON, 0);
	if (err)
		log_err("run", "cannot confine the daemon half: %s", strerror(-err));
	return err;
}

/* A directory that the confinement does not have refuses what the file's mode allows. */
static bool is_allowed(const char *file, char *which, size_t which_len)
{
	int fd;

	if (!file || access(file, R_OK))
		return true; /* what is wrong then is said elsewhere */
	fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0)
		close(fd);
	else if (errno == EACCES)
		snprintf(which, which_len, "%s", file);
	return fd >= 0 || errno != EACCES;
}

bool confine_allows(const struct config *c, char *which, size_t which_len)
{
	bool all = true;

	for (size_t i = 0; i < RATES_SOURCES && all; i++) {
		char *path = file_of(c->rates[i].location);

		all = is_allowed(path, which, which_len);
		free(path);
	}
	for (size_t i = 0; i < c->endpoints_len && all; i++) {
		all = is_allowed(c->endpoints[i].ca_file, which, which_len) &&
		      is_allowed(c->endpoints[i].cert_file, which, which_len) &&
		      is_allowed(c->endpoints[i].key_file, which, which_len);
	}
	return all;
}
