/* SPDX-License-Identifier: Apache-2.0 */
#include "export/export.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "export/lane.h"
#include "export/thread.h"
#include "base/log.h"

#define STAGE "export"
#define NEVER INT64_MAX

/* The caller holds the lock. */
static void wake(struct exporter *x)
{
	grpc_call_error error = grpc_call_start_batch(x->wake_call, NULL, 0, x, NULL);

	if (error != GRPC_CALL_OK)
		log_err(STAGE, "cannot wake the exporter: %s", grpc_call_error_to_string(error));
}

/* --- the resource ------------------------------------------------------------------------------
 */

static bool replaced(const struct export_params *p, const char *key)
{
	for (size_t i = 0; i < p->attributes_len; i++) {
		if (!strcmp(p->attributes[i].key, key))
			return true;
	}
	return false;
}

/* An attribute of the operator replaces telltale's of the same name, because OTLP forbids a key
 * twice. Those that say what the data is cannot be replaced. */
static int make_resource(struct exporter *x)
{
	const struct export_params *p = &x->params;
	struct otlp_attribute *a = calloc(p->attributes_len + 3, sizeof(*a));
	size_t n = 0;

	if (!a)
		return -ENOMEM;
	a[n++] = (struct otlp_attribute){"service.name", p->service_name};
	a[n++] = (struct otlp_attribute){"telltale.network", network_text(p->network)};
	if (!replaced(p, "service.instance.id"))
		a[n++] = (struct otlp_attribute){"service.instance.id", p->instance_id};
	for (size_t i = 0; i < p->attributes_len; i++) {
		const char *key = p->attributes[i].key;

		if (strcmp(key, "service.name") && strncmp(key, "telltale.", strlen("telltale.")))
			a[n++] = (struct otlp_attribute){key, p->attributes[i].value};
	}
	x->attributes = a;
	x->resource = (struct otlp_resource){a, n};
	return 0;
}

/* --- the thread --------------------------------------------------------------------------------
 */

static bool has_spans(struct exporter *x, const struct lane *l)
{
	bool has;

	pthread_mutex_lock(&x->lock);
	has = l->batches_len > 0;
	pthread_mutex_unlock(&x->lock);
	return has;
}

static bool has_work(struct exporter *x, const struct lane *l)
{
	return l->settled != x->newest_number || has_spans(x, l);
}

/* Starts every export that is due; returns when the next one will be. */
static int64_t start_due(struct exporter *x)
{
	int64_t next = NEVER, now = clock_mono_ms();

	for (size_t i = 0; i < x->lanes_len && !x->late; i++) {
		struct lane *l = &x->lanes[i];

		/* A snapshot that cannot be sent is settled at once, so the next one may follow. */
		while (!lane_is_sending(l) && l->settled != x->newest_number &&
		       l->not_before_ms <= now)
			lane_send(x, l);
		while (!lane_is_sending(l) && has_spans(x, l) && l->not_before_ms <= now)
			lane_send_spans(x, l);
		if (!lane_is_sending(l) && has_work(x, l) && l->not_before_ms < next)
			next = l->not_before_ms;
	}
	return next;
}

/* An endpoint that refused the old certificates may accept the new ones, so it is tried at once. An
 * endpoint that asked for a wait had another reason, so the wait stays. */
static void take_keys(struct lane *l, struct export_keys *fresh)
{
	int err = export_channel_renew(&l->channel, fresh);

	if (err)
		log_warn(STAGE, "%s: gRPC cannot use the new certificates", l->status.url);
	else if (!l->asked)
		l->not_before_ms = 0;
	free(fresh);
}

/* Moves the snapshot from FROM to TO, and releases the one that TO had. */
static void move(struct parcel *to, struct parcel *from)
{
	released_unref(to->released);
	*to = *from;
	*from = (struct parcel){0};
}

