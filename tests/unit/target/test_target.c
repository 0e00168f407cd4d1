/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "target/target.h"
#include "tests/unit/support/skipping.h"

/* A small tree of cgroups of this test's own: NAME has below it upper, upper/lower and upperhouse.
 */
static char *mount;
static char base[PATH_MAX - 64], name[64];

static void path_of(char path[PATH_MAX], const char *below)
{
	snprintf(path, PATH_MAX, "%s/%s", base, below);
}

static int make_cgroups(void **state)
{
	static const char *const below[] = {"upper", "upper/lower", "upperhouse"};
	char path[PATH_MAX];

	(void)state;
	mount = target_mount();
	if (!mount || geteuid() != 0)
		return 0;
	snprintf(name, sizeof(name), "telltale-unit.%d", (int)getpid());
	snprintf(base, sizeof(base), "%s/%s", mount, name);
	if (mkdir(base, 0755)) {
		base[0] = '\0';
		return 0;
	}
	for (size_t i = 0; i < sizeof(below) / sizeof(below[0]); i++) {
		path_of(path, below[i]);
		if (mkdir(path, 0755))
			return -1;
	}
	return 0;
}

static int remove_cgroups(void **state)
{
	static const char *const below[] = {"upper/lower/double.service",
					    "upper/double.service",
					    "upper/single.service",
					    "upperhouse",
					    "upper/lower",
					    "upper"};
	char path[PATH_MAX];

	(void)state;
	for (size_t i = 0; base[0] && i < sizeof(below) / sizeof(below[0]); i++) {
		path_of(path, below[i]);
		rmdir(path);
	}
	if (base[0])
		rmdir(base);
	free(mount);
	return 0;
}

static void want_cgroups(void)
{
	if (base[0])
		return;
	SKIP("no cgroup can be made here; it takes root and cgroup v2");
}

static int resolve(enum config_target_kind kind, const char *what, struct target *t, char why[512])
{
	struct config_target config = {.kind = kind, .name = (char *)what};

	why[0] = '\0';
	return target_resolve(&config, t, why, 512);
}

static struct target resolved(const char *below)
{
	char path[PATH_MAX], why[512];
	struct target t;

	path_of(path, below);
	if (resolve(TARGET_CGROUP, path, &t, why))
		fail_msg("%s: %s", path, why);
	return t;
}

static void refused(enum config_target_kind kind, const char *what, int err, const char *words)
{
	struct target t;
	char why[512];

	assert_int_equal(resolve(kind, what, &t, why), err);
	if (!strstr(why, words))
		fail_msg("'%s' does not say '%s'", why, words);
	assert_int_equal(t.fd, -1);
	assert_null(t.path);
}

/* --- what the configuration names --------------------------------------------------------------
 */

static void a_cgroup_is_found_by_its_whole_path_and_below_the_mount(void **state)
{
	struct target whole, below;
	char path[PATH_MAX], why[512];
	struct stat st;

	(void)state;
	want_cgroups();
	whole = resolved("upper/lower");
	path_of(path, "upper/lower");
	assert_int_equal(stat(path, &st), 0);
	assert_string_equal(whole.path, path);
	assert_int_equal(whole.id, st.st_ino);
	assert_int_equal(whole.level, 3);
	snprintf(path, sizeof(path), "/%s/upper/lower", name);
	assert_int_equal(resolve(TARGET_CGROUP, path, &below, why), 0);
	assert_int_equal(below.id, whole.id);
	target_fini(&whole);
	target_fini(&below);
}

static void the_root_is_every_process(void **state)
{
	struct target t;
	char why[512];

	(void)state;
	want_cgroups();
	assert_int_equal(resolve(TARGET_CGROUP, "/", &t, why), 0);
	assert_string_equal(t.path, mount);
	assert_int_equal(t.level, 0);
	target_fini(&t);
}

static void a_directory_outside_the_hierarchy_is_no_cgroup(void **state)
{
	char path[PATH_MAX];

	(void)state;
	want_cgroups();
	refused(TARGET_CGROUP, "/../../../..", -EINVAL, "no cgroup v2 directory");
	snprintf(path, sizeof(path), "%s/../../..", mount);
	refused(TARGET_CGROUP, path, -EINVAL, "no cgroup v2 directory");
	refused(TARGET_CGROUP, "/no/such/cgroup", -ENOENT, "no cgroup");
}

static void a_unit_is_found_by_name_wherever_it_lies(void **state)
{
	char path[PATH_MAX], why[512];
	struct target t;

	(void)state;
	want_cgroups();
	refused(TARGET_UNIT, "single.service", -ENOENT, "is it running?");
	path_of(path, "upper/single.service");
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(resolve(TARGET_UNIT, "single.service", &t, why), 0);
	assert_string_equal(t.path, path);
	target_fini(&t);
}

