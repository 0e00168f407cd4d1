/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bpf/btf.h>

#include "tap/load.h"

/* What a kernel says of itself whose programs at dropped packets are called with so many ARGUMENTS.
 */
static struct btf *kernel_with(unsigned arguments)
{
	struct btf *btf = btf__new_empty();
	int function;

	assert_non_null(btf);
	function = btf__add_func_proto(btf, 0);
	assert_true(function > 0);
	for (unsigned i = 0; i < arguments; i++)
		assert_int_equal(btf__add_func_param(btf, "", 0), 0);
	assert_true(btf__add_typedef(btf, "btf_trace_kfree_skb", btf__add_ptr(btf, function)) > 0);
	return btf;
}

static void drops_are_told_with_their_socket_only(void **state)
{
	struct btf *empty = btf__new_empty(), *old = kernel_with(4), *new = kernel_with(5);

	(void)state;
	assert_false(load_tells_drops(NULL));
	assert_false(load_tells_drops(empty));
	assert_false(load_tells_drops(old));
	assert_true(load_tells_drops(new));
	btf__free(empty);
	btf__free(old);
	btf__free(new);
}

static void something_else_of_that_name_is_no_call(void **state)
{
	struct btf *btf = btf__new_empty();

	(void)state;
	assert_true(btf__add_typedef(btf, "btf_trace_kfree_skb",
				     btf__add_int(btf, "int", 4, BTF_INT_SIGNED)) > 0);
	assert_false(load_tells_drops(btf));
	btf__free(btf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drops_are_told_with_their_socket_only),
		cmocka_unit_test(something_else_of_that_name_is_no_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
