/* SPDX-License-Identifier: Apache-2.0 */
/* check_lines.c - the lines of `telltale check`, and how many were bad. */
#include <stdarg.h>
#include <stdio.h>

#include "base/escape.h"
#include "cmd/checks.h"

static unsigned failures, warnings;

void check_say(enum host_verdict verdict, const char *what, const char *format, ...)
{
	static const char *const words[] = {
		[HOST_OK] = "ok  ", [HOST_WARN] = "warn", [HOST_FAIL] = "FAIL"};
	char said[2048], shown[4096];
	va_list args;

	failures += verdict == HOST_FAIL;
	warnings += verdict == HOST_WARN;
	va_start(args, format);
	vsnprintf(said, sizeof(said), format, args);
	va_end(args);
	/* Names of processes and the words of collectors are others'. */
	escape_text(said, shown, sizeof(shown));
	printf("%s  %-14s %s\n", words[verdict], what, shown);
}

bool check_sum(void)
{
	printf("%u failed, %u warning%s\n", failures, warnings, warnings == 1 ? "" : "s");
	return failures > 0;
}
