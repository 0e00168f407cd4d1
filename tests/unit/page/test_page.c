/* SPDX-License-Identifier: Apache-2.0 */
/* What the page serves, and on which sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/support/serving.h"

/* --- the text -----------------------------------------------------------------------------------
 */

static void assert_text(const struct snapshot *s, const char *wanted)
{
	size_t len;
	char *text = page_prometheus_text(&s->released, &len);

	assert_non_null(text);
	assert_int_equal(len, strlen(text));
	if (wanted)
		assert_string_equal(text, wanted);
	free(text);
}

static void sums_are_named_as_the_collector_names_them(void **state)
{
	struct snapshot *s = snapshot_new("node-a", SNAPSHOT_START_NS);

	(void)state;
	snapshot_add(s, METRIC_TRANSACTIONS, NULL, NULL, INT64_MAX);
	snapshot_add(s, METRIC_PACKET_PREPARE, NULL, NULL, 0);
	snapshot_add(s, METRIC_COVERAGE, NULL, NULL, -1);
	assert_text(s, "# HELP transactions_total Payments originated here whose first packet was "
		       "fulfilled\n"
		       "# TYPE transactions_total counter\n"
		       "transactions_total{source=\"node-a\"} 9223372036854775807\n"
		       "# HELP packet_count_prepare_total Prepare packets of originated payments\n"
		       "# TYPE packet_count_prepare_total counter\n"
		       "packet_count_prepare_total{source=\"node-a\"} 0\n"
		       "# HELP telltale_coverage_complete 1 when the network's totals miss "
		       "nothing, else 0\n"
		       "# TYPE telltale_coverage_complete gauge\n"
		       "telltale_coverage_complete{source=\"node-a\"} -1\n");
	released_unref(&s->released);
}

static void points_of_one_metric_share_one_head_and_labels_are_escaped(void **state)
{
	struct snapshot *s = snapshot_new("a\"b\\c\nd\xff\xc3\xb6", SNAPSHOT_START_NS);

	(void)state;
	snapshot_add(s, METRIC_REJECTS, "code", "F08", 1);
	snapshot_add(s, METRIC_REJECTS, "code", "T04", 2);
	assert_text(s,
		    "# HELP telltale_rejects_total All Reject packets, by code and operation\n"
		    "# TYPE telltale_rejects_total counter\n"
		    "telltale_rejects_total{source=\"a\\\"b\\\\c\\nd?\xc3\xb6\",code=\"F08\"} 1\n"
		    "telltale_rejects_total{source=\"a\\\"b\\\\c\\nd?\xc3\xb6\",code=\"T04\"} 2\n");
	released_unref(&s->released);
}

static void the_series_beyond_the_limit_has_a_name_that_prometheus_accepts(void **state)
{
	struct snapshot *s = snapshot_new("a", SNAPSHOT_START_NS);

	(void)state;
	snapshot_add(s, METRIC_EXPORTS, RELEASED_OVERFLOW, "true", 7);
	assert_text(s, "# HELP telltale_exports_total Exports by endpoint\n"
		       "# TYPE telltale_exports_total counter\n"
		       "telltale_exports_total{source=\"a\",otel_metric_overflow=\"true\"} 7\n");
	released_unref(&s->released);
}

