/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state.h - one block of bytes that outlives the process: STATE_DIR/privacy.state.
 *
 * In: what the continual mechanism must not forget. It is written whole, beside the old one, and
 * takes its name only once it is on the disk; state_save returns 0 only once the name is, too. A
 * process killed at any instant leaves the old block or the new one. Only one process at a time
 * holds the state (STATE_DIR/privacy.lock).
 *
 * A file that is not the one this host wrote last under this name is told by checksum (damage), by
 * a seal under the host's key and by the machine id (another host's), and by its inode, that one's
 * time of birth and generation, and its time of change (a copy put back, such as from a backup).
 * What cannot be told is a whole file system set back to a snapshot: continual.h says how it is
 * borne.
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
	STATE_CORRUPT, /* damaged, of another version, or no file */
	STATE_FOREIGN, /* another host wrote it */
	STATE_OLDER,   /* this host did, but it was copied, put back or touched since */
};

struct state;

/* Opens and locks the state in DIR, which exists. 0 or -errno: -EBUSY when another process holds
 * it. KEY is the host's. */
int state_open(const char *dir, const struct hostkey *key, struct state **out);
void state_close(struct state *s); /* accepts NULL */

/* LEN bytes into BLOB, which is changed only on STATE_SOUND. 0, or -errno when what is there could
 * not be read, this time: it may be sound, and must not be written over. */
int state_load(const struct state *s, void *blob, size_t len, enum state_verdict *verdict);
/* Renames what is there to privacy.state.unused, in the place of what was set aside before. 0 or
 * -errno. */
int state_set_aside(struct state *s);
/* 0 or -errno. After an error the old block or the new one may be there. */
int state_save(struct state *s, const void *blob, size_t len);

#endif
