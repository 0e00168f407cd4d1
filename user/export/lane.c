/* SPDX-License-Identifier: Apache-2.0 */
/* lane.c - sends snapshots to one endpoint: encodes, sends, reads the answer and counts. */
#include "export/lane.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "export/otlp_traces.h"

#define STAGE "export"

/* Counts a failure. Of several in a row, only the first is logged as a warning. */
static void note_failure(struct exporter *x, struct lane *l, bool for_good, int code,
			 const char *words)
{
	bool first;

	pthread_mutex_lock(&x->lock);
	first = !l->status.consecutive_failures++;
	l->status.failures += for_good;
	l->status.last_code = code;
	snprintf(l->status.last_error, sizeof(l->status.last_error), "%s", words);
	pthread_mutex_unlock(&x->lock);
	log_write(first ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG, STAGE, "%s: %s%s", l->status.url, words,
		  for_good ? "; not sent again" : "; trying again");
}

static void note_success(struct exporter *x, struct lane *l, const struct export_answer *answer)
{
	unsigned failures;

	pthread_mutex_lock(&x->lock);
	failures = l->status.consecutive_failures;
	l->status.consecutive_failures = 0;
	l->status.last_code = GRPC_STATUS_OK;
	l->status.last_error[0] = '\0';
	l->status.exports++;
	l->status.bytes += l->sending_bytes;
	l->status.last_bytes = l->sending_bytes;
	l->status.last_success_unix_ns = clock_wall_ns();
	l->status.latency_ns = clock_mono_ns() - l->sent_ns;
	histogram_add(&l->status.latency, l->status.latency_ns);
	if (answer->rejected > 0)
		l->status.rejected_points += (uint64_t)answer->rejected;
	pthread_mutex_unlock(&x->lock);
	if (failures)
		log_info(STAGE, "%s: accepted again after %u failures", l->status.url, failures);
	if (answer->rejected > 0 && !l->partial_said) {
		log_warn(STAGE, "%s: refused %lld points: %s (logged once, then only counted)",
			 l->status.url, (long long)answer->rejected,
			 answer->words[0] ? answer->words : "no reason given");
		l->partial_said = true;
	} else if (answer->rejected <= 0 && answer->words[0] && !l->warning_said) {
		log_warn(STAGE, "%s: accepted everything, and warns: %s (logged once)",
			 l->status.url, answer->words);
		l->warning_said = true;
	}
}

/* --- sending --- */

static int64_t at(const struct parcel *parcel)
{
	return (int64_t)parcel->released->time_unix_ns + parcel->shift_ns;
}

static int64_t time_of(const struct exporter *x, const struct parcel *parcel)
{
	return parcel == &x->first ? timeline_first(at(parcel), at(&x->newest)) : at(parcel);
}

/* Encodes what L's audience may see of PARCEL. */
static int encode(const struct exporter *x, const struct lane *l, const struct parcel *parcel,
		  uint8_t **bytes, size_t *len)
{
	const struct config_endpoint *e = l->channel.endpoint;
	const struct released *view = parcel->released;
	bool own = e->audience == AUDIENCE_OWN;
	struct otlp_form form = {
		.audiences = own ? AUDIENCE_OWN | AUDIENCE_NETWORK : AUDIENCE_NETWORK,
		.exponential = own && e->exponential,
	};

	if (!own && view->network)
		view = view->network;
	form.time_unix_ns = (uint64_t)time_of(x, parcel);
	/* The network's view gets its time in whole seconds only. */
	if (view != parcel->released)
		form.time_unix_ns -= form.time_unix_ns % NS_PER_S;
	/* The counters may have begun in an earlier process, and the clock may have gone back
	 * since.
	 */
	if (form.time_unix_ns < view->start_unix_ns)
		form.time_unix_ns = view->start_unix_ns;
	return otlp_encode(view, &x->resource, &form, bytes, len);
}

static void refuse(struct exporter *x, struct lane *l, uint64_t number, int err, size_t len)
{
	char words[96];

	if (err == -EMSGSIZE)
		snprintf(words, sizeof(words),
			 "the request has %zu bytes, and OTLP allows 64 MiB: it is not sent", len);
	else
		snprintf(words, sizeof(words), "%s", strerror(-err));
	l->settled = number;
	l->retrying = false;
	note_failure(x, l, true, GRPC_STATUS_RESOURCE_EXHAUSTED, words);
}

static int64_t timeout_of(const struct exporter *x, const struct lane *l)
{
	int64_t timeout_ms = l->channel.endpoint->timeout_ms;
	int64_t left_ms = x->stop_ms - clock_mono_ms();

	return x->flushing && left_ms < timeout_ms ? left_ms : timeout_ms;
}

void lane_send(struct exporter *x, struct lane *l)
{
	const struct parcel *parcel = l->settled ? &x->newest : &x->first;
	uint64_t number = l->settled ? x->newest_number : 1;
	int64_t timeout_ms = timeout_of(x, l);
	uint8_t *bytes = NULL;
	size_t len = 0, sent = 0;
	int err;

	err = encode(x, l, parcel, &bytes, &len);
	if (!err)
		err = export_channel_send(&l->channel, EXPORT_METRICS, x->cq, l, bytes, len,
					  timeout_ms, x->flushing, &sent);
	free(bytes);
	if (err) {
		refuse(x, l, number, err, len);
		return;
	}
	l->sending = number;
	l->sending_bytes = sent;
	l->sent_ns = clock_mono_ns();
	pthread_mutex_lock(&x->lock);
	l->status.retries += l->retrying;
	pthread_mutex_unlock(&x->lock);
}

