/* SPDX-License-Identifier: Apache-2.0 */
/* Rates from a real HTTP server that misbehaves; test_fetch_files.c has those from files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/support/refreshing.h"
#include "base/fetch.h"
#include "base/log.h"

/* --- a server --- */

struct server {
	struct MHD_Daemon *daemon;
	unsigned port;
	pthread_mutex_t lock;
	char query[128]; /* base=…&key=…, of the last request */
	char agent[128];
	unsigned requests;
	const char *turn; /* what /turn answers as */
};

static struct server server = {.lock = PTHREAD_MUTEX_INITIALIZER};

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_len, void **state)
{
	const char *base = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "base");
	const char *key = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "key");
	const char *agent = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "User-Agent");
	struct MHD_Response *response = NULL;
	const char *body = USD_DOCUMENT;
	unsigned status = 200;
	char target[64] = "";
	enum MHD_Result result;

	(void)context, (void)method, (void)version, (void)upload, (void)upload_len, (void)state;
	pthread_mutex_lock(&server.lock);
	server.requests++;
	snprintf(server.query, sizeof(server.query), "base=%s key=%s", base ? base : "",
		 key ? key : "");
	snprintf(server.agent, sizeof(server.agent), "%s", agent ? agent : "");
	pthread_mutex_unlock(&server.lock);

	if (!strcmp(url, "/silent"))
		return MHD_suspend_connection(connection), MHD_YES;
	if (!strcmp(url, "/eur"))
		body = EUR_DOCUMENT;
	if (!strcmp(url, "/html"))
		body = "<html>";
	if (!strcmp(url, "/500"))
		status = 500;
	if (!strcmp(url, "/204"))
		status = 204;
	if (!strcmp(url, "/ftp"))
		strcpy(target, "ftp://127.0.0.1/");
	if (!strcmp(url, "/file"))
		strcpy(target, "file:///etc/passwd");
	if (!strncmp(url, "/hops/", 6))
		snprintf(target, sizeof(target), atoi(url + 6) > 1 ? "/hops/%d" : "/usd",
			 atoi(url + 6) - 1);
	if (!strncmp(url, "/say/", 5))
		body = url + 5;
	if (target[0])
		status = 302;
	if (!strcmp(url, "/huge") || !strcmp(url, "/10MB")) {
		size_t len = url[1] == 'h' ? RATES_DOCUMENT_MAX + 1 : 10000000;
		char *huge = calloc(1, len);

		memset(huge, ' ', len);
		response = MHD_create_response_from_buffer(len, huge, MHD_RESPMEM_MUST_FREE);
	} else {
		response = MHD_create_response_from_buffer(strlen(body), (void *)body,
							   MHD_RESPMEM_PERSISTENT);
	}
	if (target[0])
		MHD_add_response_header(response, "Location", target);
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

/* Sends spaces without end, and without a Content-Length. */
static ssize_t endless(void *context, uint64_t at, char *buf, size_t max)
{
	(void)context, (void)at;
	memset(buf, ' ', max);
	return (ssize_t)max;
}

static enum MHD_Result answer_any(void *context, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_len, void **state)
{
	struct MHD_Response *response;
	enum MHD_Result result;

	if (!strcmp(url, "/turn")) {
		pthread_mutex_lock(&server.lock);
		url = server.turn;
		pthread_mutex_unlock(&server.lock);
	}
	if (strcmp(url, "/endless") != 0)
		return answer(context, connection, url, method, version, upload, upload_len, state);
	response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16384, endless, NULL, NULL);
	result = MHD_queue_response(connection, 200, response);
	MHD_destroy_response(response);
	return result;
}