static void histogram_buckets_add_up_to_the_count(void **state)
{
	struct snapshot *s = snapshot_new("n", SNAPSHOT_START_NS);
	struct released_point *p = snapshot_add(s, METRIC_PAY_TIME, NULL, NULL, 0);
	size_t len;
	char *text;

	(void)state;
	p->buckets[1] = 2;
	p->buckets[3] = 1;
	p->buckets[METRIC_BOUNDS] = 4;
	p->count = 7;
	p->sum_ms = 0.1;
	text = page_prometheus_text(&s->released, &len);
	assert_non_null(strstr(text, "# TYPE pay_time_ms histogram\n"
				     "pay_time_ms_bucket{source=\"n\",le=\"0\"} 0\n"
				     "pay_time_ms_bucket{source=\"n\",le=\"5\"} 2\n"
				     "pay_time_ms_bucket{source=\"n\",le=\"10\"} 2\n"
				     "pay_time_ms_bucket{source=\"n\",le=\"25\"} 3\n"));
	assert_non_null(strstr(text, "pay_time_ms_bucket{source=\"n\",le=\"10000\"} 3\n"
				     "pay_time_ms_bucket{source=\"n\",le=\"+Inf\"} 7\n"
				     "pay_time_ms_sum{source=\"n\"} 0.1\n"
				     "pay_time_ms_count{source=\"n\"} 7\n"));
	free(text);
	released_unref(&s->released);
}

static void an_empty_snapshot_is_an_empty_text(void **state)
{
	struct snapshot *s = snapshot_new("n", SNAPSHOT_START_NS);

	(void)state;
	assert_text(s, "");
	released_unref(&s->released);
}

/* --- over HTTP ----------------------------------------------------------------------------------
 */

