/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tap/uprobe.h"
#include "tests/unit/support/skipping.h"

/* What the return from a breakpoint is on the kernels that harm: a call the filter does not know.
 */
static int call_the_kernel(int x)
{
	syscall(SYS_getppid);
	return x;
}

static int crash(int x)
{
	(void)x;
	__builtin_trap();
}

static int nothing(int x)
{
	return x;
}

static void a_process_that_a_filter_stops_is_seen_to_be_harmed(void **state)
{
	(void)state;
#ifndef __x86_64__
	SKIP("breakpoints are tried under a filter on x86-64 only");
#endif
	assert_int_equal(uprobe_try_filtered(-1, UPROBE_PERF, call_the_kernel), 1);
	assert_int_equal(uprobe_try_filtered(-1, UPROBE_PERF, crash), 1);
	assert_int_equal(uprobe_try_filtered(-1, UPROBE_PERF, nothing), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_that_a_filter_stops_is_seen_to_be_harmed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
