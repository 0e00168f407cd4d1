/* SPDX-License-Identifier: Apache-2.0 */
#include "halves/talk.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "halves/link.h"

#define STAGE        "probe"
#define ASKS_AT_ONCE 16   /* questions answered before anything else is looked after */
#define BYE_MS       1000 /* for it to read what was said before */

/* What the next daemon half has to know of the one before. The service manager keeps it too. */
struct memory {
	uint64_t dropped; /* as in the welcome */
	uint32_t before;  /* enum wire_before */
};

struct talk {
	struct talk_with with;
	struct talk_about about;
	bool begun; /* everything is attached */
	struct ring_counters *dropped;
	struct memory *memory;
	int backlog; /* what the one before left; -1: nothing */

	int listener, link;
	struct event *listener_event, *link_event;
	struct event *room_event; /* there is room again for what was not sent */
	bool welcomed;            /* the daemon half at LINK was */
	bool leaving;             /* ... and has said that it goes */
	bool stopping;
	size_t targets_sent; /* of all targets, since it was welcomed */
	bool clocks_sent;
	struct target_status known[CONFIG_TARGETS_MAX]; /* to the daemon half at LINK */
	struct wire_closed closed;                      /* not sent yet, where len is not 0 */
	uint64_t complained_ns;
};

/* --- to the daemon half ----------------------------------------------------------------------- */

static void part(struct talk *t);

/* Whether M was sent. What was not for want of room is sent when there is some. Of a daemon half
 * that is gone, what it has said last is still to be read: on_link finds its end. */
static bool send_to(struct talk *t, enum wire_type type, struct wire_message *m)
{
	int err;

	if (t->link < 0)
		return false;
	wire_begin(m, type);
	err = link_send(t->link, m, NULL, 0);
	if (err == -EAGAIN && t->room_event)
		event_add(t->room_event, NULL);
	if (err && err != -EAGAIN && err != -EPIPE)
		part(t);
	return !err;
}

static bool send_target(struct talk *t, unsigned i, const struct target_status *s)
{
	struct wire_message m = {.target = {.since_ns = s->since_ns,
					    .index = i,
					    .state = s->state,
					    .cgroups = s->cgroups,
					    .refused = s->refused}};

	wire_put_text(m.target.name, sizeof(m.target.name), t->about.watched->list[i].name);
	wire_put_text(m.target.reason, sizeof(m.target.reason), s->reason);
	return send_to(t, WIRE_TARGET, &m);
}

static bool is_news(const struct target_status *now, const struct target_status *known)
{
	return now->state != known->state || now->cgroups != known->cgroups ||
	       now->refused != known->refused || now->since_ns != known->since_ns ||
	       strcmp(now->reason, known->reason) != 0;
}

static bool all_targets_sent(const struct talk *t)
{
	return t->targets_sent == t->about.watched->len;
}

/* Those that were not sent yet, and those that have changed since. */
static void send_targets(struct talk *t)
{
	for (unsigned i = 0; i < t->about.watched->len; i++) {
		struct target_status s = target_status(&t->about.watched->list[i]);
		bool first = i >= t->targets_sent;

		if (!first && !is_news(&s, &t->known[i]))
			continue;
		if (!send_target(t, i, &s))
			return;
		t->known[i] = s;
		t->targets_sent += first;
	}
}

static void send_state(struct talk *t)
{
	const struct processes *ps = t->about.processes;
	const struct timing *timing = t->about.timing;
	struct wire_message m = {.state = {.execs = *t->about.execs,
					   .processes = (uint32_t)processes_len(ps),
					   .tapped = (uint32_t)processes_tapped(ps),
					   .tls_refused = processes_tls_refused(ps),
					   .cpu_ns = own_cpu_ns(),
					   .bytes = own_bytes()}};
	struct load_cost costs[PROGRAMS] = {0};

	probe_costs(t->about.probe, costs);
	if (timing)
		costs[PROGRAM_CLOCKS] = timing_cost(timing);
	for (size_t i = 0; i < PROGRAMS; i++)
		m.state.programs[i] =
			(struct wire_program){costs[i].runs, costs[i].ns, costs[i].missed};
	send_to(t, WIRE_STATE, &m);
}

