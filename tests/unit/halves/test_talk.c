/* SPDX-License-Identifier: Apache-2.0 */
/* talk: what the probe half says to daemon halves as they come, go, break and lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "halves/link.h"
#include "halves/talk.h"

static struct bed {
	char dir[64], socket[96];
	struct event_base *base;
	struct watched watched;
	struct sightings sightings;
	uint64_t execs;
	struct talk *talk;
	struct talk_about about;
	int other; /* the daemon half's end, where there is one alone */

	/* What the rest of the probe half would do. */
	int dropped; /* a file of counters */
	bool goes_on;
	unsigned readers, parted, leaving, left, asked;
	struct record_flow_close ended[40];
	size_t ended_len;
} b;

/* --- in the place of the probe, the processes and the clocks ---------------------------------- */

int probe_ring(const struct probe *p)
{
	(void)p;
	return b.dropped;
}

int probe_dropped(const struct probe *p)
{
	(void)p;
	return b.dropped;
}

bool probe_goes_on(const struct probe *p)
{
	(void)p;
	return b.goes_on;
}

void probe_new_reader(struct probe *p)
{
	(void)p;
	b.readers++;
}

void probe_costs(const struct probe *p, struct load_cost costs[SHARED_PROGRAMS])
{
	(void)p;
	costs[SHARED_PROGRAM_TLS_RETURN] = (struct load_cost){.runs = 7, .ns = 700, .missed = 5};
}

size_t probe_ended(struct probe *p, struct record_flow_close *out, size_t max)
{
	size_t n = b.ended_len < max ? b.ended_len : max;

	(void)p;
	memcpy(out, b.ended, n * sizeof(*out));
	b.ended_len -= n;
	memmove(b.ended, b.ended + n, b.ended_len * sizeof(*out));
	return n;
}

/* So many connections have ended. */
static void end_connections(size_t n)
{
	for (b.ended_len = 0; b.ended_len < n; b.ended_len++)
		b.ended[b.ended_len] =
			(struct record_flow_close){.head = {.len = sizeof(b.ended[0]),
							    .version = RECORD_VERSION,
							    .type = RECORD_FLOW_CLOSE}};
}

size_t processes_len(const struct processes *ps)
{
	(void)ps;
	return 3;
}

size_t processes_tapped(const struct processes *ps)
{
	(void)ps;
	return 2;
}

bool processes_tls_refused(const struct processes *ps)
{
	(void)ps;
	return false;
}

void looker_answer(struct looker *l, const struct wire_ask *ask, struct wire_answer *out)
{
	(void)l;
	b.asked++;
	*out = (struct wire_answer){.id = ask->id, .looked = 1};
}

int timing_ring(const struct timing *t)
{
	(void)t;
	return b.dropped;
}

int timing_dropped_map(const struct timing *t)
{
	(void)t;
	return b.dropped;
}

bool timing_sees_dependencies(const struct timing *t)
{
	(void)t;
	return true;
}

struct load_cost timing_cost(const struct timing *t)
{
	(void)t;
	return (struct load_cost){.runs = 3};
}

/* --- the bed ---------------------------------------------------------------------------------- */

static void on_parted(void *context)
{
	(void)context;
	b.parted++;
}

static void on_leaving(void *context)
{
	(void)context;
	b.leaving++;
}

static void on_left(void *context)
{
	(void)context;
	b.left++;
}

static void count_dropped(uint64_t n)
{
	assert_int_equal(pwrite(b.dropped, &n, sizeof(n), 0), sizeof(n));
}

static int make(void **state)
{
	const struct config_target names[] = {{.name = "unit:alice.service"},
					      {.name = "unit:bob.service"}};

	(void)state;
	memset(&b, 0, sizeof(b));
	snprintf(b.dir, sizeof(b.dir), "/tmp/telltale-talk.XXXXXX");
	if (!mkdtemp(b.dir))
		return -1;
	snprintf(b.socket, sizeof(b.socket), "%s/probe.sock", b.dir);
	b.base = event_base_new();
	b.sightings.targets = 2;
	for (b.watched.len = 0; b.watched.len < 2; b.watched.len++)
		target_init_apart(&b.watched.list[b.watched.len], &names[b.watched.len]);
	b.dropped = memfd_create("dropped", MFD_CLOEXEC);
	b.other = -1;
	b.about = (struct talk_about){.watched = &b.watched,
				      .sightings = &b.sightings,
				      .execs = &b.execs,
				      .session = {11, 12},
				      .parted = on_parted,
				      .leaving = on_leaving,
				      .left = on_left};
	return ftruncate(b.dropped, 4096);
}

