/* SPDX-License-Identifier: Apache-2.0 */
#include "privacy.h"

#include <stdlib.h>
#include <string.h>

#include "../bpf/record.h"
#include "entropy.h"
#include "released_new.h"

#define SERIES_MAX 256 /* about a hundred are fixed; the rest is for the endpoints' */
#define MECHANISM  "bucket-laplace"
#define NS_PER_MS  1000000

struct histogram {
	uint64_t count;
	uint64_t sum_ns;
	uint64_t buckets[METRIC_BOUNDS + 1];
};

struct series {
	enum metric metric;
	size_t labels_len;
	struct released_label labels[RELEASED_LABELS];
	bool own_text;    /* key and value were copied */
	__int128 sum;     /* SUM, GAUGE; noise may make it fall */
	int64_t released; /* SUM: the highest value that has left */
	struct histogram histogram;
};

struct privacy {
	struct privacy_params params;
	char *source;
	uint64_t start_unix_ns;
	struct entropy entropy;
	struct privacy_truth truth;
	int first[METRICS_LEN]; /* the first fixed series of each metric */
	int series_len;
	struct series series[SERIES_MAX];
};

/* --- the fixed series --- */

#define VALUES(...)                                                                                \
	(const char *const[])                                                                      \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

enum { KIND_PREPARE, KIND_FULFILL, KIND_REJECT };
enum { STREAM_PAYMENT, STREAM_PROBE, STREAMS };
enum { OPERATION_RECEIVE, OPERATION_FORWARD };

#define ORIGIN_VALUES VALUES("unknown", "originated", "forwarded", "received", "proxy_copy")
#define LOST_VALUES   VALUES("gap", "ring", "evicted", "replaced", "timeout", "shutdown", "opaque")
#define GAP_VALUES    VALUES("hole", "http", "complex", "reorder", "load", "full")
#define SOURCE_VALUES VALUES("operator", "network")

/* The codes of RFC 27; the last one stands for all others. */
static const char *const reject_codes[] = {
	"F00", "F01", "F02", "F03", "F04", "F05", "F06", "F07", "F08", "F99",   "T00", "T01",
	"T02", "T03", "T04", "T05", "T99", "R00", "R01", "R02", "R99", "other", NULL,
};
#define REJECT_OTHER (sizeof(reject_codes) / sizeof(reject_codes[0]) - 2)

_Static_assert(ORIGINS == 5 && ORIGIN_PROXY_COPY == 4, "ORIGIN_VALUES follow enum origin");
_Static_assert(OUTCOMES == 8 && OUTCOME_LOST == 7, "the outcomes' values follow enum outcome");
_Static_assert(LOSTS == 8 && LOST_OPAQUE == 7, "LOST_VALUES follow enum lost");
_Static_assert(RECORD_GAP_CAUSES == 6 && RECORD_GAP_FULL == 6, "GAP_VALUES follow the record's");

/* Metrics that are not here have one series without labels. */
static const struct spec {
	bool at_run_time; /* label values are known only then */
	struct {
		const char *key;
		const char *const *values;
	} labels[RELEASED_LABELS];
} specs[METRICS_LEN] = {
	[METRIC_PREPARE_PROCESSING] = {.labels = {{"operation", VALUES("receive", "forward")}}},
	[METRIC_EXCHANGE_TIME] = {.labels = {{"origin", ORIGIN_VALUES}}},
	[METRIC_TRANSACTIONS_BY_ORIGIN] = {.labels = {{"origin", ORIGIN_VALUES}}},
	[METRIC_AMOUNT_BY_ORIGIN] = {.labels = {{"origin", ORIGIN_VALUES}}},
	[METRIC_PACKETS] = {.labels = {{"kind", VALUES("prepare", "fulfill", "reject")},
				       {"stream", VALUES("payment", "probe")}}},
	[METRIC_REJECTS] = {.labels = {{"code", reject_codes}}},
	[METRIC_OUTCOMES] = {.labels = {{"outcome",
					 VALUES("fulfilled", "rejected", "expired", "http_error",
						"not_ilp", "closed", "lost")}}},
	[METRIC_HTTP_ERRORS] = {.labels = {{"status",
					    VALUES("2xx", "3xx", "4xx", "5xx", "other")}}},
	[METRIC_LOST] = {.labels = {{"cause", LOST_VALUES}}},
	[METRIC_ORIGINS] = {.labels = {{"origin", ORIGIN_VALUES}}},
	[METRIC_RECORDS] = {.labels = {{"type", VALUES("message", "endpoint", "flow_close", "gap",
						       "opaque", "unknown")}}},
	[METRIC_GAPS] = {.labels = {{"cause", GAP_VALUES}}},
	[METRIC_GAP_BYTES] = {.labels = {{"cause", GAP_VALUES}}},
	[METRIC_EVICTED] = {.labels = {{"table", VALUES("exchanges", "conditions", "payments")}}},
	[METRIC_OPAQUE] = {.labels = {{"reason",
				       VALUES("tls-no-library", "tls-unattached", "tls-refused",
					      "tls-seccomp", "tls-unknown-owner", "http2",
					      "upgraded")}}},
	[METRIC_EXPORTS] = {.at_run_time = true},
	[METRIC_EXPORT_FAILURES] = {.at_run_time = true},
	[METRIC_RATES_AGE] = {.labels = {{"document", SOURCE_VALUES}}},
	[METRIC_RATES_FAILURES] = {.labels = {{"document", SOURCE_VALUES}}},
};

