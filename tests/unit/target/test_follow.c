/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <poll.h>
#include <sys/prctl.h>

#include <cmocka.h>

#include "target/contained.h"
#include "target/follow.h"
#include "tests/unit/support/cgroups.h"

/* What the hooks were called for. */
static struct attached {
	unsigned target;
	uint64_t id;
	bool there;
} attached[64];

static size_t attached_len;
static bool refusing, lingering;

static int attach(void *context, unsigned target, const struct cgroup *c, void **handle, char *why,
		  size_t why_len)
{
	(void)context;
	if (refusing) {
		snprintf(why, why_len, "it is not to be");
		return -EPERM;
	}
	*handle = &attached[attached_len];
	attached[attached_len++] = (struct attached){target, c->id, true};
	return 0;
}

static void detach(void *context, void *handle)
{
	(void)context;
	((struct attached *)handle)->there = false;
}

static bool lingers(void *context, void *handle)
{
	(void)context;
	(void)handle;
	return lingering;
}

static const struct follow_hooks hooks = {attach, detach, lingers, NULL};

/* --- a few targets, followed -------------------------------------------------------------------
 */

static struct target targets[4];
static struct follow *follow;
static size_t targets_len;

static void add_target(enum config_target_kind kind, const char *what)
{
	struct config_target config = {.kind = kind, .name = (char *)what};
	char why[512] = "";

	if (target_init(&targets[targets_len], &config, kind == TARGET_UNIT ? base : mount, why,
			sizeof(why)))
		fail_msg("%s: %s", what, why);
	targets_len++;
}

static void add_cgroup(const char *below)
{
	char path[PATH_MAX];

	path_of(path, below);
	add_target(TARGET_CGROUP, path);
}

static void begin(void)
{
	char why[512] = "";
	size_t which;

	attached_len = 0;
	refusing = lingering = false;
	assert_int_equal(follow_new(targets, targets_len, mount, &follow), 0);
	if (follow_attach(follow, &hooks, &which, why, sizeof(why)))
		fail_msg("%s", why);
}

static int finish(void **state)
{
	(void)state;
	follow_free(follow);
	follow = NULL;
	while (targets_len)
		target_fini(&targets[--targets_len]);
	for (size_t i = 0; i < attached_len; i++)
		assert_false(attached[i].there);
	if (base[0]) {
		remove_below(base);
		mkdir(base, 0755);
	}
	return 0;
}

static void is(unsigned target, enum target_state state, unsigned cgroups, const char *words)
{
	struct target_status s;

	follow_once(follow, false);
	s = target_status(&targets[target]);
	assert_string_equal(target_states[s.state], target_states[state]);
	assert_int_equal(s.cgroups, cgroups);
	assert_true(s.since_ns);
	if (!strstr(s.reason, words))
		fail_msg("'%s' does not say '%s'", s.reason, words);
}

/* Attached now, of target number TARGET. */
static unsigned held(unsigned target)
{
	unsigned n = 0;

	for (size_t i = 0; i < attached_len; i++)
		n += attached[i].target == target && attached[i].there;
	return n;
}

static bool has_changed(void)
{
	struct pollfd fd = {.fd = follow_fd(follow), .events = POLLIN};
	bool changed = poll(&fd, 1, 0) == 1;

	follow_changed(follow);
	return changed;
}

/* --- coming and going --------------------------------------------------------------------------
 */

static void a_target_that_is_not_there_yet_is_waited_for(void **state)
{
	(void)state;
	want_cgroups();
	add_cgroup("later/below");
	begin();
	is(0, TARGET_WAITING, 0, "there is no cgroup v2");
	make("later");
	is(0, TARGET_WAITING, 0, "there is no cgroup v2");
	has_changed();
	make("later/below");
	is(0, TARGET_ATTACHED, 1, "");
	assert_true(has_changed());
	assert_false(has_changed());
	assert_int_equal(attached[0].target, 0);
}

static void directories_made_faster_than_they_are_watched_are_found(void **state)
{
	(void)state;
	want_cgroups();
	add_cgroup("a/b/c/d");
	begin();
	make("a");
	make("a/b");
	make("a/b/c");
	make("a/b/c/d");
	is(0, TARGET_ATTACHED, 1, "");
}

static void one_made_anew_at_the_same_path_is_attached_again(void **state)
{
	(void)state;
	want_cgroups();
	make("unit");
	add_cgroup("unit");
	begin();
	is(0, TARGET_ATTACHED, 1, "");
	removed("unit");
	is(0, TARGET_GONE, 0, "was removed");
	assert_int_equal(held(0), 1); /* until its sockets are gone: at the next look */
	make("unit");
	is(0, TARGET_ATTACHED, 1, "");
	follow_once(follow, true);
	assert_int_equal(held(0), 1);
	assert_int_not_equal(attached[0].id, attached[1].id);
	assert_false(attached[0].there);
}