static int drop(void **state)
{
	(void)state;
	talk_free(b.talk);
	if (b.other >= 0)
		close(b.other);
	close(b.dropped);
	while (b.watched.len > 0)
		target_fini(&b.watched.list[--b.watched.len]);
	event_base_free(b.base);
	unlink(b.socket);
	return rmdir(b.dir);
}

/* The probe half is a service: daemon halves find it at its socket. */
static void serve(void)
{
	const struct talk_with with = {
		.base = b.base, .link = -1, .socket = b.socket, .user = getuid()};

	assert_int_equal(talk_open(&with, &b.talk), 0);
	assert_int_equal(talk_begin(b.talk, &b.about), 0);
}

/* One daemon half alone, which was started together with this one and says FIRST. */
static int open_with(const struct wire_message *first)
{
	struct talk_with with = {.base = b.base};
	int ends[2];

	assert_int_equal(link_pair(ends), 0);
	b.other = ends[0];
	with.link = ends[1];
	if (first)
		assert_int_equal(link_send(b.other, first, NULL, 0), 0);
	else
		assert_int_equal(shutdown(b.other, SHUT_WR), 0);
	return talk_open(&with, &b.talk);
}

static void run(void)
{
	for (int i = 0; i < 8; i++)
		event_base_loop(b.base, EVLOOP_NONBLOCK);
}

static struct wire_message message(enum wire_type type)
{
	struct wire_message m = {0};

	if (type == WIRE_HELLO)
		m.hello.record_version = RECORD_VERSION;
	wire_begin(&m, type);
	return m;
}

static int say(int fd, struct wire_message m, int legacy)
{
	int err = link_send(fd, &m, &legacy, legacy >= 0);

	run();
	return err;
}

static int come(void)
{
	int fd;

	assert_int_equal(link_connect(b.socket, &fd), 0);
	run();
	return fd;
}

/* The next message to FD of TYPE, or WIRE_TYPES: it is of any. Returns what link_receive does. */
static int hear(int fd, enum wire_type type, struct wire_message *m, struct link_fds *fds)
{
	int err;

	do {
		err = link_receive(fd, WIRE_FROM_PROBE, m, fds);
		if (err || type == WIRE_TYPES || m->head.type == type)
			return err;
		link_fds_close(fds);
	} while (true);
}

static int hear_type(int fd, enum wire_type type, struct wire_message *m)
{
	struct link_fds fds;
	int err = hear(fd, type, m, &fds);

	link_fds_close(&fds);
	return err;
}

/* A daemon half that is welcomed, and what it was told. */
static int join(struct wire_message *m)
{
	int fd = come();

	assert_int_equal(say(fd, message(WIRE_HELLO), -1), 0);
	assert_int_equal(hear_type(fd, WIRE_WELCOME, m), 0);
	return fd;
}

static void leave(int fd)
{
	close(fd);
	run();
}

/* It is sent away: the next that it reads, after what was said before, is the end. */
static void assert_sent_away(int fd)
{
	struct wire_message m;

	while (hear_type(fd, WIRE_TYPES, &m) == 0)
		;
	assert_int_equal(hear_type(fd, WIRE_TYPES, &m), -EPIPE);
	close(fd);
}

/* --- one daemon half alone -------------------------------------------------------------------- */

static void
the_daemon_half_that_was_started_with_it_is_heard_before_anything_is_loaded(void **state)
{
	struct wire_message hello = message(WIRE_HELLO), m;

	(void)state;
	assert_int_equal(open_with(&hello), 0);
	assert_int_equal(hear_type(b.other, WIRE_TYPES, &m), -EAGAIN);
	assert_int_equal(talk_begin(b.talk, &b.about), 0);
	assert_int_equal(hear_type(b.other, WIRE_WELCOME, &m), 0);
	assert_int_equal(m.welcome.targets, 2);
	assert_int_equal(m.welcome.session[1], 12);
}

static void one_that_says_something_else_first_ends_the_start(void **state)
{
	struct wire_message leaving = message(WIRE_LEAVING);

	(void)state;
	assert_int_equal(open_with(&leaving), -EBADMSG);
}

static void one_of_another_version_ends_the_start(void **state)
{
	struct wire_message hello = message(WIRE_HELLO);

	(void)state;
	hello.head.version++;
	assert_int_equal(open_with(&hello), -EPROTONOSUPPORT);
}

