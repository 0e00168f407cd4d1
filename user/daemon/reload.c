/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/reload.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/notify.h"
#include "base/signals.h"
#include "config/config.h"
#include "config/profiling.h"
#include "daemon/confine.h"
#include "daemon/stages.h"

#define STAGE "reload"

#define RETRY_TICKS 10 /* a second each */

struct reload {
	struct daemon *daemon;
	struct config *current; /* of the last reload; NULL: the one from the start is in use */
	struct config *next;    /* taken when the exporter of before has ended */
	bool again;             /* another SIGHUP came meanwhile */
	struct exporter *before;
	pthread_t thread;
	bool stopping; /* the thread runs */
	bool failed;   /* the exporter could not be started ... */
	unsigned wait; /* ... and is tried again after so many ticks */
	_Atomic bool stopped;
};

struct reload *reload_new(struct daemon *d)
{
	struct reload *r = calloc(1, sizeof(*r));

	if (r)
		r->daemon = d;
	return r;
}

/* --- what only a restart can change ----------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool same_targets(const struct config *a, const struct config *b)
{
	if (a->targets_len != b->targets_len)
		return false;
	for (size_t i = 0; i < a->targets_len; i++) {
		const struct config_target *x = &a->targets[i], *y = &b->targets[i];

		if (x->kind != y->kind || x->never_forwards != y->never_forwards ||
		    strcmp(x->name, y->name) != 0)
			return false;
	}
	return true;
}

static bool same_privacy(const struct privacy_params *a, const struct privacy_params *b)
{
	return a->mechanism == b->mechanism && a->bucket.min_bucket == b->bucket.min_bucket &&
	       a->bucket.max_bucket == b->bucket.max_bucket &&
	       a->bucket.min_value == b->bucket.min_value &&
	       a->bucket.max_value == b->bucket.max_value &&
	       a->bucket.unbiased == b->bucket.unbiased &&
	       a->budget.epsilon_milli == b->budget.epsilon_milli &&
	       a->budget.day_clip == b->budget.day_clip &&
	       a->budget.hour_clip == b->budget.hour_clip &&
	       a->budget.packet_clip == b->budget.packet_clip;
}

static bool same_profile(const struct config_profile *a, const struct config_profile *b)
{
	return a->columns == b->columns && a->peers == b->peers && config_same_dependencies(a, b) &&
	       config_same_traces(a, b);
}

const char *reload_needs_restart(const struct config *old, const struct config *new)
{
	const struct {
		const char *key;
		bool same;
	} keys[] = {
		/* Those of the probe half first, as restarting that one restarts both. */
		{"tls_connections", old->tls_connections == new->tls_connections},
		{"state_dir", same_text(old->state_dir, new->state_dir)},
		{"profile", same_profile(&old->profile, &new->profile)},
		{"privacy", same_privacy(&old->privacy, &new->privacy)},
		{"network", old->network == new->network},
		{"instance", same_text(old->instance, new->instance)},
		{"listen", same_text(old->listen, new->listen)},
		{"listen_group", same_text(old->listen_group, new->listen_group)},
		{"listen_token", same_text(old->listen_token, new->listen_token)},
		{"payments",
		 old->idle_ms == new->idle_ms && old->max_payment_ms == new->max_payment_ms},
		{"cardinality_limit",
		 old->privacy.cardinality_limit == new->privacy.cardinality_limit},
		{"run_dir", same_text(old->run_dir, new->run_dir)},
		/* Last: a probe half that is a service takes them, see can_take. */
		{"targets", same_targets(old, new)},
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!keys[i].same)
			return keys[i].key;
	}
	return NULL;
}

/* --- the exporter ----------------------------------------------------------------------------- */

static void *stop_exporter(void *context)
{
	struct reload *r = context;

	export_stop(r->before, DAEMON_FLUSH_MS);
	r->stopped = true;
	return NULL;
}

/* The last export of before may take seconds, and the ring is not read by anybody else. */
static void begin_stop(struct reload *r)
{
	struct daemon *d = r->daemon;

	health_update(d->health, d->exporter);
	if (d->local)
		local_change(d->local, d->config, NULL, false);
	r->before = d->exporter;
	d->exporter = NULL;
	r->stopped = !r->before;
	if (!r->before)
		return;
	log_info(STAGE, "the collectors of before get what is left");
	r->stopping = !signals_thread(&r->thread, stop_exporter, r);
	if (!r->stopping)
		stop_exporter(r);
}

static void set_interval(struct daemon *d)
{
	const unsigned ms = d->config->export_interval_ms;
	const struct timeval interval = {ms / 1000, (ms % 1000) * 1000L};

	event_add(d->export_event, &interval);
}

