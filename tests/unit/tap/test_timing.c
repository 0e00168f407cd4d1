/* SPDX-License-Identifier: Apache-2.0 */
/* timing: which threads write events of their clocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tap/timing.h"
#include "tests/unit/support/skipping.h"

#define RING_BYTES (1u << 16)

static struct timing *timing;
static char why[256] = "it takes root";

static int open_timing(void **state)
{
	static const struct dependencies none;

	(void)state;
	if (geteuid() == 0 && !timing_open(&none, RING_BYTES, &timing, why, sizeof(why)))
		return timing_begin_reading(timing);
	return 0;
}

static int close_timing(void **state)
{
	(void)state;
	timing_close(timing);
	return 0;
}

struct seen {
	pid_t thread;
	size_t n;
};

static void note(void *context, const struct tape_event *event)
{
	struct seen *seen = context;

	seen->n += (pid_t)event->tid == seen->thread;
}

/* The events of a thread; those of others are lost. */
static size_t events_of(pid_t thread)
{
	struct seen seen = {.thread = thread};

	timing_consume(timing, note, &seen);
	return seen.n;
}

/* Sleeps for a moment whenever it is told to: a thread, or a process. */
struct sleeper {
	int go[2], done[2];
	pid_t thread;
};

static void *sleep_when_told(void *context)
{
	struct sleeper *s = context;
	char byte;

	s->thread = (pid_t)syscall(SYS_gettid);
	while (write(s->done[1], "", 1) == 1 && read(s->go[0], &byte, 1) == 1 && byte)
		usleep(1000);
	return NULL;
}

static void open_sleeper(struct sleeper *s)
{
	assert_int_equal(pipe(s->go), 0);
	assert_int_equal(pipe(s->done), 0);
}

static void wait_for(const struct sleeper *s)
{
	char byte;

	assert_int_equal(read(s->done[0], &byte, 1), 1);
}

static void let_sleep(const struct sleeper *s)
{
	assert_int_equal(write(s->go[1], "\1", 1), 1);
	wait_for(s);
}

static void close_sleeper(const struct sleeper *s)
{
	for (size_t i = 0; i < 2; i++) {
		close(s->go[i]);
		close(s->done[i]);
	}
}

/* Until it is told to go away. Returns its number. */
static pid_t start_process(struct sleeper *s)
{
	pid_t pid;

	open_sleeper(s);
	pid = fork();
	if (pid == 0) {
		close(s->go[1]);
		sleep_when_told(s);
		_exit(0);
	}
	assert_true(pid > 0);
	wait_for(s);
	return pid;
}

static void end_process(const struct sleeper *s, pid_t pid)
{
	close_sleeper(s);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* These two are why a process is listed only when nothing of it is watched, and else seldom. */
static void all_threads_of_a_process_of_which_nothing_is_watched_are_watched(void **state)
{
	static struct sleeper s; /* of a thread that stays when this fails */
	pthread_t thread;

	(void)state;
	if (!timing)
		SKIP("%s", why);
	open_sleeper(&s);
	assert_int_equal(pthread_create(&thread, NULL, sleep_when_told, &s), 0);
	wait_for(&s);
	let_sleep(&s);
	assert_int_equal(events_of(s.thread), 0);
	timing_watch_unseen(timing, getpid());
	let_sleep(&s);
	assert_true(events_of(s.thread) > 0);
	assert_int_equal(write(s.go[1], "", 1), 1);
	pthread_join(thread, NULL);
	close_sleeper(&s);
}

static void what_a_watched_thread_starts_is_watched_from_its_beginning(void **state)
{
	struct sleeper s;
	pid_t child;

	(void)state;
	if (!timing)
		SKIP("%s", why);
	timing_watch(timing, getpid());
	child = start_process(&s);
	assert_true(events_of(child) > 0);
	let_sleep(&s);
	assert_true(events_of(child) > 0);
	end_process(&s, child);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_threads_of_a_process_of_which_nothing_is_watched_are_watched),
		cmocka_unit_test(what_a_watched_thread_starts_is_watched_from_its_beginning),
	};

	return cmocka_run_group_tests(tests, open_timing, close_timing);
}
