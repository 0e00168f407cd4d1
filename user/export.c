/* SPDX-License-Identifier: Apache-2.0 */
#include "export.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "export_channel.h"
#include "export_thread.h"
#include "log.h"

#define STAGE "export"
#define NEVER INT64_MAX

/* One endpoint. The thread owns all of it but `status`, which the exporter's lock guards. */
struct lane {
	struct export_channel channel;
	uint64_t settled; /* the snapshot that was acknowledged or dropped for good */
	uint64_t sending; /* the one under way; 0: none */
	int64_t not_before_ms;
	bool retrying;
	bool partial_said;
	struct export_status status;
};

struct exporter {
	const struct config *config;
	struct otlp_attribute *attributes;
	struct otlp_resource resource;
	struct lane *lanes;
	size_t lanes_len;
	pthread_t thread;
	grpc_completion_queue *cq;
	/* A call that is never sent: an empty batch on it posts its tag to the queue at once, which
	 * is how another thread wakes this one. */
	grpc_channel *nowhere;
	grpc_call *wake_call;
	struct released *newest; /* the thread's own */
	uint64_t newest_number;  /* counts snapshots from 1 */
	bool flushing;           /* the thread has seen `stopping` */
	bool late;               /* ... and its deadline */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct released *mailbox;
	bool stopping;
	int64_t stop_ms; /* when the flush must have ended */
	int started;     /* 1: not yet; else the result of starting */
	char why[256];
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The caller holds the lock. */
static void wake(struct exporter *x)
{
	grpc_call_error error = grpc_call_start_batch(x->wake_call, NULL, 0, x, NULL);

	if (error != GRPC_CALL_OK)
		log_err(STAGE, "cannot wake the exporter: %s", grpc_call_error_to_string(error));
}

/* --- the resource ------------------------------------------------------------------------------
 */

static bool replaced(const struct config *c, const char *key)
{
	for (size_t i = 0; i < c->attributes_len; i++) {
		if (!strcmp(c->attributes[i].key, key))
			return true;
	}
	return false;
}

/* An operator's attribute stands in for ours of the same name, but for those that say what the data
 * is: OTLP forbids a key twice. */
static int make_resource(struct exporter *x)
{
	const struct config *c = x->config;
	struct otlp_attribute *a = calloc(c->attributes_len + 3, sizeof(*a));
	size_t n = 0;

	if (!a)
		return -ENOMEM;
	a[n++] = (struct otlp_attribute){"service.name", c->service_name};
	a[n++] = (struct otlp_attribute){"telltale.network",
					 config_network_text(c->network)};
	if (!replaced(c, "service.instance.id"))
		a[n++] = (struct otlp_attribute){"service.instance.id", c->instance};
	for (size_t i = 0; i < c->attributes_len; i++) {
		const char *key = c->attributes[i].key;

		if (strcmp(key, "service.name") && strncmp(key, "telltale.", strlen("telltale.")))
			a[n++] = (struct otlp_attribute){key, c->attributes[i].value};
	}
	x->attributes = a;
	x->resource = (struct otlp_resource){a, n};
	return 0;
}

/* --- one endpoint ------------------------------------------------------------------------------
 */

/* Counts a failure and says it once for a row of them. */
static void note_failure(struct exporter *x, struct lane *l, bool for_good, const char *words)
{
	bool first;

	pthread_mutex_lock(&x->lock);
	first = !l->status.consecutive_failures++;
	l->status.failures += for_good;
	snprintf(l->status.last_error, sizeof(l->status.last_error), "%s", words);
	pthread_mutex_unlock(&x->lock);
	log_write(first ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG, STAGE, "%s: %s%s", l->status.url, words,
		  for_good ? "; not sent again" : "; trying again");
}

static void note_success(struct exporter *x, struct lane *l, const struct export_answer *answer)
{
	struct timespec t;
	unsigned failures;

	clock_gettime(CLOCK_REALTIME, &t);
	pthread_mutex_lock(&x->lock);
	failures = l->status.consecutive_failures;
	l->status.consecutive_failures = 0;
	l->status.last_error[0] = '\0';
	l->status.exports++;
	l->status.last_success_unix_ns = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
	if (answer->rejected > 0)
		l->status.rejected_points += (uint64_t)answer->rejected;
	pthread_mutex_unlock(&x->lock);
	if (failures)
		log_info(STAGE, "%s: accepted again after %u failures", l->status.url, failures);
	if ((answer->rejected > 0 || answer->words[0]) && !l->partial_said) {
		log_warn(STAGE, "%s: refused %lld points: %s (said once, then only counted)",
			 l->status.url, (long long)answer->rejected,
			 answer->words[0] ? answer->words : "no reason given");
		l->partial_said = true;
	}
}

static void send_newest(struct exporter *x, struct lane *l)
{
	const struct config_endpoint *e = l->channel.endpoint;
	unsigned audiences =
		e->audience == AUDIENCE_OWN ? AUDIENCE_OWN | AUDIENCE_NETWORK : AUDIENCE_NETWORK;
	const struct released *view = x->newest;
	int64_t timeout_ms = e->timeout_ms;
	uint8_t *bytes = NULL;
	size_t len = 0;
	int err;

	if (x->flushing && x->stop_ms - now_ms() < timeout_ms)
		timeout_ms = x->stop_ms - now_ms();
	if (e->audience == AUDIENCE_NETWORK && view->network)
		view = view->network;
	err = otlp_encode(view, &x->resource, audiences, &bytes, &len);
	if (!err)
		err = export_channel_send(&l->channel, x->cq, l, bytes, len, timeout_ms,
					  x->flushing);
	free(bytes);
	if (err) {
		l->settled = x->newest_number;
		note_failure(x, l, true, strerror(-err));
		return;
	}
	l->sending = x->newest_number;
	if (l->retrying) {
		pthread_mutex_lock(&x->lock);
		l->status.retries++;
		pthread_mutex_unlock(&x->lock);
	}
}

static void settle(struct exporter *x, struct lane *l)
{
	struct export_answer answer;
	uint32_t random, delay_ms;
	bool cut;

	export_channel_finish(&l->channel, &answer);
	l->retrying = answer.verdict == EXPORT_RETRY;
	if (answer.verdict != EXPORT_RETRY)
		l->settled = l->sending;
	l->sending = 0;
	if (answer.verdict == EXPORT_DONE) {
		note_success(x, l, &answer);
		return;
	}
	/* That the flush's time is up says less than what went wrong before it. */
	cut = x->flushing && l->status.last_error[0] &&
	      (answer.status == GRPC_STATUS_CANCELLED ||
	       answer.status == GRPC_STATUS_DEADLINE_EXCEEDED);
	if (!cut)
		note_failure(x, l, answer.verdict == EXPORT_DROP, answer.words);
	if (answer.verdict == EXPORT_DROP)
		return;
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		random = UINT32_MAX;
	delay_ms = answer.delay_ms ? answer.delay_ms
				   : export_backoff_ms(l->status.consecutive_failures, random);
	l->not_before_ms = now_ms() + delay_ms;
}

/* --- the thread --------------------------------------------------------------------------------
 */

/* Starts every export that is due; returns when the next one will be. */
static int64_t start_due(struct exporter *x)
{
	int64_t next = NEVER, now = now_ms();

	for (size_t i = 0; i < x->lanes_len && !x->late; i++) {
		struct lane *l = &x->lanes[i];

		if (l->sending || l->settled == x->newest_number)
			continue;
		if (l->not_before_ms <= now)
			send_newest(x, l);
		else if (l->not_before_ms < next)
			next = l->not_before_ms;
	}
	return next;
}

static void read_mailbox(struct exporter *x)
{
	struct released *old = x->newest;
	bool stopping;

	pthread_mutex_lock(&x->lock);
	if (x->mailbox) {
		x->newest = x->mailbox;
		x->mailbox = NULL;
		x->newest_number++;
	} else {
		old = NULL;
	}
	stopping = x->stopping;
	pthread_mutex_unlock(&x->lock);
	released_unref(old);
	if (stopping && !x->flushing) {
		/* A last chance for each, whatever it said before. */
		x->flushing = true;
		for (size_t i = 0; i < x->lanes_len; i++)
			x->lanes[i].not_before_ms = 0;
	}
}

/* Whether the flush has nothing more to wait for. */
static bool flushed(const struct exporter *x)
{
	for (size_t i = 0; i < x->lanes_len; i++) {
		const struct lane *l = &x->lanes[i];

		if (l->sending)
			return false;
		if (!x->late && l->settled != x->newest_number && l->not_before_ms < x->stop_ms)
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
			deadline =
				gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
					     gpr_time_from_millis(until - now_ms(), GPR_TIMESPAN));
		event = grpc_completion_queue_next(x->cq, deadline, NULL);
		if (event.type == GRPC_OP_COMPLETE && event.tag == x)
			read_mailbox(x);
		else if (event.type == GRPC_OP_COMPLETE)
			settle(x, event.tag);
		if (x->flushing && !x->late && now_ms() >= x->stop_ms) {
			x->late = true;
			for (size_t i = 0; i < x->lanes_len; i++)
				export_channel_cancel(&x->lanes[i].channel);
		}
	}
}

