/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the operator sees of peers and of packets' time reaches no endpoint of audience network: two
 * runs that differ in nothing else send it the same bytes.
 */
#include <endian.h>

#include "tests/unit/support/pipelining.h"

#include "export/otlp.h"

#define PAYMENTS 12
#define PID      77
#define DATABASE 900 /* a socket */

struct bytes {
	uint8_t *data;
	size_t len;
};

/* In what two runs differ. */
struct run {
	uint64_t endpoint;   /* the first peer's */
	uint64_t peers;      /* that payments go to in turn */
	const char *refusal; /* of what is forwarded */
	uint64_t earns;      /* with what is forwarded and fulfilled, in USD */
	bool clocks;
	bool traces;
	size_t max; /* peers that have figures of their own; 0: nothing is shown of packets */
	__u32 payments;
};

static void happens(enum tape_kind kind, uint64_t socket, uint64_t at_ns)
{
	live_event(b.live, &(struct tape_event){.at_ns = at_ns,
						.socket = socket,
						.tid = PID,
						.pid = PID,
						.end = (uint32_t)at_ns,
						.kind = (__u8)kind,
						.class = kind > TAPE_READ});
}

/* The thread reads what came in on FLOW at AT_NS, asks a database, and sleeps. */
static void works(uint64_t flow, uint64_t at_ns)
{
	happens(TAPE_WOKEN, 0, at_ns);
	happens(TAPE_ON, 0, at_ns + MS / 10);
	happens(TAPE_READ, flow, at_ns + MS / 5);
	happens(TAPE_SENT, DATABASE, at_ns + MS / 4);
	happens(TAPE_CAME, DATABASE, at_ns + MS / 3);
	happens(TAPE_BLOCKED, 0, at_ns + MS);
}

static void time_passes(uint64_t now_ns)
{
	if (b.live)
		live_settle(b.live, 0, now_ns);
}

static void pay(const struct run *run, __u32 n, uint64_t at_ns)
{
	struct record_message out = prepare(7, n, CLIENT, at_ns);

	out.endpoint = run->endpoint + n % run->peers;
	out.destination = n;
	out.expires_at = EXPIRES_AT_30S + 100000 * 2; /* two minutes later */
	out.amount = 30000;
	give(out);
	give(fulfill(7, n, CLIENT, at_ns + 5 * MS));
	if (b.live && run->clocks)
		works(7, at_ns + 5 * MS);
}

/* A packet on its way through, which the peer refuses. */
static void forward(const struct run *run, __u32 n, uint64_t at_ns)
{
	struct record_message in = prepare(20, n, SERVER, at_ns);
	struct record_message out = prepare(21, n, CLIENT, at_ns + 3 * MS);

	out.condition = in.condition;
	out.endpoint = run->endpoint;
	give(in);
	if (b.live && run->clocks)
		works(20, at_ns);
	give(out);
	give(reject(21, n, CLIENT, at_ns + 8 * MS, run->refusal));
	if (b.live && run->clocks)
		works(21, at_ns + 8 * MS);
	give(reject(20, n, SERVER, at_ns + 11 * MS, run->refusal));
}

/* One that is fulfilled, of which the target keeps what it EARNS. It comes last: what it draws of
 * the seeded randomness is missing in no other draw. */
static void earn(const struct run *run)
{
	struct record_message in = prepare(30, 1, SERVER, b.now_ns + S);
	struct record_message out = prepare(31, 1, CLIENT, b.now_ns + S + 3 * MS);

	out.condition = in.condition;
	out.endpoint = run->endpoint + 50;
	in.amount = out.amount + run->earns;
	give(in);
	give(out);
	give(fulfill(31, 1, CLIENT, b.now_ns + 8 * MS));
	give(fulfill(30, 1, SERVER, b.now_ns + 3 * MS));
}

static struct bytes encode(const struct released *r, unsigned audiences)
{
	static const struct otlp_attribute attributes[] = {{"service.name", "telltale"}};
	static const struct otlp_resource resource = {attributes, 1};
	const struct otlp_form form = {.audiences = audiences, .exponential = true};
	struct bytes out = {0};

	assert_int_equal(otlp_encode(r, &resource, &form, &out.data, &out.len), 0);
	return out;
}

/* There are spans, and none of their ids or names is in NETWORK. */
static void traced(const struct bytes *network)
{
	struct spans *spans = traces_take(b.traces, 0);

	assert_non_null(spans);
	assert_true(spans->len >= 2 * PAYMENTS);
	for (size_t i = 0; i < spans->len; i++) {
		const struct span *s = &spans->list[i];
		const uint64_t id = htobe64(s->id); /* as otlp_traces.c writes it */

		assert_null(memmem(network->data, network->len, &id, sizeof(id)));
		assert_null(memmem(network->data, network->len, s->trace, sizeof(s->trace)));
		assert_null(memmem(network->data, network->len, s->name, strlen(s->name)));
	}
	spans_unref(spans);
}

