/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include <cmocka.h>

#include "target/cgroup.h"
#include "tests/unit/support/cgroups.h"

/* NAME has below it upper, upper/lower and upperhouse. */
static int make_tree(void **state)
{
	make_cgroups(state);
	if (base[0]) {
		make("upper");
		make("upper/lower");
		make("upperhouse");
	}
	return 0;
}

static struct cgroup opened(const char *below)
{
	char path[PATH_MAX], why[512];
	struct cgroup c;

	path_of(path, below);
	if (cgroup_open(path, &c, why, sizeof(why)))
		fail_msg("%s: %s", path, why);
	return c;
}

static void a_cgroup_made_anew_at_the_same_path_is_another_one(void **state)
{
	struct cgroup first, second;

	(void)state;
	want_cgroups();
	make("again");
	first = opened("again");
	assert_true(cgroup_is_there(&first));
	removed("again");
	assert_false(cgroup_is_there(&first));
	make("again");
	assert_false(cgroup_is_there(&first));
	second = opened("again");
	assert_true(cgroup_is_there(&second));
	assert_int_not_equal(first.id, second.id);
	cgroup_close(&first);
	cgroup_close(&second);
}

static void a_directory_elsewhere_is_no_cgroup(void **state)
{
	struct cgroup c;
	char why[512];

	(void)state;
	assert_int_equal(cgroup_open("/proc", &c, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "no cgroup v2 directory"));
	assert_int_equal(c.fd, -1);
	assert_int_equal(cgroup_open("/no/such", &c, why, sizeof(why)), -ENOENT);
}

struct sought {
	pid_t pid;
	unsigned found, all;
};

static void count(void *context, pid_t pid)
{
	struct sought *s = context;

	s->all++;
	s->found += s->pid == pid;
}

static void a_process_stands_for_its_cgroup_and_those_above(void **state)
{
	struct sought seen = {0};
	char path[PATH_MAX], found[PATH_MAX], pid[16], why[512];

	(void)state;
	want_cgroups();
	path_of(path, "upper/lower");
	seen.pid = child(enter, path);
	snprintf(pid, sizeof(pid), "%d", (int)seen.pid);
	assert_int_equal(cgroup_of_pid(pid, mount, found, sizeof(found), why, sizeof(why)), 0);
	assert_string_equal(found, path);
	path_of(path, "upper");
	cgroup_each_process(path, count, &seen);
	assert_int_equal(seen.found, 1);
	assert_int_equal(seen.all, 1);
	end(seen.pid);
	assert_int_equal(cgroup_of_pid(pid, mount, found, sizeof(found), why, sizeof(why)), -ESRCH);
	assert_non_null(strstr(why, "no process"));
}

static void cgroups_that_share_processes_are_told_from_neighbours(void **state)
{
	(void)state;
	assert_true(cgroup_contains("/x/upper", "/x/upper"));
	assert_true(cgroup_contains("/x/upper", "/x/upper/lower"));
	assert_false(cgroup_contains("/x/upper/lower", "/x/upper"));
	assert_false(cgroup_contains("/x/upper", "/x/upperhouse"));
}

/* --- who else watches --------------------------------------------------------------------------
 */

static void lock(const char *path)
{
	struct cgroup c;
	char why[512];

	if (cgroup_open(path, &c, why, sizeof(why)) || cgroup_lock(&c, mount, why, sizeof(why)))
		_exit(1);
}

static void a_second_instance_sees_who_has_the_cgroup(void **state)
{
	static const char *const sharing[] = {"upper/lower", "upper", ""};
	char path[PATH_MAX], why[512], who[64];
	struct cgroup c;
	pid_t other;

	(void)state;
	want_cgroups();
	path_of(path, "upper");
	other = child(lock, path);
	snprintf(who, sizeof(who), "process %d already watches %.30s", (int)other, path);
	for (size_t i = 0; i < sizeof(sharing) / sizeof(sharing[0]); i++) {
		c = opened(sharing[i]);
		assert_int_equal(cgroup_lock(&c, mount, why, sizeof(why)), -EBUSY);
		if (!strstr(why, who))
			fail_msg("'%s' does not say '%s'", why, who);
		cgroup_close(&c);
	}
	c = opened("upperhouse");
	assert_int_equal(cgroup_lock(&c, mount, why, sizeof(why)), 0);
	cgroup_close(&c);
	end(other);
	c = opened("upper");
	assert_int_equal(cgroup_lock(&c, mount, why, sizeof(why)), 0);
	cgroup_close(&c);
}

static void look(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || flock(fd, LOCK_SH | LOCK_NB))
		_exit(1);
}

static void an_instance_that_looks_who_has_a_cgroup_keeps_nobody_from_those_below(void **state)
{
	char path[PATH_MAX], why[512] = "";
	struct cgroup c;
	pid_t other;

	(void)state;
	want_cgroups();
	path_of(path, "upper");
	other = child(look, path);
	c = opened("upper/lower");
	assert_int_equal(cgroup_lock(&c, mount, why, sizeof(why)), 0);
	cgroup_close(&c);
	end(other);
}

static void this_process_may_have_a_cgroup_and_one_below(void **state)
{
	struct cgroup above, below;
	char why[512] = "";

	(void)state;
	want_cgroups();
	above = opened("upper");
	below = opened("upper/lower");
	assert_int_equal(cgroup_lock(&above, mount, why, sizeof(why)), 0);
	assert_int_equal(cgroup_lock(&below, mount, why, sizeof(why)), 0);
	cgroup_close(&above);
	cgroup_close(&below);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cgroup_made_anew_at_the_same_path_is_another_one),
		cmocka_unit_test(a_directory_elsewhere_is_no_cgroup),
		cmocka_unit_test(a_process_stands_for_its_cgroup_and_those_above),
		cmocka_unit_test(cgroups_that_share_processes_are_told_from_neighbours),
		cmocka_unit_test(a_second_instance_sees_who_has_the_cgroup),
		cmocka_unit_test(
			an_instance_that_looks_who_has_a_cgroup_keeps_nobody_from_those_below),
		cmocka_unit_test(this_process_may_have_a_cgroup_and_one_below),
	};

	return cmocka_run_group_tests(tests, make_tree, remove_cgroups);
}
