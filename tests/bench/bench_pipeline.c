/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_pipeline.c - measures how many exchanges a second one core can process, from record to
 * privacy.
 *
 * The traffic is that of a busy connector which originates payments: CONNECTIONS at once, each with
 * one exchange at a time; payments of 2 to 9 packets, and quotes whose packets are all rejected (8
 * % of all exchanges). A lap of it is made beforehand and fed again and again. Between laps, while
 * the clock is stopped, the records get later times and new conditions and destinations. The
 * program fails unless the totals that come out are exactly those that went in.
 *
 * Usage: bench_pipeline [SECONDS]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/config.h"
#include "daemon/pipeline.h"
#include "tests/unit/support/records.h"

#define CONNECTIONS   256
#define LAP_EXCHANGES (1u << 16)
#define LAP_RECORDS   (2 * LAP_EXCHANGES)
#define STEP_NS       (500 * 1000ULL) /* between two records */
#define LAP_NS        (LAP_RECORDS * STEP_NS)
#define TICK_RECORDS  512
#define PROBES        100 /* of a thousand streams that begin; see the share that is printed */

struct connection {
	uint64_t destination;
	unsigned left; /* packets of the stream to come */
	uint32_t stream;
	bool probe, pending;
};

struct totals {
	uint64_t exchanges, fulfilled, probes, transactions;
};

static struct record_message lap[LAP_RECORDS];
static struct connection connections[CONNECTIONS];

static void begin_stream(struct connection *c, unsigned *seed, struct totals *t)
{
	c->destination = (uint64_t)rand_r(seed) << 32 | (uint64_t)rand_r(seed);
	c->probe = rand_r(seed) % 1000 < PROBES;
	c->left = c->probe ? 4 : 2 + rand_r(seed) % 8;
	t->transactions += !c->probe;
}

/* Makes the next record of connection number I; makes none when WIND_DOWN is set and its stream has
 * ended. */
static bool next_record(unsigned i, bool wind_down, unsigned *seed, struct totals *t,
			struct record_message *out)
{
	struct connection *c = &connections[i];

	if (c->pending) {
		*out = c->probe ? reject(i + 1, c->stream, RECORD_ROLE_CLIENT, 0, "F08")
				: fulfill(i + 1, c->stream, RECORD_ROLE_CLIENT, 0);
		c->pending = false;
		c->left--;
		return true;
	}
	if (!c->left && wind_down)
		return false;
	if (!c->left)
		begin_stream(c, seed, t);
	*out = prepare(i + 1, ++c->stream, RECORD_ROLE_CLIENT, 0);
	out->amount = 1 + rand_r(seed) % 1000000;
	out->destination = c->destination;
	out->condition = (uint64_t)rand_r(seed) << 32 | (uint64_t)rand_r(seed);
	c->pending = true;
	t->exchanges++;
	t->fulfilled += !c->probe;
	t->probes += c->probe;
	return true;
}

/* Fills lap[] and returns its length. All streams in it end in it. */
static size_t make_lap(struct totals *t)
{
	unsigned seed = 0x7e117a1e;
	size_t len = 0, idle = 0;

	/* 20 records a connection are enough for any stream to end. */
	while (len < LAP_RECORDS && idle < 100000) {
		bool wind_down = len > LAP_RECORDS - 20 * CONNECTIONS;
		unsigned i = rand_r(&seed) % CONNECTIONS;

		if (next_record(i, wind_down, &seed, t, &lap[len])) {
			lap[len].first_ns = len * STEP_NS;
			lap[len].last_ns = len * STEP_NS;
			lap[len].expires_at = 99991231235959999;
			len++;
			idle = 0;
		} else {
			idle++;
		}
	}
	return len;
}

static void move_on(size_t len, uint64_t number)
{
	for (size_t i = 0; i < len; i++) {
		lap[i].first_ns += LAP_NS;
		lap[i].last_ns += LAP_NS;
		if (!lap[i].condition)
			continue;
		lap[i].condition += number * 0x9e3779b97f4a7c15ULL;
		lap[i].destination += number * 0x9e3779b97f4a7c15ULL;
	}
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double run_lap(struct pipeline *p, size_t len)
{
	double begin = now_s();

	for (size_t i = 0; i < len; i++) {
		pipeline_record(p, &lap[i], sizeof(lap[i]));
		if (i % TICK_RECORDS == 0)
			pipeline_tick(p, lap[i].last_ns); /* which settles too */
	}
	return now_s() - begin;
}

static int check(const char *what, uint64_t expected, uint64_t got)
{
	if (expected == got)
		return 0;
	fprintf(stderr, "bench_pipeline: %s: %" PRIu64 " went in, %" PRIu64 " came out\n", what,
		expected, got);
	return 1;
}

static int run(struct pipeline *p, const struct privacy *privacy, double seconds)
{
	struct totals t = {0};
	size_t len = make_lap(&t);
	uint64_t laps = 0;
	double spent = 0;
	struct privacy_truth truth;
	int failed;

	while (spent < seconds) {
		spent += run_lap(p, len);
		move_on(len, ++laps);
	}
	pipeline_drain(p, lap[len - 1].last_ns);
	truth = privacy_truth(privacy);
	failed = check("exchanges", t.exchanges * laps, pipeline_stats(p).match.opened) |
		 check("transactions", t.transactions * laps, truth.transactions) |
		 check("fulfilled packets", t.fulfilled * laps, truth.fulfills) |
		 check("rejected probes", t.probes * laps, truth.probe_rejects) |
		 check("evicted payments", 0, pipeline_stats(p).payments.evicted) |
		 check("unmatched replies", 0, pipeline_stats(p).match.unmatched);
	printf("pipeline, match to privacy: %.0f exchanges/s of one core (%" PRIu64 " exchanges, "
	       "%.1f %% probes, %.1f packets a payment, %.2f s)\n",
	       (double)(t.exchanges * laps) / spent, t.exchanges * laps,
	       100.0 * (double)t.probes / (double)t.exchanges,
	       (double)t.fulfilled / (double)t.transactions, spent);
	printf("FIGURE pipeline %.0f\n", (double)(t.exchanges * laps) / spent);
	return failed;
}

int main(int argc, char **argv)
{
	static const struct privacy_params params = PRIVACY_PARAMS_DEFAULT;
	static const struct rates_source_config no_rates[RATES_SOURCES];
	static const struct asset usd = {"USD", 6};
	struct pipeline_config parts = {
		.exchanges = PIPELINE_EXCHANGES,
		.conditions = PIPELINE_CONDITIONS,
		.payments = PIPELINE_PAYMENTS,
		.idle_ns = 30 * S,
		.max_ns = 600 * S,
		.realtime_offset_ns = REALTIME_OFFSET,
		.peers = peers_new(NULL, 0, &usd, 64),
		.rates = rates_new(no_rates),
		.series = series_new(0),
	};
	struct pipeline *p = NULL;
	int status = EXIT_FAILURE;

	if (parts.series)
		parts.privacy = privacy_new(&params, parts.series, "bench", 1, NULL, NULL);
	if (parts.peers && parts.rates && parts.privacy)
		p = pipeline_new(&parts);
	if (!p) {
		fputs("bench_pipeline: no memory for the pipeline\n", stderr);
		goto out;
	}
	status = run(p, parts.privacy, argc > 1 ? atof(argv[1]) : 2.0);
out:
	pipeline_free(p);
	privacy_free(parts.privacy);
	series_free(parts.series);
	rates_free((struct rates *)parts.rates);
	peers_free(parts.peers);
	return status;
}
