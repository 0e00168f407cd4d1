/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "bpf/record.h"
#include "base/hostkey.h"

static char directory[] = "/tmp/test_hostkey.XXXXXX";
static char state_dir[64], key_path[80];

static int make_directory(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(state_dir, sizeof(state_dir), "%s/state", directory);
	snprintf(key_path, sizeof(key_path), "%s/host.key", state_dir);
	return 0;
}

static int remove_state(void **state)
{
	(void)state;
	unlink(key_path);
	rmdir(state_dir);
	return 0;
}

static int remove_directory(void **state)
{
	remove_state(state);
	return rmdir(directory);
}

static void write_key(const void *bytes, size_t len, mode_t mode)
{
	int fd;

	mkdir(state_dir, 0700);
	fd = open(key_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

/* The vectors of the SipHash authors: key 00 01 .. 0f, input the first n of 00 01 02 .. */
static const uint64_t vectors[] = {
	0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d,
	0xcf2794e0277187b7, 0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137,
	0x93f5f5799a932462, 0x9e0082df0ba9e4b0, 0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7,
	0x751e8fbc860ee5fb, 0x14ea5627c0843d90, 0xf723ca908e7af2ee, 0xa129ca6149be45e5,
};

static void a_fingerprint_is_siphash_2_4(void **state)
{
	const struct hostkey key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
	char input[16];

	(void)state;
	for (size_t n = 0; n < sizeof(vectors) / sizeof(vectors[0]); n++) {
		/* The input begins one byte after a word's boundary and ends at the buffer's
		 * end. */
		char *exact = malloc(n ? n : 1);

		for (size_t i = 0; i < n; i++)
			input[i] = (char)i;
		memcpy(exact, input, n);
		assert_true(hostkey_fingerprint(&key, exact, n) == vectors[n]);
		free(exact);
	}
}

static void a_fingerprint_depends_on_the_first_256_bytes_of_a_token(void **state)
{
	const struct hostkey key = {1, 2};
	char a[RECORD_TOKEN_MAX + 8], b[sizeof(a)];
	uint64_t whole;

	(void)state;
	memset(a, 'a', sizeof(a));
	memcpy(b, a, sizeof(a));
	whole = hostkey_fingerprint(&key, a, RECORD_TOKEN_MAX);
	b[RECORD_TOKEN_MAX] = 'b';
	assert_true(hostkey_fingerprint(&key, b, sizeof(b)) == whole);
	b[RECORD_TOKEN_MAX - 1] = 'b';
	assert_true(hostkey_fingerprint(&key, b, sizeof(b)) != whole);
	assert_true(hostkey_fingerprint(&key, a, RECORD_TOKEN_MAX - 1) != whole);
}

static void the_key_is_made_once_and_stays(void **state)
{
	struct hostkey first, again;
	struct stat st;

	(void)state;
	assert_int_equal(hostkey_load(state_dir, &first), 0);
	assert_true(first.k0 || first.k1);
	assert_int_equal(stat(key_path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 16);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(stat(state_dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(hostkey_load(state_dir, &again), 0);
	assert_memory_equal(&first, &again, sizeof(first));
}

static void the_file_holds_the_words_in_little_endian(void **state)
{
	static const unsigned char bytes[16] = {0, 1, 2,  3,  4,  5,  6,  7,
						8, 9, 10, 11, 12, 13, 14, 15};
	struct hostkey key;

	(void)state;
	write_key(bytes, sizeof(bytes), 0600);
	assert_int_equal(hostkey_load(state_dir, &key), 0);
	assert_true(key.k0 == 0x0706050403020100);
	assert_true(key.k1 == 0x0f0e0d0c0b0a0908);
}

static void a_key_that_others_may_read_is_refused(void **state)
{
	struct hostkey key;

	(void)state;
	write_key("0123456789abcdef", 16, 0640);
	assert_int_equal(hostkey_load(state_dir, &key), -EPERM);
	assert_int_equal(chmod(key_path, 0604), 0);
	assert_int_equal(hostkey_load(state_dir, &key), -EPERM);
	assert_int_equal(chmod(key_path, 0400), 0);
	assert_int_equal(hostkey_load(state_dir, &key), 0);
}

static void a_directory_that_others_may_change_is_refused(void **state)
{
	struct hostkey key;

	(void)state;
	assert_int_equal(hostkey_load(state_dir, &key), 0);
	assert_int_equal(chmod(state_dir, 0770), 0);
	assert_int_equal(hostkey_load(state_dir, &key), -EPERM);
	assert_int_equal(chmod(state_dir, 0755), 0);
	assert_int_equal(hostkey_load(state_dir, &key), 0);
}

static void a_broken_key_is_refused_and_not_replaced(void **state)
{
	struct hostkey key;
	struct stat st;

	(void)state;
	write_key("short", 5, 0600);
	assert_int_equal(hostkey_load(state_dir, &key), -EINVAL);
	assert_int_equal(stat(key_path, &st), 0);
	assert_int_equal(st.st_size, 5);
	assert_int_equal(unlink(key_path), 0);
	assert_int_equal(symlink("/etc/hostname", key_path), 0);
	assert_int_equal(hostkey_load(state_dir, &key), -ELOOP);
}

static void a_missing_parent_directory_is_an_error(void **state)
{
	struct hostkey key;

	(void)state;
	assert_int_equal(hostkey_load("/nonexistent/state", &key), -ENOENT);
}

static void processes_that_start_together_agree_on_one_key(void **state)
{
	enum { PROCESSES = 8 };
	struct hostkey keys[PROCESSES];
	int pipes[PROCESSES][2];

	(void)state;
	for (int i = 0; i < PROCESSES; i++) {
		assert_int_equal(pipe(pipes[i]), 0);
		if (!fork()) {
			int err = hostkey_load(state_dir, &keys[i]);

			if (err || write(pipes[i][1], &keys[i], sizeof(keys[i])) < 0)
				_exit(1);
			_exit(0);
		}
	}
	for (int i = 0; i < PROCESSES; i++) {
		close(pipes[i][1]);
		assert_int_equal(read(pipes[i][0], &keys[i], sizeof(keys[i])), sizeof(keys[i]));
		close(pipes[i][0]);
		assert_memory_equal(&keys[i], &keys[0], sizeof(keys[0]));
	}
	while (wait(NULL) > 0)
		;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fingerprint_is_siphash_2_4),
		cmocka_unit_test(a_fingerprint_depends_on_the_first_256_bytes_of_a_token),
		cmocka_unit_test_teardown(the_key_is_made_once_and_stays, remove_state),
		cmocka_unit_test_teardown(the_file_holds_the_words_in_little_endian, remove_state),
		cmocka_unit_test_teardown(a_key_that_others_may_read_is_refused, remove_state),
		cmocka_unit_test_teardown(a_directory_that_others_may_change_is_refused,
					  remove_state),
		cmocka_unit_test_teardown(a_broken_key_is_refused_and_not_replaced, remove_state),
		cmocka_unit_test(a_missing_parent_directory_is_an_error),
		cmocka_unit_test_teardown(processes_that_start_together_agree_on_one_key,
					  remove_state),
	};

	return cmocka_run_group_tests_name("hostkey", tests, make_directory, remove_directory);
}
