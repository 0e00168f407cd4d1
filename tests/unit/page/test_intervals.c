/* SPDX-License-Identifier: Apache-2.0 */
/* Holds every figure with a ± that the page and `telltale top` show against what `run --truth`
 * writes, over 20 runs of a node. The figures take the whole way: mechanism, snapshot, history, the
 * page's JSON, and the text that is shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "tests/unit/support/releasing.h"
#include "config/config.h"
#include "daemon/truth.h"
#include "history/history.h"
#include "page/json.h"
#include "top/format.h"

#define NS      1000000000ull
#define HOUR_S  3600
#define DAY_S   (24 * HOUR_S)
#define BEGIN_S 1700006400ll /* a midnight, UTC */
#define RUNS    20
#define MINUTES 90
#define DAYS    6
#define SURE    2 /* standard deviations, as the page takes them */
#define PACKETS 5
#define CLIP    5000000 /* the default of day_clip */
#define SCALE   10000.0
#define STEPS   (MINUTES > DAYS * 24 ? MINUTES : DAYS * 24)

/* How many intervals were shown, and how many hold the truth. */
struct tally {
	const char *name;
	int shown, held;
};

struct run {
	struct seeded random, payers;
	uint64_t most; /* value of a packet */
	struct series *series;
	struct privacy *privacy;
	struct config *config;
	struct page_facts facts;
	struct privacy_truth truth[STEPS + 1]; /* at the end of each step */
};

static char truth_path[] = "/tmp/telltale-intervals.XXXXXX";

static double uniform(struct seeded *random)
{
	return ((double)seeded_below(random, 1u << 30) + 0.5) / (1u << 30);
}

/* Lognormal, with a median of 5 USD: most are small, some are large, none is above MOST. */
static uint64_t draw_value(struct seeded *random, uint64_t most)
{
	double normal = sqrt(-2 * log(uniform(random))) * cos(2 * M_PI * uniform(random));
	double value = 50000 * exp(1.2 * normal);

	return value > (double)most ? most : (uint64_t)value;
}

static void open_run(struct run *r, uint64_t seed, uint64_t most, const char *privacy)
{
	char text[256];
	int len = snprintf(text, sizeof(text), "instance: here\nprivacy: {%s}\n", privacy);
	char *none[] = {NULL};

	memset(r, 0, sizeof(*r));
	assert_int_equal(config_load_text("test", text, (size_t)len, none, stderr, &r->config), 0);
	r->privacy = node_new(&r->config->privacy, BEGIN_S * NS, &r->random, &r->series);
	r->random.state = seed;
	r->payers.state = seed * 7919;
	r->most = most;
	r->facts.config = r->config;
	assert_int_equal(history_open(NULL, &r->config->privacy, &r->facts.history), 0);
}

static void close_run(struct run *r)
{
	history_close(r->facts.history);
	released_unref((struct released *)r->facts.snapshot);
	node_free(r->privacy, r->series);
	config_free(r->config);
}

/* A payment of 1 to PACKETS packets. */
static void pay(struct run *r)
{
	struct contribution start = {.kind = CONTRIBUTION_TRANSACTION, .origin = ORIGIN_ORIGINATED};
	struct contribution end = {.kind = CONTRIBUTION_PAYMENT_END, .origin = ORIGIN_ORIGINATED};

	privacy_observe(r->privacy, &start);
	for (uint64_t n = 1 + seeded_below(&r->payers, PACKETS); n; n--) {
		struct contribution c = packet(ORIGIN_ORIGINATED, OUTCOME_FULFILLED,
					       draw_value(&r->payers, r->most));

		privacy_observe(r->privacy, &c);
		end.total_value += c.value;
		end.prepared++;
		end.fulfilled++;
	}
	privacy_observe(r->privacy, &end);
}

