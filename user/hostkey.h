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

/* Loads the key, making it (and STATE_DIR, mode 0700) when there is none. 0 or -errno; -EPERM when
 * the file is readable by others. */
int hostkey_load(const char *state_dir, struct hostkey *key);

/* SipHash-2-4 of the first RECORD_TOKEN_MAX bytes of TOKEN (an Authorization value without its
 * "Bearer "); never 0. */
uint64_t hostkey_fingerprint(const struct hostkey *key, const char *token, size_t len);

#endif
