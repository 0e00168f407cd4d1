/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/stages.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "config/config.h"
#include "config/profiling.h"
#include "config/text.h"
#include "daemon/confine.h"
#include "daemon/leave.h"
#include "base/hostkey.h"
#include "base/instance.h"
#include "base/log.h"
#include "base/signals.h"
#include "halves/backlog.h"
#include "halves/link.h"

#define PEERS_SEEN 4096 /* endpoints remembered for `telltale peers` */

#define PROBE_WAIT_MS  250  /* between two tries to reach the probe half */
#define PROBE_OPENS_MS 5000 /* that long it may refuse this user */

/* --- the probe half ----------------------------------------------------------------------------
 */

static void target_said(void *context, const struct wire_target *t)
{
	struct daemon *d = context;
	struct target_status s = {.state = (enum target_state)t->state,
				  .cgroups = t->cgroups,
				  .refused = t->refused,
				  .since_ns = t->since_ns};

	if (t->index >= d->targets.len)
		return;
	snprintf(s.reason, sizeof(s.reason), "%s", t->reason);
	target_set_status(&d->targets.list[t->index], &s);
	d->strange |= strncmp(t->name, d->targets.list[t->index].name, sizeof(t->name) - 1) != 0;
}

static void answered(void *context, const struct wire_answer *answer)
{
	struct daemon *d = context;

	blind_answer(d->blind, answer);
}

static void unseen_said(void *context, const struct wire_unseen *unseen)
{
	const struct daemon *d = context;

	unseen_take(d->unseen, unseen);
}

static void witnessed(void *context, uint64_t at_ns)
{
	const struct daemon *d = context;

	pipeline_witnessed(d->pipeline, at_ns);
}

/* The probe half says so before the stages are there, and once more when it was restarted. */
static void clocks_said(void *context, const struct wire_clocks *c)
{
	struct daemon *d = context;

	d->clocks = !c ? LIVE_CLOCKS_OFF : c->ring_bytes ? LIVE_CLOCKS_ON : LIVE_CLOCKS_REFUSED;
	snprintf(d->no_clocks, sizeof(d->no_clocks), "%s", c ? c->why : "");
	if (d->live)
		live_set_clocks(d->live, d->clocks);
}

static void closed(void *context, const void *record, size_t size)
{
	struct daemon *d = context;

	pipeline_record(d->pipeline, record, size);
}

/* The probe half at the path may not be there yet: it waits for the host key, which this half
 * makes, and it may be started later. */
static int find_probe(const struct daemon_options *options, int *link)
{
	unsigned waited_ms = 0;
	bool said = false;
	int err;

	/* It opens the socket to this user a moment after it has made it. */
	while ((err = link_connect(options->socket, link)) == -ENOENT || err == -ECONNREFUSED ||
	       err == -EAGAIN || (err == -EACCES && waited_ms < PROBE_OPENS_MS)) {
		if (!said)
			log_info("run", "waiting for the probe half on %s", options->socket);
		said = true;
		usleep(PROBE_WAIT_MS * 1000);
		waited_ms += err == -EACCES ? PROBE_WAIT_MS : 0;
	}
	if (err)
		log_err("run", "cannot reach the probe half on %s: %s", options->socket,
			strerror(-err));
	else if (!link_is_by(*link, options->user)) {
		log_err("run", "what listens on %s belongs to another user: see --probe-user",
			options->socket);
		close(*link);
		err = -EPERM;
	}
	return err;
}

/* The probe half of another user waits for the key, which it cannot make. */
static int make_key(const struct config *c)
{
	struct hostkey key;
	char why[512];
	int err = hostkey_load(c->state_dir, &key);

	explicit_bzero(&key, sizeof(key));
	if (err) {
		hostkey_explain(c->state_dir, err, why, sizeof(why));
		log_err("run", "%s", why);
	}
	return err;
}

/* The probe half was restarted, and this half has its path. */
static int find_again(void *context, int *link)
{
	const struct daemon *d = context;
	int err = link_connect(d->options->socket, link);

	if (err || link_is_by(*link, d->options->user))
		return err;
	close(*link);
	return -EPERM;
}

