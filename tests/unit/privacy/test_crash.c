/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The privacy state under kill -9 at every system call.
 *
 * A child process counts payments for some hours and writes what it releases to a pipe, as the
 * exporter would. Its tracer kills it at the entry or the exit of its Nth system call, for every N.
 * Then another child takes up the state. What was released before the kill must hold after it: the
 * same node never gets noise again once its figure was seen, and nothing falls.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "privacy/continual.h"

#define SECOND 1000000000ULL
#define HOUR   (3600 * SECOND)
#define START  (20454 * 24 * HOUR + 21 * HOUR) /* so that the hours include midnight */
#define HOURS  4

static char dir[] = "/tmp/telltale-crash.XXXXXX";
static const struct hostkey key = {1, 2};
static const struct privacy_budget budget = {
	.epsilon_milli = 1000, .day_clip = 1000000, .hour_clip = 100000, .packet_clip = 16};

struct said {
	uint64_t hour;
	struct continual_released released;
};

static void clean(void)
{
	static const char *const names[] = {"privacy.state", ".privacy.state.new", "privacy.lock"};
	char path[128];

	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
}

static void say(int to, const struct continual *c, uint64_t hour)
{
	struct said said = {.hour = hour, .released = *continual_released(c)};

	if (write(to, &said, sizeof(said)) != (ssize_t)sizeof(said))
		_exit(3);
}

/* Counts from hour FROM to hour UPTO and reports what is released after each. */
static void count_payments(int to, uint64_t from, uint64_t upto)
{
	struct continual_options options = {
		.budget = budget, .gap_ns = 2 * HOUR, .random = entropy_take};
	struct contribution payment = {.total_value = 50000, .fulfilled = 2, .rejected = 1};
	static struct entropy entropy;
	struct continual *c;

	entropy_init(&entropy, privacy_random_kernel, NULL);
	options.random_context = &entropy;
	if (state_open(dir, &key, &options.state) ||
	    continual_new(&options, START + from * HOUR, &c))
		_exit(2);
	say(to, c, from);
	for (uint64_t hour = from + 1; hour <= upto; hour++) {
		for (int i = 0; i < 50; i++)
			continual_observe(c, &payment);
		/* Half-way through the hour the open nodes are saved. */
		continual_tick(c, START + hour * HOUR - HOUR / 2);
		continual_tick(c, START + hour * HOUR);
		say(to, c, hour);
	}
	_exit(0);
}

/* The system calls of a run without a kill. Calls of the sanitizers come before and after these. */
struct order {
	bool written, renamed, synced_file, synced_dir;
	unsigned saves;
	unsigned unsaid; /* saves since a figure was reported */
	bool saying;
};

/* A figure may be reported only when the newest rename is on the disk. */
static void watch_order(struct order *o, long call, int fd, int to)
{
	if (o->saying)
		o->unsaid = 0;
	o->saying = false;
	switch (call) {
	case SYS_fsync:
		if (o->renamed)
			o->synced_dir = true;
		else
			o->synced_file = o->written;
		break;
	case SYS_renameat:
	case SYS_renameat2:
		assert_true(o->synced_file);
		o->renamed = true;
		o->synced_dir = o->synced_file = o->written = false;
		o->saves++;
		o->unsaid++;
		break;
	case SYS_write:
		if (fd == to) {
			assert_true(!o->renamed || o->synced_dir);
			assert_false(o->written);
			o->saying = true;
		} else {
			o->written = true;
			o->renamed = false;
		}
		break;
	default: break;
	}
}

/* Runs the child and kills it at its Nth stop at a system call, counted from the first byte
 * reported or file opened; 0: never. Returns how many stops there were. SAID gets what the child
 * reported. */
static unsigned run(unsigned n, uint64_t from, uint64_t upto, struct said *said, size_t *said_len,
		    struct order *order)
{
	unsigned stops = 0;
	int pipes[2], status;
	struct said one;
	pid_t child;

	assert_int_equal(pipe(pipes), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		close(pipes[0]);
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		count_payments(pipes[1], from, upto);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	for (;;) {
		ptrace(PTRACE_SYSCALL, child, NULL, NULL);
		assert_int_equal(waitpid(child, &status, 0), child);
		if (WIFEXITED(status) || WIFSIGNALED(status))
			break;
		if (WIFSTOPPED(status) && WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			struct __ptrace_syscall_info info;

			stops++;
			if (order &&
			    ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(info), &info) > 0 &&
			    info.op == PTRACE_SYSCALL_INFO_ENTRY)
				watch_order(order, (long)info.entry.nr, (int)info.entry.args[0],
					    pipes[1]);
			if (stops == n)
				kill(child, SIGKILL);
		}
	}
	if (!n)
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close(pipes[1]);
	*said_len = 0;
	while (read(pipes[0], &one, sizeof(one)) == (ssize_t)sizeof(one))
		said[(*said_len)++] = one;
	close(pipes[0]);
	return stops;
}

static void a_figure_is_on_the_disk_before_it_is_reported(void **state)
{
	struct said said[HOURS + 1];
	struct order order = {0};
	size_t len;

	(void)state;
	clean();
	run(0, 0, HOURS, said, &len, &order);
	assert_int_equal(len, HOURS + 1);
	assert_true(order.saves >= HOURS + 1);
}

static void
a_kill_at_any_system_call_neither_draws_noise_again_nor_lets_a_counter_fall(void **state)
{
	struct said said[HOURS + 1], after[1];
	size_t len, after_len;
	unsigned stops, resumed = 0;

	(void)state;
	clean();
	stops = run(0, 0, HOURS, said, &len, NULL);
	for (unsigned n = 1; n <= stops; n++) {
		struct order order = {0};
		uint64_t hour;

		clean();
		run(n, 0, HOURS, said, &len, &order);
		hour = len ? said[len - 1].hour : 0;
		/* The child was killed. The next one must report the same figures or newer ones,
		 * but never the same node with other noise.
		 */
		run(0, hour, hour, after, &after_len, NULL);
		assert_int_equal(after_len, 1);
		if (!len)
			continue;
		resumed++;
		for (size_t i = 0; i < CONTINUAL_COUNTERS; i++)
			assert_true(after->released.counters[i] >=
				    said[len - 1].released.counters[i]);
		/* Figures newer than the reported ones had at least begun to be saved. */
		if (memcmp(&after->released, &said[len - 1].released, sizeof(after->released)) != 0)
			assert_true(order.unsaid > 0);
	}
	assert_true(resumed > 20);
	clean();
}

/* The failure that must never happen is one node released twice with different noise. Without the
 * state it does happen, and this test shows that the check above would see it. */
static void the_test_sees_noise_drawn_again_when_the_state_is_lost(void **state)
{
	struct said first[HOURS + 1], second[HOURS + 1];
	size_t len;

	(void)state;
	clean();
	run(0, 0, HOURS, first, &len, NULL);
	clean();
	run(0, 0, HOURS, second, &len, NULL);
	assert_memory_not_equal(&first[HOURS].released, &second[HOURS].released,
				sizeof(first[HOURS].released));
	clean();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_figure_is_on_the_disk_before_it_is_reported),
		cmocka_unit_test(
			a_kill_at_any_system_call_neither_draws_noise_again_nor_lets_a_counter_fall),
		cmocka_unit_test(the_test_sees_noise_drawn_again_when_the_state_is_lost),
	};
	int failed;

	if (!mkdtemp(dir))
		return 1;
	failed = cmocka_run_group_tests_name("crash", tests, NULL, NULL);
	rmdir(dir);
	return failed;
}
