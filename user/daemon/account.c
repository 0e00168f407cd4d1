/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/account.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fetch.h"
#include "base/log.h"
#include "base/privilege.h"
#include "config/config.h"

#define DEPTH_MAX 3 /* of directories that telltale makes in its own */

const struct passwd *account_find(void)
{
	const struct passwd *user = geteuid() ? NULL : getpwnam(ACCOUNT_NAME);

	return user && user->pw_uid ? user : NULL;
}

/* --- reading ---------------------------------------------------------------------------------- */

struct visit {
	void (*each)(void *context, const char *path, int err);
	void *context;
};

static void try_file(const struct visit *v, const char *path)
{
	if (path && faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) && errno != ENOENT)
		v->each(v->context, path, -errno);
}

/* A directory that will be given to the user, but may lie where that cannot go. */
static void try_way(const struct visit *v, const char *path)
{
	if (faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) && errno != ENOENT)
		v->each(v->context, path, -errno);
}

static void try_location(const struct visit *v, const char *location)
{
	char *path = location ? fetch_path_of_url(location) : NULL;

	if (path || !location || strstr(location, "://"))
		try_file(v, path);
	else
		try_file(v, location);
	free(path);
}

static void try_files(const struct visit *v, const struct config *c)
{
	if (!access(config_file(c), F_OK)) /* else there is none, and this says so in words */
		try_file(v, config_file(c));
	try_file(v, c->listen_token);
	try_way(v, c->state_dir);
	try_way(v, c->run_dir);
	for (size_t i = 0; i < RATES_SOURCES; i++)
		try_location(v, c->rates[i].location);
	for (size_t i = 0; i < c->endpoints_len; i++) {
		try_file(v, c->endpoints[i].ca_file);
		try_file(v, c->endpoints[i].cert_file);
		try_file(v, c->endpoints[i].key_file);
	}
}

int account_each_unreadable(const struct passwd *user, const struct config *config,
			    void (*each)(void *context, const char *path, int err), void *context)
{
	const struct visit v = {each, context};
	gid_t before[NGROUPS_MAX], group = getegid();
	int n = getgroups(NGROUPS_MAX, before), err = 0;

	if (n < 0 || initgroups(user->pw_name, user->pw_gid) || setegid(user->pw_gid) ||
	    seteuid(user->pw_uid))
		err = -errno;
	else
		try_files(&v, config);
	if (seteuid(0) || setegid(group) || (n >= 0 && setgroups((size_t)n, before)))
		err = -errno;
	return err;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* What root has there, and nobody else can have put there as a link to something of root's. */
static bool is_to_be_given(const struct stat *st)
{
	return !st->st_uid && (S_ISDIR(st->st_mode) || (S_ISREG(st->st_mode) && st->st_nlink == 1));
}

static int give(const struct passwd *user, int at, const char *name, unsigned depth);

static int give_entries(const struct passwd *user, int fd, unsigned depth)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0), err = 0;
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;

	if (!d)
		return -errno;
	while (!err && (entry = readdir(d))) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			err = give(user, fd, entry->d_name, depth + 1);
	}
	closedir(d);
	return err;
}

static int give(const struct passwd *user, int at, const char *name, unsigned depth)
{
	int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), err = 0;
	struct stat st;

	if (fd < 0) /* a socket or a link, or gone */
		return depth ? 0 : -errno;
	if (fstat(fd, &st) || (is_to_be_given(&st) && fchown(fd, user->pw_uid, user->pw_gid)))
		err = -errno;
	if (!err && S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
		err = give_entries(user, fd, depth);
	close(fd);
	return err;
}

/* A directory of telltale's own; one that others share stays as it is. */
static int give_dir(const struct passwd *user, const char *path, mode_t mode)
{
	struct stat st;
	int err = 0;

	if ((mkdir(path, mode) && errno != EEXIST) || stat(path, &st))
		err = -errno;
	else if (!(st.st_mode & S_ISVTX))
		err = give(user, AT_FDCWD, path, 0);
	if (err)
		log_err("run", "cannot give %s to the user %s: %s", path, user->pw_name,
			strerror(-err));
	return err;
}

static void say_unreadable(void *context, const char *path, int err)
{
	bool *all = context;

	log_warn("run",
		 "%s cannot be read by the user " ACCOUNT_NAME
		 " (%s): the daemon half keeps root's rights to files; let that user read it",
		 path, strerror(-err));
	*all = false;
}

/* The real user stays root. */
static int take_rights(const struct passwd *user, const gid_t *group)
{
	static const cap_value_t bounding = CAP_SETPCAP;
	int err;

	if (initgroups(user->pw_name, user->pw_gid))
		return -errno;
	err = group ? privilege_join(*group) : 0;
	if (!err && (setresgid(user->pw_gid, user->pw_gid, user->pw_gid) ||
		     setresuid((uid_t)-1, user->pw_uid, user->pw_uid)))
		err = -errno;
	return err ? err : privilege_keep(&bounding, 1);
}

int account_take(const struct passwd *user, const struct config *config, const gid_t *group)
{
	bool all = true;
	int err = account_each_unreadable(user, config, say_unreadable, &all);

	if (!err && !all)
		return -EACCES;
	if (!err)
		err = give_dir(user, config->state_dir, 0700);
	if (!err)
		err = give_dir(user, config->run_dir, 0755);
	if (!err)
		err = take_rights(user, group);
	if (err)
		log_err("run", "cannot become the user %s: %s", user->pw_name, strerror(-err));
	return err;
}