static void read_mailbox(struct exporter *x)
{
	bool stopping, begun = true;

	pthread_mutex_lock(&x->lock);
	if (x->mailbox_first.released) {
		move(&x->first, &x->mailbox_first);
		/* When the newest is already another one than the first, the first is number 1. */
		x->newest_number = x->mailbox.released != x->first.released;
	}
	if (x->mailbox.released) {
		move(&x->newest, &x->mailbox);
		x->newest_number++;
	}
	stopping = x->stopping;
	for (size_t i = 0; i < x->lanes_len; i++) {
		struct export_keys *fresh = x->lanes[i].fresh;

		begun = begun && x->lanes[i].settled;
		x->lanes[i].fresh = NULL;
		if (fresh)
			take_keys(&x->lanes[i], fresh);
	}
	pthread_mutex_unlock(&x->lock);
	if (begun) {
		released_unref(x->first.released);
		x->first.released = NULL;
	}
	if (stopping && !x->flushing) {
		/* One last try for each endpoint, even if it asked for a wait. */
		x->flushing = true;
		for (size_t i = 0; i < x->lanes_len; i++)
			x->lanes[i].not_before_ms = 0;
	}
}

/* Whether every endpoint is done with the flush. */
static bool flushed(struct exporter *x)
{
	for (size_t i = 0; i < x->lanes_len; i++) {
		const struct lane *l = &x->lanes[i];

		if (lane_is_sending(l))
			return false;
		if (!x->late && has_work(x, l) && l->not_before_ms < x->stop_ms)
			return false;
	}
	return true;
}

static void serve(struct exporter *x)
{
	for (;;) {
		int64_t until = start_due(x);
		gpr_timespec deadline = gpr_inf_future(GPR_CLOCK_MONOTONIC);
		grpc_event event;

		if (x->flushing && flushed(x))
			return;
		if (x->flushing && !x->late && x->stop_ms < until)
			until = x->stop_ms;
		if (until != NEVER)
			deadline = gpr_time_add(
				gpr_now(GPR_CLOCK_MONOTONIC),
				gpr_time_from_millis(until - clock_mono_ms(), GPR_TIMESPAN));
		event = grpc_completion_queue_next(x->cq, deadline, NULL);
		if (event.type == GRPC_OP_COMPLETE && event.tag == x)
			read_mailbox(x);
		else if (event.type == GRPC_OP_COMPLETE)
			lane_settle(x, event.tag);
		if (x->flushing && !x->late && clock_mono_ms() >= x->stop_ms) {
			x->late = true;
			for (size_t i = 0; i < x->lanes_len; i++)
				export_channel_cancel(&x->lanes[i].channel);
		}
	}
}

/* Sets up everything that needs gRPC before the first export. dismantle undoes it, even if it was
 * done only in part. */