static void of_two_units_with_one_name_none_is_guessed(void **state)
{
	char path[PATH_MAX];

	(void)state;
	want_cgroups();
	path_of(path, "upper/double.service");
	assert_int_equal(mkdir(path, 0755), 0);
	path_of(path, "upper/lower/double.service");
	assert_int_equal(mkdir(path, 0755), 0);
	refused(TARGET_UNIT, "double.service", -EINVAL, "2 cgroups are named double.service");
}

/* --- processes ---------------------------------------------------------------------------------
 */

/* A child that has done ACT, and lives until it is ended. */
static pid_t child(void (*act)(const char *path), const char *path)
{
	char ready = 0;
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		act(path);
		if (write(fds[1], "y", 1) == 1)
			pause();
		_exit(0);
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &ready, 1), 1);
	close(fds[0]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void enter(const char *path)
{
	char procs[PATH_MAX + 16];
	FILE *f;

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
	f = fopen(procs, "w");
	if (!f || fprintf(f, "0\n") < 0 || fclose(f))
		_exit(1);
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

static void a_process_stands_for_its_cgroup(void **state)
{
	struct sought seen = {0};
	char path[PATH_MAX], pid[16], why[512];
	struct target t, upper;

	(void)state;
	want_cgroups();
	path_of(path, "upper/lower");
	seen.pid = child(enter, path);
	snprintf(pid, sizeof(pid), "%d", (int)seen.pid);
	assert_int_equal(resolve(TARGET_PID, pid, &t, why), 0);
	assert_string_equal(t.path, path);
	/* Those of cgroups below are in it as well. */
	upper = resolved("upper");
	target_each_process(&upper, count, &seen);
	assert_int_equal(seen.found, 1);
	assert_int_equal(seen.all, 1);
	end(seen.pid);
	target_fini(&t);
	target_fini(&upper);
	refused(TARGET_PID, pid, -ESRCH, "no process");
}

/* --- who shares what ---------------------------------------------------------------------------
 */

static void targets_that_share_processes_are_told_from_neighbours(void **state)
{
	struct target upper, lower, neighbour;
	char why[512] = "";

	(void)state;
	want_cgroups();
	upper = resolved("upper");
	lower = resolved("upper/lower");
	neighbour = resolved("upperhouse");
	assert_true(target_contains(&upper, &upper));
	assert_true(target_contains(&upper, &lower));
	assert_false(target_contains(&lower, &upper));
	assert_false(target_contains(&upper, &neighbour));
	assert_int_equal(target_disjoint(&neighbour, &upper, 1, why, sizeof(why)), 0);
	assert_int_equal(target_disjoint(&lower, &upper, 1, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "counted twice"));
	assert_int_equal(target_disjoint(&upper, &lower, 1, why, sizeof(why)), -EINVAL);
	target_fini(&upper);
	target_fini(&lower);
	target_fini(&neighbour);
}

static void lock(const char *path)
{
	struct config_target config = {.kind = TARGET_CGROUP, .name = (char *)path};
	struct target t;
	char why[512];

	if (target_resolve(&config, &t, why, sizeof(why)) || target_lock(&t, why, sizeof(why)))
		_exit(1);
}

static void a_second_instance_is_told_who_has_the_target(void **state)
{
	static const char *const sharing[] = {"upper/lower", "upper", ""};
	char path[PATH_MAX], why[512], who[64];
	struct target t;
	pid_t other;

	(void)state;
	want_cgroups();
	path_of(path, "upper");
	other = child(lock, path);
	snprintf(who, sizeof(who), "process %d already watches %.30s", (int)other, path);
	for (size_t i = 0; i < sizeof(sharing) / sizeof(sharing[0]); i++) {
		t = resolved(sharing[i]);
		assert_int_equal(target_lock(&t, why, sizeof(why)), -EBUSY);
		if (!strstr(why, who))
			fail_msg("'%s' does not say '%s'", why, who);
		target_fini(&t);
	}
	t = resolved("upperhouse");
	assert_int_equal(target_lock(&t, why, sizeof(why)), 0);
	target_fini(&t);
	end(other);
	t = resolved("upper");
	assert_int_equal(target_lock(&t, why, sizeof(why)), 0);
	target_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cgroup_is_found_by_its_whole_path_and_below_the_mount),
		cmocka_unit_test(the_root_is_every_process),
		cmocka_unit_test(a_directory_outside_the_hierarchy_is_no_cgroup),
		cmocka_unit_test(a_unit_is_found_by_name_wherever_it_lies),
		cmocka_unit_test(of_two_units_with_one_name_none_is_guessed),
		cmocka_unit_test(a_process_stands_for_its_cgroup),
		cmocka_unit_test(targets_that_share_processes_are_told_from_neighbours),
		cmocka_unit_test(a_second_instance_is_told_who_has_the_target),
	};

	return cmocka_run_group_tests(tests, make_cgroups, remove_cgroups);
}
