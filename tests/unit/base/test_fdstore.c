/* SPDX-License-Identifier: Apache-2.0 */
/* What is put into the service manager's keeping, against a manager that this test plays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fdstore.h"

static int manager = -1;

/* An address without a file, which ends with the process. */
static int begin(void **state)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	char name[64];
	int len = snprintf(name, sizeof(name), "@telltale-test-%d", (int)getpid());

	(void)state;
	memcpy(at.sun_path, name, (size_t)len);
	at.sun_path[0] = '\0';
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	manager = fcntl(manager, F_DUPFD_CLOEXEC,
			64); /* out of the way of those that are handed over */
	setenv("NOTIFY_SOCKET", name, 1);
	return bind(manager, (struct sockaddr *)&at,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len));
}

static int end(void **state)
{
	(void)state;
	unsetenv("NOTIFY_SOCKET");
	return close(manager);
}

/* What the manager hears, and how many descriptors come along. */
static size_t hear(char *what, size_t len)
{
	char control[CMSG_SPACE(64 * sizeof(int))];
	struct iovec data = {.iov_base = what, .iov_len = len - 1};
	struct msghdr msg = {.msg_iov = &data,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(manager, &msg, 0);
	struct cmsghdr *c = n >= 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	size_t fds = c ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;

	what[n > 0 ? n : 0] = '\0';
	for (size_t i = 0; i < fds; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
		close(fd);
	}
	return fds;
}

/* The start before has put these, and they are handed over from descriptor 3 on. */
static struct fdstore *begin_with(const char *names, int n)
{
	char number[32];

	for (int i = 0; i < n; i++) {
		int fd = memfd_create("kept", 0);

		if (fd != 3 + i) {
			assert_int_equal(dup2(fd, 3 + i), 3 + i);
			close(fd);
		}
	}
	snprintf(number, sizeof(number), "%d", (int)getpid());
	setenv("LISTEN_PID", number, 1);
	snprintf(number, sizeof(number), "%d", n);
	setenv("LISTEN_FDS", number, 1);
	setenv("LISTEN_FDNAMES", names, 1);
	return fdstore_open();
}

static void without_a_service_manager_nothing_is_kept(void **state)
{
	const char *given = getenv("NOTIFY_SOCKET");
	char before[256];

	(void)state;
	snprintf(before, sizeof(before), "%s", given ? given : "");
	unsetenv("NOTIFY_SOCKET");
	assert_null(fdstore_open());
	assert_int_equal(fdstore_put(NULL, "a.1", &(int){0}, 1), 0);
	assert_int_equal(fdstore_take(NULL, "a", NULL, NULL, 0), 0);
	fdstore_settle(NULL, "", "");
	fdstore_close(NULL);
	setenv("NOTIFY_SOCKET", before, 1);
}

static void what_is_put_reaches_the_manager_by_name_and_is_taken_out_by_it(void **state)
{
	struct fdstore *s = fdstore_open();
	const int fds[2] = {0, 1};
	char what[256];

	(void)state;
	assert_non_null(s);
	assert_int_equal(fdstore_put(s, "tls.7.1", fds, 2), 0);
	assert_int_equal(hear(what, sizeof(what)), 2);
	assert_string_equal(what, "FDSTORE=1\nFDPOLL=0\nFDNAME=tls.7.1");
	fdstore_remove(s, "tls.7.1");
	assert_int_equal(hear(what, sizeof(what)), 0);
	assert_string_equal(what, "FDSTOREREMOVE=1\nFDNAME=tls.7.1");
	assert_int_equal(fdstore_put(s, "none", fds, 0), 0);
	assert_int_equal(hear(what, sizeof(what)), 0);
	assert_string_equal(what, "");
	fdstore_close(s);
}

static void what_the_start_before_has_put_comes_back_by_name_once(void **state)
{
	struct fdstore *s = begin_with("a.7:b.1:a.7:a.8", 4);
	char name[FDSTORE_NAME_MAX];
	int fds[4];

	(void)state;
	assert_true(fdstore_has(s, "a."));
	assert_false(fdstore_has(s, "c."));
	/* Of one name only, the first that fits. */
	assert_int_equal(fdstore_take(s, "a.", name, fds, 4), 2);
	assert_string_equal(name, "a.7");
	assert_int_equal(fds[0], 3);
	assert_int_equal(fds[1], 5);
	assert_int_equal(fdstore_take(s, "a.7", NULL, fds, 4), 0);
	assert_int_equal(fdstore_take(s, "b.1", NULL, fds, 4), 1);
	assert_null(getenv("LISTEN_FDS"));
	close(3);
	close(5);
	close(4);
	fdstore_close(s);
}

static void descriptors_of_another_process_are_not_touched(void **state)
{
	struct fdstore *s;

	(void)state;
	setenv("LISTEN_PID", "1", 1);
	setenv("LISTEN_FDS", "2", 1);
	s = fdstore_open();
	assert_non_null(s);
	assert_false(fdstore_has(s, ""));
	fdstore_close(s);
}

static void what_nobody_asks_for_and_what_was_replaced_is_let_go_and_nothing_else(void **state)
{
	struct fdstore *s = begin_with("map.0.new:map.0.old:tls.1.new:daemon", 4);
	char what[256];
	int fd;

	(void)state;
	assert_int_equal(fdstore_take(s, "map.0.new", NULL, &fd, 1), 1);
	assert_int_equal(fdstore_take(s, "map.0.old", NULL, &fd, 1), 1);
	assert_int_equal(fdstore_take(s, "daemon", NULL, &fd, 1), 1);
	fdstore_settle(s, "map.", ".new");
	hear(what, sizeof(what));
	assert_string_equal(what, "FDSTOREREMOVE=1\nFDNAME=map.0.old");
	assert_true(fdstore_has(s, "tls."));
	fdstore_settle(s, "tls", ".new");
	hear(what, sizeof(what));
	assert_string_equal(what, "FDSTOREREMOVE=1\nFDNAME=tls.1.new");
	hear(what, sizeof(what));
	assert_string_equal(what, "");
	close(3);
	close(4);
	close(6);
	fdstore_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_service_manager_nothing_is_kept),
		cmocka_unit_test(what_is_put_reaches_the_manager_by_name_and_is_taken_out_by_it),
		cmocka_unit_test(what_the_start_before_has_put_comes_back_by_name_once),
		cmocka_unit_test(descriptors_of_another_process_are_not_touched),
		cmocka_unit_test(
			what_nobody_asks_for_and_what_was_replaced_is_let_go_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
