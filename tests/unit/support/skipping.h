/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skipping.h - a test that cannot run here says why. scripts/run-unit makes TAP of it: cmocka's own
 * has no room for a reason, and calls a skipped test "not ok".
 */
#ifndef TELLTALE_TESTS_SKIPPING_H
#define TELLTALE_TESTS_SKIPPING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* FORMAT and what follows it, as for printf, are the reason. Does not return. */
#define SKIP(format, ...)                                                                          \
	do {                                                                                       \
		print_message("# skipped: " format "\n", ##__VA_ARGS__);                           \
		skip();                                                                            \
	} while (0)

#endif
