/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/daemon.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "config/config.h"
#include "daemon/leave.h"
#include "daemon/reload.h"
#include "daemon/stages.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/signals.h"
#include "daemon/truth.h"
#include "release/vocabulary.h"

#define DRAIN_MS    50  /* between two looks into the ring while packets are read */
#define REST_MS     250 /* ... while something else is waited for; a ring that fills wakes it too */
#define LOOKS       300 /* ticks with new figures for the page; fewer if an export comes first */
#define TICK_MS     1000 /* between two looks at processes, time-outs and the export's state */
#define RATES_MS    2000 /* to wait for the first rates: without them an amount has no value */
#define PAGE_ROUNDS 16   /* of the page at once: what is left waits for the next tick */

/* --- data ------------------------------------------------------------------------------------- */

static void take_record(void *context, const void *record, size_t size)
{
	const struct record_tls *tls = record;
	const struct record_unseen *unseen = record;
	struct daemon *d = context;

	if (size >= sizeof(*tls) && tls->head.type == RECORD_TLS && !d->backlog)
		blind_used(d->blind, tls);
	if (size >= sizeof(*unseen) && unseen->head.type == RECORD_UNSEEN)
		unseen_record(d->unseen, unseen, !d->backlog);
	pipeline_record(d->pipeline, record, size);
}

static void take_event(void *context, const void *event, size_t size)
{
	const struct daemon *d = context;

	if (size == sizeof(struct tape_event))
		live_event(d->live, event);
}

/* Of two readings the earlier clock holds for Prepares sent between them: after a step forwards one
 * from before it would look expired, and that a Prepare expires too late costs nothing. */
static void set_clock(struct daemon *d)
{
	int64_t now = clock_offset_ns();

	pipeline_set_clock(d->pipeline, now < d->clock_offset ? now : d->clock_offset);
	d->clock_offset = now;
}

static void drain_ring(struct daemon *d)
{
	uint64_t now_ns = clock_mono_ns();

	set_clock(d);
	if (view_consume(d->view, take_record, d) || !d->read_ns)
		d->read_ns = now_ns;
	blind_settle(d->blind);
	/* After the records: what a reply may have been lost to is known then. And no later than
	 * they are: nothing is judged before what came meanwhile is read. */
	pipeline_settle(d->pipeline, view_dropped(d->view), d->read_ns);
	if (d->live) {
		view_consume_clocks(d->view, take_event, d);
		live_settle(d->live, view_clocks_lost(d->view), d->read_ns);
	}
}

/* --- what the stages outside the pipeline have counted --- */

_Static_assert(DOCUMENT_OPERATOR == (int)RATES_OPERATOR && DOCUMENT_NETWORK == (int)RATES_NETWORK &&
		       DOCUMENTS == (int)RATES_SOURCES,
	       "a word for each source of rates");

static void hand_over_rates(struct daemon *d)
{
	for (unsigned i = 0; i < RATES_SOURCES; i++) {
		struct rates_status s = rates_status(d->rates, i, clock_mono_ms());

		series_set(d->series, METRIC_RATES_AGE, i,
			   s.loaded ? (int64_t)(s.age_ms / 1000) : -1);
		series_total(d->series, METRIC_RATES_FAILURES, i, s.failures);
	}
}

static void hand_over_history(struct daemon *d)
{
	struct history_stats s = local_stats(d->local);

	series_total(d->series, METRIC_HISTORY_FAILURES, HISTORY_EVENT_CORRUPT, s.corrupt);
	series_total(d->series, METRIC_HISTORY_FAILURES, HISTORY_EVENT_FOREIGN, s.foreign);
	series_total(d->series, METRIC_HISTORY_FAILURES, HISTORY_EVENT_UNSAVED, s.unsaved);
}

static void hand_over(struct daemon *d)
{
	targets_update(&d->targets, d->series);
	series_total(d->series, METRIC_RECORDS_DROPPED, 0, view_dropped(d->view) + d->backlog_lost);
	/* The pipeline has none, as they are in the probe half's own ring. */
	series_total(d->series, METRIC_RECORDS, RECORD_EXEC - 1, view_state(d->view)->execs);
	series_set(d->series, METRIC_TLS_PROCESSES, 0, view_state(d->view)->tapped);
	quiet_update(&d->quiet, pipeline_messages(d->pipeline),
		     (int64_t)(clock_wall_ns() / NS_PER_S), d->series);
	health_update(d->health, d->exporter);
	cost_update(&d->cost, view_state(d->view), d->series);
	hand_over_rates(d);
	if (d->local)
		hand_over_history(d);
}

