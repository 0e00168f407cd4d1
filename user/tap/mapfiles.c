/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/mapfiles.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* --- opening ---------------------------------------------------------------------------------- */

/* Takes over FOUND, which names a file without opening it, and opens that very file if it is a
 * regular one: nothing can be put in its place meanwhile. */
static int open_regular(int found)
{
	char path[64];
	struct stat st;
	int fd = -EINVAL;

	if (found < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", found);
	if (!fstat(found, &st) && S_ISREG(st.st_mode)) {
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		fd = fd < 0 ? -errno : fd;
	}
	close(found);
	return fd;
}

static int open_below(int root, const char *path)
{
	const struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	return open_regular((int)syscall(SYS_openat2, root, path, &how, sizeof(how)));
}

int mapfiles_program(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	return open_regular(open(path, O_PATH | O_CLOEXEC));
}

/* What is mapped at RANGE, by whatever name: takes CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN. */
static int open_mapping(pid_t pid, const char *range)
{
	char path[96];

	snprintf(path, sizeof(path), "/proc/%d/map_files/%s", (int)pid, range);
	return open_regular(open(path, O_PATH | O_CLOEXEC));
}

int mapfiles_at(pid_t pid, uint64_t begin, uint64_t end)
{
	char range[40];

	snprintf(range, sizeof(range), "%" PRIx64 "-%" PRIx64, begin, end);
	return open_mapping(pid, range);
}

/* --- the map ----------------------------------------------------------------------------------
 */

struct line {
	char range[40];
	const char *path;
	bool gone;   /* the kernel says so of a file that was unlinked or renamed over */
	bool quoted; /* it has a newline, or something that looks like the kernel's word for one */
};

/* A line of the map that is of a file with code: "START-END r-xp OFFSET DEVICE INODE   PATH". */
static bool parse(char *text, struct line *l)
{
	static const char mark[] = " (deleted)";
	const size_t mark_len = sizeof(mark) - 1;
	const char *permissions = strchr(text, ' ');
	size_t len = permissions ? (size_t)(permissions - text) : 0;

	/* There may be tens of thousands of lines, most of them of something else. */
	if (!len || len >= sizeof(l->range) || strlen(permissions) < 5 || permissions[3] != 'x')
		return false;
	l->path = strchr(permissions, '/');
	if (!l->path)
		return false;
	memcpy(l->range, text, len);
	l->range[len] = '\0';
	text[strcspn(text, "\n")] = '\0';
	len = strlen(l->path);
	l->gone = len > mark_len && !strcmp(l->path + len - mark_len, mark);
	l->quoted = strstr(l->path, "\\012") != NULL;
	return true;
}

static int open_line(pid_t pid, int root, const struct line *l)
{
	int fd = l->gone || l->quoted ? -ENOENT : open_below(root, l->path);

	return fd < 0 ? open_mapping(pid, l->range) : fd;
}

struct map {
	FILE *f;
	size_t bytes; /* read so far */
	char text[PATH_MAX + 128];
};

/* The next line; the rest of one that is too long is left out. False at the end. */
static bool next_line(struct map *m)
{
	bool whole = false, first = true;
	char rest[256];

	while (!whole) {
		char *into = first ? m->text : rest;

		if (!fgets(into, first ? sizeof(m->text) : sizeof(rest), m->f))
			return !first;
		m->bytes += strlen(into);
		whole = strchr(into, '\n') != NULL;
		first = false;
	}
	return true;
}

/* The same file is mapped in several pieces, one after the other. */
static bool repeats(char *last, const char *path)
{
	if (!strcmp(last, path))
		return true;
	snprintf(last, PATH_MAX, "%s", path);
	return false;
}

static int look_through(struct map *m, pid_t pid, int root, bool (*wanted)(const char *path),
			bool (*each)(void *context, int fd, const char *path, bool gone),
			void *context)
{
	char last[PATH_MAX] = "";
	unsigned opened = 0;
	bool go_on = true;

	while (go_on && next_line(m)) {
		struct line l;
		int fd;

		if (m->bytes > MAPFILES_BYTES_MAX)
			return -E2BIG;
		if (!parse(m->text, &l) || !wanted(l.path) || repeats(last, l.path))
			continue;
		if (opened++ == MAPFILES_OPENS_MAX)
			return -E2BIG;
		fd = open_line(pid, root, &l);
		go_on = each(context, fd, l.path, l.gone);
		if (fd >= 0)
			close(fd);
	}
	return 0;
}

int mapfiles_each(pid_t pid, bool (*wanted)(const char *path),
		  bool (*each)(void *context, int fd, const char *path, bool gone), void *context)
{
	char path[64];
	struct map m = {0};
	int root, err;

	snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	m.f = fopen(path, "re");
	err = m.f ? look_through(&m, pid, root, wanted, each, context) : -errno;
	if (m.f)
		fclose(m.f);
	close(root);
	return err;
}
