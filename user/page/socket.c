/* SPDX-License-Identifier: Apache-2.0 */
#include "page/socket.h"

#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128

static bool is_loopback(const struct sockaddr *a)
{
	if (a->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)a;

		return ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	}
	if (a->sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)a)->sin6_addr);
	return false;
}

/* Splits "address:port"; an IPv6 address stands in brackets. */
static int resolve(const char *listen_at, struct addrinfo **out)
{
	const struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
	};
	const char *colon = strrchr(listen_at, ':');
	size_t len = colon ? (size_t)(colon - listen_at) : 0;
	unsigned long port;
	char host[256];

	/* getaddrinfo would take 70000 for port 4464. */
	if (!colon || strspn(colon + 1, "0123456789") != strlen(colon + 1) || strlen(colon + 1) > 5)
		return -EINVAL;
	port = strtoul(colon + 1, NULL, 10);
	if (port < 1 || port > UINT16_MAX)
		return -EINVAL;
	if (len >= 2 && listen_at[0] == '[' && listen_at[len - 1] == ']') {
		listen_at++;
		len -= 2;
	}
	if (!len || len >= sizeof(host))
		return -EINVAL;
	memcpy(host, listen_at, len);
	host[len] = '\0';
	return getaddrinfo(host, colon + 1, &hints, out) ? -EINVAL : 0;
}

const char *page_unix_path(const char *listen_at)
{
	return strncmp(listen_at, "unix:", 5) ? NULL : listen_at + 5;
}

static const char *bind_fix(int err)
{
	switch (-err) {
	case EADDRINUSE: return "; set `listen` to another port";
	case EADDRNOTAVAIL: return "; set `listen` to an address of this host";
	case EACCES: return "; set `listen` to a port above 1023";
	default: return "";
	}
}

int page_listen_inet(const char *listen_at, bool anywhere, char *why, size_t why_len)
{
	struct addrinfo *a = NULL;
	int fd = -1, on = 1, err;

	err = resolve(listen_at, &a);
	if (err) {
		snprintf(why, why_len, "'%s' is not an address and a port, such as 127.0.0.1:9464",
			 listen_at);
		return err;
	}
	if (!anywhere && !is_loopback(a->ai_addr)) {
		snprintf(
			why, why_len,
			"%s is not a loopback address, and the page holds exact figures: listen on "
			"127.0.0.1:9464, or set listen_token",
			listen_at);
		err = -EINVAL;
		goto out;
	}
	fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, a->ai_addr, a->ai_addrlen) || listen(fd, BACKLOG)) {
		err = -errno;
		snprintf(why, why_len, "cannot listen on %s: %s%s", listen_at, strerror(-err),
			 bind_fix(err));
	}
out:
	freeaddrinfo(a);
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}

/* Makes sure that nothing is at ADDRESS: removes a socket that nobody listens on. 0 or -errno;
 * -EADDRINUSE when a process listens there. */
static int clear_the_way(const struct sockaddr_un *address, const char *key, char *why,
			 size_t why_len)
{
	const char *path = address->sun_path;
	struct stat st;
	int fd, err = 0;

	if (lstat(path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode)) {
		snprintf(why, why_len, "%s is in the way and is not a socket: remove it", path);
		return -EEXIST;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* EAGAIN means that its queue is full, so somebody listens. */
	if (!connect(fd, (const struct sockaddr *)address, sizeof(*address)) || errno == EAGAIN)
		err = -EADDRINUSE;
	else if (errno != ECONNREFUSED)
		err = -errno;
	close(fd);
	if (err == -EADDRINUSE)
		snprintf(
			why, why_len,
			"another telltale answers on %s: stop it, or give this one a %s of its own",
			path, key);
	else if (!err && unlink(path) && errno != ENOENT)
		err = -errno;
	return err;
}

static int make_directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char directory[sizeof(((struct sockaddr_un *)NULL)->sun_path)];

	if (!slash || slash == path)
		return 0;
	memcpy(directory, path, (size_t)(slash - path));
	directory[slash - path] = '\0';
	if (mkdir(directory, 0755) && errno != EEXIST)
		return -errno;
	return 0;
}

int page_group_find(const char *name, gid_t *group, char *why, size_t why_len)
{
	struct group *found = getgrnam(name);
	char *end;
	unsigned long number = strtoul(name, &end, 10);

	if (found)
		*group = found->gr_gid;
	else if (*name >= '0' && *name <= '9' && !*end && number < UINT32_MAX)
		*group = (gid_t)number;
	else {
		snprintf(why, why_len,
			 "listen_group: there is no group '%s'; make it with `groupadd --system "
			 "%s`, or name another",
			 name, name);
		return -ENOENT;
	}
	return 0;
}

/* Lets the members of GROUP open the socket at PATH, which was MADE. 0 or -errno. */
static int open_to_group(const char *path, const struct stat *made, gid_t group, char *why,
			 size_t why_len)
{
	int err = 0;

	/* A service's filter of system calls may forbid to set what is set already. */
	if ((made->st_gid != group && lchown(path, (uid_t)-1, group)) || chmod(path, 0660))
		err = -errno;
	if (err)
		snprintf(why, why_len,
			 "cannot give %s to the group of listen_group: %s; run telltale in that "
			 "group (Group= in its unit), or remove listen_group",
			 path, strerror(-err));
	return err;
}

int page_listen_unix(const char *path, const char *key, const gid_t *group, struct stat *made,
		     char *why, size_t why_len)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = -1, err;

	why[0] = '\0';
	if (strlen(path) >= sizeof(address.sun_path)) {
		snprintf(why, why_len, "%s is too long for a socket's path: shorten %s", path, key);
		return -ENAMETOOLONG;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	err = make_directory_of(path);
	if (!err)
		err = clear_the_way(&address, key, why, why_len);
	if (err)
		goto out;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	/* Linux gives the file the mode that the socket has, so nobody else can open it at any
	 * moment. */
	if (fd < 0 || fchmod(fd, 0600) || bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    lstat(path, made))
		err = -errno;
	if (!err && group)
		err = open_to_group(path, made, *group, why, why_len);
	if (!err && listen(fd, BACKLOG))
		err = -errno;
out:
	if (err && !why[0])
		snprintf(why, why_len,
			 "cannot make the socket %s: %s; set %s to a place that can be written, in "
			 "a directory that exists",
			 path, strerror(-err), key);
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}

void page_unlink_unix(const char *path, const struct stat *made)
{
	struct stat st;

	if (!lstat(path, &st) && st.st_dev == made->st_dev && st.st_ino == made->st_ino)
		unlink(path);
}
