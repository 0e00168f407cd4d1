/* SPDX-License-Identifier: Apache-2.0 */
/* What is released and what the history keeps of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "history/history.h"

static bool has_column(const struct released_point *p)
{
	for (int i = 0; i < HISTORY_FIGURES; i++) {
		const struct history_figure_info *info = &history_figures[i];

		if (info->metric == p->metric &&
		    (!info->label || !strcmp(info->label, p->labels[0].value)))
			return true;
	}
	return false;
}

static void every_outcome_cause_and_reason_has_a_column(void **state)
{
	const struct privacy_params params = PRIVACY_PARAMS_DEFAULT;
	struct series *series = series_new(0);
	struct privacy *privacy;
	struct released *r;
	int looked_at = 0;

	(void)state;
	assert_non_null(series);
	privacy = privacy_new(&params, series, "node", 1, NULL, NULL);
	assert_non_null(privacy);
	r = privacy_release(privacy, 2);
	assert_non_null(r);
	for (size_t i = 0; i < r->points_len; i++) {
		const struct released_point *p = &r->points[i];

		if (p->metric != METRIC_OUTCOMES && p->metric != METRIC_GAPS &&
		    p->metric != METRIC_OPAQUE)
			continue;
		looked_at++;
		if (!has_column(p))
			fail_msg("%s{%s} is not in history_figures", metric_infos[p->metric].name,
				 p->labels[0].value);
	}
	assert_int_equal(looked_at, HISTORY_OUTCOMES_LEN + HISTORY_GAPS_LEN + HISTORY_OPAQUE_LEN);
	released_unref(r);
	privacy_free(privacy);
	series_free(series);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_outcome_cause_and_reason_has_a_column),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
