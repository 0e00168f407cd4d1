/* SPDX-License-Identifier: Apache-2.0 */
/* discover.c - `telltale discover`: which units, containers and programs of this host speak ILP. */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/procname.h"
#include "bpf/record.h"
#include "cmd/commands.h"
#include "cmd/onlooker.h"
#include "cmd/speakers.h"
#include "config/config.h"
#include "config/text.h"
#include "privacy/entropy.h"
#include "tap/host.h"
#include "tap/sockets.h"

#define FOR_MS          10000
#define FOR_MS_MAX      3600000
#define DRAIN_NS        (20 * NS_PER_MS)
#define TICK_NS         (500 * NS_PER_MS)
#define TLS_CONNECTIONS 1024
#define FLOWS_MAX       4096 /* connections remembered; further ones are not looked at */
#define UNREAD_MAX      64   /* of TLS, looked at in the end */
#define UNREAD_NS       (2 * NS_PER_S)

struct arguments {
	uint32_t for_ms;
	bool yes;
};

struct flow {
	uint64_t id;
	uint32_t pid; /* 0: of a socket */
	bool http2;
};

struct discovery {
	struct onlooker onlooker;
	struct speakers speakers;
	struct flow flows[FLOWS_MAX];
	size_t flows_len;
	struct record_opaque unread[UNREAD_MAX];
	size_t unread_len;
	uint64_t may_look_ns, looked_ns; /* for the owners of sockets */
	size_t unknown;                  /* connections whose program was not found */
};