static struct series *series_add(struct privacy *p, enum metric metric)
{
	struct series *s = &p->series[p->series_len++];

	s->metric = metric;
	s->sum = metric == METRIC_RATES_AGE ? -1 : 0; /* none loaded yet */
	return s;
}

/* One series for each combination of label values, the first label's varying slowest. */
static void series_add_fixed(struct privacy *p, enum metric metric)
{
	static const char *const none[] = {"", NULL};
	const struct spec *spec = &specs[metric];
	const char *const *outer = spec->labels[0].key ? spec->labels[0].values : none;

	p->first[metric] = p->series_len;
	if (spec->at_run_time)
		return;
	for (; *outer; outer++) {
		const char *const *inner = spec->labels[1].key ? spec->labels[1].values : none;

		for (; *inner; inner++) {
			struct series *s = series_add(p, metric);
			const char *values[RELEASED_LABELS] = {*outer, *inner};

			for (; s->labels_len < RELEASED_LABELS && spec->labels[s->labels_len].key;
			     s->labels_len++)
				s->labels[s->labels_len] = (struct released_label){
					spec->labels[s->labels_len].key, values[s->labels_len]};
		}
	}
}

struct privacy *privacy_new(const struct privacy_params *params, const char *source,
			    uint64_t start_unix_ns, privacy_random *random, void *random_context)
{
	struct privacy *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->source = strdup(source);
	if (!p->source) {
		free(p);
		return NULL;
	}
	p->params = *params;
	p->start_unix_ns = start_unix_ns;
	entropy_init(&p->entropy, random ? random : privacy_random_kernel, random_context);
	for (int metric = 0; metric < METRICS_LEN; metric++)
		series_add_fixed(p, (enum metric)metric);
	return p;
}

void privacy_free(struct privacy *p)
{
	if (!p)
		return;
	for (int i = 0; i < p->series_len; i++) {
		if (p->series[i].own_text) {
			free((char *)p->series[i].labels[0].key);
			free((char *)p->series[i].labels[0].value);
		}
	}
	entropy_fini(&p->entropy);
	free(p->source);
	free(p);
}

/* --- what happens --- */

static void count(struct privacy *p, enum metric metric, unsigned which, int64_t n)
{
	p->series[p->first[metric] + (int)which].sum += n;
}

static void observe_time(struct privacy *p, enum metric metric, unsigned which, uint64_t ns)
{
	struct histogram *h = &p->series[p->first[metric] + (int)which].histogram;
	unsigned i = 0;

	/* OTLP's buckets take their upper bound in. */
	while (i < METRIC_BOUNDS && ns > (uint64_t)(metric_bounds_ms[i] * NS_PER_MS))
		i++;
	h->buckets[i]++;
	h->count++;
	if (__builtin_add_overflow(h->sum_ns, ns, &h->sum_ns))
		h->sum_ns = UINT64_MAX;
}

static unsigned find_code(const char *code)
{
	unsigned i = 0;

	while (i < REJECT_OTHER && strncmp(reject_codes[i], code, 4) != 0)
		i++;
	return i;
}

/* One draw for one value, whatever counters it enters: two draws of the same value would let their
 * mean come closer to it. */
static int64_t publish(struct privacy *p, uint64_t value)
{
	uint64_t bucket = privacy_bucket_size(&p->params, value);

	return privacy_noisy(&p->params, privacy_round(&p->params, value, bucket), bucket,
			     entropy_take, &p->entropy);
}

