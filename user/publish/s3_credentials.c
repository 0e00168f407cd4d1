/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/s3_credentials.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fetch.h"

#define FILE_MAX (1u << 20)

/* The value of a variable that is set and not empty, else NULL. */
static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static void wipe(char **secret)
{
	if (*secret)
		explicit_bzero(*secret, strlen(*secret));
	free(*secret);
	*secret = NULL;
}

static int set(char **to, const char *value)
{
	wipe(to);
	*to = strdup(value);
	return *to ? 0 : -ENOMEM;
}

/* --- files --- */

/* TEXT without leading and trailing blanks; shortens TEXT in place. */
static char *trim(char *text)
{
	char *end;

	while (isspace((unsigned char)*text))
		text++;
	end = text + strlen(text);
	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	return text;
}

/* Whether LINE is the heading of PROFILE: "[default]", "[name]" or, in AWS's configuration file,
 * "[profile name]". */
static bool is_section(char *line, const char *profile)
{
	char *end = strchr(line, ']');

	if (!end)
		return false;
	*end = '\0';
	line = trim(line + 1);
	if (!strncmp(line, "profile", 7) && isspace((unsigned char)line[7]))
		line = trim(line + 7);
	return !strcmp(line, profile);
}

static int take(struct s3_credentials *c, const char *name, const char *value)
{
	if (!*value)
		return 0;
	if (!strcmp(name, "aws_access_key_id"))
		return set(&c->key, value);
	if (!strcmp(name, "aws_secret_access_key"))
		return set(&c->secret, value);
	if (!strcmp(name, "aws_session_token"))
		return set(&c->token, value);
	if (!strcmp(name, "region"))
		return set(&c->region, value);
	return 0;
}

/* Reads PROFILE's section in TEXT, which is changed. */
static int take_profile(struct s3_credentials *c, char *text, const char *profile, bool *found)
{
	bool inside = false;
	char *line, *rest = text, *equals;
	int error = 0;

	while (!error && (line = strsep(&rest, "\n"))) {
		line = trim(line);
		if (*line == '[') {
			inside = is_section(line, profile);
			*found = *found || inside;
			continue;
		}
		equals = strchr(line, '=');
		if (!inside || *line == '#' || *line == ';' || !equals)
			continue;
		*equals = '\0';
		error = take(c, trim(line), trim(equals + 1));
	}
	return error;
}

/* A missing file is not an error. */
static int read_profile(struct s3_credentials *c, const char *path, const char *profile,
			bool *found, char *why, size_t why_len)
{
	char *text = NULL, *grown, reason[160];
	size_t len = 0;
	int error = fetch_file(path, FILE_MAX, &text, &len, reason, sizeof(reason));

	if (error == -ENOENT || error == -ENOTDIR)
		return 0;
	if (error) {
		snprintf(why, why_len, "%.200s: %s", path, reason);
		return error;
	}
	grown = realloc(text, len + 1);
	if (grown) {
		text = grown;
		text[len] = '\0';
		error = take_profile(c, text, profile, found);
		explicit_bzero(text, len);
	} else {
		error = -ENOMEM;
	}
	free(text);
	if (error)
		snprintf(why, why_len, "out of memory");
	return error;
}

/* The path that the variable VARIABLE_NAME holds, else that of NAME in ~/.aws; malloc'ed. NULL when
 * HOME is not set either. */
static char *file_of(const char *name, const char *variable_name)
{
	const char *path = variable(variable_name), *home = variable("HOME");
	char *result = NULL;

	if (path)
		return strdup(path);
	if (!home || asprintf(&result, "%s/.aws/%s", home, name) < 0)
		return NULL;
	return result;
}

static int load_profile(struct s3_credentials *c, const char *profile, bool *found, char *why,
			size_t why_len)
{
	/* The credentials file is read last, so that it overrides the configuration file. */
	static const char *const files[][2] = {
		{"config", "AWS_CONFIG_FILE"},
		{"credentials", "AWS_SHARED_CREDENTIALS_FILE"},
	};
	int error = 0;

	for (size_t i = 0; !error && i < sizeof(files) / sizeof(files[0]); i++) {
		char *path = file_of(files[i][0], files[i][1]);

		if (path)
			error = read_profile(c, path, profile, found, why, why_len);
		free(path);
	}
	return error;
}

/* --- all of it --- */

static int load_environment(struct s3_credentials *c)
{
	const char *token = variable("AWS_SESSION_TOKEN");
	int error;

	wipe(&c->token);
	error = set(&c->key, variable("AWS_ACCESS_KEY_ID"));
	if (!error)
		error = set(&c->secret, variable("AWS_SECRET_ACCESS_KEY"));
	if (!error && token)
		error = set(&c->token, token);
	return error;
}

static int load_region(struct s3_credentials *c, const char *region)
{
	if (!region)
		region = variable("AWS_REGION");
	if (!region)
		region = variable("AWS_DEFAULT_REGION");
	return region ? set(&c->region, region) : 0;
}

/* Whether TEXT can stand in a header: a newline would end it. */
static bool is_clean(const char *text)
{
	for (; text && *text; text++) {
		if ((unsigned char)*text <= ' ' || *text == 0x7f)
			return false;
	}
	return true;
}

static int check(const struct s3_credentials *c, const char *asked, bool found, char *why,
		 size_t why_len)
{
	if (asked && !found) {
		snprintf(why, why_len,
			 "no profile '%.60s' in ~/.aws/credentials or ~/.aws/config, or in the "
			 "files AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE name",
			 asked);
		return -ENOKEY;
	}
	if (!c->key || !c->secret) {
		snprintf(why, why_len,
			 "no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
			 "name a profile of ~/.aws/credentials with --profile");
		return -ENOKEY;
	}
	if (!is_clean(c->key) || !is_clean(c->secret) || !is_clean(c->token) ||
	    !is_clean(c->region)) {
		snprintf(why, why_len, "a blank or a control character in the credentials");
		return -EINVAL;
	}
	return 0;
}

int s3_credentials_load(const char *profile, const char *region, struct s3_credentials *out,
			char *why, size_t why_len)
{
	struct s3_credentials c = {0};
	const char *name = profile ? profile : variable("AWS_PROFILE");
	bool found = false;
	bool in_environment =
		!profile && variable("AWS_ACCESS_KEY_ID") && variable("AWS_SECRET_ACCESS_KEY");
	int error = load_profile(&c, name ? name : "default", &found, why, why_len);

	/* When the environment has everything, an unreadable file is not an error. */
	if (in_environment && error != -ENOMEM)
		error = 0;
	if (!error) {
		error = in_environment ? load_environment(&c) : 0;
		if (!error)
			error = load_region(&c, region);
		if (error)
			snprintf(why, why_len, "out of memory");
	}
	if (!error)
		error = check(&c, in_environment ? NULL : name, found, why, why_len);
	if (error)
		s3_credentials_fini(&c);
	else
		*out = c;
	return error;
}

void s3_credentials_fini(struct s3_credentials *c)
{
	wipe(&c->key);
	wipe(&c->secret);
	wipe(&c->token);
	wipe(&c->region);
}
