/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The beginning of a file of PID, as text; "" when there is none. */
static void read_text(pid_t pid, const char *name, char *out, size_t len)
{
	char path[96];
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, out, len - 1);
		close(fd);
	}
	out[n > 0 ? n : 0] = '\0';
}

/* False when that is not known: the process is gone. */
static bool read_stat(pid_t pid, unsigned long long *started, unsigned long long *size)
{
	char text[1024];
	const char *after;

	read_text(pid, "stat", text, sizeof(text));
	/* The name may hold anything, a bracket too; the 22nd field is the 20th after it. */
	after = strrchr(text, ')');
	return after &&
	       sscanf(after,
		      ") %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
		      "%*s %llu %llu",
		      started, size) == 2;
}

bool procfs_look(pid_t pid, struct procfs_identity *id, unsigned long long *size)
{
	char path[64];
	struct stat st;

	memset(id, 0, sizeof(*id));
	if (!read_stat(pid, &id->started, size))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	if (!stat(path, &st)) {
		id->exe_dev = st.st_dev;
		id->exe_ino = st.st_ino;
		return true;
	}
	return errno == EACCES || errno == EPERM;
}

bool procfs_size(pid_t pid, unsigned long long *size)
{
	char text[128];

	read_text(pid, "statm", text, sizeof(text));
	if (sscanf(text, "%llu", size) != 1)
		return false;
	*size *= (unsigned long long)sysconf(_SC_PAGESIZE);
	return true;
}

bool procfs_same(const struct procfs_identity *a, const struct procfs_identity *b)
{
	return a->started == b->started && a->exe_dev == b->exe_dev && a->exe_ino == b->exe_ino;
}

static bool thread_filtered(pid_t pid, const char *thread)
{
	char name[64], text[4096];
	const char *line;
	unsigned mode = 0;

	snprintf(name, sizeof(name), "task/%.20s/status", thread);
	read_text(pid, name, text, sizeof(text));
	line = strstr(text, "\nSeccomp:");
	return line && sscanf(line, "\nSeccomp: %u", &mode) == 1 && mode;
}

bool procfs_filtered(pid_t pid)
{
	struct dirent *entry;
	bool filtered = false;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	while (dir && !filtered && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			filtered = thread_filtered(pid, entry->d_name);
	}
	if (dir)
		closedir(dir);
	return filtered;
}
