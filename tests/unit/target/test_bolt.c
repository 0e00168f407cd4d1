/* SPDX-License-Identifier: Apache-2.0 */
/* bolt: what stands in a database is found, and a damaged or hostile one does no harm. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "target/bolt.h"
#include "tests/unit/support/bolting.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct bolting made;
static int fd = -1;

static const struct bolting_item labels[] = {{.key = "app", .text = "rafiki"},
					     {.key = "empty", .text = ""},
					     {.key = "tier", .text = "backend"}};
static const struct bolting_item alice[] = {
	{.key = "image", .text = "rafiki:1"},
	{.key = "labels", .inside = labels, .inside_len = COUNT(labels)}};

static void write_out(size_t len)
{
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, made.bytes, len, 0), len);
}

/* Root 2 -> "v1" 3 -> a branch 4 of two leaves, 5 and 6; "alice" is a bucket of its own page. */
static int make(void **state)
{
	static const struct bolting_item root[] = {{.key = "v1", .page = 4}};
	static const struct bolting_item low[] = {{.key = "alice", .page = 7},
						  {.key = "bob", .text = "a text"}};
	static const struct bolting_item high[] = {{.key = "carol", .text = "she"},
						   {.key = "dora", .text = "her"}};
	static const char *const keys[] = {"alice", "carol"};
	static const uint64_t pages[] = {5, 6};

	(void)state;
	memset(&made, 0, sizeof(made));
	bolting_meta(&made, 0, 7, 2);
	bolting_meta(&made, 1, 6, 11); /* older, and its root is gone */
	bolting_leaf(&made, 2, root, COUNT(root));
	bolting_branch(&made, 4, keys, pages, COUNT(keys));
	bolting_leaf(&made, 5, low, COUNT(low));
	bolting_leaf(&made, 6, high, COUNT(high));
	bolting_leaf(&made, 7, alice, COUNT(alice));
	fd = memfd_create("bolt", MFD_CLOEXEC);
	assert_true(fd >= 0);
	write_out(sizeof(made.bytes));
	return 0;
}

static int finish(void **state)
{
	(void)state;
	close(fd);
	return 0;
}

/* "v1/alice/image"; NULL in WANT: there is none. */
static void reads(const char *at, const char *want, int error)
{
	char copy[64], *part, *rest = copy, *value = NULL;
	const char *path[8];
	size_t len = 0, value_len = 0;
	int err;

	snprintf(copy, sizeof(copy), "%s", at);
	while ((part = strsep(&rest, "/")))
		path[len++] = part;
	err = bolt_get(fd, path, len, &value, &value_len);
	assert_int_equal(err, error);
	if (want) {
		assert_string_equal(value, want);
		assert_int_equal(value_len, strlen(want));
	}
	free(value);
}

static void values_are_found_in_buckets_of_any_form(void **state)
{
	(void)state;
	reads("v1/bob", "a text", 0);
	reads("v1/carol", "she", 0);
	reads("v1/dora", "her", 0);
	reads("v1/alice/image", "rafiki:1", 0);
	reads("v1/alice/labels/app", "rafiki", 0);
	reads("v1/alice/labels/empty", "", 0);
	reads("v1/alice/labels/tier", "backend", 0);
}

static void what_is_not_there_is_said_to_be_missing(void **state)
{
	static const char *const missing[] = {"v2/bob",
					      "v1/a",
					      "v1/bo",
					      "v1/zz",
					      "v1/alice",
					      "v1/bob/x",
					      "v1/alice/labels",
					      "v1/alice/labels/tie",
					      "v1/alice/labels/tierr"};

	(void)state;
	for (size_t i = 0; i < COUNT(missing); i++)
		reads(missing[i], NULL, -ENOENT);
}

static void collect(void *context, const char *name, size_t name_len, const char *value,
		    size_t value_len)
{
	char *text = context;

	snprintf(text + strlen(text), 128 - strlen(text), "%.*s=%.*s ", (int)name_len, name,
		 (int)value_len, value);
}

static void forget(void *context)
{
	*(char *)context = '\0';
}