static void one_removed_and_made_anew_between_two_looks_is_seen(void **state)
{
	(void)state;
	want_cgroups();
	make("unit");
	add_cgroup("unit");
	begin();
	removed("unit");
	make("unit");
	removed("unit");
	make("unit");
	is(0, TARGET_ATTACHED, 1, "");
	assert_int_equal(attached_len, 2);
	follow_once(follow, true);
	assert_int_equal(attached_len, 2);
}

static void what_lies_above_may_be_made_anew_too(void **state)
{
	(void)state;
	want_cgroups();
	make("upper");
	make("upper/unit");
	add_cgroup("upper/unit");
	begin();
	removed("upper/unit");
	removed("upper");
	make("upper");
	make("upper/unit");
	is(0, TARGET_ATTACHED, 1, "");
	removed("upper/unit");
	make("upper/unit");
	is(0, TARGET_ATTACHED, 1, "");
	assert_int_equal(attached_len, 3);
}

static void sockets_of_a_removed_cgroup_stay_attached_until_they_end(void **state)
{
	(void)state;
	want_cgroups();
	make("unit");
	add_cgroup("unit");
	begin();
	lingering = true;
	removed("unit");
	make("unit");
	is(0, TARGET_ATTACHED, 1, "");
	follow_once(follow, true);
	assert_int_equal(held(0), 2);
	lingering = false;
	follow_once(follow, true);
	assert_int_equal(held(0), 1);
}

static void without_any_notification_a_look_finds_it(void **state)
{
	(void)state;
	want_cgroups();
	make("unit");
	add_cgroup("unit");
	begin();
	removed("unit");
	make("unit");
	follow_once(follow, true);
	assert_int_equal(held(0), 1);
	assert_int_equal(attached_len, 2);
}

/* --- many --------------------------------------------------------------------------------------
 */

static void a_pattern_takes_every_cgroup_that_matches(void **state)
{
	(void)state;
	want_cgroups();
	make("pods");
	make("pods/pod-1");
	make("pods/pod-1/main");
	make("pods/pod-1/other");
	add_cgroup("pods/pod-*/m?in");
	begin();
	is(0, TARGET_ATTACHED, 1, "");
	make("pods/pod-2");
	make("pods/pod-2/main");
	make("pods/nod-2");
	make("pods/nod-2/main");
	is(0, TARGET_ATTACHED, 2, "");
	removed("pods/pod-1/main");
	is(0, TARGET_ATTACHED, 1, "");
	removed("pods/pod-2/main");
	is(0, TARGET_GONE, 0, "was removed");
}

static void a_name_that_looks_like_a_pattern_is_itself(void **state)
{
	(void)state;
	want_cgroups();
	make("system-a\\x2db[1].slice");
	add_cgroup("system-a\\x2db[1].slice");
	begin();
	is(0, TARGET_ATTACHED, 1, "");
}

struct processes {
	unsigned n;
};

static void count(void *context, pid_t pid)
{
	(void)pid;
	((struct processes *)context)->n++;
}

static void processes_of_all_its_cgroups_are_the_targets(void **state)
{
	struct processes seen = {0};
	char path[2][PATH_MAX];
	pid_t pid[2];

	(void)state;
	want_cgroups();
	make("p1");
	make("p2");
	add_cgroup("p?");
	begin();
	for (size_t i = 0; i < 2; i++) {
		path_of(path[i], i ? "p2" : "p1");
		pid[i] = child(enter, path[i]);
	}
	target_each_process(&targets[0], count, &seen);
	assert_int_equal(seen.n, 2);
	end(pid[0]);
	end(pid[1]);
}

/* --- units and processes -----------------------------------------------------------------------
 */

static void a_unit_is_found_in_any_slice_and_nowhere_else(void **state)
{
	(void)state;
	want_cgroups();
	make("system.slice");
	make("user@1.service");
	make("user@1.service/rafiki.service");
	make("system.slice/machine.scope");
	make("system.slice/machine.scope/rafiki.service");
	add_target(TARGET_UNIT, "rafiki.service");
	begin();
	is(0, TARGET_WAITING, 0, "is it running?");
	make("system.slice/system-ilp.slice");
	make("system.slice/system-ilp.slice/rafiki.service");
	is(0, TARGET_ATTACHED, 1, "");
	removed("system.slice/system-ilp.slice/rafiki.service");
	is(0, TARGET_GONE, 0, "was removed");
	make("rafiki.service");
	is(0, TARGET_ATTACHED, 1, "");
}