static void one_that_has_found_something_wrong_ends_the_start(void **state)
{
	(void)state;
	assert_int_equal(open_with(NULL), -EPIPE);
}

static void when_it_is_gone_so_is_the_reason_to_be_there(void **state)
{
	struct wire_message hello = message(WIRE_HELLO);

	(void)state;
	assert_int_equal(open_with(&hello), 0);
	assert_int_equal(talk_begin(b.talk, &b.about), 0);
	close(b.other);
	b.other = -1;
	run();
	assert_int_equal(b.parted, 1);
	assert_int_equal(b.left, 0);
}

static void when_it_goes_because_this_half_ends_that_is_no_reason(void **state)
{
	struct wire_message hello = message(WIRE_HELLO);

	(void)state;
	assert_int_equal(open_with(&hello), 0);
	assert_int_equal(talk_begin(b.talk, &b.about), 0);
	talk_stopping(b.talk);
	close(b.other);
	b.other = -1;
	run();
	assert_int_equal(b.parted, 0);
}

/* --- daemon halves one after the other -------------------------------------------------------- */

static void a_daemon_half_gets_the_ring_the_counters_and_how_all_does(void **state)
{
	struct wire_message m;
	struct link_fds fds;
	struct stat got, was;
	int fd;

	(void)state;
	serve();
	fd = come();
	assert_int_equal(hear_type(fd, WIRE_TYPES, &m), -EAGAIN); /* it speaks first */
	assert_int_equal(say(fd, message(WIRE_HELLO), -1), 0);
	assert_int_equal(hear(fd, WIRE_WELCOME, &m, &fds), 0);
	assert_true(fds.fd[0] >= 0 && fds.fd[1] >= 0 && fds.fd[2] < 0);
	assert_int_equal(fstat(fds.fd[0], &got) | fstat(b.dropped, &was), 0);
	assert_int_equal(got.st_ino, was.st_ino);
	assert_int_equal(m.welcome.ring_bytes, PROBE_RING_BYTES);
	assert_int_equal(m.welcome.before, WIRE_BEFORE_NONE);
	link_fds_close(&fds);
	assert_int_equal(hear_type(fd, WIRE_TARGET, &m), 0);
	assert_string_equal(m.target.name, "unit:alice.service");
	assert_int_equal(hear_type(fd, WIRE_TARGET, &m), 0);
	assert_string_equal(m.target.name, "unit:bob.service");
	assert_int_equal(hear_type(fd, WIRE_STATE, &m), 0);
	assert_int_equal(m.state.processes, 3);
	assert_int_equal(m.state.programs[PROGRAM_TLS_RETURN].runs, 7);
	assert_int_equal(m.state.programs[PROGRAM_TLS_RETURN].ns, 700);
	assert_int_equal(m.state.programs[PROGRAM_TLS_RETURN].missed, 5);
	assert_int_equal(m.state.programs[PROGRAM_TLS_CALL].missed, 0);
	assert_int_equal(hear_type(fd, WIRE_TYPES, &m), -EAGAIN);
	close(fd);
}

static void only_what_has_changed_of_the_targets_is_said_again(void **state)
{
	const struct target_status gone = {.state = TARGET_GONE, .reason = "removed"};
	struct wire_message m;
	int fd;

	(void)state;
	serve();
	fd = join(&m);
	while (hear_type(fd, WIRE_TARGET, &m) == 0)
		;
	target_set_status(&b.watched.list[1], &gone);
	talk_news(b.talk);
	assert_int_equal(hear_type(fd, WIRE_TARGET, &m), 0);
	assert_int_equal(m.target.index, 1);
	assert_int_equal(m.target.state, TARGET_GONE);
	assert_string_equal(m.target.reason, "removed");
	assert_int_equal(hear_type(fd, WIRE_TARGET, &m), -EAGAIN);
	talk_news(b.talk);
	assert_int_equal(hear_type(fd, WIRE_TARGET, &m), -EAGAIN);
	close(fd);
}

/* Their messages fill the socket more than once. */
static void of_as_many_targets_as_there_may_be_each_is_said_once(void **state)
{
	const struct config_target name = {.name = "unit:one.service"};
	struct wire_message m;
	int fd;

	(void)state;
	for (; b.watched.len < CONFIG_TARGETS_MAX; b.watched.len++)
		assert_int_equal(target_init_apart(&b.watched.list[b.watched.len], &name), 0);
	serve();
	fd = join(&m);
	for (unsigned i = 0; i < CONFIG_TARGETS_MAX; i++) {
		int err = hear_type(fd, WIRE_TARGET, &m);

		if (err == -EAGAIN) {
			run();
			err = hear_type(fd, WIRE_TARGET, &m);
		}
		assert_int_equal(err, 0);
		assert_int_equal(m.target.index, i);
	}
	run();
	assert_int_equal(hear_type(fd, WIRE_TARGET, &m), -EAGAIN);
	leave(fd);
}

