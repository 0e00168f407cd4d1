/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostkey.h - the key under which bearer tokens become fingerprints, and the fingerprint itself.
 *
 * The key is 16 random bytes in STATE_DIR/host.key, mode 0600, made at first use and the same ever
 * after, so that a fingerprint in the configuration stays true. Reading it takes root or the
 * daemon's own user.
 */
#ifndef TELLTALE_HOSTKEY_H
#define TELLTALE_HOSTKEY_H

#include <stddef.h>
#include <stdint.h>

struct hostkey {
	uint64_t k0, k1;
};

/*
 * Loads the key, making it (and STATE_DIR, mode 0700) when there is none. 0 or -errno: -EPERM when
 * others may read the file or change the directory, or the file belongs to another user (root
 * reads any user's); -EINVAL when it is not a file of 16 bytes.
 */
int hostkey_load(const char *state_dir, struct hostkey *key);

/* Writes the sentence, with the mend, that goes with an error of hostkey_load. */
void hostkey_explain(const char *state_dir, int err, char *why, size_t why_len);

/* SipHash-2-4 of the first RECORD_TOKEN_MAX bytes of TOKEN (an Authorization value without its
 * "Bearer "); never 0, since 0 says that there is no token: a hash of 0 becomes 1. */
uint64_t hostkey_fingerprint(const struct hostkey *key, const char *token, size_t len);

#endif
