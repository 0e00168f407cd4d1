/* SPDX-License-Identifier: Apache-2.0 */
#include "halves/view.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/signals.h"
#include "halves/link.h"

#define STAGE "view"

/* Ends of connections that wait for the ring to be read. More at once are said in turns. */
#define CLOSES_MAX 64
#define GONE_MS    1000 /* for the probe half to read what was said before */
#define BACK_MS    6000 /* for the next probe half, when this half has something to leave */
#define SEEK_MS    50

struct view {
	struct view_hooks hooks;
	int link, ring_fd, backlog;
	int poll; /* on whatever the link is */
	struct ring *ring;
	struct ring_counters *dropped;
	struct ring *clocks; /* NULL: they do not run */
	struct ring_counters *clocks_lost;
	uint64_t clocks_lost_before;
	struct wire_welcome welcome;
	struct wire_state state;
	bool said[CONFIG_TARGETS_MAX]; /* how the target does */
	uint64_t execs_before;         /* of probe halves before */
	bool leaving;                  /* this half has said so */
	uint64_t away_ns;              /* since when the probe half is away; 0: it is there */
	bool resuming;                 /* another is there, and has not welcomed this one yet */
	enum view_end end;
	struct wire_closed closes[CLOSES_MAX];
	size_t closes_len;
};

static void watch_link(const struct view *v)
{
	struct epoll_event event = {.events = EPOLLIN};

	epoll_ctl(v->poll, EPOLL_CTL_ADD, v->link, &event);
}

struct view *view_new(int link, const struct view_hooks *hooks)
{
	struct view *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->hooks = *hooks;
	v->link = link;
	v->ring_fd = -1;
	v->backlog = -1;
	v->poll = epoll_create1(EPOLL_CLOEXEC);
	if (v->poll < 0) {
		view_free(v);
		return NULL;
	}
	watch_link(v);
	return v;
}

static void close_clocks(struct view *v)
{
	ring_close(v->clocks);
	ring_counters_close(v->clocks_lost);
	v->clocks = NULL;
	v->clocks_lost = NULL;
}

void view_free(struct view *v)
{
	if (!v)
		return;
	ring_close(v->ring);
	ring_counters_close(v->dropped);
	close_clocks(v);
	if (v->ring_fd >= 0)
		close(v->ring_fd);
	if (v->backlog >= 0)
		close(v->backlog);
	if (v->link >= 0)
		close(v->link);
	if (v->poll >= 0)
		close(v->poll);
	explicit_bzero(&v->welcome, sizeof(v->welcome));
	free(v);
}

static int take_welcome(struct view *v, const struct wire_welcome *w, struct link_fds *fds)
{
	int err;

	if (v->ring || fds->fd[0] < 0 || fds->fd[1] < 0)
		return -EBADMSG;
	v->welcome = *w;
	err = ring_open(fds->fd[0], w->ring_bytes, &v->ring);
	if (!err)
		err = ring_counters_open(fds->fd[1], RECORD_TYPES, &v->dropped);
	v->ring_fd = fds->fd[0];
	v->backlog = w->backlog ? fds->fd[2] : -1;
	fds->fd[0] = -1;
	if (v->backlog >= 0)
		fds->fd[2] = -1;
	return err;
}

static void ignore(void *context, const void *event, size_t size)
{
	(void)context;
	(void)event;
	(void)size;
}

/* What is in the ring already is of the time before this half was there. */
static int take_clocks(struct view *v, const struct wire_clocks *c, const struct link_fds *fds)
{
	int err = 0;

	close_clocks(v);
	if (c->ring_bytes) {
		err = ring_open(fds->fd[0], c->ring_bytes, &v->clocks);
		if (!err)
			err = ring_counters_open(fds->fd[1], 1, &v->clocks_lost);
		if (err) {
			close_clocks(v);
			return err;
		}
		ring_consume(v->clocks, ignore, NULL);
		v->clocks_lost_before = ring_counters_sum(v->clocks_lost);
	}
	if (v->hooks.clocks)
		v->hooks.clocks(v->hooks.context, c);
	return 0;
}

static bool is_same_ring(const struct wire_welcome *a, const struct wire_welcome *b)
{
	return a->session[0] == b->session[0] && a->session[1] == b->session[1] &&
	       a->hashes[0] == b->hashes[0] && a->hashes[1] == b->hashes[1] &&
	       a->ring_bytes == b->ring_bytes;
}

static void say_leaving(struct view *v)
{
	struct wire_message m = {0};

	wire_begin(&m, WIRE_LEAVING);
	link_send(v->link, &m, NULL, 0);
}

