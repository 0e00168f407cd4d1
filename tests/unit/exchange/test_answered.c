/* SPDX-License-Identifier: Apache-2.0 */
/* test_answered.c - Request-Ids that were answered lately. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/table.h"
#include "bpf/record.h"
#include "exchange/answered.h"

#define CLIENT RECORD_ROLE_CLIENT
#define SERVER RECORD_ROLE_SERVER

/* As unlike as the kernel's keyed hashes are. */
static uint64_t id_of(unsigned i)
{
	return table_hash(i, 7);
}

static void test_the_newest_are_remembered_whatever_their_ids_are(void **state)
{
	struct answered *a = answered_new();

	(void)state;
	assert_non_null(a);
	for (unsigned i = 0; i < ANSWERED_MAX + 10; i++)
		answered_note(a, 1, CLIENT, id_of(i));
	for (unsigned i = 0; i < 10; i++)
		assert_false(answered_lately(a, 1, CLIENT, id_of(i)));
	for (unsigned i = 10; i < ANSWERED_MAX + 10; i++)
		assert_true(answered_lately(a, 1, CLIENT, id_of(i)));
	answered_free(a);
}

static void test_an_id_is_of_its_target_and_its_role(void **state)
{
	struct answered *a = answered_new();

	(void)state;
	assert_non_null(a);
	answered_note(a, 1, CLIENT, 0x1d);
	assert_true(answered_lately(a, 1, CLIENT, 0x1d));
	assert_false(answered_lately(a, 1, SERVER, 0x1d));
	assert_false(answered_lately(a, 2, CLIENT, 0x1d));
	assert_false(answered_lately(a, 1, CLIENT, 0x1e));
	answered_free(a);
}

static void test_one_answered_again_is_new_and_takes_one_place(void **state)
{
	struct answered *a = answered_new();

	(void)state;
	assert_non_null(a);
	for (unsigned i = 0; i < ANSWERED_MAX; i++)
		answered_note(a, 1, CLIENT, id_of(i));
	answered_note(a, 1, CLIENT, id_of(0));
	assert_true(answered_lately(a, 1, CLIENT, id_of(1)));
	answered_note(a, 1, CLIENT, id_of(ANSWERED_MAX));
	assert_true(answered_lately(a, 1, CLIENT, id_of(0)));
	assert_false(answered_lately(a, 1, CLIENT, id_of(1)));
	answered_free(a);
}

static void test_a_target_with_many_pushes_out_none_of_another(void **state)
{
	struct answered *a = answered_new();

	(void)state;
	assert_non_null(a);
	for (unsigned i = 0; i < 100; i++)
		answered_note(a, 1, CLIENT, id_of(i));
	for (unsigned i = 0; i < 3 * ANSWERED_MAX; i++)
		answered_note(a, 2, CLIENT, id_of(1000 + i));
	for (unsigned i = 0; i < 100; i++)
		assert_true(answered_lately(a, 1, CLIENT, id_of(i)));
	answered_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_newest_are_remembered_whatever_their_ids_are),
		cmocka_unit_test(test_an_id_is_of_its_target_and_its_role),
		cmocka_unit_test(test_one_answered_again_is_new_and_takes_one_place),
		cmocka_unit_test(test_a_target_with_many_pushes_out_none_of_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
