/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "export/timeline.h"

#define S     1000000000LL
#define HOUR  (3600 * S)
#define EPOCH (1700000000 * S)

/* A host whose wall clock differs from the true time by OFF and which exports every 15 s. */
struct host {
	struct timeline timeline;
	int64_t up, off, last;
};

static int64_t export_one(struct host *h)
{
	int64_t at;

	h->up += 15 * S;
	at = timeline_next(&h->timeline, EPOCH + h->up + h->off, h->up);
	assert_true(at > h->last);
	h->last = at;
	return at;
}

static int64_t export_for(struct host *h, int64_t ns)
{
	int64_t at = 0, until = h->up + ns;

	while (h->up < until)
		at = export_one(h);
	return at;
}

static void without_a_step_it_is_the_wall_clock(void **state)
{
	struct host h = {0};

	(void)state;
	for (int i = 0; i < 100; i++) {
		h.off += S / 2000; /* a clock that is slewed at 33 ppm */
		assert_true(export_one(&h) == EPOCH + h.up + h.off);
	}
}

static void a_step_that_is_reversed_leaves_no_trace(void **state)
{
	const int64_t steps[] = {HOUR, -HOUR};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct host h = {0};

		export_for(&h, 60 * S);
		h.off = steps[i];
		for (int n = 0; n < 30; n++)
			assert_true(export_one(&h) == EPOCH + h.up);
		h.off = 0;
		assert_true(export_one(&h) == EPOCH + h.up);
	}
}

static void a_step_forwards_that_stays_is_followed(void **state)
{
	struct host h = {0};

	(void)state;
	export_for(&h, 60 * S);
	h.off = HOUR;
	assert_true(export_for(&h, 540 * S) == EPOCH + h.up);
	export_for(&h, 90 * S);
	assert_true(export_one(&h) == EPOCH + h.up + HOUR);
}

static void after_a_step_back_that_stays_time_is_slowed_until_the_clock_is_there(void **state)
{
	struct host h = {0};
	int64_t at;

	(void)state;
	export_for(&h, 60 * S);
	h.off = -HOUR;
	export_for(&h, 615 * S);
	at = h.last;
	assert_true(export_for(&h, 160 * S) - at <= 22 * S);
	/* At an eighth of the speed, the clock makes up for the hour after an hour and a seventh of
	 * it. */
	export_for(&h, HOUR + HOUR / 7 + 60 * S);
	assert_true(export_one(&h) == EPOCH + h.up + h.off);
}

static void the_same_time_is_never_given_twice(void **state)
{
	struct timeline t = {0};

	(void)state;
	assert_true(timeline_next(&t, EPOCH, 5) == EPOCH);
	assert_true(timeline_next(&t, EPOCH, 5) == EPOCH + 1);
	assert_true(timeline_next(&t, EPOCH - 10, 6) == EPOCH + 2);
}

static void a_late_first_point_carries_a_time_that_stores_still_accept(void **state)
{
	(void)state;
	assert_true(timeline_first(EPOCH, EPOCH) == EPOCH);
	assert_true(timeline_first(EPOCH, EPOCH + 15 * S) == EPOCH);
	assert_true(timeline_first(EPOCH, EPOCH + HOUR / 2) == EPOCH);
	assert_true(timeline_first(EPOCH, EPOCH + HOUR) == EPOCH + HOUR / 2);
	/* It rises while the outage lasts, and stays before the newest point's time. */
	assert_true(timeline_first(EPOCH, EPOCH + 24 * HOUR) == EPOCH + 24 * HOUR - HOUR / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_step_it_is_the_wall_clock),
		cmocka_unit_test(a_step_that_is_reversed_leaves_no_trace),
		cmocka_unit_test(a_step_forwards_that_stays_is_followed),
		cmocka_unit_test(
			after_a_step_back_that_stays_time_is_slowed_until_the_clock_is_there),
		cmocka_unit_test(a_late_first_point_carries_a_time_that_stores_still_accept),
		cmocka_unit_test(the_same_time_is_never_given_twice),
	};

	return cmocka_run_group_tests_name("timeline", tests, NULL, NULL);
}
