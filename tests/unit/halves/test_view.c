/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon half's end of the link, against a probe half that this test plays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/bpf.h>

#include "halves/link.h"
#include "halves/view.h"

#define RING_BYTES 65536u

static struct {
	struct view *view;
	int probe; /* the end of the probe half */
	int next;  /* what the daemon half gets when it seeks another one; -1: there is none */
	int ring, counters;
	unsigned clocks, clocks_lost; /* how often they came, and went */
	unsigned targets, resumed, missed, records, closed;
	int opened;
} t;

static void on_target(void *context, const struct wire_target *target)
{
	(void)context;
	(void)target;
	t.targets++;
}

static void on_clocks(void *context, const struct wire_clocks *c)
{
	(void)context;
	t.clocks += c && c->ring_bytes;
	t.clocks_lost += !c;
}

static void on_record(void *context, const void *record, size_t size)
{
	(void)context;
	(void)record;
	(void)size;
	t.records++;
}

static void on_closed(void *context, const void *record, size_t size)
{
	(void)context;
	(void)record;
	(void)size;
	t.closed++;
}

static int on_connect(void *context, int *link)
{
	(void)context;
	if (t.next < 0)
		return -ECONNREFUSED;
	*link = t.next;
	t.next = -1;
	return 0;
}

static void on_resumed(void *context, const struct wire_welcome *w)
{
	(void)context;
	t.resumed++;
	t.missed += w->missed;
}

static void set_up(void)
{
	const struct view_hooks hooks = {.target = on_target,
					 .connect = on_connect,
					 .resumed = on_resumed,
					 .closed = on_closed,
					 .clocks = on_clocks};
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int ends[2];

	memset(&t, 0, sizeof(t));
	t.next = -1;
	t.ring = memfd_create("ring", 0);
	t.counters = memfd_create("counters", 0);
	assert_int_equal(ftruncate(t.ring, (off_t)(2 * page + 2 * RING_BYTES)), 0);
	assert_int_equal(ftruncate(t.counters, (off_t)page), 0);
	assert_int_equal(link_pair(ends), 0);
	t.probe = ends[0];
	t.view = view_new(ends[1], &hooks);
	assert_non_null(t.view);
}

static void tear_down(void)
{
	view_free(t.view);
	if (t.probe >= 0)
		close(t.probe);
	close(t.ring);
	close(t.counters);
}

/* The header of a record at the beginning of the ring, and up to where something was written. */
static void write_ring(uint32_t header, unsigned long written_to)
{
	off_t page = sysconf(_SC_PAGESIZE);

	assert_int_equal(pwrite(t.ring, &header, sizeof(header), 2 * page), sizeof(header));
	assert_int_equal(pwrite(t.ring, &written_to, sizeof(written_to), page), sizeof(written_to));
}

static void say_welcome(uint64_t session, uint32_t targets, uint32_t kept, uint32_t missed)
{
	struct wire_message m = {.welcome = {.session = {session, session},
					     .ring_bytes = RING_BYTES,
					     .targets = targets,
					     .record_version = RECORD_VERSION,
					     .kept = kept,
					     .missed = missed}};
	const int fds[2] = {t.ring, t.counters};

	wire_begin(&m, WIRE_WELCOME);
	assert_int_equal(link_send(t.probe, &m, fds, 2), 0);
}

static void say_target(uint32_t index)
{
	struct wire_message m = {.target = {.index = index}};

	wire_begin(&m, WIRE_TARGET);
	assert_int_equal(link_send(t.probe, &m, NULL, 0), 0);
}

static void say_state(uint64_t execs)
{
	struct wire_message m = {.state = {.execs = execs}};

	wire_begin(&m, WIRE_STATE);
	assert_int_equal(link_send(t.probe, &m, NULL, 0), 0);
}

/* With a ring whose events have HEADER, of which WRITTEN_TO bytes are written. */
static int say_clocks(uint32_t header, unsigned long written_to)
{
	struct wire_message m = {.clocks = {.ring_bytes = RING_BYTES}};
	off_t page = sysconf(_SC_PAGESIZE);
	int fds[2] = {memfd_create("clocks", 0), t.counters};

	assert_int_equal(ftruncate(fds[0], 2 * page + 2 * (off_t)RING_BYTES), 0);
	for (off_t at = 0; at < 400; at += 40)
		assert_int_equal(pwrite(fds[0], &header, sizeof(header), 2 * page + at),
				 sizeof(header));
	assert_int_equal(pwrite(fds[0], &written_to, sizeof(written_to), page), sizeof(written_to));
	wire_begin(&m, WIRE_CLOCKS);
	assert_int_equal(link_send(t.probe, &m, fds, 2), 0);
	return fds[0];
}

