/* SPDX-License-Identifier: Apache-2.0 */
/* The state file: what was saved last is loaded again, and no other file is accepted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "privacy/state.h"

static char dir[] = "/tmp/telltale-state.XXXXXX";
static const struct hostkey key = {1, 2}, other_key = {1, 3};

struct blob {
	uint64_t words[100];
};

/* How long ago the clock says that it is. */
static time_t ago_s;

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int clock_gettime(clockid_t clock, struct timespec *now)
{
	int err = (int)syscall(SYS_clock_gettime, clock, now);

	if (clock == CLOCK_REALTIME)
		now->tv_sec -= ago_s;
	return err;
}

static const char *in_dir(const char *name)
{
	static char path[2][128];
	static int which;

	which = !which;
	snprintf(path[which], sizeof(path[which]), "%s/%s", dir, name);
	return path[which];
}

static struct state *opened(const struct hostkey *with)
{
	struct state *s = NULL;

	assert_int_equal(state_open(dir, with, &s), 0);
	return s;
}

static struct blob filled(uint64_t with)
{
	struct blob b;

	for (size_t i = 0; i < 100; i++)
		b.words[i] = with + i;
	return b;
}

static int start_empty(void **state)
{
	(void)state;
	unlink(in_dir("privacy.state"));
	unlink(in_dir(".privacy.state.new"));
	unlink(in_dir("backup"));
	unlink(in_dir("privacy.state.unused"));
	return 0;
}

static void saved(const struct hostkey *with, uint64_t what)
{
	struct state *s = opened(with);
	struct blob b = filled(what);

	assert_int_equal(state_save(s, &b, sizeof(b)), 0);
	state_close(s);
}

/* What a later process loads. */
static enum state_verdict found(const struct hostkey *with, uint64_t expected)
{
	struct state *s = opened(with);
	struct blob b = filled(12345), untouched = b, wanted = filled(expected);
	enum state_verdict verdict;

	assert_int_equal(state_load(s, &b, sizeof(b), &verdict), 0);
	state_close(s);
	if (verdict == STATE_SOUND)
		assert_memory_equal(&b, &wanted, sizeof(b));
	else
		assert_memory_equal(&b, &untouched, sizeof(b));
	return verdict;
}

static void copy(const char *from, const char *to)
{
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	char bytes[4096];
	ssize_t n;

	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, bytes, sizeof(bytes))) > 0)
		assert_int_equal(write(out, bytes, (size_t)n), n);
	assert_int_equal(n, 0);
	close(in);
	close(out);
}

