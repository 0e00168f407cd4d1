/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve.c - makes the history and serves the page of a node that has run for a year, without such a
 * node.
 *
 * serve CONFIG [new]: fills state_dir's history with a year of made-up snapshots up to now, then
 * serves the page with a new snapshot each second until it is told to end. With the mechanism
 * continual there is the network's view too; with `new` the node has run for a quarter of an
 * hour, its target is gone, and nobody has paid. History, page and exporter are the program's own.
 */
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/support/seeded.h"
#include "config/config.h"
#include "exchange/exchange.h"
#include "export/export.h"
#include "history/history.h"
#include "page/local.h"
#include "privacy/noise.h"
#include "release/released_new.h"
#include "release/vocabulary.h"
#include "target/target.h"

#define NS     1000000000ull
#define HOUR_S 3600
#define DAY_S  86400
#define YEAR_S (365ll * DAY_S)

/* The totals at a time. */
struct node {
	struct seeded random;
	int64_t start_s;
	double transactions, value, rejected, gaps;
	double network_transactions, network_value, variance;
	uint64_t times[METRIC_BOUNDS + 1];
};

static double uniform(struct node *n)
{
	return (double)seeded_below(&n->random, 1u << 20) / (1u << 20);
}

/* Traffic is higher by day, on weekdays, and grows from month to month. */
static double payments_each_s(int64_t at_s)
{
	double day = 1 + 0.75 * sin(2 * M_PI * ((double)(at_s % DAY_S) / DAY_S - 0.3));
	double week = at_s / DAY_S % 7 < 2 ? 0.45 : 1;
	double year = 1.4 + (double)(at_s % YEAR_S) / YEAR_S;

	return 0.02 * day * week * year;
}

static void live(struct node *n, int64_t at_s, int64_t seconds)
{
	static const struct bucket_laplace own = BUCKET_LAPLACE_DEFAULT;
	double paid = round(payments_each_s(at_s) * (double)seconds * (0.6 + 0.8 * uniform(n)));

	for (int64_t i = (int64_t)paid; i > 0; i--) {
		unsigned at = 4 + (unsigned)(8 * uniform(n) * uniform(n) * uniform(n));

		n->times[at > METRIC_BOUNDS ? METRIC_BOUNDS : at]++;
	}
	n->transactions += paid;
	for (int64_t i = (int64_t)paid; i > 0; i--) {
		double value = 10000 * (20 + 60 * uniform(n) * uniform(n));

		n->value += value;
		n->variance += noise_of_value(&own, (int64_t)value);
	}
	n->rejected += round(paid * uniform(n));
	n->gaps += uniform(n) < 0.01 * (double)seconds / 60 ? 1 : 0;
	if (at_s % HOUR_S < seconds) {
		n->network_transactions = n->transactions + 8 * (uniform(n) - 0.5);
		n->network_value = 0.72 * n->value;
	}
}

#define POINTS 32

static struct released *snapshot(int64_t start_s, int64_t at_s)
{
	char *text;
	struct released *r = released_new(POINTS, 0, &text);

	if (!r)
		abort();
	r->points_len = 0;
	r->start_unix_ns = (uint64_t)start_s * NS;
	r->time_unix_ns = (uint64_t)at_s * NS;
	r->source = "cloud-nine";
	r->mechanism = "bucket-laplace";
	return r;
}

static struct released_point *add(struct released *r, enum metric metric, const char *key,
				  const char *label, int64_t value)
{
	struct released_point *p = &r->points[r->points_len++];

	if (r->points_len > POINTS)
		abort();
	p->metric = metric;
	p->value = value;
	if (key)
		p->labels[p->labels_len++] = (struct released_label){key, label};
	return p;
}

static struct released *network_view(const struct node *n, int64_t at_s)
{
	struct released *r = snapshot(n->start_s - DAY_S, at_s);

	r->mechanism = "continual";
	r->epsilon = "1.000";
	add(r, METRIC_TRANSACTIONS, NULL, NULL, (int64_t)n->network_transactions);
	add(r, METRIC_PACKET_FULFILL, NULL, NULL, (int64_t)n->network_transactions * 3);
	add(r, METRIC_AMOUNT_FULFILL, NULL, NULL, (int64_t)n->network_value);
	return r;
}

static struct released *look(const struct node *n, int64_t at_s, bool continual)
{
	struct released *r = snapshot(n->start_s, at_s);
	struct released_point *times, *probes;
	int64_t paid = (int64_t)n->transactions, rejected = (int64_t)n->rejected;
	/* enum outcome begins with the exchanges that are open. */
	int64_t ends[HISTORY_OUTCOMES_LEN] = {
		[OUTCOME_FULFILLED - 1] = paid * 3,   [OUTCOME_REJECTED - 1] = rejected,
		[OUTCOME_EXPIRED - 1] = paid / 300,   [OUTCOME_UNANSWERED - 1] = paid / 400,
		[OUTCOME_HTTP_ERROR - 1] = paid / 90, [OUTCOME_CLOSED - 1] = paid / 500,
		[OUTCOME_LOST - 1] = paid / 700,
	};

