/* SPDX-License-Identifier: Apache-2.0 */
/* The id of a daemon is its own and is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/instance.h"

static char first[] = "/tmp/telltale-id.XXXXXX", second[] = "/tmp/telltale-id.XXXXXX";

static const char *file(void)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/instance.id", first);
	return path;
}

static void it_is_kept_over_restarts_and_differs_between_hosts(void **state)
{
	char id[INSTANCE_ID_LEN + 1], again[INSTANCE_ID_LEN + 1], other[INSTANCE_ID_LEN + 1];
	struct stat st;

	(void)state;
	assert_int_equal(instance_id_load(first, id), 0);
	assert_int_equal(strlen(id), INSTANCE_ID_LEN);
	assert_int_equal(id[14], '4');
	assert_int_equal(instance_id_load(first, again), 0);
	assert_string_equal(id, again);
	assert_int_equal(instance_id_load(second, other), 0);
	assert_string_not_equal(id, other);
	assert_int_equal(stat(file(), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_file_that_holds_no_id_is_replaced(void **state)
{
	static const char *const bad[] = {"", "x", "00000000-0000-4000-8000-00000000000g\n",
					  "00000000-0000-4000-8000-0000000000000\n"};
	char id[INSTANCE_ID_LEN + 1], again[INSTANCE_ID_LEN + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		FILE *f = fopen(file(), "w");

		assert_non_null(f);
		fputs(bad[i], f);
		fclose(f);
		assert_int_equal(instance_id_load(first, id), 0);
		assert_int_equal(instance_id_load(first, again), 0);
		assert_string_equal(id, again);
	}
	assert_int_equal(instance_id_load("/nonexistent", id), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_kept_over_restarts_and_differs_between_hosts),
		cmocka_unit_test(a_file_that_holds_no_id_is_replaced),
	};
	char path[64];
	int failed;

	if (!mkdtemp(first) || !mkdtemp(second))
		return 1;
	failed = cmocka_run_group_tests_name("instance", tests, NULL, NULL);
	unlink(file());
	snprintf(path, sizeof(path), "%s/instance.id", second);
	unlink(path);
	rmdir(first);
	rmdir(second);
	return failed;
}