/* With other targets the next daemon half goes on, for which this one leaves what it has in hand.
 */
static void resumed(void *context, const struct wire_welcome *w)
{
	struct daemon *d = context;

	log_info("run", "another probe half goes on where the one before ended%s",
		 w->targets == d->targets.len ? "" : ", with other targets: starting anew");
	if (w->missed)
		leave_say_missed(d);
	if (w->targets != d->targets.len)
		d->outdated = true;
}

static int open_view(struct daemon *d)
{
	const struct view_hooks hooks = {.target = target_said,
					 .answer = answered,
					 .unseen = unseen_said,
					 .witnessed = witnessed,
					 .clocks = clocks_said,
					 .closed = closed,
					 .connect = d->options->socket ? find_again : NULL,
					 .resumed = resumed,
					 .context = d};
	char why[256] = "";
	int link = d->options->link;
	int err = d->options->socket ? make_key(d->config) : 0;

	if (!err && d->options->socket)
		err = find_probe(d->options, &link);
	if (err)
		return err;
	signals_hold(); /* what the one before has left is this one's from the welcome on */
	d->view = view_new(link, &hooks);
	if (!d->view)
		return -ENOMEM;
	err = view_open(d->view, d->targets.len, why, sizeof(why));
	if (!err && d->strange) {
		snprintf(why, sizeof(why),
			 "the probe half was started with other targets: start both anew");
		err = -EINVAL;
	}
	/* One that was started together with this half has said why it ends. */
	if (err && (why[0] || d->options->socket))
		log_err("run", "%s", why[0] ? why : "the probe half has ended");
	return err;
}

/* --- the stages --------------------------------------------------------------------------------
 */

/* Where the network's counters are kept. */
static int privacy_dir(const struct config *c, char *dir, size_t dir_len, char *why, size_t why_len)
{
	int err = 0;

	config_state_dir(c, dir, dir_len);
	if (c->network == NETWORK_LIVENET && mkdir(dir, 0700) && errno != EEXIST) {
		err = -errno;
		snprintf(why, why_len, "cannot make %s: %s; let this user write there", dir,
			 strerror(-err));
	}
	return err;
}

/* The network's counters outlive the process. */
static int keep_privacy(struct daemon *d)
{
	struct hostkey key;
	char dir[PATH_MAX], why[PATH_MAX + 256] = "";
	int err = hostkey_load(d->config->state_dir, &key);

	if (err)
		hostkey_explain(d->config->state_dir, err, why, sizeof(why));
	else
		err = privacy_dir(d->config, dir, sizeof(dir), why, sizeof(why));
	if (!err)
		err = privacy_keep(d->privacy, dir, &key, why, sizeof(why));
	explicit_bzero(&key, sizeof(key));
	if (err)
		log_err("run", "%s", why);
	return err;
}

static bool name_peer(void *context, uint64_t endpoint, char *name, size_t len)
{
	const struct daemon *d = context;

	return peers_text(d->peers, endpoint, name, len);
}

/* The probe half has read the key. One that runs with another configuration than this has none. */
static int open_traces(struct daemon *d, const struct dependencies *dependencies)
{
	const struct wire_welcome *w = view_welcome(d->view);
	const struct config_traces *c = &d->config->profile.traces;
	struct traces_params params = {.key = {w->hashes[0], w->hashes[1]},
				       .sample = c->sample,
				       .slowest = c->slowest,
				       .series = d->series,
				       .name = name_peer,
				       .context = d};

	if (c->key_file && !w->traces)
		log_warn("run", "the probe half was started without profile.traces: there are no "
				"traces until telltale-probe is restarted");
	if (!c->key_file || !w->traces)
		return 0;
	memcpy(params.dependencies, dependencies->names, sizeof(params.dependencies));
	d->traces = traces_new(&params);
	explicit_bzero(&params.key, sizeof(params.key));
	return d->traces ? 0 : -ENOMEM;
}

