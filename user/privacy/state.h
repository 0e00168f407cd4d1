/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state.h - one block of bytes that outlives the process: STATE_DIR/privacy.state.
 *
 * In: what the continual mechanism must not lose. The block is written as a whole to a new file,
 * which is renamed to the state's name once it is on the disk. state_save returns 0 only once the
 * rename is on the disk too. A process that is killed at any moment leaves either the old block or
 * the new one. Only one process at a time holds the state (STATE_DIR/privacy.lock).
 *
 * state_load detects a file that is not the one this host wrote last under this name. A checksum
 * detects damage. A seal under the host's key and the machine id detect a file of another host. The
 * inode, its time of birth and its generation detect a copy that was put back, such as one from a
 * backup. The lock file holds the seal of the file that was saved last: this detects an earlier
 * file that was put back itself, as from a hard link. Backups by hard links, chmod and chown change
 * neither. What it cannot detect is that a whole file system was set back to a snapshot;
 * continual.h says how the mechanism stays private then.
 *
 * The file holds sums without noise: it is as sensitive as the payments themselves (mode 0600).
 */
#ifndef TELLTALE_STATE_H
#define TELLTALE_STATE_H

#include <stddef.h>

#include "base/hostkey.h"

enum state_verdict {
	STATE_SOUND,   /* BLOB is what was saved last */
	STATE_MISSING, /* there is no file: the first start, or it was lost */
	STATE_CORRUPT, /* damaged, of another version, or not a regular file */
	STATE_FOREIGN, /* another host wrote it */
	STATE_OLDER,   /* this host wrote it, but it was copied, or is not the one saved last */
};

struct state;

/* Opens and locks the state in DIR, which must exist. KEY is the host's. 0 or -errno: -EBUSY when
 * another process holds the state. */
int state_open(const char *dir, const struct hostkey *key, struct state **out);
void state_close(struct state *s); /* accepts NULL */

/* Reads LEN bytes into BLOB, which is changed only on STATE_SOUND. 0, or -errno when the file could
 * not be read this time; it may be sound, and must not be overwritten. */
int state_load(struct state *s, void *blob, size_t len, enum state_verdict *verdict);
/* Renames the file to privacy.state.unused, replacing one that was set aside before. 0 or
 * -errno. */
int state_set_aside(struct state *s);
/* 0 or -errno. After an error the file may hold the old block or the new one. */
int state_save(struct state *s, const void *blob, size_t len);

#endif