static void release(struct run *r, int64_t at_s)
{
	struct released *snapshot;

	privacy_tick(r->privacy, (uint64_t)at_s * NS);
	snapshot = privacy_release(r->privacy, (uint64_t)at_s * NS);
	assert_non_null(snapshot);
	released_unref((struct released *)r->facts.snapshot);
	r->facts.snapshot = snapshot;
	history_take(r->facts.history, snapshot, (at_s - BEGIN_S) * 1000);
}

/* STEPS of EACH_S, with PAYMENTS or fewer in each. A snapshot at the end of each belongs to it. */
static void live(struct run *r, int steps, int64_t each_s, uint64_t payments)
{
	release(r, BEGIN_S);
	for (int i = 0; i < steps; i++) {
		for (uint64_t n = seeded_below(&r->payers, payments + 1); n; n--)
			pay(r);
		r->truth[i + 1] = privacy_truth(r->privacy);
		release(r, BEGIN_S + (i + 1) * each_s - 1);
	}
}

/* --- reading what is shown -----------------------------------------------------------------------
 */

static struct json_object *ask(const struct run *r, const char *path, const char *window)
{
	char *text = page_json(&r->facts, path, window, "own");
	struct json_object *root = text ? json_tokener_parse(text) : NULL;

	assert_non_null(root);
	free(text);
	return root;
}

static double number(struct json_object *o, const char *key)
{
	struct json_object *value;

	assert_true(json_object_object_get_ex(o, key, &value));
	return json_object_get_double(value);
}

/* The number at *TEXT without its unit and commas; *TEXT moves behind it. */
static double read_number(const char **text)
{
	char digits[64];
	size_t n = 0;

	for (; **text && **text != ' '; (*text)++) {
		if (strchr("0123456789.-", **text) && n < sizeof(digits) - 1)
			digits[n++] = **text;
	}
	digits[n] = '\0';
	return strtod(digits, NULL);
}

/* Counts whether "VALUE ~ERROR", as it is written for people, holds TRUTH. */
static void judge(struct tally *t, double value, double error, double truth)
{
	char text[96];
	const char *at = text;
	double shown, off;

	top_figure(value, error, "$", 2, "~", text, sizeof(text));
	shown = read_number(&at);
	if (*at)
		at++;
	off = read_number(&at);
	t->shown++;
	/* The text ends at a cent. */
	t->held += fabs(shown - truth) <= off + 0.005;
}

/* SUM is an object of the page with "value"; TRUE_VALUE and TRUE_COUNT are what it stands for. */
static void judge_sum(struct tally *values, struct tally *averages, struct json_object *sum,
		      double true_value, double true_count)
{
	double value = number(sum, "value"), error = SURE * number(sum, "value_sd");
	double count = number(sum, "transactions");

	assert_true(count == true_count);
	judge(values, value / SCALE, error / SCALE, true_value / SCALE);
	if (count > 0)
		judge(averages, value / count / SCALE, error / count / SCALE,
		      true_value / true_count / SCALE);
}

static struct json_object *window_of(struct json_object *status, const char *view, int window)
{
	struct json_object *windows, *list;

	assert_true(json_object_object_get_ex(status, "windows", &windows));
	assert_true(json_object_object_get_ex(windows, view, &list));
	return json_object_array_get_idx(list, (size_t)window);
}

/* The value in the file of `run --truth`. */
static double truth_file(const struct privacy_truth *truth)
{
	struct json_object *root;
	double value;

	truth_write(truth_path, truth);
	root = json_object_from_file(truth_path);
	assert_non_null(root);
	value = number(root, "value");
	json_object_put(root);
	return value;
}

/* --- the tests ----------------------------------------------------------------------------------
 */

static void assert_mostly_held(const struct tally *t)
{
	print_message("%s: %d of %d intervals hold the truth (%.1f %%)\n", t->name, t->held,
		      t->shown, 100.0 * t->held / t->shown);
	if (t->held * 100 < t->shown * 90)
		fail_msg("%s: fewer than 90 in 100", t->name);
}