static void write_truth(const struct daemon *d)
{
	struct privacy_truth t = privacy_truth(d->privacy);

	if (d->options->truth_path)
		truth_write(d->options->truth_path, &t);
}

/* Why the clocks do not run as they should, as a comment. */
static void put_clocks(const struct daemon *d, char *line, size_t len)
{
	line[0] = '\0';
	if (d->config->profile.columns && d->no_clocks[0])
		snprintf(line, len, "# clocks: %s\n", d->no_clocks);
}

/* What /metrics says in words: malloc'ed, NULL when memory is short. */
static char *notes(const struct daemon *d)
{
	uint64_t now = clock_wall_ns();
	char *targets = targets_words(&d->targets, now), *health = health_words(d->health, now);
	char *all = NULL, clocks[WIRE_TEXT_MAX + 16];

	put_clocks(d, clocks, sizeof(clocks));
	if (!targets || !health || asprintf(&all, "%s%s%s", targets, clocks, health) < 0)
		all = NULL;
	free(targets);
	free(health);
	return all;
}

/* Releases what has been counted so far, to the page and, unless X is NULL, to the collectors. */
static void post_to(struct daemon *d, struct exporter *x)
{
	struct released *r;

	hand_over(d);
	r = privacy_release(d->privacy, clock_wall_ns());
	if (!r) {
		log_err("run", "out of memory for a snapshot; the next one carries everything");
		return;
	}
	if (x)
		export_post(x, r);
	if (d->local)
		local_post(d->local, r, notes(d));
	released_unref(r);
}

static void post(struct daemon *d)
{
	post_to(d, d->exporter);
}

/*
 * Who has just enabled telltale looks whether it counts, and does not wait for the first export.
 * Nothing goes to a collector here: an export out of turn would tell when the first payment was
 * made.
 */
static void look(struct daemon *d)
{
	if (!d->looks || !d->local)
		return;
	d->looks--;
	post_to(d, NULL);
}

static void release(struct daemon *d)
{
	drain_ring(d);
	pipeline_tick(d->pipeline, d->read_ns);
	post(d);
}

/* --- events ----------------------------------------------------------------------------------- */

/* Is there something beside packets that has to be gone on with before the next tick? */
static bool is_waiting(const struct daemon *d)
{
	int rates_ms = rates_wait_ms(d->rates, clock_mono_ms());

	return d->clocks == LIVE_CLOCKS_ON || d->backlog || d->outdated || view_is_away(d->view) ||
	       (rates_ms >= 0 && rates_ms < TICK_MS);
}

/* How often the ring is looked into, which is what an idle daemon half costs. 0: at each tick is
 * enough, as no exchange is judged earlier than a second after its end. */
static unsigned pace_of(struct daemon *d)
{
	uint64_t messages = pipeline_messages(d->pipeline);
	bool busy = messages != d->messages || !pipeline_is_empty(d->pipeline);

	d->messages = messages;
	if (busy)
		return DRAIN_MS;
	return is_waiting(d) ? REST_MS : 0;
}

static void set_pace(struct daemon *d)
{
	pace_set(&d->drain, pace_of(d));
}

static void go_on(struct daemon *d)
{
	drain_ring(d);
	set_pace(d);
	rates_tick(d->rates, clock_mono_ms());
	if (d->outdated)
		leave_begin(d);
	if (view_end(d->view) != VIEW_THERE || leave_is_done(d))
		event_base_loopbreak(d->base);
}

static void on_drain(evutil_socket_t fd, short what, void *context)
{
	struct daemon *d = context;

	(void)fd;
	(void)what;
	turns_note(&d->turns);
	go_on(d);
}

/* Descriptors tell of new events only: 0 says that there is more to do now, and time-outs want a
 * call without any event. */
static void run_page(struct daemon *d)
{
	for (unsigned round = 0; d->page && round < PAGE_ROUNDS && !page_run(d->page); round++)
		;
}

/* Spans go out with each export, and before there are too many of them. */
static void post_spans(struct daemon *d, size_t least)
{
	struct spans *spans;

	if (!d->traces || !d->exporter || traces_len(d->traces) < least)
		return;
	spans = traces_take(d->traces, d->clock_offset);
	export_post_spans(d->exporter, spans);
	spans_unref(spans);
}

