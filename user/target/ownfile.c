/* SPDX-License-Identifier: Apache-2.0 */
#include "target/ownfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int refuse(const char *path, int err, char *why, size_t why_len)
{
	snprintf(why, why_len, "%.200s cannot be read: %s", path, strerror(-err));
	return err;
}

/* A FIFO would be waited for, were it not for O_NONBLOCK. */
static int open_path(const char *path, char *why, size_t why_len)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	int err = 0;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? -ENOENT
							   : refuse(path, -errno, why, why_len);
	if (fstat(fd, &st))
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = -EINVAL;
	if (err) {
		refuse(path, err, why, why_len);
	} else if ((st.st_uid && st.st_uid != geteuid()) || (st.st_mode & (S_IWGRP | S_IWOTH))) {
		snprintf(why, why_len, "%.200s is not read, since others than root may write it",
			 path);
		err = -EACCES;
	}
	if (!err)
		return fd;
	close(fd);
	return err;
}

int ownfile_open(char *why, size_t why_len, const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	return open_path(path, why, why_len);
}

/* Reads up to LEN bytes; how many, or -errno. */
static ssize_t read_all(int fd, char *text, size_t len)
{
	size_t have = 0;
	ssize_t n;

	while (have < len && (n = read(fd, text + have, len - have)) != 0) {
		if (n < 0)
			return -errno;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

int ownfile_read(const char *path, size_t max, char **text, size_t *len, char *why, size_t why_len)
{
	int fd = open_path(path, why, why_len), err = 0;
	struct stat st;
	ssize_t n = 0;

	if (fd < 0)
		return fd;
	*text = NULL;
	if (fstat(fd, &st))
		err = -errno;
	else if ((uint64_t)st.st_size > max)
		err = -E2BIG;
	if (!err) {
		*text = malloc((size_t)st.st_size + 1);
		n = *text ? read_all(fd, *text, (size_t)st.st_size) : -ENOMEM;
		err = n < 0 ? (int)n : 0;
	}
	close(fd);
	if (err) {
		free(*text);
		return refuse(path, err, why, why_len);
	}
	(*text)[n] = '\0';
	*len = (size_t)n;
	return 0;
}