static void a_second_one_at_a_time_is_sent_away_and_the_first_stays(void **state)
{
	struct wire_message m;
	int first, second;

	(void)state;
	serve();
	first = join(&m);
	second = come();
	say(second, message(WIRE_HELLO), -1);
	assert_sent_away(second);
	m = message(WIRE_ASK);
	assert_int_equal(say(first, m, -1), 0);
	assert_int_equal(hear_type(first, WIRE_ANSWER, &m), 0);
	leave(first);
	leave(join(&m));
}

/* Its end is not read yet when the next one comes. */
static void one_that_has_just_gone_does_not_keep_the_next_out(void **state)
{
	struct wire_message m;
	int first, fd;

	(void)state;
	serve();
	first = join(&m);
	/* What became ready first is dealt with first. */
	assert_int_equal(link_connect(b.socket, &fd), 0);
	close(first);
	assert_int_equal(say(fd, message(WIRE_HELLO), -1), 0);
	assert_int_equal(hear_type(fd, WIRE_WELCOME, &m), 0);
	close(fd);
}

static void one_that_left_as_planned_leaves_its_records_to_the_next_alone(void **state)
{
	int legacy = memfd_create("records", MFD_CLOEXEC), fd;
	struct wire_message m;
	struct link_fds fds;
	char text[8] = "";

	(void)state;
	assert_int_equal(write(legacy, "records", 8), 8);
	serve();
	fd = join(&m);
	say(fd, message(WIRE_LEAVING), -1);
	assert_true(talk_is_leaving(b.talk));
	say(fd, message(WIRE_LEAVING), -1);
	assert_int_equal(b.readers, 2); /* it came, and it goes */
	say(fd, message(WIRE_GONE), legacy);
	close(legacy);
	leave(fd);
	assert_true(b.leaving);
	assert_int_equal(b.left, 1);
	assert_false(talk_is_leaving(b.talk));
	fd = come();
	say(fd, message(WIRE_HELLO), -1);
	assert_int_equal(hear(fd, WIRE_WELCOME, &m, &fds), 0);
	assert_int_equal(m.welcome.before, WIRE_BEFORE_LEFT);
	assert_int_equal(m.welcome.backlog, 1);
	assert_int_equal(pread(fds.fd[2], text, 8, 0), 8);
	assert_string_equal(text, "records");
	link_fds_close(&fds);
	leave(fd);
	fd = join(&m);
	assert_int_equal(m.welcome.backlog, 0);
	close(fd);
}

static void of_one_that_was_killed_the_next_is_told(void **state)
{
	struct wire_message m;

	(void)state;
	serve();
	leave(join(&m));
	leave(join(&m));
	assert_int_equal(m.welcome.before, WIRE_BEFORE_LOST);
	assert_int_equal(m.welcome.backlog, 0);
	assert_int_equal(b.readers, 4); /* each as it came, and as it went */
	assert_int_equal(b.parted, 0);
}

/* How all does, why there are no clocks, what the witness sees: the second knows nothing of it. */
static void the_next_one_is_told_all_that_the_first_was(void **state)
{
	struct wire_message m;

	(void)state;
	b.about.no_clocks = "no room";
	b.about.missed = true;
	b.sightings.of[1][WITNESS_UNIX].said.open = 1;
	serve();
	for (int i = 0; i < 2; i++) {
		int fd = join(&m);

		assert_int_equal(m.welcome.missed, !i); /* that is said once */
		assert_int_equal(hear_type(fd, WIRE_CLOCKS, &m), 0);
		assert_string_equal(m.clocks.why, "no room");
		for (unsigned target = 0; target < 2; target++) {
			assert_int_equal(hear_type(fd, WIRE_TARGET, &m), 0);
			assert_int_equal(m.target.index, target);
		}
		assert_int_equal(hear_type(fd, WIRE_UNSEEN, &m), 0);
		assert_int_equal(m.unseen.target, 1);
		assert_true(m.unseen.open);
		talk_news(b.talk);
		assert_int_equal(hear_type(fd, WIRE_CLOCKS, &m), -EAGAIN);
		leave(fd);
	}
}