static void on_tick(evutil_socket_t fd, short what, void *context)
{
	struct daemon *d = context;

	(void)fd;
	(void)what;
	turns_note(&d->turns);
	go_on(d);
	if (!d->backlog)
		blind_tick(d->blind);
	pipeline_tick(d->pipeline, d->read_ns);
	privacy_tick(d->privacy, clock_wall_ns());
	post_spans(d, SPANS_MAX / 4);
	look(d);
	write_truth(d);
	run_page(d);
	reload_tick(d->reload);
	notify_alive();
}

static void on_export(evutil_socket_t fd, short what, void *context)
{
	struct daemon *d = context;

	(void)fd;
	(void)what;
	d->looks = 0;
	release(d);
	post_spans(d, 1);
}

static void on_page(evutil_socket_t fd, short what, void *context)
{
	struct daemon *d = context;

	(void)fd;
	(void)what;
	run_page(d);
}

/* Whether the operator has taken consent back since the configuration was read. One that cannot be
 * read says nothing. */
static bool is_withdrawn(const struct daemon *d)
{
	struct config *now = d->options->load(d->options->load_context);
	bool withdrawn = now && config_consent(now);

	config_free(now);
	return withdrawn;
}

/* Nothing more is sent, and nothing is waited for. */
static void withdraw(struct daemon *d)
{
	d->withdrawn = true;
	notify_stopping();
	event_base_loopbreak(d->base);
}

static void on_signal(evutil_socket_t fd, short what, void *context)
{
	struct daemon *d = context;

	(void)what;
	if (is_withdrawn(d)) {
		withdraw(d);
		return;
	}
	log_info("run", "%s: flushing and stopping", strsignal((int)fd));
	notify_stopping();
	if (!leave_begin(d))
		event_base_loopbreak(d->base);
	set_pace(d); /* what is under way is not waited for longer than it takes */
}

/* A manager asks for a reload, or the terminal that it was started in was closed: then nobody is
 * there to stop it later. */
static void on_hangup(evutil_socket_t fd, short what, void *context)
{
	struct daemon *d = context;

	if (d->in_terminal && !isatty(STDERR_FILENO)) {
		if (d->options->socket)
			on_signal(fd, what, context);
		return; /* else the probe half says when to end */
	}
	if (!reload_begin(d->reload))
		withdraw(d);
	set_pace(d); /* other rates may be to be fetched */
}

static int add_event(struct daemon *d, int fd, short what, event_callback_fn callback,
		     unsigned every_ms)
{
	struct timeval interval = {every_ms / 1000, (every_ms % 1000) * 1000L};
	struct event *e = event_new(d->base, fd, what, callback, d);

	if (!e || event_add(e, every_ms ? &interval : NULL)) {
		if (e)
			event_free(e);
		return -ENOMEM;
	}
	d->events[d->events_len++] = e;
	return 0;
}

static int add_events(struct daemon *d)
{
	int fds[4];
	size_t n = d->page ? page_fds(d->page, fds, 4) : 0;
	int err = 0;

	for (size_t i = 0; i < n && !err; i++)
		err = add_event(d, fds[i], EV_READ | EV_PERSIST, on_page, 0);
	if (!err)
		err = add_event(d, view_fd(d->view), EV_READ | EV_PERSIST, on_drain, 0);
	if (!err)
		err = add_event(d, view_ring_fd(d->view), EV_READ | EV_PERSIST, on_drain, 0);
	if (!err)
		err = add_event(d, -1, EV_PERSIST, on_drain, REST_MS);
	if (!err)
		d->drain.event = d->events[d->events_len - 1];
	d->drain.ms = REST_MS;
	if (!err)
		err = add_event(d, -1, EV_PERSIST, on_tick, TICK_MS);
	if (!err)
		err = add_event(d, -1, EV_PERSIST, on_export, d->config->export_interval_ms);
	if (!err)
		d->export_event = d->events[d->events_len - 1];
	if (!err && d->options->socket)
		err = add_event(d, SIGTERM, EV_SIGNAL | EV_PERSIST, on_signal, 0);
	if (!err && d->options->socket)
		err = add_event(d, SIGINT, EV_SIGNAL | EV_PERSIST, on_signal, 0);
	if (!err)
		err = add_event(d, SIGHUP, EV_SIGNAL | EV_PERSIST, on_hangup, 0);
	return err;
}

/* --- from beginning to end ----------------------------------------------------------------------
 */

