/* SPDX-License-Identifier: Apache-2.0 */
#include "target/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/log.h"

#define WATCH_MAX 16384 /* directories; of more, those that come are found by listing */

struct watched {
	int wd;
	char *path;
};

struct watch {
	int fd;
	struct watched *list; /* by wd, rising */
	size_t len, room;
	bool refused;
};

struct watch *watch_new(void)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd < 0) {
		free(w);
		return NULL;
	}
	return w;
}

void watch_free(struct watch *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->len; i++)
		free(w->list[i].path);
	free(w->list);
	close(w->fd);
	free(w);
}

bool watch_is_whole(const struct watch *w)
{
	return !w->refused;
}

int watch_fd(const struct watch *w)
{
	return w->fd;
}

/* The first place in the list that is not below WD. */
static size_t place_of(const struct watch *w, int wd)
{
	size_t low = 0, high = w->len;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (w->list[middle].wd < wd)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int insert(struct watch *w, int wd, const char *path)
{
	size_t at = place_of(w, wd);
	char *copy;

	if (at < w->len && w->list[at].wd == wd)
		return 0;
	if (w->len == WATCH_MAX)
		return -ENOSPC;
	if (w->len == w->room) {
		size_t room = w->room ? 2 * w->room : 64;
		struct watched *more = realloc(w->list, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		w->list = more;
		w->room = room;
	}
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	memmove(w->list + at + 1, w->list + at, (w->len - at) * sizeof(*w->list));
	w->list[at] = (struct watched){wd, copy};
	w->len++;
	return 0;
}

static void forget(struct watch *w, int wd)
{
	size_t at = place_of(w, wd);

	if (at == w->len || w->list[at].wd != wd)
		return;
	free(w->list[at].path);
	memmove(w->list + at, w->list + at + 1, (w->len - at - 1) * sizeof(*w->list));
	w->len--;
}

void watch_add(struct watch *w, const char *path)
{
	int wd = inotify_add_watch(w->fd, path, IN_CREATE | IN_DELETE | IN_ONLYDIR);
	int err = wd < 0 ? -errno : insert(w, wd, path);

	if (!err || err == -ENOENT || err == -ENOTDIR)
		return;
	if (wd >= 0)
		inotify_rm_watch(w->fd, wd);
	if (!w->refused)
		log_warn("target",
			 "cannot watch %s (%s), so a cgroup made there is found up to a second "
			 "late; raise fs.inotify.max_user_watches, or name fewer cgroups",
			 path, strerror(-err));
	w->refused = true;
}

void watch_add_program(struct watch *w, const char *path)
{
	int wd = inotify_add_watch(w->fd, path, IN_OPEN);

	if (wd >= 0 && insert(w, wd, path))
		inotify_rm_watch(w->fd, wd);
}

bool watch_read(struct watch *w, watch_event *each, void *context)
{
	char buffer[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool all = true;
	ssize_t n;

	while ((n = read(w->fd, buffer, sizeof(buffer))) > 0) {
		const struct inotify_event *e;

		for (char *at = buffer; at < buffer + n; at += sizeof(*e) + e->len) {
			size_t place;

			e = (const struct inotify_event *)at;
			if (e->mask & IN_Q_OVERFLOW)
				all = false;
			if (e->mask & IN_IGNORED)
				forget(w, e->wd);
			place = place_of(w, e->wd);
			if (place == w->len || w->list[place].wd != e->wd)
				continue;
			if (e->len && (e->mask & IN_ISDIR))
				each(context, w->list[place].path, e->name, e->mask & IN_CREATE);
			else if (!e->len && (e->mask & IN_OPEN))
				each(context, w->list[place].path, NULL, true);
		}
	}
	return all;
}
