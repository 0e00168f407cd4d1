/* SPDX-License-Identifier: Apache-2.0 */
/* serving.h - serves a page and has a client for it. Included after cmocka's headers. */
#ifndef TELLTALE_TESTS_SERVING_H
#define TELLTALE_TESTS_SERVING_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/snapshot.h"
#include "page/page.h"
#include "page/guard.h"

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

static inline void exchange(struct fixture *f, int fd, const char *request)
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

static inline void ask(struct fixture *f, const char *request)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(f->port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	exchange(f, fd, request);
}

static inline void ask_control(struct fixture *f, const char *request)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(a.sun_path, f->control, strlen(f->control) + 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	exchange(f, fd, request);
}

#define GET(path, host) "GET " path " HTTP/1.1\r\nHost: " host "\r\nConnection: close\r\n\r\n"

static inline void assert_status(const struct fixture *f, const char *status)
{
	if (strncmp(f->answer, "HTTP/1.1 ", 9) || strncmp(f->answer + 9, status, strlen(status)))
		fail_msg("wanted status %s, got: %.200s", status, f->answer);
}

static inline void assert_says(const struct fixture *f, const char *words)
{
	if (!strstr(f->answer, words))
		fail_msg("'%s' is not in: %s", words, f->answer);
}

static inline char *control(void *context, const char *path)
{
	(void)context;
	return strcmp(path, "/peers") ? NULL : strdup("{\"peers\":[]}");
}

static inline char *data(void *context, const char *path, const char *window, const char *view)
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
static inline uint16_t free_port(void)
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

static inline int set_up(void **state)
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

static inline int tear_down(void **state)
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

static inline void post(struct fixture *f, int64_t transactions)
{
	struct snapshot *s = snapshot_new("node-a", SNAPSHOT_START_NS);

	snapshot_add(s, METRIC_TRANSACTIONS, NULL, NULL, transactions);
	page_post(f->page, &s->released);
	released_unref(&s->released);
}

#define over_http(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