static void what_is_no_file_of_records_is_not_kept(void **state)
{
	int strange[3] = {open("/", O_RDONLY), open("/dev/zero", O_RDONLY),
			  memfd_create("huge", MFD_CLOEXEC)};
	struct wire_message m;

	(void)state;
	assert_int_equal(ftruncate(strange[2], (off_t)WIRE_BACKLOG_MAX + 1), 0);
	serve();
	for (int i = 0; i < 3; i++) {
		int fd = join(&m);

		assert_int_equal(m.welcome.backlog, 0);
		say(fd, message(WIRE_GONE), strange[i]);
		close(strange[i]);
		leave(fd);
	}
	leave(join(&m));
	assert_int_equal(m.welcome.backlog, 0);
}

static void records_that_found_no_room_before_it_came_are_not_its_loss(void **state)
{
	struct wire_message m;
	int fd;

	(void)state;
	serve();
	fd = join(&m);
	assert_int_equal(m.welcome.dropped, 0);
	count_dropped(7);
	leave(fd);
	count_dropped(9); /* two while nobody was there: those are the next one's to say */
	leave(join(&m));
	assert_int_equal(m.welcome.dropped, 7);
}

static void of_a_ring_that_is_new_nothing_is_remembered(void **state)
{
	struct wire_message m;

	(void)state;
	serve();
	leave(join(&m));
	assert_int_equal(m.welcome.before, WIRE_BEFORE_NONE);
}

/* --- one that reads the ring of a probe half before ------------------------------------------- */

static struct wire_message resume(uint64_t k0, uint64_t k1)
{
	struct wire_message m = message(WIRE_HELLO);

	m.hello.resumes = 1;
	m.hello.session[0] = k0;
	m.hello.session[1] = k1;
	return m;
}

static void one_that_has_this_ring_goes_on(void **state)
{
	int legacy = memfd_create("records", MFD_CLOEXEC), fd;
	struct wire_message m;

	(void)state;
	b.goes_on = true;
	serve();
	fd = join(&m);
	say(fd, message(WIRE_GONE), legacy);
	close(legacy);
	leave(fd);
	assert_int_equal(b.readers, 2);
	fd = come();
	say(fd, resume(11, 12), -1);
	assert_int_equal(hear_type(fd, WIRE_WELCOME, &m), 0);
	assert_int_equal(m.welcome.before, WIRE_BEFORE_NONE); /* it was itself */
	assert_int_equal(m.welcome.backlog, 0);
	assert_int_equal(b.readers, 2);
	/* What was not seen may be over, and that was not said. */
	assert_int_equal(hear_type(fd, WIRE_UNSEEN, &m), 0);
	assert_false(m.unseen.open);
	close(fd);
}

static void one_that_has_another_ring_is_told_that_nothing_more_comes(void **state)
{
	struct wire_message m;
	int fd;

	(void)state;
	serve();
	fd = come();
	say(fd, resume(11, 13), -1);
	assert_int_equal(hear_type(fd, WIRE_TYPES, &m), 0);
	assert_int_equal(m.head.type, WIRE_BYE);
	assert_sent_away(fd);
	leave(join(&m));
}

/* --- one that was taken over, or is slow ------------------------------------------------------ */

static void what_may_not_be_said_ends_the_connection_and_nothing_else(void **state)
{
	const enum wire_type early[] = {WIRE_ASK, WIRE_LEAVING, WIRE_GONE};
	struct wire_message m;
	int fd;

	(void)state;
	serve();
	for (size_t i = 0; i < 3; i++) { /* before it was welcomed */
		fd = come();
		say(fd, message(early[i]), -1);
		assert_sent_away(fd);
	}
	fd = join(&m);
	say(fd, message(WIRE_HELLO), -1); /* a second time */
	assert_sent_away(fd);
	fd = join(&m);
	say(fd, message(WIRE_WELCOME), -1); /* what the probe half says */
	assert_sent_away(fd);
	fd = join(&m);
	m = message(WIRE_ASK);
	m.head.version++;
	say(fd, m, -1);
	assert_sent_away(fd);
	assert_int_equal(b.asked, 0);
	leave(join(&m));
}

static void a_question_about_a_target_that_there_is_not_has_no_answer(void **state)
{
	struct wire_message ask = message(WIRE_ASK), m;
	int fd;

	(void)state;
	serve();
	fd = join(&m);
	ask.ask.id = 1;
	ask.ask.target = 2;
	say(fd, ask, -1);
	ask.ask.id = 2;
	ask.ask.target = 1;
	say(fd, ask, -1);
	assert_int_equal(hear_type(fd, WIRE_ANSWER, &m), 0);
	assert_int_equal(m.answer.id, 2);
	assert_int_equal(b.asked, 1);
	close(fd);
}