/* The packet of an originated stream, in the counters of all packets. */
static void count_packet(struct privacy *p, const struct contribution *c, unsigned stream)
{
	count(p, METRIC_PACKETS, KIND_PREPARE * STREAMS + stream, 1);
	if (c->outcome == OUTCOME_FULFILLED)
		count(p, METRIC_PACKETS, KIND_FULFILL * STREAMS + stream, 1);
	if (c->outcome == OUTCOME_REJECTED) {
		count(p, METRIC_PACKETS, KIND_REJECT * STREAMS + stream, 1);
		count(p, METRIC_REJECTS, find_code(c->reject_code), 1);
	}
}

static void observe_packet(struct privacy *p, const struct contribution *c)
{
	bool originated = c->origin == ORIGIN_ORIGINATED;
	bool fulfilled = c->outcome == OUTCOME_FULFILLED;
	bool rejected = c->outcome == OUTCOME_REJECTED;

	if (fulfilled && c->converted) {
		int64_t noisy = publish(p, c->value);

		count(p, METRIC_AMOUNT_BY_ORIGIN, c->origin, noisy);
		if (originated) {
			count(p, METRIC_AMOUNT_FULFILL, 0, noisy);
			if (__builtin_add_overflow(p->truth.value, c->value, &p->truth.value))
				p->truth.value = UINT64_MAX;
		}
	}
	if (!originated)
		return;
	count_packet(p, c, STREAM_PAYMENT);
	count(p, METRIC_PACKET_PREPARE, 0, 1);
	count(p, METRIC_PACKET_FULFILL, 0, fulfilled);
	count(p, METRIC_PACKET_REJECT, 0, rejected);
	p->truth.prepares++;
	p->truth.fulfills += fulfilled;
	p->truth.rejects += rejected;
}

void privacy_observe(void *privacy, const struct contribution *c)
{
	struct privacy *p = privacy;
	bool originated = c->origin == ORIGIN_ORIGINATED;

	switch (c->kind) {
	case CONTRIBUTION_TRANSACTION:
		count(p, METRIC_TRANSACTIONS_BY_ORIGIN, c->origin, 1);
		count(p, METRIC_TRANSACTIONS, 0, originated);
		p->truth.transactions += originated;
		break;
	case CONTRIBUTION_PACKET: observe_packet(p, c); break;
	case CONTRIBUTION_PROBE_PACKET:
		if (!originated)
			break;
		count_packet(p, c, STREAM_PROBE);
		p->truth.probe_prepares++;
		p->truth.probe_rejects += c->outcome == OUTCOME_REJECTED;
		break;
	case CONTRIBUTION_PAYMENT_END:
		if (!originated)
			break;
		observe_time(p, METRIC_PAY_TIME, 0, c->pay_ns);
		observe_time(p, METRIC_ROUND_TRIP, 0, c->round_trip_ns);
		break;
	}
}

static uint64_t elapsed(uint64_t from_ns, uint64_t to_ns)
{
	return to_ns > from_ns ? to_ns - from_ns : 0;
}

/* Which value of METRIC_HTTP_ERRORS. */
static unsigned status_class(uint16_t status)
{
	return status >= 200 && status < 600 ? status / 100u - 2 : 4;
}

static void count_outcome(struct privacy *p, const struct exchange *e)
{
	count(p, METRIC_OUTCOMES, e->outcome - OUTCOME_FULFILLED, 1);
	p->truth.outcomes[e->outcome]++;
	if (e->outcome == OUTCOME_HTTP_ERROR)
		count(p, METRIC_HTTP_ERRORS, status_class(e->http_status), 1);
	if (e->outcome == OUTCOME_LOST) {
		count(p, METRIC_LOST, e->lost - LOST_GAP, 1);
		p->truth.lost[e->lost]++;
	}
}