static void judge_points(const struct run *r, struct tally *values, struct tally *averages)
{
	struct json_object *root = ask(r, "/history.json", "hour"), *points;

	assert_true(json_object_object_get_ex(root, "points", &points));
	assert_int_equal(json_object_array_length(points), 60);
	for (size_t i = 0; i < json_object_array_length(points); i++) {
		struct json_object *p = json_object_array_get_idx(points, i);
		int minute = (int)((number(p, "at_s") - BEGIN_S) / 60);
		const struct privacy_truth *now = &r->truth[minute + 1],
					   *before = &r->truth[minute];

		judge_sum(values, averages, p, (double)(now->value - before->value),
			  (double)(now->transactions - before->transactions));
	}
	json_object_put(root);
}

static void the_operators_value_is_within_its_error(void **state)
{
	struct tally values = {"value of a window", 0, 0};
	struct tally averages = {"average of a window", 0, 0};
	struct tally points = {"value of a minute", 0, 0};
	struct tally means = {"average of a minute", 0, 0};

	(void)state;
	for (uint64_t seed = 1; seed <= RUNS; seed++) {
		struct json_object *status;
		struct privacy_truth *end;
		struct run r;

		open_run(&r, seed, UINT64_MAX, "");
		live(&r, MINUTES, 60, 4);
		status = ask(&r, "/status.json", NULL);
		end = &r.truth[MINUTES];
		judge_sum(&values, &averages, window_of(status, "own", HISTORY_HOUR),
			  (double)(end->value - r.truth[MINUTES - 60].value),
			  (double)(end->transactions - r.truth[MINUTES - 60].transactions));
		judge_sum(&values, &averages, window_of(status, "own", HISTORY_DAY),
			  truth_file(end), (double)end->transactions);
		judge_points(&r, &points, &means);
		json_object_put(status);
		close_run(&r);
	}
	assert_mostly_held(&values);
	assert_mostly_held(&averages);
	assert_mostly_held(&points);
	assert_mostly_held(&means);
}

/* A day is told to the network at its end, so the figures are those of the last midnight. No
 * payment here reaches the clip. */
static void what_continual_tells_the_network_is_within_its_error(void **state)
{
	struct tally values = {"value, as the network sees it", 0, 0};
	struct tally counts = {"transactions, as the network sees it", 0, 0};
	struct tally packets = {"packets, as the network sees it", 0, 0};

	(void)state;
	for (uint64_t seed = 1; seed <= RUNS; seed++) {
		struct json_object *status, *sum;
		const struct privacy_truth *end;
		struct run r;

		open_run(&r, seed, CLIP / PACKETS, "mechanism: continual");
		live(&r, DAYS * 24, HOUR_S, 40);
		release(&r, BEGIN_S + DAYS * DAY_S + 60);
		status = ask(&r, "/status.json", NULL);
		sum = window_of(status, "network", HISTORY_YEAR);
		end = &r.truth[DAYS * 24];
		judge(&values, number(sum, "value") / SCALE, SURE * number(sum, "value_sd") / SCALE,
		      truth_file(end) / SCALE);
		judge(&counts, number(sum, "transactions"), SURE * number(sum, "transactions_sd"),
		      (double)end->transactions);
		judge(&packets, number(sum, "fulfilled"), SURE * number(sum, "fulfilled_sd"),
		      (double)end->fulfills);
		json_object_put(status);
		close_run(&r);
	}
	assert_mostly_held(&values);
	assert_mostly_held(&counts);
	assert_mostly_held(&packets);
}

static int make_truth(void **state)
{
	int fd = mkstemp(truth_path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int remove_truth(void **state)
{
	(void)state;
	return unlink(truth_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_operators_value_is_within_its_error),
		cmocka_unit_test(what_continual_tells_the_network_is_within_its_error),
	};

	return cmocka_run_group_tests(tests, make_truth, remove_truth);
}
