/* SPDX-License-Identifier: Apache-2.0 */
/* report.c - `telltale report`: what somebody who helps needs to know, in an archive without
 * secrets and without what was paid. */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cmd/archive.h"
#include "cmd/commands.h"
#include "cmd/secrets.h"
#include "config/config.h"
#include "release/metrics.h"
#include "top/data.h"

#define OUTPUT_MAX (1u << 20) /* of a command; the rest is cut off */
#define COMMAND_MS 120000
#define ASK_MS     3000

struct arguments {
	struct command_config config;
	const char *output;
};

struct report {
	struct archive *archive;
	struct secrets *secrets;
	const char *config_path; /* NULL: the default */
	int err;
};

static const struct argp_option options[] = {
	{"config", 'c', "FILE", 0, "The configuration (default: " CONFIG_DEFAULT_PATH ")", 0},
	{"output", 'o', "FILE", 0,
	 "The archive (default: telltale-report-TIME.tar.gz, in this directory)", 0},
	{0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case 'c':
		if (!*arg)
			argp_error(state, "--config needs a file's path, not ''");
		a->config.path = arg;
		return 0;
	case 'o': a->output = arg; return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp parser = {
	.options = options,
	.parser = parse_option,
	.doc = "Writes an archive for whoever helps you: the version, what `telltale check` says, "
	       "the "
	       "configuration, the metrics that say what could not be seen, the states of targets "
	       "and services, and their last lines in the log. Run as root, as `check`.\v"
	       "Left out: tokens, values of headers, passwords in URLs, keys, who the peers are, "
	       "and "
	       "every figure of what was paid. Nothing is sent: look through the archive before "
	       "you "
	       "give it to somebody.",
};

/* --- what other programs print ----------------------------------------------------------- */

/* Reads what comes from FD until it ends or there is no time left. */
static size_t read_output(int fd, char *text, size_t max, int64_t deadline_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && len < max) {
		int64_t left = deadline_ms - clock_mono_ms();

		if (left <= 0 || poll(&p, 1, (int)left) <= 0)
			break;
		n = read(fd, text + len, max - len);
		len += n > 0 ? (size_t)n : 0;
	}
	return len;
}

static int spawn(const char *const *argv, int out, pid_t *pid)
{
	posix_spawn_file_actions_t files;
	int err = posix_spawn_file_actions_init(&files);

	if (err)
		return -err;
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO && !err; fd++)
		err = posix_spawn_file_actions_adddup2(&files, out, fd);
	if (!err)
		err = posix_spawnp(pid, argv[0], &files, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&files);
	return -err;
}

/* What the command prints, malloc'ed with room for a NUL; NULL: memory is short. A command that is
 * not there prints nothing. */
static char *output_of(const char *const *argv, size_t *len)
{
	char *text = malloc(OUTPUT_MAX + 1);
	int ends[2] = {-1, -1}, status;
	pid_t pid;

	*len = 0;
	if (!text || pipe2(ends, O_CLOEXEC) || spawn(argv, ends[1], &pid))
		goto out;
	close(ends[1]);
	ends[1] = -1;
	*len = read_output(ends[0], text, OUTPUT_MAX, clock_mono_ms() + COMMAND_MS);
	/* It has ended, or has had its time. */
	kill(pid, SIGTERM);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
out:
	for (size_t i = 0; i < 2; i++) {
		if (ends[i] >= 0)
			close(ends[i]);
	}
	return text;
}

/* --- parts ------------------------------------------------------------------------------- */

/* Takes TEXT, which may be NULL for want of memory. */
static void add(struct report *r, const char *name, char *text, size_t len)
{
	if (!text && !r->err)
		r->err = -ENOMEM;
	if (!r->err) {
		secrets_hide(r->secrets, text, &len);
		r->err = archive_add(r->archive, name, text, len);
	}
	if (!r->err)
		printf("  %-20s %zu bytes\n", name, len);
	free(text);
}

static void add_command(struct report *r, const char *name, const char *const *argv)
{
	size_t len;
	char *text = output_of(argv, &len);

	if (text && !len) {
		free(text);
		return;
	}
	add(r, name, text, len);
}

static void add_own(struct report *r, const char *name, const char *command)
{
	const char *const argv[] = {"/proc/self/exe", command, r->config_path ? "--config" : NULL,
				    r->config_path, NULL};

	add_command(r, name, argv);
}

static void add_host(struct report *r)
{
	struct utsname u;
	char *text = NULL;

	if (uname(&u) ||
	    asprintf(&text, "%s %s %s %s\n", u.sysname, u.release, u.version, u.machine) < 0)
		text = NULL;
	add(r, "host.txt", text, text ? strlen(text) : 0);
}

static void add_config(struct report *r, struct config *config)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out;

	r->err = secrets_hide_peers(config);
	out = open_memstream(&text, &len);
	if (out)
		config_print(config, out);
	if (!out || fclose(out)) {
		free(text);
		text = NULL;
	}
	add(r, "configuration.txt", text, len);
}

/* --- metrics ----------------------------------------------------------------------------- */

/* What says how telltale does. No other metric is in a report: they say what was paid, and a new
 * one stays out until it stands here. */
