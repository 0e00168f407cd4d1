/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "target/trigger.h"

/* Unit files below a directory of this test's own. */
static char root[] = "/tmp/test_trigger.XXXXXX";

static void write_unit(const char *path, const char *text)
{
	char whole[PATH_MAX], *slash;
	FILE *f;

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	for (slash = strchr(whole + sizeof(root), '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(whole, 0755);
		*slash = '/';
	}
	f = fopen(whole, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int make_root(void **state)
{
	(void)state;
	return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (!pid) {
		execlp("rm", "rm", "-rf", root, (char *)NULL);
		_exit(127);
	}
	return pid < 0 || waitpid(pid, &status, 0) != pid || status;
}

static void a_socket_starts_the_service_of_its_own_name(void **state)
{
	(void)state;
	assert_true(trigger_starts(root, "plain.socket", "plain.service"));
	assert_true(trigger_starts(root, "plain@1.socket", "plain@1.service"));
	assert_false(trigger_starts(root, "plain.socket", "plainer.service"));
	assert_false(trigger_starts(root, "plainer.socket", "plain.service"));
}

static void a_socket_that_names_a_service_starts_that_one_only(void **state)
{
	(void)state;
	write_unit("/etc/systemd/system/front.socket",
		   "[Socket]\nListenStream=3000\n  Service = rafiki.service\r\n");
	assert_true(trigger_starts(root, "front.socket", "rafiki.service"));
	assert_false(trigger_starts(root, "front.socket", "front.service"));
}

static void the_administrators_file_and_drop_ins_hold_over_the_packages(void **state)
{
	(void)state;
	write_unit("/usr/lib/systemd/system/two.socket", "[Socket]\nService=old.service\n");
	assert_true(trigger_starts(root, "two.socket", "old.service"));
	write_unit("/usr/lib/systemd/system/two.socket.d/10.conf",
		   "[Socket]\nService=mid.service\n");
	assert_true(trigger_starts(root, "two.socket", "mid.service"));
	write_unit("/etc/systemd/system/two.socket.d/10.conf", "[Socket]\nService=new.service\n");
	assert_true(trigger_starts(root, "two.socket", "new.service"));
	assert_false(trigger_starts(root, "two.socket", "mid.service"));
}

static void a_service_may_take_the_sockets_of_others(void **state)
{
	(void)state;
	write_unit("/etc/systemd/system/taker.service",
		   "[Service]\nSockets=a.socket b.socket\nSockets=c.socket\n#Sockets=d.socket\n");
	assert_true(trigger_starts(root, "a.socket", "taker.service"));
	assert_true(trigger_starts(root, "c.socket", "taker.service"));
	assert_false(trigger_starts(root, "d.socket", "taker.service"));
	assert_false(trigger_starts(root, "a.sock", "taker.service"));
	write_unit("/etc/systemd/system/taker.service.d/less.conf", "[Service]\nSockets=\n");
	assert_false(trigger_starts(root, "a.socket", "taker.service"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_socket_starts_the_service_of_its_own_name),
		cmocka_unit_test(a_socket_that_names_a_service_starts_that_one_only),
		cmocka_unit_test(the_administrators_file_and_drop_ins_hold_over_the_packages),
		cmocka_unit_test(a_service_may_take_the_sockets_of_others),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