static const struct argp_option options[] = {
	{"for", 't', "TIME", 0, "How long to watch, as in 10s (the default) or 5m", 0},
	{"yes", 'y', NULL, 0, "Agree without being asked, for automation", 0},
	{0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;
	char why[CONFIG_WHY];

	switch (key) {
	case 't':
		if (config_parse_duration(arg, 1000, FOR_MS_MAX, &a->for_ms, why))
			argp_error(state, "--for %s: %s", arg, why);
		return 0;
	case 'y': a->yes = true; return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp parser = {
	.options = options,
	.parser = parse_option,
	.doc = "Watches all of this host for a while, and prints which units, containers and "
	       "programs speak ILP, over what, and what to write into the configuration. It asks "
	       "first, and needs root. Nothing leaves this host, nothing stays attached, and no "
	       "amount, address or token is printed.\v"
	       "A connector is seen when it pays or is paid meanwhile. This is the only command "
	       "that looks at programs that nobody has named.\n\n"
	       "Exit status: 0 when somebody speaks ILP, 1 when nobody was seen or something "
	       "failed, 2 for wrong usage, and when there is no terminal to ask on and no --yes.",
};

static volatile sig_atomic_t ended;

static void end(int signal)
{
	(void)signal;
	ended = 1;
}

/* --- whose it is ------------------------------------------------------------------------- */

static void add_process(struct discovery *d, pid_t pid, enum speaker_way way, enum record_role role)
{
	char number[16], path[PATH_MAX], why[512], program[64] = "?";
	const char *mount = d->onlooker.mount;
	struct naming naming;

	snprintf(number, sizeof(number), "%d", (int)pid);
	/* A process in no cgroup of its own is in that of the whole host. */
	if (cgroup_of_pid(number, mount, path, sizeof(path), why, sizeof(why)))
		naming_of("/", &naming);
	else {
		naming_of(path + strlen(mount), &naming);
		naming_look_up("", mount, path + strlen(mount), &naming);
	}
	procname_read(pid, program, sizeof(program));
	speakers_add(&d->speakers, &naming, program, way,
		     role == RECORD_ROLE_CLIENT   ? SPEAKER_SENDS
		     : role == RECORD_ROLE_SERVER ? SPEAKER_RECEIVES
						  : 0);
}

/* Looking for the owner of a socket takes as long as the host has sockets. */
static struct sockets_owner find_owner(struct discovery *d, const struct record_remote *remote,
				       enum record_role role)
{
	uint64_t begin_ns = clock_mono_ns();
	struct sockets_owner owner = {.pid = 0};

	if (d->looked_ns < d->may_look_ns)
		owner = sockets_find(d->onlooker.processes, 0, remote, role);
	d->looked_ns += clock_mono_ns() - begin_ns;
	return owner;
}

/* False: it was seen before, or there is no room to remember it. */
static bool is_new(struct discovery *d, const struct record_flow *flow, bool socket, bool http2)
{
	struct flow f = {flow->id, socket ? 0 : flow->pid, http2};

	for (size_t i = 0; i < d->flows_len; i++) {
		if (d->flows[i].id == f.id && d->flows[i].pid == f.pid &&
		    d->flows[i].http2 == f.http2)
			return false;
	}
	if (d->flows_len == FLOWS_MAX)
		return false;
	d->flows[d->flows_len++] = f;
	return true;
}

static void add_flow(struct discovery *d, const struct record_head *head,
		     const struct record_flow *flow, const struct record_remote *remote, bool http2)
{
	bool socket = head->tap == RECORD_TAP_SOCKET;
	enum speaker_way way = http2 ? SPEAKER_HTTP2 : socket ? SPEAKER_PLAIN : SPEAKER_TLS;
	pid_t pid = (pid_t)flow->pid;

	if (!is_new(d, flow, socket, http2))
		return;
	if (socket)
		pid = find_owner(d, remote, head->role).pid;
	if (pid)
		add_process(d, pid, way, head->role);
	else
		d->unknown++;
}

/* --- what is seen ------------------------------------------------------------------------ */

static void take_message(struct discovery *d, const struct record_message *m)
{
	if (m->kind == RECORD_KIND_PREPARE || m->kind == RECORD_KIND_FULFILL ||
	    m->kind == RECORD_KIND_REJECT)
		add_flow(d, &m->head, &m->flow, &m->remote, false);
}

static void take_opaque(struct discovery *d, const struct record_opaque *o)
{
	if (o->reason == RECORD_OPAQUE_HTTP2)
		add_flow(d, &o->head, &o->flow, &o->remote, true);
	else if (o->reason == RECORD_OPAQUE_TLS && d->unread_len < UNREAD_MAX &&
		 is_new(d, &o->flow, true, false))
		d->unread[d->unread_len++] = *o;
}

static void take_record(void *context, const void *record, size_t size)
{
	const struct record_head *head = record;

	(void)size;
	if (head->type == RECORD_MESSAGE)
		take_message(context, record);
	else if (head->type == RECORD_OPAQUE)
		take_opaque(context, record);
}

/* TLS that the socket tap has seen, and that no tap in the process reads. */
static void look_at_unread(struct discovery *d)
{
	d->looked_ns = 0;
	d->may_look_ns = UNREAD_NS;
	for (size_t i = 0; i < d->unread_len; i++) {
		const struct record_opaque *o = &d->unread[i];
		struct sockets_owner owner = find_owner(d, &o->remote, o->head.role);

		if (owner.pid && owner.verdict != SOCKETS_READ)
			add_process(d, owner.pid, SPEAKER_UNREAD, owner.role);
	}
}

static void watch(struct discovery *d, uint64_t for_ns)
{
	const struct timespec pause = {0, DRAIN_NS};
	uint64_t begin_ns = clock_mono_ns(), now_ns = begin_ns, tick_ns = begin_ns;

	d->may_look_ns = for_ns / 2;
	while (now_ns - begin_ns < for_ns && !ended) {
		nanosleep(&pause, NULL);
		if (now_ns >= tick_ns) {
			processes_scan(d->onlooker.processes);
			tick_ns = now_ns + TICK_NS;
		}
		onlooker_read(&d->onlooker, take_record, d);
		processes_catch_up(d->onlooker.processes);
		now_ns = clock_mono_ns();
	}
	look_at_unread(d);
}

/* --- from beginning to end --------------------------------------------------------------- */

/* 0 or -errno, logged. */
static int look_on(struct discovery *d, uint32_t for_ms)
{
	static const struct config_target host = {.kind = TARGET_CGROUP, .name = (char *)"/"};
	struct siphash_key key;
	int err;

	d->onlooker.stage = "discover";
	privacy_random_kernel(NULL, &key, sizeof(key));
	err = onlooker_find(&d->onlooker, &host, 1);
	if (!err)
		err = onlooker_attach(&d->onlooker, &key, TLS_CONNECTIONS);
	if (!err) {
		processes_start(d->onlooker.processes);
		log_info("discover", "ready: watching for %g s", for_ms / 1000.0);
		watch(d, for_ms * (uint64_t)NS_PER_MS);
	}
	if (err == -ENOMEM)
		log_err("discover", "memory is short");
	onlooker_fini(&d->onlooker);
	return err;
}

static void show(const struct discovery *d)
{
	speakers_print(&d->speakers, stdout);
	if (d->unknown)
		printf("\n%zu connection%s with ILP had ended before the program was found: look "
		       "longer with --for.\n",
		       d->unknown, d->unknown == 1 ? "" : "s");
}

static int discover(uint32_t for_ms)
{
	const struct sigaction on_end = {.sa_handler = end};
	struct discovery *d = calloc(1, sizeof(*d));
	int err;

	if (!d) {
		log_err("discover", "memory is short");
		return -ENOMEM;
	}
	sigaction(SIGINT, &on_end, NULL);
	sigaction(SIGTERM, &on_end, NULL);
	err = look_on(d, for_ms);
	if (!err) {
		show(d);
		err = speakers_known(&d->speakers) ? 0 : -ENOENT;
	}
	free(d);
	return err;
}

int cmd_discover(int argc, char **argv)
{
	struct arguments a = {.for_ms = FOR_MS};
	char lacking[256];

	if (argp_parse(&parser, argc, argv, 0, NULL, &a))
		return EXIT_FAILURE;
	log_route_libbpf();
	if (!command_may_ask("discover", a.yes))
		return EXIT_USAGE;
	if (!host_may_start(lacking, sizeof(lacking))) {
		log_err("discover", "%s", lacking);
		return EXIT_FAILURE;
	}
	if (!a.yes)
		printf("For %g s this looks at the connections of every program on this host, also "
		       "inside TLS,\nto find those that speak ILP. It prints their names; no "
		       "amount, "
		       "address or token.\nNothing leaves this host, and nothing stays attached.\n",
		       a.for_ms / 1000.0);
	if (!command_is_agreed(a.yes)) {
		puts("Nothing was looked at.");
		return EXIT_FAILURE;
	}
	return discover(a.for_ms) ? EXIT_FAILURE : EXIT_SUCCESS;
}