static void say_bye(void)
{
	struct wire_message m = {0};

	wire_begin(&m, WIRE_BYE);
	assert_int_equal(link_send(t.probe, &m, NULL, 0), 0);
}

static struct wire_hello hear_hello(void)
{
	struct wire_message m;
	struct link_fds fds;

	assert_int_equal(link_receive(t.probe, WIRE_FROM_DAEMON, &m, &fds), 0);
	assert_int_equal(m.head.type, WIRE_HELLO);
	return m.hello;
}

/* The probe half ends, and another is there or not. */
static void restart_probe(bool another)
{
	int ends[2] = {-1, -1};

	close(t.probe);
	if (another)
		assert_int_equal(link_pair(ends), 0);
	t.probe = ends[0];
	t.next = ends[1];
}

static int open_view(unsigned targets)
{
	char why[256];

	return view_open(t.view, targets, why, sizeof(why));
}

static bool consume(void)
{
	return view_consume(t.view, on_record, NULL);
}

static void open_with_one_target(uint32_t kept)
{
	say_welcome(1, 1, kept, 0);
	say_target(0);
	say_state(5);
	assert_int_equal(open_view(1), 0);
	hear_hello();
	consume();
}

static void a_target_that_is_said_twice_does_not_stand_for_another_one(void **state)
{
	(void)state;
	set_up();
	say_welcome(1, 2, 0, 0);
	say_target(0);
	say_target(0);
	shutdown(t.probe, SHUT_WR);
	assert_int_equal(open_view(2), -EPIPE);
	assert_int_equal(t.targets, 2);
	tear_down();
}

static void a_probe_half_that_leaves_nothing_attached_is_not_waited_for(void **state)
{
	(void)state;
	set_up();
	open_with_one_target(0);
	restart_probe(true);
	consume();
	assert_int_equal(view_end(t.view), VIEW_GONE);
	close(t.next);
	tear_down();
}

static void the_next_probe_half_goes_on_with_the_ring_and_its_counts(void **state)
{
	struct wire_hello hello;

	(void)state;
	set_up();
	open_with_one_target(1);
	restart_probe(false);
	consume();
	assert_true(view_is_away(t.view));
	assert_int_equal(view_end(t.view), VIEW_THERE);
	write_ring(8, 16); /* meanwhile the ring is read */
	consume();
	assert_int_equal(t.records, 1);
	assert_false(view_ask(t.view, &(struct wire_ask){0}));

	restart_probe(true);
	consume();
	hello = hear_hello();
	assert_int_equal(hello.resumes, 1);
	assert_int_equal(hello.session[0], 1);
	say_welcome(1, 1, 1, 0);
	say_target(0);
	say_state(2);
	consume();
	assert_false(view_is_away(t.view));
	assert_int_equal(t.resumed, 1);
	assert_int_equal(t.missed, 0);
	assert_int_equal(view_state(t.view)->execs, 7);
	assert_true(view_ask(t.view, &(struct wire_ask){0}));
	tear_down();
}

static void that_something_was_missed_between_two_probe_halves_is_handed_on(void **state)
{
	(void)state;
	set_up();
	open_with_one_target(1);
	restart_probe(true);
	consume();
	consume();
	say_welcome(1, 1, 1, 1);
	consume();
	assert_int_equal(t.missed, 1);
	tear_down();
}

static void a_probe_half_with_another_ring_is_not_gone_on_with(void **state)
{
	(void)state;
	set_up();
	open_with_one_target(1);
	restart_probe(true);
	consume();
	consume();
	say_bye();
	consume();
	assert_int_equal(view_end(t.view), VIEW_BYE);
	tear_down();

	set_up();
	open_with_one_target(1);
	restart_probe(true);
	consume();
	consume();
	say_welcome(2, 1, 1, 0);
	consume();
	assert_int_equal(view_end(t.view), VIEW_GONE);
	assert_int_equal(t.resumed, 0);
	tear_down();
}

