/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "config/config.h"
#include "daemon/stages.h"
#include "base/log.h"
#include "daemon/truth.h"
#include "release/vocabulary.h"

#define DRAIN_MS    50   /* between two looks into the ring */
#define TICK_MS     1000 /* between two looks at processes, time-outs and the export's state */
#define RATES_MS    2000 /* to wait for the first rates: without them an amount has no value */
#define PAGE_ROUNDS 16   /* of the page at once: what is left waits for the next tick */

/* --- data ------------------------------------------------------------------------------------- */

static void take_record(void *context, const void *record, size_t size)
{
	const struct record_exec *exec = record;
	const struct record_tls *tls = record;
	const struct record_unseen *unseen = record;
	struct daemon *d = context;

	if (size >= sizeof(*exec) && exec->head.type == RECORD_EXEC)
		processes_exec(d->processes, (pid_t)exec->pid, exec->head.target);
	if (size >= sizeof(*tls) && tls->head.type == RECORD_TLS)
		blind_used(d->blind, tls);
	if (d->witness && size >= sizeof(*unseen) && unseen->head.type == RECORD_UNSEEN)
		witness_record(d->witness, unseen);
	pipeline_record(d->pipeline, record, size);
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
	probe_consume(d->probe, take_record, d);
	/* After the records: what a reply may have been lost to is known then. */
	pipeline_settle(d->pipeline, probe_dropped(d->probe), now_ns);
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
	series_total(d->series, METRIC_RECORDS_DROPPED, 0, probe_dropped(d->probe));
	series_set(d->series, METRIC_TLS_PROCESSES, 0, (int64_t)processes_tapped(d->processes));
	health_update(d->health, d->exporter);
	hand_over_rates(d);
	if (d->local)
		hand_over_history(d);
}

static void write_truth(const struct daemon *d)
{
	struct privacy_truth t = privacy_truth(d->privacy);

	if (d->truth_path)
		truth_write(d->truth_path, &t);
}

/* What /metrics says in words: malloc'ed, NULL when memory is short. */
static char *notes(const struct daemon *d)
{
	uint64_t now = clock_wall_ns();
	char *targets = targets_words(&d->targets, now), *health = health_words(d->health, now);
	char *both = NULL;

	if (!targets || !health || asprintf(&both, "%s%s", targets, health) < 0)
		both = NULL;
	free(targets);
	free(health);
	return both;
}

/* Releases what has been counted so far and hands it to all who show it. */
static void post(struct daemon *d)
{
	struct released *r;

	hand_over(d);
	r = privacy_release(d->privacy, clock_wall_ns());
	if (!r) {
		log_err("run", "out of memory for a snapshot; the next one carries everything");
		return;
	}
	if (d->exporter)
		export_post(d->exporter, r);
	if (d->local)
		local_post(d->local, r, notes(d));
	released_unref(r);
}

static void release(struct daemon *d)
{
	drain_ring(d);
	pipeline_tick(d->pipeline, clock_mono_ns());
	post(d);
}

/* --- events ----------------------------------------------------------------------------------- */

static void on_drain(evutil_socket_t fd, short what, void *context)
{
	struct daemon *d = context;

	(void)fd;
	(void)what;
	drain_ring(d);
	processes_catch_up(d->processes);
	if (d->witness)
		witness_tick(d->witness);
	rates_tick(d->rates, clock_mono_ms());
}

/* What has come to a target may have processes already. */
static void on_targets(evutil_socket_t fd, short what, void *context)
{
	struct daemon *d = context;

	(void)fd;
	(void)what;
	follow_changed(d->targets.follow);
	processes_scan(d->processes);
	if (d->witness)
		witness_soon(d->witness);
}

static void on_processes(evutil_socket_t fd, short what, void *context)
{
	struct daemon *d = context;

	(void)fd;
	(void)what;
	processes_catch_up(d->processes);
}

/* Descriptors tell of new events only: 0 says that there is more to do now, and time-outs want a
 * call without any event. */
static void run_page(struct daemon *d)
{
	for (unsigned round = 0; d->page && round < PAGE_ROUNDS && !page_run(d->page); round++)
		;
}

static void on_tick(evutil_socket_t fd, short what, void *context)
{
	struct daemon *d = context;

	(void)fd;
	(void)what;
	processes_scan(d->processes);
	drain_ring(d);
	blind_tick(d->blind);
	pipeline_tick(d->pipeline, clock_mono_ns());
	privacy_tick(d->privacy, clock_wall_ns());
	write_truth(d);
	run_page(d);
}

static void on_export(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	release(context);
}

static void on_page(evutil_socket_t fd, short what, void *context)
{
	struct daemon *d = context;

	(void)fd;
	(void)what;
	run_page(d);
}

static void on_signal(evutil_socket_t fd, short what, void *context)
{
	struct daemon *d = context;

	(void)what;
	log_info("run", "%s: flushing and stopping", strsignal((int)fd));
	event_base_loopbreak(d->base);
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
		err = add_event(d, probe_fd(d->probe), EV_READ | EV_PERSIST, on_drain, 0);
	if (!err)
		err = add_event(d, follow_fd(d->targets.follow), EV_READ | EV_PERSIST, on_targets,
				0);
	if (!err)
		err = add_event(d, processes_fd(d->processes), EV_READ | EV_PERSIST, on_processes,
				0);
	if (!err)
		err = add_event(d, -1, EV_PERSIST, on_drain, DRAIN_MS);
	if (!err)
		err = add_event(d, -1, EV_PERSIST, on_tick, TICK_MS);
	if (!err)
		err = add_event(d, -1, EV_PERSIST, on_export, d->config->export_interval_ms);
	if (!err)
		err = add_event(d, SIGTERM, EV_SIGNAL | EV_PERSIST, on_signal, 0);
	if (!err)
		err = add_event(d, SIGINT, EV_SIGNAL | EV_PERSIST, on_signal, 0);
	return err;
}

/* --- from beginning to end ----------------------------------------------------------------------
 */

static void say_ready(const struct daemon *d)
{
	const struct config *c = d->config;
	size_t processes = processes_len(d->processes);
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
		 "ready: watching %zu target%s with %zu process%s, reading the TLS of %zu; "
		 "exporting %s as %s on %s%s",
		 d->targets.len, d->targets.len == 1 ? "" : "s", processes,
		 processes == 1 ? "" : "es", processes_tapped(d->processes), collectors,
		 c->instance, network_text(c->network), page);
}

int daemon_run(const struct daemon_options *options)
{
	struct daemon *d = calloc(1, sizeof(*d));
	int err;

	if (!d)
		return -ENOMEM;
	d->config = options->config;
	d->truth_path = options->truth_path;
	err = daemon_open(d);
	if (!err)
		err = add_events(d);
	if (!err) {
		post(d); /* before anything is counted: what counts from zero shows a zero */
		rates_load(d->rates, RATES_MS);
		release(d);
		write_truth(d);
		say_ready(d);
		event_base_dispatch(d->base);
		probe_detach_execs(d->probe);
		if (d->witness)
			witness_finish(d->witness);
		targets_detach(&d->targets);
		drain_ring(d);
		pipeline_drain(d->pipeline, clock_mono_ns());
		release(d);
		privacy_save(d->privacy);
		write_truth(d);
	} else if (err == -ENOMEM) {
		log_err("run", "out of memory");
	}
	daemon_close(d);
	free(d);
	return err;
}
