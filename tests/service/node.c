/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node.c - telltale from the privacy stage on, without a probe. Counters, releases and the export
 * are the program's own; payments come from lines on standard input. For tests of the services that
 * receive the exports.
 *
 *   node CONFIGURATION
 *
 *   pay N      N payments, of two packets fulfilled and one rejected each
 *   totals     prints what is released next: transactions, prepares, value
 *   stop       a last export as telltale ends, and the end; so does the end of the input
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "config/config.h"
#include "export/export.h"
#include "daemon/health.h"
#include "daemon/pipeline.h"
#include "privacy/privacy.h"
#include "profile/per_peer.h"

#define STOP_MS 5000
#define PEER    1 /* the endpoint that all of its packets go to */

struct node {
	struct config *config;
	struct series *series;
	struct privacy *privacy;
	struct per_peer *per_peer;
	struct pipeline *pipeline; /* for its series only */
	struct health *health;
	struct exporter *exporter;
	int64_t transactions, prepares, value; /* released last */
	bool asked;                            /* for totals: the next release prints them */
	uint64_t payments;
};

static uint64_t unix_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* As a daemon sets them that has rates. */
static void set_gauges(struct series *s)
{
	series_set(s, METRIC_RATES_AGE, RATES_OPERATOR, 60);
	series_set(s, METRIC_RATES_AGE, RATES_NETWORK, 60);
}

static void exchange(struct node *n, enum outcome outcome, enum origin origin, uint8_t role)
{
	struct exchange e = {
		.outcome = outcome,
		.origin = origin,
		.role = role,
		.endpoint = role == RECORD_ROLE_CLIENT ? PEER : 0,
		.prepare_ns = 1000000,
		.prepare_done_ns = 1100000,
		.reply_ns = 31000000,
		.reply_done_ns = 31100000,
	};

	if (outcome == OUTCOME_REJECTED)
		memcpy(e.reject_code, "F08", sizeof("F08"));
	privacy_exchange(n->privacy, &e);
	per_peer_exchange(n->per_peer, &e);
}

/* A packet that was held for 40 ms, 30 of which its peer took. */
static void forward(struct node *n)
{
	const struct hop hop = {
		.kind = HOP_FORWARDED,
		.outcome = OUTCOME_FULFILLED,
		.endpoint = PEER,
		.at_ns = {1000000, 2000000, 6000000, 36000000, 37000000, 41000000},
	};

	per_peer_hop(n->per_peer, &hop);
}

static bool name_peer(void *context, uint64_t endpoint, char *name, size_t len)
{
	(void)context;
	snprintf(name, len, "peer.example/%" PRIu64, endpoint);
	return true;
}

static void packet(struct node *n, enum outcome outcome)
{
	struct contribution c = {
		.kind = CONTRIBUTION_PACKET,
		.origin = ORIGIN_ORIGINATED,
		.payment = n->payments,
		.outcome = outcome,
		.converted = true,
		.peer = PEER,
		.value = outcome == OUTCOME_FULFILLED ? 50000 : 0,
		.exchange_ns = 30000000,
	};

	if (outcome == OUTCOME_REJECTED)
		memcpy(c.reject_code, "F08", sizeof("F08"));
	privacy_observe(n->privacy, &c);
	exchange(n, outcome, ORIGIN_ORIGINATED, RECORD_ROLE_CLIENT);
}

static void pay(struct node *n)
{
	struct contribution c = {.kind = CONTRIBUTION_TRANSACTION, .origin = ORIGIN_ORIGINATED};

	n->payments++;
	c.payment = n->payments;
	privacy_observe(n->privacy, &c);
	packet(n, OUTCOME_FULFILLED);
	packet(n, OUTCOME_FULFILLED);
	packet(n, OUTCOME_REJECTED);
	exchange(n, OUTCOME_FULFILLED, ORIGIN_RECEIVED, RECORD_ROLE_SERVER);
	forward(n);
	c.kind = CONTRIBUTION_PAYMENT_END;
	c.total_value = 100000;
	c.prepared = 3;
	c.fulfilled = 2;
	c.rejected = 1;
	c.pay_ns = 90000000;
	c.round_trip_ns = 60000000;
	privacy_observe(n->privacy, &c);
}