static void send_clocks(struct talk *t)
{
	const struct timing *timing = t->about.timing;
	const char *why = timing && !timing_sees_dependencies(timing)
				  ? "this kernel does not take the programs that see dependencies"
				  : t->about.no_clocks;
	struct wire_message m = {.clocks = {.ring_bytes = timing ? TALK_CLOCKS_BYTES : 0}};
	int fds[LINK_FDS] = {-1, -1, -1}, err;

	t->clocks_sent = true;
	if (!timing && !why)
		return;
	wire_put_text(m.clocks.why, sizeof(m.clocks.why), why ? why : "");
	if (timing) {
		fds[0] = timing_ring(timing);
		fds[1] = timing_dropped_map(timing);
	}
	wire_begin(&m, WIRE_CLOCKS);
	err = t->link < 0 ? -EPIPE : link_send(t->link, &m, fds, timing ? 2 : 0);
	t->clocks_sent = err != -EAGAIN;
}

/* The ends of connections are kept until there is somebody to send them to: what is open on them
 * would wait for its time to run out. */
void talk_closed(struct talk *t)
{
	while (t->welcomed) {
		struct wire_message m = {0};

		if (!t->closed.len)
			t->closed.len = (uint32_t)probe_ended(t->about.probe, t->closed.closes,
							      WIRE_CLOSES);
		if (!t->closed.len)
			return;
		m.closed = t->closed;
		if (!send_to(t, WIRE_CLOSED, &m))
			return;
		memset(&t->closed, 0, sizeof(t->closed));
	}
}

static bool send_sighting(void *context, enum wire_type type, struct wire_message *m)
{
	return send_to(context, type, m);
}

/* A daemon half takes them only when it knows how all targets do. */
void talk_sightings(struct talk *t)
{
	if (t->welcomed && all_targets_sent(t))
		sightings_send(t->about.sightings, send_sighting, t);
}

void talk_news(struct talk *t)
{
	if (!t->welcomed)
		return;
	if (!t->clocks_sent)
		send_clocks(t);
	send_targets(t);
	talk_sightings(t);
	send_state(t);
	talk_closed(t);
}

/* --- it comes --------------------------------------------------------------------------------- */

static void forget_backlog(struct talk *t)
{
	if (t->backlog >= 0) {
		close(t->backlog);
		fdstore_remove(t->with.store, "backlog");
	}
	t->backlog = -1;
}

static int send_welcome(struct talk *t, bool resumes)
{
	const struct talk_about *a = &t->about;
	int backlog = resumes ? -1 : t->backlog;
	struct wire_message m = {
		.welcome = {.session = {a->session.k0, a->session.k1},
			    .hashes = {a->hashes.k0, a->hashes.k1},
			    .traces = a->traces,
			    .dropped = t->memory->dropped,
			    .ring_bytes = PROBE_RING_BYTES,
			    .targets = (uint32_t)a->watched->len,
			    .record_version = RECORD_VERSION,
			    .before = resumes ? WIRE_BEFORE_NONE : t->memory->before,
			    .backlog = backlog >= 0,
			    .witness = a->witness,
			    .missed = a->missed,
			    .kept = a->kept}};
	const int fds[LINK_FDS] = {probe_ring(a->probe), probe_dropped(a->probe), backlog};
	int err;

	wire_begin(&m, WIRE_WELCOME);
	err = link_send(t->link, &m, fds, backlog >= 0 ? 3 : 2);
	explicit_bzero(&m, sizeof(m));
	return err;
}

/* RESUMES: it has the ring already, from a probe half before this one. */
static int welcome(struct talk *t, bool resumes)
{
	int err = send_welcome(t, resumes);

	if (err)
		return err;
	forget_backlog(t);
	if (!resumes)
		probe_new_reader(t->about.probe); /* nobody may have seen the one before go */
	t->memory->before = WIRE_BEFORE_LOST;     /* until it says that it has finished */
	t->about.missed = false;                  /* it is what this daemon half says */
	t->welcomed = true;
	t->targets_sent = 0;
	t->clocks_sent = false;
	sightings_again(t->about.sightings, resumes);
	talk_news(t);
	return 0;
}

/* One that reads a ring which is not this one's has all that will come there. */
static int greet(struct talk *t, const struct wire_hello *hello)
{
	struct wire_message m = {0};

	if (!t->begun)
		return -EBADMSG;
	if (!hello->resumes)
		return welcome(t, false);
	if (hello->session[0] == t->about.session.k0 && hello->session[1] == t->about.session.k1)
		return welcome(t, true);
	send_to(t, WIRE_BYE, &m);
	return -EPIPE;
}

/* --- from the daemon half --------------------------------------------------------------------- */

/* Once a second at most: whoever connects can cause it. */
static void complain(struct talk *t, const char *what)
{
	uint64_t now = clock_mono_ns();

	if (now - t->complained_ns > NS_PER_S)
		log_err(STAGE, "%s", what);
	t->complained_ns = now;
}

