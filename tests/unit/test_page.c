/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/snapshot.h"
#include "user/page.h"
#include "user/page_guard.h"

struct fixture {
	struct page_options options;
	struct page *page;
	char directory[64], control[128], listen[32];
	uint16_t port;
	char answer[64 * 1024];
	char why[256];
};

/* --- a client in the same thread, which runs the page while it waits ----------------------------
 */

static void exchange(struct fixture *f, int fd, const char *request)
{
	size_t sent = 0, got = 0, len = strlen(request);

	for (int rounds = 0; rounds < 10000; rounds++) {
		struct pollfd fds[3] = {{.fd = fd, .events = POLLIN}};
		int page[2];
		size_t n = page_fds(f->page, page, 2);
		ssize_t r;

		if (sent < len) {
			r = send(fd, request + sent, len - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
			sent += r > 0 ? (size_t)r : 0;
		}
		for (size_t i = 0; i < n; i++)
			fds[i + 1] = (struct pollfd){.fd = page[i], .events = POLLIN};
		poll(fds, n + 1, page_run(f->page) == 0 ? 0 : 100);
		r = recv(fd, f->answer + got, sizeof(f->answer) - 1 - got, MSG_DONTWAIT);
		if (r == 0)
			break;
		got += r > 0 ? (size_t)r : 0;
	}
	f->answer[got] = '\0';
	close(fd);
}

static void ask(struct fixture *f, const char *request)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(f->port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	exchange(f, fd, request);
}

static void ask_control(struct fixture *f, const char *request)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(a.sun_path, f->control, strlen(f->control) + 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	exchange(f, fd, request);
}

#define GET(path, host) "GET " path " HTTP/1.1\r\nHost: " host "\r\nConnection: close\r\n\r\n"

static void assert_status(const struct fixture *f, const char *status)
{
	if (strncmp(f->answer, "HTTP/1.1 ", 9) || strncmp(f->answer + 9, status, strlen(status)))
		fail_msg("wanted status %s, got: %.200s", status, f->answer);
}

static void assert_says(const struct fixture *f, const char *words)
{
	if (!strstr(f->answer, words))
		fail_msg("'%s' is not in: %s", words, f->answer);
}

static char *control(void *context, const char *path)
{
	(void)context;
	return strcmp(path, "/peers") ? NULL : strdup("{\"peers\":[]}");
}

static char *data(void *context, const char *path, const char *window, const char *view)
{
	char *text = NULL;

	(void)context;
	if (strcmp(path, "/history.json") || asprintf(&text, "{\"window\":\"%s\",\"view\":\"%s\"}",
						      window ? window : "-", view ? view : "-") < 0)
		return NULL;
	return text;
}

/* --- fixture ------------------------------------------------------------------------------------
 */

/* A port that is free at this moment. */
static uint16_t free_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	close(fd);
	return ntohs(a.sin_port);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int err;

	assert_non_null(f);
	strcpy(f->directory, "/tmp/telltale-page.XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	snprintf(f->control, sizeof(f->control), "%s/run/control.sock", f->directory);
	do {
		f->port = free_port();
		snprintf(f->listen, sizeof(f->listen), "127.0.0.1:%u", f->port);
		f->options = (struct page_options){.listen = f->listen,
						   .control_path = f->control,
						   .control = control,
						   .data = data,
						   .context = f};
		err = page_start(&f->options, &f->page, f->why, sizeof(f->why));
	} while (err == -EADDRINUSE && strstr(f->why, "listen"));
	if (err)
		fail_msg("%s", f->why);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char path[128];

	page_stop(f->page);
	unlink(f->control);
	snprintf(path, sizeof(path), "%s/run", f->directory);
	rmdir(path);
	assert_int_equal(rmdir(f->directory), 0);
	free(f);
	return 0;
}

static void post(struct fixture *f, int64_t transactions)
{
	struct snapshot *s = snapshot_new("node-a", SNAPSHOT_START_NS);

	snapshot_add(s, METRIC_TRANSACTIONS, NULL, NULL, transactions);
	page_post(f->page, &s->released);
	released_unref(&s->released);
}

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
		       "# HELP telltale_coverage_complete 1 when nothing in scope is unreadable, "
		       "unattributed, unconverted or lost, else 0\n"
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
		    "# HELP telltale_rejects_total Reject packets by code\n"
		    "# TYPE telltale_rejects_total counter\n"
		    "telltale_rejects_total{source=\"a\\\"b\\\\c\\nd?\xc3\xb6\",code=\"F08\"} 1\n"
		    "telltale_rejects_total{source=\"a\\\"b\\\\c\\nd?\xc3\xb6\",code=\"T04\"} 2\n");
	released_unref(&s->released);
}

