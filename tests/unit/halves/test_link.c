/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "halves/link.h"

static int ends[2];

static int connect_ends(void **state)
{
	(void)state;
	return link_pair(ends);
}

static int close_ends(void **state)
{
	(void)state;
	close(ends[0]);
	close(ends[1]);
	return 0;
}

static struct wire_message ask(void)
{
	struct wire_message m = {.ask = {.id = 7}};

	wire_begin(&m, WIRE_ASK);
	return m;
}

static int open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void a_message_arrives_with_its_descriptors(void **state)
{
	struct wire_message m = {.welcome = {.record_version = RECORD_VERSION, .ring_bytes = 4096}};
	int pipes[2], before;
	struct link_fds fds;
	char byte = 0;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	before = open_files();
	wire_begin(&m, WIRE_WELCOME);
	assert_int_equal(link_send(ends[0], &m, pipes, 2), 0);
	assert_int_equal(link_receive(ends[1], WIRE_FROM_PROBE, &m, &fds), 0);
	assert_true(fds.fd[0] >= 0 && fds.fd[1] >= 0);
	assert_int_equal(fds.fd[2], -1);
	assert_int_equal(write(fds.fd[1], "x", 1), 1);
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	assert_int_equal(byte, 'x');
	link_fds_close(&fds);
	assert_int_equal(open_files(), before);
	close(pipes[0]);
	close(pipes[1]);
}

static void descriptors_of_a_message_that_is_refused_are_closed(void **state)
{
	int before = open_files();
	struct wire_message m = ask();
	struct link_fds fds;

	(void)state;
	m.ask.target = 1000000;
	assert_int_equal(link_send(ends[0], &m, ends, 2), 0);
	assert_int_equal(link_receive(ends[1], WIRE_FROM_DAEMON, &m, &fds), -EBADMSG);
	assert_int_equal(open_files(), before);
}

static void more_descriptors_than_a_message_has_are_refused_and_not_kept(void **state)
{
	union {
		char bytes[CMSG_SPACE(20 * sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct wire_message m = ask();
	struct iovec data = {&m, m.head.len};
	struct msghdr msg = {.msg_iov = &data,
			     .msg_iovlen = 1,
			     .msg_control = control.bytes,
			     .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	int before = open_files();
	struct link_fds fds;

	(void)state;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(20 * sizeof(int));
	for (int i = 0; i < 20; i++)
		memcpy(CMSG_DATA(c) + (size_t)i * sizeof(int), &ends[0], sizeof(int));
	assert_true(sendmsg(ends[0], &msg, 0) > 0);
	assert_int_equal(link_receive(ends[1], WIRE_FROM_DAEMON, &m, &fds), -EBADMSG);
	assert_int_equal(open_files(), before);
}

static void a_full_socket_does_not_block_the_sender(void **state)
{
	struct wire_message m = ask();
	int err = 0;

	(void)state;
	for (int i = 0; i < 100000 && !err; i++)
		err = link_send(ends[0], &m, NULL, 0);
	assert_int_equal(err, -EAGAIN);
}

static void the_end_of_the_other_half_is_noticed_after_its_last_message(void **state)
{
	struct wire_message m = ask();
	struct link_fds fds;

	(void)state;
	assert_int_equal(link_receive(ends[1], WIRE_FROM_DAEMON, &m, &fds), -EAGAIN);
	assert_int_equal(link_send(ends[0], &m, NULL, 0), 0);
	close(ends[0]);
	ends[0] = dup(ends[1]);
	assert_int_equal(link_receive(ends[1], WIRE_FROM_DAEMON, &m, &fds), 0);
	assert_int_equal(m.ask.id, 7);
	assert_int_equal(link_receive(ends[1], WIRE_FROM_DAEMON, &m, &fds), -EPIPE);
	assert_int_equal(link_send(ends[1], &m, NULL, 0), -EPIPE);
}

static void what_a_half_said_last_is_read_although_it_left_messages_unread(void **state)
{
	struct wire_message m = ask();
	struct link_fds fds;

	(void)state;
	assert_int_equal(link_send(ends[0], &m, NULL, 0), 0);
	assert_int_equal(link_send(ends[1], &m, NULL, 0), 0);
	close(ends[0]);
	ends[0] = dup(ends[1]);
	m.ask.id = 0;
	assert_int_equal(link_receive(ends[1], WIRE_FROM_DAEMON, &m, &fds), 0);
	assert_int_equal(m.ask.id, 7);
	assert_int_equal(link_receive(ends[1], WIRE_FROM_DAEMON, &m, &fds), -EPIPE);
}

static void one_listens_at_a_path_and_the_other_finds_it(void **state)
{
	char dir[] = "/tmp/test_link.XXXXXX", path[64], why[256];
	int listener, second, fd, other;
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	assert_int_equal(link_connect(path, &fd), -ENOENT);
	assert_int_equal(link_listen(path, &listener, why, sizeof(why)), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(link_accept(listener, &other), -EAGAIN);
	assert_int_equal(link_connect(path, &fd), 0);
	assert_int_equal(link_accept(listener, &other), 0);
	assert_true(link_is_by(other, geteuid()));
	assert_int_equal(link_listen(path, &second, why, sizeof(why)), -EADDRINUSE);
	close(fd);
	close(other);
	close(listener);
	/* Nobody listens on what is left there. */
	assert_int_equal(link_connect(path, &fd), -ECONNREFUSED);
	assert_int_equal(link_listen(path, &listener, why, sizeof(why)), 0);
	close(listener);
	unlink(path);
	rmdir(dir);
}

/* One that is so busy that it accepts nobody is there all the same. */
static void a_path_on_which_somebody_listens_is_not_taken_over(void **state)
{
	char dir[] = "/tmp/test_link.XXXXXX", path[64], why[256];
	int listener, second, fds[64], n = 0, err = 0;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	assert_int_equal(link_listen(path, &listener, why, sizeof(why)), 0);
	while (n < 64 && !(err = link_connect(path, &fds[n])))
		n++;
	assert_int_equal(err, -EAGAIN);
	assert_int_equal(link_listen(path, &second, why, sizeof(why)), -EADDRINUSE);
	assert_int_equal(access(path, F_OK), 0);
	while (n)
		close(fds[--n]);
	close(listener);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_message_arrives_with_its_descriptors,
						connect_ends, close_ends),
		cmocka_unit_test_setup_teardown(descriptors_of_a_message_that_is_refused_are_closed,
						connect_ends, close_ends),
		cmocka_unit_test_setup_teardown(
			more_descriptors_than_a_message_has_are_refused_and_not_kept, connect_ends,
			close_ends),
		cmocka_unit_test_setup_teardown(a_full_socket_does_not_block_the_sender,
						connect_ends, close_ends),
		cmocka_unit_test_setup_teardown(
			the_end_of_the_other_half_is_noticed_after_its_last_message, connect_ends,
			close_ends),
		cmocka_unit_test_setup_teardown(
			what_a_half_said_last_is_read_although_it_left_messages_unread,
			connect_ends, close_ends),
		cmocka_unit_test(one_listens_at_a_path_and_the_other_finds_it),
		cmocka_unit_test(a_path_on_which_somebody_listens_is_not_taken_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
