/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/procname.h"

static void it_is_the_program_s_name_whatever_a_thread_calls_itself(void **state)
{
	char name[64] = "";

	(void)state;
	assert_int_equal(prctl(PR_SET_NAME, "MainThread"), 0);
	procname_read(getpid(), name, sizeof(name));
	assert_string_equal(name, "test_procname");
}

static void a_process_that_is_gone_has_none(void **state)
{
	char name[64] = "as it was";
	pid_t pid = fork();

	(void)state;
	if (!pid)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	procname_read(pid, name, sizeof(name));
	assert_string_equal(name, "as it was");
}

static void copy(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	struct stat st = {0};

	assert_true(in >= 0 && out >= 0 && !fstat(in, &st));
	assert_int_equal(sendfile(out, in, NULL, (size_t)st.st_size), st.st_size);
	close(in);
	close(out);
}

static void a_name_with_what_a_terminal_obeys_is_escaped(void **state)
{
	static const char path[] = "/tmp/\x1b[2J\xe2\x80\xae"
				   "evil";
	char name[64] = "";
	pid_t pid;

	(void)state;
	copy("/bin/sleep", path);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(path, path, "100", (char *)NULL);
		_exit(1);
	}
	for (unsigned i = 0; i < 60000 && !strstr(name, "evil"); i++) {
		usleep(1000);
		procname_read(pid, name, sizeof(name));
	}
	assert_string_equal(name, "\\x1b[2J\\u202eevil");
	unlink(path);
	procname_read(pid, name, sizeof(name));
	assert_string_equal(name, "\\x1b[2J\\u202eevil");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_the_program_s_name_whatever_a_thread_calls_itself),
		cmocka_unit_test(a_process_that_is_gone_has_none),
		cmocka_unit_test(a_name_with_what_a_terminal_obeys_is_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