static void a_unit_takes_the_sockets_that_start_it(void **state)
{
	(void)state;
	want_cgroups();
	make("system.slice");
	make("system.slice/ssh.socket");
	add_target(TARGET_UNIT, "telltale-no-such.service");
	begin();
	is(0, TARGET_WAITING, 0, "is it running?");
	make("system.slice/telltale-no-such.socket");
	is(0, TARGET_ATTACHED, 1, "");
	make("system.slice/telltale-no-such.service");
	is(0, TARGET_ATTACHED, 2, "");
	removed("system.slice/telltale-no-such.service");
	removed("system.slice/telltale-no-such.socket");
	is(0, TARGET_GONE, 0, "was removed");
}

static void a_process_is_followed_until_it_ends(void **state)
{
	char path[PATH_MAX], number[16];
	pid_t pid;

	(void)state;
	want_cgroups();
	make("first");
	path_of(path, "first");
	pid = child(enter, path);
	snprintf(number, sizeof(number), "%d", (int)pid);
	add_target(TARGET_PID, number);
	begin();
	is(0, TARGET_ATTACHED, 1, "");
	end(pid);
	follow_once(follow, true);
	is(0, TARGET_GONE, 0, "has ended");
	assert_int_equal(held(0), 0);
	removed("first");
	make("first");
	is(0, TARGET_GONE, 0, "has ended");
}

static void a_process_that_is_not_there_is_gone(void **state)
{
	(void)state;
	want_cgroups();
	add_target(TARGET_PID, "4194304");
	begin();
	is(0, TARGET_GONE, 0, "no process 4194304");
}

/* --- containers --------------------------------------------------------------------------------
 */

#define ALICE "a11ce00000000000000000000000000000000000000000000000000000000001"
#define AGAIN "a11ce00000000000000000000000000000000000000000000000000000000002"
#define BOB   "b0b0000000000000000000000000000000000000000000000000000000000003"

static char files[] = "/tmp/telltale-follow.XXXXXX";

/* As docker writes down a container. */
static void write_down(const char *id, const char *name)
{
	char path[PATH_MAX];
	FILE *f;

	for (const char *const *dir =
		     (const char *const[]){"", "/var", "/var/lib", "/var/lib/docker",
					   "/var/lib/docker/containers", NULL};
	     *dir; dir++) {
		snprintf(path, sizeof(path), "%s%s", files, *dir);
		mkdir(path, 0755);
	}
	snprintf(path, sizeof(path), "%s/var/lib/docker/containers/%s", files, id);
	mkdir(path, 0755);
	strcat(path, "/config.v2.json");
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "{\"Name\": \"/%s\", \"Config\": {}}", name);
	fclose(f);
	chmod(path, 0600);
}

static int make_files(void **state)
{
	(void)state;
	memcpy(files + strlen(files) - 6, "XXXXXX", 6);
	return mkdtemp(files) ? 0 : -1;
}

static int finish_files(void **state)
{
	char command[PATH_MAX];

	snprintf(command, sizeof(command), "rm -rf %s", files);
	return finish(state) || system(command); /* NOLINT(cert-env33-c) */
}

/* The target's containers are those of FILES. */
static void add_container(const char *traits)
{
	char why[512];
	struct selector *s;

	add_target(TARGET_CONTAINER, traits);
	s = &targets[targets_len - 1].selector;
	contained_free(s->contained);
	assert_int_equal(
		contained_new(TARGET_CONTAINER, s->name, files, &s->contained, why, sizeof(why)),
		0);
}

static void a_container_is_followed_by_its_name(void **state)
{
	(void)state;
	want_cgroups();
	write_down(ALICE, "alice");
	write_down(AGAIN, "alice");
	write_down(BOB, "bob");
	add_container("alice");
	make("docker");
	make("docker/" BOB);
	begin();
	is(0, TARGET_WAITING, 0, "no such container");
	make("docker/" ALICE);
	is(0, TARGET_ATTACHED, 1, "");
	removed("docker/" ALICE);
	is(0, TARGET_GONE, 0, "was removed");
	make("system.slice");
	make("system.slice/docker-" AGAIN ".scope");
	is(0, TARGET_ATTACHED, 1, "");
}