static void say_ready(const struct daemon *d)
{
	const struct config *c = d->config;
	const struct wire_state *state = view_state(d->view);
	char collectors[64] = "to no collector";
	char page[96] = "";

	if (c->endpoints_len)
		snprintf(collectors, sizeof(collectors), "to %zu collector%s every %g s",
			 c->endpoints_len, c->endpoints_len == 1 ? "" : "s",
			 c->export_interval_ms / 1000.0);
	if (c->listen)
		snprintf(page, sizeof(page), "; page on %s%s",
			 strncmp(c->listen, "unix:", 5) ? "http://" : "", c->listen);
	log_info("run",
		 "ready: watching %zu target%s with %u process%s, reading the TLS of %u; "
		 "exporting %s as %s on %s%s",
		 d->targets.len, d->targets.len == 1 ? "" : "s", state->processes,
		 state->processes == 1 ? "" : "es", state->tapped, collectors, c->instance,
		 network_text(c->network), page);
}

/* What the targets have sent since then is not counted, which the last export says. */
static void say_end(struct daemon *d)
{
	if (view_end(d->view) != VIEW_GONE)
		return;
	log_err("run", "the probe half has ended without a word: nothing is attached any more; "
		       "flushing and stopping");
	series_count(d->series, METRIC_PROBE_RESTARTED, 0, 1);
}

static void run(struct daemon *d)
{
	if (signals_reload_waits() && is_withdrawn(d)) {
		d->withdrawn = true;
		log_info("run", "consent was taken back: nothing is counted");
		return;
	}
	signals_take();
	d->looks = LOOKS;
	post(d); /* before anything is counted: what counts from zero shows a zero */
	rates_load(d->rates, RATES_MS);
	leave_take(d, take_record);
	release(d);
	write_truth(d);
	say_ready(d);
	notify_ready();
	turns_begin(&d->turns);
	event_base_dispatch(d->base);
	signals_hold(); /* until all is handed over and sent */
	turns_say(&d->turns, "run");
	/* Under `telltale run` the probe half says when to end. */
	d->withdrawn = d->withdrawn || is_withdrawn(d);
	if (d->withdrawn)
		log_info("run", "consent was taken back: nothing more is sent");
	say_end(d);
	drain_ring(d);
	if (!d->backlog)
		blind_drain(d->blind);
	if (view_end(d->view) == VIEW_GONE)
		pipeline_unwitnessed(d->pipeline, clock_mono_ns());
	leave_drain(d);
	pipeline_drain(d->pipeline, clock_mono_ns());
	leave_end(d);
	reload_finish(d->reload);
	if (!d->withdrawn) {
		post(d);
		post_spans(d, 1);
	}
	privacy_save(d->privacy);
	write_truth(d);
}

/* False: the probe half that was started together with this one has ended. */
static bool await_second(const struct daemon_options *options)
{
	struct pollfd fd = {.fd = options->socket ? -1 : options->link};

	return poll(&fd, 1, 1000) <= 0;
}

/* A host without a battery for its clock begins in 1970. Points of that time would be refused, or
 * kept for ever; nobody could say whether a Prepare has expired; and the hours and days of
 * continual would be wrong ones. False: the probe half has ended meanwhile. */
static bool await_clock(const struct daemon_options *options)
{
	bool said = false;

	while (clock_wall_ns() < CLOCK_EARLIEST_NS) {
		if (!said)
			log_warn("run",
				 "the clock shows a time before 2025, so it was not set yet: "
				 "counting begins when it is; set it, or see that NTP works");
		said = true;
		notify_starting();
		if (!await_second(options))
			return false;
	}
	if (said)
		log_info("run", "the clock is set now");
	return true;
}

int daemon_run(const struct daemon_options *options)
{
	struct daemon *d = calloc(1, sizeof(*d));
	int err;

	if (!d)
		return -ENOMEM;
	d->options = options;
	d->config = options->config;
	d->in_terminal = isatty(STDERR_FILENO);
	d->reload = reload_new(d);
	err = !d->reload ? -ENOMEM : await_clock(options) ? daemon_open(d) : -EPIPE;
	if (!err)
		err = add_events(d);
	if (!err)
		run(d);
	else if (err == -ENOMEM)
		log_err("run", "out of memory");
	if (!err && view_end(d->view) == VIEW_GONE)
		err = -EPIPE;
	daemon_close(d);
	reload_free(d->reload);
	free(d);
	return err;
}
