/* SPDX-License-Identifier: Apache-2.0 */
/* check.c - `telltale check`: what works on this host, what does not, and how to fix it. */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/checks.h"
#include "cmd/commands.h"
#include "cmd/consent.h"
#include "config/config.h"
#include "daemon/account.h"
#include "config/text.h"
#include "export/export.h"
#include "tap/host.h"
#include "base/log.h"
#include "base/procname.h"
#include "base/tracekey.h"
#include "page/guard.h"
#include "page/socket.h"
#include "tap/probe.h"
#include "tap/procfs.h"
#include "target/follow.h"
#include "tap/tlslib.h"

#define COLLECTOR_TIMEOUT_MS 3000

enum { OPTION_PRINT = 256, OPTION_JSON };

struct arguments {
	struct command_config config;
	bool print, json;
};

static const struct argp_option options[] = {
	{"print-config", OPTION_PRINT, NULL, 0,
	 "Print the effective configuration and where each value came from; check nothing", 1},
	{"json", OPTION_JSON, NULL, 0, "Print JSON", 1},
	{0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;

	(void)arg;
	switch (key) {
	case OPTION_PRINT: a->print = true; return 0;
	case OPTION_JSON: a->json = true; return 0;
	case ARGP_KEY_END:
		if (a->print && a->json)
			argp_error(state, "--print-config prints YAML; leave out --json");
		return 0;
	case ARGP_KEY_INIT: state->child_inputs[0] = &a->config; return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {{&command_config_argp, 0, NULL, 0}, {0}};

static const struct argp parser = {
	.options = options,
	.parser = parse_option,
	.children = children,
	.doc = "Checks this host and the configuration. Prints one line for each thing that works "
	       "or does not, with the fix. Observes nothing and sends nothing about the "
	       "connector; each collector receives one empty export.\v"
	       "Exit status: 0 when `telltale run` would start and see all it should; 1 when "
	       "something failed. A warning is not a failure.",
};

static void check_consent(const struct config *config)
{
	const char *why = config_consent(config);
	char words[160];

	if (why)
		check_say(HOST_FAIL, "consent", "%s", why);
	else
		check_say(HOST_OK, "consent", "given, for %s: %s", network_text(config->network),
			  consent_words(config, words, sizeof(words)));
	why = config_runnable(config);
	if (why)
		check_say(HOST_FAIL, "configuration", "%s (%s)", why, config_file(config));
	else
		check_say(HOST_OK, "configuration", "%s", config_file(config));
	/* The first remark says who else may write the file, where others may. */
	for (size_t i = 0; i < config->remarks_len; i++)
		check_say(!i && config->others_write ? HOST_FAIL : HOST_WARN, "configuration", "%s",
			  config->remarks[i]);
	if (config->rafiki_telemetry_on)
		check_say(HOST_WARN, "consent",
			  "ENABLE_TELEMETRY=true: Rafiki's own telemetry is on as well, and the "
			  "network "
			  "would count every payment twice; turn one of them off");
}

static void check_host(void)
{
	char words[512];

	for (size_t i = 0; i < host_checks_len; i++) {
		enum host_verdict verdict = host_checks[i].look(words, sizeof(words));

		check_say(verdict, host_checks[i].name, "%s", words);
	}
}

/* --- targets ------------------------------------------------------------------------------------
 */

struct seen {
	struct tlslib_cache *cache;
	struct tlslib *libraries;
	unsigned readable, others, closed, hidden;
	char names[256]; /* of the others */
};

static void add_name(char *names, size_t len, pid_t pid, const char *remark)
{
	size_t used = strlen(names);
	char name[64] = "?";

	procname_read(pid, name, sizeof(name));
	snprintf(names + used, len - used, "%s%s (%d%s)", used ? ", " : "", name, (int)pid, remark);
}

static void look_at_process(void *context, pid_t pid)
{
	struct seen *s = context;
	int n = pid ? tlslib_find(s->cache, pid, s->libraries, TLSLIB_MAX, UINT64_MAX) : 0;

	s->hidden += !pid;
	if (!pid)
		return;
	tlslib_release(s->libraries, n > 0 ? (size_t)n : 0);
	s->readable += n > 0;
	s->closed += n == -EACCES || n == -EPERM;
	if (n > 0 || n == -EACCES || n == -EPERM)
		return;
	s->others++;
	add_name(s->names, sizeof(s->names), pid,
		 n == -ESTALE ? ", its library was replaced on disk: restart it" : "");
}

static void look_for_filter(void *context, pid_t pid)
{
	struct seen *s = context;

	if (pid && procfs_filtered(pid))
		add_name(s->names, sizeof(s->names), pid, "");
}

static void check_filtered(const struct probe *probe, const struct target *targets, size_t len)
{
	struct seen s = {0};

	if (!probe_harms_filtered(probe)) {
		check_say(
			HOST_OK, "seccomp",
			"reading TLS does not harm processes with a seccomp filter on this kernel");
		return;
	}
	for (size_t i = 0; i < len; i++)
		target_each_process(&targets[i], look_for_filter, &s);
	check_say(HOST_WARN, "seccomp",
		  "this kernel kills a process with a seccomp filter when its TLS is read, so "
		  "these are "
		  "left alone; in the targets: %s; run a kernel with the fix (6.12.14, 6.13.3, "
		  "6.14 or "
		  "newer)",
		  s.names[0] ? s.names : "none now");
}

/* What is meant by target T, for people: its cgroup, or how many those are. */
static void describe_target(const struct target *t, char *text, size_t len)
{
	if (t->cgroups_len == 1)
		snprintf(text, len, "%s", t->cgroups[0]->cgroup.path);
	else
		snprintf(text, len, "%s, %zu cgroups", t->name, t->cgroups_len);
}

static void check_processes(const struct target *t)
{
	char what[512];
	struct seen s = {.cache = tlslib_cache_new(),
			 .libraries = calloc(TLSLIB_MAX, sizeof(*s.libraries))};

	describe_target(t, what, sizeof(what));
	if (s.cache && s.libraries) {
		target_each_process(t, look_at_process, &s);
		check_say(HOST_OK, "target", "%s: %u process%s whose TLS can be read", what,
			  s.readable, s.readable == 1 ? "" : "es");
		if (s.closed)
			check_say(HOST_WARN, "target",
				  "%s: this user may not look into %u process%s; run as root, or "
				  "with "
				  "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH",
				  what, s.closed, s.closed == 1 ? "" : "es");
		if (s.hidden)
			check_say(HOST_WARN, "target",
				  "%s: %u process%s in a PID namespace that is not seen from here, "
				  "whose "
				  "TLS "
				  "cannot be read; run telltale in the host's (--pid=host)",
				  what, s.hidden, s.hidden == 1 ? "" : "es");
		if (s.others)
			check_say(HOST_WARN, "target",
				  "%s: no readable TLS library in %s; if one of them uses TLS, let "
				  "it "
				  "speak plain HTTP to a local proxy that does the TLS",
				  what, s.names);
	}
	free(s.libraries);
	tlslib_cache_free(s.cache);
}

/* Says which programs the kernel accepted. */
static void check_programs(const struct probe *probe, const struct target *targets, size_t len)
{
	const char *refused = probe_tls_refused(probe), *witness = probe_witness_refused(probe);

	if (witness)
		check_say(HOST_WARN, "programs", "what passes the taps by is not noticed: %s",
			  witness);
	else if (!probe_tells_drops(probe))
		check_say(HOST_WARN, "programs",
			  "this kernel does not tell on which connection it drops a segment: where "
			  "a peer has TCP drop what telltale has read, nobody notices; Linux 6.11 "
			  "and newer tell it");
	if (refused) {
		check_say(HOST_OK, "programs", "the kernel accepts the programs for plain HTTP");
		check_say(HOST_WARN, "programs",
			  "TLS cannot be read: %s; let the connector speak plain HTTP to a local "
			  "proxy "
			  "that does the TLS",
			  refused);
		return;
	}
	check_say(HOST_OK, "programs", "the kernel accepts the BPF programs");
	if (!probe_tells_execs(probe))
		check_say(
			HOST_WARN, "programs",
			"this kernel does not report new processes: TLS in the first second of one "
			"may be missed; Linux 5.15 and newer report them");
	check_filtered(probe, targets, len);
}

/* What is taken from the start, what HTTP/2 takes as its tables fill, and what connections take. */
static void check_memory(const struct config *config, const struct probe *probe, size_t len)
{
	const size_t flows = probe_flows_each(len);
	const uint64_t more = probe_tables_more(probe);
	char grows[64] = "";

	if (more)
		snprintf(grows, sizeof(grows), ", and up to %.1f MB more as HTTP/2 needs it",
			 (double)more / 1e6);
	check_say(HOST_OK, "memory",
		  "%.1f MB of the kernel's for %zu target%s, with room for %" PRIu64
		  " TLS connections with ILP%s; each other connection with ILP takes %.1f KB while "
		  "it is open, at most %.1f MB for a target",
		  (double)probe_tables_bytes(probe) / 1e6, len, len == 1 ? "" : "s",
		  config_tls_connections(config), grows, PROBE_FLOW_BYTES / 1e3,
		  (double)flows * PROBE_FLOW_BYTES / 1e6);
}

/* As `run` would find it: a target that is not there is waited for, save a process that has ended.
 */
static void check_target(const struct target *t)
{
	struct target_status s = target_status(t);

	if (s.refused)
		check_say(s.error == -EBUSY ? HOST_WARN : HOST_FAIL, "target", "%s: %s", t->name,
			  s.reason);
	else if (!t->cgroups_len)
		check_say(s.state == TARGET_GONE ? HOST_FAIL : HOST_WARN, "target", "%s: %s: %s",
			  t->name, target_states[s.state], s.reason);
	if (t->cgroups_len)
		check_processes(t);
}

static size_t make_targets(const struct config *config, const char *mount, struct target *targets)
{
	char why[512];
	size_t n = 0;

	for (size_t i = 0; i < config->targets_len; i++) {
		why[0] = '\0';
		if (!target_init(&targets[n], &config->targets[i], mount, why, sizeof(why)))
			n++;
		else
			check_say(HOST_FAIL, "target", "%s: %s", config->targets[i].name, why);
	}
	return n;
}

/* Loads as `run` would. */
static void check_load(const struct config *config, const struct target *targets, size_t len)
{
	static const struct siphash_key none;
	struct probe *probe = NULL;
	char why[512] = "";

	check_wait("programs", "the kernel verifies them, which may take 10 s");
	if (probe_open(&none, &none, len, config_tls_connections(config), &probe, why,
		       sizeof(why))) {
		check_say(HOST_FAIL, "programs", "%s", why);
		return;
	}
	check_programs(probe, targets, len);
	check_memory(config, probe, len);
	probe_close(probe);
}

/* Finds as `run` would, and loads as it would unless a telltale runs that has; attaches nothing. */
static void check_targets(const struct config *config)
{
	static struct target targets[CONFIG_TARGETS_MAX];
	char *mount = cgroup_mount();
	struct follow *follow = NULL;
	size_t n = mount ? make_targets(config, mount, targets) : 0;
	int err = n ? follow_new(targets, n, mount, &follow) : 0;

	if (err)
		check_say(HOST_FAIL, "target", "the hierarchy of cgroups cannot be watched: %s",
			  strerror(-err));
	/* What follows takes seconds, and a telltale that starts meanwhile is not to find them
	 * taken. */
	if (follow)
		follow_unlock(follow);
	for (size_t i = 0; i < n && follow; i++)
		check_target(&targets[i]);
	if (!check_running(config))
		check_load(config, targets, n);
	follow_free(follow);
	while (n > 0)
		target_fini(&targets[--n]);
	free(mount);
}

/* --- what it talks to ---------------------------------------------------------------------------
 */

/* 0 when PATH is a directory that can be written, or can be made (*MADE is then true); -errno when
 * not. */
static int try_directory(const char *path, bool *made)
{
	char *copy = strdup(path);
	const char *above = copy ? dirname(copy) : "/";
	int err = access(path, W_OK | X_OK) ? -errno : 0;

	*made = err == -ENOENT;
	if (*made)
		err = access(above, W_OK | X_OK) ? -errno : 0;
	free(copy);
	return err;
}

static void check_directory(const char *key, const char *path)
{
	bool made;
	int err = try_directory(path, &made);

	if (err)
		check_say(HOST_FAIL, key, "%s cannot be written: %s; run as root, or set %s", path,
			  strerror(-err), key);
	else
		check_say(HOST_OK, key, "%s%s", path, made ? " will be made" : "");
}

static void check_token(const struct config *config)
{
	char token[PAGE_TOKEN_MAX + 1], why[192] = "";

	if (!config->listen_token)
		return;
	if (page_token_load(config->listen_token, token, why, sizeof(why)))
		check_say(HOST_FAIL, "listen_token", "%s %s", config->listen_token, why);
	else
		check_say(HOST_OK, "listen_token", "%s", config->listen_token);
	explicit_bzero(token, sizeof(token));
}

static void check_traces(const struct config *config)
{
	const char *path = config->profile.traces.key_file;
	struct siphash_key key;
	char why[256] = "";

	if (!path)
		return;
	if (tracekey_load(path, &key, why, sizeof(why)))
		check_say(HOST_FAIL, "traces", "profile.traces.key_file: %s %s", path, why);
	else
		check_say(HOST_OK, "traces", "the key in %s", path);
	explicit_bzero(&key, sizeof(key));
}

static void check_unix(const struct config *config, const char *listen, const char *path)
{
	const char *group = config->listen_group;
	char *copy = strdup(path);
	bool made;
	int err = copy ? try_directory(dirname(copy), &made) : -ENOMEM;

	if (err)
		check_say(
			HOST_FAIL, "listen",
			"%s cannot be made: %s; set listen to a path in an existing directory that "
			"can be written",
			listen, strerror(-err));
	else
		check_say(HOST_OK, "listen", "%s, for this user, root%s%s only", listen,
			  group ? " and the group " : "", group ? group : "");
	free(copy);
}

/* Whether a telltale answers on the socket of the commands. */
static bool is_running(const struct config *config)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool answers = false;

	if (fd >= 0 && snprintf(address.sun_path, sizeof(address.sun_path), "%s/control.sock",
				config->run_dir) < (int)sizeof(address.sun_path))
		answers = !connect(fd, (struct sockaddr *)&address, sizeof(address)) ||
			  errno == EAGAIN; /* its queue is full */
	if (fd >= 0)
		close(fd);
	return answers;
}

static void check_group(const struct config *config)
{
	char why[256];
	gid_t group;

	if (config->listen_group && page_group_find(config->listen_group, &group, why, sizeof(why)))
		check_say(HOST_FAIL, "listen_group", "%s", why);
}

static void check_page(const struct config *config)
{
	char why[256] = "";
	int fd = -1;

	check_group(config);

	if (!config->listen) {
		check_say(HOST_OK, "listen", "none: neither the page nor /metrics");
		return;
	}
	check_token(config);
	if (page_unix_path(config->listen)) {
		check_unix(config, config->listen, page_unix_path(config->listen));
		return;
	}
	fd = page_listen_inet(config->listen, config->listen_token != NULL, why, sizeof(why));
	if (fd == -EADDRINUSE && is_running(config))
		check_say(HOST_OK, "listen", "http://%s/, of the telltale that runs",
			  config->listen);
	else if (fd < 0)
		check_say(HOST_FAIL, "listen", "%s", why);
	else if (!config_listen_is_local(config->listen))
		check_say(HOST_WARN, "listen",
			  "http://%s/ is open to other hosts: anyone with the token sees exact "
			  "figures, "
			  "and so does anyone on the path, since there is no TLS; put a proxy with "
			  "TLS "
			  "before it, or listen on loopback and use ssh -L",
			  config->listen);
	else
		check_say(HOST_OK, "listen", "http://%s/", config->listen);
	if (fd >= 0)
		close(fd);
}

static void check_collectors(const struct config *config)
{
	char why[512], way[EXPORT_WAY];

	if (!config->endpoints_len)
		check_say(HOST_OK, "collector", "none: nothing leaves this host");
	for (size_t i = 0; i < config->endpoints_len; i++) {
		const struct config_endpoint *e = &config->endpoints[i];
		const char *audience = e->audience == AUDIENCE_NETWORK ? "network" : "own";

		why[0] = '\0';
		check_wait("collector", "being asked");
		export_way(e, way);
		if (way[0])
			check_say(HOST_WARN, "collector",
				  "%s (%s) is reached%s; if that is not intended, name its host in "
				  "no_proxy or unset the variable",
				  e->url, audience, way);
		if (export_try(e, COLLECTOR_TIMEOUT_MS, why, sizeof(why)))
			check_say(HOST_FAIL, "collector",
				  "%s (%s): %s; check that it runs and that scheme, host and port "
				  "are "
				  "right",
				  e->url, audience, why);
		else
			check_say(HOST_OK, "collector", "%s (%s): answers", e->url, audience);
	}
}

static void say_unreadable(void *context, const char *path, int err)
{
	unsigned *n = context;

	check_say(HOST_FAIL, "user",
		  "%s cannot be read by the user " ACCOUNT_NAME
		  " of the service: %s; `chgrp " ACCOUNT_NAME "` and `chmod g+r` let it",
		  path, strerror(-err));
	++*n;
}

/* Root reads everything, and the daemon half does not. */
static void check_account(const struct config *config)
{
	const struct passwd *user = account_find();
	unsigned unreadable = 0;
	int err = user ? account_each_unreadable(user, config, say_unreadable, &unreadable) : 0;

	if (err)
		check_say(HOST_WARN, "user",
			  "it cannot be tried what the user " ACCOUNT_NAME " reads: %s",
			  strerror(-err));
	else if (user && !unreadable)
		check_say(HOST_OK, "user",
			  "the user " ACCOUNT_NAME
			  " of the service can read all that the configuration names");
}

int cmd_check(int argc, char **argv)
{
	struct arguments a = {0};
	struct config *config;
	bool failed = false;

	if (argp_parse(&parser, argc, argv, 0, NULL, &a))
		return EXIT_FAILURE;
	log_route_libbpf();
	/* The lines of `check` say it better than libbpf, gRPC and the rates do. */
	log_set_level(LOG_LEVEL_ERR);
	config = command_config_load(&a.config);
	if (!config)
		return EXIT_FAILURE;
	if (a.print) {
		config_print(config, stdout);
	} else if (a.json && check_as_json()) {
		log_err("check", "out of memory");
		failed = true;
	} else {
		check_consent(config);
		check_account(config);
		check_host();
		check_targets(config);
		check_directory("state_dir", config->state_dir);
		check_directory("run_dir", config->run_dir);
		check_page(config);
		check_traces(config);
		check_rates(config);
		check_collectors(config);
		failed = check_sum();
	}
	config_free(config);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
