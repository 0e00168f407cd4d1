/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "blind.h"
#include "export.h"
#include "hostkey.h"
#include "log.h"
#include "page.h"
#include "peers.h"
#include "pipeline.h"
#include "privacy.h"
#include "privilege.h"
#include "probe.h"
#include "processes.h"
#include "rates.h"
#include "target.h"
#include "truth.h"

#define DRAIN_MS 50   /* between two looks into the ring */
#define TICK_MS  1000 /* between two looks at processes, time-outs and the export's state */
#define FLUSH_MS 4000 /* for the last export; SIGTERM is done within five seconds */
#define RATES_MS 2000 /* to wait for the first rates: without them an amount has no value */

#define PAGE_ROUNDS 16 /* of the page at once: what is left waits for the next tick */

#define PEERS_SEEN 4096 /* endpoints remembered for `telltale peers` */

/* What the exporter and the rates count, as last handed to privacy. */
struct handed_over {
	uint64_t exports, failures;
};

struct daemon {
	const struct config *config;
	const char *truth_path;
	struct target targets[CONFIG_TARGETS_MAX];
	size_t targets_len;

	struct probe *probe;
	struct processes *processes;
	struct blind *blind;
	struct peers *peers;
	struct rates *rates;
	struct privacy *privacy;
	struct pipeline *pipeline;
	struct exporter *exporter;
	struct page *page;

	struct event_base *base;
	struct event *events[16];
	size_t events_len;

	int series_dropped, series_coverage, series_tls;
	int series_rates_age[RATES_SOURCES], series_rates_failures[RATES_SOURCES];
	int *series_exports, *series_export_failures; /* by endpoint */
	struct export_status *exports;                /* room for every endpoint */
	struct handed_over *handed;
	uint64_t dropped, rates_failures[RATES_SOURCES];
};

static uint64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int64_t clock_offset(void)
{
	return (int64_t)(now_ns(CLOCK_REALTIME) - now_ns(CLOCK_MONOTONIC));
}

/* --- data ------------------------------------------------------------------------------------- */

static void take_record(void *context, const void *record, size_t size)
{
	struct daemon *d = context;

	pipeline_record(d->pipeline, record, size);
}

static void drain_ring(struct daemon *d)
{
	probe_consume(d->probe, take_record, d);
}

/* What the stages outside the pipeline counted since the last time. */
static void hand_over_exports(struct daemon *d)
{
	size_t n =
		d->exporter ? export_status(d->exporter, d->exports, d->config->endpoints_len) : 0;

	for (size_t i = 0; i < n; i++) {
		privacy_add(d->privacy, d->series_exports[i],
			    d->exports[i].exports - d->handed[i].exports);
		privacy_add(d->privacy, d->series_export_failures[i],
			    d->exports[i].failures - d->handed[i].failures);
		d->handed[i].exports = d->exports[i].exports;
		d->handed[i].failures = d->exports[i].failures;
	}
}

static void hand_over_rates(struct daemon *d)
{
	for (unsigned i = 0; i < RATES_SOURCES; i++) {
		struct rates_status s =
			rates_status(d->rates, i, now_ns(CLOCK_MONOTONIC) / 1000000);

		privacy_set(d->privacy, d->series_rates_age[i],
			    s.loaded ? (int64_t)(s.age_ms / 1000) : -1);
		privacy_add(d->privacy, d->series_rates_failures[i],
			    s.failures - d->rates_failures[i]);
		d->rates_failures[i] = s.failures;
	}
}

/* 1 when nothing in scope was unreadable, unattributed, unconverted or lost since the start. */
static bool covered(const struct daemon *d, uint64_t dropped)
{
	struct pipeline_stats s = pipeline_stats(d->pipeline);

	return !dropped && !blind_count(d->blind) && !s.unattributed && !s.unconverted &&
	       !s.match.evicted && !s.conditions_evicted && !s.payments.evicted && !s.invalid &&
	       !s.gaps;
}

static void hand_over(struct daemon *d)
{
	uint64_t dropped = probe_dropped(d->probe);

	privacy_add(d->privacy, d->series_dropped, dropped - d->dropped);
	d->dropped = dropped;
	privacy_set(d->privacy, d->series_tls, (int64_t)processes_tapped(d->processes));
	privacy_set(d->privacy, d->series_coverage, covered(d, dropped));
	hand_over_exports(d);
	hand_over_rates(d);
}

static void write_truth(const struct daemon *d)
{
	struct privacy_truth t = privacy_truth(d->privacy);

	if (d->truth_path)
		truth_write(d->truth_path, &t);
}

static void release(struct daemon *d)
{
	struct released *r;

	drain_ring(d);
	pipeline_tick(d->pipeline, now_ns(CLOCK_MONOTONIC));
	hand_over(d);
	r = privacy_release(d->privacy, now_ns(CLOCK_REALTIME));
	if (!r) {
		log_err("run", "out of memory for a snapshot; the next one carries everything");
		return;
	}
	if (d->exporter)
		export_post(d->exporter, r);
	if (d->page)
		page_post(d->page, r);
	released_unref(r);
}