static void metrics_show_the_last_snapshot_posted(void **state)
{
	struct fixture *f = *state;

	ask(f, GET("/metrics", "localhost"));
	assert_status(f, "503");
	post(f, 1);
	post(f, 2);
	ask(f, GET("/metrics", "localhost"));
	assert_status(f, "200");
	assert_says(f, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
	assert_says(f, "transactions_total{source=\"node-a\"} 2\n");
}

static void notes_follow_the_snapshot_and_are_replaced(void **state)
{
	struct fixture *f = *state;

	post(f, 41);
	page_set_notes(f->page, strdup("# export to x (own): well\n"));
	ask(f, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
	assert_status(f, "200");
	assert_says(f, " 41\n");
	assert_says(f, "\n# export to x (own): well\n");
	page_set_notes(f->page, strdup("# export to x (own): 1 attempt failed\n"));
	ask(f, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
	assert_says(f, "\n# export to x (own): 1 attempt failed\n");
	page_set_notes(f->page, NULL);
}

static void the_root_is_the_page_and_unknown_paths_are_not_found(void **state)
{
	struct fixture *f = *state;

	ask(f, GET("/", "localhost"));
	assert_status(f, "200");
	assert_says(f, "Content-Type: text/html; charset=utf-8\r\n");
	assert_says(f, "<title>telltale</title>");
	ask(f, GET("/metricsx", "localhost"));
	assert_status(f, "404");
	ask(f, GET("/peers", "localhost"));
	assert_status(f, "404");
}

static void the_page_may_run_its_own_script_and_load_from_nowhere_else(void **state)
{
	struct fixture *f = *state;

	ask(f, GET("/", "localhost"));
	assert_says(f, "Content-Security-Policy: default-src 'none'; script-src 'sha256-");
	assert_says(f, "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
		       "frame-ancestors 'none'\r\n");
	assert_null(strstr(f->answer, "unsafe"));
	assert_null(strstr(f->answer, "Access-Control"));
	ask(f, GET("/history.json", "localhost"));
	assert_says(f, "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n");
	assert_says(f, "Cross-Origin-Resource-Policy: same-origin\r\n");
	assert_says(f, "Cache-Control: no-store\r\n");
	assert_null(strstr(f->answer, "Access-Control"));
}

static void requests_for_data_are_passed_on(void **state)
{
	struct fixture *f = *state;

	ask(f, GET("/history.json?window=day&view=network", "localhost"));
	assert_status(f, "200");
	assert_says(f, "Content-Type: application/json\r\n");
	assert_says(f, "{\"window\":\"day\",\"view\":\"network\"}");
	ask(f, GET("/history.json", "localhost"));
	assert_says(f, "{\"window\":\"-\",\"view\":\"-\"}");
}

/* --- the control socket -------------------------------------------------------------------------
 */

static void the_control_socket_answers_json_to_its_owner_only(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(stat(f->control, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	ask_control(f, GET("/peers", "telltale"));
	assert_status(f, "200");
	assert_says(f, "Content-Type: application/json\r\n");
	assert_says(f, "\r\n\r\n{\"peers\":[]}");
	ask_control(f, GET("/metrics", "telltale"));
	assert_status(f, "404");
}

static void a_second_instance_is_told_that_one_is_running(void **state)
{
	struct fixture *f = *state;
	struct page *p;
	struct stat st;

	assert_int_equal(
		page_start(&(struct page_options){.control_path = f->control, .control = control},
			   &p, f->why, sizeof(f->why)),
		-EADDRINUSE);
	assert_non_null(strstr(f->why, "another telltale"));
	/* The second instance has not removed the first one's socket. */
	assert_int_equal(stat(f->control, &st), 0);
	ask_control(f, GET("/peers", "telltale"));
	assert_status(f, "200");
}

static void a_socket_left_behind_by_a_crash_is_replaced(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char stale[128];
	struct page *p;

	snprintf(stale, sizeof(stale), "%s/stale.sock", f->directory);
	memcpy(a.sun_path, stale, strlen(stale) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	close(fd);
	assert_int_equal(
		page_start(&(struct page_options){.control_path = stale, .control = control}, &p,
			   f->why, sizeof(f->why)),
		0);
	page_stop(p);
	assert_int_equal(access(stale, F_OK), -1);
}

static void a_file_in_the_way_is_left_alone(void **state)
{
	struct fixture *f = *state;
	char path[128];
	struct page *p;
	FILE *file;

	snprintf(path, sizeof(path), "%s/precious", f->directory);
	file = fopen(path, "w");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(
		page_start(&(struct page_options){.control_path = path, .control = control}, &p,
			   f->why, sizeof(f->why)),
		-EEXIST);
	assert_non_null(strstr(f->why, "remove it"));
	assert_int_equal(unlink(path), 0);
}

static void a_path_too_long_for_a_socket_is_reported(void **state)
{
	struct fixture *f = *state;
	char path[200];
	struct page *p;

	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(
		page_start(&(struct page_options){.control_path = path, .control = control}, &p,
			   f->why, sizeof(f->why)),
		-ENAMETOOLONG);
	assert_non_null(strstr(f->why, "run_dir"));
}

static void a_page_without_sockets_runs_and_does_nothing(void **state)
{
	struct fixture *f = *state;
	struct page *p;
	int fds[2];

	assert_int_equal(page_start(&(struct page_options){0}, &p, f->why, sizeof(f->why)), 0);
	assert_int_equal(page_fds(p, fds, 2), 0);
	assert_int_equal(page_run(p), -1);
	page_stop(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_are_named_as_the_collector_names_them),
		cmocka_unit_test(points_of_one_metric_share_one_head_and_labels_are_escaped),
		cmocka_unit_test(the_series_beyond_the_limit_has_a_name_that_prometheus_accepts),
		cmocka_unit_test(histogram_buckets_add_up_to_the_count),
		cmocka_unit_test(an_empty_snapshot_is_an_empty_text),
		over_http(metrics_show_the_last_snapshot_posted),
		over_http(notes_follow_the_snapshot_and_are_replaced),
		over_http(the_root_is_the_page_and_unknown_paths_are_not_found),
		over_http(the_page_may_run_its_own_script_and_load_from_nowhere_else),
		over_http(requests_for_data_are_passed_on),
		over_http(the_control_socket_answers_json_to_its_owner_only),
		over_http(a_second_instance_is_told_that_one_is_running),
		over_http(a_socket_left_behind_by_a_crash_is_replaced),
		over_http(a_file_in_the_way_is_left_alone),
		over_http(a_path_too_long_for_a_socket_is_reported),
		over_http(a_page_without_sockets_runs_and_does_nothing),
	};

	return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