static int prepare(struct exporter *x)
{
	char why[192] = "";
	int err = 0;

	x->cq = grpc_completion_queue_create_for_next(NULL);
	x->nowhere = grpc_lame_client_channel_create("nowhere", GRPC_STATUS_UNAVAILABLE, "");
	x->wake_call = grpc_channel_create_call(x->nowhere, NULL, GRPC_PROPAGATE_DEFAULTS, x->cq,
						grpc_slice_from_static_string("/"), NULL,
						gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
	for (size_t i = 0; i < x->lanes_len && !err; i++) {
		err = export_channel_open(&x->lanes[i].channel, why, sizeof(why));
		if (err)
			snprintf(x->why, sizeof(x->why), "%.60s: %s", x->lanes[i].status.url,
				 why[0] ? why : strerror(-err));
	}
	return err;
}

static void dismantle(struct exporter *x)
{
	grpc_event event;

	for (size_t i = 0; i < x->lanes_len; i++)
		export_channel_fini(&x->lanes[i].channel);
	grpc_call_unref(x->wake_call);
	grpc_channel_destroy(x->nowhere);
	grpc_completion_queue_shutdown(x->cq);
	do {
		event = grpc_completion_queue_next(x->cq, gpr_inf_future(GPR_CLOCK_MONOTONIC),
						   NULL);
	} while (event.type != GRPC_QUEUE_SHUTDOWN);
	grpc_completion_queue_destroy(x->cq);
}

static void report_started(struct exporter *x, int err)
{
	pthread_mutex_lock(&x->lock);
	x->started = err;
	pthread_cond_signal(&x->changed);
	pthread_mutex_unlock(&x->lock);
}

static void *exporter_thread(void *arg)
{
	struct exporter *x = arg;
	int err = export_thread_enter();

	if (err) {
		snprintf(x->why, sizeof(x->why), "cannot give up capabilities: %s", strerror(-err));
		report_started(x, err);
		return NULL;
	}
	err = prepare(x);
	report_started(x, err);
	if (!err)
		serve(x);
	for (size_t i = 0; i < x->lanes_len && !err; i++) {
		const struct lane *l = &x->lanes[i];

		if (l->settled != x->newest_number)
			log_warn(STAGE, "%s: the last snapshot did not arrive: %s", l->status.url,
				 l->status.last_error[0] ? l->status.last_error
							 : "there was no time left");
		if (l->batches_len)
			log_warn(STAGE, "%s: the last spans did not arrive", l->status.url);
	}
	dismantle(x);
	export_thread_leave();
	return NULL;
}

/* --- from outside the thread -------------------------------------------------------------------
 */

static void lane_fini(struct lane *l)
{
	while (l->batches_len > 0)
		spans_unref(l->batches[--l->batches_len]);
	export_channel_fini(&l->channel);
	if (l->fresh)
		export_keys_wipe(l->fresh);
	free(l->fresh);
}

static void exporter_free(struct exporter *x)
{
	/* The thread does this, but only if it ran. */
	for (size_t i = 0; i < x->lanes_len; i++)
		lane_fini(&x->lanes[i]);
	released_unref(x->mailbox_first.released);
	released_unref(x->mailbox.released);
	released_unref(x->first.released);
	released_unref(x->newest.released);
	pthread_cond_destroy(&x->changed);
	pthread_mutex_destroy(&x->lock);
	free(x->attributes);
	free(x->lanes);
	free(x);
}

static void lane_init(struct lane *l, const struct config_endpoint *e,
		      const struct export_params *params)
{
	l->status.last_code = -1;
	histogram_init(&l->status.latency);
	for (size_t i = 0; i < params->before_len; i++) {
		if (params->before[i].audience == e->audience &&
		    !strcmp(params->before[i].url, e->url))
			l->status = params->before[i];
	}
	l->status.url = e->url;
	l->status.audience = e->audience;
}

int export_check(const struct config_endpoint *endpoints, size_t endpoints_len)
{
	int err = 0;

	for (size_t i = 0; i < endpoints_len && !err; i++) {
		struct export_keys keys = {0};
		char why[192] = "";

		err = export_keys_read(&endpoints[i], &keys, why, sizeof(why));
		export_keys_wipe(&keys);
		if (err)
			log_err(STAGE, "%s: %s", endpoints[i].url, why[0] ? why : strerror(-err));
	}
	return err;
}

static void say_way(const struct config_endpoint *e)
{
	char way[EXPORT_WAY];

	export_way(e, way);
	if (way[0])
		log_warn(STAGE, "%s is reached%s", e->url, way);
}

static int read_endpoints(struct exporter *x)
{
	const struct export_params *p = &x->params;
	int err = 0;

	x->lanes = calloc(p->endpoints_len + 1, sizeof(*x->lanes));
	if (!x->lanes)
		return -ENOMEM;
	for (size_t i = 0; i < p->endpoints_len && !err; i++) {
		char why[192] = "";

		x->lanes_len = i + 1;
		lane_init(&x->lanes[i], &p->endpoints[i], p);
		err = export_channel_read(&x->lanes[i].channel, &p->endpoints[i], why, sizeof(why));
		memcpy(x->lanes[i].known, x->lanes[i].channel.keys.files,
		       sizeof(x->lanes[i].known));
		if (err)
			log_err(STAGE, "%s: %s", p->endpoints[i].url,
				why[0] ? why : strerror(-err));
		else
			say_way(&p->endpoints[i]);
	}
	return err;
}

int export_start(const struct export_params *params, struct exporter **out)
{
	struct exporter *x = calloc(1, sizeof(*x));
	int err;

	if (!x)
		return -ENOMEM;
	x->params = *params;
	x->started = 1;
	pthread_mutex_init(&x->lock, NULL);
	pthread_cond_init(&x->changed, NULL);
	err = read_endpoints(x);
	if (!err)
		err = make_resource(x);
	if (!err)
		err = export_thread_start(&x->thread, exporter_thread, x);
	if (err)
		goto out;

	pthread_mutex_lock(&x->lock);
	while (x->started > 0)
		pthread_cond_wait(&x->changed, &x->lock);
	err = x->started;
	pthread_mutex_unlock(&x->lock);
	if (err) {
		pthread_join(x->thread, NULL);
		log_err(STAGE, "%s", x->why);
	}
out:
	if (err)
		exporter_free(x);
	else
		*out = x;
	return err;
}

/* Reads the key files of L's endpoint again if they were replaced. */
static void look_for_new_keys(struct exporter *x, struct lane *l)
{
	const struct config_endpoint *e = l->channel.endpoint;
	struct export_keys *fresh, *old;
	char why[192] = "";
	int err;

	if (!export_keys_changed(e, l->known))
		return;
	fresh = calloc(1, sizeof(*fresh));
	err = fresh ? export_keys_read(e, fresh, why, sizeof(why)) : -ENOMEM;
	if (err) {
		free(fresh);
		if (!l->keys_said)
			log_warn(STAGE,
				 "%s: the new certificates are not used yet: %s; the old ones "
				 "stay in use until this is fixed",
				 e->url, why[0] ? why : strerror(-err));
		l->keys_said = true;
		return;
	}
	l->keys_said = false;
	memcpy(l->known, fresh->files, sizeof(l->known));
	pthread_mutex_lock(&x->lock);
	old = l->fresh;
	l->fresh = fresh;
	pthread_mutex_unlock(&x->lock);
	if (old)
		export_keys_wipe(old);
	free(old);
	log_info(STAGE, "%s: the certificates were replaced and have been read again", e->url);
}

void export_post(struct exporter *x, struct released *snapshot)
{
	int64_t at = (int64_t)snapshot->time_unix_ns;
	struct parcel parcel = {snapshot,
				timeline_next(&x->timeline, at, (int64_t)clock_boot_ns()) - at};
	struct parcel old;

	for (size_t i = 0; i < x->lanes_len; i++)
		look_for_new_keys(x, &x->lanes[i]);
	pthread_mutex_lock(&x->lock);
	old = x->mailbox;
	released_ref(snapshot);
	x->mailbox = parcel;
	if (!x->posted) {
		released_ref(snapshot);
		x->mailbox_first = parcel;
		x->posted = true;
	}
	/* If the mailbox already held a snapshot, the thread has been woken for it. */
	if (!old.released)
		wake(x);
	pthread_mutex_unlock(&x->lock);
	released_unref(old.released);
}

void export_post_spans(struct exporter *x, struct spans *spans)
{
	pthread_mutex_lock(&x->lock);
	for (size_t i = 0; i < x->lanes_len; i++) {
		if (x->lanes[i].channel.endpoint->traces)
			lane_give_spans(&x->lanes[i], spans);
	}
	wake(x);
	pthread_mutex_unlock(&x->lock);
}

size_t export_status(struct exporter *x, struct export_status *out, size_t max)
{
	size_t n = x->lanes_len < max ? x->lanes_len : max;

	pthread_mutex_lock(&x->lock);
	for (size_t i = 0; i < n; i++)
		out[i] = x->lanes[i].status;
	pthread_mutex_unlock(&x->lock);
	return n;
}

void export_stop(struct exporter *x, unsigned timeout_ms)
{
	pthread_mutex_lock(&x->lock);
	x->stopping = true;
	x->stop_ms = clock_mono_ms() + timeout_ms;
	wake(x);
	pthread_mutex_unlock(&x->lock);
	pthread_join(x->thread, NULL);
	exporter_free(x);
}
