/* SPDX-License-Identifier: Apache-2.0 */
#include "target/executable.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "target/cgroup.h"

/* Of a program whose file was replaced while it runs. */
#define DELETED " (deleted)"

void executable_refresh(struct executable *e)
{
	char *real = realpath(e->name, NULL);

	snprintf(e->path, sizeof(e->path), "%s", real ? real : e->name);
	free(real);
}

struct census {
	const struct executable *executable;
	unsigned ours, others;
};

/* Whether the process sees the files of the host, and not those of a container. Where the first
 * process may not be looked at, the host's are this process's own. */
static bool is_on_host(pid_t pid)
{
	char path[32];
	struct stat host, its;

	snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	if (stat("/proc/1/root", &host) && stat("/", &host))
		return false;
	return !stat(path, &its) && host.st_dev == its.st_dev && host.st_ino == its.st_ino;
}

/* A process may end at any moment: then what was asked of it since says nothing of what it was. */
static bool has_ended(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	return readlink(path, (char[1]){0}, 1) < 0 && (errno == ENOENT || errno == ESRCH);
}

static bool runs(const struct executable *e, pid_t pid, const char *program)
{
	size_t len = strlen(e->path);

	if (strncmp(program, e->path, len) != 0 ||
	    (program[len] && strcmp(program + len, DELETED) != 0))
		return false;
	return is_on_host(pid);
}

/* A process that has ended, or has not begun a program yet, is neither. */
static void count(void *context, pid_t pid)
{
	char path[32], program[PATH_MAX + sizeof(DELETED)];
	struct census *c = context;
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	len = pid ? readlink(path, program, sizeof(program) - 1) : -1;
	if (len < 0) {
		c->others += !pid || (errno != ENOENT && !has_ended(pid));
		return;
	}
	program[len] = '\0';
	if (runs(c->executable, pid, program))
		c->ours++;
	else
		c->others += !has_ended(pid);
}

static bool has_processes(const char *cgroup)
{
	char path[PATH_MAX + 16];
	FILE *f;
	bool has;

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	f = fopen(path, "re");
	has = f && fgetc(f) != EOF;
	if (f)
		fclose(f);
	return has;
}

enum executable_match executable_look(const struct executable *e, const char *path)
{
	struct census c = {.executable = e};
	struct stat st;

	if (lstat(path, &st) || st.st_uid)
		return EXECUTABLE_NO;
	cgroup_each_process(path, count, &c);
	if (!c.ours)
		return c.others ? EXECUTABLE_NO : EXECUTABLE_EMPTY;
	if (!has_processes(path))
		return EXECUTABLE_BELOW;
	return c.others ? EXECUTABLE_MIXED : EXECUTABLE_ONLY;
}
