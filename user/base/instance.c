/* SPDX-License-Identifier: Apache-2.0 */
#include "base/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define NAME     "instance.id"
#define NEW_NAME ".instance.id.new"

static bool is_uuid(const char *text)
{
	for (unsigned i = 0; i < INSTANCE_ID_LEN; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : !strchr("0123456789abcdef", text[i]) || !text[i])
			return false;
	}
	return text[INSTANCE_ID_LEN] == '\n' || !text[INSTANCE_ID_LEN];
}

/* -ENOENT: there is none, or it is no UUID. */
static int read_id(int dir, char id[INSTANCE_ID_LEN + 1])
{
	int fd = openat(dir, NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), err = 0;
	char text[INSTANCE_ID_LEN + 2] = "";

	if (fd < 0)
		return -errno;
	if (read(fd, text, sizeof(text) - 1) < 0)
		err = -errno;
	close(fd);
	if (!err && !is_uuid(text))
		err = -ENOENT;
	if (!err) {
		memcpy(id, text, INSTANCE_ID_LEN);
		id[INSTANCE_ID_LEN] = '\0';
	}
	return err;
}

/* A random UUID, RFC 9562, version 4. */
static int draw_id(char id[INSTANCE_ID_LEN + 1])
{
	unsigned char b[16];

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		return -EIO;
	b[6] = (unsigned char)(0x40 | (b[6] & 0x0f));
	b[8] = (unsigned char)(0x80 | (b[8] & 0x3f));
	snprintf(id, INSTANCE_ID_LEN + 1,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
		 b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
		 b[15]);
	return 0;
}

static int write_id(int dir, const char *id)
{
	char line[INSTANCE_ID_LEN + 2];
	int fd, err = 0;

	snprintf(line, sizeof(line), "%s\n", id);
	unlinkat(dir, NEW_NAME, 0);
	fd = openat(dir, NEW_NAME, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, line, INSTANCE_ID_LEN + 1) != INSTANCE_ID_LEN + 1 || fsync(fd))
		err = errno ? -errno : -EIO;
	if (close(fd) && !err)
		err = -errno;
	if (!err && renameat(dir, NEW_NAME, dir, NAME))
		err = -errno;
	if (err)
		unlinkat(dir, NEW_NAME, 0);
	return err;
}

int instance_id_load(const char *state_dir, char id[INSTANCE_ID_LEN + 1])
{
	int dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;

	if (dir < 0)
		return -errno;
	err = read_id(dir, id);
	if (err == -ENOENT || err == -ELOOP) {
		err = draw_id(id);
		if (!err)
			err = write_id(dir, id);
	}
	close(dir);
	return err;
}