/* Says all that it can until there is no room in the socket to FD. */
static void fill(void)
{
	for (int i = 0; i < 5000; i++)
		talk_news(b.talk);
}

static void what_finds_no_room_is_said_once_there_is(void **state)
{
	const struct target_status attached = {.state = TARGET_ATTACHED, .cgroups = 4};
	struct wire_message m;
	unsigned targets = 0, closes = 0;
	int fd;

	(void)state;
	serve();
	fd = join(&m);
	while (hear_type(fd, WIRE_TYPES, &m) == 0)
		;
	fill();
	target_set_status(&b.watched.list[0], &attached);
	end_connections(40);
	fill();
	while (hear_type(fd, WIRE_TYPES, &m) == 0) {
		assert_int_not_equal(m.head.type, WIRE_TARGET);
		assert_int_not_equal(m.head.type, WIRE_CLOSED);
	}
	talk_news(b.talk);
	while (hear_type(fd, WIRE_TYPES, &m) == 0) {
		targets += m.head.type == WIRE_TARGET && m.target.cgroups == 4;
		if (m.head.type == WIRE_CLOSED)
			closes += m.closed.len;
	}
	assert_int_equal(targets, 1);
	assert_int_equal(closes, 40);
	close(fd);
}

static void ends_of_connections_wait_for_somebody_to_be_there(void **state)
{
	struct wire_message m;
	int fd;

	(void)state;
	serve();
	end_connections(2);
	talk_closed(b.talk);
	assert_int_equal(b.ended_len, 2);
	fd = join(&m);
	assert_int_equal(hear_type(fd, WIRE_CLOSED, &m), 0);
	assert_int_equal(m.closed.len, 2);
	close(fd);
}

static void its_last_word_is_bye(void **state)
{
	struct wire_message m, last = {0};
	int fd;

	(void)state;
	serve();
	fd = join(&m);
	b.sightings.witnessed_ns = 7;
	end_connections(1);
	talk_stopping(b.talk);
	talk_bye(b.talk);
	talk_hang_up(b.talk);
	/* Before it, all that there is to be said. */
	assert_int_equal(hear_type(fd, WIRE_WITNESSED, &m), 0);
	assert_int_equal(hear_type(fd, WIRE_CLOSED, &m), 0);
	while (hear_type(fd, WIRE_TYPES, &m) == 0)
		last = m;
	assert_int_equal(last.head.type, WIRE_BYE);
	assert_sent_away(fd);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)
	const struct CMUnitTest tests[] = {
		T(the_daemon_half_that_was_started_with_it_is_heard_before_anything_is_loaded),
		T(one_that_says_something_else_first_ends_the_start),
		T(one_of_another_version_ends_the_start),
		T(one_that_has_found_something_wrong_ends_the_start),
		T(when_it_is_gone_so_is_the_reason_to_be_there),
		T(when_it_goes_because_this_half_ends_that_is_no_reason),
		T(a_daemon_half_gets_the_ring_the_counters_and_how_all_does),
		T(only_what_has_changed_of_the_targets_is_said_again),
		T(of_as_many_targets_as_there_may_be_each_is_said_once),
		T(a_second_one_at_a_time_is_sent_away_and_the_first_stays),
		T(one_that_has_just_gone_does_not_keep_the_next_out),
		T(one_that_left_as_planned_leaves_its_records_to_the_next_alone),
		T(of_one_that_was_killed_the_next_is_told),
		T(the_next_one_is_told_all_that_the_first_was),
		T(what_is_no_file_of_records_is_not_kept),
		T(records_that_found_no_room_before_it_came_are_not_its_loss),
		T(of_a_ring_that_is_new_nothing_is_remembered),
		T(one_that_has_this_ring_goes_on),
		T(one_that_has_another_ring_is_told_that_nothing_more_comes),
		T(what_may_not_be_said_ends_the_connection_and_nothing_else),
		T(a_question_about_a_target_that_there_is_not_has_no_answer),
		T(what_finds_no_room_is_said_once_there_is),
		T(ends_of_connections_wait_for_somebody_to_be_there),
		T(its_last_word_is_bye),
	};

	alarm(300); /* with some faults it would wait for ever */
	return cmocka_run_group_tests_name("talk", tests, NULL, NULL);
}