static void what_was_saved_last_comes_back(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(found(&key, 0), STATE_MISSING);
	for (uint64_t i = 1; i < 20; i++) {
		saved(&key, i);
		assert_int_equal(found(&key, i), STATE_SOUND);
	}
	assert_int_equal(stat(in_dir("privacy.state"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_second_process_cannot_hold_it(void **state)
{
	struct state *first = opened(&key), *second = NULL;

	(void)state;
	assert_int_equal(state_open(dir, &key, &second), -EBUSY);
	assert_null(second);
	state_close(first);
	second = opened(&key);
	state_close(second);
}

static void any_damaged_bit_is_detected(void **state)
{
	struct stat st;

	(void)state;
	saved(&key, 7);
	assert_int_equal(stat(in_dir("privacy.state"), &st), 0);
	for (off_t at = 0; at < st.st_size; at++) {
		int fd = open(in_dir("privacy.state"), O_RDWR);
		unsigned char byte;

		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= (unsigned char)(1 << at % 8);
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		close(fd);
		assert_int_not_equal(found(&key, 7), STATE_SOUND);
		fd = open(in_dir("privacy.state"), O_RDWR);
		byte ^= (unsigned char)(1 << at % 8);
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		close(fd);
	}
	assert_int_equal(found(&key, 7), STATE_SOUND);
}

static void a_file_cut_short_or_of_another_kind_is_damaged(void **state)
{
	(void)state;
	saved(&key, 7);
	assert_int_equal(truncate(in_dir("privacy.state"), 500), 0);
	assert_int_equal(found(&key, 7), STATE_CORRUPT);
	assert_int_equal(truncate(in_dir("privacy.state"), 0), 0);
	assert_int_equal(found(&key, 7), STATE_CORRUPT);
	unlink(in_dir("privacy.state"));
	assert_int_equal(symlink("/etc/passwd", in_dir("privacy.state")), 0);
	assert_int_equal(found(&key, 7), STATE_CORRUPT);
	unlink(in_dir("privacy.state"));
	assert_int_equal(mkfifo(in_dir("privacy.state"), 0600), 0);
	assert_int_equal(found(&key, 7), STATE_CORRUPT);
}

static void another_hosts_file_is_foreign(void **state)
{
	(void)state;
	saved(&other_key, 7);
	assert_int_equal(found(&key, 7), STATE_FOREIGN);
}

static void an_older_file_put_back_is_detected(void **state)
{
	(void)state;
	saved(&key, 1);
	copy(in_dir("privacy.state"), in_dir("backup"));
	saved(&key, 2);
	assert_int_equal(found(&key, 2), STATE_SOUND);
	/* A backup may be restored by writing into the file or by replacing it. */
	copy(in_dir("backup"), in_dir("privacy.state"));
	assert_int_equal(found(&key, 1), STATE_OLDER);
	saved(&key, 3);
	assert_int_equal(rename(in_dir("backup"), in_dir("privacy.state")), 0);
	assert_int_equal(found(&key, 1), STATE_OLDER);
}

/* On ext4 for example, saves alternate between two inodes. */
static void an_older_file_put_back_after_any_number_of_saves_is_detected(void **state)
{
	(void)state;
	for (unsigned between = 1; between <= 4; between++) {
		saved(&key, 1);
		saved(&key, 2);
		copy(in_dir("privacy.state"), in_dir("backup"));
		for (unsigned i = 0; i < between; i++)
			saved(&key, 3 + i);
		copy(in_dir("backup"), in_dir("privacy.state"));
		assert_int_equal(found(&key, 2), STATE_OLDER);
	}
}

static void a_backup_and_changes_of_mode_and_owner_cost_nothing(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 3; i++) {
		/* Saved an hour before. */
		ago_s = 3600;
		saved(&key, i);
		ago_s = 0;
		/* cp -al, chmod, chown */
		assert_int_equal(link(in_dir("privacy.state"), in_dir("backup")), 0);
		assert_int_equal(chmod(in_dir("privacy.state"), 0640), 0);
		assert_int_equal(chmod(in_dir("privacy.state"), 0600), 0);
		assert_int_equal(chown(in_dir("privacy.state"), geteuid(), getegid()), 0);
		assert_int_equal(found(&key, i), STATE_SOUND);
		unlink(in_dir("backup"));
	}
}

/* The file is the very one that was written, but others were saved after it. */
static void an_older_file_put_back_from_a_hard_link_is_detected(void **state)
{
	(void)state;
	for (unsigned between = 1; between <= 3; between++) {
		unlink(in_dir("backup"));
		saved(&key, 1);
		assert_int_equal(link(in_dir("privacy.state"), in_dir("backup")), 0);
		for (unsigned i = 0; i < between; i++)
			saved(&key, 2 + i);
		assert_int_equal(rename(in_dir("backup"), in_dir("privacy.state")), 0);
		assert_int_equal(found(&key, 1), STATE_OLDER);
	}
}

/* The cause why it cannot be read may be gone at the next start. */
static void a_file_that_cannot_be_read_this_time_is_not_called_damaged(void **state)
{
	enum state_verdict verdict = STATE_MISSING;
	struct rlimit before, none;
	struct state *s;
	struct blob b;

	(void)state;
	saved(&key, 7);
	s = opened(&key);
	getrlimit(RLIMIT_NOFILE, &before);
	none = before;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	assert_int_equal(state_load(s, &b, sizeof(b), &verdict), -EMFILE);
	setrlimit(RLIMIT_NOFILE, &before);
	assert_int_equal(verdict, STATE_MISSING);
	state_close(s);
	assert_int_equal(found(&key, 7), STATE_SOUND);
}

static void what_is_set_aside_is_kept_as_it_was(void **state)
{
	struct state *s;
	struct stat was, now;

	(void)state;
	assert_int_equal(state_set_aside(s = opened(&key)), -ENOENT);
	state_close(s);
	for (uint64_t i = 1; i <= 2; i++) {
		saved(&other_key, i);
		assert_int_equal(stat(in_dir("privacy.state"), &was), 0);
		s = opened(&key);
		assert_int_equal(state_set_aside(s), 0);
		state_close(s);
		assert_int_equal(found(&key, 0), STATE_MISSING);
		assert_int_equal(stat(in_dir("privacy.state.unused"), &now), 0);
		assert_true(now.st_ino == was.st_ino && now.st_size == was.st_size);
		assert_int_equal(now.st_mode & 0777, 0600);
	}
}

static void leftovers_of_a_killed_process_do_not_matter(void **state)
{
	int fd;

	(void)state;
	saved(&key, 1);
	fd = open(in_dir(".privacy.state.new"), O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "half", 4), 4);
	close(fd);
	assert_int_equal(found(&key, 1), STATE_SOUND);
	saved(&key, 2);
	assert_int_equal(found(&key, 2), STATE_SOUND);
}

static void a_save_that_fails_leaves_the_old_state(void **state)
{
	struct rlimit before, none;
	struct state *s;
	struct blob b = filled(2);

	(void)state;
	saved(&key, 1);
	s = opened(&key);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	none = before;
	none.rlim_cur = 100;
	setrlimit(RLIMIT_FSIZE, &none);
	assert_int_not_equal(state_save(s, &b, sizeof(b)), 0);
	setrlimit(RLIMIT_FSIZE, &before);
	state_close(s);
	assert_int_equal(found(&key, 1), STATE_SOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_was_saved_last_comes_back, start_empty),
		cmocka_unit_test_setup(a_second_process_cannot_hold_it, start_empty),
		cmocka_unit_test_setup(any_damaged_bit_is_detected, start_empty),
		cmocka_unit_test_setup(a_file_cut_short_or_of_another_kind_is_damaged, start_empty),
		cmocka_unit_test_setup(another_hosts_file_is_foreign, start_empty),
		cmocka_unit_test_setup(an_older_file_put_back_is_detected, start_empty),
		cmocka_unit_test_setup(an_older_file_put_back_after_any_number_of_saves_is_detected,
				       start_empty),
		cmocka_unit_test_setup(a_backup_and_changes_of_mode_and_owner_cost_nothing,
				       start_empty),
		cmocka_unit_test_setup(an_older_file_put_back_from_a_hard_link_is_detected,
				       start_empty),
		cmocka_unit_test_setup(a_file_that_cannot_be_read_this_time_is_not_called_damaged,
				       start_empty),
		cmocka_unit_test_setup(what_is_set_aside_is_kept_as_it_was, start_empty),
		cmocka_unit_test_setup(leftovers_of_a_killed_process_do_not_matter, start_empty),
		cmocka_unit_test_setup(a_save_that_fails_leaves_the_old_state, start_empty),
	};
	int failed;

	if (!mkdtemp(dir))
		return 1;
	failed = cmocka_run_group_tests_name("state", tests, NULL, NULL);
	start_empty(NULL);
	unlink(in_dir("privacy.lock"));
	rmdir(dir);
	return failed;
}