/* What the endpoints of both audiences get of RUN. */
static void play(const struct run *run, struct bytes *network, struct bytes *own)
{
	struct released *r;

	live_peers = run->max;
	live_traced = run->traces;
	rebuild(&dollars, 16);
	if (b.live)
		live_set_clocks(b.live, run->clocks ? LIVE_CLOCKS_ON : LIVE_CLOCKS_OFF);
	for (__u32 n = 1; n <= run->payments; n++) {
		pay(run, n, n * S);
		forward(run, n, n * S + S / 2);
		time_passes(n * S + S - MS);
	}
	earn(run);
	settle();
	time_passes(b.now_ns + 5 * S);
	pipeline_tick(b.pipeline, b.now_ns + 2 * IDLE);
	r = privacy_release(b.privacy, 3 * S);
	assert_non_null(r);
	*network = encode(r->network ? r->network : r, AUDIENCE_NETWORK);
	*own = encode(r, AUDIENCE_NETWORK | AUDIENCE_OWN);
	released_unref(r);
	if (run->traces)
		traced(network);
}

static bool has_text(const struct bytes *x, const char *text)
{
	return memmem(x->data, x->len, text, strlen(text)) != NULL;
}

static bool are_equal(const struct bytes *x, const struct bytes *y)
{
	return x->len == y->len && !memcmp(x->data, y->data, x->len);
}

/* SAME: the operator gets the same metrics of both. */
static void compare_own(const struct run *one, const struct run *other, bool same)
{
	static const char *const never[] = {"peer-", "example",   "column", "clocks",
					    "hops",  "depend",    "memory", "cpu",
					    "spans", "packet in", "spread"};
	struct bytes network[2], own[2];

	play(one, &network[0], &own[0]);
	play(other, &network[1], &own[1]);
	assert_true(are_equal(&network[0], &network[1]));
	assert_int_equal(are_equal(&own[0], &own[1]), same);
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		assert_false(has_text(&network[0], never[i]));
		assert_false(has_text(&network[1], never[i]));
	}
	for (size_t i = 0; i < 2; i++) {
		free(network[i].data);
		free(own[i].data);
	}
}

static void compare(const struct run *one, const struct run *other)
{
	compare_own(one, other, false);
}

static const struct run one = {.endpoint = 100,
			       .peers = 1,
			       .refusal = "T04",
			       .earns = 3,
			       .clocks = true,
			       .max = 4,
			       .payments = PAYMENTS};

static void compare_all(void)
{
	struct run other = one;

	other.endpoint = 200;
	compare(&one, &other);
	other = one;
	other.peers = 9;
	compare(&one, &other);
	other = one;
	other.refusal = "F02";
	compare(&one, &other);
	other = one;
	other.earns = 3000;
	compare(&one, &other);
	other = one;
	other.clocks = false;
	compare(&one, &other);
	other = one;
	other.max = 0;
	compare(&one, &other);
	other = one;
	other.traces = true;
	compare_own(&one, &other, true);
}

static void test_nothing_of_peers_and_columns_reaches_the_network_byte_for_byte(void **state)
{
	(void)state;
	mechanism = PRIVACY_BUCKET_LAPLACE;
	compare_all();
}

static void test_nor_with_continual(void **state)
{
	(void)state;
	mechanism = PRIVACY_CONTINUAL;
	compare_all();
	mechanism = PRIVACY_BUCKET_LAPLACE;
}

static void
test_with_continual_one_payment_more_changes_no_byte_before_the_hour_is_full(void **state)
{
	struct run more = one;

	(void)state;
	mechanism = PRIVACY_CONTINUAL;
	for (__u32 n = 0; n < 16; n++) {
		struct run fewer = more;

		fewer.payments = n;
		more.payments = n + 1;
		compare(&fewer, &more);
	}
	mechanism = PRIVACY_BUCKET_LAPLACE;
}

/* Else the tests above compare nothing with nothing. */
static void test_the_operator_gets_all_of_it(void **state)
{
	static const char *const names[] = {
		"peer-100.example/",    "telltale_peer_exchanges_total",
		"telltale_peer_ms",     "telltale_peer_rejects_total",
		"telltale_column_ms",   "telltale_hops_total",
		"telltale_clocks",      "telltale_peer_amount_fulfill_total",
		"telltale_peer_spread", "telltale_peer_spread_variance_total",
	};
	struct bytes network, own;

	(void)state;
	play(&one, &network, &own);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_true(has_text(&own, names[i]));
	/* The first began before the clock of its thread did. */
	assert_int_equal(released(METRIC_HOPS, "split"), 2 * PAYMENTS - 1);
	assert_int_equal(released(METRIC_PEER_AMOUNT, "peer-100.example/"),
			 released(METRIC_AMOUNT_BY_ORIGIN, "originated"));
	assert_true(released(METRIC_PEER_AMOUNT, "peer-100.example/") > 0);
	free(network.data);
	free(own.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(nothing_of_peers_and_columns_reaches_the_network_byte_for_byte),
		T(nor_with_continual),
		T(with_continual_one_payment_more_changes_no_byte_before_the_hour_is_full),
		T(the_operator_gets_all_of_it),
	};

	return cmocka_run_group_tests_name("pipeline_network", tests, NULL, NULL);
}
