/* SPDX-License-Identifier: Apache-2.0 */
#include "halves/view.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "halves/link.h"

#define STAGE "view"

/* Ends of connections that wait for the ring to be read. More at once are said in turns. */
#define CLOSES_MAX 64
#define GONE_MS    1000 /* for the probe half to read what was said before */

struct view {
	struct view_hooks hooks;
	int link, ring_fd, backlog;
	struct ring *ring;
	struct ring_counters *dropped;
	struct wire_welcome welcome;
	struct wire_state state;
	size_t targets_said;
	enum view_end end;
	struct wire_closed closes[CLOSES_MAX];
	size_t closes_len;
};

struct view *view_new(int link, const struct view_hooks *hooks)
{
	struct view *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->hooks = *hooks;
	v->link = link;
	v->ring_fd = -1;
	v->backlog = -1;
	return v;
}

void view_free(struct view *v)
{
	if (!v)
		return;
	ring_close(v->ring);
	ring_counters_close(v->dropped);
	if (v->ring_fd >= 0)
		close(v->ring_fd);
	if (v->backlog >= 0)
		close(v->backlog);
	if (v->link >= 0)
		close(v->link);
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

static bool is_complete(const struct view *v, size_t targets)
{
	return v->ring && v->targets_said >= targets;
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
		return take_welcome(v, &m->welcome, fds);
	if (!v->ring || comes_early(v, m->head.type))
		return -EBADMSG;
	switch (m->head.type) {
	case WIRE_TARGET:
		v->targets_said++;
		v->hooks.target(v->hooks.context, &m->target);
		return 0;
	case WIRE_STATE: v->state = m->state; return 0;
	case WIRE_CLOSED: v->closes[v->closes_len++] = m->closed; return 0;
	case WIRE_ANSWER: v->hooks.answer(v->hooks.context, &m->answer); return 0;
	case WIRE_UNSEEN: v->hooks.unseen(v->hooks.context, &m->unseen); return 0;
	case WIRE_WITNESSED: v->hooks.witnessed(v->hooks.context, m->witnessed.at_ns); return 0;
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

int view_open(struct view *v, size_t targets, char *why, size_t why_len)
{
	struct pollfd fd = {.fd = v->link, .events = POLLIN};
	struct wire_message hello = {.hello = {.record_version = RECORD_VERSION}};
	int err;

	wire_begin(&hello, WIRE_HELLO);
	err = link_send(v->link, &hello, NULL, 0);
	while (!err && !is_complete(v, targets)) {
		poll(&fd, 1, -1);
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
	return v->link;
}

int view_ring_fd(const struct view *v)
{
	return v->ring_fd;
}

static void read_link(struct view *v)
{
	int err = 0;

	while (!err && v->end == VIEW_THERE)
		err = receive(v);
	if (!err || err == -EAGAIN)
		return;
	if (err != -EPIPE)
		log_err(STAGE, "the probe half says what it may not: %s", strerror(-err));
	v->end = VIEW_GONE;
}

void view_consume(struct view *v, ring_sink *sink, void *context)
{
	read_link(v);
	ring_consume(v->ring, sink, context);
	for (size_t i = 0; i < v->closes_len; i++) {
		for (uint32_t j = 0; j < v->closes[i].len; j++)
			v->hooks.closed(v->hooks.context, &v->closes[i].closes[j],
					sizeof(v->closes[i].closes[j]));
	}
	v->closes_len = 0;
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
	return v->end == VIEW_THERE && !link_send(v->link, &m, NULL, 0);
}

void view_leaving(struct view *v)
{
	struct wire_message m = {0};

	wire_begin(&m, WIRE_LEAVING);
	link_send(v->link, &m, NULL, 0);
}

void view_leave(struct view *v, int backlog)
{
	struct pollfd fd = {.fd = v->link, .events = POLLOUT};
	struct wire_message m = {0};

	wire_begin(&m, WIRE_GONE);
	if (link_send(v->link, &m, &backlog, backlog >= 0 ? 1 : 0) != -EAGAIN)
		return;
	/* Questions fill the socket. Without this message this half would count as killed. */
	poll(&fd, 1, GONE_MS);
	link_send(v->link, &m, &backlog, backlog >= 0 ? 1 : 0);
}
