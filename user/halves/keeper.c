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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/hostkey.h"
#include "base/log.h"
#include "base/privilege.h"
#include "base/sandbox.h"
#include "config/config.h"
#include "halves/link.h"
#include "halves/looker.h"
#include "halves/ring.h"
#include "halves/sightings.h"
#include "halves/watched.h"
#include "privacy/entropy.h"
#include "tap/probe.h"
#include "tap/processes.h"

#define STAGE        "probe"
#define TICK_MS      1000 /* between two looks at the targets' processes */
#define CATCH_UP_MS  50
#define ASKS_AT_ONCE 16 /* questions answered before anything else is looked after */
#define KEY_WAIT_MS  1000
#define END_MS       10000 /* for the daemon half: its last export, and one more when it reloads */
#define BYE_MS       1000  /* for it to read what was said before */

struct keeper {
	const struct keeper_options *options;
	const struct config *config;
	struct watched watched;
	struct probe *probe;
	struct processes *processes;
	struct ring_counters *dropped;
	struct looker looker;
	struct witness *witness; /* NULL: the kernel does not take its programs */
	struct sightings sightings;
	struct siphash_key session;
	uint64_t execs;

	int listener, link;
	struct event *link_event;
	bool welcomed; /* the daemon half at LINK was */
	bool leaving;  /* ... and has said that it goes */
	bool missed;   /* as in the welcome */
	bool targets_sent;
	int backlog; /* what the one before left; -1: nothing */
	enum wire_before before;
	uint64_t dropped_before;
	struct target_status known[CONFIG_TARGETS_MAX]; /* to the daemon half at LINK */
	struct wire_closed closed;                      /* not sent yet, where len is not 0 */

	uint64_t complained_ns;
	struct event_base *base;
	struct event *events[10];
	size_t events_len;
	bool in_terminal; /* it was started in one */
	bool stopping;
	int err; /* why it ends */
};

/* --- to the daemon half ----------------------------------------------------------------------- */

static void part(struct keeper *k);

/* Whether M was sent. What was not for want of room is sent later. Of a daemon half that is gone,
 * what it has said last is still to be read: on_link finds its end. */
static bool send_to(struct keeper *k, enum wire_type type, struct wire_message *m)
{
	int err;

	if (k->link < 0)
		return false;
	wire_begin(m, type);
	err = link_send(k->link, m, NULL, 0);
	if (err && err != -EAGAIN && err != -EPIPE)
		part(k);
	return !err;
}

static bool send_target(struct keeper *k, unsigned i, const struct target_status *s)
{
	struct wire_message m = {.target = {.since_ns = s->since_ns,
					    .index = i,
					    .state = s->state,
					    .cgroups = s->cgroups,
					    .refused = s->refused}};

	wire_put_text(m.target.name, sizeof(m.target.name), k->watched.list[i].name);
	wire_put_text(m.target.reason, sizeof(m.target.reason), s->reason);
	return send_to(k, WIRE_TARGET, &m);
}

static bool is_news(const struct target_status *now, const struct target_status *known)
{
	return now->state != known->state || now->cgroups != known->cgroups ||
	       now->refused != known->refused || now->since_ns != known->since_ns ||
	       strcmp(now->reason, known->reason) != 0;
}

/* Those that have changed since they were sent, or all. */
static void send_targets(struct keeper *k, bool all)
{
	for (unsigned i = 0; i < k->watched.len; i++) {
		struct target_status s = target_status(&k->watched.list[i]);

		if (!all && !is_news(&s, &k->known[i]))
			continue;
		if (!send_target(k, i, &s))
			return;
		k->known[i] = s;
	}
	k->targets_sent = true;
}

static void send_state(struct keeper *k)
{
	struct wire_message m = {.state = {.execs = k->execs,
					   .processes = (uint32_t)processes_len(k->processes),
					   .tapped = (uint32_t)processes_tapped(k->processes),
					   .tls_refused = processes_tls_refused(k->processes)}};

	send_to(k, WIRE_STATE, &m);
}

