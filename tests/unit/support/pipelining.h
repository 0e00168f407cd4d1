/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipelining.h - a pipeline in which everything is real except the ring, for the tests of pipeline.
 */
#ifndef TELLTALE_TESTS_PIPELINING_H
#define TELLTALE_TESTS_PIPELINING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "config/config.h"
#include "daemon/pipeline.h"
#include "exchange/origins.h"
#include "tests/unit/support/records.h"

#define CLIENT RECORD_ROLE_CLIENT
#define SERVER RECORD_ROLE_SERVER

#define IDLE (30 * S)

static const struct asset usd = {"USD", 4}, dollars = {"USD", 0}, nowhere = {"XYZ", 2};

/* Everything that a test of the pipeline needs. */
static struct bench {
	struct peers *peers;
	struct rates *rates;
	struct series *series;
	struct privacy *privacy;
	struct live *live;
	struct traces *traces;
	struct pipeline *pipeline;
	unsigned opaque;
	uint64_t now_ns, dropped; /* as of the last record */
} b;

/* When the next pipeline that is built begins to see; 0: it has always seen everything. */
static uint64_t begin_ns;

/* Of the next pipeline that is built: how many peers have figures, and the mechanism. */
static size_t live_peers;
static bool live_traced; /* ... and packets become spans */
static enum privacy_mechanism mechanism;

static inline bool peer_name(void *context, uint64_t endpoint, char *name, size_t len)
{
	(void)context;
	snprintf(name, len, "peer-%llu.example/", (unsigned long long)endpoint);
	return true;
}

static inline void build_live(void)
{
	const struct traces_params traces = {
		.key = {1, 2}, .sample = TRACES_ALL, .series = b.series, .name = peer_name};
	struct live_params params = {
		.series = b.series, .peers = live_peers, .targets = 1, .name = peer_name};

	if (!live_peers)
		return;
	b.traces = live_traced ? traces_new(&traces) : NULL;
	params.traces = b.traces;
	b.live = live_new(&params);
	assert_non_null(b.live);
	privacy_by_peer(b.privacy, per_peer_amount, live_per_peer(b.live));
	privacy_spread_to(b.privacy, per_peer_earned, live_per_peer(b.live));
}

static inline void seeded(void *context, void *buf, size_t len)
{
	uint64_t *state = context;

	for (size_t i = 0; i < len; i++) {
		*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
		((uint8_t *)buf)[i] = (uint8_t)(*state >> 56);
	}
}

static inline void opaque(void *context, const struct record_opaque *record)
{
	assert_ptr_equal(context, &b);
	assert_int_equal(record->reason, RECORD_OPAQUE_TLS);
	b.opaque++;
}

/* Without ASSET, no packet is attributed to an asset. */
static inline void build(const struct asset *asset, size_t exchanges)
{
	struct privacy_params params = PRIVACY_PARAMS_DEFAULT;
	static const struct rates_source_config no_rates[RATES_SOURCES];
	static uint64_t seed;

	seed = 0x7e117a1e;
	params.mechanism = mechanism;
	memset(&b, 0, sizeof(b));
	b.peers = peers_new(NULL, 0, asset, 16);
	b.rates = rates_new(no_rates);
	b.series = series_new(0);
	assert_non_null(b.series);
	b.privacy = privacy_new(&params, b.series, "test", 1, seeded, &seed);
	assert_non_null(b.peers);
	assert_non_null(b.rates);
	assert_non_null(b.privacy);
	build_live();
	b.pipeline = pipeline_new(&(struct pipeline_config){
		.exchanges = exchanges,
		.conditions = 64,
		.payments = 16,
		.idle_ns = IDLE,
		.max_ns = 20 * IDLE,
		.begin_ns = begin_ns,
		.realtime_offset_ns = REALTIME_OFFSET,
		.peers = b.peers,
		.rates = b.rates,
		.privacy = b.privacy,
		.series = b.series,
		.live = b.live,
		.opaque = opaque,
		.context = &b,
	});
	assert_non_null(b.pipeline);
}

static inline int setup(void **state)
{
	(void)state;
	build(&usd, 16);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	pipeline_free(b.pipeline);
	live_free(b.live);
	traces_free(b.traces);
	privacy_free(b.privacy);
	series_free(b.series);
	rates_free(b.rates);
	peers_free(b.peers);
	return 0;
}

static inline void rebuild(const struct asset *asset, size_t exchanges)
{
	teardown(NULL);
	build(asset, exchanges);
}

static inline void give(struct record_message message)
{
	pipeline_record(b.pipeline, &message, sizeof(message));
	if (message.last_ns > b.now_ns)
		b.now_ns = message.last_ns;
}

/* All that has ended is judged. */
static inline void settle(void)
{
	pipeline_settle(b.pipeline, b.dropped, b.now_ns += ORIGINS_GRACE_NS);
}

/* A value as the operator's own endpoints get it. */
static inline int64_t released(enum metric metric, const char *label)
{
	struct released *r;
	int64_t value = -1;

	settle();
	r = privacy_release(b.privacy, 2);
	assert_non_null(r);
	for (size_t i = 0; i < r->points_len; i++) {
		const struct released_point *point = &r->points[i];

		if (point->metric == metric &&
		    (!label ? !point->labels_len : !strcmp(point->labels[0].value, label)))
			value = point->value;
	}
	released_unref(r);
	return value;
}

static inline struct privacy_truth truth(void)
{
	settle();
	return privacy_truth(b.privacy);
}

static inline struct pipeline_stats stats(void)
{
	settle();
	return pipeline_stats(b.pipeline);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

#endif