static void forget_link(struct talk *t)
{
	if (t->link_event)
		event_free(t->link_event);
	if (t->room_event)
		event_free(t->room_event);
	t->link_event = t->room_event = NULL;
}

/* The daemon half is gone, however that came. */
static void part(struct talk *t)
{
	bool leaving = t->leaving, welcomed = t->welcomed;

	forget_link(t);
	close(t->link);
	t->link = -1;
	if (welcomed) {
		t->memory->dropped = ring_counters_sum(t->dropped);
		probe_new_reader(t->about.probe);
	}
	t->welcomed = false;
	t->leaving = false;
	if (t->with.socket && welcomed && t->memory->before == WIRE_BEFORE_LOST && !t->stopping)
		complain(t, "the daemon half has ended without a word: what it had in hand is not "
			    "counted; records wait in the ring for the next one");
	if (!t->with.socket && !t->stopping)
		t->about.parted(t->about.context);
	if (leaving)
		t->about.left(t->about.context);
}

/* What a daemon half leaves to the next one is kept, and not looked into. */
static void keep_backlog(struct talk *t, struct link_fds *fds)
{
	struct stat st;

	forget_backlog(t);
	if (fds->fd[0] < 0 || fstat(fds->fd[0], &st) || !S_ISREG(st.st_mode) ||
	    st.st_size > WIRE_BACKLOG_MAX)
		return;
	t->backlog = fds->fd[0];
	fds->fd[0] = -1;
	fdstore_put(t->with.store, "backlog", &t->backlog, 1);
}

static void answer(struct talk *t, const struct wire_ask *ask)
{
	struct wire_message m = {0};

	if (ask->target >= t->about.watched->len)
		return;
	looker_answer(t->about.looker, ask, &m.answer);
	send_to(t, WIRE_ANSWER, &m); /* an answer that finds no room is not waited for */
	talk_closed(t);
}

/* 0; -EBADMSG: it says what it may not say now; -EPIPE: it is to go. */
static int take(struct talk *t, const struct wire_message *m, struct link_fds *fds)
{
	if (m->head.type == WIRE_HELLO)
		return t->welcomed ? -EBADMSG : greet(t, &m->hello);
	if (!t->welcomed)
		return -EBADMSG;
	switch (m->head.type) {
	case WIRE_ASK: answer(t, &m->ask); return 0;
	case WIRE_LEAVING:
		if (!t->leaving)
			probe_new_reader(t->about.probe);
		t->leaving = true;
		t->about.leaving(t->about.context);
		return 0;
	case WIRE_GONE:
		keep_backlog(t, fds);
		t->memory->before = WIRE_BEFORE_LEFT;
		return 0;
	default: return -EBADMSG;
	}
}

static void on_link(evutil_socket_t fd, short what, void *context)
{
	struct talk *t = context;

	(void)what;
	for (unsigned i = 0; i < ASKS_AT_ONCE && t->link == fd; i++) {
		struct wire_message m;
		struct link_fds fds;
		int err = link_receive(fd, WIRE_FROM_DAEMON, &m, &fds);

		if (err == -EAGAIN)
			return;
		if (!err)
			err = take(t, &m, &fds);
		link_fds_close(&fds);
		if (err == -EPROTONOSUPPORT)
			complain(t, "the daemon half is of another version: start both anew");
		else if (err && err != -EPIPE)
			complain(t, "the daemon half says what it may not: it is disconnected");
		if (err && t->link == fd)
			part(t);
	}
}

static void on_room(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	talk_news(context);
}

static int watch_link(struct talk *t)
{
	t->link_event = event_new(t->with.base, t->link, EV_READ | EV_PERSIST, on_link, t);
	t->room_event = event_new(t->with.base, t->link, EV_WRITE, on_room, t);
	if (!t->link_event || !t->room_event)
		return -ENOMEM;
	return event_add(t->link_event, NULL) ? -ENOMEM : 0;
}

/* The one that is connected may be gone, and its end not be read yet. */
static void see_off(struct talk *t)
{
	struct pollfd fd = {.fd = t->link};

	while (t->link >= 0 && poll(&fd, 1, 0) > 0 && (fd.revents & POLLHUP))
		on_link(t->link, EV_READ, t);
}

/* One daemon half at a time. */
static void on_connection(evutil_socket_t fd, short what, void *context)
{
	struct talk *t = context;
	int other;

	(void)what;
	if (link_accept(fd, &other))
		return;
	see_off(t);
	if (!link_is_by(other, t->with.user)) {
		complain(t, "a process of another user has asked for the ring: refused");
		close(other);
	} else if (t->link >= 0) {
		complain(t, "a second daemon half has asked for the ring: refused, as the first is "
			    "there");
		close(other);
	} else {
		t->link = other;
		if (watch_link(t))
			part(t);
	}
}

