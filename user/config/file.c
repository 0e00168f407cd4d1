/* SPDX-License-Identifier: Apache-2.0 */
#include "config/file.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GROUP "telltale" /* of the packaged services */

static int write_whole(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return fsync(fd) ? -errno : 0;
}

/* As the file OLD, or as a new one when that is NULL. */
static int give(int fd, const struct stat *old)
{
	const struct group *group = old ? NULL : getgrnam(GROUP);

	if (old)
		return fchown(fd, old->st_uid, old->st_gid) || fchmod(fd, old->st_mode & 07777)
			       ? -errno
			       : 0;
	if (group && !geteuid())
		return fchown(fd, 0, group->gr_gid) || fchmod(fd, 0640) ? -errno : 0;
	return fchmod(fd, 0600) ? -errno : 0;
}

static int sync_directory(const char *path)
{
	char copy[PATH_MAX];
	int fd, err;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = fsync(fd) ? -errno : 0;
	close(fd);
	return err;
}

/* Where the file is that PATH leads to. A new one: its directory is made. */
static int find_place(const char *path, char real[PATH_MAX])
{
	char copy[PATH_MAX];

	if (realpath(path, real))
		return 0;
	if (errno != ENOENT || strlen(path) >= sizeof(copy))
		return -errno;
	snprintf(real, PATH_MAX, "%s", path);
	snprintf(copy, sizeof(copy), "%s", path);
	return mkdir(dirname(copy), 0755) && errno != EEXIST ? -errno : 0;
}

int config_file_write(const char *path, const char *text, size_t len)
{
	char real[PATH_MAX], fresh[PATH_MAX + 8];
	struct stat old;
	bool is_new;
	int fd, err = find_place(path, real);

	if (err)
		return err;
	is_new = stat(real, &old) != 0;
	snprintf(fresh, sizeof(fresh), "%s.XXXXXX", real);
	fd = mkostemp(fresh, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = write_whole(fd, text, len);
	if (!err)
		err = give(fd, is_new ? NULL : &old);
	if (close(fd) && !err)
		err = -errno;
	if (!err && rename(fresh, real))
		err = -errno;
	if (err)
		unlink(fresh);
	return err ? err : sync_directory(real);
}