static const enum metric kept[] = {METRIC_COVERAGE,
				   METRIC_LOST,
				   METRIC_ORIGIN_UNKNOWN,
				   METRIC_RECORDS_DROPPED,
				   METRIC_HALF_SEEN,
				   METRIC_DAEMON_KILLED,
				   METRIC_PROBE_RESTARTED,
				   METRIC_GAPS,
				   METRIC_UNMATCHED,
				   METRIC_REPEATED,
				   METRIC_BAD_REQUESTS,
				   METRIC_NAMELESS,
				   METRIC_EVICTED,
				   METRIC_UNATTRIBUTED,
				   METRIC_UNCONVERTED,
				   METRIC_OPAQUE,
				   METRIC_TLS_PROCESSES,
				   METRIC_TARGETS_MISSING,
				   METRIC_TARGET_CGROUPS,
				   METRIC_TARGET_SINCE,
				   METRIC_EXPORTS,
				   METRIC_EXPORT_FAILURES,
				   METRIC_EXPORT_RETRIES,
				   METRIC_EXPORT_REJECTED,
				   METRIC_EXPORT_LAST_SUCCESS,
				   METRIC_EXPORT_FAILING,
				   METRIC_EXPORT_STATUS,
				   METRIC_PRIVACY_STATE,
				   METRIC_LAST_PACKET,
				   METRIC_RATES_AGE,
				   METRIC_RATES_FAILURES,
				   METRIC_HISTORY_FAILURES,
				   METRIC_SPANS_DROPPED,
				   METRIC_EXPORT_SPANS,
				   METRIC_EXPORT_SPANS_LOST};

static bool is_kept(const char *line)
{
	size_t len = strcspn(line, "{ \n");

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (!strncmp(line, metric_infos[kept[i]].name, len) &&
		    !metric_infos[kept[i]].name[len])
			return true;
	}
	return !strncmp(line, "# target ", strlen("# target "));
}

/* The lines of TEXT that are kept, malloc'ed; NULL: memory is short. */
static char *filter(const char *text, size_t *len)
{
	char *out = malloc(strlen(text) + 1);

	*len = 0;
	while (out && *text) {
		size_t line = strcspn(text, "\n");

		line += text[line] == '\n';
		if (is_kept(text)) {
			memcpy(out + *len, text, line);
			*len += line;
		}
		text += line;
	}
	return out;
}

static void add_metrics(struct report *r, const struct config *config)
{
	struct top_source *source = NULL;
	char why[512] = "", *kept_text;
	const char *text = NULL;
	size_t len;
	int err;

	err = top_source_open(config->listen, config->listen_token, &source, why, sizeof(why));
	if (!err)
		err = top_source_text(source, "metrics", ASK_MS, &text, why, sizeof(why));
	if (err) {
		kept_text = strdup(why);
		len = strlen(why);
	} else {
		kept_text = filter(text, &len);
	}
	add(r, "metrics.txt", kept_text, len);
	top_source_close(source);
}

/* --- the whole --------------------------------------------------------------------------- */

static void add_services(struct report *r)
{
	static const char properties[] =
		"Id,LoadState,ActiveState,SubState,Result,ExecMainStatus,NRestarts,MemoryCurrent,"
		"ActiveEnterTimestamp,UnitFileState,DropInPaths";
	static const char *const states[] = {"systemctl",
					     "show",
					     "--no-pager",
					     "--property",
					     properties,
					     "telltale.service",
					     "telltale-probe.service",
					     NULL};
	static const char *const lines[] = {"journalctl",
					    "--no-pager",
					    "--quiet",
					    "--lines=1000",
					    "--output=short-iso",
					    "--unit=telltale.service",
					    "--unit=telltale-probe.service",
					    NULL};

	add_command(r, "services.txt", states);
	add_command(r, "log.txt", lines);
}

static int write_report(struct report *r, struct config *config)
{
	add_own(r, "version.txt", "version");
	add_host(r);
	add_own(r, "check.txt", "check");
	add_metrics(r, config);
	add_services(r);
	add_config(r, config); /* and changes it */
	return r->err;
}

/* "telltale-report-20261129-221530" */
static void name_folder(char *folder, size_t len)
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(folder, len, "telltale-report-%Y%m%d-%H%M%S", &tm);
}

/* 0 or -errno, logged. */
static int report(const struct arguments *a, struct config *config)
{
	struct report r = {.config_path = a->config.path};
	char folder[48], path[64];
	int err, closed;

	name_folder(folder, sizeof(folder));
	snprintf(path, sizeof(path), "%s.tar.gz", folder);
	r.secrets = secrets_of(config);
	err = r.secrets ? archive_open(a->output ? a->output : path, folder, &r.archive) : -ENOMEM;
	if (!err)
		err = write_report(&r, config);
	closed = archive_close(r.archive);
	err = err ? err : closed;
	secrets_free(r.secrets);
	if (err) {
		log_err("report", "%s cannot be written: %s", a->output ? a->output : path,
			strerror(-err));
		return err;
	}
	printf("%s has these, without tokens, peers and figures of what was paid. Nothing was "
	       "sent: look\nthrough it before you give it to somebody.\n",
	       a->output ? a->output : path);
	return 0;
}

int cmd_report(int argc, char **argv)
{
	struct arguments a = {0};
	struct config *config;
	int err;

	if (argp_parse(&parser, argc, argv, 0, NULL, &a))
		return EXIT_FAILURE;
	config = command_config_load(&a.config);
	if (!config)
		return EXIT_FAILURE;
	err = report(&a, config);
	config_free(config);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