static void all_values_of_a_bucket_are_listed(void **state)
{
	static const char *const path[] = {"v1", "alice", "labels"};
	char text[128] = "left over";
	const struct bolt_each each = {collect, forget, text};

	(void)state;
	assert_int_equal(bolt_list(fd, path, 3, &each), 0);
	assert_string_equal(text, "app=rafiki empty= tier=backend ");
	assert_int_equal(bolt_list(fd, path, 1, &each), 0);
	assert_string_equal(text, "bob=a text carol=she dora=her ");
	assert_int_equal(bolt_list(fd, path + 1, 1, &each), -ENOENT);
}

static void the_newest_whole_root_is_taken(void **state)
{
	static const struct bolting_item root[] = {{.key = "only", .text = "this"}};

	(void)state;
	bolting_leaf(&made, 12, root, 1);
	bolting_meta(&made, 1, 8, 12);
	write_out(sizeof(made.bytes));
	reads("only", "this", 0);
	bolting_page(&made, 1)[16 + 20]++; /* half written */
	write_out(sizeof(made.bytes));
	reads("only", NULL, -ENOENT);
	reads("v1/bob", "a text", 0);
	bolting_meta(&made, 1, 8, 12);
	bolting_page(&made, 0)[16]++;
	write_out(sizeof(made.bytes));
	reads("only", "this", 0);
	bolting_page(&made, 1)[16]++;
	write_out(sizeof(made.bytes));
	reads("only", NULL, -EBADMSG);
}

static void a_tree_that_leads_back_into_itself_ends(void **state)
{
	static const char *const keys[] = {"a", "b"};
	static const uint64_t pages[] = {4, 4};
	static const char *const path[] = {"v1"};
	char text[128];
	const struct bolt_each each = {collect, forget, text};

	(void)state;
	bolting_branch(&made, 4, keys, pages, COUNT(keys));
	write_out(sizeof(made.bytes));
	reads("v1/bob", NULL, -EBADMSG);
	assert_int_equal(bolt_list(fd, path, 1, &each), -EBADMSG);
}

static void sizes_that_leave_the_page_are_refused(void **state)
{
	static const size_t places[] = {4, 8, 12}; /* of the key, its length, the value's length */

	(void)state;
	for (size_t i = 0; i < COUNT(places); i++) {
		uint8_t *at = bolting_page(&made, 5) + 32 + places[i];
		uint32_t old;

		memcpy(&old, at, 4);
		bolting_put(at, 0xfffffff0u, 4);
		write_out(sizeof(made.bytes));
		reads("v1/bob", NULL, -EBADMSG);
		bolting_put(at, old, 4);
	}
	bolting_put(bolting_page(&made, 5) + 12, 0xffffffffu, 4);
	write_out(sizeof(made.bytes));
	reads("v1/bob", NULL, -EBADMSG);
}

/* The sanitizers watch. */
static void any_cut_and_any_changed_byte_does_no_harm(void **state)
{
	static const char *const path[] = {"v1", "alice", "labels"};
	char text[128], *value;
	const struct bolt_each each = {collect, forget, text};
	size_t len;

	(void)state;
	for (size_t cut = 0; cut < 8 * BOLTING_PAGE; cut += 61) {
		write_out(cut);
		bolt_list(fd, path, 3, &each);
	}
	write_out(sizeof(made.bytes));
	for (size_t at = 2 * BOLTING_PAGE; at < 8 * BOLTING_PAGE; at++) {
		if (at % BOLTING_PAGE == 192)
			at += BOLTING_PAGE - 192;
		for (unsigned bit = 0; bit < 8; bit += 7) {
			uint8_t changed = made.bytes[at] ^ (1u << bit);

			assert_int_equal(pwrite(fd, &changed, 1, (off_t)at), 1);
			bolt_list(fd, path, 3, &each);
			bolt_get(fd, path, 2, &value, &len);
			free(value);
		}
		assert_int_equal(pwrite(fd, &made.bytes[at], 1, (off_t)at), 1);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(values_are_found_in_buckets_of_any_form),
		TEST(what_is_not_there_is_said_to_be_missing),
		TEST(all_values_of_a_bucket_are_listed),
		TEST(the_newest_whole_root_is_taken),
		TEST(a_tree_that_leads_back_into_itself_ends),
		TEST(sizes_that_leave_the_page_are_refused),
		TEST(any_cut_and_any_changed_byte_does_no_harm),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
