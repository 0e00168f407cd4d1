/* SPDX-License-Identifier: Apache-2.0 */
#include "halves/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/fdstore.h"
#include "base/hostkey.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/pace.h"
#include "base/privilege.h"
#include "base/sandbox.h"
#include "base/signals.h"
#include "base/tracekey.h"
#include "base/turns.h"
#include "config/config.h"
#include "config/profiling.h"
#include "halves/looker.h"
#include "halves/sightings.h"
#include "halves/talk.h"
#include "halves/watched.h"
#include "privacy/entropy.h"
#include "tap/kept.h"
#include "tap/probe.h"
#include "tap/processes.h"
#include "tap/timing.h"

#define STAGE        "probe"
#define TICK_MS      1000 /* between two looks at the targets' processes */
#define BUSY_MS      50   /* between two rounds while something is left to be done */
#define REST_MS      250  /* ... while packets are read; otherwise a tick is enough */
#define ACTIVE_TICKS 3    /* since the last of them */
#define KEY_WAIT_MS  1000
#define END_MS       10000 /* for the daemon half: its last export, and one more when it reloads */
#define LEFT_MS      8000  /* for a daemon half that is leaving, before the next probe half comes */
#define SETTLE_TICKS 15    /* until all processes have been looked at again */
#define SWEEP_TICKS  30    /* between two sweeps of what the programs remember */
#define WATCH_TICKS  60    /* until the threads of every process have been listed again */

struct keeper {
	const struct keeper_options *options;
	const struct config *config;
	struct fdstore *store; /* NULL: nothing outlives this process */
	struct watched watched;
	struct probe *probe;
	struct timing *timing; /* NULL: not wanted, or the kernel refuses it: see no_clocks */
	char no_clocks[WIRE_TEXT_MAX];
	struct processes *processes;
	struct looker looker;
	struct witness *witness; /* NULL: the kernel does not take its programs */
	struct sightings sightings;
	struct talk *talk;
	uint64_t execs;
	unsigned ticks;
	struct turns turns;

	struct event_base *base;
	struct event *events[10];
	size_t events_len;
	struct pace rounds; /* one of events */
	unsigned active;    /* ticks that packets are still waited for */
	bool missed;        /* as in the welcome */
	bool in_terminal;   /* it was started in one */
	bool stopping;
	bool withdrawn; /* the configuration has taken its consent back */
	int err;        /* why it ends */
};

/* --- events ----------------------------------------------------------------------------------- */

static void stop(struct keeper *k)
{
	k->stopping = true;
	event_base_loopbreak(k->base);
}

static void daemon_parted(void *context)
{
	struct keeper *k = context;

	k->err = -EPIPE;
	stop(k);
}

static void daemon_left(void *context)
{
	struct keeper *k = context;

	if (k->stopping)
		event_base_loopbreak(k->base);
}

static void exec_begun(void *context, const struct record_exec *record)
{
	struct keeper *k = context;

	k->execs++;
	if (k->timing)
		timing_watch(k->timing, (pid_t)record->pid);
	processes_exec(k->processes, (pid_t)record->pid, record->head.target);
}

static void on_execs(evutil_socket_t fd, short what, void *context)
{
	struct keeper *k = context;

	(void)fd;
	(void)what;
	turns_note(&k->turns);
	processes_turn(k->processes);
	probe_execs(k->probe, exec_begun, k);
	talk_closed(k->talk);
}

static void on_processes(evutil_socket_t fd, short what, void *context)
{
	struct keeper *k = context;

	(void)fd;
	(void)what;
	turns_note(&k->turns);
	processes_catch_up(k->processes);
	talk_closed(k->talk);
}

static void look_for_witness(struct keeper *k)
{
	turns_note(&k->turns);
	if (talk_is_leaving(k->talk)) /* it waits for what it has in hand to be witnessed */
		witness_soon(k->witness);
	witness_tick(k->witness);
	talk_sightings(k->talk);
}