/* --- from beginning to end -------------------------------------------------------------------- */

/* What the daemon half finds wrong, as a port that is taken, it says before the programs are
 * loaded, which takes seconds. */
static int await_daemon(struct talk *t)
{
	struct pollfd fd = {.fd = t->link, .events = POLLIN};
	struct wire_message m;
	struct link_fds fds;
	int err;

	while (poll(&fd, 1, -1) < 0 && errno == EINTR)
		;
	err = link_receive(t->link, WIRE_FROM_DAEMON, &m, &fds);
	link_fds_close(&fds);
	if (!err && m.head.type != WIRE_HELLO)
		err = -EBADMSG;
	return err;
}

/* A file in memory, which the service manager can keep. */
static int open_memory(struct talk *t)
{
	int fd = -1, err = 0;
	bool again = fdstore_take(t->with.store, "daemon", NULL, &fd, 1) > 0;

	if (!again) {
		fd = memfd_create("telltale", MFD_CLOEXEC);
		if (fd < 0 || ftruncate(fd, sizeof(*t->memory)))
			err = -errno;
	}
	if (!err) {
		t->memory =
			mmap(NULL, sizeof(*t->memory), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (t->memory == MAP_FAILED) {
			t->memory = NULL;
			err = -errno;
		}
	}
	if (!err && !again)
		fdstore_put(t->with.store, "daemon", &fd, 1);
	if (fd >= 0)
		close(fd);
	if (!fdstore_take(t->with.store, "backlog", NULL, &t->backlog, 1))
		t->backlog = -1;
	return err;
}

int talk_open(const struct talk_with *with, struct talk **out)
{
	struct talk *t = calloc(1, sizeof(*t));
	char why[512] = "";
	int err;

	if (!t)
		return -ENOMEM;
	*out = t;
	t->with = *with;
	t->listener = -1;
	t->link = with->socket ? -1 : with->link;
	err = open_memory(t);
	if (!err && with->socket)
		err = link_listen(with->socket, &t->listener, why, sizeof(why));
	else if (!err)
		err = await_daemon(t);
	if (why[0])
		log_err(STAGE, "%s", why);
	return err;
}

/* A ring that nobody has read yet is nobody's: what was remembered is of another one. */
static void check_memory(struct talk *t)
{
	if (probe_goes_on(t->about.probe) && t->memory->before < WIRE_BEFORES)
		return;
	memset(t->memory, 0, sizeof(*t->memory));
	forget_backlog(t);
}

int talk_begin(struct talk *t, const struct talk_about *about)
{
	int err = ring_counters_open(probe_dropped(about->probe), RECORD_TYPES, &t->dropped);

	if (err)
		return err;
	t->about = *about;
	t->begun = true;
	check_memory(t);
	if (t->listener >= 0) {
		t->listener_event = event_new(t->with.base, t->listener, EV_READ | EV_PERSIST,
					      on_connection, t);
		return t->listener_event && !event_add(t->listener_event, NULL) ? 0 : -ENOMEM;
	}
	err = watch_link(t);
	return err ? err : welcome(t, false);
}

bool talk_is_leaving(const struct talk *t)
{
	return t->leaving;
}

void talk_stopping(struct talk *t)
{
	t->stopping = true;
}

void talk_bye(struct talk *t)
{
	struct wire_message m = {0};

	talk_sightings(t);
	talk_closed(t);
	/* A daemon half that has not read for long may still have room for nothing. */
	if (!send_to(t, WIRE_BYE, &m) && t->link >= 0) {
		struct pollfd fd = {.fd = t->link, .events = POLLOUT};

		poll(&fd, 1, BYE_MS);
		send_to(t, WIRE_BYE, &m);
	}
}

void talk_hang_up(struct talk *t)
{
	if (t->link >= 0)
		close(t->link);
	t->link = -1;
}

void talk_free(struct talk *t)
{
	if (!t)
		return;
	forget_link(t);
	if (t->listener_event)
		event_free(t->listener_event);
	if (t->listener >= 0)
		close(t->listener);
	if (t->backlog >= 0)
		close(t->backlog);
	talk_hang_up(t);
	if (t->memory)
		munmap(t->memory, sizeof(*t->memory));
	ring_counters_close(t->dropped);
	explicit_bzero(&t->about.session, sizeof(t->about.session));
	explicit_bzero(&t->about.hashes, sizeof(t->about.hashes));
	free(t);
}