/* The ends of connections are kept until there is somebody to send them to: what is open on them
 * would wait for its time to run out. */
static void send_closed(struct keeper *k)
{
	while (k->welcomed) {
		struct wire_message m = {0};

		if (!k->closed.len)
			k->closed.len =
				(uint32_t)probe_ended(k->probe, k->closed.closes, WIRE_CLOSES);
		if (!k->closed.len)
			return;
		m.closed = k->closed;
		if (!send_to(k, WIRE_CLOSED, &m))
			return;
		memset(&k->closed, 0, sizeof(k->closed));
	}
}

static bool send_sighting(void *context, enum wire_type type, struct wire_message *m)
{
	return send_to(context, type, m);
}

/* A daemon half takes them only when it knows how all targets do. */
static void send_sightings(struct keeper *k)
{
	if (k->welcomed && k->targets_sent)
		sightings_send(&k->sightings, send_sighting, k);
}

static void send_news(struct keeper *k)
{
	if (!k->welcomed)
		return;
	send_targets(k, !k->targets_sent);
	send_sightings(k);
	send_state(k);
	send_closed(k);
}

static int welcome(struct keeper *k)
{
	struct wire_message m = {.welcome = {.session = {k->session.k0, k->session.k1},
					     .dropped = k->dropped_before,
					     .ring_bytes = PROBE_RING_BYTES,
					     .targets = (uint32_t)k->watched.len,
					     .record_version = RECORD_VERSION,
					     .before = k->before,
					     .backlog = k->backlog >= 0,
					     .witness = k->witness != NULL,
					     .missed = k->missed}};
	const int fds[LINK_FDS] = {probe_ring(k->probe), probe_dropped(k->probe), k->backlog};
	int err;

	wire_begin(&m, WIRE_WELCOME);
	err = link_send(k->link, &m, fds, k->backlog >= 0 ? 3 : 2);
	explicit_bzero(&m, sizeof(m));
	if (err)
		return err;
	if (k->backlog >= 0)
		close(k->backlog);
	k->backlog = -1;
	k->before = WIRE_BEFORE_LOST; /* until it says that it has finished */
	k->missed = false;            /* it is what this daemon half says */
	k->welcomed = true;
	k->targets_sent = false;
	sightings_again(&k->sightings);
	send_news(k);
	return 0;
}

/* --- from the daemon half --------------------------------------------------------------------- */

/* Once a second at most: whoever connects can cause it. */
static void complain(struct keeper *k, const char *what)
{
	uint64_t now = clock_mono_ns();

	if (now - k->complained_ns > NS_PER_S)
		log_err(STAGE, "%s", what);
	k->complained_ns = now;
}

/* The daemon half is gone, however that came. */
static void part(struct keeper *k)
{
	if (k->link_event)
		event_free(k->link_event);
	k->link_event = NULL;
	close(k->link);
	k->link = -1;
	if (k->welcomed) {
		k->dropped_before = ring_counters_sum(k->dropped);
		probe_new_reader(k->probe);
	}
	k->welcomed = false;
	k->leaving = false;
	if (k->options->socket && k->before == WIRE_BEFORE_LOST && !k->stopping)
		complain(k, "the daemon half has ended without a word: what it had in hand is not "
			    "counted; records wait in the ring for the next one");
	if (!k->options->socket && !k->stopping) {
		k->err = -EPIPE;
		k->stopping = true;
		event_base_loopbreak(k->base);
	}
}

/* What a daemon half leaves to the next one is kept, and not looked into. */
static void keep_backlog(struct keeper *k, struct link_fds *fds)
{
	struct stat st;

	if (k->backlog >= 0)
		close(k->backlog);
	k->backlog = -1;
	if (fds->fd[0] < 0 || fstat(fds->fd[0], &st) || !S_ISREG(st.st_mode) ||
	    st.st_size > WIRE_BACKLOG_MAX)
		return;
	k->backlog = fds->fd[0];
	fds->fd[0] = -1;
}