static unsigned pace_of(const struct keeper *k)
{
	if (k->witness && witness_is_looking(k->witness))
		return BUSY_MS;
	return k->active || talk_is_leaving(k->talk) ? REST_MS : 0;
}

static void set_pace(struct keeper *k)
{
	pace_set(&k->rounds, pace_of(k));
}

static void daemon_leaving(void *context)
{
	set_pace(context);
}

static void note_activity(struct keeper *k)
{
	if (probe_is_active(k->probe))
		k->active = ACTIVE_TICKS;
	else if (k->active)
		k->active--;
}

/* What goes on in small steps. */
static void on_round(evutil_socket_t fd, short what, void *context)
{
	struct keeper *k = context;

	on_processes(fd, what, context);
	if (k->witness)
		look_for_witness(k);
	set_pace(k);
}

static int watch_clock(void *context, pid_t pid, enum process_tls tls)
{
	(void)tls;
	timing_watch(context, pid);
	return 0;
}

/* What has come to a target may run already. */
static void watch_clocks(struct keeper *k)
{
	for (unsigned i = 0; k->timing && i < k->watched.len; i++)
		processes_each(k->processes, i, watch_clock, k->timing);
}

/* What a watched thread starts is watched from its beginning, and so is what begins a program. This
 * is for all others: a process of which nothing is watched, at once; a thread that another one with
 * the same place had put out, and what it has started since, when its process has its turn. */
static int watch_clock_again(void *context, pid_t pid, enum process_tls tls)
{
	struct keeper *k = context;

	(void)tls;
	if ((unsigned)pid % WATCH_TICKS == k->ticks % WATCH_TICKS)
		timing_watch(k->timing, pid);
	else
		timing_watch_unseen(k->timing, pid);
	return 0;
}

static void watch_clocks_again(struct keeper *k)
{
	for (unsigned i = 0; k->timing && i < k->watched.len; i++)
		processes_each(k->processes, i, watch_clock_again, k);
}

/* What has come to a target may have processes already. */
static void on_targets(evutil_socket_t fd, short what, void *context)
{
	struct keeper *k = context;

	(void)fd;
	(void)what;
	turns_note(&k->turns);
	follow_changed(k->watched.follow);
	processes_scan(k->processes);
	watch_clocks(k);
	if (k->witness)
		witness_soon(k->witness);
	talk_news(k->talk);
	k->active = ACTIVE_TICKS;
	set_pace(k);
}

static void on_tick(evutil_socket_t fd, short what, void *context)
{
	struct keeper *k = context;

	(void)fd;
	(void)what;
	turns_note(&k->turns);
	processes_scan(k->processes);
	watch_clocks_again(k);
	if (++k->ticks == SETTLE_TICKS)
		probe_settle(k->probe);
	if (k->ticks % SWEEP_TICKS == 0)
		probe_sweep(k->probe);
	if (k->witness)
		look_for_witness(k);
	talk_news(k->talk);
	note_activity(k);
	set_pace(k);
}

/* One that is restarted while its daemon half is too, waits for what that leaves to the next. */
static void on_signal(evutil_socket_t fd, short what, void *context)
{
	const struct timeval patience = {.tv_sec = LEFT_MS / 1000};
	struct keeper *k = context;

	(void)what;
	log_info("run", "%s: flushing and stopping", strsignal((int)fd));
	notify_stopping();
	k->stopping = true;
	talk_stopping(k->talk);
	if (k->store && talk_is_leaving(k->talk))
		event_base_loopexit(k->base, &patience);
	else
		event_base_loopbreak(k->base);
}

/* --- the configuration is read again ---------------------------------------------------------- */

/* For each target a number that tells it from others. */
static void number_targets(const struct config *c, uint64_t *numbers)
{
	char text[PATH_MAX];

	for (size_t i = 0; i < c->targets_len; i++) {
		snprintf(text, sizeof(text), "%d %s", (int)c->targets[i].kind, c->targets[i].name);
		numbers[i] = kept_hash(text, strlen(text));
	}
}

