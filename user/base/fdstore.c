/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fdstore.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/notify.h"

#define FIRST_FD   3 /* of those that a service manager hands over: sd_listen_fds(3) */
#define TAKEN_MAX  65536
#define PATIENCE_S 1

struct entry {
	char name[FDSTORE_NAME_MAX];
	int fd; /* -1: taken, or closed */
};

struct fdstore {
	pthread_mutex_t lock; /* around entries */
	struct notify_address manager;
	int socket;
	bool broken; /* the manager does not take any more */
	struct entry *entries;
	size_t len;
};

/* --- what the start before has put ------------------------------------------------------------ */

/* How many descriptors were handed over to this process, and not to one before it. */
static size_t count_handed(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	unsigned long n;

	if (!pid || !fds || strtol(pid, NULL, 10) != (long)getpid())
		return 0;
	n = strtoul(fds, NULL, 10);
	return n > TAKEN_MAX ? TAKEN_MAX : n;
}

/* Names stand in the order of the descriptors, with colons between. */
static int take_over(struct fdstore *s)
{
	const char *name = getenv("LISTEN_FDNAMES");
	size_t n = count_handed();

	s->entries = calloc(n + 1, sizeof(*s->entries));
	if (!s->entries)
		return -ENOMEM;
	for (; s->len < n; s->len++) {
		struct entry *e = &s->entries[s->len];
		size_t len = name ? strcspn(name, ":") : 0;

		e->fd = FIRST_FD + (int)s->len;
		fcntl(e->fd, F_SETFD, FD_CLOEXEC);
		if (len < sizeof(e->name) && name)
			memcpy(e->name, name, len);
		if (name)
			name = name[len] ? name + len + 1 : NULL;
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return 0;
}

struct fdstore *fdstore_open(void)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	struct fdstore *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->socket = -1;
	pthread_mutex_init(&s->lock, NULL);
	if (!notify_find(&s->manager) || take_over(s)) {
		fdstore_close(s);
		return NULL;
	}
	s->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	s->broken = s->socket < 0;
	if (!s->broken)
		setsockopt(s->socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return s;
}

void fdstore_close(struct fdstore *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->len; i++) {
		if (s->entries[i].fd >= 0)
			close(s->entries[i].fd);
	}
	if (s->socket >= 0)
		close(s->socket);
	pthread_mutex_destroy(&s->lock);
	free(s->entries);
	free(s);
}

/* --- to the manager --------------------------------------------------------------------------- */

union control {
	char bytes[CMSG_SPACE(FDSTORE_FDS_MAX * sizeof(int))];
	struct cmsghdr align;
};

static int say(struct fdstore *s, const char *what, const int *fds, size_t n)
{
	struct iovec data = {.iov_base = (void *)what, .iov_len = strlen(what)};
	struct msghdr msg = {.msg_name = &s->manager.to,
			     .msg_namelen = s->manager.len,
			     .msg_iov = &data,
			     .msg_iovlen = 1};
	union control control;
	ssize_t sent;

	if (n) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	}
	while ((sent = sendmsg(s->socket, &msg, MSG_NOSIGNAL)) < 0 && errno == EINTR)
		;
	return sent < 0 ? -errno : 0;
}

int fdstore_put(struct fdstore *s, const char *name, const int *fds, size_t n)
{
	char what[FDSTORE_NAME_MAX + 64];
	int err;

	if (!s || !n)
		return 0;
	if (s->broken)
		return -EPIPE;
	/* Unwatched: a map is never readable, and would be taken for one that has failed. */
	snprintf(what, sizeof(what), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
	err = n > FDSTORE_FDS_MAX ? -E2BIG : say(s, what, fds, n);
	if (!err)
		return 0;
	s->broken = true;
	log_warn("probe",
		 "the service manager does not keep what is attached (%s): the next restart will "
		 "leave a gap",
		 strerror(-err));
	return err;
}

void fdstore_remove(struct fdstore *s, const char *name)
{
	char what[FDSTORE_NAME_MAX + 64];
	int err;

	if (!s || s->socket < 0)
		return;
	snprintf(what, sizeof(what), "FDSTOREREMOVE=1\nFDNAME=%s", name);
	err = say(s, what, NULL, 0);
	if (err)
		log_warn("probe", "the service manager cannot be notified that %s is gone: %s",
			 name, strerror(-err));
}

/* --- back from it ----------------------------------------------------------------------------- */

static bool begins_with(const struct entry *e, const char *prefix)
{
	return !strncmp(e->name, prefix, strlen(prefix));
}

size_t fdstore_take(struct fdstore *s, const char *prefix, char *name, int *fds, size_t max)
{
	const char *first = NULL;
	size_t n = 0;

	if (!s)
		return 0;
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->len && n < max; i++) {
		struct entry *e = &s->entries[i];

		if (e->fd < 0 || !begins_with(e, prefix) || (first && strcmp(first, e->name) != 0))
			continue;
		first = e->name;
		fds[n++] = e->fd;
		e->fd = -1;
	}
	if (first && name)
		snprintf(name, FDSTORE_NAME_MAX, "%s", first);
	pthread_mutex_unlock(&s->lock);
	return n;
}

bool fdstore_has(struct fdstore *s, const char *prefix)
{
	for (size_t i = 0; s && i < s->len; i++) {
		if (s->entries[i].fd >= 0 && begins_with(&s->entries[i], prefix))
			return true;
	}
	return false;
}

void fdstore_each(struct fdstore *s, bool (*each)(void *context, const char *name, int fd),
		  void *context)
{
	bool more = true;

	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; more && i < s->len; i++) {
		if (s->entries[i].fd >= 0)
			more = each(context, s->entries[i].name, s->entries[i].fd);
	}
	pthread_mutex_unlock(&s->lock);
}

static bool is_of(const struct entry *e, const char *suffix)
{
	size_t len = strlen(e->name), end = strlen(suffix);

	return !strchr(e->name, '.') || (len >= end && !strcmp(e->name + len - end, suffix));
}

void fdstore_settle(struct fdstore *s, const char *prefix, const char *suffix)
{
	const char *before = "";

	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->len; i++) {
		struct entry *e = &s->entries[i];

		if (!begins_with(e, prefix) || (e->fd < 0 && is_of(e, suffix)))
			continue;
		if (e->fd >= 0)
			close(e->fd);
		e->fd = -1;
		if (strcmp(e->name, before) != 0) /* of one name many may follow each other */
			fdstore_remove(s, e->name);
		before = e->name;
	}
	pthread_mutex_unlock(&s->lock);
}