static void answer(struct keeper *k, const struct wire_ask *ask)
{
	struct wire_message m = {0};

	if (ask->target >= k->watched.len)
		return;
	looker_answer(&k->looker, ask, &m.answer);
	send_to(k, WIRE_ANSWER, &m); /* an answer that finds no room is not waited for */
	send_closed(k);
}

/* False: it says what it may not say now. */
static bool take(struct keeper *k, const struct wire_message *m, struct link_fds *fds)
{
	if (m->head.type == WIRE_HELLO)
		return !k->welcomed && (!k->probe || !welcome(k));
	if (!k->welcomed)
		return false;
	switch (m->head.type) {
	case WIRE_ASK: answer(k, &m->ask); return true;
	case WIRE_LEAVING:
		if (!k->leaving)
			probe_new_reader(k->probe);
		k->leaving = true;
		return true;
	case WIRE_GONE:
		keep_backlog(k, fds);
		k->before = WIRE_BEFORE_LEFT;
		return true;
	default: return false;
	}
}

static void on_link(evutil_socket_t fd, short what, void *context)
{
	struct keeper *k = context;

	(void)what;
	for (unsigned i = 0; i < ASKS_AT_ONCE && k->link == fd; i++) {
		struct wire_message m;
		struct link_fds fds;
		int err = link_receive(fd, WIRE_FROM_DAEMON, &m, &fds);

		if (err == -EAGAIN)
			return;
		if (!err && !take(k, &m, &fds))
			err = -EBADMSG;
		link_fds_close(&fds);
		if (err == -EPROTONOSUPPORT)
			complain(k, "the daemon half is of another version: start both anew");
		else if (err && err != -EPIPE)
			complain(k, "the daemon half says what it may not: it is disconnected");
		if (err && k->link == fd)
			part(k);
	}
}

static int watch_link(struct keeper *k)
{
	k->link_event = event_new(k->base, k->link, EV_READ | EV_PERSIST, on_link, k);
	return k->link_event && !event_add(k->link_event, NULL) ? 0 : -ENOMEM;
}

/* The one that is connected may be gone, and its end not be read yet. */
static void see_off(struct keeper *k)
{
	struct pollfd fd = {.fd = k->link};

	while (k->link >= 0 && poll(&fd, 1, 0) > 0 && (fd.revents & POLLHUP))
		on_link(k->link, EV_READ, k);
}

/* One daemon half at a time. */
static void on_connection(evutil_socket_t fd, short what, void *context)
{
	struct keeper *k = context;
	int other;

	(void)what;
	if (link_accept(fd, &other))
		return;
	see_off(k);
	if (!link_is_by(other, k->options->user)) {
		complain(k, "a process of another user has asked for the ring: refused");
		close(other);
	} else if (k->link >= 0) {
		complain(k, "a second daemon half has asked for the ring: refused, as the first is "
			    "there");
		close(other);
	} else {
		k->link = other;
		if (watch_link(k))
			part(k);
	}
}

/* --- events ----------------------------------------------------------------------------------- */

static void exec_begun(void *context, const struct record_exec *record)
{
	struct keeper *k = context;

	k->execs++;
	processes_exec(k->processes, (pid_t)record->pid, record->head.target);
}

static void on_execs(evutil_socket_t fd, short what, void *context)
{
	struct keeper *k = context;

	(void)fd;
	(void)what;
	probe_execs(k->probe, exec_begun, k);
	send_closed(k);
}

static void on_processes(evutil_socket_t fd, short what, void *context)
{
	struct keeper *k = context;

	(void)fd;
	(void)what;
	processes_catch_up(k->processes);
	send_closed(k);
}