static int64_t sum(const struct released *r, enum metric metric)
{
	int64_t total = 0;

	for (size_t i = 0; i < r->points_len; i++)
		total += r->points[i].metric == metric ? r->points[i].value : 0;
	return total;
}

static void release(struct node *n)
{
	struct released *r;

	health_update(n->health, n->exporter);
	r = privacy_release(n->privacy, unix_ns());
	if (!r)
		abort();
	n->transactions = sum(r, METRIC_TRANSACTIONS);
	n->prepares = sum(r, METRIC_PACKET_PREPARE);
	n->value = sum(r, METRIC_AMOUNT_FULFILL);
	export_post(n->exporter, r);
	released_unref(r);
	if (n->asked)
		printf("%" PRId64 " %" PRId64 " %" PRId64 "\n", n->transactions, n->prepares,
		       n->value);
	n->asked = false;
}

/* Returns whether to continue. */
static bool obey(struct node *n, const char *line)
{
	unsigned payments;

	if (sscanf(line, "pay %u", &payments) == 1) {
		while (payments--)
			pay(n);
	} else if (!strcmp(line, "totals\n")) {
		n->asked = true;
	} else {
		return false;
	}
	return true;
}

static void run(struct node *n)
{
	uint64_t interval = n->config->export_interval_ms * 1000000ull, next = unix_ns();
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	char line[64];

	setvbuf(stdin, NULL, _IONBF, 0); /* or poll would not know of what was read ahead */
	for (;;) {
		uint64_t now = unix_ns();

		if (now >= next) {
			release(n);
			next = now + interval;
		}
		if (poll(&in, 1, (int)((next - now) / 1000000) + 1) > 0 &&
		    (!fgets(line, sizeof(line), stdin) || !obey(n, line)))
			break;
	}
	release(n);
	export_stop(n->exporter, STOP_MS);
	printf("stopped at %" PRId64 " %" PRId64 " %" PRId64 "\n", n->transactions, n->prepares,
	       n->value);
}

static int start_exporter(struct node *n)
{
	const struct config *c = n->config;
	const struct export_params params = {
		.endpoints = c->endpoints,
		.endpoints_len = c->endpoints_len,
		.service_name = c->service_name,
		.instance_id = c->instance,
		.network = c->network,
		.attributes = c->attributes,
		.attributes_len = c->attributes_len,
	};

	return export_start(&params, &n->exporter);
}

int main(int argc, char **argv)
{
	struct node n = {0};
	struct pipeline_config pipeline = {
		.exchanges = 16,
		.conditions = 16,
		.payments = 16,
	};

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 2 || config_load(argv[1], environ, stderr, &n.config))
		return 2;
	n.series = series_new(n.config->privacy.cardinality_limit);
	n.privacy = n.series ? privacy_new(&n.config->privacy, n.series, n.config->instance,
					   unix_ns(), NULL, NULL)
			     : NULL;
	n.per_peer = n.privacy ? per_peer_new(n.series, PER_PEER_MAX, 1, name_peer, NULL) : NULL;
	if (!n.per_peer)
		return 1;
	privacy_by_peer(n.privacy, per_peer_amount, n.per_peer);
	privacy_spread_to(n.privacy, per_peer_earned, n.per_peer);
	pipeline.privacy = n.privacy;
	pipeline.series = n.series;
	n.pipeline = pipeline_new(&pipeline);
	n.health = health_new(n.config->endpoints, n.config->endpoints_len, n.series);
	if (!n.pipeline || !n.health || start_exporter(&n))
		return 1;
	set_gauges(n.series);
	puts("ready");
	run(&n);
	health_free(n.health);
	pipeline_free(n.pipeline);
	per_peer_free(n.per_peer);
	privacy_free(n.privacy);
	series_free(n.series);
	config_free(n.config);
	return 0;
}