static void what_is_beyond_the_limit_of_series_has_a_name_prometheus_takes(void **state)
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

static void questions_behind_the_page_are_passed_on(void **state)
{
	struct fixture *f = *state;

	ask(f, GET("/history.json?window=day&view=network", "localhost"));
	assert_status(f, "200");
	assert_says(f, "Content-Type: application/json\r\n");
	assert_says(f, "{\"window\":\"day\",\"view\":\"network\"}");
	ask(f, GET("/history.json", "localhost"));
	assert_says(f, "{\"window\":\"-\",\"view\":\"-\"}");
}

/* --- who may ask --------------------------------------------------------------------------------
 */

#define TOKEN "0123456789abcdef0123456789abcdef"

static void restart_with(struct fixture *f, const char *listen, const char *token)
{
	page_stop(f->page);
	f->page = NULL;
	f->options = (struct page_options){.listen = listen, .token = token};
	if (page_start(&f->options, &f->page, f->why, sizeof(f->why)))
		fail_msg("%s", f->why);
	post(f, 1);
}

static void ask_with(struct fixture *f, const char *header)
{
	char request[512];

	snprintf(request, sizeof(request),
		 "GET /metrics HTTP/1.1\r\nHost: probe.example\r\n%sConnection: close\r\n\r\n",
		 header);
	ask(f, request);
}

static void who_has_the_token_may_ask_by_any_name_and_nobody_else(void **state)
{
	/* basic: "x:" and the token; "x:" and another; without a colon; not base64 */
	static const char *const bad[] = {
		"",
		"Authorization: Bearer 0123456789abcdef0123456789abcdee\r\n",
		"Authorization: Bearer 0123456789abcdef\r\n",
		"Authorization: Bearer " TOKEN "0\r\n",
		"Authorization: Bearer\r\n",
		"Authorization: " TOKEN "\r\n",
		"Authorization: Basic eDowMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZQ==\r\n",
		"Authorization: Basic MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\r\n",
		"Authorization: Basic !!!!\r\n",
		"Authorization: Basic e\r\n",
		"Authorization: Basic \r\n",
		/* nothing but what pads: less than no bytes, if each pad took one off */
		"Authorization: Basic ====\r\n",
		"Authorization: Basic ========\r\n",
		"Authorization: Basic e===\r\n",
	};
	struct fixture *f = *state;
	char listen[32];

	strcpy(listen, f->listen);
	restart_with(f, listen, TOKEN);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ask_with(f, bad[i]);
		assert_status(f, "401");
		assert_says(f, "WWW-Authenticate: Basic");
		assert_null(strstr(f->answer, "transactions_total"));
	}
	ask_with(f, "Authorization: Bearer " TOKEN "\r\n");
	assert_status(f, "200");
	ask_with(f, "authorization: basic eDowMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg==\r\n");
	assert_status(f, "200");
	assert_says(f, "transactions_total");
}

static void with_a_token_it_listens_anywhere(void **state)
{
	struct fixture *f = *state;
	char listen[32];

	snprintf(listen, sizeof(listen), "0.0.0.0:%u", f->port);
	restart_with(f, listen, TOKEN);
	ask_with(f, "Authorization: Bearer " TOKEN "\r\n");
	assert_status(f, "200");
}

static void on_a_unix_socket_only_its_owner_may_ask(void **state)
{
	struct fixture *f = *state;
	char listen[160], path[128];
	struct stat st;

	strcpy(path, f->control);
	snprintf(listen, sizeof(listen), "unix:%s", path);
	restart_with(f, listen, NULL);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	ask_control(f, GET("/metrics", "whatever"));
	assert_status(f, "200");
	assert_says(f, "transactions_total");
	page_stop(f->page);
	f->page = NULL;
	assert_int_equal(stat(path, &st), -1);
}