static void a_cgroup_that_others_may_have_made_is_no_container(void **state)
{
	char path[PATH_MAX];

	(void)state;
	want_cgroups();
	write_down(ALICE, "alice");
	write_down(BOB, "bob");
	add_container("alice");
	make("user.slice");
	make(BOB);
	begin();
	make("user.slice/libpod-" ALICE); /* in a delegated cgroup */
	path_of(path, "user.slice/libpod-" ALICE);
	assert_int_equal(chown(path, 1000, 1000), 0);
	make(BOB "/" ALICE); /* inside another container */
	follow_once(follow, true);
	is(0, TARGET_WAITING, 0, "no such container");
	make(ALICE);
	path_of(path, ALICE);
	is(0, TARGET_ATTACHED, 1, "");
}

/* --- programs ----------------------------------------------------------------------------------
 */

static char program[PATH_MAX];

/* A copy of a program that nobody else runs. */
static int make_program(void **state)
{
	char command[2 * PATH_MAX];

	if (make_files(state))
		return -1;
	snprintf(program, sizeof(program), "%s/connector", files);
	snprintf(command, sizeof(command), "cp /bin/sleep %s", program);
	return system(command); /* NOLINT(cert-env33-c) */
}

static pid_t run_program(const char *below)
{
	char path[PATH_MAX];
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		path_of(path, below);
		enter(path);
		execl(program, program, "1000", NULL);
		_exit(1);
	}
	return pid;
}

/* Until the target is attached; without looks from time to time. */
static void becomes_attached(void)
{
	for (unsigned i = 0; i < 12000 && target_status(&targets[0]).state != TARGET_ATTACHED;
	     i++) {
		follow_once(follow, false);
		usleep(10000);
	}
	is(0, TARGET_ATTACHED, 1, "");
}

static void a_program_is_followed_as_soon_as_it_begins(void **state)
{
	pid_t pid;

	(void)state;
	want_cgroups();
	make("first");
	make("second");
	add_target(TARGET_EXECUTABLE, program);
	begin();
	is(0, TARGET_WAITING, 0, "no process of this host runs");
	pid = run_program("first");
	becomes_attached();
	end(pid);
	removed("first");
	follow_once(follow, true);
	is(0, TARGET_GONE, 0, "no process of this host runs");
}

static void a_cgroup_where_other_programs_run_too_is_left_alone(void **state)
{
	char path[PATH_MAX];
	pid_t pid, other;

	(void)state;
	want_cgroups();
	make("first");
	add_target(TARGET_EXECUTABLE, program);
	begin();
	pid = run_program("first");
	becomes_attached();
	path_of(path, "first");
	other = child(enter, path);
	follow_once(follow, true);
	is(0, TARGET_GONE, 0, "together with other programs");
	assert_int_equal(held(0), 0);
	end(other);
	follow_once(follow, true);
	is(0, TARGET_ATTACHED, 1, "");
	end(pid);
}

static void a_program_that_another_user_runs_is_not_followed(void **state)
{
	char path[PATH_MAX];
	pid_t pid, ours;

	(void)state;
	want_cgroups();
	make("theirs");
	path_of(path, "theirs");
	assert_int_equal(chown(path, 1000, 1000), 0);
	make("ours");
	add_target(TARGET_EXECUTABLE, program);
	begin();
	pid = run_program("theirs");
	ours = run_program("ours");
	becomes_attached();
	assert_int_equal(attached_len, 1);
	end(ours);
	end(pid);
}

/* --- what cannot be had ------------------------------------------------------------------------
 */

static void two_targets_never_share_a_cgroup_that_comes_later(void **state)
{
	struct target_status s;

	(void)state;
	want_cgroups();
	make("x");
	add_cgroup("x");
	add_cgroup("*/lower");
	begin();
	is(1, TARGET_WAITING, 0, "there is no cgroup");
	make("x/lower");
	is(1, TARGET_WAITING, 0, "shares its processes");
	make("y");
	make("y/lower");
	is(1, TARGET_ATTACHED, 1, "1 of its cgroups cannot be attached");
	s = target_status(&targets[1]);
	assert_int_equal(s.error, -EINVAL);
	assert_false(target_is_whole(&s));
	removed("x/lower");
	follow_once(follow, true);
	is(1, TARGET_ATTACHED, 1, "");
	s = target_status(&targets[1]);
	assert_true(target_is_whole(&s));
}

static void lock(const char *path)
{
	struct cgroup c;
	char why[512];

	if (cgroup_open(path, &c, why, sizeof(why)) || cgroup_lock(&c, mount, why, sizeof(why)))
		_exit(1);
}

