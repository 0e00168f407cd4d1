/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/place.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fetch.h"

#define LINKS_MAX 8

struct place {
	char *path;
	struct s3 *s3; /* NULL: a file */
};

int place_open(const char *to, const struct s3_config *s3, struct place **out, char *why,
	       size_t why_len)
{
	struct place *p = calloc(1, sizeof(*p));
	int error = 0;

	if (p && !strncasecmp(to, "s3:", 3))
		error = s3_open(to, s3, &p->s3, why, why_len);
	else if (p)
		p->path = strdup(to);
	if (!p || (!error && !p->s3 && !p->path)) {
		snprintf(why, why_len, "out of memory");
		error = -ENOMEM;
	} else if (!error && p->path && (!*to || strstr(to, "://"))) {
		snprintf(why, why_len, "'%.120s' is not a path and not s3://BUCKET/KEY", to);
		error = -EINVAL;
	}
	if (error)
		place_close(p);
	else
		*out = p;
	return error;
}

void place_close(struct place *p)
{
	if (!p)
		return;
	s3_close(p->s3);
	free(p->path);
	free(p);
}

int place_read(struct place *p, size_t max, char **text, size_t *len, char *why, size_t why_len)
{
	if (p->s3)
		return s3_get(p->s3, max, text, len, why, why_len);
	return fetch_file(p->path, max, text, len, why, why_len);
}

/* --- files --- */

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
	/* A publication is for everybody to read. */
	return fchmod(fd, 0644) || fsync(fd) ? -errno : 0;
}

/* Writes the folder to disk, so that the new name survives a loss of power. */
static int sync_folder(const char *path)
{
	char copy[PATH_MAX];
	int fd, error = 0;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fsync(fd))
		error = -errno;
	close(fd);
	return error;
}

/* Resolves symbolic links, so that what TO points to is replaced and not the link. The last target
 * need not exist yet. 0 or -errno. */
static int follow_links(const char *to, char path[PATH_MAX])
{
	char target[PATH_MAX], copy[PATH_MAX];
	ssize_t len;
	int n;

	n = snprintf(copy, sizeof(copy), "%s", to);
	for (unsigned links = 0; n < PATH_MAX && links <= LINKS_MAX; links++) {
		if (realpath(copy, path))
			return 0;
		if (errno != ENOENT)
			return -errno;
		snprintf(path, PATH_MAX, "%s", copy);
		len = readlink(path, target, sizeof(target));
		if (len < 0)
			return errno == EINVAL || errno == ENOENT ? 0 : -errno;
		if (target[0] == '/')
			n = snprintf(copy, sizeof(copy), "%.*s", (int)len, target);
		else
			n = snprintf(copy, sizeof(copy), "%s/%.*s", dirname(path), (int)len,
				     target);
	}
	return n < PATH_MAX ? -ELOOP : -ENAMETOOLONG;
}

static int write_file(const char *to, const char *text, size_t len)
{
	char path[PATH_MAX], fresh[PATH_MAX + 8];
	int fd, error = follow_links(to, path);

	if (error)
		return error;
	snprintf(fresh, sizeof(fresh), "%s.XXXXXX", path);
	fd = mkostemp(fresh, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	error = write_whole(fd, text, len);
	if (close(fd) && !error)
		error = -errno;
	if (!error && rename(fresh, path))
		error = -errno;
	if (error)
		unlink(fresh);
	return error ? error : sync_folder(path);
}

int place_write(struct place *p, const char *text, size_t len, char *why, size_t why_len)
{
	bool versioned = false;
	int error;

	if (why_len)
		why[0] = '\0';
	if (p->s3) {
		error = s3_put(p->s3, text, len, &versioned, why, why_len);
		if (!error && versioned)
			snprintf(
				why, why_len,
				"the bucket keeps every version of the object; suspend versioning, "
				"or let a lifecycle rule delete old ones");
		return error;
	}
	error = write_file(p->path, text, len);
	if (error)
		snprintf(why, why_len, "cannot write: %s", strerror(-error));
	return error;
}