/* Everything that needs gRPC before the first export; dismantle undoes it, in part done too. */
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
				 l->status.last_error);
	}
	dismantle(x);
	export_thread_leave();
	return NULL;
}

/* --- from outside the thread -------------------------------------------------------------------
 */

static void exporter_free(struct exporter *x)
{
	/* Normally the thread has done it; not when it never ran. */
	for (size_t i = 0; i < x->lanes_len; i++)
		export_channel_fini(&x->lanes[i].channel);
	released_unref(x->mailbox);
	released_unref(x->newest);
	pthread_cond_destroy(&x->changed);
	pthread_mutex_destroy(&x->lock);
	free(x->attributes);
	free(x->lanes);
	free(x);
}

static int read_endpoints(struct exporter *x)
{
	const struct config *c = x->config;
	int err = 0;

	x->lanes = calloc(c->endpoints_len + 1, sizeof(*x->lanes));
	if (!x->lanes)
		return -ENOMEM;
	for (size_t i = 0; i < c->endpoints_len && !err; i++) {
		char why[192] = "";

		x->lanes_len = i + 1;
		x->lanes[i].status.url = c->endpoints[i].url;
		err = export_channel_read(&x->lanes[i].channel, &c->endpoints[i], why, sizeof(why));
		if (err)
			log_err(STAGE, "%s: %s", c->endpoints[i].url,
				why[0] ? why : strerror(-err));
	}
	return err;
}

int export_start(const struct config *config, struct exporter **out)
{
	struct exporter *x = calloc(1, sizeof(*x));
	int err;

	if (!x)
		return -ENOMEM;
	x->config = config;
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

void export_post(struct exporter *x, struct released *snapshot)
{
	struct released *old;

	pthread_mutex_lock(&x->lock);
	old = x->mailbox;
	x->mailbox = released_ref(snapshot);
	/* While one was in the box, a wake-up is on its way already. */
	if (!old)
		wake(x);
	pthread_mutex_unlock(&x->lock);
	released_unref(old);
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
	x->stop_ms = now_ms() + timeout_ms;
	wake(x);
	pthread_mutex_unlock(&x->lock);
	pthread_join(x->thread, NULL);
	exporter_free(x);
}