/* Another probe half has the ring that is read here. What was said of dropped records holds. */
static int take_again(struct view *v, const struct wire_welcome *w)
{
	if (!v->resuming || !is_same_ring(&v->welcome, w))
		return -EBADMSG;
	v->resuming = false;
	v->away_ns = 0;
	v->welcome.kept = w->kept;
	v->execs_before = v->state.execs;
	if (v->leaving)
		say_leaving(v);
	v->hooks.resumed(v->hooks.context, w);
	return 0;
}

static bool is_complete(const struct view *v, size_t targets)
{
	for (size_t i = 0; i < targets; i++) {
		if (!v->said[i])
			return false;
	}
	return v->ring;
}

/* What takes these is opened when it is known how all targets do. */
static bool comes_early(const struct view *v, uint16_t type)
{
	return (type == WIRE_ANSWER || type == WIRE_UNSEEN || type == WIRE_WITNESSED) &&
	       !is_complete(v, v->welcome.targets);
}

static int take(struct view *v, const struct wire_message *m, struct link_fds *fds)
{
	if (m->head.type == WIRE_WELCOME)
		return v->ring ? take_again(v, &m->welcome) : take_welcome(v, &m->welcome, fds);
	if (!v->ring || comes_early(v, m->head.type) || (v->resuming && m->head.type != WIRE_BYE))
		return -EBADMSG;
	switch (m->head.type) {
	case WIRE_TARGET:
		v->said[m->target.index % CONFIG_TARGETS_MAX] = true;
		v->hooks.target(v->hooks.context, &m->target);
		return 0;
	case WIRE_STATE:
		v->state = m->state;
		v->state.execs += v->execs_before;
		return 0;
	case WIRE_CLOSED: v->closes[v->closes_len++] = m->closed; return 0;
	case WIRE_ANSWER: v->hooks.answer(v->hooks.context, &m->answer); return 0;
	case WIRE_UNSEEN: v->hooks.unseen(v->hooks.context, &m->unseen); return 0;
	case WIRE_WITNESSED: v->hooks.witnessed(v->hooks.context, m->witnessed.at_ns); return 0;
	case WIRE_CLOCKS: return take_clocks(v, &m->clocks, fds);
	case WIRE_BYE: v->end = VIEW_BYE; return 0;
	default: return -EBADMSG;
	}
}

/* One message. 0, -EAGAIN, or why there will be none any more. */
static int receive(struct view *v)
{
	struct wire_message m;
	struct link_fds fds;
	int err;

	if (v->closes_len == CLOSES_MAX)
		return -EAGAIN;
	err = link_receive(v->link, WIRE_FROM_PROBE, &m, &fds);
	if (!err)
		err = take(v, &m, &fds);
	link_fds_close(&fds);
	explicit_bzero(&m, sizeof(m));
	return err;
}

static void explain(const struct view *v, size_t targets, int err, char *why, size_t why_len)
{
	if (err == -EPROTONOSUPPORT)
		snprintf(why, why_len, "the probe half is of another version: start both anew");
	else if (v->ring && v->welcome.targets != targets)
		snprintf(why, why_len,
			 "the probe half was started with other targets: start both anew");
	else
		snprintf(why, why_len, "the probe half cannot be used: %s", strerror(-err));
}

static int say_hello(const struct view *v)
{
	struct wire_message hello = {.hello = {.record_version = RECORD_VERSION}};
	int err;

	if (v->resuming) {
		hello.hello.resumes = 1;
		memcpy(hello.hello.session, v->welcome.session, sizeof(hello.hello.session));
	}
	wire_begin(&hello, WIRE_HELLO);
	err = link_send(v->link, &hello, NULL, 0);
	explicit_bzero(&hello, sizeof(hello));
	return err;
}

int view_open(struct view *v, size_t targets, char *why, size_t why_len)
{
	const sigset_t mask = signals_while_waiting();
	struct pollfd fd = {.fd = v->link, .events = POLLIN};
	int err = say_hello(v);

	while (!err && !is_complete(v, targets)) {
		ppoll(&fd, 1, NULL, v->ring ? NULL : &mask);
		err = receive(v);
		if (err == -EAGAIN)
			err = 0;
		if (!err && v->ring && v->welcome.targets != targets)
			err = -EINVAL;
	}
	if (err && err != -EPIPE)
		explain(v, targets, err, why, why_len);
	return err;
}

const struct wire_welcome *view_welcome(const struct view *v)
{
	return &v->welcome;
}

int view_backlog(const struct view *v)
{
	return v->backlog;
}

int view_fd(const struct view *v)
{
	return v->poll;
}

int view_ring_fd(const struct view *v)
{
	return v->ring_fd;
}

/* --- the probe half is restarted -------------------------------------------------------------- */

