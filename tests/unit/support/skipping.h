/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skipping.h - skips a test that cannot run here, with the reason. scripts/run-unit turns the
 * output into TAP, because cmocka's own TAP has no place for a reason and calls a skipped test "not
 * ok".
 */
#ifndef TELLTALE_TESTS_SKIPPING_H
#define TELLTALE_TESTS_SKIPPING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The reason is formatted as by printf. Does not return. */
#define SKIP(format, ...)                                                                          \
	do {                                                                                       \
		print_message("# skipped: " format "\n", ##__VA_ARGS__);                           \
		skip();                                                                            \
	} while (0)

#endif