static bool same_targets(const struct config *a, const struct config *b)
{
	uint64_t x[CONFIG_TARGETS_MAX], y[CONFIG_TARGETS_MAX];

	number_targets(a, x);
	number_targets(b, y);
	return a->targets_len == b->targets_len && !memcmp(x, y, a->targets_len * sizeof(x[0]));
}

/* Ports and all: they are in the programs, as is the key of traces. */
static bool same_profile(const struct config_profile *a, const struct config_profile *b)
{
	return a->columns == b->columns && config_same_dependencies(a, b) &&
	       config_same_traces(a, b);
}

static bool is_changed(const struct config *old, const struct config *new)
{
	return !same_targets(old, new) || old->tls_connections != new->tls_connections ||
	       strcmp(old->state_dir, new->state_dir) != 0 ||
	       !same_profile(&old->profile, &new->profile);
}

/* The next probe half begins with the new configuration, and everything that both mean stays
 * attached until then. Without a service manager there is none. */
static void take_config(struct keeper *k, const struct config *next)
{
	const char *why = config_consent(next);

	if (why) {
		log_warn("reload", "%s (configuration: %s): detaching", why, config_file(next));
		k->withdrawn = true;
		stop(k);
	} else if (!is_changed(k->config, next)) {
		log_info("reload", "nothing has changed for the probe half");
	} else if (!watched_check(next)) {
		log_err("reload", "the targets of before stay attached");
	} else if (!k->store) {
		log_err("reload", "without a service manager that keeps what is attached, only a "
				  "restart of `telltale probe` takes other targets");
	} else {
		log_info("reload", "other targets: starting anew");
		stop(k);
	}
}

static void reload(struct keeper *k)
{
	struct config *next = k->options->load(k->options->load_context);

	if (next)
		take_config(k, next);
	else
		log_err("reload", "the configuration of before stays in use, unchanged");
	config_free(next);
}

/* A manager asks for a reload. Or the terminal that it was started in was closed: then nobody is
 * there to stop it later. */
static void on_hangup(evutil_socket_t fd, short what, void *context)
{
	struct keeper *k = context;

	if (k->in_terminal && !isatty(STDERR_FILENO))
		on_signal(fd, what, context);
	else if (k->options->daemon)
		kill(k->options->daemon, SIGHUP);
	else
		reload(k);
}

static int add_event(struct keeper *k, int fd, short what, event_callback_fn callback,
		     unsigned every_ms)
{
	struct timeval interval = {every_ms / 1000, (every_ms % 1000) * 1000L};
	struct event *e = event_new(k->base, fd, what, callback, k);

	if (!e || event_add(e, every_ms ? &interval : NULL)) {
		if (e)
			event_free(e);
		return -ENOMEM;
	}
	k->events[k->events_len++] = e;
	return 0;
}

static int add_events(struct keeper *k)
{
	const struct {
		int fd;
		event_callback_fn callback;
		short what;
		unsigned every_ms;
	} wanted[] = {
		{probe_execs_fd(k->probe), on_execs, EV_READ, 0},
		{follow_fd(k->watched.follow), on_targets, EV_READ, 0},
		{processes_fd(k->processes), on_processes, EV_READ, 0},
		{-1, on_tick, 0, TICK_MS},
		{SIGTERM, on_signal, EV_SIGNAL, 0},
		{SIGINT, on_signal, EV_SIGNAL, 0},
		{SIGHUP, on_hangup, EV_SIGNAL, 0},
	};
	int err = 0;

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]) && !err; i++)
		err = add_event(k, wanted[i].fd, (short)(wanted[i].what | EV_PERSIST),
				wanted[i].callback, wanted[i].every_ms);
	if (!err)
		err = add_event(k, -1, EV_PERSIST, on_round, REST_MS);
	if (!err)
		k->rounds.event = k->events[k->events_len - 1];
	k->rounds.ms = REST_MS;
	return err;
}

