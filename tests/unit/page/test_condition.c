/* SPDX-License-Identifier: Apache-2.0 */
/* What page and `telltale top` say about how telltale does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "tests/snapshot.h"
#include "config/config.h"
#include "page/condition.h"

#define NS      1000000000ll
#define BEGIN_S ((int64_t)SNAPSHOT_START_NS / NS)

struct fixture {
	struct config *config;
	struct target target;
	struct condition all[CONDITION_PARTS];
};

static int setup(void **state)
{
	static const char text[] = "targets: [{cgroup: /here}]\n"
				   "rates: {network: {url: /none, lifetime: 60s}}\n";
	static struct fixture f;
	struct target_status status = {.state = TARGET_ATTACHED, .cgroups = 2};
	char *none[] = {NULL};

	if (config_load_text("test", text, strlen(text), none, stderr, &f.config) ||
	    target_init_apart(&f.target, &f.config->targets[0]))
		return -1;
	target_set_status(&f.target, &status);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	target_fini(&f->target);
	config_free(f->config);
	return 0;
}

/* UP_S after the start, LAST_S after the last packet (-1: there was none); all else is well. */
static struct snapshot *node(int64_t up_s, int64_t last_s)
{
	int64_t now_s = BEGIN_S + up_s;
	struct snapshot *s = snapshot_new("here", (uint64_t)(now_s * NS));

	snapshot_add(s, METRIC_LAST_PACKET, NULL, NULL, last_s < 0 ? 0 : now_s - last_s);
	snapshot_add(s, METRIC_RATES_AGE, "document", "network", 59);
	return s;
}

static void judge(struct fixture *f, struct snapshot *s)
{
	struct page_facts facts = {
		.config = f->config,
		.snapshot = &s->released,
		.targets = &f->target,
		.targets_len = 1,
	};

	condition_judge(&facts, f->all);
	released_unref(&s->released);
}

static void assert_part(const struct fixture *f, enum condition_part part,
			enum condition_state state, const char *text, const char *fix)
{
	const struct condition *c = &f->all[part];

	assert_string_equal(c->text, text);
	assert_int_equal(c->state, state);
	assert_non_null(strstr(c->fix, fix));
	assert_true(*fix || !c->fix[0]);
}

static void a_node_that_works_is_good(void **state)
{
	struct fixture *f = *state;

	judge(f, node(3600, 4));
	assert_part(f, CONDITION_TARGETS, CONDITION_GOOD, "1 attached, 2 cgroups", "");
	assert_part(f, CONDITION_TLS, CONDITION_GOOD, "no process has a TLS library", "");
	assert_part(f, CONDITION_PACKETS, CONDITION_GOOD, "the last one 4 s ago", "");
	assert_part(f, CONDITION_COVERAGE, CONDITION_GOOD, "nothing was missed since the start",
		    "");
	assert_part(f, CONDITION_RATES, CONDITION_GOOD, "the network's 59 s old", "");
	assert_part(f, CONDITION_EXPORTS, CONDITION_GOOD, "no collector: nothing leaves this host",
		    "");
	assert_int_equal(f->all[condition_worst(f->all)].state, CONDITION_GOOD);
}

static void of_many_targets_that_are_missing_one_is_named_and_the_others_are_counted(void **state)
{
	struct target_status gone = {.state = TARGET_GONE, .reason = "it was removed"};
	struct fixture *f = *state;
	struct snapshot *s = node(3600, 4);
	struct target three[3];
	const struct page_facts facts = {
		.config = f->config, .snapshot = &s->released, .targets = three, .targets_len = 3};

	target_set_status(&f->target, &gone);
	for (size_t i = 0; i < 3; i++)
		three[i] = f->target;
	condition_judge(&facts, f->all);
	assert_part(f, CONDITION_TARGETS, CONDITION_BAD, "/here (and 2 more): gone: it was removed",
		    "telltale discover");
	released_unref(&s->released);
}

static void a_target_that_is_gone_is_worst_and_says_what_to_do(void **state)
{
	struct target_status gone = {.state = TARGET_GONE, .reason = "it was removed"};
	struct fixture *f = *state;

	target_set_status(&f->target, &gone);
	judge(f, node(3600, 1200));
	assert_part(f, CONDITION_TARGETS, CONDITION_BAD, "/here: gone: it was removed",
		    "telltale discover");
	assert_part(f, CONDITION_PACKETS, CONDITION_WARN, "no ILP packet has been seen for 20 min",
		    "is this the right target?");
	assert_int_equal(condition_worst(f->all), CONDITION_TARGETS);
}

static void a_node_that_has_just_started_waits_for_its_first_packet(void **state)
{
	struct fixture *f = *state;

	judge(f, node(PAGE_QUIET_S - 1, -1));
	assert_part(f, CONDITION_PACKETS, CONDITION_WAITING, "none yet, for 9 min", "");
	judge(f, node(PAGE_QUIET_S, -1));
	assert_part(f, CONDITION_PACKETS, CONDITION_WARN, "no ILP packet has been seen for 10 min",
		    "right target");
}

static void what_is_missing_is_named_with_its_fix(void **state)
{
	struct fixture *f = *state;
	struct snapshot *s = node(3600, 4);

	snapshot_add(s, METRIC_COVERAGE, NULL, NULL, 0);
	snapshot_add(s, METRIC_TLS_PROCESSES, NULL, NULL, 2);
	snapshot_add(s, METRIC_OPAQUE, "reason", "tls-no-library", 3);
	snapshot_add(s, METRIC_OPAQUE, "reason", "http2", 4);
	snapshot_add(s, METRIC_UNCONVERTED, NULL, NULL, 1);
	judge(f, s);
	assert_part(f, CONDITION_COVERAGE, CONDITION_WARN,
		    "some traffic was not read, priced or followed: totals are too low",
		    "listed by cause");
	assert_part(f, CONDITION_TLS, CONDITION_WARN,
		    "7 connections since the start cannot be read; 2 processes are read",
		    "HTTP/2: ILP goes by in it");
	assert_part(f, CONDITION_RATES, CONDITION_WARN, "1 packet had no rate", "`rates:`");
}

static void rates_that_are_no_longer_renewed_are_late(void **state)
{
	struct fixture *f = *state;
	struct snapshot *s = node(3600, 4);

	s->points[s->released.points_len - 1].value = 181;
	judge(f, s);
	assert_part(f, CONDITION_RATES, CONDITION_WARN, "the network's 3 min old", "rates show");
	s = node(3600, 4);
	s->points[s->released.points_len - 1].value = -1;
	judge(f, s);
	assert_part(f, CONDITION_RATES, CONDITION_WARN, "the network's could not be fetched",
		    "rates show");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_node_that_works_is_good),
		T(a_target_that_is_gone_is_worst_and_says_what_to_do),
		T(of_many_targets_that_are_missing_one_is_named_and_the_others_are_counted),
		T(a_node_that_has_just_started_waits_for_its_first_packet),
		T(what_is_missing_is_named_with_its_fix),
		T(rates_that_are_no_longer_renewed_are_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
