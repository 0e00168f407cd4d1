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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tap/processes.h"
#include "target/follow.h"
#include "tests/unit/support/skipping.h"

/* A cgroup with the programs loaded for it. */
static char *mount;
static char path[PATH_MAX];
static struct target target;
static struct follow *follow;
static struct probe *probe;

static int make_probe(void **state)
{
	static const struct siphash_key none;
	struct config_target config = {.kind = TARGET_CGROUP, .name = path};
	char why[512] = "";

	(void)state;
	mount = cgroup_mount();
	if (!mount || geteuid() != 0)
		return 0;
	snprintf(path, sizeof(path), "%s/telltale-unit.%d", mount, (int)getpid());
	if (mkdir(path, 0755) || target_init(&target, &config, mount, why, sizeof(why)) ||
	    follow_new(&target, 1, mount, &follow))
		return 0;
	probe_open(&none, &none, 1, 64, &probe, why, sizeof(why));
	return 0;
}

static int close_probe(void **state)
{
	(void)state;
	probe_close(probe);
	follow_free(follow);
	if (follow)
		target_fini(&target);
	if (path[0])
		rmdir(path);
	free(mount);
	return 0;
}

/* Until then it is this test's own program, which has a TLS library too. */
static void wait_for_program(pid_t pid)
{
	char link[64], program[PATH_MAX] = "";

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	for (unsigned i = 0; i < 2000 && !strstr(program, "/openssl"); i++) {
		ssize_t n = readlink(link, program, sizeof(program) - 1);

		program[n > 0 ? n : 0] = '\0';
		usleep(1000);
	}
}

/* A program with OpenSSL in the cgroup, which waits on IN; with number PID, if that is not 0 and
 * free. Returns its number, or -1. */
static pid_t start(pid_t pid, int in)
{
	struct clone_args args = {.exit_signal = SIGCHLD,
				  .set_tid = pid ? (uintptr_t)&pid : 0,
				  .set_tid_size = pid != 0};
	char procs[PATH_MAX + 16];
	int fd;
	pid_t child;

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
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

/* Scans until a process is tapped. */
static bool tapped(struct processes *ps)
{
	for (unsigned i = 0; i < 400 && !processes_tapped(ps); i++) {
		usleep(5000);
		processes_scan(ps);
	}
	return processes_tapped(ps) == 1;
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
	ps = processes_new(probe, &target, 1);
	assert_non_null(ps);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	dup2(file, STDERR_FILENO);
	first = start(0, in[0]);
	assert_true(first > 0);
	assert_true(tapped(ps));
	assert_int_equal(processes_len(ps), 1);
	end(first);
	second = start(first, in[0]); /* the same program, and no scan between */
	assert_int_equal(second, first);
	processes_scan(ps);
	assert_true(tapped(ps));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_with_the_number_of_one_that_ended_is_tapped_anew),
	};

	return cmocka_run_group_tests(tests, make_probe, close_probe);
}
