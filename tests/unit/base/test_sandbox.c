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
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/sandbox.h"
#include "tests/unit/support/skipping.h"

static char here[] = "/tmp/test_sandbox.XXXXXX";

/* The status with which a child ends that does BODY. */
static int in_child(int (*body)(void))
{
	pid_t pid = fork();
	int status = 0;

	if (!pid)
		_exit(body());
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int open_errno(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? errno : 0;
}

static int read_and_write(void)
{
	char inside[64], kept[64];
	const struct sandbox_path paths[] = {
		{"/proc/self", false}, {inside, true}, {"/nothing/here", true}, {kept, false}};
	int err;

	snprintf(inside, sizeof(inside), "%s/inside", here);
	snprintf(kept, sizeof(kept), "%s/kept", here);
	if (mkdir(inside, 0700) || mkdir(kept, 0700) || chdir(here))
		return 100;
	err = sandbox_files(paths, 4);
	if (err)
		return err == -EOPNOTSUPP ? 77 : 101;
	if (open_errno("inside/file", O_RDWR | O_CREAT) || rename("inside/file", "inside/other") ||
	    unlink("inside/other"))
		return 1;
	if (open_errno("kept/file", O_RDWR | O_CREAT) != EACCES)
		return 2;
	if (open_errno("/etc/passwd", O_RDONLY) != EACCES)
		return 3;
	if (open_errno("/proc/self/status", O_RDONLY))
		return 4;
	if (!execl("/bin/true", "true", (char *)NULL) || errno != EACCES)
		return 5;
	return 0;
}

static void only_what_was_named_can_be_opened(void **state)
{
	char path[64];
	int status;

	(void)state;
	assert_non_null(mkdtemp(here));
	status = in_child(read_and_write);
	snprintf(path, sizeof(path), "%s/inside", here);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/kept", here);
	rmdir(path);
	rmdir(here);
	if (status == 77)
		SKIP("this kernel has no Landlock");
	assert_int_equal(status, 0);
}

static int core_limit(void)
{
	struct rlimit limit;

	return sandbox_dumps() || getrlimit(RLIMIT_CORE, &limit) || limit.rlim_cur ||
	       limit.rlim_max;
}

static void no_core_is_dumped(void **state)
{
	(void)state;
	assert_int_equal(in_child(core_limit), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_was_named_can_be_opened),
		cmocka_unit_test(no_core_is_dumped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