void privacy_exchange(struct privacy *p, const struct exchange *e)
{
	if (e->outcome == OUTCOME_OPEN)
		return;
	count_outcome(p, e);
	count(p, METRIC_ORIGINS, e->origin, 1);
	if (!e->reply_ns)
		return;
	observe_time(p, METRIC_EXCHANGE_TIME, e->origin, elapsed(e->prepare_ns, e->reply_done_ns));
	if (e->role != RECORD_ROLE_SERVER)
		return;
	/* A copy is the same Prepare a second time; its first sight says how long it took. */
	if (e->origin == ORIGIN_RECEIVED)
		observe_time(p, METRIC_PREPARE_PROCESSING, OPERATION_RECEIVE,
			     elapsed(e->prepare_done_ns, e->reply_ns));
	else if (e->origin == ORIGIN_FORWARDED)
		observe_time(p, METRIC_PREPARE_PROCESSING, OPERATION_FORWARD,
			     elapsed(e->prepare_done_ns, e->reply_ns));
}

struct privacy_truth privacy_truth(const struct privacy *p)
{
	return p->truth;
}

/* --- operational series --- */

static bool series_is(const struct series *s, enum metric metric, const char *key,
		      const char *value)
{
	if (s->metric != metric || s->labels_len != (key != NULL))
		return false;
	return !key || (!strcmp(s->labels[0].key, key) && !strcmp(s->labels[0].value, value));
}

int privacy_series(struct privacy *p, enum metric metric, const char *key, const char *value)
{
	struct released_label label = {NULL, NULL};
	struct series *s;

	for (int i = 0; i < p->series_len; i++) {
		if (series_is(&p->series[i], metric, key, value))
			return i;
	}
	if (!key || p->series_len == SERIES_MAX || metric_infos[metric].shape == METRIC_HISTOGRAM)
		return -1;
	label.key = strdup(key);
	label.value = strdup(value);
	if (!label.key || !label.value) {
		free((char *)label.key);
		free((char *)label.value);
		return -1;
	}
	s = series_add(p, metric);
	s->labels[s->labels_len++] = label;
	s->own_text = true;
	return p->series_len - 1;
}

void privacy_add(struct privacy *p, int series, uint64_t delta)
{
	if (series >= 0 && series < p->series_len)
		p->series[series].sum += delta;
}

void privacy_set(struct privacy *p, int series, int64_t value)
{
	if (series >= 0 && series < p->series_len)
		p->series[series].sum = value;
}

/* --- release --- */

static size_t text_len(const struct privacy *p)
{
	size_t len = strlen(p->source) + 1;

	for (int i = 0; i < p->series_len; i++) {
		const struct series *s = &p->series[i];

		if (s->own_text)
			len += strlen(s->labels[0].key) + 1 + strlen(s->labels[0].value) + 1;
	}
	return len;
}

/* Copies STRING to *AT and moves *AT behind it. */
static const char *put_text(char **at, const char *string)
{
	char *copy = *at;

	*at = stpcpy(copy, string) + 1;
	return copy;
}

/* The sum, or what has already left if that is more: a released sum never falls. */
static int64_t release_sum(struct series *s)
{
	__int128 sum = s->sum > INT64_MAX ? INT64_MAX : s->sum;

	if (sum > s->released)
		s->released = (int64_t)sum;
	return s->released;
}

static void release_point(struct series *s, struct released_point *point, char **text)
{
	const struct histogram *h = &s->histogram;

	point->metric = s->metric;
	point->labels_len = s->labels_len;
	memcpy(point->labels, s->labels, sizeof(point->labels));
	if (s->own_text) {
		point->labels[0].key = put_text(text, s->labels[0].key);
		point->labels[0].value = put_text(text, s->labels[0].value);
	}
	switch (metric_infos[s->metric].shape) {
	case METRIC_SUM: point->value = release_sum(s); break;
	case METRIC_GAUGE: point->value = (int64_t)s->sum; break;
	case METRIC_HISTOGRAM:
		point->count = h->count;
		point->sum_ms = (double)h->sum_ns / NS_PER_MS;
		memcpy(point->buckets, h->buckets, sizeof(point->buckets));
		break;
	}
}

struct released *privacy_release(struct privacy *p, uint64_t now_unix_ns)
{
	char *text;
	struct released *r = released_new((size_t)p->series_len, text_len(p), &text);
	struct released_point *point;

	if (!r)
		return NULL;
	r->start_unix_ns = p->start_unix_ns;
	r->time_unix_ns = now_unix_ns;
	r->source = put_text(&text, p->source);
	r->mechanism = MECHANISM;
	point = r->points;
	for (int metric = 0; metric < METRICS_LEN; metric++) {
		for (int i = 0; i < p->series_len; i++) {
			if (p->series[i].metric == (enum metric)metric)
				release_point(&p->series[i], point++, &text);
		}
	}
	return r;
}
