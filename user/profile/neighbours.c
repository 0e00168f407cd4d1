/* SPDX-License-Identifier: Apache-2.0 */
#include "profile/neighbours.h"

#include <stdlib.h>
#include <string.h>

const char *const neighbour_times[NEIGHBOUR_TIMES] = {[NEIGHBOUR_HOLD] = "hold_time",
						      [NEIGHBOUR_PEER] = "peer_time",
						      [NEIGHBOUR_CONNECTOR] = "connector_time"};

static void begin(struct neighbour *n, uint64_t endpoint)
{
	n->endpoint = endpoint;
	for (int i = 0; i < NEIGHBOUR_TIMES; i++)
		histogram_init(&n->times[i]);
}

void neighbours_init(struct neighbours *n)
{
	*n = (struct neighbours){0};
	begin(&n->list[NEIGHBOURS_MAX], 0);
}

static struct neighbour *find(struct neighbours *n, uint64_t endpoint)
{
	for (size_t i = 0; i < n->len; i++) {
		if (n->list[i].endpoint == endpoint)
			return &n->list[i];
	}
	if (n->len == NEIGHBOURS_MAX)
		return &n->list[NEIGHBOURS_MAX];
	begin(&n->list[n->len], endpoint);
	return &n->list[n->len++];
}

static void add_code(struct neighbour *n, const char code[4])
{
	size_t i = 0;

	while (i < n->codes_len && strcmp(n->codes[i].code, code))
		i++;
	if (i == NEIGHBOURS_CODES_MAX) {
		n->codes_more++;
		return;
	}
	if (i == n->codes_len)
		memcpy(n->codes[n->codes_len++].code, code, sizeof(n->codes[0].code));
	n->codes[i].packets++;
}

static void add_times(struct neighbour *n, const struct hop *hop)
{
	uint64_t hold, peer;

	if (!hops_times(hop, &hold, &peer))
		return;
	histogram_add(&n->times[NEIGHBOUR_PEER], peer);
	/* Of what the target originates, only the wait for the peer is seen. */
	if (hop->kind != HOP_FORWARDED)
		return;
	histogram_add(&n->times[NEIGHBOUR_HOLD], hold);
	histogram_add(&n->times[NEIGHBOUR_CONNECTOR], hold - peer);
}

void neighbours_add(struct neighbours *n, const struct hop *hop)
{
	struct neighbour *one = hop->endpoint ? find(n, hop->endpoint) : NULL;

	if (!one)
		return;
	one->packets++;
	one->outcomes[hop->outcome]++;
	if (hop->outcome == OUTCOME_REJECTED)
		add_code(one, hop->reject_code);
	one->tls |= hop->out_tls;
	if (hop->wire_us && (!one->wire_us || hop->wire_us < one->wire_us))
		one->wire_us = hop->wire_us;
	add_times(one, hop);
}

const char *neighbours_no_wire(const struct neighbour *one)
{
	if (one->wire_us)
		return NULL;
	return one->tls ? "inside TLS, its socket is not known" : "TCP has measured nothing";
}

static int by_packets(const void *a, const void *b)
{
	const struct neighbour *x = a, *y = b;

	if (x->packets != y->packets)
		return x->packets > y->packets ? -1 : 1;
	return x->endpoint < y->endpoint ? -1 : x->endpoint > y->endpoint;
}

void neighbours_sort(struct neighbours *n)
{
	qsort(n->list, n->len, sizeof(n->list[0]), by_packets);
}

double neighbours_quantile(const struct histogram *h, double share)
{
	return histogram_quantile(&h->exponential, h->count, share);
}