/* Whether consent was taken back since the configuration was read: then there is no next probe
 * half. A configuration that cannot be read says nothing. */
static bool is_withdrawn(const struct keeper *k)
{
	struct config *now = k->options->load(k->options->load_context);
	bool withdrawn = k->withdrawn || (now && config_consent(now));

	config_free(now);
	return withdrawn;
}

/* Does a SIGHUP that waits since the start say so? */
static bool withdraws(struct keeper *k)
{
	k->withdrawn = signals_reload_waits() && is_withdrawn(k);
	if (k->withdrawn)
		log_warn("run", "consent was taken back: nothing is attached");
	return k->withdrawn;
}

/* --- from beginning to end -------------------------------------------------------------------- */

/* Each process with a TLS library takes some descriptors. */
static void prepare_process(void)
{
	struct rlimit files;

	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &files))
		return;
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files))
		log_debug(STAGE, "cannot raise the limit of open files: %s", strerror(errno));
}

/* A daemon half that was started together with this one has made the key. Else it is waited for,
 * because the state directory is the daemon half's. */
static int load_key(struct keeper *k, struct siphash_key *host)
{
	const char *dir = k->config->state_dir;
	struct hostkey key;
	bool said = false;
	char why[512];
	int err;

	while ((err = k->options->socket ? hostkey_read(dir, &key) : hostkey_load(dir, &key)) ==
		       -ENOENT &&
	       k->options->socket) {
		if (!said)
			log_info(STAGE, "waiting for %s/host.key, which the daemon half makes",
				 dir);
		said = true;
		usleep(KEY_WAIT_MS * 1000);
		if (withdraws(k))
			return -ECANCELED;
	}
	if (err) {
		hostkey_explain(dir, err, why, sizeof(why));
		log_err("run", "%s", why);
		return err;
	}
	*host = (struct siphash_key){key.k0, key.k1};
	explicit_bzero(&key, sizeof(key));
	return 0;
}

/* The key of traces, in *KEY; *TRACES points to it, or is NULL where there are none. */
static int load_trace_key(const struct keeper *k, struct siphash_key *key,
			  const struct siphash_key **traces)
{
	const char *path = k->config->profile.traces.key_file;
	char why[256] = "";
	int err = path ? tracekey_load(path, key, why, sizeof(why)) : 0;

	*traces = path ? key : NULL;
	if (err)
		log_err("run", "profile.traces.key_file: %s %s", path, why);
	return err;
}

static int load(struct keeper *k)
{
	uint64_t targets[CONFIG_TARGETS_MAX];
	struct siphash_key host, session, key;
	const struct siphash_key *traces;
	char why[512] = "";
	int err = load_trace_key(k, &key, &traces);

	if (!err)
		err = load_key(k, &host);
	if (err)
		return err;
	number_targets(k->config, targets);
	privacy_random_kernel(NULL, &session, sizeof(session));
	if (!fdstore_has(k->store, "memory."))
		log_info("run",
			 "loading the programs, which the kernel takes a few seconds to verify");
	err = probe_open_again(k->store, targets, &session, traces, &host, k->watched.len,
			       config_tls_connections(k->config), &k->probe, why, sizeof(why));
	explicit_bzero(&key, sizeof(key));
	explicit_bzero(&host, sizeof(host));
	explicit_bzero(&session, sizeof(session));
	if (err) {
		log_err("run", "%s", why);
		return err;
	}
	if (probe_goes_on(k->probe))
		log_info(STAGE, "the programs of the probe half before this one go on");
	if (probe_tls_refused(k->probe))
		log_warn("run", "TLS cannot be read, plain HTTP can: %s",
			 probe_tls_refused(k->probe));
	return 0;
}

/* A file beside the socket says that a probe half was attached. A service manager removes their
 * directory when it stops this one for good. */
