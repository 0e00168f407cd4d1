/* SPDX-License-Identifier: Apache-2.0 */
#include "config/writers.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONSEQUENCE "who so decides what is observed and who receives it"

/* Of one file or directory. */
static bool others_write_here(const char *path, const struct stat *st, char *why, size_t why_len)
{
	/* In such a directory only its owner replaces a file. */
	bool guarded = S_ISDIR(st->st_mode) && st->st_mode & S_ISVTX;

	if (st->st_uid && st->st_uid != geteuid())
		snprintf(why, why_len, "%s belongs to user %u, " CONSEQUENCE "; `chown root` it",
			 path, (unsigned)st->st_uid);
	else if (st->st_mode & S_IWOTH && !guarded)
		snprintf(why, why_len,
			 "%s can be written by every user, " CONSEQUENCE "; `chmod o-w` it", path);
	else if (st->st_mode & S_IWGRP && st->st_gid && !guarded)
		snprintf(why, why_len,
			 "%s can be written by group %u, " CONSEQUENCE "; `chmod g-w` it", path,
			 (unsigned)st->st_gid);
	else
		return false;
	return true;
}

/* PATH, which is absolute, is cut from its end. */
static bool others_write_above(char *path, char *why, size_t why_len)
{
	struct stat st;

	while (path[1]) {
		path = dirname(path);
		if (!stat(path, &st) && others_write_here(path, &st, why, why_len))
			return true;
	}
	return false;
}

bool config_others_write(const char *path, char *why, size_t why_len)
{
	char real[PATH_MAX], link[PATH_MAX];
	char *copy = strdup(path);
	struct stat st;
	bool found = false;

	if (!copy || stat(path, &st) || !S_ISREG(st.st_mode) || !realpath(path, real))
		goto out;
	found = others_write_here(path, &st, why, why_len) ||
		others_write_above(real, why, why_len);
	/* A link on the way can be replaced too. */
	if (!found && realpath(dirname(copy), link) &&
	    snprintf(real, sizeof(real), "%s/.", link) < (int)sizeof(real))
		found = others_write_above(real, why, why_len);
out:
	free(copy);
	return found;
}