	add(r, METRIC_TRANSACTIONS, NULL, NULL, paid);
	add(r, METRIC_PACKET_PREPARE, NULL, NULL, paid * 3 + rejected);
	add(r, METRIC_PACKET_FULFILL, NULL, NULL, paid * 3);
	add(r, METRIC_PACKET_REJECT, NULL, NULL, rejected);
	add(r, METRIC_AMOUNT_FULFILL, NULL, NULL, (int64_t)(1.4 * n->value));
	add(r, METRIC_AMOUNT_BY_ORIGIN, "origin", "originated", (int64_t)n->value);
	r->value_variance = n->variance;
	times = add(r, METRIC_PAY_TIME, NULL, NULL, 0);
	memcpy(times->buckets, n->times, sizeof(n->times));
	times->count = (uint64_t)paid;
	times->sum_ms = 700 * n->transactions;
	add(r, METRIC_COVERAGE, NULL, NULL, n->gaps == 0);
	for (int i = 0; i < HISTORY_OUTCOMES_LEN; i++)
		add(r, METRIC_OUTCOMES, "outcome", vocabulary_outcomes.words[i].label, ends[i]);
	probes = add(r, METRIC_PACKETS, "kind", "prepare", rejected);
	probes->labels[probes->labels_len++] = (struct released_label){"stream", "probe"};
	add(r, METRIC_GAPS, "cause", "hole", (int64_t)n->gaps);
	add(r, METRIC_OPAQUE, "reason", "tls-no-library", (int64_t)n->gaps / 3);
	add(r, METRIC_TLS_PROCESSES, NULL, NULL, 1);
	add(r, METRIC_LAST_PACKET, NULL, NULL, paid ? at_s : 0);
	add(r, METRIC_RATES_AGE, "document", "network", 60);
	if (continual)
		r->network = network_view(n, at_s);
	return r;
}

static void fill(struct history *h, struct node *n, int64_t now_s, bool continual)
{
	int64_t step = HOUR_S;

	for (int64_t at = n->start_s; at <= now_s; at += step) {
		struct released *r;

		step = now_s - at > 8 * DAY_S        ? 6 * HOUR_S
		       : now_s - at > DAY_S + HOUR_S ? HOUR_S
						     : 60;
		/* The node was off for some hours of the last week and for a month in spring. After
		 * each, all counters begin at zero. */
		if ((now_s - at > 60 * HOUR_S && now_s - at < 72 * HOUR_S) ||
		    (now_s - at > 200 * DAY_S && now_s - at < 230 * DAY_S)) {
			*n = (struct node){.random = n->random, .start_s = at};
			continue;
		}
		live(n, at, step);
		r = look(n, at, continual);
		history_take(h, r, (at - n->start_s) * 1000);
		released_unref(r);
	}
}

static volatile sig_atomic_t ended;

static void end(int signal)
{
	(void)signal;
	ended = 1;
}

static int start_exporter(const struct config *c, struct exporter **out)
{
	const struct export_params params = {
		.endpoints = c->endpoints,
		.endpoints_len = c->endpoints_len,
		.service_name = c->service_name,
		.instance_id = c->instance,
		.network = c->network,
		.attributes = c->attributes,
		.attributes_len = c->attributes_len,
	};

	return export_start(&params, out);
}

/* The configuration's first target: attached, or gone. */
static struct target *make_target(const struct config *c, bool gone, int64_t now_s)
{
	static struct target target;
	struct target_status status = {.state = TARGET_ATTACHED, .cgroups = 2};

	if (gone)
		status = (struct target_status){.state = TARGET_GONE,
						.reason = "process 1 has ended"};
	status.since_ns = (uint64_t)now_s * NS;
	if (!c->targets_len || target_init_apart(&target, &c->targets[0]))
		abort();
	target_set_status(&target, &status);
	return &target;
}

int main(int argc, char **argv)
{
	struct node n = {.random = {20}};
	struct config *config = NULL;
	struct exporter *exporter = NULL;
	struct history *history = NULL;
	struct local *local = NULL;
	int64_t now_s = time(NULL);
	char why[256] = "", dir[PATH_MAX];
	bool continual, is_new = argc == 3 && !strcmp(argv[2], "new");

	if (argc != 2 + is_new || config_load(argv[1], environ, stderr, &config))
		return 2;
	continual = config->privacy.mechanism == PRIVACY_CONTINUAL;
	n.start_s = now_s - (is_new ? HOUR_S / 4 : YEAR_S);
	signal(SIGTERM, end);
	signal(SIGINT, end);
	config_state_dir(config, dir, sizeof(dir));
	if (config->network == NETWORK_LIVENET)
		mkdir(dir, 0700);
	if (history_open(dir, &config->privacy, &history))
		return 1;
	if (!is_new)
		fill(history, &n, now_s, continual);
	history_close(history);
	if (config->endpoints_len && start_exporter(config, &exporter))
		return 1;
	if (local_open(config, &local, why, sizeof(why)) ||
	    local_start(local, exporter, make_target(config, is_new, now_s), 1)) {
		fprintf(stderr, "%s\n", why);
		return 1;
	}
	while (!ended) {
		struct released *r = look(&n, now_s, continual);

		local_post(local, r, NULL);
		if (exporter)
			export_post(exporter, r);
		released_unref(r);
		sleep(1);
		now_s++;
		if (!is_new)
			live(&n, now_s, 1);
	}
	local_stop(local);
	if (exporter)
		export_stop(exporter, 100);
	config_free(config);
	return 0;
}
