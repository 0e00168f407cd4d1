/* SPDX-License-Identifier: Apache-2.0 */
/* check_lines.c - the lines of `telltale check`, and how many were bad. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <json-c/json.h>

#include "base/escape.h"
#include "cmd/checks.h"
#include "cmd/jsonout.h"

static unsigned failures, warnings;
static struct json_object *kept; /* an array; NULL: lines are printed */
static bool waiting;             /* the last line is check_wait's */

int check_as_json(void)
{
	kept = json_object_new_array();
	return kept ? 0 : -ENOMEM;
}

static void keep(enum host_verdict verdict, const char *what, const char *text)
{
	static const char *const words[] = {
		[HOST_OK] = "ok", [HOST_WARN] = "warn", [HOST_FAIL] = "fail"};
	struct json_object *line = json_object_new_object();

	jsonout_text(line, "verdict", words[verdict]);
	jsonout_text(line, "check", what);
	jsonout_text(line, "text", text);
	json_object_array_add(kept, line);
}

void check_wait(const char *what, const char *words)
{
	if (kept || !isatty(STDOUT_FILENO))
		return;
	printf("\r...   %-14s %s\033[K", what, words);
	fflush(stdout);
	waiting = true;
}

/* Takes away what check_wait has shown. */
static void clear_wait(void)
{
	if (waiting)
		fputs("\r\033[K", stdout);
	waiting = false;
}

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
	if (kept) {
		keep(verdict, what, said);
		return;
	}
	clear_wait();
	/* Names of processes and the words of collectors are others'. */
	escape_text(said, shown, sizeof(shown));
	printf("%s  %-14s %s\n", words[verdict], what, shown);
}

/* Returns whether it could be printed. */
static bool print_kept(void)
{
	struct json_object *root = json_object_new_object();

	json_object_object_add(root, "failed", json_object_new_int64(failures));
	json_object_object_add(root, "warnings", json_object_new_int64(warnings));
	json_object_object_add(root, "checks", kept);
	kept = NULL;
	return !jsonout_print(root);
}

bool check_sum(void)
{
	if (kept)
		return !print_kept() || failures > 0;
	clear_wait();
	printf("%u failed, %u warning%s\n", failures, warnings, warnings == 1 ? "" : "s");
	return failures > 0;
}