/* --- events ----------------------------------------------------------------------------------- */

static void on_drain(evutil_socket_t fd, short what, void *context)
{
	struct daemon *d = context;

	(void)fd;
	(void)what;
	drain_ring(d);
	rates_tick(d->rates, now_ns(CLOCK_MONOTONIC) / 1000000);
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
	pipeline_set_clock(d->pipeline, clock_offset());
	pipeline_tick(d->pipeline, now_ns(CLOCK_MONOTONIC));
	privacy_tick(d->privacy, now_ns(CLOCK_REALTIME));
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

/* The answer to `telltale peers`. */
static char *answer_control(void *context, const char *path)
{
	struct daemon *d = context;

	return !strcmp(path, "/peers") ? peers_json(d->peers) : NULL;
}

/* --- building up ------------------------------------------------------------------------------ */

static int resolve_targets(struct daemon *d)
{
	char why[512] = "";

	for (size_t i = 0; i < d->config->targets_len; i++) {
		struct target *t = &d->targets[d->targets_len];
		int err = target_resolve(&d->config->targets[i], t, why, sizeof(why));

		if (!err) {
			err = target_disjoint(t, d->targets, d->targets_len, why, sizeof(why));
			d->targets_len++;
		}
		if (!err)
			err = target_lock(t, why, sizeof(why));
		if (err) {
			log_err("run", "target %s: %s", d->config->targets[i].name, why);
			return err;
		}
	}
	return 0;
}

static int open_probe(struct daemon *d)
{
	struct siphash_key session, host;
	struct hostkey key;
	char why[512] = "";
	int err = hostkey_load(d->config->state_dir, &key);

	if (err) {
		hostkey_explain(d->config->state_dir, err, why, sizeof(why));
		log_err("run", "%s", why);
		return err;
	}
	host.k0 = key.k0;
	host.k1 = key.k1;
	privacy_random_kernel(NULL, &session, sizeof(session));
	log_info("run", "loading the programs, which the kernel takes a few seconds to verify");
	err = probe_open(&session, &host, d->targets, d->targets_len, &d->probe, why, sizeof(why));
	explicit_bzero(&session, sizeof(session));
	explicit_bzero(&host, sizeof(host));
	explicit_bzero(&key, sizeof(key));
	if (!err) {
		d->processes = processes_new(d->probe, d->targets, d->targets_len);
		if (!d->processes)
			return -ENOMEM;
		processes_scan(d->processes);
		err = probe_attach_sockets(d->probe, why, sizeof(why));
	}
	if (err)
		log_err("run", "%s", why);
	return err;
}

static int open_series(struct daemon *d)
{
	static const char *const documents[RATES_SOURCES] = {"operator", "network"};
	size_t n = d->config->endpoints_len ? d->config->endpoints_len : 1;

	d->series_exports = calloc(n, sizeof(*d->series_exports));
	d->series_export_failures = calloc(n, sizeof(*d->series_export_failures));
	d->exports = calloc(n, sizeof(*d->exports));
	d->handed = calloc(n, sizeof(*d->handed));
	if (!d->series_exports || !d->series_export_failures || !d->exports || !d->handed)
		return -ENOMEM;
	d->series_dropped = privacy_series(d->privacy, METRIC_RECORDS_DROPPED, NULL, NULL);
	d->series_coverage = privacy_series(d->privacy, METRIC_COVERAGE, NULL, NULL);
	d->series_tls = privacy_series(d->privacy, METRIC_TLS_PROCESSES, NULL, NULL);
	for (size_t i = 0; i < RATES_SOURCES; i++) {
		d->series_rates_age[i] =
			privacy_series(d->privacy, METRIC_RATES_AGE, "document", documents[i]);
		d->series_rates_failures[i] =
			privacy_series(d->privacy, METRIC_RATES_FAILURES, "document", documents[i]);
	}
	for (size_t i = 0; i < d->config->endpoints_len; i++) {
		const char *url = d->config->endpoints[i].url;

		d->series_exports[i] = privacy_series(d->privacy, METRIC_EXPORTS, "endpoint", url);
		d->series_export_failures[i] =
			privacy_series(d->privacy, METRIC_EXPORT_FAILURES, "endpoint", url);
	}
	return 0;
}

/* The network's counters outlive the process. */
static int keep_privacy(struct daemon *d)
{
	struct hostkey key;
	char why[512] = "";
	int err = hostkey_load(d->config->state_dir, &key);

	if (err)
		hostkey_explain(d->config->state_dir, err, why, sizeof(why));
	else
		err = privacy_keep(d->privacy, d->config->state_dir, &key, why, sizeof(why));
	explicit_bzero(&key, sizeof(key));
	if (err)
		log_err("run", "%s", why);
	return err;
}

static int open_stages(struct daemon *d)
{
	const struct config *c = d->config;
	struct pipeline_config pipeline = {
		.exchanges = PIPELINE_EXCHANGES,
		.conditions = PIPELINE_CONDITIONS,
		.payments = PIPELINE_PAYMENTS,
		.idle_ns = (uint64_t)c->idle_ms * 1000000,
		.max_ns = (uint64_t)c->max_payment_ms * 1000000,
		.begin_ns = now_ns(CLOCK_MONOTONIC),
		.realtime_offset_ns = clock_offset(),
		.opaque = blind_opaque,
	};
	int err;

	d->peers = peers_new(c, PEERS_SEEN);
	d->rates = rates_new(c->rates);
	d->privacy = privacy_new(&c->privacy, c->instance, now_ns(CLOCK_REALTIME), NULL, NULL);
	if (!d->peers || !d->rates || !d->privacy)
		return -ENOMEM;
	err = keep_privacy(d);
	if (!err)
		err = open_series(d);
	if (err)
		return err;
	d->blind = blind_new(d->processes, d->targets, d->targets_len, d->privacy);
	if (!d->blind)
		return -ENOMEM;
	pipeline.peers = d->peers;
	pipeline.rates = d->rates;
	pipeline.privacy = d->privacy;
	pipeline.context = d->blind;
	d->pipeline = pipeline_new(&pipeline);
	if (!d->pipeline)
		return -ENOMEM;
	blind_set_pipeline(d->blind, d->pipeline);
	return 0;
}

/* A peer that hangs up in the middle of a write is an error there, not the end of the daemon. Each
 * process with a TLS library takes some descriptors. */
static void prepare_process(void)
{
	struct rlimit files;

	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &files))
		return;
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files))
		log_debug("run", "cannot raise the limit of open files: %s", strerror(errno));
}

