/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above, in this order. */
#include <cmocka.h>

#include "tests/unit/support/decode.h"
#include "tests/unit/support/reassemble.h"

/* Claims a segment and leaves it at once. Returns the verdict. */
static int segment(struct stream *st, uint32_t seq, uint32_t len, uint32_t *skip)
{
	int verdict = stream_claim(st, seq, len, skip);

	if (verdict == STREAM_NEXT)
		stream_leave(st);
	return verdict;
}

static void segments_in_order_are_each_seen_once(void **state)
{
	uint32_t skip = 9, seq = 0xfffffff0; /* past the wrap */
	struct stream st = {.next = seq};

	(void)state;
	for (int i = 0; i < 6; i++) {
		assert_int_equal(segment(&st, seq, 10, &skip), STREAM_NEXT);
		assert_int_equal(skip, 0);
		assert_int_equal(segment(&st, seq, 10, &skip), STREAM_OLD);
		seq += 10;
	}
	assert_int_equal(st.inside, 0);
}

static void a_retransmission_with_more_gives_only_what_is_new(void **state)
{
	struct stream st = {.next = 1100};
	uint32_t skip;

	(void)state;
	assert_int_equal(segment(&st, 1000, 101, &skip), STREAM_NEXT);
	assert_int_equal(skip, 100);
	assert_int_equal(segment(&st, 1050, 52, &skip), STREAM_NEXT);
	assert_int_equal(skip, 51);
	assert_int_equal(segment(&st, 1000, 102, &skip), STREAM_OLD);
	assert_int_equal(segment(&st, 900, 10, &skip), STREAM_OLD);
	assert_int_equal(segment(&st, 1102, 1, &skip), STREAM_NEXT);
	assert_int_equal(skip, 0);
}

static void a_segment_too_early_is_not_claimed(void **state)
{
	struct stream st = {.next = 1100};
	uint32_t skip;

	(void)state;
	assert_int_equal(segment(&st, 1300, 50, &skip), STREAM_AHEAD);
	assert_int_equal(st.inside, 0);
	assert_int_equal(segment(&st, 1100, 200, &skip), STREAM_NEXT);
	assert_int_equal(segment(&st, 1300, 1, &skip), STREAM_NEXT);
}

static void a_segment_half_the_sequence_space_away_is_old(void **state)
{
	struct stream st = {.next = 16};
	uint32_t skip;

	(void)state;
	assert_int_equal(segment(&st, 16 + 0x80000000u, 1, &skip), STREAM_OLD);
	assert_int_equal(segment(&st, 16, 1, &skip), STREAM_NEXT);
}

static void two_runs_never_work_on_one_direction(void **state)
{
	struct stream st = {.next = 1};
	uint32_t skip;

	(void)state;
	assert_int_equal(stream_claim(&st, 1, 10, &skip), STREAM_NEXT);
	assert_int_equal(stream_claim(&st, 11, 10, &skip), STREAM_BUSY);
	assert_int_equal(stream_claim(&st, 1, 10, &skip), STREAM_BUSY);
	stream_leave(&st);
	assert_int_equal(segment(&st, 11, 10, &skip), STREAM_NEXT);
}

static void only_a_hole_that_tcp_has_filled_is_given_up(void **state)
{
	struct reassemble r;

	(void)state;
	reassemble_init(&r, 1000);
	reassemble_keep(&r, 1300, 50);
	reassemble_settle(&r, 1000); /* TCP has the same hole */
	assert_int_equal(r.stream.next, 1000);
	assert_int_equal(r.missed, 0);
	reassemble_settle(&r, 1200); /* part of it has come to TCP unseen */
	assert_int_equal(r.stream.next, 1200);
	assert_int_equal(r.missed, 200);
	reassemble_settle(&r, 1350); /* all of it has; what was kept is still read */
	assert_int_equal(r.stream.next, 1350);
	assert_int_equal(r.missed, 300);
	assert_int_equal(r.read, 50);
	assert_int_equal(r.stash.waiting, 0);
}

static void a_fin_that_overtakes_data_ends_nothing_before_them(void **state)
{
	struct reassemble r;

	(void)state;
	reassemble_init(&r, 0xffffffff - 50);
	r.stash.waiting = 1;
	assert_true(stream_note_end(&r.stream, r.stream.next + 100, STREAM_FIN));
	reassemble_settle(&r, r.stream.next);
	assert_false(stream_is_over(&r.stream));
	reassemble_keep(&r, r.stream.next, 99);
	reassemble_settle(&r, r.stream.next);
	assert_false(stream_is_over(&r.stream));
	/* The FIN counts as a byte of TCP's, but none was missed. */
	reassemble_keep(&r, r.stream.next, 1);
	reassemble_settle(&r, r.stream.next + 2);
	assert_true(stream_is_over(&r.stream));
	assert_int_equal(r.missed, 0);
	assert_int_equal(r.read, 100);
}