static void one_that_another_instance_took_is_had_when_that_ends(void **state)
{
	char path[PATH_MAX];
	pid_t other;

	(void)state;
	want_cgroups();
	add_cgroup("contested");
	begin();
	make("contested");
	path_of(path, "contested");
	other = child(lock, path);
	is(0, TARGET_WAITING, 0, "already watches");
	end(other);
	follow_once(follow, true);
	is(0, TARGET_ATTACHED, 1, "");
}

static void one_that_only_looks_keeps_no_other_instance_out(void **state)
{
	char path[PATH_MAX];

	(void)state;
	want_cgroups();
	make("looked-at");
	add_cgroup("looked-at");
	assert_int_equal(follow_new(targets, targets_len, mount, &follow), 0);
	follow_unlock(follow);
	path_of(path, "looked-at");
	end(child(lock, path));
}

static void a_refused_attachment_is_said_and_tried_again(void **state)
{
	(void)state;
	want_cgroups();
	add_cgroup("unit");
	begin();
	refusing = true;
	make("unit");
	is(0, TARGET_WAITING, 0, "it is not to be");
	refusing = false;
	follow_once(follow, true);
	is(0, TARGET_ATTACHED, 1, "");
}

static void a_path_that_goes_up_is_no_target(void **state)
{
	struct config_target config = {.kind = TARGET_CGROUP, .name = (char *)"/a/../.."};
	char why[512] = "";
	struct target t;

	(void)state;
	assert_int_equal(target_init(&t, &config, "/sys/fs/cgroup", why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "'..'"));
}

/* --- the thread --------------------------------------------------------------------------------
 */

static void the_thread_attaches_by_itself(void **state)
{
	struct pollfd fd;

	(void)state;
	want_cgroups();
	add_cgroup("unit");
	begin();
	follow_changed(follow);
	assert_int_equal(follow_start(follow), 0);
	fd = (struct pollfd){.fd = follow_fd(follow), .events = POLLIN};
	make("unit");
	assert_int_equal(poll(&fd, 1, 180000), 1);
	assert_int_equal(target_status(&targets[0]).state, TARGET_ATTACHED);
	follow_stop(follow);
	assert_int_equal(held(0), 0);
}

#define FOLLOW_TEST(f)  cmocka_unit_test_teardown(f, finish)
#define FILES_TEST(f)   cmocka_unit_test_setup_teardown(f, make_files, finish_files)
#define PROGRAM_TEST(f) cmocka_unit_test_setup_teardown(f, make_program, finish_files)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FOLLOW_TEST(a_target_that_is_not_there_yet_is_waited_for),
		FOLLOW_TEST(directories_made_faster_than_they_are_watched_are_found),
		FOLLOW_TEST(one_made_anew_at_the_same_path_is_attached_again),
		FOLLOW_TEST(one_removed_and_made_anew_between_two_looks_is_seen),
		FOLLOW_TEST(what_lies_above_may_be_made_anew_too),
		FOLLOW_TEST(sockets_of_a_removed_cgroup_stay_attached_until_they_end),
		FOLLOW_TEST(without_any_notification_a_look_finds_it),
		FOLLOW_TEST(a_pattern_takes_every_cgroup_that_matches),
		FOLLOW_TEST(a_name_that_looks_like_a_pattern_is_itself),
		FOLLOW_TEST(processes_of_all_its_cgroups_are_the_targets),
		FOLLOW_TEST(a_unit_is_found_in_any_slice_and_nowhere_else),
		FOLLOW_TEST(a_unit_takes_the_sockets_that_start_it),
		FILES_TEST(a_container_is_followed_by_its_name),
		PROGRAM_TEST(a_program_is_followed_as_soon_as_it_begins),
		PROGRAM_TEST(a_cgroup_where_other_programs_run_too_is_left_alone),
		PROGRAM_TEST(a_program_that_another_user_runs_is_not_followed),
		FILES_TEST(a_cgroup_that_others_may_have_made_is_no_container),
		FOLLOW_TEST(a_process_is_followed_until_it_ends),
		FOLLOW_TEST(a_process_that_is_not_there_is_gone),
		FOLLOW_TEST(two_targets_never_share_a_cgroup_that_comes_later),
		FOLLOW_TEST(one_that_another_instance_took_is_had_when_that_ends),
		FOLLOW_TEST(one_that_only_looks_keeps_no_other_instance_out),
		FOLLOW_TEST(a_refused_attachment_is_said_and_tried_again),
		FOLLOW_TEST(a_path_that_goes_up_is_no_target),
		FOLLOW_TEST(the_thread_attaches_by_itself),
	};

	return cmocka_run_group_tests(tests, make_cgroups, remove_cgroups);
}