static bool follows_another(const struct keeper *k)
{
	char path[PATH_MAX];
	int fd = -1;

	if (k->options->socket &&
	    snprintf(path, sizeof(path), "%s.attached", k->options->socket) < (int)sizeof(path))
		fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	return k->options->socket && fd < 0 && errno == EEXIST;
}

static bool has_process(const struct keeper *k)
{
	bool has = processes_len(k->processes) > 0;

	for (unsigned i = 0; i < k->watched.len && !has; i++)
		has = processes_hidden(k->processes, i) > 0;
	return has;
}

/* Everything else works without them. */
static void open_clocks(struct keeper *k)
{
	struct dependencies dependencies;

	if (!k->config->profile.columns)
		return;
	config_dependencies(k->config, &dependencies);
	if (timing_open(&dependencies, TALK_CLOCKS_BYTES, &k->timing, k->no_clocks,
			sizeof(k->no_clocks)))
		log_warn("run", "no columns: %s", k->no_clocks);
}

static int attach(struct keeper *k)
{
	int err;

	k->processes = processes_new(k->probe, k->watched.list, k->watched.len);
	if (!k->processes)
		return -ENOMEM;
	k->looker.processes = k->processes;
	processes_start(k->processes);
	err = watched_attach(&k->watched, k->probe, k->timing);
	if (err)
		return err;
	watch_clocks(k);
	probe_settle_cgroups(k->probe);
	if (probe_attach_witness(k->probe)) {
		k->witness = witness_new(k->probe, k->processes, k->watched.len, &sightings_ops,
					 &k->sightings);
		if (!k->witness)
			return -ENOMEM;
	}
	probe_attach_execs(k->probe);
	processes_start(k->processes); /* again: from here on it is notified of what begins */
	/* The first look knows which connections are older than the programs. */
	if (k->witness)
		witness_finish(k->witness);
	if (!probe_goes_on(k->probe))
		probe_settle(k->probe);
	return watched_start(&k->watched);
}

/* No Landlock here: who is confined by it may not look into processes that are not, and these are
 * what it is here for. */
static int confine(const struct keeper *k)
{
	int err = sandbox_dumps();

	if (!err)
		err = sandbox_calls(SANDBOX_PROBE, k->options->daemon);
	if (err)
		log_err(STAGE, "cannot confine the probe half: %s", strerror(-err));
	return err;
}

/* Whether a target may have sent something that was not seen, as another probe half was attached
 * before, and this one is where that was not. */
static bool has_missed(const struct keeper *k)
{
	bool follows = follows_another(k);

	if (probe_goes_on(k->probe) && !probe_attached_anew(k->probe))
		return false;
	return follows && has_process(k);
}

static int open_talk(struct keeper *k)
{
	const struct talk_with with = {
		.base = k->base,
		.store = k->store,
		.link = k->options->link,
		.socket = k->options->socket,
		.user = k->options->user,
	};

	return talk_open(&with, &k->talk);
}

static int begin_talk(struct keeper *k)
{
	const struct talk_about about = {
		.probe = k->probe,
		.watched = &k->watched,
		.processes = k->processes,
		.looker = &k->looker,
		.sightings = &k->sightings,
		.execs = &k->execs,
		.timing = k->timing,
		.no_clocks = k->no_clocks[0] ? k->no_clocks : NULL,
		.session = probe_session(k->probe),
		.hashes = probe_hashes(k->probe),
		.traces = k->config->profile.traces.key_file != NULL,
		.witness = k->witness != NULL,
		.missed = k->missed,
		.kept = k->store != NULL,
		.parted = daemon_parted,
		.leaving = daemon_leaving,
		.left = daemon_left,
		.context = k,
	};

	return talk_begin(k->talk, &about);
}

