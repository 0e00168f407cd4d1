/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/leave.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "halves/backlog.h"

#define LEAVE_MS 3000 /* for what is under way; most exchanges take less than one second */
#define JUDGE_MS 5000 /* more, for what has ended: a busy host keeps the witness waiting */

/* --- the one that leaves -----------------------------------------------------------------------
 */

static void put(void *context, const void *record, size_t size)
{
	const struct daemon *d = context;

	backlog_add(d->backlog, record, size);
}

bool leave_begin(struct daemon *d)
{
	if (d->backlog)
		return false;
	d->backlog = backlog_new(clock_mono_ns());
	if (!d->backlog)
		return false;
	d->leave_ms = clock_mono_ms() + LEAVE_MS;
	/* Endpoints are announced again from here on. */
	view_leaving(d->view);
	blind_leave(d->blind, put, d);
	pipeline_leave(d->pipeline, put, d);
	return true;
}

bool leave_is_done(const struct daemon *d)
{
	int64_t late_ms = clock_mono_ms() - d->leave_ms;

	if (!d->backlog)
		return false;
	return pipeline_is_empty(d->pipeline) || late_ms >= JUDGE_MS ||
	       (late_ms >= 0 && !pipeline_stats(d->pipeline).waiting);
}

static void put_doubt(void *context, unsigned target, enum doubt_cause cause, uint64_t key)
{
	const struct daemon *d = context;

	backlog_doubt(d->backlog, &(struct backlog_doubt){key, target, cause});
}

static void put_payment(void *context, const struct payment_state *state)
{
	const struct daemon *d = context;

	backlog_payment(d->backlog, state);
}

void leave_drain(struct daemon *d)
{
	uint64_t now = clock_mono_ns(), from = now > DOUBTS_LIFE_NS ? now - DOUBTS_LIFE_NS : 0;

	if (!d->backlog)
		return;
	/* The witness goes on, and tells the next one: that is in no doubt for want of a look. */
	for (unsigned i = 0; i < d->targets.len; i++) {
		if (pipeline_doubted(d->pipeline, i, from, now))
			backlog_doubt_target(d->backlog, i);
	}
	pipeline_unwitnessed(d->pipeline, now);
}

void leave_end(struct daemon *d)
{
	int fd;

	if (!d->backlog)
		return;
	pipeline_each_doubt(d->pipeline, put_doubt, d);
	pipeline_each_payment(d->pipeline, put_payment, d);
	fd = backlog_finish(d->backlog);
	if (fd < 0)
		log_err("run", "cannot leave anything to the next daemon half: %s", strerror(-fd));
	else
		view_leave(d->view, fd);
}

/* --- the one that comes ------------------------------------------------------------------------
 */

static void take_head(void *context, const struct backlog_head *head)
{
	struct daemon *d = context;

	d->backlog_lost = head->lost;
	/* What is lost may be what came in, of any target. */
	for (unsigned i = 0; i < d->targets.len; i++) {
		if (head->lost || backlog_is_doubted(head, i))
			pipeline_doubt_restart(d->pipeline, i, head->from_ns, clock_mono_ns());
	}
}

static void take_doubt(void *context, const struct backlog_doubt *doubt)
{
	struct daemon *d = context;

	if (doubt->target < d->targets.len && doubt->cause < DOUBT_CAUSES)
		pipeline_doubt_open(d->pipeline, doubt->target, (enum doubt_cause)doubt->cause,
				    doubt->key, clock_mono_ns());
}

static void take_payment(void *context, const struct payment_state *state)
{
	struct daemon *d = context;

	if (pipeline_resume(d->pipeline, state))
		log_debug("run", "a payment under way cannot be gone on with");
}

/* Nobody knows what the one before had in hand: what came in may be what goes out now. */
static void doubt_everything(struct daemon *d)
{
	log_warn("run", "the daemon half before this one was killed: what it had in hand is not "
			"counted");
	series_total(d->series, METRIC_DAEMON_KILLED, 0, 1);
	for (unsigned i = 0; i < d->targets.len; i++)
		pipeline_doubt_restart(d->pipeline, i, 0, clock_mono_ns());
}

void leave_say_missed(struct daemon *d)
{
	log_warn("run", "the probe half was restarted: what the targets sent meanwhile is not "
			"counted");
	series_count(d->series, METRIC_PROBE_RESTARTED, 0, 1);
}

void leave_take(struct daemon *d, ring_sink *sink)
{
	const struct backlog_hooks hooks = {take_head, take_doubt, take_payment, sink, d};
	const struct wire_welcome *w = view_welcome(d->view);
	int err = 0;

	if (w->missed)
		leave_say_missed(d);
	if (w->before == WIRE_BEFORE_NONE)
		return;
	if (w->before == WIRE_BEFORE_LEFT && view_backlog(d->view) >= 0)
		err = backlog_read(view_backlog(d->view), &hooks);
	if (err)
		log_err("run", "what the daemon half before left cannot be read: %s",
			strerror(-err));
	if (err || w->before == WIRE_BEFORE_LOST || view_backlog(d->view) < 0)
		doubt_everything(d);
}