static int open_outlets(struct daemon *d)
{
	char path[PATH_MAX], why[256] = "";
	int err;

	snprintf(path, sizeof(path), "%s/control.sock", d->config->run_dir);
	err = page_start(d->config->listen, path, answer_control, d, &d->page, why, sizeof(why));
	if (err) {
		log_err("run", "%s", why);
		return err;
	}
	if (d->config->endpoints_len)
		err = export_start(d->config, &d->exporter);
	if (err)
		log_err("run", "cannot start the exporter: %s", strerror(-err));
	return err;
}

static void close_all(struct daemon *d)
{
	for (size_t i = 0; i < d->events_len; i++)
		event_free(d->events[i]);
	if (d->base)
		event_base_free(d->base);
	if (d->exporter)
		export_stop(d->exporter, FLUSH_MS);
	page_stop(d->page);
	pipeline_free(d->pipeline);
	blind_free(d->blind);
	privacy_free(d->privacy);
	rates_free(d->rates);
	peers_free(d->peers);
	processes_free(d->processes);
	probe_close(d->probe);
	for (size_t i = 0; i < d->targets_len; i++)
		target_fini(&d->targets[i]);
	free(d->series_exports);
	free(d->series_export_failures);
	free(d->exports);
	free(d->handed);
}

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
		snprintf(page, sizeof(page), "; http://%s/metrics", c->listen);
	log_info("run",
		 "ready: watching %zu target%s with %zu process%s, reading the TLS of %zu; "
		 "exporting %s as %s on %s%s",
		 d->targets_len, d->targets_len == 1 ? "" : "s", processes,
		 processes == 1 ? "" : "es", processes_tapped(d->processes), collectors,
		 c->instance, c->network == NETWORK_LIVENET ? "livenet" : "testnet", page);
}

int daemon_run(const struct daemon_options *options)
{
	struct daemon *d = calloc(1, sizeof(*d));
	int err;

	if (!d)
		return -ENOMEM;
	d->config = options->config;
	d->truth_path = options->truth_path;
	prepare_process();
	d->base = event_base_new();
	err = d->base ? resolve_targets(d) : -ENOMEM;
	if (!err)
		err = open_probe(d);
	if (!err)
		err = open_stages(d);
	if (!err)
		err = privilege_drop(probe_needs_admin(d->probe));
	if (!err)
		err = open_outlets(d);
	if (!err)
		err = add_events(d);
	if (!err) {
		rates_load(d->rates, RATES_MS);
		release(d);
		write_truth(d);
		say_ready(d);
		event_base_dispatch(d->base);
		probe_detach_sockets(d->probe);
		drain_ring(d);
		pipeline_drain(d->pipeline, now_ns(CLOCK_MONOTONIC));
		release(d);
		privacy_save(d->privacy);
		write_truth(d);
	} else if (err == -ENOMEM) {
		log_err("run", "out of memory");
	}
	close_all(d);
	free(d);
	return err;
}