static void lose_clocks(struct view *v)
{
	close_clocks(v);
	if (v->hooks.clocks)
		v->hooks.clocks(v->hooks.context, NULL);
}

static void hang_up(struct view *v)
{
	if (v->link >= 0)
		close(v->link);
	v->link = -1;
	v->resuming = false;
}

/* It ended. If it has left everything attached, the next one goes on with that. */
static void lose(struct view *v)
{
	hang_up(v);
	lose_clocks(v);
	if (!v->welcome.kept || !v->hooks.connect) {
		v->end = VIEW_GONE;
		return;
	}
	if (!v->away_ns) {
		v->away_ns = clock_mono_ns();
		log_info(STAGE, "the probe half has ended: what it attached is awaited by the next "
				"one, and the ring is read meanwhile");
	}
}

/* One that is there is waited for as long as it takes to begin. */
static void seek(struct view *v)
{
	if (v->link >= 0)
		return;
	if (!v->hooks.connect(v->hooks.context, &v->link)) {
		watch_link(v);
		v->resuming = true;
		if (say_hello(v))
			hang_up(v);
		return;
	}
	v->link = -1;
	if (clock_mono_ns() - v->away_ns > VIEW_AWAY_MS * NS_PER_MS)
		v->end = VIEW_GONE;
}

bool view_is_away(const struct view *v)
{
	return v->away_ns && v->end == VIEW_THERE;
}

static void read_link(struct view *v)
{
	int err = 0;

	if (view_is_away(v))
		seek(v);
	while (!err && v->end == VIEW_THERE && v->link >= 0)
		err = receive(v);
	if (!err || err == -EAGAIN)
		return;
	if (err != -EPIPE) {
		log_err(STAGE, "the probe half says what it may not: %s", strerror(-err));
		v->end = VIEW_GONE;
	} else {
		lose(v);
	}
}

bool view_consume(struct view *v, ring_sink *sink, void *context)
{
	read_link(v);
	ring_consume(v->ring, sink, context);
	if (ring_is_broken(v->ring) && v->end == VIEW_THERE) {
		log_err(STAGE, "what the probe half has handed over is no ring");
		v->end = VIEW_GONE;
	}
	if (ring_is_behind(v->ring))
		return false;
	for (size_t i = 0; i < v->closes_len; i++) {
		for (uint32_t j = 0; j < v->closes[i].len; j++)
			v->hooks.closed(v->hooks.context, &v->closes[i].closes[j],
					sizeof(v->closes[i].closes[j]));
	}
	v->closes_len = 0;
	return true;
}

void view_consume_clocks(struct view *v, ring_sink *sink, void *context)
{
	if (!v->clocks)
		return;
	ring_consume(v->clocks, sink, context);
	if (!ring_is_broken(v->clocks))
		return;
	log_err(STAGE, "what the probe half has handed over for the clocks is no ring");
	lose_clocks(v);
}

uint64_t view_clocks_lost(const struct view *v)
{
	return v->clocks_lost ? ring_counters_sum(v->clocks_lost) - v->clocks_lost_before : 0;
}

uint64_t view_dropped(const struct view *v)
{
	return ring_counters_sum(v->dropped) - v->welcome.dropped;
}

const struct wire_state *view_state(const struct view *v)
{
	return &v->state;
}

enum view_end view_end(const struct view *v)
{
	return v->end;
}

bool view_ask(struct view *v, const struct wire_ask *ask)
{
	struct wire_message m = {.ask = *ask};

	wire_begin(&m, WIRE_ASK);
	return v->end == VIEW_THERE && !v->away_ns && !link_send(v->link, &m, NULL, 0);
}

void view_leaving(struct view *v)
{
	v->leaving = true;
	if (!v->away_ns)
		say_leaving(v);
}

/* While the probe half is away there is nobody to leave anything to. */
static void await_probe(struct view *v)
{
	uint64_t until = clock_mono_ns() + BACK_MS * NS_PER_MS;

	while (view_is_away(v) && clock_mono_ns() < until) {
		struct pollfd fd = {.fd = v->link, .events = POLLIN};

		poll(&fd, 1, SEEK_MS);
		read_link(v);
	}
}

void view_leave(struct view *v, int backlog)
{
	struct pollfd fd = {.events = POLLOUT};
	struct wire_message m = {0};

	await_probe(v);
	if (v->link < 0)
		return;
	wire_begin(&m, WIRE_GONE);
	if (link_send(v->link, &m, &backlog, backlog >= 0 ? 1 : 0) != -EAGAIN)
		return;
	/* Questions fill the socket. Without this message this half would count as killed. */
	fd.fd = v->link;
	poll(&fd, 1, GONE_MS);
	link_send(v->link, &m, &backlog, backlog >= 0 ? 1 : 0);
}