static int start_server(void **state)
{
	struct sockaddr_in loopback = {.sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	(void)state;
	log_set_level(LOG_LEVEL_ERR);
	server.daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME,
					 0, NULL, NULL, answer_any, NULL, MHD_OPTION_SOCK_ADDR,
					 &loopback, MHD_OPTION_END);
	if (!server.daemon)
		return -1;
	server.port = MHD_get_daemon_info(server.daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
	return 0;
}

static int stop_server(void **state)
{
	(void)state;
	/* These connections are left suspended on purpose; they end with the process. */
	return 0;
}

/* Valid until the next call. */
static char *url_of(const char *path)
{
	static char url[128];

	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", server.port, path);
	return url;
}

/* --- URLs --- */

static void a_url_is_asked_for_the_base_and_keeps_its_own_query(void **state)
{
	static const char *const cases[][2] = {
		{"http://h/rates", "http://h/rates?base=USD"},
		{"https://h/rates?key=1", "https://h/rates?key=1&base=USD"},
		{"http://h/rates?key=1#part", "http://h/rates?key=1&base=USD#part"},
		{"http://h/rates?base=EUR", "http://h/rates?base=EUR"},
		{"http://h/rates?x=1&base=EUR", "http://h/rates?x=1&base=EUR"},
		{"http://h/rates?database=1", "http://h/rates?database=1&base=USD"},
		{"ftp://h/rates", NULL},
		{"rates.json", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *url = fetch_url_with_base(cases[i][0], "USD");

		if (cases[i][1])
			assert_string_equal(url, cases[i][1]);
		else
			assert_null(url);
		free(url);
	}
}

static void a_location_is_shown_without_its_key(void **state)
{
	static const char *const cases[][2] = {
		{"https://h:1/rates?key=k&base=USD#f", "https://h:1/rates?..."},
		{"https://h/rates#access_token=k", "https://h/rates"},
		{"https://h?k", "https://h?..."},
		{"http://user:k@h/a@b", "http://...@h/a@b"},
		{"HTTPS://k@@h?@", "HTTPS://...@h?..."},
		{"user:k@h/rates?k", "...@h/rates?..."},
		{"h/rates?u=http://k", "h/rates?..."},
		{"https://h/rates", "https://h/rates"},
		{"/etc/what?.json", "/etc/what?.json"},
		{"rates.json", "rates.json"},
		{"", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *shown = fetch_location_shown(cases[i][0]);

		assert_string_equal(shown, cases[i][1]);
		free(shown);
	}
}

static void a_url_is_fetched_in_the_background_of_the_loop(void **state)
{
	struct rates *r = rates_at(url_of("/usd?key=k"), NULL);
	unsigned ticks = 0;

	(void)state;
	assert_int_equal(one(r, "EUR"), 0);
	assert_int_equal(rates_wait_ms(r, 5), 0);
	rates_tick(r, 5);
	assert_false(rates_status(r, RATES_OPERATOR, 5).loaded);
	assert_true(rates_wait_ms(r, 5) > 0 && rates_wait_ms(r, 5) <= 100);
	for (; !rates_status(r, RATES_OPERATOR, 5).refreshes && ticks < 60000; ticks++) {
		usleep(1000);
		rates_tick(r, 5);
	}
	assert_int_equal(one(r, "EUR"), 20000);
	assert_int_equal(rates_status(r, RATES_OPERATOR, 1005).age_ms, 1000);
	assert_int_equal(rates_wait_ms(r, 5), DAY_MS);
	pthread_mutex_lock(&server.lock);
	assert_string_equal(server.query, "base=USD key=k");
	assert_string_equal(server.agent, "telltale/" TELLTALE_VERSION);
	pthread_mutex_unlock(&server.lock);
	rates_free(r);
}

static void the_base_is_the_one_in_the_answer_and_the_operators_rates_come_first(void **state)
{
	char eur[128];
	struct rates *r;

	(void)state;
	snprintf(eur, sizeof(eur), "%s", url_of("/eur"));
	r = rates_at(eur, url_of("/usd"));
	assert_int_equal(rates_load(r, 10000), 0);
	assert_int_equal(one(r, "EUR"), 40000);
	assert_string_equal(rates_status(r, RATES_OPERATOR, 0).base, "EUR");
	rates_free(r);
	r = rates_at(url_of("/500"), eur);
	assert_int_equal(rates_load(r, 10000), -EPROTO);
	assert_int_equal(one(r, "EUR"), 40000);
	assert_false(rates_status(r, RATES_OPERATOR, 0).loaded);
	rates_free(r);
}

static void assert_fails(const char *path, int error, const char *says)
{
	struct rates *r = rates_at(url_of(path), NULL);
	struct rates_status status;
	int result = rates_load(r, 10000);

	status = rates_status(r, RATES_OPERATOR, 0);
	if (result != error || !strstr(status.error, says))
		fail_msg("%s: %d, %s", path, result, status.error);
	assert_int_equal(status.failures, 1);
	assert_false(status.loaded);
	rates_free(r);
}

static void a_server_that_misbehaves_is_refused_with_its_reason(void **state)
{
	(void)state;
	assert_fails("/500", -EPROTO, "HTTP status 500");
	assert_fails("/204", -EPROTO, "HTTP status 204");
	assert_fails("/html", -EINVAL, "not JSON");
	assert_fails("/huge", -EFBIG, "larger than 1048576");
	assert_fails("/endless", -EFBIG, "larger than 1048576");
	assert_fails("/hops/4", -ELOOP, "redirects");
	assert_fails("/ftp", -EIO, "ftp");
	assert_fails("/file", -EIO, "file");
}

static void three_redirects_are_followed(void **state)
{
	struct rates *r = rates_at(url_of("/hops/3"), NULL);

	(void)state;
	assert_int_equal(rates_load(r, 10000), 0);
	assert_int_equal(one(r, "EUR"), 20000);
	rates_free(r);
}

static void a_server_that_never_answers_is_given_up(void **state)
{
	char silent[128];
	struct rates *r;

	(void)state;
	snprintf(silent, sizeof(silent), "%s", url_of("/silent"));
	r = rates_at(silent, url_of("/usd"));
	assert_int_equal(rates_load(r, 300), -ETIMEDOUT);
	assert_true(rates_status(r, RATES_NETWORK, 0).loaded);
	assert_int_equal(one(r, "EUR"), 20000);
	rates_free(r);
}

static void turn(const char *url)
{
	pthread_mutex_lock(&server.lock);
	server.turn = url;
	pthread_mutex_unlock(&server.lock);
}

/* Ticks at the fixed time NOW until the pending fetch has ended. */
static void tick_through(struct rates *r, uint64_t now)
{
	do {
		usleep(1000);
		rates_tick(r, now);
	} while (rates_wait_ms(r, now) < 1000);
}

static void the_last_good_rates_stay_whatever_the_server_does(void **state)
{
	static const char *const turns[] = {"/500",     "/204",    "/html", "/huge", "/10MB",
					    "/endless", "/hops/4", "/ftp",  "/file"};
	struct rates *r = rates_at(url_of("/turn"), NULL);
	uint64_t now = 0, failures = 0;
	char say[160];

	(void)state;
	turn("/usd");
	tick_through(r, now);
	assert_int_equal(one(r, "EUR"), 20000);
	for (size_t i = 0; i < sizeof(turns) / sizeof(turns[0]); i++) {
		turn(turns[i]);
		now += DAY_MS;
		tick_through(r, now);
		assert_last_good(r, ++failures, now, turns[i]);
	}
	for (size_t i = 0; i < HOSTILE_LEN; i++) {
		snprintf(say, sizeof(say), "/say/%s", hostile[i]);
		turn(say);
		now += DAY_MS;
		tick_through(r, now);
		assert_last_good(r, ++failures, now, hostile[i]);
	}
	turn("/eur");
	now += DAY_MS;
	tick_through(r, now);
	assert_int_equal(one(r, "EUR"), 40000);
	assert_int_equal(rates_status(r, RATES_OPERATOR, now).age_ms, 0);
	rates_free(r);
}

/* Sends BEGINNING and then one byte at a time, for as long as the client reads. */
struct dripping {
	int fd;
	unsigned port;
	const char *beginning;
	pthread_t thread;
};

static void *drip(void *dripping)
{
	struct dripping *d = dripping;
	int peer = accept(d->fd, NULL, NULL);
	ssize_t n = send(peer, d->beginning, strlen(d->beginning), MSG_NOSIGNAL);

	while (n > 0) {
		usleep(5000);
		n = send(peer, "x", 1, MSG_NOSIGNAL);
	}
	close(peer);
	return NULL;
}

static void drip_start(struct dripping *d, const char *beginning)
{
	struct sockaddr_in loopback = {.sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(loopback);

	d->beginning = beginning;
	d->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(d->fd, (struct sockaddr *)&loopback, len), 0);
	assert_int_equal(listen(d->fd, 1), 0);
	assert_int_equal(getsockname(d->fd, (struct sockaddr *)&loopback, &len), 0);
	d->port = ntohs(loopback.sin_port);
	assert_int_equal(pthread_create(&d->thread, NULL, drip, d), 0);
}

static void a_server_that_drips_its_answer_is_given_up(void **state)
{
	static const char *const beginnings[] = {
		"HTTP/1.1 200 OK\r\nX-Long: ",
		"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
		struct dripping d;
		struct fetch *f = NULL;
		char url[64], why[256] = "";
		const char *body;
		size_t len;
		int error;

		drip_start(&d, beginnings[i]);
		snprintf(url, sizeof(url), "http://127.0.0.1:%u/", d.port);
		assert_int_equal(fetch_start(url, 100000, 200, &f, why, sizeof(why)), 0);
		while ((error = fetch_step(f, &body, &len, why, sizeof(why))) == -EAGAIN)
			fetch_wait(f, 20);
		if (error != -ETIMEDOUT)
			fail_msg("%s: %d, %s", beginnings[i], error, why);
		fetch_free(f);
		pthread_join(d.thread, NULL);
		close(d.fd);
	}
}

static void a_server_that_does_not_speak_tls_is_refused(void **state)
{
	char url[64];
	struct rates *r;

	(void)state;
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/usd", server.port);
	r = rates_at(url, NULL);
	assert_int_equal(rates_load(r, 10000), -EIO);
	assert_int_equal(one(r, "EUR"), 0);
	assert_true(rates_status(r, RATES_OPERATOR, 0).error[0]);
	rates_free(r);
}

static void a_location_of_another_kind_is_refused(void **state)
{
	struct rates *r = rates_at("ftp://127.0.0.1/rates", NULL);

	(void)state;
	assert_int_equal(rates_load(r, 1000), -EINVAL);
	assert_non_null(strstr(rates_status(r, RATES_OPERATOR, 0).error, "http"));
	rates_free(r);
}

static void without_any_source_there_is_nothing_to_do(void **state)
{
	struct rates *r = rates_at(NULL, NULL);

	(void)state;
	rates_tick(r, 1);
	assert_int_equal(rates_load(r, 1000), 0);
	assert_int_equal(rates_wait_ms(r, 1), -1);
	assert_false(rates_status(r, RATES_NETWORK, 0).configured);
	assert_int_equal(one(r, "USD"), 10000);
	assert_int_equal(one(r, "EUR"), 0);
	rates_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_url_is_asked_for_the_base_and_keeps_its_own_query),
		cmocka_unit_test(a_location_is_shown_without_its_key),
		cmocka_unit_test(a_url_is_fetched_in_the_background_of_the_loop),
		cmocka_unit_test(
			the_base_is_the_one_in_the_answer_and_the_operators_rates_come_first),
		cmocka_unit_test(a_server_that_misbehaves_is_refused_with_its_reason),
		cmocka_unit_test(three_redirects_are_followed),
		cmocka_unit_test(a_server_that_never_answers_is_given_up),
		cmocka_unit_test(the_last_good_rates_stay_whatever_the_server_does),
		cmocka_unit_test(a_server_that_drips_its_answer_is_given_up),
		cmocka_unit_test(a_server_that_does_not_speak_tls_is_refused),
		cmocka_unit_test(a_location_of_another_kind_is_refused),
		cmocka_unit_test(without_any_source_there_is_nothing_to_do),
	};

	return cmocka_run_group_tests_name("fetch", tests, start_server, stop_server);
}
