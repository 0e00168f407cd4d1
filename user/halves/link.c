/* SPDX-License-Identifier: Apache-2.0 */
#include "halves/link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define TYPE (SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK)

int link_pair(int fds[2])
{
	return socketpair(AF_UNIX, TYPE, 0, fds) ? -errno : 0;
}

/* Room for the descriptors of one message, aligned as the kernel wants it. */
union control {
	char bytes[CMSG_SPACE(LINK_FDS * sizeof(int))];
	struct cmsghdr align;
};

static void put_fds(struct msghdr *msg, union control *control, const int *fds, size_t n)
{
	struct cmsghdr *c;

	memset(control, 0, sizeof(*control));
	msg->msg_control = control->bytes;
	msg->msg_controllen = CMSG_SPACE(n * sizeof(int));
	c = CMSG_FIRSTHDR(msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
}

int link_send(int fd, const struct wire_message *m, const int *fds, size_t n)
{
	struct iovec data = {.iov_base = (void *)m, .iov_len = m->head.len};
	struct msghdr msg = {.msg_iov = &data, .msg_iovlen = 1};
	union control control;

	if (n)
		put_fds(&msg, &control, fds, n);
	if (sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
		return 0;
	if (errno == ECONNRESET || errno == ENOTCONN)
		return -EPIPE;
	return errno == ENOBUFS ? -EAGAIN : -errno;
}

void link_fds_close(struct link_fds *fds)
{
	for (size_t i = 0; i < LINK_FDS; i++) {
		if (fds->fd[i] >= 0)
			close(fds->fd[i]);
		fds->fd[i] = -1;
	}
}

/* The padding of the control data has room for one descriptor more: whatever is too many is closed.
 */
static void take_fds(struct msghdr *msg, struct link_fds *fds)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	size_t taken = 0;

	for (; c; c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (taken < LINK_FDS)
				fds->fd[taken++] = fd;
			else
				close(fd);
		}
	}
}

int link_receive(int fd, enum wire_side from, struct wire_message *out, struct link_fds *fds)
{
	struct wire_message packet;
	struct iovec data = {.iov_base = &packet, .iov_len = sizeof(packet)};
	union control control;
	struct msghdr msg = {.msg_iov = &data,
			     .msg_iovlen = 1,
			     .msg_control = control.bytes,
			     .msg_controllen = sizeof(control.bytes)};
	ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int err;

	/* The other half went before it had read everything. The kernel says so once, and before it
	 * hands over what that half said last. */
	if (n < 0 && errno == ECONNRESET)
		n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	memset(fds->fd, 0xff, sizeof(fds->fd));
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	take_fds(&msg, fds);
	if (!n)
		err = -EPIPE;
	else if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		err = -EBADMSG;
	else
		err = wire_decode(&packet, (size_t)n, from, out);
	if (err)
		link_fds_close(fds);
	return err;
}

/* --- by a path -------------------------------------------------------------------------------- */

static int address_of(const char *path, struct sockaddr_un *a)
{
	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(a->sun_path))
		return -ENAMETOOLONG;
	memcpy(a->sun_path, path, strlen(path) + 1);
	return 0;
}

int link_connect(const char *path, int *out)
{
	struct sockaddr_un address;
	int err = address_of(path, &address), fd;

	if (err)
		return err;
	fd = socket(AF_UNIX, TYPE, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		err = -errno;
		close(fd);
		return err;
	}
	*out = fd;
	return 0;
}

/* Who may connect is checked for each connection; the mode keeps others from trying. */
static int bind_at(int fd, const char *path, const struct sockaddr_un *address)
{
	char dir[sizeof(address->sun_path)];
	struct stat st;
	char *slash;

	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)))
		return -errno;
	memcpy(dir, address->sun_path, sizeof(dir));
	slash = strrchr(dir, '/');
	if (slash)
		*slash = '\0';
	if (chmod(path, 0660) ||
	    (slash && !stat(dir, &st) && st.st_gid != getegid() && chown(path, -1, st.st_gid)) ||
	    listen(fd, 8))
		return -errno;
	return 0;
}

int link_listen(const char *path, int *out, char *why, size_t why_len)
{
	struct sockaddr_un address;
	int err = address_of(path, &address), taken = err, fd = -1, other = -1;

	if (!err)
		taken = link_connect(path, &other);
	/* -EAGAIN: its queue is full, so somebody listens. */
	if (!taken || taken == -EAGAIN)
		err = -EADDRINUSE;
	if (!taken)
		close(other);
	if (!err) {
		struct stat st;

		if (!lstat(path, &st) && S_ISSOCK(st.st_mode))
			unlink(path);
		fd = socket(AF_UNIX, TYPE, 0);
		err = fd < 0 ? -errno : bind_at(fd, path, &address);
	}
	if (err) {
		snprintf(why, why_len, "cannot listen on %s: %s%s", path, strerror(-err),
			 err == -EADDRINUSE ? "; another `telltale probe` does" : "");
		if (fd >= 0)
			close(fd);
		return err;
	}
	*out = fd;
	return 0;
}

int link_accept(int listener, int *out)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return errno == ECONNABORTED ? -EAGAIN : -errno;
	*out = fd;
	return 0;
}

bool link_is_by(int fd, uid_t user)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return false;
	return !peer.uid || peer.uid == geteuid() || peer.uid == user;
}
