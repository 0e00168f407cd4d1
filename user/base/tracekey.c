/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tracekey.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HALF (TRACEKEY_DIGITS / 2)

/* Sixteen hexadecimal digits. */
static bool parse_half(const char *text, __u64 *half)
{
	char digits[HALF + 1];

	for (size_t i = 0; i < HALF; i++) {
		if (!isxdigit((unsigned char)text[i]))
			return false;
	}
	memcpy(digits, text, HALF);
	digits[HALF] = '\0';
	*half = strtoull(digits, NULL, 16);
	explicit_bzero(digits, sizeof(digits));
	return true;
}

static bool parse(const char *text, struct siphash_key *key)
{
	text += strspn(text, " \t\r\n");
	if (!parse_half(text, &key->k0) || !parse_half(text + HALF, &key->k1))
		return false;
	text += TRACEKEY_DIGITS;
	return !text[strspn(text, " \t\r\n")];
}

static int read_key(int fd, struct siphash_key *key, char *why, size_t why_len)
{
	char text[TRACEKEY_DIGITS + 32];
	ssize_t got = read(fd, text, sizeof(text) - 1);
	int err = got < 0 ? -errno : 0;

	if (err) {
		snprintf(why, why_len, "cannot be read: %s", strerror(-err));
		return err;
	}
	text[got] = '\0';
	if (!parse(text, key)) {
		err = -EINVAL;
		snprintf(why, why_len,
			 "does not hold 32 hexadecimal digits; write into it what "
			 "`openssl rand -hex 16` prints, the same on all your nodes");
	}
	explicit_bzero(text, sizeof(text));
	return err;
}

int tracekey_load(const char *path, struct siphash_key *key, char *why, size_t why_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), err = 0;
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		err = -errno;
		snprintf(why, why_len,
			 "cannot be read: %s; make it with `openssl rand -hex 16`, mode 0600",
			 strerror(-err));
	} else if (!S_ISREG(st.st_mode) || st.st_mode & (S_IRWXG | S_IRWXO)) {
		err = -EPERM;
		snprintf(why, why_len,
			 "is not a regular file that only its owner may read; chmod 600 it");
	} else {
		err = read_key(fd, key, why, why_len);
	}
	if (fd >= 0)
		close(fd);
	return err;
}