/* After the Nth failure in a row, N from 1. */
static void wait_for(struct lane *l, const struct export_answer *answer, unsigned n)
{
	uint32_t random, delay_ms;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		random = UINT32_MAX;
	l->asked = answer->delay_ms != 0;
	delay_ms = answer->delay_ms ? answer->delay_ms : export_backoff_ms(n, random);
	l->not_before_ms = clock_mono_ms() + delay_ms;
}

/* --- spans --- */

bool lane_is_sending(const struct lane *l)
{
	return l->sending || l->sending_spans;
}

/* Drops batch I. */
static void drop_batch(struct lane *l, size_t i)
{
	spans_unref(l->batches[i]);
	l->batches_len--;
	memmove(&l->batches[i], &l->batches[i + 1], (l->batches_len - i) * sizeof(l->batches[0]));
}

static void lose_batch(struct lane *l, size_t i)
{
	l->status.spans_lost += l->batches[i]->len;
	drop_batch(l, i);
}

void lane_give_spans(struct lane *l, struct spans *spans)
{
	if (l->batches_len == LANE_BATCHES)
		lose_batch(l, l->sending_spans);
	l->batches[l->batches_len++] = spans_ref(spans);
}

/* Whoever takes no traces refuses each batch: it is said once. */
static void lose_spans(struct exporter *x, struct lane *l, const char *words)
{
	pthread_mutex_lock(&x->lock);
	lose_batch(l, 0);
	pthread_mutex_unlock(&x->lock);
	log_write(l->spans_said ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN, STAGE,
		  "%s: does not take traces: %s; give the Collector a pipeline for traces, or "
		  "remove `traces: true` (logged once, then only counted)",
		  l->status.url, words);
	l->spans_said = true;
}

void lane_send_spans(struct exporter *x, struct lane *l)
{
	struct spans *spans = NULL;
	uint8_t *bytes = NULL;
	size_t len, sent;
	int err;

	pthread_mutex_lock(&x->lock);
	if (l->batches_len)
		spans = spans_ref(l->batches[0]);
	l->sending_spans = spans != NULL;
	pthread_mutex_unlock(&x->lock);
	if (!spans)
		return;
	err = otlp_encode_traces(spans, &x->resource, &bytes, &len);
	if (!err)
		err = export_channel_send(&l->channel, EXPORT_TRACES, x->cq, l, bytes, len,
					  timeout_of(x, l), x->flushing, &sent);
	free(bytes);
	spans_unref(spans);
	if (!err)
		return;
	lose_spans(x, l, strerror(-err));
	pthread_mutex_lock(&x->lock);
	l->sending_spans = false;
	pthread_mutex_unlock(&x->lock);
}

static void settle_spans(struct exporter *x, struct lane *l)
{
	struct export_answer answer;
	uint64_t rejected;

	export_channel_finish(&l->channel, &answer);
	if (answer.verdict == EXPORT_DROP)
		lose_spans(x, l, answer.words);
	pthread_mutex_lock(&x->lock);
	l->sending_spans = false;
	if (answer.verdict == EXPORT_DONE) {
		rejected = answer.rejected > 0 ? (uint64_t)answer.rejected : 0;
		if (rejected > l->batches[0]->len)
			rejected = l->batches[0]->len;
		l->status.spans += l->batches[0]->len - rejected;
		l->status.spans_lost += rejected;
		drop_batch(l, 0);
	}
	pthread_mutex_unlock(&x->lock);
	l->spans_failures = answer.verdict == EXPORT_RETRY ? l->spans_failures + 1 : 0;
	if (answer.verdict == EXPORT_RETRY)
		wait_for(l, &answer, l->spans_failures);
}

/* --- the answer --- */

void lane_settle(struct exporter *x, struct lane *l)
{
	struct export_answer answer;
	bool cut;

	if (l->sending_spans) {
		settle_spans(x, l);
		return;
	}
	export_channel_finish(&l->channel, &answer);
	l->retrying = answer.verdict == EXPORT_RETRY;
	if (answer.verdict != EXPORT_RETRY)
		l->settled = l->sending;
	l->sending = 0;
	if (answer.verdict == EXPORT_DONE) {
		note_success(x, l, &answer);
		return;
	}
	/* An earlier error says more than the end of the flush's time. */
	cut = x->flushing && l->status.last_error[0] &&
	      (answer.status == GRPC_STATUS_CANCELLED ||
	       answer.status == GRPC_STATUS_DEADLINE_EXCEEDED);
	if (!cut)
		note_failure(x, l, answer.verdict == EXPORT_DROP, (int)answer.status, answer.words);
	if (answer.verdict == EXPORT_DROP)
		return;
	wait_for(l, &answer, l->status.consecutive_failures);
}
