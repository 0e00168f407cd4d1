/* SPDX-License-Identifier: Apache-2.0 */
/* Who may use the page, and who is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/support/serving.h"

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

static void only_clients_with_the_token_get_answers_and_by_any_host_name(void **state)
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
		/* only padding: the length would be negative if each padding character took a byte
		 * off */
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

static void a_group_may_ask_on_a_unix_socket_if_it_is_named(void **state)
{
	struct fixture *f = *state;
	char group[16];
	struct stat st;

	page_stop(f->page);
	f->page = NULL;
	snprintf(group, sizeof(group), "%u", (unsigned)getegid());
	f->options.group = group;
	assert_int_equal(page_start(&f->options, &f->page, f->why, sizeof(f->why)), 0);
	assert_int_equal(stat(f->control, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(st.st_gid, getegid());
	page_stop(f->page);
	f->page = NULL;
	f->options.group = "no-such-group";
	assert_int_equal(page_start(&f->options, &f->page, f->why, sizeof(f->why)), -ENOENT);
	assert_non_null(strstr(f->why, "groupadd --system no-such-group"));
	f->options.group = NULL;
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

static void a_token_is_read_only_from_a_file_private_to_its_owner(void **state)
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

static void a_foreign_host_name_that_points_at_loopback_is_refused(void **state)
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

/* A connection from HOST.0.0.127. */
static int connected_from(const struct fixture *f, uint32_t host)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(f->port)};
	struct sockaddr_in from = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	from.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + host);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_true(!connect(fd, (struct sockaddr *)&a, sizeof(a)) || errno == EINPROGRESS);
	return fd;
}

static int connected(const struct fixture *f)
{
	return connected_from(f, 1);
}

static unsigned still_connected(const int *fds, size_t len)
{
	unsigned n = 0;
	char byte;

	for (size_t i = 0; i < len; i++)
		n += recv(fds[i], &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
	return n;
}

/* More than are served at a time. The operator is answered while they still wait, not after the
 * last of them was disconnected for its silence. */
static void idle_connections_of_others_keep_nobody_out(void **state)
{
	struct fixture *f = *state;
	int idle[40];

	post(f, 1);
	for (size_t i = 0; i < 40; i++)
		idle[i] = connected(f);
	ask(f, GET("/metrics", "localhost"));
	assert_status(f, "200");
	assert_true(still_connected(idle, 40) >= 20);
	for (size_t i = 0; i < 40; i++)
		close(idle[i]);
}

static void who_has_most_connections_loses_them_first(void **state)
{
	struct fixture *f = *state;
	int operators[3], idle[40];

	for (size_t i = 0; i < 3; i++)
		operators[i] = connected(f);
	for (size_t i = 0; i < 40; i++)
		idle[i] = connected_from(f, 2);
	for (int rounds = 0; rounds < 1000 && still_connected(idle, 40) > 21; rounds++) {
		page_run(f->page);
		poll(NULL, 0, 1);
	}
	assert_int_equal(still_connected(idle, 40), 21);
	assert_int_equal(still_connected(operators, 3), 3);
	for (size_t i = 0; i < 40; i++)
		close(idle[i]);
	for (size_t i = 0; i < 3; i++)
		close(operators[i]);
}

/* These clients send a byte each time the page runs, so that no connection is ever idle. */
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
		/* Clients that waited for a place get one, and are disconnected in turn. */
		ended = true;
		for (size_t i = 0; i < 40; i++)
			ended = ended && (recv(slow[i], &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0 ||
					  errno == ECONNRESET);
	}
	assert_true(ended);
	/* Who asks in time is answered, also by a busy machine. */
	f->options.request_ms = 0;
	ask(f, GET("/metrics", "localhost"));
	assert_status(f, "200");
	for (size_t i = 0; i < 40; i++)
		close(slow[i]);
}

static void one_address_cannot_take_all_connections_of_a_page_beyond_loopback(void **state)
{
	struct fixture *f = *state;
	char listen[32], byte;
	int fds[32], refused = 0;

	strcpy(listen, f->listen);
	restart_with(f, listen, TOKEN);
	for (size_t i = 0; i < 32; i++)
		fds[i] = connected(f);
	for (int rounds = 0; rounds < 1000 && refused < 16; rounds++) {
		page_run(f->page);
		poll(NULL, 0, 1);
		refused = 0;
		for (size_t i = 0; i < 32; i++)
			refused += recv(fds[i], &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0 ||
				   errno == ECONNRESET;
	}
	assert_int_equal(refused, 16);
	for (size_t i = 0; i < 32; i++)
		close(fds[i]);
	/* The page must first notice that they are gone. */
	for (int rounds = 0; rounds < 20; rounds++)
		page_run(f->page);
	ask_with(f, "Authorization: Bearer " TOKEN "\r\n");
	assert_status(f, "200");
}

/* A manager's probe has no token and names any host; it learns no figure. */
static void probes_are_answered_to_everybody_and_say_no_figure(void **state)
{
	struct fixture *f = *state;
	char listen[32];

	ask(f, GET("/readyz", "10.1.2.3"));
	assert_status(f, "503");
	ask(f, GET("/healthz", "10.1.2.3"));
	assert_status(f, "200");
	strcpy(listen, f->listen);
	restart_with(f, listen, TOKEN);
	ask(f, GET("/readyz", "10.1.2.3"));
	assert_status(f, "200");
	assert_says(f, "\r\n\r\nok\n");
	ask(f, GET("/healthz", "10.1.2.3"));
	assert_status(f, "200");
	ask(f, GET("/metrics", "10.1.2.3"));
	assert_status(f, "401");
	/* No snapshot has come for longer than it may take. */
	f->options.stale_ms = 1;
	for (int i = 0; i < 1000 && strncmp(f->answer, "HTTP/1.1 503", 12) != 0; i++)
		ask(f, GET("/healthz", "10.1.2.3"));
	assert_status(f, "503");
	ask(f, GET("/readyz", "10.1.2.3"));
	assert_status(f, "200");
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

static void a_port_that_is_taken_is_reported_with_the_fix(void **state)
{
	struct fixture *f = *state;
	struct page *p;

	assert_int_equal(
		page_start(&(struct page_options){.listen = f->listen}, &p, f->why, sizeof(f->why)),
		-EADDRINUSE);
	assert_non_null(strstr(f->why, f->listen));
	assert_non_null(strstr(f->why, "another port"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		over_http(only_clients_with_the_token_get_answers_and_by_any_host_name),
		over_http(with_a_token_it_listens_anywhere),
		over_http(on_a_unix_socket_only_its_owner_may_ask),
		over_http(a_group_may_ask_on_a_unix_socket_if_it_is_named),
		over_http(a_token_is_read_only_from_a_file_private_to_its_owner),
		over_http(only_reading_is_allowed),
		over_http(a_foreign_host_name_that_points_at_loopback_is_refused),
		over_http(garbage_gets_no_metrics_and_the_page_lives_on),
		over_http(idle_connections_of_others_keep_nobody_out),
		over_http(who_has_most_connections_loses_them_first),
		over_http(clients_that_never_finish_keep_nobody_out),
		over_http(one_address_cannot_take_all_connections_of_a_page_beyond_loopback),
		over_http(probes_are_answered_to_everybody_and_say_no_figure),
		over_http(only_loopback_may_be_listened_on),
		over_http(a_port_that_is_taken_is_reported_with_the_fix),
	};

	return cmocka_run_group_tests_name("page guard", tests, NULL, NULL);
}
