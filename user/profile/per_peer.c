/* SPDX-License-Identifier: Apache-2.0 */
#include "profile/per_peer.h"

#include <stdlib.h>
#include <string.h>

#include "bpf/shared.h"
#include "privacy/noise.h"
#include "release/vocabulary.h"

#define CODES_MAX 32 /* of RFC 27, and one for all others */

struct peer_series {
	uint64_t endpoint;
	char *name;
	int outcomes[OUTCOMES]; /* handles, as are the others; the first is not used */
	int codes[CODES_MAX];   /* -1: no such Reject yet */
	int parts[PEER_PARTS];
	int amount;
	int spread, spread_variance; /* -1: nothing was forwarded yet */
};

struct per_peer {
	struct series *series;
	per_peer_name *name;
	void *context;
	size_t max, len;
	size_t targets;
	size_t taken[SHARED_TARGETS_MAX]; /* places, by each target */
	struct peer_series list[PER_PEER_MAX];
	struct peer_series other; /* its name is NULL until it is needed */
};

struct per_peer *per_peer_new(struct series *series, size_t max, size_t targets,
			      per_peer_name *name, void *context)
{
	struct per_peer *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->series = series;
	p->max = max < PER_PEER_MAX ? max : PER_PEER_MAX;
	p->targets = targets < SHARED_TARGETS_MAX ? targets : SHARED_TARGETS_MAX;
	p->name = name;
	p->context = context;
	return p;
}

void per_peer_free(struct per_peer *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->len; i++)
		free(p->list[i].name);
	free(p->other.name);
	free(p);
}

static int find_series(struct per_peer *p, enum metric metric, const char *peer, const char *key,
		       const char *value)
{
	const struct released_label labels[RELEASED_LABELS] = {{"peer", peer}, {key, value}};

	return series_find_labels(p->series, metric, labels, key ? 2 : 1);
}

/* Makes the series of S, but those of codes and spread, of which a peer uses few or none. False
 * when memory is short: then the next packet tries again. */
static bool begin(struct per_peer *p, struct peer_series *s, uint64_t endpoint, const char *name)
{
	const struct word *outcomes = vocabulary_outcomes.words;

	s->name = strdup(name);
	if (!s->name)
		return false;
	s->endpoint = endpoint;
	for (size_t i = 1; i < OUTCOMES; i++)
		s->outcomes[i] = find_series(p, METRIC_PEER_EXCHANGES, name,
					     vocabulary_outcomes.key, outcomes[i - 1].label);
	for (size_t i = 0; i < CODES_MAX; i++)
		s->codes[i] = -1;
	for (size_t i = 0; i < PEER_PARTS; i++)
		s->parts[i] = find_series(p, METRIC_PEER_TIME, name, vocabulary_peer_parts.key,
					  vocabulary_peer_parts.words[i].label);
	s->amount = find_series(p, METRIC_PEER_AMOUNT, name, NULL, NULL);
	s->spread = s->spread_variance = -1;
	return true;
}

static struct peer_series *find_other(struct per_peer *p)
{
	if (!p->other.name && !begin(p, &p->other, 0, PER_PEER_OTHER))
		return NULL;
	return &p->other;
}

/* May TARGET have a place more? Half of them are kept for all targets alike, the others are for
 * who comes first. */
static bool has_place(const struct per_peer *p, unsigned target)
{
	size_t kept = 0, each = p->targets ? p->max / 2 / p->targets : 0;

	if (target >= p->targets)
		return false;
	for (size_t i = 0; i < p->targets; i++) {
		if (i != target && p->taken[i] < each)
			kept += each - p->taken[i];
	}
	return p->len + kept < p->max;
}

static struct peer_series *find(struct per_peer *p, uint64_t endpoint)
{
	for (size_t i = 0; i < p->len; i++) {
		if (p->list[i].endpoint == endpoint)
			return &p->list[i];
	}
	return NULL;
}

/* The series of ENDPOINT, to which TARGET has sent. NULL when memory is short. */
static struct peer_series *find_or_make(struct per_peer *p, uint64_t endpoint, unsigned target)
{
	struct peer_series *s = find(p, endpoint);
	char name[PER_PEER_NAME_LEN];

	if (s)
		return s;
	if (!has_place(p, target) || !p->name(p->context, endpoint, name, sizeof(name)))
		return find_other(p);
	s = &p->list[p->len];
	if (!begin(p, s, endpoint, name))
		return NULL;
	p->len++;
	p->taken[target]++;
	return s;
}

/* The same where an exchange with it has been counted before. */
static struct peer_series *find_counted(struct per_peer *p, uint64_t endpoint)
{
	struct peer_series *s = find(p, endpoint);

	return s ? s : find_other(p);
}

static void count_code(struct per_peer *p, struct peer_series *s, const char *code)
{
	unsigned which = vocabulary_code(code);

	if (s->codes[which] < 0)
		s->codes[which] = find_series(p, METRIC_PEER_REJECTS, s->name, vocabulary_codes.key,
					      vocabulary_codes.words[which].label);
	series_add(p->series, s->codes[which], 1);
}

void per_peer_exchange(struct per_peer *p, const struct exchange *e)
{
	struct peer_series *s;

	if (!p->max || e->role == RECORD_ROLE_SERVER || !exchange_counts(e) || e->peer_protocol ||
	    !e->endpoint || e->outcome == OUTCOME_OPEN)
		return;
	s = find_or_make(p, e->endpoint, e->target);
	if (!s)
		return;
	series_add(p->series, s->outcomes[e->outcome], 1);
	if (e->outcome == OUTCOME_REJECTED)
		count_code(p, s, e->reject_code);
	if (e->reply_ns >= e->prepare_ns)
		series_put_time(p->series, s->parts[PEER_PART_PEER], e->reply_ns - e->prepare_ns);
}

void per_peer_hop(struct per_peer *p, const struct hop *hop)
{
	uint64_t hold, peer;
	struct peer_series *s;

	if (!p->max || hop->kind != HOP_FORWARDED || !hop->endpoint ||
	    !hops_times(hop, &hold, &peer))
		return;
	s = find_counted(p, hop->endpoint);
	if (!s)
		return;
	series_put_time(p->series, s->parts[PEER_PART_HOLD], hold);
	series_put_time(p->series, s->parts[PEER_PART_CONNECTOR], hold - peer);
}

int per_peer_amount(void *context, uint64_t endpoint)
{
	struct per_peer *p = context;
	const struct peer_series *s = endpoint && p->max ? find_counted(p, endpoint) : NULL;

	return s ? s->amount : -1;
}

static void begin_spread(struct per_peer *p, struct peer_series *s)
{
	s->spread = find_series(p, METRIC_PEER_SPREAD, s->name, NULL, NULL);
	s->spread_variance = find_series(p, METRIC_PEER_SPREAD_VARIANCE, s->name, NULL, NULL);
	series_add(p->series, s->spread_variance, NOISE_OF_FEW);
}

void per_peer_earned(void *context, uint64_t endpoint, int64_t noisy, double variance)
{
	struct per_peer *p = context;
	struct peer_series *s = endpoint && p->max ? find_counted(p, endpoint) : NULL;

	if (!s)
		return;
	if (s->spread < 0)
		begin_spread(p, s);
	series_move(p->series, s->spread, noisy);
	series_add(p->series, s->spread_variance, (uint64_t)variance);
}
