/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tap/processes.h"
#include "target/follow.h"
#include "tests/unit/support/skipping.h"

/* Two cgroups with the programs loaded for them. */
static char *mount;
static char paths[2][PATH_MAX];
static struct target targets[2];
static struct follow *follow;
static struct probe *probe;

static int make_target(unsigned i)
{
	struct config_target config = {.kind = TARGET_CGROUP, .name = paths[i]};
	char why[512] = "";

	snprintf(paths[i], sizeof(paths[i]), "%s/telltale-unit.%d.%u", mount, (int)getpid(), i);
	return mkdir(paths[i], 0755) ? -1
				     : target_init(&targets[i], &config, mount, why, sizeof(why));
}

static int make_probe(void **state)
{
	static const struct siphash_key none;
	char why[512] = "";

	(void)state;
	mount = cgroup_mount();
	if (mount && geteuid() == 0 && !make_target(0) && !make_target(1) &&
	    !follow_new(targets, 2, mount, &follow))
		probe_open(&none, &none, 2, 64, &probe, why, sizeof(why));
	return 0;
}

static int close_probe(void **state)
{
	(void)state;
	probe_close(probe);
	follow_free(follow);
	for (size_t i = 0; i < 2; i++) {
		if (follow)
			target_fini(&targets[i]);
		if (paths[i][0])
			rmdir(paths[i]);
	}
	free(mount);
	return 0;
}

/* Until then it is this test's own program, which has a TLS library too. */
static void wait_for_program(pid_t pid)
{
	char link[64], program[PATH_MAX] = "";

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	for (unsigned i = 0; i < 60000 && !strstr(program, "/openssl"); i++) {
		ssize_t n = readlink(link, program, sizeof(program) - 1);

		program[n > 0 ? n : 0] = '\0';
		usleep(1000);
	}
}

/* A program with OpenSSL in a cgroup, which waits on IN; with number PID, if that is not 0 and
 * free. Returns its number, or -1. */
static pid_t start(unsigned target, pid_t pid, int in)
{
	struct clone_args args = {.exit_signal = SIGCHLD,
				  .set_tid = pid ? (uintptr_t)&pid : 0,
				  .set_tid_size = pid != 0};
	char procs[PATH_MAX + 16];
	int fd;
	pid_t child;

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", paths[target]);
	child = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (child) {
		wait_for_program(child);
		return child;
	}
	fd = open(procs, O_WRONLY | O_CLOEXEC);
	if (write(fd, "0", 1) == 1 && dup2(in, STDIN_FILENO) >= 0)
		execlp("openssl", "openssl", "passwd", "-stdin", NULL);
	_exit(1);
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int count_tapped(void *context, pid_t pid, enum process_tls state)
{
	*(size_t *)context += pid && state == PROCESS_TAPPED;
	return 0;
}

static size_t tapped_of(const struct processes *ps, unsigned target)
{
	size_t n = 0;

	processes_each(ps, target, count_tapped, &n);
	return n;
}

/* Scans until so many processes of a target are tapped. */
static bool tapped(struct processes *ps, unsigned target, size_t n)
{
	for (unsigned i = 0; i < 12000 && tapped_of(ps, target) != n; i++) {
		usleep(5000);
		processes_scan(ps);
	}
	return tapped_of(ps, target) == n;
}

static unsigned lines_with(const char *words, const char *file)
{
	FILE *f = fopen(file, "re");
	char line[512];
	unsigned n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, words) != NULL;
	if (f)
		fclose(f);
	return n;
}

static void a_process_with_the_number_of_one_that_ended_is_tapped_anew(void **state)
{
	char log[] = "/tmp/test_processes.XXXXXX", words[64];
	int in[2], file = mkstemp(log), saved = dup(STDERR_FILENO);
	struct processes *ps;
	pid_t first, second;

	(void)state;
	if (!probe || access("/usr/bin/openssl", X_OK)) {
		unlink(log);
		SKIP("it takes root, cgroup v2, BPF and openssl");
	}
	ps = processes_new(probe, targets, 2);
	assert_non_null(ps);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	dup2(file, STDERR_FILENO);
	first = start(0, 0, in[0]);
	assert_true(first > 0);
	assert_true(tapped(ps, 0, 1));
	assert_int_equal(processes_len(ps), 1);
	end(first);
	second = start(0, first, in[0]); /* the same program, and no scan between */
	assert_int_equal(second, first);
	processes_scan(ps);
	assert_true(tapped(ps, 0, 1));
	end(second);
	processes_scan(ps);
	dup2(saved, STDERR_FILENO);
	snprintf(words, sizeof(words), "reading the TLS library of process %d in", (int)first);
	assert_int_equal(lines_with(words, log), 2);
	assert_int_equal(processes_len(ps), 0);
	processes_free(ps);
	close(saved);
	close(file);
	unlink(log);
	close(in[0]);
	close(in[1]);
}

/* Each library takes descriptors: with few of them to be had there is room for so many. */
#define ROOM 3

static void when_room_is_short_the_target_with_most_in_it_gives_some_up(void **state)
{
	struct rlimit before, few;
	struct processes *ps;
	pid_t first[ROOM + 1], other;
	int in[2];

	(void)state;
	if (!probe || access("/usr/bin/openssl", X_OK))
		SKIP("it takes root, cgroup v2, BPF and openssl");
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	for (few.rlim_cur = 64; probe_tls_max(probe) != ROOM && few.rlim_cur < 4096; few.rlim_cur++)
		setrlimit(RLIMIT_NOFILE, &few);
	assert_int_equal(probe_tls_max(probe), ROOM);
	ps = processes_new(probe, targets, 2);
	setrlimit(RLIMIT_NOFILE, &before);
	assert_non_null(ps);
	for (size_t i = 0; i <= ROOM; i++)
		first[i] = start(0, 0, in[0]);
	assert_true(tapped(ps, 0, ROOM));
	other = start(1, 0, in[0]);
	assert_true(tapped(ps, 1, 1));
	assert_int_equal(tapped_of(ps, 0), ROOM - 1);
	for (unsigned i = 0; i < 20; i++)
		processes_scan(ps);
	assert_int_equal(tapped_of(ps, 1), 1); /* nor is it taken away again */
	end(other);
	for (size_t i = 0; i <= ROOM; i++)
		end(first[i]);
	processes_free(ps);
	close(in[0]);
	close(in[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_with_the_number_of_one_that_ended_is_tapped_anew),
		cmocka_unit_test(when_room_is_short_the_target_with_most_in_it_gives_some_up),
	};

	return cmocka_run_group_tests(tests, make_probe, close_probe);
}