/* A file that is being replaced just now is whole at the next try. */
static void open_exporter(struct reload *r)
{
	struct daemon *d = r->daemon;
	const struct export_status *states = NULL;
	size_t states_len = health_endpoints(d->health, &states);
	bool failed = daemon_open_exporter(d, states, states_len) != 0;

	if (failed)
		log_err(STAGE, "nothing is exported; it is tried again in %d s", RETRY_TICKS);
	else if (r->failed)
		log_info(STAGE, "exporting again");
	r->failed = failed;
	r->wait = RETRY_TICKS;
	if (d->local)
		local_change(d->local, d->config, d->exporter, failed);
}

/* The exporter of before has ended: nobody uses the endpoints of before any more. */
static void take_next(struct reload *r)
{
	struct daemon *d = r->daemon;
	struct health *health = health_new(r->next->endpoints, r->next->endpoints_len, d->series);

	if (!health)
		return; /* out of memory: again at the next tick */
	health_succeed(health, d->health);
	health_free(d->health);
	d->health = health;
	d->config = r->next;
	r->failed = false;
	open_exporter(r);
	set_interval(d);
	config_free(r->current);
	r->current = r->next;
	r->next = NULL;
	log_info(STAGE, "the new configuration is in use");
	notify_ready();
}

/* --- the steps -------------------------------------------------------------------------------- */

static void keep(const struct config *config, const char *why)
{
	if (why)
		log_err(STAGE, "%s (configuration: %s)", why, config_file(config));
	log_err(STAGE, "the configuration of before stays in use, unchanged");
	notify_ready();
}

/* The probe half has read KEY too. When that ends, so does this one, and both are started anew. */
static bool is_of_probe(const char *key)
{
	return !strcmp(key, "targets") || !strcmp(key, "tls_connections") ||
	       !strcmp(key, "state_dir") || !strcmp(key, "profile");
}

/* Whether NEXT can be taken; if not, the reason has been logged. */
static bool can_take(const struct reload *r, const struct config *next)
{
	const struct config *current = r->daemon->config;
	const char *key = reload_needs_restart(current, next), *why = config_runnable(next);
	char which[PATH_MAX] = "";

	/* When the probe half has taken them, it says so, and another daemon half begins. */
	if (key && !strcmp(key, "targets") && r->daemon->options->socket)
		key = NULL;
	if (key)
		log_err(STAGE,
			"`%s` was changed, and only a restart can change it: `systemctl restart "
			"%s`, or take the change back",
			key, is_of_probe(key) ? "telltale-probe" : "telltale");
	else if (!why && !confine_allows(next, which, sizeof(which)))
		log_err(STAGE,
			"%s is in a directory that no file was in when telltale started, and it "
			"has "
			"given up the right to open files elsewhere: `systemctl restart telltale`, "
			"or put the file beside the others",
			which);
	else if (!why && !export_check(next->endpoints, next->endpoints_len))
		return true;
	keep(next, key || which[0] ? NULL : why);
	return false;
}

/* What the operator promises about a target. The targets themselves are the probe half's. */
static void take_promises(struct daemon *d, const struct config *next)
{
	for (unsigned i = 0; i < d->targets.len && i < next->targets_len; i++) {
		struct target *t = &d->targets.list[i];

		if (strcmp(t->name, next->targets[i].name) != 0)
			continue;
		t->never_forwards = next->targets[i].never_forwards;
		pipeline_never_forwards(d->pipeline, i, t->never_forwards);
	}
}

static bool take(struct reload *r, struct config *next)
{
	struct daemon *d = r->daemon;
	int err = peers_change(d->peers, next->peers, next->peers_len,
			       next->has_default_asset ? &next->default_asset : NULL);

	if (!err)
		err = rates_change(d->rates, next->rates);
	if (err) {
		keep(next, "out of memory");
		return false;
	}
	r->next = next;
	take_promises(d, next);
	begin_stop(r);
	return true;
}

bool reload_begin(struct reload *r)
{
	struct daemon *d = r->daemon;
	struct config *next;
	const char *why;

	if (r->next) {
		r->again = true;
		return true;
	}
	r->again = false;
	log_info(STAGE, "reading the configuration again");
	notify_reloading();
	next = d->options->load(d->options->load_context);
	if (!next) {
		keep(d->config, NULL);
		return true;
	}
	why = config_consent(next);
	if (why) {
		log_warn(STAGE, "%s (configuration: %s): stopping", why, config_file(next));
		config_free(next);
		return false;
	}
	if (!can_take(r, next) || !take(r, next))
		config_free(next);
	reload_tick(r);
	return true;
}

void reload_tick(struct reload *r)
{
	if (!r->next && r->failed && !--r->wait)
		open_exporter(r);
	if (!r->next || !r->stopped)
		return;
	if (r->stopping)
		pthread_join(r->thread, NULL);
	r->stopping = false;
	take_next(r);
	if (!r->next && r->again)
		raise(SIGHUP);
}

void reload_finish(struct reload *r)
{
	if (r->stopping)
		pthread_join(r->thread, NULL);
	r->stopping = false;
	if (r->next)
		take_next(r);
}

void reload_free(struct reload *r)
{
	if (!r)
		return;
	config_free(r->current);
	config_free(r->next);
	free(r);
}