static int token_of(const struct fixture *f, const char *text, mode_t mode, char *token, char *why)
{
	char path[128];
	int fd, err;

	snprintf(path, sizeof(path), "%s/token", f->directory);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	why[0] = '\0';
	err = page_token_load(path, token, why, 256);
	unlink(path);
	return err;
}

static void a_token_is_read_from_a_file_of_its_owners_only(void **state)
{
	struct fixture *f = *state;
	char token[PAGE_TOKEN_MAX + 1], why[256], longest[PAGE_TOKEN_MAX + 3];

	assert_int_equal(token_of(f, "  " TOKEN "\n\n", 0600, token, why), 0);
	assert_string_equal(token, TOKEN);
	assert_int_equal(token_of(f, TOKEN, 0644, token, why), -EPERM);
	assert_non_null(strstr(why, "chmod 600"));
	assert_int_equal(token_of(f, TOKEN, 0640, token, why), -EPERM);
	assert_int_equal(token_of(f, "short", 0600, token, why), -EINVAL);
	assert_non_null(strstr(why, "openssl rand"));
	assert_int_equal(token_of(f, "", 0600, token, why), -EINVAL);
	assert_int_equal(token_of(f, TOKEN " " TOKEN, 0600, token, why), -EINVAL);
	assert_null(strstr(why, TOKEN));
	memset(longest, 'x', sizeof(longest));
	longest[PAGE_TOKEN_MAX] = '\0';
	assert_int_equal(token_of(f, longest, 0600, token, why), 0);
	longest[PAGE_TOKEN_MAX] = 'x';
	longest[PAGE_TOKEN_MAX + 1] = '\0';
	assert_int_equal(token_of(f, longest, 0600, token, why), -EINVAL);
	assert_int_equal(page_token_load("/nonexistent/token", token, why, sizeof(why)), -ENOENT);
}

static void only_reading_is_allowed(void **state)
{
	struct fixture *f = *state;

	post(f, 1);
	ask(f, "HEAD /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
	assert_status(f, "200");
	assert_null(strstr(f->answer, "transactions_total"));
	ask(f, "POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
	       "Connection: close\r\n\r\nabc");
	assert_status(f, "405");
	assert_says(f, "Allow: GET, HEAD\r\n");
	ask_control(f, "DELETE /peers HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	assert_status(f, "405");
}

static void a_name_pointed_at_loopback_from_elsewhere_is_refused(void **state)
{
	static const char *const good[] = {"localhost",      "LocalHost:9464", "127.0.0.1",
					   "127.0.0.1:9464", "127.9.9.9",      "[::1]",
					   "[::1]:9464"};
	static const char *const bad[] = {"evil.example",
					  "evil.example:9464",
					  "localhost.evil.example",
					  "127.0.0.1.evil.example",
					  "10.0.0.1",
					  "[::2]",
					  "[::1].evil.example",
					  "[::1]evil.example:80",
					  "127.0.0.1:evil.example",
					  "localhost:",
					  "[",
					  "[]",
					  ":",
					  "::1"};
	struct fixture *f = *state;
	char request[256];

	post(f, 1);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]) + sizeof(bad) / sizeof(bad[0]); i++) {
		size_t goods = sizeof(good) / sizeof(good[0]);

		snprintf(request, sizeof(request),
			 "GET /metrics HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
			 i < goods ? good[i] : bad[i - goods]);
		ask(f, request);
		assert_status(f, i < goods ? "200" : "403");
		if (i >= goods)
			assert_null(strstr(f->answer, "transactions_total"));
	}
}