static int open_all(struct keeper *k)
{
	int err;

	prepare_process();
	if (k->options->socket)
		k->store = fdstore_open();
	k->base = event_base_new();
	err = k->base ? watched_open(&k->watched, k->config) : -ENOMEM;
	k->sightings.targets = (unsigned)k->watched.len;
	if (!err)
		err = open_talk(k);
	if (!err)
		err = load(k);
	if (!err && withdraws(k))
		err = -ECANCELED;
	if (!err)
		open_clocks(k);
	if (!err)
		err = attach(k);
	k->missed = !err && has_missed(k);
	if (!err)
		err = privilege_drop(probe_needs_admin(k->probe));
	if (!err)
		err = add_events(k);
	if (!err)
		signals_take();
	if (!err)
		err = confine(k);
	if (!err)
		err = begin_talk(k);
	return err || !k->stopping ? err : k->err;
}

static void close_all(struct keeper *k)
{
	if (k->talk && k->options->socket) {
		talk_free(k->talk);
		k->talk = NULL;
	}
	for (size_t i = 0; i < k->events_len; i++)
		event_free(k->events[i]);
	witness_free(k->witness);
	processes_free(k->processes);
	watched_detach(&k->watched);
	timing_close(k->timing);
	probe_close(k->probe);
	watched_close(&k->watched);
	fdstore_close(k->store);
}

/* Nothing more comes into the ring; or everything stays as it is for the next probe half, also
 * where it was not the service manager who ended this one. */
static void detach(struct keeper *k)
{
	if (k->store && !is_withdrawn(k)) {
		talk_news(k->talk);
		probe_leave(k->probe);
		k->err = KEEPER_AGAIN;
		return;
	}
	probe_detach_execs(k->probe);
	if (k->witness)
		witness_finish(k->witness);
	watched_detach(&k->watched);
	talk_bye(k->talk);
}

/* Waits for CHILD to end, and ends it when it takes too long. Returns its status, of waitpid. */
static int await_end(pid_t child)
{
	struct pollfd fd = {.fd = (int)syscall(SYS_pidfd_open, child, 0), .events = POLLIN};
	int status = 0;

	if (fd.fd >= 0 && !poll(&fd, 1, END_MS)) {
		log_err(STAGE, "the daemon half does not end: it is killed");
		kill(child, SIGKILL);
	}
	if (fd.fd >= 0)
		close(fd.fd);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

/* The daemon half that was started together with this one has its last export to make. Its exit
 * status is that of both. */
static void see_it_end(struct keeper *k)
{
	int status;

	if (k->err && k->talk)
		talk_hang_up(k->talk);
	else if (k->err)
		close(k->options->link);
	status = await_end(k->options->daemon);
	if (WIFSIGNALED(status))
		log_err(STAGE,
			"the daemon half was ended by a signal (%s): nothing is attached "
			"any more, and what it had in hand is not counted",
			strsignal(WTERMSIG(status)));
	if (!k->err || k->err == -EPIPE)
		k->err = status ? -EPIPE : 0;
}

int keeper_run(const struct keeper_options *options)
{
	struct keeper *k = calloc(1, sizeof(*k));
	int err;

	if (!k)
		return -ENOMEM;
	k->options = options;
	k->config = options->config;
	k->in_terminal = isatty(STDERR_FILENO);
	k->err = open_all(k);
	if (!k->err) {
		if (options->socket)
			log_info(STAGE, "ready: attached to %zu target%s, and waiting on %s",
				 k->watched.len, k->watched.len == 1 ? "" : "s", options->socket);
		turns_begin(&k->turns);
		event_base_dispatch(k->base);
		signals_hold(); /* until what it leaves is left as a whole */
		turns_say(&k->turns, STAGE);
		k->stopping = true;
		talk_stopping(k->talk);
		detach(k);
	} else if (k->err == -ENOMEM) {
		log_err(STAGE, "out of memory");
	}
	close_all(k);
	if (!options->socket)
		see_it_end(k);
	talk_free(k->talk);
	if (k->base)
		event_base_free(k->base);
	err = k->err == -ECANCELED ? 0 : k->err;
	free(k);
	return err;
}