static void on_witness(evutil_socket_t fd, short what, void *context)
{
	struct keeper *k = context;

	(void)fd;
	(void)what;
	if (!k->witness)
		return;
	if (k->leaving) /* it waits for what it has in hand to be witnessed */
		witness_soon(k->witness);
	witness_tick(k->witness);
	send_sightings(k);
}

/* What has come to a target may have processes already. */
static void on_targets(evutil_socket_t fd, short what, void *context)
{
	struct keeper *k = context;

	(void)fd;
	(void)what;
	follow_changed(k->watched.follow);
	processes_scan(k->processes);
	if (k->witness)
		witness_soon(k->witness);
	send_news(k);
}

static void on_tick(evutil_socket_t fd, short what, void *context)
{
	struct keeper *k = context;

	(void)fd;
	(void)what;
	processes_scan(k->processes);
	send_news(k);
}

static void on_signal(evutil_socket_t fd, short what, void *context)
{
	struct keeper *k = context;

	(void)what;
	log_info("run", "%s: flushing and stopping", strsignal((int)fd));
	k->stopping = true;
	event_base_loopbreak(k->base);
}

/* A manager asks for a reload, which is the daemon half's: targets need a restart. Or the terminal
 * that it was started in was closed: then nobody is there to stop it later. */
static void on_hangup(evutil_socket_t fd, short what, void *context)
{
	const struct keeper *k = context;

	if (k->in_terminal && !isatty(STDERR_FILENO))
		on_signal(fd, what, context);
	else if (k->options->daemon)
		kill(k->options->daemon, SIGHUP);
	else
		log_warn(STAGE, "SIGHUP changes nothing here: restart this half for other targets, "
				"and send it to the daemon half for the rest");
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
		{-1, on_processes, 0, CATCH_UP_MS},
		{-1, on_witness, 0, CATCH_UP_MS},
		{-1, on_tick, 0, TICK_MS},
		{SIGTERM, on_signal, EV_SIGNAL, 0},
		{SIGINT, on_signal, EV_SIGNAL, 0},
		{SIGHUP, on_hangup, EV_SIGNAL, 0},
		{k->listener, on_connection, EV_READ, 0},
	};
	size_t n = sizeof(wanted) / sizeof(wanted[0]);
	int err = 0;

	for (size_t i = 0; i < (k->listener < 0 ? n - 1 : n) && !err; i++)
		err = add_event(k, wanted[i].fd, (short)(wanted[i].what | EV_PERSIST),
				wanted[i].callback, wanted[i].every_ms);
	return err;
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

/* What the daemon half finds wrong, as a port that is taken, it says before the programs are
 * loaded, which takes seconds. */
static int await_daemon(struct keeper *k)
{
	struct pollfd fd = {.fd = k->link, .events = POLLIN};
	struct wire_message m;
	struct link_fds fds;
	int err;

	while (poll(&fd, 1, -1) < 0 && errno == EINTR)
		;
	err = link_receive(k->link, WIRE_FROM_DAEMON, &m, &fds);
	link_fds_close(&fds);
	if (!err && m.head.type != WIRE_HELLO)
		err = -EBADMSG;
	return err;
}

/* A daemon half that was started together with this one has made the key. Else it is waited for,
 * because the state directory is the daemon half's. */
static int load_key(const struct keeper *k, struct siphash_key *host)
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

