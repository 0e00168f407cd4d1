/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tap/host.h"
#include "tests/unit/support/skipping.h"

static enum host_verdict look(const char *name, char words[512])
{
	for (size_t i = 0; i < host_checks_len; i++) {
		if (!strcmp(host_checks[i].name, name))
			return host_checks[i].look(words, 512);
	}
	fail_msg("there is no check named %s", name);
	return HOST_FAIL;
}

static void each_check_says_something_in_one_line(void **state)
{
	char words[512];

	(void)state;
	for (size_t i = 0; i < host_checks_len; i++) {
		enum host_verdict verdict;

		memset(words, 'x', sizeof(words));
		verdict = host_checks[i].look(words, sizeof(words));
		assert_in_range(verdict, HOST_OK, HOST_FAIL);
		assert_non_null(memchr(words, '\0', sizeof(words)));
		assert_true(words[0] != '\0');
		assert_null(strchr(words, '\n'));
	}
}

/* What the check says in a process that has all capabilities but CAP (or none, when CAP is -1):
 * 0 when it FAILs and its words have NAME. */
static int without(cap_value_t cap, const char *name)
{
	int status = -1;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		cap_t caps = cap < 0 ? cap_init() : cap_get_proc();
		char words[512];

		if (!caps || (cap >= 0 && cap_set_flag(caps, CAP_EFFECTIVE, 1, &cap, CAP_CLEAR)) ||
		    cap_set_proc(caps))
			_exit(2);
		cap_free(caps);
		_exit(look("capabilities", words) != HOST_FAIL || !strstr(words, name) ||
		      !strstr(words, "missing; run as root"));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void a_missing_capability_is_named(void **state)
{
	(void)state;
	assert_int_equal(without(CAP_BPF, "CAP_BPF"), 0);
	assert_int_equal(without(CAP_NET_ADMIN, "CAP_NET_ADMIN"), 0);
	assert_int_equal(without(-1, "CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON, CAP_SYS_PTRACE"), 0);
}

#define PARANOID "/proc/sys/kernel/perf_event_paranoid"

static int write_paranoid(int level)
{
	FILE *f = fopen(PARANOID, "we");
	int err = f && fprintf(f, "%d\n", level) > 0 ? 0 : -1;

	return f && fclose(f) ? -1 : err;
}

static int level_before;

static int remember_paranoid(void **state)
{
	FILE *f = fopen(PARANOID, "re");

	(void)state;
	level_before = 2;
	if (!f || fscanf(f, "%d", &level_before) != 1)
		level_before = 2;
	return f && fclose(f) ? -1 : 0;
}

static int restore_paranoid(void **state)
{
	(void)state;
	write_paranoid(level_before);
	return 0;
}

/* As it is on Debian; root may sample all the same, another user of these programs may not. */
static void a_kernel_that_lets_root_alone_sample_is_announced(void **state)
{
	char words[512];

	(void)state;
	if (geteuid() || write_paranoid(3))
		SKIP("needs root: the sysctl kernel.perf_event_paranoid is set");
	look("profile", words);
	assert_non_null(strstr(words, "kernel.perf_event_paranoid is 3"));
	assert_non_null(strstr(words, "set it to 2"));
	assert_int_equal(write_paranoid(2), 0);
	look("profile", words);
	assert_null(strstr(words, "perf_event_paranoid"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_check_says_something_in_one_line),
		cmocka_unit_test(a_missing_capability_is_named),
		cmocka_unit_test_setup_teardown(a_kernel_that_lets_root_alone_sample_is_announced,
						remember_paranoid, restore_paranoid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
