/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostkey.h - the key under which bearer tokens become fingerprints, and the fingerprint itself.
 *
 * The key is 16 random bytes in STATE_DIR/host.key, mode 0600. It is made at first use and never
 * changes, so that a fingerprint in the configuration stays valid. Only root and the daemon's own
 * user can read it.
 */
#ifndef TELLTALE_HOSTKEY_H
#define TELLTALE_HOSTKEY_H

#include <stddef.h>
#include <stdint.h>

struct hostkey {
	uint64_t k0, k1;
};

/*
 * Loads the key. When there is none, makes it, and STATE_DIR with mode 0700. 0 or -errno: -EPERM
 * when others may read the file or change the directory, or when the file belongs to another user
 * (root may read any user's); -EINVAL when it is not a file of 16 bytes.
 */
int hostkey_load(const char *state_dir, struct hostkey *key);

/* As hostkey_load, for a process of another user than the state directory's: makes nothing
 * (-ENOENT), and takes a key that belongs to the directory's owner. */
int hostkey_read(const char *state_dir, struct hostkey *key);

/* Writes a sentence about an error of hostkey_load, and its fix, into WHY. */
void hostkey_explain(const char *state_dir, int err, char *why, size_t why_len);

/* SipHash-2-4 of the first RECORD_TOKEN_MAX bytes of TOKEN (an Authorization value without its
 * "Bearer "). Never 0, because 0 means that there is no token: a hash of 0 becomes 1. */
uint64_t hostkey_fingerprint(const struct hostkey *key, const char *token, size_t len);

#endif
