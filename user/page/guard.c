/* SPDX-License-Identifier: Apache-2.0 */
#include "page/guard.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

/* --- the token ---------------------------------------------------------------------------------
 */

static int trim(char *token, size_t len, char *why, size_t why_len)
{
	size_t begin = 0;

	while (len && isspace((unsigned char)token[len - 1]))
		len--;
	while (begin < len && isspace((unsigned char)token[begin]))
		begin++;
	len -= begin;
	memmove(token, token + begin, len);
	token[len] = '\0';
	for (size_t i = 0; i < len; i++) {
		if (!isgraph((unsigned char)token[i])) {
			snprintf(why, why_len,
				 "is not one word of printable ASCII; write a token "
				 "into it, such as `openssl rand -hex 32` makes");
			return -EINVAL;
		}
	}
	if (len >= PAGE_TOKEN_MIN && len <= PAGE_TOKEN_MAX)
		return 0;
	snprintf(why, why_len,
		 "holds a token of %zu characters; it needs %d to %d, such as "
		 "`openssl rand -hex 32` makes",
		 len, PAGE_TOKEN_MIN, PAGE_TOKEN_MAX);
	return -EINVAL;
}

int page_token_load(const char *path, char *token, char *why, size_t why_len)
{
	char text[PAGE_TOKEN_MAX + 64];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), err = 0;
	ssize_t got = -1;
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		err = -errno;
		snprintf(why, why_len,
			 "cannot be read: %s; make it with `openssl rand -hex 32`, "
			 "mode 0600",
			 strerror(-err));
	} else if (!S_ISREG(st.st_mode) || st.st_mode & 077) {
		err = -EPERM;
		snprintf(why, why_len,
			 "is not a regular file that only its owner may read; chmod 600 it");
	} else {
		got = read(fd, text, sizeof(text) - 1);
		if (got < 0) {
			err = -errno;
			snprintf(why, why_len, "cannot be read: %s", strerror(-err));
		}
	}
	if (fd >= 0)
		close(fd);
	if (!err)
		err = trim(text, (size_t)got, why, why_len);
	if (!err)
		memcpy(token, text, strlen(text) + 1);
	explicit_bzero(text, sizeof(text));
	return err;
}

static bool same(const char *shown, size_t len, const char *token)
{
	return len == strlen(token) && !CRYPTO_memcmp(shown, token, len);
}

/* "dXNlcjp0b2tlbg==": the user name may be anything, only the password counts. */
static bool basic_shows(const char *text, const char *token)
{
	unsigned char plain[3 * PAGE_TOKEN_MAX];
	size_t len = strcspn(text, " \t"), pads = 0;
	const char *colon;
	int got;
	bool shown;

	while (pads < len && text[len - 1 - pads] == '=')
		pads++;
	if (!len || len % 4 || pads > 2 || len / 4 * 3 > sizeof(plain))
		return false;
	got = EVP_DecodeBlock(plain, (const unsigned char *)text, (int)len);
	if (got < 0)
		return false;
	/* EVP_DecodeBlock decodes padding as zero bytes, which are not part of the text. There are
	 * at most two, so the length stays above zero.
	 */
	got -= (int)pads;
	colon = memchr(plain, ':', (size_t)got);
	shown = colon && same(colon + 1, (size_t)got - (size_t)(colon + 1 - (char *)plain), token);
	explicit_bzero(plain, sizeof(plain));
	return shown;
}

bool page_token_shown(const char *authorization, const char *token)
{
	if (!authorization)
		return false;
	if (!strncasecmp(authorization, "Bearer ", 7))
		return same(authorization + 7, strlen(authorization + 7), token);
	return !strncasecmp(authorization, "Basic ", 6) && basic_shows(authorization + 6, token);
}

/* --- the host ----------------------------------------------------------------------------------
 */

static bool is_port_or_nothing(const char *text)
{
	return !*text || (text[0] == ':' && text[1] && !text[1 + strspn(text + 1, "0123456789")]);
}

bool page_host_is_loopback(const char *host)
{
	bool bracket = host[0] == '[';
	const char *end = bracket ? strchr(host, ']') : strchrnul(host, ':');
	struct in_addr in;
	struct in6_addr in6;
	char name[64];
	size_t len;

	if (!end || !is_port_or_nothing(end + bracket))
		return false;
	host += bracket;
	len = (size_t)(end - host);
	if (len >= sizeof(name))
		return false;
	memcpy(name, host, len);
	name[len] = '\0';
	if (bracket)
		return inet_pton(AF_INET6, name, &in6) == 1 && IN6_IS_ADDR_LOOPBACK(&in6);
	if (!strcasecmp(name, "localhost"))
		return true;
	return inet_pton(AF_INET, name, &in) == 1 && ntohl(in.s_addr) >> 24 == IN_LOOPBACKNET;
}
