/* SPDX-License-Identifier: Apache-2.0 */
/* That no packet is seen is shown from when on it is so, and asked about once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/support/releasing.h"
#include "daemon/quiet.h"
#include "page/json.h"

#define START 1700000000

static const struct privacy_params params = {.bucket = BUCKET_LAPLACE_DEFAULT,
					     .budget = BUDGET_DEFAULT};

static int64_t shown(struct privacy *p)
{
	struct released *r = privacy_release(p, 1);
	int64_t value = value_of(r, METRIC_LAST_PACKET, NULL, NULL);

	released_unref(r);
	return value;
}

static void the_last_packet_has_the_time_of_the_release_that_first_counts_it(void **state)
{
	struct seeded random;
	struct series *series;
	struct privacy *p = node_new(&params, 1, &random, &series);
	struct quiet q = {0};

	(void)state;
	quiet_update(&q, 0, START, series);
	assert_int_equal(shown(p), 0);
	quiet_update(&q, 0, START + PAGE_QUIET_S - 1, series);
	assert_false(q.said);
	quiet_update(&q, 0, START + PAGE_QUIET_S, series);
	assert_true(q.said);
	quiet_update(&q, 4, START + 1000, series);
	assert_int_equal(shown(p), START + 1000);
	quiet_update(&q, 4, START + 5000, series);
	assert_int_equal(shown(p), START + 1000);
	node_free(p, series);
}

static void a_node_that_had_packets_is_not_asked_about(void **state)
{
	struct seeded random;
	struct series *series;
	struct privacy *p = node_new(&params, 1, &random, &series);
	struct quiet q = {0};

	(void)state;
	quiet_update(&q, 0, START, series);
	quiet_update(&q, 1, START + 1, series);
	quiet_update(&q, 1, START + 10 * PAGE_QUIET_S, series);
	assert_false(q.said);
	node_free(p, series);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_packet_has_the_time_of_the_release_that_first_counts_it),
		cmocka_unit_test(a_node_that_had_packets_is_not_asked_about),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