static int load(struct keeper *k)
{
	struct siphash_key host;
	char why[512] = "";
	int err = load_key(k, &host);

	if (err)
		return err;
	privacy_random_kernel(NULL, &k->session, sizeof(k->session));
	log_info("run", "loading the programs, which the kernel takes a few seconds to verify");
	err = probe_open(&k->session, &host, k->watched.len, k->config->tls_connections, &k->probe,
			 why, sizeof(why));
	explicit_bzero(&host, sizeof(host));
	if (err) {
		log_err("run", "%s", why);
		return err;
	}
	if (probe_tls_refused(k->probe))
		log_warn("run", "TLS cannot be read, plain HTTP can: %s",
			 probe_tls_refused(k->probe));
	return ring_counters_open(probe_dropped(k->probe), RECORD_TYPES, &k->dropped);
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

static int attach(struct keeper *k)
{
	int err;

	k->processes = processes_new(k->probe, k->watched.list, k->watched.len);
	if (!k->processes)
		return -ENOMEM;
	k->looker.processes = k->processes;
	processes_start(k->processes);
	err = watched_attach(&k->watched, k->probe);
	if (err)
		return err;
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

static int open_all(struct keeper *k)
{
	char why[512] = "";
	int err;

	prepare_process();
	k->base = event_base_new();
	err = k->base ? watched_open(&k->watched, k->config) : -ENOMEM;
	if (!err && k->options->socket) {
		err = link_listen(k->options->socket, &k->listener, why, sizeof(why));
		if (err)
			log_err(STAGE, "%s", why);
	} else if (!err) {
		err = await_daemon(k);
	}
	if (!err)
		err = load(k);
	if (!err)
		err = attach(k);
	k->missed = !err && follows_another(k) && has_process(k);
	if (!err)
		err = privilege_drop(probe_needs_admin(k->probe));
	if (!err)
		err = add_events(k);
	if (!err)
		err = confine(k);
	if (!err && k->link >= 0)
		err = watch_link(k);
	if (!err && k->link >= 0)
		err = welcome(k);
	return err || !k->stopping ? err : k->err;
}

static void close_all(struct keeper *k)
{
	if (k->link_event)
		event_free(k->link_event);
	for (size_t i = 0; i < k->events_len; i++)
		event_free(k->events[i]);
	if (k->base)
		event_base_free(k->base);
	witness_free(k->witness);
	processes_free(k->processes);
	watched_detach(&k->watched);
	ring_counters_close(k->dropped);
	probe_close(k->probe);
	watched_close(&k->watched);
	if (k->listener >= 0)
		close(k->listener);
	if (k->backlog >= 0)
		close(k->backlog);
	explicit_bzero(&k->session, sizeof(k->session));
}

/* Nothing more comes into the ring. */
static void detach(struct keeper *k)
{
	struct wire_message m = {0};

	probe_detach_execs(k->probe);
	if (k->witness)
		witness_finish(k->witness);
	watched_detach(&k->watched);
	send_sightings(k);
	send_closed(k);
	/* A daemon half that has not read for long may still have room for nothing. */
	if (!send_to(k, WIRE_BYE, &m) && k->link >= 0) {
		struct pollfd fd = {.fd = k->link, .events = POLLOUT};

		poll(&fd, 1, BYE_MS);
		send_to(k, WIRE_BYE, &m);
	}
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

	if (k->err && k->link >= 0) {
		close(k->link);
		k->link = -1;
	}
	status = await_end(k->options->daemon);
	if (WIFSIGNALED(status))
		log_err(STAGE,
			"the daemon half was ended by a signal (%s): nothing is attached "
			"any more, and what it had in hand is not counted",
			strsignal(WTERMSIG(status)));
	if (!k->err || k->err == -EPIPE)
		k->err = status ? -EPIPE : 0;
	if (k->link >= 0)
		close(k->link);
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
	k->listener = -1;
	k->backlog = -1;
	k->link = options->socket ? -1 : options->link;
	k->err = open_all(k);
	if (!k->err) {
		if (options->socket)
			log_info(STAGE, "ready: attached to %zu target%s, and waiting on %s",
				 k->watched.len, k->watched.len == 1 ? "" : "s", options->socket);
		event_base_dispatch(k->base);
		k->stopping = true;
		detach(k);
	} else if (k->err == -ENOMEM) {
		log_err(STAGE, "out of memory");
	}
	close_all(k);
	if (!options->socket)
		see_it_end(k);
	else if (k->link >= 0)
		close(k->link);
	err = k->err;
	free(k);
	return err;
}