static void a_reset_behind_the_fin_misses_nothing(void **state)
{
	struct stream st = {.next = 0xffffffff};
	struct stream_stash stash = {0};

	(void)state;
	assert_true(stream_note_end(&st, 0xffffffff, STREAM_FIN));
	assert_true(stream_is_over(&st));
	stream_pass_end(&st);
	assert_true(stream_note_end(&st, 0, STREAM_RST));
	assert_int_equal(stream_give_up(&st, &stash, 0), 0); /* by TCP's account, the FIN is in */
	assert_true(stream_is_over(&st));
}

static void an_end_out_of_reach_is_not_believed(void **state)
{
	struct stream st = {.next = 5000};

	(void)state;
	assert_false(stream_note_end(&st, 4999, STREAM_FIN));
	assert_false(stream_note_end(&st, 5000 + STREAM_REACH, STREAM_RST));
	assert_int_equal(st.ended, 0);
	assert_true(stream_note_end(&st, 5000, STREAM_RST));
	assert_true(stream_is_over(&st));
}

static void a_segment_without_a_place_is_refused_and_the_rest_is_read(void **state)
{
	const uint32_t places = STREAM_PLACES - STREAM_PLACES_OUT;
	struct reassemble r;

	(void)state;
	reassemble_init(&r, 0);
	for (uint32_t i = 0; i <= places; i++) /* no two next to each other: one too many */
		reassemble_keep(&r, 100 + i * 10, 5);
	assert_true(r.stream.refused);
	reassemble_settle(&r, 100 + places * 10 + 5);
	assert_int_equal(r.read, places * 5);
	assert_int_equal(r.read + r.missed, 100 + places * 10 + 5);
}

/* As many bytes as an HTTP/2 receiver lets be under way, unless it asks for more. */
static void behind_a_lost_segment_64_kib_are_kept(void **state)
{
	const uint32_t len = 1448, segments = 65536 / len + 1;
	struct reassemble r;

	(void)state;
	reassemble_init(&r, 0);
	for (uint32_t i = 1; i <= segments; i++)
		reassemble_keep(&r, i * len, len);
	assert_false(r.stream.refused);
	reassemble_keep(&r, 0, len);
	reassemble_settle(&r, 0);
	assert_int_equal(r.read, (segments + 1) * len);
	assert_int_equal(r.missed, 0);
}

static void places_are_not_taken_by_the_other_direction(void **state)
{
	struct reassemble r;

	(void)state;
	reassemble_init(&r, 100);
	r.stash.places[3] =
		(struct stream_place){.seq = 100, .len = 9, .out = 1, .state = PLACE_READY};
	reassemble_settle(&r, 100);
	assert_int_equal(r.stream.next, 100);
	assert_int_equal(r.stash.places[3].state, PLACE_READY);
}

/*
 * A stream is cut at random. Its segments are reordered, doubled and overlap, and go to two runs
 * that take turns at every step. All bytes must be read once, in order.
 */
static void any_order_of_segments_on_two_cpus_gives_the_stream(void **state)
{
	static struct race race;

	(void)state;
	for (uint64_t seed = 1; seed <= 3000; seed++) {
		race_init(&race, seed);
		while (race_step(&race))
			;
		if (race.r.read != race.len || race.r.missed || race.r.stream.inside) {
			print_message("seed %" PRIu64 ": read %u of %u, missed %u\n", seed,
				      race.r.read, race.len, race.r.missed);
			fail();
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_in_order_are_each_seen_once),
		cmocka_unit_test(a_retransmission_with_more_gives_only_what_is_new),
		cmocka_unit_test(a_segment_too_early_is_not_claimed),
		cmocka_unit_test(a_segment_half_the_sequence_space_away_is_old),
		cmocka_unit_test(two_runs_never_work_on_one_direction),
		cmocka_unit_test(only_a_hole_that_tcp_has_filled_is_given_up),
		cmocka_unit_test(a_fin_that_overtakes_data_ends_nothing_before_them),
		cmocka_unit_test(a_reset_behind_the_fin_misses_nothing),
		cmocka_unit_test(an_end_out_of_reach_is_not_believed),
		cmocka_unit_test(a_segment_without_a_place_is_refused_and_the_rest_is_read),
		cmocka_unit_test(behind_a_lost_segment_64_kib_are_kept),
		cmocka_unit_test(places_are_not_taken_by_the_other_direction),
		cmocka_unit_test(any_order_of_segments_on_two_cpus_gives_the_stream),
	};

	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