static void garbage_gets_no_metrics_and_the_page_lives_on(void **state)
{
	struct fixture *f = *state;
	char *request = calloc(1, 40000);

	assert_non_null(request);
	post(f, 1);
	ask(f, "\x16\x03\x01\x02 what\r\n\r\n");
	assert_null(strstr(f->answer, "transactions_total"));
	strcpy(request, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Long: ");
	memset(request + strlen(request), 'x', 30000);
	strcat(request, "\r\n\r\n");
	ask(f, request);
	assert_null(strstr(f->answer, "transactions_total"));
	ask(f, GET("/metrics", "localhost"));
	assert_status(f, "200");
	free(request);
}

static int connected(const struct fixture *f)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(f->port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_true(!connect(fd, (struct sockaddr *)&a, sizeof(a)) || errno == EINPROGRESS);
	return fd;
}

/* They send a byte each time the page runs, so that no connection is ever idle. */
static void clients_that_never_finish_keep_nobody_out(void **state)
{
	struct fixture *f = *state;
	int slow[40];
	char byte;
	bool ended = false;

	f->options.request_ms = 50;
	post(f, 1);
	for (size_t i = 0; i < 40; i++)
		slow[i] = connected(f);
	for (int rounds = 0; rounds < 10000 && !ended; rounds++) {
		for (size_t i = 0; i < 40; i++)
			send(slow[i], rounds ? "x" : "GET /", rounds ? 1 : 5,
			     MSG_NOSIGNAL | MSG_DONTWAIT);
		page_run(f->page);
		poll(NULL, 0, 1);
		/* Whoever waited for a place gets one, and is sent away in turn. */
		ended = true;
		for (size_t i = 0; i < 40; i++)
			ended = ended && (recv(slow[i], &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0 ||
					  errno == ECONNRESET);
	}
	assert_true(ended);
	ask(f, GET("/metrics", "localhost"));
	assert_status(f, "200");
	for (size_t i = 0; i < 40; i++)
		close(slow[i]);
}

static void only_loopback_may_be_listened_on(void **state)
{
	static const char *const bad[] = {"0.0.0.0:9464",
					  "10.1.2.3:9464",
					  "[::]:9464",
					  "127.0.0.1",
					  "9464",
					  "127.0.0.1:http",
					  "127.0.0.1:99999999999",
					  "127.0.0.1:70000",
					  "127.0.0.1:-1",
					  "127.0.0.1:",
					  "127.0.0.1:0",
					  ":9464"};
	struct fixture *f = *state;
	struct page *p;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct page_options options = {.listen = bad[i]};
		int err = page_start(&options, &p, f->why, sizeof(f->why));

		assert_int_equal(err, -EINVAL);
		assert_non_null(strstr(f->why, "127.0.0.1:9464"));
	}
}

static void a_port_that_is_taken_is_told_with_the_mend(void **state)
{
	struct fixture *f = *state;
	struct page *p;

	assert_int_equal(
		page_start(&(struct page_options){.listen = f->listen}, &p, f->why, sizeof(f->why)),
		-EADDRINUSE);
	assert_non_null(strstr(f->why, f->listen));
	assert_non_null(strstr(f->why, "another port"));
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
	/* ... and has not taken the first one's socket away. */
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

static void a_path_too_long_for_a_socket_is_told(void **state)
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

#define over_http(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_are_named_as_the_collector_names_them),
		cmocka_unit_test(points_of_one_metric_share_one_head_and_labels_are_escaped),
		cmocka_unit_test(what_is_beyond_the_limit_of_series_has_a_name_prometheus_takes),
		cmocka_unit_test(histogram_buckets_add_up_to_the_count),
		cmocka_unit_test(an_empty_snapshot_is_an_empty_text),
		over_http(metrics_show_the_last_snapshot_posted),
		over_http(notes_follow_the_snapshot_and_are_replaced),
		over_http(the_root_is_the_page_and_unknown_paths_are_not_found),
		over_http(the_page_may_run_its_own_script_and_load_from_nowhere_else),
		over_http(questions_behind_the_page_are_passed_on),
		over_http(who_has_the_token_may_ask_by_any_name_and_nobody_else),
		over_http(with_a_token_it_listens_anywhere),
		over_http(on_a_unix_socket_only_its_owner_may_ask),
		over_http(a_token_is_read_from_a_file_of_its_owners_only),
		over_http(only_reading_is_allowed),
		over_http(a_name_pointed_at_loopback_from_elsewhere_is_refused),
		over_http(garbage_gets_no_metrics_and_the_page_lives_on),
		over_http(clients_that_never_finish_keep_nobody_out),
		over_http(only_loopback_may_be_listened_on),
		over_http(a_port_that_is_taken_is_told_with_the_mend),
		over_http(the_control_socket_answers_json_to_its_owner_only),
		over_http(a_second_instance_is_told_that_one_is_running),
		over_http(a_socket_left_behind_by_a_crash_is_replaced),
		over_http(a_file_in_the_way_is_left_alone),
		over_http(a_path_too_long_for_a_socket_is_told),
		over_http(a_page_without_sockets_runs_and_does_nothing),
	};

	return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