/* The time of packets and the peers, for the operator. */
static int open_live(struct daemon *d)
{
	const struct config_profile *c = &d->config->profile;
	struct dependencies dependencies;
	struct live_params params = {.series = d->series,
				     .peers = c->peers,
				     .targets = d->targets.len,
				     .name = name_peer,
				     .context = d};
	int err;

	config_dependencies(d->config, &dependencies);
	err = open_traces(d, &dependencies);
	if (err || (!c->columns && !c->peers && !d->traces))
		return err;
	params.traces = d->traces;
	if (c->columns)
		memcpy(params.dependencies, dependencies.names, sizeof(params.dependencies));
	d->live = live_new(&params);
	if (!d->live)
		return -ENOMEM;
	live_set_clocks(d->live, d->clocks);
	if (c->peers) {
		privacy_by_peer(d->privacy, per_peer_amount, live_per_peer(d->live));
		privacy_spread_to(d->privacy, per_peer_earned, live_per_peer(d->live));
	}
	return 0;
}

static int open_stages(struct daemon *d)
{
	const struct config *c = d->config;
	const struct wire_welcome *welcome = view_welcome(d->view);
	struct siphash_key hashes = {welcome->hashes[0], welcome->hashes[1]};
	struct pipeline_config pipeline;
	int err;

	d->clock_offset = clock_offset_ns();
	pipeline = (struct pipeline_config){
		.exchanges = PIPELINE_EXCHANGES,
		.conditions = PIPELINE_CONDITIONS,
		.payments = PIPELINE_PAYMENTS,
		.idle_ns = (uint64_t)c->idle_ms * NS_PER_MS,
		.max_ns = (uint64_t)c->max_payment_ms * NS_PER_MS,
		.begin_ns = clock_mono_ns(),
		.resumes = view_backlog(d->view) >= 0,
		.realtime_offset_ns = d->clock_offset,
		.session = &hashes,
		.opaque = blind_opaque,
		.doubted = blind_doubted,
	};
	d->peers = peers_new(c->peers, c->peers_len,
			     c->has_default_asset ? &c->default_asset : NULL, PEERS_SEEN);
	d->rates = rates_new(c->rates);
	d->series = series_new(c->privacy.cardinality_limit);
	if (!d->peers || !d->rates || !d->series)
		return -ENOMEM;
	d->privacy = privacy_new(&c->privacy, d->series, c->instance, clock_wall_ns(), NULL, NULL);
	if (!d->privacy)
		return -ENOMEM;
	err = keep_privacy(d);
	if (!err)
		err = open_live(d);
	if (err)
		return err;
	d->health = health_new(c->endpoints, c->endpoints_len, d->series);
	d->blind = blind_new(d->view, d->targets.list, d->targets.len, d->series);
	targets_make_series(&d->targets, d->series);
	if (!d->health || !d->blind)
		return -ENOMEM;
	pipeline.peers = d->peers;
	pipeline.rates = d->rates;
	pipeline.privacy = d->privacy;
	pipeline.series = d->series;
	pipeline.live = d->live;
	pipeline.context = d->blind;
	d->pipeline = pipeline_new(&pipeline);
	if (!d->pipeline)
		return -ENOMEM;
	explicit_bzero(&hashes, sizeof(hashes));
	blind_set_pipeline(d->blind, d->pipeline);
	d->unseen = unseen_new(d->targets.list, d->targets.len, d->series, d->blind, d->pipeline);
	if (!d->unseen)
		return -ENOMEM;
	if (view_welcome(d->view)->witness)
		pipeline_witnessed(d->pipeline, clock_mono_ns());
	for (size_t i = 0; i < d->targets.len; i++)
		pipeline_never_forwards(d->pipeline, (unsigned)i,
					d->targets.list[i].never_forwards);
	return 0;
}

/* A peer that hangs up in the middle of a write is an error there, not the end of the daemon; so is
 * a limit on the size of files. */
static void prepare_process(const struct daemon_options *options)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	/* A terminal, or a service manager, signals both halves: the probe half detaches first. */
	if (!options->socket) {
		signal(SIGINT, SIG_IGN);
		signal(SIGTERM, SIG_IGN);
	}
}

