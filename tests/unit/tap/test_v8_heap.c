/* SPDX-License-Identifier: Apache-2.0 */
/* Objects as V8 writes them, in this process's own memory, and what is read of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tap/v8_heap.h"
#include "tap/v8_script.h"

enum { NARROW = 8, TOGETHER = 9, THIN = 13, WIDE = 0, SCOPE = 261, SCRIPT = 167 };

static const struct v8_layout layout = {
	.map_type = 12,
	.first_nonstring = 128,
	.type_scope = SCOPE,
	.type_script = SCRIPT,
	.type_array = 175,
	.scope_locals = 2,
	.scope_first = 3,
	.script_source = 8,
	.script_name = 16,
	.script_line_ends = 24,
};

static struct v8_heap heap;

static int open_heap(void **state)
{
	(void)state;
	return v8_heap_open(&heap, getpid(), &layout);
}

static int close_heap(void **state)
{
	(void)state;
	v8_heap_close(&heap);
	return 0;
}

static uint64_t tagged(const void *object)
{
	return (uint64_t)(uintptr_t)object + 1;
}

static uint64_t small(int64_t number)
{
	return (uint64_t)number << 32;
}

/* The map of objects of this type. */
static uint64_t map_of(unsigned type)
{
	static uint64_t maps[300][2];

	memcpy((char *)maps[type] + 12, &(uint16_t){(uint16_t)type}, sizeof(uint16_t));
	return tagged(maps[type]);
}

/* A string of so many characters of WIDTH bytes. */
static uint64_t string(uint64_t words[64], const void *characters, uint32_t len, size_t width)
{
	words[0] = map_of(width == 1 ? NARROW : WIDE);
	words[1] = (uint64_t)len << 32;
	memcpy(&words[2], characters, len * width);
	return tagged(words);
}

static uint64_t text(uint64_t words[64], const char *characters)
{
	return string(words, characters, (uint32_t)strlen(characters), 1);
}

static void strings_of_each_form_are_read_as_utf8(void **state)
{
	uint64_t one[64], two[64], thin[3], both[4];
	char out[V8_TEXT_LEN];

	(void)state;
	text(one, "caf\xe9");
	string(two, u"\u20ac\n\xd83d", 3, 2);
	both[0] = map_of(TOGETHER);
	both[1] = small(7);
	thin[0] = map_of(THIN);
	thin[2] = tagged(one);
	both[2] = tagged(thin);
	both[3] = tagged(two);
	v8_heap_text(&heap, tagged(both), out);
	assert_string_equal(out, "caf\u00e9\u20ac??");
}

static void what_cannot_be_read_is_empty(void **state)
{
	uint64_t itself[4] = {map_of(TOGETHER), 0, 0, 0};
	char out[V8_TEXT_LEN] = "x";

	(void)state;
	v8_heap_text(&heap, small(3), out);
	assert_string_equal(out, "");
	v8_heap_text(&heap, 0x10001, out);
	assert_string_equal(out, "");
	v8_heap_text(&heap, UINT64_MAX - 2, out);
	assert_string_equal(out, "");
	/* Put together of itself: it ends. */
	itself[2] = itself[3] = tagged(itself);
	v8_heap_text(&heap, tagged(itself), out);
	assert_string_equal(out, "");
	assert_int_equal(v8_heap_type(&heap, 0), -1);
	assert_int_equal(v8_heap_item(&heap, tagged(itself), 5), 0);
}

static void a_long_name_is_cut(void **state)
{
	uint64_t words[64];
	char many[400], out[V8_TEXT_LEN];

	(void)state;
	memset(many, 'a', sizeof(many));
	string(words, many, sizeof(many), 1);
	v8_heap_text(&heap, tagged(words), out);
	assert_int_equal(strlen(out), V8_TEXT_LEN - 1);
}

/* A name may have a number before the two of the function's place, and variables before it. */
static void a_function_s_name_and_place_are_found_among_what_it_has(void **state)
{
	uint64_t name[64], variable[64], outer[2] = {map_of(SCOPE)};
	uint64_t scope[16] = {map_of(SCOPE),       small(0),  small(1),          small(1),
			      text(variable, "x"), small(9),  text(name, "pay"), small(4),
			      small(70),           small(90), tagged(outer)};
	char out[V8_TEXT_LEN];
	uint32_t begins = 1;

	(void)state;
	v8_heap_function(&heap, tagged(scope), out, &begins);
	assert_string_equal(out, "pay");
	assert_int_equal(begins, 70);
	/* Without a name, none is taken from what stands behind. */
	scope[6] = small(0);
	scope[11] = tagged(name);
	v8_heap_function(&heap, tagged(scope), out, &begins);
	assert_string_equal(out, "");
	/* Of a function that has no variables, there is only the name. */
	v8_heap_function(&heap, tagged(name), out, &begins);
	assert_string_equal(out, "pay");
	assert_int_equal(begins, 0);
}

static void lines_are_counted_where_v8_has_not(void **state)
{
	uint64_t source[64], name[64];
	uint64_t script[4] = {map_of(SCRIPT), text(source, "a\nbb\r\nc\rdd"),
			      text(name, "file:///srv/a.js"), small(0)};
	struct v8_scripts *scripts = v8_scripts_new(&heap);
	const struct v8_script *s = v8_scripts_find(scripts, tagged(script));

	(void)state;
	assert_non_null(s);
	assert_string_equal(s->name, "/srv/a.js");
	assert_int_equal(v8_script_line(s, 0), 1);
	assert_int_equal(v8_script_line(s, 2), 2);
	assert_int_equal(v8_script_line(s, 6), 3);
	assert_int_equal(v8_script_line(s, 8), 4);
	assert_int_equal(v8_script_line(s, 9), 4);
	assert_int_equal(v8_script_line(s, 99), 0);
	assert_ptr_equal(v8_scripts_find(scripts, tagged(script)), s);
	assert_null(v8_scripts_find(scripts, tagged(source)));
	v8_scripts_free(scripts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_of_each_form_are_read_as_utf8),
		cmocka_unit_test(what_cannot_be_read_is_empty),
		cmocka_unit_test(a_long_name_is_cut),
		cmocka_unit_test(a_function_s_name_and_place_are_found_among_what_it_has),
		cmocka_unit_test(lines_are_counted_where_v8_has_not),
	};

	return cmocka_run_group_tests(tests, open_heap, close_heap);
}
