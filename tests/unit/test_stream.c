/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above, in this order. */
#include <cmocka.h>

#include "decode.h"
#include "seeded.h"

/* A segment, claimed and at once released; the verdict. */
static int segment(struct stream *st, uint32_t seq, uint32_t len, uint32_t *skip)
{
	int verdict = stream_claim(st, seq, len, skip);

	if (verdict != STREAM_OLD && verdict != STREAM_BUSY)
		stream_release(st);
	return verdict;
}

static void segments_in_order_are_each_seen_once(void **state)
{
	struct stream st = {0};
	uint32_t skip = 9, seq = 0xfffffff0; /* past the wrap */

	(void)state;
	assert_int_equal(segment(&st, seq, 10, &skip), STREAM_FIRST);
	assert_int_equal(skip, 0);
	for (int i = 0; i < 5; i++) {
		seq += 10;
		assert_int_equal(segment(&st, seq, 10, &skip), STREAM_NEXT);
		assert_int_equal(skip, 0);
		assert_int_equal(segment(&st, seq, 10, &skip), STREAM_OLD);
	}
}

static void a_first_segment_may_have_the_sequence_number_zero(void **state)
{
	struct stream st = {0};
	uint32_t skip;

	(void)state;
	assert_int_equal(segment(&st, 0, 1, &skip), STREAM_FIRST);
	assert_int_equal(segment(&st, 0, 1, &skip), STREAM_OLD);
}

static void a_retransmission_with_more_gives_only_what_is_new(void **state)
{
	struct stream st = {0};
	uint32_t skip;

	(void)state;
	segment(&st, 1000, 100, &skip);
	assert_int_equal(segment(&st, 1000, 101, &skip), STREAM_NEXT);
	assert_int_equal(skip, 100);
	assert_int_equal(segment(&st, 1050, 52, &skip), STREAM_NEXT);
	assert_int_equal(skip, 51);
	assert_int_equal(segment(&st, 1000, 102, &skip), STREAM_OLD);
	assert_int_equal(segment(&st, 900, 10, &skip), STREAM_OLD);
	assert_int_equal(segment(&st, 1102, 1, &skip), STREAM_NEXT);
	assert_int_equal(skip, 0);
}

static void a_hole_says_its_length_and_what_fills_it_is_old(void **state)
{
	struct stream st = {0};
	uint32_t skip;

	(void)state;
	segment(&st, 1000, 100, &skip);
	assert_int_equal(segment(&st, 1300, 50, &skip), STREAM_HOLE);
	assert_int_equal(skip, 200);
	assert_int_equal(segment(&st, 1100, 200, &skip), STREAM_OLD);
	assert_int_equal(segment(&st, 1350, 1, &skip), STREAM_NEXT);
}

static void half_the_sequence_space_away_is_old(void **state)
{
	struct stream st = {0};
	uint32_t skip;

	(void)state;
	segment(&st, 0, 16, &skip);
	assert_int_equal(segment(&st, 16 + 0x80000000u, 1, &skip), STREAM_OLD);
	assert_int_equal(segment(&st, 16, 1, &skip), STREAM_NEXT);
}

static void two_runs_never_work_on_one_direction_and_the_loss_is_told(void **state)
{
	struct stream st = {0};
	uint32_t skip;

	(void)state;
	assert_int_equal(stream_claim(&st, 1, 10, &skip), STREAM_FIRST);
	assert_int_equal(stream_claim(&st, 11, 10, &skip), STREAM_BUSY);
	assert_int_equal(stream_claim(&st, 21, 10, &skip), STREAM_BUSY);
	stream_release(&st);
	assert_int_equal(stream_claim(&st, 31, 10, &skip), STREAM_MISSED);
	assert_int_equal(skip, 20);
	stream_release(&st);
	assert_int_equal(segment(&st, 11, 20, &skip), STREAM_OLD);
	assert_int_equal(segment(&st, 41, 10, &skip), STREAM_NEXT);
	assert_int_equal(segment(&st, 52, 10, &skip), STREAM_HOLE);
}

static void a_duplicate_that_went_past_is_no_loss(void **state)
{
	struct stream st = {0};
	uint32_t skip;

	(void)state;
	assert_int_equal(stream_claim(&st, 1, 10, &skip), STREAM_FIRST);
	assert_int_equal(stream_claim(&st, 1, 10, &skip), STREAM_BUSY);
	stream_release(&st);
	assert_int_equal(segment(&st, 11, 10, &skip), STREAM_NEXT);
	assert_int_equal(segment(&st, 22, 10, &skip), STREAM_HOLE);
}

static void bytes_that_went_past_are_taken_when_they_are_sent_again(void **state)
{
	struct stream st = {0};
	uint32_t skip;

	(void)state;
	assert_int_equal(stream_claim(&st, 1, 10, &skip), STREAM_FIRST);
	assert_int_equal(stream_claim(&st, 11, 10, &skip), STREAM_BUSY);
	stream_release(&st);
	assert_int_equal(segment(&st, 6, 15, &skip), STREAM_NEXT);
	assert_int_equal(skip, 5);
	assert_int_equal(segment(&st, 22, 10, &skip), STREAM_HOLE);
}

/* Any segments of one stream, against a plain account of it in 64 bits. */
static void any_segments_agree_with_a_plain_account(void **state)
{
	struct seeded random = {17};
	struct stream st = {0};
	uint64_t base = 0xffff0000, next = base;
	uint32_t skip;

	(void)state;
	assert_int_equal(segment(&st, (uint32_t)base, 1, &skip), STREAM_FIRST);
	next++;
	for (unsigned turn = 0; turn < 200000; turn++) {
		uint64_t from = next + seeded_below(&random, 400) - 200;
		uint32_t len = 1 + (uint32_t)seeded_below(&random, 300);
		int verdict = segment(&st, (uint32_t)from, len, &skip);

		if (from > next) {
			assert_int_equal(verdict, STREAM_HOLE);
			assert_int_equal(skip, from - next);
		} else if (from + len <= next) {
			assert_int_equal(verdict, STREAM_OLD);
			continue;
		} else {
			assert_int_equal(verdict, STREAM_NEXT);
			assert_int_equal(skip, next - from);
		}
		next = from + len;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_in_order_are_each_seen_once),
		cmocka_unit_test(a_first_segment_may_have_the_sequence_number_zero),
		cmocka_unit_test(a_retransmission_with_more_gives_only_what_is_new),
		cmocka_unit_test(a_hole_says_its_length_and_what_fills_it_is_old),
		cmocka_unit_test(half_the_sequence_space_away_is_old),
		cmocka_unit_test(two_runs_never_work_on_one_direction_and_the_loss_is_told),
		cmocka_unit_test(a_duplicate_that_went_past_is_no_loss),
		cmocka_unit_test(bytes_that_went_past_are_taken_when_they_are_sent_again),
		cmocka_unit_test(any_segments_agree_with_a_plain_account),
	};

	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
