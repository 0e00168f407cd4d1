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
#include <unistd.h>

#include <cmocka.h>

#include "base/tracekey.h"

static char path[] = "/tmp/test_tracekey.XXXXXX";
static char why[256];

static int load(const char *text, mode_t mode, struct siphash_key *key)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	why[0] = '\0';
	return tracekey_load(path, key, why, sizeof(why));
}

static void what_openssl_prints_is_a_key(void **state)
{
	struct siphash_key key;

	(void)state;
	assert_int_equal(load("00112233445566778899aAbBcCdDeEfF\n", 0600, &key), 0);
	assert_int_equal(key.k0, 0x0011223344556677);
	assert_int_equal(key.k1, 0x8899aabbccddeeff);
	assert_int_equal(load("  00112233445566778899aabbccddeeff", 0400, &key), 0);
}

static void nothing_else_is_a_key_and_the_fix_is_named(void **state)
{
	static const char *const wrong[] = {"",
					    "correct horse battery staple",
					    "00112233445566778899aabbccddeef",
					    "00112233445566778899aabbccddeeff00",
					    "0x112233445566778899aabbccddeeff",
					    "00112233445566778899aabbccddeefg"};
	struct siphash_key key;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(load(wrong[i], 0600, &key), -EINVAL);
		assert_non_null(strstr(why, "openssl rand -hex 16"));
	}
}

static void a_key_that_others_may_read_is_refused(void **state)
{
	struct siphash_key key;

	(void)state;
	assert_int_equal(load("00112233445566778899aabbccddeeff", 0640, &key), -EPERM);
	assert_non_null(strstr(why, "chmod 600"));
	assert_int_equal(load("00112233445566778899aabbccddeeff", 0604, &key), -EPERM);
}

static void a_missing_file_is_named_with_the_fix(void **state)
{
	struct siphash_key key;

	(void)state;
	unlink(path);
	assert_int_equal(tracekey_load(path, &key, why, sizeof(why)), -ENOENT);
	assert_non_null(strstr(why, "openssl rand -hex 16"));
}

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_openssl_prints_is_a_key),
		cmocka_unit_test(nothing_else_is_a_key_and_the_fix_is_named),
		cmocka_unit_test(a_key_that_others_may_read_is_refused),
		cmocka_unit_test(a_missing_file_is_named_with_the_fix),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