static void consume_clocks(void)
{
	view_consume_clocks(t.view, on_record, NULL);
}

static void the_clocks_events_are_read_from_when_they_are_handed_over(void **state)
{
	unsigned long written_to = 120;
	uint64_t dropped = 7;
	int ring;

	(void)state;
	set_up();
	consume_clocks(); /* there are none */
	assert_int_equal(pwrite(t.counters, &dropped, sizeof(dropped), 0), sizeof(dropped));
	open_with_one_target(1);
	ring = say_clocks(32, 80);
	consume();
	assert_int_equal(t.clocks, 1);
	consume_clocks();
	assert_int_equal(t.records, 0);
	assert_int_equal(view_clocks_lost(t.view), 0);
	assert_int_equal(pwrite(ring, &written_to, sizeof(written_to), sysconf(_SC_PAGESIZE)),
			 sizeof(written_to));
	dropped++;
	assert_int_equal(pwrite(t.counters, &dropped, sizeof(dropped), 0), sizeof(dropped));
	consume_clocks();
	assert_int_equal(t.records, 1);
	assert_int_equal(view_clocks_lost(t.view), 1);
	close(ring);
	tear_down();
}

/* What is left of the columns then has no clock, and no older state goes on. */
static void the_clocks_stop_with_their_probe_half_and_with_a_broken_ring(void **state)
{
	(void)state;
	set_up();
	open_with_one_target(1);
	close(say_clocks(32, 40));
	consume();
	assert_int_equal(t.clocks, 1);
	restart_probe(false);
	consume();
	assert_int_equal(t.clocks_lost, 1);
	assert_int_equal(view_end(t.view), VIEW_THERE);
	consume_clocks();
	tear_down();

	set_up();
	open_with_one_target(1);
	close(say_clocks(9000, 40));
	consume();
	consume_clocks();
	assert_int_equal(t.records, 0);
	assert_int_equal(t.clocks_lost, 1);
	assert_int_equal(view_end(t.view), VIEW_THERE);
	tear_down();
}

/* Its processor was stopped in the middle of it. */
static void what_waits_behind_a_record_that_is_being_written_is_not_read_yet(void **state)
{
	struct wire_message m = {
		.closed = {.len = 1,
			   .closes = {{.head = {.len = sizeof(struct record_flow_close),
						.version = RECORD_VERSION,
						.type = RECORD_FLOW_CLOSE}}}}};

	(void)state;
	set_up();
	open_with_one_target(0);
	wire_begin(&m, WIRE_CLOSED);
	assert_int_equal(link_send(t.probe, &m, NULL, 0), 0);
	write_ring(8 | BPF_RINGBUF_BUSY_BIT, 16);
	assert_false(consume());
	assert_int_equal(t.records, 0);
	assert_int_equal(t.closed, 0);
	write_ring(8, 16);
	assert_true(consume());
	assert_int_equal(t.records, 1);
	assert_int_equal(t.closed, 1);
	assert_true(consume());
	assert_int_equal(t.closed, 1);
	tear_down();
}

static void a_length_beyond_what_was_written_ends_the_reading(void **state)
{
	static const uint32_t lengths[] = {9, RING_BYTES, 0x3fffffff};

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		set_up();
		open_with_one_target(0);
		write_ring(lengths[i], 16);
		consume();
		assert_int_equal(t.records, 0);
		assert_int_equal(view_end(t.view), VIEW_GONE);
		tear_down();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_target_that_is_said_twice_does_not_stand_for_another_one),
		cmocka_unit_test(a_probe_half_that_leaves_nothing_attached_is_not_waited_for),
		cmocka_unit_test(the_next_probe_half_goes_on_with_the_ring_and_its_counts),
		cmocka_unit_test(that_something_was_missed_between_two_probe_halves_is_handed_on),
		cmocka_unit_test(a_probe_half_with_another_ring_is_not_gone_on_with),
		cmocka_unit_test(the_clocks_events_are_read_from_when_they_are_handed_over),
		cmocka_unit_test(the_clocks_stop_with_their_probe_half_and_with_a_broken_ring),
		cmocka_unit_test(what_waits_behind_a_record_that_is_being_written_is_not_read_yet),
		cmocka_unit_test(a_length_beyond_what_was_written_ends_the_reading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
