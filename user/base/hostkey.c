/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hostkey.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpf/record.h"
#include "bpf/decode/siphash.h"

#define KEY_NAME "host.key"
#define KEY_LEN  16

static uint64_t load_le64(const unsigned char *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return le64toh(word);
}

/* A short read or write counts as -EIO: a regular file gives sixteen bytes in one call. */
static int check_count(ssize_t count)
{
	if (count < 0)
		return -errno;
	return count == KEY_LEN ? 0 : -EIO;
}

/* Opens the directory, making it when it is missing. Other users must not be able to write to it:
 * they could put another key there. */
static int open_dir(const char *path)
{
	struct stat st;
	int fd, err = 0;

	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		err = -errno;
	else if (st.st_mode & (S_IWGRP | S_IWOTH))
		err = -EPERM;
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

/* OTHER: a user whose key is as good as this one's own. */
static int read_key(int dir, uid_t other, struct hostkey *key)
{
	int fd = openat(dir, KEY_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), err;
	unsigned char bytes[KEY_LEN];
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		err = -errno;
	else if (!S_ISREG(st.st_mode) || st.st_size != KEY_LEN)
		err = -EINVAL;
	else if (st.st_mode & (S_IRWXG | S_IRWXO))
		err = -EPERM;
	else if (geteuid() && st.st_uid && st.st_uid != geteuid() && st.st_uid != other)
		err = -EPERM;
	else
		err = check_count(read(fd, bytes, KEY_LEN));
	if (!err) {
		key->k0 = load_le64(bytes);
		key->k1 = load_le64(bytes + 8);
	}
	explicit_bzero(bytes, sizeof(bytes));
	close(fd);
	return err;
}

/* Root may make the key for a daemon that runs as the directory's owner. */
static int hand_over(int dir, int fd)
{
	struct stat st;

	if (geteuid())
		return 0;
	if (fstat(dir, &st) || fchown(fd, st.st_uid, st.st_gid))
		return -errno;
	return 0;
}

/* Writes a new key to a file of its own and links that file to KEY_NAME. So nobody reads half a
 * key, and of two processes that start together only one makes it. -EEXIST: the other one did. */
static int make_key(int dir)
{
	unsigned char bytes[KEY_LEN];
	char name[48];
	int fd, err;

	snprintf(name, sizeof(name), "." KEY_NAME ".%d", (int)getpid());
	/* A process with the same number may have been killed and left its file. */
	unlinkat(dir, name, 0);
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = check_count(getrandom(bytes, KEY_LEN, 0));
	if (!err)
		err = check_count(write(fd, bytes, KEY_LEN));
	if (!err)
		err = hand_over(dir, fd);
	if (!err && fsync(fd))
		err = -errno;
	if (!err && linkat(dir, name, dir, KEY_NAME, 0))
		err = -errno;
	unlinkat(dir, name, 0);
	if (!err && fsync(dir))
		err = -errno;
	explicit_bzero(bytes, sizeof(bytes));
	close(fd);
	return err;
}

int hostkey_load(const char *state_dir, struct hostkey *key)
{
	int dir = open_dir(state_dir), err;

	if (dir < 0)
		return dir;
	err = read_key(dir, geteuid(), key);
	if (err == -ENOENT) {
		err = make_key(dir);
		if (!err || err == -EEXIST)
			err = read_key(dir, geteuid(), key);
	}
	close(dir);
	return err;
}

int hostkey_read(const char *state_dir, struct hostkey *key)
{
	int dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;
	struct stat st;

	if (dir < 0)
		return -errno;
	if (fstat(dir, &st))
		err = -errno;
	else if (st.st_mode & (S_IWGRP | S_IWOTH))
		err = -EPERM;
	else
		err = read_key(dir, st.st_uid, key);
	close(dir);
	return err;
}

void hostkey_explain(const char *state_dir, int err, char *why, size_t why_len)
{
	const char *fix = "run as root, or set state_dir to a directory of this user";

	if (err == -EPERM) {
		snprintf(why, why_len,
			 "%s/" KEY_NAME " must belong to root or this user, and nobody else may "
			 "read it or change its directory; chmod 600 the file, "
			 "chmod 700 the directory",
			 state_dir);
		return;
	}
	if (err == -EINVAL) {
		snprintf(why, why_len,
			 "%s/" KEY_NAME
			 " is not a key of 16 bytes; remove it (fingerprints in the configuration "
			 "must then be made again)",
			 state_dir);
		return;
	}
	if (err == -ENOENT || err == -ENOTDIR)
		fix = "make the directory above it, or set state_dir to another one";
	else if (err == -ENOSPC || err == -EDQUOT)
		fix = "free some space there, or set state_dir to another directory";
	else if (err == -EROFS)
		fix = "set state_dir to a directory that can be written";
	snprintf(why, why_len, "the host key in %s cannot be read or made: %s; %s", state_dir,
		 strerror(-err), fix);
}

uint64_t hostkey_fingerprint(const struct hostkey *key, const char *token, size_t len)
{
	const struct siphash_key siphash_key = {key->k0, key->k1};
	unsigned char tail[8] = {0};
	struct siphash s;
	uint64_t hash;
	size_t i;

	if (len > RECORD_TOKEN_MAX)
		len = RECORD_TOKEN_MAX;
	siphash_begin(&s, &siphash_key);
	for (i = 0; i + 8 <= len; i += 8)
		siphash_word(&s, load_le64((const unsigned char *)token + i));
	memcpy(tail, token + i, len - i);
	hash = siphash_end(&s, load_le64(tail), len);
	explicit_bzero(tail, sizeof(tail));
	explicit_bzero(&s, sizeof(s));
	return hash ? hash : 1;
}
