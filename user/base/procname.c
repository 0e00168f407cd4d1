/* SPDX-License-Identifier: Apache-2.0 */
#include "base/procname.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"

/* The file of the program, without its folders. A thread names itself and so, where it is the
 * first, its process ("MainThread" of Node.js): the file says more. */
static const char *read_file_name(pid_t pid, char path[PATH_MAX])
{
	static const char gone[] = " (deleted)";
	const size_t gone_len = sizeof(gone) - 1;
	const char *slash;
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	n = readlink(link, path, PATH_MAX - 1);
	path[n > 0 ? n : 0] = '\0';
	if (n > (ssize_t)gone_len && !strcmp(path + (size_t)n - gone_len, gone))
		path[(size_t)n - gone_len] = '\0';
	slash = strrchr(path, '/');
	return slash && slash[1] ? slash + 1 : NULL;
}

static const char *read_own_name(pid_t pid, char *name, size_t len)
{
	char path[64];
	FILE *f;
	bool got;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return NULL;
	got = fgets(name, (int)len, f) != NULL;
	fclose(f);
	if (got && *name && name[strlen(name) - 1] == '\n')
		name[strlen(name) - 1] = '\0';
	return got ? name : NULL;
}

void procname_read(pid_t pid, char *out, size_t len)
{
	char room[PATH_MAX];
	const char *name = read_file_name(pid, room);

	if (!name)
		name = read_own_name(pid, room, sizeof(room));
	if (name)
		escape_text(name, out, len);
}
