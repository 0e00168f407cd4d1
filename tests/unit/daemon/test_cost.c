/* SPDX-License-Identifier: Apache-2.0 */
/* What telltale itself takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/own.h"
#include "daemon/cost.h"
#include "privacy/privacy.h"

static struct series *series;
static struct privacy *privacy;

static int64_t shown(enum metric metric, const char *half)
{
	struct released *r = privacy_release(privacy, 2);
	int64_t value = -1;

	assert_non_null(r);
	for (size_t i = 0; i < r->points_len; i++) {
		const struct released_point *p = &r->points[i];

		if (p->metric == metric && (!half || !strcmp(p->labels[0].value, half)))
			value = p->value;
	}
	released_unref(r);
	return value;
}

static void both_halves_have_a_cost_and_the_sum_outlives_a_probe_half(void **state)
{
	const struct privacy_params params = PRIVACY_PARAMS_DEFAULT;
	struct wire_state probe = {
		.cpu_ns = 7000000000,
		.bytes = 4096,
		.programs = {[PROGRAM_SOCKET_OUT] = {4, 900, 0}, [PROGRAM_CLOCKS] = {0, 0, 3}},
	};
	struct cost cost = {0};

	(void)state;
	series = series_new(0);
	privacy = privacy_new(&params, series, "test", 1, NULL, NULL);
	assert_non_null(privacy);
	cost_update(&cost, &probe, series);
	assert_int_equal(shown(METRIC_OWN_CPU, "probe"), 7000);
	assert_int_equal(shown(METRIC_OWN_MEMORY, "probe"), 4096);
	assert_true(shown(METRIC_OWN_MEMORY, "daemon") > 1000000);
	assert_int_equal(shown(METRIC_PROGRAMS_TIMED, "socket_out"), 4);
	assert_int_equal(shown(METRIC_PROGRAMS_TIMED_NS, "socket_out"), 900);
	assert_int_equal(shown(METRIC_PROGRAMS_TIMED, "socket_in"), 0);
	assert_int_equal(shown(METRIC_PROGRAMS_MISSED, "clocks"), 3);
	assert_int_equal(shown(METRIC_COVERAGE, NULL), 1);
	/* Another one begins at zero. */
	probe = (struct wire_state){
		.cpu_ns = 1000000000,
		.bytes = 8192,
		.programs = {[PROGRAM_SOCKET_OUT] = {1, 100, 0}, [PROGRAM_TLS_RETURN] = {0, 0, 1}},
	};
	cost_update(&cost, &probe, series);
	cost_update(&cost, &probe, series);
	assert_int_equal(shown(METRIC_OWN_CPU, "probe"), 8000);
	assert_int_equal(shown(METRIC_OWN_MEMORY, "probe"), 8192);
	assert_int_equal(shown(METRIC_PROGRAMS_TIMED, "socket_out"), 5);
	assert_int_equal(shown(METRIC_PROGRAMS_TIMED_NS, "socket_out"), 1000);
	assert_int_equal(shown(METRIC_PROGRAMS_MISSED, "clocks"), 3);
	/* What a program of the taps was not run for is missing. */
	assert_int_equal(shown(METRIC_PROGRAMS_MISSED, "tls_return"), 1);
	assert_int_equal(shown(METRIC_COVERAGE, NULL), 0);
	privacy_free(privacy);
	series_free(series);
}

static void this_process_takes_time_and_memory(void **state)
{
	uint64_t before = own_cpu_ns();

	(void)state;
	assert_true(own_bytes() > 1000000);
	while (own_cpu_ns() == before)
		;
	assert_true(own_cpu_ns() > before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_halves_have_a_cost_and_the_sum_outlives_a_probe_half),
		cmocka_unit_test(this_process_takes_time_and_memory),
	};

	return cmocka_run_group_tests_name("cost", tests, NULL, NULL);
}
