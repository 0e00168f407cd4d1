/* SPDX-License-Identifier: Apache-2.0 */
#include "sockets.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TCP_LISTENING 0x0a /* the state column of /proc/net/tcp */

struct search {
	const struct record_remote *remote;
	ino_t namespaces[8]; /* network namespaces looked at already */
	size_t namespaces_len;
	unsigned long inode; /* of the socket, once found */
	bool listening;      /* somebody listens on the local port */
	struct sockets_owner owner;
	bool tapped; /* there is a process that is tapped */
	bool others; /* ... and one with sockets that is not */
};

/* One line of /proc/net/tcp or tcp6. */
static void look_at_line(struct search *s, const char *line)
{
	unsigned local, remote, state;
	unsigned long inode;

	if (sscanf(line, "%*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%x %x %*s %*s %*s %*d %*d %lu",
		   &local, &remote, &state, &inode) != 4)
		return;
	if (local != s->remote->local_port)
		return;
	if (state == TCP_LISTENING)
		s->listening = true;
	else if (remote == s->remote->port && inode)
		s->inode = inode;
}

static void look_at_table(struct search *s, pid_t pid, const char *table)
{
	char path[64], line[512];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/net/%s", (int)pid, table);
	f = fopen(path, "re");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f))
		look_at_line(s, line);
	fclose(f);
}

/* Each network namespace of the target once. */
static int find_inode(void *context, pid_t pid, enum process_tls state)
{
	struct search *s = context;
	char path[64];
	struct stat st;

	(void)state;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	if (stat(path, &st))
		return 0;
	for (size_t i = 0; i < s->namespaces_len; i++) {
		if (s->namespaces[i] == st.st_ino)
			return 0;
	}
	if (s->namespaces_len < sizeof(s->namespaces) / sizeof(s->namespaces[0]))
		s->namespaces[s->namespaces_len++] = st.st_ino;
	look_at_table(s, pid, "tcp");
	look_at_table(s, pid, "tcp6");
	return 0;
}

/* The process's sockets: is the one we want among them, and has it any? */
static bool owns(pid_t pid, unsigned long inode, bool *any)
{
	char path[64], want[64], link[64];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	snprintf(want, sizeof(want), "socket:[%lu]", inode);
	dir = opendir(path);
	if (!dir)
		return false;
	while (!found && (entry = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);

		if (n < 0)
			continue;
		link[n] = '\0';
		if (!strncmp(link, "socket:", 7))
			*any = true;
		found = inode && !strcmp(link, want);
	}
	closedir(dir);
	return found;
}

static void name_of(pid_t pid, char *out, size_t len)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	f = fopen(path, "re");
	if (f && fgets(out, (int)len, f))
		out[strcspn(out, "\n")] = '\0';
	if (f)
		fclose(f);
}

static int find_owner(void *context, pid_t pid, enum process_tls state)
{
	struct search *s = context;
	bool any = false;

	if (!owns(pid, s->inode, &any)) {
		s->tapped |= state == PROCESS_TAPPED;
		s->others |= any && state != PROCESS_TAPPED;
		return 0;
	}
	s->owner.pid = pid;
	name_of(pid, s->owner.program, sizeof(s->owner.program));
	if (state == PROCESS_TAPPED)
		s->owner.verdict = SOCKETS_READ;
	else if (state == PROCESS_UNATTACHED)
		s->owner.verdict = SOCKETS_UNATTACHED;
	else
		s->owner.verdict = SOCKETS_NO_LIBRARY;
	return 1;
}

struct sockets_owner sockets_owner(const struct processes *ps, unsigned target,
				   const struct record_remote *remote, enum record_role role)
{
	struct search s = {.remote = remote};

	processes_each(ps, target, find_inode, &s);
	if (!processes_each(ps, target, find_owner, &s))
		s.owner.verdict = s.tapped && !s.others ? SOCKETS_READ : SOCKETS_UNKNOWN;
	s.owner.role = role;
	if (role == RECORD_ROLE_UNKNOWN)
		s.owner.role = s.listening ? RECORD_ROLE_SERVER : RECORD_ROLE_CLIENT;
	return s.owner;
}