static char *programs_json(const struct daemon *d)
{
	char *text = NULL;

	if (asprintf(&text, "{\"tls_refused\": %s, \"witness\": %s}",
		     view_state(d->view)->tls_refused ? "true" : "false",
		     view_welcome(d->view)->witness ? "true" : "false") < 0)
		return NULL;
	return text;
}

/* The answers to `telltale peers` and `telltale check`. */
static char *answer_control(void *context, const char *path)
{
	struct daemon *d = context;

	if (!strcmp(path, "/programs"))
		return programs_json(d);
	return !strcmp(path, "/peers") ? peers_json(d->peers) : NULL;
}

/* Tells a second instance, a port that is taken and a run_dir that cannot be written. */
static int open_page(struct daemon *d)
{
	char path[PATH_MAX], why[256] = "";
	int err;

	snprintf(path, sizeof(path), "%s/control.sock", d->config->run_dir);
	d->control_path = strdup(path);
	if (!d->control_path)
		return -ENOMEM;
	d->control.control_path = d->control_path;
	d->control.group = d->config->listen_group;
	d->control.control = answer_control;
	d->control.context = d;
	err = page_start(&d->control, &d->page, why, sizeof(why));
	if (!err && d->config->listen)
		err = local_open(d->config, &d->local, why, sizeof(why));
	if (err)
		log_err("run", "%s", why);
	else if (d->config->listen && !config_listen_is_local(d->config->listen))
		log_warn("run",
			 "the page on %s is open to other hosts: whoever has the token sees exact "
			 "figures, and without TLS so does whoever is on the way",
			 d->config->listen);
	return err;
}

int daemon_open_exporter(struct daemon *d, const struct export_status *before, size_t before_len)
{
	const struct config *c = d->config;
	const struct export_params params = {
		.endpoints = c->endpoints,
		.endpoints_len = c->endpoints_len,
		.service_name = c->service_name,
		.instance_id = d->instance_id,
		.network = c->network,
		.attributes = c->attributes,
		.attributes_len = c->attributes_len,
		.before = before,
		.before_len = before_len,
	};
	int err = c->endpoints_len ? export_start(&params, &d->exporter) : 0;

	if (err)
		log_err("run", "cannot start the exporter: %s", strerror(-err));
	return err;
}

static int load_instance_id(struct daemon *d)
{
	int err = instance_id_load(d->config->state_dir, d->instance_id);

	if (err)
		log_err("run",
			"instance.id in %s cannot be read or made: %s; let this user read and "
			"write there",
			d->config->state_dir, strerror(-err));
	return err;
}

int daemon_open(struct daemon *d)
{
	int err;

	prepare_process(d->options);
	d->base = event_base_new();
	err = d->base ? targets_open(&d->targets, d->config) : -ENOMEM;
	if (!err)
		err = open_page(d);
	if (!err)
		err = open_view(d);
	if (!err)
		err = open_stages(d);
	if (!err)
		err = confine(d->options);
	if (!err)
		err = load_instance_id(d);
	if (!err)
		err = daemon_open_exporter(d, NULL, 0); /* its threads inherit all of that */
	if (!err && d->local)
		err = local_start(d->local, d->exporter, d->targets.list, d->targets.len);
	return err;
}

void daemon_close(struct daemon *d)
{
	for (size_t i = 0; i < d->events_len; i++)
		event_free(d->events[i]);
	if (d->base)
		event_base_free(d->base);
	/* It looks at the exporter. */
	local_stop(d->local);
	if (d->exporter)
		export_stop(d->exporter, d->withdrawn ? 0 : DAEMON_FLUSH_MS);
	page_stop(d->page);
	health_free(d->health);
	free(d->control_path);
	pipeline_free(d->pipeline);
	live_free(d->live);
	traces_free(d->traces);
	unseen_free(d->unseen);
	blind_free(d->blind);
	privacy_free(d->privacy);
	series_free(d->series);
	rates_free(d->rates);
	peers_free(d->peers);
	view_free(d->view);
	backlog_free(d->backlog);
	targets_close(&d->targets);
}
