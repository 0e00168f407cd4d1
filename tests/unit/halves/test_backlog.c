/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "halves/backlog.h"
#include "halves/wire.h"

#define DOUBTS 4096 /* for which there always is room */

static struct seen {
	struct backlog_head head;
	size_t heads, records, doubts, payments;
	uint64_t last_key, last_destination, last_at_ns;
} seen;

static void see_head(void *context, const struct backlog_head *head)
{
	(void)context;
	seen.head = *head;
	seen.heads++;
}

static void see_doubt(void *context, const struct backlog_doubt *doubt)
{
	(void)context;
	seen.last_key = doubt->key;
	seen.doubts++;
}

static void see_payment(void *context, const struct payment_state *payment)
{
	(void)context;
	seen.last_destination = payment->destination;
	seen.payments++;
}

static void see_record(void *context, const void *record, size_t size)
{
	const struct record_flow_close *close = record;

	(void)context;
	assert_int_equal(size, sizeof(*close));
	assert_true(close->at_ns > seen.last_at_ns); /* in order */
	seen.last_at_ns = close->at_ns;
	seen.records++;
}

static const struct backlog_hooks hooks = {see_head, see_doubt, see_payment, see_record, NULL};

static void add_records(struct backlog *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct record_flow_close close = {.head.len = sizeof(close), .at_ns = i + 1};

		backlog_add(b, &close, sizeof(close));
	}
}

static int forget(void **state)
{
	(void)state;
	memset(&seen, 0, sizeof(seen));
	return 0;
}

static void what_is_put_in_comes_out_in_order(void **state)
{
	struct backlog *b = backlog_new(5);

	(void)state;
	add_records(b, 10000); /* more than one chunk */
	backlog_doubt(b, &(struct backlog_doubt){.key = 7, .target = 1});
	backlog_payment(b, &(struct payment_state){.destination = 8});
	backlog_payment(b, &(struct payment_state){.destination = 9});
	backlog_doubt_target(b, 1);
	backlog_doubt_target(b, 255);
	assert_int_equal(backlog_read(backlog_finish(b), &hooks), 0);
	assert_int_equal(seen.heads, 1);
	assert_int_equal(seen.head.from_ns, 5);
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(backlog_is_doubted(&seen.head, i), i == 1 || i == 255);
	assert_int_equal(seen.head.lost, 0);
	assert_int_equal(seen.records, 10000);
	assert_int_equal(seen.doubts, 1);
	assert_int_equal(seen.last_key, 7);
	assert_int_equal(seen.payments, 2);
	assert_int_equal(seen.last_destination, 9);
	backlog_free(b);
}

static void records_that_find_no_room_are_counted(void **state)
{
	const size_t room = (WIRE_BACKLOG_MAX - DOUBTS * sizeof(struct backlog_doubt)) /
			    sizeof(struct record_flow_close);
	struct backlog *b = backlog_new(1);

	(void)state;
	add_records(b, room + 10);
	assert_int_equal(backlog_read(backlog_finish(b), &hooks), 0);
	assert_int_equal(seen.records + seen.head.lost, room + 10);
	assert_true(seen.head.lost >= 10 && seen.head.lost < 20);
	backlog_free(b);
}

static void doubts_have_room_of_their_own_and_payments_without_room_are_counted(void **state)
{
	struct backlog *b = backlog_new(1);
	uint64_t records;

	(void)state;
	add_records(b, WIRE_BACKLOG_MAX / sizeof(struct record_flow_close));
	for (uint64_t i = 0; i < DOUBTS; i++)
		backlog_doubt(b, &(struct backlog_doubt){.key = i});
	backlog_payment(b, &(struct payment_state){.destination = 8});
	assert_int_equal(backlog_read(backlog_finish(b), &hooks), 0);
	records = WIRE_BACKLOG_MAX / sizeof(struct record_flow_close) - seen.records;
	assert_int_equal(seen.doubts, DOUBTS);
	assert_int_equal(seen.payments, 0);
	assert_int_equal(seen.head.lost, records + 1);
	backlog_free(b);
}

static void a_file_of_any_other_content_is_refused(void **state)
{
	struct backlog *b = backlog_new(1);
	uint64_t far = UINT64_MAX;
	int fd;

	(void)state;
	add_records(b, 3);
	fd = backlog_finish(b);
	/* The lengths in the head, one after the other. */
	for (size_t i = 0; i < 3; i++) {
		off_t at = (off_t)offsetof(struct backlog_head, records_len) + 8 * (off_t)i;
		uint64_t was;

		assert_int_equal(pread(fd, &was, sizeof(was), at), sizeof(was));
		assert_int_equal(pwrite(fd, &far, sizeof(far), at), sizeof(far));
		assert_int_equal(backlog_read(fd, &hooks), -EINVAL);
		assert_int_equal(pwrite(fd, &was, sizeof(was), at), sizeof(was));
	}
	assert_int_equal(seen.records, 0);
	/* A record that claims to be longer than what is left. */
	assert_int_equal(pwrite(fd, &far, 2, sizeof(struct backlog_head)), 2);
	assert_int_equal(backlog_read(fd, &hooks), -EINVAL);
	assert_int_equal(ftruncate(fd, 10), 0);
	assert_int_equal(backlog_read(fd, &hooks), -EINVAL);
	assert_int_equal(ftruncate(fd, WIRE_BACKLOG_MAX + 1L), 0);
	assert_int_equal(backlog_read(fd, &hooks), -EINVAL);
	backlog_free(b);
	fd = open("/dev/zero", O_RDONLY);
	assert_int_equal(backlog_read(fd, &hooks), -EINVAL);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_put_in_comes_out_in_order, forget),
		cmocka_unit_test_setup(records_that_find_no_room_are_counted, forget),
		cmocka_unit_test_setup(
			doubts_have_room_of_their_own_and_payments_without_room_are_counted,
			forget),
		cmocka_unit_test_setup(a_file_of_any_other_content_is_refused, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
