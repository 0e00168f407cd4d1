/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#define BLOCK 512

struct archive {
	gzFile file;
	const char *folder;
	time_t now;
};

/* POSIX.1-1988, which every tar reads. Numbers are octal, with a NUL after them. */
struct ustar {
	char name[100], mode[8], uid[8], gid[8], size[12], time[12], sum[8], kind, link[100],
		magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155],
		rest[12];
};

_Static_assert(sizeof(struct ustar) == BLOCK, "a header is a block");

int archive_open(const char *path, const char *folder, struct archive **out)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct archive *a;

	if (fd < 0)
		return -errno;
	a = calloc(1, sizeof(*a));
	if (a)
		a->file = gzdopen(fd, "wb9");
	if (!a || !a->file) {
		free(a);
		close(fd);
		unlink(path);
		return -ENOMEM;
	}
	a->folder = folder;
	a->now = time(NULL);
	*out = a;
	return 0;
}

static int put(struct archive *a, const void *bytes, size_t len)
{
	return !len || gzwrite(a->file, bytes, (unsigned)len) == (int)len ? 0 : -EIO;
}

int archive_add(struct archive *a, const char *name, const char *text, size_t len)
{
	static const char zeros[2 * BLOCK];
	struct ustar h = {.kind = '0', .magic = "ustar", .version = {'0', '0'}};
	unsigned sum = 0;
	int err;

	snprintf(h.name, sizeof(h.name), "%s/%s", a->folder, name);
	snprintf(h.mode, sizeof(h.mode), "%07o", 0600u);
	snprintf(h.uid, sizeof(h.uid), "%07o", 0u);
	snprintf(h.gid, sizeof(h.gid), "%07o", 0u);
	snprintf(h.size, sizeof(h.size), "%011lo", (unsigned long)len);
	snprintf(h.time, sizeof(h.time), "%011lo", (unsigned long)a->now);
	memset(h.sum, ' ', sizeof(h.sum));
	for (size_t i = 0; i < sizeof(h); i++)
		sum += ((const unsigned char *)&h)[i];
	snprintf(h.sum, sizeof(h.sum) - 1, "%06o", sum & 0777777u);
	err = put(a, &h, sizeof(h));
	if (!err)
		err = put(a, text, len);
	if (!err && len % BLOCK)
		err = put(a, zeros, BLOCK - len % BLOCK);
	return err;
}

int archive_close(struct archive *a)
{
	static const char end[2 * BLOCK];
	int err;

	if (!a)
		return 0;
	err = put(a, end, sizeof(end));
	if (gzclose(a->file) != Z_OK && !err)
		err = -EIO;
	free(a);
	return err;
}
