/* SPDX-License-Identifier: Apache-2.0 */
/*
 * account.h - the user of the packaged daemon half, and what that may read and write.
 *
 * The daemon half of `telltale run`, started as root, takes that user's rights where there is one:
 * then a daemon half that somebody has broken into reads no file of root's. Its real user stays
 * root, so that the probe half may send it signals; no system call that takes root's rights back is
 * left (base/sandbox.h).
 */
#ifndef TELLTALE_ACCOUNT_H
#define TELLTALE_ACCOUNT_H

#include <pwd.h>
#include <sys/types.h>

struct config;

#define ACCOUNT_NAME "telltale" /* as scripts/deploy/telltale.sysusers makes it */

/* NULL: this process is not root's, or there is no such user. Borrowed, until the next call. */
const struct passwd *account_find(void);

/* Calls EACH for every file that CONFIG names, or was read from, and that USER may not read. ERR is
 * -errno. 0, or -errno: it cannot be said. The calling process is root's, and has one thread. */
int account_each_unreadable(const struct passwd *user, const struct config *config,
			    void (*each)(void *context, const char *path, int err), void *context);

/*
 * Gives USER the directories that telltale writes, with what root has in them, and takes its
 * rights, with GROUP besides (NULL: none). Of root's capabilities CAP_SETPCAP is left:
 * privilege_drop_all is to follow. 0; -EACCES: USER may not read all that CONFIG names, so nothing
 * was done; or -errno. All but 0 have been logged.
 */
int account_take(const struct passwd *user, const struct config *config, const gid_t *group);

#endif
