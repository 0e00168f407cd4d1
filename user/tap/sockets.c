/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/sockets.h"

#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/procname.h"

#define TCP_LISTENING 0x0a /* the state column of /proc/net/tcp */

struct search {
	struct sockets_match match;
	ino_t namespaces[8]; /* network namespaces looked at already */
	size_t namespaces_len;
	struct sockets_owner owner;
	bool tapped; /* there is a process that is tapped */
	bool others; /* ... and one with sockets that is not */
};

/* The tables have each four bytes of an address as one number of this machine's. How many bytes. */
static size_t address_of(const char *text, uint8_t address[16])
{
	size_t len = 0;
	uint32_t word;

	while (len < 16 && sscanf(text + len * 2, "%8" SCNx32, &word) == 1) {
		memcpy(address + len, &word, sizeof(word));
		len += sizeof(word);
	}
	return len;
}

/* A socket of IPv6 has its IPv4 peer as ::ffff:a.b.c.d; the record has the packet's address. */
static bool is_remote(const struct record_remote *r, const char *text)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	uint8_t address[16];
	size_t len = address_of(text, address);

	if (r->family == 4 && len == 16)
		return !memcmp(address, mapped, 12) && !memcmp(address + 12, r->addr, 4);
	return len == (r->family == 4 ? 4 : 16) && !memcmp(address, r->addr, len);
}

void sockets_line(struct sockets_match *m, const char *line)
{
	unsigned local, remote, state;
	unsigned long inode;
	char address[33];

	if (sscanf(line, "%*d: %*[0-9A-F]:%x %32[0-9A-F]:%x %x %*s %*s %*s %*d %*d %lu", &local,
		   address, &remote, &state, &inode) != 5)
		return;
	if (local != m->remote->local_port)
		return;
	if (state == TCP_LISTENING)
		m->listener = inode;
	else if (remote == m->remote->port && inode && is_remote(m->remote, address))
		m->inode = inode;
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
		sockets_line(&s->match, line);
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
	if (!pid || stat(path, &st))
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

static int find_owner(void *context, pid_t pid, enum process_tls state)
{
	struct search *s = context;
	bool any = !pid; /* it may have had some */

	if (!pid || !owns(pid, s->match.inode ? s->match.inode : s->match.listener, &any)) {
		s->tapped |= state == PROCESS_TAPPED;
		s->others |= any && state != PROCESS_TAPPED;
		return 0;
	}
	s->owner.pid = pid;
	procname_read(pid, s->owner.program, sizeof(s->owner.program));
	if (state == PROCESS_TAPPED)
		s->owner.verdict = SOCKETS_READ;
	else if (state == PROCESS_UNATTACHED)
		s->owner.verdict = SOCKETS_UNATTACHED;
	else if (state == PROCESS_SPARED)
		s->owner.verdict = SOCKETS_SPARED;
	else
		s->owner.verdict = SOCKETS_NO_LIBRARY;
	return 1;
}

struct sockets_owner sockets_find(const struct processes *ps, unsigned target,
				  const struct record_remote *remote, enum record_role role)
{
	struct search s = {.match.remote = remote};

	processes_each(ps, target, find_inode, &s);
	if (!processes_each(ps, target, find_owner, &s))
		s.owner.verdict = s.tapped && !s.others ? SOCKETS_READ : SOCKETS_UNKNOWN;
	s.owner.role = role;
	if (role == RECORD_ROLE_UNKNOWN)
		s.owner.role = s.match.listener ? RECORD_ROLE_SERVER : RECORD_ROLE_CLIENT;
	return s.owner;
}
