/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/stages.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "config/config.h"
#include "config/text.h"
#include "base/hostkey.h"
#include "base/log.h"
#include "base/privilege.h"

#define FLUSH_MS   4000 /* for the last export; SIGTERM is done within five seconds */
#define PEERS_SEEN 4096 /* endpoints remembered for `telltale peers` */

static int open_probe(struct daemon *d)
{
	struct siphash_key host;
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
	privacy_random_kernel(NULL, &d->session, sizeof(d->session));
	log_info("run", "loading the programs, which the kernel takes a few seconds to verify");
	err = probe_open(&d->session, &host, d->targets.len, d->config->tls_connections, &d->probe,
			 why, sizeof(why));
	explicit_bzero(&host, sizeof(host));
	explicit_bzero(&key, sizeof(key));
	if (!err && probe_tls_refused(d->probe))
		log_warn("run", "TLS cannot be read, plain HTTP can: %s",
			 probe_tls_refused(d->probe));
	if (err) {
		log_err("run", "%s", why);
		return err;
	}
	d->processes = processes_new(d->probe, d->targets.list, d->targets.len);
	if (!d->processes)
		return -ENOMEM;
	processes_start(d->processes);
	err = targets_attach(&d->targets, d->probe);
	if (!err) {
		d->witnessed = probe_attach_witness(d->probe);
		probe_attach_execs(d->probe);
		processes_start(d->processes); /* again: from here on it is told of what begins */
	}
	return err;
}

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

/* The first look knows which connections are older than the programs. */
static int open_witness(struct daemon *d)
{
	if (!d->witnessed)
		return 0;
	d->unseen = unseen_new(d->targets.list, d->targets.len, d->series, d->blind, d->pipeline);
	if (!d->unseen)
		return -ENOMEM;
	d->witness = witness_new(d->probe, d->processes, d->targets.len, &unseen_ops, d->unseen);
	if (!d->witness)
		return -ENOMEM;
	pipeline_witnessed(d->pipeline, clock_mono_ns());
	witness_finish(d->witness);
	return 0;
}

static int open_stages(struct daemon *d)
{
	const struct config *c = d->config;
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
		.realtime_offset_ns = d->clock_offset,
		.session = &d->session,
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
	if (err)
		return err;
	d->health = health_new(c->endpoints, c->endpoints_len, d->series);
	d->blind = blind_new(d->processes, d->targets.list, d->targets.len, d->series);
	targets_make_series(&d->targets, d->series);
	if (!d->health || !d->blind)
		return -ENOMEM;
	pipeline.peers = d->peers;
	pipeline.rates = d->rates;
	pipeline.privacy = d->privacy;
	pipeline.series = d->series;
	pipeline.context = d->blind;
	d->pipeline = pipeline_new(&pipeline);
	if (!d->pipeline)
		return -ENOMEM;
	explicit_bzero(&d->session, sizeof(d->session));
	blind_set_pipeline(d->blind, d->pipeline);
	err = open_witness(d);
	for (size_t i = 0; i < d->targets.len; i++)
		pipeline_never_forwards(d->pipeline, (unsigned)i,
					d->targets.list[i].never_forwards);
	return err;
}

/* A peer that hangs up in the middle of a write is an error there, not the end of the daemon. Each
 * process with a TLS library takes some descriptors. */
static void prepare_process(void)
{
	struct rlimit files;

	signal(SIGPIPE, SIG_IGN);
	/* So is a limit on the size of files. */
	signal(SIGXFSZ, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &files))
		return;
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files))
		log_debug("run", "cannot raise the limit of open files: %s", strerror(errno));
}

/* The answer to `telltale peers`. */
static char *answer_control(void *context, const char *path)
{
	struct daemon *d = context;

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

static int open_exporter(struct daemon *d)
{
	const struct config *c = d->config;
	const struct export_params params = {
		.endpoints = c->endpoints,
		.endpoints_len = c->endpoints_len,
		.service_name = c->service_name,
		.instance = c->instance,
		.network = c->network,
		.attributes = c->attributes,
		.attributes_len = c->attributes_len,
	};
	int err = c->endpoints_len ? export_start(&params, &d->exporter) : 0;

	if (err)
		log_err("run", "cannot start the exporter: %s", strerror(-err));
	return err;
}

int daemon_open(struct daemon *d)
{
	int err;

	prepare_process();
	d->base = event_base_new();
	err = d->base ? targets_open(&d->targets, d->config) : -ENOMEM;
	if (!err)
		err = open_page(d);
	if (!err)
		err = open_probe(d);
	if (!err)
		err = open_stages(d);
	if (!err)
		err = targets_start(&d->targets);
	if (!err)
		err = privilege_drop(probe_needs_admin(d->probe));
	if (!err)
		err = open_exporter(d); /* gRPC never runs with privileges */
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
		export_stop(d->exporter, FLUSH_MS);
	page_stop(d->page);
	health_free(d->health);
	free(d->control_path);
	pipeline_free(d->pipeline);
	witness_free(d->witness);
	unseen_free(d->unseen);
	blind_free(d->blind);
	privacy_free(d->privacy);
	series_free(d->series);
	rates_free(d->rates);
	peers_free(d->peers);
	processes_free(d->processes);
	targets_detach(&d->targets);
	probe_close(d->probe);
	targets_close(&d->targets);
}
