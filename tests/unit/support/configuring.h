/* SPDX-License-Identifier: Apache-2.0 */
/*
 * configuring.h - loads a configuration from a text and an environment: for the tests of config.
 */
#ifndef TELLTALE_TESTS_CONFIGURING_H
#define TELLTALE_TESTS_CONFIGURING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"
#include "config/text.h"

#define FILE_NAME "t.yaml"
#define EP        "endpoints:\n  - url: http://c:4317\n    audience: own\n"

static char directory[] = "/tmp/test_config.XXXXXX";
static char path[sizeof(directory) + sizeof(FILE_NAME)];

static inline int make_directory(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/" FILE_NAME, directory);
	return 0;
}

static inline int remove_directory(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(directory);
}

static inline void write_file(const char *text, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

/* Takes the directory's name out of TEXT. */
static inline void strip(char *text)
{
	char *found;
	size_t len = strlen(directory) + 1;

	while ((found = strstr(text, directory)))
		memmove(found, found + len, strlen(found + len) + 1);
}

/* Loads TEXT (NULL: no file) with the variables; *ERRORS is malloc'ed. */
static inline int load_env(const char *text, char *const *variables, struct config **c,
			   char **errors)
{
	size_t len;
	FILE *out = open_memstream(errors, &len);
	int err;

	assert_non_null(out);
	if (text)
		write_file(text, strlen(text));
	err = config_load(text ? path : NULL, variables, out, c);
	assert_int_equal(fclose(out), 0);
	strip(*errors);
	return err;
}

/* A configuration that must be right. */
static inline struct config *right(const char *text, char *const *variables)
{
	struct config *c = NULL;
	char *errors;
	int err = load_env(text, variables, &c, &errors);

	if (err)
		print_error("%s", errors);
	assert_int_equal(err, 0);
	assert_string_equal(errors, "");
	free(errors);
	return c;
}

static inline char *printed(const struct config *c)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	config_print(c, out);
	assert_int_equal(fclose(out), 0);
	strip(text);
	return text;
}

static inline void assert_contains(const char *text, const char *part)
{
	if (!strstr(text, part)) {
		print_error("no \"%s\" in:\n%s\n", part, text);
		fail();
	}
}

#define ENV(...)                                                                                   \
	(char *[])                                                                                 \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

#endif
